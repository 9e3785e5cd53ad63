"""Run the ONNX project's own tests of its operators, and write which of them pass.

    python tools/onnx_nodes.py [--check] [--op NAME] [--verbose]

Each test is a model of a node or a few, with inputs and outputs. It is read by `saving.load_onnx`,
called on the inputs, and its outputs are held to the test's own: to 1e-3 relative and 1e-5
absolute. The table goes into docs/doors/onnx-operators.md; with --check it is held to that page,
and the exit code is 1 where they differ. Needs the package onnx.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from melpy.saving import load_onnx

PAGE = Path(__file__).parents[1] / "docs" / "doors" / "onnx-operators.md"
RELATIVE, ABSOLUTE = 1e-3, 1e-5  # the tests' own, but for zeros of float32

HEAD = """# ONNX operators

Written by `tools/onnx_nodes.py`: for each operator, how many of the ONNX project's own node tests
(`onnx.backend.test`, version {version}) pass when `melpy.saving.load_onnx` reads them. {passed} of
{total} pass. Tests named "expanded" are of the same operator written out in simpler ones; they are
counted too.

A test without inputs is given one that nothing needs.

Operators in the second table are not read at all: a file that has them is refused, with all of
their names.

| operator | passed | what does not |
|---|---|---|
"""
MIDDLE = """
## Not read

| operator | tests | what it would need |
|---|---|---|
"""
# What the operators that are not read would need.
WHY = {
    "Loop": "control flow", "Scan": "control flow", "If": "control flow",
    "SequenceMap": "sequences of tensors", "Bernoulli": "random numbers of its own",
    "Adam": "training inside of the file", "Adagrad": "training inside of the file",
    "Momentum": "training inside of the file", "Gradient": "training inside of the file",
}  # fmt: skip


def tests() -> list[Any]:
    """Return the ONNX project's node tests."""
    from onnx.backend.test.loader import load_model_tests

    warnings.simplefilter("ignore")
    return sorted(load_model_tests(kind="node"), key=lambda test: str(test.name))


def array_of(x: Any) -> Any:
    """Return a test's value as an array; None of a sequence, an optional one, a text."""
    from onnx import TensorProto, numpy_helper

    if isinstance(x, TensorProto):
        x = numpy_helper.to_array(x)
    if not hasattr(x, "dtype"):
        return None
    array = np.asarray(x)
    return array if array.dtype.kind in "fiub" and array.dtype.name != "bfloat16" else None


def with_an_input(file: Any) -> tuple[Any, list[np.ndarray]]:
    """Return a model with an input that nobody needs, where it has none, and that input."""
    from onnx import helper

    if file.graph.input:
        return file, []
    copy = type(file)()
    copy.CopyFrom(file)
    copy.graph.input.append(helper.make_tensor_value_info("unneeded", 1, [1]))
    return copy, [np.zeros(1, np.float32)]


def outcome(test: Any) -> str:
    """Return what is wrong with a test's model here, "" where it passes."""
    try:
        file, unneeded = with_an_input(test.model)
        model = load_onnx(io.BytesIO(file.SerializeToString()))
        for inputs, outputs in test.data_sets:
            inputs = [*inputs, *unneeded]
            given, wanted = [array_of(x) for x in inputs], [array_of(x) for x in outputs]
            if any(x is None for x in (*given, *wanted)):
                return "values that are no tensors of numbers"
            made = model(given[0] if len(given) == 1 else given, training=False)
            made = list(made) if isinstance(made, list | tuple) else [made]
            for y, told in zip(made, wanted, strict=True):
                y = np.asarray(getattr(y, "value", y))
                if y.dtype != told.dtype:
                    return f"type {y.dtype} where {told.dtype} is wanted"
                if y.shape != told.shape:
                    return f"shape {y.shape} where {told.shape} is wanted"
                if not np.allclose(y, told, RELATIVE, ABSOLUTE, equal_nan=True):
                    far = np.abs(y.astype(float) - told.astype(float)).max()
                    return f"values that are off by {far:.2g}"
    except Exception as error:
        return reason(error)
    return ""


def reason(error: Exception) -> str:
    """Return why a model is refused, in a few words that do not change from run to run."""
    text = str(error)
    if "not known here" in text and "many nodes" in text:
        found = re.findall(r"([\w.]+) \(\d+\)", text.partition("each='")[2])
        return f"operators that are not read: {', '.join(found)}"
    if "is not known here" in text or "of a known type" in text:
        return "a type that is not known here"
    text = re.sub(r" Expected .*", "", text.removeprefix("load_onnx: "))
    text = re.sub(r"^OnnxNode '[^']*': ", "", re.sub(r" Before it: .*| received .*", "", text))
    return text.replace("|", "/").replace("\n", " ").rstrip(". ")[:120]


def base_of(test: Any) -> str:
    """Return the operator that a test is of: the one of its file's name, or of its only node."""
    nodes = test.model.graph.node
    if "_expanded" not in test.name and nodes:
        return str(nodes[0].op_type)
    return ""


def run(only: str | None, verbose: bool) -> tuple[dict[str, list[tuple[str, str]]], int]:
    """Return, by operator, the names of its tests and what is wrong with each."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    owner: dict[str, str] = {}
    for test in (cases := tests()):
        if base_of(test):
            owner[test.name] = base_of(test)
    for test in cases:
        op = owner.get(test.name) or owner.get(test.name.partition("_expanded")[0], "other")
        if only and op != only:
            continue
        what = outcome(test)
        found[op].append((test.name, what))
        if verbose and what:
            print(f"{test.name}: {what}", flush=True)
    return found, sum(map(len, found.values()))


def page(found: dict[str, list[tuple[str, str]]], total: int) -> str:
    """Return the page."""
    import onnx

    passed = sum(not what for rows in found.values() for _, what in rows)
    text = HEAD.format(version=onnx.__version__, passed=passed, total=total)
    unread = []
    for op in sorted(found):
        rows = found[op]
        right = sum(not what for _, what in rows)
        reasons = sorted({what for _, what in rows if what})
        if not right and all("operators that are not read" in what for what in reasons):
            unread.append(op)
            continue
        told = "; ".join(f"{what} ({sum(w == what for _, w in rows)})" for what in reasons)
        text += f"| {op} | {right} / {len(rows)} | {told} |\n"
    text += MIDDLE
    for op in unread:
        text += f"| {op} | {len(found[op])} | {WHY.get(op, 'a function of its own')} |\n"
    return text


def main() -> int:
    """Do what the module says; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="hold the page to what is found")
    parser.add_argument("--op", help="this operator's tests alone; writes nothing")
    parser.add_argument("--verbose", action="store_true", help="tell each test that fails")
    arguments = parser.parse_args()
    found, total = run(arguments.op, arguments.verbose)
    passed = sum(not what for rows in found.values() for _, what in rows)
    print(f"{passed} of {total} tests pass.")
    if arguments.op:
        return 0
    text = page(found, total)
    if not arguments.check:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(text)
        return 0
    same = PAGE.exists() and PAGE.read_text() == text
    print("The page is what was found." if same else f"{PAGE} is out of date: run this tool.")
    return int(not same)


if __name__ == "__main__":
    sys.exit(main())
