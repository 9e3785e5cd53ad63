"""Change the library's arithmetic at drawn places and see whether a test fails each time.

    python tools/mutants.py [--count 500] [--seed 0] [--workers 2] [--results FILE] [--hours H]

A mutant is the tape, an op or a compiled kernel with one operator, number or condition changed (by
Cosmic Ray, the extra [mutants]). The tests of its room run first, then all of those that compute; a
mutant that they all let pass survives, and is listed with its line. Which mutants are tried follows
from the seed. Each result is kept as it comes, and a second call goes on where the first one ended.

What no test could tell is not drawn: types, docstrings, the samples and PyTorch's twins that ops
bring for their tests, zip's strict. A mutant that never ends counts as killed.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("melpy/tape.py", "melpy/ops/*.py", "melpy/kernels/compiled/*.py")
# Decorators, loops over nothing and swallowed errors are drawn by the operators of the others.
LEFT_OUT = ("core/RemoveDecorator", "core/ExceptionReplacer")
TAPE_TESTS = ("tests/test_tape.py", "tests/test_tensor.py")
KERNEL_TESTS = ("tests/kernels",)
ALL_TESTS = ("tests/ops", "tests/kernels", "tests/layers", "tests/models", "tests/test_losses.py",
             "tests/test_metrics.py", "tests/optimizers", *TAPE_TESTS)  # fmt: skip
MOST_S = 1200.0

Place = tuple[int, int]


@dataclass(frozen=True)
class Mutant:
    """One change: Cosmic Ray's operator at its nth place in a file."""

    path: str
    operator: str
    occurrence: int
    line: int

    @property
    def key(self) -> str:
        """What tells it from all others."""
        return f"{self.path}:{self.line} {self.operator} {self.occurrence}"


def _untested(source: str) -> list[tuple[Place, Place]]:
    """Return the ranges of a file that no test could tell from others."""
    found: list[Any] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            arguments = node.args
            taken = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            found += [a.annotation for a in taken if a.annotation]
            found += [node.returns] if node.returns else []
            found += node.decorator_list
            if node.name.startswith("_like") or any(a.arg == "rng" for a in taken):
                found.append(node)  # PyTorch's twin of an op, or what draws its samples
        elif isinstance(node, ast.AnnAssign):
            found.append(node.annotation)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found.append(node)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
            found.append(node.args[1])
        elif isinstance(node, ast.keyword) and node.arg in ("strict", "stacklevel"):
            found.append(node.value)
    return [((n.lineno, n.col_offset), (n.end_lineno, n.end_col_offset)) for n in found]


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Yield all changes of a file that a test could tell."""
    source = path.read_text(encoding="utf-8")
    hidden = _untested(source)
    nodes = list(ast_nodes(get_ast(source)))
    for name in plugins.operator_names():
        kind = plugins.get_operator(name)
        if kind.arguments() or name in LEFT_OUT:
            continue
        operator = kind()
        places = [place for node in nodes for place in operator.mutation_positions(node)]
        for occurrence, (begin, _) in enumerate(places):
            if not any(first <= begin < last for first, last in hidden):
                yield Mutant(str(path.relative_to(ROOT)), name, occurrence, begin[0])


def drawn(count: int, seed: int) -> list[Mutant]:
    """Return a sample: first a line of code, each as likely as another, then a change of it."""
    by_line: dict[tuple[str, int], list[Mutant]] = {}
    for pattern in ROOMS:
        for path in sorted(ROOT.glob(pattern)):
            for mutant in mutants_of(path):
                by_line.setdefault((mutant.path, mutant.line), []).append(mutant)
    draw = random.Random(seed)
    lines = draw.sample(sorted(by_line), min(count, len(by_line)))
    return [draw.choice(by_line[line]) for line in lines]


def tests_of(path: str) -> tuple[str, ...]:
    """Return what pytest is to run first for a file: the tests of its room."""
    if path == "melpy/tape.py":
        return TAPE_TESTS
    if "/kernels/" in path:
        return KERNEL_TESTS
    names = [
        node.name
        for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
    return ("tests/ops", *(("-k", " or ".join(names)) if names else ()))


class Lane:
    """A copy of the repository in which one mutant after the other is tried."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tracked = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True)
        for name in tracked.splitlines():
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)

    def passes(self, tests: tuple[str, ...], cache: Path) -> bool:
        """Return whether tests pass, the compiled kernels being kept in a folder."""
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no",
                   "-p", "no:cacheprovider", *tests]  # fmt: skip
        kept = {key: value for key, value in os.environ.items() if not key.startswith("MELPY_")}
        environment = kept | {"PYTHONPATH": str(self.folder), "NUMBA_CACHE_DIR": str(cache)}
        said = subprocess.DEVNULL
        try:
            code = subprocess.run(command, cwd=self.folder, env=environment, timeout=MOST_S,
                                  stdout=said, stderr=said).returncode  # fmt: skip
        except subprocess.TimeoutExpired:
            return False
        return code in (0, 5)  # 5: no test has such a name

    def tried(self, mutant: Mutant) -> dict[str, Any]:
        """Return what became of a mutant: what killed it, if anything did."""
        path = self.folder / mutant.path
        source = path.read_text(encoding="utf-8")
        changed = mutate_code(source, plugins.get_operator(mutant.operator)(), mutant.occurrence)
        old, new = _difference(source, changed)
        begun_s, killed_by = time.perf_counter(), ""
        cache = self.folder / "kernels"
        if "/kernels/" in mutant.path:  # a changed kernel makes all on disk out of date
            cache = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            path.write_text(changed, encoding="utf-8")
            for stage in (tests_of(mutant.path), ALL_TESTS):
                if not self.passes(stage, cache):
                    killed_by = stage[0] if stage is not ALL_TESTS else "all tests that compute"
                    break
        finally:
            path.write_text(source, encoding="utf-8")
            if cache.name != "kernels":
                shutil.rmtree(cache, ignore_errors=True)
        took_s = round(time.perf_counter() - begun_s, 1)
        return {"mutant": mutant.key, "from": old, "to": new, "killed by": killed_by, "s": took_s}


def _difference(source: str, changed: str) -> tuple[str, str]:
    pairs = zip(source.splitlines(), changed.splitlines(), strict=False)
    return next(((a.strip(), b.strip()) for a, b in pairs if a != b), ("", ""))


def main() -> int:
    """Do what the module says; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=500, help="mutants (500)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (0)")
    parser.add_argument("--workers", type=int, default=2, help="mutants at once (2)")
    parser.add_argument("--results", type=Path, default=ROOT / "docs/results/mutants.jsonl")
    parser.add_argument("--hours", type=float, default=24.0, help="begin none after so long")
    arguments = parser.parse_args()
    mutants = drawn(arguments.count, arguments.seed)
    results = arguments.results
    lines = results.read_text().splitlines() if results.exists() else []
    known = {told["mutant"]: told for told in map(json.loads, lines)}
    waiting = [mutant for mutant in mutants if mutant.key not in known]
    print(f"{len(mutants)} mutants are drawn, {len(mutants) - len(waiting)} were tried before.")
    last_s = time.monotonic() + arguments.hours * 3600
    with tempfile.TemporaryDirectory() as home, ThreadPoolExecutor(arguments.workers) as pool:
        lanes: Queue[Lane] = Queue()
        for number in range(arguments.workers):
            (Path(home) / str(number)).mkdir()
            lanes.put(Lane(Path(home) / str(number)))

        def tried(mutant: Mutant) -> dict[str, Any] | None:
            if time.monotonic() > last_s:
                return None
            lane = lanes.get()
            try:
                return lane.tried(mutant)
            finally:
                lanes.put(lane)

        for told in pool.map(tried, waiting):
            if told is not None:
                known[told["mutant"]] = told
                with results.open("a") as file:
                    file.write(json.dumps(told) + "\n")
                print(f"{told['killed by'] or 'SURVIVED':24} {told['s']:6.0f} s  {told['mutant']}  "
                      f"{told['from']}  ->  {told['to']}", flush=True)  # fmt: skip
    counted = [known[mutant.key] for mutant in mutants if mutant.key in known]
    killed = sum(bool(told["killed by"]) for told in counted)
    print(f"{killed} of {len(counted)} mutants were killed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
