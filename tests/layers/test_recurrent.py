"""Recurrent layers, embeddings and wrappers: worked by hand, masks, states, dropout, messages."""

import numpy as np
import pytest

import melpy
from melpy import errors, layers, ops, tape
from melpy.layers import deserialize, serialize
from melpy.tensor import Tensor, mask_of
from melpy.testing import check_gradient

KINDS = ["SimpleRNN", "LSTM", "GRU"]
STEPS = (2, 4, 3)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sample(shape=STEPS, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def counting(**options):
    """A layer whose state is the sum of what came: h' = x + h."""
    return layers.SimpleRNN(
        1, None, kernel_initializer="ones", recurrent_initializer="ones", **options
    )


def column(*values):
    return np.array(values, np.float64).reshape(1, -1, 1)


class TestByHand:
    """One unit, all weights as said, two steps or three."""

    def test_simple_rnn(self):
        layer = layers.SimpleRNN(1, return_sequences=True, dtype="float64")
        layer.ensure_built((None, None, 1))
        layer.set_weights([np.array([[2.0]]), np.array([[0.5]]), np.array([0.1])])
        h1 = np.tanh(2 * 1.0 + 0.1)
        h2 = np.tanh(2 * -0.3 + 0.5 * h1 + 0.1)
        np.testing.assert_allclose(np.asarray(layer(column(1, -0.3)))[0, :, 0], [h1, h2], 1e-12)

    def test_lstm(self):
        layer = layers.LSTM(1, return_state=True, dtype="float64")
        layer.ensure_built((None, None, 1))
        w, u, b = np.array([[0.1, 0.2, 0.3, 0.4]]), np.array([[0.5, 0.6, 0.7, 0.8]]), np.zeros(4)
        layer.set_weights([w, u, b])
        h = c = 0.0
        for x in (1.0, -2.0):
            i, f, g, o = (x * w + h * u)[0]  # the order of the gates
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
        y, last_h, last_c = (np.asarray(part).item() for part in layer(column(1, -2)))
        np.testing.assert_allclose([y, last_h, last_c], [h, h, c], 1e-12)

    @pytest.mark.parametrize("reset_after", [True, False])
    def test_gru(self, reset_after):
        layer = layers.GRU(1, reset_after=reset_after, dtype="float64")
        layer.ensure_built((None, None, 1))
        w, u = np.array([[0.1, 0.2, 0.3]]), np.array([[0.5, 0.6, 0.7]])
        b_in, b_h = np.array([0.1, -0.1, 0.2]), np.array([0.3, 0.1, -0.2])
        layer.set_weights([w, u, np.stack([b_in, b_h]) if reset_after else b_in])
        b_h = b_h if reset_after else np.zeros(3)
        h = 0.0
        for x in (1.0, -2.0):
            x_z, x_r, x_n = (x * w)[0] + b_in
            a_z, a_r, a_n = (h * u)[0] + b_h
            z, r = sigmoid(x_z + a_z), sigmoid(x_r + a_r)
            h = z * h + (1 - z) * np.tanh(x_n + r * a_n)
        np.testing.assert_allclose(np.asarray(layer(column(1, -2))).item(), h, 1e-12)

    def test_the_last_step_first(self):
        forwards, backwards = (
            counting(return_sequences=True),
            counting(return_sequences=True, go_backwards=True),
        )
        x = column(1, 2, 4)
        np.testing.assert_array_equal(np.asarray(forwards(x)).ravel(), [1, 3, 7])
        np.testing.assert_array_equal(np.asarray(backwards(x)).ravel(), [4, 6, 7])

    @pytest.mark.parametrize(
        ("merge", "expected"),
        [
            ("concat", [[1, 7], [3, 6], [7, 4]]),
            ("sum", [[8], [9], [11]]),
            ("ave", [[4], [4.5], [5.5]]),
            ("mul", [[7], [18], [28]]),
        ],
    )
    def test_bidirectional(self, merge, expected):
        layer = layers.Bidirectional(counting(return_sequences=True), merge_mode=merge)
        np.testing.assert_array_equal(np.asarray(layer(column(1, 2, 4)))[0], expected)

    def test_bidirectional_without_a_merge(self):
        y, back, *states = layers.Bidirectional(counting(return_state=True), None)(column(1, 2))
        assert [np.asarray(part).item() for part in (y, back, *states)] == [3, 3, 3, 3]

    def test_time_distributed(self):
        layer = layers.TimeDistributed(layers.Dense(1, kernel_initializer="ones"))
        x = sample()
        np.testing.assert_allclose(np.asarray(layer(x))[..., 0], x.sum(axis=2), rtol=1e-5)
        assert len(layer.weights) == 2

    def test_embedding_adds_the_gradients_of_a_row(self):
        layer = layers.Embedding(4, 2, weights=np.arange(8.0).reshape(4, 2))
        y = layer(np.array([[3, 0, 3]]))
        np.testing.assert_array_equal(np.asarray(y), [[[6, 7], [0, 1], [6, 7]]])
        (d_table,) = tape.gradients(y, layer.trainable_weights, np.ones((1, 3, 2)))
        np.testing.assert_array_equal(d_table, [[1, 1], [0, 0], [0, 0], [2, 2]])

    def test_embedding_keeps_large_numbers_of_a_float_type(self):
        layer = layers.Embedding(2**24 + 2, 1, embeddings_initializer="zeros")
        layer.ensure_built((None,))
        layer.embeddings.array[2**24 + 1] = 1
        assert np.asarray(layer(np.array([2.0**24 + 1]))).item() == 1


class TestMasks:
    x, mask = column(1, 2, 4, 8), np.array([[False, True, False, True]])

    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ({}, [5, 7, 7, 15]),
            ({"zero_output_for_mask": True}, [0, 7, 0, 15]),
            ({"unroll": True}, [0, 7, 7, 15]),
        ],
    )
    def test_a_masked_step(self, options, expected):
        start = [np.array([[5.0]])]
        for activation in (None, lambda x: x * 1.0):  # as one op, and step by step
            layer = counting(return_sequences=True, **options)
            layer.cell.activation = melpy.activations.get(activation)
            y = layer(self.x, mask=self.mask, initial_state=start)
            np.testing.assert_array_equal(np.asarray(y).ravel(), expected)
        last = counting(**options)(self.x[:, :3], mask=self.mask[:, :3], initial_state=start)
        assert np.asarray(last).item() == expected[2]

    @pytest.mark.parametrize("kind", KINDS)
    def test_padding_at_the_end_changes_nothing(self, kind):
        layer, x = getattr(layers, kind)(3), sample()
        padded = np.concatenate([x, np.full((2, 2, 3), 1e3, np.float32)], axis=1)
        mask = np.arange(6) < np.full((2, 1), 4)
        np.testing.assert_array_equal(np.asarray(layer(padded, mask=mask)), np.asarray(layer(x)))

    def test_masks_travel(self):
        ids = np.array([[1, 2, 0], [3, 0, 0]])
        x = layers.Embedding(5, 2, mask_zero=True)(ids)
        np.testing.assert_array_equal(mask_of(x), ids != 0)
        y, h = layers.Bidirectional(layers.GRU(2, return_sequences=True), None)(x)
        assert mask_of(y) is mask_of(h) is not None
        z, *states = layers.LSTM(2, return_sequences=True, return_state=True)(y)
        np.testing.assert_array_equal(mask_of(z), ids != 0)
        assert all(mask_of(state) is None for state in states)
        assert mask_of(layers.GRU(2)(z)) is None
        cells = [layers.LSTMCell(2), layers.LSTMCell(2)]
        _, *nested = layers.RNN(cells, return_sequences=True, return_state=True)(y)
        assert all(mask_of(state) is None for state in melpy.tree.flatten(nested))

    def test_masking(self):
        y = layers.Masking(2.0)(np.array([[[2.0, 2.0], [2.0, 1.0]]]))
        np.testing.assert_array_equal(np.asarray(y), [[[0, 0], [2, 1]]])
        np.testing.assert_array_equal(mask_of(y), [[False, True]])


@pytest.mark.parametrize("kind", KINDS)
class TestEveryKind:
    def test_the_op_and_the_cell_agree(self, kind):
        whole = getattr(layers, kind)(5, return_sequences=True, return_state=True)
        x, mask = sample(), np.random.default_rng(1).random((2, 4)) < 0.6
        for used in (None, mask):
            y, *states = whole(x, mask=used)
            stepped = layers.RNN(whole.cell, return_sequences=True, return_state=True)
            z, *others = stepped(x, mask=used)
            for one, other in zip([y, *states], [z, *others], strict=True):
                np.testing.assert_allclose(np.asarray(one), np.asarray(other), atol=1e-6)

    def test_gradients(self, kind):
        layer = getattr(layers, kind)(2, dtype="float64", recurrent_dropout=0.3, dropout=0.2)
        layer.ensure_built((None, 4, 3))

        def function(x):
            layer.cell.seed_generator = melpy.random.SeedGenerator(5)  # the same masks each time
            return layer(x, training=True)

        check_gradient(function, (np.random.default_rng(0).normal(size=STEPS),))

    def test_dropout_is_the_same_at_every_step_and_new_for_every_call(self, kind):
        layer = getattr(layers, kind)(3, dropout=0.5, seed=1)
        x = Tensor(np.ones((40, 5, 6), np.float32), requires_grad=True)
        seen = []
        for _ in range(2):
            (d_x,) = tape.gradients(layer(x, training=True).sum(), [x])
            dropped = d_x == 0
            assert (dropped == dropped[:, :1]).all()
            seen.append(dropped[:, 0])
        assert not np.array_equal(*seen)
        assert abs(np.mean(seen) - 0.5) < 4 * 0.5 / np.sqrt(480)
        np.testing.assert_array_equal(np.asarray(layer(x)), np.asarray(layer(x)))

    def test_recurrent_dropout_gives_each_gate_its_mask(self, kind):
        cell = getattr(layers, f"{kind}Cell")(50, recurrent_dropout=0.4, dropout=0.3, seed=1)
        h = np.zeros((20, 50), np.float32)
        masks = cell.recurrent_masks(h, True)
        assert len(masks) == len(cell.input_masks(h, True)) == cell.gates
        for mask in masks:
            np.testing.assert_allclose(np.unique(mask), [0, 1 / 0.6], rtol=1e-6)
            assert abs((mask == 0).mean() - 0.4) < 4 * np.sqrt(0.24 / 1000)
        assert cell.recurrent_masks(h, True) is masks
        cell.reset_dropout_mask()
        assert not np.array_equal(cell.recurrent_masks(h, True)[0], masks[0])

    def test_states_are_kept_and_reset(self, kind):
        options = {"return_sequences": True, "go_backwards": False}
        layer = getattr(layers, kind)(3, stateful=True, **options)
        x = sample()
        first, second = np.asarray(layer(x[:, :2])), np.asarray(layer(x[:, 2:]))
        again = getattr(layers, kind)(3, **options)
        again.ensure_built((None, 4, 3))
        again.set_weights(layer.get_weights())
        np.testing.assert_allclose(np.hstack([first, second]), np.asarray(again(x)), atol=1e-6)
        layer.reset_state()
        np.testing.assert_allclose(np.asarray(layer(x[:, :2])), first, atol=1e-6)
        with pytest.raises(errors.ShapeError, match="kept the states of 2 samples, and 1 came"):
            layer(x[:1])

    def test_all_kernels_agree(self, kind):
        layer, x = getattr(layers, kind)(20, return_sequences=True), sample((17, 4, 3))
        results = []
        for kernels in ("numpy", "compiled"):
            melpy.config.set_kernels(kernels)
            tensor = Tensor(x, requires_grad=True)
            y = layer(tensor)
            results.append([y, *tape.gradients((y * y).sum(), [tensor, *layer.weights])])
        for one, other in zip(*results, strict=True):
            np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-4, atol=1e-5)

    def test_an_initial_state_may_be_symbolic(self, kind):
        x, h = melpy.Input((4, 3)), melpy.Input((2,))
        count = 2 if kind == "LSTM" else 1
        y = getattr(layers, kind)(2)(x, initial_state=[h] * count)
        assert y.shape == (None, 2)
        model = melpy.Model([x, h], y)
        assert model.predict([sample(), sample((2, 2))], verbose=0).shape == (2, 2)

    def test_the_layer_shows_its_cells_arguments(self, kind):
        layer = getattr(layers, kind)(3, dropout=0.1, seed=4, kernel_regularizer="l2")
        assert (layer.units, layer.dropout, layer.seed) == (3, 0.1, 4)
        assert isinstance(layer.cell.kernel_regularizer, melpy.regularizers.L2)
        layer(sample())
        assert len(layer.losses) == 1


def test_the_forget_gates_bias_begins_at_one():
    layer = layers.LSTM(2)
    layer.ensure_built((None, 4, 3))
    np.testing.assert_array_equal(layer.get_weights()[2], [0, 0, 1, 1, 0, 0, 0, 0])
    layer = layers.LSTM(2, unit_forget_bias=False)
    layer.ensure_built((None, 4, 3))
    assert not layer.get_weights()[2].any()


class Doubling(layers.Layer):
    """A cell of a user's own, without training and without get_initial_state."""

    state_size = 3

    def call(self, inputs, states):
        new = inputs + 2 * states[0]
        return new, [new]


def test_a_cell_of_ones_own():
    y = layers.RNN(Doubling())(np.ones((1, 3, 3)))
    np.testing.assert_array_equal(np.asarray(y), [[7, 7, 7]])
    both = layers.Bidirectional(layers.RNN(Doubling()))  # a copy, of a class it must be told of
    assert both(np.ones((1, 3, 3))).shape == (1, 6)


NESTED = [
    lambda: layers.RNN([layers.GRUCell(2), layers.LSTMCell(3, dropout=0.1)], return_state=True),
    lambda: layers.RNN(layers.SimpleRNNCell(2), return_sequences=True),
    lambda: layers.Bidirectional(layers.LSTM(2, kernel_regularizer="l2"), merge_mode="sum"),
    lambda: layers.Bidirectional(layers.GRU(2), backward_layer=layers.LSTM(2, go_backwards=True)),
    lambda: layers.TimeDistributed(layers.Dense(3, "relu")),
    lambda: layers.TimeDistributed(melpy.Sequential([layers.Dense(3), layers.Dense(2)])),
    lambda: layers.Embedding(4, 2, mask_zero=True),
]


@pytest.mark.parametrize("made", NESTED)
def test_configuration_round_trip(made):
    layer = made()
    twin = deserialize(serialize(layer))
    assert twin.get_config() == layer.get_config()
    x = np.array([[1, 2], [3, 0]]) if isinstance(layer, layers.Embedding) else sample()
    layer(x), twin(x)
    twin.set_weights(layer.get_weights())
    for one, other in zip(melpy.tree.flatten(layer(x)), melpy.tree.flatten(twin(x)), strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def test_weights_to_begin_with_are_no_part_of_the_configuration():
    table = np.arange(6.0).reshape(3, 2)
    assert "weights" not in layers.Embedding(3, 2, weights=[table]).get_config()
    first = layers.Bidirectional(layers.GRU(2))
    first(sample())
    second = layers.Bidirectional(layers.GRU(2), weights=first.get_weights())
    np.testing.assert_array_equal(np.asarray(second(sample())), np.asarray(first(sample())))
    assert "weights" not in second.get_config()


def test_a_model_learns_to_count(monkeypatch):
    """Which of two symbols comes more often: nothing but the sequence tells."""
    monkeypatch.setattr(melpy.random, "_stream", np.random.default_rng(0))  # put back after it
    ids = np.random.default_rng(0).integers(1, 3, (200, 7))
    y = (ids == 1).sum(axis=1) > 3
    model = melpy.Sequential(
        [layers.Embedding(3, 4, mask_zero=True), layers.GRU(8), layers.Dense(1, "sigmoid")]
    )
    model.compile(melpy.optimizers.Adam(0.02), "binary_crossentropy", metrics=["accuracy"])
    model.fit(ids, y.astype("float32")[:, None], epochs=25, batch_size=20, verbose=0)
    assert model.evaluate(ids, y.astype("float32")[:, None], verbose=0)[1] > 0.97


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: layers.LSTM(0), errors.ArgumentError, "LSTMCell: units"),
        (lambda: layers.LSTM(2, use_cudnn="no"), errors.ArgumentError, "LSTM: unknown use_cudnn"),
        (lambda: layers.LSTM(2, dropot=0.1), errors.ArgumentError, "unknown argument 'dropot'"),
        (lambda: layers.RNN(3), errors.DtypeError, "RNN: the cell has no call"),
        (lambda: layers.RNN([layers.Dense(2)]), errors.DtypeError, "the cell has no state_size"),
        (lambda: layers.GRU(2)(np.ones((2, 3))), errors.ShapeError, "'gru': a sequence must"),
        (lambda: layers.GRU(2)(np.ones(STEPS), mask=np.ones((2, 3), bool)), errors.ShapeError,
         "the mask does not fit the sequences"),
        (lambda: layers.Embedding(0, 2), errors.ArgumentError, "input_dim"),
        (lambda: layers.Embedding(3, 2)(np.array([[5]])), errors.MelpyError, "out of bounds"),
        (lambda: layers.TimeDistributed(3), errors.DtypeError, "layer is no layer"),
        (lambda: layers.TimeDistributed(layers.Dense(2))(np.ones((2, 3))), errors.ShapeError,
         "at least 3 axes"),
        (lambda: layers.Bidirectional(layers.GRU(2), "add"), errors.ArgumentError,
         "unknown merge mode 'add'"),
        (lambda: layers.Bidirectional(layers.GRU(2), backward_layer=layers.GRU(2)),
         errors.ArgumentError, "run in the same direction"),
        (lambda: layers.Bidirectional(
            layers.GRU(2), backward_layer=layers.GRU(2, go_backwards=True, return_sequences=True)),
         errors.ArgumentError, "differ in return_sequences"),
        (lambda: layers.Bidirectional(layers.GRU(2)).reset_state(), errors.ArgumentError,
         "keeps no state"),
        (lambda: ops.lstm(np.ones((2, 3, 8)), np.ones((2, 8)), None, np.ones((3, 2)),
                          np.ones((2, 2))), errors.ShapeError, "the arrays do not fit"),
    ],
)  # fmt: skip
def test_messages(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


def test_weights_lie_as_kernels_read_them():
    """Orthogonal values come from a transposed matrix; each call would copy them anew."""
    model = melpy.Sequential([melpy.Input((5, 4)), layers.LSTM(8), layers.Dense(3)])
    variables = [melpy.Variable(np.asfortranarray(np.ones((2, 3)))), *model.weights]
    assert all(w.value.flags.c_contiguous for w in variables)
