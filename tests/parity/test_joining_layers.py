"""Layers of several tensors compute Keras's numbers: merges, attention, masked averages."""

import numpy as np
import pytest

from melpy import layers, tape
from melpy.tensor import Tensor

pytestmark = pytest.mark.parity

T, S = (3, 5, 4), (3, 7, 4)
PAIR = [T, T]
PRECISIONS = pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("float64", 1e-9)])

MERGES = [
    ("Add", {}, [T, T, T]),
    ("Add", {}, [(3, 4), T]),
    ("Subtract", {}, PAIR),
    ("Multiply", {}, [T, (3, 1, 4)]),
    ("Average", {}, [T, T, T]),
    ("Maximum", {}, PAIR),
    ("Minimum", {}, PAIR),
    ("Concatenate", {}, [T, (3, 5, 2)]),
    ("Concatenate", {"axis": 1}, [T, S]),
    ("Dot", {"axes": 2}, [T, S]),
    ("Dot", {"axes": (1, 1), "normalize": True}, PAIR),
    ("Dot", {"axes": -1}, [(3, 4), (3, 4)]),
    ("Attention", {}, [T, S]),
    ("Attention", {"use_scale": True}, [T, S, S]),
    ("Attention", {"score_mode": "concat"}, [T, S]),
    ("AdditiveAttention", {}, [T, S]),
    ("AdditiveAttention", {"use_scale": False}, [T, S, S]),
]
ATTENTIONS = [
    ({"num_heads": 2, "key_dim": 3}, [T, S], {}),
    ({"num_heads": 3, "key_dim": 2, "value_dim": 5, "use_bias": False}, [T, S, S], {}),
    ({"num_heads": 2, "key_dim": 3, "output_shape": 6}, [T, T], {"use_causal_mask": True}),
    ({"num_heads": 2, "key_dim": 3, "attention_axes": (2,)}, [(2, 3, 4, 5), (2, 3, 6, 5)], {}),
    ({"num_heads": 2, "key_dim": 3}, [(2, 3, 4, 5), (2, 2, 6, 5)], {}),
    ({"num_heads": 2, "key_dim": 3}, [T, S], {"attention_mask": "draw"}),
    ({"num_heads": 2, "key_dim": 3, "sliding_window": 2}, [T, S], {}),
    ({"num_heads": 2, "key_dim": 3, "sliding_window": 3}, [T, T], {"use_causal_mask": True}),
    ({"num_heads": 2, "key_dim": 3, "value_dim": 4, "use_gate": True}, [T, S, S], {}),
    ({"num_heads": 2, "key_dim": 3, "use_gate": True, "use_bias": False}, [T, T], {}),
]


def draw(shapes, dtype):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def compare(ours, theirs, inputs, agree, tolerance, ours_call, theirs_call):
    """Give both the same weights, and compare outputs and all gradients."""
    import jax

    ours_call(*inputs), theirs_call(*inputs)  # build
    rng = np.random.default_rng(1)
    shapes = [w.shape for w in ours.get_weights()]
    assert shapes == [w.shape for w in theirs.get_weights()]
    weights = [rng.normal(size=shape).astype(inputs[0].dtype) for shape in shapes]
    ours.set_weights(weights), theirs.set_weights(weights)

    variables = [v.value for v in theirs.trainable_variables]

    def forward(variables, *xs):
        from keras import StatelessScope

        pairs = zip(theirs.trainable_variables, variables, strict=True)
        with StatelessScope(state_mapping=list(pairs)):
            return theirs_call(*xs)

    expected, back = jax.vjp(forward, variables, *inputs)
    tensors = [Tensor(x, requires_grad=True) for x in inputs]
    y = ours_call(*tensors)
    agree(y, expected, tolerance, "the output")
    g = np.random.default_rng(2).normal(size=expected.shape).astype(inputs[0].dtype)
    d_weights, *d_inputs = back(g)
    found = tape.gradients(y, [*tensors, *ours.trainable_weights], g)
    # held to the largest of all gradients: that of a key's bias is 0 but for rounding
    flat = [np.concatenate([np.ravel(g) for g in gs]) for gs in (found, [*d_inputs, *d_weights])]
    agree(*flat, tolerance, "a gradient")


@PRECISIONS
@pytest.mark.parametrize(("name", "arguments", "shapes"), MERGES)
def test_merges(keras, precision, agree, name, arguments, shapes, dtype, tolerance):
    with precision(dtype):
        ours = getattr(layers, name)(**arguments, dtype=dtype)
        theirs = getattr(keras.layers, name)(**arguments, dtype=dtype)
        compare(
            ours, theirs, draw(shapes, dtype), agree, tolerance,
            lambda *xs: ours(list(xs)), lambda *xs: theirs(list(xs)),
        )  # fmt: skip
        shapes = [(None, *shape[1:]) for shape in shapes]
        assert tuple(ours.compute_output_shape(shapes)) == tuple(
            theirs.compute_output_shape(shapes)
        )


@PRECISIONS
@pytest.mark.parametrize(("arguments", "shapes", "options"), ATTENTIONS)
def test_multi_head_attention(
    keras, precision, agree, arguments, shapes, options, dtype, tolerance
):
    if options.get("attention_mask") == "draw":
        seen = np.random.default_rng(3).random((3, 5, 7)) < 0.7
        seen[..., 0] = True
        options = {"attention_mask": seen}
    with precision(dtype):
        name = "MultiHeadAttention"
        ours = getattr(layers, name)(**arguments, dtype=dtype)
        theirs = getattr(keras.layers, name)(**arguments, dtype=dtype)
        compare(
            ours, theirs, draw(shapes, dtype), agree, tolerance,
            lambda *xs: ours(*xs, **options),
            # Keras on JAX computes in float32, and not all sizes, unless it is asked for the scores
            lambda *xs: theirs(*xs, return_attention_scores=True, **options)[0],
        )  # fmt: skip
        inputs = draw(shapes, dtype)
        y, scores = ours(*inputs, return_attention_scores=True, **options)
        expected, their_scores = theirs(*inputs, return_attention_scores=True, **options)
        agree(y, expected, tolerance)
        agree(scores, their_scores, tolerance)


def test_masks_go_through_as_in_keras(keras, agree):
    """Embedding makes a mask, attention and averages heed it, merges join it."""
    ids = np.array([[1, 2, 0, 0], [3, 1, 2, 0]])

    def network(library):
        L = library.layers
        x = library.Input((4,), dtype="int32")
        h = L.Embedding(5, 6, mask_zero=True)(x)
        h = L.Add()([h, L.LayerNormalization()(L.MultiHeadAttention(2, 3)(h, h))])
        h = L.BatchNormalization()(h)
        a = L.GlobalAveragePooling1D()(h)
        b = L.Bidirectional(L.LSTM(3))(h)
        return library.Model(x, L.Dense(2)(L.Concatenate()([a, b])))

    import melpy

    ours, theirs = network(melpy), network(keras)
    shapes = [w.shape for w in ours.get_weights()]
    assert shapes == [w.shape for w in theirs.get_weights()]
    theirs.set_weights(ours.get_weights())
    agree(ours.predict(ids), theirs.predict(ids, verbose=0), 1e-5)
    changed = ids.copy()
    changed[:, 3] = [0, 4]
    assert not np.allclose(ours.predict(ids)[1], ours.predict(changed)[1])


def test_arguments_of_calls(keras, same_signature):
    for name in ("MultiHeadAttention", "AdditiveAttention", "Attention"):
        ours, theirs = getattr(layers, name), getattr(keras.layers, name)
        same_signature(ours.call, theirs.call, apart={"training"})
