"""Pixels to numbers, as the paper does: scaled to 0..1, then standardized, by the training data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from melpy import config
from melpy.errors import ArgumentError, DataError, DependencyError, MelpyError, ShapeError, install
from melpy.preprocessing import MinMaxScaler, StandardScaler
from melpy.preprocessing.image import FORMATS, MOST_PIXELS, opened

__all__ = ["Pixels", "read_image", "write_image"]


@dataclass(frozen=True)
class Pixels:
    """x = ((pixel - low) / (high - low) - mean) / std, with one mean and std a channel.

    ``low`` and ``high`` are the range of the training pixels, ``mean`` and ``std`` the channels'
    statistics after scaling. Where all pixels are alike, ``high - low`` counts as 1. It is plain
    numbers, so that a run can keep it.
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

    def to_json(self) -> dict[str, Any]:
        """Return the four as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Pixels:
        """Make it again from `to_json`'s result; a ValueError says that it is none."""
        low, high = float(kept["low"]), float(kept["high"])
        mean, std = (tuple(float(x) for x in kept[name]) for name in ("mean", "std"))
        if not np.isfinite([low, high, *mean, *std]).all() or min(std) <= 0 or low > high:
            raise ValueError("pixels of such a range and spread cannot be")
        return cls(low, high, mean, std)


def with_channels(images: np.ndarray) -> np.ndarray:
    """Return (N, H, W) images as (N, H, W, 1)."""
    return images[..., np.newaxis] if images.ndim == 3 else images


def read_image(
    path: str | Path, shape: tuple[int, ...], high: float, resize: bool, invert: bool
) -> np.ndarray:
    """Read an image file as pixels (H, W, C) in 0..high.

    Parameters
    ----------
    path : an image file that Pillow reads
    shape : (H, W, C), what the network takes; C is 1 or 3
    high : float, the largest pixel value of the network's data set
    resize : bool, scale an image of another size instead of refusing it
    invert : bool, for dark ink on a light ground, where the data set has it the other way round
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError as error:
        raise DependencyError(
            "predict",
            "Pillow, which reads image files, is not installed",
            mend=install("images"),
        ) from error

    H, W, C = shape
    damaged = (UnidentifiedImageError, Image.DecompressionBombError, SyntaxError, ValueError)
    try:
        with opened(path, "predict") as file:
            if not resize:
                _require_size(path, file.size, (W, H))  # before it is decoded
            image = file.convert("L" if C == 1 else "RGB")
    except MelpyError:
        raise
    except (*damaged, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the file, not what it holds
            raise ArgumentError(
                "predict",
                f"{path} cannot be read ({error.strerror})",
                expected="an image file",
            ) from error
        raise DataError(
            "predict",
            f"{path} is no image, or a damaged one ({error})",
            expected=f"one of {', '.join(FORMATS)}, of {MOST_PIXELS} pixels at the most",
        ) from error
    if image.size != (W, H):
        image = image.resize((W, H), Image.Resampling.LANCZOS)
    pixels = np.asarray(image, dtype=np.float64).reshape(shape)
    return (255.0 - pixels if invert else pixels) * (high / 255.0)


def _require_size(path: Any, size: tuple[int, int], wanted: tuple[int, int]) -> None:
    if size != wanted:
        raise ShapeError(
            "predict",
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
    Image.fromarray(pixels).save(path)
