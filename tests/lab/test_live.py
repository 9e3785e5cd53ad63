"""Live training: steps are train_step's, go back to the same bits, and fail as they should."""

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

import melpy
from melpy import config, layers
from melpy.errors import ArgumentError, MelpyError
from melpy.lab import plane
from melpy.lab.breaking import owners_of
from melpy.lab.live import COMMANDS, Live
from melpy.lab.log import Log
from melpy.lab.runs import Run
from melpy.lab.said import sentence
from melpy.lab.steps import MOST_STEPS_BACK, Settings, Training
from melpy.lab.task import Task, accuracy_of
from melpy.lab.watched import steps_of, weight_of

FAST = Settings(optimizer="adam", rate=0.01, batch_size=16)


@pytest.fixture
def task():
    return plane.task("moons", (6, 5))


@pytest.fixture
def live(task):
    data = SimpleNamespace(
        x=task.x, y=task.y, held_x=task.held_x, held_y=task.held_y, classes=["a", "b"]
    )
    task.model.compile("adam", task.loss)
    session = SimpleNamespace(model=task.model, data=data, loss=task.loss, lock=threading.RLock())
    live = Live(session)
    yield live
    live.close()


def images():
    """A network with what draws, and with weights that are not trained."""
    x = np.random.default_rng(3).normal(size=(40, 6, 6, 1)).astype(np.float32)
    y = np.arange(40) % 3
    model = melpy.Sequential([
        melpy.Input((6, 6, 1)),
        layers.Conv2D(4, 3, padding="same"),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dropout(0.3),
        layers.Dense(3, "softmax"),
    ])  # fmt: skip
    return Task(model, x, y, x[:8], y[:8], "sparse_categorical_crossentropy", ("a", "b", "c"))


def weights(training):
    return [w.copy() for w in training.model.get_weights()]


def assert_same(left, right):
    for a, b in zip(left, right, strict=True):
        np.testing.assert_array_equal(a, b)


def until(is_so, timeout_s=60):
    end = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


# A step is train_step.


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "rmsprop"])
def test_steps_are_train_steps_to_the_bit(task, optimizer):
    training = Training(task, Settings(optimizer=optimizer, rate=0.01, batch_size=16))
    twin = Training(task, training.settings)
    for step in range(15):
        training.advance()
        with config.using_kernels("im2col"):
            twin.model.train_step(twin.batch(step))
    assert_same(weights(training), weights(twin))
    assert not np.array_equal(weights(training)[0], training._first.weights[0])


def test_steps_of_a_network_that_draws_are_train_steps():
    training, twin = Training(images(), FAST), Training(images(), FAST)
    twin.model.set_weights(training.model.get_weights())
    for step in range(4):
        told = training.advance()
        twin.model.reset_metrics()
        with config.using_kernels("im2col"):
            made = twin.model.train_step(twin.batch(step))
        assert told["loss"] == pytest.approx(float(made["loss"]), abs=1e-7)
    assert_same(weights(training), weights(twin))


def test_an_epoch_sees_every_sample_once(task):
    training = Training(task, FAST)
    rows = [training.batch(step)[0] for step in range(training.batches)]
    seen = np.concatenate(rows)
    assert len(seen) == len(task.x)
    assert_same(np.sort(seen, axis=0).T, np.sort(task.x, axis=0).T)
    again = np.concatenate([training.batch(training.batches + n)[0] for n in range(len(rows))])
    assert not np.array_equal(seen, again)


def test_the_norms_told_are_those_of_the_gradients(task):
    training = Training(task, Settings(optimizer="sgd", rate=0.5, batch_size=16))
    before = {path: [w.value.copy() for w in ws] for path, ws in training.owners.items()}
    told = training.advance()
    assert list(told["gradients"]) == ["hidden_1", "hidden_2", "output"]
    for path, ws in training.owners.items():
        moves = [w.value - b for w, b in zip(ws, before[path], strict=True)]
        norm = np.sqrt(sum(np.sum(np.float64(m) ** 2) for m in moves))
        assert told["moves"][path] == pytest.approx(norm)
        assert told["gradients"][path] == pytest.approx(norm / 0.5, rel=1e-4)  # SGD: move = rate g
        held = np.sqrt(sum(np.sum(np.float64(w.value) ** 2) for w in ws))
        assert told["weights"][path] == pytest.approx(held)


def test_two_runs_of_one_seed_begin_alike_and_another_seed_does_not(task):
    one, same = Training(task, FAST), Training(task, FAST)
    assert_same(weights(one), weights(same))
    other = Training(task, Settings(seed=1))
    assert not np.array_equal(weights(one)[0], weights(other)[0])


def test_given_weights_are_begun_with(task):
    training = Training(task, Settings(is_fresh=False))
    assert_same(weights(training), task.model.get_weights())
    training.advance()
    assert not np.array_equal(weights(training)[0], task.model.get_weights()[0])


# Back.


@pytest.mark.parametrize("make", [lambda: plane.task("circles"), images], ids=["dense", "images"])
def test_back_and_on_again_gives_the_same_bits(make):
    training = Training(make(), FAST)
    told = [training.advance() for _ in range(3)]
    there = weights(training)
    told += [training.advance() for _ in range(6)]
    end = weights(training)
    training.take_back(6)
    assert training.step == 3
    assert_same(weights(training), there)
    again = [training.advance() for _ in range(6)]
    assert_same(weights(training), end)
    assert again == told[3:]


def test_restart_goes_back_to_the_first_weights_with_the_rate_that_is_set(task):
    training = Training(task, FAST)
    first = weights(training)
    for _ in range(5):
        training.advance()
    training.rate = 0.5
    training.restart()
    assert_same(weights(training), first)
    assert (training.step, training.steps_kept, training.rate) == (0, 0, 0.5)


def test_no_more_can_be_taken_back_than_is_kept(task):
    training = Training(task, FAST)
    training.advance()
    with pytest.raises(ArgumentError, match="only the last 1 steps are kept"):
        training.take_back(2)
    assert training.step == 1


def test_what_is_kept_is_bounded(task, monkeypatch):
    training = Training(task, FAST)
    monkeypatch.setattr("melpy.lab.steps.MOST_BYTES", 3 * training._first.size_bytes)
    for _ in range(10):
        training.advance()
    assert training.steps_kept == 3
    assert training._bytes <= 3 * training._first.size_bytes
    assert MOST_STEPS_BACK < 10_000


# Breaking.


def test_a_cut_layer_and_what_is_before_it_gets_no_gradient(task):
    run = Run(Training(task, FAST), Log())
    run.break_it("cut", "hidden_2")
    before = weights(run.training)
    told = run.training.advance()
    after = weights(run.training)
    assert told["gradients"]["hidden_1"] == told["gradients"]["hidden_2"] == 0
    assert told["gradients"]["output"] > 0
    assert_same(before[:4], after[:4])
    assert not np.array_equal(before[4], after[4])
    run.break_it("cut", "hidden_2", False)
    assert run.training.advance()["gradients"]["hidden_1"] > 0


def test_the_last_layer_cut_leaves_nothing_that_learns(task):
    run = Run(Training(task, FAST), Log())
    run.break_it("cut", "output")
    before = weights(run.training)
    told = run.training.advance()
    assert set(told["gradients"].values()) == {0.0}
    assert_same(before, weights(run.training))


def test_cutting_changes_nothing_forward(task):
    run, twin = Run(Training(task, FAST), Log()), Training(task, FAST)
    run.break_it("cut", "hidden_1")
    assert run.training.advance()["loss"] == twin.advance()["loss"]
    assert "call" not in vars(run.training.model.layers[0])  # nothing is left behind


def test_zeroed_weights_are_zero_and_can_be_taken_back(task):
    run = Run(Training(task, FAST), Log())
    run.advance(2)
    before = weights(run.training)
    run.break_it("zero", "hidden_1")
    assert not weights(run.training)[0].any()
    assert weights(run.training)[2].any()
    run.take_back()
    assert_same(weights(run.training), before)
    assert run.training.step == 2


def test_units_alike_stay_alike(task):
    run = Run(Training(task, FAST), Log())
    run.break_it("alike")
    run.advance(20)
    for kernel in weights(run.training)[:4:2]:
        np.testing.assert_allclose(kernel, kernel[:, :1].repeat(kernel.shape[1], 1), atol=1e-3)
    assert np.ptp(weights(run.training)[4], axis=1).min() > 0.01  # the outputs are not alike


def test_too_large_a_rate_fails_and_says_so():
    points = plane.task("halves")
    model = melpy.Sequential([melpy.Input((2,)), layers.Dense(4), layers.Dense(1)])
    numbers = points.y[:, None].astype("float32")
    regression = Task(model, points.x, numbers, points.x[:0], numbers[:0], "mse")
    run = Run(Training(regression, Settings(optimizer="sgd", rate=100.0)), Log())
    run.advance(60)
    assert (run.state, run.error) == ("failed", sentence("live.notFinite"))
    told = [event for event in run.log.since(0)[0] if event["kind"] == "step"]
    assert told[-1]["loss"] is None
    assert len(told) < 60  # it stopped there


def test_shuffled_labels_are_learned_from_but_not_measured_by(task):
    run = Run(Training(task, FAST), Log())
    run.break_it("labels")
    x, y = run.training.batch(0)
    rows = [np.flatnonzero((task.x == one).all(1))[0] for one in x]
    assert not np.array_equal(task.y[rows], y)
    assert sorted(run.training._labels()) == sorted(task.y)


@pytest.mark.parametrize(
    ("kind", "path", "expected"),
    [("melt", None, "one of cut, zero"), ("cut", None, "hidden_1"), ("zero", "hidden_9", "output"),
     ("zero", ["hidden_1"], "output")],
)  # fmt: skip
def test_what_cannot_be_broken_is_refused(task, kind, path, expected):
    run = Run(Training(task, FAST), Log())
    with pytest.raises(ArgumentError, match=expected):
        run.break_it(kind, path)


# Playing.


def test_playing_goes_on_until_it_is_paused(live):
    live.command({"command": "new", "run": 0, "pace": None})
    live.command({"command": "start", "run": 0})
    until(lambda: live.runs[0].training.step > 20)
    stands = live.command({"command": "pause", "run": 0})
    assert stands["state"] == "paused"
    step = live.runs[0].training.step
    time.sleep(0.05)
    assert live.runs[0].training.step == step
    steps = [e["step"] for e in live.logs[0].since(0)[0] if e["kind"] == "step"]
    assert steps == list(range(1, step + 1))


def test_commands_come_in_while_it_plays_at_full_speed(live):
    live.command({"command": "new", "run": 0, "pace": None})
    live.command({"command": "start", "run": 0})
    for rate in (0.01, 0.02, 0.03):
        begun = time.monotonic()
        stands = live.command({"command": "rate", "run": 0, "rate": rate})
        assert stands["rate"] == pytest.approx(rate)
        assert time.monotonic() - begun < 2


def test_played_steps_are_the_steps_made_one_by_one(live, task):
    live.command({"command": "new", "run": 0, "pace": None, "batch_size": 16, "rate": 0.01})
    live.command({"command": "start", "run": 0})
    until(lambda: live.runs[0].training.step > 10)
    live.command({"command": "pause", "run": 0})
    twin = Training(task, FAST)
    for _ in range(live.runs[0].training.step):
        twin.advance()
    assert_same(weights(live.runs[0].training), weights(twin))


def test_two_runs_play_at_once(live):
    for number in (0, 1):
        live.command({"command": "new", "run": number, "pace": None})
        live.command({"command": "start", "run": number})
    until(lambda: all(run.training.step > 5 for run in live.runs))


def test_a_run_pauses_once_nobody_looks(live):
    live.command({"command": "new", "run": 0, "pace": None})
    with live.reading(0):
        with live.reading(0):
            live.command({"command": "start", "run": 0})
        assert live.runs[0].state == "playing"
    until(lambda: live.runs[0].state == "paused")


def test_back_is_told_and_what_it_undid_is_forgotten(live):
    live.command({"command": "new", "run": 0})
    live.command({"command": "step", "run": 0, "count": 5})
    stands = live.command({"command": "back", "run": 0, "count": 2})
    assert (stands["step"], stands["state"]) == (3, "paused")
    events = live.logs[0].since(0)[0]
    assert [e["step"] for e in events if e["kind"] == "step"] == [1, 2, 3]
    assert {"kind": "back", "step": 3} in events


def test_held_out_samples_are_measured_at_the_start_and_after_each_epoch(live):
    live.command({"command": "new", "run": 0, "batch_size": 50})
    live.command({"command": "step", "run": 0, "count": 8})
    told = [e["step"] for e in live.logs[0].since(0)[0] if e["kind"] == "held out"]
    assert told == [0, 4, 8]


def test_a_new_run_begins_a_new_log(live):
    live.command({"command": "new", "run": 0})
    live.command({"command": "step", "run": 0, "count": 3})
    _, after = live.logs[0].since(0)
    live.command({"command": "new", "run": 0, "optimizer": "sgd"})
    events, _ = live.logs[0].since(after)
    assert events[0]["kind"] == "new"
    assert not [e for e in events if e["kind"] == "step"]


def test_the_rooms_network_takes_over_a_runs_weights_and_gets_its_own_back(live, task):
    given = task.model.get_weights()
    live.command({"command": "new", "run": 0})
    live.command({"command": "step", "run": 0, "count": 3})
    assert_same(task.model.get_weights(), given)
    live.command({"command": "adopt", "run": 0})
    assert_same(task.model.get_weights(), weights(live.runs[0].training))
    live.command({"command": "return", "run": 0})
    assert_same(task.model.get_weights(), given)


def test_a_plane_runs_weights_are_not_taken_over(live):
    live.command({"command": "new", "run": 0, "data": "circles"})
    with pytest.raises(ArgumentError, match="another network"):
        live.command({"command": "adopt", "run": 0})


def test_a_layer_that_raises_is_told_in_one_sentence(task):
    class Moody(layers.Layer):
        def call(self, x):
            if self.is_tired:
                raise RuntimeError("no more")
            return x

        is_tired = False

    moody = Moody()
    model = melpy.Sequential([melpy.Input((2,)), moody, layers.Dense(2, "softmax")])
    moody_task = Task(model, task.x, task.y, task.held_x, task.held_y, task.loss)
    run = Run(Training(moody_task, FAST), Log())
    Moody.is_tired = True
    run.advance()
    assert run.state == "failed"
    assert run.error["key"] == "error.library"
    assert "no more" in run.error["values"]["text"]


# What is asked wrongly.


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"command": "begin"}, "unknown command 'begin'"),
        ({}, "unknown command"),
        ({"command": ["new"]}, "unknown command"),
        ({"command": "start"}, "run 0 is not set up"),
        ({"command": "new", "run": 2}, "no such run"),
        ({"command": "new", "run": True}, "no such run"),
        ({"command": "new", "optimizer": "adma"}, "Did you mean 'adam'"),
        ({"command": "new", "optimizer": ["adam"]}, "unknown optimizer"),
        ({"command": "new", "rate": -1}, "learning rate is out of range"),
        ({"command": "new", "rate": "fast"}, "learning rate is out of range"),
        ({"command": "new", "batch_size": 0}, "batch_size is out of range"),
        ({"command": "new", "seed": -1}, "seed is out of range"),
        ({"command": "new", "data": "mooons"}, "Did you mean 'moons'"),
        ({"command": "new", "data": "moons", "hidden": [1000]}, "no such small network"),
        ({"command": "new", "data": "moons", "hidden": 8}, "no such small network"),
        ({"command": "new", "data": "moons", "activation": []}, "no such small network"),
        ({"command": "new", "pace": 0}, "steps a second"),
        ({"command": "new", "kernels": "loops"}, "unknown kernels"),
    ],
)
def test_bad_commands_are_refused_in_one_sentence(live, asked, message):
    with pytest.raises(MelpyError, match=message):
        live.command(asked)


@pytest.mark.parametrize("count", [0, -1, 1.5, "2", 10**9])
def test_bad_counts_are_refused(live, count):
    live.command({"command": "new"})
    for command in ("step", "back"):
        with pytest.raises(ArgumentError):
            live.command({"command": command, "count": count})
    assert live.runs[0].training.step == 0


def test_without_labels_it_says_what_is_missing(live):
    live.session.data = None
    with pytest.raises(ArgumentError, match="no samples with labels"):
        live.command({"command": "new"})


def test_after_the_end_nothing_is_begun(live):
    live.command({"command": "new"})
    live.close()
    with pytest.raises(ArgumentError, match="being stopped"):
        live.command({"command": "start"})
    assert not [t for t in threading.enumerate() if t.name == "live"]


def test_commands_are_those_of_the_page():
    assert set(COMMANDS) == {
        "state", "new", "drop", "start", "pause", "step", "back", "restart", "rate", "pace",
        "break", "adopt", "return",
    }  # fmt: skip


# The plane.


@pytest.mark.parametrize("name", plane.SETS)
def test_points_are_of_two_classes_and_lie_in_the_picture(name):
    x, y = plane.points(name)
    assert x.shape == (400, 2)
    assert x.dtype == np.float32
    assert np.bincount(y).tolist() == [200, 200]
    assert np.abs(x).max() < 1.2
    assert_same(x, plane.points(name)[0])


@pytest.mark.parametrize("name", plane.SETS)
def test_a_small_network_learns_the_points(name):
    task = plane.task(name, (16, 16), "relu")
    training = Training(task, Settings(optimizer="adam", rate=0.02, batch_size=20))
    for _ in range(500):
        training.advance()
    assert training.measure()["accuracy"] > 0.9


def test_decisions_are_the_networks_own(live):
    live.command({"command": "new", "data": "halves"})
    run = live.runs[0]
    values = run.decisions(5, 1.0)
    assert values.shape == (5, 5, 2)
    corner = np.asarray(run.training.model(np.float32([[-1, 1], [1, 1], [-1, -1]])))
    np.testing.assert_allclose(values[0, 0], corner[0], rtol=1e-5)
    np.testing.assert_allclose(values[0, 4], corner[1], rtol=1e-5)
    np.testing.assert_allclose(values[4, 0], corner[2], rtol=1e-5)


def test_images_have_no_boundary():
    run = Run(Training(images(), FAST), Log())
    with pytest.raises(ArgumentError, match="no points in the plane"):
        run.decisions(5, 1.0)


# Parts.


def test_owners_of_a_nested_network_are_its_inner_layers():
    inner = melpy.Sequential([layers.Dense(3, name="deep")], name="block")
    model = melpy.Sequential([melpy.Input((2,)), inner, layers.Dense(1, name="last")])
    assert list(owners_of(model)) == ["block/deep", "last"]


@pytest.mark.parametrize(
    ("y", "p", "expected"),
    [
        ([0, 1, 1], [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]], 2 / 3),
        ([[1, 0], [0, 1]], [[0.6, 0.4], [0.6, 0.4]], 0.5),
        ([[1], [0]], [[0.6], [0.4]], 1.0),
        ([0.3, 4.0], [[0.3], [4.0]], None),
        ([[0.3, 4.0]], [[[0.3], [4.0]]], None),
    ],
)
def test_accuracy(y, p, expected):
    assert accuracy_of(np.array(y), np.array(p)) == (expected and pytest.approx(expected))


def test_watched_steps_are_adams_formulas(task):
    model = Training(task, Settings()).model
    model.compile(melpy.optimizers.Adam(0.01), task.loss)
    weight = weight_of(model, "hidden_2/kernel")
    rows = steps_of(model, task.x[:1], task.y[:1], weight, 7, 12)
    m = v = 0.0
    for t, row in enumerate(rows, 1):
        g = row["gradient"]
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        assert row["t"] == t
        assert row["m"] == pytest.approx(m, rel=1e-5, abs=1e-9)
        assert row["v"] == pytest.approx(v, rel=1e-5, abs=1e-12)
        assert row["m_hat"] == pytest.approx(row["m"] / (1 - 0.9**t))
        pace = 0.01 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        step = -pace * m / (np.sqrt(v) + 1e-7)
        assert row["step"] == pytest.approx(step, rel=1e-4, abs=1e-7)
        assert row["after"] == pytest.approx(row["before"] + row["step"])
    assert [a["after"] for a in rows[:-1]] == [b["before"] for b in rows[1:]]
