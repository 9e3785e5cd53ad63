"""Vector-Jacobian products: from an output's gradient to an input's, several in one sweep."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

__all__ = ["Selective", "Vjp", "joint", "selective"]

Vjp = Callable[[np.ndarray], np.ndarray]


def joint(back: Callable[[np.ndarray], Sequence[np.ndarray | None]], count: int) -> tuple[Vjp, ...]:
    """Return ``count`` vjps that share one sweep: ``back(g)`` gives all gradients at once."""
    latest: list[object] = [None, ()]  # the g that was swept last, and its gradients

    def one(index: int) -> Vjp:
        def vjp(g: np.ndarray) -> np.ndarray:
            if latest[0] is not g:
                latest[:] = [g, back(g)]
            return latest[1][index]  # type: ignore[index]

        return vjp

    return tuple(one(index) for index in range(count))


class Selective(tuple):
    """Vjps that share one sweep, and the flags that tell it which of them are wanted."""

    wanted: list[bool]


def selective(back: Callable[..., Sequence[np.ndarray | None]], count: int) -> Sequence[Vjp]:
    """Return what `joint` does, for a sweep that spares itself the gradients nobody asked for.

    ``back(g, wanted)`` gives all gradients, None where the flag of that input is False.
    """
    wanted = [True] * count  # not an attribute of its user: a cycle would keep the arrays alive
    vjps = Selective(joint(lambda g: back(g, tuple(wanted)), count))
    vjps.wanted = wanted
    return vjps
