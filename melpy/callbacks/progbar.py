"""Progbar: how far a loop of one's own has come."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from melpy import config
from melpy.errors import ArgumentError

__all__ = ["Progbar", "verbosity"]


def verbosity(who: str, verbose: Any, auto: int = 1) -> int:
    """Return 0, 1 or 2 for how much is to be said, or refuse what is none of them.

    Examples
    --------
    >>> verbosity("fit", "auto"), verbosity("fit", True), verbosity("fit", 2)
    (1, 1, 2)
    """
    if isinstance(verbose, str) and verbose == "auto":
        return auto
    if isinstance(verbose, int | np.integer | np.bool_) and 0 <= verbose <= 2:
        return int(verbose)
    raise ArgumentError(
        who,
        "verbose is out of range",
        expected='0 for silence, 1 for a bar, 2 for one line, or "auto"',
        received={"verbose": verbose},
    )


class Progbar:
    """A bar that is redrawn as steps are done, with their metrics beside it.

    Parameters
    ----------
    target : int >= 0, how many steps there are, or None if that is not known
    width : int > 0, of the bar, in characters
    verbose : 0 for nothing, 1 for a bar, 2 for one line at the end
    interval : float, in seconds, the least time from one drawing to the next
    stateful_metrics : names of metrics that are shown as they come; others are averaged over the
        steps that they stand for
    stateless_metrics : names of metrics that are averaged, all others being shown as they come;
        one of the two lists is given, or none, which averages all
    unit_name : str, what is counted

    Raises
    ------
    ArgumentError : both lists are given, or a number is out of range

    Source
    ------
    Keras 3, ``keras.utils.Progbar``.

    Examples
    --------
    >>> bar = Progbar(3, verbose=2)
    >>> for step in range(3):  # doctest: +ELLIPSIS
    ...     bar.add(1, [("loss", 3.0 - step)])
    3/3 - ...s/step - loss: 1.0000
    """

    def __init__(
        self,
        target: int | None,
        width: int = 20,
        verbose: int = 1,
        interval: float = 0.05,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ArgumentError(
                "Progbar",
                "Only one of stateful_metrics and stateless_metrics can be given",
                expected="the shorter of the two lists",
            )
        if target is not None and target < 0:
            raise ArgumentError(
                "Progbar",
                "the target is out of range",
                expected="an int >= 0, or None",
                received={"target": target},
            )
        self.target, self.width, self.verbose = target, width, verbosity("Progbar", verbose)
        self.interval, self.unit_name = interval, unit_name
        self.stateful_metrics = None if stateful_metrics is None else set(stateful_metrics)
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self._sums: dict[str, tuple[Any, int]] = {}  # of each metric: a sum, and of how many
        self._done = 0
        self._started_s, self._shown_s = time.perf_counter(), -1.0
        self._first_s: float | None = None  # when the first step, often a slow one, was done
        self._columns = 0  # that the last drawing filled

    def _is_averaged(self, name: str) -> bool:
        if self.stateless_metrics is not None:
            return name in self.stateless_metrics
        return name not in (self.stateful_metrics or ())

    def update(
        self,
        current: int,
        values: Iterable[tuple[str, Any]] | None = None,
        finalize: bool | None = None,
    ) -> None:
        """Show that ``current`` steps are done.

        Parameters
        ----------
        current : int
        values : pairs (metric's name, its value in the steps since the last call)
        finalize : bool, whether this is the last drawing; None for whether the target is reached
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or ():
            steps = max(current - self._done, 1)
            if finalize or not self._is_averaged(name):
                self._sums[name] = (value, 1)
            else:
                total, count = self._sums.get(name, (0.0, 0))
                self._sums[name] = (total + np.multiply(value, steps), count + steps)
        self._done = current
        now = time.perf_counter()
        each_s = self._step_s(current, now)
        if self.verbose == 1 and (finalize or now - self._shown_s >= self.interval):
            self._draw(current, now, each_s, finalize)
            self._shown_s = now
        elif self.verbose == 2 and finalize and self.target:
            passed, unit = f"{now - self._started_s:.0f}s", f"{_seconds(each_s)}/{self.unit_name}"
            config.say(f"{self._count(current)} - {passed} - {unit}{self._metrics()}")

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Show that ``n`` more steps are done."""
        self.update(self._done + n, values)

    def _step_s(self, current: int, now: float) -> float:
        """Return what a step takes, without the first where there are more."""
        if not current:
            return 0.0
        if self._first_s is not None and current > 1:
            return (now - self._first_s) / (current - 1)
        if current == 1:
            self._first_s = now
        return (now - self._started_s) / current

    def _draw(self, current: int, now: float, each_s: float, finalize: bool) -> None:
        code = (getattr(sys.stdout, "encoding", None) or "utf-8").lower()
        full, rest = ("━", "─") if code.startswith("utf") else ("=", ".")
        if self.target:
            filled = min(self.width * current // self.target, self.width)
            head = f"{self._count(current)} {full * filled}{rest * (self.width - filled)} "
        else:
            head = f"{current:7d}/Unknown "
        left_s = each_s * ((self.target or current) - current)
        clock = left_s if self.target and not finalize else now - self._started_s
        line = f"{head}{_clock(clock)} {_seconds(each_s)}/{self.unit_name}{self._metrics()}"
        # Spaces over what is left of a longer line, for terminals and notebooks alike.
        config.say("\r" + line.ljust(self._columns), end="\n" if finalize else "")
        self._columns = len(line)

    def _count(self, current: int) -> str:
        return f"{current:{len(str(self.target))}d}/{self.target}"

    def _metrics(self) -> str:
        shown = ""
        for name, (total, count) in self._sums.items():
            mean = float(np.mean(total)) / max(count, 1)
            shown += f" - {name}: {mean:.4f}" if abs(mean) > 1e-3 else f" - {name}: {mean:.4e}"
        return shown


def _seconds(each_s: float) -> str:
    if each_s >= 1 or each_s == 0:
        return f"{each_s:.0f}s"
    return f"{each_s * 1e3:.0f}ms" if each_s >= 1e-3 else f"{each_s * 1e6:.0f}us"


def _clock(seconds: float) -> str:
    whole = int(seconds)
    if whole > 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}" if whole > 60 else f"{whole}s"
