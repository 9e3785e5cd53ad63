"""Optimizers move the same weights by the same gradients to the same places as Keras's."""

from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from melpy import config, constraints, optimizers, schedules
from melpy.layers.variable import Variable

pytestmark = pytest.mark.parity

SHAPES = [(3, 2, 2, 4), (4,), (5, 3), (1,)]
STEPS = 10

KINDS = {
    "SGD": [
        {},
        {"learning_rate": 0.2, "momentum": 0.9},
        {"learning_rate": 0.2, "momentum": 0.7, "nesterov": True},
    ],
    "RMSprop": [
        {},
        {"learning_rate": 0.02, "rho": 0.7, "momentum": 0.8},
        {"learning_rate": 0.02, "centered": True},
        {"learning_rate": 0.02, "centered": True, "momentum": 0.5, "epsilon": 1e-3},
    ],
    "Adam": [
        {},
        {"learning_rate": 0.05, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-4},
        {"learning_rate": 0.02, "beta_2": 0.8, "amsgrad": True},
    ],
    "AdamW": [{}, {"learning_rate": 0.05, "weight_decay": 0.1}, {"amsgrad": True}],
    "Nadam": [{}, {"learning_rate": 0.05, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-4}],
    "Adamax": [{}, {"learning_rate": 0.05, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-4}],
    "Adagrad": [{}, {"learning_rate": 0.05, "initial_accumulator_value": 0.5, "epsilon": 1e-4}],
    "Adadelta": [{}, {"learning_rate": 1.0, "rho": 0.8, "epsilon": 1e-3}],
    "Lion": [{}, {"learning_rate": 0.02, "beta_1": 0.8, "beta_2": 0.9}],
    "Ftrl": [
        {},
        {
            "learning_rate": 0.05, "learning_rate_power": -0.7, "initial_accumulator_value": 0.3,
            "l1_regularization_strength": 0.2, "l2_regularization_strength": 0.1,
            "l2_shrinkage_regularization_strength": 0.05, "beta": 0.2,
        },
    ],
    "Adafactor": [{}, {"learning_rate": 0.05, "clip_threshold": 0.5, "relative_step": False}],
    "Lamb": [{}, {"learning_rate": 0.05, "beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-4}],
    "ScheduleFreeAdamW": [
        {}, {"learning_rate": 0.05, "beta_1": 0.7, "warmup_steps": 4, "weight_decay": 0.1},
    ],
    "Muon": [
        {},
        {"learning_rate": 0.02, "nesterov": False, "rms_rate": None, "ns_steps": 2},
        {"exclude_layers": ["weight2"], "adam_lr_ratio": 0.5, "weight_decay": None},
    ],
}  # fmt: skip
NAMES = list(KINDS)


def test_every_optimizer_has_a_case():
    assert {name for name in optimizers.__all__ if name[0].isupper()} == {*NAMES, "Optimizer"}


OPTIONS = [
    {}, {"weight_decay": 0.3}, {"clipnorm": 0.4}, {"clipvalue": 0.3}, {"global_clipnorm": 0.9},
    {"weight_decay": 0.2, "clipnorm": 0.5}, {"use_ema": True, "ema_momentum": 0.6},
    {"use_ema": True, "ema_momentum": 0.8, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 3, "clipvalue": 0.2}, {"loss_scale_factor": 4.0},
    {"gradient_accumulation_steps": 2, "weight_decay": 0.1},
]  # fmt: skip
PRECISIONS = [("float32", 1e-5), ("float64", 1e-10)]


@pytest.fixture
def floats(precision):
    """Let both libraries compute in a float type: the learning rate has it too."""

    @contextmanager
    def within(dtype):
        with precision(dtype), pytest.MonkeyPatch.context() as patch:
            patch.setitem(config._settings, "floatx", dtype)
            yield

    return within


def both(keras, name, arguments, start):
    """Return our optimizer and weights, and Keras's."""
    ours = getattr(optimizers, name)(**arguments)
    theirs = getattr(keras.optimizers, name)(**arguments)
    our_weights = [Variable(v.copy(), name=f"weight{n}") for n, v in enumerate(start)]
    their_weights = [
        keras.Variable(v, dtype=str(v.dtype), name=f"weight{n}") for n, v in enumerate(start)
    ]
    return ours, our_weights, theirs, their_weights


def compare(keras, agree, name, arguments, dtype, tolerance, seed=0, shapes=SHAPES):
    """Make ten steps with both; hold weights, and the whole state at the end, against Keras's."""
    rng = np.random.default_rng(seed)
    start = [rng.normal(size=shape).astype(dtype) for shape in shapes]
    ours, our_weights, theirs, their_weights = both(keras, name, arguments, start)
    for step in range(STEPS):
        gradients = [(rng.normal(size=s) / (step + 1)).astype(dtype) for s in shapes]
        ours.apply(gradients, our_weights)
        theirs.apply(gradients, their_weights)
        for mine, keras_own in zip(our_weights, their_weights, strict=True):
            agree(mine.value, keras_own.value, tolerance, f"{name}: a weight after step {step + 1}")
    assert int(ours.iterations) == int(theirs.iterations)
    assert len(ours.variables) == len(theirs.variables)
    for mine, keras_own in zip(ours.variables, theirs.variables, strict=True):
        agree(mine.value, keras_own.value, 10 * tolerance, f"{name}: {keras_own.name}")
        if keras_own.shape:  # Keras names no product of Nadam's
            assert mine.name == keras_own.name
    ours.finalize_variable_values(our_weights)
    theirs.finalize_variable_values(their_weights)
    for before, mine, keras_own in zip(start, our_weights, their_weights, strict=True):
        assert not np.array_equal(mine.value, before)
        agree(mine.value, keras_own.value, tolerance, f"{name}: a weight in the end")


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("name", NAMES)
def test_ten_steps(keras, floats, agree, name, dtype, tolerance):
    with floats(dtype):
        for arguments in KINDS[name]:
            compare(keras, agree, name, arguments, dtype, tolerance)


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("options", OPTIONS[1:], ids="+".join)
def test_options(keras, floats, agree, options, dtype, tolerance):
    kinds = {"SGD": KINDS["SGD"][1], "Adam": KINDS["Adam"][1]}
    if "gradient_accumulation_steps" in options:  # Keras compiles a branch at each step: slow
        kinds.pop("SGD" if dtype == "float32" else "Adam")
    with floats(dtype):
        for name, arguments in kinds.items():
            compare(
                keras, agree, name, arguments | options, dtype, tolerance, shapes=[(3, 4), (4,)]
            )


@st.composite
def drawn(draw):
    """Return an optimizer's name, and arguments from all over their ranges."""
    part = st.floats(0.05, 0.95)
    name = draw(st.sampled_from(NAMES))
    arguments = dict(draw(st.sampled_from(KINDS[name])))
    arguments["learning_rate"] = draw(st.floats(1e-4, 0.1))
    for key in ("beta_1", "beta_2", "rho"):
        if key in arguments:
            arguments[key] = draw(part)
    if draw(st.booleans()):
        arguments["weight_decay"] = draw(st.floats(0.0, 1.0))
    limit = draw(st.sampled_from(["clipnorm", "clipvalue", "global_clipnorm", None]))
    if limit:
        arguments[limit] = draw(st.floats(0.05, 3.0))
    if draw(st.booleans()):
        arguments |= {"use_ema": True, "ema_momentum": draw(part)}
        arguments["ema_overwrite_frequency"] = draw(st.sampled_from([None, 1, 2, 4]))
    return name, arguments


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(made=drawn(), seed=st.integers(0, 99))
def test_drawn_arguments(keras, floats, agree, made, seed):
    with floats("float64"):
        compare(keras, agree, *made, "float64", 1e-10, seed, shapes=[(3, 4), (4,)])


@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adam", "AdamW"])
def test_options_matter(keras, name):
    """The comparison above is none if an option changes nothing."""

    def end(options):
        rng = np.random.default_rng(0)
        weight = Variable(rng.normal(size=5))
        optimizer = getattr(optimizers, name)(**options)
        for step in range(STEPS):
            optimizer.apply([rng.normal(size=5) / (step + 1)], [weight])
        optimizer.finalize_variable_values([weight])
        return weight.value

    plain = [options for options in OPTIONS if "loss_scale_factor" not in options]
    ends = [end(options) for options in plain]
    for number, first in enumerate(ends):
        assert all(np.abs(first - other).max() > 1e-6 for other in ends[:number])


@pytest.mark.parametrize("name", NAMES)
def test_names_and_configs(keras, name):
    for spelled in (name.lower(), name):
        if name != "Lamb":  # which Keras does not find by its name
            assert type(keras.optimizers.get(spelled)).__name__ == name
        assert type(optimizers.get(spelled)).__name__ == name

    options = {"weight_decay": 0.25, "use_ema": True}
    if name == "Muon":
        options["exclude_layers"] = ["head"]  # Keras writes its default, None, as []
    ours = getattr(optimizers, name)(**options)
    theirs = getattr(keras.optimizers, name)(**options)
    assert ours.get_config() == theirs.get_config() | {"name": ours.name}
    # What Keras wrote makes an equal optimizer here, and the other way round.
    read = optimizers.deserialize(keras.optimizers.serialize(theirs))
    assert read.get_config() == theirs.get_config()
    if name == "Lamb":
        return
    again = keras.optimizers.deserialize(optimizers.serialize(ours))
    assert again.get_config() == ours.get_config()


def test_a_schedule(keras, agree):
    made = [
        library.ExponentialDecay(0.5, 3, 0.5, staircase=True)
        for library in (schedules, keras.optimizers.schedules)
    ]
    start = [np.ones(4, "float32")]
    _, our_weights, _, their_weights = both(keras, "SGD", {}, start)
    ours, theirs = optimizers.SGD(made[0]), keras.optimizers.SGD(made[1])
    for _ in range(STEPS):
        assert float(ours.learning_rate) == pytest.approx(float(theirs.learning_rate), rel=1e-6)
        ours.apply([np.ones(4)], our_weights)
        theirs.apply([np.ones(4, "float32")], their_weights)
        agree(our_weights[0].value, their_weights[0].value, 1e-6)
    assert (
        ours.get_config()["learning_rate"]["config"]
        == (theirs.get_config()["learning_rate"]["config"])
    )
    assert len(ours.variables) == len(theirs.variables) == 1
    read = optimizers.deserialize(keras.optimizers.serialize(theirs))
    assert float(read.learning_rate) == 0.5
    with pytest.raises(TypeError):
        theirs.learning_rate = 0.1
    with pytest.raises(TypeError):
        ours.learning_rate = 0.1


@pytest.mark.parametrize("name", ["Adam", "SGD"])
def test_some_of_the_weights_and_constraints(keras, agree, name):
    """A weight that is left out stays, and its slots too; constraints act after the step."""
    rng = np.random.default_rng(0)
    start = [rng.normal(size=shape).astype("float32") for shape in [(3, 2), (2,), (2, 2)]]
    ours, our_weights, theirs, their_weights = both(keras, name, {"clipnorm": 1.0}, start)
    our_weights[0].constraint = constraints.MaxNorm(0.5)
    their_weights[0].constraint = keras.constraints.MaxNorm(0.5)
    for chosen in ([0, 1, 2], [0, 2], [0, 1, 2], [1]):
        gradients = [rng.normal(size=start[n].shape).astype("float32") for n in chosen]
        ours.apply(gradients, [our_weights[n] for n in chosen])
        theirs.apply(gradients, [their_weights[n] for n in chosen])
        for mine, keras_own in zip(our_weights, their_weights, strict=True):
            agree(mine.value, keras_own.value, 1e-5, str(chosen))
    assert np.linalg.norm(our_weights[0].value, axis=0).max() <= 0.5
    for library, weights in ((ours, our_weights), (theirs, their_weights)):
        with pytest.raises(ValueError, match="nknown variable"):
            library.apply([start[0]], [type(weights[0])(start[0])])


@pytest.mark.parametrize("chosen", [{"var_names": ["bias"]}, {"var_list": [1]}])
def test_excluded_from_weight_decay(keras, agree, chosen):
    ours = optimizers.SGD(0.5, weight_decay=0.5)
    theirs = keras.optimizers.SGD(0.5, weight_decay=0.5)
    our_weights = [Variable(np.ones(2, "float32"), name=n) for n in ("kernel", "bias")]
    our_weights[0].path = "bias_net/kernel"  # it is the name that is matched
    their_weights = [keras.Variable(np.ones(2), name=n) for n in ("kernel", "bias")]
    for optimizer, weights in ((ours, our_weights), (theirs, their_weights)):
        left_out = {k: [weights[n] for n in v] if k == "var_list" else v for k, v in chosen.items()}
        optimizer.exclude_from_weight_decay(**left_out)
        optimizer.apply([np.zeros(2, "float32")] * 2, weights)
    for mine, keras_own, value in zip(our_weights, their_weights, (0.75, 1.0), strict=True):
        agree(mine.value, keras_own.value, 1e-6)
        np.testing.assert_allclose(mine.value, value)


def test_an_optimizer_in_keras_words(keras, agree):
    """What Keras's documentation gives as an example of an own optimizer runs here as it stands."""

    def momentum_of(library, ops):
        class Momentum(library.Optimizer):
            def __init__(self, learning_rate=0.1, **kwargs):
                super().__init__(learning_rate, **kwargs)
                self.momentum = 0.9

            def build(self, variables):
                super().build(variables)
                self.momentums = []
                for variable in variables:
                    self.momentums.append(
                        self.add_variable_from_reference(
                            reference_variable=variable, name="momentum"
                        )
                    )

            def update_step(self, gradient, variable, learning_rate):
                learning_rate = ops.cast(learning_rate, variable.dtype)
                gradient = ops.cast(gradient, variable.dtype)
                m = self.momentums[self._get_variable_index(variable)]
                self.assign(
                    m,
                    ops.subtract(
                        ops.multiply(m, ops.cast(self.momentum, variable.dtype)),
                        ops.multiply(gradient, learning_rate),
                    ),
                )
                self.assign_add(variable, m)

        return Momentum

    import melpy

    rng = np.random.default_rng(0)
    start = [rng.normal(size=shape).astype("float32") for shape in SHAPES]
    _, our_weights, _, their_weights = both(keras, "SGD", {}, start)
    ours = momentum_of(optimizers, melpy.ops)(0.2, clipnorm=0.5)
    theirs = momentum_of(keras.optimizers, keras.ops)(0.2, clipnorm=0.5)
    for _ in range(STEPS):
        gradients = [rng.normal(size=s).astype("float32") for s in SHAPES]
        ours.apply(gradients, our_weights)
        theirs.apply(gradients, their_weights)
    for mine, keras_own in zip(our_weights, their_weights, strict=True):
        agree(mine.value, keras_own.value, 1e-5)
    assert [v.shape for v in ours.variables] == [v.shape for v in theirs.variables]
