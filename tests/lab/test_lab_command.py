"""melpy lab: what it prints, what it opens with, and bad input answered in one sentence."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
import webbrowser
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("starlette", reason="no Starlette: melpy[lab] is not installed")

import melpy
from melpy import datasets, layers, saving
from melpy.cli.lab import OWN_MODEL, _browse
from melpy.cli.main import main
from melpy.experiments.opened import Opened, opened
from melpy.lab import samples
from melpy.lab.samples import samples_for
from melpy.lab.session import Session

ROOT = Path(melpy.__file__).parents[1]
OWN = Path(melpy.__file__).parent / "lab" / OWN_MODEL


def started(*arguments, **environment):
    command = [sys.executable, "-m", "melpy", "lab", "--no-browser", *map(str, arguments)]
    kept = {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | environment
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | kept,
        # Who runs in the background ignores Ctrl-C, and so would what it begins.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


def ended(process):
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("place", "said"), [("C", "Melpy Lab is at"), ("fr_FR.UTF-8", "Melpy Lab est à l'adresse")]
)
def test_it_prints_its_address_in_one_line_and_ends_with_ctrl_c(place, said):
    process = started(LC_ALL=place)
    line = process.stdout.readline()
    found = re.fullmatch(rf"{said} (http://127\.0\.0\.1:\d+/)#token=([\w-]{{32,}})\n", line)
    assert found, line
    request = urllib.request.Request(f"{found[1]}api/lab", headers={"X-Melpy-Token": found[2]})
    with urllib.request.urlopen(request, timeout=20) as answer:
        told = json.load(answer)
    assert told["default"] is True
    code, out, err = ended(process)
    assert code == 130
    assert out == ""
    assert err.strip() == "melpy: stopped."


def test_as_json_and_in_french():
    process = started("--json", "--lang", "fr")
    text = ""
    while not text.rstrip().endswith("}"):
        text += process.stdout.readline()
    told = json.loads(text)
    token = told["url"].partition("#token=")[2]
    address = f"http://127.0.0.1:{told['port']}/api/lab"
    request = urllib.request.Request(address, headers={"X-Melpy-Token": token})
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert json.load(answer)["lang"] == "fr"
    assert ended(process)[0] == 130


def refusal(capsys, *arguments):
    assert main(["lab", "--no-browser", *map(str, arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("melpy: ")
    assert err.count("\n") == 1
    return err


def test_bad_input(capsys, tmp_path, monkeypatch):
    assert "there is no nothing.keras" in refusal(capsys, "nothing.keras")
    (tmp_path / "m.keras").write_bytes(b"PK no archive")
    assert "m.keras" in refusal(capsys, tmp_path / "m.keras")
    (tmp_path / "w.txt").write_text("x")
    assert "is no whole model" in refusal(capsys, tmp_path / "w.txt")
    assert "--port is out of range" in refusal(capsys, "--port", "70000")
    assert "--scale is out of range" in refusal(capsys, "--scale", "0")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert "cannot be used" in refusal(capsys, "--port", taken.getsockname()[1])
    assert "unknown data set 'digit'" in refusal(capsys, "--data", "digit")
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    assert "is a table, whose rows cannot be drawn" in refusal(capsys, "--data", tmp_path / "t.csv")
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "has no folders with images, of the 2" in refusal(capsys, "--data", empty)
    monkeypatch.setenv("MELPY_HOME", str(tmp_path))
    assert "mnist is not on this machine" in refusal(capsys, "--data", "mnist")


def test_data_that_the_model_does_not_take(capsys, tmp_path):
    model = melpy.Sequential([melpy.Input((4,)), layers.Dense(2, "softmax")])
    model.save(tmp_path / "flat.keras")
    err = refusal(capsys, tmp_path / "flat.keras", "--data", "digits")
    assert "the model takes other samples than digits" in err
    two = [melpy.Input((2,)), melpy.Input((2,))]
    melpy.Model(two, layers.Add()(two)).save(tmp_path / "two.keras")
    assert "has 2 inputs and 1 outputs" in refusal(capsys, tmp_path / "two.keras")


def test_a_model_that_was_never_built_does_not_say_what_it_takes(capsys, tmp_path):
    with pytest.warns(UserWarning, match="no weights yet"):
        melpy.Sequential([layers.Dense(2)]).save(tmp_path / "unbuilt.keras")
    assert "does not say what it takes" in refusal(capsys, tmp_path / "unbuilt.keras")


def test_no_browser_is_said(monkeypatch):
    said = []
    monkeypatch.setattr("webbrowser.open", lambda url: False)
    _browse("http://127.0.0.1:1/", said.append)
    monkeypatch.setattr("webbrowser.open", _no_browser)
    _browse("http://127.0.0.1:1/", said.append)
    assert said == ["No browser could be opened: open the address yourself."] * 2


def _no_browser(url):
    raise webbrowser.Error("could not locate runnable browser")


def test_without_starlette_it_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "starlette", None)
    assert "[lab]" in refusal(capsys)


def test_an_onnx_file_is_a_model_too(tmp_path):
    pytest.importorskip("onnx")
    model = melpy.Sequential([
        melpy.Input((8, 8, 1)), layers.Conv2D(3, 3, activation="relu"), layers.Flatten(),
        layers.Dense(10, "softmax"),
    ])  # fmt: skip
    model.export(tmp_path / "m.onnx", format="onnx")
    found = opened(tmp_path / "m.onnx", "lab")
    session = Session(found, samples_for(found, None, 1.0, print))
    assert {"Conv2D", "Dense"} <= {one["class_name"] for one in session.lab()["model"]["layers"]}
    told = session.trace({"sample": 0})
    assert np.isclose(sum(told["probabilities"]), 1, atol=1e-5)


class TestOwnModel:
    def test_it_tells_digits_that_it_never_saw(self):
        found = opened(OWN, "test")
        (_, _), (x, y) = datasets.load("digits")
        p = found.model.predict(x[..., np.newaxis].astype("float32"), verbose=0)
        assert (p.argmax(axis=1) == y).mean() >= 0.97
        assert found.task.class_names == tuple("0123456789")
        assert found.high == 16.0
        assert OWN.stat().st_size < 200_000

    def test_every_step_has_a_layer_of_its_own(self):
        model = opened(OWN, "test").model
        names = [layer.name for layer in model.layers]
        assert names == [
            "pixels", "conv1", "relu1", "pool1", "conv2", "relu2", "pool2", "flatten", "dense1",
            "relu3", "logits", "softmax",
        ]  # fmt: skip
        assert model.optimizer.built


class TestSamples:
    def test_a_run_s_own_data(self, tmp_path):
        (tmp_path / "run.json").write_text(json.dumps({
            "arguments": {"dataset": "digits"}, "interrupted": False, "results": {},
        }))  # fmt: skip
        found = opened(OWN, "test")
        placed = Opened(found.model, tmp_path / "model.keras", found.task, found.high)
        made = samples_for(placed, None, 1.0, print)
        assert (made.name, made.x.shape, made.held_x.shape) == (
            "digits", (1438, 8, 8, 1), (359, 8, 8, 1)
        )  # fmt: skip
        assert (made.x.max(), made.high) == (16.0, 16.0)
        assert made.shown_x is made.held_x

    def test_scale_of_a_file_that_says_nothing(self, tmp_path):
        model = melpy.Sequential([
            melpy.Input((8, 8, 1)), layers.Flatten(), layers.Dense(10, "softmax")
        ])  # fmt: skip
        found = Opened(model, tmp_path / "m.keras")
        assert samples_for(found, "digits", 1.0, print).x.max() == 16.0
        assert samples_for(found, "digits", 1 / 16, print).high == pytest.approx(1.0)

    def test_a_folder_of_images(self, tmp_path):
        from PIL import Image

        for name, level in (("cat", 50), ("dog", 200)):
            (tmp_path / name).mkdir()
            for n in range(3):
                Image.new("L", (9, 7), level + n).save(tmp_path / name / f"{n}.png")
        model = melpy.Sequential([
            melpy.Input((7, 9, 1)), layers.Flatten(), layers.Dense(2, "softmax")
        ])  # fmt: skip
        saving.note(
            model, task="classification", class_names=["dog", "cat"],
            image={"high": 1.0, "exact": False},
        )  # fmt: skip
        model.save(tmp_path / "m.keras")
        made = samples_for(opened(tmp_path / "m.keras", "test"), str(tmp_path), 1.0, print)
        assert made.x.shape == (6, 7, 9, 1)
        assert made.y.tolist() == [1, 1, 1, 0, 0, 0]
        assert made.classes == ("dog", "cat")
        np.testing.assert_allclose(made.x[0].max(), 50 / 255, rtol=1e-5)

    def test_what_is_made_up_says_so(self, tmp_path):
        model = melpy.Sequential([melpy.Input((None, 3)), layers.LSTM(4), layers.Dense(2)])
        made = samples_for(Opened(model, tmp_path / "m.keras"), None, 1.0, print)
        assert made.is_made_up
        assert made.x.shape == (samples.MADE_UP, samples.UNKNOWN, 3)

    @pytest.mark.parametrize(("end", "data"), [("sigmoid", "made up"), (None, "digits")])
    def test_digits_are_shown_only_to_a_model_that_can_tell_ten_classes(self, tmp_path, end, data):
        model = melpy.Sequential([melpy.Input((8, 8, 1)), layers.Flatten(), layers.Dense(1, end)])
        found = Opened(model, tmp_path / "model.keras")
        shown = samples_for(found, None, 1.0, print)
        assert shown.name == data
        assert Session(found, shown).trace({"sample": 0})["loss"] >= 0

    def test_words_are_made_up_of_whole_numbers(self, tmp_path):
        model = melpy.Sequential([
            melpy.Input((5,)), layers.Embedding(9, 2), layers.Flatten(), layers.Dense(2)
        ])  # fmt: skip
        made = samples_for(Opened(model, tmp_path / "m.keras"), None, 1.0, print)
        assert set(np.unique(made.x)) == {0, 1}
