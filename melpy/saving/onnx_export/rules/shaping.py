"""Shapes, joining, padding, and what is laid out anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy.saving.onnx_export.graph import FAR
from melpy.saving.onnx_export.rules.registry import Call, CannotSayError, Size, rule

__all__: list[str] = []


@rule("reshape", "ravel")
def reshape(c: Call) -> str:
    return c.reshape(c.x(), c.out.shape)


@rule("transpose", "swapaxes", "moveaxis")
def transpose(c: Call) -> str:
    order = list(range(c.rank()))
    if c.op == "transpose":
        order = c.axes(c["axes"]) if c["axes"] is not None else order[::-1]
    elif c.op == "swapaxes":
        a, b = c.axes((c["axis1"], c["axis2"]))
        order[a], order[b] = order[b], order[a]
    else:
        marked = np.zeros([1 + n for n in order])  # each axis as long as its number
        moved = np.moveaxis(marked, c["source"], c["destination"])
        order = [n - 1 for n in moved.shape]
    return c.transpose(c.x(), order)


@rule("squeeze")
def squeeze(c: Call) -> str:
    axis = c["axis"]
    axes = [n for n, s in enumerate(c.shape()) if s == 1] if axis is None else c.axes(axis)
    return c.add("Squeeze", c.x(), axes) if axes else c.x()


@rule("expand_dims")
def expand_dims(c: Call) -> str:
    return c.add("Unsqueeze", c.x(), c.axes(c["axis"], len(c.out.shape)))


@rule("broadcast_to")
def broadcast_to(c: Call) -> str:
    return c.add("Expand", c.x(), c.graph.sizes(c.out.shape))


@rule("zeros_like", "ones_like", "full_like")
def full_like(c: Call) -> str:
    value = {"zeros_like": 0, "ones_like": 1}.get(c.op)
    if value is None:
        fill = c.array(c["fill_value"])
        if fill is None:
            raise CannotSayError("a fill value that is computed")
        return c.add("Expand", c.number(fill), c.like())
    return c.add("Expand", c.number(value), c.like())


@rule("concatenate")
def concatenate(c: Call) -> str:
    if c["axis"] is None:
        return c.add("Concat", *map(c.flat, c.all()), axis=0)
    return c.add("Concat", *c.all(), axis=c.axes(c["axis"])[0])


@rule("stack")
def stack(c: Call) -> str:
    axis = c.axes(c["axis"], len(c.out.shape))[0]
    return c.add("Concat", *(c.add("Unsqueeze", x, [axis]) for x in c.all()), axis=axis)


@rule("tile")
def tile(c: Call) -> str:
    repeats = c.numbers(c["repeats"])
    more = len(c.out.shape) - c.rank()
    x = c.reshape(c.x(), [*[1] * more, *c.shape()]) if more else c.x()
    return c.add("Tile", x, c.graph.sizes([*[1] * (len(c.out.shape) - len(repeats)), *repeats]))


@rule("repeat")
def repeat(c: Call) -> str:
    axis = c["axis"]
    x, along = (c.flat(c.x()), 0) if axis is None else (c.x(), c.axes(axis)[0])
    counts = c.static(c["repeats"])
    size = c.shape()[along] if axis is not None else None
    if len(counts) > 1:
        rows = np.repeat(np.arange(len(counts)), counts)
        return c.add("Gather", x, rows, axis=along)
    if isinstance(size, int):
        return c.add("Gather", x, np.repeat(np.arange(size), counts[0]), axis=along)
    rank = 1 if axis is None else c.rank()
    times = [*[1] * (along + 1), *counts, *[1] * (rank - along - 1)]
    tiled = c.add("Tile", c.add("Unsqueeze", x, [along + 1]), times)
    return c.reshape(tiled, c.out.shape)


@rule("flip")
def flip(c: Call) -> str:
    axes = c.axes(c["axis"])
    if not axes:
        return c.x()
    return c.add("Slice", c.x(), [-1] * len(axes), [-FAR] * len(axes), axes, [-1] * len(axes))


@rule("roll")
def roll(c: Call) -> str:
    shifts, axis = c.static(c["shift"]), c["axis"]
    x = c.flat(c.x()) if axis is None else c.x()
    axes = [0] if axis is None else c.axes(axis)
    if len(shifts) == 1:
        shifts = shifts * len(axes)
    for shift, along in zip(shifts, axes, strict=True):
        size = int(np.prod(c.static(c.shape()))) if axis is None else c.shape()[along]
        shift = shift % size if isinstance(size, int) and size else shift
        if shift:
            parts = c.slice(x, along, -shift, FAR), c.slice(x, along, 0, -shift)
            x = c.add("Concat", *parts, axis=along)
    return c.reshape(x, c.shape()) if axis is None else x


PADDED = {"constant": "constant", "empty": "constant", "edge": "edge", "reflect": "reflect"}


@rule("pad")
def pad(c: Call) -> str:
    given, rank = c["pad_width"], c.rank()
    widths = _widths(c, given, rank)
    mode = c["mode"]
    if mode in ("reflect", "symmetric", "wrap"):
        static = [(int(a), int(b)) for a, b in widths]
        sizes = c.shape()
        fits = mode == "reflect" and all(
            isinstance(s, Size) or max(w) < s for w, s in zip(static, sizes, strict=True)
        )
        if not fits:
            return _copied(c, static, mode)
    if mode not in PADDED:
        raise CannotSayError(f"padding of mode {mode!r}")
    ends = c.graph.sizes([*(a for a, _ in widths), *(b for _, b in widths)])
    value: Any = ""
    if PADDED[mode] == "constant":
        fill = c["constant_values"]
        constant = np.zeros(()) if fill is None else c.array(fill)
        if constant is None or constant.size != 1:
            raise CannotSayError("padding with several values")
        value = c.number(constant.reshape(()))
    x, dtype = c.x(), c.out.dtype
    if dtype.kind == "b":
        x = c.cast(x, bool, np.int32)
        value = value if isinstance(value, str) else value.astype(np.int32)
        return c.cast(c.add("Pad", x, ends, value, mode=PADDED[mode]), np.int32, bool)
    return c.add("Pad", x, ends, value, mode=PADDED[mode])


def _widths(c: Call, given: Any, rank: int) -> list[tuple[Any, Any]]:
    """Return (before, after) of each axis."""
    if isinstance(given, tuple) and given and isinstance(given[0], tuple):
        pairs = [tuple(pair) if len(pair) > 1 else (pair[0], pair[0]) for pair in given]
        return pairs * rank if len(pairs) == 1 else pairs
    numbers = c.numbers(given)
    if len(numbers) == 2 * rank and len(numbers) > 2:
        return [(numbers[2 * n], numbers[2 * n + 1]) for n in range(rank)]
    return [(numbers[0], numbers[-1])] * rank


def _copied(c: Call, widths: Sequence[tuple[int, int]], mode: str) -> str:
    """Pad by copies of entries that ONNX has no mode for: their places are known."""
    x = c.x()
    for axis, (pair, size) in enumerate(zip(widths, c.shape(), strict=True)):
        if any(pair):
            if isinstance(size, Size):
                raise CannotSayError(f"padding of mode {mode!r} along an axis of unknown size")
            places = np.pad(np.arange(size), pair, mode)  # type: ignore[call-overload]
            x = c.add("Gather", x, places, axis=axis)
    return x


# Matrices.


@rule("tril", "triu")
def tril(c: Call) -> str:
    x, dtype, upper = c.x(), c.out.dtype, int(c.op == "triu")
    wide = dtype if dtype.kind == "f" else np.dtype(np.int64)
    y = c.add("Trilu", c.cast(x, dtype, wide), np.array(c["k"], np.int64), upper=upper)
    return c.cast(y, wide)


@rule("diagonal")
def diagonal(c: Call) -> str:
    a, b = c.axes((c["axis1"], c["axis2"]))
    rest = [n for n in range(c.rank()) if n not in (a, b)]
    rows, columns = c.static((c.shape()[a], c.shape()[b]))
    places = np.diagonal(np.arange(rows * columns).reshape(rows, columns), c["offset"])
    moved = c.transpose(c.x(), [*rest, a, b])
    flat = c.reshape(moved, [*(c.shape()[n] for n in rest), rows * columns])
    return c.add("Gather", flat, np.ascontiguousarray(places), axis=len(rest))


@rule("diagflat")
def diagflat(c: Call) -> str:
    count = int(np.prod(c.static(c.shape())))
    k = c["k"]
    rows = c.reshape(c.x(), [count, 1])
    square = c.add("Mul", rows, np.eye(count, dtype=c.out.dtype))
    before, after = [max(-k, 0), max(k, 0)], [max(k, 0), max(-k, 0)]
    return c.add("Pad", square, [*before, *after], c.number(0)) if k else square


# Windows.


@rule("unfold")
def unfold(c: Call) -> str:
    H, W = c.shape()[2:]
    window, dilation, padding, stride = (
        _pair(c[name]) for name in ("kernel_size", "dilation", "padding", "stride")
    )
    size = [n + 2 * p for n, p in zip(c.static((H, W)), padding, strict=True)]
    counts = [
        (n - (k - 1) * d - 1) // s + 1
        for n, k, d, s in zip(size, window, dilation, stride, strict=True)
    ]
    x = c.x()
    if any(padding):
        x = c.add("Pad", x, [0, 0, *padding, 0, 0, *padding], c.number(0))
    parts = []
    for cell in np.ndindex(*window):
        starts = [i * d for i, d in zip(cell, dilation, strict=True)]
        ends = [a + (n - 1) * s + 1 for a, n, s in zip(starts, counts, stride, strict=True)]
        part = c.add("Slice", x, starts, ends, [2, 3], list(stride))
        parts.append(c.add("Unsqueeze", part, [2]))
    whole = parts[0] if len(parts) == 1 else c.add("Concat", *parts, axis=2)
    return c.reshape(whole, c.out.shape)


@rule("fold")
def fold(c: Call) -> str:
    size, window, dilation, padding, stride = (
        list(_pair(c[name]))
        for name in ("output_size", "kernel_size", "dilation", "padding", "stride")
    )
    return c.add(
        "Col2Im", c.x(), size, window, dilations=dilation, pads=padding * 2, strides=stride
    )


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (int(value[0]), int(value[1]))
