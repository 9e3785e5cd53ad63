"""Models unlike the one that comes with melpy: the session's numbers of them are NumPy's too."""

import json

import numpy as np
import pytest

import melpy
from melpy import layers, losses
from melpy.lab.breaking import owners_of
from melpy.lab.steps import Settings, Training
from melpy.lab.task import Task, accuracy_of
from melpy.lab.training import readied, threshold_of
from melpy.lab.watched import watched

from .shared import arrays_of, ask, served, session_of

SPARSE = "sparse_categorical_crossentropy"


def model_of(shape, make, loss=SPARSE, classes=3):
    """Return a compiled model of what `make` makes of an input."""
    melpy.random.set_seed(1)
    x = melpy.Input(shape)
    y = make(x)
    if classes:
        y = layers.Dense(classes, "softmax", name="head")(layers.Flatten(name="flat")(y))
    model = melpy.Model(x, y)
    model.compile("adam", loss)
    return model


class Block(layers.Layer):
    """A layer of one's own that holds others."""

    def __init__(self, **options):
        super().__init__(**options)
        self.conv = layers.Conv2D(2, 3, padding="same", name="conv")
        self.pool = layers.MaxPooling2D(2, name="pool")

    def call(self, x):
        return self.pool(self.conv(x))


def doubled(layer):
    return lambda x: layer(layer(x))


def in_two_blocks(x):
    for name in "ab":
        dense = layers.Dense(4, "relu", name="dense")
        x = melpy.Sequential([melpy.Input((4,)), dense], name=name)(x)
    return x


CONVOLUTIONS = {
    "a name in brackets": lambda x: layers.Conv2D(2, 3, name="x (a)")(x),
    "a name as of a second call": lambda x: layers.Conv2D(2, 3, name="x (2)")(x),
    "called twice": doubled(layers.Conv2D(2, 3, padding="same", name="conv")),
    "inside a layer of one's own": lambda x: Block(name="b")(Block(name="a")(x)),
    "with strides above 8": lambda x: layers.Conv2D(2, 9, strides=9, name="patches")(x),
}


@pytest.mark.parametrize("make", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_convolutions_and_poolings_of_any_name_and_place_are_taken_apart(make):
    session = session_of(model_of((18, 18, 2), make))
    told = session.trace({"sample": 1})
    arrays = arrays_of(session, told)
    drawn = [row for row in told["rows"] if row["kind"] in ("conv", "pool")]
    assert drawn
    for row in drawn:
        ask = session.convolution if row["kind"] == "conv" else session.pooling
        answer = ask({"trace": told["trace"], "path": row["path"], "strides": None})
        assert answer["dy_from"] == "trace"
        own = next(one for one in session.lab()["model"]["layers"] if one["path"] == row["path"])
        assert own["config"]["strides"]
        made = arrays_of(session, answer)["y"]
        whole = arrays[row["output"]]
        row, column = answer["first"]
        height, width = answer.get("y_shape", made.shape[:2])
        part = whole[row : row + height, column : column + width]
        np.testing.assert_allclose(made.reshape(part.shape), part, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kind", [layers.Conv2D, layers.MaxPooling2D], ids=["conv", "pool"])
def test_an_excerpt_says_where_in_the_image_and_in_the_output_it_lies(kind, padding):
    made = kind(2, 3, padding=padding, name="it") if kind is layers.Conv2D else kind(3, 2, padding)
    session = session_of(model_of((40, 32, 2), made))
    told = session.trace({"sample": 1})
    arrays = arrays_of(session, told)
    ask, path = (session.convolution if kind is layers.Conv2D else session.pooling), made.name
    answer = ask({"trace": told["trace"], "path": path, "crop": [13, 9, 9, 9]})
    assert answer["cut"]["crop"]
    part = arrays_of(session, answer)
    row, column = (max(0, at) for at in answer["origin"])
    height, width, _ = part["x"].shape
    x = arrays["input"][row : row + height, column : column + width]
    np.testing.assert_array_equal(part["x"], x)
    row, column = answer["first"]
    height, width = answer.get("y_shape", part["y"].shape[:2])
    y = arrays[f"{path}/output"][row : row + height, column : column + width]
    np.testing.assert_allclose(part["y"].reshape(y.shape), y, rtol=1e-5, atol=1e-6)


WEIGHTS = {
    "shared": ((4,), doubled(layers.Dense(4, name="dense")), ["dense", "head"]),
    "of two layers of one name": ((4,), in_two_blocks, ["a/dense", "b/dense", "head"]),
    "of a recurrent layer": ((5, 3), lambda x: layers.LSTM(4, name="lstm")(x), ["lstm", "head"]),
    "thinned by dropout": (
        (6,),
        lambda x: layers.Dropout(0.5)(layers.Dense(8, name="dense")(x)),
        ["dense", "head"],
    ),
    "in brackets": ((4,), lambda x: layers.Dense(4, name="x (2)")(x), ["x (2)", "head"]),
}


@pytest.mark.parametrize(("shape", "make", "owners"), WEIGHTS.values(), ids=WEIGHTS)
def test_each_gradient_of_the_trace_is_the_first_step_s_of_room_5(shape, make, owners):
    model = model_of(shape, make)
    assert list(owners_of(model)) == owners
    session = session_of(model)
    told = session.trace({"sample": 1})
    arrays, seen = arrays_of(session, told), set()
    for row in told["rows"]:
        for name, key in row["d_weights"].items():
            assert row["weights"][name], f"{row['path']} shows no values of {name}"
            if key in seen:  # of another call, which the page leaves out
                continue
            seen.add(key)
            gradient = arrays[key].reshape(-1)
            index = int(np.abs(gradient).argmax())
            question = {"weight": f"{row['path']}/{name}", "index": index, "steps": 1}
            steps = watched(session, {"trace": told["trace"], **question})["runs"]
            for kind in ("adam", "sgd"):
                assert steps[kind][0]["gradient"] == pytest.approx(gradient[index], rel=1e-5)
                before = arrays[row["weights"][name]].reshape(-1)[index]
                assert steps[kind][0]["before"] == pytest.approx(before)
    assert len(seen) == len(model.trainable_weights)


@pytest.mark.parametrize(("shape", "make", "path", "silent"), [
    ((4,), in_two_blocks, "a/dense", {"a/dense"}),
    ((4,), in_two_blocks, "b/dense", {"a/dense", "b/dense"}),
    ((5, 3), WEIGHTS["of a recurrent layer"][1], "lstm", {"lstm"}),
])  # fmt: skip
def test_a_cut_is_behind_the_layer_of_that_path_alone(shape, make, path, silent):
    model = model_of(shape, make)
    session = session_of(model)
    data = session.data
    task = Task(model, data.x, data.y, data.held_x, data.held_y, model.loss)
    training = Training(task, Settings(batch_size=8))
    training.cut = {path}
    gradients = training.advance()["gradients"]
    assert {name for name, norm in gradients.items() if norm == 0} == silent


def test_a_constraint_is_named_and_kept_to():
    limit = melpy.constraints.MaxNorm(0.3)
    dense = layers.Dense(4, kernel_constraint=limit, name="dense")
    session = session_of(model_of((5,), dense))
    trace = session.trace({"sample": 1})["trace"]
    found = watched(session, {"trace": trace, "weight": "dense/kernel", "index": 2, "steps": 1})
    assert found["constraint"] == "MaxNorm"
    step = found["runs"]["sgd"][0]
    kernel = session.model.get_weights()[0].copy()
    kernel[0] -= 0.001 * step["gradient"] * (np.arange(4) == 2)  # the norm is of its column
    told = session.trace({"sample": 1})
    gradient = arrays_of(session, told)["dense/kernel/gradient"]
    moved = session.model.get_weights()[0] - 0.001 * gradient
    kept = moved * min(1, 0.3 / np.linalg.norm(moved[:, 2]))
    assert step["after"] == pytest.approx(kept[0, 2], rel=1e-4)
    plain = watched(session, {"trace": trace, "weight": "dense/bias", "steps": 1})
    assert plain["constraint"] is None


LOGITS = {
    "of classes": (3, losses.SparseCategoricalCrossentropy(from_logits=True)),
    "one place a class": (3, losses.CategoricalCrossentropy(from_logits=True)),
    "of one output": (1, losses.BinaryCrossentropy(from_logits=True)),
}


@pytest.mark.parametrize(("count", "loss"), LOGITS.values(), ids=LOGITS)
def test_logits_are_shown_as_the_shares_that_their_loss_makes_of_them(count, loss):
    session = session_of(model_of((5,), layers.Dense(count), loss, classes=0))
    told = session.trace({"sample": 1})
    z = arrays_of(session, told)[told["logits"]].astype(np.float64)
    z = z if count > 1 else np.array([0.0, z[0]])
    shares = np.exp(z) / np.exp(z).sum()
    np.testing.assert_allclose(told["probabilities"], shares, rtol=1e-6)
    assert told["loss"] == pytest.approx(-np.log(shares[told["label"]]), rel=1e-5)


def test_several_sigmoids_are_no_shares():
    loss = losses.BinaryCrossentropy(from_logits=True)
    session = session_of(model_of((5,), layers.Dense(4), loss, classes=0))
    assert session.trace({"sample": 1})["probabilities"] is None


@pytest.mark.parametrize(("loss", "bound"), [
    (losses.BinaryCrossentropy(from_logits=True), 0.0), ("hinge", 0.0), (losses.SquaredHinge(), 0),
    (losses.binary_crossentropy, 0.5), (losses.BinaryCrossentropy(), 0.5), ("mse", 0.5),
])  # fmt: skip
def test_one_output_says_the_second_class_above_its_loss_s_own_bound(loss, bound):
    assert threshold_of(loss) == bound
    made = model_of((1,), layers.Dense(1, kernel_initializer="ones"), loss, classes=0)
    x = bound + np.array([[-0.4], [-0.1], [0.1], [0.4]], np.float32)
    y = np.array([[0.0], [0.0], [1.0], [1.0]], np.float32)
    assert accuracy_of(y, made.predict(x, verbose=0), threshold_of(loss)) == 1.0
    training = Training(Task(made, x, y, x, y, loss), Settings(is_fresh=False, batch_size=4))
    assert training.measure()["accuracy"] == 1.0


def test_an_identity_at_the_end_hides_no_softmax():
    softmax = model_of((5,), layers.Dense(4, name="scores"), classes=0)
    y = layers.Identity()(layers.Softmax(name="softmax")(softmax.outputs[0]))
    model = melpy.Model(softmax.inputs[0], y)  # as some exporters to ONNX leave it
    assert readied(model) == SPARSE
    told = session_of(model).trace({"sample": 1})
    assert told["logits"] == "scores/output"
    assert len(told["probabilities"]) == 4


def test_the_decision_is_drawn_of_shares_and_the_points_of_classes():
    pytest.importorskip("starlette", reason="no Starlette: melpy[lab] is not installed")
    loss = losses.CategoricalCrossentropy(from_logits=True)
    session = session_of(model_of((2,), layers.Dense(3), loss, classes=0))
    with served(session) as server:
        ask(server, "/api/live", {"command": "new"})
        found = json.loads(ask(server, "/api/live/0/boundary")[2])
    shares = np.array(found["values"]).reshape(-1, 3)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-3)
    assert found["y"] == session.data.y.tolist()
