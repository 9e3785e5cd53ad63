"""Keras 3, on its JAX backend, is the yardstick here; where it is missing, these tests skip."""

import inspect
import os
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from melpy import random

# Keras's variables have not learnt NumPy 2's `copy` yet.
THEIRS = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"


def pytest_collection_modifyitems(items):
    """Let this one warning pass, in this folder."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings(THEIRS))


@pytest.fixture(scope="session")
def keras():
    """Keras, imported when the first test needs it."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    pytest.importorskip("jax", reason="JAX is not installed: sh tools/env.sh parity")
    keras = pytest.importorskip("keras", reason="needs Keras: sh tools/env.sh parity")
    if keras.backend.backend() != "jax":
        pytest.skip("Keras runs on another backend: unset KERAS_BACKEND")
    return keras


@pytest.fixture(autouse=True)
def same_draws():
    """Let the weights be the same in every run, whatever ran before."""
    random.set_seed(0)


@contextmanager
def _precision(dtype):
    """Let Keras on JAX compute in float64 where ``dtype`` is that: alone, it falls to float32."""
    import jax
    import keras
    from keras.src.backend.common import dtypes

    if dtype == "float32":
        yield
        return
    fallen = dtypes.BIT64_TO_BIT32_DTYPE["float64"]
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    jax.config.update("jax_enable_x64", True)
    keras.config.set_floatx("float64")
    try:
        yield
    finally:
        keras.config.set_floatx("float32")
        jax.config.update("jax_enable_x64", False)
        dtypes.BIT64_TO_BIT32_DTYPE["float64"] = fallen


@pytest.fixture
def precision():
    return _precision


def _largest_difference(ours, theirs):
    """Return max |ours - theirs| over max |theirs|: relative to the array, not to its zeros."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    assert ours.shape == theirs.shape
    if not ours.size:
        return 0.0
    scale = float(np.abs(theirs).max())
    return float(np.abs(ours - theirs).max()) / (scale or 1.0)


@pytest.fixture
def largest_difference():
    return _largest_difference


@pytest.fixture
def agree():
    """Assert that arrays agree within ``tolerance``, relative to the largest of Keras's values."""

    def check(ours, theirs, tolerance, what=""):
        difference = _largest_difference(ours, theirs)
        assert difference <= tolerance, f"{what} differs by {difference:.2e}"  # False for NaN

    return check


def _arguments(function):
    kinds = inspect.Parameter
    return {
        name: parameter.default
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "self" and parameter.kind not in (kinds.VAR_KEYWORD, kinds.VAR_POSITIONAL)
    }


@pytest.fixture
def same_signature():
    """Assert that a function's arguments are Keras's: names, order, defaults.

    ``lacking`` names arguments of Keras's that ours may lack, ``apart`` those whose default may
    be another. Whatever ours has must be in Keras.
    """

    def check(ours, theirs, lacking=frozenset(), apart=frozenset()):
        mine, keras = _arguments(ours), _arguments(theirs)
        assert not mine.keys() - keras.keys(), "arguments that Keras does not have"
        assert not keras.keys() - mine.keys() - set(lacking), "arguments of Keras's that we lack"
        assert list(mine) == [name for name in keras if name in mine], "another order"
        defaults = {k: (v, keras[k]) for k, v in mine.items() if k not in apart and v != keras[k]}
        assert not defaults, "defaults (ours, Keras's)"

    return check
