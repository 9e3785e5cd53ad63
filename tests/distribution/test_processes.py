"""Several processes train what one process trains."""

import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import melpy
from melpy.distribution.communicator import let_be_read

JOB = Path(__file__).with_name("job.py")
ROOT = Path(melpy.__file__).parents[1]
MPIEXEC = Path(sys.executable).with_name("mpiexec")


def run(count, *arguments, script=JOB, before=""):
    """Run a script as so many processes, without a launcher where it is one; return what ended.

    Modules of the folder ``before`` are found before all others.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MELPY_", "PMI_"))}
    launcher = [str(MPIEXEC), "-n", str(count)] if count else []
    return subprocess.run(
        [*launcher, sys.executable, str(script), *arguments],
        env=kept | {"PYTHONPATH": f"{before}{os.pathsep}{ROOT}", "MELPY_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def run_melpy(count, *arguments, code=0, before=""):
    """Run the command line as so many processes; return what ended."""
    ended = run(count, *map(str, arguments[1:]), script=arguments[0], before=before)
    assert code is None or ended.returncode == code, ended.stderr
    return ended


def told(count, *arguments):
    ended = run(count, *arguments)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


def close(a, b):
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            close(a[key], b[key])
    elif isinstance(a, list):
        assert len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            close(one, other)
    else:
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5)


needs_mpi = pytest.mark.skipif(
    not MPIEXEC.exists() and shutil.which("mpiexec") is None,
    reason="no MPI: pip install '.[mpi]'",
)
CALLS = Path(__file__).with_name("calls.py")
CASES = ("dense", "conv", "masked", "sums", "shards")


@needs_mpi
@pytest.mark.mpi
@pytest.mark.parametrize("name", CASES)
def test_several_processes_end_where_one_does(name):
    alone = told(0, name)
    for count in (2, 4):
        shared = told(count, name)
        assert shared.pop("alike")
        for key in ("history", "evaluated", "weights", "predicted"):
            close(shared[key], alone[key])


@needs_mpi
@pytest.mark.mpi
@pytest.mark.parametrize("name", CASES)
def test_the_same_bits_for_one_to_four_processes(name):
    ones = [told(count, name, "deterministic") for count in (0, 1, 2, 3, 4)]
    assert all(one["bits"] == ones[0]["bits"] for one in ones)
    assert all(one["history"] == ones[0]["history"] for one in ones)
    assert all(one["evaluated"] == ones[0]["evaluated"] for one in ones)
    close(ones[0]["weights"], told(0, name)["weights"])


@needs_mpi
@pytest.mark.mpi
def test_what_a_script_does_around_a_training_is_what_one_process_does(tmp_path):
    """Trains twice, stops in one process, keeps other things than sums, has data of its own."""
    ended = {}
    for count in (0, 2, 3):
        (tmp_path / str(count)).mkdir()
        ended[count] = run(count, str(tmp_path / str(count)), script=CALLS)
        assert ended[count].returncode == 0, ended[count].stderr
        assert "Warning" not in ended[count].stderr
    alone, *shared = ([json.loads(line) for line in one.stdout.splitlines()]
                      for one in ended.values())  # fmt: skip
    assert alone[0].pop("refused") == ["done"] * 3
    for every in shared:
        for told in every:
            x, length, size = told.pop("refused")
            assert "evaluate: the processes do not do the same: they differ in x" in x
            assert "they differ in batch_size" in length
            assert "predict: the processes do not do the same" in size
            close(told, alone[0])


@needs_mpi
@pytest.mark.mpi
def test_the_command_line_trains_by_several_processes(tmp_path):
    """As one process does, in one folder; what is wrong ends all with one sentence."""
    command = ("-m", "melpy", "train", "--epochs", "2", "--quiet", "--json")
    ran = {n: run_melpy(n, *command, "--out", tmp_path / f"of-{n}") for n in (0, 2)}
    told = {n: json.loads(ended.stdout) for n, ended in ran.items()}
    assert [told[n]["processes"] for n in ran] == [1, 2]
    for name in ("train_loss", "test_loss", "train_accuracy", "test_accuracy"):
        np.testing.assert_allclose(told[2]["results"][name], told[0]["results"][name], rtol=2e-3)
    names = {n: sorted(p.name for p in (tmp_path / f"of-{n}").iterdir()) for n in ran}
    assert names[2] == names[0]

    refused = run_melpy(2, "-m", "melpy", "train", "nothing", code=None)
    assert refused.returncode == 2
    assert refused.stderr.count("unknown data set 'nothing'") == 1

    swept = ("-m", "melpy", "sweep", "--epochs", "1", "--seed", "0,1,2")
    rows = json.loads(run_melpy(3, *swept, "--json", "--out", tmp_path / "sweep").stdout)
    assert sorted(row["seed"] for row in rows["trials"]) == [0, 1, 2]


def test_who_ends_a_job_waits_until_its_last_word_has_been_read():
    """A launcher that is told to end all reads no more: one word of fifty was lost."""
    pytest.importorskip("fcntl")
    there, here = os.pipe()
    with os.fdopen(there) as launcher, os.fdopen(here, "w") as stderr:
        stderr.write("why it ends\n")
        waiting = threading.Thread(target=let_be_read, args=(stderr, 60))
        waiting.start()
        waiting.join(0.1)
        assert waiting.is_alive()
        assert launcher.readline() == "why it ends\n"
        waiting.join(30)
        assert not waiting.is_alive()
        stderr.write("nobody reads this\n")
        let_be_read(stderr, 0.01)  # comes back


FAILING = Path(__file__).with_name("failing.py")


@needs_mpi
@pytest.mark.mpi
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("raises", "process 1 of 2 on "),
        ("leaves", "process 1 has come to the end of its script, and this one waits for it"),
        ("measures alone", "Expected as process 0 does, evaluate; received process 1='fit'."),
        (
            "catches",
            "numbers, and process 1 in fit to hear what each has",
        ),
        ("other data", "they differ in x. Expected as process 0 has it, float32 (64, 3) of"),
        ("other model", "they differ in the weights' shapes. Expected as process 0 has it, (3, 1)"),
        ("longer data", "the data of some processes has ended before that of the others"),
        ("small batch", "Expected batch_size >= 2; received batch_size=1."),
        ("bad input", "row 0 of x holds nan"),
    ],
)
def test_what_goes_wrong_in_one_or_in_all_ends_all_with_one_message(name, said, tmp_path):
    ended = run(2, name, str(tmp_path), script=FAILING)
    assert ended.returncode not in (0, 124)
    assert ended.stderr.count("melpy: process") == 1
    assert said in ended.stderr
    assert ended.stderr.count("RuntimeError: out of luck") == (name == "raises")


@needs_mpi
@pytest.mark.mpi
def test_what_the_processes_of_a_training_must_have_in_common(tmp_path):
    """What differs is named, with both values, before a process waits for another in vain."""
    ended = run(2, "differences", str(tmp_path), script=FAILING)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert len(lines) > 15
    for line in lines:
        what, _, said = line.partition(": ")
        assert f"they differ in {what}. Expected as process 0 has it, " in said, line
        assert "; received process 1=" in said, line
    assert "it, 1; received process 1=2." in lines[0]
    assert "of 0.npy; received process 1='float32 (64, 3) of 1.npy'" in ended.stdout


@needs_mpi
@pytest.mark.mpi
def test_what_is_to_be_said_once_is_said_once(tmp_path):
    """Of a loss that is not finite in one process's samples, a wrong option, a job without a
    distribution; and what one process does is done by one."""
    ended = run(2, "not finite in one", str(tmp_path), script=FAILING)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("the loss is not finite in epoch 1, batch 1.") == 1
    ended = run_melpy(3, "-m", "melpy", "train", "--nonsense", code=2)
    assert ended.stderr.count("unrecognized arguments: --nonsense") == 1
    for wrong in (("train", "--resume", "nowhere"), ("sweep", "--learning-rate", "much")):
        ended = run_melpy(3, "-m", "melpy", *wrong, code=2)
        assert ended.stderr.count(f"{wrong[-1]}") == 1, ended.stderr
    ended = run_melpy(3, "-m", "melpy", "predict", "none.keras", "x.png", code=2)
    assert ended.stderr.count("there is no none.keras") == 1
    assert len(json.loads(run_melpy(3, "-m", "melpy", "datasets", "--json").stdout)) > 1
    (tmp_path / "mpi4py.py").write_text("raise ImportError('none')\n")  # before the real one
    ended = run_melpy(3, "-m", "melpy", "train", code=2, before=tmp_path)
    assert ended.stderr.count("mpi4py is not installed") == 1
    script = tmp_path / "alone.py"
    script.write_text(
        "import melpy\nmodel = melpy.Sequential([melpy.Input((2,)), melpy.layers.Dense(1)])\n"
        "model.predict([[1.0, 2.0]])\n"
    )
    told = run(2, script=script).stderr
    assert told.count("This process is one of 2 that a launcher began") == 1


@needs_mpi
@pytest.mark.mpi
def test_one_process_ends_the_training_of_all(tmp_path):
    ended = run(3, "stopped by one", str(tmp_path), script=FAILING)
    assert ended.stdout.startswith("epochs [0, 1] "), ended.stderr


@needs_mpi
@pytest.mark.mpi
def test_a_killed_job_goes_on_with_another_number_of_processes(tmp_path):
    whole = run(0, "resumed", str(tmp_path / "whole"), script=FAILING)
    assert run(2, "killed", str(tmp_path), script=FAILING).returncode != 0
    assert any((tmp_path / "backup").iterdir())
    again = run(3, "resumed", str(tmp_path), script=FAILING)
    assert again.returncode == 0, again.stderr

    def weights(ended):
        return np.array(eval(ended.stdout.partition("]")[2]))

    np.testing.assert_allclose(weights(again), weights(whole), rtol=1e-4)
