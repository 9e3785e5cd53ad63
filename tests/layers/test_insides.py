"""Every layer can be looked into: what is seen is what a step does, and nothing changes."""

import numpy as np
import pytest

import melpy
from melpy import config, layers

from .test_layers import CASES, IDS


def step_and_trace(made, options, shape):
    """Trace a batch of a network of one layer and an output; then make the step on a twin."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape).astype("float32")
    models = []
    for _ in range(2):
        melpy.random.set_seed(0)
        layer = made(**options)
        model = melpy.Sequential([layer, layers.Flatten(), layers.Dense(2)], name="net")
        model(x)
        model.compile("adam", "mse")
        models.append(model)
    looked_at, model = models
    y = rng.normal(size=(shape[0], 2)).astype("float32")
    with config.using_kernels("im2col"):
        melpy.random.set_seed(1)
        traced = looked_at.trace(x, y, inside=True)
        melpy.random.set_seed(1)
        model.train_step((x, y))
    return traced, model, x


@pytest.mark.parametrize(("made", "options", "shape"), CASES, ids=IDS)
def test_what_is_seen_inside_is_what_a_step_does(made, options, shape):
    traced, model, _ = step_and_trace(made, options, shape)
    for weight in model.trainable_weights:
        np.testing.assert_array_equal(traced.update[weight.path].after, weight.value)
    row = next(row for row in traced if row.class_name != "InputLayer")
    assert row.d_input.shape == np.shape(row.input)
    np.testing.assert_array_equal(row.d_input, traced.d_input)
    one, inside = row.inside.convolution, row.inside
    if inside.kinks is not None:
        assert inside.kinks.shape == row.output.shape
    if inside.pre is not None:
        assert inside.d_pre.shape == inside.pre.shape == row.output.shape
    if one is not None:
        layer = model.layers[0]
        z = row.output if inside.pre is None else inside.pre
        np.testing.assert_array_equal(one.y, layer.channels_last(z))
        np.testing.assert_array_equal(one.d_x, layer.channels_last(row.d_input))


def test_which_layers_have_an_inside():
    seen = {"convolution": set(), "pooling": set(), "pre": set()}
    for made, options, shape in CASES:
        traced, _, _ = step_and_trace(made, options, shape)
        row = next(row for row in traced if row.class_name != "InputLayer")
        for name, found in seen.items():
            if getattr(row.inside, name) is not None:
                found.add(made.__name__)
    assert seen["convolution"] == {"Conv1D", "Conv2D"}
    assert {"MaxPooling1D", "MaxPooling2D", "AveragePooling2D"} <= seen["pooling"]
    assert {"Dense", "Conv2D", "DepthwiseConv2D"} <= seen["pre"]
