"""Inference by programs gives what the layers give, and knows when a program is too old."""

import copy
import threading

import numpy as np
import pytest

import melpy
from melpy import layers, ops
from melpy.tensor import mask_of

L = layers


def images(*more):
    x = melpy.Input((9, 8, 3))
    h = L.Conv2D(16, 3, padding="same", use_bias=False)(x)
    h = L.Activation("relu")(L.BatchNormalization()(h))
    y = L.BatchNormalization()(L.Conv2D(16, 3, padding="same")(h))
    h = L.ReLU()(L.Add()([y, h]))
    h = L.MaxPooling2D(2)(L.Conv2D(5, 2, activation="tanh")(h))
    h = L.Flatten()(h)
    for layer in more:
        h = layer(h)
    h = L.Dense(7, "elu")(h)
    return melpy.Model(x, L.Dense(4, activation="softmax")(h))


def sequences():
    return melpy.Sequential(
        [
            melpy.Input((6, 4)),
            L.Conv1D(8, 3, padding="causal", activation="relu"),
            L.Conv1D(8, 2, dilation_rate=2, activation="leaky_relu"),
            L.LSTM(5, return_sequences=True),
            L.LayerNormalization(),
            L.Dense(3),
            L.GlobalAveragePooling1D(),
            L.Dense(300, activation="gelu"),
            L.Dense(2, use_bias=False),
        ]
    )


def shared():
    x = melpy.Input((5,))
    dense = L.Dense(5, "sigmoid")
    y = dense(dense(x)) * 2.0 + x
    return melpy.Model(x, ops.exp(y))


MODELS = [images, sequences, shared]


def of_layers(model, x):
    """What the layers give, of samples of which there is no program."""
    many = np.repeat(x, 9, axis=0)
    with melpy.no_grad():
        return np.asarray(copy.deepcopy(model)(many))[::9]


def called(model, x):
    with melpy.no_grad():
        return np.asarray(model(x))


def filled(build):
    """A model with weights and moving averages that matter."""
    melpy.utils.set_random_seed(0)
    model = build()
    rng = np.random.default_rng(0)
    for w in model.weights:
        w.assign(w.numpy() + rng.uniform(0.0, 0.2, w.shape))
    return model


def programs_of(model):
    return [program for program in model._programs.known.values() if program and program.is_trusted]


@pytest.mark.parametrize("kernels", ["compiled", "numpy"])
@pytest.mark.parametrize("build", MODELS)
def test_the_same_numbers(build, kernels):
    melpy.config.set_kernels(kernels)
    model = filled(build)
    rng = np.random.default_rng(1)
    given = rng.normal(size=(2, 4, 3, *model.input_shape[1:])).astype("float32")
    expected = [[of_layers(model, x[:count]) for x in given[count // 2]] for count in (1, 3)]
    for count in (1, 3):
        for x, y in zip(given[count // 2], expected[count // 2], strict=True):
            np.testing.assert_allclose(called(model, x[:count]), y, rtol=2e-5, atol=2e-6)
    assert len(programs_of(model)) == (2 if kernels == "compiled" else 0)


@pytest.mark.parametrize("build", MODELS)
def test_outputs_are_the_callers_own(build):
    model = filled(build)
    x = np.ones((1, *model.input_shape[1:]), "float32")
    first, second = called(model, x), called(model, x)
    kept = called(model, x)
    called(model, 3 * x)
    np.testing.assert_allclose(first, kept, rtol=1e-5)
    np.testing.assert_array_equal(second, kept)


@pytest.mark.parametrize("build", MODELS)
def test_a_weight_that_changes_is_noticed(build):
    model = filled(build)
    x = np.ones((2, *model.input_shape[1:]), "float32")
    for _ in range(3):
        before = called(model, x)
    for w in model.weights:
        w.assign(w.numpy() * 1.5)
        for _ in range(3):
            np.testing.assert_allclose(called(model, x), of_layers(model, x), rtol=2e-5, atol=2e-6)
    assert not np.allclose(called(model, x), before)
    model.compile("sgd", "mse")
    model.train_on_batch(x, np.zeros((2, *model.output_shape[1:])))
    for _ in range(3):
        np.testing.assert_allclose(called(model, x), of_layers(model, x), rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize(
    ("layer", "name", "value"),
    [
        (1, "activation", melpy.activations.tanh),
        (1, "strides", (2, 2)),
        (1, "bias", None),
        (2, "epsilon", 0.5),
        (5, "activation", melpy.activations.relu),
    ],
)
def test_a_layer_that_is_changed_is_noticed(layer, name, value):
    L = melpy.layers
    model = melpy.Sequential(
        [
            melpy.Input((6, 6, 2)),
            L.ReLU(), L.Conv2D(3, 2, bias_initializer="ones"), L.BatchNormalization(),
            L.GlobalAveragePooling2D(), L.Flatten(), L.Dense(2, "tanh"),
        ]
    )  # fmt: skip
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 2)).astype("float32")
    for _ in range(3):
        before = called(model, x)
    setattr(model.layers[layer], name, value)
    after = of_layers(model, x)
    assert not np.allclose(after, before)
    for _ in range(3):
        np.testing.assert_allclose(called(model, x), after, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("samples", [2, 20])
def test_a_weight_whose_array_is_replaced_is_noticed(samples):
    model = melpy.Sequential(
        [melpy.Input((6, 6, 2)), L.Conv2D(3, 2), L.BatchNormalization(), L.GlobalMaxPooling2D()]
    )
    x = np.random.default_rng(0).normal(size=(samples, 6, 6, 2)).astype("float32")
    for _ in range(3):
        called(model, x)
    for weight in model.weights:
        for _ in range(2):  # an array that died may leave its place to the next
            weight.array = weight.array * np.float32(1.5) + np.float32(0.25)
        with melpy.no_grad():
            rows = melpy.Tensor(x)
            for layer in model.layers:
                rows = layer(rows)
        for _ in range(3):
            np.testing.assert_allclose(called(model, x), np.asarray(rows), rtol=1e-4, atol=1e-5)


def test_layers_that_set_attributes_as_they_compute_leave_programs_alone():
    class Noting(L.Layer):
        def call(self, inputs):
            self.last = float(np.asarray(inputs).sum())
            return inputs

    model = filled(images)
    other = melpy.Sequential([melpy.Input((3, 2)), Noting(), L.SpatialDropout1D(0.5)])
    x = np.ones((1, *model.input_shape[1:]), "float32")
    for _ in range(3):
        called(model, x)
    (program,) = programs_of(model)
    called(other, np.ones((1, 3, 2)))
    other(np.ones((1, 3, 2)), training=True)
    called(model, x)
    assert programs_of(model) == [program]


def test_what_learns_or_records_goes_through_the_layers():
    model = filled(lambda: images(L.Dropout(0.5)))
    x = np.ones((1, 9, 8, 3), "float32")
    for _ in range(3):
        called(model, x)
    assert model(x).requires_grad
    with melpy.no_grad():
        a, b = (np.asarray(model(x, training=True)) for _ in range(2))
    assert not np.array_equal(a, b)  # dropout acts


def test_what_draws_at_inference_draws_anew_at_each_call_and_as_its_layer_does():
    x = melpy.Input((6,))
    model, layer = melpy.Model(x, L.Dropout(0.5, seed=1)(x, training=True)), L.Dropout(0.5, seed=1)
    for _ in range(6):
        rows = np.ones((3, 6), "float32")
        np.testing.assert_array_equal(called(model, rows), layer(rows, training=True))
    (program,) = programs_of(model)
    assert program.is_trusted


def test_other_floats_strides_and_read_only_arrays():
    model = filled(images)
    x = np.random.default_rng(0).normal(size=(1, 9, 8, 3))
    expected = of_layers(model, x)
    turned = np.asfortranarray(x.astype("float32"))
    turned.flags.writeable = False
    for given in (x, turned, melpy.Tensor(x.astype("float32"))):
        for _ in range(3):
            np.testing.assert_allclose(called(model, given), expected, rtol=2e-5, atol=2e-6)
    assert called(model, np.round(x).astype(int)).shape == (1, 4)
    assert called(model, x[:0]).shape == (0, 4)


def test_a_wrong_shape_is_refused_as_ever():
    model = filled(images)
    for shape in [(1, 9, 8, 2), (1, 9, 8), ()]:
        said = set()
        for _ in range(3):
            called(model, np.ones((1, 9, 8, 3), "float32"))
            with pytest.raises(melpy.errors.ShapeError) as refusal:
                called(model, np.ones(shape, "float32"))
            said.add(str(refusal.value))
        assert len(said) == 1


def test_a_copy_has_buffers_of_its_own():
    model = filled(shared)
    x = np.ones((1, 5), "float32")
    for _ in range(3):
        before = called(model, x)
    twin = copy.deepcopy(model)
    for w in twin.weights:
        w.assign(w.numpy() * 0.0)
    for _ in range(3):
        assert not np.allclose(called(twin, x), before)
        np.testing.assert_array_equal(called(model, x), before)


def test_a_copys_fused_steps_are_its_own():
    model = filled(images)
    x = np.random.default_rng(0).normal(size=(20, 9, 8, 3)).astype("float32")
    twin = copy.deepcopy(model)
    for layer in twin.layers:
        if isinstance(layer, L.Conv2D):
            layer.kernel.assign(layer.kernel.numpy() * 0.0)
    assert np.ptp(twin.predict(x, verbose=0), axis=0).max() == 0
    assert np.ptp(model.predict(x, verbose=0), axis=0).max() > 0


def test_several_threads_at_once():
    model = filled(images)
    xs = np.random.default_rng(0).normal(size=(4, 1, 9, 8, 3)).astype("float32")
    expected = [of_layers(model, x) for x in xs]
    wrong = []

    def work(n):
        for _ in range(50):
            if not np.allclose(called(model, xs[n]), expected[n], rtol=1e-4, atol=1e-5):
                wrong.append(n)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_predict_uses_it_and_a_replaced_call_ends_it():
    model = filled(images)
    x = np.ones((1, 9, 8, 3), "float32")
    for _ in range(3):
        model.predict(x, verbose=0)
    assert programs_of(model)
    last = model.layers[-1]
    last.call = lambda inputs: inputs * 0.0
    assert (called(model, x) == 0).all()
    del last.call
    assert not (called(model, x) == 0).all()


def test_several_inputs_and_outputs():
    a, b = melpy.Input((3,)), melpy.Input((2,))
    h = L.Dense(4, "relu")(L.Concatenate()([L.Dense(3)(a), b]))
    model = melpy.Model([a, b], {"sum": L.Dense(1)(h), "h": h})
    rng = np.random.default_rng(0)
    for count in (2, 20):
        for _ in range(5):
            x = [rng.normal(size=(count, n)).astype("float32") for n in (3, 2)]
            with melpy.no_grad():
                made, expected = model(x), copy.deepcopy(model)(x)
            for name in ("sum", "h"):
                np.testing.assert_array_equal(np.asarray(made[name]), np.asarray(expected[name]))


def test_states_move_once_a_call():
    x = melpy.Input(batch_shape=(2, 3, 4))
    model = melpy.Model(x, L.Dense(2)(L.LSTM(5, stateful=True)(x)))
    steps = np.random.default_rng(0).normal(size=(6, 2, 3, 4)).astype("float32")
    ours = [called(model, step) for step in steps]
    model.layers[1].reset_states()
    with melpy.no_grad():  # layer by layer
        theirs = [
            np.asarray(model.layers[2](model.layers[1](melpy.Tensor(step)))) for step in steps
        ]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_a_layer_of_ones_own_is_asked_each_time():
    seen = []

    class Noted(L.Layer):
        def call(self, inputs, training=True):
            seen.append(training)
            return inputs * 2.0

    model = melpy.Sequential([melpy.Input((3,)), L.Dense(2), Noted()])
    seen.clear()
    for _ in range(4):
        called(model, np.ones((1, 3), "float32"))
    assert seen == [False] * 4
    assert not programs_of(model)


def test_penalties_do_not_pile_up():
    model = melpy.Sequential([melpy.Input((3,)), L.Dense(2, activity_regularizer="l2")])
    for _ in range(4):
        called(model, np.ones((1, 3), "float32"))
    assert len(model.losses) == 1


def test_turned_values_and_masks():
    x = np.random.default_rng(0).normal(size=(2, 4, 5)).astype("float32")
    x[:, 2:] = 0
    for rows in ([L.Permute((2, 1)), L.Flatten()], [L.Flatten()], [L.Masking(0.0), L.LSTM(3)]):
        model = melpy.Sequential([melpy.Input((4, 5)), *rows, L.Dense(3)])
        for n in range(4):
            given = np.asfortranarray(x * (n + 1))
            np.testing.assert_allclose(called(model, given), np.asarray(model(given)), rtol=1e-4)


def test_every_call_has_its_mask():
    """The second call of a shape, which is written down, lost it: a loss then counted padding."""
    model = melpy.Sequential([
        melpy.Input((5,), dtype="int32"),
        layers.Embedding(4, 3, mask_zero=True),
        layers.LSTM(2, return_sequences=True),
        layers.Dense(3),
    ])  # fmt: skip
    x = np.random.default_rng(0).integers(0, 4, (6, 5))
    for _ in range(4):
        with melpy.no_grad():
            np.testing.assert_array_equal(mask_of(model(x)), x != 0)
    model.compile("sgd", "mse", weighted_metrics=["mae"])
    y = np.zeros((6, 5, 3))
    whole = model.evaluate(x, y, batch_size=6)
    for _ in range(2):
        assert model.evaluate(x, y, batch_size=1)[1] == pytest.approx(whole[1], rel=1e-5)


def test_inputs_without_their_last_axis_stay_what_they_were():
    """From the second call on a program would infer, whose memory has that axis."""
    model = melpy.Sequential([melpy.Input((8, 8, 1)), layers.Flatten(), layers.Dense(10)])
    x = np.random.default_rng(0).normal(size=(160, 8, 8)).astype("float32")
    expected = model.predict(x[..., np.newaxis], verbose=0)
    for _ in range(3):
        np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
