"""Schedules by hand; numbers against Keras's are in tests/parity/test_schedules.py."""

import numpy as np
import pytest

import melpy
from melpy import optimizers, schedules
from melpy.errors import ArgumentError, UnknownNameError


def rates(schedule, *steps):
    return [pytest.approx(float(schedule(step)), rel=1e-6) for step in steps]


def test_each_by_hand():
    exponential = schedules.ExponentialDecay(0.5, 10, 0.5, staircase=True)
    assert rates(exponential, 0, 9, 10) == [0.5, 0.5, 0.25]
    assert rates(schedules.InverseTimeDecay(0.5, 10, 1.0), 0, 10, 30) == [0.5, 0.25, 0.125]
    assert rates(schedules.PolynomialDecay(1.0, 10, 0.5), 0, 5, 10, 99) == [1.0, 0.75, 0.5, 0.5]
    cycle = schedules.PolynomialDecay(1.0, 10, 0.0, cycle=True)
    assert rates(cycle, 5, 10, 15) == [0.5, 0.0, 0.25]  # 15 of 20
    assert rates(schedules.CosineDecay(0.5, 10), 0, 5, 10) == [0.5, 0.25, 0.0]
    restarts = schedules.CosineDecayRestarts(1.0, 10, t_mul=2.0, m_mul=0.5)
    assert rates(restarts, 0, 5, 10, 20, 30) == [1.0, 0.5, 0.5, 0.25, 0.25]


def test_arrays_of_steps_and_floatx():
    steps = np.arange(40)
    for schedule in (
        schedules.ExponentialDecay(0.5, 7, 0.9),
        schedules.PiecewiseConstantDecay([10, 20], [0.3, 0.2, 0.1]),
        schedules.CosineDecay(0.0, 20, warmup_target=0.5, warmup_steps=10),
    ):
        each = [schedule(step) for step in steps]
        assert each[0].dtype == np.float32
        np.testing.assert_allclose(schedule(steps), each, rtol=1e-6)
    assert schedule(melpy.Tensor(np.asarray(10))) == 0.5


def test_refused():
    with pytest.raises(ArgumentError, match="decay_steps must be positive"):
        schedules.ExponentialDecay(0.1, 0, 0.5)
    with pytest.raises(ArgumentError, match="first_decay_steps"):
        schedules.CosineDecayRestarts(0.1, -1)
    with pytest.raises(ArgumentError, match="Expected 3 values"):
        schedules.PiecewiseConstantDecay([1, 2], [0.1, 0.2])
    with pytest.raises(NotImplementedError, match="must define __call__"):
        schedules.LearningRateSchedule()(0)
    with pytest.raises(UnknownNameError, match="'cosine_decay'"):
        schedules.deserialize({"class_name": "CosinDecay", "config": {}})


def test_keras_place():
    import melpy.optimizers.schedules as there

    assert there.CosineDecay is optimizers.schedules.CosineDecay is schedules.CosineDecay
