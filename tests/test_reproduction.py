"""The paper's experiments: the derived networks, its gradient, the report, what is refused."""

import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

import melpy
from melpy import errors, layers
from melpy.cli import main
from melpy.experiments import (
    causes,
    figures,
    findings,
    gradient,
    original,
    page,
    report,
    reproduce,
    search,
    timing,
    training,
)
from melpy.experiments.architectures import ARCHITECTURES, Conv, build
from melpy.experiments.results import Results
from melpy.experiments.training import Training

RESULTS = Path(__file__).parents[1] / "docs" / "reproduction" / "results"


def network(parts):
    """A row of the architectures as the search spells it."""
    convolutions = [part for part in parts if isinstance(part, Conv)]
    return search.Candidate(
        tuple(part.filters for part in convolutions),
        tuple(part.kernel_size for part in convolutions),
        parts.count("pool"),
        tuple(part for part in parts if isinstance(part, int)),
    )


@pytest.mark.parametrize("name", [name for name in search.QUESTIONS if name != "cifar-1"])
def test_the_search_finds_the_networks(name):
    found = search.answers(search.QUESTIONS[name])
    assert network(ARCHITECTURES[name].parts) in found


@pytest.mark.parametrize("name", [name for name in ARCHITECTURES if name != "lenet5"])
def test_the_search_counts_as_the_library_does(name):
    question = search.QUESTIONS["cifar-2" if name in ("cifar-3", "cifar-4") else name]
    made = network(ARCHITECTURES[name].parts)
    count = search.parameters(made, question.use_bias, question.shape)
    assert count == question.parameters == build(name, question.shape, 10).count_params()


def test_the_first_network_of_cifar_10_has_kernels_of_two_sizes():
    question = search.QUESTIONS["cifar-1"]
    assert search.answers(question) == []
    found = search.wider(question)
    assert network(ARCHITECTURES["cifar-1"].parts) in found
    for made in found:
        assert search.parameters(made, False, question.shape) == question.parameters


def test_the_turned_filters_are_the_papers_error():
    for row in gradient.errors(3):
        if row.turned:
            assert 1 < row.mean < 5
            assert row.total == pytest.approx(row.mean * 3 * 32 * 32)
        else:
            assert row.mean < 1e-14


def test_the_papers_layer_is_its_formula():
    rng = np.random.default_rng(0)
    papers, exact = (
        made(4, 3, padding="valid", activation="linear", bias_initializer="normal")
        for made in (gradient.PapersConv2D, layers.Conv2D)
    )
    x = melpy.Tensor(rng.normal(size=(2, 6, 6, 3)), requires_grad=True)
    papers(x), exact(x)
    exact.set_weights(papers.get_weights())
    g = rng.normal(size=(2, 4, 4, 4)).astype("float32")
    gradients = []
    for layer in (papers, exact):
        x.grad = None
        y = layer(x)
        (y * g).sum().backward()
        gradients.append((y.numpy(), x.grad, *(w.grad for w in layer.weights)))
    for theirs, ours in zip(gradients[0][2:], gradients[1][2:], strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-5)  # filters and biases
    np.testing.assert_allclose(gradients[0][0], gradients[1][0], rtol=1e-5, atol=1e-5)
    w = papers.kernel.numpy().transpose(3, 2, 0, 1)
    for (_, d_x, *_), turned in zip(gradients, (True, False), strict=True):
        formula = gradient.d_x_by_columns(g.transpose(0, 3, 1, 2), w, (2, 3, 6, 6), turned)
        np.testing.assert_allclose(d_x.transpose(0, 3, 1, 2), formula, rtol=1e-4, atol=1e-5)


def test_a_network_with_the_papers_gradient_is_the_same_forward():
    ours = build("cifar-7", (32, 32, 3), 10, seed=0)
    papers = gradient.with_the_papers_gradient(ours)
    x = np.random.default_rng(0).normal(size=(3, 32, 32, 3)).astype("float32")
    np.testing.assert_allclose(
        papers.predict(x, verbose=0), ours.predict(x, verbose=0), rtol=1e-4, atol=1e-6
    )
    kinds = [type(layer) for layer in papers.layers]
    assert kinds.count(gradient.PapersConv2D) == 2
    assert layers.Conv2D not in kinds


def test_ties():
    shown = gradient.tie()
    np.testing.assert_array_equal(shown["paper"], [[1, 1], [0, 1]])
    np.testing.assert_array_equal(shown["melpy"], [[1, 0], [0, 0]])


@pytest.fixture
def batch():
    """Probabilities, targets, and what multiplies with the softmax's Jacobian."""
    rng = np.random.default_rng(0)
    z, t = rng.normal(size=(5, 10)), np.eye(10)[rng.integers(10, size=5)]
    logits = melpy.Tensor(z, requires_grad=True)
    p = melpy.ops.softmax(logits)

    def product(m):
        rows = zip(p.numpy(), m, strict=True)
        return np.array([(np.diag(row) - np.outer(row, row)) @ v for row, v in rows])

    return logits, p, t, product


@pytest.mark.parametrize(
    ("kind", "m"),
    [
        ("N g", lambda p, t, g: 5 * g),
        ("-t", lambda p, t, g: -t),
        ("p", lambda p, t, g: p),
        ("other", lambda p, t, g: np.arange(50.0).reshape(5, 10)),
    ],
)
def test_what_softmax_read_is_named(batch, kind, m):
    _, p, t, product = batch
    p, g = p.numpy(), np.random.default_rng(1).normal(size=t.shape)
    read = m(p, t, g)
    back = product(read)
    assert original.read_from_memory(g, p, t, back) == kind
    assert original.read_from_memory(g, p, t, back, -g) == kind
    assert original.read_from_memory(read, p, t, back) == "g"
    assert original.read_from_memory(g, p, t, back, read) == (
        causes.BEFORE if kind == "other" else kind
    )


EARLIER, LATER = causes.VERSIONS


def reading(day, *kinds):
    """A version that reads these, in equal shares."""
    return causes.VERSIONS[day]._replace(reads=dict.fromkeys(kinds, 1))


@pytest.mark.parametrize(
    ("day", "kind", "m"),
    [
        (EARLIER, "N g", lambda p, t: (1e-5 - t) / (p + 1e-5)),
        (EARLIER, "-t", lambda p, t: -t),
        (EARLIER, "p", lambda p, t: p),
        (LATER, "N g", lambda p, t: p - t),
        (LATER, "g", lambda p, t: (p - t) / 5),
    ],
)
def test_a_training_gets_what_lies_in_memory(batch, day, kind, m):
    logits, p, t, product = batch
    y = causes.ReadFromMemory(reading(day, kind))(melpy.Tensor(t), p)
    np.testing.assert_allclose(y.numpy(), -np.log(p.numpy()[t == 1]), rtol=1e-12)
    melpy.ops.sum(y).backward()
    np.testing.assert_allclose(logits.grad, product(m(p.numpy(), t)), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("day", "g"),
    [
        (EARLIER, lambda p, t: (1e-5 - t) / (p + 1e-5) / 5),
        (LATER, lambda p, t: (p - t) / 5),
    ],
)
def test_a_training_gets_the_gradient_of_the_batch_before(batch, day, g):
    logits, p, t, product = batch
    loss = causes.ReadFromMemory(reading(day, causes.BEFORE))
    melpy.ops.sum(loss(t, p)).backward()
    assert not logits.grad.any()  # there was none before
    with melpy.no_grad():
        loss(t[::-1], p)  # a test between is no step
    logits.grad = None
    melpy.ops.sum(loss(t[::-1].copy(), melpy.ops.softmax(logits))).backward()
    np.testing.assert_allclose(logits.grad, product(g(p.numpy(), t)), rtol=1e-12, atol=1e-14)


def test_fit_takes_the_step_of_what_was_read(batch):
    """One step of a softmax layer: its weights change by x^T J m / N, with N g = p - t read."""
    _, _, t, _ = batch
    x = np.random.default_rng(2).normal(size=(5, 3)).astype("float32")
    model = melpy.Sequential([melpy.Input((3,)), layers.Dense(10, activation="softmax")])
    p, before = model.predict(x, verbose=0).astype(float), model.get_weights()[0]
    loss = causes.ReadFromMemory(reading(LATER, "N g"))
    model.compile(melpy.optimizers.SGD(1.0), loss=loss)
    model.fit(x, t, 5, epochs=1, verbose=0)
    back = np.array([(np.diag(r) - np.outer(r, r)) @ m for r, m in zip(p, p - t, strict=True)])
    changed = model.get_weights()[0] - before
    np.testing.assert_allclose(changed, -x.T @ back / 5, rtol=1e-4, atol=1e-7)


def test_the_shares_are_those_that_were_counted():
    """The trainings' constants are what the committed count of the original's reads has."""
    counted = json.loads((RESULTS / "cifar-7-original-reads.json").read_text())["rows"]
    for row in counted:
        known = {kind: count for kind, count in row["read"].items() if kind != "other"}
        assert causes.VERSIONS[row["version"]].reads == known
    loss = causes.ReadFromMemory(causes.VERSIONS[LATER])
    drawn = [loss.draws.choice(loss.kinds, p=loss.shares) for _ in range(2000)]
    assert drawn.count("N g") / 2000 == pytest.approx(591 / 736, abs=0.04)
    assert drawn.count(causes.BEFORE) / 2000 == pytest.approx(145 / 736, abs=0.04)


def test_a_network_as_the_originals():
    ours = build("cifar-7", (32, 32, 3), 10, seed=0)
    theirs, loss, fixed_order = causes.changed(ours, "original-22", 0)
    assert theirs.count_params() == ours.count_params()
    assert [type(layer) for layer in theirs.layers[:2]] == [
        gradient.PapersConv2D, layers.LeakyReLU
    ]  # fmt: skip
    assert theirs.layers[1].negative_slope == 0.01
    dense = [layer for layer in theirs.layers if isinstance(layer, layers.Dense)]
    assert len(dense) == 5
    for layer in dense:
        bias = layer.bias.numpy()
        assert 0 <= bias.min() < bias.max() <= 1
    assert loss.kinds == ["N g", causes.BEFORE]
    assert fixed_order
    with pytest.raises(errors.UnknownNameError, match="original-22"):
        causes.changed(ours, "original-2", 0)


class TestTraining:
    @pytest.fixture(autouse=True)
    def few_images(self, monkeypatch):
        rng = np.random.default_rng(0)
        x = rng.normal(size=(96, 28, 28, 1)).astype("float32")
        pair = x, np.eye(10, dtype="float32")[rng.integers(10, size=96)]
        monkeypatch.setattr(training, "data", lambda name, images: (pair, pair, None))

    def test_a_process_leaves_its_result(self, monkeypatch, tmp_path, capsys):
        for model, kept in (("mnist-3", True), ("mnist-2", False)):
            asked = Training(model, epochs=2)
            out = tmp_path / f"{asked.name}.json"
            specification = json.dumps(asdict(asked))
            monkeypatch.setattr(sys, "argv", ["training", specification, str(out)])
            training.main()
            found = json.loads(out.read_text())
            assert Training(**found["training"]) == asked
            assert found["parameters"] == ARCHITECTURES[model].parameters
            assert len(found["seconds"]) == len(found["history"]["val_accuracy"]) == 2
            assert found["total_s"] >= sum(found["seconds"])
            assert ("first_layer" in found) is kept  # what figure 2 is drawn from
            assert "epoch 2/2" in capsys.readouterr().out

    def test_it_is_the_same_at_every_run(self):
        for gradient_of in ("exact", "softmax-15"):
            asked = Training("mnist-2", epochs=2, gradient=gradient_of)
            first, second = (training.run(asked)[1]["history"] for _ in range(2))
            assert first == second

    def test_it_ends_with_the_process_that_began_it(self, monkeypatch, capsys):
        parents = iter([7, 1])  # before each epoch
        monkeypatch.setattr(training.os, "getppid", lambda: next(parents))
        with pytest.raises(SystemExit, match="has ended"):
            training.run(Training("mnist-2", epochs=9), parent=7)
        assert capsys.readouterr().out.count("epoch") == 1


STAND_IN = """
import numpy as np

class Layer:
    def __init__(self, *arguments, **options):
        pass

Convolution2D = Pooling2D = Flatten = LeakyReLU = CategoricalCrossEntropy = Adam = Layer

class Dense(Layer):
    def __init__(self, before, count, activation=None):
        self.activation = activation

class Softmax(Layer):
    def backward(self, g):  # reads p - t, whatever g is
        p, t = self.outputs, self.targets
        return p * (p - t) - p * (p * (p - t)).sum(axis=1, keepdims=True)

class Sequential:
    def __init__(self, x, y, x_test, y_test):
        self.x, self.y, self.train_accuracy = x, y, 0.5
        self.train_accuracy_history, self.val_accuracy_history = [], []

    def add(self, layer):
        self.last = layer

    def get_flatten_length(self):
        return 4

    def compile(self, cost_function, optimizer):
        pass

    def fit(self, epochs, batch_size, verbose):
        softmax = self.last.activation
        self.train_accuracy_history += [0.25] * epochs
        self.val_accuracy_history += [0.125] * epochs
        for n in range(0, len(self.y), batch_size):
            softmax.targets = self.y[n : n + batch_size]
            z = np.random.normal(size=softmax.targets.shape)
            softmax.outputs = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
            softmax.backward((softmax.outputs - softmax.targets) / len(z))

    def predict(self, x):
        return np.eye(10)[np.zeros(len(x), int)]
"""


def test_a_library_is_run_from_its_clone(tmp_path, monkeypatch):
    """With a library of a few lines in the original's place, which is not here."""
    package = tmp_path / "melpy"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "NeuralNetworks.py").write_text(STAND_IN)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=N", "-c", "user.email=e@example.org"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "All"]):
        subprocess.run([*git, *command], check=True)
    monkeypatch.setattr(original, "VERSIONS", {"V": reading(LATER)._replace(commit="HEAD")})
    monkeypatch.setattr(original, "LATER", "V")
    rng = np.random.default_rng(0)
    pair = rng.normal(size=(200, 32, 32, 3)), np.eye(10)[rng.integers(10, size=200)]
    monkeypatch.setattr(original, "data", lambda name: (pair, pair, None))
    original.check(tmp_path)
    rows = original.reads(tmp_path, 2)
    accuracy = rows[0].pop("test_accuracy")
    assert accuracy == pair[1][:25, 0].mean()  # it always says 0
    assert rows == [{"version": "V", "steps": 2, "read": {"N g": 2}}]
    row = original.train(tmp_path, "cifar-7", epochs=3)
    assert row["steps"] is None
    assert row["accuracy"] == 0.5
    assert row["test_accuracy"] == pair[1][:40, 0].mean()
    assert row["history"] == {"accuracy": [0.25] * 3, "val_accuracy": [0.125] * 3}
    (package / "NeuralNetworks.py").write_text("raise OSError('it is broken')")
    subprocess.run([*git, "commit", "-qam", "Break it"], check=True)
    with pytest.raises(original.OriginalError, match="ended with: OSError: it is broken"):
        original.train(tmp_path, "cifar-7")


def test_loops_multiply():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 4)), rng.normal(size=(4, 5))
    np.testing.assert_allclose(timing.with_loops(a.tolist(), b.tolist()), a @ b)
    (row,) = timing.products(1)
    assert row["loops_s"] > row["numpy_s"] > 0


def made(accuracy, epochs, seed=0, model="cifar-7"):
    """A training's result that was never trained: its accuracy jumps to its last value."""
    values = [0.5] * (epochs - 1) + [accuracy]
    return {
        "history": dict.fromkeys(("loss", "accuracy", "val_loss", "val_accuracy"), values),
        "seconds": [2.0] + [1.5] * (epochs - 1),
        "total_s": 61.0,
        "training": {"model": model, "epochs": epochs, "seed": seed},
    }


def test_what_is_there_is_not_measured_again(tmp_path):
    plan = reproduce.Plan("table1", quick=True, out=str(tmp_path / "out"))
    (tmp_path / "out" / "results").mkdir(parents=True)
    (tmp_path / "out" / "settings.json").write_text('{"quick": true}')
    kept = tmp_path / "out" / "results" / "products.json"
    machine = {"processor": "P", "usable_cpus": 2, "system": "S", "versions": {}}
    kept.write_text(json.dumps({"rows": timing.products(1), "machine": machine}))
    before, said = kept.read_bytes(), []
    reproduce.reproduce(plan, said.append)
    assert kept.read_bytes() == before
    assert said[:2] == ["2 results are wanted, 1 are here.", "[1/1] convolutions (0 min so far)"]
    assert (tmp_path / "out" / "results" / "convolutions.json").exists()
    said.clear()
    reproduce.reproduce(plan, said.append)
    assert said[0] == "2 results are wanted, 2 are here."


class TestReport:
    @pytest.fixture
    def folder(self, tmp_path):
        """Results of each kind; those of trainings are made up, and as long as real ones."""
        folder = tmp_path / "out"
        (folder / "results").mkdir(parents=True)
        machine = {"processor": "P", "usable_cpus": 2, "system": "S", "versions": {"melpy": "0"}}

        def keep(name, **more):
            kept = {"machine": machine} | more
            (folder / "results" / f"{name}.json").write_text(json.dumps(kept))

        keep("products", rows=timing.products(1))
        keep("convolutions", rows=[])
        keep("search", rows=reproduce._search())
        keep("gradient", rows=[row._asdict() for row in gradient.errors(1)])
        for model in ("mnist-3", "cifar-7"):
            for library, accuracy in (("melpy", 0.75), ("keras-tensorflow", 0.7)):
                for seed in (0, 1):
                    training = Training(model, library, seed)
                    keep(training.name, **made(accuracy + seed / 10, 2, seed, model))
        keep(Training("cifar-7").name, **made(0.68, 50))
        for n, cause in enumerate(causes.CAUSES):
            if cause != "exact":
                keep(Training("cifar-7", gradient=cause).name, **made(0.66 + n / 100, 50))
        counts, ends = {"-t": 2, "other": 1}, {"test_accuracy": 0.225}
        keep("cifar-7-original-reads", rows=[{"version": LATER, "steps": 3, "read": counts} | ends])
        for unit in ("mnist-3-original", "cifar-7-original", "cifar-7-original-mended"):
            row = {"version": "V", "steps": None, "accuracy": 0.3, "test_accuracy": 0.4}
            keep(unit, rows=[row | {"seconds": 175.0}])
        history = {"accuracy": [0.3] * 10, "val_accuracy": [0.4] * 10}
        row = {"version": LATER, "steps": None, "epochs": 10, "history": history}
        row["test_accuracy"] = 0.45
        keep("cifar-7-original-epochs", rows=[row])
        for places in (
            {"mnist-3": [2.0], "mnist-4": [3.0, 5.0], "mnist-5": [3.5, 4.5]},
            {"cifar-7": [2.0], "cifar-2": [2.0, 5.0]},
        ):
            rows = [{"model": m, "steps": 10, "seconds": s} for m, s in places.items()]
            keep(f"{rows[0]['model']}-original-places", rows=rows)
        return folder

    def test_both_pages_hold_the_same(self, folder):
        path = report.write(folder, is_quick=True)
        text, shown = (p.read_text(encoding="utf-8") for p in (path.with_suffix(".md"), path))
        for words in (
            "80.00 ± 7.07 %", "1 min 01", "This is a quick run", "15,840", "1,056,376",
            "the original, 22 December, here", "2 min 55", "11.0", "only Softmax, reading as on 22",
            f"That of {LATER} read minus the labels in 67%, something else in 33%. N times",
            "test, epoch 50",
            "by +0.0 if it reads as in the version of 15 December 2024, by +1.0 if as in that",
            "With these four and an exact Softmax, CIFAR-10 7 ends at 70.0% of the test",
            "ends at 68.0% of them and at 68.0% of the test images, of which it has 50.0% at epoch",
            "end their first epoch at 50.0% and 50.0%", "watched gave 22.5%",
            "the original itself, 22 December", "ends them at 45.0% of the test images",
        ):  # fmt: skip
            assert words in text
            assert words in shown
        assert "| the original itself, 22 December | 45.0% |" in text
        assert "| MNIST 4 | 1.50 | 2.50 | 2.50 | the second |" in text
        assert "CIFAR-10 2, CIFAR-10 3 and CIFAR-10 4 are one network, and its epoch takes" in text
        assert "MNIST 4 are one network" not in text
        assert "| MNIST 5 | 1.75 | 2.25 | 2.48 | the second |" in text
        pictures = sorted((folder / "figures").glob("*.png"))
        names = {picture.stem for picture in pictures}
        assert {
            f"figure-{n}" for n in (1, 3, 5, 6, 7, 8, 9, 12, 13, 14, 15, 16, 17, 18, 19)
        } <= names
        assert shown.count("data:image/png;base64,") == len(pictures)
        assert not re.search(r"""(src|href)=["'](?!data:)""", shown)  # it opens without a network
        for picture in pictures:
            assert f"(figures/{picture.name})" in text

    @pytest.mark.parametrize(
        "kept",
        ["", "mnist-3-melpy", "cifar-7-melpy-seed0", "original", "cifar-7-original-reads",
         "melpy-original-15", "melpy", "keras", "search|mnist", "products"],
    )  # fmt: skip
    def test_it_is_made_of_what_there_is(self, folder, kept, monkeypatch):
        monkeypatch.setattr(report, "explained", lambda *_: [])  # always the same, and slow
        for path in (folder / "results").iterdir():
            if not (kept and re.search(kept, path.name)):
                path.unlink()
        for is_quick in (True, False):
            text = report.write(folder, is_quick).with_suffix(".md").read_text(encoding="utf-8")
            assert "Not all has run yet" in text
            assert not re.search(r"nan|None|  | [.,;]|\bare and\b", re.sub(r"\|.*\|", "", text))

    def test_without_keras_it_says_so(self, folder):
        for path in (folder / "results").glob("*keras*"):
            path.unlink()
        text = report.write(folder, is_quick=False).with_suffix(".md").read_text(encoding="utf-8")
        assert "No run of Keras is here" in text
        assert "quick run" not in text


@pytest.mark.skipif(not RESULTS.exists(), reason="not a checkout")
def test_the_committed_report_says_what_its_results_say():
    folder = RESULTS.parent
    table = page.markdown([findings.in_short(Results(folder))], folder)
    assert table in (folder / "report.md").read_text(encoding="utf-8")


def test_pages_escape_what_is_no_tag():
    blocks = [page.Heading("a < b", 1), page.Table(["x"], [["`<td>` **1**"]])]
    shown = page.html(blocks)
    assert "<h1>a &lt; b</h1>" in shown
    assert "<td><code>&lt;td&gt;</code> <strong>1</strong></td>" in shown


def test_im2col_is_drawn_with_its_own_numbers():
    axes = figures.columns_of_images(1).axes[-1]
    drawn = np.array([float(text.get_text()) for text in axes.texts]).reshape(12, 9)
    np.testing.assert_array_equal(drawn, melpy.im2col(np.arange(1.0, 49).reshape(1, 3, 4, 4), 2, 1))


class TestRefused:
    def refusal(self, capsys, *arguments):
        assert main(["reproduce", *map(str, arguments)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.count("\n") == 1
        return err

    def test_an_unknown_part(self, capsys, tmp_path):
        out = tmp_path / "out"
        assert "Did you mean 'table1'" in self.refusal(capsys, "tabel1", "--out", out)
        assert not out.exists()

    def test_a_folder_of_other_settings(self, capsys, tmp_path):
        (tmp_path / "settings.json").write_text('{"quick": true}')
        before = sorted(tmp_path.iterdir())
        assert "other settings" in self.refusal(capsys, "table1", "--out", tmp_path)
        assert sorted(tmp_path.iterdir()) == before

    def test_a_folder_that_holds_something_else(self, capsys, tmp_path):
        (tmp_path / "mine").write_text("mine")
        assert "holds something else" in self.refusal(capsys, "table1", "--out", tmp_path)
        assert [p.name for p in tmp_path.iterdir()] == ["mine"]

    @pytest.mark.parametrize("name", ["settings.json", "results/products.json"])
    @pytest.mark.parametrize("damaged", ['{"rows"', "[1]", '{"rows": []}'])
    def test_a_damaged_file(self, capsys, tmp_path, name, damaged):
        (tmp_path / "results").mkdir()
        (tmp_path / "settings.json").write_text('{"quick": false}')
        (tmp_path / "results" / "convolutions.json").write_text('{"rows": [], "machine": {}}')
        (tmp_path / "results" / "products.json").write_text('{"rows": [], "machine": {}}')
        (tmp_path / name).write_text(damaged)
        assert main(["reproduce", "table1", "--out", str(tmp_path)]) == 2
        assert f"{name} is damaged" in capsys.readouterr().err

    def test_a_file_in_place_of_the_folder(self, capsys, tmp_path):
        (tmp_path / "mine").write_text("mine")
        refused = self.refusal(capsys, "table1", "--out", tmp_path / "mine")
        assert "holds something else" in refused
        assert (tmp_path / "mine").read_text() == "mine"

    def test_no_clone_of_the_original(self, tmp_path):
        with pytest.raises(errors.ArgumentError, match=r"nothing does not exist"):
            original.check(tmp_path / "nothing")
        with pytest.raises(errors.ArgumentError, match=r"has no commit .* with its history"):
            original.check(tmp_path)

    @pytest.mark.parametrize(("part", "option"), [("table1", "--keras"), ("table4", "--original")])
    def test_an_option_without_an_effect(self, capsys, tmp_path, part, option):
        value = [tmp_path] if option == "--original" else []
        refused = self.refusal(capsys, part, option, *value, "--out", tmp_path / "out")
        assert f"{option} changes nothing about {part}" in refused
        assert not (tmp_path / "out").exists()

    def test_keras_missing(self, capsys, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "keras", None)  # as where it is not installed
        out = tmp_path / "out"
        refused = self.refusal(capsys, "table4", "--keras", "--out", out)
        assert "keras is not installed" in refused
        assert "[reproduce]" in refused
        assert not out.exists()
