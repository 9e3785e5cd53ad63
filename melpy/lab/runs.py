"""A training that plays in a thread of its own, behind a gate that everybody else comes in by."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from melpy.errors import whole_numbers
from melpy.lab.asked import refused
from melpy.lab.breaking import all_alike, zeroed
from melpy.lab.log import Log
from melpy.lab.said import SaidError, sentence, told
from melpy.lab.steps import Training
from melpy.lab.training import shares_of

__all__ = ["KINDS", "Run"]

KINDS = ("cut", "zero", "alike", "labels", "rate")
MOST_AT_ONCE = 1000  # steps of one command
LET_IN_S = 0.0005  # how long the gate stands open between two steps


class Run:
    """A training that can be played and paused, and what it tells.

    The training's thread holds the gate during a step, and opens it after each: so commands come
    in between two steps, and never find a network half changed.

    Parameters
    ----------
    training : Training
    log : Log, where it tells what it does
    is_ahead : function of the run that says whether it has to wait for another one

    Attributes
    ----------
    played : int, the steps since it, or another one beside it, was started
    """

    def __init__(
        self, training: Training, log: Log, is_ahead: Callable[[Run], bool] = lambda run: False
    ) -> None:
        self.training, self.log, self.is_ahead = training, log, is_ahead
        self.played = 0
        self.state = "paused"
        self.error: dict[str, Any] | None = None  # a sentence for the page
        self.steps_per_s: float | None = 20.0
        self._gate = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_closed = self._is_left = False
        with self.held():
            self._measure()
            self._tell_state()

    # What may be asked of it.

    def start(self) -> None:
        """Play on."""
        with self.held():
            if self._is_closed:
                return
            self.state, self.error, self._is_left = "playing", None, False
            if self._thread is None:
                self._thread = threading.Thread(target=self._play, name="live", daemon=True)
                self._thread.start()
            self._tell_state()
            self._gate.notify_all()

    def pause(self) -> None:
        """Stop after the step that is being made."""
        with self.held():
            if self.state == "playing":
                self.state = "paused"
                self._tell_state()

    def leave(self) -> None:
        """Pause after the step that is being made, without waiting for it."""
        self._is_left = True

    def advance(self, count: int = 1) -> None:
        """Make some steps, and stay paused."""
        whole_numbers("live training", 1, count=count)
        self._require(count <= MOST_AT_ONCE, f"at most {MOST_AT_ONCE} steps", count=count)
        with self.held():
            self.state, self.error = "paused", None
            for _ in range(count):
                if self.state == "paused":  # still
                    self._step()
            self._tell_state()

    def take_back(self, count: int = 1) -> None:
        """Undo some steps, and stay paused."""
        whole_numbers("live training", 1, count=count)
        with self.held():
            self.training.take_back(count)
            self._went_back()

    def restart(self) -> None:
        """Go back to the first weights, and stay paused."""
        with self.held():
            self.training.restart()
            self._went_back()

    def set_rate(self, rate: Any) -> None:
        """Set the learning rate of the steps to come."""
        with self.held():
            self.training.rate = rate
            self._tell_state()

    def set_pace(self, steps_per_s: Any) -> None:
        """Set how many steps are made a second; None for as many as can be."""
        is_number = isinstance(steps_per_s, int | float) and not isinstance(steps_per_s, bool)
        fits = steps_per_s is None or (is_number and 0.1 <= steps_per_s <= 1000)
        self._require(fits, "0.1 to 1000 steps a second, or null", pace=steps_per_s)
        with self.held():
            self.steps_per_s = steps_per_s
            self._tell_state()
            self._gate.notify_all()

    def break_it(self, kind: str, path: Any = None, is_on: bool = True) -> None:
        """Break something, or mend it where ``is_on`` is False.

        Parameters
        ----------
        kind : one of `KINDS`: "cut" lets no gradient through a layer's output, "zero" sets weights
            to 0, "alike" makes all units of a layer the same, "labels" shuffles what is learned
            from, "rate" multiplies the learning rate by 100
        path : str, the layer's; None for all layers, of "zero" and "alike"
        is_on : bool; what "zero" and "alike" did is undone by going back
        """
        self._require(kind in KINDS, f"one of {', '.join(KINDS)}", kind=kind)
        training = self.training
        if path is not None or kind == "cut":
            known = ", ".join(training.owners)
            fits = isinstance(path, str) and path in training.owners
            self._require(fits, f"one of {known}", path=path)
        with self.held():
            if kind == "cut":
                training.cut = training.cut | {path} if is_on else training.cut - {path}
            elif kind == "labels":
                training.are_labels_shuffled = bool(is_on)
            elif kind == "rate":
                training.rate = training.rate * (100 if is_on else 0.01)
            else:
                training.remember()
                *_, last = training.owners
                for one in training.owners if path is None else [path]:
                    if kind == "zero":
                        zeroed(training.owners[one])
                    else:
                        all_alike(training.owners[one], is_last=one == last)
            self.log.tell("broken", step=training.step, what=kind, path=path, is_on=bool(is_on))
            self._tell_state()

    def described(self) -> dict[str, Any]:
        """Return where it stands, as plain values."""
        training = self.training
        return {
            "state": self.state,
            "error": self.error,
            "step": training.step,
            "epoch": training.epoch,
            "batches": training.batches,
            "samples": len(training.task.x),
            "steps_kept": training.steps_kept,
            "pace": self.steps_per_s,
            "optimizer": training.settings.optimizer,
            "rate": training.rate,
            "batch_size": training.settings.batch_size,
            "seed": training.settings.seed,
            "kernels": training.settings.kernels,
            "is_fresh": training.settings.is_fresh,
            "layers": list(training.owners),
            "parameters": sum(w.size for ws in training.owners.values() for w in ws),
            "cut": sorted(training.cut),
            "are_labels_shuffled": training.are_labels_shuffled,
            "classes": list(training.task.classes),
            "is_plane": training.task.is_plane,
            "set": training.task.name,
        }

    def decisions(self, count: int, span: float) -> np.ndarray:
        """Return what the network says of a grid of points in the plane.

        Parameters
        ----------
        count : int, points a side
        span : float, the grid goes from -span to span

        Returns
        -------
        ndarray (count, count, K) of float32, row by row from the largest second coordinate down:
        shares of the classes, where the network's loss makes some of its logits
        """
        if not self.training.task.is_plane:
            raise SaidError(
                "error.noPlane", "live training", "the samples are no points in the plane",
                expected="a network that takes two numbers",
            )  # fmt: skip
        side = np.linspace(-span, span, count, dtype=np.float32)
        points = np.stack(np.meshgrid(side, side[::-1]), axis=-1).reshape(-1, 2)
        with self.held() as training:
            values = training.answers(points)
            shares = shares_of(training.model, values)
        values = values if shares is None else shares
        return values.reshape(count, count, -1).astype(np.float32)

    def close(self) -> None:
        """End the thread."""
        with self.held():
            self._is_closed = True
            self._gate.notify_all()
        if self._thread is not None:
            self._thread.join(timeout=10)

    @contextmanager
    def held(self) -> Iterator[Training]:
        """Keep the training where it is, inside the ``with`` block."""
        with self._gate:
            yield self.training

    # In the thread, or behind the gate.

    def _play(self) -> None:
        with self._gate:
            while not self._is_closed:
                if self._is_left:
                    self.pause()
                if self.state != "playing":
                    self._gate.wait()
                    continue
                if self.is_ahead(self):
                    self._gate.wait(LET_IN_S)
                    continue
                begun_s = time.monotonic()
                self._step()
                self.played += 1
                pause_s = 0.0 if self.steps_per_s is None else 1 / self.steps_per_s
                self._gate.wait(max(LET_IN_S, begun_s + pause_s - time.monotonic()))

    def _step(self) -> None:
        try:
            made = self.training.advance()
            self.log.tell("step", **made, steps_kept=self.training.steps_kept)
            if self.training.is_time_to_measure():
                self._measure()
            if made["loss"] is None:
                self._fail(sentence("live.notFinite"))
        except Exception as error:  # a layer of the user's own may raise anything
            self._fail(told(error))

    def _measure(self) -> None:
        measured = self.training.measure()
        if measured is not None:
            self.log.tell("held out", **measured)

    def _fail(self, error: dict[str, Any]) -> None:
        self.state, self.error = "failed", error
        self._tell_state()

    def _went_back(self) -> None:
        self.state, self.error = "paused", None
        self.log.take_back(self.training.step)
        self._tell_state()

    def _tell_state(self) -> None:
        self.log.tell("state", **self.described())

    def _require(self, fits: bool, expected: str, **received: Any) -> None:
        if not fits:
            name, value = next(iter(received.items()))
            raise refused(name, value, "this cannot be done", expected, "live training")
