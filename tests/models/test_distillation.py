"""Distillation: the numbers by hand, what is trained, and what is refused."""

import numpy as np
import pytest

import melpy
from melpy import distillation, errors, layers, losses, ops
from melpy.distillation import Distiller, FeatureDistillation, LogitsDistillation

TEACHER = np.array([[1.0, 2, 3], [4, 5, 6]], "float32")
STUDENT = np.array([[2.0, 1, 4], [3, 6, 2]], "float32")
X, Y = np.linspace(-1, 1, 32).reshape(8, 4).astype("float32"), np.arange(8) % 3


def net(hidden, name="", **options):
    return melpy.Sequential(
        [layers.Input((4,)), layers.Dense(hidden, name=f"{name}hidden"), layers.Dense(3, **options)]
    )


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("loss", ["kl_divergence", losses.KLDivergence()])
def test_logits_by_hand(loss):
    t, s = softmax(TEACHER / 3), softmax(STUDENT / 3)
    expected = (t * np.log(t / s)).sum(axis=-1).mean() * 9
    made = LogitsDistillation(3.0, loss).compute_loss(TEACHER, STUDENT)
    np.testing.assert_allclose(float(made), expected, rtol=1e-5)


def test_several_outputs_and_other_losses():
    pairs = [TEACHER, {"a": TEACHER}], [STUDENT, {"a": STUDENT + 1}]
    one = LogitsDistillation(2.0, ["mse", {"a": None}])
    np.testing.assert_allclose(one.compute_loss(*pairs), np.mean((TEACHER - STUDENT) ** 2) / 4)
    both = FeatureDistillation("mae")
    expected = np.abs(TEACHER - STUDENT).mean() + np.abs(TEACHER - STUDENT - 1).mean()
    np.testing.assert_allclose(both.compute_loss(*pairs), expected, rtol=1e-6)
    with pytest.raises(ValueError, match="nestings"):
        one.validate_outputs(pairs[0], STUDENT)
    with pytest.raises(ValueError, match="nestings"):
        FeatureDistillation(["mse"]).validate_outputs(TEACHER, STUDENT)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_only_the_student_trains(weight):
    teacher, student = net(16, "t"), net(2, "s")
    given = [LogitsDistillation(2.0), FeatureDistillation("mse")]
    distiller = Distiller(teacher, student, given, [1.0, 0.5], student_loss_weight=weight)
    own = losses.SparseCategoricalCrossentropy(from_logits=True)
    distiller.compile("sgd", own, metrics=["accuracy"])
    logits = teacher(X), student(X)
    expected = weight * own(Y, logits[1]) + (1 - weight) * (
        given[0].compute_loss(*logits) + 0.5 * given[1].compute_loss(*logits)
    )
    before = teacher.get_weights(), student.get_weights()
    history = distiller.fit(X, Y, verbose=0, batch_size=8).history
    assert set(history) == {
        "accuracy", "loss", "total_loss", "student_loss", "distillation_loss"
    }  # fmt: skip
    np.testing.assert_allclose(history["total_loss"][0], float(expected), rtol=1e-5)
    assert all(map(np.array_equal, before[0], teacher.get_weights()))
    assert not any(map(np.array_equal, before[1], student.get_weights()))
    np.testing.assert_array_equal(distiller.predict(X), student.predict(X))
    assert len(distiller.evaluate(X, Y)) == 5


def test_features_of_layers():
    teacher, student = net(5, "t"), net(5, "s")
    one = FeatureDistillation("mse", "thidden", "shidden")
    distiller = Distiller(teacher, student, one, student_loss_weight=0.0)
    distiller.compile("sgd", "mse")
    expected = ops.mean((teacher.layers[0](X) - student.layers[0](X)) ** 2)
    history = distiller.fit(X, X[:, :3], verbose=0, batch_size=8).history
    np.testing.assert_allclose(history["distillation_loss"][0], float(expected), rtol=1e-5)


def test_there_and_back(tmp_path):
    given = [LogitsDistillation(2.0, "mse"), FeatureDistillation("mae", "thidden", "shidden")]
    distiller = Distiller(net(5, "t"), net(5, "s"), given, [1.0, 0.5], 0.25)
    distiller.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
    distiller.fit(X, Y, verbose=0)
    distiller.save(tmp_path / "m.keras")
    again = melpy.models.load_model(tmp_path / "m.keras")
    assert (again.student_loss_weight, again.distillation_loss_weights) == (0.25, [1.0, 0.5])
    assert again.distillation_losses[0].temperature == 2.0
    np.testing.assert_array_equal(again(X), distiller(X))
    assert again.evaluate(X, Y) == distiller.evaluate(X, Y)


class Bare(melpy.Model):
    def call(self, x):
        return x


@pytest.mark.parametrize(
    "make",
    [
        lambda: LogitsDistillation(0),
        lambda: LogitsDistillation("3"),
        lambda: LogitsDistillation(loss=None),
        lambda: FeatureDistillation([None, None]),
        lambda: Distiller("teacher", net(2), LogitsDistillation()),
        lambda: Distiller(net(2), None, LogitsDistillation()),
        lambda: Distiller(net(2), net(2), None),
        lambda: Distiller(net(2), net(2), [LogitsDistillation()], [1.0, 2.0]),
        lambda: Distiller(net(2), net(2), LogitsDistillation(), student_loss_weight=1.5),
        lambda: Distiller(
            net(2), melpy.Sequential([layers.Input((5,)), layers.Dense(3)]), LogitsDistillation()
        ),
        lambda: Distiller(net(2), net(2), FeatureDistillation("mse", "nowhere")),
        lambda: Distiller(Bare(), net(2), FeatureDistillation("mse", "a", "hidden")),
        lambda: Distiller(net(2), net(2), LogitsDistillation()).compile("sgd"),
        lambda: losses.get("no_such_loss"),
    ],
)
def test_refused(make):
    with pytest.raises(errors.MelpyError) as caught:
        make()
    assert isinstance(caught.value, ValueError)


def test_a_loss_of_ones_own():
    class Far(distillation.DistillationLoss):
        def compute_loss(self, teacher_outputs, student_outputs, **kwargs):
            return ops.max(ops.abs(teacher_outputs - student_outputs), axis=-1)

    distiller = Distiller(net(2), net(2), Far())
    distiller.compile("sgd", "mse")
    with pytest.raises(ValueError, match="more than one number"):
        distiller.fit(X, X[:, :3], verbose=0)
    with pytest.raises(NotImplementedError):
        distillation.DistillationLoss().compute_loss(TEACHER, STUDENT)
