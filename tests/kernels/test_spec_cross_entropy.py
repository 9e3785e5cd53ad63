"""Softmax cross-entropy: against differences and PyTorch, clipped and not, no overflow."""

import numpy as np
import pytest

from melpy.kernels.spec.cross_entropy import (
    softmax_cross_entropy,
    softmax_cross_entropy_d_logits,
)


def draw(rng, N=5, C=4):
    """Logits, targets that do not sum to 1, and a g."""
    return rng.normal(size=(N, C)), rng.uniform(size=(N, C)), rng.normal(size=N)


def test_by_hand():
    logits, target = np.log([[1.0, 3.0]]), np.array([[0.0, 1.0]])
    for epsilon in (0.0, 0.1):
        loss, p = softmax_cross_entropy(logits, target, epsilon)
        np.testing.assert_allclose(p, [[0.25, 0.75]])
        np.testing.assert_allclose(loss, [-np.log(0.75)])
        d_logits = softmax_cross_entropy_d_logits(np.array([2.0]), p, target, epsilon)
        np.testing.assert_allclose(d_logits, [[0.5, -0.5]])
    loss, p = softmax_cross_entropy(logits, target, 0.3)  # clipped to 0.7
    np.testing.assert_allclose(loss, [-np.log(0.7)])
    assert not softmax_cross_entropy_d_logits(np.ones(1), p, target, 0.3).any()


@pytest.mark.parametrize("epsilon", [0.0, 1e-7, 0.2])
def test_gradient_is_the_numerical_one(epsilon):
    logits, target, g = draw(np.random.default_rng(0))
    _, p = softmax_cross_entropy(logits, target, epsilon)
    if epsilon == 0.2:
        clipped = (p <= epsilon) | (p >= 1 - epsilon)
        assert clipped.any()
        assert not clipped.all()
    d_logits = softmax_cross_entropy_d_logits(g, p, target, epsilon)
    for at in np.ndindex(logits.shape):
        step = np.zeros_like(logits)
        step[at] = 1e-6
        up, _ = softmax_cross_entropy(logits + step, target, epsilon)
        down, _ = softmax_cross_entropy(logits - step, target, epsilon)
        assert d_logits[at] == pytest.approx((g * (up - down)).sum() / 2e-6, rel=1e-7, abs=1e-8)


@pytest.mark.parity
def test_equals_pytorch():
    torch = pytest.importorskip("torch")
    logits, target, g = draw(np.random.default_rng(1))
    theirs = torch.from_numpy(logits.copy()).requires_grad_()
    loss = torch.nn.functional.cross_entropy(
        theirs, torch.from_numpy(target.copy()), reduction="none"
    )
    loss.backward(torch.from_numpy(g.copy()))
    ours, p = softmax_cross_entropy(logits, target, 0.0)
    np.testing.assert_allclose(ours, loss.detach().numpy(), rtol=1e-10)
    d_logits = softmax_cross_entropy_d_logits(g, p, target, 0.0)
    np.testing.assert_allclose(d_logits, theirs.grad.numpy(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits(dtype):
    logits = np.array([[1e4, 0.0, -1e4], [-1e30, 1e30, 0.0]], dtype)
    target = np.array([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]], dtype)
    loss, p = softmax_cross_entropy(logits, target, 0.0)
    np.testing.assert_array_equal(loss, [1e4, 0.0])  # log p from the logits: no log(0)
    np.testing.assert_array_equal(p, [[1, 0, 0], [0, 1, 0]])
    d_logits = softmax_cross_entropy_d_logits(np.ones(2, dtype), p, target, 0.0)
    np.testing.assert_array_equal(d_logits, [[1, -1, 0], [0, 0, 0]])
    loss, _ = softmax_cross_entropy(logits, target, 1e-7)
    np.testing.assert_allclose(loss, [-np.log(1e-7), 1e-7], rtol=1e-5, atol=3e-8)


@pytest.mark.parametrize("epsilon", [0.0, 1e-7, np.float64(1e-7)])
@pytest.mark.parametrize("N", [0, 3])
def test_float32_and_the_inputs_are_kept(N, epsilon):
    logits, target, g = (a.astype(np.float32) for a in draw(np.random.default_rng(0), N))
    for array in (logits, target, g):
        array.flags.writeable = False
    loss, p = softmax_cross_entropy(logits, target, epsilon)
    p.flags.writeable = False
    d_logits = softmax_cross_entropy_d_logits(g, p, target, epsilon)
    assert loss.dtype == p.dtype == d_logits.dtype == np.float32
    assert loss.shape == (N,)
    assert p.shape == d_logits.shape == logits.shape
