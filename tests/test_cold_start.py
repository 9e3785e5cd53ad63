"""The first training ever: nothing compiled yet, and the user is told what happens meanwhile."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("numba")

ROOT = Path(__file__).parents[1]


@pytest.mark.long
def test_the_first_training_says_that_it_compiles(tmp_path):
    cache = tmp_path / "cache"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache)}
    ran = subprocess.run(
        [sys.executable, "-m", "melpy", "train", "--epochs", "1", "--out", tmp_path / "run"],
        capture_output=True, text=True, encoding="utf-8", env=environment, cwd=ROOT,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.index("Compiling the kernels") < ran.stdout.index("Training on")
    assert list(cache.rglob("*.nbc")), "nothing was compiled: the cache was not cold"


FIT = """
import numpy as np, melpy
def fit(verbose):
    model = melpy.Sequential([melpy.Input((3,)), melpy.layers.Dense(2)])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), verbose=verbose)
fit({first})
fit(2)
"""


@pytest.mark.long
@pytest.mark.parametrize("first", [0, 2])
def test_fit_says_once_that_it_compiles_and_only_where_it_does(tmp_path, first):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}

    def said():
        ran = subprocess.run(
            [sys.executable, "-c", FIT.replace("{first}", str(first))],
            capture_output=True, text=True, encoding="utf-8", env=environment, cwd=ROOT,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        assert "loss" in ran.stdout
        return ran.stdout.count("Compiling the kernels")

    assert said() == (1 if first else 0)
    assert said() == 0


@pytest.mark.long
def test_after_a_warm_up_training_compiles_nothing(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    warm = subprocess.run(
        [sys.executable, "-m", "melpy", "warm-up"],
        capture_output=True, text=True, env=environment, cwd=ROOT,
    )  # fmt: skip
    assert warm.returncode == 0, warm.stderr
    assert not warm.stderr
    assert "Winograd" in warm.stdout
    assert "Ready after" in warm.stdout
    before = {path.name for path in (tmp_path / "cache").rglob("*.nbc")}
    assert before
    trained = subprocess.run(
        [sys.executable, "-m", "melpy", "train", "--epochs", "1", "--out", tmp_path / "run"],
        capture_output=True, text=True, env=environment, cwd=ROOT,
    )  # fmt: skip
    assert trained.returncode == 0, trained.stderr
    code = (
        "import numpy as np, melpy; L = melpy.layers;"
        "m = melpy.Sequential([melpy.Input((28, 28, 1)), L.Conv2D(32, 3, activation='relu'),"
        "L.MaxPooling2D(), L.Flatten(), L.Dense(128, activation='relu'), L.Dense(10, 'softmax')]);"
        "[m.predict(np.ones((1, 28, 28, 1)), verbose=0) for _ in range(3)]"
    )
    alone = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=ROOT
    )
    assert alone.returncode == 0, alone.stderr
    assert {path.name for path in (tmp_path / "cache").rglob("*.nbc")} == before


def test_where_no_cache_folder_can_be_made_all_runs_and_it_is_said_once(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    package = shutil.copytree(
        ROOT / "melpy", tmp_path / "melpy", ignore=shutil.ignore_patterns("__pycache__")
    )
    (package / "kernels" / "compiled" / "__pycache__").write_text("")  # even for root no folder
    code = (
        "import numpy as np; from melpy.kernels import dispatch;"
        "print(dispatch.matmul(np.ones((64, 64)), np.ones((64, 64)))[0, 0])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, cwd=tmp_path,
        env=os.environ | {name: str(file / "x") for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")},
    )  # fmt: skip
    assert ran.stdout == "64.0\n", ran.stderr
    assert ran.stderr.count("Set NUMBA_CACHE_DIR") == 1, ran.stderr


def test_a_model_is_described_and_saved_without_numba(tmp_path):
    """Shapes are found on a few numbers: no need to import what compiles for many."""
    code = """
import sys, melpy
from melpy import layers, ops
class Own(layers.Layer):
    def call(self, x):
        return ops.relu(ops.conv(x, ops.ones((3, 3, 2, 4))) + 1)
x = melpy.Input((8, 8, 2))
same = layers.Conv2D(2, 3, padding="same")(x)
y = layers.Rescaling(1 / 255)(x) + ops.exp(Own()(same))[:, :1, :1, :2]
model = melpy.Model(x, layers.Dense(3)(layers.Flatten()(y)))
assert model.output_shape == (None, 3)
model.save(sys.argv[1])
melpy.saving.load_model(sys.argv[1], custom_objects={"Own": Own})
assert "numba" not in sys.modules
"""
    ran = subprocess.run([sys.executable, "-c", code, tmp_path / "m.keras"], cwd=ROOT)
    assert ran.returncode == 0
