"""Recurrent layers, embeddings and wrappers compute Keras's numbers from the same weights."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import melpy
from melpy import layers, tape
from melpy.tensor import Tensor

pytestmark = pytest.mark.parity

PRECISIONS = [("float32", 1e-4), ("float64", 1e-9)]
both_precisions = pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
few = settings(
    max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
KINDS = ["SimpleRNN", "LSTM", "GRU"]
STATES = {"SimpleRNN": 1, "LSTM": 2, "GRU": 1}


def flat(y):
    """Return the tensors of nested results, in order."""
    return [leaf for part in y for leaf in flat(part)] if isinstance(y, list | tuple) else [y]


def same_weights(ours, theirs, seed=1):
    rng = np.random.default_rng(seed)
    shapes = [w.shape for w in ours.get_weights()]
    assert shapes == [w.shape for w in theirs.get_weights()]
    weights = [rng.uniform(-0.8, 0.8, size=s).astype(ours.dtype) for s in shapes]
    ours.set_weights(weights)
    theirs.set_weights(weights)


def compare(agree, ours, theirs, x, tolerance, states=None, mask=None, training=False):
    """Hold the outputs, and the gradients of input, states and weights, to Keras's."""
    import jax

    ours.ensure_built((None, *x.shape[1:]))
    if not theirs.built:
        theirs.build(x.shape)
    same_weights(ours, theirs)
    told = {} if mask is None else {"mask": mask}
    frozen = [v.value for v in theirs.non_trainable_variables]
    start = [] if states is None else list(states)

    def forward(trainable, x, start):
        kwargs = dict(told, initial_state=start) if start else told
        y, after = theirs.stateless_call(trainable, frozen, x, training=training, **kwargs)
        return flat(y), after

    trainable = [v.value for v in theirs.trainable_variables]
    with jax.disable_jit():  # a handful of steps is sooner run than compiled
        expected, back, _ = jax.vjp(forward, trainable, x, start, has_aux=True)
    rng = np.random.default_rng(2)
    cotangents = [rng.normal(size=y.shape).astype(x.dtype) for y in expected]
    with jax.disable_jit():
        d_weights, d_x, d_start = back(cotangents)

    tensor = Tensor(x, requires_grad=True)
    began = [Tensor(s, requires_grad=True) for s in start]
    kwargs = dict(told, initial_state=began) if start else told
    found = flat(ours(tensor, training=training, **kwargs))
    assert len(found) == len(expected)
    for mine, their in zip(found, expected, strict=True):
        assert mine.dtype == np.asarray(their).dtype == x.dtype
        agree(mine, their, tolerance, "an output")
    total = sum((y * g).sum() for y, g in zip(found, cotangents, strict=True))
    sources = [tensor, *began, *ours.trainable_weights]
    for mine, their in zip(
        tape.gradients(total, sources), [d_x, *d_start, *d_weights], strict=True
    ):
        agree(mine, their, tolerance, "a gradient")


@st.composite
def recurrent(draw, kinds=tuple(KINDS)):
    """A layer's name and arguments, and whether its call has a mask and states."""
    kind = draw(st.sampled_from(kinds))
    options = {
        "units": draw(st.integers(1, 4)),
        "use_bias": draw(st.booleans()),
        "go_backwards": draw(st.booleans()),
        "return_sequences": draw(st.booleans()),
        "return_state": draw(st.booleans()),
        "unroll": draw(st.booleans()),
        "activation": draw(st.sampled_from(["tanh", "tanh", "softsign", None])),
    }
    if kind != "SimpleRNN":
        options["recurrent_activation"] = draw(st.sampled_from(["sigmoid", "sigmoid", "silu"]))
    if kind == "GRU":
        options["reset_after"] = draw(st.booleans())
    if not options["unroll"]:
        options["zero_output_for_mask"] = draw(st.booleans())
    return kind, options, draw(st.booleans()), draw(st.booleans())


def drawn(shape, dtype, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("kind", KINDS)
@both_precisions
@few
@given(data=st.data())
def test_layers(keras, precision, agree, dtype, tolerance, kind, data):
    _, options, has_mask, has_states = data.draw(recurrent((kind,)))
    N, T, C, D = 3, data.draw(st.integers(1, 4)), 2, options["units"]
    with precision(dtype):
        ours = getattr(layers, kind)(**options, dtype=dtype)
        theirs = getattr(keras.layers, kind)(**options, dtype=dtype)
        mask = np.random.default_rng(3).random((N, T)) < 0.6 if has_mask else None
        states = [drawn((N, D), dtype, n) for n in range(STATES[kind])] if has_states else None
        compare(agree, ours, theirs, drawn((N, T, C), dtype), tolerance, states, mask)
    shape = theirs.compute_output_shape((None, T, C))
    assert ours.compute_output_shape((None, T, C)) == shape


@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_and_cells_in_a_stack(keras, agree, kind):
    def stack(room, dtype="float32"):
        cells = [getattr(room, f"{kind}Cell")(units, dtype=dtype) for units in (3, 2)]
        return room.RNN(cells, return_sequences=True, return_state=True, dtype=dtype)

    mask = np.array([[True, False, True], [False, True, True]])
    x = drawn((2, 3, 4), "float32")
    compare(agree, stack(layers), stack(keras.layers), x, 1e-4, mask=mask)
    cells = [getattr(room, f"{kind}Cell")(3) for room in (layers, keras.layers)]
    for cell in cells:
        cell.build((None, 4))
        cell.built = True
    same_weights(*cells)
    states = [drawn((2, 3), "float32", n) for n in range(STATES[kind])]
    (mine, new), (their, their_new) = (cell(x[:, 0], states) for cell in cells)
    for a, b in zip([mine, *new], [their, *their_new], strict=True):
        agree(a, b, 1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_stateful_over_two_batches(keras, agree, kind):
    options = {"units": 3, "stateful": True, "return_sequences": True, "return_state": True}
    ours, theirs = getattr(layers, kind)(**options), getattr(keras.layers, kind)(**options)
    x = drawn((2, 4, 5), "float32")
    ours(x), theirs(x)
    same_weights(ours, theirs)
    ours.reset_state(), theirs.reset_state()
    for _ in range(2):
        for mine, their in zip(ours(x), theirs(x), strict=True):
            agree(mine, their, 1e-5)
    ours.reset_states(), theirs.reset_states()
    agree(ours(x)[0], theirs(x)[0], 1e-5, "after a reset")


@both_precisions
@few
@given(data=st.data(), merge=st.sampled_from(["concat", "sum", "mul", "ave", None]))
def test_bidirectional(keras, precision, agree, dtype, tolerance, data, merge):
    kind, options, has_mask, has_states = data.draw(recurrent())
    options.pop("go_backwards"), options.pop("zero_output_for_mask", 0)
    N, T, C, D = 3, data.draw(st.integers(1, 3)), 2, options["units"]
    with precision(dtype):
        made = [
            room.Bidirectional(getattr(room, kind)(**options, dtype=dtype), merge, dtype=dtype)
            for room in (layers, keras.layers)
        ]
        mask = np.random.default_rng(3).random((N, T)) < 0.6 if has_mask else None
        count = 2 * STATES[kind]
        states = [drawn((N, D), dtype, n) for n in range(count)] if has_states else None
        compare(agree, *made, drawn((N, T, C), dtype), tolerance, states, mask)
    expected = made[1].compute_output_shape((None, T, C))
    assert made[0].compute_output_shape((None, T, C)) == expected


def test_bidirectional_with_its_own_backward_layer(keras, agree):
    made = [
        room.Bidirectional(
            room.LSTM(3, return_sequences=True),
            backward_layer=room.GRU(2, go_backwards=True, return_sequences=True),
        )
        for room in (layers, keras.layers)
    ]
    compare(agree, *made, drawn((2, 3, 4), "float32"), 1e-4)


@pytest.mark.parametrize("inner", ["Dense", "Conv2D", "BatchNormalization"])
def test_time_distributed(keras, agree, inner):
    options = {"Dense": {"units": 3}, "Conv2D": {"filters": 2, "kernel_size": 2}}.get(inner, {})
    shape = (2, 3, 5, 4, 2) if inner == "Conv2D" else (2, 3, 5)
    made = [
        room.TimeDistributed(getattr(room, inner)(**options)) for room in (layers, keras.layers)
    ]
    x = drawn(shape, "float32")
    for training in (False, True):
        if inner != "BatchNormalization":
            compare(agree, *made, x, 1e-4, training=training)
        else:
            agree(made[0](x, training=training), made[1](x, training=training), 1e-4)
    for mine, their in zip(made[0].get_weights(), made[1].get_weights(), strict=True):
        agree(mine, their, 1e-5, "a weight")
    shape = (None, *shape[1:])
    assert made[0].compute_output_shape(shape) == made[1].compute_output_shape(shape)


@both_precisions
def test_embedding(keras, precision, agree, dtype, tolerance):
    with precision(dtype):
        made = [room.Embedding(7, 3, dtype=dtype) for room in (layers, keras.layers)]
        ids = np.array([[1, 6, 1], [0, 0, 2]])
        made[0](ids), made[1](ids)
        same_weights(*made)
        for x in (ids, ids.astype(dtype), ids[0], ids + 0.7):
            agree(made[0](x), made[1](x), tolerance)
        import jax

        g = drawn((2, 3, 3), dtype)
        _, back = jax.vjp(
            lambda w: made[1].stateless_call([w], [], ids)[0], made[1].weights[0].value
        )
        mine = tape.gradients(made[0](ids), made[0].trainable_weights, g)
        agree(mine[0], back(g)[0], tolerance)
    assert made[0].compute_output_shape((None, 3)) == made[1].compute_output_shape((None, 3))


def network(room, kind, dtype):
    return room.Sequential(
        [
            room.Input((5,), dtype="int32"),
            room.layers.Embedding(9, 4, mask_zero=True, dtype=dtype),
            room.layers.Bidirectional(
                getattr(room.layers, kind)(3, return_sequences=True, dtype=dtype), dtype=dtype
            ),
            room.layers.Dropout(0.0, dtype=dtype),
            getattr(room.layers, kind)(3, kernel_regularizer="l2", dtype=dtype),
            room.layers.Dense(2, activation="softmax", dtype=dtype),
        ]
    )


@pytest.mark.parametrize("kind", KINDS)
@both_precisions
def test_ten_steps_of_training(keras, precision, agree, kind, dtype, tolerance):
    with precision(dtype):
        rng = np.random.default_rng(0)
        x, y = rng.integers(0, 9, (6, 5)), rng.integers(0, 2, 6)
        ours, theirs = network(melpy, kind, dtype), network(keras, kind, dtype)
        same_weights(ours, theirs)
        for room, model in ((melpy, ours), (keras, theirs)):
            # without a type, losses compute in floatx in both libraries
            loss = room.losses.SparseCategoricalCrossentropy(dtype=dtype)
            model.compile(room.optimizers.SGD(0.5), loss=loss)
        agree(ours.predict(x), theirs.predict(x, verbose=0), tolerance)
        for _ in range(10):
            ours.train_on_batch(x, y)
            theirs.train_on_batch(x, y)
        for mine, their in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            agree(mine, their, tolerance, "a weight")


def test_masking(keras, agree):
    x = drawn((3, 4, 2), "float32")
    x[0, 1] = x[2, :2] = 7.0
    made = [
        room.Sequential([room.Input((4, 2)), room.layers.Masking(7.0), room.layers.GRU(3)])
        for room in (melpy, keras)
    ]
    same_weights(*made)
    agree(made[0].predict(x), made[1].predict(x, verbose=0), 1e-5)
    agree(layers.Masking(7.0)(x), keras.layers.Masking(7.0)(x), 0)


def test_arguments_of_calls(keras, same_signature):
    for name in ("GRU", "LSTM", "RNN", "SimpleRNN"):
        same_signature(getattr(layers, name).call, getattr(keras.layers, name).call)


@pytest.mark.parametrize("kind", KINDS)
def test_configuration_has_keras_names(keras, kind):
    ours, theirs = (
        getattr(layers, kind)(4).get_config(),
        getattr(keras.layers, kind)(4).get_config(),
    )
    assert theirs.keys() - ours.keys() <= {"zero_output_for_mask", "quantization_config"}
    for name in ("activation", "units", "dropout", "go_backwards", "stateful", "use_bias"):
        assert ours[name] == theirs[name]
