"""melpy train, predict and evaluate on one's own images and tables."""

import csv
import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image

import melpy
from melpy import saving
from melpy.cli import main
from melpy.errors import DataError, FileError
from melpy.experiments import run as training
from melpy.experiments.columns import Column, gaps_allowed
from melpy.experiments.from_table import of_table
from melpy.experiments.images import read_pixels
from melpy.experiments.opened import opened
from melpy.experiments.settings import Settings
from melpy.experiments.tables import read_table

RNG = np.random.default_rng(0)
TRAIN = ["--epochs", "2", "--batch-size", "8", "--image-size", "8"]


def melpy_does(capsys, *arguments, code=0):
    """Run a command; return what it wrote to standard output, and to standard error."""
    assert main([str(a) for a in arguments]) == code
    return capsys.readouterr()


def refusal(capsys, *arguments):
    _, err = melpy_does(capsys, *arguments, code=2)
    assert err.startswith("melpy: ")
    assert err.count("\n") == 1, err
    return err


def picture(is_bright, size=(12, 9)):
    """Return a noisy image, dark or bright."""
    level = 190 if is_bright else 40
    noise = RNG.integers(-30, 30, (size[1], size[0], 3))
    return Image.fromarray((level + noise).astype(np.uint8))


def folder_of_images(folder, count=10):
    """Make a folder a class, of images of several formats and sizes."""
    for name, is_bright in (("dark", False), ("bright", True)):
        (folder / name).mkdir(parents=True)
        for n in range(count):
            ending = ("png", "jpg", "webp")[n % 3]
            picture(is_bright, (10 + n % 4, 9)).save(folder / name / f"{n}.{ending}")
    (folder / ".hidden").mkdir()
    (folder / "notes.txt").write_text("no image")
    return folder


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """Drawing takes longer than these trainings; the runs that all tests share have pictures."""
    monkeypatch.setattr(training, "draw", lambda *args: True)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return folder_of_images(tmp_path_factory.mktemp("data") / "photos")


@pytest.fixture(scope="module")
def run(photos, tmp_path_factory):
    """A run on photos; tests must not change it."""
    folder = tmp_path_factory.mktemp("runs") / "photos"
    epochs = ["--epochs", "3", "--learning-rate", "0.002"]
    assert main(["train", str(photos), *TRAIN[2:], *epochs, "--out", str(folder)]) == 0
    return folder


class TestImages:
    def test_a_run_leaves_a_model_that_knows_its_classes(self, run):
        names = ["best.keras", "confusion.png", "curves.png", "feature_maps.png", "history.csv"]
        names += ["log.jsonl", "model.keras", "run.json", "samples.png"]
        assert sorted(p.name for p in run.iterdir()) == names
        model = melpy.saving.load_model(run / "model.keras")
        assert saving.notes_of(model) == {
            "task": "classification", "class_names": ["bright", "dark"],
            "image": {"high": 255.0, "exact": False},
        }  # fmt: skip
        report = json.loads((run / "run.json").read_text())
        assert report["input_shape"] == [8, 8, 3]
        assert report["results"]["test_accuracy"] == 1.0

    def test_the_log_is_lines_of_json(self, run):
        lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
        assert [line["event"] for line in lines] == ["begin", *["epoch"] * 3, "end"]
        assert [line["epoch"] for line in lines[1:-1]] == [1, 2, 3]
        assert lines[1].keys() >= {"time", "seconds", "loss", "accuracy", "val_loss"}
        assert lines[-1]["results"] == json.loads((run / "run.json").read_text())["results"]

    @pytest.mark.parametrize("form", ["table", "csv", "json"])
    def test_predicts_files_and_folders(self, run, photos, capsys, form):
        told, _ = melpy_does(capsys, "predict", run, photos / "dark" / "0.png", photos / "bright",
                             "--top", "1", "--format", form)  # fmt: skip
        if form == "json":
            rows = [(row["input"], row["class"]) for row in json.loads(told)["predictions"]]
        elif form == "csv":
            rows = [(row["input"], row["class"]) for row in csv.DictReader(io.StringIO(told))]
        else:
            head, *lines = (line.split() for line in told.splitlines())
            assert head == ["input", "class", "probability"]
            rows = [(line[0], line[1]) for line in lines]
        assert rows[0] == (str(photos / "dark" / "0.png"), "dark")
        assert len(rows) == 11
        assert {name for _, name in rows[1:]} == {"bright"}

    def test_arrays_as_the_model_takes_them(self, run, tmp_path, capsys):
        np.save(tmp_path / "x.npy", np.full((2, 8, 8, 3), 200, np.uint8))
        told, _ = melpy_does(capsys, "predict", run, tmp_path / "x.npy", "--json")
        rows = json.loads(told)["predictions"]
        assert [row["class"] for row in rows] == ["bright", "bright"]
        assert rows[1]["input"] == f"{tmp_path / 'x.npy'}[1]"
        np.save(tmp_path / "one.npy", np.full((8, 8, 3), 30.0))
        told, _ = melpy_does(capsys, "predict", run, tmp_path / "one.npy", "--json")
        assert json.loads(told)["predictions"][0]["class"] == "dark"
        np.save(tmp_path / "wrong.npy", np.zeros((2, 5, 8, 3)))
        assert "another shape" in refusal(capsys, "predict", run, tmp_path / "wrong.npy")
        np.save(tmp_path / "words.npy", np.array(["a"]))
        assert "no numbers" in refusal(capsys, "predict", run, tmp_path / "words.npy")
        (tmp_path / "cut.npy").write_bytes(b"\x93NUMPY")
        assert "cut.npy" in refusal(capsys, "predict", run, tmp_path / "cut.npy")

    def test_evaluates(self, run, photos, capsys):
        told, _ = melpy_does(capsys, "evaluate", run, photos, "--json")
        told = json.loads(told)
        assert told["samples"] == 20
        assert told["accuracy"] == 1.0
        assert told["confusion"] == [[10, 0], [0, 10]]
        assert [one["class"] for one in told["classes"]] == ["bright", "dark"]
        out, _ = melpy_does(capsys, "evaluate", run, photos)
        assert "accuracy  100.0%" in out
        assert "recall" in out

    def test_evaluating_other_classes_is_refused(self, run, photos, tmp_path, capsys):
        shutil.copytree(photos / "dark", tmp_path / "other" / "night")
        assert "folders=['night']" in refusal(capsys, "evaluate", run, tmp_path / "other")
        assert "other images" in refusal(capsys, "evaluate", run, "digits")

    @pytest.mark.parametrize(
        ("option", "data", "words"),
        [
            (("--target", "town"), "photos", "--target is for a table"),
            (("--target", "town"), "digits", "--target is for a table"),
            (("--scale", "0"), "table", "--scale is for a data set of melpy's or a folder"),
            (("--skip-damaged",), "table", "--skip-damaged is for a folder of images"),
            (("--skip-damaged",), "digits", "--skip-damaged is for a folder of images"),
        ],
    )
    def test_options_of_other_data(self, option, data, words, run, photos, table, capsys):
        where = {"photos": photos, "table": table}.get(data, data)
        assert words in refusal(capsys, "evaluate", run, where, *option)

    def test_goes_on_to_the_same_bits(self, photos, tmp_path, monkeypatch):
        """Augmented, from folders of its own for the two parts, from another working folder."""
        data = tmp_path / "data"
        shutil.copytree(photos, data / "train")
        shutil.copytree(photos / "dark", data / "val" / "dark")
        monkeypatch.chdir(tmp_path)
        made = ["--augment", "--seed", "2", *TRAIN]

        class StopAfterEpoch(melpy.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(training, "TerminateOnNaN", StopAfterEpoch)
            kept = training.BackupAndRestore
            patched.setattr(
                training, "BackupAndRestore", lambda *a, **k: kept(*a, save_freq=1, **k)
            )
            assert main(["train", "data", *made, "--out", "cut"]) == 130
        assert main(["train", "data", *made, "--out", "whole"]) == 0
        monkeypatch.chdir(photos)
        assert main(["train", "--resume", str(tmp_path / "cut")]) == 0
        models = [
            melpy.saving.load_model(tmp_path / name / "model.keras") for name in ("cut", "whole")
        ]
        for mine, theirs in zip(*(model.get_weights() for model in models), strict=True):
            np.testing.assert_array_equal(mine, theirs)
        events = [
            json.loads(x)["event"]
            for x in (tmp_path / "cut/log.jsonl").read_text().split("\n")
            if x
        ]
        assert events == ["begin", "resume", "epoch", "epoch", "end"]
        assert not any("random" in layer.name for layer in models[0].layers)  # only for training

    def test_changed_data_is_not_gone_on_with(self, photos, tmp_path, monkeypatch, capsys):
        data = tmp_path / "data"
        shutil.copytree(photos, data)

        def stop(*args):
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(training, "draw", stop)
            assert main(["train", str(data), *TRAIN, "--out", str(tmp_path / "run")]) == 130
        (data / "dark" / "0.png").unlink()
        capsys.readouterr()
        assert main(["train", "--resume", str(tmp_path / "run")]) == 2
        assert "has changed since the run was begun" in capsys.readouterr().err

    def test_data_that_has_moved(self, run, photos, tmp_path, monkeypatch, capsys):
        """It is the path that is not there, not run.json; and the run goes on from the new one."""
        places = {name: tmp_path / name for name in ("data", "val", "begin.keras")}
        for name in ("data", "val"):
            shutil.copytree(photos, places[name])
        shutil.copy(run / "model.keras", places["begin.keras"])
        out, (data, held, begin) = tmp_path / "run", places.values()

        def stop(*args):
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(training, "draw", stop)
            arguments = ["train", data, "--validation", held, "--model", begin, "--epochs", "1"]
            melpy_does(capsys, *arguments, "--out", out, code=130)
        assert "--epochs" not in refusal(
            capsys, "train", held, "--resume", out
        )  # it is still there
        for path in places.values():
            path.rename(tmp_path / f"moved-{path.name}")
        resume, now = ["train", "--resume", out], [tmp_path / f"moved-{name}" for name in places]
        for gone, option in zip(places.values(), (now[:1], ["--validation", now[1]], ["--model",
                                now[2]]), strict=True):  # fmt: skip
            sentence = refusal(capsys, *resume)
            assert f"is not there any more: {gone}." in sentence
            assert "Say where they are now: melpy train --resume" in sentence
            assert "run.json" not in sentence
            resume += option
        melpy_does(capsys, *resume)
        report = json.loads((out / "run.json").read_text())
        assert report["interrupted"] is False
        assert report["arguments"]["dataset"] == str(now[0])

    @pytest.mark.parametrize("classes", [2, 3])
    def test_trains_on_from_a_models_file(self, run, photos, tmp_path, classes, capsys):
        data = tmp_path / "data"
        shutil.copytree(photos, data)
        if classes == 3:
            shutil.copytree(data / "dark", data / "third")
        arguments = ["--model", run / "model.keras", "--epochs", "1", "--augment"]
        melpy_does(capsys, "train", data, *arguments, "--out", tmp_path / "run")
        model = melpy.saving.load_model(tmp_path / "run" / "model.keras")
        assert model.output_shape == (None, classes)
        assert model.input_shape == (None, 8, 8, 3)
        before = melpy.saving.load_model(run / "model.keras")
        kernels = [m.get_layer("conv2d").get_weights()[0] for m in (before, model)]
        assert 0 < np.abs(kernels[0] - kernels[1]).max() < 0.1
        if classes == 2:
            told, _ = melpy_does(capsys, "evaluate", tmp_path / "run", photos, "--json")
            assert json.loads(told)["accuracy"] > 0.9

    def test_models_that_cannot_be_trained_on(self, photos, tmp_path, capsys):
        def refused(layers, *more):
            melpy.Sequential(layers).save(tmp_path / "m.keras")
            return refusal(capsys, "train", photos, "--model", tmp_path / "m.keras", *more)

        dense = melpy.layers.Dense(2)
        assert "takes no images" in refused([melpy.Input((5,)), dense])
        conv = melpy.layers.Conv2D(2, 3)
        assert "no vector" in refused([melpy.Input((8, 8, 3)), conv])
        flat = melpy.layers.Flatten()
        assert "cannot be replaced" in refused([melpy.Input((8, 8, 3)), flat])
        assert "there is no" in refusal(capsys, "train", photos, "--model", "gone.keras")
        sentence = refusal(capsys, "train", "digits", "--model", tmp_path / "m.keras")
        assert "images of another shape" in sentence
        table = houses(tmp_path / "t.csv")
        sentence = refusal(capsys, "train", table, "--model", tmp_path / "m.keras")
        assert "does not take the columns of a table without its" in sentence

    def test_numbers_far_from_zero_tell_as_much(self, tmp_path, capsys):
        for name, start in (("near", 0), ("far", 1764400000)):
            rows = "\n".join(f"{start + n},{'yes' if n > 50 else 'no'}" for n in range(100))
            (tmp_path / f"{name}.csv").write_text(f"seconds,late\n{rows}")
            melpy_does(capsys, "train", tmp_path / f"{name}.csv", "--epochs", "2", "--out",
                       tmp_path / name)  # fmt: skip
        near, far = (
            json.loads((tmp_path / name / "run.json").read_text())["results"]
            for name in ("near", "far")
        )
        assert far["test_loss"] == pytest.approx(near["test_loss"], rel=1e-4)
        told = json.loads(melpy_does(capsys, "predict", tmp_path / "far", tmp_path / "far.csv",
                                     "--json").out)  # fmt: skip
        assert len({row["probability"] for row in told["predictions"]}) > 50

    @pytest.mark.parametrize("columns", ["rooms", "rooms,town"])
    def test_a_tables_model_trains_on(self, columns, tmp_path, capsys):
        table = houses(tmp_path / "t.csv")
        ignored = [name for name in read_table(table, "test").names
                   if name not in (*columns.split(","), "price")]  # fmt: skip
        begun = ("train", table, "--target", "price", "--epochs", "3", "--ignore",
                 ",".join(ignored), "--out", tmp_path / "a")  # fmt: skip
        melpy_does(capsys, *begun)
        out = melpy_does(
            capsys,
            "train",
            table,
            "--target",
            "price",
            "--epochs",
            "1",
            "--model",
            tmp_path / "a",
            "--learning-rate",
            "1e-9",
            "--out",
            tmp_path / "b",
        ).out
        assert "Training on" in out
        one, other = (saving.load_model(tmp_path / n / "model.keras") for n in "ab")
        for a, b in zip(one.trainable_weights, other.trainable_weights, strict=True):
            np.testing.assert_allclose(a.value, b.value, atol=1e-6)  # it began with the file's
        told = [melpy_does(capsys, "predict", tmp_path / n, table, "--json").out for n in "ab"]
        a, b = ([row["price"] for row in json.loads(out)["predictions"]] for out in told)
        np.testing.assert_allclose(a, b, rtol=1e-4)

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--model", "mlp"], "unknown model 'mlp'"),
            (["--target", "x"], "--target is for a table"),
            (["--image-size", "0"], "--image-size is no size"),
            (["--image-size", "8x8x8"], "--image-size is no size"),
            (["--validation", "1.5"], "--validation is neither a share nor a path"),
            (["--validation", "gone/"], "--validation is neither a share nor a path"),
        ],
    )
    def test_options(self, photos, tmp_path, capsys, arguments, words):
        out = tmp_path / "run"
        assert words in refusal(capsys, "train", photos, *arguments, "--out", out)
        assert not out.exists()

    def test_what_is_no_data(self, tmp_path, capsys, monkeypatch):
        monkeypatch.chdir(tmp_path)
        assert "there is no gone.csv" in refusal(capsys, "train", "gone.csv")
        assert "there is no a/b" in refusal(capsys, "train", "a/b")
        (tmp_path / "m.txt").touch()
        assert "a file of another kind" in refusal(capsys, "train", "m.txt")
        (tmp_path / "loose").mkdir()
        picture(True).save(tmp_path / "loose" / "a.png")
        sentence = refusal(capsys, "train", "loose")
        assert "has no folders with images, of the 2 that are needed" in sentence
        assert "images in no folder=1" in sentence
        assert "Move the images of each class into a folder" in sentence
        assert not (tmp_path / "runs" / "loose-cnn").exists()

    def test_names_go_before_folders(self, photos, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "cnn").mkdir()
        assert Settings("digits", "cnn").complete().epochs == 20
        assert Settings("digits", "./cnn").complete().epochs == 10  # a run, it is thought
        assert "holds no run" in refusal(capsys, "train", "--model", "./cnn")
        assert "--validation is for" in refusal(capsys, "train", "--validation", "0.1")
        shutil.copytree(photos, tmp_path / "mnist")
        assert Settings("mnist").kind == "dataset"
        assert Settings("./mnist").kind == "images"
        assert Settings("./mnist").complete().out == "runs/mnist-cnn"
        assert Settings("cifar-100").complete().model == "cifar-7"

    def test_classes_that_are_not_trained(self, photos, tmp_path, capsys):
        shutil.copytree(photos / "dark", tmp_path / "val" / "night")
        sentence = refusal(capsys, "train", photos, "--validation", tmp_path / "val")
        assert "classes that are not trained" in sentence
        assert "night" in sentence


def test_classes_of_few_images(tmp_path, capsys):
    data = tmp_path / "data"
    for name in ("a", "b"):
        (data / name).mkdir(parents=True)
        picture(True).save(data / name / "1.png")
    assert "too few samples to hold any back" in refusal(capsys, "train", data)
    for n in range(4):
        picture(False).save(data / "a" / f"{n}.png")
    (data / "b" / "1.png").write_text("text")
    sentence = refusal(capsys, "train", data, "--skip-damaged", *TRAIN)
    assert "classes=['b']" in sentence


def test_inputs_and_data_of_other_kinds(run, prices, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert "there is no image in" in refusal(capsys, "predict", run, tmp_path / "empty")
    assert "there is no" in refusal(capsys, "predict", prices, tmp_path / "gone.csv")
    with pytest.raises(FileError, match="cannot be read"):
        read_table(tmp_path, "test")
    folder_of_images(tmp_path / "data", count=1)
    assert "which takes no images" in refusal(capsys, "evaluate", prices, tmp_path / "data")
    for path in (tmp_path / "data" / "dark").iterdir():
        path.write_text("text")
    sentence = refusal(capsys, "evaluate", run, tmp_path / "data", "--skip-damaged")
    assert "can be read" in sentence
    melpy.Sequential([
        melpy.Input((8, 8, 3)), melpy.layers.Flatten(), melpy.layers.Dense(2),
    ]).save(tmp_path / "m.keras")  # fmt: skip
    (tmp_path / "data2").mkdir()
    folder_of_images(tmp_path / "data2" / "x", count=1)
    sentence = refusal(capsys, "evaluate", tmp_path / "m.keras", tmp_path / "data2" / "x")
    assert "the model tells no classes" in sentence


def odd_images(folder):
    """Write one image as files of odd kinds; it is dark above and bright below."""
    x = np.full((8, 8, 3), 40, np.uint8)
    x[4:] = 200
    image, grey = Image.fromarray(x), Image.fromarray(x[..., 0])
    image.convert("CMYK").save(folder / "cmyk.jpg", quality=95)
    Image.fromarray(x[..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    image.convert("P", palette=Image.Palette.ADAPTIVE).save(folder / "palette.png")
    grey.save(folder / "grey.png")
    grey.save(folder / "grey.jpg", quality=95)
    turned = Image.Exif()
    turned[0x0112] = 3  # upside down
    image.rotate(180).save(folder / "turned.jpg", exif=turned, quality=95)
    other = Image.fromarray(255 - x)
    image.save(folder / "moving.gif", save_all=True, append_images=[other], duration=9)
    other.save(folder / "first.webp", lossless=True)
    image.save(folder / "moving.webp", save_all=True, append_images=[other], lossless=True)
    alpha = np.concatenate([x, np.full((8, 8, 1), 255, np.uint8)], axis=2)
    alpha[4:] = (0, 0, 0, 0)  # nothing is there: white, whatever colour it has
    Image.fromarray(alpha).save(folder / "alpha.png")
    Image.fromarray(x[..., 0].astype(np.float32) / 255).save(folder / "floats.tif")
    (folder / "first.webp").unlink()
    return {"alpha.png": 255}


def test_images_of_odd_kinds_are_read_as_they_are_seen(tmp_path):
    below = odd_images(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        for channels in (1, 3):
            x = read_pixels(path, (8, 8, channels)).astype(int)
            assert x.shape == (8, 8, channels)
            assert abs(x[:3].mean() - 40) < 12, path
            assert abs(x[5:].mean() - below.get(path.name, 200)) < 12, path


class TestDamagedImages:
    @pytest.fixture
    def data(self, photos, tmp_path):
        shutil.copytree(photos, tmp_path / "data")
        path = tmp_path / "data" / "dark" / "1.jpg"
        path.write_bytes(path.read_bytes()[:-20])
        return tmp_path / "data"

    def test_one_is_named_before_any_training(self, data, tmp_path, capsys):
        sentence = refusal(capsys, "train", data, *TRAIN, "--out", tmp_path / "run")
        assert f"{data / 'dark' / '1.jpg'} is no image, or a damaged one" in sentence
        assert "truncated" in sentence
        assert "Take a whole copy of it, or leave it out" in sentence
        assert not (tmp_path / "run").exists()

    def test_several_are_named_at_once_or_left_out(self, data, tmp_path, capsys):
        (data / "bright" / "0.png").write_text("text")
        sentence = refusal(capsys, "train", data, *TRAIN, "--out", tmp_path / "run")
        assert "2 of 20 images cannot be read" in sentence
        assert "0.png" in sentence
        assert "1.jpg" in sentence
        assert "--skip-damaged" in sentence
        assert "BytesIO" not in sentence
        out, _ = melpy_does(capsys, "train", data, *TRAIN, "--skip-damaged", "--out",
                            tmp_path / "run")  # fmt: skip
        assert "Left out 2 of 20 images" in out
        assert "Training on 14 images" in out

    def test_the_others_are_predicted(self, data, run, capsys):
        out, err = melpy_does(capsys, "predict", run, data / "dark", code=2)
        assert "1.jpg is no image, or a damaged one" in err
        assert out.count("\n") == 10
        assert "damaged" in refusal(capsys, "evaluate", run, data)
        out, _ = melpy_does(capsys, "evaluate", run, data, "--skip-damaged", "--json")
        assert json.loads(out)["samples"] == 19


HOUSES = ["id", "area (m2)", "town", "rooms", "empty", "price"]


def houses(path, rows=60, seed=0):
    """Write a table with missing values and words, whose price follows from area and town."""
    rng = np.random.default_rng(seed)
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HOUSES)
        for n in range(rows):
            area, town = rng.uniform(30, 200), ("Lille", "Paris")[n % 2]
            price = 1000 * area + 50_000 * (town == "Paris")
            writer.writerow([
                f"h{n}", "" if n % 9 == 1 else f"{area:.1f}", "NA" if n % 7 == 3 else town,
                n % 4, "", "" if n == 5 else f"{price:.0f}",
            ])  # fmt: skip
    return path


def slips(folder, cells):
    """Write a column of 300 numbers, 89 of which differ, and of other cells in some places."""
    column = [cells.get(n, f"{n * 7 % 89}") for n in range(300)]
    rows = [f"{cell},{n % 5 / 7},{n % 3}" for n, cell in enumerate(column)]
    (folder / "t.csv").write_text("\n".join(["a b,b,c", *rows]))
    return str(folder / "t.csv")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return houses(tmp_path_factory.mktemp("tables") / "houses.csv")


@pytest.fixture(scope="module")
def prices(table, tmp_path_factory):
    """A run on the table; tests must not change it."""
    out = tmp_path_factory.mktemp("runs") / "houses"
    arguments = ["--epochs", "60", "--learning-rate", "0.01", "--out", str(out)]
    assert main(["train", str(table), *arguments]) == 0
    return out


class TestTables:
    def test_a_run_leaves_a_model_of_the_columns(self, prices):
        names = {p.name for p in prices.iterdir()}
        assert names == {
            "best.keras", "curves.png", "history.csv", "log.jsonl", "model.keras",
            "predictions.png", "run.json",
        }  # fmt: skip
        model = melpy.saving.load_model(prices / "model.keras")
        notes = saving.notes_of(model)
        assert [one["name"] for one in notes["columns"]] == ["area (m2)", "town", "rooms"]
        assert notes["target"] == "price"
        columns = {
            "area_m2": np.array([[100.0], [np.nan]]), "town": np.array([["Paris"], ["(missing)"]]),
            "rooms": np.array([[2.0], [1.0]]),
        }  # fmt: skip
        with gaps_allowed():
            y = model.predict(columns)
        assert abs(y[0, 0] - 150_000) < 40_000
        assert np.isfinite(y).all()

    def test_says_what_it_found(self, table, tmp_path, capsys):
        out, _ = melpy_does(capsys, "train", table, "--epochs", "1", "--model", "linear", "--out",
                            tmp_path / "run")  # fmt: skip
        assert "Left out 1 row without a price." in out
        assert "The target is 'price', a regression" in out
        assert (
            "Left out, since they tell nothing: id (a text of its own in most rows), empty" in out
        )
        assert "Columns: area (m2), town (3 words), rooms." in out
        assert "testing on 12" in out

    def test_predicts_rows(self, table, prices, tmp_path, capsys):
        out, _ = melpy_does(capsys, "predict", prices, table, "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(out)))
        assert len(rows) == 60
        assert rows[3]["input"] == f"{table}:4"
        told = read_table(table, "test").numbers("price", "test")
        far = np.abs([float(row["price"]) for row in rows] - told)
        assert np.nanmedian(far) < 25_000
        # The same columns in another order, beside others, and without the target.
        other = read_table(table, "test")
        with open(tmp_path / "new.csv", "w", newline="") as file:
            writer = csv.writer(file, delimiter=";")
            writer.writerow(["rooms", "more", "town", "area (m2)"])
            for row in other.rows:
                writer.writerow([row[3], "x", row[2], row[1].replace(".", ",")])
        again, _ = melpy_does(capsys, "predict", prices, tmp_path / "new.csv", "--format", "csv")
        told = [row["price"] for row in csv.DictReader(io.StringIO(again))]
        assert told == [row["price"] for row in rows]

    @pytest.mark.parametrize(
        ("cells", "told"),
        [
            ({7: "abc"}, "299 of 300 cells are numbers, and row 8 holds 'abc'. "),
            ({7: "abc", 9: "NA"}, "298 of 299 cells are numbers, and row 8 holds 'abc'. "),
            ({7: "x" * 50, 30: "y", 31: "y"}, "297 of 300 cells are numbers, and row 8, the first "
             f"of the others, holds '{'x' * 40}...'. "),
            (dict.fromkeys(range(30), "abc"), ""),  # so many are meant
            ({n: f"{n % 19}" for n in range(300)} | {7: "abc"}, ""),  # few numbers: codes
            ({7: "NA"}, ""),
        ],
    )  # fmt: skip
    def test_few_cells_that_make_words_of_numbers(self, tmp_path, cells, told):
        text, said = slips(tmp_path, cells), []
        of_table(Settings(text, target="b").complete(), None, said.append)
        column = [line for line in said if "taken for" in line]
        mend = "If numbers are meant, mend such cells, or empty them where the value is missing; "
        mend += "--ignore 'a b' leaves the column out."
        assert column == ([f"Column a b is taken for words: {told}{mend}"] if told else [])
        said.clear()
        of_table(Settings(text, target="b", ignore="a b").complete(), None, said.append)
        assert "taken for" not in "".join(said)
        of_table(Settings(text, target="a b").complete(), None, said.append)
        assert f"The target a b is taken for classes: {told}" * bool(told) in "".join(said)
        assert ("taken for" in "".join(said)) == bool(told)

    def test_a_column_of_numbers_is_left_out_for_one_cell(self, tmp_path):
        cells, said = {n: f"{n}.5" for n in range(300)} | {7: "abc"}, []
        of_table(Settings(slips(tmp_path, cells), target="b").complete(), None, said.append)
        assert "Left out, since they tell nothing: a b (a text of its own in most rows)." in said
        assert any("Column a b is taken for words: 299 of 300 cells" in line for line in said)

    def test_rows_are_counted_in_the_file(self, tmp_path):
        (tmp_path / "t.csv").write_text("a,b\n1,\n2,3\nabc,4\n")
        table = read_table(tmp_path / "t.csv", "test").with_known("b", "test").take([1])
        with pytest.raises(DataError, match=r"^test: row 3 of .* has no number in the column 'a'"):
            table.numbers("a", "test")

    def test_columns_that_are_not_there(self, prices, tmp_path, capsys):
        path = tmp_path / "new.csv"
        path.write_text("area,town,rooms\n1,Paris,2\n")
        sentence = refusal(capsys, "predict", prices, path)
        assert "has no column 'area (m2)'" in sentence
        path.write_text("area (m2),town,rooms\nbig,Paris,2\n")
        sentence = refusal(capsys, "predict", prices, path)
        assert "row 1" in sentence
        assert "cell='big'" in sentence
        image = tmp_path / "a.png"
        picture(True).save(image)
        assert "which takes no images" in refusal(capsys, "predict", prices, image)

    def test_evaluates(self, table, prices, capsys):
        told = json.loads(melpy_does(capsys, "evaluate", prices, table, "--json").out)
        assert told["samples"] == 59
        assert told["r2"] > 0.7
        assert told["rmse"] == pytest.approx(told["loss"] ** 0.5)
        assert "mae" in melpy_does(capsys, "evaluate", prices, table).out

    def test_evaluating_what_is_not_known(self, prices, tmp_path, capsys):
        (tmp_path / "t.csv").write_text("area (m2),town,rooms,price\n1,Paris,1,\n")
        assert "is empty" in refusal(capsys, "evaluate", prices, tmp_path / "t.csv")
        assert "Did you mean 'price'" in refusal(
            capsys, "evaluate", prices, tmp_path / "t.csv", "--target", "prize"
        )

    def test_a_table_of_its_own_to_measure_on(self, table, tmp_path, capsys):
        other = houses(tmp_path / "other.csv", rows=20, seed=1)
        arguments = ["--epochs", "1", "--target", "town", "--validation", other]
        out, _ = melpy_does(capsys, "train", table, *arguments, "--out", tmp_path / "run")
        assert "testing on 17" in out
        results = json.loads((tmp_path / "run" / "run.json").read_text())["results"]
        told = melpy_does(capsys, "evaluate", tmp_path / "run" / "best.keras", other, "--json").out
        assert json.loads(told)["accuracy"] == pytest.approx(results["best_test_accuracy"])
        other.write_text(other.read_text().replace("Lille", "Metz"))
        sentence = refusal(capsys, "train", table, *arguments)
        assert "of a class that is not known" in sentence
        assert "town='Metz'" in sentence

    def test_words_do_not_go_into_onnx(self, table, tmp_path, capsys):
        sentence = refusal(capsys, "train", table, "--onnx", "--out", tmp_path / "run")
        assert "columns of words=['town']" in sentence
        assert "--ignore" in sentence
        assert not (tmp_path / "run").exists()

    def test_files_of_other_kinds_hold_the_columns_or_say_so(self, table, tmp_path, capsys):
        pytest.importorskip("onnx")
        run, arguments = tmp_path / "run", ("--target", "town", "--ignore", "price")
        melpy_does(capsys, "train", table, *arguments, "--epochs", "2", "--out", run)
        told = melpy_does(capsys, "predict", run, table, "--format", "csv").out
        first = run
        for name in ("m.onnx", "again.keras"):
            out, _ = melpy_does(capsys, "convert", first, first := tmp_path / name)
            assert out.count("\n") == 1
            assert saving.notes_of(opened(first, "test").model)["class_names"] == ["Lille", "Paris"]
            again = melpy_does(capsys, "predict", first, table, "--format", "csv").out
            rows, others = (list(csv.DictReader(io.StringIO(text))) for text in (told, again))
            assert [row["class"] for row in rows] == [row["class"] for row in others]
        out, _ = melpy_does(capsys, "convert", run, tmp_path / "m.h5")
        assert out.endswith("A .keras or an .onnx file holds these too.\n")
        assert "Not in it: task, class_names, target, columns." in out
        melpy_does(capsys, "train", table, "--epochs", "1", "--out", tmp_path / "words")
        sentence = refusal(capsys, "convert", tmp_path / "words", tmp_path / "words.onnx")
        assert "columns of words=['town']" in sentence
        assert not (tmp_path / "words.onnx").exists()

    def test_classes_goes_on_and_options(self, table, tmp_path, capsys, monkeypatch):
        """A target in the middle, named; columns left out; stopped, and gone on with."""
        out = tmp_path / "run"
        arguments = ["train", table, "--target", "town", "--ignore", "price, id", "--epochs", "3"]

        def stop(*args):
            raise KeyboardInterrupt

        with monkeypatch.context() as patched:
            patched.setattr(training, "draw", stop)
            assert main([*map(str, arguments), "--out", str(out)]) == 130
        assert "a classification: its cells are 2 words" in capsys.readouterr().out
        melpy_does(capsys, "train", "--resume", out)
        told = json.loads(melpy_does(capsys, "evaluate", out, table, "--json").out)
        assert [one["class"] for one in told["classes"]] == ["Lille", "Paris"]
        report = json.loads((out / "run.json").read_text())
        assert [one["name"] for one in report["columns"]] == ["area (m2)", "rooms"]
        rows = json.loads(melpy_does(capsys, "predict", out, table, "--json").out)["predictions"]
        assert set(rows[0]) == {"input", "class", "probability", "class_2", "probability_2"}

    @pytest.mark.parametrize(
        ("target", "task", "found"),
        [
            ("words", None, "classification"),
            ("few", None, "classification"),
            ("many", None, "regression"),
            ("floats", None, "regression"),
            ("few", "regression", "regression"),
        ],
    )
    def test_the_task_is_found_and_said(self, tmp_path, target, task, found):
        path = tmp_path / "t.csv"
        rows = [f"{n % 3},{'ab'[n % 2]},{n % 4},{n * n},{n / 7}" for n in range(40)]
        path.write_text("x,words,few,many,floats\n" + "\n".join(rows))
        said = []
        settings = Settings(str(path), target=target, task=task, out=str(tmp_path)).complete()
        assert of_table(settings, None, said.append).task.kind == found
        assert any(f"The target is {target!r}, a {found}" in line for line in said)

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--target", "prize"], "Did you mean 'price'?"),
            (["--ignore", "tow"], "Did you mean 'town'?"),
            (["--model", "cnn"], "one of linear, mlp"),
            (["--augment"], "--augment is for a data set of melpy's or a folder of images"),
            (["--target", "id"], "has no classes to learn"),
            (["--target", "empty"], "is empty"),
            (["--task", "regression", "--target", "town"], "has no number in the column 'town'"),
            (["--ignore", "id,area (m2),town,rooms"], "tells anything"),
        ],
    )
    def test_options(self, table, tmp_path, capsys, arguments, words):
        out = tmp_path / "run"
        assert words in refusal(capsys, "train", table, *arguments, "--out", out)
        assert not out.exists()

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "is empty"),
            ("a,b\n", "has no rows"),
            ("a,a\n1,2\n", "two columns of"),
            ("a,b\n1,2\n1\n", "line 3 of"),
            ('a,b\n1,"2\n', "is no CSV file"),
            ("a,b\n\xff,2\n", "is no text"),
        ],
    )
    def test_what_is_no_table(self, tmp_path, capsys, text, words):
        path = tmp_path / "t.csv"
        path.write_bytes(text.encode("latin-1"))
        assert words in refusal(capsys, "train", path)

    @pytest.mark.parametrize(
        ("text", "names", "rows"),
        [
            ("a,b\n1,2\n", ("a", "b"), [["1", "2"]]),
            ("\ufeffa;b\n1,5;x\n", ("a", "b"), [["1,5", "x"]]),
            ("a\tb\n1\t \n\n", ("a", "b"), [["1", ""]]),
            ("1,2\n3,4\n", ("column 1", "column 2"), [["1", "2"], ["3", "4"]]),
            ("1,5\t2,5\n", ("column 1", "column 2"), [["1,5", "2,5"]]),
            (',b\n"x, y",2\n', ("column 1", "b"), [["x, y", "2"]]),
            ("a|b\n1|2\n", ("a", "b"), [["1", "2"]]),
        ],
    )
    def test_forms_of_tables(self, tmp_path, text, names, rows):
        path = tmp_path / "t.csv"
        path.write_text(text, encoding="utf-8")
        made = read_table(path, "test")
        assert (made.names, made.rows) == (names, rows)

    @pytest.mark.parametrize(
        ("text", "numbers"),
        [
            ("a;b\n1,5;2\n1,234;3\n", [1.5, 1.234]),
            ("a\tb\n1,5\tx\nNA\ty\n1,234\tz\n", [1.5, np.nan, 1.234]),
            ("a|b\n1,234|0,5\n2|3\n", [1.234, 2]),  # as the other column's commas say
            ('a,b\n"1,5",2\n-3,4\n', [1.5, -3]),
            ("a\tb\n1,5\tx\nword\ty\n", [np.nan, np.nan]),  # a column of words
            ("a\tb\n1,5\tx\n1,2,3\ty\n", [np.nan, np.nan]),  # of lists
        ],
    )
    def test_decimal_commas(self, tmp_path, text, numbers):
        (tmp_path / "t.csv").write_text(text)
        told = read_table(tmp_path / "t.csv", "test").values("a", "test")
        np.testing.assert_array_equal(told, numbers)

    @pytest.mark.parametrize(
        ("text", "cell"),
        [
            ("a\tb\n1,500\t2\n20\t3\n", "1,500"),
            ('a,b\n"1,500",2\n"1,234.5",3\n', "1,500"),
            ("a;b\n1.234,5;2\n1;3\n", "1.234,5"),
            ("a;b\n1.234.567;2\n1;3\n", "1.234.567"),
        ],
    )
    def test_numbers_that_can_be_read_in_two_ways(self, tmp_path, text, cell, capsys):
        names, rows = text.split("\n", 1)
        (tmp_path / "t.csv").write_text(f"{names}\n{rows * 4}")
        for target in "ab":
            sentence = refusal(capsys, "train", tmp_path / "t.csv", "--target", target,
                               "--out", tmp_path / "run")  # fmt: skip
            assert "the column 'a' of" in sentence
            assert f"cell={cell!r}" in sentence
            assert "1234.5" in sentence


@pytest.mark.parametrize("target", ["1e39 * n", "1e200 * n", "1e12 * n", "1e9 + n", "1e-30 * n"])
def test_targets_that_float32_does_not_hold(target, tmp_path, capsys):
    rows = [f"{n % 7},{eval(target)!r}" for n in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["a,Größe", *rows]))
    sentence = refusal(capsys, "train", tmp_path / "t.csv", "--out", tmp_path / "run")
    assert "float32 has no room for the numbers of the column 'Größe' of" in sentence
    assert "standard deviation=" in sentence


@pytest.mark.parametrize("target", ["5e7 * n", "1e6 + n", "1e-10 * n", "7.5"])
def test_targets_of_any_usual_size(target, tmp_path, capsys):
    rows = [f"{n % 7},{eval(target)!r}" for n in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b", *rows]))
    melpy_does(capsys, "train", tmp_path / "t.csv", "--task", "regression", "--epochs", "9",
               "--batch-size", "8", "--out", tmp_path / "run")  # fmt: skip
    results = json.loads((tmp_path / "run" / "run.json").read_text())["results"]
    assert results["best_test_mae"] >= 0


def test_columns_are_called_as_in_the_file(tmp_path, capsys):
    """Models' inputs have names of letters and digits: users have never seen those."""
    rows = [f"{n}.5,{n % 7},{n}" for n in range(60)]
    path, run = tmp_path / "t.csv", tmp_path / "run"
    path.write_text("\n".join(["Größe,Wert,y", *rows]), encoding="utf-8")
    melpy_does(capsys, "train", path, "--epochs", "1", "--out", run)
    np.save(tmp_path / "x.npy", np.zeros((3, 2)))
    picture(True).save(tmp_path / "a.png")
    for name in ("x.npy", "a.png"):
        sentence = refusal(capsys, "predict", run, tmp_path / name)
        assert "Expected a table with the columns Größe, Wert." in sentence
    huge = path.read_text(encoding="utf-8").replace(".5,", ".5e200,")
    path.write_text(huge, encoding="utf-8")
    sentence = refusal(capsys, "train", path, "--out", tmp_path / "huge")
    assert "the column 'Größe' of" in sentence
    assert "whose squares no number holds" in sentence


def test_a_tables_model_is_timed(prices, tmp_path, capsys):
    rows = [f"{n}.5,{n % 7},{n}" for n in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["a,b,y", *rows]))
    melpy_does(capsys, "train", tmp_path / "t.csv", "--epochs", "1", "--out", tmp_path / "run")
    for run in (tmp_path / "run", prices):
        out, _ = melpy_does(capsys, "bench", run, "--samples", "1", "--rounds", "1", "--json")
        assert json.loads(out)["times"][0]["runtime"] == "melpy"


def test_json_and_quiet(table, tmp_path, capsys):
    """JSON goes to standard output alone; quiet leaves the results."""
    train = ["train", table, "--epochs", "1", "--out"]
    out, err = melpy_does(capsys, *train, tmp_path / "a", "--json")
    report = json.loads(out)
    assert report == json.loads((tmp_path / "a" / "run.json").read_text())
    assert "Training on" in err
    out, err = melpy_does(capsys, *train, tmp_path / "b", "--quiet")
    assert err == ""
    assert out.splitlines()[0].split() == ["loss", "mae"]
    assert "Training" not in out


def test_one_long_word_of_a_table_does_not_lengthen_the_others(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("town,n\n" + "a" * 3000 + ",1\n" + "b,1\n" * 3000)
    words = Column("town", "town", "words").array(read_table(path, "test"), "test")
    assert words.shape == (3001, 1)
    assert words.nbytes < 10**6
