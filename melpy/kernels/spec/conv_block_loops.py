"""A convolutional block whose convolution is spelled out as loops; see `conv_block`."""

from __future__ import annotations

from functools import partial

from melpy.kernels.spec import conv_block, conv_loops

__all__ = ["conv2d_block", "conv2d_block_back"]

conv2d_block = partial(conv_block.conv2d_block, conv2d=conv_loops.conv2d)
conv2d_block_back = partial(
    conv_block.conv2d_block_back,
    conv2d_d_x=conv_loops.conv2d_d_x,
    conv2d_d_w=conv_loops.conv2d_d_w,
)
