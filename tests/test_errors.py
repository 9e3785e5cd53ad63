"""Errors: one sentence form, Python's own families, and the nearest right name."""

import inspect
import pickle

import pytest

from melpy import errors
from melpy.errors import ArgumentError, MelpyError, ShapeError, UnknownNameError, lookup, nearest

CLASSES = [c for c in vars(errors).values() if inspect.isclass(c) and issubclass(c, MelpyError)]


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({}, "Dense: it is wrong."),
        ({"expected": "a float"}, "Dense: it is wrong. Expected a float."),
        ({"received": {"x": 1}}, "Dense: it is wrong. Received x=1."),
        ({"mend": "Do it."}, "Dense: it is wrong. Do it."),
        (
            {"expected": "a float > 0", "received": {"rate": -1, "name": "n"}, "mend": "Raise it."},
            "Dense: it is wrong. Expected a float > 0; received rate=-1, name='n'. Raise it.",
        ),
    ],
)
def test_the_form(parts, sentence):
    assert str(ArgumentError("Dense", "it is wrong", **parts)) == sentence


def test_who_can_be_named_later_once_the_layer_is_known():
    error = ShapeError("call", "it is wrong")
    error.who = "Dense 'dense_1'"
    assert str(error) == "Dense 'dense_1': it is wrong."


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("ShapeError", ValueError),
        ("DtypeError", TypeError),
        ("ArgumentError", ValueError),
        ("UnknownNameError", ValueError),
        ("DataError", ValueError),
        ("DependencyError", ImportError),
        ("DownloadError", OSError),
        ("GraphError", RuntimeError),
    ],
)
def test_each_is_caught_as_pythons_own(name, family):
    with pytest.raises(family, match="who: what"):
        raise getattr(errors, name)("who", "what")


@pytest.mark.parametrize("made", CLASSES, ids=lambda c: c.__name__)
def test_all_are_public_and_keep_their_parts_in_a_pickle(made):
    assert made.__name__ in errors.__all__
    error = made("who", "what", expected="x", received={"a": 1}, mend="Mend it.")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is made
    assert str(again) == str(error) == "who: what. Expected x; received a=1. Mend it."


def test_lookup():
    table = {"relu": 1, "tanh": 2}
    assert lookup("activation", "tanh", table, "get") == 2
    with pytest.raises(UnknownNameError) as refused:
        lookup("activation", "rleu", table, "get")
    assert str(refused.value) == (
        "get: unknown activation 'rleu'. Expected one of relu, tanh. Did you mean 'relu'?"
    )
    for no_name in (None, 3, ["relu"]):
        with pytest.raises(UnknownNameError):
            lookup("activation", no_name, table, "get")


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("rleu", "relu"),
        ("RELU", "relu"),
        ("fashion_mnist", "fashion-mnist"),
        ("Glorot-Uniform", "glorot_uniform"),
        ("zzzz", None),
        ("", None),
    ],
)
def test_nearest(name, found):
    known = ["relu", "tanh", "fashion-mnist", "glorot_uniform"]
    assert nearest(name, known) == (f"Did you mean {found!r}?" if found else "")
