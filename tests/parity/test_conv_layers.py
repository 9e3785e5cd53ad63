"""Convolution, pooling, padding and resizing: their ops, aliases and errors are Keras's.

What the layers compute is in `test_every_layer`.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from melpy import layers, ops, tape
from melpy.tensor import Tensor

pytestmark = pytest.mark.parity

few = settings(
    max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)

ALIASES = {
    "Convolution1D": "Conv1D", "Convolution2D": "Conv2D",
    "Convolution1DTranspose": "Conv1DTranspose", "Convolution2DTranspose": "Conv2DTranspose",
    "SeparableConvolution1D": "SeparableConv1D", "SeparableConvolution2D": "SeparableConv2D",
    "MaxPool1D": "MaxPooling1D", "MaxPool2D": "MaxPooling2D",
    "AvgPool1D": "AveragePooling1D", "AvgPool2D": "AveragePooling2D",
    "GlobalMaxPool1D": "GlobalMaxPooling1D", "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "GlobalAvgPool1D": "GlobalAveragePooling1D", "GlobalAvgPool2D": "GlobalAveragePooling2D",
}  # fmt: skip


def sample(shape, dtype, seed=0):
    """Return distinct values on both sides of 0."""
    rng, size = np.random.default_rng(seed), int(np.prod(shape))
    return ((rng.permutation(size).reshape(shape) - size / 2 + 0.137) * (3.0 / size)).astype(dtype)


@pytest.mark.parametrize("alias", ALIASES)
def test_aliases(keras, alias):
    for library in (layers, keras.layers):
        assert getattr(library, alias) is getattr(library, ALIASES[alias])


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
