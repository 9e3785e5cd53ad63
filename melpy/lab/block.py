"""A block of neighbouring windows, small enough to be drawn, and the part of the image they see."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from melpy.kernels.spec.windows import Pads, Pair, output_size
from melpy.lab.asked import WHO, refused, wholes
from melpy.lab.said import SaidError
from melpy.ops.spatial import PADDINGS

__all__ = ["Block", "block_of", "pads_of"]

MOST_SIDE = 18  # cells of an image with its padding, which is drawn cell by cell
FAR = 2**20


@dataclass(frozen=True)
class Block:
    """Some windows of an image, whole ones, and what they see of it.

    Parameters
    ----------
    size : pair, the image's height and width
    span : pair, how many rows and columns a window covers
    strides, pads : the windows' geometry
    first, last : pairs, the first window's row and column, and those after the last
    """

    size: Pair
    span: Pair
    strides: Pair
    pads: Pads
    first: Pair
    last: Pair

    def _ends(self, axis: int) -> Pair:
        """Return the rows that are seen, of the padded image: all where all windows are."""
        if self.is_whole:
            return 0, self.size[axis] + sum(self.pads[axis])
        start = self.first[axis] * self.strides[axis]
        return start, (self.last[axis] - 1) * self.strides[axis] + self.span[axis]

    @property
    def crop(self) -> list[int]:
        """What is seen, of the padded image: row, column, height, width."""
        (top, bottom), (left, right) = self._ends(0), self._ends(1)
        return [top, left, bottom - top, right - left]

    @property
    def origin(self) -> list[int]:
        """Which row and column of the image what is seen begins at; below 0: of the padding."""
        return [at - before for at, (before, _) in zip(self.crop, self.pads, strict=False)]

    @property
    def rest_of_pads(self) -> Pads:
        """The padding that is left around what is seen."""
        made = []
        for axis in (0, 1):
            (start, end), (before, _) = self._ends(axis), self.pads[axis]
            made.append((max(0, before - start), max(0, end - before - self.size[axis])))
        return made[0], made[1]

    def cut(self, x: np.ndarray) -> np.ndarray:
        """Return what is seen of images (N,H,W,C), without the padding."""
        slices = []
        for axis in (0, 1):
            (start, end), (before, _) = self._ends(axis), self.pads[axis]
            slices.append(slice(max(0, start - before), max(0, min(self.size[axis], end - before))))
        return x[:, slices[0], slices[1]]

    def of_windows(self, y: np.ndarray) -> np.ndarray:
        """Return the windows' part of (N,oH,oW,D)."""
        return y[:, self.first[0] : self.last[0], self.first[1] : self.last[1]]

    @property
    def is_whole(self) -> bool:
        """Whether it holds all windows."""
        out = output_size(self.size, self.span, self.strides, self.pads, (1, 1))
        return self.first == (0, 0) and self.last == out


def block_of(
    asked: Any, size: Pair, span: Pair, strides: Pair, pads: Pads, most_windows: int
) -> Block:
    """Return the windows that are asked for by "crop", or as many as can be drawn, from the middle.

    Parameters
    ----------
    asked : mapping; "crop" is a row, a column, a height and a width of the padded image
    most_windows : int >= 1, how many can be drawn

    Raises
    ------
    ArgumentError : no window fits into the image
    """
    out = output_size(size, span, strides, pads, (1, 1))
    if not min(out):
        room = f"{size[0] + sum(pads[0])}x{size[1] + sum(pads[1])}"
        raise SaidError(
            "error.noWindow", WHO, "the window does not fit into the image",
            expected=f"at most {room} cells", received={"window": span},
            values={"window": f"{span[0]}x{span[1]}", "room": room},
        )  # fmt: skip
    crop = wholes(asked, "crop", FAR, 4)
    side = max(1, math.isqrt(most_windows))
    first, last = [0, 0], [0, 0]
    for axis in (0, 1):
        s, k = strides[axis], span[axis]
        most = max(1, min(side, (MOST_SIDE - k) // s + 1, out[axis]))
        start = (out[axis] - most) // 2
        if crop is not None:
            start = min(crop[axis] // s, out[axis] - 1)
            fitting = (crop[axis] - start * s + crop[axis + 2] - k) // s + 1
            most = max(1, min(most, fitting, out[axis] - start))
        first[axis], last[axis] = start, start + most
    return Block(size, span, strides, pads, (first[0], first[1]), (last[0], last[1]))


def pads_of(asked: Any, size: Pair, span: Pair, strides: Pair, default: Pads) -> Pads:
    """Return the padding of "valid" or "same", or a layer's own where none is asked for."""
    name = asked.get("padding")
    if name is None:
        return default
    if not isinstance(name, str) or name not in PADDINGS:
        raise refused("padding", name, "unknown padding", '"valid" or "same"')
    rows, columns = map(PADDINGS[name], size, span, strides)
    return rows, columns
