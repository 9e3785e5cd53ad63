"""What a model takes, and arrays of several sizes to watch it with."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from melpy import config, tree
from melpy.errors import ArgumentError, UnsupportedError

__all__ = ["Place", "arrays_of", "places_of", "sizes_to_try"]

BATCH = (2, 3, 5)
ROUNDS = [(5, 3, 7), (3, 7, 2), (7, 4, 3), (4, 9, 5), (9, 5, 4)]  # other axes, times a unit
UNITS = (4, 16, 1, 32, 8, 2)


@dataclass
class Place:
    """One input: its name, its shape with None for what is not known, its type."""

    name: str
    shape: tuple[int | None, ...]
    dtype: np.dtype


def places_of(model: Any, input_signature: Any) -> tuple[Any, list[Place]]:
    """Return the structure of a model's inputs, and its leaves."""
    if input_signature is not None:
        signature = input_signature
        if isinstance(signature, list | tuple) and len(signature) == 1:
            signature = signature[0]  # as Keras takes it
        return signature, [_place(x, n) for n, x in enumerate(tree.flatten(signature))]
    if model._graph is not None:
        return model._graph.inputs, [_place(x, n) for n, x in enumerate(model._graph.starts)]
    shapes = getattr(model, "_build_shapes", None) or {}
    if len(shapes) != 1 or next(iter(shapes.values())) is None:
        raise ArgumentError(
            f"{type(model).__name__} {model.name!r}",
            "it does not know its inputs yet",
            expected="input_signature, such as [melpy.InputSpec(shape=(None, 8), dtype='float32')]",
            mend="Or call the model once before.",
        )
    leaves: list[Place] = []

    def leaf(shape: Any) -> Place:
        name = "input" if not leaves else f"input_{len(leaves)}"
        leaves.append(Place(name, tuple(shape), np.dtype(config.floatx())))
        return leaves[-1]

    return tree.map_shape_structure(leaf, next(iter(shapes.values()))), leaves


def _place(x: Any, number: int) -> Place:
    """Return what one entry of a signature says."""
    shape, dtype = getattr(x, "shape", None), getattr(x, "dtype", None)
    if shape is None:
        raise ArgumentError(
            "export",
            "an input of the signature has no shape",
            expected="things with a shape and a dtype, such as melpy.InputSpec",
            received={"input": x},
        )
    name = str(getattr(x, "name", None) or ("input" if not number else f"input_{number}"))
    kind = np.dtype(str(dtype or config.floatx()).replace("string", "str"))
    if kind.kind not in "fiub":
        raise UnsupportedError(
            "export",
            "models that take text are not exported",
            expected="inputs that are numbers",
            received={"input": name, "dtype": str(dtype)},
            mend="Leave out the layers that make numbers of it, and export those behind them.",
        )
    return Place(name, tuple(shape), kind)


Sizes = dict[tuple[int, int], tuple[int, ...]]  # of each axis that is not known, one a run


def sizes_to_try(places: Sequence[Place]) -> Iterator[Sizes]:
    """Yield sizes for the axes that are not known; those after the first are tried by units."""
    unknown = [(n, k) for n, p in enumerate(places) for k, s in enumerate(p.shape) if s is None]
    rest = [at for at in unknown if at[1]]
    batch: Sizes = {at: BATCH for at in unknown if not at[1]}
    if not rest:
        yield batch
        return
    for apart, unit in itertools.product((True, False), UNITS):  # equal sizes only if they must be
        rounds = itertools.cycle(ROUNDS) if apart else itertools.repeat(ROUNDS[0])
        yield batch | {
            at: tuple(unit * n for n in one) for at, one in zip(rest, rounds, strict=False)
        }


def arrays_of(places: Sequence[Place], sizes: Sizes, run: int, draw: str, other: bool) -> list[Any]:
    """Return inputs for one run; the ``other`` values lie on the other side of the middle."""
    rng = np.random.default_rng(run)
    made = []
    for n, place in enumerate(places):
        shape = tuple(sizes[n, k][run] if s is None else s for k, s in enumerate(place.shape))
        draws, middle = DRAWS[draw if place.dtype.kind == "f" else "whole"]
        x = np.asarray(draws(rng, shape))
        made.append((2 * middle - x if other else x).astype(place.dtype))
    return made


Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
DRAWS: dict[str, tuple[Draw, float]] = {  # and the middle of what is drawn
    "normal": (lambda rng, shape: rng.normal(size=shape), 0.0),
    "whole": (lambda rng, shape: rng.integers(0, 2, shape), 0.5),
    "positive": (lambda rng, shape: rng.uniform(0.5, 1.0, size=shape), 0.75),
}
