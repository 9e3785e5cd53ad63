"""Change files at drawn places and read them: each is read, or refused by one kind of error.

    python tools/fuzz.py [--inputs 200] [--seed 0] [--reader NAME] [--out FILE]

Every reader of files gets what `tools/fuzz_guided.py` found (`tools/corpus`), and then so many
inputs, made of small files that the library wrote: bytes are changed, cut, doubled and swapped,
numbers and names in descriptions replaced by others, far too large, negative, of another type, or
deeply nested. What raises anything but a MelpyError, takes more than `MOST_S` or lets memory grow
beyond `MOST_MB` is told with its input's number, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import importlib.util
import io
import itertools
import json
import random
import resource
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import melpy
from melpy import layers, models, saving
from melpy.callbacks import BackupAndRestore
from melpy.datasets.formats import parse_cifar, parse_idx
from melpy.datasets.npz import read_npz
from melpy.errors import ArgumentError, MelpyError
from melpy.experiments import going_on, run
from melpy.experiments.opened import opened
from melpy.utils import load_img

CORPUS = Path(__file__).parent / "corpus"
MOST_S, MOST_MB = 20.0, 700.0
NUMBERS = (0, -1, 1, 2**31, 2**32 - 1, 2**62, -(2**63), 10**40, 1.5, float("nan"), 1e308)
ZIP, ONNX = b"PK", b"\x08"  # how they begin
OTHERS = (None, True, "", "x", "float32", "S2000000000", [], {}, [[[]]], {"class_name": "Dense"})


def model_of() -> Any:
    """Return a model whose description has nested things: rules, an op, a constant, a submodel."""
    inputs = melpy.Input((6, 6, 1))
    x = layers.Conv2D(2, 3, kernel_regularizer="l2", activation=layers.LeakyReLU(0.2))(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.Dropout(0.2)(layers.Flatten()(x)) * np.float32(2)
    x = melpy.Sequential([layers.Dense(3, "relu"), layers.Dense(2)])(
        melpy.ops.pad(x, ((0, 0), (0, 1)))
    )
    model = melpy.Model(inputs, x)
    model.compile(melpy.optimizers.Adam(1e-3), "mse", metrics=[melpy.metrics.AUC(), "mae"])
    return model


def onnx_file() -> bytes:
    """Return an ONNX file with layers, shapes that are computed, and a node of its own."""
    from onnx import TensorProto, helper, numpy_helper

    draw = np.random.default_rng(0)
    constants = {
        "w": draw.normal(size=(4, 2, 3, 3)), "k": draw.normal(size=(4, 1, 1)),
        "v": draw.normal(size=(36, 3)), "s": np.array([-1]), "z": np.array([0]),
    }  # fmt: skip
    made = helper.make_node
    nodes = [
        made("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1], strides=[2, 2]),
        made("Add", ["a", "k"], ["b"]), made("MaxPool", ["b"], ["c"], kernel_shape=[2, 2]),
        made("Shape", ["c"], ["n"]), made("Gather", ["n", "z"], ["m"]),
        made("Concat", ["m", "s"], ["t"], axis=0), made("Reshape", ["c", "t"], ["r"]),
        made("Expand", ["z", "n"], ["e"]), made("MatMul", ["r", "v"], ["y"]),
    ]  # fmt: skip
    arrays = {k: v.astype(np.float32 if v.dtype.kind == "f" else v.dtype) for k, v in
              constants.items()}  # fmt: skip
    graph = helper.make_graph(
        nodes, "small", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2, 8, 8])],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    return bytes(model.SerializeToString())


Reader = tuple[bytes, Callable[[bytes], Any]]


def readers(home: Path) -> Iterator[tuple[str, Reader]]:
    """Yield the readers by name: a file that is right, and what reads one."""
    melpy.utils.set_random_seed(0)
    model = model_of()
    model.fit(np.ones((4, 6, 6, 1)), np.zeros((4, 2)), verbose=0)

    def of_path(name: str, read: Callable[[Path], Any]) -> Callable[[bytes], Any]:
        def reader(content: bytes) -> Any:
            path = home / name
            path.write_bytes(content)
            return read(path)

        return reader

    for name in ("m.keras", "m.h5"):
        model.save(home / name)
        yield name, ((home / name).read_bytes(), of_path(name, models.load_model))
    for name in ("w.weights.h5", "w.safetensors", "w.npz"):
        model.save_weights(home / name)
        yield name, ((home / name).read_bytes(), of_path(name, model.load_weights))
    model.save_weights(home / "s.weights.json", max_shard_size=1e-3)
    index = (home / "s.weights.json").read_bytes()
    yield "s.weights.json", (index, of_path("s.weights.json", model.load_weights))

    backup = BackupAndRestore(home / "backup")
    backup.set_model(model)
    backup.on_train_batch_end(0)
    backup.backups.write(*backup._standing.state())
    (path,) = (home / "backup").iterdir()

    def restore(content: bytes) -> None:
        import hashlib

        for old in (home / "backup").iterdir():
            old.unlink()
        digest = hashlib.sha256(content).hexdigest()[:16]  # as a forger would have it
        (home / "backup" / f"000001-{digest}.npz").write_bytes(content)
        backup.on_train_begin()

    yield "backup", (path.read_bytes(), restore)
    head = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in (2, 3, 4))
    yield "idx", (head + bytes(24), parse_idx)
    yield "cifar", (bytes([6]) + bytes(3072), lambda content: parse_cifar(content, (10,)))
    lists = np.array([[1, 2], [3]], dtype=object)
    arrays = io.BytesIO()
    np.savez(arrays, x=lists, y=np.arange(3))
    yield "data.npz", (arrays.getvalue(), lambda content: read_npz(content, "fuzz"))
    folder = home / "run"
    settings = run.Settings(epochs=1, out=str(folder))
    run.train(settings, say=lambda text: None)
    told = (folder / "run.json").read_bytes()
    # The model beside it is the same for every run.json, and "m.keras" changes models: a small one.
    models.Sequential([melpy.Input((28, 28, 1)), layers.Flatten(), layers.Dense(10)]).save(
        folder / "model.keras"
    )

    def load_run(content: bytes) -> None:
        (folder / "run.json").write_bytes(content)
        with contextlib.suppress(ArgumentError):  # as it is, there is nothing to go on with
            going_on.settings_of(folder)
        opened(folder, "predict")

    yield "run.json", (told, load_run)
    if importlib.util.find_spec("onnx"):
        yield "onnx", (onnx_file(), of_path("m.onnx", saving.load_onnx))
    image = next((folder / "test-images").iterdir()).read_bytes()
    yield "image", (image, of_path("i.png", load_img))


def found(reader: str) -> Iterator[bytes]:
    """Yield the files that were found to reach code of a reader which no other reached."""
    with zipfile.ZipFile(CORPUS / f"{reader}.zip") as file:
        for name in file.namelist():
            yield file.read(name)


def changed(content: bytes, draw: random.Random) -> bytes:
    """Return a file that is damaged, or whose description says something else."""
    if content[:2] == ZIP and draw.random() < 0.6:
        return rezipped(content, draw, lambda part: changed(part, draw))
    if content[:1] in b"{[" and draw.random() < 0.7:
        return _retold(content, draw)
    if content[:1] == ONNX and draw.random() < 0.7:
        return _retold_onnx(content, draw)
    data = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        place, size = draw.randrange(len(data) + 1), draw.randint(1, 16)
        way = draw.randrange(5)
        if way == 0:
            data[place : place + 1] = bytes([draw.randrange(256)])
        elif way == 1:
            del data[place:]
        elif way == 2:
            data[place : place + size] = b""
        elif way == 3:
            data[place:place] = data[max(place - size, 0) : place]
        else:
            data[place : place + size] = draw.choice((b"\xff", b"\x00", b"\x7f")) * size
        if not data:
            break
    return bytes(data)


def rezipped(content: bytes, draw: random.Random, change: Callable[[bytes], bytes]) -> bytes:
    """Return a zip with one part changed, and right sums."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as file:
            parts = {name: file.read(name) for name in file.namelist()}
        name = draw.choice(list(parts))
    except Exception:  # a zip no more, in one of many ways
        return content[: draw.randrange(len(content))]
    parts[name] = change(parts[name]) if parts[name] else b"x"
    if draw.random() < 0.1:
        del parts[draw.choice(list(parts))]
    buffer = io.BytesIO()
    packing = draw.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(buffer, "w", packing) as file:
        for part, data in parts.items():
            file.writestr(part, data)
    return buffer.getvalue()


def _retold(content: bytes, draw: random.Random) -> bytes:
    """Return a description in which some values are others."""
    try:
        told = json.loads(content)
    except (ValueError, RecursionError):  # brackets without end among them
        return content[: draw.randrange(len(content))]
    text = json.dumps(_with_others(told, draw))
    return (b"[" * 50_000 if draw.random() < 0.01 else b"") + text.encode()


def _retold_onnx(content: bytes, draw: random.Random) -> bytes:
    """Return an ONNX file in which some fields hold others, of the types that they have."""
    from google.protobuf import json_format, message
    from onnx import ModelProto

    for _ in range(8):  # most values are of another type than a field takes
        with contextlib.suppress(message.Error, json_format.Error, ValueError, RecursionError):
            told = json_format.MessageToDict(ModelProto.FromString(content))
            made = json_format.ParseDict(_with_others(told, draw), ModelProto())
            return bytes(made.SerializeToString())
    return content[: draw.randrange(len(content))]


def _with_others(told: Any, draw: random.Random) -> Any:
    """Return plain values of which one to three are others."""
    for _ in range(draw.randint(1, 3)):
        holder: Any = {"": told}
        key: Any = ""
        while isinstance(holder[key], dict | list) and holder[key] and draw.random() < 0.9:
            holder = holder[key]
            key = (
                draw.choice(list(holder))
                if isinstance(holder, dict)
                else draw.randrange(len(holder))
            )
        if holder is not told and "" in holder:
            continue
        old = holder[key]
        if draw.random() < 0.1:
            holder[key] = [[old]] * draw.choice((1, 50))
        elif isinstance(old, int | float) and draw.random() < 0.7:
            holder[key] = draw.choice(NUMBERS)
        else:
            holder[key] = copy.deepcopy(draw.choice((*OTHERS, *NUMBERS)))
    return told


def main() -> int:
    """Do what the module says; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--inputs", type=int, default=200, help="of each reader (200)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--reader", help="this one alone")
    parser.add_argument("--out", type=Path, help="a file for the counts")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    rows, wrong = [], 0
    with tempfile.TemporaryDirectory() as home:
        for name, (content, read) in readers(Path(home)):
            if arguments.reader not in (None, name):
                continue
            read(content)  # as it is
            base_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            counts = {"read": 0, "refused": 0}
            begun_s = time.perf_counter()
            draws = (random.Random(f"{arguments.seed} {name} {n}") for n in range(arguments.inputs))
            inputs = itertools.chain(found(name), (changed(content, draw) for draw in draws))
            for number, given in enumerate(inputs):
                started_s, what = time.perf_counter(), ""
                try:
                    read(given)
                    counts["read"] += 1
                except MelpyError:
                    counts["refused"] += 1
                except Exception as error:  # that is what is looked for
                    what = f"{type(error).__name__}: {str(error)[:200]}"
                took_s = time.perf_counter() - started_s
                grown_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - base_mb
                if took_s > MOST_S:
                    what = what or f"took {took_s:.0f} s"
                if grown_mb > MOST_MB:
                    what, base_mb = what or f"took {grown_mb:.0f} MB", base_mb + grown_mb
                if what:
                    wrong += 1
                    print(f"{name}, input {number}: {what}", flush=True)
            took_s = time.perf_counter() - begun_s
            rows.append({"reader": name, "inputs": number + 1, **counts})
            told = f"{counts['read']:6} read {counts['refused']:6} refused  {took_s:6.1f} s"
            print(f"{name:15} {told}", flush=True)
    print(f"{wrong} of {sum(row['inputs'] for row in rows)} inputs went wrong.")
    if arguments.out is not None:
        told = {"seed": arguments.seed, "wrong": wrong, "rows": rows}
        arguments.out.write_text(json.dumps(told, indent=1) + "\n")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
