"""A convolutional block whose convolution is spelled out as loops; see `conv_block`."""

from __future__ import annotations

import numpy as np

from melpy.kernels.spec import conv_block, conv_loops
from melpy.kernels.spec.conv_block import Act, Block, Geometry
from melpy.kernels.spec.windows import Pair

__all__ = ["conv2d_block", "conv2d_block_back"]


def conv2d_block(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, geometry: Geometry, act: Act, pool: Pair
) -> Block:
    """Return what `conv_block.conv2d_block` does, by loops."""
    return conv_block.conv2d_block(x, w, b, geometry, act, pool, conv_loops.conv2d)


def conv2d_block_back(
    g: np.ndarray, x: np.ndarray, w: np.ndarray, known: np.ndarray, where: np.ndarray | None,
    geometry: Geometry, act: Act, pool: Pair, z_size: Pair, wanted: tuple[bool, bool, bool],
) -> list[np.ndarray | None]:  # fmt: skip
    """Return what `conv_block.conv2d_block_back` does, by loops."""
    return conv_block.conv2d_block_back(
        g, x, w, known, where, geometry, act, pool, z_size, wanted,
        conv_loops.conv2d_d_x, conv_loops.conv2d_d_w,
    )  # fmt: skip
