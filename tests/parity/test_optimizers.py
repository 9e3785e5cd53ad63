"""Optimizers move the same weights by the same gradients to the same places as Keras's."""

import numpy as np
import pytest

from melpy import optimizers
from melpy.layers.base import Weight

pytestmark = pytest.mark.parity

SHAPES = [(3, 2, 2, 4), (4,), (5, 3), (1,)]
STEPS = 10

KINDS = [
    ("SGD", {}),
    ("SGD", {"learning_rate": 0.2, "momentum": 0.9}),
    ("SGD", {"learning_rate": 0.2, "momentum": 0.7, "nesterov": True}),
    ("RMSprop", {}),
    ("RMSprop", {"learning_rate": 0.02, "rho": 0.7, "momentum": 0.8}),
    ("RMSprop", {"learning_rate": 0.02, "centered": True}),
    ("RMSprop", {"learning_rate": 0.02, "centered": True, "momentum": 0.5, "epsilon": 1e-3}),
    ("Adam", {}),
    ("Adam", {"learning_rate": 0.05, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-4}),
    ("AdamW", {}),
    ("AdamW", {"learning_rate": 0.05, "weight_decay": 0.1}),
]
OPTIONS = [
    {}, {"weight_decay": 0.3}, {"clipnorm": 0.4}, {"clipvalue": 0.3}, {"global_clipnorm": 0.9},
    {"weight_decay": 0.2, "clipnorm": 0.5},
]  # fmt: skip
LACKING = {
    "amsgrad", "use_ema", "ema_momentum", "ema_overwrite_frequency", "loss_scale_factor",
    "gradient_accumulation_steps",
}  # fmt: skip


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-10)])
@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: "+".join(options) or "plain")
@pytest.mark.parametrize(("name", "arguments"), KINDS)
def test_ten_steps(keras, precision, agree, name, arguments, options, dtype, tolerance):
    rng = np.random.default_rng(0)
    start = [rng.normal(size=shape).astype(dtype) for shape in SHAPES]
    with precision(dtype):
        ours = getattr(optimizers, name)(**{**arguments, **options})
        theirs = getattr(keras.optimizers, name)(**{**arguments, **options})
        our_weights = [Weight(value.copy()) for value in start]
        their_weights = [keras.Variable(value, dtype=dtype) for value in start]
        for step in range(STEPS):
            gradients = [(rng.normal(size=s) / (step + 1)).astype(dtype) for s in SHAPES]
            ours.apply(gradients, our_weights)
            theirs.apply(gradients, their_weights)
            for before, mine, keras_own in zip(start, our_weights, their_weights, strict=True):
                assert not np.array_equal(mine.value, before)
                agree(mine.value, keras_own.value, tolerance, f"a weight after step {step + 1}")
        assert ours.iterations == int(theirs.iterations) == STEPS


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_options_matter(keras, name):
    """The comparison above is none if an option changes nothing."""

    def end(options):
        rng = np.random.default_rng(0)
        weight = Weight(rng.normal(size=5))
        optimizer = getattr(optimizers, name)(**options)
        for step in range(STEPS):
            optimizer.apply([rng.normal(size=5) / (step + 1)], [weight])
        return weight.value

    ends = [end(options) for options in OPTIONS]
    for number, first in enumerate(ends):
        assert all(np.abs(first - other).max() > 1e-6 for other in ends[:number])


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_arguments(keras, same_signature, name):
    ours, theirs = getattr(optimizers, name), getattr(keras.optimizers, name)
    # The default of name is None in some versions of Keras, which makes the same name of it.
    same_signature(ours.__init__, theirs.__init__, LACKING, apart={"name"})


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_names(keras, name):
    for spelled in (name.lower(), name):
        assert type(keras.optimizers.get(spelled)).__name__ == name
        assert type(optimizers.get(spelled)).__name__ == name
