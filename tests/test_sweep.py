"""Sweeps: the trials that were asked for, the best first, and none of them twice."""

import csv
import json
import signal
import subprocess
import sys
import time

import pytest

from melpy.cli.main import main
from melpy.errors import ArgumentError
from melpy.experiments.searches import Grid, Range, Suggestions
from melpy.experiments.stopping import Clock

SMALL = ("sweep", "digits", "--epochs", "1")


def swept(capsys, *arguments, code=0):
    """Return the rows that a sweep tells, or why it was refused."""
    assert main([*SMALL, *map(str, arguments), "--json"]) == code
    out, err = capsys.readouterr()
    return err if code else json.loads(out)["trials"]


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_value_with_each_other(jobs, tmp_path, capsys):
    rates = ("--learning-rate", "1e-4,1e-2", "--batch-size", "64,256", "--jobs", jobs)
    rows = swept(capsys, *rates, "--out", tmp_path)
    tried = {(row["learning_rate"], row["batch_size"]) for row in rows}
    assert tried == {(1e-4, 64), (1e-4, 256), (1e-2, 64), (1e-2, 256)}
    assert [row["accuracy"] for row in rows] == sorted((r["accuracy"] for r in rows), reverse=True)
    assert (rows[0]["learning_rate"], rows[0]["batch_size"]) == (1e-2, 64)
    for row in rows:
        report = json.loads((tmp_path / row["folder"] / "run.json").read_bytes())
        assert report["results"]["test_accuracy"] == row["accuracy"]
        assert report["arguments"]["learning_rate"] == row["learning_rate"]
    with open(tmp_path / "sweep.csv", newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["folder"] for row in written] == [row["folder"] for row in rows]

    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/model.keras")}
    assert swept(capsys, *rates, "--out", tmp_path) == rows  # what has ended is not run again
    assert {path: path.stat().st_mtime_ns for path in kept} == kept


def test_more_values_are_added_and_other_settings_refused(tmp_path, capsys):
    swept(capsys, "--seed", 0, "--out", tmp_path)
    rows = swept(capsys, "--seed", "1", "--out", tmp_path)
    assert {row["seed"] for row in rows} == {0, 1}
    table = (tmp_path / "sweep.csv").read_bytes()
    told = swept(capsys, "--seed", "1", "--augment", "--out", tmp_path, code=2)
    assert "holds a sweep of other settings" in told
    assert "--out" in told
    assert (tmp_path / "sweep.csv").read_bytes() == table


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--learning-rate", "fast"), "--learning-rate is no list of numbers"),
        (("--learning-rate", "1e-4..1e-2"), "--optuna N to try N of them"),
        (("--learning-rate", "2..1", "--optuna", 2), "--learning-rate is no list of numbers"),
        (("--learning-rate", "0..inf", "--optuna", 2), "--learning-rate is no list of numbers"),
        (("--seed", "0,-1"), "seed"),
        (("--jobs", 0), "jobs"),
    ],
)
def test_what_is_wrong_is_said_before_the_work(given, said, tmp_path, capsys):
    assert said in swept(capsys, *given, "--out", tmp_path / "s", code=2)
    assert not (tmp_path / "s").exists()


@pytest.mark.filterwarnings("ignore")  # of numbers that are not finite
def test_what_diverges_is_last_and_is_not_run_again(tmp_path, capsys):
    (tmp_path / "t.csv").write_text("a,b\n" + "\n".join(f"{n},{3 * n + 1}" for n in range(60)))
    sweep = ("sweep", str(tmp_path / "t.csv"), "--model", "linear", "--epochs", "2", "--json",
             "--learning-rate", "1e-3,1e30,1e-2", "--out", str(tmp_path / "s"))  # fmt: skip
    for _ in range(2):
        main(sweep)
        rows = json.loads(capsys.readouterr().out)["trials"]
        assert rows[-1]["learning_rate"] == 1e30
        assert rows[0]["mae"] <= rows[1]["mae"]
    run = tmp_path / "s" / rows[0]["folder"] / "run.json"
    report = json.loads(run.read_text())
    for damaged in (report | {"results": None}, report | {"task": "none"}, report | {"signal": 2}):
        run.write_text(json.dumps(damaged))
        main(sweep)
        told = json.loads(capsys.readouterr().out)["trials"]
        assert damaged.get("signal") or any("damaged" in str(r.get("error")) for r in told)


def test_models_of_one_name_have_folders_of_their_own(tmp_path, capsys):
    for name in "ab":
        main(["train", "--epochs", "1", "--seed", "ab".index(name).__str__(), "--out",
              str(tmp_path / name)])  # fmt: skip
    paths = ",".join(str(tmp_path / name / "model.keras") for name in "ab")
    capsys.readouterr()
    rows = swept(capsys, "--model", paths, "--out", tmp_path / "s")
    assert len({row["folder"] for row in rows}) == 2
    assert not any(row.get("error") for row in rows)


def test_optuna_looks_where_it_is_good():
    pytest.importorskip("optuna")
    choices = {"learning_rate": [Range(1e-5, 1.0)], "model": ["a", "b"]}
    search, tried = Suggestions(choices, 25, 0), []
    while (values := search.next()) is not None:
        assert 1e-5 <= values["learning_rate"] <= 1
        tried.append(values)
        error = {"error": "no"} if values["model"] == "b" and len(tried) < 3 else {}
        search.told(values, {"measured": abs(values["learning_rate"] - 1e-3), **error}, False)
    assert len(tried) == 25
    assert min(abs(values["learning_rate"] - 1e-3) for values in tried) < 1e-3
    assert {values["model"] for values in tried} == {"a", "b"}


def test_a_grid_ends():
    grid = Grid({"a": [1, 2], "b": [3]})
    assert [grid.next(), grid.next(), grid.next()] == [{"a": 1, "b": 3}, {"a": 2, "b": 3}, None]
    assert Grid({}).next() == {}
    with pytest.raises(ArgumentError, match="a range of a has no end"):
        Grid({"a": [Range(0, 1)]})


@pytest.mark.parametrize(
    ("place", "number"), [("on_train_batch_end", signal.SIGINT), ("on_test_begin", signal.SIGTERM)]
)
def test_a_trial_that_is_stopped_goes_on(place, number, tmp_path, capsys, monkeypatch):
    """Also while it is measured on validation data, with the epoch's last batch made."""
    given = ("--epochs", 3, "--batch-size", 512, "--seed", 0)
    whole = swept(capsys, *given, "--out", tmp_path / "whole")
    before, passed = getattr(Clock, place), []

    def stopped(self, *arguments, **more):
        passed.append(place)
        if len(passed) == 2:
            signal.raise_signal(number)
        return before(self, *arguments, **more)

    with monkeypatch.context() as patched:
        patched.setattr(Clock, place, stopped)
        swept(capsys, *given, "--out", tmp_path / "cut", code=128 + number)
    rows = swept(capsys, *given, "--out", tmp_path / "cut")
    timeless = [{k: v for k, v in r.items() if k != "seconds"} for r in (whole[0], rows[0])]
    assert timeless[0] == timeless[1]
    with open(tmp_path / "cut" / rows[0]["folder"] / "history.csv") as history:
        assert len(history.readlines()) == 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_sweep(number, tmp_path):
    """Its output ends with the last process that may write to it."""
    command = [*SMALL[:2], "--epochs", "100000", "--seed", "0,1", "--jobs", "2"]
    with subprocess.Popen(
        [sys.executable, "-m", "melpy", *command, "--out", str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as sweep:  # fmt: skip
        try:
            until(lambda: len([*tmp_path.glob("*/backup/*.npz")]) >= 2, sweep)
            sweep.send_signal(number)
            sweep.communicate(timeout=240)
        finally:
            sweep.kill()
    assert sweep.returncode == (143 if number == signal.SIGTERM else -number)
    for run in tmp_path.glob("*/run.json"):
        assert json.loads(run.read_bytes())["signal"] == signal.SIGTERM


def until(holds, process):
    for _ in range(2400):
        if holds():
            return
        assert process.poll() is None
        time.sleep(0.1)
    pytest.fail("the trials did not begin")


def test_a_folder_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").write_bytes(b"")
    said = swept(capsys, "--seed", 0, "--out", tmp_path / "file" / "sweep", code=2)
    assert "sweep: --out" in said
    assert "a folder that can be made or written" in said
