"""Ops of signals, images and windows are Keras's: values, and gradients by JAX."""

from operator import attrgetter

import numpy as np
import pytest
from test_ops import compare, flat

from melpy import config, ops

pytestmark = pytest.mark.parity

A = np.linspace(-1.7, 2.3, 12).reshape(3, 4)
B = np.cos(np.arange(12.0)).reshape(3, 4)
HOLES = np.where(np.arange(12).reshape(3, 4) % 5 == 1, np.nan, A)
WAVE = np.cos(np.arange(40.0) ** 1.3).reshape(2, 20)
IMAGE = (np.sin(np.arange(2 * 12 * 13 * 3.0) ** 1.5) / 2.1 + 0.5).reshape(2, 12, 13, 3)
OTHER = np.clip(IMAGE + 0.1 * np.cos(np.arange(IMAGE.size)).reshape(IMAGE.shape), 0, 1)
VOLUME = IMAGE[:, :8, :9].reshape(2, 8, 9, 3, 1)
FIRST = np.moveaxis(IMAGE, -1, 1)
CORNERS = np.array([[0.1, 0.2], [11.8, 0.3], [0.2, 10.9], [12.1, 11.2]])
BENT = np.array([[1.3, 0.7], [11.6, 0.4], [-0.2, 10.7], [10.2, 10.1]])

CALLS = [
    ("adaptive_average_pool", (IMAGE, (4, 5)), {}),
    ("adaptive_average_pool", (FIRST, 5), {"data_format": "channels_first"}),
    ("adaptive_average_pool", (WAVE[..., None], 3), {}),
    ("adaptive_max_pool", (IMAGE, (5, 2)), {}),
    ("angle", (A,), {}),
    ("associative_scan", (lambda a, b: a * b, A), {}),
    ("associative_scan", (lambda a, b: a + b, A), {"reverse": True, "axis": 1}),
    ("bartlett", (6,), {}),
    ("blackman", (6,), {}),
    ("cdist", (A, B[:2]), {}),
    ("conj", (A,), {}),
    ("corrcoef", (A * B,), {}),
    ("correlate", (WAVE[0], WAVE[1, :4]), {}),
    ("correlate", (WAVE[0, :4], WAVE[1, :7]), {"mode": "same"}),
    ("correlate", (WAVE[0], WAVE[1, :4]), {"mode": "same"}),
    ("correlate", (WAVE[0], WAVE[1, :5]), {"mode": "full"}),
    ("depth_to_space", (IMAGE[..., :1] * np.ones(8), 2), {}),
    ("depth_to_space", (FIRST[:, :1] * np.ones((8, 1, 1)), 2, "channels_first"), {}),
    ("extract_sequences", (WAVE, 5, 3), {}),
    ("fft", ([A, B],), {}),
    ("fft2", ([A, B],), {}),
    ("hamming", (6,), {}),
    ("hanning", (6,), {}),
    ("ifft2", ([A, B],), {}),
    ("imag", (A,), {}),
    ("irfft", ([A, B],), {"fft_length": 5}),
    ("irfft", ([A, B],), {}),
    ("isreal", (A,), {}),
    ("istft", ([WAVE.reshape(1, 8, 5), WAVE.reshape(1, 8, 5)], 6, 3, 8), {}),
    ("istft", ([WAVE.reshape(1, 8, 5), WAVE.reshape(1, 8, 5)], 8, 4, 8), {"length": 20}),
    ("kaiser", (6, 3.0), {}),
    ("ldexp", (A, np.array([3, -1, 0, 2])), {}),
    ("nanmedian", (HOLES,), {"axis": 1}),
    ("nanpercentile", (HOLES, 30.0), {}),
    ("nanquantile", (HOLES, 0.3), {"axis": 0, "keepdims": True}),
    ("psnr", (A, B, 2.0), {}),
    ("real", (A,), {}),
    ("rearrange", (IMAGE, "n (h a) w c -> n h w (c a)"), {"a": 3}),
    ("rfft", (WAVE,), {}),
    ("rfft", (WAVE,), {"fft_length": 7}),
    ("saturate_cast", (np.array([-3.0, 300.0, 7.9, np.nan]), "uint8"), {}),
    ("saturate_cast", (np.array([-3, 300, 7]), "int8"), {}),
    ("saturate_cast", (np.array([-3.0, 0.3, np.nan]), "bool"), {}),
    ("space_to_depth", (IMAGE[:, :, :12], 2), {}),
    ("space_to_depth", (FIRST[..., :12], 3, "channels_first"), {}),
    ("stft", (WAVE, 8, 3, 8), {}),
    ("stft", (WAVE, 6, 3, 8), {"window": "hamming", "center": False}),
    ("unravel_index", (np.array([[5, 6]], np.int32), (3, 4)), {}),
    ("vander", (A[0], 3), {"increasing": True}),
    ("vander", (A[0],), {}),
    ("view", (A.astype("float32").astype("float64"),), {}),
    ("image.crop_images", (IMAGE, 1, 2), {"target_height": 5, "right_cropping": 3}),
    ("image.extract_patches", (IMAGE, 3), {}),
    ("image.extract_patches", (IMAGE, (2, 3)), {"strides": 2, "padding": "same"}),
    ("image.extract_patches", (IMAGE[0], 3), {"strides": 1, "dilation_rate": 2}),
    ("image.extract_patches", (FIRST, 3), {"data_format": "channels_first"}),
    ("image.extract_patches", (VOLUME, (2, 2, 3)), {"strides": (1, 2, 1), "padding": "SAME"}),
    ("image.extract_patches_3d", (VOLUME[0], 2), {}),
    ("image.gaussian_blur", (IMAGE, (3, 5), (1.0, 2.0), "channels_last"), {}),
    ("image.hsv_to_rgb", (IMAGE,), {}),
    ("image.map_coordinates", (A, np.array([[0.3, 1.6, -0.7], [2.2, 0.1, 1.4]]), 1), {}),
    (
        "image.map_coordinates",
        (A, np.array([[0.3, 4.6, -1.7], [2.2, 0.1, 5.4]]), 1, "mirror"),
        {},
    ),
    ("image.pad_images", (FIRST, 1, 2, 3), {"target_width": 20, "data_format": "channels_first"}),
    ("image.perspective_transform", (IMAGE[0], BENT, CORNERS), {"fill_value": 0.3}),
    ("image.rgb_to_grayscale", (IMAGE,), {}),
    ("image.rgb_to_grayscale", (FIRST[0], "channels_first"), {}),
    ("image.rgb_to_hsv", (IMAGE,), {}),
    (
        "image.scale_and_translate",
        (IMAGE, (2, 7, 20, 3), np.array([0.6, 1.5]), np.array([0.21, -1.07]), (1, 2), "cubic"),
        {},
    ),
    ("image.sobel_edges", (IMAGE,), {}),
    ("image.ssim", (IMAGE, OTHER), {}),
    ("image.ssim", (IMAGE[0], OTHER[0]), {"filter_size": 5, "max_val": 2.0}),
]
# Of what stands for a place, and of types and steps, ours have no gradient.
WITHOUT_GRADIENT = {"image.perspective_transform", "image.scale_and_translate", "view"}


# Keras's own steps in float32, whatever comes in.
ROUGH = {"image.perspective_transform": 1e-5, "image.ssim": 1e-6, "istft": 1e-6, "stft": 1e-6}
EACH = pytest.mark.parametrize("number", range(len(CALLS)), ids=lambda n: f"{CALLS[n][0]}-{n}")


@EACH
def test_values_and_gradients(keras, agree, precision, monkeypatch, number):
    name, arguments, options = CALLS[number]
    monkeypatch.setitem(config._settings, "floatx", "float64")
    function, twin = attrgetter(name)(ops), attrgetter(name)(keras.ops)
    with precision("float64"):
        compare(
            keras,
            agree,
            lambda *xs: function(*xs, **options),
            lambda *xs: twin(*xs, **dict(options)),
            arguments,
            "float64",
            ROUGH.get(name, 1e-12),
            name not in WITHOUT_GRADIENT,
        )


@EACH
def test_float32_stays(number):
    name, arguments, options = CALLS[number]

    def narrow(x):
        if isinstance(x, list):
            return [narrow(part) for part in x]
        is_wide = isinstance(x, np.ndarray) and x.dtype == np.float64
        return x.astype(np.float32) if is_wide else x

    made = attrgetter(name)(ops)(*map(narrow, arguments), **options)
    assert all(np.asarray(leaf).dtype != np.float64 for leaf in flat(made))
