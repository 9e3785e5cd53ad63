"""One training, step by step, and back again to the same bits."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from melpy import config, optimizers, random, tape, tree
from melpy.errors import lookup, whole_numbers
from melpy.lab.breaking import cut_behind, owners_of
from melpy.lab.layers import layers_by_path
from melpy.lab.said import SaidError
from melpy.lab.task import Task, accuracy_of, copy_of
from melpy.lab.training import threshold_of
from melpy.layers import drawing
from melpy.models.clone import fresh

__all__ = ["OPTIMIZERS", "Settings", "Training"]

OPTIMIZERS = {
    "sgd": lambda rate: optimizers.SGD(rate),
    "momentum": lambda rate: optimizers.SGD(rate, momentum=0.9),
    "adam": lambda rate: optimizers.Adam(rate),
    "rmsprop": lambda rate: optimizers.RMSprop(rate),
}
MOST_BYTES = 2**27  # of what is kept to go back to
MOST_STEPS_BACK = 500
KERNELS = ("im2col", "compiled")
HELD_OUT = 256  # samples that are measured on, the first ones
BETWEEN_MEASURES = 50  # steps, where an epoch has more


@dataclass(frozen=True)
class Settings:
    """How a training begins.

    Parameters
    ----------
    optimizer : str, one of `OPTIMIZERS`
    rate : float > 0, the learning rate
    batch_size : int > 0
    seed : int >= 0, of the first weights and of the batches' order
    is_fresh : bool, whether it begins with new weights, or with those that the network has
    kernels : "im2col", those of the rooms, or "compiled", which are fast once they are compiled
    """

    optimizer: str = "adam"
    rate: float = 0.001
    batch_size: int = 32
    seed: int = 0
    is_fresh: bool = True
    kernels: str = "im2col"

    def __post_init__(self) -> None:
        whole_numbers("live training", 1, batch_size=self.batch_size)
        whole_numbers("live training", 0, seed=self.seed)
        checked_rate(self.rate)
        lookup("optimizer", self.optimizer, OPTIMIZERS, "live training")
        lookup("kernels", self.kernels, dict.fromkeys(KERNELS), "live training")


def checked_rate(rate: Any) -> float:
    """Return a learning rate, or refuse it."""
    is_number = isinstance(rate, int | float) and not isinstance(rate, bool)
    if not is_number or not 0 < rate <= 1e9:
        raise SaidError(
            "error.rate", "live training", "the learning rate is out of range",
            expected="a number above 0, of at most 1e9", received={"rate": rate},
        )  # fmt: skip
    return float(rate)


@dataclass(frozen=True)
class _Place:
    """Where a training stood after a step."""

    step: int
    weights: list[np.ndarray]
    optimizer: list[np.ndarray]
    generators: dict[str, Any]

    @property
    def size_bytes(self) -> int:
        return sum(array.nbytes for array in (*self.weights, *self.optimizer))


class Training:
    """A copy of a task's network, and what is done to it. For one thread at a time.

    Parameters
    ----------
    task : Task
    settings : Settings

    Attributes
    ----------
    model : Model, the copy
    step : int, how many steps are made
    owners : dict of a layer's path to its trained weights
    cut : set of str, the paths of layers that no gradient comes back through
    are_labels_shuffled : bool, whether it learns from labels that mean nothing
    """

    def __init__(self, task: Task, settings: Settings) -> None:
        self.task, self.settings = task, settings
        with random.stream(settings.seed):
            self.model = copy_of(task.model)
        if not settings.is_fresh:
            self.model.set_weights(task.model.get_weights())
        loss = tree.map_structure(fresh, task.loss)
        self.model.compile(OPTIMIZERS[settings.optimizer](settings.rate), loss)
        if not self.model.trainable_weights:
            raise SaidError(
                "error.frozen", "live training",
                f"{self.model.name!r} has no weight that is trained",
                values={"model": self.model.name},
                mend="Set layer.trainable to True before the model is saved.",
            )  # fmt: skip
        self.model.optimizer.build(self.model.trainable_weights)
        self.owners = owners_of(self.model)
        self.cut: set[str] = set()
        self.are_labels_shuffled = False
        self.step = 0
        self._order: tuple[int, np.ndarray] = -1, np.zeros(0, int)
        self._past: deque[_Place] = deque()
        self._bytes = 0
        self._first = self._place()

    @property
    def batches(self) -> int:
        """How many batches an epoch has."""
        return -(-len(self.task.x) // self.settings.batch_size)

    @property
    def epoch(self) -> int:
        """How many epochs are made."""
        return self.step // self.batches

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return float(self.model.optimizer.learning_rate)

    @rate.setter
    def rate(self, value: float) -> None:
        self.model.optimizer.learning_rate = checked_rate(value)

    @property
    def steps_kept(self) -> int:
        """How many steps can be taken back."""
        return len(self._past)

    # Forward.

    def advance(self) -> dict[str, Any]:
        """Make the next step; return what is to be told of it, NaN and infinity as None.

        It is `train_step` of the model, but for what is cut.
        """
        self.remember()
        x, y = self.batch(self.step)
        model, weights = self.model, self.model.trainable_weights
        with (
            config.using_kernels(self.settings.kernels),
            np.errstate(over="ignore", invalid="ignore"),
        ):
            with cut_behind(self._layers(self.cut)):
                predicted = model(x, training=True)
                loss = model.compute_loss(x, y, predicted, training=True)
                gradients = _gradients(loss, weights)
            of_gradients = self._norms(dict(zip(map(id, weights), gradients, strict=True)))
            before = {id(w): w.array.copy() for w in weights}
            model.optimizer.apply(gradients, weights)
        moves = {id(w): w.array - before[id(w)] for w in weights}
        self.step += 1
        return {
            "step": self.step,
            "epoch": (self.step - 1) // self.batches,
            "loss": _plain(np.mean(np.asarray(loss))),
            "accuracy": accuracy_of(y, np.asarray(predicted), threshold_of(self.task.loss)),
            "gradients": of_gradients,
            "weights": self._norms({id(w): w.array for w in weights}),
            "moves": self._norms(moves),
            "rate": self.rate,
        }

    def batch(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the samples of a step, which depend on the seed and on its number alone."""
        epoch, number = divmod(step, self.batches)
        if self._order[0] != epoch:
            generator = np.random.default_rng((self.settings.seed, epoch))
            self._order = epoch, generator.permutation(len(self.task.x))
        size = self.settings.batch_size
        rows = self._order[1][number * size : (number + 1) * size]
        return self.task.x[rows], self._labels()[rows]

    def _labels(self) -> np.ndarray:
        if not self.are_labels_shuffled:
            return self.task.y
        order = np.random.default_rng(self.settings.seed).permutation(len(self.task.y))
        return self.task.y[order]

    def is_time_to_measure(self) -> bool:
        """Return whether the held-out samples are due."""
        return self.step % self.batches % BETWEEN_MEASURES == 0

    def answers(self, x: np.ndarray) -> np.ndarray:
        """Return what the network says of some samples; nothing is learned."""
        with config.using_kernels(self.settings.kernels), tape.no_grad():
            return np.asarray(self.model(x, training=False))

    def measure(self) -> dict[str, Any] | None:
        """Return loss and accuracy on held-out samples; None where there are none."""
        x, y = self.task.held_x[:HELD_OUT], self.task.held_y[:HELD_OUT]
        if not len(x):
            return None
        with config.using_kernels(self.settings.kernels), tape.no_grad():
            predicted = self.model(x, training=False)
            loss = self.model.compute_loss(x, y, predicted, training=False)
        accuracy = accuracy_of(y, np.asarray(predicted), threshold_of(self.task.loss))
        return {"step": self.step, "loss": _plain(np.mean(np.asarray(loss))), "accuracy": accuracy}

    # Back.

    def remember(self) -> None:
        """Keep where it stands, to come back to; drop what is too long ago."""
        place = self._place()
        self._past.append(place)
        self._bytes += place.size_bytes
        while len(self._past) > 1 and (
            self._bytes > MOST_BYTES or len(self._past) > MOST_STEPS_BACK
        ):
            self._bytes -= self._past.popleft().size_bytes

    def take_back(self, count: int) -> None:
        """Undo the last steps, or what was done to the weights; switches stay as they are.

        Raises
        ------
        SaidError : not so many are kept
        """
        if count > len(self._past):
            raise SaidError(
                "error.kept", "live training", f"only the last {len(self._past)} steps are kept",
                expected=f"a number from 1 to {len(self._past)}" if self._past else "a step first",
                received={"count": count}, mend="Begin again from step 0 instead.",
                values={"count": len(self._past)},
            )  # fmt: skip
        for _ in range(count):
            place = self._past.pop()
            self._bytes -= place.size_bytes
        self._return_to(place)

    def restart(self) -> None:
        """Go back to the first weights; switches stay as they are."""
        self._past.clear()
        self._bytes = 0
        self._return_to(self._first)

    def _place(self) -> _Place:
        return _Place(
            self.step,
            [np.array(w.array) for w in self.model.weights],
            [np.array(v.array) for v in self.model.optimizer.variables],
            drawing.standing(self.model),
        )

    def _return_to(self, place: _Place) -> None:
        rate = self.rate
        for weight, value in zip(self.model.weights, place.weights, strict=True):
            weight.assign(value)
        self.model.optimizer.set_weights(place.optimizer)
        self.rate = rate
        drawing.stand(self.model, place.generators, "live training", may_lack=True)
        self.step = place.step

    # What it is made of.

    def _layers(self, paths: Iterable[str]) -> list[Any]:
        """Return the layers that own the weights of some paths."""
        layers = layers_by_path(self.model)
        return [layers[path] for path in paths if path in layers]

    def _norms(self, arrays: dict[int, np.ndarray]) -> dict[str, float | None]:
        """Return the root of the sum of squares by layer, of arrays by their weights' ids."""
        made = {}
        for path, weights in self.owners.items():
            squares = sum(np.sum(np.square(arrays[id(w)], dtype=np.float64)) for w in weights)
            made[path] = _plain(np.sqrt(squares))
        return made


def _gradients(loss: Any, weights: list[Any]) -> list[np.ndarray]:
    if loss.requires_grad:
        return tape.gradients(loss, weights, forget=True)
    return [np.zeros_like(w.array) for w in weights]  # all is cut


def _plain(value: Any) -> float | None:
    """Return a number as JSON knows it: None where it is not finite."""
    return float(value) if np.isfinite(value) else None
