"""A folder of images as a dataset: one folder a class, read batch by batch in threads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import config, ops
from melpy.errors import ArgumentError, lookup
from melpy.preprocessing.folders import Folder
from melpy.preprocessing.image import COLOR_MODES, eight_bits, img_to_array, load_img

__all__ = ["image_dataset_from_directory"]

WHO = "image_dataset_from_directory"
ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png")


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
        image = eight_bits(load_img(path, self.color_mode))
        x = img_to_array(image, "channels_last", np.float32)
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
    format: str = "tf",
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
    format : "tf" or "grain", for Keras's sake: a Loader comes back in any case
    verbose : bool, whether it says how many files it found

    Returns
    -------
    FolderLoader of batches of images (N, H, W, C), float32 from 0 to 255, or of (images, labels);
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
    lookup("interpolation", interpolation, ops.resizing.FILTERS, WHO)
    place = data_format or config.image_data_format()
    lookup("data format", place, config.DATA_FORMATS, WHO)
    sizes = [image_size] * 2 if isinstance(image_size, int) else image_size
    if not isinstance(sizes, list | tuple) or len(sizes) != 2 or min(sizes) < 1:
        raise ArgumentError(
            WHO,
            "image_size is no size",
            expected="(height, width), or an int",
            received={"image_size": image_size},
        )
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ArgumentError(
            WHO, "images are either cropped or padded", expected="one aspect ratio argument"
        )
    folder = Folder(
        WHO, "images", ENDINGS, directory, labels, label_mode, class_names, shuffle, seed,
        validation_split, subset, follow_links, format, verbose,
    )  # fmt: skip
    height, width = sizes
    return folder.read(
        batch_size,
        lambda paths: _Images(
            paths, (height, width), color_mode, interpolation,
            crop_to_aspect_ratio, pad_to_aspect_ratio, place,
        ),
    )  # fmt: skip
