"""The type of every result is Keras's, or its difference has a reason in docs/keras.md.

Keras on JAX only describes here (`jax.eval_shape`): nothing is compiled. Where an argument has 64
bits, JAX is allowed them, and Keras's table of types says 64 as it does on TensorFlow.
"""

import itertools
from contextlib import contextmanager

import numpy as np
import pytest
from parity_differences import BEHAVIOUR

from melpy import ops

pytestmark = pytest.mark.parity

SMALL = ["bool", "uint8", "uint16", "uint32", "int8", "int16", "int32", "float16", "float32"]
WIDE = ["int64", "float64"]
PAIRS = [
    *itertools.combinations_with_replacement(["bool", "uint8", "int8", "int32", "float32"], 2),
    *itertools.product(["uint32"], ["uint8", "int8", "float32", "int64"]),
    *[("int64", "int64"), ("int64", "float32"), ("int64", "float64"), ("float32", "float64")],
]

# Places and counts have 32 bits whatever was looked at; JAX, where allowed, gives some of them 64.
PLACES = {
    "argmax", "argmin", "argsort", "argpartition", "nanargmax", "nanargmin", "bincount", "unique",
    "nonzero", "where",
}  # fmt: skip

ONE = """
    abs absolute all amax amin any arccos arccosh arcsin arcsinh arctan arctanh argmax argmin
    argsort average bitwise_invert bitwise_not cbrt ceil celu cholesky cholesky_inverse
    convert_to_numpy convert_to_tensor copy cos cosh count_nonzero cumprod cumsum deg2rad det
    diag diagflat diagonal diff eigh elu empty_like erf erfinv exp exp2 expm1 fabs flip fliplr
    flipud floor gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh inv isfinite
    isinf isnan isneginf isposinf layer_normalization leaky_relu log log10 log1p log2
    log_sigmoid log_softmax logdet logical_not logsumexp matrix_rank max mean median min
    nan_to_num nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin nanprod
    nanstd nansum nanvar negative nonzero norm normalize ones_like pinv prod ptp qr rad2deg
    ravel reciprocal relu relu6 rms_normalization round rsqrt selu sigmoid sign signbit silu sin
    sinc sinh slogdet soft_shrink softmax softplus softsign sort sparse_plus
    sparse_sigmoid sparsemax sqrt square squareplus squeeze std stop_gradient sum svd swish tan
    tanh tanh_shrink trace transpose trapezoid tril triu trunc unique unstack var where
    zeros_like
"""
MORE = [  # (name, arguments, options); X stands for the matrix, R for its first row
    ("argpartition", "X", {"kth": 1}), ("array_split", "X2", {}), ("bincount", "R", {}),
    ("broadcast_to", "X", {"shape": (3, 2, 2)}), ("cast", "X", {"dtype": "int8"}),
    ("clip", "X", {"x_min": 0, "x_max": 1}), ("clip", "X", {"x_min": 0.0, "x_max": 1.0}),
    ("count_nonzero", "X", {"axis": 0}), ("cumprod", "X", {"dtype": "float32"}),
    ("cumsum", "X", {"axis": 0, "dtype": "int16"}), ("diff", "X", {"n": 2, "axis": 0}),
    ("expand_dims", "X", {"axis": 0}), ("full_like", "X", {"fill_value": 2.5}),
    ("gelu", "X", {"approximate": False}), ("get_item", "X", {"key": 0}),
    ("geomspace", "SS", {"num": 3}), ("histogram", "R", {"bins": 3}),
    ("linspace", "RR", {"num": 3}), ("logspace", "RR", {"num": 3}), ("arange", "S", {}),
    ("max", "X", {"axis": 0, "initial": 1}), ("meshgrid", "RR", {}), ("min", "X", {"axis": 1}),
    ("moments", "X", {"axes": [0]}), ("moveaxis", "X", {"source": 0, "destination": 1}),
    ("nan_to_num", "X", {"nan": 1}), ("nanpercentile", "X", {"q": 30}),
    ("nanquantile", "X", {"q": 0.3}), ("norm", "X", {"ord": 1}), ("norm", "X", {"ord": 2}),
    ("norm", "X", {"ord": "nuc"}), ("norm", "X", {"ord": 0, "axis": 1}),
    ("norm", "X", {"ord": np.inf, "axis": 1}), ("one_hot", "X", {"num_classes": 3}),
    ("pad", "X", {"pad_width": 1}), ("pad", "X", {"pad_width": 1, "mode": "reflect"}),
    ("percentile", "X", {"q": 30}), ("prod", "X", {"dtype": "float32"}),
    ("quantile", "X", {"q": 0.3, "method": "lower"}), ("repeat", "X", {"repeats": 2}),
    ("reshape", "X", {"newshape": (4,)}), ("roll", "X", {"shift": 1}), ("rot90", "X", {}),
    ("round", "X", {"decimals": 1}), ("searchsorted", "RX", {}), ("split", "X2", {}),
    ("sum", "X", {"axis": 0, "keepdims": True}), ("swapaxes", "X", {"axis1": 0, "axis2": 1}),
    ("take", "X", {"indices": np.array([0, 1]), "axis": 0}), ("tile", "X", {"repeats": 2}),
    ("threshold", "X", {"threshold": 0, "default_value": 0}),
    ("threshold", "X", {"threshold": 0.5, "default_value": 0.5}), ("top_k", "X", {"k": 1}),
    ("unique", "X", {"return_index": True, "return_inverse": True, "return_counts": True}),
    ("vander", "R", {}), ("where", "X12", {}), ("where", "CX0", {}), ("where", "CXF", {}),
    ("zeros_like", "X", {"dtype": "int8"}), ("dot_product_attention", "HHH", {}),
    ("batch_normalization", "XPP", {"axis": -1}), ("select", "LM", {"default": 0}),
    ("select", "LM", {"default": 0.5}),
]  # fmt: skip
TWO = """
    add append arctan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor
    cross divide divide_no_nan dot equal floor_divide fmax fmin fmod gcd greater greater_equal
    heaviside hypot inner isclose isin kron lcm left_shift less less_equal logaddexp logaddexp2
    logical_and logical_or logical_xor lstsq matmul maximum minimum mod multiply not_equal outer
    power right_shift solve solve_triangular subtract tensordot true_divide vdot
"""
TWO_MORE = [  # Y stands for the second matrix, V for its first row
    ("average", "X", {"weights": "Y"}), ("clip", "XYY", {}), ("concatenate", "*XY", {}),
    ("digitize", "XV", {}), ("einsum", "eXY", {}), ("einsum", "fXYY", {}), ("linspace", "RV", {}),
    ("logspace", "RV", {}), ("arange", "ST", {}), ("scatter_update", "XIU", {}),
    ("searchsorted", "RV", {}), ("select", "NO", {}), ("stack", "*XY", {}),
    ("trapezoid", "X", {"x": "Y"}), ("vstack", "*XY", {}), ("where", "CXY", {}),
]  # fmt: skip


def matrix(dtype):
    return np.array([[1, 0], [1, 1]]).astype(dtype)


def filled(letters, x, y=None):
    """Return the arguments that the letters of a row stand for."""
    y = x if y is None else y
    stands_for = {
        "X": x, "R": x[0], "S": x[0, 0], "H": x[None, None],
        "Y": y, "V": np.sort(y[0]), "T": y[0, 0],
        "C": np.array([True, False]), "P": np.ones(2, "float32"), "L": [np.array([True, False])],
        "M": [x[0]], "N": [np.array([True, False])] * 2, "O": [x, y], "I": np.array([[0, 0]]),
        "U": y[0, :1], "0": 0, "1": 1, "2": 2, "F": 0.5, "e": "ij,jk", "f": "ij,jk,kl",
    }  # fmt: skip
    if letters[0] == "*":
        return [[stands_for[c] for c in letters[1:]]]
    return [stands_for[c] for c in letters]


def flat(y):
    return [leaf for part in y for leaf in flat(part)] if isinstance(y, list | tuple) else [y]


@contextmanager
def allowed_64_bits(is_allowed):
    import jax
    from keras.src.backend.common import dtypes

    if not is_allowed:
        yield
        return
    table = dtypes.BIT64_TO_BIT32_DTYPE
    before = dict(table)
    table.update(int64="int64", float64="float64")
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", False)
        table.update(before)


def types_of_keras(keras, name, arguments, options, wide):
    """Return the types that Keras gives, or None where it refuses."""
    import jax

    def call():
        return [y for y in flat(getattr(keras.ops, name)(*arguments, **options)) if y is not None]

    with allowed_64_bits(wide):
        try:
            return [str(y.dtype) for y in jax.eval_shape(call)]
        except Exception:  # what needs values cannot be traced
            try:
                return [str(np.asarray(y).dtype) for y in call()]
            except Exception:
                return None


def compare(keras, name, arguments, options, dtypes):
    theirs = types_of_keras(keras, name, arguments, options, bool({*dtypes} & {*WIDE}))
    if theirs is None:
        return None
    if "float64" not in dtypes:  # whole numbers give `config.floatx`, of 64 bits too
        theirs = [t.replace("float64", "float32") for t in theirs]
    try:
        with np.errstate(all="ignore"):
            ours = flat(getattr(ops, name)(*arguments, **options))
    except TypeError as error:
        if "float16 is unsupported in linalg" in str(error):
            return None
        raise
    ours = [str(np.asarray(y).dtype) for y in ours]
    if name in PLACES:
        ours, theirs = ([t.replace("int64", "int32") for t in each] for each in (ours, theirs))
    return None if ours == theirs else f"{name} of {dtypes} gives {ours}, Keras {theirs}"


def check(keras, rows):
    """Hold all rows to Keras's, but for the ops of which docs/keras.md tells a difference."""
    rows = [row for row in rows if hasattr(ops, row[0]) and f"ops.{row[0]}" not in BEHAVIOUR]
    wrong = [text for row in rows if (text := compare(keras, *row))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("dtype", SMALL + WIDE)
def test_of_one_array(keras, dtype):
    x = matrix(dtype)
    rows = [(name, [x], {}, [dtype]) for name in ONE.split()]
    rows += [(name, filled(letters, x), o, [dtype]) for name, letters, o in MORE]
    check(keras, rows)


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_of_two_arrays(keras, pair):
    x, y = map(matrix, pair)
    rows = [(name, [x, y], {}, [*pair]) for name in TWO.split()]
    for name, letters, options in TWO_MORE:
        options = dict.fromkeys(options, y)
        rows.append((name, filled(letters, x, y), options, [*pair]))
    check(keras, rows)


@pytest.mark.parametrize("number", [True, 2, 2.5], ids=str)
def test_of_python_s_numbers(keras, number):
    rows = [(name, [number], {}, []) for name in ONE.split()]
    for dtype in ("bool", "uint8", "float32", "int64"):
        rows += [(name, [matrix(dtype), number], {}, [dtype]) for name in TWO.split()]
    check(keras, rows)
