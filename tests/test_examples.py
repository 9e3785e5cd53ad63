"""The examples run, keep their time, and find what they say that they find."""

import importlib
import json
import sys
from pathlib import Path

import pytest

from melpy import datasets

FOLDER = Path(__file__).parents[1] / "examples"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="not a checkout")

# What each must find, and the data set that it needs.
BARS = {
    "iris": (lambda f: f["accuracy"] >= 0.93, None),
    "titanic": (lambda f: f["most_common"] + 0.2 < f["accuracy"] <= f["possible"] + 0.02, None),
    "diabetes": (lambda f: f["r2"] > 0.2, None),
    "fibonacci": (lambda f: f["next_error"] < 0.005 < f["last_growth_error"], None),
    "shakespeare": (lambda f: f["perplexity"] < 0.2 * f["letter_frequencies"], None),
    "custom_loop": (lambda f: min(f["plain_arrays"], f["layers"]) > 0.93, None),
    "lenet5_mnist": (lambda f: f["accuracy"] > 0.94, "mnist"),
    "resnet20_cifar10": (
        lambda f: f["accuracy"] > 0.15 and f["trained_parameters"] == 269_722,
        "cifar-10",
    ),
    "transfer": (lambda f: f["head"] > f["scratch"], "mnist"),
    "autoencoder": (lambda f: f["error"] < 0.6 * f["principal_components_error"], "mnist"),
}


@pytest.mark.long
@pytest.mark.parametrize("name", BARS)
def test_an_example_finds_what_it_says(name, tmp_path, monkeypatch, capsys):
    holds, needs = BARS[name]
    if needs and not datasets.status(needs).here:
        pytest.skip(f"{needs} is not on this machine")
    if name in ("iris", "diabetes"):
        pytest.importorskip("sklearn")
    if name == "autoencoder":
        pytest.importorskip("matplotlib")
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.chdir(tmp_path)  # some write a picture
    figures = importlib.import_module(name).main()
    sys.modules.pop(name)
    assert holds(figures), figures
    assert capsys.readouterr().out.count("\n") >= 5


def test_without_its_data_set_an_example_takes_digits_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("MELPY_HOME", str(tmp_path))  # there is nothing here
    monkeypatch.setattr(sys, "argv", ["lenet5_mnist"])
    figures = importlib.import_module("lenet5_mnist").main(epochs=2)
    (x, _), (x_test, y_test) = importlib.import_module("pictures").load("cifar-10")
    for name in ("lenet5_mnist", "pictures"):
        sys.modules.pop(name)
    assert figures["accuracy"] > 0.85
    assert x.shape == (1438, 32, 32, 3)
    assert (len(x_test), x.dtype, x.min(), x.max()) == (len(y_test), "uint8", 0, 255)
    out = capsys.readouterr().out
    for name in ("mnist", "cifar-10"):
        assert f"{name} is not on this machine; --download brings it" in out


def test_the_table_is_that_of_the_results(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    run_all = importlib.import_module("run_all")
    results = json.loads(run_all.RESULTS.read_text())["examples"]
    programs = {path.stem for path in FOLDER.glob("*.py")} - {"run_all", "pictures"}
    assert programs == set(run_all.NAMES) == set(results) == set(BARS)
    assert run_all.table() in (FOLDER / "README.md").read_text()
    assert all(result["seconds"] < 60 for result in results.values())
    assert all(BARS[name][0](result["figures"]) for name, result in results.items())
