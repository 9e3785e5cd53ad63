"""A chain of datasets, each made of others: what all of it follows from can be kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from melpy.errors import DataError
from melpy.layers.drawing import stand, standing

__all__ = ["Chain", "Passes"]


@dataclass
class Passes:
    """How often a source was gone through."""

    count: int = 0


class Chain:
    """What a dataset and those that it is made of follow from. Abstract."""

    seed: int | None = None  # of what this one draws itself
    _passes: Passes  # the source's, shared by all that is made of it
    _reads: tuple[Chain, ...] = ()  # those that it is made of
    _calls: Any = None  # the function that it calls
    _has_thread = False  # that makes elements, by the user's own functions, ahead of who takes them

    @property
    def epoch(self) -> int:
        """The number of the next epoch."""
        return self._passes.count

    @epoch.setter
    def epoch(self, number: int) -> None:
        self._passes.count = number

    def standing(self) -> dict[str, Any]:
        """Return what the elements of the next epoch follow from, in plain values."""
        parts = self._chain()
        return {
            "epoch": self.epoch,
            "seeds": [part.seed for part in parts],
            "sources": standing([part._calls for part in parts], "dataset"),
        }

    def stand(self, order: Mapping[str, Any]) -> None:
        """Let the next epoch follow from what `standing` returned for an equal dataset."""
        parts = self._chain()
        if len(order["seeds"]) != len(parts):
            raise DataError(
                "Dataset",
                "a backup is of a dataset that was made in another way",
                expected=f"{len(order['seeds'])} steps that make it",
                received={"steps": len(parts)},
            )
        self.epoch = order["epoch"]
        for part, seed in zip(parts, order["seeds"], strict=True):
            part.seed = seed
        stand([part._calls for part in parts], order["sources"], "Dataset", "dataset")

    @property
    def is_ahead(self) -> bool:
        """Whether functions may have drawn for elements that nobody has taken yet."""
        return any(part._has_thread for part in self._chain())

    def _chain(self) -> list[Chain]:
        """Return this dataset and all that it is made of."""
        return [self, *(part for read in self._reads for part in read._chain())]
