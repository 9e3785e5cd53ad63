"""Convolutions of every kind: worked by hand, equal on all kernels, clear in what they refuse."""

import numpy as np
import pytest

import melpy
from melpy import errors, layers, tape
from melpy.tensor import Tensor

IMAGES, FIRST, STEPS = (2, 5, 6, 4), (2, 4, 5, 6), (2, 7, 4)

CASES = [
    (layers.Conv1D, {"filters": 3, "kernel_size": 3}, STEPS),
    (layers.Conv1D, {"filters": 4, "kernel_size": 2, "padding": "causal", "dilation_rate": 2,
                     "groups": 2}, STEPS),
    (layers.Conv2D, {"filters": 3, "kernel_size": 2, "data_format": "channels_first"}, FIRST),
    (layers.Conv1DTranspose, {"filters": 3, "kernel_size": 3, "strides": 2}, STEPS),
    (layers.Conv2DTranspose, {"filters": 3, "kernel_size": 2, "strides": (2, 3),
                              "padding": "same"}, IMAGES),
    (layers.Conv2DTranspose, {"filters": 3, "kernel_size": 3, "strides": 2,
                              "output_padding": (0, 1), "data_format": "channels_first"}, FIRST),
    (layers.DepthwiseConv1D, {"kernel_size": 3, "depth_multiplier": 2}, STEPS),
    (layers.DepthwiseConv2D, {"kernel_size": 3, "strides": 2, "padding": "same"}, IMAGES),
    (layers.DepthwiseConv2D, {"kernel_size": 2, "depth_multiplier": 3,
                              "data_format": "channels_first"}, FIRST),
    (layers.SeparableConv1D, {"filters": 5, "kernel_size": 2, "activation": "tanh"}, STEPS),
    (layers.SeparableConv2D, {"filters": 5, "kernel_size": 2, "depth_multiplier": 2}, IMAGES),
]  # fmt: skip
IDS = [f"{made.__name__}-{n}" for n, (made, _, _) in enumerate(CASES)]


def sample(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


@pytest.mark.parametrize(("made", "options", "shape"), CASES, ids=IDS)
class TestEveryConvolution:
    def test_shape_and_type(self, made, options, shape):
        layer, x = made(**options), sample(shape).astype("float32")
        y = np.asarray(layer(x))
        assert y.dtype == np.float32
        assert layer.compute_output_shape((None, *shape[1:])) == (None, *y.shape[1:])
        assert layer(x[:0]).shape == (0, *y.shape[1:])

    def test_gradients_are_adjoint(self, made, options, shape):
        """The layer is affine in x and in its weights: <g, L v> = <L^T g, v>, in float64."""
        layer = made(**{**options, "activation": None}, dtype="float64")
        x, v = sample(shape), sample(shape, 1)
        tensor = Tensor(x, requires_grad=True)
        y, moved, zero = layer(tensor), layer(v), layer(np.zeros(shape))
        g = sample(y.shape, 2)
        d_x, *d_weights = tape.gradients(y, [tensor, *layer.trainable_weights], g)
        np.testing.assert_allclose((d_x * v).sum(), (g * np.asarray(moved - zero)).sum())
        for n, d_w in enumerate(d_weights):
            start = layer.get_weights()
            step = sample(start[n].shape, 3)
            layer.set_weights([w + step if m == n else w for m, w in enumerate(start)])
            change = np.asarray(layer(x)) - np.asarray(y)
            layer.set_weights(start)
            np.testing.assert_allclose((d_w * step).sum(), (g * change).sum(), rtol=1e-9)

    def test_configuration_round_trip(self, made, options, shape):
        layer = made(**options)
        twin = made.from_config(layer.get_config())
        assert twin.get_config() == layer.get_config()
        x = sample(shape)
        layer(x), twin(x)
        twin.set_weights(layer.get_weights())
        np.testing.assert_array_equal(np.asarray(layer(x)), np.asarray(twin(x)))

    def test_all_kernels_agree(self, made, options, shape):
        layer, x, results = made(**options), sample(shape), []
        for kernels in ("loops", "numpy", "compiled"):
            melpy.config.set_kernels(kernels)
            results.append(np.asarray(layer(x)))
        np.testing.assert_allclose(results[0], results[1], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(results[0], results[2], rtol=1e-5, atol=1e-6)

    def test_channels_first_is_channels_last_moved(self, made, options, shape):
        data_format = options.get("data_format", "channels_last")
        other = {"channels_last": "channels_first", "channels_first": "channels_last"}[data_format]
        layer, twin = made(**options), made(**{**options, "data_format": other})
        x = sample(shape)
        here, there = (1, -1) if data_format == "channels_first" else (-1, 1)
        moved = np.moveaxis(x, here, there)
        expected = np.moveaxis(np.asarray(layer(x)), here, there)
        twin(moved)
        twin.set_weights(layer.get_weights())
        np.testing.assert_allclose(np.asarray(twin(moved)), expected, rtol=1e-5, atol=1e-6)


class TestByHand:
    def test_conv1d(self):
        layer = layers.Conv1D(1, 2)
        x = np.array([[[1.0], [2.0], [4.0]]])
        layer(x)
        layer.set_weights([np.array([[[10.0]], [[1.0]]]), np.array([0.5])])
        np.testing.assert_allclose(np.asarray(layer(x))[0, :, 0], [12.5, 24.5])

    def test_causal_outputs_see_no_later_input(self):
        layer = layers.Conv1D(2, 3, padding="causal", dilation_rate=2)
        x = sample((1, 9, 2))
        before = np.asarray(layer(x))
        x[0, 5] += 1
        changed = (np.asarray(layer(x)) != before).any(axis=(0, 2))
        assert changed.tolist() == [n in (5, 7) for n in range(9)]  # 9 is beyond the end

    def test_groups_do_not_mix(self):
        layer = layers.Conv2D(2, 1, groups=2, use_bias=False)
        x = np.array([3.0, 5.0]).reshape(1, 1, 1, 2)
        layer(x)
        layer.set_weights([np.array([10.0, 100.0]).reshape(1, 1, 1, 2)])
        np.testing.assert_allclose(np.asarray(layer(x)).ravel(), [30, 500])

    def test_conv2d_transpose(self):
        layer = layers.Conv2DTranspose(1, 2, kernel_initializer="ones")
        y = np.asarray(layer(np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)))
        np.testing.assert_allclose(y[0, :, :, 0], [[1, 3, 2], [4, 10, 6], [3, 7, 4]])

    def test_transposed_padding(self):
        x = np.array([[[1.0], [2.0]]])
        ones = {"filters": 1, "kernel_size": 1, "kernel_initializer": "ones"}
        y = layers.Conv1DTranspose(strides=3, **ones)(x)  # 3 = max(window, stride)
        assert np.asarray(y)[0, :, 0].tolist() == [1, 0, 0, 2, 0, 0]
        y = layers.Conv1DTranspose(strides=3, output_padding=1, **ones)(x)
        assert np.asarray(y)[0, :, 0].tolist() == [1, 0, 0, 2, 0]

    def test_transposed_is_the_gradient_of_a_convolution(self):
        forward = layers.Conv2D(3, 2, strides=2, use_bias=False, dtype="float64")
        back = layers.Conv2DTranspose(4, 2, strides=2, use_bias=False, dtype="float64")
        x = Tensor(sample((2, 4, 6, 4)), requires_grad=True)
        y = forward(x)
        g = sample(y.shape, 1)
        back(g)
        back.set_weights(forward.get_weights())
        np.testing.assert_allclose(np.asarray(back(g)), tape.gradients(y, [x], g)[0])

    def test_depthwise(self):
        layer = layers.DepthwiseConv2D(1, depth_multiplier=2, use_bias=False)
        x = np.array([1.0, 10.0]).reshape(1, 1, 1, 2)
        layer(x)
        layer.set_weights([np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 1, 2, 2)])
        np.testing.assert_allclose(np.asarray(layer(x)).ravel(), [1, 2, 30, 40])

    def test_separable(self):
        layer = layers.SeparableConv1D(1, 2, use_bias=False)
        x = np.array([[[1.0, 10.0], [2.0, 20.0]]])
        layer(x)
        layer.set_weights([np.ones((2, 2, 1)), np.array([[[1.0], [0.1]]])])
        np.testing.assert_allclose(np.asarray(layer(x)).ravel(), [3 + 3])

    def test_padding_in_capital_letters(self):
        assert layers.Conv2D(1, 3, padding="SAME").padding == "same"


class TestErrors:
    @pytest.mark.parametrize(
        ("make", "shape", "message"),
        [
            (lambda: layers.Conv2D(4, 2), (3, 8, 8), "Conv2D 'conv2d': input has 3 axes. Expected "
             r"shape \(N, H, W, C\).*The batch or the channel axis is missing"),
            (lambda: layers.Conv2D(4, 2, data_format="channels_first"), (3, 8, 8),
             r"Expected shape \(N, C, H, W\)"),
            (lambda: layers.Conv1D(4, 2), (8, 3), r"Expected shape \(N, T, C\).*is missing"),
            (lambda: layers.Conv1D(4, 9), (2, 8, 3), "a window of 9 does not fit into the input"),
            (lambda: layers.Conv2DTranspose(4, 2), (8, 3), "Rows of pixels must become images"),
            (lambda: layers.DepthwiseConv2D(3), (1, 2, 2, 3), "a window of 3x3 does not fit into"),
        ],
    )  # fmt: skip
    def test_misfit_inputs(self, make, shape, message):
        with pytest.raises(errors.MelpyError, match=message):
            make()(np.zeros(shape))

    @pytest.mark.parametrize(
        ("data_format", "shape", "other", "mend"),
        [
            ("channels_last", (1, 6, 6, 3), (1, 3, 6, 6), r"first here: x.transpose\(0, 2, 3, 1\)"),
            ("channels_first", (1, 3, 6, 6), (1, 6, 6, 3), r"last here: x.transpose\(0, 3, 1, 2\)"),
            ("channels_last", (1, 6, 6, 3), (1, 6, 6, 1), "Build a new layer for this input"),
        ],
    )
    def test_other_channels(self, data_format, shape, other, mend):
        layer = layers.Conv2D(2, 2, data_format=data_format)
        layer(np.zeros(shape))
        with pytest.raises(errors.ShapeError, match=f"the kernel was built for 3.*{mend}"):
            layer(np.zeros(other))

    def test_channels_that_only_look_like_a_group(self):
        layer = layers.Conv2D(4, 2, groups=2)
        layer(np.zeros((1, 4, 4, 4)))
        with pytest.raises(errors.ShapeError, match="2 channels but the kernel was built for 4"):
            layer(np.zeros((1, 4, 4, 2)))

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: layers.Conv1D(2, (2, 2)), "kernel_size must be one positive whole number"),
            (lambda: layers.Conv1D(2, 2, strides=0), "strides must be one positive whole number"),
            (lambda: layers.Conv2D(2, 2, strides=2, dilation_rate=2), "either dilated or moved"),
            (lambda: layers.Conv2D(2, 2, padding="causal"), "unknown padding 'causal'"),
            (lambda: layers.Conv2DTranspose(2, 2, strides=2, output_padding=2), "less than the"),
            (lambda: layers.Conv2DTranspose(2, 2, output_padding=-1), "output_padding must be"),
            (lambda: layers.DepthwiseConv2D(2, depth_multiplier=0), "depth_multiplier must be"),
            (lambda: layers.SeparableConv2D(0, 2), "filters must be a positive whole number"),
        ],
    )
    def test_bad_arguments(self, make, message):
        with pytest.raises(errors.ArgumentError, match=message):
            make()
