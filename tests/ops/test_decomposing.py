"""Decompositions: the parts multiply to the whole, and to what NumPy gives."""

import numpy as np
import pytest

import melpy
from melpy import errors, ops
from melpy.testing import check_gradient

RNG = np.random.default_rng(0)
TALL, WIDE, SQUARE = (RNG.normal(size=shape) for shape in [(2, 5, 3), (3, 5), (4, 4)])


def turned(x):
    return np.swapaxes(np.asarray(x), -1, -2)


@pytest.mark.parametrize("x", [TALL, WIDE, SQUARE], ids=["tall", "wide", "square"])
class TestParts:
    @pytest.mark.parametrize("full", [True, False])
    def test_svd(self, x, full):
        u, s, vt = ops.svd(x, full_matrices=full)
        k = s.shape[-1]
        np.testing.assert_allclose((u[..., :k] * s[..., None, :]) @ vt[..., :k, :], x, atol=1e-12)
        np.testing.assert_allclose(turned(u) @ u - np.eye(u.shape[-1]), 0, atol=1e-12)
        np.testing.assert_allclose(s, np.linalg.svd(x, compute_uv=False))
        assert [part.shape for part in (u, s, vt)] == [
            part.shape for part in np.linalg.svd(x, full_matrices=full)
        ]

    @pytest.mark.parametrize("mode", ["reduced", "complete"])
    def test_qr(self, x, mode):
        q, r = ops.qr(x, mode)
        np.testing.assert_allclose(q @ r, x, atol=1e-12)
        assert not np.tril(r, -1).any()
        assert [q.shape, r.shape] == [part.shape for part in np.linalg.qr(x, mode)]

    def test_pinv(self, x):
        np.testing.assert_allclose(ops.pinv(x), np.linalg.pinv(x), atol=1e-12)

    def test_gradients(self, x):
        check_gradient(lambda x: ops.svd(x, compute_uv=False), (x,))
        check_gradient(lambda x: ops.qr(x)[1], (x,))
        check_gradient(lambda x: ops.qr(x)[0], (x,))
        check_gradient(lambda x: ops.svd(x, full_matrices=False)[2], (x,))


def test_eigh_of_a_symmetric_matrix():
    x = SQUARE + SQUARE.T
    w, v = ops.eigh(x)
    np.testing.assert_allclose(x @ v, v * w, atol=1e-12)
    np.testing.assert_allclose(w, np.linalg.eigvalsh(x))
    check_gradient(lambda x: ops.eigh(x)[0], (x,))


def test_lstsq_is_numpys():
    a, b = TALL[0], RNG.normal(size=(5, 2))
    np.testing.assert_allclose(ops.lstsq(a, b), np.linalg.lstsq(a, b)[0], atol=1e-12)
    np.testing.assert_allclose(ops.lstsq(a, b[:, 0]), np.linalg.lstsq(a, b[:, 0])[0], atol=1e-12)
    check_gradient(ops.lstsq, (a, b))


def test_solve_triangular_looks_at_one_half():
    a, b = SQUARE + 4 * np.eye(4), RNG.normal(size=4)
    np.testing.assert_allclose(ops.solve_triangular(a, b), np.linalg.solve(np.triu(a), b))
    x = melpy.Tensor(a, requires_grad=True)
    ops.solve_triangular(x, b, lower=True).sum().backward()
    assert not np.triu(x.grad, 1).any()


def test_cholesky_inverse():
    x = SQUARE @ SQUARE.T + np.eye(4)
    np.testing.assert_allclose(ops.cholesky_inverse(ops.cholesky(x)), np.linalg.inv(x))
    upper = ops.cholesky(x, upper=True)
    np.testing.assert_allclose(ops.cholesky_inverse(upper, upper=True), np.linalg.inv(x))


def test_ranks():
    assert int(ops.matrix_rank(np.outer(np.arange(1, 4), np.arange(1, 5)))) == 1
    assert int(ops.matrix_rank(np.diag([1.0, 1e-3]), tol=1e-2)) == 1


def test_in_a_model():
    x = melpy.Input((3, 3))
    y = ops.svd(x, compute_uv=False)
    values = RNG.normal(size=(2, 3, 3)).astype("float32")
    np.testing.assert_allclose(
        melpy.Model(x, y)(values), np.linalg.svd(values, compute_uv=False), rtol=1e-5
    )


def test_messages():
    x = melpy.Tensor(WIDE, requires_grad=True)
    with pytest.raises(errors.ArgumentError, match="svd: the vectors that x does not determine"):
        ops.svd(x)
    with pytest.raises(errors.ArgumentError, match='Pass mode="reduced"'):
        ops.qr(melpy.Tensor(TALL, requires_grad=True), "complete")
    with pytest.raises(errors.ArgumentError, match="qr: unknown mode"):
        ops.qr(SQUARE, "raw")
    with pytest.raises(errors.ShapeError, match="eigh: the matrices are not square"):
        ops.eigh(WIDE)
