"""Run the examples of Keras's own docstrings on Keras and on Melpy, and print what differs.

    python tools/docstring_examples.py              # every public name
    python tools/docstring_examples.py layers.LSTM  # those whose place begins so

An example is what a docstring shows after ``>>>`` or between ``` fences. It runs statement by
statement in two fresh namespaces, in Melpy's with ``keras`` read as ``melpy``; what each statement
evaluates to is compared: types of error, structures, shapes, types and numbers. What Keras draws
differently from two seeds is random, and compared by shape and type alone. An example that needs
what its docstring does not show stops in both libraries, and says nothing.

A difference is explained where `parity_differences` says so, for the example or for a name that
it uses and Melpy lacks. One without a reason makes the exit status 1, a needless reason too.
"""

from __future__ import annotations

import ast
import contextlib
import doctest
import inspect
import io
import os
import re
import signal
import sys
import tempfile
import textwrap
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
os.environ.setdefault("KERAS_BACKEND", "jax")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import parity_differences as reasons  # noqa: E402
import parity_table  # noqa: E402

import melpy  # noqa: E402

TIME_S = 15  # for one example in one library
TOLERANCE = 1e-4
FENCE = re.compile(r"^([ \t]*)```(?:python|py)?[ \t]*\n(.*?)^\1```", re.M | re.S)
ASIDE = re.compile(r"data_parallel|distribution|jax\.|torch\.|\btf\.|tensorflow")


@dataclass
class Stop:
    """A statement that raised."""

    kind: str
    text: str

    @staticmethod
    def of(error: BaseException) -> Stop:
        builtin = next(c for c in type(error).__mro__ if c.__module__ == "builtins")
        return Stop(builtin.__name__, str(error).strip().split("\n")[0][:160])


class TooLongError(Exception):
    """An example took more than its time."""


class Renamed(ast.NodeTransformer):
    """Reads the imports of Keras as imports of Melpy."""

    def visit_Import(self, node: ast.Import) -> ast.Import:
        for one in node.names:
            if one.name.split(".")[0] == "keras":
                one.asname = one.asname or ("keras" if one.name == "keras" else None)
                one.name = ours(one.name)
        return node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.ImportFrom:
        if node.module and node.module.split(".")[0] == "keras":
            node.module = ours(node.module)
        return node


def ours(module: str) -> str:
    """Return Melpy's module for Keras's; some docstrings import from Keras's inside."""
    return "melpy" + module.removeprefix("keras").removeprefix(".src")


def examples(doc: str) -> Iterator[str]:
    """Yield the sources of a docstring's examples."""
    doc = textwrap.dedent(doc.expandtabs())
    for _, block in FENCE.findall(doc):
        yield from [plain(block)]
    rest = FENCE.sub("", doc)
    with contextlib.suppress(ValueError):
        shown = doctest.DocTestParser().get_examples(rest)
        if shown:
            yield "".join(one.source for one in shown)


def plain(block: str) -> str:
    """Return a fenced block without prompts and shown output."""
    block = textwrap.dedent(block)
    if ">>>" not in block:
        return block
    with contextlib.suppress(ValueError):
        return "".join(one.source for one in doctest.DocTestParser().get_examples(block))
    return block


def documented() -> Iterator[tuple[str, str]]:
    """Yield (place, docstring) of every public name, and of a class's public methods."""
    seen: set[int] = set()
    for modules in parity_table.FAMILIES.values():
        for module in modules:
            for name in parity_table.names(parity_table.theirs_at(module)):
                place = f"{module}.{name}".strip(".")
                found = parity_table.theirs_at(place)
                if id(found) in seen:
                    continue
                seen.add(id(found))
                if getattr(found, "__doc__", None):
                    yield place, inspect.cleandoc(found.__doc__)
                if inspect.isclass(found):
                    for method, value in vars(found).items():
                        doc = getattr(value, "__doc__", None)
                        if not method.startswith("_") and doc and callable(value):
                            yield f"{place}.{method}", inspect.cleandoc(doc)


def run(source: str, library: Any, seed: int) -> list[Any] | None:
    """Return what the statements of a source evaluate to, a `Stop` last where one raised.

    None where the source is no Python, or takes too long.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except SyntaxError:
        return None
    if library is melpy:
        tree = Renamed().visit(tree)
    rooms = ("layers", "ops", "losses", "metrics", "models", "optimizers", "callbacks", "random",
             "initializers", "activations", "utils", "regularizers", "constraints", "datasets",
             "Input", "Model", "Sequential", "Layer")  # fmt: skip
    space = {"keras": library, "np": np, "numpy": np, "__name__": "example", "os": os}
    space |= {room: getattr(library, room) for room in rooms}
    library.utils.set_random_seed(seed)
    values: list[Any] = []

    def ring(*_: Any) -> None:
        raise TooLongError

    signal.signal(signal.SIGALRM, ring)
    signal.alarm(TIME_S)
    try:
        for node in tree.body:
            if isinstance(node, ast.Expr):
                code = compile(ast.Expression(node.value), "<example>", "eval")
                values.append(described(eval(code, space)))
            else:
                code = compile(ast.Module([node], []), "<example>", "exec")
                exec(code, space)
                values.append(None)
    except TooLongError:
        return None
    except Exception as error:
        values.append(Stop.of(error))
    finally:
        signal.alarm(0)
    return values


def described(value: Any) -> Any:
    """Return a value as plain structures of arrays, for objects the name of their class."""
    if isinstance(value, dict):
        return {str(key): described(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [described(one) for one in value]
    if value is None or isinstance(value, (str, bool, int, float, type, np.dtype)):
        return str(value) if isinstance(value, (type, np.dtype)) else value
    if isinstance(value, np.generic | np.ndarray) or hasattr(value, "__array__"):
        with contextlib.suppress(Exception):
            return np.asarray(value)
    return type(value).__name__


def same(ours: Any, theirs: Any, *, exactly: bool = True) -> bool:
    """Return whether two descriptions agree; ``exactly`` in their numbers too."""
    if isinstance(theirs, Stop) or isinstance(ours, Stop):
        return isinstance(theirs, Stop) and isinstance(ours, Stop)
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return list(theirs) == list(ours) and all(
            same(ours[key], theirs[key], exactly=exactly) for key in theirs
        )
    if isinstance(theirs, list) and isinstance(ours, list):
        return len(theirs) == len(ours) and all(
            same(a, b, exactly=exactly) for a, b in zip(ours, theirs, strict=True)
        )
    if any(isinstance(one, (np.ndarray, float, int)) for one in (ours, theirs)):
        a, b = np.asarray(ours), np.asarray(theirs)
        if a.shape != b.shape or (a.dtype.kind != b.dtype.kind):
            return False
        if not exactly or a.dtype.kind not in "fiub":
            return True
        return bool(np.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))
    return not exactly or type(ours) is type(theirs)  # names of classes, texts that count up


def differs(source: str) -> tuple[str, str] | bool | None:
    """Return what differs first as (statement, how); None where nothing, False where it stops."""
    theirs = run(source, keras, 1)
    if not theirs or isinstance(theirs[0], Stop):
        return False
    again = run(source, keras, 2) or []
    ours = run(source, melpy, 1)
    if ours is None:
        return False
    statements = ast.parse(source).body
    for number, (a, b) in enumerate(zip(ours, theirs, strict=False)):
        if isinstance(b, Stop):
            return None  # what follows needs what the docstring does not show
        exactly = number < len(again) and same(again[number], b)
        if not same(a, b, exactly=exactly):
            return ast.unparse(statements[number])[:100], f"{shown(a)} here, {shown(b)} in Keras"
    return None


def shown(value: Any) -> str:
    if isinstance(value, Stop):
        return f"{value.kind} ({value.text})"
    if isinstance(value, np.ndarray) and value.size > 6:
        return f"{value.dtype} of {value.shape} beginning {value.ravel()[:4]}"
    return " ".join(repr(value).split())[:160]


def absent_names() -> dict[str, str]:
    """Return the names and methods that Melpy lacks, by Keras's last word for them, and why."""
    explain = parity_table.Explainer()
    methods = {
        method: reason for reason, them in reasons.MACHINERY.items() for method in them.split()
    }
    places = [
        f"{module}.{name}".strip(".")
        for modules in parity_table.FAMILIES.values()
        for module in modules
        for name in parity_table.names(parity_table.theirs_at(module))
    ]
    return methods | {
        place.rpartition(".")[2]: explain.of_absence(place)
        for place in places
        if parity_table.ours_at(place) is None
    }


def main(wanted: list[str]) -> int:
    """Run, print what differs, and return 1 where a difference or a reason is unexplained."""
    absent = absent_names()
    counts: Counter[str] = Counter()
    used: set[str] = set()
    os.chdir(tempfile.mkdtemp())
    for place, doc in documented():
        if wanted and not place.startswith(tuple(wanted)):
            continue
        for source in examples(doc):
            if ASIDE.search(source):
                counts["need another framework"] += 1
                continue
            with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = differs(source)
            words = set(re.findall(r"\w+", source)) | set(place.split("."))
            lacked = sorted(words & absent.keys())
            if found is None:
                counts["agree"] += 1
            elif found is False:
                counts["stop in Keras at their first statement"] += 1
            elif place in reasons.EXAMPLES or lacked:
                used.add(place)
                counts["differ with a reason"] += 1
                reason = reasons.EXAMPLES.get(place) or f"{lacked[0]}: {absent[lacked[0]]}"
                print(f"explained  {place}: {reason}", flush=True)
            else:
                counts["differ without a reason"] += 1
                statement, how = found
                print(f"DIFFERS    {place}: `{statement}`: {how}", flush=True)
    needless = [] if wanted else sorted(reasons.EXAMPLES.keys() - used)
    for place in needless:
        print(f"NEEDLESS   the reason for {place}")
    summary = ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))
    print(f"Examples of Keras {keras.__version__}: {summary}.")
    return int(bool(counts["differ without a reason"] or needless))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
