"""The samples that a model is shown: a data set's, a folder's, or made up where there are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from melpy import config, datasets, tape
from melpy.errors import ArgumentError, DataError, MelpyError, ShapeError
from melpy.experiments.images import with_channels
from melpy.experiments.opened import Opened, run_of
from melpy.experiments.photographs import parts_of, read_all
from melpy.experiments.settings import kind_of
from melpy.lab.asked import WHO
from melpy.lab.training import classes_of

__all__ = ["Samples", "samples_for"]

MOST_IMAGES = 2000  # of a folder
MOST_TRAINED, MOST_HELD = 10_000, 2_000  # of a data set, the first ones
MADE_UP = 16
UNKNOWN = 16  # the size of an axis that the model leaves open

Say = Callable[[str], None]


@dataclass(frozen=True)
class Samples:
    """What a model is shown.

    Parameters
    ----------
    name : str
    x, y : arrays (N, ...), to train on, as the model takes them; y of class numbers, int64
    held_x, held_y : arrays, to look at and to measure on; may be empty
    classes : the names of the classes
    high : float, what a white pixel is to the model
    is_made_up : bool, whether these are random numbers
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    held_x: np.ndarray
    held_y: np.ndarray
    classes: tuple[str, ...]
    high: float = 1.0
    is_made_up: bool = False

    @property
    def shown_x(self) -> np.ndarray:
        """The samples to choose among: those that nothing was learned from, where there are."""
        return self.held_x if len(self.held_x) else self.x

    @property
    def shown_y(self) -> np.ndarray:
        """Their labels."""
        return self.held_y if len(self.held_x) else self.y

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a sample."""
        return self.x.shape[1:]


def samples_for(found: Opened, data: str | None, scale: float, say: Say) -> Samples:
    """Return samples for a model.

    Parameters
    ----------
    found : Opened, the model
    data : a data set's name, or a folder with a folder of images for each class; None for what the
        model's run was trained on, or what fits the model and is on this machine
    scale : float, by which pixels are multiplied
    say : function of one line of text

    Raises
    ------
    ArgumentError, ShapeError, DataError : the data is none for this model
    """
    shape = input_shape(found.model)
    if data is None:
        data = _of_the_run(found) or _that_fits(found.model, shape)
    if data is None:
        return _made_up(found, shape)
    try:
        kind = kind_of(data)
    except MelpyError as error:
        error.who = WHO
        raise
    if kind == "table":
        raise ArgumentError(
            WHO, f"{data} is a table, whose rows cannot be drawn",
            expected=f"one of {', '.join(datasets.DATASETS)}, or a folder of images",
        )  # fmt: skip
    if kind == "images":
        made = _of_folder(found, Path(data), found.high * scale, say)
    else:
        made = _of_dataset(data, found, scale)
    if not _fits(made.shape, shape):
        raise ShapeError(
            WHO, f"the model takes other samples than {data}",
            expected=f"samples of shape {shape}", received={"shape": made.shape},
        )  # fmt: skip
    return made


def input_shape(model: Any) -> tuple[int | None, ...]:
    """Return the shape of a model's only input, without the batch axis.

    Raises
    ------
    ArgumentError : it has none, or several
    """
    inputs = getattr(model, "inputs", None) or []
    outputs = getattr(model, "outputs", None) or []
    if not inputs:
        raise ArgumentError(
            WHO, f"{model.name!r} does not say what it takes",
            expected="a model that begins with an Input, built before it was saved",
        )  # fmt: skip
    if len(inputs) != 1 or len(outputs) != 1:
        raise ArgumentError(
            WHO, f"{model.name!r} has {len(inputs)} inputs and {len(outputs)} outputs",
            expected="a model of one input, as a sample is shown as one array; of several outputs "
            "the first is shown, with its loss",
        )  # fmt: skip
    if np.dtype(inputs[0].dtype).kind not in "fiu":
        raise ArgumentError(
            WHO, f"{model.name!r} takes {inputs[0].dtype}", expected="a model that takes numbers"
        )
    return tuple(inputs[0].shape[1:])


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        b in (None, a) for a, b in zip(shape, wanted, strict=True)
    )


def _of_the_run(found: Opened) -> str | None:
    """Return what the run was trained on whose folder the model lies in, if it is here."""
    folder = found.path.parent
    if not (folder / "run.json").is_file():
        return None
    with run_of(folder, WHO, str(folder)) as report:
        data = str(report["arguments"].get("dataset", "digits"))
    if data in datasets.DATASETS:
        return data if datasets.status(data).here else None
    return data if Path(data).is_dir() else None


def _that_fits(model: Any, shape: tuple[int | None, ...]) -> str | None:
    """Return a data set whose images have the shape, where the model tells as many classes."""
    sizes = {"digits": (8, 8, 1), "mnist": (28, 28, 1), "cifar-10": (32, 32, 3)}
    if len(datasets.DATASETS["digits"].CLASS_NAMES) > classes_of(model):  # all three have ten
        return None
    return next((n for n, size in sizes.items() if size == shape and datasets.status(n).here), None)


def _of_dataset(name: str, found: Opened, scale: float) -> Samples:
    """Return a data set as it is, or brought to the white that the model's file names."""
    if not datasets.status(name).here:
        raise DataError(
            WHO, f"{name} is not on this machine, and the Lab asks no network",
            expected="a data set that is there", mend=f"Get it: melpy datasets get {name}.",
        )  # fmt: skip
    (x, y), (held_x, held_y) = datasets.load(name)
    white = float(x.max())
    x, y, held_x, held_y = (
        x[:MOST_TRAINED],
        y[:MOST_TRAINED],
        held_x[:MOST_HELD],
        held_y[:MOST_HELD],
    )
    factor = np.float32(scale * (found.high / white if found.task is not None else 1.0))
    x, held_x = (with_channels(one).astype(np.float32) * factor for one in (x, held_x))
    y, held_y = (one.reshape(-1).astype(np.int64) for one in (y, held_y))
    names = tuple(datasets.DATASETS[name].CLASS_NAMES)
    if found.task is not None and len(found.task.class_names) == len(names):
        names = found.task.class_names
    return Samples(name, x, y, held_x, held_y, names, float(white * factor))


def _of_folder(found: Opened, folder: Path, high: float, say: Say) -> Samples:
    """Return the images of a folder; of many, evenly chosen ones."""
    H, W, C, is_first = _image_shape(found.model, folder)
    train, held = parts_of(folder, WHO)
    names = tuple(train)
    if found.task is not None and found.task.is_of_classes:
        names = found.task.class_names
        strange = [name for name in {*train, *(held or ())} if name not in names]
        if strange:
            raise DataError(
                WHO, "folders are called otherwise than the model's classes",
                expected=f"some of {', '.join(names)}", received={"folders": strange},
            )  # fmt: skip

    def read(classes: dict[str, list[Path]] | None) -> tuple[np.ndarray, np.ndarray]:
        pairs = [(path, names.index(name)) for name, all_ in (classes or {}).items()
                 for path in all_]  # fmt: skip
        pairs = pairs[:: -(-len(pairs) // MOST_IMAGES) or 1]
        if not pairs:
            return np.zeros((0, H, W, C), np.float32), np.zeros(0, np.int64)
        pixels, is_read = read_all([path for path, _ in pairs], (H, W, C), True, say, WHO)
        labels = np.array([label for _, label in pairs], np.int64)[is_read]
        return pixels.astype(np.float32) * np.float32(high / 255.0), labels

    (x, y), (held_x, held_y) = read(dict(train)), read(held and dict(held))
    if is_first:
        x, held_x = (np.ascontiguousarray(one.transpose(0, 3, 1, 2)) for one in (x, held_x))
    return Samples(folder.resolve().name, x, y, held_x, held_y, names, high)


def _image_shape(model: Any, folder: Path) -> tuple[int, int, int, bool]:
    """Return H, W, C, and whether the channels come first."""
    shape = input_shape(model)
    if len(shape) == 3:
        H, W, C = shape
        if C in (1, 3):
            return H or UNKNOWN, W or UNKNOWN, C or 1, False
        if shape[0] in (1, 3):
            return shape[1] or UNKNOWN, shape[2] or UNKNOWN, shape[0] or 1, True
    raise ArgumentError(
        WHO, f"{model.name!r} takes no images, so {folder} is nothing for it",
        expected="a model of images (N, H, W, C), C 1 or 3", received={"inputs": shape},
    )  # fmt: skip


def _made_up(found: Opened, shape: tuple[int | None, ...]) -> Samples:
    """Return random samples of a shape: better than none for who wants to see what happens."""
    model, sizes = found.model, [UNKNOWN if size is None else size for size in shape]
    rng = np.random.default_rng(0)
    x: np.ndarray = rng.normal(size=(MADE_UP, *sizes)).astype(np.float32)
    if not _takes(model, x):  # whole numbers, such as those of words
        x = rng.integers(0, 2, x.shape)
    count = model.outputs[0].shape[-1] or 1
    y = rng.integers(0, max(count, 2), MADE_UP)
    names = found.task.class_names if found.task is not None and found.task.is_of_classes else ()
    classes = tuple(names) or tuple(map(str, range(max(count, 2))))
    return Samples("made up", x, y, x[:0], y[:0], classes, found.high, is_made_up=True)


def _takes(model: Any, x: np.ndarray) -> bool:
    """Return whether a model takes such numbers."""
    if np.dtype(model.inputs[0].dtype).kind != "f":
        return False
    try:
        with tape.no_grad(), config.using_kernels("numpy"):
            model(x)
    except MelpyError:
        return False
    return True
