"""What convolution and pooling share: sequences, images, volumes in any layout, windows, padding.

The kernels know two layouts, (N, H, W, C) and (N, D, H, W, C). A sequence (N, T, C) is an image of
height 1, and where the channels come first they are moved; neither copies a value.
"""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from melpy import config
from melpy.errors import ArgumentError, DtypeError, ShapeError, lookup

__all__: list[str] = []  # helpers of ops, no ops

Pair = tuple[int, int]
Sizes = tuple[int, ...]  # one an axis along which windows slide, at least (height, width)
LAYOUTS = {  # by number of axes along which windows slide, channels last and first
    1: ("(N, T, C)", "(N, C, T)"),
    2: ("(N, H, W, C)", "(N, C, H, W)"),
    3: ("(N, D, H, W, C)", "(N, C, D, H, W)"),
}
COUNTS = {1: ("one", ""), 2: ("one or two", " or a pair of them")}  # of numbers, by rank


def whole(value: Any, rank: int, name: str, who: str, least: int = 1) -> tuple:
    """Return ``value`` as ``rank`` whole numbers of at least ``least``; an int stands for all."""
    is_list = isinstance(value, list | tuple | np.ndarray)
    sizes = tuple(value) if is_list else (value,) * rank
    good = all(isinstance(s, int | np.integer) and s >= least for s in sizes)
    if len(sizes) != rank or not good:
        whole = all(isinstance(s, int | np.integer) for s in sizes)
        count, kind = COUNTS.get(rank, (f"one or {rank}", f" or {rank} of them"))
        raise (ArgumentError if whole else DtypeError)(
            who,
            f"{name} must be {count} {'positive ' if least else ''}whole number{'s'[: rank - 1]}",
            expected=f"an int {'> 0' if least else '>= 0'}{kind}",
            received={name: value},
        )
    return tuple(int(s) for s in sizes)


def _valid(size: int, window: int, stride: int) -> Pair:
    return 0, 0


def _same(size: int, window: int, stride: int) -> Pair:
    total = builtins.max(0, (-(-size // stride) - 1) * stride + window - size)
    return total // 2, total - total // 2  # the odd one goes below and to the right


PADDINGS = {"valid": _valid, "same": _same}


def _rule(padding: str, who: str) -> Any:
    return lookup(
        "padding", padding.lower() if isinstance(padding, str) else padding, PADDINGS, who
    )


def pads(padding: str, sizes: Sizes, window: Sizes, strides: Sizes, who: str) -> tuple:
    """Return ((top, bottom), (left, right)) for "valid" (none) or "same" (ceil(size / stride))."""
    return tuple(map(_rule(padding, who), sizes, window, strides))


def transposed_cut(
    padding: str, window: int, stride: int, output_padding: int | None, who: str
) -> Pair:
    """Return what a transposed convolution cuts from both ends of its (size - 1) stride + window.

    A negative cut adds zeros behind. By default size becomes size * stride with "same", and
    (size - 1) stride + max(window, stride) with "valid"; ``output_padding`` is added, instead, to
    (size - 1) stride + 1 or 0 for an odd or an even window, and to (size - 1) stride + window.
    """
    if _rule(padding, who) is _valid:
        return 0, -(builtins.max(0, stride - window) if output_padding is None else output_padding)
    cut = window - stride if output_padding is None else window - window % 2 - output_padding
    before = builtins.max(0, cut // 2)
    return before, cut - before


def span(window: Sequence[int], dilation: Sequence[int]) -> Sizes:
    """Return how many rows and columns a window covers when its taps stand apart."""
    return tuple((k - 1) * apart + 1 for k, apart in zip(window, dilation, strict=True))


@dataclass(frozen=True)
class Layout:
    """How an op's images come: along how many axes windows slide, and where the channels are."""

    rank: int
    channels_first: bool

    @classmethod
    def of(cls, shape: tuple[int, ...], rank: int, data_format: str | None, who: str) -> Layout:
        """Return the layout of arrays of that shape, or refuse their number of axes."""
        place = data_format or config.image_data_format()
        lookup("data format", place, config.DATA_FORMATS, who)
        layout = cls(rank, place == "channels_first")
        if rank not in LAYOUTS or len(shape) != rank + 2:
            mend = {
                3: "Add the missing batch or channel axis, for example x[..., np.newaxis].",
                2: f"Windows slide over images, not rows: reshape to {layout} first.",
            }
            raise ShapeError(
                who,
                f"input has {len(shape)} axes",
                expected=f"shape {layout}",
                received={"shape": shape},
                mend=mend.get(len(shape), ""),
            )
        return layout

    def __str__(self) -> str:
        return LAYOUTS.get(self.rank, LAYOUTS[2])[self.channels_first]

    @property
    def name(self) -> str:
        """How the names of its kernels end: "2d" or "3d"."""
        return f"{builtins.max(self.rank, 2)}d"

    def image_sizes(self, shape: Sequence[int]) -> Sizes:
        """Return (height, width), or (depth, height, width); a sequence's height is 1."""
        sizes = shape[2:] if self.channels_first else shape[1:-1]
        return (1, *sizes) if self.rank == 1 else tuple(sizes)

    def images(self, x: np.ndarray) -> np.ndarray:
        """Return an array of this layout as (N, H, W, C) or (N, D, H, W, C)."""
        x = np.moveaxis(x, 1, -1) if self.channels_first else x
        return x[:, np.newaxis] if self.rank == 1 else x

    def given(self, y: np.ndarray) -> np.ndarray:
        """Return an array in this layout again: the inverse of `images`."""
        y = y[:, 0] if self.rank == 1 else y
        return np.moveaxis(y, -1, 1) if self.channels_first else y

    def kernel(self, w: np.ndarray) -> np.ndarray:
        """Return a kernel as one for images: (K, C, D) -> (1, K, C, D)."""
        return w[np.newaxis] if self.rank == 1 else w

    def window(self, kernel_shape: Sequence[int]) -> Sizes:
        """Return the window's sizes of a kernel of that shape; a sequence's has height 1."""
        sizes = tuple(kernel_shape[: self.rank])
        return (1, *sizes) if self.rank == 1 else sizes

    def each(self, value: int | Sequence[int], name: str, who: str, least: int = 1) -> Sizes:
        """Return whole numbers, one an axis of images; a sequence's first is the least."""
        sizes = whole(value, self.rank, name, who, least)
        return (least, *sizes) if self.rank == 1 else sizes

    def check_channels(self, shape: Sequence[int | None], C: int, who: str) -> None:
        """Refuse another number of channels than ``C``."""
        first, last = shape[1], shape[-1]
        found = first if self.channels_first else last
        if found != C:
            mend = "Build a new layer for this input, or bring its channels to the last axis."
            if not self.channels_first and first == C:
                order = (0, *range(2, self.rank + 2), 1)
                mend = f"The channels come first here: x.transpose{order}."
            elif self.channels_first and last == C:
                order = (0, self.rank + 1, *range(1, self.rank + 1))
                mend = f"The channels come last here: x.transpose{order}."
            raise ShapeError(
                who,
                f"input has {found} channels but the kernel was built for {C}",
                expected=f"shape {self}".replace("C", str(C)),
                received={"shape": tuple(shape)},
                mend=mend,
            )

    def check_window(self, shape: Sequence[int], window: Sizes, around: tuple, who: str) -> None:
        """Refuse a window that is larger than the padded input."""
        sizes = self.image_sizes(shape)
        if any(sizes[n] + sum(around[n]) < window[n] for n in range(len(sizes))):
            window = window[-self.rank :]
            axes = ("depth", "height", "width")[-self.rank :] if self.rank > 1 else ("length",)
            least = [f"{axis} >= {k}" for axis, k in zip(axes, window, strict=True)]
            raise ShapeError(
                who,
                f"a window of {'x'.join(map(str, window))} does not fit into the input",
                expected=" and ".join(least),
                received={"shape": tuple(shape)},
                mend='Use a smaller window or padding="same".',
            )


def to_torch(torch, x, layout: Layout, around: tuple, fill: float = 0.0):
    """Return images of a layout as padded NCHW for PyTorch, whose "same" knows no strides."""
    x = x if layout.channels_first else x.movedim(-1, 1)
    x = x.unsqueeze(2) if layout.rank == 1 else x
    ends = [end for pair in reversed(around) for end in pair]  # PyTorch's begin with the last axis
    return torch.nn.functional.pad(x, ends, value=fill)


def from_torch(y, layout: Layout):
    """Return PyTorch's NCHW in a layout: the inverse of `to_torch`."""
    y = y[:, :, 0] if layout.rank == 1 else y
    return y if layout.channels_first else y.movedim(1, -1)
