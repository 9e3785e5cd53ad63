"""Holds a drawn sample of the heavy kernels to their specification, on the CPU that Numba is told.

    NUMBA_CPU_NAME=haswell NUMBA_CPU_FEATURES=+avx,+avx2,+fma python tests/kernels/other_cpus.py

Prints the bytes of a vector, the rows of a tile, and whether it fuses multiply and add. Few kernels
and one float type, because what it takes is compiling them. An argument is the seed of the draw.
"""

import sys

import numpy as np

from melpy.kernels.compiled import conv, depthwise, matmul, tile, winograd
from melpy.kernels.spec import conv_windows
from melpy.kernels.spec import depthwise as depthwise_spec

ONE = (1, 1)


def close(actual, expected):
    """Fail where two arrays of float32 differ by more than rounding does."""
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=2e-5 * scale)


def numbers(rng, *shape):
    """Return normal numbers, as float32."""
    return rng.normal(size=shape).astype(np.float32)


def check_convolution(rng, channels, filters, kernel, strides, groups):
    """Check a convolution and both its gradients, of images that are no whole tiles."""
    H, W = rng.integers(4, 9, size=2)
    pads = tuple((int(a), int(b)) for a, b in rng.integers(0, 3, size=(2, 2)))
    x = numbers(rng, rng.integers(1, 10), H, W, channels)
    w = numbers(rng, kernel, kernel, channels // groups, filters)
    geometry = (strides, pads, ONE, groups)
    y = conv_windows.conv2d(x, w, *geometry)
    g = numbers(rng, *y.shape)
    close(conv.conv2d(x, w, *geometry), y)
    for name, given, shape in (("conv2d_d_x", w, x.shape), ("conv2d_d_w", x, w.shape)):
        expected = getattr(conv_windows, name)(g, given, shape, *geometry)
        close(getattr(conv, name)(g, given, shape, *geometry), expected)


def main(seed: int = 0) -> None:
    """Draw, check, and say what the tile is."""
    rng = np.random.default_rng(seed)
    print(tile.VECTOR_BYTES, tile.ROWS, tile.FUSED)
    for channels, filters, kernel, strides, groups in (
        (1, 16, 2, ONE, 1), (3, 10, 2, ONE, 1), (8, 64, 3, (2, 2), 4), (5, 33, 3, (1, 2), 1),
        (128, 128, 3, (2, 2), 1),
    ):  # fmt: skip
        for _ in range(3):
            check_convolution(rng, channels, filters, kernel, strides, groups)
    lanes = winograd.vector_size(4)
    for channels, filters in ((16, 48), (6 * lanes, 11 * lanes), (512, 16)):
        assert conv.path((3, 3, channels, filters), ONE, ONE, 1, 4) == "winograd"
        check_convolution(rng, channels, filters, 3, ONE, 1)
    for _ in range(20):
        P, K, Q = rng.integers(1, 70, size=3)
        a, b = numbers(rng, P, K), numbers(rng, K, Q)
        close(matmul.matmul(a, b), a @ b)
        close(matmul.matmul(np.ascontiguousarray(a.T).T, b), a @ b)
        close(matmul.matmul(a, np.ascontiguousarray(b.T).T), a @ b)
    x, w = numbers(rng, 3, 7, 5, 21), numbers(rng, 3, 3, 21, 1)
    geometry = ((2, 1), ((1, 1), (0, 1)), ONE)
    y = depthwise_spec.depthwise_conv2d(x, w, *geometry)
    close(depthwise.depthwise_conv2d(x, w, *geometry), y)
    close(
        depthwise.depthwise_conv2d_d_w(y, x, w.shape, *geometry),
        depthwise_spec.depthwise_conv2d_d_w(y, x, w.shape, *geometry),
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
