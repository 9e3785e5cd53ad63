"""Pixels to numbers, as the paper does: scaled to 0..1, then standardized, by the training data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from melpy import config
from melpy.errors import DataError, FileError, MelpyError, ShapeError
from melpy.files import writing
from melpy.layers import Rescaling
from melpy.preprocessing import MinMaxScaler, StandardScaler
from melpy.preprocessing.image import (
    FORMATS,
    MOST_PIXELS,
    eight_bits,
    fault_of,
    in_eight_bits,
    opened,
    pillow_image,
)

__all__ = ["Pixels", "as_seen", "read_pixels", "reading_image", "write_image"]


@dataclass(frozen=True)
class Pixels:
    """x = ((pixel - low) / (high - low) - mean) / std, with one mean and std a channel.

    ``low`` and ``high`` are the range of the training pixels, ``mean`` and ``std`` the channels'
    statistics after scaling. Where all pixels are alike, ``high - low`` counts as 1.
    """

    low: float
    high: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def fit(cls, images: np.ndarray) -> Pixels:
        """Learn from the training images, (N, H, W) or (N, H, W, C)."""
        images = with_channels(images)
        scaler = MinMaxScaler(per="all").fit(images)
        standard = StandardScaler(per="channel").fit(scaler.transform(images))
        return cls(
            float(scaler.data_min_),
            float(scaler.data_max_),
            tuple(np.atleast_1d(standard.mean_).tolist()),
            tuple(np.atleast_1d(standard.scale_).tolist()),
        )

    def transform(self, images: np.ndarray) -> np.ndarray:
        """Return images (N, H, W, C) as the network takes them."""
        spread = (self.high - self.low) or 1.0
        span, shift = spread * np.asarray(self.std), self.low + spread * np.asarray(self.mean)
        dtype = config.floatx()
        return (with_channels(images).astype(dtype) - shift.astype(dtype)) / span.astype(dtype)

    def as_layer(self) -> Rescaling:
        """Return the layer that does the same to pixels (N, H, W, C)."""
        spread = (self.high - self.low) or 1.0
        span = [spread * std for std in self.std]
        shift = [self.low + spread * mean for mean in self.mean]
        offset = [-start / width for start, width in zip(shift, span, strict=True)]
        return Rescaling([1 / width for width in span], offset, name="pixels")


def with_channels(images: np.ndarray) -> np.ndarray:
    """Return (N, H, W) images as (N, H, W, 1)."""
    return images[..., np.newaxis] if images.ndim == 3 else images


def read_pixels(
    path: str | Path, shape: tuple[int, ...], resize: bool = True, who: str = "predict"
) -> np.ndarray:
    """Read an image file as it is seen: uint8 (H, W, C), 0 black and 255 white.

    It is turned as its camera says (EXIF); of an animation it is the first picture; what is
    see-through stands on white; of 16 bits the upper 8 count; CMYK becomes RGB.

    Parameters
    ----------
    path : an image file that Pillow reads
    shape : (H, W, C); C is 1 for grey, 3 for colours
    resize : bool, scale an image of another size, each side by itself, instead of refusing it
    who : str, in messages

    Raises
    ------
    DataError : it is no image, or a damaged one
    ShapeError : it has another size
    FileError : it cannot be read
    """
    H, W, C = shape
    with reading_image(path, who), opened(path, who) as file:
        if not resize:
            _require_size(path, file.size, (W, H), who)  # before it is decoded
        file.draft(None, (2 * max(H, W),) * 2)  # a JPEG is decoded no larger than it need be
        image = as_seen(file, "L" if C == 1 else "RGB")
    if image.size != (W, H):
        image = image.resize((W, H), pillow_image("predict").Resampling.LANCZOS)
    return np.asarray(image, np.uint8).reshape(H, W, C)


@contextmanager
def reading_image(path: Any, who: str) -> Iterator[None]:
    """Say which file it was, and what to do, where Pillow fails to read it."""
    pillow_image(who)
    try:
        yield
    except MelpyError:
        raise
    except Exception as error:  # what is damaged fails in more ways than anyone can list
        if isinstance(error, OSError) and error.errno is not None:  # the file, not what it holds
            raise FileError(
                who,
                f"{path} cannot be read ({error.strerror})",
                expected="an image file",
            ) from error
        raise DataError(
            who,
            f"{path} is no image, or a damaged one ({fault_of(error)})",
            expected=f"one of {', '.join(FORMATS)}, of {MOST_PIXELS} pixels at the most",
            mend="Take a whole copy of it, or leave it out.",
        ) from error


def as_seen(file: Any, mode: str) -> Any:
    """Return Pillow's image in a mode, "L" or "RGB", as people see it: turned, and on white."""
    from PIL import ImageOps

    image = eight_bits(ImageOps.exif_transpose(file))
    if image.mode == "F":  # of floats, which go to 1 or to 255
        scale = np.float32(255 if image.getextrema()[1] <= 1 else 1)
        image = in_eight_bits(image, lambda values: np.rint(values * scale))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = pillow_image("predict").new("RGBA", image.size, "white")
        ground.alpha_composite(image)
        image = ground
    return image.convert(mode)


def _require_size(path: Any, size: tuple[int, int], wanted: tuple[int, int], who: str) -> None:
    if size != wanted:
        raise ShapeError(
            who,
            f"{path} has another size than the network's images",
            expected=f"{wanted[0]}x{wanted[1]} pixels",
            received={"size": f"{size[0]}x{size[1]}"},
            mend="Add --resize to scale it.",
        )


def write_image(path: str | Path, image: np.ndarray, high: float) -> None:
    """Write pixels (H, W) or (H, W, C) in 0..high as a PNG file."""
    from PIL import Image

    pixels = np.rint(np.squeeze(image).astype(np.float64) * (255.0 / (high or 1.0))).astype(
        np.uint8
    )
    with writing(path, "write_image"):
        Image.fromarray(pixels).save(path)
