"""Losses and metrics over outputs of any nesting, and steps of one's own."""

import numpy as np
import pytest

import melpy
from melpy import errors, layers, losses, metrics, ops, utils

X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
Y = (X.sum(axis=1, keepdims=True) > 0).astype("float32")


class Own(melpy.Model):
    """A model of one layer without an Input, whose steps the tests change."""

    def __init__(self, **options):
        super().__init__(**options)
        self.dense = layers.Dense(1, kernel_initializer="ones")

    def call(self, x):
        return self.dense(x)


class Two(melpy.Model):
    """A model of two outputs, in a list, a tuple or a dict."""

    def __init__(self, kind):
        super().__init__()
        self.first, self.second = layers.Dense(1), layers.Dense(1)
        self.kind = kind

    def call(self, x):
        a, b = self.first(x), self.second(x)
        return {"list": [a, b], "tuple": (a, b), "dict": {"u": a, "v": b}}[self.kind]


def functional(nest=lambda p, q: [p, q]):
    i = melpy.Input((3,))
    return melpy.Model(i, nest(layers.Dense(1, name="p")(i), layers.Dense(1, name="q")(i)))


def history(model, y, **compiled):
    model.compile("sgd", **compiled)
    found = model.fit(X, y, epochs=2, verbose=0, validation_data=(X, y)).history
    names = [name for name in found if not name.startswith("val_")]
    assert [f"val_{name}" for name in names] == [n for n in found if n.startswith("val_")]
    assert all(np.isfinite(found[name]).all() for name in found)
    return names


def together(y_true, y_pred):
    return ops.mean((y_true[0] - y_pred[0]) ** 2) + ops.mean(abs(y_true[1] - y_pred[1]))


@pytest.mark.parametrize(
    ("model", "y", "compiled", "names"),
    [
        (lambda: Two("list"), [Y, Y], {"loss": "mse"}, ["loss", "mse_loss"]),
        (lambda: Two("tuple"), [Y, Y], {"loss": ("mse", "mae")}, ["loss", "mae_loss", "mse_loss"]),
        (
            lambda: Two("list"), [Y, Y],
            {"loss": "mse", "metrics": [["mae", "mse"], "mae"], "weighted_metrics": ["mae", None]},
            ["loss", "mae", "mae_1", "mse", "mse_loss", "weighted_mae"],
        ),
        (
            lambda: Two("dict"), {"v": Y, "u": Y}, {"loss": "mse", "metrics": {"u": ["mae"]}},
            ["loss", "u_loss", "u_mae", "v_loss"],
        ),
        (lambda: Two("dict"), [Y, Y], {"loss": {"u": "mse"}}, ["loss"]),
        (lambda: Two("dict"), {"u": Y}, {"loss": {"u": "mse"}}, ["loss"]),
        (
            lambda: Two("dict"), {"u": Y, "v": Y}, {"loss": {"u": "mse", "v": ["mse", "mae"]}},
            ["loss", "u_loss", "v_loss"],
        ),
        (functional, [Y, Y], {"loss": ["mse", None]}, ["loss"]),
        (functional, Y, {"loss": ["mse", None]}, ["loss"]),
        (functional, {"p": Y, "q": Y}, {"loss": {"q": "mse", "p": "mae"}},
         ["loss", "p_loss", "q_loss"]),
        (functional, [Y, Y], {"loss": (together, ["mse", "mae"])},
         ["loss", "p_loss", "p_q_loss", "q_loss"]),
        (
            functional, [Y, Y],
            {"loss": [["mse", "mae"], "mse"], "loss_weights": [[0.5, 1.0], 2.0],
             "metrics": {"q": ["mae", "mse"], "p": "mae"}, "weighted_metrics": {"p": ["mae"]}},
            ["loss", "p_loss", "p_mae", "p_weighted_mae", "q_loss", "q_mae", "q_mse"],
        ),
        (
            lambda: functional(lambda p, q: {"a": {"c": p, "d": [q]}, "b": p}),
            {"a": {"c": Y, "d": (Y,)}, "b": Y},
            {"loss": {"a": {"c": "mse", "d": ["mae"]}}},
            ["a/c_loss", "a/d/q_loss", "loss"],
        ),
        (Own, Y, {"loss": ["mse"]}, ["loss"]),
        (Own, [Y], {"loss": "mse", "metrics": "mae"}, ["loss", "mae"]),
        (Own, {"anything": Y}, {"loss": "mse"}, ["loss"]),
        (Own, Y, {"loss": ["mse", "mae"], "loss_weights": [1.0, 0.5]},
         ["loss", "mae_loss", "mse_loss"]),
        (Own, Y, {"loss": lambda y, p: ops.mean(y - p), "metrics": [lambda y, p: (y - p) ** 2]},
         ["lambda", "loss"]),
    ],
)  # fmt: skip
def test_what_is_logged(model, y, compiled, names):
    assert history(model(), y, **compiled) == names


def test_the_loss_is_the_weighted_sum_of_the_terms():
    model = functional()
    model.compile("sgd", [["mse", "mae"], "mse"], loss_weights=[[0.5, 3.0], 2.0])
    p, q = model.predict(X)
    square = lambda a: np.mean((a - Y) ** 2)  # noqa: E731
    expected = 0.5 * square(p) + 3 * np.mean(abs(p - Y)) + 2 * square(q)
    logs = model.evaluate(X, [Y, Y], return_dict=True)
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)
    assert logs["q_loss"] == pytest.approx(square(q), rel=1e-5)  # each is logged unweighted


@pytest.mark.parametrize(
    ("compiled", "message"),
    [
        ({"loss": {"p": "mse", "r": "mse"}}, "loss has no output 'r'"),
        ({"loss": ["mse", "mse"], "loss_weights": [1.0]}, "must match the number of losses"),
        ({"loss": "mse", "loss_weights": ["mae"]}, "loss_weights are no numbers"),
        ({"loss": {"a": "mse"}}, "loss has no output 'a'"),
        ({"loss": [["mse"], ["mse"], ["mse"]]}, "loss is not nested as the outputs are"),
        ({"loss": "mse", "metrics": ["mae"]}, "metrics is not nested as the 2 outputs are"),
        ({"loss": "mse", "weighted_metrics": {"r": "mae"}}, "weighted_metrics is not nested"),
    ],
)
def test_what_does_not_fit_the_outputs(compiled, message):
    with pytest.raises(errors.ArgumentError, match=message):
        history(functional(), [Y, Y], **compiled)


def test_labels_and_weights_that_do_not_fit_the_outputs():
    model = functional()
    model.compile("sgd", "mse")
    with pytest.raises(errors.ShapeError, match="y has 1 entries, but the model has 2 outputs"):
        model.fit(X, [Y], verbose=0)
    with pytest.raises(errors.ShapeError, match="more than one weight a sample"):
        model.fit(X, [Y, Y], sample_weight=np.ones((8, 5)), verbose=0)
    for missing in (lambda: model.evaluate(X), lambda: model.fit(X, verbose=0)):
        with pytest.raises(errors.ArgumentError, match="the loss 'mse' has no labels"):
            missing()
    one = Own()
    one.compile(metrics=["mae"])
    assert one.evaluate(X, Y)[0] == 0.0  # nothing to make small, but something to look at
    with pytest.raises(errors.GraphError, match="no loss to make small"):
        one.fit(X, Y, verbose=0)


class TestMetrics:
    def test_of_a_model_that_holds_a_compiled_one(self):
        """The inner model's loss and metrics are its own affair."""

        class Distiller(melpy.Model):
            def __init__(self, student, teacher):
                super().__init__()
                self.student, self.teacher = student, teacher

            def call(self, x):
                return self.student(x)

            def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, empty=False):
                hard = super().compute_loss(x, y, y_pred, sample_weight)
                return hard + ops.mean((self.teacher(x, training=False) - y_pred) ** 2)

        def small():
            model = melpy.Sequential([melpy.Input((3,)), layers.Dense(1)])
            model.compile("sgd", "mse", metrics=["mse"])
            return model

        model = Distiller(small(), small())
        model.compile("sgd", "mse", metrics=["mae"])
        assert history(model, Y, loss="mse", metrics=["mae"]) == ["loss", "mae"]
        assert [m.name for m in model.metrics] == ["loss", "compile_metrics"]
        assert model.evaluate(X, Y)[0] > 0
        i = melpy.Input((3,))
        assert melpy.Model(i, small()(i)).metrics == []

    def test_of_attributes_lists_and_layers(self):
        class Mean(layers.Layer):
            def __init__(self):
                super().__init__()
                self.kept = [metrics.Mean("of_layer")]

            def call(self, x):
                self.kept[0].update_state(ops.mean(x))
                return x

        class Model(Own):
            def __init__(self):
                super().__init__()
                self.mean, self.own = Mean(), {"of_model": metrics.Mean("of_model")}

            def call(self, x):
                return self.mean(super().call(x))

            def compute_metrics(self, x, y, y_pred, sample_weight=None):
                self.own["of_model"].update_state(ops.mean(y))
                return super().compute_metrics(x, y, y_pred, sample_weight)

        model = Model()
        assert history(model, Y, loss="mse") == ["loss", "of_layer", "of_model"]
        assert model.get_metrics_result()["of_model"] == pytest.approx(Y.mean())
        model.own["more"] = metrics.Mean("more")
        assert model.metrics_names == ["loss", "of_model", "more", "of_layer"]

    def test_single_batches_in_the_order_of_compile(self):
        model = Own()
        model.compile("sgd", "mse", metrics=["mse", "mae"])
        first = model.test_on_batch(X, Y)
        assert len(first) == 3
        assert first[0] == pytest.approx(first[1])
        assert first[2] == pytest.approx(model.evaluate(X, Y, return_dict=True)["mae"])
        assert model.test_on_batch(X[:2], Y[:2]) != first  # a batch's own numbers
        assert model.train_on_batch(X, Y, return_dict=True).keys() == {"loss", "mse", "mae"}

    def test_a_loss_of_an_earlier_compile_stays(self):
        model = Own()
        model.loss = "mine"
        model.compile("sgd")
        assert model.loss == "mine"
        model.compile("sgd", "mse", metrics=["mae"])
        model.compile("adam")
        assert model.loss == "mse"
        assert history(model, Y) == ["loss", "mae"]


class TestOwnSteps:
    @pytest.mark.parametrize("form", ["now", "older", "named"])
    def test_compute_loss_of_any_age(self, form):
        class Now(Own):
            seen = ()

            def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
                self.seen = (*self.seen, training)
                return ops.mean((y - y_pred) ** 2)

        class Older(Own):
            def compute_loss(self, x, y, y_pred, sample_weight=None):
                return 2 * super().compute_loss(x, y, y_pred, sample_weight)

        class Named(Own):
            def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **options):
                assert options == {}
                return ops.mean((y - y_pred) ** 2)

        model = {"now": Now, "older": Older, "named": Named}[form]()
        assert history(model, Y, loss="mse" if form == "older" else None) == ["loss"]
        if form == "now":
            assert model.seen == (True, False, True, False)

    @pytest.mark.parametrize(
        ("data", "seen"),
        [
            (X, np.ndarray),
            ([X, X], tuple),
            ((X, X), tuple),
            ({"a": X}, dict),
            (melpy.data.Loader(X), np.ndarray),
            (melpy.data.Loader(X, Y), tuple),
        ],
    )
    def test_a_step_gets_what_the_data_is(self, data, seen):
        class Look(Own):
            def train_step(self, data):
                self.found = data
                x, y, weight = utils.unpack_x_y_sample_weight(data)
                assert weight is None
                assert isinstance(y, np.ndarray) == (
                    seen is tuple and not isinstance(x, list | tuple)
                )
                return {"loss": 0.0}

        model = Look()
        model.compile("sgd")
        model.fit(data, verbose=0)
        assert isinstance(model.found, seen)

    def test_batches_of_a_generator_come_as_they_are(self):
        seen = []

        class Look(Own):
            def train_step(self, data):
                seen.append(data)
                return {"loss": 0.0}

        model = Look()
        model.compile("sgd")
        model.fit((b for b in [(X,), [X, Y], {"a": [1, 2]}, ([[1.0]], [2.0])]), verbose=0)
        assert isinstance(seen[0], tuple)
        assert len(seen[0]) == 1
        assert isinstance(seen[1], tuple)
        np.testing.assert_array_equal(seen[2]["a"], [1, 2])
        assert seen[3][0].shape == (1, 1)

    def test_gradients_applied_by_hand(self):
        class ByHand(Own):
            def train_step(self, data):
                x, y = data
                self.zero_grad()
                loss = ops.mean((self(x, training=True) - y) ** 2)
                loss.backward()
                weights = self.trainable_weights
                self.optimizer.apply_gradients(zip([w.grad for w in weights], weights, strict=True))
                return {"loss": loss}

        mine, plain = ByHand(), Own()
        for model in (mine, plain):
            model.compile("sgd", "mse")
            model.fit(X, Y, epochs=3, verbose=0)
        for a, b in zip(mine.get_weights(), plain.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-6)

    def test_what_a_test_step_and_a_predict_step_return(self):
        class Other(Own):
            def test_step(self, data):
                return {"mine": 1.0, "and": 2.0}

            def predict_step(self, data):
                return self(data), None, {"twice": 2 * self(data)}

        model = Other()
        model.compile("sgd", "mse")
        assert model.evaluate(X, Y) == [2.0, 1.0]  # by their names: no metric has them
        y, nothing, more = model.predict(X, batch_size=3)
        assert nothing is None
        np.testing.assert_allclose(more["twice"], 2 * y, rtol=1e-6)

    def test_losses_of_layers_and_of_the_model(self):
        class Penalised(Own):
            def call(self, x):
                y = super().call(x)
                self.add_loss(ops.mean(y**2))
                return y

        model = Penalised()
        model.compile("sgd")
        assert history(model, Y) == ["loss"]
        model(X)
        assert len(model.losses) == 1


def test_a_penalty_of_several_numbers_counts_with_its_sum():
    class Costly(layers.Layer):
        def call(self, x):
            self.add_loss(x)
            return x

    model = melpy.Sequential([layers.Dense(2, kernel_initializer="ones"), Costly()])
    model.compile("sgd", "mse")
    x, y = np.ones((4, 3)), np.ones((4, 2))
    assert model.evaluate(x, y, verbose=0) == 28.0  # 4, and 8 outputs of 3
    assert model.fit(x, y, verbose=0).history["loss"] == [28.0]


def test_compile_keeps_its_arguments():
    model = Own()
    with pytest.warns(UserWarning, match="turns jit_compile=True off"):
        model.compile("sgd", "mse", run_eagerly=True, jit_compile=True, steps_per_execution=2)
    assert (model.run_eagerly, model.jit_compile, model.steps_per_execution) == (True, False, 2)
    other = Own()
    other.compile_from_config(model.get_compile_config())
    assert (other.compiled, other.run_eagerly, other.steps_per_execution) == (True, True, 2)
    with pytest.raises(errors.ArgumentError, match="steps_per_execution is out of range"):
        model.compile("sgd", "mse", steps_per_execution=0)

    class Different(Own):
        def compile(self, rate):
            super().compile("sgd", losses.MeanSquaredError())

    with pytest.warns(UserWarning, match="it has a compile"):
        Different().compile_from_config({"optimizer": "sgd"})
