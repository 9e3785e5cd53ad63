"""Updates in programs: every optimizer, limit, average and constraint has the bits of steps."""

import numpy as np
import pytest

pytest.importorskip("numba")

import melpy
from melpy import layers, optimizers, schedules

B, N = 8, 8 * 4 + 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 6)).astype(np.float32)
Y = np.eye(3, dtype=np.float32)[RNG.integers(0, 3, N)]
WHOLE = {
    "sgd": lambda: optimizers.SGD(0.1),
    "momentum": lambda: optimizers.SGD(0.1, momentum=0.9),
    "rmsprop": lambda: optimizers.RMSprop(0.01),
    "rmsprop, centered": lambda: optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "adam": lambda: optimizers.Adam(0.01),
    "amsgrad": lambda: optimizers.Adam(0.01, amsgrad=True),
    "adamw": lambda: optimizers.AdamW(0.01),
    "nadam": lambda: optimizers.Nadam(0.01),
    "adamax": lambda: optimizers.Adamax(0.01),
    "adagrad": lambda: optimizers.Adagrad(0.1),
    "adadelta": lambda: optimizers.Adadelta(1.0),
    "lion": lambda: optimizers.Lion(0.01),
    "ftrl": lambda: optimizers.Ftrl(0.1, beta=0.1),
    "a norm": lambda: optimizers.Adam(0.01, clipnorm=0.05),
    "a norm of all": lambda: optimizers.Adam(0.01, global_clipnorm=0.1),
    "values": lambda: optimizers.SGD(0.1, clipvalue=0.01),
    "decay": lambda: optimizers.SGD(0.1, weight_decay=0.1),
    "averages": lambda: optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9),
    "averages onto": lambda: optimizers.Adam(0.01, use_ema=True, ema_overwrite_frequency=3),
    "accumulated": lambda: optimizers.Adam(0.01, gradient_accumulation_steps=3),
    "accumulated, all of it": lambda: optimizers.SGD(
        schedules.CosineDecay(0.1, 20), momentum=0.9, weight_decay=0.01, clipnorm=0.1,
        use_ema=True, gradient_accumulation_steps=2,
    ),
    "a schedule": lambda: optimizers.Adam(schedules.ExponentialDecay(0.1, 5, 0.5)),
    "a schedule and decay": lambda: optimizers.AdamW(schedules.CosineDecay(0.1, 20)),
    "a rate of 0": lambda: optimizers.Ftrl(schedules.PiecewiseConstantDecay([4], [0.0, 0.1])),
    "a function": lambda: optimizers.SGD(lambda: 0.125),
}  # fmt: skip
OTHERS = {
    "scaled": lambda: optimizers.SGD(0.1, loss_scale_factor=128.0),
    "adafactor": lambda: optimizers.Adafactor(0.01),
    "muon": lambda: optimizers.Muon(0.01),
}


class Signs(optimizers.Optimizer):
    """A rule of one's own, of NumPy's."""

    def rule(self, rate, p, g):
        p -= rate * np.sign(g)


def trained(optimizer, by_steps, **rules):
    melpy.utils.set_random_seed(1)
    model = melpy.Sequential([
        melpy.Input((6,)), layers.Dense(5, activation="relu", **rules),
        layers.Dense(3, activation="softmax"),
    ])  # fmt: skip
    model.compile(optimizer(), "categorical_crossentropy", run_eagerly=by_steps)
    logs = model.fit(X, Y, batch_size=B, epochs=8, verbose=0).history
    logs |= model.fit(X, Y, batch_size=B, epochs=2, verbose=0).history
    return logs, model


def agrees(optimizer, **rules):
    """Return the programs of a model that was trained to the bits of steps."""
    logs, model = trained(optimizer, by_steps=False, **rules)
    by_steps, other = trained(optimizer, by_steps=True, **rules)
    assert logs == by_steps
    for a, b in zip(model.optimizer.variables, other.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    return [program for program in model._training_programs.known.values() if program]


@pytest.mark.parametrize("name", WHOLE)
def test_updates_are_work_of_kernels(name):
    programs = agrees(WHOLE[name])
    assert programs
    assert all(program.is_trusted and program.is_whole for program in programs)


@pytest.mark.parametrize("name", OTHERS)
def test_other_updates(name):
    agrees(OTHERS[name])


@pytest.mark.parametrize(
    "constraint",
    [
        melpy.constraints.MaxNorm(0.5), melpy.constraints.NonNeg(), melpy.constraints.UnitNorm(),
        melpy.constraints.MinMaxNorm(0.2, 0.6, rate=0.5),
    ],
)  # fmt: skip
def test_constraints(constraint):
    programs = agrees(WHOLE["adam"], kernel_constraint=constraint)
    assert programs
    assert all(program.is_trusted for program in programs)


def test_a_constraint_and_a_rule_of_ones_own_are_asked_at_each_step():
    def half(w):
        return w * 0.5 if np.asarray(w).max() > 0.4 else w

    assert not agrees(WHOLE["adam"], kernel_constraint=half)
    assert not agrees(lambda: Signs(schedules.PiecewiseConstantDecay([4], [0.0, 0.1])))


def test_numbers_of_many_steps_are_those_of_each():
    for name in ("adam", "adamw", "adamax", "momentum", "a schedule", "a schedule and decay"):
        ahead, each = (WHOLE[name]() for _ in range(2))
        rows = []
        for optimizer in (ahead, each):
            weight = melpy.Variable(np.ones(3, np.float32))
            optimizer.apply([np.ones(3, np.float32)], [weight])
            rows.append(weight)
        many = ahead.numbers_ahead([rows[0]], 7)
        steps = [each.numbers_ahead([rows[1]], 1) for _ in range(7)]
        for n, array in enumerate(many):
            np.testing.assert_array_equal(array, np.concatenate([step[n] for step in steps]))
        assert int(ahead.iterations) == int(each.iterations) == 8
