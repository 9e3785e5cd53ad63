"""Options and cases that few networks use, each held to its formula."""

import inspect

import numpy as np
import pytest

import melpy
from melpy import ops, tape
from melpy.errors import ArgumentError, DtypeError, ShapeError
from melpy.ops.registry import OPS

RNG = np.random.default_rng(5)


def positional(name):
    """Return the names of an op's arrays, where none of them may come in any number."""
    parameters = inspect.signature(OPS[name].call).parameters.values()
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        return []
    return [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]


@pytest.mark.parametrize("name", [name for name in sorted(OPS) if positional(name)])
def test_arrays_by_name(name):
    args = OPS[name].samples[0](np.random.default_rng(0))
    options = args[-1] if isinstance(args[-1], dict) else {}
    args = args[:-1] if options or isinstance(args[-1], dict) else args
    expected = OPS[name].call(*args, **options)
    by_name = dict(zip(positional(name), args, strict=False))
    made = OPS[name].call(**by_name, **options)
    for one, other in zip(melpy.tree.flatten(made), melpy.tree.flatten(expected), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("alpha", [-0.5, 0.0, 0.7])
def test_elu_of_any_alpha_has_its_gradient(alpha):
    x = np.array([-2.0, -0.5, 0.5, 2.0])
    t = melpy.Tensor(x, requires_grad=True)
    y = ops.elu(t, alpha)
    np.testing.assert_allclose(y.numpy(), np.where(x > 0, x, alpha * np.expm1(x)), atol=1e-12)
    y.sum().backward()
    np.testing.assert_allclose(t.grad, np.where(x > 0, 1, alpha * np.exp(x)), atol=1e-12)


@pytest.mark.parametrize(("missing", "args"), [("x1", (None, 1.0)), ("x2", (1.0, None))])
def test_where_says_which_choice_is_missing(missing, args):
    with pytest.raises(ArgumentError) as caught:
        ops.where(np.array([True]), *args)
    assert caught.value.received == {"missing": missing}


def test_a_wrong_type_is_said():
    with pytest.raises(DtypeError) as caught:
        ops.negative(np.array([True]))
    assert caught.value.received == {"dtypes": ["bool"]}


def test_an_axis_twice_is_refused():
    with pytest.raises(ShapeError, match="repeated axis"):
        ops.norm(np.ones((2, 2)), axis=(0, 0))


def test_a_leaky_relu_without_a_slope_is_a_relu():
    x, kernel = RNG.normal(size=(1, 4, 4, 2)), RNG.normal(size=(3, 3, 2, 1))
    bias = np.zeros(2)
    leaky, relu = (
        ops.depthwise_block(x, kernel, bias, activation=a) for a in ("leaky_relu", "relu")
    )
    np.testing.assert_array_equal(leaky, relu)


@pytest.mark.parametrize("wrong", ["x", "recurrent_kernel", "bias", "h", "mask"])
@pytest.mark.parametrize(("name", "gates"), [("lstm", 4), ("gru", 3), ("simple_rnn", 1)])
def test_recurrent_arrays_that_do_not_fit_are_refused(name, gates, wrong):
    N, T, D = 3, 5, 2
    G = gates * D
    given = {
        "x": np.ones((N, T, G)), "recurrent_kernel": np.ones((D, G)), "h": np.ones((N, D)),
        "bias": np.ones((2, G) if name == "gru" else G), "mask": np.ones((N, T), bool),
    } | ({"c": np.ones((N, D))} if name == "lstm" else {})  # fmt: skip
    given[wrong] = given[wrong][..., :-1]
    with pytest.raises(ShapeError, match="the arrays do not fit each other"):
        getattr(ops, name)(**given)


@pytest.mark.parametrize(
    ("shape", "axis"), [((4,), 0), ((4, 3), 0), ((3, 4), -1), ((2, 4, 3), 1)], ids=str
)
def test_average_with_weights_along_an_axis(shape, axis):
    x, weights = RNG.normal(size=shape), RNG.uniform(size=4)
    expected = np.average(x, axis, weights)
    np.testing.assert_allclose(ops.average(x, axis, weights), expected, atol=1e-12)


def lanczos(radius):
    def weight(t):
        t = abs(t)
        return np.sinc(t) * np.sinc(t / radius) if t <= radius else 0.0

    return weight


@pytest.mark.parametrize("radius", [3, 5])
def test_lanczos(radius):
    """Row i lies at (i + 1/2) old / new - 1/2; the weights of the rows that are there add to 1."""
    old, new = 7, 11
    x = RNG.normal(size=(old, 1, 1))
    made = ops.image.resize(x, (new, 1), interpolation=f"lanczos{radius}")
    for i in range(new):
        place = (i + 0.5) * old / new - 0.5
        weights = np.array([lanczos(radius)(n - place) for n in range(old)])
        expected = (weights / weights.sum()) @ x[:, 0, 0]
        np.testing.assert_allclose(made[i, 0, 0], expected, atol=1e-12)


def test_a_frame_is_black_by_default():
    made = ops.image.resize(np.ones((2, 4, 1)), (4, 4), pad_to_aspect_ratio=True)
    np.testing.assert_allclose(made[:, :, 0], [[0] * 4, [1] * 4, [1] * 4, [0] * 4], atol=1e-12)


@pytest.mark.parametrize("length", [7, 16, 23])
def test_a_signal_from_its_pieces_has_the_length_that_is_asked_for(length):
    signal = RNG.normal(size=16)
    made = ops.istft(ops.stft(signal, 8, 4, 8), 8, 4, 8, length=length)
    expected = np.pad(signal, (0, 8))[:length]
    np.testing.assert_allclose(made[:16], expected[:16], atol=1e-9)
    assert made.shape == (length,)
    assert not made[20:].any()


def test_a_signal_is_not_scaled_where_no_window_sees_it():
    """The first number of a Hann window is 0: divided by 1 there, not by what it has not."""
    z = ops.stft(np.ones(16), 8, 8, 8, center=False)
    made = ops.istft(z, 8, 8, 8, center=False)
    assert made[0] == 0
    np.testing.assert_allclose(made[1:8], 1, atol=1e-9)
    bare = (np.ones((2, 5)), np.zeros((2, 5)))  # every number of the pieces counts
    alone = ops.istft(bare, 8, 8, 8, window=None, center=False)
    np.testing.assert_allclose(alone, np.tile(np.fft.irfft(np.ones(5)), 2), atol=1e-9)


@pytest.mark.parametrize("shape", [(5,), (2, 3, 5)])
def test_pieces_have_two_axes_at_least(shape):
    z = (np.ones(shape), np.zeros(shape))
    if len(shape) == 1:
        with pytest.raises(ShapeError, match="there are no pieces"):
            ops.istft(z, 8, 4, 8)
    else:
        assert ops.istft(z, 8, 4, 8).shape[0] == 2


def test_layer_normalization_by_the_deviation():
    x, gamma = RNG.normal(size=(2, 3, 5)), RNG.normal(size=5)
    with pytest.warns(UserWarning, match="rms_scaling"):
        made = ops.layer_normalization(x, gamma, rms_scaling=True, epsilon=1e-3)
    expected = x / np.sqrt(x.var(-1, keepdims=True) + 1e-3) * gamma
    np.testing.assert_allclose(made, expected, atol=1e-12)


def test_attention_whose_scores_have_a_soft_cap():
    q, k, v = (RNG.normal(size=(2, n, 3, 4)) for n in (5, 6, 6))
    mask = RNG.random((2, 3, 5, 6)) < 0.7
    mask[..., 0] = True
    bias = RNG.normal(size=(5, 6))
    made = ops.dot_product_attention(q, k, v, bias=bias, mask=mask, attn_logits_soft_cap=2.0)
    scores = np.einsum("nthd,nshd->nhts", q, k) / 2 + bias
    scores = np.where(mask, 2 * np.tanh(scores / 2), -np.inf)
    p = np.exp(scores - scores.max(-1, keepdims=True))
    p /= p.sum(-1, keepdims=True)
    np.testing.assert_allclose(made, np.einsum("nhts,nshd->nthd", p, v), atol=1e-12)


def test_triangles_in_batches():
    a = np.tril(RNG.uniform(1, 2, (2, 3, 3)))
    one, several = RNG.normal(size=(2, 3)), RNG.normal(size=(2, 3, 4))
    solve = ops.solve_triangular
    np.testing.assert_allclose(
        np.einsum("bij,bj->bi", a, solve(a, one, lower=True)), one, atol=1e-12
    )
    np.testing.assert_allclose(a @ solve(a, several, lower=True), several, atol=1e-12)
    inverse = ops.cholesky_inverse(a)
    np.testing.assert_allclose(inverse @ a @ a.swapaxes(1, 2), np.tile(np.eye(3), (2, 1, 1)),
                               atol=1e-8)  # fmt: skip


def test_a_leaf_that_several_calls_share_is_counted_once_a_use():
    """What is told of a gradient's being complete waits for all uses, by whichever way."""
    w, told = melpy.Tensor(np.array([2.0]), requires_grad=True), []
    once = w * 3.0
    y = once * once + w
    tape.gradients(y.sum(), [w], ready=lambda leaf, g: told.append(float(g[0])))
    assert told == [2 * 9.0 * 2.0 + 1]


@pytest.mark.parametrize("order", [1, 3])
def test_rows_of_length_one_by_any_order(order):
    x = RNG.normal(size=(2, 3))
    expected = x / (np.abs(x) ** order).sum(-1, keepdims=True) ** (1 / order)
    np.testing.assert_allclose(ops.normalize(x, order=order), expected, atol=1e-12)


REFUSED = {
    "the bias does not fit the kernel": lambda: ops.conv_block(
        np.ones((1, 4, 4, 2)), np.ones((3, 3, 2, 3)), np.ones(4)
    ),
    "no two sides": lambda: ops.rearrange(np.ones((2, 3)), "a b"),
    "the sizes of b and c are not known": lambda: ops.rearrange(
        np.ones((2, 6)), "a (b c) -> a b c"
    ),
    "vectorize": lambda: ops.vectorize(lambda a: a, signature="(m,n)->(m,n)")(np.ones(3)),
    "the window is not as long": lambda: ops.stft(np.ones(16), 8, 4, 8, window=np.ones(9)),
    "too short to be mirrored": lambda: ops.stft(np.ones(4), 8, 4, 8),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_fit_is_refused(what):
    with pytest.raises(melpy.errors.MelpyError, match=what):
        REFUSED[what]()


def test_a_narrow_bell_blurs_nothing():
    x = RNG.normal(size=(5, 5, 1))
    np.testing.assert_allclose(ops.image.gaussian_blur(x, 3, (0.1, 0.1)), x, rtol=1e-12)


@pytest.mark.parametrize(("start", "begins"), [(4, 3), (-1, 3), (-9, 0), (1, 1)])
def test_a_block_is_moved_into_the_array(start, begins):
    x = np.arange(5.0)
    np.testing.assert_array_equal(ops.slice(x, (start,), (2,)), x[begins : begins + 2])


@pytest.mark.parametrize("mode", ["valid", "same", "full"])
@pytest.mark.parametrize("sizes", [(7, 4), (4, 7), (5, 5), (6, 1)])
def test_correlations_of_each_mode(mode, sizes):
    x1, x2 = (RNG.normal(size=n) for n in sizes)
    expected = np.correlate(x1, x2, mode)
    np.testing.assert_allclose(ops.correlate(x1, x2, mode=mode), expected, atol=1e-12)


def test_no_correlation_is_beyond_one():
    """Rounded, one in four of such pairs would be: 1 + 2e-16."""
    for _ in range(50):
        x = RNG.normal(size=RNG.integers(2, 9))
        y = ops.corrcoef(np.stack([x, RNG.uniform(-9, -0.1) * x, RNG.uniform(0.1, 9) * x]))
        np.testing.assert_allclose(np.abs(y), 1, atol=1e-12)
        assert np.abs(y).max() <= 1
