"""The images of the examples: MNIST or CIFAR-10 where they are, else melpy's own digits, enlarged.

So every example runs with no network. `--download` brings the real images first.
"""

import sys

import numpy as np

from melpy import datasets

Images = tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


def load(name: str) -> Images:
    """Return (x, y), (x_test, y_test) of a data set, or of digits of its shape and range.

    Parameters
    ----------
    name : "mnist", images (N, 28, 28), or "cifar-10", images (N, 32, 32, 3); from 0 to 255
    """
    if datasets.status(name).here or "--download" in sys.argv[1:]:
        return datasets.load(name)
    print(f"{name} is not on this machine; --download brings it. In its place: melpy's own 1,797")
    print("digits of 8x8 pixels, enlarged. What comes out is other than the example says.\n")
    (x, y), (x_test, y_test) = datasets.digits.load_data()
    return (enlarged(x, name), y), (enlarged(x_test, name), y_test)


def enlarged(x: np.ndarray, name: str) -> np.ndarray:
    """Return digits as large as the images of a data set: each pixel becomes a square of them."""
    times = 4 if name == "cifar-10" else 3
    x = (x.astype("float32") * (255 / 16)).astype("uint8")  # ink, 0 to 16
    x = x.repeat(times, axis=1).repeat(times, axis=2)  # (N,8,8) -> (N,24,24) or (N,32,32)
    if name == "cifar-10":
        return np.stack([x] * 3, axis=-1)  # -> (N,32,32,3)
    return np.pad(x, ((0, 0), (2, 2), (2, 2)))  # -> (N,28,28)
