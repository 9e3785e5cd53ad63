"""What a model gives, as compile's arguments and the labels meet it: so many leaves, nested so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from melpy import tree
from melpy.errors import ArgumentError, ShapeError, nearest

__all__ = ["Outputs"]


class Outputs:
    """The leaves of a model's outputs: how many, how they are nested, what they are called.

    Parameters
    ----------
    y_pred : the outputs of one batch, or anything nested as they are
    names : the leaves' names, where the model knows them
    """

    def __init__(self, y_pred: Any, names: Sequence[str] | None) -> None:
        self.nesting = tree.map_structure(lambda _: None, y_pred)
        self.single = not tree.is_nested(y_pred)
        self.count = len(tree.flatten(y_pred))
        self.is_flat = not self.single and len(y_pred) == self.count
        fits = names is not None and len(names) == self.count
        self.layers: list[str | None] = list(names or ()) if fits else [None] * self.count
        if self.is_flat and isinstance(y_pred, dict):
            self.names: list[str | None] = tree.keys_of(y_pred)
        else:
            self.names = self.layers

    def spread(self, value: Any, what: str, who: str, held: Sequence[int] = ()) -> list[Any]:
        """Return one entry for each leaf, in their order; None for what is left out.

        Parameters
        ----------
        value : entries nested as the outputs are, in their order, or by their names
        what, who : str, in messages
        held : the leaves that have a loss: labels may be those of these alone
        """
        if value is None:
            return [None] * self.count
        made = self._placed(self.nesting, value, self.names, what, who)
        if made is not None:
            return made
        flat = tree.flatten(value)
        if len(flat) == self.count:
            return flat
        if len(flat) == len(held):
            entries = dict(zip(held, flat, strict=True))
            return [entries.get(n) for n in range(self.count)]
        raise ShapeError(
            who,
            f"{what} has {len(flat)} entries, but the model has {self.count} outputs",
            expected=f"{what} nested as the outputs are: {self._shown()}",
            received={what: tree.map_structure(lambda x: getattr(x, "shape", x), value)},
        )

    def _placed(
        self, nesting: Any, value: Any, names: Sequence[str | None], what: str, who: str
    ) -> list[Any] | None:
        """Return the entries where the nesting is the outputs' own, or None."""
        if isinstance(value, dict) and not isinstance(nesting, dict):
            known = [name for name in names if name]
            if len(known) < len(names) or not tree.is_nested(nesting):
                return None
            self._require_known(value, known, what, who)
            return [value.get(name) for name in known]
        if not tree.is_nested(nesting):
            return None if tree.is_nested(value) else [value]
        if isinstance(nesting, dict) and isinstance(value, dict):
            self._require_known(value, nesting, what, who)
            pairs = [(nesting[key], value.get(key)) for key in tree.keys_of(nesting)]
        elif isinstance(value, list | tuple) and len(value) == len(nesting):
            keys = tree.keys_of(nesting) if isinstance(nesting, dict) else range(len(nesting))
            branches = [nesting[key] for key in keys]
            pairs = list(zip(branches, value, strict=True))
        else:
            return None
        made: list[Any] = []
        for branch, entry in pairs:
            count = len(tree.flatten(branch))
            inner = (
                [None] * count
                if entry is None
                else self._placed(branch, entry, [None] * count, what, who)
            )
            if inner is None:
                return None
            made += inner
        return made

    def _require_known(self, value: dict[str, Any], keys: Any, what: str, who: str) -> None:
        for key in value:
            if key not in keys:
                raise ArgumentError(
                    who,
                    f"{what} has no output {key!r}",
                    expected=f"the outputs {', '.join(map(repr, keys))}",
                    received={"keys": list(value)},
                    mend=nearest(str(key), [str(k) for k in keys]),
                )

    def _shown(self) -> str:
        return repr(tree.pack_sequence_as(self.nesting, [name or "*" for name in self.names]))
