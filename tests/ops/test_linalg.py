"""Products in every combination of ranks."""

import numpy as np
import pytest

from melpy import Tensor, ops, testing
from melpy.errors import ArgumentError

RNG = np.random.default_rng(0)
RANKS = [
    ((3,), (3,)), ((3,), (3, 4)), ((2, 3), (3,)), ((2, 3), (3, 4)), ((5, 2, 3), (3,)),
    ((3,), (5, 3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)),
    ((5, 1, 2, 3), (6, 3, 4)), ((1, 2, 3), (5, 3, 4)), ((0, 2, 3), (3, 4)), ((2, 0), (0, 4)),
    ((5, 0, 3), (3, 4)), ((1, 1), (1, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("shape1", "shape2"), RANKS)
def test_matmul(shape1, shape2):
    x1, x2 = RNG.normal(size=shape1), RNG.normal(size=shape2)
    np.testing.assert_allclose(ops.matmul(x1, x2), x1 @ x2)
    testing.check_gradient(ops.matmul, (x1, x2))


def test_matmul_by_hand():
    a = Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    b = Tensor([[1.0, 0.0], [2.0, 1.0]], requires_grad=True)
    y = a @ b
    np.testing.assert_array_equal(y.numpy(), [[5.0, 2.0], [11.0, 4.0]])
    y.sum().backward()
    np.testing.assert_array_equal(a.grad, [[1.0, 3.0], [1.0, 3.0]])  # row sums of b
    np.testing.assert_array_equal(b.grad, [[4.0, 4.0], [6.0, 6.0]])  # column sums of a


@pytest.mark.parametrize(
    ("shape1", "shape2"),
    [((), ()), ((), (3,)), ((2, 3), ()), ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)),
     ((2, 3), (4, 3, 5)), ((6, 2, 3), (4, 3, 5)), ((2, 0), (0, 3))],
)  # fmt: skip
def test_dot(shape1, shape2):
    x1, x2 = RNG.normal(size=shape1), RNG.normal(size=shape2)
    x1, x2 = np.asarray(x1), np.asarray(x2)
    np.testing.assert_allclose(ops.dot(x1, x2), np.dot(x1, x2))
    testing.check_gradient(ops.dot, (x1, x2))


@pytest.mark.parametrize("axes", [0, 1, 2, (0, 1), ((1, 0), (0, 1)), ([-1], [0])])
def test_tensordot(axes):
    x1, x2 = RNG.normal(size=(3, 3)), RNG.normal(size=(3, 3, 2))
    np.testing.assert_allclose(ops.tensordot(x1, x2, axes), np.tensordot(x1, x2, axes))
    testing.check_gradient(lambda a, b: ops.tensordot(a, b, axes), (x1, x2))


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("ij,jk", [(2, 3), (3, 4)]),
        ("ba", [(2, 3)]),
        ("i,j->ij", [(2,), (3,)]),
        ("ij->", [(2, 3)]),
        ("ii", [(3, 3)]),
        ("ii->i", [(3, 3)]),
        ("iij->ij", [(3, 3, 2)]),
        ("ij,kj,lk->l", [(2, 3), (4, 3), (5, 4)]),
        ("...ij,...jk->...ik", [(2, 3, 4), (1, 4, 2)]),
        ("...ij,jk", [(5, 2, 3, 4), (4, 2)]),
        ("i,i", [(3,), (1,)]),
        ("ij,k->k", [(2, 3), (4,)]),
        (" i j , j k -> i k ", [(2, 3), (3, 4)]),
        ("...->...", [(2, 3)]),
        ("i...->...", [(2, 3)]),
        ("bhqd,bhkd->bhqk", [(2, 2, 3, 4), (2, 2, 5, 4)]),
    ],
)
def test_einsum(subscripts, shapes):
    arrays = tuple(RNG.normal(size=shape) for shape in shapes)
    np.testing.assert_allclose(ops.einsum(subscripts, *arrays), np.einsum(subscripts, *arrays))
    testing.check_gradient(lambda *xs: ops.einsum(subscripts, *xs), arrays)


def test_einsum_counts_its_operands():
    with pytest.raises(
        ArgumentError, match=r"^einsum: the subscripts name 2 operands\. Expected 1"
    ):
        ops.einsum("ij,jk", np.ones((2, 2)))


def test_numpy_functions_are_recorded():
    a, b = Tensor(np.ones((2, 3)), requires_grad=True), np.ones((3, 4))
    for y in (np.matmul(a, b), np.dot(a, b), np.einsum("ij,jk", a, b), np.tensordot(a, b, 1)):
        assert y.requires_grad


def test_a_vector_for_each_of_several_matrices():
    a, b = RNG.normal(size=(4, 3, 3)) + 3 * np.eye(3), RNG.normal(size=(4, 3))
    y = ops.solve(a, b)
    np.testing.assert_allclose(np.einsum("nij,nj->ni", a, y), b)


@pytest.mark.parametrize(
    ("signature", "function", "shapes", "expected"),
    [
        ("(d,d)->()", ops.trace, [(2, 4, 4)], (2,)),
        ("(d,d)->(d)", ops.diag, [(4, 4)], (4,)),
        ("(n,m),(m)->(n)", ops.matmul, [(5, 1, 2, 3), (6, 3)], (5, 6, 2)),
    ],
)
def test_functions_of_the_last_axes(signature, function, shapes, expected):
    arrays = [RNG.normal(size=shape) for shape in shapes]
    y = ops.vectorize(function, signature=signature)(*arrays)
    assert y.shape == expected
    np.testing.assert_allclose(y, np.vectorize(function, signature=signature)(*arrays))


@pytest.mark.parametrize("signature", ["(n", "(n)->(n)", "(n),(n)->()"])
def test_signatures_that_do_not_fit(signature):
    with pytest.raises(ValueError, match="vectorize"):
        ops.vectorize(np.dot, signature=signature)(np.ones(3), np.ones(4))
