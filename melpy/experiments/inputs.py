"""Files as a model takes them: images, folders of them, tables, and arrays of NumPy's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from melpy import config
from melpy.data.finite import first_beyond, first_not_finite
from melpy.errors import (
    ArgumentError,
    DataError,
    DependencyError,
    MelpyError,
    MissingFileError,
    ShapeError,
)
from melpy.experiments.columns import arrays_of, gaps_allowed
from melpy.experiments.images import as_seen, read_pixels, reading_image
from melpy.experiments.opened import Opened
from melpy.experiments.photographs import ENDINGS, images_below
from melpy.experiments.settings import TABLES
from melpy.experiments.tables import Table, read_table
from melpy.preprocessing.image import opened as opened_image
from melpy.saving.files import reading

__all__ = ["Reader", "outputs_of"]

CHUNK = 64  # images that are read, and told of, at a time
ROWS = 4096  # of tables and arrays

Failed = Callable[[MelpyError], None]


@dataclass(frozen=True)
class Reader:
    """How files are read for a model.

    Parameters
    ----------
    opened : Opened, the model
    resize : bool, whether images of another size are scaled where the file says they are not
    invert : bool, for dark ink on a light ground, where the training had it the other way round
    scale : float, by which pixels are multiplied; 1/255 for a model that takes 0 to 1
    who : str, the command in messages
    """

    opened: Opened
    resize: bool = False
    invert: bool = False
    scale: float = 1.0
    who: str = "predict"

    @property
    def shape(self) -> tuple[int | None, ...] | None:
        """Of a sample, None where the model does not say."""
        inputs = getattr(self.opened.model, "inputs", None)
        return tuple(inputs[0].shape[1:]) if inputs and len(inputs) == 1 else None

    def batches(self, path: str | Path, failed: Failed) -> Iterator[tuple[list[str], Any]]:
        """Yield names and inputs of what is in a file or a folder, some at a time.

        Parameters
        ----------
        failed : function that is told of an image that cannot be read, which is passed over

        Raises
        ------
        MissingFileError, ArgumentError, DataError, ShapeError : it is nothing for this model
        """
        path, who = Path(path), self.who
        ending = path.suffix.lower()
        if path.is_dir():
            found = images_below(path)
            if not found:
                raise DataError(who, f"there is no image in {path}", expected=f"files that end in "
                                f"{', '.join(ENDINGS)}")  # fmt: skip
            yield from self.images(found, failed)
        elif not path.exists() and ending not in ENDINGS:
            raise MissingFileError(
                who, f"there is no {path}", expected="an image, a folder, a CSV file or a .npy file"
            )
        elif ending in TABLES:
            yield from self.rows(read_table(path, who))
        elif ending == ".npy":
            yield from self._arrays(path)
        else:
            yield from self.images([path], failed)

    # Images.

    def images(
        self, paths: Sequence[Path], failed: Failed
    ) -> Iterator[tuple[list[str], np.ndarray]]:
        """Yield names and pixels of images."""
        H, W, C, first = self._image_shape(paths[0])
        is_open = H is None or W is None  # each image in its own size, hence alone
        step = 1 if is_open else CHUNK

        def read(path: Path) -> Any:
            try:
                if is_open:
                    with reading_image(path, self.who), opened_image(path, self.who) as file:
                        seen = np.asarray(as_seen(file, "L" if C == 1 else "RGB"))
                        return seen.reshape(*seen.shape[:2], C)
                shape = (H or 0, W or 0, C)
                may_resize = self.resize or not self.opened.is_exact
                return read_pixels(path, shape, resize=may_resize, who=self.who)
            except DependencyError:  # without the package no image can be read
                raise
            except MelpyError as error:
                return error

        with ThreadPoolExecutor(config.threads()) as pool:
            for start in range(0, len(paths), step):
                some = paths[start : start + step]
                made = list(pool.map(read, some))
                for one in made:
                    if isinstance(one, MelpyError):
                        failed(one)
                both = zip(some, made, strict=True)
                good = [(str(p), x) for p, x in both if not isinstance(x, MelpyError)]
                if good:
                    x = self.scaled(np.stack([x for _, x in good]))
                    yield [name for name, _ in good], x.transpose(0, 3, 1, 2) if first else x

    def _image_shape(self, path: Path) -> tuple[int | None, int | None, int, bool]:
        """Return H, W, C, and whether the channels come first."""
        shape = self.shape
        if shape is not None and len(shape) == 3 and not self.opened.columns:
            if shape[2] in (1, 3):
                return shape[0], shape[1], shape[2] or 1, False
            if shape[0] in (1, 3):
                return shape[1], shape[2], shape[0] or 1, True
        raise self._no_input(path, "images", f"a .npy file of samples {shape}")

    def _no_input(self, path: Path, what: str, expected: str) -> ArgumentError:
        """Return the refusal of a file that is nothing for this model."""
        columns = [one.name for one in self.opened.columns]
        return ArgumentError(
            self.who,
            f"{path} is no input for this model, which takes no {what}",
            expected=f"a table with the columns {', '.join(columns)}" if columns else expected,
            received={} if columns else {"inputs": self._inputs},
        )

    @property
    def _inputs(self) -> Any:
        inputs = getattr(self.opened.model, "inputs", None) or []
        return {x.name: tuple(x.shape[1:]) for x in inputs}

    def scaled(self, pixels: np.ndarray) -> np.ndarray:
        """Return pixels of 0 to 255 as the model's training had them."""
        x = pixels.astype(np.float32)
        x = 255.0 - x if self.invert else x
        return x * np.float32(self.opened.high / 255.0 * self.scale)

    # Tables and arrays.

    def rows(self, table: Table) -> Iterator[tuple[list[str], Any]]:
        """Yield names and columns of a table's rows."""
        for start in range(0, len(table), ROWS):
            part = table.take(range(start, min(start + ROWS, len(table))))
            names = [f"{table.path}:{start + n + 1}" for n in range(len(part))]
            yield names, self._columns(part)

    def _columns(self, table: Table) -> Any:
        if self.opened.columns:
            return arrays_of(table, self.opened.columns, self.who)
        shape = self.shape
        if shape is None or len(shape) != 1 or shape[0] != len(table.names):
            raise ShapeError(
                self.who,
                f"{table.path} has other columns than the model",
                expected=f"inputs {self._inputs}",
                received={"columns": list(table.names)},
            )
        made = np.stack([table.numbers(n, self.who) for n in table.names], 1)
        place = self._unfit(made, "float32")
        if place is not None:
            row, name = place[0], table.names[place[1]]
            raise DataError(
                self.who,
                f"row {table.place(row)} of {table.path} has nothing in the column {name!r} that "
                "the model can take",
                expected="a number in each cell, and one that float32 has room for",
                received={"cell": table.column(name, self.who)[row]},
                mend="Mend or fill in the cell, or leave the row out.",
            )
        return made.astype(np.float32)

    def _unfit(self, x: np.ndarray, kind: Any) -> tuple[int, ...] | None:
        """Return where the first value stands that is not finite, or has no room in a type."""
        if config.assume_finite():
            return None
        return first_not_finite(x) or first_beyond(x, kind)

    def _arrays(self, path: Path) -> Iterator[tuple[list[str], np.ndarray]]:
        if self.opened.columns:
            raise self._no_input(path, "arrays", "")
        with reading(path, self.who, "an array that numpy.save wrote"):
            x = np.load(path, mmap_mode="r", allow_pickle=False)
            if x.dtype.kind not in "fiub":
                raise ValueError(f"it holds {x.dtype}, no numbers")
        x = self._samples(x, path)
        for start in range(0, len(x), ROWS):
            part = np.asarray(x[start : start + ROWS])
            kind = self.opened.model.compute_dtype
            place = self._unfit(part, kind)
            if place is not None:
                raise DataError(
                    self.who,
                    f"sample {start + place[0]} of {path} holds {part[place]}",
                    expected=f"finite numbers that {kind} has room for",
                    mend="Mend the sample in the file, or leave it out.",
                )
            yield [f"{path}[{start + n}]" for n in range(len(part))], part

    def _samples(self, x: np.ndarray, path: Path) -> np.ndarray:
        """Return an array as samples: one alone gets an axis, grey images one of channels."""
        shape = self.shape
        if shape is None:
            return x
        for candidate in (x, x[None], x[..., None], x[None, ..., None]):
            fits = zip(candidate.shape[1:], shape, strict=False)
            if candidate.ndim == len(shape) + 1 and all(b in (None, a) for a, b in fits):
                return candidate
        raise ShapeError(
            self.who,
            f"{path} has another shape than the model's input",
            expected=f"(N, {', '.join(map(str, shape))}), or one sample",
            received={"shape": x.shape},
        )


def outputs_of(model: Any, x: Any) -> Any:
    """Return a model's outputs for inputs in which what is missing is NaN."""
    if not isinstance(x, dict):
        return model.predict(x, batch_size=256)
    with gaps_allowed():
        return model.predict(x, batch_size=1024)
