"""California housing: 20,640 blocks of 1990, and what houses cost there."""

from __future__ import annotations

import numpy as np

from melpy.datasets import cutting
from melpy.datasets.cutting import Halves
from melpy.errors import lookup

__all__ = ["DESCRIPTION", "NAME", "load_data"]

NAME = "california-housing"
DESCRIPTION = "20,640 blocks of California, 8 numbers each, and their prices (Pace, Barry 1997)"
BLOCKS = cutting.archive(
    NAME,
    "california_housing.npz",
    "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
)
VERSIONS = {"large": None, "small": 600}  # how many of the first blocks


def load_data(
    version: str = "large",
    path: str = "california_housing.npz",
    test_split: float = 0.2,
    seed: int = 113,
) -> Halves:
    """Return the blocks and the median price of their houses, in dollars.

    The 8 numbers: longitude, latitude, the houses' median age, the numbers of rooms, bedrooms,
    people and households, the median income.

    Parameters
    ----------
    version : "large" for all blocks, "small" for the first 600
    path : Keras's name for the file; only its default is taken
    test_split : float in [0, 1), the share for testing
    seed : int, of the order

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        x : float (N, 8); y : float (N,)

    Raises
    ------
    ArgumentError : ``path`` is not the default, ``test_split`` or ``version`` is another
    DownloadError : the file is missing and no host gave it
    DataError : the file on this machine is damaged

    Notes
    -----
    Source: Pace and Barry, "Sparse spatial autoregressions", Statistics and Probability Letters,
    1997.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape, x_test.shape  # doctest: +SKIP
    ((16512, 8), (4128, 8))
    """
    who = "california_housing.load_data"
    rows = lookup("version", version, VERSIONS, who)
    cutting.require_default(path, BLOCKS, who)
    cutting.halves((), (), test_split, who)
    found = cutting.arrays_of(BLOCKS, who)
    x, y = found["x"][:rows], found["y"][:rows]
    x, y = cutting.mixed(np.random.RandomState(seed), x, y)
    return cutting.halves(x, y, test_split, who)
