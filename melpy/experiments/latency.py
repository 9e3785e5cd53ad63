"""How long a model takes for a few samples, here and in ONNX Runtime, in alternating rounds."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from melpy import config
from melpy.errors import ArgumentError, MelpyError
from melpy.experiments.columns import WORDS
from melpy.experiments.opened import Opened

__all__ = ["measured", "samples_for"]

LEAST_S = 0.02  # a round calls as often as this takes: what a clock cannot tell apart is none
UNKNOWN = {1: (16,), 2: (32, None), 3: (64, 64, None)}  # sizes that a model leaves open

Say = Callable[[str], None]
Call = Callable[[], Any]


def samples_for(found: Opened, count: int) -> Any:
    """Return so many drawn samples of the shapes that a model takes.

    Raises
    ------
    ArgumentError : it does not say what it takes
    """
    rng = np.random.default_rng(0)
    inputs = getattr(found.model, "inputs", None)
    if not inputs:
        raise ArgumentError(
            "bench", "the model does not say what it takes", expected="a model with an Input",
            received={"class": type(found.model).__name__},
        )  # fmt: skip
    made = {x.name: _drawn(rng, x, count) for x in inputs}
    if found.columns:
        return made
    return [*made.values()] if len(made) > 1 else made[inputs[0].name]


def _drawn(rng: np.random.Generator, x: Any, count: int) -> np.ndarray:
    usual = UNKNOWN.get(len(x.shape) - 1, ())
    sizes = [s or (usual[n] if n < len(usual) else None) or 8 for n, s in enumerate(x.shape[1:])]
    kind = np.dtype(x.dtype)
    if kind.kind in "iub":
        return np.zeros((count, *sizes), kind)
    if kind.kind == "U":
        return np.full((count, *sizes), "", dtype=str)
    return rng.random((count, *sizes)).astype(kind)


def measured(found: Opened, sizes: Sequence[int], rounds: int, say: Say) -> list[dict[str, Any]]:
    """Return a row for each number of samples and each runtime: medians and spread, in ms.

    Parameters
    ----------
    found : Opened, the model
    sizes : ints > 0, samples at a time
    rounds : int > 0, in each of which every runtime has its turn
    say : function of one line of text
    """
    rows = []
    session = _session(found, say)
    for size in sizes:
        x = samples_for(found, size)
        calls = {"melpy": _ours(found.model, x)}
        if session is not None:
            calls["onnxruntime"] = _theirs(session, x)
        times = _alternating(calls, rounds)
        rows += [
            {
                "samples": size,
                "runtime": name,
                "median_ms": float(np.median(taken)) * 1e3,
                "low_ms": float(np.quantile(taken, 0.25)) * 1e3,
                "high_ms": float(np.quantile(taken, 0.75)) * 1e3,
                "samples_a_second": size / float(np.median(taken)),
            }
            for name, taken in times.items()
        ]
    return rows


def _ours(model: Any, x: Any) -> Call:
    return lambda: model.predict_on_batch(x)


def _theirs(session: Any, x: Any) -> Call:
    names = [one.name for one in session.get_inputs()]
    parts = x if isinstance(x, list) else [x]
    fed = x if isinstance(x, dict) else dict(zip(names, parts, strict=True))
    return lambda: session.run(None, fed)


def _alternating(calls: dict[str, Call], rounds: int) -> dict[str, list[float]]:
    """Return each call's seconds by round, after some to warm up."""
    repeats: dict[str, int] = {}
    for name, call in calls.items():
        for _ in range(3):  # the first compiles, the second plans
            call()
        started_s = time.perf_counter()
        call()
        repeats[name] = max(1, math.ceil(LEAST_S / max(time.perf_counter() - started_s, 1e-7)))
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            started_s = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            taken[name].append((time.perf_counter() - started_s) / repeats[name])
    return taken


def _session(found: Opened, say: Say) -> Any:
    """Return the model in ONNX Runtime with as many threads; None where that cannot be."""
    try:
        import onnxruntime
    except ImportError:
        say("ONNX Runtime is not installed, so that it is melpy alone.")
        return None
    if any(one.kind == WORDS for one in found.columns):
        say("Columns of words are read by melpy alone.")
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = config.threads(), 1
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        try:
            found.model.export(str(path), verbose=False)
        except MelpyError as error:
            say(f"Not in ONNX Runtime: {error}")
            return None
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
