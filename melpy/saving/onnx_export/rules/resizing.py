"""Images of another size: ONNX's own node where it says the same, else a product with matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import config
from melpy.ops.resizing import _matrix, _spans
from melpy.saving.onnx_export.rules.registry import Call, CannotSayError, Size, rule

__all__: list[str] = []

MODES = {"nearest": "nearest", "bilinear": "linear"}


@rule("resize")
def resize(c: Call) -> str:
    rank, place = c.rank(), c["data_format"] or config.image_data_format()
    axes = [rank - 3, rank - 2] if place == "channels_last" else [rank - 2, rank - 1]
    new: Any = tuple(c.numbers(c["size"]))
    framed = c["crop_to_aspect_ratio"] or c["pad_to_aspect_ratio"]
    old: Any = tuple(c.shape()[a] for a in axes)
    name = c["interpolation"]
    plain = not framed and not c["antialias"] and name in MODES
    whole = c.out.dtype.kind != "f"
    x = c.x(0, np.float32) if whole else c.x()
    if any(isinstance(n, Size) for n in (*old, *new)) and not plain:
        raise CannotSayError(
            f"resizing images of unknown size by {name!r} that crops, pads or softens"
        )
    if plain:
        y = _by_node(c, x, axes, MODES[name])
    else:
        spans = _spans(old, new, c["crop_to_aspect_ratio"], c["pad_to_aspect_ratio"])
        dtype = np.dtype(np.float32) if whole else c.out.dtype
        R_h, R_w = (
            _matrix(old[n], spans[n], new[n], name, c["antialias"]).astype(dtype) for n in range(2)
        )
        y = _by_matrices(c, x, axes, R_h, R_w)
        if c["fill_value"] and c["pad_to_aspect_ratio"]:
            frame = c["fill_value"] * (1 - np.outer(R_h.sum(axis=1), R_w.sum(axis=1)))
            frame = frame if axes[1] == rank - 1 else frame[..., np.newaxis]
            y = c.add("Add", y, frame.astype(dtype))
    if not whole:
        return y
    limits = np.iinfo(c.out.dtype)
    y = c.add("Round", y)
    y = c.add("Clip", y, np.float32(limits.min), np.float32(limits.max))
    return c.cast(y, np.float32)


def _by_node(c: Call, x: str, axes: list[int], mode: str) -> str:
    """Return the resized images by ONNX's own node, which wants the channels first."""
    rank = c.rank()
    last = axes[1] != rank - 1
    batched = x if rank == 4 else c.add("Unsqueeze", x, [0])
    batched = c.transpose(batched, [0, 3, 1, 2]) if last else batched
    shape = list(c.out.shape) if rank == 4 else [1, *c.out.shape]
    shape = [shape[n] for n in (0, 3, 1, 2)] if last else shape
    more = {"nearest_mode": "round_prefer_ceil"} if mode == "nearest" else {}
    y = c.add(
        "Resize", batched, "", "", c.graph.sizes(shape), mode=mode,
        coordinate_transformation_mode="half_pixel", **more,
    )  # fmt: skip
    y = c.transpose(y, [0, 2, 3, 1]) if last else y
    return y if rank == 4 else c.add("Squeeze", y, [0])


def _by_matrices(c: Call, x: str, axes: list[int], R_h: Any, R_w: Any) -> str:
    """Return R_h x R_w^T along the images' axes."""
    rank = c.rank()
    if axes[1] == rank - 1:
        return c.add("MatMul", c.add("MatMul", R_h, x), np.ascontiguousarray(R_w.T))
    order = [*range(rank - 3), rank - 1, rank - 3, rank - 2]
    back = [*range(rank - 3), rank - 2, rank - 1, rank - 3]
    x = c.transpose(x, order)
    y = c.add("MatMul", c.add("MatMul", R_h, x), np.ascontiguousarray(R_w.T))
    return c.transpose(y, back)
