"""Data sets: each a module with NAME, CLASS_NAMES, DESCRIPTION and ``load_data()`` as in Keras.

`digits` is part of melpy. The others are taken from ``$MELPY_HOME/datasets`` when they are there
and right, and are downloaded when they are not. `load` and `status` know the sets of images; of
texts and tables there are `imdb`, `reuters`, `boston_housing` and `california_housing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from melpy.datasets import (
    boston_housing,
    california_housing,
    cifar10,
    cifar100,
    digits,
    fashion_mnist,
    files,
    imdb,
    mnist,
    reuters,
)
from melpy.errors import lookup

__all__ = [
    "DATASETS",
    "Status",
    "boston_housing",
    "california_housing",
    "cifar10",
    "cifar100",
    "digits",
    "fashion_mnist",
    "imdb",
    "load",
    "mnist",
    "reuters",
    "status",
]

DATASETS: dict[str, ModuleType] = {
    module.NAME: module for module in (digits, mnist, fashion_mnist, cifar10, cifar100)
}


@dataclass(frozen=True)
class Status:
    """What `status` finds out."""

    name: str
    here: bool  # load() needs no network
    folder: Path | None  # None for a data set that is part of melpy
    missing: tuple[str, ...]  # the files that a load would download


def load(name: str, **options: Any) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Return the data set called ``name``: ``DATASETS[name].load_data(**options)``.

    Parameters
    ----------
    name : "digits", "mnist", "fashion-mnist", "cifar-10" or "cifar-100"
    **options : passed on, such as ``label_mode="coarse"`` for CIFAR-100

    Returns
    -------
    (x_train, y_train), (x_test, y_test) : arrays of uint8

    Raises
    ------
    UnknownNameError : there is no such data set
    DownloadError : a file is missing and no host gave it
    DataError : a file on this machine is damaged

    Examples
    --------
    >>> (x_train, y_train), (x_test, y_test) = load("digits")
    >>> x_train.shape, x_test.shape
    ((1438, 8, 8), (359, 8, 8))
    """
    return lookup("data set", name, DATASETS, "datasets.load").load_data(**options)


def status(name: str) -> Status:
    """Say whether the files of a data set are on this machine; what they hold is not checked.

    Parameters
    ----------
    name : a key of `DATASETS`

    Returns
    -------
    Status

    Raises
    ------
    UnknownNameError : there is no such data set

    Examples
    --------
    >>> status("digits").here
    True
    """
    lookup("data set", name, DATASETS, "datasets.status")
    archives = files.TABLE.get(name, ())
    wanted = [a for a in archives if files.missing(a) and not (files.folder(a) / a.name).is_file()]
    return Status(
        name,
        here=not wanted,
        folder=files.folder(archives[0]) if archives else None,
        missing=tuple(archive.name for archive in wanted),
    )
