"""Every layer and every op says its shapes: of what comes in, and of what goes out.

It does so in one of three forms: ``(N, T, C) -> (N, C)``; "Input (N, C), output (N, D)", or "the
same"; or a shape both under Parameters and under Returns.
"""

import inspect
import re

import pytest

from melpy import layers, ops

# A tuple of sizes, (N, C), (..., n) or (), or words for one.
SIZE = r"\.{2,3}|\d? ?[A-Za-z]{0,2}'?(?: [A-Za-z]| [+*/-] [^(),]*)?"
SHAPE = (
    rf"(?:(?<!\w)\((?:{SIZE}),|(?<!\w)\((?:\w+, ?)?(?:\.{{2,3}})?\)"
    r"|\b[Ss]hapes?\b|\bscalars?\b|\b(?:one|two) ax[ei]s\b)"
)
ARROW = re.compile(rf"{SHAPE}.{{0,100}}->.{{0,100}}{SHAPE}", re.DOTALL)
SENTENCE = re.compile(
    rf"\bInputs?\b.{{0,100}}?{SHAPE}.*?\b[Oo]utputs?\b.{{0,60}}?(?:{SHAPE}|the same)", re.DOTALL
)

WITHOUT_SHAPES = {
    "Layer": "abstract: each subclass has shapes of its own",
    "Wrapper": "abstract, as `Layer` is",
    "InputSpec": "a description of an input, not a computation",
    "serialize": "of layers, not arrays",
    "deserialize": "of layers, not arrays",
    **dict.fromkeys(("dtype", "is_tensor", "ndim", "shape", "size"), "tell what an array is"),
    **dict.fromkeys(("cond", "switch", "fori_loop", "while_loop"), "what their functions return"),
    **dict.fromkeys(("custom_gradient", "vectorize"), "from function to function"),
}
MADE_OF_SIZES = {  # no array comes in
    "Input", "arange", "bartlett", "blackman", "empty", "eye", "full", "gaussian", "geomspace",
    "hamming", "hanning", "identity", "kaiser", "linspace", "logspace", "ones", "tri", "zeros",
}  # fmt: skip
OPS = {f"ops.{name}": value for name, value in vars(ops).items() if inspect.isfunction(value)}
LAYERS = {f"layers.{name}": getattr(layers, name) for name in layers.__all__}
NAMES = {
    name: value
    for name, value in {**OPS, **LAYERS}.items()
    if name.split(".")[1] not in WITHOUT_SHAPES
}


def section(doc, title):
    """Return what stands under a title, "" where there is no such section."""
    found = re.search(rf"^{title}\n-{{3,}}\n(.*?)(?:\n\n|\Z)", doc, re.DOTALL | re.MULTILINE)
    return found.group(1) if found else ""


def says_shapes(name, doc):
    """Return whether a docstring says what comes in and what goes out."""
    text = doc.split("\nExamples\n")[0]
    if name in MADE_OF_SIZES:
        return bool(re.search(SHAPE, text))
    in_sections = all(re.search(SHAPE, section(text, title)) for title in ("Parameters", "Returns"))
    return bool(in_sections or ARROW.search(text) or SENTENCE.search(text))


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_entry_says_its_shapes(name):
    doc = inspect.getdoc(NAMES[name]) or ""
    assert says_shapes(name.split(".")[1], doc), f"{name} does not say what comes in and goes out"


@pytest.mark.parametrize(
    "doc",
    [
        "Multiply.",
        "As `Conv2D`, of sequences (N, T, C).",
        "Mask.\n\nNotes\n-----\nInput (N, C), output as in `RNN`.",
        "Sum.\n\nParameters\n----------\nx : array, any shape\n\nReturns\n-------\narray",
        "Do it.\n\nParameters\n----------\nvalue_range : (low, high), limits -> (0.5)",
        "Do it.\n\nExamples\n--------\n(N, C) -> (N,)",
    ],
)
def test_half_of_it_is_not_enough(doc):
    assert not says_shapes("anything", doc)


def test_exceptions_are_names_that_there_are():
    assert {*WITHOUT_SHAPES, *MADE_OF_SIZES} <= {name.split(".")[1] for name in {**OPS, **LAYERS}}
