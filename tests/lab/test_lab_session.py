"""What the page is told of a model: the library's numbers, and never too many of them."""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import melpy
from melpy import config, layers
from melpy.errors import ArgumentError, MelpyError, ShapeError
from melpy.experiments.opened import Opened
from melpy.lab.asked import NotHereError
from melpy.lab.outputs import of_one_output
from melpy.lab.pack import Pack
from melpy.lab.said import sentence
from melpy.lab.samples import Samples
from melpy.lab.session import MOST_TRACES, About, Session
from melpy.lab.watched import watched

from .shared import arrays_of, session_of, small_model


@pytest.fixture(scope="module")
def session():
    return session_of(small_model())


def test_what_it_begins_with(session):
    told = json.loads(json.dumps(session.lab(), allow_nan=False))
    assert told["model"]["name"] == "small"
    assert told["model"]["parameters"] == session.model.count_params()
    kinds = [(row["path"], row["kind"]) for row in told["model"]["layers"]]
    assert kinds == [("conv", "conv"), ("pool", "pool"), ("flat", "flatten"), ("head", "dense")]
    first = told["model"]["layers"][0]
    assert first["output_shape"] == [6, 6, 4]
    assert first["weights"][0] == {"name": "kernel", "shape": [3, 3, 2, 4]}
    assert first["config"]["padding"] == "same"
    assert told["data"]["labels"] == [0, 1, 2]
    assert told["left_out"] == []
    assert told["is_recorded"] is False


@pytest.mark.parametrize("optimizer", [None, "adam", "sgd"])
def test_a_trace_is_the_library_s(session, optimizer):
    told = session.trace({"sample": 2, "optimizer": optimizer})
    json.dumps(told, allow_nan=False)
    arrays = arrays_of(session, told)
    x, y = session.batch_of(told["trace"])
    with config.using_kernels("im2col"):
        made = session.model.trace(x, y, inside=True)
        twin = melpy.models.clone_model(session.model)
        twin.set_weights(session.model.get_weights())
        twin.compile(optimizer or "adam", "sparse_categorical_crossentropy")
        twin.train_step((x, y))
    assert told["loss"] == made.loss
    assert (told["sample"], told["label"]) == (2, 2)
    np.testing.assert_allclose(told["probabilities"], made.output[0], rtol=1e-6)
    for row in told["rows"]:
        own = made[row["path"]]
        np.testing.assert_array_equal(arrays[row["input"]], own.input[0])
        np.testing.assert_array_equal(arrays[row["output"]], own.output[0])
        np.testing.assert_array_equal(arrays[row["d_output"]], own.d_output[0])
        np.testing.assert_array_equal(arrays[row["d_input"]], own.d_input[0])
        for name, g in own.d_weights.items():
            np.testing.assert_array_equal(arrays[row["d_weights"][name]], g)
    conv, pool = told["rows"][:2]
    np.testing.assert_array_equal(arrays[conv["pre"]], made["conv"].inside.pre[0])
    winners = arrays[pool["marks"]["winners"]]
    np.testing.assert_array_equal(
        arrays[pool["input"]].reshape(-1)[winners], arrays[pool["output"]]
    )
    np.testing.assert_allclose(arrays[told["d_logits"]], made.output[0] - np.eye(3)[2], atol=1e-6)
    update = told["update"]
    assert update["optimizer"].lower() == (optimizer or "adam")
    for weight in twin.trainable_weights:
        keys = update["per_weight"][weight.path.removeprefix("small/")]
        np.testing.assert_array_equal(arrays[keys["after"]], weight.value)
        assert (keys["m"] is None) == (optimizer == "sgd")


def test_a_layer_s_input_is_sent_once(session):
    told = session.trace({"sample": 0})
    rows = told["rows"]
    for before, after in itertools.pairwise(rows):
        assert after["input"] == before["output"]


def test_what_is_drawn_is_scaled_and_guessed(session):
    samples = session.data
    drawn = Session(session.found, Samples(**{**vars(samples), "high": 16.0}))
    pixels = np.linspace(-1, 2, 36).reshape(6, 6)
    told = drawn.trace({"pixels": pixels.tolist()})
    shown = arrays_of(drawn, told)[told["input"]]
    np.testing.assert_allclose(shown[..., 0], np.clip(pixels, 0, 1) * 16, rtol=1e-6)
    assert told["is_label_guessed"] is True
    assert told["label"] == int(np.argmax(told["probabilities"]))
    assert told["sample"] is None
    assert drawn.trace({"pixels": pixels.tolist(), "label": 1})["label"] == 1


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"sample": 3}, "sample is out of range"),
        ({"sample": -1}, "sample is out of range"),
        ({"sample": "0"}, "sample is out of range"),
        ({"sample": True}, "sample is out of range"),
        ({"sample": 0, "label": 3}, "label is out of range"),
        ({"sample": 0, "optimizer": "adagrad"}, "unknown optimizer"),
        ({"sample": 0, "optimizer": ["adam"]}, "optimizer is no text"),
        ({"sample": 0, "seed": -1}, "seed is out of range"),
        ({"sample": 0, "training": "no"}, "neither true nor false"),
        ({"pixels": [[1, 2], [3, 4]]}, "pixels is not made of numbers. Expected 6x6 of them"),
        ({"pixels": [[1, 2], [3]]}, "pixels is not made of numbers"),
        ({"pixels": "all"}, "pixels is not made of numbers"),
        ({"pixels": [["a"] * 6] * 6}, "pixels is not made of numbers"),
        ({"pixels": [[None] * 6] * 6}, "pixels is not made of numbers"),
        ({"pixels": [[1e300] * 6] * 6}, "pixels is not made of numbers"),
        ({"pixels": [[True] * 6] * 6}, "pixels is not made of numbers"),
    ],
)
def test_bad_questions(session, asked, words):
    with pytest.raises(MelpyError) as refused:
        session.trace(asked)
    assert words in str(refused.value)
    assert str(refused.value).startswith("melpy lab: ")


def test_what_is_kept_is_bounded(session):
    first = session.trace({"sample": 0})
    for _ in range(MOST_TRACES):
        session.trace({"sample": 0})
    with pytest.raises(NotHereError, match="no longer kept"):
        session.batch_of(first["trace"])
    with pytest.raises(NotHereError, match="no longer kept"):
        session.convolution({"trace": first["trace"], "path": "conv"})
    with pytest.raises(NotHereError, match="no longer kept"):
        session.arrays("t0")
    assert len(session._bodies) <= 64


def test_a_pack_has_a_largest_size_and_names_what_has_no_room():
    pack = Pack(most_bytes=40)
    assert pack.add("a", np.ones(6)) == "a"
    assert pack.add("b", np.ones(6)) is None
    assert pack.add("c", np.ones(4, bool)) == "c"
    assert pack.left_out == [sentence("left.array", name="b", count=6)]
    assert len(pack.body()) == 40
    assert pack.directory["c"] == {"dtype": "int32", "shape": [4], "offset": 24}


def test_a_model_too_large_to_send_says_what_is_left_out():
    model = melpy.Sequential(
        [melpy.Input((3,)), layers.Dense(1500, name="wide"), layers.Dense(1500, name="wider"),
         layers.Dense(2, "softmax")]
    )  # fmt: skip
    session = session_of(model)
    told = session.trace({"sample": 0})
    assert sum(4 * np.prod(a["shape"]) for a in told["arrays"].values()) <= 2**25
    assert any("wider/kernel" in said["values"].get("name", "") for said in told["left_out"])
    assert all(row["output"] for row in told["rows"])
    keys = [said["key"] for said in session.lab()["left_out"]]
    assert keys[:2] == ["left.convolution", "left.pooling"]


def test_the_compiled_kernels_lie_close(session):
    pytest.importorskip("numba")
    session._compiled._compile()
    told = session.trace({"sample": 1})
    assert told["compiled_ready"] is True
    assert told["compiled"].keys() == {"conv", "pool", "flat", "head"}
    assert all(0 <= gap < 1e-5 for gap in told["compiled"].values())
    again = session.compiled(told["trace"])
    assert (again["compiled"], again["ready"]) == (told["compiled"], True)
    kept = session.model.get_weights()
    session.model.set_weights([w + 1 for w in kept])
    assert session.compiled(told["trace"])["compiled"] == {}  # they would compare other weights
    session.model.set_weights(kept)


def test_questions_at_once_get_the_answers_of_questions_one_by_one():
    session = session_of(small_model())
    alone = [session.trace({"sample": n})["loss"] for n in range(3)]
    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(lambda n: session.trace({"sample": n % 3}), range(12)))
        asked = [{"trace": one["trace"], "path": "conv"} for one in told]
        answers = list(pool.map(session.convolution, asked))
    assert [one["loss"] for one in told] == [alone[n % 3] for n in range(12)]
    assert len({one["id"] for one in [*told, *answers]}) == 24
    assert config.kernels() != "im2col"


class TestModels:
    def test_logits_without_a_softmax(self):
        model = melpy.Sequential([melpy.Input((4,)), layers.Dense(3)])
        session = session_of(model)
        assert session.lab()["loss"] == "sparse_categorical_crossentropy"
        told = session.trace({"sample": 1})
        p = np.exp(arrays_of(session, told)[told["logits"]])
        gap = arrays_of(session, told)[told["d_logits"]] - (p / p.sum() - np.eye(3)[1])
        assert np.abs(gap).max() < 1e-6

    @pytest.mark.parametrize("end", [layers.Softmax(), layers.Activation("softmax")])
    def test_a_softmax_that_is_a_layer_of_its_own(self, end):
        model = melpy.Sequential([melpy.Input((4,)), layers.Dense(3, name="scores"), end])
        session = session_of(model)
        told = session.trace({"sample": 1})
        arrays = arrays_of(session, told)
        assert told["logits"] == "scores/output"
        gap = arrays[told["d_logits"]] - (told["probabilities"] - np.eye(3)[1])
        assert np.abs(gap).max() < 1e-6

    def test_one_sigmoid(self):
        model = melpy.Sequential([melpy.Input((4,)), layers.Dense(1, "sigmoid")])
        told = session_of(model).trace({"sample": 1})
        assert len(told["probabilities"]) == 2
        assert told["loss"] > 0

    def test_batch_normalization_of_one_sample_is_what_it_predicts_by(self):
        model = melpy.Sequential([
            melpy.Input((4,)), layers.Dense(5, name="first"), layers.BatchNormalization(),
            layers.Dense(3, "softmax"),
        ])  # fmt: skip
        model.compile("sgd", "sparse_categorical_crossentropy")
        x = np.random.default_rng(1).normal(2, 3, (64, 4)).astype("float32")
        model.fit(x, np.arange(64) % 3, epochs=2, verbose=0)
        session = session_of(model)
        told = session.trace({"sample": 1})
        predicted = model.predict(session.data.shown_x[1:2], verbose=0)[0]
        np.testing.assert_allclose(told["probabilities"], predicted, rtol=1e-5)
        assert told["training"] is False
        assert sentence("left.statistics") in session.lab()["left_out"]
        question = {"trace": told["trace"], "weight": "first/kernel", "index": 0, "steps": 1}
        first = watched(session, question)["runs"]["sgd"][0]
        gradient = arrays_of(session, told)["first/kernel/gradient"]
        assert first["gradient"] == pytest.approx(gradient[0, 0], rel=1e-5)
        assert session.trace({"sample": 1, "training": True})["training"] is True

    def test_a_number(self):
        model = melpy.Sequential([melpy.Input((4,)), layers.Dense(1)])
        session = session_of(model)
        told = session.trace({"sample": 0})
        assert (session.lab()["loss"], told["probabilities"]) == ("mse", None)

    def test_classes_in_places_of_their_own(self):
        model = small_model()
        model.compile("sgd", "categorical_crossentropy")
        told = session_of(model).trace({"sample": 2})
        assert told["loss"] == pytest.approx(-np.log(told["probabilities"][2]), rel=1e-5)

    def test_words_nested_models_and_several_calls(self):
        inner = melpy.Sequential([layers.Dense(4, "relu", name="in")], name="inner")
        start = melpy.Input((5,), dtype="int32")
        y = layers.GlobalAveragePooling1D()(layers.Embedding(9, 4, name="words")(start))
        model = melpy.Model(start, layers.Dense(2, "softmax")(inner(inner(y))))
        session = session_of(model)
        told = session.trace({"sample": 0})
        paths = [row["path"] for row in told["rows"]]
        assert "inner/in" in paths
        assert "inner/in (2)" in paths
        assert told["rows"][0]["d_input"] is None

    @pytest.mark.parametrize("as_dict", [False, True])
    def test_of_several_outputs_the_first_is_shown_with_its_loss(self, as_dict):
        x = melpy.Input((4,))
        y = layers.Dense(5, name="shared")(x)
        ends = [layers.Dense(3, "softmax", name="kind")(y), layers.Dense(1, name="size")(y)]
        model = melpy.Model(x, ends, name="two")
        losses = ["categorical_crossentropy", "mse"]
        model.compile(
            "sgd", dict(zip(("kind", "size"), losses, strict=True)) if as_dict else losses
        )
        found, names = of_one_output(Opened(model, Path("two.keras")))
        assert names == ("kind", "size")
        samples = session_of(found.model).data
        told = Session(found, samples, About(outputs=names)).lab()
        assert (told["loss"], told["optimizer"]) == ("categorical_crossentropy", "SGD")
        assert [row["path"] for row in told["model"]["layers"]] == ["shared", "kind"]
        assert told["left_out"][0] == sentence("left.outputs", count=2, shown="kind", others="size")
        assert found.model.get_layer("kind") is model.get_layer("kind")
        assert of_one_output(found) == (found, ())

    def test_what_cannot_be_shown(self):
        a, b = melpy.Input((2,)), melpy.Input((3,))
        two = melpy.Model([a, b], layers.Dense(1)(layers.Concatenate()([a, b])))
        from melpy.lab.samples import input_shape

        with pytest.raises(ArgumentError, match="has 2 inputs and 1 outputs"):
            input_shape(two)
        x = np.zeros((1, 6, 6, 2), np.float32)
        samples = Samples("many", x, np.array([7]), x[:0], np.array([], int), ("a",) * 8)
        with pytest.raises(ShapeError, match="fewer classes than many"):
            session_of(small_model(), samples)
