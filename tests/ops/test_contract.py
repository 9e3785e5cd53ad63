"""Every op is held to the same contract: gradient, twin in PyTorch, docstring, example."""

import doctest
import inspect
import re

import pytest

from melpy import ops, testing
from melpy.ops.registry import OPS

# Ops that PyTorch cannot be asked about, each with its reason. Keep it short.
WITHOUT_TWIN = dict.fromkeys(
    ("alpha_dropout", "dropout", "gaussian_dropout", "gaussian_noise"),
    "PyTorch's seeds draw other numbers; tests/kernels/test_draws.py has published ones",
)

SECTIONS = ["Parameters", "Returns", "Gradient", "Source", "Examples"]
EVERY_OP = pytest.mark.parametrize("name", sorted(OPS))


@EVERY_OP
def test_op_keeps_the_contract(name):
    testing.check_op(name)


@EVERY_OP
def test_op_keeps_the_contract_for_another_seed(name):
    testing.check_op(name, seed=1)


@pytest.mark.parity
@pytest.mark.parametrize("name", sorted(set(OPS) - set(WITHOUT_TWIN)))
def test_op_agrees_with_pytorch(name):
    pytest.importorskip("torch")
    testing.check_op_against_torch(name)


def test_the_list_of_ops_without_twin_is_right():
    assert {name for name, row in OPS.items() if row.like is None} == set(WITHOUT_TWIN)


@EVERY_OP
def test_docstring_has_every_section_in_order(name):
    doc = inspect.getdoc(OPS[name].call)  # without indentation, on every Python
    first, _, rest = doc.partition("\n")
    assert first.endswith(".")
    assert rest.startswith("\n"), "the first line stands alone"
    titles = re.findall(r"^(\w+)\n-{3,}$", doc, flags=re.MULTILINE)
    assert [title for title in titles if title in SECTIONS] == SECTIONS


@EVERY_OP
def test_docstring_names_every_parameter(name):
    doc = OPS[name].call.__doc__
    section = doc.split("Parameters\n")[1].split("Returns\n")[0]
    code = OPS[name].call.__wrapped__.__code__
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4)
    for parameter in code.co_varnames[:count]:
        assert re.search(rf"\b{parameter}\b", section), f"{parameter} is not described"


@pytest.mark.parametrize("name", [*sorted(OPS), "split"])  # split calls an op, and is none itself
def test_docstring_example_runs(name):
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(verbose=False)
    example = parser.get_doctest(getattr(ops, name).__doc__, {}, name, None, 0)
    assert example.examples
    assert runner.run(example).failed == 0


@EVERY_OP
def test_op_is_public(name):
    assert getattr(ops, name) is OPS[name].call
