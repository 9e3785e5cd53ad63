"""A folder of images as a dataset: one folder a class, read batch by batch in threads."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from melpy import config, ops, random
from melpy.data import Loader
from melpy.errors import ArgumentError, DataError, lookup
from melpy.preprocessing.encoders import to_categorical
from melpy.preprocessing.image import COLOR_MODES, img_to_array, load_img

__all__ = ["ImageFolder", "image_dataset_from_directory"]

WHO = "image_dataset_from_directory"
ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")
LABEL_MODES = {name: name for name in ("int", "categorical", "binary")}
SUBSETS = {name: name for name in ("training", "validation", "both")}
PREFETCH = 2  # batches


class ImageFolder(Loader):
    """What `image_dataset_from_directory` returns: a `Loader` that knows its files.

    Attributes
    ----------
    file_paths : list of str, in the order of the first reading, before any shuffling by epoch
    class_names : list of str, class n's name; None where there are no labels
    """

    file_paths: list[str]
    class_names: list[str] | None


class _Images:
    """Rows of images, read from their files when they are asked for."""

    def __init__(
        self, paths: list[str], size: tuple[int, int], color_mode: str, interpolation: str,
        crop: bool, pad: bool, data_format: str,
    ) -> None:  # fmt: skip
        self.paths, self.size, self.color_mode = paths, size, color_mode
        self.interpolation, self.crop, self.pad = interpolation, crop, pad
        self.data_format = data_format

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, rows: Any) -> np.ndarray:
        numbers = np.arange(len(self.paths))[rows]
        if numbers.ndim == 0:
            return self._read(self.paths[numbers])
        return np.stack([self._read(self.paths[n]) for n in numbers])

    def _read(self, path: str) -> np.ndarray:
        x = img_to_array(load_img(path, self.color_mode), "channels_last", np.float32)
        x = self._padded(x) if self.pad else self._resized(x, self.size)
        return x.transpose(2, 0, 1) if self.data_format == "channels_first" else x

    def _resized(self, x: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        return ops.image.resize(
            x,
            size,
            self.interpolation,
            crop_to_aspect_ratio=self.crop,
            data_format="channels_last",
        )

    def _padded(self, x: np.ndarray) -> np.ndarray:
        """Return the image as large as it fits, in the middle of a black frame."""
        (H, W, C), (oH, oW) = x.shape, self.size
        # In float32, as in Keras: where that rounds down, the image is a pixel smaller there too.
        ratio = max(np.float32(W) / np.float32(oW), np.float32(H) / np.float32(oH))
        h, w = np.float32(H) / ratio, np.float32(W) / ratio
        top, left = int((oH - h) / 2), int((oW - w) / 2)
        out = np.zeros((oH, oW, C), x.dtype)
        out[top : top + int(h), left : left + int(w)] = self._resized(x, (int(h), int(w)))
        return out


def image_dataset_from_directory(
    directory: str | os.PathLike,
    labels: str | Sequence[int] | None = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: int | tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    verbose: bool = True,
) -> Any:
    """Return the images below a folder, and the folders that they lie in as labels.

    Parameters
    ----------
    directory : path; with labels="inferred", each folder in it is a class
    labels : "inferred", or None for images alone, or one int a file, files sorted by their paths
    label_mode : "int" for (N,), "categorical" for (N, C), "binary" for (N, 1), or None as labels
    class_names : the folders to take and their order, or None for all, sorted
    color_mode : "rgb", "rgba" or "grayscale"
    batch_size : int > 0, or None for single images
    image_size : (height, width), or one int for both
    shuffle : bool, whether each epoch has an order of its own
    seed : int or None, for the next one of the process's stream
    validation_split : float in (0, 1), the share kept for validation, or None
    subset : "training", "validation" or "both", with validation_split
    interpolation : "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5"
    follow_links : bool, whether folders behind links are read too
    crop_to_aspect_ratio : bool, cut the images to the new aspect ratio first, in the middle
    pad_to_aspect_ratio : bool, put them into a black frame of the new aspect ratio instead
    data_format : "channels_last", "channels_first", or None for the setting
    verbose : bool, whether it says how many files it found

    Returns
    -------
    ImageFolder of batches of images (N, H, W, C), float32 from 0 to 255, or of (images, labels);
    a list of two, for training and validation, with subset="both"

    Raises
    ------
    DataError : there are no images, or, when it is read, a file is no image; it is named
    ArgumentError : arguments that do not go together

    Notes
    -----
    Formats: bmp, gif (its first picture), jpeg and png. Files, labels and splits are Keras's for
    the same seed; the order of an epoch is not.

    Source
    ------
    Keras 3, ``keras.utils.image_dataset_from_directory``.
    """
    lookup("color_mode", color_mode, COLOR_MODES, WHO)
    lookup("interpolation", interpolation, ops.image.FILTERS, WHO)
    place = data_format or config.image_data_format()
    lookup("data format", place, config.DATA_FORMATS, WHO)
    height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
    if label_mode is not None:
        lookup("label_mode", label_mode, LABEL_MODES, WHO)
    if labels is None or label_mode is None:
        labels = label_mode = None
    _check_together(
        labels, class_names, crop_to_aspect_ratio and pad_to_aspect_ratio,
        validation_split, subset, shuffle and seed is None,
    )  # fmt: skip
    seed = random.next_seed() if seed is None else seed

    paths, numbers, names = _found(os.fspath(directory), labels, class_names, follow_links)
    if label_mode == "binary" and len(names or ()) != 2:
        raise ArgumentError(
            WHO,
            'label_mode="binary" needs two classes',
            expected="two folders",
            received={"class_names": names},
        )
    if verbose:
        classes = "" if names is None else f" belonging to {len(names)} classes"
        print(f"Found {len(paths)} files{classes}.")
    order = np.arange(len(paths))
    if shuffle:
        np.random.RandomState(seed % 2**32).shuffle(order)  # Keras's own order
    held = int((validation_split or 0) * len(order))
    parts = {"training": order[: len(order) - held], "validation": order[len(order) - held :]}

    def dataset(rows: np.ndarray, part: str) -> ImageFolder:
        chosen = [paths[row] for row in rows]
        if not chosen:
            raise DataError(
                WHO,
                f"no {part}images below {os.fspath(directory)!r}",
                expected=f"files that end in {', '.join(ENDINGS)}",
            )
        if verbose and part:
            print(f"Using {len(chosen)} files for {part.rstrip()}.")
        y = None if numbers is None else _encoded(numbers[rows], label_mode, len(names or ()))
        images = _Images(
            chosen, (height, width), color_mode, interpolation,
            crop_to_aspect_ratio, pad_to_aspect_ratio, place,
        )  # fmt: skip
        mixed = shuffle and not (subset == "both" and part == "validation ")
        made = ImageFolder(
            images, y, None, batch_size, mixed, seed, None, PREFETCH, workers=config.threads()
        )
        made.file_paths, made.class_names = chosen, names
        return made

    if subset == "both":
        return [dataset(rows, f"{part} ") for part, rows in parts.items()]
    return dataset(parts[subset], f"{subset} ") if subset else dataset(order, "")


def _check_together(
    labels: Any, class_names: Any, both_ratios: bool, split: Any, subset: Any, no_seed: bool
) -> None:
    """Refuse arguments that do not go together, in Keras's cases."""
    if subset is not None:
        lookup("subset", subset, SUBSETS, WHO)
    if isinstance(labels, str) and labels != "inferred":
        what, expected = f"unknown labels {labels!r}", '"inferred", None, or one int a file'
    elif class_names is not None and not isinstance(labels, str):
        what, expected = "class_names name folders", 'labels="inferred"'
    elif both_ratios:
        what, expected = "images are either cropped or padded", "one aspect ratio argument"
    elif split is not None and not 0 < split < 1:
        what, expected = "validation_split is out of range", "a float in (0, 1)"
    elif (split is None) != (subset is None):
        what, expected = "validation_split and subset go together", "both or neither"
    elif split is not None and no_seed:
        what, expected = "without a seed the two subsets would overlap", "seed"
    else:
        return
    raise ArgumentError(WHO, what, expected=expected)


def _files(folder: str, follow_links: bool) -> Iterator[str]:
    """Yield the paths of all images below a folder, sorted by folder, then by name."""
    walk = os.walk(folder, followlinks=follow_links)
    for root, _, names in sorted(walk, key=lambda entry: entry[0]):
        for name in sorted(names):
            if name.lower().endswith(ENDINGS):
                yield os.path.join(root, name)


def _found(
    directory: str, labels: Any, class_names: Sequence[str] | None, follow_links: bool
) -> tuple[list[str], np.ndarray | None, list[str] | None]:
    """Return the files, their labels' numbers, and the classes' names."""
    if not os.path.isdir(directory):
        raise DataError(WHO, f"there is no folder {directory!r}")
    if not isinstance(labels, str):  # none, or one a file
        paths = list(_files(directory, follow_links))
        if labels is None:
            return paths, None, None
        if len(labels) != len(paths):
            raise ArgumentError(
                WHO,
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
    names = folders if class_names is None else list(class_names)
    if not set(names) <= set(folders):
        raise ArgumentError(
            WHO,
            "a class has no folder",
            expected=f"some of {folders}",
            received={"class_names": names},
        )
    files = [list(_files(os.path.join(directory, name), follow_links)) for name in names]
    numbers = np.repeat(np.arange(len(names), dtype=np.int32), [len(found) for found in files])
    return [path for found in files for path in found], numbers, names


def _encoded(numbers: np.ndarray, label_mode: str | None, classes: int) -> np.ndarray:
    if label_mode == "categorical":
        return to_categorical(numbers, classes).astype(np.float32)
    if label_mode == "binary":
        return numbers.astype(np.float32)[:, np.newaxis]
    return numbers.astype(np.int32)
