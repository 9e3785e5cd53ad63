"""What can be measured: rows, the groups that they come in, and about how long each takes."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from benchmarks.peers.workloads import HIDDEN, INFERENCE, OWN_LAYERS, SMALL, TRAINING, WORKLOADS

TORCH = ["torch", "torch-channels_last", "torch-compile"]
KERAS = ["keras-tensorflow", "keras-jax", "keras-torch"]
TRAINERS = ["melpy", *TORCH, *KERAS]
SMALL_TRAINERS = ["melpy", "torch", "torch-compile", *KERAS[:2], "scikit-learn"]
INFERRERS = ["melpy", "onnxruntime", "openvino", "torch", "torch-channels_last", "keras-tensorflow"]
BEFORE = "melpy-before"  # an earlier checkout of melpy, which is no peer
LIBRARIES = [*TRAINERS, "scikit-learn", "onnxruntime", "openvino", "numpy"]

# Where networks are measured as a CPU with AVX2 alone would run them.
AVX2_ROWS = ("mnist-3", "mnist-3-leaky-relu", "cifar-7", "cifar-7-leaky-relu", "vgg", "mlp")
AVX2 = {
    "NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+bmi,+bmi2,+f16c,+sse4.2",
    "NUMBA_CACHE_DIR": str(Path(tempfile.gettempdir()) / "melpy-peers-avx2"),
    "OPENBLAS_CORETYPE": "Haswell", "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
}  # fmt: skip

START_S = {"torch-compile": 40, "keras-tensorflow": 9, "keras-jax": 6, "keras-torch": 6, "torch": 4}
ROUND_S = {"train": 1.5, "small": 1.6, "infer": 1.5, "grid": 6, "grow": 12, "peak": 1}
SLOW = {"vgg": 4.0, "resnet-20": 2.0, "transformer": 1.5}  # times that of others


class Row(NamedTuple):
    """A network, how it is measured, and by which libraries."""

    kind: str
    name: str
    libraries: list[str]
    avx2: bool = False

    @property
    def key(self) -> str:
        """Return the row's name on the command line."""
        if self.kind in ("peak", "grid", "grow"):
            return self.kind if self.name != "read" else "read"
        before = "avx2-" if self.avx2 else "infer-" if self.kind == "infer" else ""
        return before + self.name

    @property
    def environment(self) -> dict[str, str]:
        return AVX2 if self.avx2 else {}

    def file_name(self, threads: int) -> str:
        after = "-avx2" if self.avx2 else ""
        return f"{self.kind}-{self.name}-{threads}{after}.json"

    def seconds(self, libraries: list[str], rounds: int) -> float:
        """Return about how long the row takes."""
        start_s = sum(START_S.get(name, 3) for name in libraries)
        turn_s = ROUND_S[self.kind] * SLOW.get(self.name, 1.0)
        return start_s + rounds * len(libraries) * turn_s


def _row(kind: str, name: str, libraries: list[str], avx2: bool = False) -> Row:
    """Return a network's row, without the libraries that have nothing of their own for it."""
    no_image = len(WORKLOADS[name].shape) < 3
    absent = {"torch-channels_last"} if no_image else set()
    absent |= set() if name in HIDDEN else {"scikit-learn"}
    return Row(kind, name, [library for library in libraries if library not in absent], avx2)


GROUPS = {
    "train": [_row("train", name, TRAINERS) for name in TRAINING],
    "layers": [_row("train", name, TRAINERS) for name in OWN_LAYERS],
    "avx2": [_row("train", name, TRAINERS, avx2=True) for name in (*AVX2_ROWS, "wide-mlp")],
    "small": [_row("small", name, SMALL_TRAINERS) for name in SMALL],
    "infer": [_row("infer", name, INFERRERS) for name in INFERENCE],
    "grid": [Row("grid", "convolutions", ["melpy", "torch"])],
    "grow": [Row("grow", "steps", ["melpy", "keras-tensorflow", "keras-torch"])],
    "peak": [Row("peak", "sgemm", ["numpy"]), Row("peak", "read", ["numpy"])],
}


def chosen(names: list[str]) -> list[Row]:
    """Return the rows of the groups and rows that were asked for, all where none was."""
    rows = {row.key: [row] for group in GROUPS.values() for row in group}
    known = rows | GROUPS
    if unknown := set(names) - set(known):
        sys.exit(f"no such row: {', '.join(sorted(unknown))}. Known: {', '.join(known)}")
    asked = [row for name in names or GROUPS for row in known[name]]
    return list({row.file_name(0): row for row in asked}.values())
