"""Convolution, pooling, padding and resizing give Keras's numbers, whatever their arguments."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import melpy
from melpy import layers, ops, tape
from melpy.tensor import Tensor

pytestmark = pytest.mark.parity

TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
few = settings(
    max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)

WINDOWS = ("Conv", "DepthwiseConv", "SeparableConv")
LAYERS = [
    f"{kind}{rank}D{suffix}"
    for rank in (1, 2)
    for kind, suffix in [
        *((kind, "") for kind in WINDOWS), ("Conv", "Transpose"), ("MaxPooling", ""),
        ("AveragePooling", ""), ("GlobalMaxPooling", ""), ("GlobalAveragePooling", ""),
        ("ZeroPadding", ""), ("Cropping", ""), ("UpSampling", ""),
    ]
]  # fmt: skip
ALIASES = {
    "Convolution1D": "Conv1D", "Convolution2D": "Conv2D",
    "Convolution1DTranspose": "Conv1DTranspose", "Convolution2DTranspose": "Conv2DTranspose",
    "SeparableConvolution1D": "SeparableConv1D", "SeparableConvolution2D": "SeparableConv2D",
    "MaxPool1D": "MaxPooling1D", "MaxPool2D": "MaxPooling2D",
    "AvgPool1D": "AveragePooling1D", "AvgPool2D": "AveragePooling2D",
    "GlobalMaxPool1D": "GlobalMaxPooling1D", "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "GlobalAvgPool1D": "GlobalAveragePooling1D", "GlobalAvgPool2D": "GlobalAveragePooling2D",
}  # fmt: skip


def draw_arguments(draw, name):
    """Return arguments that Keras takes too, and an input's shape for them."""

    def some(*values):
        return draw(st.sampled_from(values))

    def sizes(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(rank))

    rank = 1 if "1D" in name else 2
    shape, C = sizes(5, 7), some(1, 2, 3)
    made = {}
    if "Conv" in name:
        made["kernel_size"] = sizes(1, 3)
        made["padding"] = some("valid", "same", *(["causal"] if name == "Conv1D" else []))
        made[some("strides", "dilation_rate")] = sizes(1, 2)
        made["activation"] = some(None, "tanh", "softplus")
        made["use_bias"] = some(True, False)
        if not name.startswith("Depthwise"):
            made["filters"] = some(1, 2, 5)
        if name in ("Conv1D", "Conv2D"):
            made["groups"] = some(1, 2, 3)
            made["filters"], C = made["filters"] * made["groups"], C * made["groups"]
        if name.startswith(("Depthwise", "Separable")):
            made["depth_multiplier"] = some(1, 2)
        if name.endswith("Transpose") and some(True, False):
            strides = made.get("strides", (1,) * rank)
            made["output_padding"] = tuple(draw(st.integers(0, s - 1)) for s in strides)
    elif name.startswith(("Max", "Average")):
        made = {"pool_size": sizes(1, 3), "padding": some("valid", "same")}
        made["strides"] = some(None, sizes(1, 3))
    elif name.startswith("Global"):
        made = {"keepdims": some(True, False)}
    elif name == "UpSampling1D":
        made = {"size": some(1, 2, 3)}
    elif name == "UpSampling2D":
        made = {"size": sizes(1, 3)}
        made["interpolation"] = some("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")
    else:
        kind = "padding" if name.startswith("Zero") else "cropping"
        both = (sizes(0, 2), sizes(0, 2))
        ends = (both[0][0], both[1][0]) if rank == 1 else both
        made = {kind: some(some(0, 1, 2), ends)}
    if name not in ("Cropping1D", "UpSampling1D"):
        made["data_format"] = some("channels_last", "channels_first")
    first = made.get("data_format") == "channels_first"
    return made, (2, C, *shape) if first else (2, *shape, C)


def sample(shape, dtype, seed=0):
    """Return distinct values on both sides of 0."""
    rng, size = np.random.default_rng(seed), int(np.prod(shape))
    return ((rng.permutation(size).reshape(shape) - size / 2 + 0.137) * (3.0 / size)).astype(dtype)


def twins(keras, name, arguments, shape, dtype):
    """Return our layer and Keras's with the same weights, the biases not 0."""
    ours = getattr(layers, name)(**arguments, dtype=dtype)
    theirs = getattr(keras.layers, name)(**arguments, dtype=dtype)
    ours(sample(shape, dtype))
    theirs.build((None, *shape[1:]))
    assert [w.shape for w in ours.get_weights()] == [w.shape for w in theirs.get_weights()]
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=w.shape).astype(dtype) for w in ours.get_weights()]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs


@pytest.mark.parametrize("name", LAYERS)
@few
@given(data=st.data())
def test_outputs_and_gradients(keras, precision, agree, name, data):
    arguments, shape = draw_arguments(data.draw, name)
    dtype = data.draw(st.sampled_from(["float32", "float64"]))
    with precision(dtype):
        import jax

        ours, theirs = twins(keras, name, arguments, shape, dtype)
        x = sample(shape, dtype)
        weights = [v.value for v in theirs.trainable_variables]
        expected, back = jax.vjp(lambda w, x: theirs.stateless_call(w, [], x)[0], weights, x)
        g = np.random.default_rng(2).normal(size=expected.shape).astype(dtype)
        d_weights, d_x = back(g)

        tensor = Tensor(x, requires_grad=True)
        y = ours(tensor)
        assert y.dtype == np.dtype(dtype)
        agree(y, expected, TOLERANCE[dtype], "the output")
        gradients = tape.gradients(y, [tensor, *ours.trainable_weights], g)
        for mine, keras_own in zip(gradients, [d_x, *d_weights], strict=True):
            agree(mine, keras_own, TOLERANCE[dtype], "a gradient")

        for batch in (None, 2):
            shape = (batch, *shape[1:])
            assert ours.compute_output_shape(shape) == tuple(theirs.compute_output_shape(shape))


@pytest.mark.parametrize("alias", ALIASES)
def test_aliases(keras, alias):
    for library in (layers, keras.layers):
        assert getattr(library, alias) is getattr(library, ALIASES[alias])


TRAINED = {
    "Conv1D": {"filters": 3, "kernel_size": 3, "padding": "causal", "activation": "tanh",
               "kernel_constraint": "non_neg", "bias_regularizer": "l2"},
    "Conv2D": {"filters": 4, "kernel_size": 2, "groups": 2, "strides": 2, "padding": "same",
               "kernel_regularizer": "l2", "activity_regularizer": "l2"},
    "Conv1DTranspose": {"filters": 2, "kernel_size": 3, "strides": 2, "padding": "same",
                        "kernel_constraint": "unit_norm"},
    "Conv2DTranspose": {"filters": 2, "kernel_size": 3, "strides": 2, "output_padding": 1,
                        "bias_constraint": "non_neg"},
    "DepthwiseConv1D": {"kernel_size": 2, "depth_multiplier": 2, "depthwise_regularizer": "l2"},
    "DepthwiseConv2D": {"kernel_size": 3, "padding": "same", "depthwise_constraint": "max_norm"},
    "SeparableConv1D": {"filters": 3, "kernel_size": 2, "pointwise_regularizer": "l2"},
    "SeparableConv2D": {"filters": 3, "kernel_size": 2, "pointwise_constraint": "non_neg"},
}  # fmt: skip


@pytest.mark.parametrize("name", TRAINED)
def test_ten_steps(keras, agree, name):
    shape = (6, 4) if "1D" in name else (6, 6, 4)
    models = []
    for library in (melpy, keras):
        made = [library.Input(shape), getattr(library.layers, name)(**TRAINED[name])]
        model = library.Sequential([*made, library.layers.Flatten(), library.layers.Dense(1)])
        model.compile(library.optimizers.SGD(0.01, momentum=0.9), loss="mse")
        models.append(model)
    ours, theirs = models
    start = ours.get_weights()
    theirs.set_weights(start)
    for step in range(10):
        x, y = sample((8, *shape), "float32", step), sample((8, 1), "float32", step)
        mine, keras_own = ours.train_on_batch(x, y), theirs.train_on_batch(x, y)
        theirs.reset_metrics()
        assert float(mine) == pytest.approx(float(keras_own), rel=1e-4)
    for before, mine, keras_own in zip(
        start, ours.get_weights(), theirs.get_weights(), strict=True
    ):
        assert not np.array_equal(mine, before), "the weight was not trained"
        agree(mine, keras_own, 1e-4, "a weight")


IMAGES, STEPS = (2, 6, 5, 4), (2, 6, 4)
REFUSED = [
    ("Conv2D", {"filters": 0, "kernel_size": 2}, IMAGES),
    ("Conv2D", {"filters": 2, "kernel_size": 0}, IMAGES),
    ("Conv2D", {"filters": 2, "kernel_size": (2, 2, 2)}, IMAGES),
    ("Conv2D", {"filters": 2, "kernel_size": 2, "strides": 0}, IMAGES),
    ("Conv2D", {"filters": 2, "kernel_size": 2, "strides": 2, "dilation_rate": 2}, IMAGES),
    ("Conv2D", {"filters": 2, "kernel_size": 2, "padding": "causal"}, IMAGES),
    ("Conv2D", {"filters": 3, "kernel_size": 2, "groups": 2}, IMAGES),
    ("Conv2D", {"filters": 3, "kernel_size": 2, "groups": 3}, IMAGES),
    ("Conv2D", {"filters": 3, "kernel_size": 2, "groups": 0}, IMAGES),
    ("Conv2D", {"filters": 3, "kernel_size": 7}, IMAGES),
    ("Conv2D", {"filters": 3, "kernel_size": 2}, (6, 5, 4)),
    ("Conv1D", {"filters": 3, "kernel_size": 2}, (6, 4)),
    ("Conv1D", {"filters": 3, "kernel_size": 7}, STEPS),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 2, "output_padding": 1}, IMAGES),
    ("Conv2DTranspose", {"filters": 3, "kernel_size": 2, "padding": "causal"}, IMAGES),
    ("Conv1DTranspose", {"filters": 3, "kernel_size": 2, "strides": 2, "output_padding": 2}, STEPS),
    ("DepthwiseConv2D", {"kernel_size": 2, "depth_multiplier": 0}, IMAGES),
    ("DepthwiseConv2D", {"kernel_size": 7}, IMAGES),
    ("SeparableConv2D", {"filters": 0, "kernel_size": 2}, IMAGES),
    ("MaxPooling2D", {"pool_size": 0}, IMAGES),
    ("MaxPooling2D", {"padding": "causal"}, IMAGES),
    ("MaxPooling2D", {}, STEPS),
    ("AveragePooling1D", {"pool_size": 2}, IMAGES),
    ("GlobalMaxPooling1D", {}, IMAGES),
    ("ZeroPadding2D", {"padding": -1}, IMAGES),
    ("ZeroPadding2D", {"padding": (1, 2, 3)}, IMAGES),
    ("ZeroPadding1D", {"padding": (1, 2, 3)}, STEPS),
    ("Cropping2D", {"cropping": 3}, IMAGES),
    ("Cropping2D", {"cropping": -1}, IMAGES),
    ("Cropping1D", {"cropping": 3}, STEPS),
    ("UpSampling1D", {"size": 0}, STEPS),
    ("UpSampling2D", {"size": 0}, IMAGES),
    ("UpSampling2D", {"interpolation": "cubic spline"}, IMAGES),
]


@pytest.mark.parametrize(("name", "arguments", "shape"), REFUSED)
def test_both_refuse(keras, name, arguments, shape):
    for library in (layers, keras.layers):
        with pytest.raises(ValueError, match=r"."):
            getattr(library, name)(**arguments)(np.zeros(shape, "float32"))


@pytest.mark.parametrize("groups", [1, 2])
def test_both_refuse_other_channels(keras, groups):
    for library in (layers, keras.layers):
        layer = library.Conv2D(4, 2, groups=groups)
        layer(np.zeros((1, 4, 4, 4), "float32"))
        with pytest.raises(ValueError, match=r"channels|shape"):
            layer(np.zeros((1, 4, 4, 2), "float32"))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_masked_average(keras, agree, data_format, keepdims):
    x = sample((3, 5, 5), "float32")
    mask = np.array([[1, 1, 0, 0, 1], [1, 0, 0, 0, 0], [1, 1, 1, 1, 1]], bool)
    ours = layers.GlobalAveragePooling1D(data_format, keepdims)
    theirs = keras.layers.GlobalAveragePooling1D(data_format, keepdims)
    agree(ours(x, mask=mask), theirs(x, mask=mask), 1e-6)
    assert not np.allclose(np.asarray(ours(x, mask=mask)), np.asarray(ours(x)))


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_ops_in_both_formats(keras, agree, same_signature, rank, data_format):
    form, N, C, sizes = {"data_format": data_format}, 2, 4, (6, 7)[:rank]
    x = sample((N, C, *sizes) if data_format == "channels_first" else (N, *sizes, C), "float32")
    window, ones = (2, 3)[:rank], (1,) * rank
    kernel, wide = sample((*window, C, 3), "float32"), sample((*window, C, 2), "float32")
    back, mix = sample((*window, 3, C), "float32"), sample((*ones, 2 * C, 5), "float32")
    calls = [
        ("conv", (x, kernel), {"strides": 2, "padding": "same"}),
        ("depthwise_conv", (x, wide), {"dilation_rate": 2}),
        ("separable_conv", (x, wide, mix), {"padding": "same"}),
        ("conv_transpose", (x, back), {"strides": 2, "output_padding": 1}),
        ("max_pool", (x,), {"pool_size": 3, "strides": 2, "padding": "same"}),
        ("average_pool", (x,), {"pool_size": 2, "strides": 3}),
    ]
    for name, arrays, options in calls:
        ours, theirs = getattr(ops, name), getattr(keras.ops, name)
        agree(ours(*arrays, **options, **form), theirs(*arrays, **options, **form), 1e-5, name)
        same_signature(ours, theirs)


@settings(few, max_examples=10)
@given(data=st.data())
def test_resize(keras, agree, same_signature, data):
    import jax

    whole = st.integers(1, 9)
    H, W, oH, oW = (data.draw(whole) for _ in range(4))
    kinds = ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]
    form = data.draw(st.sampled_from(["channels_last", "channels_first"]))
    options = {
        "interpolation": data.draw(st.sampled_from(kinds)),
        "antialias": data.draw(st.booleans()),
        "data_format": form,
        **data.draw(st.sampled_from([
            {}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True, "fill_value": 0.7},
        ])),
    }  # fmt: skip
    shape = (H, W, 2) if form == "channels_last" else (2, H, W)
    x = sample((3, *shape) if data.draw(st.booleans()) else shape, "float32")
    expected, back = jax.vjp(lambda x: keras.ops.image.resize(x, (oH, oW), **options), x)
    g = sample(expected.shape, "float32", 1)
    tensor = Tensor(x, requires_grad=True)
    y = ops.image.resize(tensor, (oH, oW), **options)
    agree(y, expected, 1e-4, "the output")
    agree(tape.gradients(y, [tensor], g)[0], back(g)[0], 1e-4, "the gradient")
    same_signature(ops.image.resize, keras.ops.image.resize)


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
def test_resize_of_whole_numbers(keras, interpolation):
    x = np.random.default_rng(0).integers(0, 256, (2, 5, 6, 3)).astype("uint8")
    ours = ops.image.resize(x, (8, 9), interpolation)
    theirs = np.asarray(keras.ops.image.resize(x, (8, 9), interpolation))
    assert ours.dtype == theirs.dtype == np.uint8
    assert np.abs(ours.astype(int) - theirs).max() <= 1  # a half may be rounded either way
