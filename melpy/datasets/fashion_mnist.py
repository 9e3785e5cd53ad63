"""Fashion-MNIST: articles of clothing, 28 by 28."""

from __future__ import annotations

import numpy as np

from melpy.datasets.mnist import load_idx

__all__ = ["CLASS_NAMES", "DESCRIPTION", "NAME", "load_data"]

NAME = "fashion-mnist"
CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
DESCRIPTION = "70,000 articles of clothing, 28x28 grey (Xiao, Rasul, Vollgraf 2017; MIT)"


def load_data() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return Fashion-MNIST: 60,000 training and 10,000 test images of ten kinds of clothing.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        x : uint8 (N, 28, 28); y : uint8 (N,), an index into ``CLASS_NAMES``

    Raises
    ------
    DownloadError : a file is missing and no host gave it
    DataError : a file on this machine is damaged

    Notes
    -----
    Source: Xiao, Rasul and Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms", 2017. MIT licence.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> CLASS_NAMES[y_train[0]]  # doctest: +SKIP
    'Ankle boot'
    """
    return load_idx(NAME)
