"""Pooling, padding, cropping and enlarging: worked by hand, and clear in what they refuse."""

import numpy as np
import pytest

from melpy import config, errors, layers, ops
from melpy.testing import check_gradient

STEPS = np.array([[[1.0], [4.0], [3.0], [2.0], [9.0]]])  # (1, 5, 1)
IMAGE = np.arange(1.0, 7.0).reshape(1, 2, 3, 1)  # 1 2 3 / 4 5 6


def values(layer, x, **call):
    return np.asarray(layer(x, **call))[0, ..., 0].tolist()


class TestByHand:
    def test_pooling_of_sequences(self):
        assert values(layers.MaxPooling1D(), STEPS) == [4, 3]
        assert values(layers.MaxPooling1D(2, padding="same"), STEPS) == [4, 3, 9]
        assert values(layers.MaxPooling1D(3, strides=1), STEPS) == [4, 4, 9]
        assert values(layers.AveragePooling1D(2), STEPS) == [2.5, 2.5]
        assert values(layers.AveragePooling1D(2, padding="same"), STEPS) == [2.5, 2.5, 9]

    def test_global_pooling(self):
        assert np.asarray(layers.GlobalMaxPooling1D()(STEPS)).tolist() == [[9]]
        assert np.asarray(layers.GlobalMaxPooling1D(keepdims=True)(STEPS)).tolist() == [[[9]]]
        np.testing.assert_allclose(np.asarray(layers.GlobalAveragePooling1D()(STEPS)), [[3.8]])
        first = layers.GlobalAveragePooling2D("channels_first", keepdims=True)
        assert first(np.ones((2, 3, 4, 5))).shape == (2, 3, 1, 1)

    def test_masked_steps_do_not_count(self):
        mask = np.array([[True, False, True, False, False]])
        assert values(layers.GlobalAveragePooling1D(keepdims=True), STEPS, mask=mask) == [2]
        layer = layers.GlobalAveragePooling1D()
        assert layer.compute_mask(STEPS, mask) is None
        x = np.random.default_rng(0).normal(size=(2, 4, 3))
        some = np.array([[1, 0, 1, 1], [0, 1, 0, 0]], bool)
        layer = layers.GlobalAveragePooling1D(dtype="float64")
        check_gradient(lambda x: layer(x, mask=some), (x,))

    def test_zero_padding(self):
        assert values(layers.ZeroPadding1D((1, 2)), STEPS) == [0, 1, 4, 3, 2, 9, 0, 0]
        y = values(layers.ZeroPadding2D(((1, 0), (0, 2))), IMAGE)
        assert y == [[0, 0, 0, 0, 0], [1, 2, 3, 0, 0], [4, 5, 6, 0, 0]]

    def test_cropping(self):
        assert values(layers.Cropping1D((0, 2)), STEPS) == [1, 4, 3]
        assert values(layers.Cropping1D(), STEPS) == [4, 3, 2]
        assert values(layers.Cropping2D(((1, 0), (0, 1))), IMAGE) == [[4, 5]]
        assert values(layers.Cropping2D(), IMAGE) == [[1, 2, 3], [4, 5, 6]]

    def test_up_sampling(self):
        assert values(layers.UpSampling1D(2), STEPS[:, :2]) == [1, 1, 4, 4]
        assert values(layers.UpSampling2D((2, 1)), IMAGE[:, :1]) == [[1, 2, 3], [1, 2, 3]]
        y = values(layers.UpSampling2D((1, 2), interpolation="bilinear"), IMAGE[:, :1, :2])
        assert y == [[1, 1.25, 1.75, 2]]

    def test_the_papers_pooling(self):
        assert isinstance(layers.Pooling2D(), layers.MaxPooling2D)
        assert values(layers.Pooling2D((2, 3), mode="average"), IMAGE) == [[3.5]]
        with pytest.raises(errors.UnknownNameError, match="unknown mode 'mean'"):
            layers.Pooling2D(mode="mean")

    def test_sequences_are_always_channels_last_without_a_choice(self, monkeypatch):
        monkeypatch.setitem(config._settings, "image_data_format", "channels_first")
        assert layers.Cropping1D().data_format == "channels_last"
        assert layers.UpSampling1D().data_format == "channels_last"
        assert layers.ZeroPadding1D().data_format == "channels_first"


class TestResize:
    def test_bilinear_by_hand(self):
        y = ops.image.resize(np.array([[[0.0], [2.0], [4.0], [6.0]]]), (1, 2))
        assert y[0, :, 0].tolist() == [1, 5]  # the middles of the new pixels: 0.5 and 2.5
        y = ops.image.resize(np.array([[[0.0], [8.0], [8.0], [0.0]]]), (1, 1), antialias=True)
        # a triangle as wide as the new pixel, cut off at the edges: weights 5 7 7 5
        assert y.item() == pytest.approx(8 * 14 / 24)

    def test_aspect_ratio(self):
        x = np.arange(8.0).reshape(1, 2, 4, 1)
        y = ops.image.resize(x, (2, 2), "nearest", crop_to_aspect_ratio=True)
        assert y[0, :, :, 0].tolist() == [[1, 2], [5, 6]]
        y = ops.image.resize(x, (4, 4), "nearest", pad_to_aspect_ratio=True, fill_value=9.0)
        assert y[0, :, :, 0].tolist() == [[9] * 4, [0, 1, 2, 3], [4, 5, 6, 7], [9] * 4]

    @pytest.mark.parametrize(
        "options", [{"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True, "fill_value": 3}]
    )
    def test_gradient_of_a_framed_image(self, options):
        x = np.random.default_rng(0).normal(size=(2, 3, 7, 2))
        check_gradient(lambda x: ops.image.resize(x, (4, 5), **options), (x,))

    @pytest.mark.parametrize(
        ("shape", "options", "message"),
        [
            ((4, 4), {}, "images have 2 axes"),
            ((4, 4, 1), {"size": 2}, "size must be two positive whole numbers"),
            ((4, 4, 1), {"size": (2, 0)}, "size must be two positive whole numbers"),
            ((4, 4, 1), {"interpolation": "biliner"}, "Did you mean 'bilinear'"),
            ((4, 4, 1), {"fill_mode": "wrap"}, "either cropped or padded"),
            ((4, 4, 1), {"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "either"),
        ],
    )
    def test_errors(self, shape, options, message):
        with pytest.raises(errors.MelpyError, match=message):
            ops.image.resize(np.zeros(shape), **{"size": (2, 2), **options})


class TestErrors:
    @pytest.mark.parametrize(
        ("make", "shape", "message"),
        [
            (lambda: layers.MaxPooling1D(), (2, 3), "'max_pooling1d': input has 2 axes"),
            (lambda: layers.MaxPooling1D(9), (1, 3, 1), "a window of 9 does not fit"),
            (lambda: layers.AveragePooling2D(2), (1, 8, 8), "batch or the channel axis is missing"),
            (lambda: layers.GlobalMaxPooling2D(), (4, 4), "Rows of pixels must become images"),
            (lambda: layers.Cropping1D(2), (1, 4, 1), "nothing is left of the input"),
            (lambda: layers.Cropping2D(2), (1, 4, 9, 1), "nothing is left of the input"),
            (lambda: layers.ZeroPadding2D(), (1, 4, 9), r"Expected shape \(N, H, W, C\)"),
        ],
    )
    def test_misfit_inputs(self, make, shape, message):
        with pytest.raises(errors.MelpyError, match=message):
            make()(np.zeros(shape))

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: layers.MaxPooling1D(0), "pool_size must be one positive whole number"),
            (lambda: layers.MaxPooling2D((1, 2, 3)), "pool_size must be one or two positive"),
            (lambda: layers.AveragePooling2D(2, padding="full"), "unknown padding 'full'"),
            (lambda: layers.ZeroPadding1D((1, -1)), "padding must be made of whole numbers"),
            (lambda: layers.ZeroPadding2D((1, 2, 3)), "padding must be made of whole numbers"),
            (lambda: layers.Cropping2D(None), "cropping must be made of whole numbers"),
            (lambda: layers.Cropping2D(0.5), "cropping must be made of whole numbers"),
            (lambda: layers.UpSampling1D(0), "size must be a positive whole number"),
            (lambda: layers.UpSampling2D(interpolation="linear"), "unknown interpolation"),
        ],
    )
    def test_bad_arguments(self, make, message):
        with pytest.raises(errors.ArgumentError, match=message):
            make()
