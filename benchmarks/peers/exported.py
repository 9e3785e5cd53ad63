"""A network as Keras exports it for the runtimes: one set of weights for all who infer.

    python -m benchmarks.peers.exported NAME

It writes NAME.onnx, NAME.xml and NAME.bin (OpenVINO's) and NAME.npz, which has the weights, and
Keras's outputs of some samples that all others are held to. Keras runs on TensorFlow here: its
exporter (tf2onnx) leaves the shortest graphs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.workloads import WORKLOADS, data

FOLDER = Path(tempfile.gettempdir()) / "melpy-peers-models"
SAMPLES = 16
RELATIVE = 1e-4  # that outputs may differ from Keras's


class Exported:
    """The files of one network."""

    def __init__(self, name: str) -> None:
        self.name, self.x = name, data(WORKLOADS[name].shape, SAMPLES)[0]
        self.arrays, self.onnx = FOLDER / f"{name}.npz", FOLDER / f"{name}.onnx"

    @property
    def is_there(self) -> bool:
        return self.arrays.exists()

    @property
    def openvino(self) -> Path:
        """Return OpenVINO's own file, or the one of ONNX where Keras could not write it."""
        own = FOLDER / f"{self.name}.xml"
        return own if own.exists() else self.onnx

    @property
    def weights(self) -> list[np.ndarray]:
        with np.load(self.arrays) as arrays:
            return [arrays[f"weight {n}"] for n in range(len(arrays.files) - 1)]

    def check(self, call: Callable[[np.ndarray], Any]) -> None:
        """Raise ValueError where a library's outputs are not Keras's."""
        with np.load(self.arrays) as arrays:
            expected = arrays["y"]
        found = np.asarray(call(self.x))
        off = float((np.abs(found - expected) / np.abs(expected).clip(1e-3)).max())
        if not off < RELATIVE:
            raise ValueError(f"outputs differ from Keras's by {off:.1e}, relative")

    def write(self) -> None:
        """Export the network, unless that was done before."""
        if self.is_there:
            return
        FOLDER.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [sys.executable, "-m", "benchmarks.peers.exported", self.name],
            env=os.environ | {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2],
        )  # fmt: skip


def main() -> None:
    """Export the network named on the command line."""
    import keras

    exported = Exported(sys.argv[1])
    keras.utils.set_random_seed(0)
    model = WORKLOADS[exported.name].build(keras)
    rng = np.random.default_rng(0)
    moved = (w + 0.05 * rng.standard_normal(w.shape) for w in model.get_weights())
    model.set_weights([w.astype(np.float32) for w in moved])  # no bias that is nothing
    for layer in model.layers:
        if hasattr(layer, "momentum"):
            layer.momentum = 0.0
    model(data(WORKLOADS[exported.name].shape, 256)[0], training=True)  # as normalizations learn
    y = model.predict(exported.x, verbose=0)
    try:
        model.export(str(exported.openvino.with_suffix(".xml")), format="openvino", verbose=False)
    except Exception:  # whatever its converter lacks: OpenVINO reads the file of ONNX then
        exported.openvino.with_suffix(".xml").unlink(missing_ok=True)
    for layer in model.layers:
        if getattr(layer, "activation", None) is keras.activations.gelu:
            layer.activation = spelled_gelu  # TensorFlow's has erfc, which ONNX has not
    model.export(str(exported.onnx), format="onnx", verbose=False)
    weights = {f"weight {n}": array for n, array in enumerate(model.get_weights())}
    np.savez(exported.arrays, y=y, **weights)  # last: it says that all is there


def spelled_gelu(x: Any) -> Any:
    """Return x Phi(x), by erf."""
    from keras import ops

    return 0.5 * x * (1.0 + ops.erf(x / np.float32(np.sqrt(2.0))))


if __name__ == "__main__":
    main()
