"""One convolution taken apart: what the rooms of the window, of im2col and of the way back draw.

It is computed by the paper's kernels (`melpy.kernels.spec.conv_im2col`) from the arrays of a trace,
with the layer's own settings or with others, on as much of the image as can be drawn. Its numbers
are those of the trace where all is as in the layer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from melpy.lab.asked import flag, numbers, pair, refused, whole, wholes
from melpy.lab.block import Block, block_of, pads_of
from melpy.lab.pack import Pack
from melpy.lab.said import SaidError
from melpy.models.trace_inside import Convolution
from melpy.ops.spatial import span

__all__ = ["taken_apart"]

MOST_CELLS = 2000  # of the matrix of columns
MOST_CHANNELS, MOST_FILTERS = 8, 16
MOST_STEP, MOST_KERNEL, MOST_CHECKS = 8, 9, 64
_KERNELS = f"a kernel, or one for each channel, of at most {MOST_KERNEL}x{MOST_KERNEL} numbers"
STEP = 2.0**-10  # of a difference; the sums are linear, so that it need not be small


@dataclass(frozen=True)
class Part:
    """What is shown of a layer's convolution.

    Parameters
    ----------
    shown : Convolution, of one image
    whole : Convolution, of the same settings and the whole image
    block : Block, its windows
    channels, filters : lists of their numbers
    dy_from : "trace", or "example" where the trace's gradient does not fit
    is_own : bool, whether settings and kernel are the layer's own
    """

    shown: Convolution
    whole: Convolution
    block: Block
    channels: list[int]
    filters: list[int]
    dy_from: str
    is_own: bool

    @property
    def is_whole(self) -> bool:
        """Whether dx is the layer's whole dX."""
        of_all = self.whole.x.shape[3], self.whole.w.shape[3]
        count = len(self.channels) * self.whole.groups, len(self.filters)
        return self.is_own and self.block.is_whole and count == of_all and self.whole.groups == 1


def taken_apart(
    layer: Any, convolution: Convolution, asked: Mapping[str, Any]
) -> tuple[dict[str, Any], Pack]:
    """Return what a page is told of a convolution, and its arrays.

    Parameters
    ----------
    layer : the layer
    convolution : Convolution, of its trace
    asked : the question: "filter", "only_filter", "channels", "crop", "strides", "padding",
        "dilation", "kernel", "mistake", "check"

    Raises
    ------
    ArgumentError : a setting is out of range, or no window fits into the image
    """
    part = _part(convolution, asked)
    shown, pack = part.shown, Pack()
    (oH, oW), F = shown.y_size, shown.w.shape[3]
    arrays = {
        "x": shown.x[0],
        "padded": shown.padded[0],
        "columns": shown.columns,
        "indices": shown.indices,
        "w": shown.rows,
        "b": np.zeros(F, np.float32) if shown.b is None else shown.b,
        "y": shown.y[0].reshape(oH * oW, F),
        "dy": np.asarray(shown.d_y)[0].reshape(oH * oW, F),
        "dw": shown.d_rows,
        "dcolumns": shown.d_columns,
        "dx_padded": shown.d_padded[0],
        "dx": shown.d_x[0],
        "coverage": shown.coverage,
        "dx_mistake": shown.d_x_mistaken[0] if flag(asked, "mistake") else None,
    }
    keys = {name: pack.add(name, array) for name, array in arrays.items()}
    made = {
        **keys,
        "y_shape": [oH, oW],
        "pads": shown.pads,
        "kernel_shape": shown.window,
        "strides": shown.strides,
        "dilation": shown.dilation,
        "first": part.block.first,
        "origin": part.block.origin,
        "row": part.filters.index(whole(asked, "filter", 0, convolution.w.shape[3] - 1, 0)),
        "filters": part.filters,
        "channels": part.channels,
        "dy_from": part.dy_from,
        "is_whole": part.is_whole,
        "layer": {
            "strides": convolution.strides,
            "padding": layer.padding,
            "dilation": convolution.dilation,
            "groups": convolution.groups,
            "channels": convolution.x.shape[3],
            "filters": convolution.w.shape[3],
            "size": convolution.x.shape[1:3],
        },
        "bytes": _bytes(part.whole),
        "cut": _cut(part),
        "checked": _checked(shown, asked),
    }
    return made | {"arrays": pack.directory, "left_out": pack.left_out}, pack


def _part(own: Convolution, asked: Mapping[str, Any]) -> Part:
    """Return what is asked for, as much of it as can be drawn."""
    H, W, C = own.x.shape[1:]
    D = own.w.shape[3]
    number = whole(asked, "filter", 0, D - 1, 0)
    group = number // (D // own.groups)
    per_group = C // own.groups
    channels = [group * per_group + n for n in range(per_group)]
    chosen = wholes(asked, "channels", C - 1)
    if chosen is not None:
        channels = [n for n in dict.fromkeys(chosen) if n in channels]
        if not channels:
            raise refused(
                "channels", chosen, f"filter {number} sees none of these channels",
                f"some of {group * per_group} to {(group + 1) * per_group - 1}",
            )  # fmt: skip
    channels = channels[:MOST_CHANNELS]
    filters = [group * (D // own.groups) + n for n in range(D // own.groups)]
    edited = numbers(asked, "kernel", _is_kernel(len(channels)), _KERNELS)
    if flag(asked, "only_filter") or (edited is not None and edited.shape[-2:] != own.window):
        filters = [number]
    start = min(max(0, filters.index(number) - MOST_FILTERS + 1), len(filters))
    filters = filters[start : start + MOST_FILTERS]

    places = [n - group * per_group for n in channels]
    w = np.ascontiguousarray(own.w[:, :, places][..., filters])
    if edited is not None:  # (C,kH,kW), or (kH,kW) for each channel
        edited = np.broadcast_to(edited, (len(channels), *edited.shape[-2:]))
        if edited.shape[1:] != own.window:
            w = np.zeros((*edited.shape[1:], len(channels), 1), own.w.dtype)
        w[..., filters.index(number)] = edited.transpose(1, 2, 0)

    strides = pair(asked, "strides", max(MOST_STEP, *own.strides), own.strides)
    dilation = pair(asked, "dilation", max(MOST_STEP, *own.dilation), own.dilation)
    window = span(w.shape[:2], dilation)
    covered = (window[0], window[1])
    is_own = (strides, dilation, w.shape[:2]) == (own.strides, own.dilation, own.window)
    default = own.pads if is_own else _scaled_pads(own, (H, W), covered, strides)
    pads = pads_of(asked, (H, W), covered, strides, default)
    is_own = is_own and pads == own.pads
    rows = len(channels) * w.shape[0] * w.shape[1]
    block = block_of(asked, (H, W), covered, strides, pads, max(1, MOST_CELLS // rows))

    b = None if own.b is None else own.b[filters]
    d_y = None
    if is_own and own.d_y is not None:
        d_y = np.ascontiguousarray(block.of_windows(own.d_y[:1])[..., filters])
    dy_from = "example" if d_y is None else "trace"
    x = np.ascontiguousarray(block.cut(own.x[:1])[..., channels])
    shown = Convolution(x, w, b, strides, block.rest_of_pads, dilation)
    shown = replace(shown, d_y=_example(shown) if d_y is None else d_y)
    whole_one = replace(own, x=own.x[:1], strides=strides, pads=pads, dilation=dilation, d_y=None)
    if edited is not None:
        whole_one = replace(whole_one, w=np.zeros((*w.shape[:2], *own.w.shape[2:]), w.dtype))
    return Part(shown, whole_one, block, channels, filters, dy_from, is_own and edited is None)


def _is_kernel(channels: int) -> Callable[[tuple[int, ...]], bool]:
    """Return whether a shape is that of a kernel: (kH,kW), or (C,kH,kW)."""
    return lambda shape: (
        len(shape) in (2, 3)
        and all(1 <= n <= MOST_KERNEL for n in shape[-2:])
        and shape[:-2] in ((), (channels,))
    )


def _scaled_pads(own: Convolution, size: Any, covered: Any, strides: Any) -> Any:
    """Return "same" padding for other settings where the layer has any, else none."""
    kind = "same" if any(own.pads[0] + own.pads[1]) else "valid"
    return pads_of({"padding": kind}, size, covered, strides, own.pads)


def _example(convolution: Convolution) -> np.ndarray:
    """Return a small gradient for outputs that the trace knows nothing of."""
    shape = (1, *convolution.y_size, convolution.w.shape[3])
    values = np.random.default_rng(0).integers(-4, 5, shape) / 4
    return values.astype(convolution.x.dtype)


def _bytes(convolution: Convolution) -> dict[str, int]:
    """Return what the image and its columns cost, all channels and windows, uncut."""
    kH, kW = convolution.window
    oH, oW = convolution.y_size
    image, size = convolution.x.size, convolution.x.itemsize
    return {"image": image * size, "columns": convolution.x.shape[3] * kH * kW * oH * oW * size}


def _cut(part: Part) -> dict[str, Any] | None:
    """Return what was left out so that the rest can be drawn; None where nothing was."""
    own = part.whole
    crop = None if part.block.is_whole else part.block.crop
    channels = part.channels if len(part.channels) < own.x.shape[3] else None
    filters = part.filters if len(part.filters) < own.w.shape[3] else None
    if not (crop or channels or filters):
        return None
    return {"crop": crop, "channels": channels, "filters": filters}


def _checked(shown: Convolution, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the central difference of sum(dy * y) for each cell that is asked about, in float64.

    A cell is ["x", its flat place in dx] or ["w", its flat place in dw].
    """
    cells = asked.get("check")
    if cells is None:
        return []
    exact = Convolution(
        shown.x.astype(np.float64), shown.w.astype(np.float64), None, shown.strides, shown.pads,
        shown.dilation, 1, np.asarray(shown.d_y, np.float64),
    )  # fmt: skip
    gradients = {"x": shown.d_x[0].reshape(-1), "w": shown.d_rows.reshape(-1)}
    if not isinstance(cells, list) or len(cells) > MOST_CHECKS:
        raise _refused_check(cells)
    return [_one_check(exact, gradients, cell) for cell in cells]


def _one_check(exact: Convolution, gradients: dict[str, np.ndarray], cell: Any) -> dict[str, Any]:
    if not isinstance(cell, list) or len(cell) != 2 or cell[0] not in ("x", "w"):
        raise _refused_check(cell)
    name, index = cell
    if type(index) is not int or not 0 <= index < gradients[name].size:
        raise _refused_check(cell)

    def loss(step: float) -> float:
        values = exact.x.copy() if name == "x" else exact.rows.copy()
        values.reshape(-1)[index] += step
        if name == "x":
            moved = replace(exact, x=values)
        else:
            moved = replace(exact, w=_unrolled(values, exact))
        return float((moved.y * exact.d_y).sum())

    difference = (loss(STEP) - loss(-STEP)) / (2 * STEP)
    return {
        "of": name, "index": index, "gradient": float(gradients[name][index]),
        "difference": difference,
    }  # fmt: skip


def _unrolled(rows: np.ndarray, convolution: Convolution) -> np.ndarray:
    """Return rows of kernels as kernels: (D, C*kH*kW) -> (kH,kW,C,D)."""
    kH, kW, C, D = convolution.w.shape
    return rows.reshape(D, C, kH, kW).transpose(2, 3, 1, 0)


def _refused_check(given: Any) -> SaidError:
    expected = f'at most {MOST_CHECKS} of ["x", place in dx] or ["w", place in dw]'
    return refused("check", given, "a cell to check is none", expected)
