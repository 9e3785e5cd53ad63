"""Losses by hand: values, weights, masks, labels that are refused, losses of one's own."""

import inspect

import numpy as np
import pytest

import melpy
from melpy import errors, losses, ops, tape
from melpy.losses.base import same_rank
from melpy.tensor import Tensor, set_mask

LN2 = float(np.log(2.0))
SIGNS = ("hinge", "squared_hinge")  # these look at the labels: are they bits?


@pytest.mark.parametrize(
    ("name", "arguments", "y_true", "y_pred", "expected"),
    [
        ("MeanSquaredError", {}, [[0, 2]], [[1, 5]], (1 + 9) / 2),
        ("MeanAbsoluteError", {}, [[0, 2]], [[1, 5]], (1 + 3) / 2),
        ("MeanAbsolutePercentageError", {}, [[4, 2]], [[5, 5]], 100 * (1 / 4 + 3 / 2) / 2),
        ("MeanSquaredLogarithmicError", {}, [[0]], [[np.e - 1]], 1),
        ("Huber", {}, [[0, 0]], [[0.5, 3]], (0.125 + 2.5) / 2),
        ("Huber", {"delta": 2.0}, [[0]], [[3]], 2 * (3 - 1)),
        ("LogCosh", {}, [[0]], [[1]], np.log(np.cosh(1))),
        ("LogCosh", {}, [[0]], [[1000]], 1000 - LN2),
        ("CosineSimilarity", {}, [[3, 4]], [[4, 3]], -24 / 25),
        ("CosineSimilarity", {}, [[0, 0]], [[4, 3]], 0),
        ("Hinge", {}, [[1, -1]], [[0.5, 0.5]], (0.5 + 1.5) / 2),
        ("Hinge", {}, [[1, 0]], [[0.5, 0.5]], (0.5 + 1.5) / 2),
        ("SquaredHinge", {}, [[1, -1]], [[0.5, 0.5]], (0.25 + 2.25) / 2),
        ("CategoricalHinge", {}, [[0, 1]], [[0.3, 0.6]], 1 + 0.3 - 0.6),
        ("KLDivergence", {}, [[0.5, 0.5]], [[0.25, 0.75]], 0.5 * np.log(2) + 0.5 * np.log(2 / 3)),
        ("Poisson", {}, [[2]], [[3]], 3 - 2 * np.log(3)),
        ("BinaryCrossentropy", {}, [[1], [0]], [[0.5], [0.75]], (LN2 + 2 * LN2) / 2),
        ("BinaryCrossentropy", {"from_logits": True}, [[1]], [[0]], LN2),
        ("BinaryCrossentropy", {"label_smoothing": 0.5}, [[1]], [[0.75]],
         -0.75 * np.log(0.75) - 0.25 * np.log(0.25)),
        ("BinaryFocalCrossentropy", {}, [[1]], [[0.5]], 0.25 * LN2),
        ("CategoricalFocalCrossentropy", {}, [[0, 1]], [[0.5, 0.5]], 0.25 * 0.25 * LN2),
        ("CategoricalCrossentropy", {}, [[0, 1]], [[0.5, 0.5]], LN2),
        ("CategoricalCrossentropy", {}, [[0, 1]], [[1, 1]], LN2),  # made to sum to 1
        ("SparseCategoricalCrossentropy", {}, [1, 0], [[0.5, 0.5], [0.25, 0.75]], 1.5 * LN2),
        ("SparseCategoricalCrossentropy", {"ignore_class": -1}, [1, -1], [[0.5, 0.5], [0.1, 0.9]],
         LN2),
        ("CategoricalGeneralizedCrossEntropy", {}, [1, 0], [[0.75, 0.25], [1, 0]], (1 + 0) / 2),
        # two frames of a blank and a class, all as likely: "1" is said in 3 of 4 ways
        ("CTC", {}, [[1]], [[[0, 0], [0, 0]]], -np.log(0.75)),
        ("CTC", {}, [[1, 1]], [[[0, 0]] * 3], -np.log(1 / 8)),  # 1, blank, 1 alone
        # distances 1, 0, 1: a pair to draw together (0.84), others to push away (0.84, -0.16)
        ("Circle", {"gamma": 1.0}, [0, 0, 1], [[1, 0], [0, 1], [1, 0]],
         (np.log1p(np.exp(1.68)) + np.log1p(np.exp(0.68))) / 2),  # the third has no pair
        ("Dice", {}, [[1, 0]], [[1, 1]], 1 - 2 / 3),
        ("Tversky", {"alpha": 1.0, "beta": 0.0}, [[1, 1]], [[1, 0.5]], 1 - 1.5 / 2),
    ],
)  # fmt: skip
def test_by_hand(name, arguments, y_true, y_pred, expected):
    loss = getattr(losses, name)(**arguments)
    y_true = np.array(y_true)
    assert float(loss(y_true, np.array(y_pred, float))) == pytest.approx(
        expected, rel=1e-6, abs=1e-6
    )


@pytest.mark.parametrize(
    ("name", "y_true", "y_pred", "expected", "d_y"),
    [
        ("Dice", [[1, 1]], [[3e38, 3e38]], -1, [[0, 0]]),
        ("Tversky", [[1, 1]], [[3e38, 3e38]], -1, [[0, 0]]),
        ("CosineSimilarity", [[3, 4]], [[4e20, 3e20]], -0.96, [[3.36e-22, -4.48e-22]]),
    ],
)
def test_predictions_whose_sums_float32_has_no_room_for(name, y_true, y_pred, expected, d_y):
    loss, y_true = getattr(losses, name)(), np.array(y_true, "float32")
    made = melpy.value_and_grad(lambda y: loss(y_true, y))(np.array(y_pred, "float32"))
    assert float(made[0]) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(made[1], d_y, rtol=1e-3, atol=1e-42)


def test_every_loss_is_worked_by_hand_above():
    marks = test_by_hand.pytestmark[0].args[1]
    classes = {n for n in losses.__all__ if inspect.isclass(getattr(losses, n))}
    assert {row[0] for row in marks} == classes - {"Loss"}


class TestReductions:
    Y, P = np.zeros((3, 1)), np.array([[1.0], [2.0], [3.0]])  # squares 1, 4, 9

    @pytest.mark.parametrize(
        ("reduction", "plain", "weighted"),
        [
            ("sum_over_batch_size", 14 / 3, (2 + 4) / 3),
            ("mean", 14 / 3, (2 + 4) / 3),
            ("sum", 14, 6),
            ("mean_with_sample_weight", 14 / 3, 6 / 3),
            ("none", [1, 4, 9], [2, 4, 0]),
            (None, [1, 4, 9], [2, 4, 0]),
        ],
    )
    def test_by_hand(self, reduction, plain, weighted):
        loss = losses.MeanSquaredError(reduction)
        np.testing.assert_allclose(loss(self.Y, self.P), plain)
        np.testing.assert_allclose(loss(self.Y, self.P, [2, 1, 0]), weighted)

    def test_unknown(self):
        with pytest.raises(errors.UnknownNameError, match="Did you mean 'sum'"):
            losses.MeanSquaredError(reduction="sun")

    def test_weights_of_nothing(self):
        loss = losses.MeanSquaredError("mean_with_sample_weight")
        assert float(loss(self.Y, self.P, [0, 0, 0])) == 0

    def test_weights_of_places_in_samples(self):
        y, p = np.zeros((2, 3, 1)), np.arange(6.0).reshape(2, 3, 1)  # squares 0 1 4, 9 16 25
        loss = losses.MeanSquaredError("sum")
        assert float(loss(y, p, [[1, 1, 0], [0, 0, 1]])) == 26
        assert float(loss(y, p, [1, 0])) == 5
        with pytest.raises(errors.ShapeError, match="sample weights do not fit"):
            loss(y, p, np.ones((2, 2)))

    def test_weights_of_steps(self):
        y, p = np.zeros((2, 3, 1)), np.arange(6.0).reshape(2, 3, 1)  # squares 0 1 4, 9 16 25
        assert float(losses.MeanSquaredError("sum")(y, p, [1, 0, 0])) == 9

    def test_of_no_samples(self):
        y = np.zeros((0, 2, 3))
        for reduction in ("mean", "sum", "mean_with_sample_weight"):
            assert float(losses.MeanSquaredError(reduction)(y, y)) == 0


class TestMasks:
    Y = np.zeros((2, 2, 1))

    def predictions(self, mask):
        tensor = Tensor(np.array([[[1.0], [2.0]], [[3.0], [4.0]]]), requires_grad=True)
        set_mask(tensor, np.array(mask))
        return tensor

    def test_the_mean_divides_by_what_is_left(self):
        p = self.predictions([[True, False], [True, False]])
        loss = losses.MeanSquaredError()(self.Y, p)
        assert loss.item() == (1 + 9) / 2
        (d_p,) = tape.gradients(loss, [p])
        np.testing.assert_allclose(d_p[..., 0], [[1, 0], [3, 0]])  # 2 p / 2

    def test_with_weights_and_other_reductions(self):
        p = self.predictions([[True, False], [True, False]])
        assert losses.MeanSquaredError()(self.Y, p, [2, 1]).item() == (2 + 9) / 2
        assert losses.MeanSquaredError("sum")(self.Y, p).item() == 10
        assert losses.MeanSquaredError("mean_with_sample_weight")(self.Y, p, [2, 1]).item() == (
            pytest.approx(11 / 3)
        )

    def test_that_leaves_nothing(self):
        p = self.predictions([[False, False], [False, False]])
        assert losses.MeanSquaredError()(self.Y, p).item() == 0

    def test_what_is_left_out_may_be_too_large(self):
        p = Tensor(np.array([[[1.0], [1e20]]], "float32"), requires_grad=True)
        set_mask(p, np.array([[True, False]]))
        y = np.array([[[3.0], [1e25]]])
        with np.errstate(over="ignore"):
            loss = losses.MeanSquaredError()(y, p)
            assert melpy.metrics.MeanSquaredError()(y, p) == 4
        assert loss.item() == 4
        np.testing.assert_array_equal(tape.gradients(loss, [p])[0], [[[-4.0], [0.0]]])

    def test_together_with_an_ignored_class(self):
        p = Tensor(np.full((1, 3, 2), 0.5))
        set_mask(p, np.array([[True, True, False]]))
        loss = losses.SparseCategoricalCrossentropy(ignore_class=-1, reduction=None)
        np.testing.assert_allclose(loss([[1, -1, 0]], p).numpy(), [[LN2, 0, 0]])


class TestLabels:
    """Each message says what was expected, what came, and what to do."""

    @pytest.mark.parametrize(
        ("loss", "y_true", "output", "message"),
        [
            ("mse", np.zeros(5), (5, 3), r"labels of shape \(N, 3\); received y.shape=\(5,\)"),
            ("bce", np.arange(3), (3, 4), r"class numbers, use to_categorical\(y, 4\)"),
            ("bce", np.array([[0.0], [2.0]]), (2, 1), r"label of row 1 is no probability"),
            ("mse", np.zeros((5, 1)), (5, 7, 7, 1), "Is a Flatten or a GlobalAverage"),
            ("categorical_crossentropy", np.eye(3), (3, 7, 7, 3), "Is a Flatten"),
            ("sparse_categorical_crossentropy", np.arange(3), (3, 7, 7, 4), "Is a Flatten"),
            ("categorical_crossentropy", np.arange(3), (3, 4),
             r"not one-hot.*Use SparseCategoricalCrossentropy, or to_categorical\(y, 4\)"),
            ("categorical_crossentropy", -np.eye(3), (3, 3), "row 0 is neither one-hot nor"),
            ("sparse_categorical_crossentropy", np.eye(3), (3, 3),
             "Use CategoricalCrossentropy for one-hot labels"),
            ("sparse_categorical_crossentropy", np.array([0, 3]), (2, 3),
             r"row 1 is out of range. Expected whole numbers from 0 to 2.*y\[1\]=3"),
            ("sparse_categorical_crossentropy", np.array([0, 1.5]), (2, 3),
             "row 1 is no whole number.*To learn amounts use MeanSquaredError"),
            ("sparse_categorical_crossentropy", np.array([1, 3]), (2, 3), "from 0: y - 1"),
            ("sparse_categorical_crossentropy", np.array([-1, 2]), (2, 3), "ignore_class=-1"),
            ("sparse_categorical_crossentropy", np.array([0, 5]), (2, 3), "needs 6 units"),
            ("sparse_categorical_crossentropy", np.array([0, 1]), (2, 1), "BinaryCrossentropy and"),
            ("binary_focal_crossentropy", np.array([[-1.0]]), (1, 1), "no probability"),
            ("categorical_focal_crossentropy", np.arange(3), (3, 4), "not one-hot"),
        ],
    )  # fmt: skip
    def test_refused(self, loss, y_true, output, message):
        with pytest.raises(errors.MelpyError, match=message):
            losses.resolve(loss).check(y_true, output)

    @pytest.mark.parametrize(
        ("loss", "y_true", "output"),
        [
            ("mse", np.zeros(5), (5, 1)),
            ("mse", np.zeros((5, 1)), (5,)),
            ("mse", np.zeros((5, 4)), (5, 4, 1)),
            ("mse", np.zeros((5, 4, 1)), (5, 4)),
            ("sparse_categorical_crossentropy", np.zeros((5, 1)), (5, 3)),
            ("sparse_categorical_crossentropy", np.zeros((5, 6)), (5, 6, 3)),
            (losses.SparseCategoricalCrossentropy(axis=1), np.zeros((5, 6)), (5, 3, 6)),
            (losses.SparseCategoricalCrossentropy(ignore_class=255), np.array([255, 1]), (2, 3)),
            (lambda y_true, y_pred: y_pred, np.zeros((5, 9)), (5, 3)),
            ("ce", np.zeros(5), (5, 3)),
        ],
    )
    def test_accepted(self, loss, y_true, output):
        assert losses.resolve(loss).check(y_true, output) is None

    @pytest.mark.parametrize(
        ("name", "y_true", "shape", "message"),
        [
            ("CategoricalCrossentropy", np.zeros(3), (3, 4), "not one-hot"),
            ("CategoricalCrossentropy", np.eye(4)[:1], (3, 4), r"labels of shape \(3, 4\)"),
            ("CategoricalFocalCrossentropy", np.zeros((3, 1)), (3, 4), "not one-hot"),
            ("BinaryCrossentropy", np.zeros((3, 1)), (3, 4), "have different shapes"),
            ("BinaryFocalCrossentropy", np.zeros((1, 4)), (3, 4), "have different shapes"),
            ("SparseCategoricalCrossentropy", np.zeros(1), (3, 4), "one class number a prediction"),
            ("CategoricalGeneralizedCrossEntropy", np.zeros(2), (3, 4), "one class number a pre"),
            ("Circle", np.zeros(2), (3, 4), "labels and embeddings do not go together"),
        ],
    )
    def test_of_another_shape_in_a_call(self, name, y_true, shape, message):
        with pytest.raises(errors.ShapeError, match=message):
            getattr(losses, name)()(y_true, np.full(shape, 0.25))

    def test_that_are_broadcast_are_mentioned(self):
        """Keras computes such a loss; whoever forgot an axis should hear of it."""
        model = melpy.Sequential([melpy.Input((2,)), melpy.layers.Dense(5)])
        model.compile("sgd", "mse")
        with pytest.warns(UserWarning, match="Every value meets every other"):
            history = model.fit(np.ones((4, 2)), np.zeros((4, 1)), verbose=0)
        assert list(history.history) == ["loss"]

    @pytest.mark.parametrize("axis", [2, -3, True, 0.5])
    def test_of_classes_on_no_axis(self, axis):
        with pytest.raises(errors.ArgumentError, match="no such axis"):
            losses.categorical_crossentropy(np.eye(2), np.eye(2), axis=axis)

    def test_of_one_class(self):
        with pytest.warns(SyntaxWarning, match="use binary_crossentropy"):
            losses.categorical_crossentropy(np.ones((2, 1)), np.full((2, 1), 0.3))

    @pytest.mark.parametrize("value", [-0.1, 1.1])
    @pytest.mark.parametrize("name", ["Binary", "Categorical", "BinaryFocal", "CategoricalFocal"])
    def test_smoothing_out_of_range(self, name, value):
        with pytest.raises(errors.ArgumentError, match=r"a float in \[0, 1\]"):
            getattr(losses, f"{name}Crossentropy")(label_smoothing=value)


class TestSmoothing:
    """The classes are those of the axis, wherever it lies."""

    T, P = np.eye(3)[[[0, 1], [2, 2]]], np.full((2, 2, 3), [0.2, 0.3, 0.5])

    @pytest.mark.parametrize("name", ["CategoricalCrossentropy", "CategoricalFocalCrossentropy"])
    def test_of_classes_first(self, name):
        last = getattr(losses, name)(label_smoothing=0.3)(self.T, self.P)
        first = getattr(losses, name)(label_smoothing=0.3, axis=1)
        assert float(first(self.T.swapaxes(1, 2), self.P.swapaxes(1, 2))) == float(last)
        if name == "CategoricalCrossentropy":
            logs = (self.T * 0.7 + 0.1) * -np.log(self.P)
            assert float(last) == pytest.approx(logs.sum(-1).mean(), rel=1e-6)
            metric = melpy.metrics.CategoricalCrossentropy(label_smoothing=0.3, axis=1)
            value = metric(self.T.swapaxes(1, 2), self.P.swapaxes(1, 2))
            assert value == pytest.approx(float(last), rel=1e-6)

    def test_of_everything(self):
        loss = losses.CategoricalCrossentropy(label_smoothing=1.0)
        assert float(loss(np.eye(2), np.eye(2) / 2 + 0.25)) == pytest.approx(
            -np.log([0.75, 0.25]).mean(), rel=1e-6
        )


class TestSuspicion:
    def test_logits_for_probabilities(self):
        loss = losses.SparseCategoricalCrossentropy()
        with pytest.warns(UserWarning, match=r"they go from -2 to 3.*from_logits=True"):
            loss([1], np.array([[-2.0, 3.0]]))
        loss([1], np.array([[-2.0, 3.0]]))  # said once

    @pytest.mark.parametrize("activation", [ops.softmax, ops.sigmoid])
    def test_probabilities_for_logits(self, activation):
        p = activation(Tensor(np.zeros((1, 2)), requires_grad=True))
        with pytest.warns(UserWarning, match="come out of a s.*Set from_logits=False"):
            losses.CategoricalCrossentropy(from_logits=True)(np.eye(2)[:1], p)


class TestOfOnesOwn:
    class Doubled(losses.Loss):
        def __init__(self, factor=2.0, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, y_true, y_pred):
            assert y_true.dtype == y_pred.dtype
            return ops.mean(self.factor * (1 - y_true) * y_pred, axis=-1)

    def test_class(self):
        loss = self.Doubled(name="doubled", reduction="sum")
        p = Tensor(np.ones((2, 2), "float32"), requires_grad=True)
        y = loss(np.array([[0, 1], [0, 0]], "uint8"), p)
        assert y.item() == 3
        np.testing.assert_array_equal(tape.gradients(y, [p])[0], [[1, 0], [1, 1]])
        assert loss.get_config() == {"factor": 2.0, "name": "doubled", "reduction": "sum"}
        config = losses.serialize(loss)
        twin = losses.deserialize(config, custom_objects={"Doubled": self.Doubled})
        assert losses.serialize(twin) == config
        assert self.Doubled().name == "doubled"

    def test_function(self):
        def largest(y_true, y_pred):
            return ops.max(ops.absolute(y_true - y_pred), axis=-1)

        loss = losses.resolve(largest)
        assert loss.name == "largest"
        assert float(loss([[1, 2], [3, 4]], np.zeros((2, 2)), [1, 0])) == 1
        assert losses.get(largest) is largest
        assert losses.deserialize("largest", custom_objects={"largest": largest}) is largest


def test_of_several_arrays():
    """A loss may take nested labels and predictions, as `call` gets them."""

    class Both(losses.Loss):
        def call(self, y_true, y_pred):
            return ops.mean((y_true["a"] - y_pred["a"]) ** 2 + (y_true["b"] - y_pred["b"]) ** 2)

    batch = {"a": np.zeros((2, 1)), "b": np.zeros(2, "int32")}
    loss = Both()(batch, {"a": np.ones((2, 1)), "b": 2 * np.ones(2)})
    assert (float(loss), loss.dtype) == (5.0, np.float32)

    def of_pair(y_true, y_pred):
        return ops.mean(y_true[0] - y_pred[0], axis=-1) + ops.mean(y_true[1] - y_pred[1], axis=-1)

    loss = losses.resolve(of_pair)  # (N,) beside (N, 1) is given its axis
    assert float(loss([np.ones(2), np.ones((2, 1))], [np.zeros((2, 1)), np.zeros((2, 1))])) == 2


def loss_and_gradient(loss, y_true, y_pred):
    p = Tensor(np.array(y_pred, "float32"), requires_grad=True)
    value = ops.sum(loss(np.array(y_true), p))
    return value.item(), tape.gradients(value, [p])[0].tolist()


class TestExtremes:
    """Numbers at the ends of their range give finite losses and gradients that are right."""

    @pytest.mark.parametrize("size", [0.0, 1e4, 1e8, 1e30])
    def test_equal_logits(self, size):
        for loss, y in (
            (losses.SparseCategoricalCrossentropy(from_logits=True), [1]),
            (losses.CategoricalCrossentropy(from_logits=True), [[0.0, 1.0]]),
        ):
            value, gradient = loss_and_gradient(loss, y, [[size, size]])
            assert value == pytest.approx(LN2, rel=1e-6)
            assert gradient == [[0.5, -0.5]]

    def test_logits_of_impossible_classes(self):
        loss = losses.SparseCategoricalCrossentropy(from_logits=True)
        value, gradient = loss_and_gradient(loss, [0], [[0.0, -np.inf, 0.0]])
        assert value == pytest.approx(LN2, rel=1e-6)
        assert gradient == [[-0.5, 0.0, 0.5]]

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
    @pytest.mark.parametrize(("z", "t"), [(np.inf, 1), (np.inf, 0), (-np.inf, 1), (-np.inf, 0),
                                          (6e4, 1), (6e4, 0), (-6e4, 1)])  # fmt: skip
    def test_sure_logits(self, z, t, dtype):
        logits = Tensor(np.array([[z]], dtype), requires_grad=True)
        target, is_right = np.array([[t]], dtype), (z > 0) == t
        loss = losses.binary_crossentropy(target, logits, from_logits=True)
        assert loss.item() == (0 if is_right else abs(z))
        assert tape.gradients(ops.sum(loss), [logits])[0] == (0 if is_right else np.sign(z))
        assert ops.binary_crossentropy(target, logits, from_logits=True).item() == loss.item()
        focal = losses.binary_focal_crossentropy(target, logits, from_logits=True)
        assert np.isfinite(focal.item())
        assert (focal.item() < 1e-3) == is_right
        assert np.isfinite(tape.gradients(ops.sum(focal), [logits])[0]).all()

    def test_predictions_of_an_ignored_class(self):
        loss = losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)
        value, gradient = loss_and_gradient(loss, [-1, 0], [[np.nan, 1.0], [2.0, 2.0]])
        assert value == pytest.approx(LN2, rel=1e-6)
        assert gradient == [[0.0, 0.0], [-0.5, 0.5]]
        assert loss_and_gradient(loss, [-1, -1], np.ones((2, 2)))[0] == 0

    def test_probabilities_that_are_all_0(self):
        value, _ = loss_and_gradient(losses.categorical_crossentropy, [[1.0, 0.0]], [[0.0, 0.0]])
        assert value == pytest.approx(-np.log(1e-7), rel=1e-5)

    @pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
    @pytest.mark.parametrize("p", [0.0, 1.0])
    def test_focal_losses_of_certain_predictions(self, gamma, p):
        for name in ("binary_focal_crossentropy", "categorical_focal_crossentropy"):
            value, gradient = loss_and_gradient(
                lambda y, p, name=name: getattr(losses, name)(y, p, gamma=gamma),
                [[1.0, 0.0]], [[p, 1.0 - p]],
            )  # fmt: skip
            assert np.isfinite([value, *gradient[0]]).all()

    @pytest.mark.parametrize("delta", [1.0, np.inf])
    def test_huber_far_off(self, delta):
        value, gradient = loss_and_gradient(losses.Huber(delta), [[0.0]], [[3.0]])
        assert (value, gradient) == ((2.5, [[1.0]]) if delta == 1 else (4.5, [[3.0]]))
        value, gradient = loss_and_gradient(losses.Huber(1.0), [[0.0]], [[1e25]])
        assert (value, gradient) == (pytest.approx(1e25), [[1.0]])

    def test_the_direction_of_a_zero(self):
        for zeros in (np.zeros((1, 2)), np.zeros((1, 2), "float16")):
            assert float(losses.cosine_similarity(zeros, zeros)[0]) == 0
        assert np.isfinite(
            loss_and_gradient(losses.cosine_similarity, [[1.0, 2.0]], [[0.0, 0.0]])[1]
        ).all()


def test_labels_may_be_tensors_with_gradients():
    """A teacher's predictions: the loss of two networks trains both."""
    rng = np.random.default_rng(0)
    teacher = Tensor(rng.normal(size=(3, 4)), requires_grad=True)
    student = Tensor(rng.normal(size=(3, 4)), requires_grad=True)
    for from_logits in (True, False):
        made = ops.softmax(teacher)
        output = student if from_logits else ops.softmax(student)
        loss = losses.CategoricalCrossentropy(from_logits=from_logits)(made, output)
        fixed = losses.CategoricalCrossentropy(from_logits=from_logits)(made.numpy(), output)
        assert loss.item() == pytest.approx(fixed.item())
        d_teacher, d_student = tape.gradients(loss, [teacher, student])
        assert d_teacher.any()
        np.testing.assert_allclose(d_student, tape.gradients(fixed, [student])[0], atol=1e-7)


def test_types():
    y, p = np.zeros((2, 1)), np.ones((2, 1), "float32")
    for kind in ("float64", "float32", "float16", "int32", "uint8", "bool"):
        for t in (y, y.astype(kind)):
            assert losses.MeanSquaredError()(t, p.astype(kind)).dtype == np.float32
    with pytest.raises(errors.ArgumentError, match="it cannot compute in this type"):
        losses.MeanSquaredError(dtype="int32")
    assert losses.MeanSquaredError(dtype="float64")(y, p).dtype == np.float64
    assert losses.MeanSquaredError().dtype == "float32"
    assert losses.MeanSquaredError()([[0]], [[1]]).dtype == np.float32
    assert losses.mean_squared_error([0, 1], [1, 1]).dtype == np.float32


def test_names():
    assert losses.get(None) is None
    assert losses.get("mse") is losses.get("MSE") is losses.mean_squared_error
    assert isinstance(losses.get("MeanSquaredError"), losses.MeanSquaredError)
    loss = losses.resolve("mse")
    assert isinstance(loss, losses.MeanSquaredError)
    assert loss.name == "mse"
    assert losses.resolve(loss) is loss
    assert losses.resolve(losses.huber).name == "huber"
    assert losses.resolve(None) is None
    assert sorted(losses.Huber().get_config()) == ["name", "reduction"]  # Keras's keys
    config = losses.serialize(losses.Huber(2.0))
    assert config["class_name"] == "Huber"
    assert losses.deserialize(config).delta == 2.0
    assert losses.serialize(losses.huber) == "huber"
    with pytest.raises(errors.UnknownNameError, match="Did you mean 'mean_squared_error'"):
        losses.get("mean_sqared_error")


@pytest.mark.parametrize(
    ("labels", "outputs", "kind"),
    [
        ((5, 3), (5, 3), "Categorical"),
        ((5,), (5, 3), "SparseCategorical"),
        ((5, 1), (5, 3), "SparseCategorical"),
        ((5, 1), (5, 1), "Binary"),
        ((5, 4, 3), (5, 4, 3), "Categorical"),
    ],
)
def test_the_fitting_crossentropy(labels, outputs, kind):
    assert losses.fitting(labels, outputs) == kind
    loss, p = losses.resolve("ce"), np.full(outputs, 1 / outputs[-1])
    y = (
        np.eye(outputs[-1])[np.zeros(outputs[:-1], int)]
        if kind == "Categorical"
        else np.zeros(labels)
    )
    expected = getattr(losses, f"{kind}Crossentropy")()(y, p)
    assert float(loss(y, p)) == pytest.approx(float(expected))


def test_ranks():
    for a, b, shape in [
        ((3,), (3, 1), (3, 1)),
        ((3, 1), (3,), (3, 1)),
        ((3, 4, 1), (3, 4), (3, 4)),
    ]:
        assert [x.shape for x in same_rank(np.zeros(a), np.zeros(b))] == [shape, shape]
    assert [x.shape for x in same_rank(np.zeros((3, 2)), np.zeros(3))] == [(3, 2), (3,)]


def test_a_name_whose_function_needs_more_means_the_class():
    found = losses.get("categorical_generalized_cross_entropy")
    assert isinstance(found, losses.CategoricalGeneralizedCrossEntropy)
    assert losses.resolve("categorical_generalized_cross_entropy").q == 0.5


def test_functions_of_losses_are_parts_of_models():
    inputs = melpy.Input((4,))
    rng = np.random.default_rng(0)
    x = rng.dirichlet(np.ones(4), size=3).astype("float32")
    of_numbers = {"sparse_categorical_crossentropy", "ctc", "circle"}
    for name in set(losses.FUNCTIONS) - of_numbers - {*SIGNS}:
        function = losses.FUNCTIONS[name]
        outputs = function(inputs, melpy.ops.square(inputs))
        expected = function(x, x**2)
        made = melpy.Model(inputs, outputs)(x)
        np.testing.assert_allclose(np.asarray(made), expected, rtol=1e-5, atol=1e-6)
