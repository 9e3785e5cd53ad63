"""One library in a process of its own: prepares a workload, then times it whenever it is told.

    python -m benchmarks.peers.worker LIBRARY KIND NAME THREADS

It writes one line of JSON when it is ready, and one for each "go" on its standard input: a dict
of milliseconds. KIND is train, infer, grid, grow or peak.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.workloads import GRID, PEAK_SIZE, TRAINING, Workload, data, scaled

ROUND_S = 0.8  # about how long a figure is measured in one round
Timed = dict[str, Callable[[], float]]  # each returns milliseconds


def per_call(run: Callable[[], Any], round_s: float = ROUND_S) -> Callable[[], float]:
    """Return what measures the median milliseconds of calls that take about so long together."""
    for _ in range(3):
        start = time.perf_counter()
        run()
        once = time.perf_counter() - start
    count = max(3, min(2000, int(round_s / once)))

    def timed() -> float:
        taken = []
        for _ in range(count):
            start = time.perf_counter()
            run()
            taken.append(time.perf_counter() - start)
        return statistics.median(taken) * 1e3

    return timed


def per_step(fit: Callable[[int], Any], most: int) -> Callable[[], float]:
    """Return what measures milliseconds a step of ``fit(steps)``, which takes ROUND_S."""
    fit(2)
    fit(4)
    start = time.perf_counter()
    fit(4)
    steps = max(4, min(most, int(ROUND_S / (time.perf_counter() - start) * 4)))

    def timed() -> float:
        start = time.perf_counter()
        fit(steps)
        return (time.perf_counter() - start) / steps * 1e3

    return timed


class KerasLike:
    """melpy, or Keras on one of its backends: the same scripts."""

    def __init__(self, library: str, threads: int) -> None:
        if library == "melpy":
            os.environ["MELPY_NUM_THREADS"] = str(threads)
            import melpy
            from melpy.kernels import dispatch

            dispatch.find("conv2d")  # Numba is imported with the first kernel
            self.api: Any = melpy
            return
        os.environ["KERAS_BACKEND"] = library.removeprefix("keras-")
        if library == "keras-tensorflow":
            import tensorflow

            tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
            tensorflow.config.threading.set_inter_op_parallelism_threads(threads)
        if library == "keras-torch":
            import torch

            torch.set_num_threads(threads)
        import keras

        self.api = keras

    def model(self, work: Workload) -> Any:
        model = work.build(self.api)
        kinds = {"adam": self.api.optimizers.Adam, "sgd": self.api.optimizers.SGD}
        momentum = {"momentum": 0.9} if work.optimizer == "sgd" else {}
        model.compile(
            kinds[work.optimizer](learning_rate=work.rate, **momentum),
            "categorical_crossentropy",
            metrics=["accuracy"],
        )
        return model

    def train(self, work: Workload) -> Timed:
        model, most = self.model(work), max(8, 8192 // work.batch)
        x, y = data(work.shape, most * work.batch)

        def fit(steps: int) -> None:
            count = steps * work.batch
            model.fit(x[:count], y[:count], batch_size=work.batch, epochs=1, verbose=0)

        return {"step": per_step(fit, most)}

    def infer(self, work: Workload) -> Timed:
        model = self.model(work)
        x, _ = data(work.shape, 256)
        one = x[:1]
        call = self.call(model)
        return {
            "one image, predict": per_call(lambda: model.predict(one, verbose=0)),
            "one image, call": per_call(lambda: call(one)),
            "256 images, predict": per_call(lambda: model.predict(x, 256, verbose=0)),
            "256 images, call": per_call(lambda: call(x)),
        }

    def call(self, model: Any) -> Callable[[np.ndarray], Any]:
        if self.api.__name__ == "melpy":

            def ours(x: np.ndarray) -> Any:
                with self.api.no_grad():
                    return model(x).numpy()

            return ours
        return lambda x: np.asarray(self.api.ops.convert_to_numpy(model(x, training=False)))


class Torch:
    """PyTorch: contiguous, channels_last or compiled."""

    def __init__(self, library: str, threads: int) -> None:
        import torch

        torch.set_num_threads(threads)
        self.torch = torch
        self.last = library == "torch-channels_last"
        self.compiled = library == "torch-compile"

    def model(self, name: str) -> Any:
        from benchmarks.peers.torch_models import MODELS

        self.torch.manual_seed(0)
        model = MODELS[name]()
        if self.last:
            model = model.to(memory_format=self.torch.channels_last)
        return self.torch.compile(model) if self.compiled else model

    def arrays(self, x: np.ndarray) -> Any:
        x = np.ascontiguousarray(np.moveaxis(x, -1, 1)) if x.ndim == 4 else x
        t = self.torch.from_numpy(x)
        return t.contiguous(memory_format=self.torch.channels_last) if self.last else t

    def train(self, work: Workload, name: str) -> Timed:
        torch, model, most = self.torch, self.model(name), max(8, 8192 // work.batch)
        x, y = data(work.shape, most * work.batch)
        x, labels = self.arrays(x), torch.from_numpy(y.argmax(1))
        if work.optimizer == "sgd":
            optimizer = torch.optim.SGD(model.parameters(), lr=work.rate, momentum=0.9)
        else:
            optimizer = torch.optim.Adam(model.parameters(), lr=work.rate)
        loss_of = torch.nn.CrossEntropyLoss()

        def fit(steps: int) -> None:
            model.train()
            order = torch.randperm(steps * work.batch)
            total, right = 0.0, 0
            for step in range(steps):
                picked = order[step * work.batch : (step + 1) * work.batch]
                batch, wanted = x[picked], labels[picked]
                optimizer.zero_grad()
                scores = model(batch)
                loss = loss_of(scores, wanted)
                loss.backward()
                optimizer.step()
                total += loss.item()
                right += int((scores.argmax(1) == wanted).sum())

        return {"step": per_step(fit, most)}

    def infer(self, work: Workload, name: str) -> Timed:
        torch, model = self.torch, self.model(name).eval()
        x, _ = data(work.shape, 256)
        x = self.arrays(x)
        one = self.arrays(data(work.shape, 1)[0])

        def call(batch: Any) -> Any:
            with torch.inference_mode():
                return torch.softmax(model(batch), 1).numpy()

        return {
            "one image, call": per_call(lambda: call(one)),
            "256 images, call": per_call(lambda: call(x)),
        }


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
        make = ours if library == "melpy" else theirs
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


def memory_mb() -> float:
    """Return the most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def prepared(library: str, kind: str, name: str, threads: int) -> Timed:
    if kind == "grid":
        return grid(library, threads)
    if kind == "grow":
        return grow(library, threads)
    if kind == "peak":
        return peak()
    work = TRAINING[name]
    if library.startswith("torch"):
        lib = Torch(library, threads)
        return lib.train(work, name) if kind == "train" else lib.infer(work, name)
    like = KerasLike(library, threads)
    return like.train(work) if kind == "train" else like.infer(work)


def versions(library: str) -> dict[str, str]:
    from importlib.metadata import version

    names = {"melpy": ["numpy", "numba"], "keras-tensorflow": ["keras", "tensorflow"]}
    names |= {"keras-jax": ["keras", "jax"], "keras-torch": ["keras", "torch"]}
    found = {name: version(name) for name in names.get(library, [library.partition("-")[0]])}
    if library == "melpy":
        import melpy

        found["melpy"] = melpy.__version__
    return found


def main() -> None:
    library, kind, name, threads = sys.argv[1:5]
    talk = sys.stdout
    sys.stdout = sys.stderr  # what libraries print stays out of the conversation
    try:
        if library.startswith("keras") or library == "melpy":
            KerasLike(library, int(threads))
        elif library.startswith("torch"):
            import torch  # noqa: F401
        before = memory_mb()
        timed = prepared(library, kind, name, int(threads))
        ready: dict[str, Any] = {"versions": versions(library), "keys": list(timed)}
    except Exception as error:
        ready = {"unavailable": f"{type(error).__name__}: {str(error).splitlines()[0][:200]}"}
    print(json.dumps(ready), file=talk, flush=True)
    for _ in sys.stdin:
        figures = {key: run() for key, run in timed.items()}
        print(json.dumps({"ms": figures, "memory_mb": memory_mb() - before}), file=talk, flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
