"""What leads where in a model, and where its layers stand in the picture of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from melpy import tree
from melpy.viz.layout import placed

__all__ = ["INPUT", "finished", "picture", "ways"]

INPUT = -1  # where the model's own inputs come from
BOX, GAP = (1.0, 1.0), 0.5  # rows stand so far apart; boxes of a row half of it

From = frozenset[int]


def finished(rows: Iterable[Any]) -> list[Any]:
    """Return rows of a trace in the order in which they end: a model inside after its layers."""
    made: list[Any] = []
    waiting: list[Any] = []
    for row in rows:
        while waiting and waiting[-1].depth >= row.depth:
            made.append(waiting.pop())
        waiting.append(row)
    return made + waiting[::-1]


def ways(model: Any, rows: Sequence[Any]) -> list[tuple[int, int]]:
    """Return what a model's graph leads from where to where, as pairs of rows' numbers.

    What no layer does, as the + of two tensors, is passed through. Where there is no graph, as in a
    class of one's own, each row follows the one that made its input, or else the one before it.

    Parameters
    ----------
    model : model
    rows : rows of its trace, in the order of `finished`, without those of input layers

    Returns
    -------
    list of (from, to), from < to; from is `INPUT` for the model's input
    """
    return _Walk(rows).through(model)


class _Walk:
    """A way through a model's graph beside the rows that its trace made."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self.rows = rows
        self.numbers = {row.name: n for n, row in enumerate(rows)}
        self.uses: Counter[str] = Counter()
        self.found: set[tuple[int, int]] = set()

    def through(self, model: Any) -> list[tuple[int, int]]:
        """Return all pairs."""
        graph = getattr(model, "_graph", None)
        if graph is None:
            self._in_order(range(len(self.rows)), frozenset({INPUT}))
        else:
            self._graph(graph, [frozenset({INPUT})] * len(graph.starts), "")
        return sorted(self.found)

    def _graph(self, graph: Any, given: Sequence[From], before: str) -> list[From]:
        """Walk one graph; return where each of its outputs comes from."""
        made: dict[int, From] = {id(x): n for x, n in zip(graph.starts, given, strict=True)}
        for call in graph.calls:
            sources = [made[id(x)] for x in call.inputs]
            end = self._call(call.function, sources, before)
            made |= {id(x): end for x in tree.flatten(call.outputs)}
        return [made[id(x)] for x in graph.ends]

    def _call(self, function: Any, sources: list[From], before: str) -> From:
        """Walk one call; return where what it made comes from."""
        together: From = frozenset().union(*sources)
        path = f"{before}{getattr(function, 'name', '')}"
        self.uses[path] += 1
        name = path if self.uses[path] == 1 else f"{path} ({self.uses[path]})"
        number = self.numbers.get(name)
        if number is None:  # no layer, or one that does nothing
            return together
        inner = getattr(function, "_graph", None)
        if inner is not None and len(inner.starts) == len(sources):
            together = frozenset().union(*self._graph(inner, sources, f"{path}/"))
        else:
            inside = [n for n in self._inside(number) if n not in {to for _, to in self.found}]
            together = self._in_order(inside, together)
        self._lead(together, number)
        return frozenset({number})

    def _inside(self, number: int) -> range:
        """Return the rows of what a layer is made of: those before it that lie deeper."""
        first = number
        while first > 0 and self.rows[first - 1].depth > self.rows[number].depth:
            first -= 1
        return range(first, number)

    def _in_order(self, numbers: Sequence[int], given: From) -> From:
        """Let rows follow the ones that made their inputs, or the ones before; return the last."""
        last, made = given, dict[int, int]()
        for n in numbers:
            given_to = [id(x) for x in tree.flatten(self.rows[n].input)]
            self._lead(frozenset(made[x] for x in given_to if x in made) or last, n)
            made |= {id(y): n for y in tree.flatten(self.rows[n].output)}
            last = frozenset({n})
        return last

    def _lead(self, sources: From, number: int) -> None:
        self.found |= {(source, number) for source in sources}


def picture(model: Any, rows: Sequence[Any]) -> dict[str, Any]:
    """Return the picture of a model as the page draws it, one box high and wide a layer.

    Returns
    -------
    dict : "boxes", (x, y) of the centre of each row's box, after that of the input; "ways", of each
        {"from", "to", "points"}; "size", width and height
    """
    found = ways(model, rows)
    arrows = [(start + 1, end + 1) for start, end in found]  # the input is the first box
    centres, points = placed([BOX] * (len(rows) + 1), arrows, GAP)
    across = [x for x, _ in centres] + [x for way in points for x, _ in way]
    down = [y for _, y in centres]
    return {
        "boxes": [_rounded(point) for point in centres],
        "ways": [
            {"from": start, "to": end, "points": list(map(_rounded, way))}
            for (start, end), way in zip(found, points, strict=True)
        ],
        "size": _rounded((max(across) + BOX[0] / 2, max(down) + BOX[1] / 2)),
    }


def _rounded(point: tuple[float, float]) -> list[float]:
    return [round(number, 3) for number in point]
