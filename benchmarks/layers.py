"""Each layer's own forward and backward, beside PyTorch's, in one run.

    python benchmarks/layers.py [--threads 2] [--only Conv2D] [--out benchmarks/layers.json]

A row is one layer at one size. The two libraries take turns, so that both see the same machine;
each figure is the median of the rounds, with the lower and the upper quartile. "forward" records
nothing (inference); "step" is a forward pass while training and the gradients of the input and of
all weights. PyTorch runs eagerly on contiguous float32 arrays, images as (N, C, H, W), its usual
form; ours are (N, H, W, C). Where PyTorch has no such layer, only ours is timed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FEATURES, IMAGES, STEPS = (256, 512), (64, 32, 32, 64), (64, 50, 64)


def rows(layers: Any, nn: Any) -> list[tuple[str, Any, tuple[int, ...], Any]]:
    """Return (name, our layer, its input's shape, PyTorch's layer or None)."""
    conv, whole = {"padding": "same"}, {"return_sequences": True}
    return [
        ("Dense", layers.Dense(512), FEATURES, nn.Linear(512, 512)),
        ("Activation relu", layers.ReLU(), IMAGES, nn.ReLU()),
        ("Activation gelu", layers.Activation("gelu"), IMAGES, nn.GELU()),
        ("Activation tanh", layers.Activation("tanh"), IMAGES, nn.Tanh()),
        ("LeakyReLU", layers.LeakyReLU(), IMAGES, nn.LeakyReLU(0.3)),
        ("PReLU", layers.PReLU(shared_axes=[1, 2]), IMAGES, nn.PReLU(64)),
        ("ELU", layers.ELU(), IMAGES, nn.ELU()),
        ("Softmax", layers.Softmax(), FEATURES, nn.Softmax(-1)),
        ("Flatten", layers.Flatten(), IMAGES, nn.Flatten()),
        ("Permute", layers.Permute((2, 1)), STEPS, None),
        ("RepeatVector", layers.RepeatVector(8), FEATURES, None),
        ("Dropout", layers.Dropout(0.5), IMAGES, nn.Dropout(0.5)),
        ("SpatialDropout2D", layers.SpatialDropout2D(0.5), IMAGES, nn.Dropout2d(0.5)),
        ("GaussianNoise", layers.GaussianNoise(0.1), IMAGES, None),
        ("Conv1D", layers.Conv1D(64, 3, **conv), STEPS, nn.Conv1d(64, 64, 3, padding=1)),
        ("Conv2D 3x3", layers.Conv2D(64, 3, **conv), IMAGES, nn.Conv2d(64, 64, 3, padding=1)),
        ("Conv2D 1x1", layers.Conv2D(128, 1), IMAGES, nn.Conv2d(64, 128, 1)),
        (
            "Conv2D 3x3 stride 2",
            layers.Conv2D(64, 3, strides=2, **conv),
            IMAGES,
            nn.Conv2d(64, 64, 3, stride=2, padding=1),
        ),
        (
            "Conv2DTranspose",
            layers.Conv2DTranspose(32, 2, strides=2),
            (64, 16, 16, 64),
            nn.ConvTranspose2d(64, 32, 2, stride=2),
        ),
        (
            "Conv1DTranspose",
            layers.Conv1DTranspose(32, 2, strides=2),
            STEPS,
            nn.ConvTranspose1d(64, 32, 2, stride=2),
        ),
        (
            "DepthwiseConv2D",
            layers.DepthwiseConv2D(3, **conv),
            IMAGES,
            nn.Conv2d(64, 64, 3, padding=1, groups=64),
        ),
        (
            "SeparableConv2D",
            layers.SeparableConv2D(64, 3, use_bias=False, **conv),
            IMAGES,
            nn.Sequential(
                nn.Conv2d(64, 64, 3, padding=1, groups=64, bias=False),
                nn.Conv2d(64, 64, 1, bias=False),
            ),
        ),
        ("MaxPooling1D", layers.MaxPooling1D(2), STEPS, nn.MaxPool1d(2)),
        ("MaxPooling2D", layers.MaxPooling2D(2), IMAGES, nn.MaxPool2d(2)),
        ("AveragePooling1D", layers.AveragePooling1D(2), STEPS, nn.AvgPool1d(2)),
        ("AveragePooling2D", layers.AveragePooling2D(2), IMAGES, nn.AvgPool2d(2)),
        ("GlobalMaxPooling2D", layers.GlobalMaxPooling2D(), IMAGES, nn.AdaptiveMaxPool2d(1)),
        (
            "GlobalAveragePooling2D",
            layers.GlobalAveragePooling2D(),
            IMAGES,
            nn.AdaptiveAvgPool2d(1),
        ),
        ("ZeroPadding2D", layers.ZeroPadding2D(1), IMAGES, nn.ZeroPad2d(1)),
        ("Cropping2D", layers.Cropping2D(1), IMAGES, nn.ZeroPad2d(-1)),
        ("UpSampling2D", layers.UpSampling2D(2), (64, 16, 16, 64), nn.Upsample(scale_factor=2)),
        ("BatchNormalization", layers.BatchNormalization(), IMAGES, nn.BatchNorm2d(64)),
        ("LayerNormalization", layers.LayerNormalization(), STEPS, nn.LayerNorm(64)),
        (
            "GroupNormalization",
            layers.GroupNormalization(8, axis=-1),
            IMAGES,
            nn.GroupNorm(8, 64),
        ),
        ("Embedding", layers.Embedding(10_000, 64), (64, 200), nn.Embedding(10_000, 64)),
        ("SimpleRNN", layers.SimpleRNN(64, **whole), STEPS, nn.RNN(64, 64, batch_first=True)),
        ("LSTM", layers.LSTM(64, **whole), STEPS, nn.LSTM(64, 64, batch_first=True)),
        ("GRU", layers.GRU(64, **whole), STEPS, nn.GRU(64, 64, batch_first=True)),
        (
            "Bidirectional LSTM",
            layers.Bidirectional(layers.LSTM(64, return_sequences=True)),
            STEPS,
            nn.LSTM(64, 64, batch_first=True, bidirectional=True),
        ),
        ("TimeDistributed", layers.TimeDistributed(layers.Dense(64)), STEPS, nn.Linear(64, 64)),
        ("Rescaling", layers.Rescaling(1 / 255), IMAGES, None),
        ("Normalization", layers.Normalization(mean=0.0, variance=1.0), IMAGES, None),
        ("Resizing", layers.Resizing(24, 24), IMAGES, nn.Upsample((24, 24), mode="bilinear")),
        ("RandomFlip", layers.RandomFlip(), (64, 32, 32, 3), None),
        ("RandomRotation", layers.RandomRotation(0.1), (64, 32, 32, 3), None),
        ("RandomTranslation", layers.RandomTranslation(0.1, 0.1), (64, 32, 32, 3), None),
        ("RandomZoom", layers.RandomZoom(0.1), (64, 32, 32, 3), None),
        ("RandomCrop", layers.RandomCrop(24, 24), (64, 32, 32, 3), None),
        ("Add", Joined(layers.Add()), IMAGES, Joined(lambda xs: xs[0] + xs[1], nn)),
        ("Multiply", Joined(layers.Multiply()), IMAGES, Joined(lambda xs: xs[0] * xs[1], nn)),
        ("Concatenate", Joined(layers.Concatenate()), IMAGES, None),
        ("MultiHeadAttention", Self(layers.MultiHeadAttention(4, 16)), STEPS, torch_attention(nn)),
    ]  # fmt: skip


class Joined:
    """A merging layer whose two inputs are the same array."""

    def __init__(self, layer: Any, nn: Any = None) -> None:
        self.layer, self.torch = layer, nn is not None

    def __call__(self, x: Any, **options: Any) -> Any:
        return self.layer([x, x], **options)

    def parameters(self) -> list[Any]:
        return []

    def train(self, on: bool) -> None:
        """Do nothing: it has no mode."""

    trainable_weights: tuple[Any, ...] = ()


class Self:
    """Attention of a sequence to itself."""

    def __init__(self, layer: Any) -> None:
        self.layer = layer

    def __call__(self, x: Any, **options: Any) -> Any:
        return self.layer(x, x, **options)

    @property
    def trainable_weights(self) -> list[Any]:
        return self.layer.trainable_weights


def torch_attention(nn: Any) -> Any:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(64, 4, batch_first=True)

        def forward(self, x: Any) -> Any:
            return self.attention(x, x, x, need_weights=False)[0]

    return Attention()


def our_passes(layer: Any, x: np.ndarray) -> dict[str, Callable[[], Any]]:
    """Return what is timed: a forward pass, and a step."""
    from melpy import tape
    from melpy.tensor import Tensor

    is_float = x.dtype.kind == "f"
    leaf = Tensor(x, requires_grad=True) if is_float else Tensor(x)
    y = layer(leaf, training=True)
    g = np.ones(y.shape, "float32")
    sources = [*([leaf] if is_float else []), *layer.trainable_weights]

    def forward() -> Any:
        with tape.no_grad():
            return layer(x)

    def step() -> Any:
        return tape.gradients(layer(leaf, training=True), sources, g)

    return {"forward": forward, "step": step}


def torch_passes(layer: Any, x: np.ndarray, torch: Any) -> dict[str, Callable[[], Any]]:
    """Return the same of PyTorch's layer."""
    is_image = x.ndim == 4
    names = type(layer).__name__
    moved = is_image or names in ("Conv1d", "MaxPool1d", "AvgPool1d", "ConvTranspose1d")
    array = np.ascontiguousarray(np.moveaxis(x, -1, 1)) if moved and x.ndim > 2 else x
    leaf = torch.from_numpy(array)
    if x.dtype.kind == "f":
        leaf.requires_grad_(True)
    first = lambda y: y[0] if isinstance(y, tuple) else y  # noqa: E731
    g = torch.ones_like(first(layer(leaf)))

    def forward() -> Any:
        layer.train(False)
        with torch.no_grad():
            return layer(leaf)

    def step() -> Any:
        layer.train(True)
        leaf.grad = None
        for weight in layer.parameters():
            weight.grad = None
        first(layer(leaf)).backward(g)

    return {"forward": forward, "step": step}


def timed(passes: dict[str, Callable[[], Any]], rounds: int, least_s: float) -> dict[str, Any]:
    """Return milliseconds of each pass; the passes take turns."""
    for run in passes.values():
        run(), run()
    once = {}
    for name, run in passes.items():
        start = time.perf_counter()
        run()
        once[name] = max(time.perf_counter() - start, 1e-6)
    taken: dict[str, list[float]] = {name: [] for name in passes}
    for _ in range(rounds):
        for name, run in passes.items():
            number = max(1, int(least_s / once[name]))
            start = time.perf_counter()
            for _ in range(number):
                run()
            taken[name].append((time.perf_counter() - start) / number * 1e3)
    quartiles = {name: statistics.quantiles(ms, n=4) for name, ms in taken.items()}
    return {name: [round(q[1], 4), round(q[0], 4), round(q[2], 4)] for name, q in quartiles.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", help="rows whose name begins so")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("layers.json"))
    asked = parser.parse_args()
    os.environ["MELPY_NUM_THREADS"] = str(asked.threads)
    import torch

    import melpy

    torch.set_num_threads(asked.threads)
    rng = np.random.default_rng(0)
    table = []
    for name, ours, shape, theirs in rows(melpy.layers, torch.nn):
        if not name.startswith(asked.only):
            continue
        whole = name == "Embedding"
        x = rng.integers(0, 10_000, shape) if whole else rng.normal(size=shape).astype("float32")
        passes = {f"melpy {key}": run for key, run in our_passes(ours, x).items()}
        if theirs is not None:
            made = torch_passes(theirs, x, torch)
            passes |= {f"torch {key}": run for key, run in made.items()}
        figures = timed(passes, asked.rounds, 0.01)
        table.append({"layer": name, "input": list(shape), "ms": figures})
        print(f"{name:24}", *(f"{key} {ms[0]:.3f}" for key, ms in figures.items()), flush=True)
    report = {
        "what": "median, lower and upper quartile in ms",
        "machine": {"cpu": cpu(), "threads": asked.threads},
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "melpy": melpy.__version__,
            "torch": torch.__version__,
        },
        "rounds": asked.rounds,
        "rows": table,
    }
    asked.out.write_text(json.dumps(report, indent=1) + "\n")


def cpu() -> str:
    """Return the processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(": ")[1] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
