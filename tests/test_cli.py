"""melpy train, predict and datasets, as a user types them."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

import melpy
from melpy.cli import main
from melpy.experiments.architectures import ARCHITECTURES

ROOT = Path(melpy.__file__).parents[1]
PICTURES = ["confusion.png", "curves.png", "feature_maps.png", "samples.png"]
FILES = ["best.keras", "history.csv", "log.jsonl", "model.keras", "run.json", "test-images"]


def melpy_train(out, *more):
    """Train without pictures, which take longer than that."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("melpy.experiments.run.draw", lambda *args: True)
        assert main(["train", "--epochs", "1", *more, "--out", str(out)]) == 0
    return out


def weights(folder):
    """Return the bits of the weights that a run keeps, and of its optimizer."""
    models = [melpy.saving.load_model(folder / f"{name}.keras") for name in ("model", "best")]
    return [w.value.tobytes() for m in models for w in (*m.weights, *m.optimizer.variables)]


def assert_same_run(one, other):
    assert weights(one) == weights(other)
    assert (one / "history.csv").read_bytes() == (other / "history.csv").read_bytes()


def command(*arguments, **options):
    """Return what a process of its own runs."""
    return subprocess.run(
        [sys.executable, "-m", "melpy", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        **options,
    )


def refusal(capsys, *arguments):
    """Run a command that must be refused; return its one sentence, written before any work."""
    assert main([str(a) for a in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("melpy: ")
    assert err.count("\n") == 1, err
    assert "Traceback" not in err
    return err


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of a POSIX shell")
def test_nobody_reads_on():
    """As in `melpy datasets | head -1`: no traceback, and no complaint."""
    reads, writes = os.pipe()
    os.close(reads)
    ended = subprocess.run(
        [sys.executable, "-m", "melpy", "datasets"], stdout=writes, stderr=subprocess.PIPE, cwd=ROOT
    )
    os.close(writes)
    assert ended.stderr == b""
    assert ended.returncode == 1


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of three epochs, made once by a process of its own; tests must not change it."""
    folder = tmp_path_factory.mktemp("runs") / "digits"
    made = command("train", "--epochs", "3", "--out", folder, cwd=ROOT)
    assert made.returncode == 0, made.stderr
    assert made.stderr == ""
    return folder, made.stdout


@pytest.fixture
def copy(run, tmp_path):
    return Path(shutil.copytree(run[0], tmp_path / "copy"))


class TestTrain:
    def test_leaves_every_file(self, run):
        folder, _ = run
        assert sorted(p.name for p in folder.iterdir()) == sorted(FILES + PICTURES)
        assert len(list((folder / "test-images").glob("*.png"))) == 10

    @pytest.mark.parametrize("name", PICTURES)
    def test_pictures_show_something(self, run, name):
        with Image.open(run[0] / name) as file:
            pixels = np.asarray(file.convert("L"), dtype=float)
        assert min(pixels.shape) > 150
        assert pixels.std() > 10
        ink = pixels < 250
        quarters = [half for rows in np.array_split(ink, 2) for half in np.array_split(rows, 2, 1)]
        assert all(quarter.any() for quarter in quarters), "a quarter of the picture is empty"

    def test_run_json_says_what_was_run_where(self, run):
        folder, _ = run
        report = json.loads((folder / "run.json").read_text())
        assert report["arguments"] == {
            "dataset": "digits",
            "model": "lenet5",
            "epochs": 3,
            "batch_size": 32,
            "learning_rate": 1e-3,
            "seed": 0,
            "out": str(folder),
        }
        assert report["class_names"] == list("0123456789")
        assert report["task"] == "classification"
        assert report["kernels"] == "compiled"
        assert report["interrupted"] is False
        assert report["machine"]["versions"]["numpy"] == np.__version__
        assert report["machine"]["versions"]["melpy"] == melpy.__version__
        assert report["machine"]["processor"]
        assert report["threads"] == report["machine"]["usable_cpus"] >= 1
        assert report["parameters"] == 21_386
        assert 0.5 < report["results"]["test_accuracy"] <= 1
        assert report["results"]["seconds_an_epoch"] > 0

    def test_the_printed_numbers_are_those_of_the_files(self, run):
        folder, printed = run
        results = json.loads((folder / "run.json").read_text())["results"]
        for part, words in [("train", "training"), ("test", "test")]:
            line = next(x for x in printed.splitlines() if x.split()[:1] == [words])
            assert f"{results[f'{part}_loss']:.4f}" in line
            assert f"{results[f'{part}_accuracy']:.2%}" in line
        best = f"best test accuracy {results['best_test_accuracy']:.2%}"
        assert f"{best} at epoch {results['best_epoch']}: best.keras\n" in printed
        assert "s an epoch (median)" in printed
        assert "s for 3 epochs" in printed
        with open(folder / "history.csv", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["epoch"] for row in rows] == ["0", "1", "2"]
        assert list(rows[0]) == ["epoch", "accuracy", "loss", "val_accuracy", "val_loss"]
        assert float(rows[-1]["val_loss"]) == pytest.approx(results["test_loss"])
        assert float(rows[-1]["val_accuracy"]) == results["test_accuracy"]

    def test_output_in_a_file_has_one_line_an_epoch_and_no_codes(self, run):
        _, printed = run
        assert sum(line.startswith("Epoch ") for line in printed.splitlines()) == 3
        assert "\r" not in printed
        assert "\033" not in printed

    def test_same_seed_same_bits_other_seed_others(self, tmp_path):
        one, same, other = (
            melpy_train(tmp_path / name, "--seed", seed)
            for name, seed in (("a", "5"), ("b", "5"), ("c", "6"))
        )
        assert_same_run(one, same)
        models = [melpy.saving.load_model(folder / "model.keras") for folder in (one, other)]
        pairs = zip(*(model.get_weights() for model in models), strict=True)
        assert all((mine != theirs).any() for mine, theirs in pairs)

    def test_numpy_kernels(self, tmp_path, capsys):
        folder = melpy_train(tmp_path / "run", "--kernels", "numpy")
        assert "numpy kernels" in capsys.readouterr().out
        report = json.loads((folder / "run.json").read_text())
        assert report["kernels"] == "numpy"
        assert report["results"]["test_accuracy"] > 0.4

    def test_one_epoch_is_no_epochs(self, tmp_path, capsys):
        melpy_train(tmp_path / "run", "--kernels", "numpy")
        out = capsys.readouterr().out
        assert ": 1 epoch, batches of" in out
        assert "for 1 epoch\n" in out
        assert "1 epochs" not in out

    def test_folders_are_numbered_where_none_is_named(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr("melpy.experiments.run.draw", lambda *args: True)
        for _ in range(3):
            assert main(["train", "--epochs", "1"]) == 0
        names = sorted(str(p) for p in Path("runs").iterdir())
        assert names == [f"runs/digits-lenet5{end}" for end in ("", "-2", "-3")]
        assert all((Path(name) / "model.keras").is_file() for name in names)

    def test_the_default_run_reaches_97_percent(self, tmp_path):
        made = command("train", "--out", tmp_path / "run", cwd=ROOT)
        assert made.returncode == 0, made.stderr
        results = json.loads((tmp_path / "run" / "run.json").read_text())["results"]
        assert results["epochs"] == ARCHITECTURES["lenet5"].epochs
        assert results["test_accuracy"] >= 0.97

    def test_an_encoding_without_our_lines_ends_no_run(self, tmp_path):
        environment = {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(ROOT)}
        made = command("train", "--epochs", "1", "--out", tmp_path / "run", env=environment)
        assert (made.returncode, made.stderr) == (0, "")


class TestStopping:
    """The first Ctrl-C or SIGTERM keeps what was trained, and a killed run its last epoch."""

    EPOCHS = 6

    def stopped(self, folder, number, *more):
        """Train until the second epoch, and stop; return exit code and what was written."""
        process = subprocess.Popen(
            [sys.executable, "-m", "melpy", "train", *more, "--out", folder],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        )  # fmt: skip
        try:
            for line in process.stdout:
                if line.startswith("Epoch 2/"):
                    break
            process.send_signal(number)
            out, err = process.communicate(timeout=600)
        finally:
            process.kill()
            process.wait()
        return process.returncode, out, err

    @pytest.mark.parametrize(
        ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
    )
    def test_and_going_on_gives_the_same_bits(self, tmp_path, capsys, number, code):
        folder, epochs = tmp_path / "run", ("--epochs", str(self.EPOCHS), "--seed", "3")
        found, out, err = self.stopped(folder, number, *epochs)
        assert found == code, err
        names = sorted(p.name for p in folder.iterdir() if not p.name.endswith(".part"))
        report = json.loads((folder / "run.json").read_text())
        assert report["interrupted"] is True
        (folder / ".best.keras.01234567.part").touch()  # as a kill amidst writing leaves it
        if code > 0:
            assert "weights, history and a backup are kept" in out
            assert f"melpy train --resume {folder}" in out
            assert "Stopped in epoch " in out
            assert names == sorted([*FILES, *PICTURES, "backup"])
            assert report["signal"] == number
            images = sorted(folder.glob("test-images/*.png"))
            assert main(["predict", str(folder), *map(str, images)]) == 0
        else:
            assert names == ["backup", "best.keras", "history.csv", "log.jsonl", "run.json"]
            sentence = refusal(capsys, "predict", folder, tmp_path / "any.png")
            assert "was stopped before it had a model" in sentence
            assert f"melpy train --resume {folder}" in sentence
        assert main(["train", "--resume", str(folder)]) == 0
        assert sorted(p.name for p in folder.iterdir()) == sorted(FILES + PICTURES)
        assert_same_run(folder, melpy_train(tmp_path / "whole", *epochs))
        report = json.loads((folder / "run.json").read_text())
        assert report["interrupted"] is False
        assert report["results"]["epochs"] == self.EPOCHS

    def test_while_it_measures_or_draws(self, run, tmp_path, monkeypatch, capsys):
        """What was trained is kept, and what is missing is made by going on."""
        folder, epochs = tmp_path / "run", ("--epochs", "2", "--seed", "3")

        def stop(*args):
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr("melpy.experiments.run.draw", stop)
            assert main(["train", *epochs, "--out", str(folder)]) == 130
        assert json.loads((folder / "run.json").read_text())["interrupted"] is True
        assert f"melpy train --resume {folder}" in capsys.readouterr().out
        assert main(["train", "--resume", str(folder)]) == 0
        assert sorted(p.name for p in folder.iterdir()) == sorted(FILES + PICTURES)
        assert_same_run(folder, melpy_train(tmp_path / "whole", *epochs))

    def test_weights_of_before_it_went_on_are_kept_and_not_taken(self, copy, capsys):
        report = json.loads((copy / "run.json").read_text())
        told = report | {"interrupted": True, "results": None}
        (copy / "run.json").write_text(json.dumps(told))
        (copy / "backup").mkdir()
        (copy / "backup" / f"000001-{'0' * 16}.npz").write_bytes(b"damaged")
        assert "no backup is whole" in command("train", "--resume", copy, cwd=ROOT).stderr
        assert (copy / "model.keras").is_file()
        assert "train --resume" in refusal(capsys, "predict", copy, "x.png")

    def test_two_at_once(self, tmp_path, capsys):
        from melpy.saving.files import alone_in

        folder = tmp_path / "run"
        folder.mkdir()
        with alone_in(folder, "train"):
            sentence = refusal(capsys, "train", "--out", folder)
        assert "another training is at work" in sentence
        assert melpy_train(folder)

    def test_runs_that_do_not_go_on(self, run, copy, tmp_path, capsys):
        assert "came to its end" in refusal(capsys, "train", "--resume", run[0])
        assert "holds no run" in refusal(capsys, "train", "--resume", tmp_path)
        for words in ("", "{", "[]", '{"arguments": {"epochs": "x"}, "interrupted": true}'):
            (copy / "run.json").write_text(words)
            assert "run.json" in refusal(capsys, "train", "--resume", copy)
        assert "epochs=3" in refusal(capsys, "train", "--resume", copy, "--epochs", "3")
        wrong = {"arguments": {"epochs": "x"}, "interrupted": True, "results": None}
        (copy / "run.json").write_text(json.dumps(wrong))
        assert "run.json" in refusal(capsys, "train", "--resume", copy)
        (copy / "run.json").write_text(json.dumps(wrong | {"arguments": {}}))
        assert "dataset='mnist'" in refusal(capsys, "train", "mnist", "--resume", copy)
        assert "--resume" in refusal(capsys, "train", "--out", copy)


class TestRefusals:
    @pytest.mark.parametrize(
        ("option", "value", "words"),
        [
            ("--epochs", "-1", "epochs=-1"),
            ("--epochs", "0", "at least 1"),
            ("--batch-size", "0", "batch_size=0"),
            ("--learning-rate", "-1", "learning_rate=-1.0"),
            ("--learning-rate", "nan", "learning_rate=nan"),
            ("--threads", "0", "count=0"),
            ("--threads", "9999", "count=9999"),
            ("--seed", "-1", "seed=-1"),
            ("--model", "lenet", "Did you mean 'lenet5'?"),
            ("--model", "mnist_3", "Did you mean 'mnist-3'?"),
            ("--kernels", "nunpy", "Did you mean 'numpy'?"),
        ],
    )
    def test_options(self, option, value, words, tmp_path, capsys):
        out = tmp_path / "run"
        assert words in refusal(capsys, "train", option, value, "--out", out)
        assert not out.exists()

    @pytest.mark.parametrize("name", ["MELPY_KERNELS", "MELPY_NUM_THREADS"])
    def test_environment(self, name, tmp_path, capsys, monkeypatch):
        monkeypatch.setenv(name, "nonsense")
        monkeypatch.setattr(melpy.config.settings, "_settings", {})
        out = tmp_path / "run"
        assert "nonsense" in refusal(capsys, "train", "--out", out)
        assert not out.exists()

    def test_data_set(self, capsys):
        assert "Did you mean 'mnist'?" in refusal(capsys, "train", "mnits")
        assert "Did you mean 'fashion-mnist'?" in refusal(capsys, "datasets", "get", "fashion")

    def test_no_number_is_argparses_answer(self, capsys):
        with pytest.raises(SystemExit) as stop:
            main(["train", "--epochs", "ten"])
        assert stop.value.code == 2
        assert "invalid int value: 'ten'" in capsys.readouterr().err

    def test_a_file_in_the_place_of_out(self, tmp_path, capsys):
        file = tmp_path / "file"
        file.write_text("mine")
        for out in (file, file / "below"):
            assert f"--out {out} cannot be written" in refusal(capsys, "train", "--out", out)
        assert file.read_text() == "mine"

    @pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")
    def test_a_place_where_no_folder_can_be_made(self, capsys):
        assert "/proc/run cannot be written" in refusal(capsys, "train", "--out", "/proc/run")

    def test_a_run_is_never_overwritten(self, copy, capsys):
        before = {p.name: p.read_bytes() for p in copy.iterdir() if p.is_file()}
        assert "holds a run already" in refusal(capsys, "train", "--out", copy)
        assert {p.name: p.read_bytes() for p in copy.iterdir() if p.is_file()} == before


class TestPredict:
    def test_gets_most_right_and_says_how_sure(self, run):
        paths = sorted(run[0].glob("test-images/*.png"))
        made = command("predict", run[0], *paths, cwd=ROOT)
        assert (made.returncode, made.stderr) == (0, "")
        lines = made.stdout.splitlines()
        header = "input class probability class_2 probability_2 class_3 probability_3"
        assert lines.pop(0).split() == header.split()
        right = 0
        for path, line in zip(paths, lines, strict=True):
            shown, *answer = line.split()
            assert shown == str(path)
            labels, shares = answer[::2], [float(a.rstrip("%")) for a in answer[1::2]]
            assert len(set(labels)) == 3
            assert shares == sorted(shares, reverse=True)
            assert shares[-1] >= 0
            assert sum(shares) <= 100.2
            right += labels[0] == path.name[0]
        assert right >= 8

    def test_another_size_is_refused_and_the_others_answered(self, run, tmp_path, capsys):
        good = next(run[0].glob("test-images/3-*.png"))
        large = tmp_path / "large.png"
        with Image.open(good) as file:
            file.resize((80, 80)).save(large)
        assert main(["predict", str(run[0]), str(large), str(good)]) == 2
        out, err = capsys.readouterr()
        assert err.count("\n") == 1
        assert f"{large} has another size" in err
        assert "size='80x80'" in err
        assert "--resize" in err
        assert out.splitlines()[1].startswith(str(good))
        assert out.count("\n") == 2

        assert main(["predict", "--resize", str(run[0]), str(large), str(good)]) == 0
        _, first, second = capsys.readouterr().out.splitlines()
        assert first.split()[1] == second.split()[1]

    def test_invert_turns_dark_ink_on_paper_round(self, run, tmp_path, capsys):
        good = next(run[0].glob("test-images/0-*.png"))
        paper = tmp_path / "paper.png"
        with Image.open(good) as file:
            Image.fromarray(255 - np.asarray(file)).save(paper)
        answers = []
        for arguments in (["--invert", str(paper)], [str(good)], [str(paper)]):
            assert main(["predict", str(run[0]), *arguments]) == 0
            answers.append(capsys.readouterr().out.splitlines()[1].split()[1:])
        assert answers[0] == answers[1] != answers[2]

    def test_what_is_no_image(self, run, tmp_path, capsys):
        text, cut = tmp_path / "text.png", tmp_path / "cut.png"
        text.write_text("not an image")
        noise = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(noise).save(cut)
        cut.write_bytes(cut.read_bytes()[:70])
        for path in (text, cut):
            assert f"{path} is no image, or a damaged one" in refusal(
                capsys, "predict", run[0], path
            )
        gone = tmp_path / "gone.png"
        assert refusal(capsys, "predict", run[0], gone) == (
            f"melpy: predict: {gone} cannot be read (No such file or directory). "
            "Expected an image file.\n"
        )

    @pytest.mark.parametrize("name", ["EPS", "PDF", "ICO", "PCX"])
    def test_other_formats_are_not_tried(self, run, tmp_path, capsys, name):
        """Pillow hands an EPS to Ghostscript, which is a program of its own."""
        path = tmp_path / "image.png"
        Image.new("RGB", (8, 8)).save(path, name)
        sentence = refusal(capsys, "predict", run[0], path)
        assert "is no image, or a damaged one" in sentence
        assert "PNG" in sentence

    @pytest.mark.parametrize("more", [[], ["--resize"]])
    def test_a_huge_image_is_not_decoded(self, run, tmp_path, capsys, monkeypatch, more):
        path = tmp_path / "huge.png"
        Image.new("1", (10_000, 8_000)).save(path)
        monkeypatch.setattr(ImageFile.ImageFile, "load", None)  # who decodes it fails
        sentence = refusal(capsys, "predict", run[0], path, *more)
        assert ("10000x8000 pixels are more than" in sentence) or "another size" in sentence

    def test_what_is_no_run(self, tmp_path, capsys):
        assert "holds no run" in refusal(capsys, "predict", tmp_path, "x.png")
        assert "there is no" in refusal(capsys, "predict", tmp_path / "gone", "x.png")
        file = tmp_path / "file"
        file.touch()
        sentence = refusal(capsys, "predict", file, "x.png")
        assert f"{file} is no whole model" in sentence
        assert "convert WEIGHTS MODEL --like MODEL" in sentence
        (tmp_path / "run.json").mkdir()
        assert "holds no run" in refusal(capsys, "predict", tmp_path, "x.png")

    @pytest.mark.parametrize("content", ["", '{"arguments": {"mo', "[]", "{}", "\0"])
    def test_damaged_run_json(self, copy, capsys, content):
        (copy / "run.json").write_text(content)
        sentence = refusal(capsys, "predict", copy, "x.png")
        assert "run.json" in sentence
        assert f"filepath='{copy / 'run.json'}'" in sentence

    def test_a_model_alone_is_enough(self, run, tmp_path, capsys):
        image = str(next(run[0].glob("test-images/3-*.png")))
        assert main(["predict", str(run[0]), image]) == 0
        told = capsys.readouterr().out
        alone = tmp_path / "m.keras"
        shutil.copy(run[0] / "model.keras", alone)
        assert main(["predict", str(alone), image]) == 0
        assert capsys.readouterr().out == told

    def test_notes_with_impossible_values(self, run, tmp_path, capsys):
        """A model's file need not be trusted, nor what it says of itself."""
        model = melpy.saving.load_model(run[0] / "model.keras")
        path = tmp_path / "m.keras"
        for wrong in (
            {"class_names": 3}, {"class_names": ["a"]}, {"class_names": [1] * 10}, {"task": "x"},
            {"image": 5}, {"image": {"high": 0}}, {"image": {"high": "a"}}, {"columns": [1]},
            {"columns": [{"name": "a", "input": "b", "kind": "c"}]}, {"target": 1},
        ):  # fmt: skip
            noted = melpy.saving.load_model(run[0] / "model.keras")
            melpy.saving.note(noted, **wrong)
            noted.save(path)
            sentence = refusal(capsys, "predict", path, "x.png")
            assert "damaged" in sentence, wrong
            assert f"filepath='{path}'" in sentence
        assert melpy.saving.notes_of(model)["image"] == {"high": 16.0, "exact": True}

    @pytest.mark.parametrize("size", [0, 10, 5000, -1])
    def test_truncated_model(self, copy, capsys, size):
        whole = (copy / "model.keras").read_bytes()
        (copy / "model.keras").write_bytes(whole[:size])
        sentence = refusal(capsys, "predict", copy, "x.png")
        assert "damaged" in sentence
        assert "model.keras" in sentence

    def test_missing_model(self, copy, capsys):
        (copy / "model.keras").unlink()
        assert "has lost its model.keras" in refusal(capsys, "predict", copy, "x.png")


class TestOtherCommands:
    def test_datasets(self, capsys):
        assert main(["datasets"]) == 0
        out = capsys.readouterr().out
        for name in ("digits", "mnist", "fashion-mnist", "cifar-10", "cifar-100"):
            assert any(line.split()[:1] == [name] for line in out.splitlines())
        assert "digits         here" in out
        assert str(melpy.config.home() / "datasets") in out

    def test_get_digits(self, capsys):
        assert main(["datasets", "get", "digits"]) == 0
        assert capsys.readouterr().out == ("digits is here: 1,438 training and 359 test images.\n")

    def test_version(self):
        made = command("--version", cwd=ROOT)
        assert (made.returncode, made.stdout) == (0, f"melpy {melpy.__version__}\n")

    def test_no_command(self):
        made = command(cwd=ROOT)
        assert made.returncode == 2
        assert made.stderr.startswith("usage: melpy")
        assert "COMMAND" in made.stderr
