"""Convolutions and pooling. The channels are last here and first in ONNX: axes are turned.

What was turned twice is left out again by `passes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import config
from melpy.ops.spatial import PADDINGS, span, transposed_cut
from melpy.saving.onnx_export.rules.activations import activated
from melpy.saving.onnx_export.rules.registry import Call, Size, rule

__all__: list[str] = []


class Geometry:
    """How windows slide over the images of one op."""

    def __init__(self, c: Call, window: Sequence[int]) -> None:
        self.c, self.rank = c, c.rank() - 2
        place = c["data_format"] or config.image_data_format()
        self.first = place == "channels_first"
        self.window = list(window)
        self.sizes = c.shape()[2:] if self.first else c.shape()[1:-1]
        self.channels = c.shape()[1 if self.first else -1]

    def each(self, value: Any) -> list[int]:
        """Return one number an axis."""
        numbers = self.c.static(value)
        return numbers * self.rank if len(numbers) == 1 else numbers

    def to_front(self, x: str) -> str:
        """Return images with the channels before their sizes."""
        if self.first:
            return x
        return self.c.transpose(x, [0, self.rank + 1, *range(1, self.rank + 1)])

    def given(self, y: str) -> str:
        """Return images with the channels where they came from."""
        return y if self.first else self.c.transpose(y, [0, *range(2, self.rank + 2), 1])

    def padding(self, strides: list[int], dilation: list[int]) -> dict[str, Any]:
        """Return the attributes that pad: numbers where the sizes are known."""
        rule_of = PADDINGS[self.c["padding"].lower()]
        reach = span(self.window, dilation)
        pairs = []
        for size, window, stride in zip(self.sizes, reach, strides, strict=True):
            if isinstance(size, Size):
                tried = {rule_of(n, window, stride) for n in size.runs}
                if len(tried) > 1 or (stride > 1 and tried != {(0, 0)}):
                    return {"auto_pad": "SAME_UPPER"}
                pairs.append(tried.pop())
            else:
                pairs.append(rule_of(size, window, stride))
        ends = [a for a, _ in pairs] + [b for _, b in pairs]
        return {"pads": ends} if any(ends) else {}


def _convolved(c: Call, bias: str = "", depthwise: bool = False) -> tuple[Geometry, str]:
    """Return a convolution, channels first."""
    kernel = c.static(c.shape(1))
    g = Geometry(c, kernel[:-2])
    strides, dilation = g.each(c["strides"]), g.each(c["dilation_rate"])
    w, rank = c.x(1), g.rank
    axes = list(range(rank))
    if depthwise:  # (k.., C, M) -> (C M, 1, k..)
        w = c.transpose(w, [rank, rank + 1, *axes])
        w = c.reshape(w, [kernel[-2] * kernel[-1], 1, *kernel[:-2]])
        group = kernel[-2]
    else:  # (k.., C, D) -> (D, C, k..)
        w = c.transpose(w, [rank + 1, rank, *axes])
        group = c.static([g.channels])[0] // kernel[-2]
    y = c.add(
        "Conv", g.to_front(c.x(0)), w, bias,
        group=group if group > 1 else None, kernel_shape=g.window,
        strides=strides if max(strides) > 1 else None,
        dilations=dilation if max(dilation) > 1 else None, **g.padding(strides, dilation),
    )  # fmt: skip
    return g, y


@rule("conv")
def conv(c: Call) -> str:
    g, y = _convolved(c)
    return g.given(y)


@rule("depthwise_conv")
def depthwise_conv(c: Call) -> str:
    g, y = _convolved(c, depthwise=True)
    return g.given(y)


@rule("conv_block", "depthwise_block")
def conv_block(c: Call) -> str:
    bias = c.x(2)
    if bias in c.graph.constants and not c.graph.constants[bias].any():
        bias = ""
    g, y = _convolved(c, bias, c.op == "depthwise_block")
    y = activated(c, y, c["activation"], c["slope"])
    if c.op == "conv_block":
        cells = g.each(c["pool_size"])
        if max(cells) > 1:
            y = c.add("MaxPool", y, kernel_shape=cells, strides=cells)
    return g.given(y)


@rule("conv_transpose")
def conv_transpose(c: Call) -> str:
    kernel = c.static(c.shape(1))
    g = Geometry(c, kernel[:-2])
    strides, dilation = g.each(c["strides"]), g.each(c["dilation_rate"])
    more: list[Any] = [None] * g.rank
    if c["output_padding"] is not None:
        more = g.each(c["output_padding"])
    cuts = [
        transposed_cut(c["padding"].lower(), *sizes, "export")
        for sizes in zip(span(g.window, dilation), strides, more, strict=True)
    ]
    behind = [max(-after, 0) for _, after in cuts]
    cut = [max(before, 0) for before, _ in cuts] + [max(after, 0) for _, after in cuts]
    rank = g.rank
    w = c.transpose(c.x(1), [rank + 1, rank, *range(rank)])  # (k.., D, C) -> (C, D, k..)
    y = c.add(
        "ConvTranspose", g.to_front(c.x(0)), w, kernel_shape=g.window,
        strides=strides if max(strides) > 1 else None,
        dilations=dilation if max(dilation) > 1 else None, pads=cut if any(cut) else None,
    )  # fmt: skip
    if any(behind):  # zeros that no window reaches
        y = c.add("Pad", y, [0] * (rank + 2) + [0, 0, *behind], c.number(0))
    return g.given(y)


@rule("max_pool", "average_pool")
def pool(c: Call) -> str:
    g = Geometry(c, [])
    g.window = g.each(c["pool_size"])
    strides = g.window if c["strides"] is None else g.each(c["strides"])
    kind = {"max_pool": "MaxPool", "average_pool": "AveragePool"}[c.op]
    y = c.add(
        kind, g.to_front(c.x()), kernel_shape=g.window, strides=strides,
        **g.padding(strides, [1] * g.rank),
    )  # fmt: skip
    return g.given(y)


@rule("extract_patches")
def extract_patches(c: Call) -> str:
    rank = len(c["size"])
    single = c.rank() == rank + 1
    place = c["data_format"] or config.image_data_format()
    x, shape = c.x(), list(c.shape())
    if single:
        x, shape = c.add("Unsqueeze", x, [0]), [1, *shape]
    if place == "channels_first":
        x = c.transpose(x, [0, *range(2, rank + 2), 1])
        shape = [shape[0], *shape[2:], shape[1]]
    window = c.static(c["size"])
    strides, dilation = (
        numbers * rank if len(numbers) == 1 else numbers
        for numbers in (c.static(c["strides"] or window), c.static(c["dilation_rate"]))
    )
    sizes, C = c.static(shape[1:-1]), c.static(shape[-1:])[0]
    reach = span(window, dilation)
    around = [PADDINGS[c["padding"].lower()](*n) for n in zip(sizes, reach, strides, strict=True)]
    if any(map(any, around)):
        before, after = [a for a, _ in around], [b for _, b in around]
        x = c.add("Pad", x, [0, *before, 0, 0, *after, 0], c.number(0))
    sizes = [n + a + b for n, (a, b) in zip(sizes, around, strict=True)]
    counts = [(n - r) // s + 1 for n, r, s in zip(sizes, reach, strides, strict=True)]
    whole = (
        strides == window
        and max(dilation) == 1
        and all(n == count * k for n, count, k in zip(sizes, counts, window, strict=True))
    )
    made = [shape[0], *counts, int(np.prod(window)) * C]
    if whole:  # side by side: (N,oH kH,oW kW,C) -> (N,oH,kH,oW,kW,C) -> (N,oH,oW,kH,kW,C)
        cut = [n for pair in zip(counts, window, strict=True) for n in pair]
        order = [0, *range(1, 2 * rank, 2), *range(2, 2 * rank + 1, 2), 2 * rank + 1]
        y = c.reshape(c.transpose(c.reshape(x, [shape[0], *cut, C]), order), made)
    else:
        parts = []
        for cell in np.ndindex(*window):
            starts = [i * d for i, d in zip(cell, dilation, strict=True)]
            ends = [a + (n - 1) * s + 1 for a, n, s in zip(starts, counts, strides, strict=True)]
            parts.append(c.add("Slice", x, starts, ends, list(range(1, rank + 1)), strides))
        y = parts[0] if len(parts) == 1 else c.add("Concat", *parts, axis=rank + 1)
    if place == "channels_first":
        y = c.transpose(y, [0, rank + 1, *range(1, rank + 1)])
    return c.add("Squeeze", y, [0]) if single else y
