"""An op in a step that is written down: what a program does of it, if it is more than kernels.

Most ops are NumPy's own functions, and those are regions too (`melpy.kernels.tracing`). An op that
looks at values, to branch or to sort, is done anew by Python between the regions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from melpy import tape
from melpy.kernels import program, threads, tracing
from melpy.vjps import Selective

__all__ = ["done_again", "written_down"]

Made = tuple[Any, Sequence[Any]]  # an op's output, and its vjps


def written_down(
    forward: Callable[..., Made],
    args: Sequence[Any],
    values: Sequence[Any],
    options: dict[str, Any],
) -> Made:
    """Run an op and have a program do it too: by regions where it can, else by Python.

    Parameters
    ----------
    forward : the op
    args : tensors and others, as they were given
    values : their arrays
    options : of the op
    """
    for arg in args:
        if isinstance(arg, tape.Variable) and arg.node is None:
            program.relies_on(arg)
    now = _arrays_of(args, values)
    stand_ins = [
        value[()] if isinstance(arg, int | float | np.generic) else tracing.traced(value)
        for arg, value in zip(args, values, strict=False)
    ]
    told = {key: tracing.traced(option) for key, option in options.items()}
    try:
        return _traced(forward, now, stand_ins, options, told)
    except tracing.UntraceableError:
        with threads.noted_by(None):
            y, vjps = forward(*values, **options)
    del values  # a program that kept the weights would be seen by who counts
    return done_again(lambda: forward(*now(), **options), y, vjps)


def _traced(
    forward: Callable[..., Made], now: Callable[[], list[Any]], stand_ins: Sequence[Any],
    options: dict[str, Any], told: dict[str, Any],
) -> Made:  # fmt: skip
    """Run an op with stand-ins; where only a gradient is no region, Python does that anew."""
    made: list[Any] = []

    def run() -> Any:
        made[:] = forward(*stand_ins, **told)
        return tracing.plain(made[0])

    y = tracing.as_regions(run)
    vjps = made[1]
    latest: list[Any] = [None, None]  # the g that came last, and what stands for it

    def one(index: int) -> Any:
        def back(g: np.ndarray) -> np.ndarray:
            if latest[0] is not g:
                latest[:] = g, tracing.Traced(g)
            return tracing.plain(vjps[index](latest[1]))

        def anew(g: np.ndarray) -> np.ndarray:
            return forward(*now(), **options)[1][index](g)

        def vjp(g: np.ndarray) -> np.ndarray:
            try:
                return tracing.as_regions(lambda: back(g))
            except tracing.UntraceableError:
                with threads.noted_by(None):
                    d = _own(anew(g))
            threads.again(lambda: _overwrite(d, anew(g)))
            return d

        return vjp

    return y, _in_the_place_of(vjps, [vjp and one(n) for n, vjp in enumerate(vjps)])


def _in_the_place_of(vjps: Sequence[Any], others: Sequence[Any]) -> Sequence[Any]:
    """Return other vjps that hear of what is wanted, as the first ones do."""
    if not isinstance(vjps, Selective):
        return tuple(others)
    same = Selective(others)
    same.wanted = vjps.wanted
    return same


def _arrays_of(args: Sequence[Any], values: Sequence[Any]) -> Callable[[], list[Any]]:
    """Return what gives an op's arrays at any time; it keeps the arguments, not their arrays."""
    pairs = [
        (arg, None) if isinstance(arg, tape.Variable) else (None, value)
        for arg, value in zip(args, values, strict=False)
    ]
    return lambda: [value if arg is None else arg.array for arg, value in pairs]


def done_again(forward: Callable[[], Made], y: Any, vjps: Sequence[Any]) -> Made:
    """Let a program do an op anew whose work is in no region; return what it does anew."""
    y = tuple(map(_own, y)) if isinstance(y, tuple) else _own(y)
    latest: list[Sequence[Any]] = [vjps]
    wanted = vjps.wanted if isinstance(vjps, Selective) else None

    def do() -> None:
        made, fresh = forward()
        if wanted is not None:
            fresh.wanted[:] = wanted  # type: ignore[attr-defined]
        latest[0] = fresh
        _overwrite(y, made)

    def one(index: int) -> Any:
        def vjp(g: np.ndarray) -> np.ndarray:
            with threads.noted_by(None):  # it is all done anew
                d = _own(latest[0][index](g))
            threads.again(lambda: _overwrite(d, latest[0][index](g)))
            return d

        return vjp

    threads.again(do, lambda: latest.__setitem__(0, ()))
    return y, _in_the_place_of(vjps, [vjp and one(n) for n, vjp in enumerate(vjps)])


def _own(x: Any) -> np.ndarray:
    """Return an array that can be written over."""
    return np.require(x, requirements=["C", "W"])


def _overwrite(old: Any, new: Any) -> None:
    """Write arrays over those of before, where they are not views of what has changed anyway."""
    pairs = zip(old, new, strict=True) if isinstance(old, tuple) else [(old, new)]
    for a, b in pairs:
        if a is not b and not np.may_share_memory(a, b):
            np.copyto(a, b)
