"""melpy.ops are keras.ops: names, arguments, values, gradients.

The decorated ops bring their samples; what is composed of them has a table of calls here.
"""

import inspect

import numpy as np
import pytest

from melpy import Tensor, config, ops, random, testing
from melpy.ops.registry import OPS
from melpy.tape import gradients

pytestmark = pytest.mark.parity

# Taken otherwise than Keras does, for the operators' and NumPy's protocols' sake.
LISTS = {"concatenate", "stack"}
# Half orders are not unique; JAX takes no lists as indices; and what Keras calls sparsemax does not
# add up to 1. All are held to PyTorch by the ops' contract.
APART = {"argpartition", "get_item", "sparsemax"}
# Rooms with parity tests of their own, over many more arguments.
ELSEWHERE = ("conv", "depthwise", "resizing", "image_transform", "pooling", "recurrent")
NAMES = sorted(
    name
    for name, row in OPS.items()
    if name not in APART and row.room.rpartition(".")[2] not in ELSEWHERE
)

A = np.linspace(-1.7, 2.3, 12).reshape(3, 4)
B = np.cos(np.arange(12.0)).reshape(3, 4)
V = np.array([0.3, -1.2, 2.0])
HOLES = np.where(np.arange(12).reshape(3, 4) % 5 == 1, np.nan, A)
P = np.abs(B) / np.abs(B).sum(-1, keepdims=True)
BITS = (A > 0).astype(float)
HEADS = np.sin(np.arange(48.0) + 0.5).reshape(2, 3, 2, 4)

BIAS = np.ones((2, 2, 3, 3)) * B[0, :3]

# (name, arguments, options); float arrays are differentiated unless the name is in CONSTANT.
CALLS = [
    ("append", (A, B), {}),
    ("append", (A, B), {"axis": 1}),
    ("array_split", (A, 3), {"axis": 1}),
    ("average", (A,), {"axis": 0}),
    ("average", (A, 0, np.array([1.0, 2.0, 5.0])), {}),
    ("average", (A, None, np.abs(B)), {}),
    ("batch_normalization", (A, B[0], np.abs(B[1]), -1, B[2], A[0]), {"epsilon": 0.1}),
    ("binary_crossentropy", (BITS, np.abs(B)), {}),
    ("binary_crossentropy", (BITS, A), {"from_logits": True}),
    ("categorical_crossentropy", (P, np.abs(A)), {}),
    ("categorical_crossentropy", (P, A), {"from_logits": True}),
    ("categorical_crossentropy", (P, np.abs(A)), {"axis": 0}),
    ("cross", (A[:, :3], B[:, :3]), {}),
    ("cross", (A[:, :2], B[:, :3]), {}),
    ("cross", (A[:, :2], B[:, :2]), {}),
    ("ctc_decode", (np.cos(np.arange(40.0)).reshape(2, 5, 4), np.array([5, 3])), {}),
    (
        "ctc_decode",
        (np.cos(np.arange(40.0)).reshape(2, 5, 4), np.array([4, 5])),
        {"merge_repeated": False, "mask_index": 2},
    ),
    ("cholesky_inverse", (np.tril(A[:, :3]) + 3 * np.eye(3),), {}),
    ("cholesky_inverse", (np.triu(A[:, :3]) + 3 * np.eye(3),), {"upper": True}),
    ("diag", (V,), {"k": 1}),
    ("diag", (A,), {"k": -1}),
    ("divide_no_nan", (A, np.array([0.0, 1.0, 2.0, 0.0])), {}),
    ("dot_product_attention", (HEADS, HEADS + 0.1, HEADS[::-1]), {}),
    ("dot_product_attention", (HEADS, HEADS, HEADS), {"is_causal": True, "scale": 0.3}),
    (
        "dot_product_attention",
        (
            HEADS,
            HEADS,
            HEADS,
            np.ones((2, 2, 3, 3)) * B[0, :3],
            np.tri(3) * np.ones((2, 2, 3, 3)) > 0,
        ),
        {},
    ),
    ("dsplit", (HEADS, 2), {}),
    ("dstack", ([A, B],), {}),
    ("fliplr", (A,), {}),
    ("flipud", (A,), {}),
    ("hsplit", (A, 2), {}),
    ("hstack", ([A, B],), {}),
    ("hstack", ([V, V],), {}),
    ("inner", (A, B), {}),
    ("kron", (A[:2, :2], B), {}),
    ("layer_normalization", (A, B[0], B[1]), {"epsilon": 0.01}),
    ("layer_normalization", (HEADS,), {"axis": [1, 2], "epsilon": 0.01}),
    ("lstsq", (A, V), {}),
    ("lstsq", (A[:, :2], B), {}),
    ("logdet", (A[:, :3].T @ A[:, :3] + 2 * np.eye(3),), {}),
    ("matrix_rank", (A,), {}),
    ("matrix_rank", (HEADS,), {"tol": 0.5}),
    ("median", (A,), {"axis": 1}),
    ("median", (A,), {"axis": 0, "keepdims": True}),
    ("moments", (A, [0]), {}),
    ("moments", (A, [0, 1]), {"keepdims": True}),
    ("multi_hot", (np.array([[0, 2], [1, 1]]), 4), {}),
    ("nanargmax", (HOLES,), {"axis": 1}),
    ("nanargmin", (HOLES,), {"axis": 1}),
    ("nancumprod", (HOLES,), {"axis": 1}),
    ("nancumsum", (HOLES,), {"axis": 1}),
    ("nanmax", (HOLES,), {"axis": 1}),
    ("nanmean", (HOLES,), {"axis": 0}),
    ("nanmin", (HOLES,), {}),
    ("nanprod", (HOLES,), {"axis": 1}),
    ("nanstd", (HOLES,), {"axis": 1, "keepdims": True}),
    ("nansum", (HOLES,), {"axis": 0}),
    ("nanvar", (HOLES,), {"axis": 1}),
    ("norm", (A,), {}),
    ("norm", (A,), {"ord": 1, "axis": 0}),
    ("norm", (A,), {"ord": 3, "axis": 1, "keepdims": True}),
    ("norm", (A,), {"ord": np.inf, "axis": 1}),
    ("norm", (A,), {"ord": 0, "axis": 1}),
    ("norm", (A,), {"ord": "fro"}),
    ("norm", (A,), {"ord": 1}),
    ("norm", (HEADS,), {"ord": -np.inf, "axis": (0, 2)}),
    ("normalize", (A,), {}),
    ("normalize", (A,), {"order": 3, "axis": 0}),
    ("outer", (A, V), {}),
    ("percentile", (A, 30.0), {"axis": 0}),
    ("ptp", (A,), {"axis": 1}),
    ("rms_normalization", (A, B[0]), {"epsilon": 0.01}),
    ("rot90", (A,), {}),
    ("rot90", (A,), {"k": 2}),
    ("rot90", (HEADS,), {"k": 3, "axes": (1, 3)}),
    ("select", ([A < 0, B < 0], [A, B], 0.5), {}),
    ("slice", (A, (1, 0), (2, 3)), {}),
    ("slogdet", (A[:, :3] + 2 * np.eye(3),), {}),
    ("solve_triangular", (A[:, :3] + 4 * np.eye(3), V), {}),
    ("solve_triangular", (A[:, :3] + 4 * np.eye(3), B), {"lower": True}),
    ("svd", (HEADS,), {"compute_uv": False}),
    ("sparse_categorical_crossentropy", (np.array([0, 3, 1]), np.abs(A)), {}),
    ("sparse_categorical_crossentropy", (np.array([[0], [3], [1]]), A), {"from_logits": True}),
    ("split", (A, 2), {"axis": 1}),
    ("trace", (HEADS,), {"offset": 1, "axis1": 1, "axis2": 3}),
    ("unstack", (A,), {"axis": 1}),
    ("vdot", (A, B), {}),
    ("vsplit", (A, [1]), {}),
    ("vstack", ([V, V],), {}),
    # from nothing
    ("arange", (5,), {}),
    ("arange", (1.0, 2.0, 0.25), {}),
    ("arange", (7, 1, -2), {"dtype": "float32"}),
    ("array", ([[1, 2], [3, 4]],), {}),
    ("array", ([1.5, 2],), {}),
    ("bincount", (np.array([0, 2, 2, 5]),), {"minlength": 8}),
    ("bincount", (np.array([0, 2, 2]), np.array([0.5, 1.0, 2.0], np.float32)), {}),
    ("empty_like", (A,), {}),
    ("eye", (3,), {"M": 4, "k": -1}),
    ("full", ((2, 3), 7), {}),
    ("geomspace", (1.0, 8.0), {"num": 4}),
    ("identity", (3,), {"dtype": "int32"}),
    ("linspace", (0.0, 1.0), {"num": 5, "endpoint": False}),
    ("logspace", (0.0, 2.0), {"num": 3}),
    ("meshgrid", (V, A[0]), {"indexing": "ij"}),
    ("nonzero", (BITS,), {}),
    ("ones", ((2, 2),), {}),
    ("tri", (3,), {"k": 1}),
    ("unique", (np.array([3, 1, 3, 2]),), {}),
    ("unique", (np.array([3, 1, 3, 2]),), {"size": 5, "fill_value": 0}),
    ("where", (BITS > 0,), {}),
    ("zeros", (3,), {"dtype": "int32"}),
]
WITHOUT_GRADIENT = {
    "bincount", "categorical_crossentropy", "binary_crossentropy", "ctc_decode", "empty_like",
    "logspace", "meshgrid", "multi_hot", "nanargmax", "nanargmin", "nonzero",
    "segment_prod", "slogdet",
}  # fmt: skip


def flat(y):
    """Return all arrays of an output."""
    return [leaf for part in y for leaf in flat(part)] if isinstance(y, list | tuple) else [y]


def compare(keras, agree, function, twin, arguments, dtype, tolerance, wanted):
    """Hold values and the gradients of float arrays, by one random cotangent, to Keras's."""
    import jax

    def is_float(x):
        return isinstance(x, np.ndarray) and x.dtype.kind == "f"

    def cast(x):
        if isinstance(x, list) and any(map(is_float, x)):
            return [cast(part) for part in x]
        return x.astype(dtype) if is_float(x) else x

    arguments = [cast(x) for x in arguments]
    theirs = flat(twin(*arguments))
    ours = flat(function(*arguments))
    assert len(ours) == len(theirs)
    for mine, expected in zip(ours, theirs, strict=True):
        expected = np.asarray(expected)
        mine = np.asarray(mine)
        if expected.dtype.kind == "f":
            assert mine.dtype == expected.dtype
            np.testing.assert_array_equal(np.isnan(mine), np.isnan(expected))
            agree(np.nan_to_num(mine), np.nan_to_num(expected), tolerance, "value")
        else:
            assert mine.dtype.kind in {"b": "b", "i": "iu", "u": "iu"}[expected.dtype.kind]
            np.testing.assert_array_equal(mine, expected)
    places = [n for n, x in enumerate(arguments) if is_float(x)] if wanted else []
    if not places or np.asarray(theirs[0]).dtype.kind != "f":
        return

    def first(*xs):
        filled = dict(zip(places, xs, strict=True))
        return flat(twin(*(filled.get(n, x) for n, x in enumerate(arguments))))[0]

    leaves = {n: Tensor(arguments[n], requires_grad=True) for n in places}
    y = flat(function(*(leaves.get(n, x) for n, x in enumerate(arguments))))[0]
    if not y.requires_grad:  # a count: Keras's gradient of it is 0
        g = np.ones(y.shape, dtype)
        for d_theirs in jax.vjp(first, *(arguments[n] for n in places))[1](jax.numpy.asarray(g)):
            np.testing.assert_array_equal(d_theirs, 0)
        return
    g = np.random.default_rng(0).normal(size=y.shape).astype(dtype)
    expected = jax.vjp(first, *(arguments[n] for n in places))[1](jax.numpy.asarray(g))
    found = gradients(y, list(leaves.values()), g)
    for place, d, d_theirs in zip(places, found, expected, strict=True):
        agree(d, d_theirs, 10 * tolerance, f"gradient of argument {place}")


PRECISIONS = [("float32", 1e-5), ("float64", 1e-12)]


@pytest.mark.parametrize(("dtype", "tolerance"), PRECISIONS)
@pytest.mark.parametrize("number", range(len(CALLS)), ids=lambda n: f"{CALLS[n][0]}-{n}")
def test_composed(keras, agree, precision, monkeypatch, number, dtype, tolerance):
    name, arguments, options = CALLS[number]
    monkeypatch.setitem(config._settings, "floatx", dtype)
    if name == "dot_product_attention":
        tolerance = max(tolerance, 1e-6)  # Keras's softmax is in float32 here, whatever comes in
    with precision(dtype):
        compare(
            keras,
            agree,
            lambda *xs: getattr(ops, name)(*xs, **options),
            lambda *xs: getattr(keras.ops, name)(*xs, **options),
            arguments,
            dtype,
            tolerance,
            dtype == "float64" and name not in WITHOUT_GRADIENT,
        )


@pytest.mark.parametrize("name", NAMES)
def test_op(keras, agree, precision, monkeypatch, name):
    """The first sample of each op, in float64; the rest of them are held to PyTorch."""
    twin = getattr(keras.ops, name, None)
    if not inspect.isfunction(twin):
        pytest.skip("this op is our own")
    monkeypatch.setitem(config._settings, "floatx", "float64")
    arrays, options = next(testing.cases(name))
    subscripts = [options[key] for key in options if key == "subscripts"]
    named = {key: value for key, value in options.items() if key != "subscripts"}

    def call(function, *xs):
        return function(*subscripts, *(([*xs],) if name in LISTS else xs), **named)

    with precision("float64"):
        compare(
            keras,
            agree,
            lambda *xs: call(getattr(ops, name), *xs),
            lambda *xs: call(twin, *xs),
            arrays,
            "float64",
            1e-12,
            not OPS[name].constant and name not in WITHOUT_GRADIENT,
        )


@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 3), (3, 5)])
def test_decompositions(keras, agree, precision, shape):
    """Signs of vectors are free, so what no sign changes is compared, and its gradients."""
    import jax

    x = np.random.default_rng(0).normal(size=shape)
    m, n = shape[-2:]

    def gram(library, u, s, vt):
        return library.matmul(u * library.expand_dims(library.exp(s), -2), vt)

    def of_svd(library, x):
        return gram(library, *library.svd(x, full_matrices=False))

    def of_qr(library, x):
        q, r = library.qr(x)
        return library.matmul(q * q, library.abs(r))

    def of_eigh(library, x):
        w, v = library.eigh(library.matmul(x, library.swapaxes(x, -1, -2)))
        return gram(library, v, w, library.swapaxes(v * v * v, -1, -2))

    with precision("float64"):
        for made in (of_svd, of_qr, of_eigh):
            if made is of_eigh and m > n:
                continue  # eigenvalues of 0, several times
            tensor = Tensor(x, requires_grad=True)
            y = made(ops, tensor)
            if made is of_qr and m < n:
                agree(y, made(keras.ops, x), 1e-10)
                continue  # JAX has no gradient here
            expected, back = jax.vjp(lambda x, made=made: made(keras.ops, x), x)
            agree(y, expected, 1e-10)
            g = np.random.default_rng(1).normal(size=y.shape)
            agree(gradients(y, [tensor], g)[0], back(jax.numpy.asarray(g))[0], 1e-8)


@pytest.mark.parametrize("space", ["numpy", "nn", "linalg", "image"])
def test_namespaces(keras, space):
    """ops.numpy, ops.nn and so on have the functions that stand there in Keras."""
    theirs = {name for name in dir(getattr(keras.ops, space)) if name[0] != "_"}
    for name in theirs & set(dir(ops)):
        assert getattr(getattr(ops, space), name) is getattr(ops, name)


def test_no_room_hides_a_function(keras):
    """A room named like a function would take its place."""
    for name in dir(keras.ops):
        if inspect.isfunction(getattr(keras.ops, name)) and hasattr(ops, name):
            assert callable(getattr(ops, name)), name


def test_loops(keras):
    x = np.arange(6.0, dtype="float32").reshape(3, 2)
    for library in (ops, keras.ops):
        carry, ys = library.scan(lambda c, row: (c + row, c * row), x[0], x, reverse=True)
        np.testing.assert_array_equal(carry, [6, 10])
        np.testing.assert_array_equal(ys, [[0, 9], [8, 18], [0, 5]])
        np.testing.assert_array_equal(library.map(lambda row: row * 2, x), x * 2)
        np.testing.assert_array_equal(library.vectorized_map(lambda row: row[0], x), x[:, 0])
        total = library.while_loop(lambda i, s: i < 4, lambda i, s: (i + 1, s + i), (0, 0))
        assert [int(n) for n in total] == [4, 6]
        assert int(library.fori_loop(1, 4, lambda i, s: s * i, 1)) == 6
        assert int(library.cond(np.array(True), lambda: 1, lambda: 2)) == 1
        assert int(library.switch(9, [lambda n: n, lambda n: n + 1], 5)) == 6


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("normal", (2.0, 3.0)),
        ("uniform", (-1.0, 4.0)),
        ("truncated_normal", (1.0, 2.0)),
        ("gamma", (2.5,)),
        ("beta", (2.0, 3.0)),
        ("binomial", (5.0, 0.3)),
        ("randint", (2, 7)),
    ],
)
def test_distributions(keras, name, arguments):
    drawn = [
        np.asarray(getattr(library, name)((20_000,), *arguments, seed=1))
        for library in (random, keras.random)
    ]
    assert drawn[0].dtype == drawn[1].dtype
    mine, theirs = (x.astype(float) for x in drawn)
    if name in ("binomial", "randint"):  # a quantile of whole numbers may jump
        counts = [np.bincount(x.astype(int), minlength=8) / len(x) for x in drawn]
        np.testing.assert_allclose(*counts, atol=0.015)
        return
    quantiles = np.linspace(0.05, 0.95, 7)
    np.testing.assert_allclose(
        np.quantile(mine, quantiles), np.quantile(theirs, quantiles), atol=0.06 * theirs.std()
    )
    assert mine.mean() == pytest.approx(theirs.mean(), abs=6 * theirs.std() / np.sqrt(20_000))
