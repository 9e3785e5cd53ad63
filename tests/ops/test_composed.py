"""What is composed of ops: worked examples, edges, and what is refused."""

import numpy as np
import pytest

import melpy
from melpy import Tensor, config, ops
from melpy.errors import ArgumentError, ShapeError


def test_types_of_what_is_made_from_nothing(monkeypatch):
    assert ops.arange(3).dtype == ops.array([1, 2]).dtype == "int32"
    assert ops.array([2**40]).dtype == "int64"
    assert ops.zeros(2).dtype == ops.array([1, 2.0]).dtype == "float32"
    assert ops.array(np.zeros(2)).dtype == "float64"
    monkeypatch.setitem(config._settings, "floatx", "float64")
    assert ops.eye(2).dtype == ops.linspace(0, 1).dtype == ops.arange(0.0, 1.0).dtype == "float64"


def test_tensors_stay_tensors():
    x = Tensor([1.0, 2.0], requires_grad=True)
    assert ops.convert_to_tensor(x) is x
    pair = ops.array([x, 2 * x])
    pair.sum().backward()
    np.testing.assert_array_equal(x.grad, [3, 3])
    assert not ops.stop_gradient(x).requires_grad
    assert ops.convert_to_numpy(x) is x.value
    assert ops.dtype(x) == "float32"
    assert (ops.shape(x), ops.ndim(x), ops.size(x)) == ((2,), 1, 2)


def test_what_is_converted_is_a_tensor():
    x = ops.convert_to_tensor(np.array([[1, 3, 2]], "uint8"))
    assert ops.is_tensor(x)
    assert x.dtype == "uint8"
    assert ops.argmax(x, axis=-1).numpy() == [1]
    assert isinstance(ops.convert_to_numpy(x), np.ndarray)
    assert ops.convert_to_tensor([1, 2]).numpy().dtype == "int32"


def test_attention_by_hand():
    # one head, two times: the first key fits, the second value is far
    query = np.array([[[[2.0]], [[0.0]]]])
    key = np.array([[[[1.0]], [[0.0]]]])
    value = np.array([[[[0.0]], [[10.0]]]])
    share = 1 / (1 + np.exp(-2.0))
    y = ops.dot_product_attention(query, key, value)
    np.testing.assert_allclose(y.ravel(), [10 * (1 - share), 5.0])
    y = ops.dot_product_attention(query, key, value, is_causal=True)
    np.testing.assert_allclose(y.ravel(), [0.0, 5.0], atol=1e-12)
    two = np.concatenate([query, query], 2)  # two heads of queries share a key
    np.testing.assert_allclose(
        ops.dot_product_attention(two, key, value)[:, :, 1],
        ops.dot_product_attention(query, key, value)[:, :, 0],
    )
    with pytest.raises(ShapeError, match="dot_product_attention: the inputs have not 4 axes"):
        ops.dot_product_attention(query[0], key, value)
    with pytest.raises(ArgumentError, match="no flash attention"):
        ops.dot_product_attention(query, key, value, flash_attention=True)


def test_what_is_refused():
    x = np.ones((2, 3))
    for call, message in (
        (lambda: ops.norm(x, 5), "norm: matrices have no such norm"),
        (lambda: ops.normalize(x, order=0), "normalize: this is no order"),
        (lambda: ops.cross(np.ones(4), np.ones(4)), "cross: these are no vectors"),
        (lambda: ops.one_hot([1], 2, sparse=True), "one_hot: arrays here are dense"),
        (lambda: ops.multi_hot([1]), "multi_hot: the number of classes is missing"),
        (lambda: ops.det(x), "det: .*square"),
        (lambda: ops.inv(np.zeros((2, 2))), "inv: singular matrix"),
        (lambda: ops.cholesky(-np.eye(2)), "cholesky: .*positive definite"),
        (lambda: ops.quantile(x, 0.5, method="best"), "unknown method 'best'"),
        (lambda: ops.scan(lambda c, x: (c, x), 0), "scan: nothing says how many steps"),
        (lambda: ops.scan(lambda c, x: (c, x), 0, x, unroll=-1), "scan: unroll is no number"),
        (lambda: ops.moments(x, 0, synchronized=True), "moments: there is one process only"),
        (lambda: ops.glu(x), "glu: axis -1 has no two halves"),
        (lambda: ops.categorical_crossentropy(x, x[:1]), "categorical_crossentropy: .*fit"),
        (lambda: ops.sparse_categorical_crossentropy([1], x), "sparse_categorical_.*fit"),
        (lambda: ops.binary_crossentropy(x, x[0]), "binary_crossentropy: .*fit"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_norms_neither_overflow_nor_divide_by_zero():
    assert ops.norm(np.full(4, 1e30, "float32")) == pytest.approx(2e30)
    x = Tensor(np.zeros(3), requires_grad=True)
    ops.norm(x).backward()
    np.testing.assert_array_equal(x.grad, 0)
    np.testing.assert_array_equal(ops.normalize(np.zeros((1, 3))), 0)


def test_loops_are_recorded():
    x = Tensor([2.0], requires_grad=True)
    y = ops.fori_loop(0, 3, lambda i, v: v * x, x)  # x^4
    y.sum().backward()
    np.testing.assert_allclose(x.grad, 32)
    rows = Tensor(np.arange(6.0).reshape(3, 2), requires_grad=True)
    ys = ops.map(lambda r: {"a": r.sum(), "b": (r * r, r[0])}, rows)
    assert ys["b"][0].shape == (3, 2)
    (ys["a"].sum() + ys["b"][1].sum()).backward()
    np.testing.assert_array_equal(rows.grad, [[2, 1]] * 3)


def test_absent_values():
    x = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]])
    np.testing.assert_array_equal(ops.nanmean(x, axis=1), [2.0, np.nan])
    np.testing.assert_array_equal(ops.nanmax(x, axis=1), [3.0, np.nan])
    np.testing.assert_array_equal(ops.nansum(x, axis=1), [4.0, 0.0])
    np.testing.assert_array_equal(ops.nanstd(x, axis=1), [1.0, np.nan])
    np.testing.assert_array_equal(ops.median(x, axis=1), [np.nan, np.nan])
    leaf = Tensor(x[:1], requires_grad=True)
    ops.nanvar(leaf).backward()
    np.testing.assert_array_equal(leaf.grad, [[-1, 0, 1]])


def test_erfinv_is_exact_to_its_ends():
    x = np.array([1e-12, 0.3, -0.9, 0.9999999, 1 - 1e-15])
    np.testing.assert_allclose(ops.erf(ops.erfinv(x)), x, rtol=1e-15)
    np.testing.assert_array_equal(ops.erfinv(np.array([1.0, -1.0])), [np.inf, -np.inf])
    assert np.isnan(ops.erfinv(np.array(1.5)))


def test_namespaces_of_keras():
    assert ops.numpy.mean is ops.mean
    assert ops.nn.relu is ops.relu
    assert ops.linalg.solve is ops.solve
    assert ops.image.resize is ops.resize


@pytest.mark.parametrize(
    ("loss", "x", "expected"),
    [
        (lambda x: ops.maximum(ops.sqrt(x), 1e-10), [0.0, 4.0], [0, 0.25]),
        (lambda x: ops.where(np.array([False, True]), ops.log(x), 0.0), [0.0, 4.0], [0, 0.25]),
        (lambda x: ops.where(np.array([False, True]), ops.arcsin(x), 0.0), [1.0, 0.0], [0, 1]),
        (lambda x: (x / np.array([0.0, 2.0]))[1], [1.0, 1.0], [0, 0.5]),
        (lambda x: ((x - np.array([np.nan, 0.0])) ** 2)[1], [1.0, 1.0], [0, 2]),
        (lambda x: ops.power(x, 0.5)[1], [0.0, 4.0], [0, 0.25]),
    ],
)
def test_what_does_not_count_has_no_gradient_where_the_derivative_is_infinite(loss, x, expected):
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(melpy.grad(lambda x: ops.sum(loss(x)))(np.array(x)), expected)


def test_the_infinite_derivative_itself_stays():
    assert melpy.grad(lambda x: ops.sum(ops.sqrt(x)))(np.array([0.0]))[0] == np.inf


def test_log_softmax_keeps_the_digits_of_what_is_far_below_1():
    z = np.array([40.0, 0.0])
    np.testing.assert_allclose(ops.log_softmax(z), [-np.exp(-40), -40], rtol=1e-15)
    gradient = melpy.grad(lambda z: ops.log_softmax(z)[0])(z)
    np.testing.assert_allclose(gradient, [np.exp(-40), -np.exp(-40)], rtol=1e-12)
    zeros = np.zeros((2, 3, 2))
    np.testing.assert_allclose(ops.log_softmax(zeros, axis=(0, 2)), -np.log(4))
    np.testing.assert_allclose(ops.log_softmax(zeros, axis=None), -np.log(12))
    np.testing.assert_allclose(ops.softmax(zeros, axis=None), 1 / 12)


@pytest.mark.parametrize("name", ["map", "vectorized_map"])
def test_a_map_over_nothing_has_the_shape_of_what_it_would_give(name):
    made = getattr(ops, name)(lambda row: (row * 2, row.sum()), np.zeros((0, 3), np.float32))
    assert [x.shape for x in made] == [(0, 3), (0,)]
    assert {x.dtype for x in made} == {np.dtype(np.float32)}


def test_a_scan_over_nothing_keeps_the_carry():
    carry, ys = ops.scan(lambda c, x: (c + x, c), np.ones(3, np.float32), np.zeros((0, 3), "f4"))
    np.testing.assert_array_equal(carry, [1, 1, 1])
    assert ys.shape == (0, 3)


def test_nothing_is_no_tensor():
    with pytest.raises(ValueError, match="convert_to_tensor: there is no value"):
        ops.convert_to_tensor(None)
