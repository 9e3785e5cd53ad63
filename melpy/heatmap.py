"""Arrays as pictures and tables of HTML: script-free, bounded, one scale symmetric about zero.

White is zero, and each kind of number has the hues of the Lab: values are red below zero and blue
above, weights orange and purple, gradients purple and green; what is not finite is grey.
"""

from __future__ import annotations

import base64
import math
import struct
import zlib
from html import escape
from typing import Any

import numpy as np

__all__ = ["as_html", "colors", "digits", "drawing", "image", "ink", "maps", "png", "table"]

# ColorBrewer's RdBu, PuOr and PRGn, from the least number to the greatest.
STOPS = {
    "values": "67001f b2182b d6604d f4a582 fddbc7 f7f7f7 d1e5f0 92c5de 4393c3 2166ac 053061",
    "weights": "7f3b08 b35806 e08214 fdb863 fee0b6 f7f7f7 d8daeb b2abd2 8073ac 542788 2d004b",
    "gradients": "40004b 762a83 9970ab c2a5cf e7d4e8 f7f7f7 d9f0d3 a6dba0 5aae61 1b7837 00441b",
}
SCALES = {of: np.array([tuple(bytes.fromhex(stop)) for stop in stops.split()], float)
          for of, stops in STOPS.items()}  # fmt: skip
GREY = (150, 150, 150)
MOST_ROWS, MOST_COLUMNS = 12, 16  # of a table of numbers
MOST_MAPS = 16  # in a picture
WIDE_PX, CELL_PX, GAP_PX = 480, 12, 4
FONT = "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:12px"


def colors(values: np.ndarray, most: float | None = None, of: str = "values") -> np.ndarray:
    """Return a colour for each value: uint8, of shape (..., 3).

    Parameters
    ----------
    values : array of numbers
    most : float, the number of the scale's one end, whose negative is that of the other; None for
        the largest of the values, |value|
    of : "values", "weights" or "gradients", what the numbers are

    Examples
    --------
    >>> colors(np.array([-1.0, 0.0, 1.0])).tolist()
    [[103, 0, 31], [247, 247, 247], [5, 48, 97]]
    """
    values = np.asarray(values, np.float64)
    is_finite = np.isfinite(values)
    if most is None:
        most = float(np.abs(values[is_finite]).max(initial=0.0))
    stops = SCALES[of]
    at = np.clip(np.where(is_finite, values, 0.0) / (most or 1.0), -1, 1) * 5 + 5
    below = np.floor(at).astype(int).clip(0, len(stops) - 2)
    part = (at - below)[..., np.newaxis]
    mixed = stops[below] * (1 - part) + stops[below + 1] * part
    return np.where(is_finite[..., np.newaxis], np.rint(mixed), GREY).astype(np.uint8)


def maps(values: np.ndarray, most_px: int) -> np.ndarray:
    """Return the maps (count, H, W) that are drawn of an array of any rank, at most 16.

    Those of a matrix are itself, of (N, H, W) its matrices, of images (N, H, W, C) the channels of
    the first one. What would be larger than most_px along a side, all together in a square, is
    thinned out; several maps alike along both sides.

    Examples
    --------
    >>> maps(np.zeros((5, 3, 4, 2)), 100).shape
    (2, 3, 4)
    """
    values = np.asarray(values, np.float64)
    if values.ndim == 4:
        values = values[0].transpose(2, 0, 1) if len(values) else values[..., 0]
    elif values.ndim != 3:
        flat = values.reshape(-1, values.shape[-1]) if values.ndim > 2 else np.atleast_2d(values)
        values = flat[np.newaxis]
    values = values[:MOST_MAPS]
    steps = [max(1, -(-size * _across(values) // most_px)) for size in values.shape[1:]]
    if len(values) > 1:
        steps = [max(steps)] * 2
    return values[:, :: steps[0], :: steps[1]]


def _across(pictures: np.ndarray) -> int:
    """Return how many pictures stand in a row, so that all of them make a square."""
    return math.ceil(math.sqrt(len(pictures)))


def png(pixels: np.ndarray) -> bytes:
    """Return a picture as a PNG file.

    Parameters
    ----------
    pixels : array of uint8, (H, W) for grey, (H, W, 3) for colours

    Source
    ------
    PNG specification, third edition, W3C 2025, sections 5 and 11.

    Examples
    --------
    >>> png(np.zeros((2, 3), np.uint8))[:4]
    b'\\x89PNG'
    """
    H, W = pixels.shape[:2]

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    flat = pixels.reshape(H, -1)
    rows = np.zeros((H, flat.shape[1] + 1), np.uint8)  # each begins with its filter, 0 for none
    rows[:, 1:] = flat
    color_type = 0 if pixels.ndim == 2 else 2
    head = struct.pack(">IIBBBBB", W, H, 8, color_type, 0, 0, 0)  # 8 bits
    parts = (b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def image(values: np.ndarray, label: str, wide_px: int = WIDE_PX, of: str = "values") -> str:
    """Return an array's picture as an HTML image, told of in words to who does not see it."""
    shown = maps(values, wide_px * 2 // 3)
    if not shown.size:
        return escape(label)
    side = max(1, min(CELL_PX, wide_px // (_across(shown) * shown.shape[2])))
    # Drawn so large: a browser that enlarges may smooth.
    pixels = _squared(colors(shown, of=of).repeat(side, axis=1).repeat(side, axis=2))
    width = min(wide_px, pixels.shape[1])
    data = base64.b64encode(png(pixels)).decode()
    return (
        f'<img alt="{escape(label, quote=True)}" src="data:image/png;base64,{data}" '
        f'style="width:{width}px;image-rendering:pixelated;border:1px solid #8888">'
    )


def _squared(pictures: np.ndarray) -> np.ndarray:
    """Return pictures (N, H, W, 3) as one, with white between them."""
    across = _across(pictures)
    down = -(-len(pictures) // across)
    _, H, W, _ = pictures.shape
    framed = np.full((down * across, H + GAP_PX, W + GAP_PX, 3), 255, np.uint8)
    framed[: len(pictures), :H, :W] = pictures
    rows = framed.reshape(down, across, *framed.shape[1:]).transpose(0, 2, 1, 3, 4)
    whole = rows.reshape(down * (H + GAP_PX), across * (W + GAP_PX), 3)
    return whole[:-GAP_PX, :-GAP_PX]


def drawing(svg: str, label: str) -> str:
    """Return an SVG picture as an HTML image: notebooks of others are shown without bare SVG.

    Examples
    --------
    >>> drawing("<svg/>", "nothing")
    '<img alt="nothing" src="data:image/svg+xml;base64,PHN2Zy8+">'
    """
    data = base64.b64encode(svg.encode()).decode()
    return f'<img alt="{escape(label, quote=True)}" src="data:image/svg+xml;base64,{data}">'


def digits(value: Any) -> str:
    """Return a number in three digits, with a real minus.

    Examples
    --------
    >>> digits(-0.123456), digits(1234567.0), digits(3)
    ('−0.123', '1.23e+06', '3')
    """
    if isinstance(value, bool | np.bool_):
        return str(value)
    text = str(value) if isinstance(value, int | np.integer) else f"{float(value):.3g}"
    return text.replace("-", "−", 1) if text.startswith("-") else text


def table(values: np.ndarray) -> str:
    """Return an array (rows, columns) of numbers as a table of coloured cells."""
    paints = colors(values)
    rows = []
    for row, paint in zip(values, paints, strict=True):
        cells = "".join(
            f'<td style="background:rgb({r},{g},{b});color:{ink(r, g, b)};padding:2px 6px;'
            f'text-align:right">{digits(value)}</td>'
            for value, (r, g, b) in zip(row, paint.tolist(), strict=True)
        )
        rows.append(f"<tr>{cells}</tr>")
    return f'<table style="border-collapse:collapse;{FONT}">{"".join(rows)}</table>'


def ink(r: int, g: int, b: int) -> str:
    """Return black or white, whichever is read better on a colour.

    Examples
    --------
    >>> ink(255, 255, 255)
    '#000'
    """
    return "#000" if 0.299 * r + 0.587 * g + 0.114 * b > 140 else "#fff"


def as_html(values: np.ndarray, title: str) -> str:
    """Return an array as HTML: its type and range, then its numbers, or a picture of them."""
    kind = values.dtype.kind
    if kind not in "biuf" or not values.size:
        return f'<div style="{FONT}">{escape(title)}</div>'
    told = f"{values.shape} {values.dtype}"
    if values.size > 1 and kind != "b":
        least, mean, most = (digits(f(values)) for f in (np.min, np.mean, np.max))
        told += f", {least} to {most}, mean {mean}"
    head = f'<div style="{FONT};margin-bottom:4px"><b>{escape(title)}</b> {escape(told)}</div>'
    flat = values.reshape(1, -1) if values.ndim < 2 else values
    if flat.ndim == 2 and flat.shape[0] <= MOST_ROWS and flat.shape[1] <= MOST_COLUMNS:
        return f"<div>{head}{table(flat)}</div>"
    return f"<div>{head}{image(values, f'{title} {told}')}</div>"
