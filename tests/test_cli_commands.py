"""The commands about models and about the machine: help, summary, plot, convert, bench, doctor."""

import argparse
import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import melpy
from melpy import datasets, layers
from melpy.cli import completion, convert, doctor
from melpy.cli.main import COMMANDS, main, parser
from melpy.cli.train import DATASETS, MODELS
from melpy.errors import ArgumentError, FileError
from melpy.experiments import run as training
from melpy.experiments.architectures import ARCHITECTURES
from melpy.experiments.latency import samples_for
from melpy.experiments.networks import NETWORKS, OF_A_FILE
from melpy.experiments.opened import Opened, opened
from melpy.experiments.settings import DEFAULT_MODELS

ROOT = Path(melpy.__file__).parents[1]
NAMES = [name.replace("_", "-") for name in COMMANDS]


def melpy_does(capsys, *arguments, code=0):
    """Run a command; return what it wrote to standard output, and to standard error."""
    assert main([str(a) for a in arguments]) == code
    return capsys.readouterr()


def refusal(capsys, *arguments):
    out, err = melpy_does(capsys, *arguments, code=2)
    assert out == ""
    assert err.startswith("melpy: ")
    assert err.count("\n") == 1, err
    return err


@pytest.fixture
def model(tmp_path):
    """A small network's file, "m.keras", and what it predicts."""
    made = melpy.Sequential([
        melpy.Input((6, 6, 1)), layers.Conv2D(2, 3, activation="relu"), layers.Flatten(),
        layers.Dense(3, activation="softmax"),
    ])  # fmt: skip
    made.compile("adam", "sparse_categorical_crossentropy")
    made.save(tmp_path / "m.keras")
    return tmp_path / "m.keras", made


class TestHelp:
    @pytest.mark.parametrize("name", NAMES)
    def test_every_command_has_examples_exit_codes_json_and_quiet(self, name, capsys):
        with pytest.raises(SystemExit) as stop:
            main([name, "--help"])
        assert stop.value.code == 0
        text = capsys.readouterr().out
        assert "examples:" in text
        assert "exit codes: 0 " in text
        assert "130 after Ctrl-C, 143 after SIGTERM" in " ".join(text.split())
        assert "--json" in text
        assert "--quiet" in text
        examples = commands()[name].get_default("examples")
        assert len(examples) >= 2
        for example in examples:
            assert example in text

    @pytest.mark.parametrize("name", NAMES)
    def test_examples_are_commands(self, name):
        for example in commands()[name].get_default("examples"):
            for typed in re.findall(r"melpy [^|>&)\"]*", example):
                words = shlex.split(typed)[1:]
                if words != ["train"] or name == "train":
                    assert parser().parse_args(words).run

    def test_train_says_its_defaults(self):
        texts = {a.dest: " ".join(a.help.split()) for a in commands()["train"]._actions}
        own = {"a file": OF_A_FILE, **NETWORKS["images"], **NETWORKS["table"]}
        rows = {name: (one.epochs, one.batch_size, one.rate) for name, one in own.items()}
        for name, one in ARCHITECTURES.items():
            rows[name] = one.epochs, one.batch_size, one.learning_rate
        for place, dest in enumerate(("epochs", "batch_size", "learning_rate")):
            told = defaults_in(texts[dest])
            assert {name: float(row[place]) for name, row in rows.items()} == told

    def test_names_are_those_that_there_are(self):
        assert set(DATASETS) == set(datasets.DATASETS) == set(DEFAULT_MODELS)
        assert set(MODELS) == {*ARCHITECTURES, *NETWORKS["images"], *NETWORKS["table"]}
        text = commands()["train"].format_help()
        assert all(name in text for name in DATASETS)

    def test_needs_no_networks(self):
        """A shell waits for --version and --help."""
        code = "import sys; from melpy.cli.main import parser; parser(); "
        code += "print([m for m in ('melpy.layers', 'numba', 'melpy.saving') if m in sys.modules])"
        made = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT
        )
        assert (made.stdout.strip(), made.stderr) == ("[]", "")


def commands():
    (group,) = (x for x in parser()._actions if isinstance(x, argparse._SubParsersAction))
    return group.choices


def defaults_in(text):
    """Return the numbers that a help text gives for each network."""
    inside = text[text.index("(") + 1 : text.rindex(")")].replace(" but ", ", ")
    made = {}
    for group in re.findall(
        r"((?:[a-z][^,]*?|\d)(?:(?:, | and | to )[^,]*?)*?) ([\d.e-]+)(?:, |$)", inside
    ):
        made.update(dict.fromkeys(names_in(group[0]), float(group[1])))
    return made


def names_in(text):
    """Return the networks that "mnist-1 to 3", "cifar-4, 6 and 8" or "cnn and a file" stand for."""
    if text == "other cifar":
        return [f"cifar-{n}" for n in (1, 3, 4, 5, 7, 8)]
    made, stem = [], ""
    for part in re.split(r", | and ", text):
        first, _, last = part.partition(" to ")
        if "-" in first:
            stem, first = first.split("-")
        if not first[0].isdigit():
            made.append(first)
            continue
        numbers = range(int(first), int(last.split("-")[-1] if last else first) + 1)
        made += [f"{stem}-{n}" for n in numbers]
    return made


class TestSummaryAndPlot:
    def test_summary(self, model, capsys):
        out, _ = melpy_does(capsys, "summary", model[0])
        assert "conv2d (Conv2D)" in out
        assert "119 parameters" in out
        told = json.loads(melpy_does(capsys, "summary", model[0], "--json").out)
        assert told["parameters"] == 119
        assert told["inputs"] == [{"shape": [None, 6, 6, 1], "dtype": "float32"}]
        assert [one["class"] for one in told["layers"]] == ["Conv2D", "Flatten", "Dense"]
        assert told["layers"][0]["output_shape"] == [None, 4, 4, 2]

    def test_plot(self, model, tmp_path, capsys):
        path = tmp_path / "m.svg"
        out, _ = melpy_does(capsys, "plot", model[0], "--shapes", "--out", path)
        assert out == f"{path} is drawn.\n"
        text = path.read_text()
        assert "Conv2D" in text
        assert "(None, 4, 4, 2)" in text
        assert melpy_does(capsys, "plot", model[0], "--out", path, "--quiet").out == ""

    def test_curves(self, tmp_path, capsys, monkeypatch):
        pytest.importorskip("matplotlib")
        assert "holds no history.csv" in refusal(capsys, "plot", tmp_path, "--curves")
        (tmp_path / "history.csv").write_text("epoch,loss\n0,1.0\n1,0.5\n")
        melpy_does(capsys, "plot", tmp_path, "--curves", "--out", tmp_path / "c.png", "--json")
        assert (tmp_path / "c.png").stat().st_size > 1000
        with monkeypatch.context() as patched:
            patched.setitem(sys.modules, "matplotlib", None)
            assert "Matplotlib, which draws" in refusal(capsys, "plot", tmp_path, "--curves")
        (tmp_path / "history.csv").write_text("epoch,loss\n0,a\n")
        assert "history.csv" in refusal(capsys, "plot", tmp_path, "--curves")


class TestConvert:
    def predictions(self, path):
        x = np.random.default_rng(0).normal(size=(2, 6, 6, 1)).astype("float32")
        return opened(path, "test").model.predict(x)

    @pytest.mark.parametrize("name", ["a.h5", "a.hdf5", "a.keras"])
    def test_whole_models(self, model, tmp_path, name, capsys):
        out, _ = melpy_does(capsys, "convert", model[0], tmp_path / name)
        assert f"{name} is written" in out
        np.testing.assert_array_equal(self.predictions(model[0]), self.predictions(tmp_path / name))

    @pytest.mark.parametrize("name", ["w.weights.h5", "w.safetensors", "w.npz"])
    @pytest.mark.parametrize("like", ["m.json", "other.keras"])
    def test_weights(self, model, tmp_path, name, like, capsys):
        weights, back = tmp_path / name, tmp_path / "back.keras"
        melpy_does(capsys, "convert", model[0], weights)
        melpy_does(capsys, "convert", model[0], tmp_path / "m.json")
        melpy.models.clone_model(model[1]).save(tmp_path / "other.keras")
        assert "--like MODEL" in refusal(capsys, "convert", weights, back)
        told = melpy_does(capsys, "convert", weights, back, "--like", tmp_path / like, "--json")
        assert json.loads(told.out)["bytes"] == back.stat().st_size
        np.testing.assert_array_equal(self.predictions(model[0]), self.predictions(back))

    def test_onnx_out_and_in(self, model, tmp_path, capsys):
        pytest.importorskip("onnx")
        path = tmp_path / "m.onnx"
        assert f"{path} is written" in melpy_does(capsys, "export", model[0]).out
        assert "is there already" in refusal(capsys, "export", model[0])
        melpy_does(capsys, "export", model[0], "--force", "--json")
        melpy_does(capsys, "convert", path, tmp_path / "again.keras")
        for other in (path, tmp_path / "again.keras"):
            np.testing.assert_allclose(
                self.predictions(other), self.predictions(model[0]), rtol=1e-4, atol=1e-6
            )
        np.save(tmp_path / "x.npy", np.zeros((1, 6, 6, 1)))
        out, _ = melpy_does(capsys, "predict", path, tmp_path / "x.npy", "--top", "1")
        assert out.splitlines()[1].split()[1] == "class"

    @pytest.mark.parametrize(
        ("name", "mend"),
        [
            ("m.pt", "without weights."),
            ("w.weights.json", "save_weights writes weights in several files"),
            ("w.NPZ", "small letters."),
            ("m.KERAS", "small letters."),
        ],
    )
    def test_only_kinds_that_it_writes_are_named(self, model, tmp_path, name, mend, capsys):
        sentence = refusal(capsys, "convert", model[0], tmp_path / name)
        assert sentence.startswith("melpy: convert: ")
        assert mend in sentence
        kinds = re.findall(r" (\.[\w.]+\w)", sentence.split("Expected")[1])
        assert kinds == [*convert.WHOLE, *convert.WEIGHTS, ".json"]
        for kind in kinds:
            if kind != ".onnx":  # which needs a package
                melpy_does(capsys, "convert", model[0], tmp_path / f"a{kind}")

    def test_weights_in_several_files_are_read(self, model, tmp_path, capsys):
        index, back = tmp_path / "w.weights.json", tmp_path / "back.keras"
        model[1].save_weights(index, max_shard_size=1e-6)
        assert "--like MODEL" in refusal(capsys, "convert", index, back)
        melpy_does(capsys, "convert", index, back, "--like", model[0])
        np.testing.assert_array_equal(self.predictions(model[0]), self.predictions(back))

    def test_refusals(self, model, tmp_path, capsys):
        assert "of no known kind" in refusal(capsys, "convert", model[0], tmp_path / "m.pt")
        assert "is there already" in refusal(capsys, "convert", model[0], model[0])
        assert "--like is for weights" in refusal(
            capsys, "convert", model[0], tmp_path / "a.h5", "--like", model[0]
        )
        assert "there is no" in refusal(capsys, "convert", tmp_path / "gone.keras", "a.h5")
        assert "there is no" in refusal(
            capsys, "convert", tmp_path / "gone.npz", "a.keras", "--like", model[0]
        )
        (tmp_path / "bad.json").write_text("{")
        (tmp_path / "w.npz").touch()
        assert "bad.json" in refusal(
            capsys, "convert", tmp_path / "w.npz", tmp_path / "a.keras", "--like",
            tmp_path / "bad.json",
        )  # fmt: skip
        (tmp_path / "w.weights.h5").touch()
        assert "is no whole model" in refusal(capsys, "summary", tmp_path / "w.weights.h5")
        assert "no name for an ONNX file" in refusal(
            capsys, "export", model[0], "--out", tmp_path / "a.h5"
        )


class TestOtherModels:
    """Files that `melpy train` did not write say nothing of pixels or of classes."""

    def test_predict(self, model, tmp_path, capsys):
        from PIL import Image

        Image.new("L", (30, 20), 255).save(tmp_path / "a.png")
        told = [
            json.loads(melpy_does(capsys, "predict", model[0], tmp_path / "a.png", *more,
                                  "--json").out)["predictions"][0]
            for more in ([], ["--scale", "0"], ["--invert"])
        ]  # fmt: skip
        assert told[0]["class"].startswith("class ")
        assert told[0] != told[1] == told[2]
        assert "--top is out of range" in refusal(
            capsys, "predict", model[0], tmp_path / "a.png", "--top", "0"
        )

    @pytest.mark.parametrize(("activation", "head"), [("sigmoid", "class"), (None, "output_0")])
    def test_one_output(self, tmp_path, activation, head, capsys):
        made = melpy.Sequential([melpy.Input((2,)), layers.Dense(1, activation)])
        made.save(tmp_path / "m.keras")
        (tmp_path / "t.csv").write_text("a,b\n1,2\n3,4\n")
        out, _ = melpy_does(capsys, "predict", tmp_path / "m.keras", tmp_path / "t.csv")
        assert out.splitlines()[0].split()[1] == head
        assert len(out.splitlines()) == 3
        (tmp_path / "y.csv").write_text(
            "a,b,y\n1,2,no\n3,4,yes\n" if activation else "a,b,y\n1,2,3\n"
        )
        told = json.loads(
            melpy_does(capsys, "evaluate", tmp_path / "m.keras", tmp_path / "y.csv", "--json").out
        )
        assert ("accuracy" in told) == (activation == "sigmoid")
        (tmp_path / "t.csv").write_text("a\n1\n")
        assert "other columns" in refusal(
            capsys, "predict", tmp_path / "m.keras", tmp_path / "t.csv"
        )

    def test_several_outputs(self, tmp_path, capsys):
        x = melpy.Input((2,))
        melpy.Model(x, [layers.Dense(1)(x), layers.Dense(2)(x)]).save(tmp_path / "m.keras")
        np.save(tmp_path / "x.npy", np.zeros((3, 2)))
        assert "several outputs" in refusal(
            capsys, "predict", tmp_path / "m.keras", tmp_path / "x.npy"
        )

    def test_images_of_any_size(self, tmp_path, capsys):
        from PIL import Image

        made = melpy.Sequential([
            melpy.Input((None, None, 3)), layers.GlobalAveragePooling2D(), layers.Rescaling(1.0),
        ])  # fmt: skip
        made.save(tmp_path / "m.keras")
        for n in range(2):
            Image.new("RGB", (3 + n, 5), (10, 20, 30)).save(tmp_path / f"{n}.png")
        out, _ = melpy_does(capsys, "predict", tmp_path / "m.keras", tmp_path, "--format", "csv")
        assert [line.split(",")[1:] for line in out.splitlines()[1:]] == [
            ["10.0", "20.0", "30.0"]
        ] * 2

    def test_a_run_of_a_data_set(self, model, capsys):
        sentence = refusal(capsys, "evaluate", model[0], "digits")
        assert "other images than digits. Expected shape (6, 6, 1); " in sentence
        assert "received shape=(8, 8, 1)" in sentence

    def test_of_images_of_any_size_on_a_data_set(self, tmp_path, capsys):
        made = melpy.Sequential([
            melpy.Input((None, None, 1)), layers.Conv2D(2, 3), layers.GlobalAveragePooling2D(),
            layers.Dense(10, "softmax"),
        ])  # fmt: skip
        made.save(tmp_path / "m.keras")
        out, _ = melpy_does(capsys, "evaluate", tmp_path / "m.keras", "digits", "--json")
        assert "accuracy" in json.loads(out)

    def test_values_that_no_model_takes(self, tmp_path, capsys):
        """They are named by file and place; the other inputs are answered."""
        made = melpy.Sequential([melpy.Input((2,)), layers.Dense(1)])
        made.save(tmp_path / "m.keras")
        names = [tmp_path / name for name in ("good.npy", "nan.npy", "big.npy", "t.csv", "u.csv")]
        for path, value in zip(names, (0, np.nan, 1e39), strict=False):
            np.save(path, [[0, 0], [0, 0], [0, value]])
        names[3].write_text("a,b\n1,2\n3,\n")
        names[4].write_text("a,b\n1,1e39\n3,4\n")
        out, err = melpy_does(capsys, "predict", tmp_path / "m.keras", *names, code=2)
        assert len(out.splitlines()) == 4
        lines = err.splitlines()
        assert f"predict: sample 2 of {names[1]} holds nan. " in lines[0]
        assert f"predict: sample 2 of {names[2]} holds 1e+39. " in lines[1]
        assert f"predict: row 2 of {names[3]} has nothing in the column 'b'" in lines[2]
        assert f"predict: row 1 of {names[4]} has nothing in the column 'b'" in lines[3]
        assert len(lines) == 4
        assert "np." not in err
        assert "config." not in err


class TestBench:
    def test_measures_beside_onnx_runtime(self, model, capsys):
        arguments = ["bench", model[0], "--samples", "1", "2", "--rounds", "2"]
        out, err = melpy_does(capsys, *arguments, "--json")
        told = json.loads(out)
        runtimes = {row["runtime"] for row in told["times"]}
        assert "melpy" in runtimes
        assert ("onnxruntime" in runtimes) == ("ONNX" not in err)
        assert {row["samples"] for row in told["times"]} == {1, 2}
        for row in told["times"]:
            assert 0 < row["low_ms"] <= row["median_ms"] <= row["high_ms"]
        header = melpy_does(capsys, *arguments, "--format", "csv").out.splitlines()[0]
        assert header == "samples,runtime,median_ms,low_ms,high_ms,samples_a_second"

    def test_a_model_that_does_not_say_what_it_takes(self, tmp_path, capsys):
        made = melpy.Sequential([layers.Dense(1)])
        with pytest.raises(ArgumentError, match="does not say what it takes"):
            samples_for(Opened(made, tmp_path), 1)

    @pytest.mark.parametrize("option", [["--rounds", "0"], ["--samples", "0"], ["--threads", "0"]])
    def test_refusals(self, model, option, capsys):
        assert "out of range" in refusal(capsys, "bench", model[0], *option)


class TestDoctor:
    def test_all_that_it_looks_at(self, capsys):
        made = json.loads(melpy_does(capsys, "doctor", "--json").out)
        found = {one["what"]: one for one in made["findings"]}
        assert made["is_well"] is True
        assert found["melpy"]["found"] == melpy.__version__
        assert found["numpy"]["found"] == np.__version__
        assert "usable CPUs" in found["threads"]["found"]
        assert found["compiled kernels"]["found"].startswith("right")
        assert "kernels, " in found["their cache"]["found"]
        assert found["  digits"]["found"] == "here"
        out, _ = melpy_does(capsys, "doctor")
        assert out.rstrip().endswith("All is well.")
        assert melpy_does(capsys, "doctor", "--quiet").out == "All is well.\n"

    @pytest.mark.parametrize(
        ("variable", "value", "words"),
        [
            ("MELPY_KERNELS", "fast", "MELPY_KERNELS is to be one of"),
            ("MELPY_NUM_THREADS", "many", "MELPY_NUM_THREADS is to be"),
            ("MELPY_NUM_THREADS", "60", "They take turns"),
            ("MELPY_MAX_EPOCHS", "x", "MELPY_MAX_EPOCHS is to be"),
            ("MELPY_HOME", "/proc/melpy", "Set MELPY_HOME to a folder that can be"),
        ],
    )
    def test_what_is_to_be_mended(self, variable, value, words, capsys, monkeypatch):
        if variable == "MELPY_HOME" and not sys.platform.startswith("linux"):
            pytest.skip("/proc is Linux's")
        monkeypatch.setenv(variable, value)
        monkeypatch.setattr(melpy.config.settings, "_settings", {})
        monkeypatch.setattr(melpy.config.settings, "usable_cpus", lambda: 2)
        monkeypatch.setattr(doctor.os, "access", lambda *args: variable != "MELPY_HOME")
        with pytest.warns(RuntimeWarning) if value == "60" else contextlib.nullcontext():
            out, _ = melpy_does(capsys, "doctor", "--quiet", code=1)
        assert words in out
        assert out.count("\n") == 1

    def test_packages_that_are_missing(self, monkeypatch):
        monkeypatch.setattr(doctor, "_version", lambda package: None)
        found = {one.what: one for one in doctor._packages()}
        assert found["h5py"].mend.endswith("pip install h5py.")
        assert found["numba"].found == "not installed"
        assert found["pillow"].found == "not installed (extra [images], for image files)"
        assert not found["pillow"].mend


NO_CACHE = """
import sys
from numba.core import caching

def nowhere(*args, **kwargs):
    raise RuntimeError("cannot cache function: no locator available")

caching.CacheImpl.__init__ = nowhere
from melpy.cli import main
sys.exit(main(["warm-up"]))
"""


def test_warm_up_with_no_place_for_compiled_kernels():
    made = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", NO_CACHE], capture_output=True, text=True, cwd=ROOT
    )
    assert made.returncode == 2
    assert made.stdout == ""
    assert "no folder for compiled kernels can be written" in made.stderr
    assert "Set NUMBA_CACHE_DIR to a folder that can be written" in made.stderr


def test_nobody_says_that_kernels_are_kept_that_are_not(monkeypatch, capsys):
    from melpy import warm_up
    from melpy.kernels import dispatch
    from melpy.kernels.compiled import jit

    monkeypatch.setattr(jit, "is_nothing_kept", lambda: True)
    monkeypatch.setattr(jit, "kept_in", lambda: None)
    assert dispatch.what_is_compiled() == dispatch.NOT_KEPT
    with pytest.raises(FileError, match="NUMBA_CACHE_DIR"):
        warm_up.warm_up(print)
    out, _ = melpy_does(capsys, "doctor", "--quiet", code=1)
    assert out.startswith("their cache: no folder can be written: each process compiles anew.")


class TestCompletion:
    def complete(self, *words):
        """Return what bash offers for the last word of a command line."""
        script = completion.script(parser(), "bash")
        line = " ".join(shlex.quote(word) for word in words)
        code = f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; _melpy; "
        code += 'printf "%s\\n" "${COMPREPLY[@]}"'
        made = subprocess.run(["bash", "-c", code], capture_output=True, text=True)
        assert made.stderr == ""
        return made.stdout.split()

    @pytest.mark.skipif(not shutil.which("bash"), reason="there is no bash")
    def test_bash(self):
        assert set(NAMES) < set(self.complete("melpy", ""))
        assert self.complete("melpy", "tr") == ["train"]
        assert self.complete("melpy", "train", "fash") == ["fashion-mnist"]
        assert self.complete("melpy", "train", "--mod") == ["--model"]
        assert self.complete("melpy", "train", "--model", "lenet") == ["lenet5"]
        assert self.complete("melpy", "predict", "--format", "") == ["table", "csv", "json"]
        assert self.complete("melpy", "train", "--out", "ru") == []  # paths, by bash's default
        assert self.complete("melpy", "datasets", "g") == ["get"]

    @pytest.mark.parametrize("shell", completion.SHELLS)
    def test_all_commands_and_options(self, shell, capsys):
        text = melpy_does(capsys, "completion", shell).out
        for name, one in commands().items():
            assert name in text
            for action in one._actions:
                for option in action.option_strings:
                    assert option.lstrip("-") in text
        if shutil.which(shell):  # it can be read
            made = subprocess.run([shell, "-n"], input=text, capture_output=True, text=True)
            assert (made.returncode, made.stderr) == (0, "")
        told = melpy_does(capsys, "completion", shell, "--json").out
        assert json.loads(told)["script"] == text


def test_datasets_as_json(capsys):
    told = json.loads(melpy_does(capsys, "datasets", "--json").out)
    assert {one["name"]: one["here"] for one in told["datasets"]}["digits"] is True
    assert told["folder"] == str(melpy.config.home() / "datasets")
    told = json.loads(melpy_does(capsys, "datasets", "get", "digits", "--json").out)
    assert told == {"name": "digits", "training": 1438, "test": 359}
    assert "nothing to do with data sets" in refusal(capsys, "datasets", "fetch", "digits")
    assert "nothing to do with data sets" in refusal(capsys, "datasets", "get")


def test_cifar_100_can_be_trained_on(tmp_path, capsys, monkeypatch):
    """With a few images in its place: it need not be on this machine."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (24, 32, 32, 3), dtype=np.uint8), np.arange(24)[:, None] % 100
    monkeypatch.setattr(datasets.cifar100, "load_data", lambda: ((x, y), (x[:8], y[:8])))
    monkeypatch.setitem(os.environ, "MELPY_HOME", str(tmp_path))
    monkeypatch.setattr(training, "draw", lambda *args: True)  # a hundred names take their time
    arguments = ["--epochs", "1", "--out", tmp_path / "run", "--quiet"]
    assert "accuracy" in melpy_does(capsys, "train", "cifar-100", *arguments).out
    assert opened(tmp_path / "run", "test").model.output_shape == (None, 100)


PAGE = ROOT / "docs" / "doors" / "command-line.md"


@pytest.mark.skipif(not PAGE.exists(), reason="not a checkout")
class TestPage:
    def test_its_examples_run(self, tmp_path, monkeypatch, capsys):
        from PIL import Image

        monkeypatch.chdir(tmp_path)
        rng = np.random.default_rng(0)
        for name, level in (("cat", 50), ("dog", 200)):
            (tmp_path / "photos" / name).mkdir(parents=True)
            for n in range(6):
                pixels = np.clip(level + rng.integers(-40, 40, (20, 18, 3)), 0, 255)
                Image.fromarray(pixels.astype(np.uint8)).save(f"photos/{name}/{n}.png")
        rows = [f"{n},{n % 7},{'ab'[n % 2]},{n % 7 * 10}" for n in range(30)]
        Path("houses.csv").write_text("\n".join(["id,rooms,town,price", *rows]))
        blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
        typed = [line for block in blocks for line in block.splitlines()]
        assert len(typed) >= 10
        for line in typed:
            words = shlex.split(line)
            assert words[0] == "melpy"
            assert main(words[1:]) == 0, line
            out, err = capsys.readouterr()
            assert out
            assert "Traceback" not in err

    def test_it_names_all_options(self):
        rows = {
            line.split("`")[1].split()[1]: line
            for line in PAGE.read_text().splitlines()
            if line.startswith("| `melpy ")
        }
        assert set(rows) == set(NAMES)
        for name, one in commands().items():
            told = set(re.findall(r"`(--[\w-]+)", rows[name]))
            there = {option for action in one._actions for option in action.option_strings}
            assert told == there - {"-h", "--help", "--json", "--quiet"}
