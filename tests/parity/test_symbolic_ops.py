"""Ops of symbolic tensors: shapes, types and structures as Keras's, and what a model computes."""

import numpy as np
import pytest
from symbolic_calls import CALLS

import melpy
from melpy import tree
from melpy.symbolic import Symbolic

SIZE = 6  # what stands for sizes that are not known, in a run

# Where ours is another answer, and why.
APART = {
    "adaptive_average_pool(x(N, 8, 8, 3), (4, 2))": "Keras describes an axis too many",
    "adaptive_average_pool(x(N, 8, 3), 4)": "Keras forgets that one number stands for all",
    "adaptive_max_pool(x(N, 8, 8, 3), 2)": "Keras forgets that one number stands for all",
    "array_split(x(N, 7), 4)": "a list, as of any other split; Keras gives a tuple here",
    "categorical_crossentropy(x(N, 3, 4), x(N, 3, 4), axis=1)": "Keras forgets the axis",
    "concatenate([x(N, W, 3), x(N, 6, 3)], axis=-1)": "one of the arrays says the size",
    "corrcoef(x(3, 5))": "a matrix of the rows, (3, 3): Keras describes another than it computes",
    "get_item(x(N), slice(0, 1))": "Keras refuses a slice that stands alone",
    "lu_factor(spd(N, 3, 3))": "whole numbers say the rows: Keras describes floats",
    "multi_hot(i(N, 3), 5)": "Keras describes whole numbers, and computes floats",
    "ndim(x(N, 3))": "the number itself",
    'rearrange(x(N, 4, 6), "b (h k) w -> b h (k w)", k=2)': "Keras cannot leave a size unknown",
    "sigmoid(i(N, 3))": "Keras describes whole numbers, and then refuses them",
    "size(x(2, 3))": "the number itself, where it is known",
    "slogdet(x(N, 3, 3))": "a sign for each matrix: Keras describes one",
    "unravel_index(i(N), (3, 4))": "a tuple, as of arrays; Keras describes a list",
    "vstack([x(3), x(3)])": "two rows: Keras describes a vector, and computes rows",
    "where(b(N, 3))": "an array for each axis, as `nonzero`: Keras describes one, and computes two",
}
ABSENT = {"image.elastic_transform"}  # docs/keras.md says why


HERE = [call for call in CALLS if call.partition("(")[0] not in ABSENT]


def run(call, library, make, known=None):
    """Return what a call gives; ``make`` makes its tensors."""
    names = {
        "x": lambda *shape: make(shape, "float32"),
        "spd": lambda *shape: make(shape, "spd"),
        "i": lambda *shape: make(shape, "int32"),
        "b": lambda *shape: make(shape, "bool"),
    }
    return eval(f"ops.{call}", {"ops": library.ops, "np": np, "N": known, "W": known, **names})


def symbols(library):
    """Return a maker of symbolic tensors, and the list of those that it made."""
    made = []

    def make(shape, dtype):
        dtype = "float32" if dtype == "spd" else dtype
        made.append(library.Input(batch_shape=shape, dtype=dtype))
        return made[-1]

    return make, made


def arrays():
    """Return a maker of arrays, and the list of those that it made."""
    made = []
    rng = np.random.default_rng(0)

    def make(shape, dtype):
        if dtype == "spd":
            x = rng.normal(size=shape)
            x = (x @ np.swapaxes(x, -1, -2) + np.eye(shape[-1])).astype("float32")
        elif dtype == "float32":
            x = rng.uniform(0.1, 0.9, shape).astype(dtype)
        else:
            x = np.asarray(rng.permutation(int(np.prod(shape))) % 3).reshape(shape).astype(dtype)
        made.append(x)
        return x

    return make, made


def described(y):
    """Return shapes and types in the place of tensors."""
    if isinstance(y, list | tuple):
        return type(y)(described(part) for part in y)
    return f"{tuple(y.shape)} {y.dtype}" if hasattr(y, "shape") else y


def answer(call, library):
    try:
        return described(run(call, library, symbols(library)[0]))
    except (ValueError, TypeError, IndexError, NotImplementedError):  # no accidents
        return "refused"


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore:NotImplemented should not:DeprecationWarning")  # Keras
@pytest.mark.parametrize("call", HERE)
def test_what_is_described_is_what_keras_describes(call, keras):
    ours, theirs = answer(call, melpy), answer(call, keras)
    if call in APART:
        assert repr(ours) != repr(theirs), f"no longer apart: {APART[call]}"
    else:
        assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("call", HERE)
def test_a_model_of_an_op_computes_what_the_op_does(call):
    make, inputs = symbols(melpy)
    try:
        outputs = run(call, melpy, make)
    except (ValueError, TypeError, IndexError):
        return  # the other test asks whether Keras refuses it too
    leaves = [x for x in tree.flatten(outputs) if isinstance(x, Symbolic)]
    if not leaves:
        return
    make, values = arrays()
    with np.errstate(all="ignore"):
        direct = run(call, melpy, make, SIZE)
        made = melpy.Model(inputs, outputs)(values)
    for x, ours, right in zip(leaves, tree.flatten(made), tree.flatten(direct), strict=True):
        ours, right = np.asarray(ours), np.asarray(right)
        np.testing.assert_array_equal(ours, right)
        assert ours.dtype == right.dtype
        assert x.dtype in (right.dtype, "int32")  # Python's whole numbers
        assert len(x.shape) == ours.ndim
        assert all(s in (None, n) for s, n in zip(x.shape, ours.shape, strict=True)), x.shape
