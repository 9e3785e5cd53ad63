"""Every layer: shapes, gradients, configuration, weights; and one example worked by hand each."""

import numpy as np
import pytest

import melpy
from melpy import errors, layers, random, tape
from melpy.testing import check_gradient

IMAGES, ROWS = (2, 5, 6, 3), (4, 7)
STEPS = (2, 5, 3)
VOLUMES = (2, 3, 4, 3, 2)

# One row a configuration: class, arguments, an input's shape.
CASES = [
    (layers.Dense, {"units": 4}, ROWS),
    (layers.Dense, {"units": 4, "activation": "softmax", "use_bias": False}, (2, 3, 7)),
    (layers.Dense, {"units": 2, "activation": "elu", "kernel_regularizer": "l2"}, ROWS),
    (layers.Conv2D, {"filters": 4, "kernel_size": 2}, IMAGES),
    (layers.Conv2D, {"filters": 4, "kernel_size": (3, 2), "strides": 2, "padding": "same",
                     "activation": "tanh"}, IMAGES),
    (layers.Conv2D, {"filters": 6, "kernel_size": 3, "dilation_rate": 2, "groups": 3}, IMAGES),
    (layers.Conv2D, {"filters": 6, "kernel_size": 2, "data_format": "channels_first",
                     "use_bias": False}, (2, 3, 5, 6)),
    (layers.MaxPooling2D, {}, IMAGES),
    (layers.MaxPooling2D, {"pool_size": 3, "strides": 2, "padding": "same"}, IMAGES),
    (layers.MaxPooling2D, {"data_format": "channels_first"}, (2, 3, 5, 6)),
    (layers.AveragePooling2D, {"pool_size": (2, 3), "padding": "same"}, IMAGES),
    (layers.GlobalAveragePooling2D, {}, IMAGES),
    (layers.GlobalAveragePooling2D, {"keepdims": True, "data_format": "channels_first"}, IMAGES),
    (layers.GlobalMaxPooling2D, {"keepdims": True}, IMAGES),
    (layers.Flatten, {}, IMAGES),
    (layers.Reshape, {"target_shape": (3, -1)}, IMAGES),
    (layers.Dropout, {"rate": 0.4, "seed": 3}, ROWS),
    (layers.Activation, {"activation": "gelu"}, ROWS),
    (layers.ReLU, {"negative_slope": 0.1}, ROWS),
    (layers.ReLU, {"max_value": 1.0, "threshold": 0.3}, ROWS),
    (layers.LeakyReLU, {}, ROWS),
    (layers.ELU, {"alpha": 0.5}, ROWS),
    (layers.Softmax, {"axis": 1}, IMAGES),
    (layers.BatchNormalization, {}, IMAGES),
    (layers.BatchNormalization, {"axis": 1, "scale": False}, IMAGES),
    (layers.BatchNormalization, {"center": False, "epsilon": 0.1}, ROWS),
    (layers.ZeroPadding2D, {"padding": ((1, 0), (2, 3))}, IMAGES),
    (layers.ZeroPadding2D, {"padding": 2, "data_format": "channels_first"}, IMAGES),
    (layers.Rescaling, {"scale": 0.5, "offset": [1.0, 2.0, 3.0]}, IMAGES),
    (layers.Conv1D, {"filters": 4, "kernel_size": 2, "padding": "causal"}, STEPS),
    (layers.Conv1DTranspose, {"filters": 4, "kernel_size": 3, "strides": 2}, STEPS),
    (layers.Conv2DTranspose, {"filters": 4, "kernel_size": 3, "strides": 2}, IMAGES),
    (layers.DepthwiseConv1D, {"kernel_size": 2, "depth_multiplier": 2}, STEPS),
    (layers.DepthwiseConv2D, {"kernel_size": 2, "activation": "tanh"}, IMAGES),
    (layers.SeparableConv1D, {"filters": 4, "kernel_size": 2}, STEPS),
    (layers.SeparableConv2D, {"filters": 4, "kernel_size": 2, "padding": "same"}, IMAGES),
    (layers.MaxPooling1D, {"pool_size": 2}, STEPS),
    (layers.AveragePooling1D, {"pool_size": 2, "padding": "same"}, STEPS),
    (layers.GlobalMaxPooling1D, {}, STEPS),
    (layers.GlobalAveragePooling1D, {"keepdims": True}, STEPS),
    (layers.ZeroPadding1D, {"padding": (1, 2)}, STEPS),
    (layers.Cropping1D, {"cropping": 1}, STEPS),
    (layers.Cropping2D, {"cropping": ((1, 0), (0, 1))}, IMAGES),
    (layers.UpSampling1D, {"size": 3}, STEPS),
    (layers.UpSampling2D, {"interpolation": "bilinear"}, IMAGES),
    (layers.PReLU, {"shared_axes": [1], "alpha_initializer": "ones"}, STEPS),
    (layers.Permute, {"dims": (2, 1)}, STEPS),
    (layers.RepeatVector, {"n": 3}, ROWS),
    (layers.AlphaDropout, {"rate": 0.4, "seed": 3}, STEPS),
    (layers.SpatialDropout1D, {"rate": 0.4, "seed": 3}, STEPS),
    (layers.SpatialDropout2D, {"rate": 0.4, "seed": 3}, IMAGES),
    (layers.GaussianNoise, {"stddev": 0.4, "seed": 3}, STEPS),
    (layers.GaussianDropout, {"rate": 0.4, "seed": 3}, STEPS),
    (layers.ActivityRegularization, {"l2": 0.1}, ROWS),
    (layers.Identity, {}, ROWS),
    (layers.EinsumDense, {"equation": "abc,cd->abd", "output_shape": (None, 4),
                          "bias_axes": "d"}, STEPS),
    (layers.LayerNormalization, {"axis": [1, 2]}, STEPS),
    (layers.GroupNormalization, {"groups": 3}, IMAGES),
    (layers.RMSNormalization, {"axis": [1, 2]}, STEPS),
    (layers.UnitNormalization, {}, IMAGES),
    (layers.SimpleRNN, {"units": 4}, STEPS),
    (layers.LSTM, {"units": 4, "return_sequences": True}, STEPS),
    (layers.STFTSpectrogram, {"mode": "psd", "frame_length": 4, "padding": "same"}, STEPS),
    (layers.GRU, {"units": 4, "reset_after": False}, STEPS),
    (layers.Conv3D, {"filters": 4, "kernel_size": 2, "activation": "tanh"}, VOLUMES),
    (layers.Conv3D, {"filters": 4, "kernel_size": (2, 3, 1), "strides": (1, 2, 2), "groups": 2,
                     "padding": "same", "use_bias": False}, VOLUMES),
    (layers.Conv3D, {"filters": 2, "kernel_size": 2, "dilation_rate": (1, 2, 1),
                     "data_format": "channels_first"}, (2, 3, 2, 4, 3)),
    (layers.Conv3DTranspose, {"filters": 2, "kernel_size": 3, "strides": (1, 2, 2),
                              "padding": "same"}, VOLUMES),
    (layers.MaxPooling3D, {"padding": "same"}, VOLUMES),
    (layers.AveragePooling3D, {"pool_size": (2, 3, 2), "strides": 1, "padding": "same"}, VOLUMES),
    (layers.GlobalMaxPooling3D, {"keepdims": True}, VOLUMES),
    (layers.GlobalAveragePooling3D, {"data_format": "channels_first"}, VOLUMES),
    (layers.AdaptiveMaxPooling1D, {"output_size": 3}, STEPS),
    (layers.AdaptiveMaxPooling2D, {"output_size": (2, 4)}, IMAGES),
    (layers.AdaptiveMaxPooling3D, {"output_size": 2}, VOLUMES),
    (layers.AdaptiveAveragePooling1D, {"output_size": 3}, STEPS),
    (layers.AdaptiveAveragePooling2D, {"output_size": 2}, IMAGES),
    (layers.AdaptiveAveragePooling3D, {"output_size": (3, 2, 1)}, VOLUMES),
    (layers.ZeroPadding3D, {"padding": (1, 0, 2)}, VOLUMES),
    (layers.Cropping3D, {"cropping": ((1, 0), (1, 1), (0, 1))}, VOLUMES),
    (layers.UpSampling3D, {"size": (2, 1, 3)}, VOLUMES),
    (layers.SpatialDropout3D, {"rate": 0.4, "seed": 3}, VOLUMES),
    (layers.ConvLSTM1D, {"filters": 2, "kernel_size": 2}, (2, 3, 4, 2)),
    (layers.ConvLSTM2D, {"filters": 2, "kernel_size": 2, "padding": "same",
                         "return_sequences": True}, VOLUMES),
    (layers.ConvLSTM2D, {"filters": 2, "kernel_size": (2, 1), "strides": 2, "go_backwards": True,
                         "data_format": "channels_first"}, (2, 2, 2, 3, 4)),
    (layers.ConvLSTM3D, {"filters": 1, "kernel_size": 2}, (1, 2, 2, 3, 2, 2)),
]  # fmt: skip
IDS = [f"{made.__name__}-{n}" for n, (made, _, _) in enumerate(CASES)]


def sample(shape, seed=0):
    """Distinct values, none near a kink at 0, 0.3 or 1."""
    rng = np.random.default_rng(seed)
    size = int(np.prod(shape))
    return (rng.permutation(size).reshape(shape) - size / 2 + 0.137) * (3.0 / size)


@pytest.fixture(autouse=True)
def same_draws():
    """Let the weights be the same in every run: a value near a kink would have no derivative."""
    random.set_seed(0)


ELSEWHERE = {  # layers whose inputs are no single float tensor, or that need other layers
    "Layer", "InputLayer", "Lambda", "Wrapper", "Embedding", "Masking", "Bidirectional",
    "TimeDistributed", "RNN", "StackedRNNCells", "SimpleRNNCell", "LSTMCell", "GRUCell", "Add",
    "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot", "Attention",
    "AdditiveAttention", "MultiHeadAttention", "Normalization", "Resizing", "CenterCrop",
    "RandomFlip", "RandomCrop", "RandomRotation", "RandomTranslation", "RandomZoom",
    "RandomContrast", "RandomBrightness", "CategoryEncoding", "Discretization", "HashedCrossing",
    "Hashing", "IntegerLookup", "StringLookup", "TextVectorization", "AutoContrast", "CutMix",
    "Equalization", "MixUp", "GroupedQueryAttention", "ReversibleEmbedding",
    "SpectralNormalization", "MelSpectrogram", "Pipeline", "RandAugment", "RandomColorDegeneration",
    "RandomColorJitter", "RandomErasing", "RandomGrayscale", "RandomHue", "RandomInvert",
    "RandomPosterization", "RandomSaturation", "RandomSharpness", "RandomShear", "Solarization",
    "AugMix", "ContrastLimitedAdaptiveHistogramEqualization", "MaxNumBoundingBoxes",
    "RandomElasticTransform", "RandomGaussianBlur", "RandomPerspective",
}  # fmt: skip


def test_every_public_layer_has_a_case():
    tested = {made.__name__ for made, _, _ in CASES}
    classes = [c for c in map(layers.__dict__.get, layers.__all__) if isinstance(c, type)]
    assert {c.__name__ for c in classes if issubclass(c, layers.Layer)} - ELSEWHERE == tested


@pytest.mark.parametrize(("made", "options", "shape"), CASES, ids=IDS)
class TestEveryLayer:
    def test_shape_and_type(self, made, options, shape):
        layer = made(**options)
        x = sample(shape).astype("float32")
        y = np.asarray(layer(x))
        assert y.dtype == np.float32
        assert layer.compute_output_shape((None, *shape[1:])) == (None, *y.shape[1:])
        assert layer(x[:1]).shape == (1, *y.shape[1:])
        np.testing.assert_array_equal(np.asarray(layer(x)), y)  # inference draws nothing

    @pytest.mark.parametrize("training", [False, True])
    def test_gradients(self, made, options, shape, training):
        layer = made(dtype="float64", **options)
        x = sample(shape)
        layer(x)
        rng = np.random.default_rng(1)
        start = [np.abs(w) + rng.uniform(0.1, 0.5, w.shape) for w in layer.get_weights()]
        count = len([w for w in layer.weights if w.trainable])

        def function(x, *weights):
            if hasattr(layer, "seed_generator"):
                layer.seed_generator = melpy.random.SeedGenerator(5)  # the same mask each time
            layer.set_weights(start)
            for weight, value in zip(layer.weights, weights, strict=False):
                bound[weight.name] = value
            return run(layer, x, training, bound)

        bound: dict = {}
        check_gradient(function, (x, *start[:count]), rtol=1e-7)

    def test_configuration_round_trip(self, made, options, shape):
        layer = made(**options)
        config = layer.get_config()
        twin = made.from_config(config)
        assert twin.get_config() == config
        x = sample(shape)
        layer(x), twin(x)
        twin.set_weights(layer.get_weights())
        for training in (False, True):
            a, b = layer(x, training=training), twin(x, training=training)
            np.testing.assert_array_equal(np.asarray(a), np.asarray(b))

    def test_all_kernels_agree(self, made, options, shape):
        layer, x = made(**options), sample(shape)
        results = []
        for kernels in ("loops", "numpy", "compiled"):
            melpy.config.set_kernels(kernels)
            results.append(np.asarray(layer(x)))
        np.testing.assert_allclose(results[0], results[1], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(results[0], results[2], rtol=1e-5, atol=1e-6)

    def test_programs_give_the_same_bits(self, made, options, shape):
        """Training and inference, each by a program where there is one, and step by step."""
        rng = np.random.default_rng(2)
        rows = rng.normal(size=(7, *shape[1:])).astype("float32")
        labels = rng.normal(size=(7, 2)).astype("float32")
        trained = []
        for by_steps in (False, True):
            random.set_seed(0)
            model = melpy.Sequential(
                [melpy.Input(shape[1:]), made(**options), layers.Flatten(), layers.Dense(2)]
            )
            model.compile("adam", "mse", run_eagerly=by_steps)
            losses = model.fit(rows, labels, batch_size=2, epochs=3, verbose=0).history["loss"]
            trained.append((losses, model.get_weights()))
        (losses, weights), (expected_losses, expected_weights) = trained
        assert losses == expected_losses
        for a, b in zip(weights, expected_weights, strict=True):
            np.testing.assert_array_equal(a, b)
        with melpy.no_grad():
            for n in range(5):
                few = rows[n : n + 2]
                ours, by_layers = model(few), few
                for layer in model.layers:
                    by_layers = layer(by_layers)
                np.testing.assert_array_equal(np.asarray(ours), np.asarray(by_layers))


def run(layer, x, training, bound):
    """Call a layer with some of its weights replaced by the tensors under test."""
    names = {id(w): name for name, w in vars(layer).items() if isinstance(w, tape.Variable)}
    originals = {}
    for weight in layer.weights:
        if weight.name in bound and id(weight) in names:
            originals[names[id(weight)]] = weight
            setattr(
                layer,
                names[id(weight)],
                melpy.Tensor.of(np.asarray(bound[weight.name]), None)
                if not isinstance(bound[weight.name], tape.Variable)
                else bound[weight.name],
            )
    try:
        return layer(x if isinstance(x, tape.Variable) else melpy.Tensor(x), training=training)
    finally:
        for name, weight in originals.items():
            setattr(layer, name, weight)


class TestByHand:
    def test_a_masked_film(self):
        film = sample((2, 3, 5, 5, 2)).astype("float32")
        layer = layers.ConvLSTM2D(3, 3)
        y = np.asarray(layer(film, mask=np.array([[True, True, False], [True, False, False]])))
        np.testing.assert_array_equal(y[0], np.asarray(layer(film[:1, :2]))[0])
        np.testing.assert_array_equal(y[1], np.asarray(layer(film[1:, :1]))[0])

    def test_volumes(self):
        x = np.arange(27.0).reshape(1, 3, 3, 3, 1)
        layer = layers.Conv3D(1, 2, kernel_initializer="ones", bias_initializer="ones")
        corner = x[0, :2, :2, :2].sum() + 1
        y = np.asarray(layer(x))
        assert y.shape == (1, 2, 2, 2, 1)
        assert y[0, 0, 0, 0, 0] == corner
        assert y[0, 1, 1, 1, 0] == corner + 8 * 13  # eight cells, each 9 + 3 + 1 further on
        ends = np.asarray(layers.AveragePooling3D(2, strides=2, padding="same")(x))[0, ..., 0]
        np.testing.assert_allclose(ends[1], [[20.0, 21.5], [24.5, 26.0]])

    def test_sizes_are_written_as_in_keras(self):
        assert layers.Conv2D(1, 3).get_config()["kernel_size"] == (3, 3)
        assert layers.MaxPooling3D(2).get_config()["strides"] == (2, 2, 2)
        assert layers.AdaptiveMaxPooling1D(4).get_config()["output_size"] == (4,)
        assert layers.ZeroPadding2D((1, 2)).get_config()["padding"] == ((1, 1), (2, 2))

    def test_dense(self):
        layer = layers.Dense(2, activation="relu")
        layer(np.zeros((1, 2)))
        layer.set_weights([np.array([[1.0, -1.0], [2.0, 1.0]]), np.array([0.5, -3.0])])
        np.testing.assert_allclose(np.asarray(layer(np.array([[1.0, 2.0]]))), [[5.5, 0.0]])

    def test_conv2d(self):
        layer = layers.Conv2D(1, 2)
        x = np.arange(9.0).reshape(1, 3, 3, 1)
        layer(x)
        layer.set_weights([np.array([1.0, 2.0, 3.0, 4.0]).reshape(2, 2, 1, 1), np.array([10.0])])
        # 0*1 + 1*2 + 3*3 + 4*4 + 10 = 37, and so on
        np.testing.assert_allclose(np.asarray(layer(x))[0, :, :, 0], [[37, 47], [67, 77]])

    def test_same_padding_puts_the_odd_row_below(self):
        layer = layers.Conv2D(1, 2, padding="same", kernel_initializer="ones")
        y = np.asarray(layer(np.arange(4.0).reshape(1, 2, 2, 1)))
        np.testing.assert_allclose(y[0, :, :, 0], [[6, 4], [5, 3]])

    def test_pooling(self):
        x = np.arange(16.0).reshape(1, 4, 4, 1)
        np.testing.assert_allclose(
            np.asarray(layers.MaxPooling2D()(x))[0, :, :, 0], [[5, 7], [13, 15]]
        )
        np.testing.assert_allclose(
            np.asarray(layers.AveragePooling2D()(x))[0, :, :, 0], [[2.5, 4.5], [10.5, 12.5]]
        )
        average = layers.Pooling2D(2, mode="average")
        np.testing.assert_allclose(np.asarray(average(x)), np.asarray(layers.AveragePooling2D()(x)))
        assert np.asarray(layers.GlobalMaxPooling2D()(x)).tolist() == [[15.0]]
        assert np.asarray(layers.GlobalAveragePooling2D()(x)).tolist() == [[7.5]]

    def test_batch_normalization(self):
        layer = layers.BatchNormalization(momentum=0.9, epsilon=0.0)
        y = np.asarray(layer(np.array([[1.0], [3.0]]), training=True))
        np.testing.assert_allclose(y, [[-1], [1]])
        moving = [w.item() for w in layer.weights[2:]]
        np.testing.assert_allclose(moving, [0.2, 1.0])  # 0.9*0 + 0.1*2; 0.9*1 + 0.1*1
        y = np.asarray(layer(np.array([[0.2], [1.2]])))
        np.testing.assert_allclose(y, [[0], [1]], atol=1e-6)

    def test_a_frozen_batch_normalization_stands_still(self):
        layer = layers.BatchNormalization()
        layer(np.ones((2, 3)))
        layer.trainable = False
        before = layer.get_weights()
        layer(np.random.default_rng(0).normal(size=(5, 3)), training=True)
        for a, b in zip(before, layer.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)

    def test_dropout_keeps_the_mean(self):
        y = np.asarray(layers.Dropout(0.25, seed=0)(np.ones((400, 400)), training=True))
        assert set(np.unique(y)) == {0.0, np.float32(1 / 0.75)}
        assert y.mean() == pytest.approx(1.0, abs=0.01)

    def test_dropout_of_whole_channels(self):
        y = np.asarray(
            layers.Dropout(0.5, noise_shape=(None, 1, 1, None), seed=0)(
                np.ones((4, 3, 3, 8)), training=True
            )
        )
        assert (y == y[:, :1, :1]).all()

    def test_rescaling_and_padding(self):
        assert np.asarray(layers.Rescaling(2.0, 1.0)(np.array([[3]]))).tolist() == [[7.0]]
        y = np.asarray(layers.ZeroPadding2D(1)(np.ones((1, 1, 1, 1))))
        assert y.sum() == 1.0
        assert y.shape == (1, 3, 3, 1)

    def test_activations(self):
        x = np.array([[-2.0, 0.5, 3.0]])
        for layer, expected in [
            (layers.ReLU(max_value=2.0), [0, 0.5, 2]),
            (layers.ReLU(negative_slope=0.5, threshold=1.0), [-1.5, -0.25, 3]),
            (layers.LeakyReLU(0.1), [-0.2, 0.5, 3]),
            (layers.ELU(2.0), [2 * np.expm1(-2.0), 0.5, 3]),
            (layers.Softmax(), np.exp(x[0]) / np.exp(x[0]).sum()),
        ]:
            np.testing.assert_allclose(np.asarray(layer(x))[0], expected, rtol=1e-6)


class TestErrors:
    """The layer's name is said once, whichever room finds the fault."""

    def test_channels(self):
        layer = layers.Conv2D(4, 2, name="conv2d_1")
        layer(np.zeros((1, 28, 28, 1)))
        with pytest.raises(errors.ShapeError) as caught:
            layer(np.zeros((32, 28, 28, 3)))
        assert str(caught.value) == (
            "Conv2D 'conv2d_1': input has 3 channels but the kernel was built for 1. "
            "Expected shape (N, H, W, 1); received shape=(32, 28, 28, 3). "
            "Build a new layer for this input, or bring its channels to the last axis."
        )

    @pytest.mark.parametrize(
        ("make", "shape", "message"),
        [
            (lambda: layers.Conv2D(4, 2), (28, 28, 1), "Conv2D 'conv2d': input has 3 axes"),
            (lambda: layers.Conv2D(4, 5), (1, 3, 3, 1), "window is larger|does not fit"),
            (lambda: layers.Conv3D(4, 2), (4, 4, 4, 1), "Conv3D 'conv3d': input has 4 axes"),
            (lambda: layers.Conv3D(4, 5), (1, 3, 5, 5, 1), "a window of 5x5x5 does not fit"),
            (lambda: layers.ConvLSTM2D(4, 2), (2, 5, 5, 1), r"shape \(N, T, H, W, C\)"),
            (lambda: layers.Conv2D(4, 2, groups=2), (1, 5, 5, 3), "groups do not divide 3"),
            (lambda: layers.MaxPooling2D(), (4, 4), "Rows of pixels must become images"),
            (lambda: layers.MaxPooling2D(4), (1, 3, 3, 1), "'max_pooling2d': a window of 4x4"),
            (lambda: layers.Reshape((5,)), (2, 7), "7 values a sample do not fill"),
            (lambda: layers.BatchNormalization(axis=3), (2, 7), "input has no axis 3"),
        ],
    )
    def test_misfit_inputs(self, make, shape, message):
        with pytest.raises(errors.MelpyError, match=message):
            make()(np.zeros(shape))

    def test_features(self):
        layer = layers.Dense(3)
        layer(np.zeros((1, 4)))
        with pytest.raises(errors.ShapeError, match="5 features but the kernel was built for 4"):
            layer(np.zeros((1, 5)))

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: layers.Dense(0), "units must be a positive whole number"),
            (lambda: layers.Dense(-2), "units must be a positive whole number"),
            (lambda: layers.Conv2D(0, 2), "filters must be"),
            (lambda: layers.Conv2D(4, 0), "kernel_size must be"),
            (lambda: layers.Conv2D(4, (2, 2, 2)), "kernel_size must be"),
            (lambda: layers.Conv3D(4, (2, 2)), "kernel_size must be one or 3 positive"),
            (lambda: layers.ZeroPadding3D((1, 2)), "padding must be made of whole numbers"),
            (lambda: layers.AdaptiveMaxPooling2D(0), "output_size must be one or two"),
            (lambda: layers.ConvLSTM2D(0, 2), "filters must be"),
            (lambda: layers.ConvLSTM2D(1, 2, strides=2, dilation_rate=2), "dilated or moved"),
            (lambda: layers.Conv2D(4, 2, strides=-1), "strides must be"),
            (lambda: layers.Conv2D(3, 2, groups=2), "groups do not divide the filters"),
            (lambda: layers.Conv2D(3, 2, data_format="first"), "unknown data format"),
            (lambda: layers.Dropout(1.1), r"a float in \[0, 1\]"),
            (lambda: layers.LeakyReLU(-1.0), "negative_slope must be at least 0"),
            (lambda: layers.ZeroPadding2D(-1), "padding must be made of whole numbers"),
            (lambda: layers.BatchNormalization(momentum=2), "momentum is out of range"),
            (lambda: melpy.Input((-1, 3)), "whole numbers of at least 0"),
        ],
    )
    def test_bad_arguments(self, make, message):
        with pytest.raises(errors.ArgumentError, match=message):
            make()

    def test_set_weights_refuses_before_it_writes(self):
        layer = layers.Dense(2)
        layer(np.zeros((1, 3)))
        before = layer.get_weights()
        with pytest.raises(errors.ShapeError, match="'dense/bias' has another shape"):
            layer.set_weights([np.ones((3, 2)), np.ones(3)])
        np.testing.assert_array_equal(layer.get_weights()[0], before[0])
        with pytest.raises(errors.ShapeError, match="2 weights but 1 arrays came"):
            layer.set_weights([np.ones((3, 2))])


class TestSequential:
    def test_names_are_unique(self):
        model = melpy.Sequential([layers.Dense(1), layers.Dense(1), layers.Dense(1, name="last")])
        assert [layer.name for layer in model.layers] == ["dense", "dense_1", "last"]
        assert model.get_layer("dense_1") is model.layers[1]
        with pytest.raises(errors.UnknownNameError, match="Did you mean 'last'"):
            model.get_layer("lats")

    def test_builds_at_the_first_call_without_an_input(self):
        model = melpy.Sequential([layers.Flatten(), layers.Dense(3)])
        assert model.weights == []
        assert model(np.zeros((2, 4, 5))).shape == (2, 3)
        assert [w.shape for w in model.weights] == [(20, 3), (3,)]

    def test_weights_go_in_and_out(self):
        make = lambda: melpy.Sequential([melpy.Input((4,)), layers.Dense(3), layers.Dense(2)])  # noqa: E731
        a, b = make(), make()
        b.set_weights(a.get_weights())
        x = np.random.default_rng(0).normal(size=(5, 4))
        np.testing.assert_array_equal(a.predict(x), b.predict(x))

    def test_weights_survive_a_file(self, tmp_path):
        a = melpy.Sequential([melpy.Input((4,)), layers.Dense(3), layers.BatchNormalization()])
        a.save_weights(tmp_path / "w.npz")
        b = melpy.Sequential.from_config(a.get_config())
        b.load_weights(tmp_path / "w.npz")
        for v, w in zip(a.get_weights(), b.get_weights(), strict=True):
            np.testing.assert_array_equal(v, w)
        assert [p.name for p in tmp_path.iterdir()] == ["w.npz"]

    def test_a_damaged_file_of_weights_is_refused(self, tmp_path):
        model = melpy.Sequential([melpy.Input((4,)), layers.Dense(3)])
        path = tmp_path / "w.npz"
        model.save_weights(path)
        before = model.get_weights()
        path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(errors.DataError, match=r"the file is damaged.*w\.npz"):
            model.load_weights(path)
        other = melpy.Sequential([melpy.Input((4,)), layers.Dense(2)])
        other.save_weights(path)
        with pytest.raises(errors.ShapeError, match="belongs to another model"):
            model.load_weights(path)
        np.savez(path, w=np.array([{"pickled": True}], dtype=object))
        with pytest.raises(errors.DataError, match="damaged or no"):
            model.load_weights(path)
        np.testing.assert_array_equal(before[0], model.get_weights()[0])

    def test_a_misfit_names_the_layer(self):
        with pytest.raises(errors.ShapeError, match="Conv2D 'conv2d': input has 2 axes"):
            melpy.Sequential([melpy.Input((784,)), layers.Conv2D(8, 3)])
        model = melpy.Sequential([melpy.Input((28, 28, 1)), layers.Flatten()])
        assert model(np.zeros((5, 28, 28))).shape == (5, 784)  # the channel axis is added
        with pytest.raises(errors.ShapeError, match="Add the batch axis"):
            model(np.zeros((28, 28, 1)))

    def test_summary(self, capsys):
        melpy.Sequential(
            [melpy.Input((8, 8, 1)), layers.Conv2D(4, 3), layers.BatchNormalization()], name="net"
        ).summary()
        text = capsys.readouterr().out
        assert "Sequential 'net'" in text
        assert "conv2d (Conv2D)" in text
        assert "(None, 6, 6, 4)" in text
        assert "56 parameters, 48 of them trainable" in text

    def test_what_is_no_layer(self):
        with pytest.raises(errors.ArgumentError, match="Call the class"):
            melpy.Sequential([layers.Dense])
        with pytest.raises(errors.ArgumentError, match="no layers"):
            melpy.Sequential([])(np.zeros((1, 2)))


def test_what_keras_calls_a_layers_types_and_variables():
    layer = layers.Dense(2, dtype="float64", name="head")
    scale = layer.add_variable((2,), "ones", None, False, name="scale")
    layer.ensure_built((None, 3))
    assert layer.path == "head"
    assert {layer.compute_dtype, layer.variable_dtype, layer.input_dtype} == {"float64"}
    assert (scale.path, scale.dtype, scale.trainable) == ("head/scale", "float64", False)
    layer.seen = melpy.metrics.Sum()
    assert layer.metrics_variables == layer.seen.variables
    layer.set_weights(weights=[np.ones((3, 2)), np.ones(2), np.zeros(2)])
    assert scale.numpy().tolist() == [0, 0]
