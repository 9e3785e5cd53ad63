"""Augmentation and preprocessing layers give Keras's images where both draw the same."""

import numpy as np
import pytest

from melpy import layers

pytestmark = pytest.mark.parity

IMAGES = (3, 9, 8, 3)

# Ranges of one value: nothing is left to chance.
CASES = [
    ("RandomRotation", {"factor": (0.25, 0.25)}),
    ("RandomRotation", {"factor": (0.1, 0.1), "fill_mode": "constant", "fill_value": 0.5}),
    ("RandomRotation", {"factor": (0.07, 0.07), "fill_mode": "nearest"}),
    ("RandomTranslation", {"height_factor": (0.2, 0.2), "width_factor": (-0.1, -0.1)}),
    ("RandomTranslation", {"height_factor": (0.3, 0.3), "width_factor": 0.0, "fill_mode": "wrap"}),
    ("RandomZoom", {"height_factor": (0.3, 0.3)}),
    ("RandomZoom", {"height_factor": (-0.2, -0.2), "width_factor": (0.1, 0.1)}),
    ("RandomBrightness", {"factor": (0.2, 0.2), "value_range": (0, 1)}),
    ("RandomCrop", {"height": 9, "width": 8}),
]


@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_same_draws_same_images(keras, agree, name, arguments):
    x = np.random.default_rng(0).random(IMAGES).astype("float32")
    ours, theirs = getattr(layers, name)(**arguments), getattr(keras.layers, name)(**arguments)
    agree(ours(x, training=True), theirs(x, training=True), 1e-4)
    agree(ours(x, training=False), theirs(x, training=False), 1e-5)
    if name != "RandomCrop":
        assert not np.allclose(ours(x, training=True), x)


COLORS = [
    ("AutoContrast", {}),
    ("Equalization", {"bins": 64}),
    ("Equalization", {"bins": 16}),
    ("RandomInvert", {"factor": (1.0, 1.0)}),
    ("RandomColorDegeneration", {"factor": (0.3, 0.3)}),
    ("RandomSaturation", {"factor": (0.3, 0.3)}),
    ("RandomSaturation", {"factor": (0.8, 0.8)}),
    ("RandomSharpness", {"factor": (0.9, 0.9)}),
    ("RandomPosterization", {"factor": (3, 3)}),
    ("RandomHue", {"factor": (1.0, 1.0)}),  # half a turn either way
    ("Solarization", {}),
    ("RandomErasing", {"factor": (1.0, 1.0), "scale": (1.0, 1.0), "fill_value": 0.5}),
    ("RandomColorJitter", {"saturation_factor": (0.3, 0.3), "brightness_factor": (0.1, 0.1)}),
]


@pytest.mark.parametrize(("name", "arguments"), COLORS)
@pytest.mark.parametrize("high", [1, 255])
def test_same_draws_same_colors(keras, agree, name, arguments, high):
    x = np.random.default_rng(0).random(IMAGES).astype("float32") * high
    ours, theirs = (
        getattr(library, name)(**arguments, value_range=(0, high))
        for library in (layers, keras.layers)
    )
    for images in (x, x[0]):
        agree(ours(images, training=True), theirs(images, training=True), 1e-4)
        agree(ours(images, training=False), theirs(images, training=False), 1e-5)


def test_same_draws_same_greys(keras, agree):
    x = np.random.default_rng(0).random(IMAGES).astype("float32")
    ours, theirs = layers.RandomGrayscale(1.0), keras.layers.RandomGrayscale(1.0)
    agree(ours(x, training=True), theirs(x, training=True), 1e-5)


@pytest.mark.parametrize("mode", ["horizontal", "vertical", "horizontal_and_vertical"])
def test_flips_are_flips(keras, mode):
    x = np.random.default_rng(0).random((200, 4, 4, 1)).astype("float32")
    ways = {"horizontal": [x, x[:, :, ::-1]], "vertical": [x, x[:, ::-1]]}
    both = [x, x[:, ::-1, ::-1]]  # in both directions or not at all, in Keras too
    for library in (layers, keras.layers):
        y = np.asarray(library.RandomFlip(mode, seed=1)(x, training=True))
        wanted = ways.get(mode, both)
        counts = [sum(np.array_equal(a, b) for a, b in zip(y, way, strict=True)) for way in wanted]
        assert sum(counts) == 200
        assert min(counts) > 200 / len(wanted) / 2


def test_contrast_keeps_the_mean(keras):
    x = np.random.default_rng(0).random(IMAGES).astype("float32") * 0.2 + 0.4
    for library in (layers, keras.layers):
        y = np.asarray(library.RandomContrast(0.4, value_range=(0, 1), seed=1)(x, training=True))
        assert not np.allclose(y, x)
        np.testing.assert_allclose(y.mean((1, 2)), x.mean((1, 2)), atol=1e-5)


@pytest.mark.parametrize("arguments", [{}, {"axis": 1}, {"axis": None}, {"invert": True}])
def test_normalization(keras, agree, arguments):
    data = np.random.default_rng(0).normal(3, 2, (20, 5, 4)).astype("float32")
    ours, theirs = layers.Normalization(**arguments), keras.layers.Normalization(**arguments)
    ours.adapt(data), theirs.adapt(data)
    agree(ours(data), theirs(data), 1e-5)
    given = {**arguments, "mean": 2.0, "variance": 3.0}
    agree(layers.Normalization(**given)(data), keras.layers.Normalization(**given)(data), 1e-6)
