"""Live training: two runs side by side, told what to do by commands of plain values."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from melpy.errors import lookup
from melpy.lab import plane
from melpy.lab.asked import flag, refused
from melpy.lab.log import Log
from melpy.lab.runs import Run
from melpy.lab.said import SaidError
from melpy.lab.steps import Settings, Training
from melpy.lab.task import Task
from melpy.lab.training import labels_for

__all__ = ["Live", "task_of"]

RUNS = 2
WHO = "live training"
MOST_PARAMETERS = 20_000_000  # of a network that is copied for each run


def task_of(session: Any) -> Task:
    """Return what a session's network learns from, where it has samples with labels."""
    data = session.data
    if data is None or data.y is None or session.loss is None:
        raise SaidError(
            "error.noLabels", WHO, "there are no samples with labels to learn from",
            expected="a data set, or a folder with a folder a class",
            mend="Start melpy lab with --data.",
        )  # fmt: skip
    parameters = sum(w.size for w in session.model.weights)
    if parameters > MOST_PARAMETERS:
        raise SaidError(
            "error.tooLarge", WHO,
            "the network is too large to be copied for a training to look at",
            expected=f"at most {MOST_PARAMETERS:,} parameters",
            received={"parameters": parameters}, mend="Train it with melpy train.",
            values={"parameters": parameters, "most": MOST_PARAMETERS},
        )  # fmt: skip
    y, held_y = (labels_for(session.model, part) for part in (data.y, data.held_y))
    return Task(session.model, data.x, y, data.held_x, held_y, session.loss, data.classes)


class Live:
    """Two places for runs, each with its log.

    Parameters
    ----------
    session : what has ``model``, ``data``, ``loss``, ``lock``; only ``adopt`` changes its model
    """

    def __init__(self, session: Any) -> None:
        self.session = session
        self.logs = [Log() for _ in range(RUNS)]
        self.runs: list[Run | None] = [None] * RUNS
        self.is_closed = False
        self._readers = [0] * RUNS
        self._lock = threading.Lock()
        self._turns = [threading.Lock() for _ in range(RUNS)]  # of commands
        self._given: list[Any] | None = None  # the session's own weights, once others took over

    def command(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Do what is asked; return where the run stands then.

        Parameters
        ----------
        asked : {"command": one of `COMMANDS`, "run": 0 or 1, and what the command takes}

        Raises
        ------
        MelpyError : it cannot be done
        """
        if self.is_closed:
            raise SaidError("error.stopped", WHO, "melpy lab is being stopped")
        do = lookup("command", asked.get("command"), COMMANDS, WHO)
        number = self.number_of(asked.get("run", 0))
        with self._turns[number]:
            do(self, number, asked)
            return self.described(number)

    def number_of(self, run: Any) -> int:
        """Return a run's number, or refuse it."""
        if type(run) is not int or not 0 <= run < RUNS:
            raise refused("run", run, "there is no such run", "0 or 1", WHO)
        return run

    def run(self, number: int) -> Run:
        """Return a run, or say that there is none yet."""
        made = self.runs[number]
        if made is None:
            raise SaidError(
                "error.noRun", WHO, f"run {number} is not set up",
                mend='Send the command "new" first.',
            )  # fmt: skip
        return made

    def is_ahead(self, run: Run) -> bool:
        """Return whether a run has made more steps than the other one that plays beside it."""
        others = [one for one in self.runs if one is not None and one is not run]
        return any(one.state == "playing" and one.played < run.played for one in others)

    def described(self, number: int) -> dict[str, Any]:
        """Return where a run stands, as plain values."""
        run = self.runs[number]
        return {"run": number} | ({"state": "none"} if run is None else run.described())

    @contextmanager
    def reading(self, number: int) -> Iterator[Log]:
        """Read a run's log inside the ``with`` block; when nobody reads any more, it is paused."""
        with self._lock:
            self._readers[number] += 1
        try:
            yield self.logs[number]
        finally:
            with self._lock:
                self._readers[number] -= 1
                is_alone = not self._readers[number]
            run = self.runs[number]
            if is_alone and run is not None:
                run.leave()

    def close(self) -> None:
        """End all."""
        self.is_closed = True
        for run in self.runs:
            if run is not None:
                run.close()

    # The commands.

    def _new(self, number: int, asked: Mapping[str, Any]) -> None:
        settings = Settings(
            **{n: asked[n] for n in Settings.__dataclass_fields__ if asked.get(n) is not None}
        )
        training = Training(self._task(asked), settings)
        self._drop(number, asked)
        self.runs[number] = run = Run(training, self.logs[number], self.is_ahead)
        if "pace" in asked:
            run.set_pace(asked["pace"])

    def _task(self, asked: Mapping[str, Any]) -> Task:
        name = asked.get("data")
        if name is None:
            with self.session.lock:
                return task_of(self.session)
        return plane.task(name, asked.get("hidden", (8, 8)), asked.get("activation", "tanh"))

    def _drop(self, number: int, asked: Mapping[str, Any]) -> None:
        run, self.runs[number] = self.runs[number], None
        if run is not None:
            run.close()
        self.logs[number].clear()

    def _start(self, number: int, asked: Mapping[str, Any]) -> None:
        started = self.run(number)
        for run in self.runs:
            if run is not None:
                run.played = 0  # from here on they go side by side
        started.start()

    def _break(self, number: int, asked: Mapping[str, Any]) -> None:
        self.run(number).break_it(asked.get("kind", ""), asked.get("path"), flag(asked, "on", True))

    def _adopt(self, number: int, asked: Mapping[str, Any]) -> None:
        """Give the session's network a run's weights: then the other rooms show that one."""
        run = self.run(number)
        if run.training.task.model is not self.session.model:
            raise SaidError(
                "error.otherNetwork", WHO, "the other rooms show another network than this one",
                mend="Start a run of the network that was opened.",
            )  # fmt: skip
        with run.held() as training:
            weights = training.model.get_weights()
        with self.session.lock:
            if self._given is None:
                self._given = self.session.model.get_weights()
            self.session.model.set_weights(weights)

    def _return(self, number: int, asked: Mapping[str, Any]) -> None:
        """Give the session's network back the weights that it was opened with."""
        with self.session.lock:
            if self._given is not None:
                self.session.model.set_weights(self._given)
            self._given = None


def _asks(
    name: str, *arguments: str, are_needed: bool = False
) -> Callable[[Live, int, Mapping[str, Any]], None]:
    """Return the command that is a run's own, by the names of what it takes from a question."""

    def do(live: Live, number: int, asked: Mapping[str, Any]) -> None:
        given = [key for key in arguments if key in asked]
        if not are_needed:  # null is as good as nothing
            given = [key for key in given if asked[key] is not None]
        if are_needed and len(given) < len(arguments):
            what = f"the command {asked['command']!r} says too little"
            raise refused("question", dict(asked), what, ", ".join(arguments), WHO)
        getattr(live.run(number), name)(*(asked[key] for key in given))

    return do


COMMANDS: dict[str, Callable[[Live, int, Mapping[str, Any]], None]] = {
    "state": lambda live, number, asked: None,
    "new": Live._new,
    "drop": Live._drop,
    "start": Live._start,
    "pause": _asks("pause"),
    "step": _asks("advance", "count"),
    "back": _asks("take_back", "count"),
    "restart": _asks("restart"),
    "rate": _asks("set_rate", "rate", are_needed=True),
    "pace": _asks("set_pace", "pace", are_needed=True),
    "break": Live._break,
    "adopt": Live._adopt,
    "return": Live._return,
}
