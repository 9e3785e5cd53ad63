"""MNIST: handwritten digits, 28 by 28."""

from __future__ import annotations

import numpy as np

from melpy.datasets import files, formats
from melpy.errors import ArgumentError

__all__ = ["CLASS_NAMES", "DESCRIPTION", "NAME", "load_data"]

NAME = "mnist"
CLASS_NAMES = tuple("0123456789")
DESCRIPTION = "70,000 handwritten digits, 28x28 grey (LeCun, Cortes, Burges 1998; CC BY-SA 3.0)"


def load_data(
    path: str = "mnist.npz",
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return MNIST: 60,000 training and 10,000 test images of the digits 0 to 9.

    Parameters
    ----------
    path : Keras's name for its own copy. Melpy keeps the four original files, in
        ``$MELPY_HOME/datasets/mnist``, so it takes Keras's default only.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        x : uint8 (N, 28, 28), 0 is the paper and 255 the ink; y : uint8 (N,), 0 to 9

    Raises
    ------
    ArgumentError : ``path`` is not the default
    DownloadError : a file is missing and no host gave it
    DataError : a file on this machine is damaged

    Notes
    -----
    Source: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE, 1998.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data()  # doctest: +SKIP
    >>> x_train.shape  # doctest: +SKIP
    (60000, 28, 28)
    """
    if path != "mnist.npz":
        raise ArgumentError(
            "mnist.load_data",
            "the files have a place of their own, which path cannot change",
            expected="path='mnist.npz'",
            received={"path": path},
            mend=f"They belong in {files.folder(files.TABLE[NAME][0])}; set MELPY_HOME to move it.",
        )
    return load_idx(NAME)


def load_idx(name: str) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return a data set that comes as MNIST does: four IDX files, training then test."""
    x_train, y_train, x_test, y_test = (
        formats.parse_idx(files.read(archive)[0]) for archive in files.TABLE[name]
    )
    return (x_train, y_train), (x_test, y_test)
