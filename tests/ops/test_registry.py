"""How an op takes its arguments and how it refuses them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import mutually_broadcastable_shapes

from melpy import Tensor, config, ops
from melpy.errors import DtypeError, GraphError, MelpyError, ShapeError
from melpy.ops.registry import OutOfRangeError

X = np.arange(6.0).reshape(2, 3)


def test_options_by_position_and_by_keyword():
    np.testing.assert_array_equal(ops.sum(X, 0), ops.sum(X, axis=0))
    np.testing.assert_array_equal(ops.sum(x=X, axis=0), ops.sum(X, axis=0))
    np.testing.assert_array_equal(ops.where(X > 2, x2=0.0, x1=X), np.where(X > 2, X, 0.0))


def test_arrays_of_a_variadic_op():
    for joined in (
        ops.concatenate([X, X], 1),
        ops.concatenate((X, X), axis=1),
        ops.concatenate(X, X, axis=1),
        ops.concatenate(xs=[X, X], axis=1),
    ):
        np.testing.assert_array_equal(joined, np.concatenate([X, X], 1))
    np.testing.assert_array_equal(ops.einsum("ij->ji", X), X.T)
    np.testing.assert_array_equal(ops.einsum(X, subscripts="ij->ji"), X.T)


def test_wrong_arguments_are_python_type_errors():
    with pytest.raises(TypeError, match="exp\\(\\) takes 0 options, but 1 were given"):
        ops.exp(X, 3)
    with pytest.raises(TypeError, match="multiple values for argument 'axis'"):
        ops.sum(X, 0, axis=0)
    with pytest.raises(TypeError, match="x2"):
        ops.add(X)
    with pytest.raises(TypeError, match="unknown"):
        ops.exp(X, unknown=1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("number", [2, 2.0, True, [1.0, 2.0, 3.0]])
def test_python_numbers_take_the_type_of_the_array(dtype, number):
    x = X.astype(dtype)
    assert ops.multiply(x, number).dtype == dtype
    assert ops.multiply(number, x).dtype == dtype


def test_python_numbers_alone_take_the_default_type(monkeypatch):
    assert ops.add(1.0, 2.0).dtype == "float32"
    assert ops.add([1.0], 2).dtype == "float32"
    assert ops.add(1, 2).dtype == "int32"
    monkeypatch.setitem(config._settings, "floatx", "float64")
    assert ops.add(1.0, 2.0).dtype == "float64"


def test_whole_numbers_keep_their_type():
    assert ops.add(np.array([1], np.int32), 1).dtype == "int32"
    assert ops.add(np.array([1], np.uint8), 1).dtype == "uint8"
    assert ops.sum(np.array([1], np.int64)).dtype == "int64"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (lambda small: ops.add(small, -1), [199]),
        (lambda small: ops.multiply(small, 300), [60_000]),
        (lambda small: ops.maximum(small, -1), [200]),
        (lambda small: ops.less(small, -1), [False]),
        (lambda small: ops.where([True], -1, small), [-1]),
        (lambda small: ops.clip(small, -5, 999), [200]),
    ],
)
def test_a_number_that_a_small_type_does_not_hold_widens_it(call, expected):
    np.testing.assert_array_equal(call(np.array([200], np.uint8)), expected)


def test_a_float_of_numpy_s_is_a_number_like_python_s():
    x = np.ones(2, "float32")
    assert ops.multiply(x, np.sqrt(2.0)).dtype == "float32"
    assert (Tensor(x) * np.float64(0.5)).dtype == "float32"
    assert ops.multiply(x, np.array(2.0)).dtype == "float64"  # an array keeps its type
    assert ops.sqrt(np.float64(2.0)).dtype == "float64"


def test_values_that_are_no_numbers_are_refused():
    with pytest.raises(DtypeError, match=r"exp: an argument is not an array of numbers\. Expected"):
        ops.exp("text")
    with pytest.raises(GraphError, match=r"history would be lost.*Make one tensor.*ops\.stack"):
        ops.exp([Tensor([1.0], requires_grad=True)])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ops.add(X, np.zeros(4)), r"^add: operands could not be broadcast.*\(2, 3\), \(4,"),
        (lambda: ops.matmul(X, X), r"^matmul: .*mismatch.*shapes=\[\(2, 3\), \(2, 3\)\]"),
        (lambda: ops.matmul(X, 2.0), r"^matmul: .*shapes=\[\(2, 3\), \(\)\]"),
        (lambda: ops.reshape(X, (4, 2)), r"^reshape: cannot reshape.*newshape=\(4, 2\)"),
        (lambda: ops.concatenate([X, np.zeros((2, 2))]), r"^concatenate: .*\(2, 3\), \(2, 2\)"),
        (lambda: ops.stack([X, np.zeros(3)]), r"^stack: .*same shape"),
        (lambda: ops.sum(X, axis=2), r"^sum: axis 2 is out of bounds.*axis=2"),
        (lambda: ops.softmax(X, 5), r"^softmax: axis 5 is out of bounds"),
        (lambda: ops.squeeze(X, 0), r"^squeeze: cannot select an axis"),
        (lambda: ops.transpose(X, (0, 0)), r"^transpose: repeated axis"),
        (lambda: ops.max(np.zeros(0)), r"^max: zero-size array"),
        (lambda: ops.broadcast_to(X, (5,)), r"^broadcast_to: "),
        (lambda: ops.pad(X, ((1, 1),) * 3), r"^pad: "),
        (lambda: ops.take(X, 9, axis=1), r"^take: index 9 is out of bounds.*indices=9"),
        (lambda: ops.get_item(X, 5), r"^get_item: index 5 is out of bounds"),
        (lambda: ops.tensordot(X, X, 1), r"^tensordot: axes \(1,\) of x1 have sizes \[3\]"),
        (lambda: ops.dot(X, X), r"^dot: axes \(1,\) of x1 have sizes \[3\], axes \(0,\) of x2"),
        (lambda: ops.einsum("ij,jk", X, X), r"^einsum: "),
    ],
)
def test_what_numpy_refuses_is_a_shape_error_that_names_the_op(call, message):
    with pytest.raises(ShapeError, match=message) as caught:
        call()
    assert isinstance(caught.value, ValueError)


def test_out_of_range_is_an_index_error_too():
    with pytest.raises(IndexError) as caught:
        Tensor(X)[7]
    assert isinstance(caught.value, OutOfRangeError)
    assert isinstance(caught.value, MelpyError)


@given(mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3))
def test_broadcasting_of_any_two_shapes(shapes):
    x1, x2 = (np.full(shape, 2.0) for shape in shapes.input_shapes)
    a, b = Tensor(x1, requires_grad=True), Tensor(x2, requires_grad=True)
    y = ops.multiply(a, b)
    assert y.shape == shapes.result_shape
    y.sum().backward()
    copies = [y.size // x.size if x.size else 0 for x in (x1, x2)]
    np.testing.assert_array_equal(a.grad, np.full(x1.shape, 2.0 * copies[0]))
    np.testing.assert_array_equal(b.grad, np.full(x2.shape, 2.0 * copies[1]))


@pytest.mark.parametrize("floats", ["float32", "float64"])
@pytest.mark.parametrize("whole", ["int32", "int64", "uint8"])
def test_whole_numbers_beside_floats_take_their_type(floats, whole):
    x, n = X.astype(floats), X.astype(whole)
    for y in (ops.add(x, n), ops.multiply(n, x), ops.matmul(x, n.T), ops.concatenate([x, n])):
        assert y.dtype == floats
    assert (Tensor(x) + n).dtype == floats
    assert ops.where(X > 2, n, x).dtype == floats


@pytest.mark.parametrize("whole", ["int32", "uint8", "bool"])
def test_fractions_of_whole_numbers_are_of_the_default_type(whole, monkeypatch):
    n = X.astype(whole)
    for y in (ops.mean(n), ops.exp(n), ops.divide(n, np.ones_like(n))):
        assert y.dtype == "float32"  # NumPy's would be float16 or float64
    assert ops.cast(n, "float64").dtype == "float64"
    np.testing.assert_array_equal(ops.exp(n), np.exp(n.astype("float32")))
    monkeypatch.setitem(config._settings, "floatx", "float64")
    assert ops.mean(n).dtype == "float64"


@pytest.mark.parametrize(
    "call",
    [
        lambda: ops.negative([True, False]),
        lambda: ops.subtract([True], [False]),
        lambda: ops.sign([True]),
        lambda: ops.bitwise_and([1.0], [2.0]),
        lambda: ops.bitwise_not(1.5),
        lambda: ops.gcd(2.0, 4.0),
        lambda: ops.take([1.0, 2.0], [0.0]),
        lambda: ops.cast([1.0], "float99"),
    ],
)
def test_types_that_an_op_does_not_take_are_named(call):
    with pytest.raises(DtypeError, match=r"(received|Received) dtype"):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda: ops.triu(np.ones(3)),
        lambda: ops.tril(1.0),
        lambda: ops.svd(np.ones(3)),
        lambda: ops.qr(np.ones(3)),
        lambda: ops.lstsq(np.ones((2, 3, 3)), np.ones((2, 3))),
        lambda: ops.lstsq(np.ones((2, 3)), np.ones(3)),
        lambda: ops.map(lambda x: x, np.float32(1)),
    ],
)
def test_what_has_too_few_axes_is_refused(call):
    with pytest.raises(ShapeError, match="Expected"):
        call()


def test_options_may_be_tensors():
    sizes = ops.convert_to_tensor([2, 1])
    assert ops.tile(np.ones((1, 3)), sizes).shape == (2, 3)
    assert ops.broadcast_to(np.ones(1), sizes).shape == (2, 1)
    y = ops.tile(Tensor(np.ones((1, 3)), requires_grad=True), sizes)
    assert y.requires_grad
