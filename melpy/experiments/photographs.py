"""A folder of one's own images, a folder a class, read into memory before a training begins."""

from __future__ import annotations

import math
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from melpy import config
from melpy.callbacks.progbar import Progbar
from melpy.errors import ArgumentError, DataError, MelpyError
from melpy.experiments.images import read_pixels, reading_image
from melpy.preprocessing.image import opened

__all__ = ["ENDINGS", "classes_in", "images_below", "parts_of", "read_all", "suited"]

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".pgm", ".ppm", ".tif", ".tiff", ".webp")
HELD_OUT = ("val", "valid", "validation", "test")  # names of a part to measure on, the first counts
MEMORY_BYTES = 2**31  # of pixels; more lie in a file without a name
LARGEST_KEPT, USUAL = 96, 64  # sides, in pixels, of images that all have one size, and of others
GREY = {"1", "L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N", "F"}
SHOWN = 3  # damaged files that a message names

Say = Callable[[str], None]
Classes = dict[str, list[Path]]


def images_below(folder: Path) -> list[Path]:
    """Return all images below a folder, by their names' endings, sorted; hidden ones left out."""
    return [
        path for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in ENDINGS and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]  # fmt: skip


def classes_in(folder: Path, who: str, least: int = 2) -> Classes:
    """Return the images of each class: of each folder in a folder.

    Raises
    ------
    DataError : there are fewer classes than ``least``
    """
    found = {path.name: images_below(path) for path in _folders(folder)}
    found = {name: paths for name, paths in found.items() if paths}
    if len(found) < least:
        loose = sum(path.suffix.lower() in ENDINGS for path in folder.iterdir())
        raise DataError(
            who,
            f"{folder} has {len(found) or 'no'} {'folder' if len(found) == 1 else 'folders'} with "
            f"images, of the {least} that are needed",
            expected=f"a folder for each class, with images that end in {', '.join(ENDINGS)}",
            received={"classes": list(found), "images in no folder": loose},
            mend="Move the images of each class into a folder of the class's name.",
        )
    return found


def _folders(folder: Path) -> list[Path]:
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def parts_of(folder: Path, who: str) -> tuple[Classes, Classes | None]:
    """Return the training part of a folder, and the part to measure on where it has folders "train"
    and "val" (or "valid", "validation", "test"), each with the classes' folders in it.
    """
    parts = {path.name.lower(): path for path in _folders(folder)}
    if "train" not in parts or not set(parts) <= {"train", *HELD_OUT}:
        return classes_in(folder, who), None
    held = next((parts[name] for name in HELD_OUT if name in parts), None)
    return classes_in(parts["train"], who), None if held is None else classes_in(held, who, 1)


def suited(
    paths: Sequence[Path], size: str | None, channels: int | None, who: str
) -> tuple[int, int, int]:
    """Return the shape (H, W, C) to read images in.

    Parameters
    ----------
    size : "64" for a square or "48x64", height and width; None for the images' own if all have
        one and it is small, else 64x64
    channels : 1 or 3; None for 1 if all images are grey
    """
    H, W = _sides(size, who) if size else (0, 0)
    if H and channels:
        return H, W, channels
    sizes, is_grey = set(), True
    for path in paths:
        try:
            with reading_image(path, who), opened(path, who) as file:
                sizes.add(file.size)
                is_grey = is_grey and file.mode in GREY
        except MelpyError:  # it will be told of with all others
            continue
        is_sized = bool(H) or len(sizes) > 1 or max(map(max, sizes)) > LARGEST_KEPT
        if is_sized and (channels or not is_grey):  # nothing that follows changes the answer
            break
    if not H:
        w, h = sizes.pop() if len(sizes) == 1 else (USUAL, USUAL)
        H, W = (h, w) if max(h, w) <= LARGEST_KEPT else (USUAL, USUAL)
    return H, W, channels or (1 if is_grey else 3)


def _sides(size: str, who: str) -> tuple[int, int]:
    parts = size.lower().split("x")
    if len(parts) > 2 or not all(part.isdecimal() and 0 < int(part) <= 4096 for part in parts):
        raise ArgumentError(
            who,
            "--image-size is no size",
            expected='pixels from 1 to 4096, such as 64, or height and width, "48x64"',
            received={"image_size": size},
        )
    sides = [int(part) for part in parts]
    return sides[0], sides[-1]


def read_all(
    paths: Sequence[Path], shape: tuple[int, int, int], skip: bool, say: Say, who: str
) -> tuple[np.ndarray, np.ndarray]:
    """Read images, on several threads; return pixels, uint8 (N, H, W, C), and which could be read.

    Parameters
    ----------
    paths : of the images
    shape : (H, W, C)
    skip : bool, whether damaged ones are left out instead of refused, all at once

    Raises
    ------
    DataError : some are damaged
    """
    pixels = _room((len(paths), *shape))
    faults: list[tuple[Path, MelpyError]] = []
    is_read = np.ones(len(paths), bool)

    def read(number: int) -> None:
        try:
            pixels[number] = read_pixels(paths[number], shape, who=who)
        except MelpyError as error:
            is_read[number] = False
            faults.append((paths[number], error))

    live = getattr(sys.stdout, "isatty", lambda: False)()
    bar = Progbar(len(paths), verbose=int(live), unit_name="image")
    pool = ThreadPoolExecutor(config.threads())
    try:
        for number, _ in enumerate(pool.map(read, range(len(paths))), 1):
            bar.update(number)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    if faults:
        _tell(sorted(faults, key=lambda fault: fault[0]), len(paths), skip, say, who)
    return pixels[: len(paths)] if is_read.all() else pixels[is_read], is_read


def _tell(
    faults: list[tuple[Path, MelpyError]], count: int, skip: bool, say: Say, who: str
) -> None:
    if len(faults) == count or (len(faults) == 1 and not skip):
        raise faults[0][1]
    named = "; ".join(error.what for _, error in faults[:SHOWN])
    more = f"; and {len(faults) - SHOWN} more" if len(faults) > SHOWN else ""
    if not skip:
        raise DataError(
            who,
            f"{len(faults)} of {count} images cannot be read: {named}{more}",
            expected="whole images",
            mend="Take whole copies of them, or leave them out: --skip-damaged.",
        )
    say(f"Left out {len(faults)} of {count} images: {named}{more}.")


def _room(shape: Sequence[int]) -> Any:
    """Return an array for pixels; a large one in a file that is gone when nobody has it open."""
    if math.prod(shape) <= MEMORY_BYTES:
        return np.empty(shape, np.uint8)
    with tempfile.TemporaryFile() as file:
        return np.asarray(np.memmap(file, np.uint8, "w+", shape=tuple(shape)))
