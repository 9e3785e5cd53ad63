"""What layers take, refuse and say of themselves, as scripts for Keras expect it."""

import numpy as np
import pytest

import melpy
from melpy import errors, layers, ops
from melpy.layers import InputSpec

X = np.ones((4, 3), "float32")
IMAGES = np.random.default_rng(0).normal(size=(2, 5, 5, 2)).astype("float32")


def test_rectified_at_the_threshold_itself():
    x = np.array([-1.0, 0.5, 1.0, 9.0], "float32")
    for options, expected in (
        ({"threshold": 0.5}, [0, 0, 1, 9]),
        ({"threshold": 0.5, "negative_slope": 0.5}, [-0.75, 0, 1, 9]),
        ({"threshold": 0.5, "max_value": 6.0}, [0, 0, 1, 6]),
        ({"max_value": 6.0, "negative_slope": 0.5}, [-0.5, 0.5, 1, 6]),
    ):
        np.testing.assert_allclose(layers.ReLU(**options)(x), expected)
        np.testing.assert_allclose(melpy.activations.relu(x, **options), expected)


def test_scores_are_those_that_dropout_leaves():
    query = np.ones((1, 4, 2), "float32")
    attend = layers.Attention(dropout=0.5, seed=0)
    _, scores = attend([query, query], return_attention_scores=True, training=True)
    assert set(np.unique(np.asarray(scores))) == {0.0, 0.5}


def test_positions_lie_along_the_axes_that_attend():
    x = np.random.default_rng(0).normal(size=(2, 2, 5, 8)).astype("float32")
    later = x.copy()
    later[:, :, 3:] = 9
    for options in ({"use_causal_mask": True}, {}):
        window = None if options else 2
        layer = layers.MultiHeadAttention(2, 4, attention_axes=2, sliding_window=window)
        seen = 3 if options else 2  # steps that no change of step 3 reaches
        before, after = (np.asarray(layer(y, y, **options)) for y in (x, later))
        np.testing.assert_allclose(before[:, :, :seen], after[:, :, :seen], atol=1e-5)
        assert np.abs(before[:, :, seen:] - after[:, :, seen:]).max() > 1e-2


@pytest.mark.parametrize(
    "layer",
    [
        lambda p: layers.MaxPooling2D(2, padding=p),
        lambda p: layers.AveragePooling2D(2, padding=p),
        lambda p: layers.Conv2D(2, 2, padding=p),
        lambda p: layers.Conv2DTranspose(2, 2, padding=p),
        lambda p: layers.SeparableConv2D(2, 2, padding=p),
        lambda p: layers.DepthwiseConv2D(2, padding=p),
    ],
)
def test_padding_in_capitals(layer):
    assert layer("SAME")(IMAGES).shape == layer("same")(IMAGES).shape
    assert layer("SAME").padding == "same"


@pytest.mark.parametrize(
    "layer",
    [
        lambda: layers.Dense(2, "relu"), lambda: layers.Dense(2, "relu", use_bias=False),
        lambda: layers.Conv1D(2, 2, activation="relu"), lambda: layers.Activation("relu"),
        lambda: layers.EinsumDense("abc,cd->abd", (None, 2), "relu", bias_axes="d"),
        lambda: layers.SeparableConv1D(2, 2, activation="relu"),
    ],
)  # fmt: skip
def test_an_activation_set_to_none_is_none(layer):
    changed, x = layer(), IMAGES[:, 0] - 1
    changed(x)
    changed.activation = None
    assert np.asarray(changed(x)).min() < 0
    assert changed.get_config()["activation"] == "linear"
    again = type(changed).from_config(changed.get_config())
    again(x)
    again.set_weights(changed.get_weights())
    np.testing.assert_array_equal(again(x), changed(x))


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_convolution_of_ones_own_is_heard(data_format):
    class Standardized(layers.Conv2D):
        def convolution_op(self, inputs, kernel):
            return super().convolution_op(inputs, kernel - ops.mean(kernel, axis=(0, 1, 2)))

    options = {"data_format": data_format, "activation": "relu", "bias_initializer": "ones"}
    own, plain = Standardized(3, 2, **options), layers.Conv2D(3, 2, **options)
    own(IMAGES), plain(IMAGES)
    kernel, bias = own.get_weights()
    plain.set_weights([kernel - kernel.mean(axis=(0, 1, 2)), bias])
    np.testing.assert_allclose(own(IMAGES), plain(IMAGES), rtol=1e-5, atol=1e-6)
    model = melpy.Sequential([melpy.Input(IMAGES.shape[1:]), own, layers.MaxPooling2D(2)])
    model.compile("sgd", "mse")
    for _ in range(3):  # nor do models run it as the library's own
        model.predict(IMAGES, verbose=0)
    pooled = layers.MaxPooling2D(2)(own(IMAGES))
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), pooled, rtol=1e-5)


def test_padded_steps_within_steps():
    tokens = melpy.Input((2, 5), dtype="int32")
    h = layers.TimeDistributed(layers.Embedding(10, 4, mask_zero=True))(tokens)
    assert h._keras_mask.shape == (None, 2, 5)
    model = melpy.Model(tokens, layers.TimeDistributed(layers.LSTM(3))(h))
    short = np.array([[[1, 2, 3], [4, 5, 3]]])
    padded = np.pad(short, ((0, 0), (0, 0), (0, 2)))
    embed, recur = (layer.layer for layer in model.layers[1:])
    expected = np.stack([np.asarray(recur(embed(short[:, t])))[0] for t in range(2)])
    np.testing.assert_allclose(model.predict(padded, verbose=0)[0], expected, rtol=1e-5)


class TestMasks:
    def test_set_and_read(self):
        x = melpy.Tensor(X)
        assert x._keras_mask is None
        x._keras_mask = [True, True, False, False]
        assert layers.Identity()(x)._keras_mask.tolist() == [True, True, False, False]

    def test_symbolic_tensors_have_those_that_come(self):
        class Counting(layers.Layer):
            supports_masking = True

            def call(self, inputs, mask=None):
                if mask is None:
                    raise ValueError("a mask is needed")
                return ops.cast(mask, "float32")

        x = melpy.Input((None,), dtype="int32")
        embedded = layers.Embedding(5, 2, mask_zero=True)(x)
        assert embedded._keras_mask.shape == (None, None)
        recurrent = layers.LSTM(2, return_sequences=True)(embedded)
        assert recurrent._keras_mask.shape == (None, None)
        assert layers.LSTM(2)(embedded)._keras_mask is None
        assert layers.Dense(2)(x[..., None] * 1.0)._keras_mask is None
        counted = Counting()(recurrent)
        given = Counting()(layers.Dense(1)(embedded), mask=embedded._keras_mask)
        model = melpy.Model(x, [counted, given])
        for y in model.predict(np.array([[3, 1, 0]]), verbose=0):
            assert y.tolist() == [[1, 1, 0]]


class TestInputSpec:
    @pytest.mark.parametrize(
        ("spec", "wrong"),
        [
            ({"ndim": 2}, (4, 3, 1)),
            ({"min_ndim": 3}, (4, 3)),
            ({"max_ndim": 1}, (4, 3)),
            ({"axes": {-1: 5}}, (4, 3)),
            ({"shape": (None, 5)}, (4, 3)),
            ({"dtype": "int32"}, (4, 3)),
        ],
    )
    def test_is_held_to(self, spec, wrong):
        layer = layers.Identity()
        layer.input_spec = InputSpec(**spec)
        with pytest.raises(ValueError, match=r"^Identity 'identity': input 0 "):
            layer(np.ones(wrong, "float32"))
        with pytest.raises(ValueError, match=r"^Identity 'identity': input 0 "):
            layer(melpy.Input(wrong[1:]))

    def test_of_several_inputs(self):
        layer = layers.Identity()
        layer.input_spec = [InputSpec(ndim=2, name="a"), InputSpec(ndim=1, name="b", optional=True)]
        layer({"a": X, "b": None})
        with pytest.raises(ValueError, match="the input 'b' is missing"):
            layer({"a": X})
        with pytest.raises(ValueError, match="1 inputs came"):
            layer([X])
        layer.input_spec = InputSpec(shape=(None, 3, 1), allow_last_axis_squeeze=True)
        assert layer(X).shape == (4, 3)

    def test_of_the_library(self):
        layer = layers.Dense(2)
        assert repr(layer.input_spec) == "InputSpec(min_ndim=2)"
        layer(melpy.Input((3,)))
        assert layer.input_spec.axes == {-1: 3}
        with pytest.raises(ValueError, match="Expected 3 along this axis"):
            layer(melpy.Input((4,)))
        assert layers.Conv2D(2, 2).input_spec.min_ndim == layers.MaxPooling2D().input_spec.ndim == 4

    def test_refused(self):
        with pytest.raises(ValueError, match="no axis 3"):
            InputSpec(ndim=2, axes={3: 1})
        with pytest.raises(TypeError, match="no dict of axes"):
            InputSpec(axes={"last": 1})
        spec = InputSpec(dtype="float32", shape=(None, 3))
        assert InputSpec.from_config(spec.get_config()).get_config() == spec.get_config()


REFUSED = {
    "four inputs": (lambda: layers.Attention()([X[None]] * 4), "no list of two or three"),
    "one input": (lambda: layers.AdditiveAttention()(X[None]), "no list of two or three"),
    "one mask": (lambda: layers.Attention()([X[None]] * 2, mask=[None]), "no list of two or three"),
    "a score mode": (lambda: layers.Attention(score_mode="scaled"), "unknown score mode"),
    "a mask of more axes": (lambda: layers.Softmax()(X, mask=np.ones((1, 4, 3))), "does not fit"),
    "a wide mask": (lambda: layers.Softmax()(X[:1], mask=np.ones((2, 3))), "does not fit"),
    "a size of -2": (lambda: layers.Reshape((-2, 5)), "not made of sizes"),
    "two sizes of -1": (lambda: layers.Reshape((-1, -1)), "not made of sizes"),
    "a negative row": (lambda: layers.Embedding(4, 2)(np.array([[-1]])), "negative number"),
    "a table of no size": (lambda: layers.Embedding("3", 2), "input_dim must be"),
    "heads of 1.5": (lambda: layers.MultiHeadAttention(1.5, 2), "num_heads must be"),
    "values of 0": (lambda: layers.MultiHeadAttention(1, 2, value_dim=0), "value_dim must be"),
    "an output of 8.0": (lambda: layers.MultiHeadAttention(1, 2, output_shape=8.0), "output_shape"),
    "flash and dropout": (
        lambda: layers.MultiHeadAttention(1, 2, dropout=0.1, flash_attention=True), "no dropout"
    ),
    "noise of no shape": (lambda: layers.Dropout(0.5, noise_shape="all"), "is no shape"),
    "noise of size 0": (lambda: layers.Dropout(0.5, noise_shape=(2, 0)), "is no shape"),
    "one end of two": (lambda: layers.Cropping1D((1,)), "cropping must be"),
    "an axis that is a dict": (lambda: layers.LayerNormalization({"axis": 1}), "axis is made of"),
    "n of no number": (lambda: layers.RepeatVector("3"), "n must be"),
    "masks beside no list": (
        lambda: layers.Add().compute_mask([X, X], np.ones(4, bool)), "not two lists"
    ),
    "a wrapped string": (lambda: layers.TimeDistributed("dense"), "layer is no layer"),
    "build's own names": (lambda: Named()(X, other=X), "its argument 'another_shape'"),
}  # fmt: skip


class Named(layers.Layer):
    def build(self, inputs_shape, another_shape):
        pass

    def call(self, inputs, other):
        return inputs + other


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case):
    wrong, match = REFUSED[case]
    with pytest.raises(errors.MelpyError, match=match) as caught:
        wrong()
    assert isinstance(caught.value, ValueError)


def test_what_a_layer_says_of_itself():
    layer = layers.Dense(2, name="head")
    assert not hasattr(layer, "input")
    assert layer.compute_output_spec(melpy.Input((3,))).shape == (None, 2)
    assert layer.dtype_policy.name == layer.compute_dtype == "float32"
    layer.dtype_policy = "float64"
    assert layer(X).dtype == "float64"
    assert layer.get_build_config() == {"input_shape": (None, 3)}
    dropout = layers.Dropout(0.1)
    assert dropout.count_params() == 0
    dropout.rate = 0.4  # what was changed since is what is written down
    assert dropout.get_config()["rate"] == 0.4
    embedding = layers.Embedding(3, 2)
    embedding.build()
    assert embedding.built


class TestStateless:
    def test_call(self):
        layer = layers.BatchNormalization(momentum=0.5)
        layer(X)
        before = layer.get_weights()
        given = [np.zeros(3), np.ones(3)]
        y, state = layer.stateless_call([np.full(3, 2.0), np.ones(3)], given, X * 4, training=True)
        np.testing.assert_allclose(y, np.ones((4, 3)))  # beta: all rows are alike
        np.testing.assert_allclose(state[0], [2, 2, 2])  # half the way from 0 to 4
        for now, value in zip(layer.get_weights(), before, strict=True):
            np.testing.assert_array_equal(now, value)

    def test_losses(self):
        layer = layers.Dense(1, use_bias=False, kernel_regularizer="l2")
        layer(X)
        *_, losses = layer.stateless_call([np.ones((3, 1))], [], X, return_losses=True)
        assert float(losses[0]) == pytest.approx(0.03)

    def test_refused(self):
        layer = layers.Dense(1, use_bias=False)
        with pytest.raises(ValueError, match="not made yet"):
            layer.stateless_call([], [], X)
        layer(X)
        with pytest.raises(ValueError, match="not as many"):
            layer.stateless_call([], [], X)
        with pytest.raises(ValueError, match="another shape"):
            layer.stateless_call([np.ones(2)], [], X)
        with pytest.raises(TypeError, match="no variable"):
            melpy.StatelessScope([(1.0, 2.0)])
        layer.stateless_call(layer.trainable_variables, [], X)
        with pytest.raises(RuntimeError, match="no gradient reaches"):
            melpy.grad(lambda w: ops.sum(layer.stateless_call([w], [], X)[0]))(np.ones((3, 1)))


def test_a_size_that_is_no_number_is_a_type_error():
    for size in (2.5, "2", True):
        with pytest.raises(TypeError, match="UpSampling1D: size must be"):
            layers.UpSampling1D(size)


def test_configs_name_the_type_as_a_policy():
    config = layers.Dense(2, dtype="float64").get_config()
    assert "activity_regularizer" not in config
    assert config["dtype"]["config"] == {"name": "float64"}
    assert config["dtype"]["class_name"] == "DTypePolicy"
    assert layers.Dense.from_config(config).dtype == "float64"
    assert layers.Dense.from_config({**config, "dtype": "float32"}).dtype == "float32"
    assert "activity_regularizer" in layers.Dense(2, activity_regularizer="l2").get_config()


def test_what_a_layer_without_call_lacks_is_said():
    with pytest.raises(NotImplementedError, match="Layer defines no call"):
        layers.Layer().compute_output_shape(None)


def test_a_lambda_takes_functions_and_comes_from_no_description():
    with pytest.raises(TypeError, match="Lambda: this is no function"):
        layers.Lambda("x ** 2")
    config = layers.Lambda(lambda x: x**2).get_config()
    with pytest.raises(ValueError, match="a Lambda layer is code"):
        layers.Lambda.from_config(config, safe_mode=False)
    config = layers.Lambda(melpy.ops.square).get_config()
    with pytest.raises(ValueError, match=r"a Lambda layer is code.*'square'"):
        layers.Lambda.from_config(config)
    again = layers.Lambda.from_config(config, {"square": melpy.ops.square})
    np.testing.assert_array_equal(again(np.array([[3.0]])), [[9]])


def test_layer_normalization_of_old_files_scales_by_the_deviation():
    with pytest.warns(UserWarning, match="RMSNormalization does that"):
        layer = layers.LayerNormalization(rms_scaling=True, epsilon=0.0)
    np.testing.assert_allclose(layer(np.array([[1.0, 3.0]])), [[1, 3]])
    assert [w.name for w in layer.weights] == ["gamma"]
    assert layer.get_config()["rms_scaling"] is True


class Adding:
    """A cell of one state that is not in a list, and says nothing of how it begins."""

    def __init__(self, size):
        self.state_size = size

    def call(self, inputs, states):
        new = states[0] + ops.sum(inputs, axis=-1, keepdims=True)
        return new, [new]


def test_states_of_stacked_cells_are_as_the_cells_keep_them():
    stack = layers.RNN([Adding(2), Adding(3)], return_state=True)
    x = np.arange(4.0).reshape(1, 2, 2)
    mask = np.array([[True, False]])
    output, first, second = stack(x)
    np.testing.assert_array_equal(first, [[6, 6]])
    np.testing.assert_array_equal(second, output)
    np.testing.assert_array_equal(stack(x, mask=mask)[0], [[2, 2, 2]])
    assert stack.compute_output_shape((1, 2, 2))[1:] == ((1, 2), (1, 3))


def test_only_what_has_fast_forms_elsewhere_knows_use_cudnn():
    assert not hasattr(layers.SimpleRNN(1), "use_cudnn")
    assert layers.Bidirectional(layers.GRU(1, use_cudnn=False)).backward_layer.use_cudnn is False


def test_layers_of_whole_numbers_have_a_policy_in_their_config():
    config = layers.Hashing(3).get_config()
    assert config["dtype"]["config"] == {"name": "int64"}
    assert layers.Hashing.from_config(config).dtype == "int64"


def test_one_initializer_draws_each_projection_anew():
    drawing = melpy.initializers.TruncatedNormal(stddev=0.02)
    for layer in (
        layers.MultiHeadAttention(2, 4, kernel_initializer=drawing),
        layers.GroupQueryAttention(4, 2, 2, kernel_initializer=drawing),
    ):
        layer(np.ones((1, 3, 8)), np.ones((1, 3, 8)))
        shape = layer.key_dense.kernel.shape
        assert not np.array_equal(layer.query_dense.kernel[:, : shape[1]], layer.key_dense.kernel)
