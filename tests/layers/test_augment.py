"""Images in form and images changed at random: by hand, image by image, only while training."""

import numpy as np
import pytest

import melpy
from melpy import Tensor, config, layers, ops, tape
from melpy.data import Loader
from melpy.errors import ArgumentError, DataError, DtypeError, ShapeError, UnknownNameError

RANDOM = [
    (layers.RandomFlip, {}),
    (layers.RandomRotation, {"factor": 0.2}),
    (layers.RandomTranslation, {"height_factor": 0.3, "width_factor": 0.2}),
    (layers.RandomZoom, {"height_factor": 0.4, "width_factor": 0.3}),
    (layers.RandomContrast, {"factor": (0.5, 0.9), "value_range": (-9, 9)}),
    (layers.RandomBrightness, {"factor": 0.5, "value_range": (-9, 9)}),
    (layers.RandomCrop, {"height": 4, "width": 3}),
]
EVERY = pytest.mark.parametrize(("kind", "arguments"), RANDOM)


def images(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape or (6, 7, 6, 2)).astype("float32")


def row(*values):
    return np.array(values, "float32").reshape(1, -1, 1)  # (H, W, C)


class TestRandomLayers:
    @EVERY
    def test_the_same_seed_draws_the_same(self, kind, arguments):
        x = images()
        first, second = kind(**arguments, seed=4), kind(**arguments, seed=4)
        for _ in range(2):
            np.testing.assert_array_equal(first(x, training=True), second(x, training=True))
        drawn = [np.asarray(first(x, training=True)) for _ in range(6)]
        assert any(not np.array_equal(drawn[0], other) for other in drawn[1:])

    @EVERY
    def test_each_image_draws_its_own(self, kind, arguments):
        if kind is layers.RandomCrop:
            pytest.skip("one place for the batch, as in Keras")
        same = np.repeat(images(1, 7, 6, 2), 12, axis=0)
        y = np.asarray(kind(**arguments, seed=0)(same, training=True))
        assert any(not np.array_equal(y[0], other) for other in y[1:])

    @EVERY
    def test_nothing_happens_at_inference(self, kind, arguments):
        x = images()
        y = kind(**arguments, seed=0)(x, training=False)
        if kind is layers.RandomCrop:
            assert y.shape == (6, 4, 3, 2)
        else:
            np.testing.assert_array_equal(y, x)

    @EVERY
    def test_channels_first_and_single_images(self, kind, arguments):
        x = images()
        last = np.asarray(kind(**arguments, seed=1)(x, training=True))
        first = kind(**arguments, seed=1, data_format="channels_first")
        moved = np.asarray(first(x.transpose(0, 3, 1, 2), training=True))
        np.testing.assert_allclose(moved.transpose(0, 2, 3, 1), last, rtol=1e-5, atol=1e-6)
        one = np.asarray(kind(**arguments, seed=1)(x[0], training=True))
        batch = np.asarray(kind(**arguments, seed=1)(x[:1], training=True))
        np.testing.assert_array_equal(one, batch[0])

    @EVERY
    def test_whole_numbers_become_floats(self, kind, arguments):
        x = np.arange(6 * 7 * 6 * 2).reshape(6, 7, 6, 2).astype("uint8")
        for training in (False, True):
            assert kind(**arguments)(x, training=training).dtype == np.float32

    @EVERY
    def test_gradients_reach_the_images(self, kind, arguments):
        x = Tensor(images(), requires_grad=True)
        y = kind(**arguments, seed=0)(x, training=True)
        [d_x] = tape.gradients(y, [x], np.ones(y.shape, "float32"))
        assert d_x.shape == x.shape
        assert np.abs(d_x).sum() > 0

    @EVERY
    def test_configuration(self, kind, arguments):
        layer = kind(**arguments, seed=3)
        again = kind.from_config(layer.get_config())
        x = images()
        np.testing.assert_array_equal(again(x, training=True), layer(x, training=True))
        assert layer.compute_output_shape((None, 7, 6, 2)) == (None, *again(x).shape[1:])

    @EVERY
    def test_other_ranks_are_refused(self, kind, arguments):
        with pytest.raises(ShapeError, match="images have 2 axes"):
            kind(**arguments)(np.zeros((3, 3), "float32"), training=True)

    def test_in_a_model_they_act_in_fit_only(self):
        seen = []

        class Watch(layers.Layer):
            def call(self, inputs, training=False):
                seen.append((training, np.asarray(inputs).ravel().tolist()))
                return inputs

        model = melpy.Sequential([
            melpy.Input((1, 2, 1)),
            layers.RandomTranslation(0, (0.5, 0.5), fill_mode="constant"),
            Watch(), layers.Flatten(), layers.Dense(1),
        ])  # fmt: skip
        model.compile("sgd", "mse")
        x, y = np.array([[[[1.0], [2.0]]]], "float32"), np.zeros((1, 1), "float32")
        model.fit(x, y, verbose=0)
        assert seen[-1] == (True, [0, 1])
        model.predict(x, verbose=0)
        assert seen[-1] == (False, [1, 2])


def test_flips_by_hand():
    x = np.arange(4.0).reshape(1, 2, 2, 1).repeat(40, axis=0)
    for mode, flipped in (
        ("horizontal", [1, 0, 3, 2]),
        ("vertical", [2, 3, 0, 1]),
        ("horizontal_and_vertical", [3, 2, 1, 0]),  # both at once
    ):
        y = np.asarray(layers.RandomFlip(mode, seed=0)(x, training=True)).reshape(40, 4).tolist()
        assert {tuple(one) for one in y} == {(0, 1, 2, 3), tuple(flipped)}
        assert 10 < y.count(flipped) < 30


def test_moves_by_hand():
    def moved(layer, x):
        return np.asarray(layer(x, training=True))[..., 0]

    square = np.arange(9.0).reshape(3, 3, 1)
    turned = moved(layers.RandomRotation((0.25, 0.25)), square)
    np.testing.assert_allclose(turned, np.rot90(square[..., 0]), atol=1e-5)
    for mode, expected in (
        ("constant", [9, 1, 2, 3]), ("nearest", [1, 1, 2, 3]),
        ("wrap", [4, 1, 2, 3]), ("reflect", [1, 1, 2, 3]),
    ):  # fmt: skip
        layer = layers.RandomTranslation(0, (0.25, 0.25), fill_mode=mode, fill_value=9)
        assert moved(layer, row(1, 2, 3, 4)).tolist() == [expected]
    assert moved(layers.RandomZoom((-0.5, -0.5)), row(1, 2, 3)).tolist() == [[1.5, 2, 2.5]]
    assert moved(
        layers.RandomZoom((0.5, 0.5), fill_mode="constant", interpolation="nearest"), row(1, 2, 3)
    ).tolist() == [[0, 2, 0]]


def test_light_by_hand():
    x = row(0.2, 0.4)
    lighter = layers.RandomBrightness((0.1, 0.1), value_range=(0, 2))(x, training=True)
    np.testing.assert_allclose(np.asarray(lighter)[0, :, 0], [0.4, 0.6], rtol=1e-6)
    more = layers.RandomContrast((1, 1), value_range=(0, 1))  # f from [0, 2)
    more.factor = (-1, 1)  # f = 2
    np.testing.assert_allclose(np.asarray(more(x, training=True))[0, :, 0], [0.1, 0.5], rtol=1e-6)
    cut = layers.RandomBrightness((0.9, 0.9), value_range=(0, 1))(x, training=True)
    assert np.asarray(cut)[0, :, 0].tolist() == [1, 1]


def test_crops_by_hand():
    x = np.arange(12.0).reshape(1, 3, 4, 1).repeat(2, axis=0)
    middle = np.asarray(layers.CenterCrop(1, 2)(x))[..., 0]
    assert middle.tolist() == [[[5, 6]]] * 2
    seen = set()
    layer = layers.RandomCrop(2, 3, seed=0)
    for _ in range(40):
        y = np.asarray(layer(x, training=True))[..., 0]
        np.testing.assert_array_equal(y[0], y[1])  # one place for the batch
        top, left = divmod(int(y[0, 0, 0]), 4)
        np.testing.assert_array_equal(y[0], x[0, top : top + 2, left : left + 3, 0])
        seen.add((top, left))
    assert seen == {(top, left) for top in (0, 1) for left in (0, 1)}
    inference = np.asarray(layer(x, training=False))
    wanted = ops.image.resize(x, (2, 3), crop_to_aspect_ratio=True)
    np.testing.assert_allclose(inference, wanted, rtol=1e-6)


def test_sizes():
    x = images(2, 4, 6, 3)
    for layer in (layers.Resizing(3, 5), layers.CenterCrop(5, 2), layers.RandomCrop(6, 9)):
        for training in (False, True):
            mode = {"training": training} if isinstance(layer, layers.RandomCrop) else {}
            y = layer(x, **mode)
            assert y.shape == (2, *layer.compute_output_shape((None, 4, 6, 3))[1:])
    whole = layers.Resizing(2, 3)(np.full((2, 4, 6, 1), 200, "uint8"))
    assert whole.dtype == np.uint8
    assert (np.asarray(whole) == 200).all()


class TestRescaling:
    def test_by_hand(self):
        y = layers.Rescaling(0.5, offset=[1.0, 2.0])(np.array([[2, 4]], "uint8"))
        assert np.asarray(y).tolist() == [[2, 4]]
        assert y.dtype == np.float32

    def test_channels_first_scales_channels(self, monkeypatch):
        monkeypatch.setitem(config._settings, "image_data_format", "channels_first")
        y = np.asarray(layers.Rescaling([1.0, 10.0])(np.ones((1, 2, 3, 3), "float32")))
        assert (y[0, 0] == 1).all()
        assert (y[0, 1] == 10).all()


class TestNormalization:
    def test_by_hand(self):
        layer = layers.Normalization()
        layer.adapt(np.array([[0.0, 5.0], [4.0, 5.0]]))
        assert [w.shape for w in layer.weights] == [(2,), (2,), ()]
        assert layer.get_weights()[0].tolist() == [2, 5]
        assert layer.get_weights()[1].tolist() == [4, 0]
        assert layer.trainable_weights == []
        assert np.asarray(layer(np.array([[6.0, 5.0]]))).tolist() == [[2, 0]]

    def test_batches_give_what_the_whole_gives(self):
        x = images(50, 3, 4, 2).astype("float64") * 3 + 7
        expected = layers.Normalization(axis=(1, -1), dtype="float64")
        expected.adapt(x)
        for batches in ([x[:20], x[20:21], x[21:]], Loader(x, x[:, 0], batch_size=16),
                        iter([(x[:25], None), (x[25:], None)])):  # fmt: skip
            layer = layers.Normalization(axis=(1, -1), dtype="float64")
            layer.adapt(batches)
            for mine, other in zip(layer.get_weights(), expected.get_weights(), strict=True):
                np.testing.assert_allclose(mine, other, rtol=1e-12)

    def test_moments_have_the_axes_of_the_input(self):
        learned = layers.Normalization(axis=2)
        assert learned.mean is None
        learned.adapt(images(3, 4, 5, 2))
        given = layers.Normalization(axis=(1, 2), mean=np.arange(5.0), variance=np.ones(5))
        given.build((None, 4, 5, 2))
        assert (learned.mean.shape, given.mean.shape) == ((1, 1, 5, 1), (1, 4, 5, 1))
        assert given.mean.numpy()[0, :, 2, 0].tolist() == [2, 2, 2, 2]
        np.testing.assert_array_equal(learned.variance.numpy().ravel(), learned.get_weights()[1])

    def test_adapting_again_forgets(self):
        layer = layers.Normalization(axis=None)
        layer.adapt(np.array([1.0, 3.0]))
        layer.adapt(np.array([10.0, 14.0]))
        assert float(layer.get_weights()[0]) == 12

    def test_given_moments_and_their_inverse(self):
        x = images(4, 3)
        forth = layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 9.0])
        back = layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 9.0], invert=True)
        assert forth.weights == []
        np.testing.assert_allclose(forth(x), (x - [1, 2, 3]) / [1, 2, 3], rtol=1e-5)
        np.testing.assert_allclose(back(forth(x)), x, rtol=1e-5, atol=1e-5)
        again = layers.Normalization.from_config(forth.get_config())
        np.testing.assert_array_equal(again(x), forth(x))

    def test_refusals(self):
        with pytest.raises(ArgumentError, match="mean and variance do not go together"):
            layers.Normalization(mean=1.0)
        with pytest.raises(ArgumentError, match="mean and variance do not go together"):
            layers.Normalization(mean=[[1.0]], variance=[[1.0]])
        with pytest.raises(ArgumentError, match="was given its mean"):
            layers.Normalization(mean=1.0, variance=1.0).adapt(images())
        with pytest.raises(ShapeError, match="axis to keep is not there"):
            layers.Normalization(axis=4)(images(3, 2))
        with pytest.raises(ShapeError, match="does not have the shape of the axes"):
            layers.Normalization(mean=[1.0, 2.0], variance=[1.0, 2.0])(images(4, 3))
        with pytest.raises(DataError, match="nothing to adapt to"):
            layers.Normalization().adapt([])
        with pytest.raises(DtypeError, match="cannot be adapted to"):
            layers.Normalization().adapt(3)
        with pytest.raises(DtypeError, match="a batch is no array"):
            layers.Normalization().adapt([[1.0, 2.0], [3.0, 4.0]])
        layer = layers.Normalization()
        layer.adapt(images(4, 3))
        with pytest.raises(ShapeError, match="another shape than the layer was built for"):
            layer.adapt(images(4, 2))


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.RandomFlip("diagonal"), UnknownNameError, "unknown mode 'diagonal'"),
        (lambda: layers.RandomRotation(1.5), ArgumentError, r"factor is out of range.*\[-1, 1\]"),
        (lambda: layers.RandomRotation((0, 0, 0)), ArgumentError, "factor is out of range"),
        (lambda: layers.RandomRotation("a"), ArgumentError, "factor is out of range"),
        (lambda: layers.RandomRotation(0.1, "mirror"), UnknownNameError, "fill_mode 'mirror'"),
        (lambda: layers.RandomTranslation(0.1, 2), ArgumentError, "width_factor is out of range"),
        (lambda: layers.RandomZoom(-1), ArgumentError, "height_factor is out of range"),
        (lambda: layers.RandomZoom(0.1, interpolation="area"), UnknownNameError, "interpolation"),
        (lambda: layers.RandomContrast(-0.1), ArgumentError, r"factor is out of range.*\[0, 1\]"),
        (lambda: layers.RandomBrightness(0.1, 255), ArgumentError, "value_range is no range"),
        (lambda: layers.RandomCrop(0, 3), ArgumentError, "height must be a positive"),
        (lambda: layers.Resizing(3, -1), ArgumentError, "width must be a positive"),
        (lambda: layers.Resizing(3, 3, "area"), UnknownNameError, "unknown interpolation 'area'"),
        (lambda: layers.CenterCrop(3, 3, "first"), UnknownNameError, "unknown data format"),
    ],
)
def test_arguments_out_of_range(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_an_image_is_changed_the_same_however_many_come_after_it():
    x = np.random.default_rng(0).uniform(1, 9, (9, 8, 8, 3))
    for kind, arguments in (
        (layers.RandomErasing, {"factor": 1.0}), (layers.RandomPosterization, {"factor": (1, 8)}),
        (layers.RandomRotation, {"factor": 0.3}), (layers.RandomPerspective, {"scale": 0.6}),
    ):  # fmt: skip
        many, few = (np.asarray(kind(**arguments, seed=2)(x[:n], training=True)) for n in (9, 5))
        np.testing.assert_array_equal(few, many[:5])
        assert not np.array_equal(few, x[:5])
