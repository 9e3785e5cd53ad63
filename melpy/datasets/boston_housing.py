"""Boston housing: 506 districts of 1978, and what houses cost there."""

from __future__ import annotations

import numpy as np

from melpy.datasets import cutting
from melpy.datasets.cutting import Halves

__all__ = ["DESCRIPTION", "NAME", "load_data"]

NAME = "boston-housing"
DESCRIPTION = "506 districts of Boston, 13 numbers each, with prices (Harrison, Rubinfeld 1978)"
DISTRICTS = cutting.archive(
    NAME, "boston_housing.npz", "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5"
)


def load_data(path: str = "boston_housing.npz", test_split: float = 0.2, seed: int = 113) -> Halves:
    """Return the districts and the median price of their houses, in thousands of dollars.

    One of the 13 numbers counts people by their race. Use `california_housing` instead, unless
    you mean to study just that.

    Parameters
    ----------
    path : Keras's name for the file; only its default is taken
    test_split : float in [0, 1), the share for testing
    seed : int, of the order

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        x : float64 (N, 13); y : float64 (N,)

    Raises
    ------
    ArgumentError : ``path`` is not the default, ``test_split`` is out of range
    DownloadError : the file is missing and no host gave it
    DataError : the file on this machine is damaged

    Notes
    -----
    Source: Harrison and Rubinfeld, "Hedonic housing prices and the demand for clean air", Journal
    of Environmental Economics and Management, 1978.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape, x_test.shape  # doctest: +SKIP
    ((404, 13), (102, 13))
    """
    who = "boston_housing.load_data"
    cutting.require_default(path, DISTRICTS, who)
    cutting.halves((), (), test_split, who)
    found = cutting.arrays_of(DISTRICTS, who)
    x, y = cutting.mixed(np.random.RandomState(seed), found["x"], found["y"])
    return cutting.halves(x, y, test_split, who)
