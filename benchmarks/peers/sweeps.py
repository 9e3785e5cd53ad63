"""Whole grids in one process: each convolution by itself, how time grows, the machine's limits."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers.libraries import KerasLike
from benchmarks.peers.timing import Timed, per_call
from benchmarks.peers.workloads import GRID, MLP_WEIGHTS, PEAK_SIZE, Workload, data, scaled


def grid(library: str, threads: int) -> Timed:
    """Each shape's forward pass and both gradients, best of PyTorch's two layouts."""
    timed: Timed = {}
    for N, H, W, C, D, kH, kW, s in GRID:
        rng = np.random.default_rng(0)
        x = rng.standard_normal((N, H, W, C), np.float32)
        w = rng.standard_normal((kH, kW, C, D), np.float32)
        pads = tuple(((k - 1) // 2, k // 2) for k in (kH, kW))
        size = [(n + k - 1 - k) // s + 1 for n, k in ((H, kH), (W, kW))]
        g = rng.standard_normal((N, *size, D), np.float32)
        make = ours if library.startswith("melpy") else theirs
        for part, run in make(x, w, g, s, pads, threads).items():
            timed[f"{N}x{H}x{W}x{C}, {kH}x{kW}x{D}/{s} {part}"] = per_call(run, 0.06)
    return timed


def ours(x: Any, w: Any, g: Any, s: int, pads: Any, threads: int) -> dict[str, Callable[[], Any]]:
    os.environ["MELPY_NUM_THREADS"] = str(threads)
    from melpy.kernels import dispatch

    geometry = ((s, s), pads, (1, 1), 1)
    return {
        "forward": lambda: dispatch.conv2d(x, w, *geometry),
        "d_x": lambda: dispatch.conv2d_d_x(g, w, x.shape, *geometry),
        "d_w": lambda: dispatch.conv2d_d_w(g, x, w.shape, *geometry),
    }


def theirs(x: Any, w: Any, g: Any, s: int, pads: Any, threads: int) -> dict[str, Callable[[], Any]]:
    import torch

    torch.set_num_threads(threads)
    (top, bottom), (left, right) = pads
    even = top == bottom and left == right
    around = (top, left) if even else (0, 0)
    if not even:  # PyTorch pads both sides alike: what is padded before is not timed
        x = np.pad(x, ((0, 0), *pads, (0, 0)))
    layouts = []
    for form in (torch.contiguous_format, torch.channels_last):
        a, b, c = (
            torch.from_numpy(np.ascontiguousarray(array)).contiguous(memory_format=form)
            for array in (x.transpose(0, 3, 1, 2), w.transpose(3, 2, 0, 1), g.transpose(0, 3, 1, 2))
        )
        layouts.append((a, b, c))

    def forward(a: Any, b: Any, c: Any) -> Any:
        return torch.nn.functional.conv2d(a, b, None, s, around)

    def backward(mask: list[bool]) -> Callable[..., Any]:
        return lambda a, b, c: torch.ops.aten.convolution_backward(
            c, a, b, None, [s, s], list(around), [1, 1], False, [0, 0], 1, mask
        )

    parts = {
        "forward": forward,
        "d_x": backward([True, False, False]),
        "d_w": backward([False, True, False]),
    }
    chosen = {}
    for name, part in parts.items():  # its better layout, found before anything is measured
        seconds = []
        for layout in layouts:
            part(*layout), part(*layout)
            start = time.perf_counter()
            part(*layout), part(*layout)
            seconds.append(time.perf_counter() - start)
        layout = layouts[seconds.index(min(seconds))]
        chosen[name] = lambda part=part, layout=layout: part(*layout)
    return chosen


def grow(library: str, threads: int) -> Timed:
    """How a step's time grows with the batch, the image and the channels, one at a time."""
    sizes = {
        "batch": [(n, 32, 32) for n in (1, 4, 16, 64, 256, 1024)],
        "image": [(8, side, 32) for side in (28, 56, 112, 224)],
        "channels": [(16, 32, c) for c in (3, 16, 64, 128, 256, 512)],
    }
    timed: Timed = {}
    like = KerasLike(library, threads)
    for what, rows in sizes.items():
        for number, side, channels in rows:
            work = Workload(lambda api, c=channels: scaled(c, api), (side, side, 3), number)
            model = like.model(work)
            x, y = data(work.shape, number)
            value = {"batch": number, "image": side, "channels": channels}[what]
            timed[f"{what} {value}"] = per_call(
                lambda m=model, x=x, y=y: m.train_on_batch(x, y), 0.3
            )
    return timed


def peak() -> Timed:
    """NumPy's product of two big float32 matrices, by its BLAS: what the machine can do at most."""
    a = np.random.default_rng(0).standard_normal((PEAK_SIZE, PEAK_SIZE), np.float32)
    return {f"{PEAK_SIZE}x{PEAK_SIZE}": per_call(lambda: a @ a)}


def read(threads: int) -> Timed:
    """So many threads read the MLP's weights, a part each: one image's product takes no less."""
    from numba import njit

    @njit(nogil=True, fastmath=True)
    def times(numbers: Any, count: int) -> float:
        total = np.float32(0.0)
        for _ in range(count):
            for n in range(numbers.size):  # an array's own iterator would not become vectors
                total += numbers[n]
        return total

    parts = np.array_split(np.ones(MLP_WEIGHTS, np.float32), threads)
    times(parts[0], 1)

    def all_parts(count: int) -> None:
        team = [threading.Thread(target=times, args=(part, count)) for part in parts]
        for member in team:
            member.start()
        for member in team:
            member.join()

    run = per_call(lambda: all_parts(2000))
    return {f"{MLP_WEIGHTS * 4 / 1e6:.2f} MB": lambda: run() / 2000}
