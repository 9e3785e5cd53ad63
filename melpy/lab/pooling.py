"""One pooling taken apart: winners, ties and overlaps, and what goes back to whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from melpy.errors import lookup
from melpy.kernels.spec import pooling as kernels
from melpy.lab.asked import WHO, pair, text, wholes
from melpy.lab.block import Block, block_of, pads_of
from melpy.lab.pack import Pack
from melpy.models.trace_inside import Pooling

__all__ = ["taken_apart"]

MOST_CHANNELS = 16
MOST_WINDOWS = 256
MOST_STEP = 16
KINDS = {name: name for name in ("max", "average")}


def taken_apart(
    pooling: Pooling, d_y: np.ndarray | None, asked: Mapping[str, Any]
) -> tuple[dict[str, Any], Pack]:
    """Return what a page is told of a pooling, and its arrays.

    Parameters
    ----------
    pooling : Pooling, of a trace
    d_y : ndarray (N,oH,oW,C), dL/dy of the trace, or None
    asked : the question: "window", "strides", "padding", "kind", "channels", "crop"

    Raises
    ------
    ArgumentError : a setting is out of range, or no window fits into the image
    """
    shown, block, channels, is_own = _part(pooling, asked)
    geometry = shown.window, shown.strides, shown.pads
    is_max, x = shown.kind == "max", shown.x
    y = (kernels.max_pool2d if is_max else kernels.average_pool2d)(x, *geometry)
    g = None
    if is_own and d_y is not None:
        g = np.ascontiguousarray(block.of_windows(d_y[:1])[..., channels])
    dy_from = "example" if g is None else "trace"
    if g is None:
        g = (np.random.default_rng(0).integers(-4, 5, y.shape) / 4).astype(y.dtype)
    if is_max:
        d_x = kernels.max_pool2d_d_x(g, x, y, *geometry)
    else:
        d_x = kernels.average_pool2d_d_x(g, x.shape, *geometry)
    pack = Pack()
    arrays = {
        "x": x[0],
        "y": y[0],
        "winners": shown.winners[0] if is_max else None,
        "ties": shown.ties[0] if is_max else None,
        "dy": g[0],
        "dx": d_x[0],
        "coverage": shown.coverage,
    }
    made: dict[str, Any] = {name: pack.add(name, array) for name, array in arrays.items()}
    H, W, C = pooling.x.shape[1:]
    is_whole = is_own and block.is_whole and len(channels) == C
    made |= {
        "kind": shown.kind,
        "window": shown.window,
        "strides": shown.strides,
        "pads": shown.pads,
        "first": block.first,
        "origin": block.origin,
        "channels": channels,
        "dy_from": dy_from,
        "is_whole": is_whole,
        "layer": {
            "kind": pooling.kind, "window": pooling.window, "strides": pooling.strides,
            "pads": pooling.pads, "size": (H, W), "channels": C,
        },
        "cut": _cut(block, channels, C),
    }  # fmt: skip
    return made | {"arrays": pack.directory, "left_out": pack.left_out}, pack


def _part(own: Pooling, asked: Mapping[str, Any]) -> tuple[Pooling, Block, list[int], bool]:
    H, W, C = own.x.shape[1:]
    kind = lookup("kind of pooling", text(asked, "kind", own.kind), KINDS, WHO)
    window = pair(asked, "window", max(H, W, MOST_STEP), own.window)
    strides = pair(asked, "strides", max(H, W, MOST_STEP), own.strides)
    is_own = (kind, window, strides) == (own.kind, own.window, own.strides)
    usual = own.pads if is_own else ((0, 0), (0, 0))
    pads = pads_of(asked, (H, W), window, strides, usual)
    is_own = is_own and pads == own.pads
    chosen = wholes(asked, "channels", C - 1)
    channels = (list(range(C)) if chosen is None else list(dict.fromkeys(chosen)))[:MOST_CHANNELS]
    block = block_of(asked, (H, W), window, strides, pads, MOST_WINDOWS)
    x = np.ascontiguousarray(block.cut(own.x[:1])[..., channels])
    return Pooling(kind, x, window, strides, block.rest_of_pads), block, channels, is_own


def _cut(block: Block, channels: list[int], of: int) -> dict[str, Any] | None:
    crop = None if block.is_whole else block.crop
    left = channels if len(channels) < of else None
    return {"crop": crop, "channels": left} if crop or left else None
