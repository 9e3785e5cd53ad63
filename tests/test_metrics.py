"""Metrics by hand: several batches, weights, masks, names, metrics of one's own."""

import inspect

import numpy as np
import pytest

import melpy
from melpy import errors, layers, metrics
from melpy.tensor import Tensor, set_mask

LN2 = float(np.log(2.0))
P = [[0.9, 0.2], [0.6, 0.7]]  # for labels Y: hits at 0.5 are 0.9, 0.2 and 0.7
Y = [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("name", "arguments", "y_true", "y_pred", "expected"),
    [
        ("Accuracy", {}, [1, 2, 3, 4], [1, 2, 3, 5], 3 / 4),
        ("BinaryAccuracy", {}, Y, P, 3 / 4),
        ("BinaryAccuracy", {"threshold": 0.65}, Y, P, 1),
        ("CategoricalAccuracy", {}, Y, P, 1),
        ("SparseCategoricalAccuracy", {}, [0, 0], P, 1 / 2),
        ("SparseCategoricalAccuracy", {}, [[0], [0]], P, 1 / 2),
        ("TopKCategoricalAccuracy", {"k": 2}, [[0, 0, 1], [1, 0, 0]],
         [[0.5, 0.4, 0.1], [0.3, 0.5, 0.2]], 1 / 2),
        ("SparseTopKCategoricalAccuracy", {"k": 2}, [2, 0], [[0.5, 0.4, 0.1], [0.3, 0.5, 0.2]],
         1 / 2),
        ("SparseTopKCategoricalAccuracy", {"k": 2, "from_sorted_ids": True}, [2, 0],
         [[0, 1, 2], [1, 0, 2]], 1 / 2),
        ("MeanSquaredError", {}, [[0, 2]], [[1, 5]], 5),
        ("RootMeanSquaredError", {}, [[0, 0]], [[1, 7]], 5),
        ("MeanAbsoluteError", {}, [[0, 2]], [[1, 5]], 2),
        ("MeanAbsolutePercentageError", {}, [[4]], [[5]], 25),
        ("MeanSquaredLogarithmicError", {}, [[0]], [[np.e - 1]], 1),
        ("LogCoshError", {}, [[0]], [[1]], np.log(np.cosh(1))),
        ("CosineSimilarity", {}, [[3, 4]], [[4, 3]], 24 / 25),
        ("PearsonCorrelation", {}, [[1, 2, 3]], [[2, 4, 6]], 1),
        ("ConcordanceCorrelation", {}, [[1, 3]], [[2, 4]], 2 * 1 / (1 + 1 + 1)),
        ("R2Score", {}, [[1], [2], [3]], [[1], [2], [4]], 1 - 1 / 2),
        ("R2Score", {"class_aggregation": None}, [[1, 0], [3, 4]], [[1, 0], [3, 2]],
         [1, 1 - 4 / 8]),
        ("R2Score", {"class_aggregation": "variance_weighted_average"}, [[1, 0], [3, 4]],
         [[1, 0], [3, 2]], (2 * 1 + 8 * 0.5) / 10),
        ("R2Score", {"num_regressors": 1}, [[1], [2], [3], [4]], [[1], [2], [3], [5]],
         1 - (1 - 0.8) * 3 / 2),
        ("BinaryCrossentropy", {}, [[1], [0]], [[0.5], [0.75]], 1.5 * LN2),
        ("CategoricalCrossentropy", {}, [[0, 1]], [[0.5, 0.5]], LN2),
        ("SparseCategoricalCrossentropy", {}, [1], [[0.5, 0.5]], LN2),
        ("SparseCategoricalCrossentropy", {"ignore_class": 0}, [1, 0], [[0.5, 0.5], [0.1, 0.9]],
         LN2 / 2),
        ("KLDivergence", {}, [[1, 0]], [[0.5, 0.5]], LN2),
        ("Poisson", {}, [[2]], [[3]], 3 - 2 * np.log(3)),
        ("Hinge", {}, [[1, -1]], [[0.5, 0.5]], 1),
        ("SquaredHinge", {}, [[1, -1]], [[0.5, 0.5]], 1.25),
        ("CategoricalHinge", {}, [[0, 1]], [[0.3, 0.6]], 0.7),
        ("TruePositives", {}, Y, P, 2),
        ("FalsePositives", {"thresholds": [0.5, 0.1]}, Y, P, [1, 2]),
        ("TrueNegatives", {}, Y, P, 1),
        ("FalseNegatives", {"thresholds": 0.8}, Y, P, 1),
        ("Precision", {}, Y, P, 2 / 3),
        ("Precision", {"thresholds": [0.95, 0.65]}, Y, P, [0, 1]),
        ("Precision", {"top_k": 1}, [[1, 0, 0], [1, 0, 0]], [[0.1, 0.0, 0.0], [0.1, 0.2, 0.0]],
         1 / 2),
        ("Precision", {"class_id": 0}, Y, P, 1 / 2),
        ("Recall", {}, Y, P, 1),
        ("Recall", {"thresholds": 0.8}, Y, P, 1 / 2),
        ("AUC", {}, [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 3 / 4),
        ("AUC", {"multi_label": True}, [[0, 0], [1, 1]], [[0.1, 0.8], [0.9, 0.2]], 1 / 2),
        ("AUC", {"from_logits": True}, [0, 1], [-3.0, 3.0], 1),
        ("AUC", {"curve": "PR"}, [0, 0, 1, 1], [0.1, 0.2, 0.7, 0.8], 1),
        ("SensitivityAtSpecificity", {"specificity": 0.9}, [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8],
         1 / 2),
        ("SpecificityAtSensitivity", {"sensitivity": 0.9}, [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8],
         1 / 2),
        ("PrecisionAtRecall", {"recall": 0.9}, [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 2 / 3),
        ("RecallAtPrecision", {"precision": 0.9}, [0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 1 / 2),
        ("F1Score", {}, np.eye(2), [[0.6, 0.4], [0.7, 0.3]], [2 / 3, 0]),
        ("F1Score", {"average": "macro"}, np.eye(2), [[0.6, 0.4], [0.7, 0.3]], 1 / 3),
        ("FBetaScore", {"beta": 2.0, "average": "micro", "threshold": 0.5}, Y, P,
         5 * (2 / 3) * 1 / (4 * 2 / 3 + 1)),
        ("IoU", {"num_classes": 2, "target_class_ids": [0]}, [0, 0, 1, 1], [0, 1, 0, 1], 1 / 3),
        ("BinaryIoU", {}, [0, 1, 0, 1], [0.1, 0.2, 0.4, 0.7], (2 / 3 + 1 / 2) / 2),
        ("MeanIoU", {"num_classes": 3}, [0, 0, 1, 1], [0, 1, 0, 1], 1 / 3),
        ("MeanIoU", {"num_classes": 2, "ignore_class": 0}, [0, 0, 1, 1], [0, 1, 0, 1], 1 / 4),
        ("OneHotIoU", {"num_classes": 2, "target_class_ids": [0]}, np.eye(2)[[0, 0, 1, 1]],
         np.eye(2)[[0, 1, 0, 1]], 1 / 3),
        ("OneHotMeanIoU", {"num_classes": 2}, np.eye(2)[[0, 0, 1, 1]], np.eye(2)[[0, 1, 0, 1]],
         1 / 3),
        ("ConfusionMatrix", {"num_classes": 2}, [0, 1, 1], [0, 0, 1], [[1, 0], [1, 1]]),
    ],
)  # fmt: skip
def test_by_hand(name, arguments, y_true, y_pred, expected):
    metric = getattr(metrics, name)(**arguments)
    for _ in range(2):  # the same again leaves means as they are, and doubles counts
        metric.update_state(np.array(y_true), np.array(y_pred, float))
    times = 2 if name.startswith(("True", "False", "Conf")) else 1
    if arguments.get("num_regressors"):
        expected = 1 - (1 - 0.8) * 7 / 6  # n counts both batches
    np.testing.assert_allclose(metric.result(), times * np.asarray(expected), rtol=1e-5, atol=1e-6)
    metric.reset_state()
    assert not any(np.asarray(variable).any() for variable in metric.variables)
    config = metrics.serialize(metric)
    assert metrics.serialize(metrics.deserialize(config)) == config


def test_every_metric_is_worked_by_hand_above():
    marks = test_by_hand.pytestmark[0].args[1]
    classes = {n for n in metrics.__all__ if inspect.isclass(getattr(metrics, n))}
    assert classes - {row[0] for row in marks} == {"Metric", "Mean", "Sum", "MeanMetricWrapper"}


class TestWeights:
    def test_of_means(self):
        metric = metrics.MeanSquaredError()
        metric.update_state([[0.0], [0.0]], [[1.0], [3.0]], [3, 1])
        assert metric.result() == (3 + 9) / 4
        metric.update_state([[0.0]], [[2.0]], [[2]])
        assert metric.result() == (12 + 8) / 6

    def test_of_counts(self):
        metric = metrics.Precision()
        assert metric([1, 0, 1], [0.9, 0.8, 0.7], [3, 1, 0]) == 3 / 4

    def test_of_the_matrix(self):
        metric = metrics.ConfusionMatrix(2)
        np.testing.assert_array_equal(metric([0, 1], [0, 0], [2, 5]), [[2, 0], [5, 0]])

    def test_of_f_score(self):
        metric = metrics.F1Score("weighted")
        assert metric(np.eye(2), [[0.6, 0.4], [0.7, 0.3]], [1, 0]) == pytest.approx(1, abs=1e-5)

    @pytest.mark.parametrize(
        "metric",
        [metrics.MeanSquaredError(), metrics.Recall(), metrics.F1Score(), metrics.Mean(),
         metrics.ConfusionMatrix(2), metrics.MeanIoU(2)],
    )  # fmt: skip
    def test_that_do_not_fit(self, metric):
        batch = [np.eye(2)] * (1 if type(metric) is metrics.Mean else 2)
        with pytest.raises(errors.ShapeError, match="sample weights do not fit the samples"):
            metric.update_state(*batch, sample_weight=np.ones(3))


def test_masks_weigh():
    p = Tensor(np.array([[1.0, 3.0], [5.0, 7.0]])[..., None])
    set_mask(p, np.array([[True, False], [True, True]]))
    metric = metrics.MeanSquaredError()
    metric.update_state(np.zeros((2, 2, 1)), p)
    assert metric.result() == pytest.approx((1 / 2 + (25 + 49) / 2) / (1 / 2 + 1))


def test_long_epochs_lose_no_samples():
    metric = metrics.Mean()
    metric.update_state(2.0**24, 1)
    for _ in range(4):  # in float32 each of these would vanish
        metric.update_state(1.0, 1)
    assert metric.result() == (2**24 + 4) / 5


class TestConfusionMatrix:
    @pytest.mark.parametrize(
        ("y_true", "y_pred"),
        [
            ([0, 1, 1], [0, 0, 1]),
            ([[0], [1], [1]], [[0.2], [0.3], [0.8]]),
            ([0, 1, 1], [0.2, 0.3, 0.8]),
            ([0, 1, 1], [[0.8, 0.2], [0.7, 0.3], [0.2, 0.8]]),
            (np.eye(2)[[0, 1, 1]], [[0.8, 0.2], [0.7, 0.3], [0.2, 0.8]]),
            ([[0, 1, 1]], np.eye(2)[[[0, 0, 1]]]),
        ],
    )
    def test_kinds_of_labels_and_predictions(self, y_true, y_pred):
        np.testing.assert_array_equal(
            metrics.ConfusionMatrix(2)(np.array(y_true), np.array(y_pred)), [[1, 0], [1, 1]]
        )

    def test_a_class_out_of_range(self):
        with pytest.raises(errors.DataError, match=r"y_true holds class 2\. Expected whole"):
            metrics.ConfusionMatrix(2)([0, 2], [0, 1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: metrics.Precision(thresholds=1.5), "threshold is out of range"),
        (lambda: metrics.Recall(thresholds=[0.5, -1]), "threshold is out of range"),
        (lambda: metrics.AUC(num_thresholds=1), "an int of at least 2"),
        (lambda: metrics.AUC(curve="ROCK"), "Did you mean 'ROC'"),
        (lambda: metrics.AUC(summation_method="minor"), "Did you mean 'minoring'"),
        (lambda: metrics.AUC(num_labels=2), "only for multi_label"),
        (lambda: metrics.PrecisionAtRecall(1.5), "recall is out of range"),
        (lambda: metrics.PrecisionAtRecall(0.5, 0), "num_thresholds is out of range"),
        (lambda: metrics.F1Score("mikro"), "Did you mean 'micro'"),
        (lambda: metrics.FBetaScore(beta=0.0), "beta is out of range"),
        (lambda: metrics.F1Score(threshold=0.0), "threshold is out of range"),
        (lambda: metrics.IoU(2, [2]), "a target class is out of range"),
        (lambda: metrics.R2Score("sum"), "unknown class_aggregation"),
        (lambda: metrics.R2Score(num_regressors=-1), "num_regressors is out of range"),
        (lambda: metrics.get("F1Skore"), "Did you mean 'f1_score'"),
        (lambda: metrics.R2Score()(np.ones(3), np.ones(3)), r"both of shape \(N, D\)"),
        (lambda: metrics.F1Score()(np.ones(3), np.ones((3, 2))), r"both of shape \(N, C\)"),
        (lambda: metrics.Precision()(np.ones(3), np.ones((3, 2))), "different shapes"),
        (lambda: metrics.Precision(class_id=0)(np.ones(3), np.ones(3)), "class_id needs"),
        (lambda: metrics.AUC(multi_label=True)(np.ones(3), np.ones(3)), "rank 2"),
    ],
)
def test_refused(make, message):
    with pytest.raises(errors.MelpyError, match=message):
        make()


def test_an_adjusted_score_of_too_few_samples():
    metric = metrics.R2Score(num_regressors=5)
    metric.update_state([[1.0], [2.0]], [[1.0], [2.0]])
    with pytest.warns(UserWarning, match="too few samples for as many regressors"):
        assert metric.result() == 1


def test_nothing_seen():
    for make in (metrics.Mean, metrics.F1Score, metrics.R2Score, metrics.Precision):
        assert make().result() == 0
    assert metrics.AUC(multi_label=True).result() == 0


class TestNames:
    def test_get(self):
        assert metrics.get(None) is None
        assert isinstance(metrics.get("mse"), metrics.MeanSquaredError)
        assert isinstance(metrics.get("f1_score"), metrics.F1Score)
        assert isinstance(metrics.get(metrics.AUC), metrics.AUC)
        assert metrics.get(metrics.mean_squared_error) is metrics.mean_squared_error
        assert metrics.Precision().name == "precision"

    def test_resolve(self):
        named = metrics.resolve("mse")
        assert named.name == "mse"
        assert metrics.resolve(named) is named
        assert metrics.resolve("AUC").name == "AUC"

    @pytest.mark.parametrize(
        ("y_true", "y_pred", "expected"),
        [
            ([1, 0], [[0.2], [0.1]], 0.5),  # two classes, one output
            ([1, 1], [[0.2, 0.8], [0.9, 0.1]], 0.5),  # class numbers
            ([[1], [1]], [[0.2, 0.8], [0.9, 0.1]], 0.5),
            ([[0, 1], [0, 1]], [[0.2, 0.8], [0.9, 0.1]], 0.5),  # one-hot
        ],
    )
    def test_accuracy_is_chosen_once(self, y_true, y_pred, expected):
        metric = metrics.resolve("accuracy")
        assert metric.name == "accuracy"
        assert metric.direction == "up"
        metric.update_state(y_true, y_pred)
        chosen = metric._fn
        metric.update_state(y_true, y_pred)
        assert metric._fn is chosen
        assert metric.result() == expected

    def test_crossentropy_takes_logits_where_the_loss_does(self):
        loss = melpy.losses.SparseCategoricalCrossentropy(from_logits=True)
        assert metrics.resolve("ce", loss)([0], [[0.0, 0.0]]) == pytest.approx(LN2)
        assert metrics.resolve("ce")([0], [[0.5, 0.5]]) == pytest.approx(LN2)


class TestOfOnesOwn:
    class Hits(metrics.Metric):
        def __init__(self, name="hits", **kwargs):
            super().__init__(name=name, **kwargs)
            self.hits = self.add_variable((), "zeros", name="hits")
            self.share = metrics.Mean()

        def update_state(self, y_true, y_pred, sample_weight=None):
            right = melpy.ops.sum(
                melpy.ops.cast(y_true == np.asarray(y_pred).argmax(-1), "float32")
            )
            self.hits.assign_add(right)
            self.hits.assign_sub(0)
            self.share.update_state(right)

        def result(self):
            return self.hits

    def test_class(self):
        metric = self.Hits()
        metric([0, 1], [[1, 0], [1, 0]])
        assert float(metric([0, 1], [[1, 0], [0, 1]])) == 3
        assert [v.name for v in metric.variables] == ["hits", "total", "count"]
        metric.reset_state()
        assert float(metric.result()) == metric.share.result() == 0

    def test_in_a_model(self):
        def worst(y_true, y_pred):
            return melpy.ops.max(melpy.ops.absolute(y_true - y_pred[:, 0]), axis=-1)

        model = melpy.Sequential([melpy.Input((3,)), layers.Dense(2, "softmax")])
        model.compile(
            "sgd",
            loss="sparse_categorical_crossentropy",
            metrics=["accuracy", self.Hits(), worst, metrics.ConfusionMatrix(2)],
        )
        logs = model.test_on_batch(np.ones((4, 3)), np.array([0, 1, 0, 0]), return_dict=True)
        assert float(logs["hits"]) == 4 * logs["accuracy"]
        assert logs["confusion_matrix"].sum() == 4
        assert 0 < logs["worst"] < 1

    def test_abstract(self):
        for method in (metrics.Metric().result, metrics.Metric().update_state):
            with pytest.raises(NotImplementedError):
                method()


@pytest.mark.parametrize(
    ("name", "y_true", "y_pred", "message"),
    [
        ("CategoricalAccuracy", np.eye(3), np.ones(3), "one label for each"),
        ("CategoricalAccuracy", np.eye(3), np.ones((4, 3)), "one label for each"),
        ("SparseCategoricalAccuracy", np.eye(3), np.ones((3, 3)), "Use categorical_accuracy"),
        ("SparseTopKCategoricalAccuracy", np.ones(2), np.ones((3, 3)), r"labels \(N,\)"),
        ("OneHotMeanIoU", np.eye(3), np.eye(3)[:2], "2 labels, one a prediction"),
    ],
)
def test_of_other_shapes(name, y_true, y_pred, message):
    arguments = {"num_classes": 3} if "IoU" in name else {}
    with pytest.raises(errors.ShapeError, match=message):
        getattr(metrics, name)(**arguments)(y_true, y_pred)


def test_a_label_that_is_no_class_is_never_met():
    for metric in (metrics.SparseTopKCategoricalAccuracy(k=3), metrics.SparseCategoricalAccuracy()):
        assert metric([0, -1, 9], np.eye(3)[[0, 1, 2]]) == pytest.approx(1 / 3)


class TestState:
    def test_without_changing_the_metric(self):
        metric = metrics.MeanSquaredError()
        metric([[0.0]], [[2.0]])
        start = metric.stateless_reset_state()
        assert [float(v) for v in start] == [0, 0]
        state = metric.stateless_update_state(start, [[0.0]], [[3.0]])
        assert metric.stateless_result(state) == 9
        assert metric.result() == 4
        with pytest.raises(errors.ArgumentError, match="another number of arrays"):
            metric.stateless_result(state[:1])

    def test_of_metrics_inside(self):
        class Several(metrics.Metric):
            def __init__(self):
                super().__init__()
                self.parts = [metrics.Mean(), {"sum": metrics.Sum()}]

            def update_state(self, values):
                self.parts[0].update_state(values)
                self.parts[1]["sum"].update_state(values)

            def result(self):
                return self.parts[0].result(), self.parts[1]["sum"].result()

        metric = Several()
        assert metric([1.0, 3.0]) == (2, 4)
        assert len(metric.variables) == 3
        metric.reset_state()
        assert metric.result() == (0, 0)

    def test_of_whole_numbers(self):
        class Count(metrics.Metric):
            def __init__(self, **kwargs):
                super().__init__(**kwargs)
                self.count = self.add_weight(dtype="int64", initializer=np.array(2**53 + 1))

            def update_state(self, values):
                self.count.assign_add(np.sum(values))

            def result(self):
                return int(self.count)

        assert Count()(np.ones(2)) == 2**53 + 3

    def test_before_it_is_made(self):
        class Early(metrics.Metric):
            def __init__(self):
                self.total = self.add_weight()
                super().__init__()

        with pytest.raises(errors.GraphError, match="super"):
            Early()


def test_results_are_floats_that_can_be_read_as_tensors():
    result = metrics.BinaryAccuracy()([1, 0], [0.9, 0.8])
    assert repr(result) == "0.5"
    assert result.numpy().astype("float32") == np.float32(0.5)
    assert result.shape == ()


def test_configs_have_names_and_types():
    assert metrics.AUC().get_config()["name"] == "auc"
    assert "thresholds" not in metrics.AUC().get_config()
    assert metrics.AUC(thresholds=[0.3]).get_config()["thresholds"] == [0.3]
    assert metrics.Mean().get_config() == {"name": "mean", "dtype": "float32"}
    assert metrics.MeanIoU(2).get_config()["dtype"] == "int32"
    binary = metrics.BinaryIoU.from_config(metrics.BinaryIoU().get_config())
    assert binary([0, 1], [0.4, 0.6]) == pytest.approx(1, abs=1e-5)  # not cut to whole numbers


class TestExtremes:
    def test_nan_is_never_right(self):
        nan = np.full((2, 3), np.nan)
        assert metrics.SparseTopKCategoricalAccuracy(k=1)([0, 1], nan) == 0
        assert metrics.SparseTopKCategoricalAccuracy(k=3)([0, 1], nan) == 0
        assert metrics.Recall(thresholds=[0.2, 0.5])([1, 1], [np.nan, 0.8]).tolist() == [0.5, 0.5]
        assert metrics.PrecisionAtRecall(0.4)([1, 1], [np.nan, 0.8]) == 1

    @pytest.mark.parametrize("offset", [0.0, 1e9])
    def test_r2_of_numbers_far_from_0(self, offset):
        y, p = np.array([[1.0], [2.0], [3.0], [5.0]]), np.array([[1.0], [2.0], [4.0], [5.0]])
        expected = 1 - 1 / np.sum((y - y.mean()) ** 2)
        metric = metrics.R2Score(dtype="float64")
        for part in (slice(0, 1), slice(1, 4)):
            metric.update_state(y[part] + offset, p[part] + offset)
        assert metric.result() == pytest.approx(expected, abs=1e-6)

    def test_r2_of_equal_labels(self):
        metric = metrics.R2Score(dtype="float64")
        assert metric(np.full((7, 1), 0.1), np.zeros((7, 1))) == 0  # as Keras says
        assert metric(np.full((7, 1), 0.1), np.ones((7, 1))) == 0

    def test_classes_that_are_not_there(self):
        with pytest.raises(errors.ShapeError, match="with class 5 among the C classes"):
            metrics.Precision(class_id=5)(np.eye(2), np.eye(2))
