"""Arrays as pictures and tables of HTML: script-free, bounded, one scale symmetric about zero.

Red is below zero, blue above, white is zero, as in the Lab; what is not finite is grey.
"""

from __future__ import annotations

import base64
import struct
import zlib
from html import escape
from typing import Any

import numpy as np

__all__ = ["as_html", "colors", "digits", "drawing", "image", "ink", "png", "table", "tiles"]

# ColorBrewer's RdBu, from the least value to the greatest.
RDBU = np.array([
    (103, 0, 31), (178, 24, 43), (214, 96, 77), (244, 165, 130), (253, 219, 199), (247, 247, 247),
    (209, 229, 240), (146, 197, 222), (67, 147, 195), (33, 102, 172), (5, 48, 97),
], float)  # fmt: skip
GREY = (150, 150, 150)
MOST_ROWS, MOST_COLUMNS = 12, 16  # of a table of numbers
MOST_PIXELS = 256  # of a picture, along a side
MOST_TILES = 16  # channels in a picture
WIDE_PX, CELL_PX = 480, 12
FONT = "font-family:ui-monospace,Menlo,Consolas,monospace;font-size:12px"


def colors(values: np.ndarray, most: float | None = None) -> np.ndarray:
    """Return a colour for each value: uint8, of shape (..., 3).

    Parameters
    ----------
    values : array of numbers
    most : float, the value of the darkest blue, whose negative is the darkest red; None for the
        largest of the values, |value|

    Examples
    --------
    >>> colors(np.array([-1.0, 0.0, 1.0])).tolist()
    [[103, 0, 31], [247, 247, 247], [5, 48, 97]]
    """
    values = np.asarray(values, np.float64)
    is_finite = np.isfinite(values)
    if most is None:
        most = float(np.abs(values[is_finite]).max(initial=0.0))
    at = np.clip(np.where(is_finite, values, 0.0) / (most or 1.0), -1, 1) * 5 + 5
    below = np.floor(at).astype(int).clip(0, len(RDBU) - 2)
    part = (at - below)[..., np.newaxis]
    mixed = RDBU[below] * (1 - part) + RDBU[below + 1] * part
    return np.where(is_finite[..., np.newaxis], np.rint(mixed), GREY).astype(np.uint8)


def tiles(values: np.ndarray) -> np.ndarray:
    """Return a picture (H, W) of an array of any rank: of images (N, H, W, C) the first one's maps.

    Maps stand side by side, up to 16 of them, with a column of NaN between. What is larger than
    256 along a side is thinned out.

    Examples
    --------
    >>> tiles(np.zeros((5, 3, 3, 2))).shape
    (3, 7)
    """
    values = np.asarray(values, np.float64)
    if values.ndim == 4:
        maps = values[0].transpose(2, 0, 1)[:MOST_TILES]
        framed = np.pad(maps, ((0, 0), (0, 0), (0, 1)), constant_values=np.nan)
        values = np.concatenate(list(framed), axis=1)[:, :-1]
    elif values.ndim != 2:
        values = values.reshape(-1, values.shape[-1]) if values.ndim > 2 else values.reshape(1, -1)
    steps = [-(-size // MOST_PIXELS) for size in values.shape]
    return values[:: max(1, steps[0]), :: max(1, steps[1])]


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


def image(values: np.ndarray, label: str, wide_px: int = WIDE_PX) -> str:
    """Return an array's picture as an HTML image, told of in words to who does not see it."""
    shown = tiles(values)
    if not shown.size:
        return escape(label)
    width = min(wide_px, shown.shape[1] * CELL_PX)
    side = max(1, width // shown.shape[1])  # drawn so large: a browser that enlarges may smooth
    pixels = colors(shown).repeat(side, axis=0).repeat(side, axis=1)
    data = base64.b64encode(png(pixels)).decode()
    return (
        f'<img alt="{escape(label, quote=True)}" src="data:image/png;base64,{data}" '
        f'style="width:{width}px;image-rendering:pixelated;border:1px solid #8888">'
    )


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
