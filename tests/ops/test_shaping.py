"""Edges of shapes, indices, copies and joins."""

import numpy as np
import pytest

from melpy import Tensor, ops, testing
from melpy.errors import ArgumentError, DtypeError, GraphError

X = np.arange(24.0).reshape(2, 3, 4)


def gradient(function, *arrays):
    leaves = [Tensor(np.asarray(x, float), requires_grad=True) for x in arrays]
    ops.sum(function(*leaves)).backward()
    return [x.grad for x in leaves]


@pytest.mark.parametrize(
    ("ours", "numpys"),
    [
        (lambda x: ops.reshape(x, (4, -1)), lambda x: np.reshape(x, (4, -1))),
        (lambda x: ops.reshape(x, -1), np.ravel),
        (lambda x: ops.transpose(x), np.transpose),
        (lambda x: ops.transpose(x, [-1, 0, 1]), lambda x: np.transpose(x, (-1, 0, 1))),
        (lambda x: ops.swapaxes(x, 0, -1), lambda x: np.swapaxes(x, 0, -1)),
        (lambda x: ops.moveaxis(x, (0, 1), (-1, 0)), lambda x: np.moveaxis(x, (0, 1), (-1, 0))),
        (lambda x: ops.expand_dims(x, (0, -1)), lambda x: np.expand_dims(x, (0, -1))),
        (lambda x: ops.flip(x, 1), lambda x: np.flip(x, 1)),
        (lambda x: ops.roll(x, 2), lambda x: np.roll(x, 2)),
        (lambda x: ops.roll(x, np.int64(-1), 2), lambda x: np.roll(x, -1, 2)),
        (lambda x: ops.roll(x, 1, (0, 1)), lambda x: np.roll(x, 1, (0, 1))),
        (lambda x: ops.pad(x, 2), lambda x: np.pad(x, 2)),
        (lambda x: ops.pad(x, (1, 0)), lambda x: np.pad(x, (1, 0))),
        (lambda x: ops.pad(x, ((0, 0), (1, 2), (3, 0))),
         lambda x: np.pad(x, ((0, 0), (1, 2), (3, 0)))),
        (lambda x: ops.tile(x, (2, 1, 1, 3)), lambda x: np.tile(x, (2, 1, 1, 3))),
        (lambda x: ops.repeat(x, [1, 0, 2], 1), lambda x: np.repeat(x, [1, 0, 2], 1)),
        (lambda x: ops.repeat(x, 0), lambda x: np.repeat(x, 0)),
        (lambda x: ops.take(x, [[0, 1], [1, 1]], 1), lambda x: np.take(x, [[0, 1], [1, 1]], 1)),
        (lambda x: ops.take(x, -1), lambda x: np.take(x, -1)),
        (lambda x: ops.take(x, np.zeros(0, int), 0), lambda x: np.take(x, np.zeros(0, int), 0)),
        (lambda x: ops.broadcast_to(x, (5, 2, 3, 4)), lambda x: np.broadcast_to(x, (5, 2, 3, 4))),
    ],
)  # fmt: skip
def test_agrees_with_numpy_and_with_the_numerical_gradient(ours, numpys):
    np.testing.assert_array_equal(ours(X), numpys(X))
    testing.check_gradient(ours, (X,))


@pytest.mark.parametrize(
    "index",
    [
        0, -1, np.int64(1), slice(None, None, -1), Ellipsis, None, (0, 1, 2), (..., 0),
        (slice(None), None, 1), [1, 0, 1], np.array([[0, 1], [1, 1]]), (0, [1, 1, 2]),
        (slice(None), [0, 0], slice(1, 3)), ([0, 1], slice(None), [3, 3]), X > 11.0,
        (slice(None), np.array([True, False, True])), np.zeros(0, int), True,
    ],
)  # fmt: skip
def test_get_item(index):
    np.testing.assert_array_equal(ops.get_item(X, index), X[index])
    testing.check_gradient(lambda x: ops.get_item(x, index), (X,))


def test_an_entry_picked_twice_gets_both_gradients():
    np.testing.assert_array_equal(gradient(lambda x: x[[0, 0, 2]], np.ones(4))[0], [2, 0, 1, 0])
    d_x = gradient(lambda x: ops.take(x, [1, -1, 1], 0), np.ones(3))[0]
    np.testing.assert_array_equal(d_x, [0, 2, 1])


def test_indices_may_be_tensors():
    index = Tensor(np.array([1, 1]))
    x = Tensor(np.ones((2, 2)), requires_grad=True)
    ops.take(x, index, axis=0).sum().backward()
    np.testing.assert_array_equal(x.grad, [[0, 0], [2, 2]])
    assert x[index].shape == (2, 2)
    assert x[index, 0].shape == (2,)


def test_take_refuses_floats():
    with pytest.raises(DtypeError, match=r"^take: the indices are not whole numbers\. Expected"):
        ops.take(X, 1.5)


def test_pad_with_a_value_and_an_unknown_mode():
    np.testing.assert_array_equal(ops.pad(np.array([1.0]), 1, "constant", 7), [7, 1, 7])
    with pytest.raises(
        ArgumentError, match=r"^pad: unknown mode 'reflekt'.*Did you mean 'reflect'"
    ):
        ops.pad(X, 1, "reflekt")
    with pytest.raises(ArgumentError, match=r"^pad: only the constant mode takes a constant"):
        ops.pad(X, 1, "reflect", 0)
    np.testing.assert_array_equal(ops.pad(np.array([1.0, 3.0]), 1, "maximum"), [3, 1, 3, 3])
    x = Tensor(np.ones(2), requires_grad=True)
    with pytest.raises(GraphError, match=r"^pad: this mode has no gradient"):
        ops.pad(x, 1, "mean").sum().backward()


def test_concatenate_gives_each_its_own_piece():
    weights = np.arange(10.0).reshape(2, 5)
    d_x1, d_x2 = gradient(
        lambda a, b: ops.concatenate([a, b], -1) * weights, np.ones((2, 2)), np.ones((2, 3))
    )
    np.testing.assert_array_equal(d_x1, weights[:, :2])
    np.testing.assert_array_equal(d_x2, weights[:, 2:])


def test_concatenate_of_a_tensor_and_an_array():
    x = Tensor(np.ones(2), requires_grad=True)
    np.concatenate([np.zeros(3), x]).sum().backward()
    np.testing.assert_array_equal(x.grad, [1.0, 1.0])


def test_concatenate_of_one_array_twice():
    x = Tensor(np.ones(2), requires_grad=True)
    (ops.stack([x, x]) * np.array([[1.0], [10.0]])).sum().backward()
    np.testing.assert_array_equal(x.grad, [11.0, 11.0])


@pytest.mark.parametrize(("cuts", "axis"), [(3, 1), ([1], 1), ([1, 1], 0), (2, -1), ([9], 2)])
def test_split(cuts, axis):
    for ours, numpys in zip(ops.split(X, cuts, axis), np.split(X, cuts, axis), strict=True):
        np.testing.assert_array_equal(ours, numpys)


def test_split_is_recorded():
    x = Tensor(np.ones(4), requires_grad=True)
    _, second = ops.split(x, 2)
    second.sum().backward()
    np.testing.assert_array_equal(x.grad, [0, 0, 1, 1])


def test_split_refuses_unequal_pieces():
    with pytest.raises(ArgumentError, match=r"^split: axis 0 of size 2 has no 3 equal pieces\."):
        ops.split(X, 3)


def test_cast_between_floats_carries_the_gradient_back():
    x = Tensor(np.ones(2, "float32"), requires_grad=True)
    y = x.astype("float64")
    assert y.dtype == "float64"
    (y * 3.0).sum().backward()
    assert x.grad.dtype == "float32"
    np.testing.assert_array_equal(x.grad, [3.0, 3.0])


def test_cast_to_whole_numbers_ends_the_record():
    assert not ops.cast(Tensor([1.7], requires_grad=True), "int64").requires_grad


def test_squeeze_all_and_numbers():
    np.testing.assert_array_equal(ops.squeeze(np.ones((1, 2, 1))), [1.0, 1.0])
    assert ops.squeeze(np.ones((1, 1))).shape == ()
    assert gradient(ops.squeeze, np.ones((1, 1)))[0].shape == (1, 1)
    assert gradient(lambda x: ops.reshape(x, (1, 1)), np.array(2.0))[0].shape == ()
