"""Operators of ONNX whose windows slide over sequences, images and volumes, the channels first."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from melpy import ops
from melpy.ops import spatial
from melpy.saving.onnx_import.nodes import (
    Node,
    dtype_of,
    effort,
    numbers,
    operator,
    require,
    room,
)

__all__ = ["Windows", "conv_of", "conv_transpose_of", "ends_of", "first", "last", "of_channels"]

Pair = tuple[int, int]


def last(x: Any) -> Any:
    """Return x with its channels last: (N,C,H,W) -> (N,H,W,C)."""
    return ops.moveaxis(x, 1, -1)


def first(x: Any) -> Any:
    """Return x with its channels second: (N,H,W,C) -> (N,C,H,W)."""
    return ops.moveaxis(x, -1, 1)


@dataclass(frozen=True)
class Windows:
    """How windows slide along each axis: their sizes, strides, dilations, and what is around.

    Parameters
    ----------
    node : Node, whose attributes say it
    kernel : tuple of ints, the windows' sizes
    """

    node: Node
    kernel: tuple[int, ...]

    def __post_init__(self) -> None:
        rank = len(self.kernel)
        for name, size in (("strides", rank), ("dilations", rank), ("pads", 2 * rank)):
            told = self.node.get(name)
            least = 0 if name == "pads" else 1
            require(
                told is None or (len(told) == size and all(least <= n < 2**31 for n in told)),
                self.node, f"its {name} are not one whole number an axis and end", **{name: told},
            )  # fmt: skip
        require(
            0 < rank <= 8 and all(0 < k < 2**31 for k in self.kernel), self.node,
            "its window has no size", kernel_shape=self.kernel,
        )  # fmt: skip

    @property
    def strides(self) -> tuple[int, ...]:
        """Distances between the windows."""
        return tuple(self.node.get("strides") or [1] * len(self.kernel))

    @property
    def dilations(self) -> tuple[int, ...]:
        """Distances between the cells of a window."""
        return tuple(self.node.get("dilations") or [1] * len(self.kernel))

    @property
    def spans(self) -> tuple[int, ...]:
        """How much a window covers."""
        return spatial.span(self.kernel, self.dilations)

    def same(self, sizes: Sequence[int | None], kind: str) -> list[Any]:
        """Return what "SAME_UPPER" or "SAME_LOWER" puts around, None where it is not known."""
        found: list[Any] = []
        for size, span, stride in zip(sizes, self.spans, self.strides, strict=True):
            if size is None and stride > 1:
                found.append(None)
                continue
            # With a stride of 1 it is the same around any size.
            pair = spatial.PADDINGS["same"](1 if size is None else size, span, stride)
            found.append(pair[::-1] if kind == "SAME_LOWER" else pair)
        return found

    def around(self, sizes: Sequence[int | None]) -> list[Any]:
        """Return how much is put before and behind each axis, None where it is not known."""
        kind, rank = self.node.get("auto_pad", "NOTSET"), len(self.kernel)
        if kind in ("SAME_UPPER", "SAME_LOWER"):
            return self.same(sizes, kind)
        told = self.node.get("pads") if kind == "NOTSET" else None
        told = told or [0] * (2 * rank)
        return list(zip(told[:rank], told[rank:], strict=True))

    def beyond(self, sizes: Sequence[int | None], around: Sequence[Pair]) -> list[Any]:
        """Return how much more is needed behind each axis where ceil_mode lets a window begin."""
        if not self.node.get("ceil_mode", 0):
            return [0] * len(self.kernel)
        found: list[Any] = []
        rows = zip(sizes, around, self.spans, self.strides, strict=True)
        for size, (before, after), span, stride in rows:
            if size is None:
                found.append(None if stride > 1 else 0)
                continue
            count = -(-(size + before + after - span) // stride) + 1
            if (count - 1) * stride >= size + before:  # it would begin behind the end
                count -= 1
            found.append(max((count - 1) * stride + span - (size + before + after), 0))
        return found

    def spots(self, sizes: Sequence[int]) -> list[int]:
        """Return how many windows there are along each axis, all around x being in the sizes."""
        return [
            (n - span) // stride + 1
            for n, span, stride in zip(sizes, self.spans, self.strides, strict=True)
        ]

    def seen(self, x: Any) -> int:
        """Return how many entries of x, (N,C,H,W), all windows see together."""
        spots = (max(n, 0) for n in self.spots(x.shape[2:]))
        return math.prod((*x.shape[:2], *spots, *self.kernel))

    def cells(self, x: Any) -> Iterator[Any]:
        """Yield, for each cell of the window, what it sees of x, (N,C,H,W) with all around it."""
        effort(self.node, steps=math.prod(self.kernel), entries=self.seen(x))
        sizes = self.spots(x.shape[2:])
        for cell in itertools.product(*map(range, self.kernel)):
            rows = zip(cell, self.dilations, self.strides, sizes, strict=True)
            cut = (slice(c * d, c * d + (n - 1) * s + 1, s) for c, d, s, n in rows)
            yield ops.get_item(x, key=(slice(None), slice(None), *cut))


def padded(node: Node, x: Any, around: Sequence[Pair], fill: Any = 0) -> Any:
    """Return x, (N,C,H,W), with a value around it."""
    if not any(map(sum, around)):
        return x
    room(node, [s + sum(p) for s, p in zip(x.shape[2:], around, strict=True)], dtype_of(x))
    return ops.pad(x, ((0, 0), (0, 0), *around), constant_values=fill)


def conv_of(node: Node, x: Any, kernel: Any, groups: int) -> Any:
    """Return the convolution of x, (N,C,H,W), by a kernel (D,C/groups,kH,kW)."""
    windows = Windows(node, tuple(kernel.shape[2:]))
    x = padded(node, x, windows.around(x.shape[2:]))
    effort(node, products=windows.seen(x) * kernel.shape[0] // groups)
    x = last(x)
    kernel = ops.transpose(kernel, axes=(*range(2, len(kernel.shape)), 1, 0))  # (kH,kW,C,D)
    options = {"strides": windows.strides, "dilation_rate": windows.dilations}
    require(
        x.shape[-1] == kernel.shape[-2] * groups and kernel.shape[-1] % groups == 0, node,
        "its kernel does not fit the channels", channels=x.shape[-1], groups=groups,
        kernel=kernel.shape,
    )  # fmt: skip
    y = ops.conv(x, kernel, padding="valid", data_format="channels_last", **options)
    return first(y)


@operator("Conv")
def conv(node: Node, x: Any, kernel: Any, bias: Any = None) -> Any:
    """Return x correlated with a kernel, plus a bias."""
    y = conv_of(node, x, kernel, node.get("group", 1))
    return y if bias is None else ops.add(y, of_channels(bias, y))


def of_channels(v: Any, x: Any) -> Any:
    """Return one number a channel as it meets (N,C,H,W)."""
    return ops.reshape(v, (-1, *[1] * (len(x.shape) - 2)))


@operator("ConvTranspose")
def conv_transpose(node: Node, x: Any, kernel: Any, bias: Any = None) -> Any:
    """Return x spread by a kernel, plus a bias."""
    groups = node.get("group", 1)
    parts = zip(
        ops.split(x, groups, axis=1), ops.split(kernel, groups, axis=0), strict=True
    ) if groups > 1 else [(x, kernel)]  # fmt: skip
    made = [conv_transpose_of(node, part, own) for part, own in parts]
    y = made[0] if groups == 1 else ops.concatenate(made, axis=1)
    return y if bias is None else ops.add(y, of_channels(bias, y))


def cuts_of(node: Node, windows: Windows, sizes: Sequence[Any]) -> tuple[list[Pair], list[int]]:
    """Return what a transposed convolution cuts from both ends, and what it adds behind."""
    rank = len(windows.kernel)
    more = list(node.get("output_padding") or [0] * rank)
    wanted, kind = node.get("output_shape"), node.get("auto_pad", "NOTSET")
    if not wanted and kind not in ("SAME_UPPER", "SAME_LOWER"):
        return [pair or (0, 0) for pair in windows.around(sizes)], more
    cuts = []
    for n, (size, stride, span) in enumerate(
        zip(sizes, windows.strides, windows.spans, strict=True)
    ):
        target = wanted[-rank:][n] if wanted else size * stride
        total = stride * (size - 1) + more[n] + span - target
        if total < 0:  # what is asked for is larger than what is made
            more[n], total = more[n] - total, 0
        small, large = total // 2, total - total // 2
        cuts.append((small, large) if kind == "SAME_UPPER" else (large, small))
    return cuts, more


def conv_transpose_of(node: Node, x: Any, kernel: Any) -> Any:
    """Return x, (N,C,H,W), spread by a kernel (C,D,kH,kW)."""
    windows = Windows(node, tuple(kernel.shape[2:]))
    cuts, more = cuts_of(node, windows, x.shape[2:])
    phases = (min(pair) + 1 for pair in zip(windows.strides, windows.kernel, strict=True))
    effort(node, steps=4 * math.prod(phases), products=math.prod((*x.shape, *kernel.shape[1:])))
    require(max(more) < 2**31, node, "its output_padding is out of range", output_padding=more)
    kernel = ops.transpose(kernel, axes=(*range(2, len(kernel.shape)), 1, 0))  # (kH,kW,D,C)
    y = ops.conv_transpose(
        last(x), kernel, strides=windows.strides, padding="valid", output_padding=0,
        data_format="channels_last", dilation_rate=windows.dilations,
    )  # fmt: skip
    room(node, [s + m for s, m in zip(y.shape[1:], [*more, 0], strict=True)], dtype_of(x))
    if any(more):
        y = ops.pad(y, ((0, 0), *((0, n) for n in more), (0, 0)))
    cut = [slice(a, s - b) for (a, b), s in zip(cuts, y.shape[1:-1], strict=True)]
    return first(ops.get_item(y, key=(slice(None), *cut)) if any(map(sum, cuts)) else y)


def _of_pooling(node: Node, x: Any) -> tuple[Windows, list[Pair], list[int]]:
    """Return the windows, what lies around x, and how far the last ones reach beyond that."""
    windows = Windows(node, tuple(node.get("kernel_shape", ())))
    around = windows.around(x.shape[2:])
    return windows, around, windows.beyond(x.shape[2:], around)


def ends_of(around: Sequence[Pair], more: Sequence[int]) -> list[Pair]:
    """Return what is around an input together with what lies beyond that."""
    return [(a, b + m) for (a, b), m in zip(around, more, strict=True)]


def _least(x: Any) -> Any:
    kind = dtype_of(x)
    return -np.inf if kind.kind == "f" else np.iinfo(kind).min


@operator("MaxPool")
def max_pool(node: Node, x: Any) -> Any:
    """Return the largest of each window, and on demand where it is."""
    windows, around, more = _of_pooling(node, x)
    whole = padded(node, x, ends_of(around, more), _least(x))
    if node.outputs == 1 and max(windows.dilations) == 1 and len(windows.kernel) < 4:
        options = {"strides": windows.strides, "data_format": "channels_last"}
        if dtype_of(x).kind == "f":
            effort(node, products=windows.seen(whole))
            return first(ops.max_pool(last(whole), pool_size=windows.kernel, **options))
    if node.outputs == 1:
        return functools.reduce(ops.maximum, windows.cells(whole))
    room(node, [windows.seen(whole)], dtype_of(x))
    seen = ops.stack(list(windows.cells(whole)), axis=0)
    cell = ops.cast(ops.argmax(seen, axis=0, keepdims=True), "int64")
    return ops.squeeze(ops.take_along_axis(seen, cell, axis=0), axis=0), _flat_places(
        node,
        windows,
        x,
        around,
        ops.squeeze(cell, axis=0),
    )


def _flat_places(node: Node, windows: Windows, x: Any, around: Sequence[Pair], cell: Any) -> Any:
    """Return the places in x, flattened, of cells of windows."""
    sizes, rank = x.shape[2:], len(windows.kernel)
    flat: Any = 0
    order = range(rank) if not node.get("storage_order", 0) else reversed(range(rank))
    for axis in order:
        within = cell // math.prod(windows.kernel[axis + 1 :]) % windows.kernel[axis]
        shape = [-1 if n == axis + 2 else 1 for n in range(rank + 2)]
        starts = np.arange(cell.shape[axis + 2]).reshape(shape) * windows.strides[axis]
        place = starts + within * windows.dilations[axis] - around[axis][0]
        flat = flat * sizes[axis] + place
    images = np.arange(math.prod(x.shape[:2])).reshape(*x.shape[:2], *[1] * rank)
    return ops.cast(flat + images * math.prod(sizes), "int64")


@operator("AveragePool")
def average_pool(node: Node, x: Any) -> Any:
    """Return the mean of each window, of its cells in x, or of those around too."""
    windows, around, more = _of_pooling(node, x)
    ends = ends_of(around, more)
    total = functools.reduce(ops.add, windows.cells(padded(node, x, ends)))
    inside = np.ones((1, 1, *x.shape[2:]), dtype_of(x))
    if node.get("count_include_pad", 0):  # but nothing that ceil_mode adds
        inside = np.pad(inside, ((0, 0), (0, 0), *around), constant_values=1)
        ends = [(0, m) for m in more]
    inside = np.pad(inside, ((0, 0), (0, 0), *ends))
    return ops.divide(total, functools.reduce(np.add, windows.cells(inside)))


@operator("LpPool")
def lp_pool(node: Node, x: Any) -> Any:
    """Return the norm of each window."""
    windows, around, more = _of_pooling(node, x)
    p, whole = node.get("p", 2), padded(node, x, ends_of(around, more))
    powers = ops.power(ops.absolute(whole), np.asarray(p, dtype_of(x)))
    total = functools.reduce(ops.add, windows.cells(powers))
    return ops.power(total, np.asarray(1 / p, dtype_of(x)))


@operator("MaxUnpool", reads=(2,))
def max_unpool(node: Node, x: Any, places: Any, shape: Any = None) -> Any:
    """Return zeros with each entry where a max pooling found it."""
    windows = Windows(node, tuple(node.get("kernel_shape", ())))
    rows = zip(
        x.shape[2:], windows.strides, windows.kernel, windows.around(x.shape[2:]), strict=True
    )
    sizes = [(n - 1) * s + k - sum(pair or ()) for n, s, k, pair in rows]
    own = (*x.shape[:2], *sizes)
    target = own if shape is None else tuple(numbers(shape))
    room(node, target, dtype_of(x))
    where = ops.reshape(places, (-1,))
    if target != own:  # the places are those of the smaller one
        where = np.ravel_multi_index(np.unravel_index(np.asarray(where), own), target)
    zeros = np.zeros(math.prod(target), dtype_of(x))
    y = ops.scatter_update(zeros, ops.expand_dims(where, -1), ops.reshape(x, (-1,)))
    return ops.reshape(y, target)


def _global(name: str, reduce: Any) -> None:
    @operator(name)
    def pooled(node: Node, x: Any) -> Any:
        return reduce(node, x, tuple(range(2, len(x.shape))))


_global("GlobalAveragePool", lambda node, x, axes: ops.mean(x, axis=axes, keepdims=True))
_global("GlobalMaxPool", lambda node, x, axes: ops.max(x, axis=axes, keepdims=True))
_global(
    "GlobalLpPool",
    lambda node, x, axes: ops.power(
        ops.sum(
            ops.power(ops.absolute(x), np.asarray(node.get("p", 2), dtype_of(x))),
            axis=axes, keepdims=True,
        ),
        np.asarray(1 / node.get("p", 2), dtype_of(x)),
    ),
)  # fmt: skip


@operator("Col2Im", reads=(1, 2))
def col2im(node: Node, x: Any, image: Any, block: Any) -> Any:
    """Return the image that overlapping blocks add up to."""
    sizes, windows = numbers(image), Windows(node, tuple(numbers(block)))
    around = windows.around(sizes)
    N, C = x.shape[0], x.shape[1] // math.prod(windows.kernel)
    whole = [s + sum(pair or ()) for s, pair in zip(sizes, around, strict=True)]
    room(node, whole, dtype_of(x))
    # Where each cell of each block lies in the padded image, flattened.
    room(node, [math.prod(windows.kernel) * math.prod(windows.spots(whole))], "int64")
    grid = np.arange(math.prod(whole)).reshape(1, 1, *whole)
    places = np.stack([np.asarray(cell).reshape(-1) for cell in windows.cells(grid)])
    values = ops.transpose(ops.reshape(x, (N * C, -1)), axes=(1, 0))
    y = ops.scatter(places.reshape(-1, 1), values, shape=(math.prod(whole), N * C))
    y = ops.reshape(ops.transpose(y, axes=(1, 0)), (N, C, *whole))
    cut = (slice(a, a + s) for (a, _), s in zip(around, sizes, strict=True))
    return ops.get_item(y, key=(slice(None), slice(None), *cut))


@operator("LRN")
def lrn(node: Node, x: Any) -> Any:
    """Return x by a power of the squares of the channels around."""
    size, beta = node.get("size", 1), node.get("beta", 0.75)
    require(0 < size <= 2 * x.shape[1] + 1, node, "its size is out of range", size=size)
    effort(node, steps=2 * size, entries=2 * size * math.prod(x.shape))
    before = (size - 1) // 2
    width = [(0, 0)] * len(x.shape)
    width[1] = (before, size - 1 - before)
    squares, C = ops.pad(ops.square(x), tuple(width)), x.shape[1]
    total = functools.reduce(
        ops.add,
        [ops.get_item(squares, key=(slice(None), slice(n, n + C))) for n in range(size)],
    )
    scale = np.asarray(node.get("alpha", 1e-4) / size, dtype_of(x))
    base = ops.add(ops.multiply(total, scale), np.asarray(node.get("bias", 1.0), dtype_of(x)))
    return ops.divide(x, ops.power(base, np.asarray(beta, dtype_of(x))))
