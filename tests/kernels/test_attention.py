"""Attention: the compiled twin, its threads, empty arrays; and what layers and ops make of it."""

import numpy as np
import pytest

import melpy
from melpy import config, errors, layers, ops
from melpy.kernels import dispatch as kernels

SHAPES = [
    # N, T, S, H, K, V, bias
    (2, 5, 7, 3, 4, 6, None),
    (1, 1, 1, 1, 1, 1, (1, 1, 1, 1)),
    (3, 64, 33, 4, 32, 17, (3, 1, 1, 33)),
    (2, 17, 16, 2, 15, 40, (1, 2, 17, 16)),
]


def drawn(shape, dtype):
    rng = np.random.default_rng(0)
    N, T, S, H, K, V, bias = shape
    sizes = ((N, T, H, K), (N, S, H, K), (N, S, H, V), (N, T, H, V))
    q, k, v, g = (rng.normal(size=size).astype(dtype) for size in sizes)
    return q, k, v, g, None if bias is None else rng.normal(size=bias).astype(dtype)


def both_ways(q, k, v, g, bias):
    y, p = kernels.attention(q, k, v, bias, 0.3)
    return y, p, *kernels.attention_back(g, q, k, v, p, 0.3)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_twins(shape, dtype):
    made = {}
    for name in ("numpy", "compiled"):
        config.set_kernels(name)
        made[name] = both_ways(*drawn(shape, dtype))
    near = 2e-5 if dtype == "float32" else 1e-12
    for spec, fast in zip(made["numpy"], made["compiled"], strict=True):
        assert spec.dtype == fast.dtype == dtype
        np.testing.assert_allclose(fast, spec, rtol=near, atol=10 * near)


@pytest.mark.filterwarnings("ignore:.*take turns")
def test_same_bits_for_any_number_of_threads():
    made = []
    for count in (1, 2, 3, 8):
        config.set_threads(count)
        made.append(both_ways(*drawn(SHAPES[2], "float32")))
    for other in made[1:]:
        for a, b in zip(made[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("name", ["numpy", "compiled"])
@pytest.mark.parametrize(("N", "T", "S"), [(0, 3, 4), (2, 0, 4), (2, 3, 0)])
def test_empty_arrays(name, N, T, S):
    config.set_kernels(name)
    q, k = np.ones((N, T, 2, 3)), np.ones((N, S, 2, 3))
    y, p, *gradients = both_ways(q, k, k, np.ones(q.shape), None)
    assert y.shape == q.shape
    assert p.shape == (N, 2, T, S)
    assert not y.any()
    for d, x in zip(gradients, (q, k, k, p), strict=True):
        assert d.shape == x.shape
        assert not d.any()


@pytest.mark.parametrize("name", ["numpy", "compiled"])
def test_a_bias_takes_the_querys_type(name):
    config.set_kernels(name)
    q = np.ones((1, 2, 1, 2), "float32")
    assert ops.attention(q, q, q, np.ones((1, 1, 2, 2)), scale=1.0).dtype == np.float32


def test_views_and_read_only_arrays():
    q, k, v, _, _ = drawn(SHAPES[0], "float32")
    turned = np.ascontiguousarray(q.transpose(0, 2, 1, 3)).transpose(0, 2, 1, 3)
    k.setflags(write=False)
    np.testing.assert_array_equal(
        ops.attention(turned, k, v, scale=0.5), ops.attention(q, k, v, scale=0.5)
    )


def test_refused():
    x = np.ones((1, 2, 1, 3))
    with pytest.raises(errors.ShapeError, match="attention: query, key and value"):
        ops.attention(x, x[:, :, :, :2], x, scale=1.0)
    with pytest.raises(errors.ShapeError, match="broadcast to"):
        ops.attention(x, x, x, np.ones((1, 1, 2, 3)), scale=1.0)


def test_masks_of_any_rank_mean_the_same():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 5, 8)).astype("float32")  # as many samples as times
    layer = layers.MultiHeadAttention(2, 4)
    expected = np.asarray(layer(x, x, use_causal_mask=True))
    lower = np.tri(5, dtype=bool)
    for mask in (lower, lower[None], np.tile(lower, (5, 1, 1)), np.tile(lower, (5, 2, 1, 1))):
        for scores in (False, True):
            y = layer(x, x, attention_mask=mask, return_attention_scores=scores)
            np.testing.assert_allclose(y[0] if scores else y, expected, rtol=1e-5, atol=1e-6)


def test_the_fused_way_and_the_one_with_scores_learn_the_same():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 4, 6))
    layer = layers.MultiHeadAttention(2, 3, attention_axes=(1, 2), dtype="float64")
    gradients = []
    for scores in (False, True):
        y = layer(melpy.Tensor(x), melpy.Tensor(x), return_attention_scores=scores)
        y = y[0] if scores else y
        for weight in layer.weights:
            weight.grad = None
        (y * np.cos(np.arange(y.size).reshape(y.shape))).sum().backward()
        gradients.append([w.grad for w in layer.weights])
    for fused, apart in zip(*gradients, strict=True):
        np.testing.assert_allclose(fused, apart, rtol=1e-9, atol=1e-12)
