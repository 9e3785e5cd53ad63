"""Whoever writes a file says which one it was, in one sentence, where the disk is full."""

import signal
import types
import zipfile
from contextlib import contextmanager

import numpy as np
import pytest

import melpy
from melpy import callbacks, layers, viz
from melpy.errors import FileError
from melpy.experiments.images import write_image
from melpy.lab.recording import Recorder
from melpy.utils import get_file, model_to_dot, plot_model, save_img

resource = pytest.importorskip("resource")
MOST_BYTES = 300
X = np.random.default_rng(0).normal(size=(8, 40)).astype("float32")


@contextmanager
def full_disk():
    """Let no file become larger than a few bytes meanwhile."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_BYTES, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)


def model():
    made = melpy.Sequential([melpy.Input((40,)), layers.Dense(4)])
    made.compile("sgd", "mse")
    return made


def fit(callback):
    model().fit(X, X[:, :4], epochs=40, verbose=0, callbacks=[callback])


def tensorboard(folder):
    pytest.importorskip("tensorboard")
    fit(callbacks.TensorBoard(folder / "logs", histogram_freq=1))


def recording(folder):
    trace = {"id": "a", "values": list(range(MOST_BYTES))}
    session = types.SimpleNamespace(
        trace=lambda asked: trace, convolution=dict, pooling=dict, arrays=lambda of: b"0", lab=dict
    )
    recorder = Recorder(session)
    session.trace({})
    recorder.write(folder / "recorded")


def unpacking(folder):
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.bin", bytes(100 * MOST_BYTES))
    assert (folder / "a.zip").stat().st_size < MOST_BYTES
    get_file("a.zip", "http://localhost/a.zip", extract=True, cache_dir=folder, cache_subdir="")


NOISE = np.random.default_rng(0).integers(0, 255, (32, 32, 3)).astype("float32")
WRITERS = {
    "TensorBoard": tensorboard,
    "BackupAndRestore": lambda folder: fit(callbacks.BackupAndRestore(folder / "b")),
    "CSVLogger": lambda folder: fit(callbacks.CSVLogger(folder / "a.csv")),
    "LiveMetrics": lambda folder: fit(callbacks.LiveMetrics(folder / "a.png")),
    "save_img": lambda folder: save_img(folder / "a.png", NOISE),
    "write_image": lambda folder: write_image(folder / "a.png", NOISE, 255),
    "viz.save": lambda folder: viz.save(viz.curves({"loss": [1, 2]}, [0, 1], ""), folder / "a.png"),
    "plot_model": lambda folder: plot_model(model(), folder / "a.svg"),
    "write": lambda folder: model_to_dot(model()).write_svg(folder / "a.svg"),
    "export": lambda folder: model().export(folder / "a.onnx", verbose=False),
    "Recorder": recording,
    "get_file": unpacking,
}


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("who", WRITERS)
def test_is_told(tmp_path, who):
    with full_disk(), pytest.raises(FileError, match=f"^{who}: .*(File too large|written)") as told:
        WRITERS[who](tmp_path)
    assert str(tmp_path) in str(told.value)
