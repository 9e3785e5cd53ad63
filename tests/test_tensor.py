"""Tensor: operators, NumPy's protocols, and value_and_grad."""

import operator

import numpy as np
import pytest

import melpy
from melpy import Tensor, ops
from melpy.errors import DtypeError, GraphError, ShapeError

OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.pow, operator.mod,
    operator.floordiv,
]  # fmt: skip


@pytest.mark.parametrize("function", OPERATORS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("number", [2, 2.0])
def test_operators_with_a_number_on_either_side_keep_the_type(function, dtype, number):
    array = np.array([1.0, 3.0], dtype)
    x = Tensor(array, requires_grad=True)
    for y, expected in (
        (function(x, number), function(array, number)),
        (function(number, x), function(number, array)),
    ):
        assert isinstance(y, Tensor)
        assert y.dtype == dtype
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-6)
        y.sum().backward()
        assert x.grad.dtype == dtype


@pytest.mark.parametrize("function", OPERATORS)
def test_operators_with_an_array_on_either_side_are_recorded(function):
    array = np.array([1.0, 3.0])
    x = Tensor([2.0, 2.0], requires_grad=True, dtype="float64")
    for y, expected in (
        (function(x, array), function(x.numpy(), array)),
        (function(array, x), function(array, x.numpy())),
        (function(np.float64(3.0), x), function(3.0, x.numpy())),
    ):
        assert isinstance(y, Tensor)
        assert y.requires_grad
        np.testing.assert_array_equal(y.numpy(), expected)


def test_matmul_on_either_side():
    x = Tensor(np.eye(2), requires_grad=True)
    assert isinstance(np.ones((3, 2)) @ x, Tensor)
    assert (x @ np.ones(2)).shape == (2,)
    assert (x @ x).requires_grad


def test_unary_operators_and_methods():
    x = Tensor([[1.0, -2.0], [3.0, 4.0]], requires_grad=True)
    np.testing.assert_array_equal((-x).numpy(), -x.numpy())
    np.testing.assert_array_equal(abs(x).numpy(), np.abs(x.numpy()))
    for name in ("sum", "mean", "max", "min", "var", "std"):
        for axis in (None, 0, 1):
            expected = getattr(np, name)(x.numpy(), axis=axis)
            np.testing.assert_allclose(getattr(x, name)(axis).numpy(), expected, rtol=1e-6)
    assert x.T.shape == x.transpose().shape == x.transpose(1, 0).shape == (2, 2)
    assert x.reshape(4).shape == x.reshape(2, 2).reshape((-1,)).shape == (4,)
    assert x.swapaxes(0, 1).T.shape == (2, 2)
    assert x.astype("float64").dtype == "float64"
    assert x.reshape(1, 4).squeeze().shape == (4,)


def test_python_floats_take_the_default_type_and_arrays_keep_theirs():
    assert Tensor(1.5).dtype == Tensor([1.5]).dtype == "float32"
    assert Tensor(np.array([1.5])).dtype == "float64"
    assert Tensor(np.float64(1.5)).dtype == "float64"
    assert Tensor([1, 2]).dtype == "int64"
    assert Tensor([1], dtype="float64").dtype == "float64"
    assert Tensor(Tensor([1.5])).shape == (1,)


def test_values_that_are_no_numbers_are_refused():
    with pytest.raises(DtypeError, match=r"^Tensor: the value is not made of numbers\. Expected"):
        Tensor("text")


def test_python_conversions():
    x = Tensor([2.5])
    assert float(x.squeeze()) == 2.5
    assert int(x.squeeze()) == 2
    assert x.item() == 2.5
    assert bool(Tensor(True))
    assert len(Tensor([1.0, 2.0])) == 2
    assert [y.item() for y in Tensor([1.0, 2.0])] == [1.0, 2.0]
    assert (x.ndim, x.size, x.shape) == (1, 1, (1,))
    assert repr(x) == "Tensor([2.5], dtype=float32)"
    assert repr(Tensor([2.5], requires_grad=True)).endswith("requires_grad=True)")


def test_asarray_gives_the_plain_array():
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert type(np.asarray(x)) is np.ndarray
    assert np.asarray(x) is x.value
    assert np.asarray(x, dtype="float64").dtype == "float64"
    assert np.array(x) is not x.value
    with pytest.raises(ValueError, match="copy"):
        np.array(x, dtype="float64", copy=False)


def test_comparisons_give_plain_arrays():
    x = Tensor([1.0, 2.0], requires_grad=True)
    for y in (
        x == 1.0,
        x != 2.0,
        x < 2.0,
        x <= x - 0.0 - 0.5 + 0.5,
        np.less(x, 2.0),
        np.greater(2.0, x),
    ):
        assert type(y) is np.ndarray
        assert y.dtype == bool
    np.testing.assert_array_equal(x == np.array([1.0, 1.0]), [True, False])
    np.testing.assert_array_equal(np.array([1.0, 1.0]) == x, [True, False])
    assert len({x, Tensor([1.0])}) == 2  # hashed by identity


class TestBits:
    @pytest.mark.parametrize("function", [operator.and_, operator.or_, operator.xor])
    @pytest.mark.parametrize("other", [np.array([True, False, True]), True])
    def test_bools(self, function, other):
        bits = np.array([True, True, False])
        for y in (function(Tensor(bits), other), function(Tensor(bits), Tensor(other))):
            np.testing.assert_array_equal(y, function(bits, other))
        np.testing.assert_array_equal(function(other, Tensor(bits)), function(other, bits))

    def test_whole_numbers(self):
        x, y = np.array([12, 5]), np.array([10, 4])
        np.testing.assert_array_equal(Tensor(x) & y, [8, 4])
        np.testing.assert_array_equal(y | Tensor(x), [14, 5])
        np.testing.assert_array_equal(~Tensor(x), [-13, -6])
        np.testing.assert_array_equal(np.gcd(Tensor(x), y), [2, 1])

    def test_floats_are_refused_as_numpy_does(self):
        with pytest.raises(TypeError, match="bitwise_and"):
            Tensor([1.0]) & Tensor([2.0])

    def test_in_a_model(self):
        x = melpy.Input((3,))
        y = ops.where((x > 0) & ~(x > 1) | (x < -1), x % 2, x // 2)
        values = np.array([[0.5, 3.0, -2.5]], "float32")
        np.testing.assert_allclose(melpy.Model(x, y)(values), [[0.5, 1.0, 1.5]])

    def test_round(self):
        np.testing.assert_allclose(round(Tensor([1.26, 2.5]), 1), [1.3, 2.5], rtol=1e-6)


@pytest.mark.parametrize(
    "function",
    [
        np.exp, np.log, np.sqrt, np.tanh, np.square, np.sum, np.mean, np.max, np.var, np.std,
        np.ravel, np.transpose, np.abs, np.negative, np.squeeze, np.prod,
        lambda x: np.maximum(x, 1.5), lambda x: np.clip(x, 0.0, 1.0), lambda x: np.add(1.0, x),
        lambda x: np.where(x > 1.0, x, 0.0), lambda x: np.reshape(x, (2, 1)),
        lambda x: np.concatenate([x, x]), lambda x: np.stack((x, x), axis=1),
        lambda x: np.expand_dims(x, 0), lambda x: np.power(x, 3), lambda x: np.take(x, [0, 0]),
        lambda x: np.flip(x), lambda x: np.tile(x, 2), lambda x: np.sum(x, axis=0, keepdims=True),
    ],
)  # fmt: skip
def test_numpy_functions_are_recorded(function):
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    y = function(x)
    assert isinstance(y, Tensor)
    assert y.requires_grad
    np.testing.assert_allclose(y.numpy(), function(x.numpy()))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: np.spacing(x), r"^np\.spacing: this function cannot be recorded"),
        (lambda x: np.cross(x, x), r"^np\.cross: this function cannot be recorded"),
        (lambda x: np.add.reduce(x), r"^np\.add\.reduce: this function cannot be recorded"),
        (lambda x: np.exp(x, out=np.ones(3)), r"^np\.exp: .*without out= or where="),
        (lambda x: np.linalg.norm(x), r"^np\.linalg\.norm: .*melpy\.ops\.norm"),
        (lambda x: np.median(x), r"^np\.median: .*melpy\.ops\.median.*np\.asarray\(tensor\)"),
    ],
)
def test_what_cannot_be_recorded_is_refused(function, message):
    with pytest.raises(GraphError, match=message):
        function(Tensor([0.1, 0.2, 0.3], requires_grad=True))


def test_what_is_added_to_an_array_makes_a_tensor_and_leaves_the_array():
    x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    total = start = np.zeros(2)
    total += x
    total *= x
    total /= 2
    total -= 1
    np.testing.assert_array_equal(start, 0)
    total.backward(np.ones(2))
    np.testing.assert_array_equal(x.grad, [1, 2])  # of x² / 2

    rows = np.zeros((2, 2))
    rows[0] += x
    np.testing.assert_array_equal(rows, [[1, 2], [0, 0]])


def test_a_whole_number_is_an_index():
    x = Tensor([0.5, 2.0])
    assert ["first", "second"][np.argmax(x)] == ["first", "second"][ops.argmax(x)] == "second"
    with pytest.raises(TypeError, match="only integer"):
        range(x)


def test_numpy_functions_without_gradient_give_plain_results():
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert np.shape(x) == (2,)
    assert np.isfinite(x).all()
    assert np.allclose(x, [1.0, 2.0])
    assert type(np.zeros_like(x)) is np.ndarray
    assert int(np.argmax(x)) == 1


def test_assign_keeps_shape_and_type():
    x = Tensor([1.0, 2.0], name="w")
    kept = x.value
    x.assign(np.array([3.0, 4.0]))
    assert kept.tolist() == [1.0, 2.0]  # what was read out stays as it was
    assert x.dtype == "float32"
    with pytest.raises(ShapeError, match=r"^Tensor\.assign 'w': .*shape \(2,\).*\(3,\)"):
        x.assign(np.ones(3))


def test_value_and_grad_of_one_argument():
    value, d_w = melpy.value_and_grad(lambda w: (w**2).sum())(np.array([1.0, 3.0]))
    assert value == 10.0
    np.testing.assert_array_equal(d_w, [2.0, 6.0])


def test_value_and_grad_over_nested_structures():
    tree = {"a": np.array([1.0, 2.0]), "b": [np.array(3.0), (np.array([[4.0]]),)]}

    def loss(tree):
        return (tree["a"] * tree["b"][0]).sum() + tree["b"][1][0].sum() ** 2

    value, found = melpy.value_and_grad(loss)(tree)
    assert value == 9.0 + 16.0
    np.testing.assert_array_equal(found["a"], [3.0, 3.0])
    assert found["b"][0] == 3.0
    assert isinstance(found["b"][1], tuple)
    np.testing.assert_array_equal(found["b"][1][0], [[8.0]])


def test_argnums_choose_the_arguments():
    def loss(a, b, *, scale):
        return (a * b * scale).sum()

    a, b = np.array([1.0, 2.0]), np.array([5.0, 7.0])
    np.testing.assert_array_equal(melpy.grad(loss, 1)(a, b, scale=2.0), 2.0 * a)
    d_b, d_a = melpy.grad(loss, (1, 0))(a, b, scale=1.0)
    np.testing.assert_array_equal(d_b, a)
    np.testing.assert_array_equal(d_a, b)


def test_lists_of_numbers_are_one_array():
    np.testing.assert_array_equal(melpy.grad(lambda x: (x * x).sum())([1.0, 2.0]), [2.0, 4.0])


def test_an_argument_without_influence_has_gradient_zero():
    _, d_b = melpy.grad(lambda a, b: a.sum(), (0, 1))(np.ones(2), np.ones(3))
    np.testing.assert_array_equal(d_b, np.zeros(3))


def test_value_and_grad_refuses_a_function_that_gives_no_scalar_tensor():
    with pytest.raises(GraphError, match=r"^value_and_grad: the function did not return a tensor"):
        melpy.grad(lambda x: 3.0)(np.ones(2))
    with pytest.raises(ShapeError, match="only a scalar"):
        melpy.grad(lambda x: x * 2.0)(np.ones(2))


def test_grad_of_a_small_network_agrees_with_the_worked_value():
    # L = (relu(2 * 1) * 3 - 5)^2 = 1, dL/dw2 = 2 * 1 * 2 = 4, dL/dw1 = 2 * 1 * 3 * 1 = 6
    def loss(w1, w2):
        return (ops.relu(w1 * 1.0) * w2 - 5.0) ** 2

    value, (d_w1, d_w2) = melpy.value_and_grad(loss, (0, 1))(2.0, 3.0)
    assert (value, d_w1, d_w2) == (1.0, 6.0, 4.0)


@pytest.mark.parametrize("whole", [3, np.array([1, 2]), [1, 2], np.array([True])])
def test_whole_numbers_have_no_gradient(whole):
    with pytest.raises(DtypeError, match=r"argument 1 is made of whole numbers.*3\.0"):
        melpy.grad(lambda a, x: (a * x).sum(), argnums=1)(np.ones(2), whole)


@pytest.mark.parametrize("other", [True, 1, np.array([0, 2]), np.array([1.5, 0.0], "float32")])
def test_variables_are_joined_as_truth_values(other):
    count = melpy.Variable(np.array([1, 0], "int16"))
    truth = np.broadcast_to(np.asarray(other) != 0, (2,))
    for y, expected in [
        (count & other, truth & [True, False]), (count | other, truth | [True, False]),
        (count ^ other, truth ^ [True, False]), (~count, [False, True]), (1 ^ count, [False, True]),
    ]:  # fmt: skip
        assert np.asarray(y).dtype == bool
        np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(+count, [1, 0])
    with pytest.raises(TypeError, match="neither true nor false"):
        bool(count)


def test_what_holds_a_variable_is_a_function():
    w = melpy.Variable([1.0, 2.0])
    w.constraint = w.regularizer = abs
    assert w.constraint is abs
    for attribute in ("constraint", "regularizer"):
        with pytest.raises(ValueError, match=f"the {attribute} is no function"):
            setattr(w, attribute, "non_neg")
    with pytest.raises(TypeError, match="no truth value"):
        w.overwrite_with_gradient = "yes"


def test_numpy_saves_tensors_and_weights(tmp_path):
    weight, tensor = melpy.Variable(np.ones((2, 2))), Tensor([1.0, 2.0])
    np.savez(tmp_path / "a.npz", w=weight, t=tensor)
    np.save(tmp_path / "w.npy", weight)
    with np.load(tmp_path / "a.npz") as kept:
        np.testing.assert_array_equal(kept["w"], np.ones((2, 2)))
        np.testing.assert_array_equal(kept["t"], [1, 2])
    np.testing.assert_array_equal(np.load(tmp_path / "w.npy"), np.ones((2, 2)))
