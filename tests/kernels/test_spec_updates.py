"""Optimizer updates: two steps by hand, PyTorch where the formulas are the same, in place."""

import numpy as np
import pytest

from melpy.kernels.spec.updates import adam, rmsprop, sgd


def test_sgd_by_hand():
    g = np.array([1.0, -2.0])
    p = np.zeros(2)
    assert sgd(p, g, None, 0.5, 0.0, False) is None
    np.testing.assert_array_equal(p, [-0.5, 1.0])

    p, velocity = np.zeros(2), np.zeros(2)
    for _ in range(2):
        sgd(p, g, velocity, 0.5, 0.5, False)
    np.testing.assert_array_equal(velocity, [-0.75, 1.5])  # 0.5 (-0.5) - 0.5
    np.testing.assert_array_equal(p, [-1.25, 2.5])  # -0.5 - 0.75

    p, velocity = np.zeros(2), np.zeros(2)
    for _ in range(2):
        sgd(p, g, velocity, 0.5, 0.5, True)
    np.testing.assert_array_equal(p, [-1.625, 3.25])  # (0.5 (-0.5) - 0.5) + (0.5 (-0.75) - 0.5)


def test_rmsprop_by_hand():
    g = np.array([2.0])
    p, v, buffer, mean_g = np.zeros((4, 1))
    assert rmsprop(p, g, v, buffer, mean_g, 1.0, 0.5, 0.5, 0.0) is None
    np.testing.assert_array_equal([v, mean_g], [[2.0], [1.0]])  # v - mean_g^2 = 1
    np.testing.assert_array_equal([buffer, p], [[2.0], [-2.0]])
    rmsprop(p, g, v, buffer, mean_g, 1.0, 0.5, 0.5, 0.0)
    np.testing.assert_array_equal([v, mean_g], [[3.0], [1.5]])  # v - mean_g^2 = 0.75
    increment = 2.0 / np.sqrt(0.75)
    np.testing.assert_allclose([buffer, p], [[1.0 + increment], [-3.0 - increment]])


def test_rmsprop_adds_epsilon_under_the_root():
    p, v = np.zeros(1), np.zeros(1)
    rmsprop(p, np.array([2.0]), v, None, None, 1.0, 0.0, 0.0, 5.0)
    np.testing.assert_allclose(p, [-2.0 / 3.0])  # 2 / sqrt(4 + 5)


def test_adam_by_hand():
    p, m, v = np.zeros((3, 2))
    g = np.array([4.0, -4.0])
    step_size = 0.1 * np.sqrt(1 - 0.999) / (1 - 0.9)
    assert adam(p, g, m, v, step_size, 0.9, 0.999, 0.0) is None
    np.testing.assert_allclose(m, [0.4, -0.4])
    np.testing.assert_allclose(v, [0.016, 0.016])
    np.testing.assert_allclose(p, [-0.1, 0.1])  # the first step is lr long, whatever g is
    p, m, v = np.zeros((3, 1))
    adam(p, np.array([4.0]), m, v, 1.0, 0.5, 0.75, 1.0)
    np.testing.assert_allclose(p, [-2.0 / (2.0 + 1.0)])  # epsilon beside sqrt(v)


@pytest.mark.parity
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_equals_pytorch(nesterov):
    """Their buffer is ours without -lr: the same steps while lr stays."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    p, velocity = rng.normal(size=6), np.zeros(6)
    theirs = torch.from_numpy(p.copy()).requires_grad_()
    optimizer = torch.optim.SGD([theirs], lr=0.1, momentum=0.9, nesterov=nesterov)
    for g in rng.normal(size=(5, 6)):
        sgd(p, g, velocity, 0.1, 0.9, nesterov)
        theirs.grad = torch.from_numpy(g.copy())
        optimizer.step()
    np.testing.assert_allclose(p, theirs.detach().numpy(), rtol=1e-10)


@pytest.mark.parity
def test_adam_equals_pytorch_without_epsilon():
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    p, m, v = rng.normal(size=6), np.zeros(6), np.zeros(6)
    theirs = torch.from_numpy(p.copy()).requires_grad_()
    optimizer = torch.optim.Adam([theirs], lr=0.1, eps=0.0)
    for t, g in enumerate(rng.normal(size=(5, 6)), start=1):
        adam(p, g, m, v, 0.1 * (1 - 0.999**t) ** 0.5 / (1 - 0.9**t), 0.9, 0.999, 0.0)
        theirs.grad = torch.from_numpy(g.copy())
        optimizer.step()
    np.testing.assert_allclose(p, theirs.detach().numpy(), rtol=1e-10)


@pytest.mark.parity
@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_rmsprop_equals_pytorch_without_epsilon(centered, momentum):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    p, v = rng.normal(size=6), np.zeros(6)
    buffer = np.zeros(6) if momentum else None
    mean_g = np.zeros(6) if centered else None
    theirs = torch.from_numpy(p.copy()).requires_grad_()
    optimizer = torch.optim.RMSprop(
        [theirs], lr=0.1, alpha=0.9, eps=0.0, momentum=momentum, centered=centered
    )
    for g in rng.normal(size=(5, 6)):
        rmsprop(p, g, v, buffer, mean_g, 0.1, 0.9, momentum, 0.0)
        theirs.grad = torch.from_numpy(g.copy())
        optimizer.step()
    np.testing.assert_allclose(p, theirs.detach().numpy(), rtol=1e-10)


@pytest.mark.parametrize("size", [0, 5])
def test_in_place_float32_and_g_is_kept(size):
    g = np.linspace(-1, 1, size, dtype=np.float32)
    g.flags.writeable = False
    slots = np.zeros((7, size), np.float32)  # views of one flat buffer are written too
    sgd(slots[0], g, slots[1], 0.1, 0.9, True)
    rmsprop(slots[2], g, slots[3], slots[4], slots[5], 0.1, 0.9, 0.9, 1e-7)
    adam(slots[6], g, np.zeros_like(g), np.zeros_like(g), 0.1, 0.9, 0.999, 1e-7)
    assert slots.dtype == np.float32
    assert np.isfinite(slots).all()
    assert all(slot.any() for slot in slots) or size == 0
