"""Which layers and networks train as whole programs, without Python between their kernels."""

import types

import numpy as np
import pytest

pytest.importorskip("numba")

import melpy
from benchmarks.peers import workloads
from melpy import layers, ops
from melpy.models.program import programs_of

B = 4
VECTOR, STEPS, IMAGE = (6,), (5, 6), (6, 6, 4)


def require_whole(model, loss="mse"):
    """Train; the model's program is then whole, and gave the bits of a step of the tape."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4 * B, *model.input_shape[1:])).astype(np.float32)
    y = rng.normal(size=(4 * B, *model.output_shape[1:])).astype(np.float32)
    if loss != "mse":
        y = np.eye(y.shape[1], dtype=np.float32)[np.arange(len(y)) % y.shape[1]]
    model.compile("adam", loss)
    model.fit(x, y, batch_size=B, verbose=0)
    require_programs(model)


def require_programs(model):
    (program,) = programs_of(model).known.values()
    assert program is not None
    assert program.is_whole
    assert program.is_trusted


LAYERS = {
    "BatchNormalization": (layers.BatchNormalization, IMAGE),
    "BatchNormalization of axis 1": (lambda: layers.BatchNormalization(axis=1), IMAGE),
    "LayerNormalization": (layers.LayerNormalization, STEPS),
    "LayerNormalization of two axes": (lambda: layers.LayerNormalization(axis=(1, 2)), STEPS),
    "RMSNormalization": (layers.RMSNormalization, VECTOR),
    "UnitNormalization": (layers.UnitNormalization, VECTOR),
    "GroupNormalization": (lambda: layers.GroupNormalization(2), IMAGE),
    "LSTM": (lambda: layers.LSTM(4), STEPS),
    "LSTM, backwards": (lambda: layers.LSTM(4, go_backwards=True, return_sequences=True), STEPS),
    "GRU": (lambda: layers.GRU(4, return_sequences=True), STEPS),
    "SimpleRNN": (lambda: layers.SimpleRNN(4), STEPS),
    "Bidirectional": (lambda: layers.Bidirectional(layers.LSTM(4)), STEPS),
    "LSTM with dropout": (lambda: layers.LSTM(4, dropout=0.5), STEPS),
    "TimeDistributed": (lambda: layers.TimeDistributed(layers.Dense(3)), STEPS),
    "EinsumDense": (lambda: layers.EinsumDense("abc,cd->abd", (None, 4), bias_axes="d"), STEPS),
    "Rescaling": (lambda: layers.Rescaling(2.0, -1.0), IMAGE),
    "PReLU": (layers.PReLU, VECTOR),
    "DepthwiseConv2D": (lambda: layers.DepthwiseConv2D(3, depth_multiplier=2), IMAGE),
    "SeparableConv2D": (lambda: layers.SeparableConv2D(5, 3, activation="relu"), IMAGE),
    "Conv2DTranspose": (lambda: layers.Conv2DTranspose(3, 3, strides=2, padding="same"), IMAGE),
    "Conv1D": (lambda: layers.Conv1D(4, 3, padding="causal"), STEPS),
    "Conv2D of groups": (lambda: layers.Conv2D(4, 3, groups=2), IMAGE),
    "Conv2D, channels first": (lambda: layers.Conv2D(4, 3, data_format="channels_first"), IMAGE),
    "MaxPooling1D": (lambda: layers.MaxPooling1D(2), STEPS),
    "AveragePooling2D": (lambda: layers.AveragePooling2D(3, 2, padding="same"), IMAGE),
    "GlobalAveragePooling2D": (layers.GlobalAveragePooling2D, IMAGE),
    "GlobalMaxPooling1D": (layers.GlobalMaxPooling1D, STEPS),
    "ZeroPadding2D": (lambda: layers.ZeroPadding2D(1), IMAGE),
    "Cropping2D": (lambda: layers.Cropping2D(1), IMAGE),
    "UpSampling2D, bilinear": (lambda: layers.UpSampling2D(2, interpolation="bilinear"), IMAGE),
    "Permute": (lambda: layers.Permute((2, 1)), STEPS),
    "Softmax of axis 1": (lambda: layers.Softmax(axis=1), STEPS),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_whole(name):
    make, shape = LAYERS[name]
    first = layers.Conv2D(shape[-1], 1) if len(shape) == 3 else layers.Dense(shape[-1])
    require_whole(melpy.Sequential([melpy.Input(shape), first, make()]))


FUNCTIONS = {
    "merged": lambda a, b: layers.Average()([layers.Multiply()([a, b]), layers.Maximum()([a, b])]),
    "joined": lambda a, b: layers.Concatenate()([layers.Subtract()([a, b]), layers.Add()([a, b])]),
    "products": lambda a, b: layers.Dot(1)([a, b]) * 2.0,
    "operators": lambda a, b: -a / (b * b + 1.0) + a**2 - 2.0,
    "functions": lambda a, b: ops.exp(a) + ops.log(ops.sqrt(ops.square(b) + 1.0)),
    "reductions": lambda a, b: ops.mean(a, axis=-1) + ops.sum(b, axis=-1) - ops.max(a, axis=1),
    "choices": lambda a, b: ops.where(a > 0, ops.clip(a, -1, 1), ops.maximum(b, 0.0)),
    "cut": lambda a, b: ops.concatenate([a[:, 1:3], b[:, ::2], a[:, :1]], axis=-1),
    "split": lambda a, b: ops.stack(ops.split(a, 2, axis=-1), axis=1),
    "moved": lambda a, b: ops.transpose(ops.reshape(a, (-1, 3, 2)), (0, 2, 1)),
    "multiplied": lambda a, b: ops.matmul(a, ops.transpose(b)) @ b,
    "attention": lambda a, b: layers.MultiHeadAttention(2, 3)(
        *(layers.Reshape((3, 2))(x) for x in (a, b)), use_causal_mask=True
    ),
    "normalized": lambda a, b: (a - ops.mean(a, -1, True)) / (ops.std(b, -1, True) + 1.0),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_whole(name):
    inputs = melpy.Input(VECTOR)
    outputs = FUNCTIONS[name](layers.Dense(6)(inputs), layers.Dense(6)(inputs))
    require_whole(melpy.Model(inputs, outputs))


SMALL = types.SimpleNamespace(
    **{name: getattr(melpy, name) for name in ("layers", "Input", "Sequential", "Model")}
)
NETWORKS = ("mnist_3", "cifar_7", "vgg", "resnet_20", "mlp", "mobilenet", "lstm", "transformer")


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_the_benchmarks_are_whole(name):
    model = getattr(workloads, name)(SMALL)
    require_whole(model, "categorical_crossentropy")


def test_moving_averages_are_the_tape_s_own_and_leave_what_was_read_out():
    x = np.random.default_rng(0).normal(3, 2, (24, 6)).astype(np.float32)
    means = []
    for by_steps in (False, True):
        melpy.utils.set_random_seed(0)
        norm = layers.BatchNormalization(momentum=0.9)
        model = melpy.Sequential(
            [melpy.Input((6,)), norm, layers.Dense(1), norm2 := layers.Dense(1)]
        )
        assert norm2.built
        model.compile("sgd", "mse", run_eagerly=by_steps)
        model.fit(x, x[:, :1], batch_size=4, verbose=0)
        before = norm.moving_mean.numpy()
        kept = before.copy()
        model.fit(x, x[:, :1], batch_size=4, epochs=2, verbose=0)
        np.testing.assert_array_equal(before, kept)
        means.append((kept, norm.moving_mean.numpy(), norm.moving_variance.numpy()))
        y = model.predict(x, verbose=0)
        means[-1] += (y,)
    for by_program, by_step in zip(*means, strict=True):
        np.testing.assert_array_equal(by_program, by_step)


def test_a_normalization_called_twice_follows_both_batches():
    x = np.random.default_rng(0).normal(1, 2, (16, 6)).astype(np.float32)
    found = []
    for by_steps in (False, True):
        melpy.utils.set_random_seed(0)
        norm, inputs = layers.BatchNormalization(momentum=0.5), melpy.Input((6,))
        model = melpy.Model(inputs, layers.Dense(1)(norm(norm(inputs) * 2.0 + 1.0)))
        model.compile("sgd", "mse", run_eagerly=by_steps)
        model.fit(x, x[:, :1], batch_size=4, epochs=3, shuffle=False, verbose=0)
        found.append(model.get_weights())
    for by_program, by_step in zip(*found, strict=True):
        np.testing.assert_array_equal(by_program, by_step)


@pytest.mark.parametrize("wrong", [9, -1])
def test_a_number_without_a_row_is_told_of_by_programs_too(wrong):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 9, (48, 5)), np.zeros((48, 1), np.float32)
    model = melpy.Sequential(
        [layers.Embedding(9, 4), layers.GlobalAveragePooling1D(), layers.Dense(1)]
    )
    model.compile("sgd", "mse")
    model.fit(x, y, batch_size=4, verbose=0)
    require_programs(model)
    x[40, 2] = wrong
    with pytest.raises(IndexError):
        model.fit(x, y, batch_size=4, verbose=0)
