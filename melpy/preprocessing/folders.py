"""Files below a folder as a dataset, the folders that they lie in as labels."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from melpy import config, random
from melpy.data import Loader
from melpy.errors import ArgumentError, DataError, lookup
from melpy.preprocessing.encoders import to_categorical
from melpy.preprocessing.sequence import FORMATS

__all__ = ["Folder", "FolderLoader"]

LABEL_MODES = {name: name for name in ("int", "categorical", "binary")}
SUBSETS = {name: name for name in ("training", "validation", "both")}
PREFETCH = 2  # batches


class FolderLoader(Loader):
    """A `Loader` that knows its files.

    Attributes
    ----------
    file_paths : list of str, in the order of the first reading, before any shuffling by epoch
    class_names : list of str, class n's name; None where there are no labels
    """

    file_paths: list[str]
    class_names: list[str] | None


@dataclass
class Folder:
    """What functions that read a folder are asked for, as their arguments have it.

    Parameters
    ----------
    who : str, in messages
    kind : str, what the files are, in messages
    endings : of the files' names
    """

    who: str
    kind: str
    endings: tuple[str, ...]
    directory: str | os.PathLike
    labels: str | Sequence[int] | None
    label_mode: str | None
    class_names: Sequence[str] | None
    shuffle: bool
    seed: int | None
    validation_split: float | None
    subset: str | None
    follow_links: bool
    format: str
    verbose: bool

    def read(self, batch_size: int | None, rows_of: Callable[[list[str]], Any]) -> Any:
        """Return a `FolderLoader`, or two in a list with subset="both".

        Parameters
        ----------
        batch_size : int > 0, or None for single samples
        rows_of : function of paths that returns what has as many rows, read when asked for
        """
        self._check()
        seed = random.next_seed() if self.seed is None else self.seed
        directory = os.fspath(self.directory)
        paths, numbers, names = self._found(directory)
        if self.label_mode == "binary" and len(names or ()) != 2:
            raise ArgumentError(
                self.who,
                'label_mode="binary" needs two classes',
                expected="two folders",
                received={"class_names": names},
            )
        self._say(
            f"Found {len(paths)} files"
            + ("." if names is None else f" belonging to {len(names)} classes.")
        )
        order = np.arange(len(paths))
        if self.shuffle:
            np.random.RandomState(seed % 2**32).shuffle(order)  # Keras's own order
        held = int((self.validation_split or 0) * len(order))
        parts = {"training": order[: len(order) - held], "validation": order[len(order) - held :]}

        def dataset(rows: np.ndarray, part: str = "") -> FolderLoader:
            chosen = [paths[row] for row in rows]
            if not chosen:
                raise DataError(
                    self.who,
                    f"no {f'{part} ' if part else ''}{self.kind} below {directory!r}",
                    expected=f"files that end in {', '.join(self.endings)}",
                )
            if part:
                self._say(f"Using {len(chosen)} files for {part}.")
            y = None if numbers is None else self._encoded(numbers[rows], len(names or ()))
            mixed = self.shuffle and not (self.subset == "both" and part == "validation")
            made = FolderLoader(
                rows_of(chosen), y, None, batch_size, mixed, seed, None, PREFETCH,
                workers=config.threads(),
            )  # fmt: skip
            made.file_paths, made.class_names = chosen, names
            return made

        if self.subset == "both":
            return [dataset(rows, part) for part, rows in parts.items()]
        return dataset(parts[self.subset], self.subset) if self.subset else dataset(order)

    def _say(self, message: str) -> None:
        if self.verbose:
            config.say(message)

    def _check(self) -> None:
        """Refuse arguments that do not go together, in Keras's cases."""
        if self.label_mode is not None:
            lookup("label_mode", self.label_mode, LABEL_MODES, self.who)
        lookup("format", self.format, FORMATS, self.who)
        if self.labels is None or self.label_mode is None:
            self.labels = self.label_mode = None
        if self.subset is not None:
            lookup("subset", self.subset, SUBSETS, self.who)
        split, labels = self.validation_split, self.labels
        if isinstance(labels, str) and labels != "inferred":
            what, expected = f"unknown labels {labels!r}", '"inferred", None, or one int a file'
        elif self.class_names is not None and not isinstance(labels, str):
            what, expected = "class_names name folders", 'labels="inferred"'
        elif split is not None and not 0 < split < 1:
            what, expected = "validation_split is out of range", "a float in (0, 1)"
        elif (split is None) != (self.subset is None):
            what, expected = "validation_split and subset go together", "both or neither"
        elif split is not None and self.shuffle and self.seed is None:
            what, expected = "without a seed the two subsets would overlap", "seed"
        else:
            return
        raise ArgumentError(self.who, what, expected=expected)

    def _files(self, folder: str) -> Iterator[str]:
        """Yield the paths of all files below a folder, sorted by folder, then by name."""
        walk = os.walk(folder, followlinks=self.follow_links)
        for root, _, names in sorted(walk, key=lambda entry: entry[0]):
            for name in sorted(names):
                if name.lower().endswith(self.endings):
                    yield os.path.join(root, name)

    def _found(self, directory: str) -> tuple[list[str], np.ndarray | None, list[str] | None]:
        """Return the files, their labels' numbers, and the classes' names."""
        if not os.path.isdir(directory):
            raise DataError(self.who, f"there is no folder {directory!r}")
        labels = self.labels
        if not isinstance(labels, str):  # none, or one a file
            paths = list(self._files(directory))
            if labels is None:
                return paths, None, None
            if len(labels) != len(paths):
                raise ArgumentError(
                    self.who,
                    "there is not one label a file",
                    expected=f"{len(paths)} labels",
                    received={"labels": len(labels)},
                )
            return paths, np.asarray(labels), [str(label) for label in sorted(set(labels))]
        folders = sorted(
            name
            for name in os.listdir(directory)
            if os.path.isdir(os.path.join(directory, name)) and not name.startswith(".")
        )
        names = folders if self.class_names is None else list(self.class_names)
        if not set(names) <= set(folders):
            raise ArgumentError(
                self.who,
                "a class has no folder",
                expected=f"some of {folders}",
                received={"class_names": names},
            )
        files = [list(self._files(os.path.join(directory, name))) for name in names]
        numbers = np.repeat(np.arange(len(names), dtype=np.int32), [len(found) for found in files])
        return [path for found in files for path in found], numbers, names

    def _encoded(self, numbers: np.ndarray, classes: int) -> np.ndarray:
        if self.label_mode == "categorical":
            return to_categorical(numbers, classes).astype(np.float32)
        if self.label_mode == "binary":
            return numbers.astype(np.float32)[:, np.newaxis]
        return numbers.astype(np.int32)
