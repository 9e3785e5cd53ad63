"""Every layer computes Keras's numbers from the same weights, and has Keras's arguments."""

import inspect

import numpy as np
import pytest

from melpy import layers, tape
from melpy.tensor import Tensor

pytestmark = pytest.mark.parity

IMAGES, FIRST, ROWS, STEPS = (3, 7, 6, 4), (3, 4, 7, 6), (5, 7), (3, 8, 4)

# One row a configuration: name, arguments, an input's shape.
CASES = [
    ("Dense", {"units": 4}, ROWS),
    ("Dense", {"units": 4, "activation": "softmax", "use_bias": False}, (2, 3, 7)),
    ("Dense", {"units": 3, "activation": "gelu"}, ROWS),
    ("Dense", {"units": 3, "activation": "leaky_relu"}, (2, 3, 2, 7)),
    ("Conv2D", {"filters": 5, "kernel_size": 3}, IMAGES),
    ("Conv2D", {"filters": 5, "kernel_size": (2, 3), "padding": "same",
                "activation": "leaky_relu"}, IMAGES),
    ("Conv2D", {"filters": 5, "kernel_size": (3, 2), "strides": 2, "padding": "same"}, IMAGES),
    ("Conv2D", {"filters": 5, "kernel_size": 2, "strides": (2, 3), "activation": "tanh"}, IMAGES),
    ("Conv2D", {"filters": 5, "kernel_size": 2, "strides": 3, "padding": "same"}, IMAGES),
    ("Conv2D", {"filters": 5, "kernel_size": 3, "dilation_rate": 2, "padding": "same"}, IMAGES),
    ("Conv2D", {"filters": 5, "kernel_size": 2, "dilation_rate": (3, 2)}, IMAGES),
    ("Conv2D", {"filters": 6, "kernel_size": 3, "groups": 2}, IMAGES),
    ("Conv2D", {"filters": 4, "kernel_size": 2, "groups": 4, "padding": "same", "strides": 2,
                "activation": "elu"}, IMAGES),
    ("Conv2D", {"filters": 5, "kernel_size": 1, "use_bias": False}, IMAGES),
    ("Conv2D", {"filters": 5, "kernel_size": 2, "data_format": "channels_first"}, FIRST),
    ("Convolution2D", {"filters": 2, "kernel_size": 2}, IMAGES),
    ("MaxPooling2D", {}, IMAGES),
    ("MaxPooling2D", {"pool_size": (3, 2), "strides": 2, "padding": "same"}, IMAGES),
    ("MaxPooling2D", {"pool_size": 2, "strides": 3, "padding": "same"}, IMAGES),
    ("MaxPooling2D", {"pool_size": 3, "strides": (1, 2)}, IMAGES),
    ("MaxPooling2D", {"data_format": "channels_first"}, FIRST),
    ("AveragePooling2D", {"pool_size": 2}, IMAGES),
    ("AveragePooling2D", {"pool_size": (2, 3), "padding": "same"}, IMAGES),
    ("AveragePooling2D", {"pool_size": 3, "strides": 1, "padding": "same",
                          "data_format": "channels_first"}, FIRST),
    ("AveragePooling2D", {"pool_size": 2, "strides": 3}, IMAGES),
    ("GlobalAveragePooling2D", {}, IMAGES),
    ("GlobalAveragePooling2D", {"keepdims": True}, IMAGES),
    ("GlobalAveragePooling2D", {"keepdims": True, "data_format": "channels_first"}, FIRST),
    ("GlobalMaxPooling2D", {}, IMAGES),
    ("GlobalMaxPooling2D", {"keepdims": True}, IMAGES),
    ("GlobalMaxPooling2D", {"data_format": "channels_first"}, FIRST),
    ("Flatten", {}, IMAGES),
    ("Flatten", {}, (5,)),
    ("Flatten", {"data_format": "channels_first"}, FIRST),
    ("Reshape", {"target_shape": (3, -1)}, (2, 4, 6)),
    ("Reshape", {"target_shape": (24,)}, (2, 4, 6)),
    ("Dropout", {"rate": 0.4}, ROWS),
    ("Activation", {"activation": "gelu"}, ROWS),
    ("Activation", {"activation": "softplus"}, ROWS),
    ("ReLU", {}, ROWS),
    ("ReLU", {"negative_slope": 0.1}, ROWS),
    ("ReLU", {"max_value": 1.0, "threshold": 0.3, "negative_slope": 0.2}, ROWS),
    ("LeakyReLU", {}, ROWS),
    ("LeakyReLU", {"negative_slope": 0.05}, ROWS),
    ("ELU", {}, ROWS),
    ("ELU", {"alpha": 0.5}, ROWS),
    ("Softmax", {}, IMAGES),
    ("Softmax", {"axis": 1}, IMAGES),
    ("BatchNormalization", {}, IMAGES),
    ("BatchNormalization", {"axis": 1, "scale": False}, IMAGES),
    ("BatchNormalization", {"axis": 2, "momentum": 0.7}, IMAGES),
    ("BatchNormalization", {"center": False, "epsilon": 0.1}, ROWS),
    ("BatchNormalization", {"momentum": 0.5}, ROWS),
    ("BatchNormalization", {"renorm": True, "momentum": 0.9}, IMAGES),
    ("BatchNormalization", {"renorm": True, "renorm_momentum": 0.5, "axis": 1, "scale": False,
                            "renorm_clipping": {"rmin": 0.5, "rmax": 1.5, "dmax": 0.7}}, IMAGES),
    ("BatchNormalization", {"renorm": True, "renorm_clipping": {"dmax": 0.2},
                            "center": False}, ROWS),
    ("ZeroPadding2D", {}, IMAGES),
    ("ZeroPadding2D", {"padding": ((1, 0), (2, 3))}, IMAGES),
    ("ZeroPadding2D", {"padding": (0, 2), "data_format": "channels_first"}, FIRST),
    ("Rescaling", {"scale": 0.5, "offset": 0.25}, IMAGES),
    ("Conv1D", {"filters": 4, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, STEPS),
    ("Conv1D", {"filters": 4, "kernel_size": 2, "strides": 2, "padding": "same"}, STEPS),
    ("Conv1D", {"filters": 4, "kernel_size": 2, "groups": 2, "activation": "relu"}, STEPS),
    ("Conv1DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, STEPS),
    ("Conv1DTranspose", {"filters": 3, "kernel_size": 2}, STEPS),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same"}, IMAGES),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": (2, 3), "strides": (2, 3),
                         "activation": "tanh"}, IMAGES),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 3, "strides": 2,
                         "output_padding": 1}, IMAGES),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 2, "data_format": "channels_first"}, FIRST),
    ("DepthwiseConv1D", {"kernel_size": 2, "depth_multiplier": 2}, STEPS),
    ("DepthwiseConv2D", {"kernel_size": 3, "padding": "same", "strides": 2}, IMAGES),
    ("DepthwiseConv2D", {"kernel_size": 2, "depth_multiplier": 2, "dilation_rate": 2,
                         "activation": "relu"}, IMAGES),
    ("DepthwiseConv2D", {"kernel_size": 2, "data_format": "channels_first"}, FIRST),
    ("SeparableConv1D", {"filters": 5, "kernel_size": 3, "padding": "same"}, STEPS),
    ("SeparableConv2D", {"filters": 5, "kernel_size": 2, "depth_multiplier": 2,
                         "padding": "same"}, IMAGES),
    ("MaxPooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}, STEPS),
    ("MaxPooling1D", {"data_format": "channels_first"}, STEPS),
    ("AveragePooling1D", {"pool_size": 3, "strides": 2, "padding": "same"}, STEPS),
    ("GlobalMaxPooling1D", {"keepdims": True}, STEPS),
    ("GlobalAveragePooling1D", {}, STEPS),
    ("GlobalAveragePooling1D", {"data_format": "channels_first"}, STEPS),
    ("ZeroPadding1D", {"padding": (1, 2)}, STEPS),
    ("Cropping1D", {"cropping": (1, 2)}, STEPS),
    ("Cropping2D", {"cropping": ((1, 0), (2, 1))}, IMAGES),
    ("Cropping2D", {"cropping": 1, "data_format": "channels_first"}, FIRST),
    ("UpSampling1D", {"size": 3}, STEPS),
    ("UpSampling2D", {"size": (2, 3)}, IMAGES),
    ("UpSampling2D", {"interpolation": "bilinear", "data_format": "channels_first"}, FIRST),
    ("UpSampling2D", {"interpolation": "bicubic"}, IMAGES),
    ("PReLU", {"shared_axes": [1]}, STEPS),
    ("PReLU", {}, ROWS),
    ("Permute", {"dims": (3, 1, 2)}, IMAGES),
    ("RepeatVector", {"n": 3}, ROWS),
    ("AlphaDropout", {"rate": 0.4}, STEPS),
    ("SpatialDropout1D", {"rate": 0.4}, STEPS),
    ("SpatialDropout2D", {"rate": 0.4}, IMAGES),
    ("GaussianNoise", {"stddev": 0.4}, STEPS),
    ("GaussianDropout", {"rate": 0.4}, STEPS),
    ("ActivityRegularization", {"l1": 0.1}, ROWS),
    ("Identity", {}, ROWS),
    ("EinsumDense", {"equation": "abc,cd->abd", "output_shape": (None, 5),
                     "bias_axes": "d"}, STEPS),
    ("EinsumDense", {"equation": "abc,cde->abde", "output_shape": (None, 2, 3), "bias_axes": "de",
                     "activation": "tanh"}, STEPS),
    ("EinsumDense", {"equation": "...x,xy->...y", "output_shape": 5, "bias_axes": "y"}, IMAGES),
    ("EinsumDense", {"equation": "ab...,bc->ac...", "output_shape": 5, "bias_axes": "c"}, STEPS),
    ("LayerNormalization", {}, IMAGES),
    ("LayerNormalization", {"axis": [1, 2], "epsilon": 0.1}, STEPS),
    ("LayerNormalization", {"axis": [2, 1]}, STEPS),
    ("LayerNormalization", {"axis": [-1, 1]}, STEPS),
    ("LayerNormalization", {"center": False, "scale": False}, ROWS),
    ("RMSNormalization", {}, IMAGES),
    ("RMSNormalization", {"axis": [-2, -1], "epsilon": 0.1}, STEPS),
    ("UnitNormalization", {}, IMAGES),
    ("UnitNormalization", {"axis": [1, 2]}, IMAGES),
    ("GroupNormalization", {"groups": 2}, IMAGES),
    ("GroupNormalization", {"groups": -1, "axis": 1}, IMAGES),
    ("SimpleRNN", {"units": 4, "go_backwards": True}, STEPS),
    ("LSTM", {"units": 4, "return_sequences": True}, STEPS),
    ("LSTM", {"units": 3, "activation": "relu", "use_bias": False}, STEPS),
    ("GRU", {"units": 4}, STEPS),
    ("GRU", {"units": 4, "reset_after": False, "return_sequences": True}, STEPS),
    ("Masking", {"mask_value": 9.0}, STEPS),
    ("Resizing", {"height": 4, "width": 9}, IMAGES),
    ("CenterCrop", {"height": 4, "width": 3}, IMAGES),
    ("Rescaling", {"scale": [0.5, 1.0, 2.0, 3.0], "offset": [1.0, 2.0, 3.0, 4.0]}, IMAGES),
]  # fmt: skip
IDS = [f"{name}-{number}" for number, (name, _, _) in enumerate(CASES)]
every_case = pytest.mark.parametrize(("name", "arguments", "shape"), CASES, ids=IDS)

# dtype, tolerance of outputs, tolerance of gradients.
PRECISIONS = [("float32", 1e-5, 1e-4), ("float64", 1e-9, 1e-8)]
both_precisions = pytest.mark.parametrize(("dtype", "of_values", "of_gradients"), PRECISIONS)

# Each library draws its own mask; see test_dropout.
NO_DRAWS = {
    "AlphaDropout": {"rate": 0}, "Dropout": {"rate": 0},
    "SpatialDropout1D": {"rate": 0}, "SpatialDropout2D": {"rate": 0},
    "GaussianNoise": {"stddev": 0}, "GaussianDropout": {"rate": 0},
}  # fmt: skip


def twins(keras, name, arguments, shape, dtype):
    """Return our layer and Keras's, with the same weights, none of them at its start."""
    ours = getattr(layers, name)(**arguments, dtype=dtype)
    theirs = getattr(keras.layers, name)(**arguments, dtype=dtype)
    ours.ensure_built((None, *shape[1:]))
    theirs.build((None, *shape[1:]))
    shapes = [w.shape for w in ours.get_weights()]
    assert shapes == [w.shape for w in theirs.get_weights()]
    rng = np.random.default_rng(1)
    weights = [rng.uniform(0.2, 1.2, size=shape).astype(dtype) for shape in shapes]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs


def sample(shape, dtype):
    """Return distinct values, none near a kink at 0, 0.3 or 1."""
    rng = np.random.default_rng(0)
    size = int(np.prod(shape))
    values = (rng.permutation(size).reshape(shape) - size / 2 + 0.137) * (3.0 / size)
    return values.astype(dtype)


@pytest.mark.parametrize("training", [False, True])
@both_precisions
@every_case
def test_outputs_and_gradients(
    keras, precision, agree, name, arguments, shape, dtype, of_values, of_gradients, training
):
    if training and name != "BatchNormalization":
        x = sample(shape, dtype)
        ours = getattr(layers, name)(**{**arguments, **NO_DRAWS.get(name, {})}, dtype=dtype)
        np.testing.assert_array_equal(ours(x, training=True), ours(x, training=False))
        return  # such layers know no training; what inference gives is compared
    with precision(dtype):
        import jax

        ours, theirs = twins(keras, name, arguments, shape, dtype)
        x = sample(shape, dtype)
        frozen = [v.value for v in theirs.non_trainable_variables]

        takes_training = "training" in inspect.signature(theirs.call).parameters
        mode = {"training": training} if takes_training else {}

        def forward(trainable, x):
            return theirs.stateless_call(trainable, frozen, x, **mode)

        trainable = [v.value for v in theirs.trainable_variables]
        expected, back, after = jax.vjp(forward, trainable, x, has_aux=True)
        g = np.random.default_rng(2).normal(size=expected.shape).astype(dtype)
        d_weights, d_x = back(g)

        tensor = Tensor(x, requires_grad=True)
        y = ours(tensor, training=training)
        assert y.dtype == np.asarray(expected).dtype == np.dtype(dtype)
        agree(y, expected, of_values, "the output")
        assert [w.shape for w in ours.trainable_weights] == [w.shape for w in d_weights]
        gradients = tape.gradients(y, [tensor, *ours.trainable_weights], g)
        for mine, keras_own in zip(gradients, [d_x, *d_weights], strict=True):
            agree(mine, keras_own, of_gradients, "a gradient")
        after = [np.asarray(v) for v in after][: len(ours.non_trainable_weights)]
        for mine, keras_own in zip(ours.non_trainable_weights, after, strict=True):
            agree(mine, keras_own, of_values, "a moving average")


@every_case
def test_shapes(keras, name, arguments, shape):
    ours = getattr(layers, name)(**arguments)
    theirs = getattr(keras.layers, name)(**arguments)
    for batch in (None, shape[0]):
        expected = theirs.compute_output_shape((batch, *shape[1:]))
        found = ours.compute_output_shape((batch, *shape[1:]))
        if "..." in arguments.get("equation", ""):  # Keras's own rule mixes these axes up
            expected = (batch, *np.shape(ours(np.ones(shape, "float32")))[1:])
        elif name == "EinsumDense":  # Keras leaves sizes open that its own argument leaves open
            found = [None if e is None else f for f, e in zip(found, expected, strict=True)]
        assert tuple(found) == tuple(expected)


def test_a_frozen_batch_normalization_uses_its_averages(keras, agree):
    ours, theirs = twins(keras, "BatchNormalization", {}, ROWS, "float32")
    before = ours.get_weights()
    ours.trainable = theirs.trainable = False
    x = sample(ROWS, "float32")
    agree(ours(x, training=True), theirs(x, training=True), 1e-5)
    for kept, mine, keras_own in zip(before, ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, kept)
        np.testing.assert_array_equal(keras_own, kept)


@pytest.mark.parametrize("noise_shape", [None, (200, 1)])
def test_dropout(keras, noise_shape):
    x = np.ones((200, 300), np.float32)
    for library in (layers, keras.layers):
        y = np.asarray(library.Dropout(0.4, noise_shape, seed=1)(x, training=True))
        np.testing.assert_allclose(np.unique(y), [0, 1 / 0.6], rtol=1e-6)
        count = y.size if noise_shape is None else 200
        assert abs((y == 0).mean() - 0.4) < 4 * np.sqrt(0.4 * 0.6 / count)
        if noise_shape:
            assert (y == y[:, :1]).all()
