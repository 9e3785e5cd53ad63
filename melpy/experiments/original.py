"""The original library itself, from a clone of it: its time an epoch, and what its Softmax reads.

A clone holds all versions; those of the days in which the paper was written are taken from it:

    15 December 2024    its cross-entropy's gradient is (1e-5 - t) / (p + 1e-5) / N
    22 December 2024    (p - t) / N, of the logits already, as it is from the 16th on; the day
                        before the version of figure 19 that the paper prints

Its Softmax's way back multiplies the Jacobian with np.empty_like of the gradient instead of with
the gradient, in both: with what memory holds, which no program decides.

Source: github.com/lennymalard/melpy-project, MIT license; nothing of it is copied here.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from melpy.errors import ArgumentError, MelpyError
from melpy.experiments.architectures import ARCHITECTURES, Conv
from melpy.experiments.causes import LATER, SOURCE, VERSIONS, leftovers, through_softmax
from melpy.experiments.training import data

__all__ = [
    "STEPS", "OriginalError", "check", "places", "read_from_memory", "reads", "train",
]  # fmt: skip

STEPS = 781  # that are watched: the first epoch's, but for its last, of fewer images
UNPLACED = {"mnist-3": ("mnist-4", "mnist-5"), "cifar-7": ("cifar-2", "cifar-4", "cifar-5")}
EXPECTED = f"a clone of {SOURCE}, with its history"
SCRIPT = Path(__file__).with_name("original_script.py")


class OriginalError(MelpyError, RuntimeError):
    """The original library ended without a result."""


def check(clone: Path) -> None:
    """Refuse what is no clone of the original library."""
    if not clone.is_dir():
        raise ArgumentError("reproduce", f"--original {clone} does not exist", expected=EXPECTED)
    for version in VERSIONS.values():
        _packed(clone, version.commit)


def train(
    clone: Path, model: str, softmax: str = "as it is", steps: int | None = None, epochs: int = 1
) -> dict[str, Any]:
    """Train a network with the last version; "mended" mends its Softmax.

    Accuracies are those that it tells: means during each epoch, over the batches and over a few
    test images before each step. ``test_accuracy`` is of all test images, at the end.
    """
    found = _run(clone, LATER, model, softmax, steps, epochs=epochs)
    numbers = {name: float(found[name]) for name in ("seconds", "accuracy", "test_accuracy")}
    history = {name: found[f"{name}_history"].tolist() for name in ("accuracy", "val_accuracy")}
    asked = {"version": LATER, "softmax": softmax, "steps": steps, "epochs": epochs}
    return asked | numbers | {"history": history}


def reads(clone: Path, steps: int) -> list[dict[str, Any]]:
    """Count what the Softmax of each version reads in the first steps of CIFAR-10 7.

    ``test_accuracy`` is what these steps lead to.
    """
    rows = []
    for version in VERSIONS:
        found = _run(clone, version, "cifar-7", "watched", steps)
        t = found["y"].reshape(found["p"].shape)
        before = [None, *found["g"][:-1]]
        kept = zip(found["g"], found["p"], t, found["back"], before, strict=True)
        read = Counter(read_from_memory(*step) for step in kept)
        row = {"version": version, "steps": steps, "read": dict(read)}
        rows.append(row | {"test_accuracy": float(found["test_accuracy"])})
    return rows


def read_from_memory(
    g: np.ndarray, p: np.ndarray, t: np.ndarray, back: np.ndarray, before: np.ndarray | None = None
) -> str:
    """Name the array whose product with the softmax's Jacobian went back, "other" for none of them.

    Parameters
    ----------
    g : array (N, C), the gradient of the loss, which Softmax is given
    p, t : arrays (N, C), the probabilities and the targets
    back : array (N, C), what Softmax sent back
    before : array (N, C), the gradient that it was given for the batch before this one
    """
    for name, values in leftovers(p, t, g, before).items():
        # Row 0 is left out: the allocator keeps its own marks in the first cells of free memory.
        if np.allclose(back[1:], through_softmax(p, values)[1:], rtol=1e-3, atol=1e-8):
            return name
    return "other"


def places(clone: Path, drawn: str, steps: int) -> list[dict[str, Any]]:
    """Time steps of networks of two convolutions of which the paper does not say where one pools.

    The first row is the network that the paper draws. ``seconds`` are an image's, with the pooling
    after the first convolution and after the second.
    """
    rows = []
    for model in (drawn, *UNPLACED[drawn]):
        paper = ARCHITECTURES[model]
        found = [
            float(_run(clone, LATER, model, "as it is", steps, pooled)["seconds"])
            for pooled in ([[0], [1]] if paper.derived else [None])
        ]
        images = steps * paper.batch_size
        rows.append({"model": model, "steps": steps, "seconds": [s / images for s in found]})
    return rows


def _run(
    clone: Path,
    version: str,
    model: str,
    softmax: str,
    steps: int | None,
    pooled: list[int] | None = None,
    epochs: int = 1,
) -> dict[str, np.ndarray]:
    paper = ARCHITECTURES[model]
    train, test, _ = data(paper.dataset)
    convs = [part for part in paper.parts if isinstance(part, Conv)]
    if pooled is None:
        before = itertools.accumulate(isinstance(part, Conv) for part in paper.parts)
        pooled = [n - 1 for n, part in zip(before, paper.parts, strict=True) if part == "pool"]
    asked = {
        "channels": [train[0].shape[-1], *(conv.filters for conv in convs)],
        "kernel_size": convs[0].kernel_size,
        "use_bias": convs[0].use_bias,
        "pooled": pooled,
        "units": [part for part in paper.parts if isinstance(part, int)],
        "batch_size": paper.batch_size,
        "learning_rate": paper.learning_rate,
        "softmax": softmax,
        "epochs": epochs,
    }
    count = steps * paper.batch_size if steps else len(train[0])
    images: dict[str, Any] = {"y": train[1][:count], "y_test": test[1][: count // 5]}
    for name, x in (("x", train[0][:count]), ("x_test", test[0][: count // 5])):
        images[name] = x.transpose(0, 3, 1, 2)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with zipfile.ZipFile(io.BytesIO(_packed(clone, VERSIONS[version].commit))) as archive:
            archive.extractall(folder)  # never outside of it
        np.savez(folder / "images.npz", **images)
        files = [str(folder / f"{name}.npz") for name in ("images", "result")]
        ended = subprocess.run(
            [sys.executable, "-P", str(SCRIPT), json.dumps(asked), *files],  # -P: not our rooms
            env={**os.environ, "PYTHONPATH": str(folder)},
            check=False, capture_output=True, text=True,
        )  # fmt: skip
        if ended.returncode:
            said = _last_line(ended.stderr)
            raise OriginalError("reproduce", f"the original library ended with: {said}")
        with np.load(files[1]) as result:
            return {"y": images["y"], **result}


def _last_line(said: str) -> str:
    return (said.strip().splitlines() or ["no message"])[-1]


def _packed(clone: Path, commit: str) -> bytes:
    """Return the library of a commit as a ZIP file."""
    packed = subprocess.run(
        ["git", "-C", str(clone), "archive", "--format=zip", commit, "melpy"],
        check=False,
        capture_output=True,
    )
    if packed.returncode:
        raise ArgumentError(
            "reproduce",
            f"--original {clone} has no commit {commit} ({_last_line(packed.stderr.decode())})",
            expected=EXPECTED,
        )
    return packed.stdout
