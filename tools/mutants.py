"""Change the library's arithmetic at drawn places and see whether a test fails each time.

    python tools/mutants.py [--count 500] [--seed 0] [--workers 2] [--results FILE] [--hours H]

A mutant is the tape, an op or a compiled kernel with one operator, number or condition changed (by
Cosmic Ray, the extra [mutants]). The tests of its room run over all mutants first; then, over those
that live, whatever other test computes and reaches the changed statement, those beside PyTorch and
Keras included, as coverage.py saw it (of a kernel, which it cannot see into: all). A mutant that
they all let pass survives, and is listed with its line. Which mutants are tried follows from the
seed. Each result is kept as it comes, and a second call goes on where the first one ended.

What no test could tell is not drawn: types, docstrings, the samples and PyTorch's twins that ops
bring for their tests, zip's strict. A mutant that takes `MOST_CPU_S` of a core, or
`MOST_S` in all, counts as killed.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import hashlib
import itertools
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import Any

import coverage
import pytest
from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("melpy/tape.py", "melpy/vjps.py", "melpy/ops/*.py", "melpy/kernels/compiled/*.py")
# Decorators and swallowed errors are drawn by the operators of the others; None and small numbers
# are one object, equal or the same.
SAME = ("Eq_Is", "Is_Eq", "NotEq_IsNot", "IsNot_NotEq")
LEFT_OUT = ("core/RemoveDecorator", "core/ExceptionReplacer",
            *(f"core/ReplaceComparisonOperator_{pair}" for pair in SAME))  # fmt: skip
TAPE_TESTS = ("tests/test_tape.py", "tests/test_tensor.py")
COMPILED = Path("melpy/kernels/compiled")
KERNEL_TESTS = ("tests/kernels",)
PARITY = ("defaults", "functional", "image_transform", "losses_metrics", "ops", "signal_image_ops",
          "symbolic_ops", "types")  # fmt: skip
# What computes beside a room's own tests, which are tests/kernels for all kernels.
BESIDE_OPS = (
    *("tests/ops", "tests/layers", "tests/models", "tests/saving", *TAPE_TESTS),
    *("tests/test_losses.py", "tests/test_metrics.py"),
    *(f"tests/parity/test_{name}.py" for name in PARITY),
)
BESIDE_KERNELS = ("tests/ops", "tests/layers", "tests/optimizers", "tests/models")
MOST_CPU_S = 900  # all tests that compute take a third of it
MOST_S = 2400  # what waits for ever takes no processor

ROOM, ALL = "its room's tests", "all that reach it"

Place = tuple[int, int]


@dataclasses.dataclass(frozen=True)
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
            twin = node.name.startswith("_") and "_like" in node.name
            if twin or any(a.arg == "rng" for a in taken):
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


def drawn(count: int, seed: int, tried: Sequence[Mutant]) -> list[Mutant]:
    """Return those that were tried, and more until there are so many.

    First a line of code is drawn, each as likely as another, then a change of it: by digests of
    what they say, so that a change of the library elsewhere leaves the sample as it was.
    """
    by_line: dict[str, list[Mutant]] = {}
    for pattern in ROOMS:
        for path in sorted(ROOT.glob(pattern)):
            lines = path.read_text(encoding="utf-8").splitlines()
            for mutant in mutants_of(path):
                by_line.setdefault(f"{mutant.path} {lines[mutant.line - 1]}", []).append(mutant)

    def rank(text: str) -> str:
        return hashlib.sha256(f"{seed} {text}".encode()).hexdigest()

    begun = {(mutant.path, mutant.line) for mutant in tried}
    chosen = (min(by_line[line], key=lambda m: rank(m.key)) for line in sorted(by_line, key=rank))
    fresh = (m for m in chosen if (m.path, m.line) not in begun and is_python(m))
    return [*tried, *itertools.islice(fresh, max(0, count - len(tried)))]


def still_so(told: Mapping[str, Any]) -> Mutant | None:
    """Return the mutant that a result is of, None where the library's code has changed there.

    Its line is the one of today.
    """
    place, operator, occurrence = told["mutant"].split(" ")
    path = place.rpartition(":")[0]
    mutant = Mutant(path, operator, int(occurrence), 0)
    try:
        source = (ROOT / path).read_text(encoding="utf-8")
        line, *texts = _difference(source, changed(mutant, source) or "")
    except (OSError, IndexError):
        return None
    same = texts == [told["from"], told["to"]]
    return dataclasses.replace(mutant, line=line) if same else None


def changed(mutant: Mutant, source: str) -> str | None:
    """Return a file's text with the mutant in it, None where there is no such place any more."""
    return mutate_code(source, plugins.get_operator(mutant.operator)(), mutant.occurrence)


def is_python(mutant: Mutant) -> bool:
    """Return whether a mutant can be read at all: a star in a function's head may not change."""
    try:
        source = (ROOT / mutant.path).read_text(encoding="utf-8")
        compile(changed(mutant, source) or "", "", "exec")
    except SyntaxError:
        return False
    return True


def tests_of(path: str) -> list[str]:
    """Return what pytest is to run first for a file: the tests of its room, the nearest first."""
    if path in ("melpy/tape.py", "melpy/vjps.py"):
        return list(TAPE_TESTS)
    if "/kernels/" in path:
        stem, own = Path(path).stem, sorted((ROOT / "tests/kernels").glob("test_*.py"))
        own.sort(key=lambda file: -file.read_text(encoding="utf-8").count(stem))
        return [str(file.relative_to(ROOT)) for file in own]
    names = [
        node.name
        for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
    return ["tests/ops", *(("-k", " or ".join(names)) if names else ())]


def reach(file: Path) -> coverage.CoverageData:
    """Return which tests reach which lines; all that compute run once to see it."""
    if not file.exists():
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider",
                   "--cov=melpy", "--cov-context=test",
                   "--cov-report=", *BESIDE_OPS]  # fmt: skip
        subprocess.run(command, cwd=ROOT, env=os.environ | {"COVERAGE_FILE": str(file)})
    data = coverage.CoverageData(str(file))
    data.read()
    return data


def tests_that_reach(mutant: Mutant, data: coverage.CoverageData) -> list[str]:
    """Return the tests that run the changed statement, of a kernel all; Keras's beside it first."""
    if "/kernels/" in mutant.path:
        return list(BESIDE_KERNELS)
    tree = ast.parse((ROOT / mutant.path).read_text(encoding="utf-8"))
    around = [node for node in ast.walk(tree) if isinstance(node, ast.stmt)
              and node.lineno <= mutant.line <= (node.end_lineno or node.lineno)]  # fmt: skip
    closest = min(around, key=lambda node: (node.end_lineno or node.lineno) - node.lineno)
    last = closest.end_lineno or closest.lineno
    (measured,) = [name for name in data.measured_files() if name.endswith(mutant.path)]
    by_line = data.contexts_by_lineno(measured)
    on_it = [name for line in range(closest.lineno, last + 1) for name in by_line.get(line, [])]
    if on_it and not any(on_it):  # it runs when its module is imported
        on_it = [name for names in by_line.values() for name in names]
    found = {name.rpartition("|")[0] for name in on_it if name}
    if not found:
        return ["tests", "--ignore=tests/parity"]
    if isinstance(closest, ast.FunctionDef):  # its head, that runs when it is imported
        found.add("tests/parity/test_defaults.py")
    return sorted(found, key=lambda name: (not name.startswith("tests/parity"), name))


def users_of(path: str) -> set[str]:
    """Return the names of the rooms of kernels that use one, through others too, and its own."""
    texts = {file.stem: file.read_text(encoding="utf-8") for file in (ROOT / COMPILED).glob("*.py")}
    found, before = {Path(path).stem}, set[str]()
    while found != before:
        before = set(found)
        for name in before:
            used = re.compile(rf"\bcompiled(\.{name} import|  *import .*\b{name}\b)")
            found |= {stem for stem, text in texts.items() if used.search(text)}
    return found


class Lane:
    """A copy of the repository in which one mutant after the other is tried."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tracked = subprocess.check_output(["git", "ls-files"], cwd=ROOT, text=True)
        for name in tracked.splitlines():
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        # Numba tells by its file whether a function on disk is out of date; those that call it, and
        # are in other files, are left out of what a mutant begins with.
        private = folder / COMPILED / "numba_private.py"
        source = private.read_text(encoding="utf-8")
        private.write_text(
            source.replace("return hashlib", "return 'any'  # ", 1), encoding="utf-8"
        )

    def begun_with(self, path: str) -> Path:
        """Return a folder of the compiled kernels that a change of a file leaves right."""
        if not (self.folder / "kernels").exists():
            told = self.failing(list(KERNEL_TESTS), self.folder / "kernels")
            if told:
                raise SystemExit(f"Before anything is changed, a test fails: {told}.")
        cache = Path(tempfile.mkdtemp(dir=self.folder))
        shutil.copytree(self.folder / "kernels", cache, copy_function=os.link, dirs_exist_ok=True)
        for stem in users_of(path):
            for file in cache.rglob(f"{stem}.*.nb?"):
                file.unlink()
        return cache

    def failing(self, tests: list[str], cache: Path) -> str:
        """Return the first test that fails, "" if none; compiled kernels are kept in a folder."""
        asked = self.folder / "tests-to-run"
        asked.write_text("\n".join(tests), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "-rfE",
                   "-p", "no:cacheprovider", f"@{asked}"]  # fmt: skip
        kept = {key: value for key, value in os.environ.items() if not key.startswith("MELPY_")}
        environment = kept | {"PYTHONPATH": str(self.folder), "NUMBA_CACHE_DIR": str(cache)}

        def limited() -> None:  # of the processor: a busy machine kills nothing
            resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_S, MOST_CPU_S))

        try:
            done = subprocess.run(command, cwd=self.folder, env=environment, timeout=MOST_S,
                                  capture_output=True, text=True, errors="replace",
                                  preexec_fn=limited)  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"not done after {MOST_S} s"
        if done.returncode in (0, 5):  # 5: no test has such a name
            return ""
        if "ImportError while loading conftest" in done.stderr:
            return "it cannot be imported"
        if done.returncode == pytest.ExitCode.USAGE_ERROR:
            raise SystemExit(f"pytest finds no such tests: {tests}\n{done.stderr}")
        if done.returncode < 0:
            return f"ended by signal {-done.returncode}"
        told = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        return told[0].partition(" - ")[0] if told else f"pytest's exit code {done.returncode}"

    def tried(self, mutant: Mutant, tests: list[str]) -> dict[str, Any]:
        """Return what became of a mutant: what killed it, if anything did."""
        path = self.folder / mutant.path
        source, written = path.read_text(encoding="utf-8"), path.stat()
        mutated = changed(mutant, source)
        if mutated is None:
            raise SystemExit(
                f"{mutant.key}: the file has no such place any more. Draw again: a second call of "
                "this program leaves out results whose code has changed."
            )
        _, old, new = _difference(source, mutated)
        begun_s = time.perf_counter()
        cache = self.folder / "kernels-of-ops"
        if "/kernels/" in mutant.path:
            cache = self.begun_with(mutant.path)
        try:
            path.write_text(mutated, encoding="utf-8")
            killed_by = self.failing(tests, cache)
        finally:
            path.write_text(source, encoding="utf-8")
            os.utime(path, ns=(written.st_atime_ns, written.st_mtime_ns))
            if cache.name != "kernels-of-ops":
                shutil.rmtree(cache, ignore_errors=True)
        took_s = round(time.perf_counter() - begun_s, 1)
        return {"mutant": mutant.key, "from": old, "to": new, "killed by": killed_by, "s": took_s}


def _difference(source: str, changed: str) -> tuple[int, str, str]:
    """Return the first line that differs, and its texts."""
    pairs = zip(source.splitlines(), changed.splitlines(), strict=False)
    numbered = ((n, a.strip(), b.strip()) for n, (a, b) in enumerate(pairs, 1) if a != b)
    return next(numbered, (0, "", ""))


def main() -> int:
    """Do what the module says; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=500, help="mutants (500)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (0)")
    parser.add_argument("--workers", type=int, default=2, help="mutants at once (2)")
    parser.add_argument("--results", type=Path, default=ROOT / "docs/results/mutants.jsonl")
    parser.add_argument("--reach", type=Path, default=Path(tempfile.gettempdir()) / "melpy.reach",
                        help="a file for what tests reach")  # fmt: skip
    parser.add_argument("--hours", type=float, default=24.0, help="begin none after so long")
    arguments = parser.parse_args()
    results = arguments.results
    known: dict[tuple[str, str], dict[str, Any]] = {}
    tried_before: dict[str, Mutant] = {}
    for told in map(json.loads, results.read_text().splitlines() if results.exists() else []):
        mutant = still_so(told)
        if mutant is not None:
            known[mutant.key, told["tests"]], tried_before[mutant.key] = told, mutant
    mutants = drawn(arguments.count, arguments.seed, [*tried_before.values()])
    last_s = time.monotonic() + arguments.hours * 3600
    with tempfile.TemporaryDirectory() as home, ThreadPoolExecutor(arguments.workers) as pool:
        lanes: Queue[Lane] = Queue()
        for number in range(arguments.workers):
            (Path(home) / str(number)).mkdir()
            lanes.put(Lane(Path(home) / str(number)))

        def tried(mutant: Mutant, stage: str, tests: list[str]) -> dict[str, Any] | None:
            if time.monotonic() > last_s:
                return None
            lane = lanes.get()
            try:
                return lane.tried(mutant, tests) | {"tests": stage}
            finally:
                lanes.put(lane)

        def try_all(stage: str, waiting: list[Mutant], tests: list[list[str]]) -> None:
            print(f"{len(waiting)} mutants wait for {stage}.", flush=True)
            for told in pool.map(tried, waiting, [stage] * len(waiting), tests):
                if told is not None:
                    known[told["mutant"], stage] = told
                    with results.open("a") as file:
                        file.write(json.dumps(told) + "\n")
                    print(f"{told['killed by'] or 'LIVES'}  {told['s']:.0f} s  {told['mutant']}  "
                          f"{told['from']}  ->  {told['to']}", flush=True)  # fmt: skip

        def alive(stage: str) -> list[Mutant]:
            return [
                m for m in mutants if not known.get((m.key, stage), {"killed by": "?"})["killed by"]
            ]

        waiting = [m for m in mutants if (m.key, ROOM) not in known]
        try_all(ROOM, waiting, [tests_of(m.path) for m in waiting])
        waiting = [m for m in alive(ROOM) if (m.key, ALL) not in known]
        waiting.sort(key=lambda m: "/kernels/" in m.path)  # all tests take minutes, few seconds
        if waiting and time.monotonic() < last_s:
            data = reach(arguments.reach)
            try_all(ALL, waiting, [tests_that_reach(m, data) for m in waiting])
    done = [m for m in mutants if (m.key, ALL) in known or known[m.key, ROOM]["killed by"]]
    print(f"{len(done) - len(alive(ALL))} of {len(done)} mutants were killed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
