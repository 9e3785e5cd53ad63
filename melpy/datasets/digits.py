"""The 8x8 digits: small enough to be part of melpy, so that everything runs with no network.

"Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak, UCI Machine Learning
Repository, 1998, https://doi.org/10.24432/C50P49, under CC BY 4.0
(https://creativecommons.org/licenses/by/4.0/). These are the 1,797 images of its test part, the
ones that scikit-learn's ``load_digits`` gives; changed only in form, to an array of uint8.
"""

from __future__ import annotations

from importlib import resources

import numpy as np

__all__ = ["CLASS_NAMES", "DESCRIPTION", "NAME", "load_data"]

NAME = "digits"
CLASS_NAMES = tuple("0123456789")
DESCRIPTION = "1,797 handwritten digits, 8x8 grey, in melpy (Alpaydin, Kaynak, UCI 1998; CC BY 4.0)"


def load_data() -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return the UCI digits: 1,438 training and 359 test images of the digits 0 to 9.

    Every fifth image, those at i with i % 5 == 4, is a test image. The images lie writer after
    writer, so the last fifth would be other writers than the rest; every fifth gives both parts
    the same writers, and needs no random numbers, so that the parts are the same for ever and
    everywhere. The price: the score is one for known handwritings, not for new ones, and the
    test part has 21 to 52 images of a class, because the writers wrote the digits in cycles.

    Returns
    -------
    (x_train, y_train), (x_test, y_test)
        x : uint8 (N, 8, 8), how many of a cell's 16 pixels are ink, 0 to 16; y : uint8 (N,)

    Notes
    -----
    Source: Alpaydin and Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
    Repository, 1998, CC BY 4.0.

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load_data()
    >>> x_train.shape, y_train.shape, x_test.shape, y_test.shape
    ((1438, 8, 8), (1438,), (359, 8, 8), (359,))
    >>> int(x_train.max()), y_train[:4].tolist()
    (16, [0, 1, 2, 3])
    """
    with resources.files("melpy.datasets").joinpath("digits.npz").open("rb") as file:
        stored = np.load(file, allow_pickle=False)
        images, labels = stored["images"], stored["labels"]
    test = np.arange(len(images)) % 5 == 4
    return (images[~test], labels[~test]), (images[test], labels[test])
