"""Which products make a convolution and its gradients: tables of offsets, made once a shape.

See `melpy.kernels.compiled.tile` for what a product reads, and `melpy.kernels.compiled.conv` for
the three products. Offsets count numbers from the beginning of an image that has its frame.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from melpy.kernels.compiled.tile import table

Pair = tuple[int, int]
Shape = tuple[int, ...]


# One product of a plan: its part of the tables, and of the matrices.
PRODUCT = np.dtype(
    [
        ("first_row", np.int64),
        ("last_row", np.int64),
        ("first_run", np.int64),
        ("runs", np.int64),
        ("run", np.int64),  # factors of a run
        ("a0", np.int64),  # what is added to where A's rows begin
        ("b_row", np.int64),  # B begins at this row
        ("b_column", np.int64),  # and column
        ("c0", np.int64),  # what is added to where C's rows begin
    ]
)


class Plan(NamedTuple):
    """Tables of rows and runs, and which parts of them make a product."""

    a_at: np.ndarray  # (rows,): where a row's first factors begin
    c_at: np.ndarray  # (rows,): where its results go
    k_at: np.ndarray  # (runs,): where the runs of the sum begin, counted from a row's beginning
    products: np.ndarray  # (products,) of PRODUCT


@lru_cache(maxsize=256)
def forward(
    frame: Pair, w_shape: Shape, strides: Pair, dilation: Pair, groups: int, out: Pair
) -> Plan:
    """y[p, q] = sum over taps (i, j) and channels of x[p s + i d, q s + j d] w[i, j]."""
    kH, kW, C, D = w_shape
    pixel = C * groups
    a_at = table(_grid(range(out[0]), range(out[1]), frame[1], strides) * pixel)
    c_at = table(np.arange(out[0] * out[1]) * D)
    rows = [i * dilation[0] for i in range(kH)]
    columns = [j * dilation[1] for j in range(kW)]
    k_at, run = _runs(rows, columns, frame[1], pixel, C)
    each = D // groups
    products = [
        (0, len(a_at), 0, len(k_at), run, n * C, 0, n * each, n * each) for n in range(groups)
    ]
    return Plan(a_at, c_at, k_at, np.array(products, PRODUCT))


@lru_cache(maxsize=256)
def backward(
    frame: Pair, before: Pair, w_shape: Shape, strides: Pair, pads_before: Pair, dilation: Pair,
    groups: int, size: Pair,
) -> tuple[Plan, np.ndarray]:  # fmt: skip
    """d_x[i, j] = sum over taps that reach (i, j) of g[(i + top - i' d) / s, ...] w[i', j']^T.

    Pixels whose distance to the frame leaves the same rest by the stride, a phase, are reached by
    the same taps. Returned with the order of the taps, (kH*kW,), in which the products ask for
    the kernel: (groups, taps, D, C).
    """
    kH, kW, C, D = w_shape
    each = D // groups
    a_at: list[np.ndarray] = []
    c_at: list[np.ndarray] = []
    k_at: list[np.ndarray] = []
    order: list[int] = []
    products: list[tuple[int, ...]] = []
    phases = [
        _phases(*axis)
        for axis in zip(size, pads_before, strides, dilation, w_shape[:2], strict=True)
    ]
    row = k = 0
    for rest_h, rows, taps_h in phases[0]:
        for rest_w, columns, taps_w in phases[1]:
            first_row, first_tap = row, len(order)
            order += [i * kW + j for i in taps_h for j in taps_w]
            at_h = [(i + pads_before[0] - rest_h) // strides[0] + before[0] for i in rows]
            at_w = [(j + pads_before[1] - rest_w) // strides[1] + before[1] for j in columns]
            a_at.append(table(_grid(at_h, at_w, frame[1], (1, 1)) * D))
            c_at.append(table(_grid(rows, columns, size[1], (1, 1)) * (C * groups)))
            from_h = [-(i * dilation[0] - rest_h) // strides[0] for i in taps_h]
            from_w = [-(j * dilation[1] - rest_w) // strides[1] for j in taps_w]
            offsets, run = _runs(from_h, from_w, frame[1], D, each)
            k_at.append(offsets)
            row += len(a_at[-1])
            for n in range(groups):
                b_row = (n * kH * kW + first_tap) * each
                products.append((first_row, row, k, len(offsets), run, n * each, b_row, 0, n * C))
            k += len(offsets)
    a, c, k_runs = map(np.concatenate, (a_at, c_at, k_at))
    plan = Plan(a, c, k_runs, np.array(products, PRODUCT))
    return plan, np.array(order, np.int64)


@lru_cache(maxsize=256)
def kernel(
    frame: Pair, w_shape: Shape, strides: Pair, dilation: Pair, groups: int, out: Pair, images: int
) -> Plan:
    """d_w[i, j, c] = sum over pixels (p, q) of ``images`` of x[p s + i d, q s + j d, c] g[p, q]."""
    kH, kW, C, D = w_shape
    pixel, each = C * groups, D // groups
    taps = _grid(range(kH), range(kW), frame[1], dilation)[:, None] * pixel + np.arange(C)
    a_at, c_at = table(taps), table(np.arange(kH * kW * C) * D)
    lines_of_pixels = np.arange(out[0]) * (strides[0] * frame[1] * pixel)
    k_at = (np.arange(images)[:, None] * (frame[0] * frame[1] * pixel) + lines_of_pixels).reshape(
        -1
    )
    products = [
        (0, len(a_at), 0, len(k_at), out[1], n * C, 0, n * each, n * each) for n in range(groups)
    ]
    return Plan(a_at, c_at, k_at, np.array(products, PRODUCT))


def _grid(rows: Sequence[int], columns: Sequence[int], width: int, steps: Pair) -> np.ndarray:
    """Return the number of each pixel of a grid, in an image of that width, row by row."""
    lines = np.asarray(rows, np.int64)[:, None] * (steps[0] * width)
    return (lines + np.asarray(columns, np.int64) * steps[1]).reshape(-1)


def _runs(
    rows: Sequence[int], columns: Sequence[int], width: int, pixel: int, channels: int
) -> tuple[np.ndarray, int]:
    """Return where the runs of taps at rows and columns begin, and how long a run is.

    Taps side by side make one run, if a pixel has no other channels than theirs.
    """
    if not rows or not columns:
        return np.zeros(0, np.int64), channels
    beside = all(b - a == 1 for a, b in itertools.pairwise(columns))
    if beside and pixel == channels:
        return _grid(rows, columns[:1], width, (1, 1)) * pixel, len(columns) * channels
    return _grid(rows, columns, width, (1, 1)) * pixel, channels


def _phases(
    size: int, top: int, stride: int, dilation: int, taps: int
) -> list[tuple[int, Sequence[int], list[int]]]:
    """Return (rest, pixels, taps) of an axis: those i for which (i + top) % stride == rest.

    Those that no tap reaches are together, so that a large stride makes no more phases than taps.
    """
    reaching: dict[int, list[int]] = {}
    for tap in reversed(range(taps)):
        reaching.setdefault(tap * dilation % stride, []).append(tap)
    phases: list[tuple[int, Sequence[int], list[int]]] = [
        (rest, range((rest - top) % stride, size, stride), reaching[rest])
        for rest in sorted(reaching)
    ]
    if len(reaching) < stride:
        phases.append((0, [i for i in range(size) if (i + top) % stride not in reaching], []))
    return phases
