"""Every docstring's example runs, and every public name and argument has its words."""

import doctest
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import pytest

import melpy
from melpy import layers

ROOT = Path(melpy.__file__).parents[1]
MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(melpy.__path__, "melpy.")
    if not module.name.startswith("melpy.kernels.compiled")  # needs Numba, and has no examples
)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name):
    module = importlib.import_module(name)
    failures, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failures == 0


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_has_a_docstring(name):
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} does not say what it is"
    for public in getattr(module, "__all__", ()):
        value = getattr(module, public)
        if inspect.isfunction(value) or inspect.isclass(value):
            assert value.__doc__, f"{name}.{public}"


@pytest.mark.parametrize("name", layers.__all__)
def test_layers_document_their_arguments(name):
    layer = getattr(layers, name)
    if not inspect.isclass(layer):
        return
    text, inherited = inspect.getdoc(layer) or "", {"kwargs", "self"}
    if layer.__init__ is layers.Layer.__init__ and layer is not layers.Layer:
        return  # it has no arguments of its own
    for _ in range(2):  # "Others as in `Conv2D`", which may refer further
        for other in set(re.findall(r"`(\w+)`", text)):
            text += inspect.getdoc(getattr(layers, other, None)) or ""
    for argument in set(inspect.signature(layer.__init__).parameters) - inherited:
        assert re.search(rf"\b{argument}\b", text), f"{name} does not document {argument}"
