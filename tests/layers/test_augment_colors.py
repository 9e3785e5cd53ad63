"""Colours changed, parts of images replaced and layers chained at random, only while training."""

import numpy as np
import pytest

import melpy
from melpy import errors, layers

RANDOM = [
    (layers.Solarization, {"addition_factor": 0.5, "threshold_factor": 0.5}),
    (layers.RandomInvert, {}),
    (layers.RandomGrayscale, {}),
    (layers.RandomColorDegeneration, {"factor": 0.5}),
    (layers.RandomHue, {"factor": 0.5}),
    (layers.RandomSaturation, {"factor": (0.2, 0.8)}),
    (layers.RandomSharpness, {"factor": 1.0}),
    (layers.RandomPosterization, {"factor": (1, 8)}),
    (layers.RandomColorJitter, {"brightness_factor": 0.3, "hue_factor": 0.2}),
    (layers.RandomErasing, {"factor": (0.5, 1.0)}),
    (layers.RandomShear, {"x_factor": 0.3, "y_factor": 0.2}),
    (layers.RandAugment, {"num_ops": 3}),
    (layers.AugMix, {}),
    (layers.RandomPerspective, {"scale": 0.6}),
    (layers.RandomGaussianBlur, {"kernel_size": (5, 3)}),
    (layers.RandomElasticTransform, {"scale": (0.5, 1.0)}),
    (layers.CutMix, {}),
    (layers.MixUp, {}),
]
EVERY = pytest.mark.parametrize(("kind", "arguments"), RANDOM)
ALONE = pytest.mark.parametrize(
    ("kind", "arguments"), [row for row in RANDOM if row[0] not in (layers.CutMix, layers.MixUp)]
)


def images(*shape):
    return np.random.default_rng(0).uniform(0, 255, shape or (6, 7, 6, 3)).astype("float32")


@EVERY
def test_the_same_seed_draws_the_same(kind, arguments):
    x = images()
    first, second = kind(**arguments, seed=4), kind(**arguments, seed=4)
    drawn = [np.asarray(first(x, training=True)) for _ in range(4)]
    for y in drawn:
        np.testing.assert_array_equal(second(x, training=True), y)
    assert any(not np.array_equal(drawn[0], other) for other in drawn[1:])
    assert drawn[0].shape == x.shape
    assert drawn[0].dtype == np.float32


@EVERY
def test_nothing_happens_at_inference(kind, arguments):
    x = images()
    np.testing.assert_array_equal(kind(**arguments, seed=0)(x, training=False), x)


@EVERY
def test_channels_first(kind, arguments):
    if kind is layers.RandomErasing:
        arguments = arguments | {"fill_value": [0.0, 100.0, 255.0]}  # noise has an order
    x = images()
    last = np.asarray(kind(**arguments, seed=1)(x, training=True))
    first = kind(**arguments, seed=1, data_format="channels_first")
    moved = np.asarray(first(x.transpose(0, 3, 1, 2), training=True))
    np.testing.assert_allclose(moved.transpose(0, 2, 3, 1), last, rtol=1e-4, atol=1e-3)


@ALONE
def test_single_images(kind, arguments):
    x = images()
    one = np.asarray(kind(**arguments, seed=1)(x[0], training=True))
    batch = np.asarray(kind(**arguments, seed=1)(x[:1], training=True))
    np.testing.assert_array_equal(one, batch[0])


@EVERY
def test_configuration(kind, arguments):
    layer = kind(**arguments, seed=3)
    again = kind.from_config(layer.get_config())
    x = images()
    np.testing.assert_array_equal(again(x, training=True), layer(x, training=True))
    assert layer.compute_output_shape((None, 7, 6, 3)) == (None, 7, 6, 3)
    assert layer(melpy.Input((7, 6, 3))).shape == (None, 7, 6, 3)


class TestByHand:
    def test_solarization(self):
        layer = layers.Solarization(0.0, (0.5, 0.5), value_range=(0, 1))
        # thresholds lie between 0.5, as it is, and 255 / 2, as Keras draws them
        y = layer(np.array([[[0.0, 0.001, 0.6, 1.0]]]), training=True).numpy()
        np.testing.assert_allclose(y.ravel()[[0, 2, 3]], [0, 0.4, 0], atol=1e-6)

    def test_auto_contrast_is_not_for_training_alone(self):
        x = np.array([[[5.0, 7.0], [10.0, 7.0]]])
        y = layers.AutoContrast(value_range=(0, 10))(x, training=False)
        assert y.numpy().tolist() == [[[0, 7], [10, 7]]]

    def test_equalization(self):
        x = np.array([[[0.0], [0.0], [1.0], [255.0]]])
        y = layers.Equalization()(x, training=True).numpy()
        np.testing.assert_array_equal(y.ravel(), [0, 0, 128, 255])
        flat = np.full((2, 3, 1), 9.0)
        np.testing.assert_array_equal(layers.Equalization()(flat, training=True), flat)

    def test_erased_rectangles(self):
        x = np.ones((40, 20, 20, 3))
        layer = layers.RandomErasing((1.0, 1.0), scale=(0.25, 0.25), fill_value=0.0, seed=0)
        y = layer(x, training=True).numpy()
        areas = (y == 0).mean(axis=(1, 2, 3))
        np.testing.assert_allclose(areas, 0.25, atol=0.06)
        assert len({tuple(np.argwhere(one == 0)[0]) for one in y}) > 10

    def test_noise_in_the_place_of_what_was_erased(self):
        y = layers.RandomErasing((1, 1), (1, 1), value_range=(0, 1), seed=0)(np.ones((9, 9, 3)))
        assert 0 <= y.numpy().min() < y.numpy().max() <= 1

    def test_mixed_images_and_their_labels(self):
        x = np.arange(4.0).reshape(4, 1, 1, 1) * np.ones((1, 64, 64, 1))
        data = {"images": x, "labels": np.eye(4), "names": np.arange(4)}
        for layer in (layers.MixUp(1.0, seed=0), layers.CutMix(seed=0)):
            y = layer(data, training=True)
            shares = y["labels"].numpy() @ np.arange(4.0)
            np.testing.assert_allclose(y["images"].numpy().mean(axis=(1, 2, 3)), shares, atol=0.25)
            assert y["names"].numpy().tolist() == [0, 1, 2, 3]
            assert not np.array_equal(shares, np.arange(4))
            off = layer(data, training=False)
            assert off["labels"].numpy().tolist() == np.eye(4).tolist()

    def test_two_ways_of_shearing(self):
        x = np.zeros((30, 9, 9, 1))
        x[:, 4:, 4] = 1
        layer = layers.RandomShear(x_factor=(0.5, 0.5), fill_mode="constant", seed=0)
        y = layer(x, training=True).numpy()
        assert len(np.unique(y, axis=0)) == 2


class TestPipeline:
    def test_acts_as_its_layers(self):
        x = images(2, 6, 6, 3)
        parts = [layers.RandomInvert((1.0, 1.0)), layers.Rescaling(1 / 255)]
        pipeline = layers.Pipeline(parts)
        assert pipeline.layers == parts
        np.testing.assert_allclose(pipeline(x), 1 - x / 255, atol=1e-6)
        np.testing.assert_allclose(pipeline(x, training=False), x / 255, atol=1e-6)

    def test_configuration_and_files(self, tmp_path):
        scale = layers.Normalization()
        scale.adapt(images())
        model = melpy.Sequential([melpy.Input((6, 6, 3)), layers.Pipeline([scale])])
        model.save(tmp_path / "model.keras")
        twin = melpy.models.load_model(tmp_path / "model.keras")
        x = images(2, 6, 6, 3)
        np.testing.assert_array_equal(twin.predict(x), model.predict(x))

    def test_masks_pass_through_it(self):
        masking = layers.Pipeline([layers.Masking(), layers.Rescaling(2.0)])
        pool = layers.GlobalAveragePooling1D()
        x = np.array([[[1.0], [3.0], [0.0]]])
        assert pool(masking(x)).numpy().tolist() == [[4.0]]
        whole = layers.Pipeline([pool])(x, mask=np.array([[True, True, False]]))
        assert whole.numpy().tolist() == [[2.0]]

    def test_of_texts(self):
        texts = layers.TextVectorization(vocabulary=["a"])
        assert layers.Pipeline([texts])(["a b"]).numpy().tolist() == [[2, 1]]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Solarization(2.0), "addition_factor is out of range"),
        (lambda: layers.RandomHue(-0.5), "factor is out of range"),
        (lambda: layers.RandomPosterization(9), "factor is out of range"),
        (lambda: layers.RandomGrayscale(1.5), "factor is out of range"),
        (lambda: layers.RandomShear((0.1, 2.0)), "x_factor is out of range"),
        (lambda: layers.RandomErasing(fill_value=[1, 2]), "fill_value is no colour"),
        (lambda: layers.AutoContrast(value_range=3), "value_range is no range"),
        (lambda: layers.Equalization(bins=0), "bins must be a positive"),
        (lambda: layers.RandomGaussianBlur(kernel_size=2), "no window with a middle"),
        (lambda: layers.RandomPerspective(scale=2.0), "scale"),
        (lambda: layers.AugMix(num_chains=0), "num_chains must be a positive"),
        (
            lambda: layers.ContrastLimitedAdaptiveHistogramEqualization(tile_grid_size=8),
            "grid of tiles is none",
        ),
        (lambda: layers.MixUp(-1.0), "alpha must be at least 0"),
        (lambda: layers.RandAugment(num_ops=-1), "num_ops must be a positive"),
        (lambda: layers.RandomInvert()({"labels": np.ones(3)}), "no dict of images"),
        (lambda: layers.MixUp()({"images": images(), "bounding_boxes": 0}), "in which form"),
        (lambda: layers.CutMix()(np.ones((2, 2))), "images have 2 axes"),
        (lambda: layers.Pipeline.from_config({"name": "p"}), "describes no pipeline"),
        (lambda: layers.RandomHue(0.5)(images(2, 4, 4, 2)), "such channels"),
    ],
)
def test_refusals(make, message):
    with pytest.raises(errors.MelpyError, match=message):
        make()
