"""What a layer takes: rank, sizes and type of its inputs, which are checked before a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from melpy import tree
from melpy.errors import ArgumentError, DtypeError, ShapeError

__all__ = ["InputSpec", "require_compatible"]


class InputSpec:
    """The rank, sizes and type of an input; a layer's ``input_spec`` is one, or several.

    Parameters
    ----------
    dtype : str or type, or None for any
    shape : tuple of ints, with the batch axis; None in it for any size
    ndim, max_ndim, min_ndim : int, how many axes; ``shape`` says it too
    axes : dict of an axis to its size
    allow_last_axis_squeeze : bool, whether a last axis of 1 may be missing, or be too many
    name : str, the input's key where inputs come as a dict
    optional : bool, whether None may come

    Raises
    ------
    ArgumentError : an axis that inputs of this rank do not have
    DtypeError : axes that are no dict of whole numbers

    Examples
    --------
    >>> import melpy, numpy as np
    >>> layer = melpy.layers.Identity()
    >>> layer.input_spec = melpy.layers.InputSpec(ndim=2, axes={-1: 3})
    >>> layer(np.zeros((5, 3))).shape
    (5, 3)
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = None if dtype is None else np.dtype(dtype).name
        self.shape = None if shape is None else tuple(shape)
        self.ndim = ndim if self.shape is None else len(self.shape)
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        self.allow_last_axis_squeeze, self.name, self.optional = (
            allow_last_axis_squeeze, name, optional,
        )  # fmt: skip
        try:
            self.axes = {int(axis): size for axis, size in dict(axes or {}).items()}
        except (TypeError, ValueError) as error:
            raise DtypeError(
                "InputSpec",
                "axes is no dict of axes",
                expected="a dict of an axis to its size, such as {-1: 3}",
                received={"axes": axes},
            ) from error
        most = self.ndim or max_ndim
        if self.axes and most and max(self.axes) >= most:
            raise ArgumentError(
                "InputSpec",
                f"inputs have no axis {max(self.axes)}",
                expected=f"axes below {most}",
                received={"axes": self.axes},
            )

    def __repr__(self) -> str:
        shown = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes")
        given = {name: getattr(self, name) for name in shown}
        return f"InputSpec({', '.join(f'{n}={value}' for n, value in given.items() if value)})"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal one."""
        names = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes", "optional")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> InputSpec:
        """Make one from `get_config`'s result."""
        return cls(**config)

    def misfit(self, x: Any) -> tuple[str, str] | None:
        """Return what is wrong with an input, and what would be right; None for nothing."""
        shape = tuple(x.shape)
        if self.ndim is not None and len(shape) != self.ndim and not self.allow_last_axis_squeeze:
            return f"has {len(shape)} axes", f"{self.ndim} axes"
        if self.max_ndim is not None and len(shape) > self.max_ndim:
            return f"has {len(shape)} axes", f"at most {self.max_ndim} axes"
        if self.min_ndim is not None and len(shape) < self.min_ndim:
            return f"has {len(shape)} axes", f"at least {self.min_ndim} axes"
        if self.dtype is not None and np.dtype(x.dtype).name != self.dtype:
            return f"is of type {np.dtype(x.dtype).name}", self.dtype
        for axis, size in self.axes.items():
            if size is not None and shape[axis] not in (size, None):
                return f"has {shape[axis]} values along axis {axis}", f"{size} along this axis"
        wanted = self.shape
        if wanted is not None:
            if self.allow_last_axis_squeeze:
                shape, wanted = _squeezed(shape), _squeezed(wanted)
            pairs = zip(wanted, shape, strict=False)
            if any(a is not None and b is not None and a != b for a, b in pairs):
                return "has another shape", f"shape {self.shape}"
        return None


def _squeezed(shape: tuple[Any, ...]) -> tuple[Any, ...]:
    return shape[:-1] if shape and shape[-1] == 1 else shape


def require_compatible(spec: Any, inputs: Any) -> None:
    """Refuse inputs that are not what a spec, or a structure of specs, asks for."""
    specs = tree.flatten(spec)
    if isinstance(inputs, Mapping) and all(one is not None and one.name for one in specs):
        missing = [one.name for one in specs if one.name not in inputs]
        if missing:
            raise ArgumentError(
                "call",
                f"the input {missing[0]!r} is missing",
                expected=f"a dict with {', '.join(repr(one.name) for one in specs)}",
                received={"keys": list(inputs)},
            )
        inputs = [inputs[one.name] for one in specs]
    leaves = tree.flatten(inputs)
    if len(leaves) != len(specs):
        raise ShapeError(
            "call",
            f"{len(leaves)} inputs came",
            expected=f"{len(specs)} inputs",
            received={"shapes": [getattr(x, "shape", None) for x in leaves]},
        )
    for number, (x, one) in enumerate(zip(leaves, specs, strict=True)):
        if one is None or (x is None and one.optional):
            continue
        if not hasattr(x, "shape"):
            raise ArgumentError(
                "call",
                f"input {number} is no tensor",
                expected="arrays or tensors",
                received={"type": type(x).__name__},
            )
        wrong = one.misfit(x)
        if wrong is not None:
            raise ShapeError(
                "call",
                f"input {number} {wrong[0]}",
                expected=wrong[1],
                received={"shape": tuple(x.shape)},
            )
