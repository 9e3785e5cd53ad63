"""Every layer, whatever its arguments: Keras's outputs, gradients, penalties, steps of training."""

import inspect
import random
import zlib

import numpy as np
import pytest
from drawn_layers import LAYERS
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import melpy
from melpy import config, layers, tape, tree
from melpy.tensor import Tensor, mask_of

pytestmark = pytest.mark.parity

TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
few = settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # to shrink what fails would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
NAMES = sorted(LAYERS)


@pytest.fixture(autouse=True, scope="module")
def compiled_soon(keras):
    """Let JAX compile fast and not well: each program runs once."""
    import jax

    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


# Keras finds no output's shape of these, or (EinsumDense) not always the right one.
SHAPELESS = {
    "EinsumDense", "Lambda", "Layer", "Wrapper", "SimpleRNNCell", "LSTMCell", "GRUCell",
    "StackedRNNCells",
}  # fmt: skip


# These have no gradients; in Keras most need TensorFlow: test_categories, and tests/layers.
OF_CATEGORIES = {
    "CategoryEncoding", "Discretization", "HashedCrossing", "Hashing", "IntegerLookup",
    "StringLookup", "TextVectorization",
}  # fmt: skip


# These are held to Keras where both draw the same: test_augment.
AUGMENTATIONS = {
    "AugMix", "AutoContrast", "ContrastLimitedAdaptiveHistogramEqualization", "CutMix",
    "MaxNumBoundingBoxes", "RandomGaussianBlur", "RandomPerspective", "Equalization", "MixUp",
    "Pipeline", "RandAugment", "RandomElasticTransform",
    "RandomColorDegeneration", "RandomColorJitter", "RandomErasing", "RandomGrayscale",
    "RandomHue", "RandomInvert", "RandomPosterization", "RandomSaturation", "RandomSharpness",
    "RandomShear", "Solarization",
}  # fmt: skip


# Keras on JAX forgets, after a step, what these write into their weights.
OVERWRITING = {"SpectralNormalization"}


def test_every_layer_is_drawn():
    exported = {getattr(layers, name) for name in layers.__all__}
    elsewhere = {"InputLayer", "InputSpec"} | OF_CATEGORIES | AUGMENTATIONS  # the one describes
    names = {x.__name__ for x in exported if inspect.isclass(x)} - elsewhere
    # Keras's class has another name than it is known by.
    assert names - {"GroupedQueryAttention"} | {"GroupQueryAttention"} == set(LAYERS)


def twins(keras, name, case, dtype):
    """Return our layer and Keras's with the same weights, none of them at its start."""
    ours, theirs = (case.layer(library.layers, name, dtype) for library in (melpy, keras))
    for library, layer in ((melpy, ours), (keras, theirs)):
        kind = "int32" if case.whole else dtype
        symbols = [library.Input(batch_shape=shape, dtype=kind) for shape in case.shapes]
        case.call(layer, symbols, dtype)
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    rng = np.random.default_rng(1)
    weights = []
    for w in ours.weights:
        value = rng.uniform(0.2, 1.2, w.shape)
        sign = 1 if "variance" in w.name else rng.choice([-1, 1], w.shape)
        weights.append((value * sign).astype(w.dtype))
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs


@pytest.mark.parametrize("name", NAMES)
@few
@given(data=st.data())
def test_outputs_and_gradients(keras, precision, agree, name, data):
    def some(*values):
        return data.draw(st.sampled_from(values))

    case, dtype = LAYERS[name](some), some("float32", "float64")
    training = some(False, True) and not case.draws and name not in OVERWRITING
    tolerance = TOLERANCE["float32" if case.rough else dtype]
    with precision(dtype):
        import jax

        ours, theirs = twins(keras, name, case, dtype)
        inputs = case.inputs(dtype)
        floats = [] if case.whole else inputs
        takes_training = "training" in inspect.signature(theirs.call).parameters
        mode = {"training": training} if takes_training else {}

        tensors = [Tensor(x, requires_grad=True) for x in floats]
        found = tree.flatten(case.call(ours, tensors or inputs, dtype, **mode))
        rng = np.random.default_rng(2)
        cotangents = [rng.normal(size=y.shape).astype(dtype) for y in found]
        share = np.asarray(0.7, dtype)  # of the penalties in what is differentiated
        penalty = sum(ours.losses, Tensor(np.zeros((), dtype)))
        total = sum((y * g).sum() for y, g in zip(found, cotangents, strict=True)) + share * penalty
        gradients = tape.gradients(total, [*tensors, *ours.trainable_weights])

        def forward(variables, floats):
            values = zip(theirs.trainable_variables, variables, strict=True)
            with keras.StatelessScope([*values], collect_losses=True) as scope:
                y = case.call(theirs, floats or inputs, dtype, **mode)
                penalty = sum(theirs.losses, np.zeros((), dtype))
            after = [scope.get_current_value(v) for v in theirs.non_trainable_variables]
            return (tree.flatten(y), penalty), after

        @jax.jit
        def both_ways(variables, floats):
            (y, penalty), back, after = jax.vjp(forward, variables, floats, has_aux=True)
            return y, penalty, after, back((cotangents, share))

        variables = [v.value for v in theirs.trainable_variables]
        expected, losses, after, (d_weights, d_inputs) = both_ways(variables, floats)
        for mine, other in zip(found, expected, strict=True):
            assert mine.dtype == np.asarray(other).dtype == np.dtype(dtype)
            agree(mine, other, tolerance, "an output")
        agree(penalty, losses, tolerance, "the penalty")
        for mine, other in zip(ours.non_trainable_weights, after, strict=False):  # seeds come last
            agree(mine, mine if other is None else other, tolerance, "a moving average")
        others = [*d_inputs, *d_weights]
        assert len(gradients) == len(others)
        if case.together:
            gradients, others = (
                [np.concatenate([np.ravel(x) for x in every])] for every in (gradients, others)
            )
        for mine, other in zip(gradients, others, strict=True):
            agree(mine, other, tolerance, "a gradient")
        if case.form == "one" and name not in SHAPELESS:
            for batch in (None, 2):
                shape = (batch, *case.shapes[0][1:])
                assert shapes(ours, shape) == shapes(theirs, shape)


def shapes(layer, shape):
    found = layer.compute_output_shape(shape)
    return [tuple(x) for x in found] if isinstance(found[0], tuple | list) else tuple(found)


def takes_steps(name):
    if name == "Softmax":  # its mask has the input's own shape
        return False
    case = LAYERS[name](lambda *values: values[0])
    return case.form == "one" and not case.whole and len(case.shapes[0]) == 3


@pytest.mark.filterwarnings("ignore:.*destroy the mask:UserWarning")  # as it should
@pytest.mark.parametrize("name", [name for name in NAMES if takes_steps(name)])
def test_masks_that_come_with_the_input(keras, agree, name):
    """The mask of an input changes the output, and goes on or ends, as in Keras."""
    from keras.src.backend import get_keras_mask

    case = LAYERS[name](lambda *values: values[0]).without_draws()
    case.options.pop("mask", None)
    x = case.inputs("float32")[0]
    x[0, 2:] = x[1, 1] = 9.0
    ours, theirs = twins(keras, name, case, "float32")
    y, other = (
        case.call(layer, [library.layers.Masking(9.0)(x)], "float32")
        for library, layer in ((melpy, ours), (keras, theirs))
    )
    for mine, expected in zip(tree.flatten(y), tree.flatten(other), strict=True):
        agree(mine, expected, 1e-4, "an output")
        masks = mask_of(mine), get_keras_mask(expected)
        assert (masks[0] is None) == (masks[1] is None)
        if masks[0] is not None:
            np.testing.assert_array_equal(*masks)


def network(library, name, case):
    """Return a model that trains something before the layer and something after it."""
    L = library.layers
    kind, precise = "int32" if case.whole else "float64", {"dtype": "float64"}
    inputs = [library.Input(batch_shape=shape, dtype=kind) for shape in case.shapes]
    stems = inputs if case.whole else [L.Dense(x.shape[-1], **precise)(x) for x in inputs]
    outputs = tree.flatten(case.call(case.layer(L, name, "float64"), stems, "float64"))
    if name in ("MultiHeadAttention", "GroupQueryAttention"):
        outputs = outputs[:1]  # of the scores, Keras expects another shape than they have
    # What is flat already keeps its mask in Keras on JAX alone.
    flat = [L.Flatten(**precise)(y) if len(y.shape) > 2 else y for y in outputs]
    joined = L.Concatenate(**precise)(flat) if len(flat) > 1 else flat[0]
    return library.Model(inputs, L.Dense(1, **precise)(joined))


DRAWING = {"RandomFlip", "RandomContrast"} | OVERWRITING  # cannot be kept from it


@pytest.mark.filterwarnings("ignore:.*destroy the mask:UserWarning")  # as it should
@pytest.mark.parametrize("name", [name for name in NAMES if name not in DRAWING])
def test_ten_steps(keras, precision, agree, monkeypatch, name):
    """In float64, since errors of rounding grow with each step."""
    chooser = random.Random(zlib.crc32(name.encode()))
    case = LAYERS[name](lambda *values: chooser.choice(values)).without_draws()
    monkeypatch.setitem(config._settings, "floatx", "float64")
    with precision("float64"):
        ours, theirs = (network(library, name, case) for library in (melpy, keras))
        for library, model in ((melpy, ours), (keras, theirs)):
            model.compile(library.optimizers.SGD(0.002, momentum=0.9), "mse")
        start = ours.get_weights()
        theirs.set_weights(start)
        tolerance = TOLERANCE["float32" if case.rough else "float64"]
        rng = np.random.default_rng(0)
        for step in range(10):
            inputs = case.inputs("float64", step)
            batch = inputs, rng.normal(size=(len(inputs[0]), 1))
            theirs.reset_metrics()
            mine, other = ours.train_on_batch(*batch), theirs.train_on_batch(*batch)
            assert float(mine) == pytest.approx(float(other), rel=tolerance), (
                f"the loss of step {step}"
            )
        end = ours.get_weights()
        assert any(not np.array_equal(*pair) for pair in zip(start, end, strict=True))
        # A bias before a normalization is nothing but rounding: held to the largest weight.
        agree(
            *(np.concatenate([*map(np.ravel, w)]) for w in (end, theirs.get_weights())), tolerance
        )
