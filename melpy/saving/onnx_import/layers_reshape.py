"""Reshape: to numbers, to sizes that are x's own, and the three that are a group normalization."""

from __future__ import annotations

import operator
from typing import Any

from melpy import layers, ops
from melpy.saving.onnx_import.layers_images import are_learnt
from melpy.saving.onnx_import.maker import Maker, builder
from melpy.saving.onnx_import.nodes import Node
from melpy.saving.onnx_import.sizes import Size, are_same, product
from melpy.saving.onnx_import.values import Value

__all__: list[str] = []


@builder("Reshape")
def reshape(maker: Maker, node: Node, x: Value, shape: Value) -> Any:
    """Reshape to sizes of which the unknown ones are x's own, or the one that is left."""
    if shape.known is None:
        return None
    sizes = list(shape.known.reshape(-1))
    if not node.get("allowzero", 0):
        sizes = [x.dims[n] if not isinstance(s, Size) and s == 0 and n < x.rank else s
                 for n, s in enumerate(sizes)]  # fmt: skip
    grouped = _grouped(maker, x, sizes)
    if grouped is not None:
        return grouped
    target = _resolved(sizes, x)
    if target is None:
        return None
    dims = [s if isinstance(s, Size) or s >= 0 else None for s in sizes]
    if x.last and x.rank > 3 and len(target) == 3 and _keeps_channels(x, sizes):
        tensor = ops.reshape(x.tensor, newshape=(target[0], target[2], target[1]))
        return _as(maker, node, x, shape, tensor, dims, last=True)
    y = ops.reshape(x.first, newshape=tuple(target))
    return _as(maker, node, x, shape, y, dims)


def _as(maker: Maker, node: Node, x: Value, shape: Value, y: Any, dims: Any,
        last: bool = False) -> Value:  # fmt: skip
    made = maker.value(node, [x, shape], y, last)
    made.dims = tuple(
        told if isinstance(told, Size) else found
        for told, found in zip(dims, made.dims, strict=True)
    )
    made.fill = x.fill
    return made


def _resolved(sizes: list[Any], x: Value) -> list[int | None] | None:
    """Return sizes as `ops.reshape` takes them: numbers, one -1, None for x's own; or None."""
    own, unknown = list(x.dims), [n for n, s in enumerate(sizes) if isinstance(s, Size)]
    rest = [n for n, s in enumerate(sizes) if not isinstance(s, Size) and s == -1]
    if len(unknown) + len(rest) <= 1:
        return [-1 if isinstance(s, Size) else int(s) for s in sizes]
    if len(rest) == 1 and unknown:  # what is left may be a number, if the unknown ones are x's
        total, mine = product(own)
        each, theirs = product([s for s in sizes if isinstance(s, Size) or s != -1])
        if (
            len(mine) == len(theirs)
            and all(map(operator.is_, mine, theirs))
            and each
            and (total % each == 0)
        ):
            return _resolved([total // each if n in rest else s for n, s in enumerate(sizes)], x)
    if all(n < len(own) and own[n] is sizes[n] for n in unknown):
        return [None if isinstance(s, Size) else int(s) for s in sizes]
    return None


def _keeps_channels(x: Value, sizes: list[Any]) -> bool:
    """Return whether (N,C,H,W) becomes (N,C,H W)."""
    return are_same(sizes[:2], x.dims[:2]) and not isinstance(sizes[1], Size)


def _grouped(maker: Maker, x: Value, sizes: list[Any]) -> Value | None:
    """Return a group normalization, which PyTorch writes as instances of reshaped images.

    (N,C,H,W) -> (N,G,C H W / G), normalized without a scale, and back; then scale and offset.
    """
    if x.origin is None or x.origin[0].op != "InstanceNormalization" or x.rank != 3:
        return None
    node, (before,) = x.origin
    if before.origin is None or before.origin[0].op != "Reshape":
        return None
    images, _ = before.origin[1]
    groups = before.dims[1]
    if (
        isinstance(groups, Size)
        or not node.get("is plain")
        or images.rank < 3
        or not are_same(sizes, images.dims)
    ):
        return None
    C = images.shape[1]
    if not C or C % groups or before.dims[0] is not images.dims[0]:
        return None
    following, arrays = maker.row("Mul", "Add"), []
    proto = maker.proto
    for one in following:
        value, proto = maker.beside(one, proto), one
        if (
            value is None
            or not are_learnt(x, value)
            or value.array.size != C
            or (value.shape[-images.rank + 1 :] != (C, *[1] * (images.rank - 2)))
        ):
            break
        arrays.append(value)
    own = maker.proto
    maker.proto = following[0] if arrays else own  # whose weights tell its name
    y = maker.layer(
        layers.GroupNormalization, images.turned(True), [v.array.reshape(-1) for v in arrays],
        shared=tuple(arrays), groups=groups, axis=-1, epsilon=node.get("epsilon", 1e-5),
        scale=len(arrays) > 0, center=len(arrays) > 1,
    )  # fmt: skip
    maker.proto = own
    made = maker.value(Node("GroupNormalization", 21), [images], y, last=True)
    if arrays:
        maker.take_along(following[: len(arrays)], made)
    return made
