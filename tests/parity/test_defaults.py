"""Arguments and their defaults are Keras's: a script that names none of them does the same."""

import inspect
import operator

import pytest

import melpy

pytestmark = pytest.mark.parity

FUNCTIONS = ["ops", "ops.image", "ops.linalg", "ops.nn", "ops.numpy", "activations", "losses",
             "metrics", "utils", "random", "tree"]  # fmt: skip
CLASSES = ["layers", "losses", "metrics", "optimizers", "callbacks", "initializers",
           "regularizers", "constraints"]  # fmt: skip
# (name, argument): what ours does otherwise, on purpose.
OTHERWISE = {
    ("InputLayer", "input_tensor"),  # of another backend
    ("assert_same_structure", "check_types"),  # has no effect there
    *((f"{kind}{place}{n}D", "pool_size") for kind in ("Average", "Avg")
      for place in ("Pooling", "Pool") for n in (1, 2, 3)),  # has a default, Max's
}  # fmt: skip


def room(package, path):
    try:
        return operator.attrgetter(path)(package)
    except AttributeError:
        return None


def arguments(function):
    return inspect.signature(function).parameters


def plain(default):
    """Return a number for a tuple of it, which means the same."""
    values = default if isinstance(default, tuple) else (default,)
    values = tuple(plain(v) if isinstance(v, tuple) else v for v in values)
    return values[0] if len(set(values)) == 1 else values


def different(name, ours, theirs):
    """Return the arguments of Keras's that ours lacks, or has with another default."""
    own, wrong = arguments(ours), []
    takes_any = any(p.kind is p.VAR_KEYWORD for p in own.values())
    for key, parameter in arguments(theirs).items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) or key == "self":
            continue
        if key not in own:
            wrong += [] if takes_any else [(name, key)]
        elif plain(own[key].default) != plain(parameter.default):
            wrong.append((name, key))
    return [one for one in wrong if one not in OTHERWISE]


def of_both(ours, theirs, is_kind):
    for name in sorted(set(dir(ours)) & set(dir(theirs))):
        one, other = getattr(ours, name), getattr(theirs, name)
        if not name.startswith("_") and is_kind(one) and is_kind(other):
            yield name, one, other


@pytest.mark.parametrize("path", FUNCTIONS)
def test_of_functions(keras, path):
    ours, theirs = room(melpy, path), room(keras, path)
    pairs = list(of_both(ours, theirs, inspect.isfunction))
    assert pairs
    assert [w for pair in pairs for w in different(*pair)] == []


@pytest.mark.parametrize("path", CLASSES)
def test_of_classes(keras, path):
    pairs = list(of_both(room(melpy, path), room(keras, path), inspect.isclass))
    assert pairs
    wrong = [w for name, a, b in pairs for w in different(name, a.__init__, b.__init__)]
    assert wrong == []
