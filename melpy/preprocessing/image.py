"""Image files to arrays and back, by way of Pillow."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from melpy import config, ops
from melpy.errors import ArgumentError, DataError, DtypeError, ShapeError, install, lookup, needing
from melpy.files import writing

__all__ = [
    "array_to_img", "eight_bits", "img_to_array", "in_eight_bits", "load_img", "opened",
    "pillow_image", "save_img", "smart_resize",
]  # fmt: skip

# Pillow would try all that it knows, of which some hand the file to other programs.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
MOST_PIXELS = 2**26  # of an image before it is scaled; decoded, 256 MB of colours
STRIP_PIXELS = 2**20  # of the rows that become an array together

# Of each colour mode: Pillow's mode, and which modes of files are taken as they are.
COLOR_MODES = {
    "grayscale": ("L", ("L", "I;16", "I")),
    "rgb": ("RGB", ("RGB",)),
    "rgba": ("RGBA", ("RGBA",)),
}
INTERPOLATIONS = {
    name: name.upper() for name in ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")
}
DEEP = ("I;16", "I;16B", "I;16L", "I;16N", "I")  # grey, of 16 bits or, "I", of 32
Source = str | bytes | os.PathLike | io.BytesIO


def pillow_image(who: str) -> Any:
    """Return Pillow's module of images, or say how to install it."""
    with needing(who, "Pillow, which reads image files, is not installed", install("images")):
        from PIL import Image
    return Image


def _place(data_format: str | None, who: str) -> str:
    place = data_format or config.image_data_format()
    return lookup("data format", place, config.DATA_FORMATS, who)


def opened(file: Any, who: str) -> Any:
    """Return Pillow's image of a file, of which only the head is read yet.

    Raises
    ------
    Exception : of Pillow's many kinds, where this is no image of the `FORMATS`
    ValueError : it has more pixels than `MOST_PIXELS`
    """
    image = pillow_image(who).open(file, formats=FORMATS)
    if image.width * image.height > MOST_PIXELS:
        image.close()
        raise ValueError(f"{image.width}x{image.height} pixels are more than {MOST_PIXELS}")
    return image


def load_img(
    path: Source,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """Read an image file.

    Parameters
    ----------
    path : str, path, or io.BytesIO
    color_mode : "rgb", "rgba" or "grayscale", which keeps the 16 bits of a deep grey image
    target_size : (height, width), or None for the image's own
    interpolation : "nearest", "bilinear", "bicubic", "lanczos", "box" or "hamming"
    keep_aspect_ratio : bool, whether the image is first cut to the new aspect ratio, in the middle

    Returns
    -------
    Pillow's image; `img_to_array` makes an array of it

    Raises
    ------
    DataError : the file is no image that can be read; it is named
    DtypeError : path is none
    UnknownNameError : a colour mode or an interpolation of another name
    DependencyError : Pillow is not installed

    Notes
    -----
    A grey image of 16 bits becomes one of colours by its upper 8 bits, so that black is 0 and
    white 255. Pillow's own conversion, which Keras leaves it to, cuts at 255 instead: nearly all
    of the image is white then.

    Source
    ------
    Keras 3, ``keras.utils.load_img``.
    """
    image_module = pillow_image("load_img")
    mode, taken = lookup("color_mode", color_mode, COLOR_MODES, "load_img")
    if not isinstance(path, str | bytes | os.PathLike | io.BytesIO):
        raise DtypeError(
            "load_img",
            "this is no path",
            expected="a str, a path or io.BytesIO",
            received={"type": type(path).__name__},
        )
    if isinstance(path, io.BytesIO):
        data, name = path, "the file"
    else:
        data, name = io.BytesIO(Path(os.fsdecode(path)).read_bytes()), f"{os.fsdecode(path)!r}"
    try:
        image = opened(data, "load_img")
        image.load()
    except (OSError, SyntaxError, ValueError, image_module.DecompressionBombError) as error:
        raise DataError(
            "load_img",
            f"{name} is no image that can be read ({fault_of(error)})",
            expected=f"one of {', '.join(FORMATS)}",
            mend="Take a whole copy of it, or remove it.",
        ) from error
    if image.mode not in taken:
        image = eight_bits(image).convert(mode)
    if target_size is None or image.size == (target_size[1], target_size[0]):
        return image
    method = lookup("interpolation", interpolation, INTERPOLATIONS, "load_img")
    (W, H), (oH, oW) = image.size, target_size
    h, w = min(H, W * oH // oW), min(W, H * oW // oH)
    top, left = (H - h) // 2, (W - w) // 2
    box = (left, top, left + w, top + h) if keep_aspect_ratio else None
    return image.resize((oW, oH), getattr(image_module.Resampling, method), box=box)


def fault_of(error: Exception) -> str:
    """Return what Pillow found wrong with a file, which it cannot name: it may be a buffer.

    Examples
    --------
    >>> fault_of(OSError("cannot identify image file <_io.BytesIO object at 0x7f>"))
    'it does not begin as any of these formats does'
    """
    if "cannot identify" in str(error):
        return "it does not begin as any of these formats does"
    return str(error) or "it ends too early"


def eight_bits(image: Any) -> Any:
    """Return a grey image of 16 or 32 bits as one of 8 bits, the upper ones that count."""
    if image.mode not in DEEP:
        return image
    # Pillow keeps 16 bits as 32 in some formats: what is greater than they hold has 31.
    shift = 23 if image.mode == "I" and image.getextrema()[1] > 65535 else 8
    return in_eight_bits(image, lambda values: values >> shift)


def in_eight_bits(image: Any, change: Callable[[np.ndarray], np.ndarray]) -> Any:
    """Return a grey image of 8 bits of what a function makes of another's values.

    A few rows at a time: Pillow's images are large, and an array of one is another.
    """
    pillow = pillow_image("load_img")
    W, H = image.size
    made = pillow.new("L", (W, H))
    rows = max(1, STRIP_PIXELS // max(W, 1))
    for top in range(0, H, rows):
        values = change(np.asarray(image.crop((0, top, W, min(top + rows, H)))))
        made.paste(pillow.fromarray(np.clip(values, 0, 255).astype(np.uint8)), (0, top))
    return made


def img_to_array(
    img: Any, data_format: str | None = None, dtype: DTypeLike | None = None
) -> np.ndarray:
    """Return an image as an array (H, W, C), values as they are in the file.

    Parameters
    ----------
    img : Pillow's image, or an array (H, W) or (H, W, C)
    data_format : "channels_last", "channels_first" for (C, H, W), or None for the setting
    dtype : the array's type, or None for the setting

    Source
    ------
    Keras 3, ``keras.utils.img_to_array``.
    """
    place = _place(data_format, "img_to_array")
    x = np.asarray(img, dtype or config.floatx())
    if x.ndim not in (2, 3):
        raise ShapeError(
            "img_to_array",
            f"an image has no {x.ndim} axes",
            expected="shape (H, W) or (H, W, C)",
            received={"shape": x.shape},
        )
    x = x if x.ndim == 3 else x[..., np.newaxis]
    return x.transpose(2, 0, 1) if place == "channels_first" else x


def array_to_img(
    x: ArrayLike,
    data_format: str | None = None,
    scale: bool = True,
    dtype: DTypeLike | None = None,
) -> Any:
    """Return an array as Pillow's image.

    Parameters
    ----------
    x : array (H, W, C), C 1, 3 or 4
    data_format : "channels_last", "channels_first" for (C, H, W), or None for the setting
    scale : bool, whether the smallest value becomes 0 and the greatest 255
    dtype : the type to compute in, or None for the setting

    Source
    ------
    Keras 3, ``keras.utils.array_to_img``.
    """
    image_module = pillow_image("array_to_img")
    place = _place(data_format, "array_to_img")
    pixels = np.asarray(x, dtype or config.floatx())
    if pixels.ndim == 3 and place == "channels_first":
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4):
        raise ShapeError(
            "array_to_img",
            "this is no image",
            expected="shape (H, W, C), with 1, 3 or 4 channels",
            received={"shape": pixels.shape},
        )
    if scale:
        pixels = pixels - pixels.min()
        pixels = pixels / (pixels.max() or 1) * 255
    grey = pixels.shape[2] == 1
    deep = grey and pixels.max() > 255
    made = pixels[..., 0] if grey else pixels
    return image_module.fromarray(made.astype(np.int32 if deep else np.uint8))


def save_img(
    path: Source,
    x: ArrayLike,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array to an image file.

    Parameters
    ----------
    path : str, path, or io.BytesIO
    x : array (H, W, C), C 1, 3 or 4
    data_format : "channels_last", "channels_first" for (C, H, W), or None for the setting
    file_format : "png", "jpeg", ..., or None for what the path's ending says
    scale : bool, whether the smallest value becomes 0 and the greatest 255
    kwargs : what Pillow's ``Image.save`` takes

    Raises
    ------
    FileError : the file cannot be written

    Source
    ------
    Keras 3, ``keras.utils.save_img``.
    """
    if file_format is None and not isinstance(path, io.BytesIO):
        file_format = Path(os.fsdecode(path)).suffix[1:]
    if not file_format:
        raise ArgumentError(
            "save_img", "the format is not known", expected='file_format, such as "png"'
        )
    file_format = {"jpg": "jpeg"}.get(file_format.lower(), file_format.lower())
    image = array_to_img(x, data_format, scale)
    if image.mode == "RGBA" and file_format == "jpeg":
        image = image.convert("RGB")  # JPEG knows no transparency
    with writing(path, "save_img"):
        image.save(path, format=file_format, **kwargs)


def smart_resize(
    x: Any,
    size: tuple[int, int],
    interpolation: str = "bilinear",
    data_format: str = "channels_last",
) -> Any:
    """Give images another size without distortion: cut to the new aspect ratio first.

    Parameters
    ----------
    x : array or tensor (N, H, W, C) or (H, W, C)
    size : (height, width)
    interpolation : "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5"
    data_format : "channels_last" or "channels_first"

    Source
    ------
    Keras 3, ``keras.preprocessing.image.smart_resize``.
    """
    return ops.image.resize(
        x, size, interpolation, crop_to_aspect_ratio=True, data_format=data_format
    )
