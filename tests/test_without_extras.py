"""Without Numba, Matplotlib and Pillow melpy works, and says what is missing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import melpy

BLOCK = """
import sys

class Block:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {names!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Block())
"""

TRAIN = """
import warnings
import numpy as np
import melpy
from melpy import layers

if {quiet}:
    melpy.config.set_kernels("numpy")
x = np.random.default_rng(0).normal(size=(64, 6, 6, 1)).astype("float32")
y = (x.mean(axis=(1, 2, 3)) > 0).astype(int)
model = melpy.Sequential([
    melpy.Input((6, 6, 1)),
    layers.Conv2D(4, 3, padding="same", activation="relu"),
    layers.Flatten(),
    layers.Dense(2, activation="softmax"),
])
model.compile(melpy.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    losses = model.fit(x, y, epochs=20, verbose=0).history["loss"]
    model.predict(x)
import json
print(json.dumps({{
    "first": losses[0],
    "last": losses[-1],
    "warnings": [[type(w.message).__name__, str(w.message), w.filename] for w in caught],
    "numba": "numba" in sys.modules,
}}))
"""


def python(code, **environment):
    root = str(Path(melpy.__file__).parents[1])
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MELPY_", "PYTHON"))}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=kept | {"PYTHONPATH": root, "PYTHONIOENCODING": "utf-8"} | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )


def without(*names, then, **environment):
    return python(BLOCK.format(names=names) + then, **environment)


def test_the_block_blocks():
    for name in ("numba", "matplotlib", "PIL"):
        made = without(name, then=f"import {name}")
        assert made.returncode == 1
        assert f"No module named '{name}'" in made.stderr


def test_import_needs_numpy_only():
    names = ("numba", "llvmlite", "matplotlib", "PIL", "scipy", "h5py", "torch", "keras")
    made = without(*names, then="import melpy; print(melpy.__version__)")
    assert (made.returncode, made.stdout.strip()) == (0, melpy.__version__), made.stderr
    assert made.stderr == ""


def test_without_numba_training_works_with_one_warning_that_says_how_to_mend_it():
    made = without("numba", then=TRAIN.format(quiet=False))
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    assert told["last"] < 0.7 * told["first"]
    [[kind, message, _]] = told["warnings"]
    assert kind == "RuntimeWarning"
    assert "NumPy kernels" in message
    assert "Install Numba" in message
    assert "set_kernels('numpy')" in message


def test_set_kernels_numpy_silences_it():
    made = without("numba", then=TRAIN.format(quiet=True))
    assert made.returncode == 0, made.stderr
    told = json.loads(made.stdout)
    assert told["warnings"] == []
    assert told["last"] < 0.7 * told["first"]


def test_numpy_kernels_never_load_numba():
    told = json.loads(python("import sys\n" + TRAIN.format(quiet=True)).stdout)
    assert told["numba"] is False
    told = json.loads(python("import sys\n" + TRAIN.format(quiet=False)).stdout)
    assert told["numba"] is True
    assert told["warnings"] == []


RUN = "from melpy.cli import main\nsys.exit(main({arguments!r}))"


def test_the_command_line_without_numba_tells_which_kernels_ran(tmp_path):
    arguments = ["train", "--epochs", "1", "--out", str(tmp_path / "run")]
    made = without("numba", then=RUN.format(arguments=arguments))
    assert made.returncode == 0, made.stderr
    assert made.stderr.count("RuntimeWarning") == 1
    assert "Compiling" not in made.stdout
    assert "numpy kernels" in made.stdout
    report = json.loads((tmp_path / "run" / "run.json").read_text())
    assert report["kernels"] == "numpy"


def test_the_command_line_without_matplotlib_trains_and_says_so(tmp_path):
    folder = tmp_path / "run"
    arguments = ["train", "--epochs", "1", "--out", str(folder)]
    made = without("matplotlib", "PIL", then=RUN.format(arguments=arguments))
    assert (made.returncode, made.stderr) == (0, "")
    assert "No pictures: Matplotlib is not installed" in made.stdout
    assert "[plots]" in made.stdout
    names = ["best.keras", "history.csv", "log.jsonl", "model.keras", "run.json"]
    assert sorted(p.name for p in folder.iterdir()) == names

    (folder / "x.png").touch()
    arguments = ["predict", str(folder), str(folder / "x.png")]
    made = without("PIL", then=RUN.format(arguments=arguments))
    assert made.returncode == 2
    assert made.stderr.startswith("melpy: predict: Pillow, which reads image files, is not")
    assert "[images]" in made.stderr
    assert made.stderr.count("\n") == 1


ASKED = """
import json
import sys
import melpy
from melpy import callbacks, layers, saving, utils

def plotted():
    utils.plot_model(model, "m.png")

def with_estimators():
    from melpy.wrappers import SKLearnClassifier
    SKLearnClassifier()

def on_board():
    board = callbacks.TensorBoard("logs")
    board.set_model(model)
    board.on_train_begin()

model = melpy.Sequential([melpy.Input((3,)), layers.Dense(2)])
open("image.png", "wb").close()
open("m.onnx", "wb").write(b"x")
said = {}
for name, function in {
    "h5py": lambda: model.save("m.keras"),
    "safetensors": lambda: model.save_weights("w.safetensors"),
    "matplotlib": plotted,
    "PIL": lambda: utils.load_img("image.png"),
    "onnx": lambda: model.export("m.onnx"),
    "onnx, read": lambda: saving.load_onnx("m.onnx"),
    "sklearn": with_estimators,
    "tensorboard": on_board,
}.items():
    try:
        function()
        said[name] = ["nothing", ""]
    except Exception as error:
        said[name] = [type(error).__name__, str(error)]
print(json.dumps(said))
"""


def test_what_an_absent_package_is_needed_for_says_one_sentence_with_the_mend(tmp_path):
    names = ("h5py", "safetensors", "matplotlib", "PIL", "onnx", "sklearn", "tensorboard")
    made = without(*names, then=f"import os\nos.chdir({str(tmp_path)!r})\n" + ASKED)
    assert made.returncode == 0, made.stderr
    mends = {
        "h5py": "pip install h5py",
        "safetensors": "pip install safetensors",
        "matplotlib": "[plots]",
        "PIL": "[images]",
        "onnx": "[onnx]",
        "onnx, read": "[onnx]",
        "sklearn": "[sklearn]",
        "tensorboard": "[tensorboard]",
    }
    said = json.loads(made.stdout)
    assert {name: kind for name, (kind, _) in said.items()} == dict.fromkeys(
        mends, "DependencyError"
    )
    for name, mend in mends.items():
        assert mend in said[name][1]
        assert said[name][1].count("\n") == 0
