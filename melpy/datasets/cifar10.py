"""CIFAR-10: small colour photographs of ten kinds of things."""

from __future__ import annotations

import numpy as np

from melpy.datasets import files, formats

__all__ = ["CLASS_NAMES", "DESCRIPTION", "NAME", "load_data"]

NAME = "cifar-10"
CLASS_NAMES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
DESCRIPTION = "60,000 photographs of 10 classes, 32x32 colour (Krizhevsky 2009; licence not stated)"


def load_data() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return CIFAR-10: 50,000 training and 10,000 test images of ten classes.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        x : uint8 (N, 32, 32, 3), red, green, blue; y : uint8 (N, 1), an index into ``CLASS_NAMES``

    Raises
    ------
    DownloadError : the archive is missing and no host gave it
    DataError : a file on this machine is damaged

    Notes
    -----
    Source: Krizhevsky, "Learning multiple layers of features from tiny images", 2009.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape, y_train.shape  # doctest: +SKIP
    ((50000, 32, 32, 3), (50000, 1))
    """
    *batches, test = files.read(files.TABLE[NAME][0])
    classes = (len(CLASS_NAMES),)
    return formats.parse_cifar(b"".join(batches), classes), formats.parse_cifar(test, classes)
