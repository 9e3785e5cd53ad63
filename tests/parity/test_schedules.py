"""Schedules, constraints and penalties give Keras's numbers."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from melpy import constraints, ops, regularizers, schedules
from melpy.tensor import Tensor

pytestmark = pytest.mark.parity

NAMES = [name for name in schedules.__all__ if name[0].isupper() and "Schedule" not in name]
STEPS = [0, 1, 2, 5, 9, 10, 11, 19, 20, 21, 29, 30, 31, 70, 71, 1000]
relaxed = settings(
    max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def drawn(draw, name):
    number, flag = st.floats(0.0625, 1.0, width=32), st.booleans()
    steps = st.integers(1, 30)
    arguments = {
        "ExponentialDecay": (number, steps, number, flag),
        "InverseTimeDecay": (number, steps, number, flag),
        "PolynomialDecay": (number, steps, number, st.sampled_from([0.5, 1.0, 2.0]), flag),
        "CosineDecay": (
            number, steps, number, st.just("decay"), st.one_of(st.none(), number), steps,
        ),
        "CosineDecayRestarts": (number, st.sampled_from([5, 10]), st.sampled_from([1.0, 2.0, 3.0]),
                                number, number),
    }  # fmt: skip
    if name == "PiecewiseConstantDecay":
        boundaries = sorted(draw(st.sets(st.integers(0, 40), min_size=1, max_size=4)))
        return boundaries, [draw(number) for _ in range(len(boundaries) + 1)]
    return tuple(draw(argument) for argument in arguments[name])


@pytest.mark.parametrize("name", NAMES)
@relaxed
@given(data=st.data())
def test_numbers_and_configs(keras, name, data):
    arguments = drawn(data.draw, name)
    ours = getattr(schedules, name)(*arguments)
    theirs = getattr(keras.optimizers.schedules, name)(*arguments)
    for step in STEPS:
        assert float(ours(step)) == pytest.approx(float(theirs(step)), rel=2e-5, abs=1e-7), step
    assert ours.get_config() == theirs.get_config()
    read = schedules.deserialize(keras.optimizers.schedules.serialize(theirs))
    assert read.get_config() == ours.get_config()


MADE = {
    "MaxNorm": {"max_value": 0.7, "axis": 1},
    "NonNeg": {},
    "UnitNorm": {"axis": [0, 1]},
    "MinMaxNorm": {"min_value": 0.4, "max_value": 0.9, "rate": 0.6},
}


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-12)])
@pytest.mark.parametrize("name", MADE)
def test_constraints(keras, precision, agree, name, dtype, tolerance):
    w = np.random.default_rng(0).normal(size=(3, 4, 2)).astype(dtype)
    ours, theirs = getattr(constraints, name), getattr(keras.constraints, name)
    with precision(dtype):
        for arguments in ({}, MADE[name]):
            expected = theirs(**arguments)(w)
            actual = ours(**arguments)(w)
            assert actual.dtype == np.dtype(dtype)
            agree(actual, expected, tolerance)
            assert ours(**arguments).get_config() == theirs(**arguments).get_config()


PENALTIES = {
    "L1": [{}, {"l1": 0.3}],
    "L2": [{}, {"l2": 0.3}],
    "L1L2": [{"l1": 0.3}, {"l2": 0.2}, {"l1": 0.3, "l2": 0.2}],
    "OrthogonalRegularizer": [{}, {"factor": 0.3, "mode": "columns"}],
}


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
@pytest.mark.parametrize("name", PENALTIES)
def test_regularizers(keras, precision, agree, name, dtype, tolerance):
    import jax

    w = np.random.default_rng(0).normal(size=(4, 3)).astype(dtype)
    for arguments in PENALTIES[name]:
        ours = getattr(regularizers, name)(**arguments)
        with precision(dtype):
            theirs = getattr(keras.regularizers, name)(**arguments)
            value, gradient = jax.value_and_grad(theirs)(jax.numpy.asarray(w))
        tensor = Tensor(w, requires_grad=True)
        penalty = ours(tensor)
        ops.sum(penalty).backward()
        agree(penalty.value, value, tolerance)
        agree(tensor.grad, gradient, tolerance)
        assert ours.get_config() == pytest.approx(theirs.get_config())


def test_every_constraint_and_regularizer_has_a_case():
    for module, cases in ((constraints, MADE), (regularizers, PENALTIES)):
        classes = {name for name in module.__all__ if name[0].isupper()}
        assert classes - {"Constraint", "Regularizer"} == set(cases)
