"""Which settings a sweep tries next: a grid of values, or what Optuna suggests."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from melpy.errors import ArgumentError, needing

__all__ = ["WHO", "Grid", "Range", "Row", "Search", "Suggestions", "Values"]

WHO = "sweep"
Values = dict[str, Any]
Row = dict[str, Any]


class Range:
    """Numbers from low to high, of which a search may take any; by factors, where low > 0.

    Examples
    --------
    >>> Range.read("1e-4..1e-2", float)
    Range(0.0001, 0.01)
    >>> Range.read("16", int) is None
    True
    """

    def __init__(self, low: Any, high: Any) -> None:
        self.low, self.high = low, high

    def __repr__(self) -> str:
        return f"Range({self.low}, {self.high})"

    @classmethod
    def read(cls, text: str, kind: Callable[[str], Any]) -> Range | None:
        """Return the range that "LOW..HIGH" means, None for other text; ValueError if no range."""
        low, dots, high = text.partition("..")
        if not dots:
            return None
        made = cls(kind(low), kind(high))
        if not -math.inf < made.low < made.high < math.inf:
            raise ValueError(text)
        return made


class Search(Protocol):
    """What says which values are tried next, and is told what came of them."""

    def next(self) -> Values | None: ...
    def told(self, values: Values, row: Row, is_of_classes: bool) -> None: ...


class Grid:
    """Each value with each of the others, in their order.

    Parameters
    ----------
    choices : the values of each setting
    """

    def __init__(self, choices: Mapping[str, Sequence[Any]]) -> None:
        for name, values in choices.items():
            if any(isinstance(value, Range) for value in values):
                raise ArgumentError(
                    WHO, f"a range of {name} has no end of values",
                    expected="values between commas, or --optuna N to try N of them",
                )  # fmt: skip
        rows = itertools.product(*choices.values())
        self._left = iter([dict(zip(choices, row, strict=True)) for row in rows])

    def next(self) -> Values | None:
        """Return the next values, None after the last."""
        return next(self._left, None)

    def told(self, values: Values, row: Row, is_of_classes: bool) -> None:
        """Heed nothing."""


class Suggestions:
    """So many values as Optuna suggests them, by what came of those before.

    Parameters
    ----------
    choices : of each setting, values or one `Range`
    count : int > 0, how many trials
    seed : int, of Optuna's sampler

    Raises
    ------
    DependencyError : Optuna is not installed
    """

    def __init__(self, choices: Mapping[str, Sequence[Any]], count: int, seed: int) -> None:
        with needing(WHO, "Optuna is not installed", "Install it: pip install optuna"):
            import optuna
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._failed = optuna.trial.TrialState.FAIL
        self._study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
        self._choices, self._left = choices, count
        self._open: list[tuple[Values, Any]] = []

    def next(self) -> Values | None:
        """Return the next values, None after the last."""
        if not self._left:
            return None
        self._left -= 1
        trial = self._study.ask()
        values = {name: self._suggested(trial, name, of) for name, of in self._choices.items()}
        self._open.append((values, trial))
        return values

    def _suggested(self, trial: Any, name: str, choices: Sequence[Any]) -> Any:
        if not isinstance(choices[0], Range):
            return trial.suggest_categorical(name, list(choices))
        low, high = choices[0].low, choices[0].high
        kind = trial.suggest_int if isinstance(low, int) else trial.suggest_float
        return kind(name, low, high, log=low > 0)

    def told(self, values: Values, row: Row, is_of_classes: bool) -> None:
        """Note how good a trial was: Optuna makes the number small."""
        place = next(n for n, (given, _) in enumerate(self._open) if given is values)
        trial = self._open.pop(place)[1]
        if not math.isfinite(row.get("measured", math.nan)):
            self._study.tell(trial, state=self._failed)
        else:
            self._study.tell(trial, -row["measured"] if is_of_classes else row["measured"])
