"""Each library's own public way to train and to infer."""

from __future__ import annotations

import inspect
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.peers.exported import Exported
from benchmarks.peers.timing import Timed, per_call, per_step, per_step_of_epochs
from benchmarks.peers.workloads import HIDDEN, SMALL_STEPS, WORKLOADS, Workload, data

INFER_S = 0.3  # about how long a figure of inference is measured in one round
COUNTS = {1: "one image", 32: "32 images", 256: "256 images"}  # or sequences


def library(name: str, threads: int) -> Library:
    """Return a library by the name that the tables have."""
    if name.startswith("torch"):
        return Torch(name, threads)
    others = {"scikit-learn": Sklearn, "onnxruntime": OnnxRuntime, "openvino": OpenVino}
    return others[name](threads) if name in others else KerasLike(name, threads)


def timed_calls(call: Callable[[Any], Any], batches: dict[int, Any], how: str) -> Timed:
    """Return how long ``call`` takes of each number of images."""
    return {
        f"{COUNTS[count]}, {how}": per_call(lambda x=x: call(x), INFER_S)
        for count, x in batches.items()
    }


def batches_of(work: Workload) -> dict[int, np.ndarray]:
    x, _ = data(work.shape, max(COUNTS))
    return {count: np.ascontiguousarray(x[:count]) for count in COUNTS}


class Library:
    """A library that is imported and has its number of threads."""

    note = ""  # what the tables say of its figures


class KerasLike(Library):
    """melpy, or Keras on one of its backends: the same scripts."""

    def __init__(self, library: str, threads: int) -> None:
        if library.startswith("melpy"):
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

    def train(self, name: str) -> Timed:
        work = WORKLOADS[name]
        model, most = self.model(work), max(8, 8192 // work.batch)
        x, y = data(work.shape, most * work.batch)

        def fit(steps: int) -> None:
            count = steps * work.batch
            model.fit(x[:count], y[:count], batch_size=work.batch, epochs=1, verbose=0)

        return {"step": per_step(fit, most)}

    def small(self, name: str) -> Timed:
        work = WORKLOADS[name]
        model = self.model(work)
        x, y = data(work.shape, SMALL_STEPS * work.batch, work.classes)
        ends: list[float] = []

        class Clock(self.api.callbacks.Callback):  # type: ignore[name-defined, misc]
            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                ends.append(time.perf_counter())

        def fit(epochs: int) -> list[float]:
            ends.clear()
            model.fit(
                x, y, batch_size=work.batch, epochs=epochs, verbose=0, callbacks=[Clock()]
            )  # fmt: skip
            return ends

        return {"step": per_step_of_epochs(fit, SMALL_STEPS)}

    def infer(self, name: str) -> Timed:
        work, exported = WORKLOADS[name], Exported(name)
        model = self.model(work)
        if exported.is_there:
            model.set_weights(exported.weights)
            exported.check(self.call(model))
        batches = batches_of(work)
        calls = timed_calls(self.call(model), batches, "call")

        def predict(x: np.ndarray) -> Any:
            return model.predict(x, len(x), verbose=0)

        return calls | timed_calls(predict, batches, "predict")

    def call(self, model: Any) -> Callable[[np.ndarray], Any]:
        if self.api.__name__ == "melpy":

            def ours(x: np.ndarray) -> Any:
                with self.api.no_grad():
                    return model(x).numpy()

            return ours
        return lambda x: np.asarray(self.api.ops.convert_to_numpy(model(x, training=False)))


class Torch(Library):
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
        if self.last and x.ndim == 4:
            return t.contiguous(memory_format=self.torch.channels_last)
        return t

    def epoch(self, name: str, most: int) -> Callable[[int], None]:
        """Return what trains for so many steps, ``most`` at most: the plain loop."""
        torch, model, work = self.torch, self.model(name), WORKLOADS[name]
        x, y = data(work.shape, most * work.batch, work.classes)
        x, labels = self.arrays(x), torch.from_numpy(y.argmax(1))
        if work.optimizer == "sgd":
            optimizer = torch.optim.SGD(model.parameters(), lr=work.rate, momentum=0.9)
        else:
            optimizer = torch.optim.Adam(model.parameters(), lr=work.rate)
        loss_of = torch.nn.CrossEntropyLoss()

        def epoch(steps: int) -> None:
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

        return epoch

    def train(self, name: str) -> Timed:
        most = max(8, 8192 // WORKLOADS[name].batch)
        return {"step": per_step(self.epoch(name, most), most)}

    def small(self, name: str) -> Timed:
        epoch = self.epoch(name, SMALL_STEPS)
        return {"step": per_step_of_epochs(one_by_one(lambda: epoch(SMALL_STEPS)), SMALL_STEPS)}

    def infer(self, name: str) -> Timed:
        torch, model = self.torch, self.model(name).eval()

        def call(batch: Any) -> Any:
            with torch.inference_mode():
                return torch.softmax(model(batch), 1).numpy()

        batches = {n: self.arrays(x) for n, x in batches_of(WORKLOADS[name]).items()}
        return timed_calls(call, batches, "call")


def one_by_one(epoch: Callable[[], None]) -> Callable[[int], list[float]]:
    """Return what runs epochs and says when each ended."""

    def fit(epochs: int) -> list[float]:
        ends = []
        for _ in range(epochs):
            epoch()
            ends.append(time.perf_counter())
        return ends

    return fit


class Sklearn(Library):
    """scikit-learn's perceptron of many layers."""

    def __init__(self, threads: int) -> None:
        from sklearn.neural_network import MLPClassifier

        self.make = MLPClassifier  # its BLAS has the threads that the environment says

    def small(self, name: str) -> Timed:
        work = WORKLOADS[name]
        x, y = data(work.shape, SMALL_STEPS * work.batch, work.classes)
        labels, classes = y.argmax(1), np.arange(work.classes)
        if "Dropout" in inspect.getsource(work.build):
            self.note = "knows no dropout: trained without"
        model = self.make(
            HIDDEN[name], solver="adam", batch_size=work.batch, learning_rate_init=work.rate
        )

        def epoch() -> None:
            model.partial_fit(x, labels, classes=classes)

        return {"step": per_step_of_epochs(one_by_one(epoch), SMALL_STEPS)}


class OnnxRuntime(Library):
    """ONNX Runtime, a session for each number of images, so that all shapes are known."""

    def __init__(self, threads: int) -> None:
        import onnxruntime

        self.runtime, self.threads = onnxruntime, threads

    def infer(self, name: str) -> Timed:
        exported = Exported(name)
        path = str(exported.onnx)
        free = self.runtime.InferenceSession(path).get_inputs()[0]

        def call_of(count: int) -> Callable[[np.ndarray], Any]:
            options = self.runtime.SessionOptions()
            options.intra_op_num_threads, options.inter_op_num_threads = self.threads, 1
            options.add_free_dimension_override_by_name(free.shape[0], count)
            session = self.runtime.InferenceSession(path, options)
            return lambda x: session.run(None, {free.name: x})[0]

        return fixed_calls(exported, call_of)


class OpenVino(Library):
    """OpenVINO, float32 alone, compiled for each number of images."""

    def __init__(self, threads: int) -> None:
        import openvino

        self.runtime, self.threads = openvino, threads

    def infer(self, name: str) -> Timed:
        exported, core = Exported(name), self.runtime.Core()
        if exported.openvino == exported.onnx:
            self.note = "reads the ONNX file: Keras's export for OpenVINO failed"
        settings = {
            "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": self.threads,
        }  # fmt: skip

        def call_of(count: int) -> Callable[[np.ndarray], Any]:
            model = core.read_model(exported.openvino)
            model.reshape([count, *WORKLOADS[name].shape])
            compiled = core.compile_model(model, "CPU", settings)
            return lambda x: compiled(x, share_inputs=True, share_outputs=True)[0]

        return fixed_calls(exported, call_of)


def fixed_calls(exported: Exported, call_of: Callable[[int], Callable[[Any], Any]]) -> Timed:
    """Return how long a runtime takes, whose model is made for one number of images."""
    exported.check(call_of(len(exported.x)))
    timed: Timed = {}
    for count, x in batches_of(WORKLOADS[exported.name]).items():
        timed |= timed_calls(call_of(count), {count: x}, "call")
    return timed
