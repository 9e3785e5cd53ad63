"""What a reproduction has found so far, and how its numbers are written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from melpy import budget, viz
from melpy.errors import DataError
from melpy.experiments.architectures import ARCHITECTURES
from melpy.experiments.page import Figure

__all__ = [
    "Drawer",
    "Results",
    "dataset_of",
    "epoch_s",
    "is_whole",
    "last",
    "percent",
    "ratio",
    "read",
    "spelled",
    "time_of",
]

TITLES = {"mnist": "MNIST", "cifar": "CIFAR-10"}


class Results:
    """What a folder holds so far."""

    def __init__(self, folder: Path) -> None:
        self.all = {
            path.stem: read(path, "machine") for path in sorted((folder / "results").glob("*.json"))
        }

    def rows(self, name: str) -> list[dict[str, Any]]:
        """Return the rows of a measurement, none where it has not run."""
        return self.all.get(name, {}).get("rows", [])

    def training(self, model: str, library: str = "melpy", seed: int = 0) -> dict[str, Any] | None:
        """Return a training's result; ``library`` is "melpy", "melpy-" and a cause, or Keras."""
        return self.all.get(f"{model}-{library}-seed{seed}")

    def original(self, name: str) -> dict[str, Any] | None:
        """Return a training by the original library, none of a few steps only."""
        rows = self.rows(name)
        return rows[0] if rows and rows[0]["steps"] is None else None

    def trainings(self, model: str, library: str) -> list[dict[str, Any]]:
        """Return the trainings of all seeds."""
        found = (self.training(model, library, seed) for seed in range(10))
        return [one for one in found if one is not None]

    def pairs(self, model: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return melpy's and Keras's trainings of the seeds that both have; melpy's without any."""
        ours, theirs = (
            {one["training"]["seed"]: one for one in self.trainings(model, library)}
            for library in ("melpy", "keras-tensorflow")
        )
        both = ours.keys() & theirs.keys() if theirs else ours.keys()
        return [ours[n] for n in sorted(both)], [theirs[n] for n in sorted(both) if n in theirs]


def read(path: Path, key: str) -> dict[str, Any]:
    """Return what a file of results, or of settings, holds: an object with this key at least."""
    try:
        found = budget.read_json(path.read_bytes(), "reproduce")
        if not isinstance(found, dict) or key not in found:
            raise ValueError(f"it holds no {key}")
        return found
    except budget.TooMuchError:
        raise
    except ValueError as error:
        raise DataError(
            "reproduce",
            f"{path} is damaged ({error})",
            expected="JSON, as melpy reproduce writes it",
            mend="Remove the file: what is missing is measured anew.",
        ) from error


class Drawer:
    """Saves figures under the folder, and returns them as blocks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "figures"
        self.folder.mkdir(exist_ok=True)
        for old in self.folder.glob("*.png"):
            old.unlink()

    def __call__(self, name: str, figure: Any, caption: str) -> Figure:
        path = self.folder / f"{name}.png"
        viz.save(figure, path)
        return Figure(path, caption)


def is_whole(one: dict[str, Any]) -> bool:
    """Say whether a training has the paper's number of epochs."""
    training = one["training"]
    return training["epochs"] == ARCHITECTURES[training["model"]].epochs


def epoch_s(one: dict[str, Any]) -> float:
    """Return the seconds of an epoch of a training, with validation, as the paper counts it."""
    return one["total_s"] / len(one["seconds"])


def time_of(seconds: float | None) -> str:
    """Return "4.20 s", "3 min 05 s" or "2 h 07 min", and small ones in ms or µs; "-" for None."""
    if seconds is None:
        return "-"
    short = float(f"{seconds:.3g}")
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if size <= short < 60:
            return f"{short / size:#.3g}".rstrip(".") + f" {unit}"
    if short < 60:
        return f"{seconds:.1g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, left = divmod(round(seconds / 60), 60)
    return f"{hours} h {left:02} min"


def dataset_of(model: str) -> str:
    """Return a network's data set as the report writes it."""
    return TITLES[model.split("-")[0]]


def spelled(model: str) -> str:
    """Return a network's name as the report writes it.

    Examples
    --------
    >>> spelled("cifar-7")
    'CIFAR-10 7'
    """
    return f"{dataset_of(model)} {model.split('-')[1]}"


def ratio(a: float, b: float | None) -> str:
    """Return a / b, with a decimal where it is small."""
    if b is None:
        return "-"
    return f"{a / b:,.0f}" if a / b >= 10 else f"{a / b:.1f}"


def percent(values: Sequence[float], sign: str = "") -> str:
    """Return mean and standard deviation of shares; with ``sign`` "+" a plus sign is written."""
    if not values:
        return "-"
    spread = f" ± {100 * np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    mean = round(100 * float(np.mean(values)), 2)
    return f"{mean:{sign}.2f}{spread} %" if mean else f"0.00{spread} %"  # without a sign


def last(results: Sequence[dict[str, Any]]) -> list[float]:
    """Return the accuracy on test images at the end of each training."""
    return [one["history"]["val_accuracy"][-1] for one in results]
