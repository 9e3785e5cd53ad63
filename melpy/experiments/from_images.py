"""Images to train on: a data set of melpy's, or a folder of one's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from melpy import datasets, layers
from melpy.errors import ArgumentError, DataError
from melpy.experiments.images import Pixels, with_channels
from melpy.experiments.opened import Opened
from melpy.experiments.photographs import Classes, classes_in, parts_of, read_all, suited
from melpy.experiments.prepared import WHO, Prepared, Say, digest_of, share_of, split
from melpy.experiments.settings import Settings
from melpy.experiments.task import CLASSIFICATION, Task

__all__ = ["of_dataset", "of_folder"]


def of_dataset(settings: Settings, base: Opened | None, say: Say) -> Prepared:
    """Return a data set of melpy's, whose own test images are measured on.

    Parameters
    ----------
    settings : complete ones
    base : Opened, a file's model to train on from; None for a network that fits the data
    say : function of one line of text
    """
    module = datasets.DATASETS[settings.dataset]
    if not datasets.status(settings.dataset).here:
        say(f"Downloading {settings.dataset} ...")
    (x, y), (x_test, y_test) = module.load_data()
    pixels, x, x_test = Pixels.fit(x), with_channels(x), with_channels(x_test)
    y, y_test = (labels.reshape(-1).astype(np.int64) for labels in (y, y_test))  # as warmed up
    shape = _shape_of(base)
    if shape is not None and shape != x.shape[1:]:
        raise ArgumentError(
            WHO, "the file's model takes images of another shape",
            expected=f"(H, W, C) = {x.shape[1:]}, those of {settings.dataset}",
            received={"shape": shape},
        )  # fmt: skip
    task = Task(CLASSIFICATION, tuple(module.CLASS_NAMES))
    return Prepared(
        "images", settings.dataset, (x, y), (x_test, y_test), task, "test",
        _beginning(settings, _scaling(base, pixels.high, lambda: pixels),
                   flips="cifar" in settings.dataset),
        task.to_notes() | {"image": {"high": pixels.high, "exact": True}}, is_ours=True,
    )  # fmt: skip


def _shape_of(base: Opened | None) -> Any:
    """Return the shape (H, W, C) that a file's model takes, None without one."""
    if base is None:
        return None
    shapes = [tuple(x.shape[1:]) for x in getattr(base.model, "inputs", None) or []]
    if len(shapes) != 1 or len(shapes[0]) != 3 or None in shapes[0] or shapes[0][2] not in (1, 3):
        raise ArgumentError(
            WHO, "the model of the file takes no images of a size of its own",
            expected="one input of shape (N, H, W, C), C 1 or 3",
            received={"inputs": shapes},
        )  # fmt: skip
    return shapes[0]


Layers = Callable[[], list[Any]]


def _beginning(settings: Settings, scaling: Layers, flips: bool) -> Layers:
    """Return what makes augmentation, where it is asked for, and what brings pixels to scale."""
    return lambda: [*(_augmentation(flips) if settings.augment else []), *scaling()]


def _scaling(base: Opened | None, white: float, fitted: Callable[[], Pixels]) -> Layers:
    """Return what brings pixels to scale; a file's model does, though its white may be another."""
    if base is not None:
        factor = base.high / white
        return lambda: [] if factor == 1 else [layers.Rescaling(factor)]
    pixels = fitted()
    return lambda: [pixels.as_layer()]


def _augmentation(flips: bool) -> list[Any]:
    return [
        *([layers.RandomFlip("horizontal")] if flips else []),
        layers.RandomRotation(0.04, fill_mode="nearest"),
        layers.RandomTranslation(0.1, 0.1, fill_mode="nearest"),
        layers.RandomZoom(0.1, fill_mode="nearest"),
    ]


def of_folder(settings: Settings, base: Opened | None, say: Say) -> Prepared:
    """Return the images of a folder, a folder a class; parameters as those of `of_dataset`."""
    folder = Path(settings.dataset)
    train, held = parts_of(folder, WHO)
    share = share_of(settings.validation)
    if share is None:
        held = classes_in(Path(str(settings.validation)), WHO, 1)
    names = tuple(train)
    _require_known(names, held)
    paths, labels = _listed(train, names)
    H, W, C = _shape_of(base) or suited(paths, settings.image_size, settings.channels, WHO)
    say(f"Reading {len(paths):,} images of {len(names)} classes as {H}x{W}, "
        f"{'grey' if C == 1 else 'colour'} ...")  # fmt: skip
    x, is_read = read_all(paths, (H, W, C), settings.skip_damaged, say, WHO)
    y = labels[is_read]
    if held is None:
        rows, held_rows = split(y, share or 0.0, settings.seed, WHO)
        test, x, y = (x[held_rows], y[held_rows]), x[rows], y[rows]
        say(f"Holding back {len(held_rows):,} of them to measure on, of each class alike.")
    else:
        more, more_labels = _listed(held, names)
        x_test, is_read = read_all(more, (H, W, C), settings.skip_damaged, say, WHO)
        test = x_test, more_labels[is_read]
        paths = [*paths, *more]
    absent = [name for n, name in enumerate(names) if n not in y]
    if absent:
        raise DataError(WHO, "a class has no image to train on", received={"classes": absent})
    task = Task(CLASSIFICATION, names)
    return Prepared(
        "images", folder.resolve().name, (x, y), test, task, "validation",
        _beginning(settings, _scaling(base, 255.0, lambda: Pixels.fit(x)), flips=True),
        task.to_notes() | {"image": {"high": 255.0, "exact": False}},
        digest_of([f"{p.relative_to(p.parents[1])} {p.stat().st_size}" for p in paths]),
    )  # fmt: skip


def _require_known(names: tuple[str, ...], held: Classes | None) -> None:
    strange = sorted(set(held or ()) - set(names))
    if strange:
        raise DataError(
            WHO, "the validation part has classes that are not trained",
            expected=f"some of {', '.join(names)}", received={"classes": strange},
        )  # fmt: skip


def _listed(classes: Classes, names: tuple[str, ...]) -> tuple[list[Path], np.ndarray]:
    paths = [path for name in names for path in classes.get(name, [])]
    counts = [len(classes.get(name, [])) for name in names]
    return paths, np.repeat(np.arange(len(names)), counts)
