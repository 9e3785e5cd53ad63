"""Counts what a training step makes Python do, and what the package's source is made of.

    python -m benchmarks.house [--tree FOLDER] [--name before]

FOLDER is a checkout, this one by default; the counts go to benchmarks/results/house-NAME.json, and
from there into docs/speed.md. Only the calls in `fit` depend on the machine, and little: Python is
back after so much time, not after so many steps.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
COUNT = """
import json, sys
import numpy as np
import melpy
from melpy import layers

STEPS, BATCH = 100, 32
model = melpy.Sequential([
    melpy.Input((28, 28, 1)), layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(2),
    layers.Flatten(), layers.Dense(10, activation="softmax"),
])
model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
rng = np.random.default_rng(0)
x = rng.standard_normal((STEPS * BATCH, 28, 28, 1), np.float32)
y = np.eye(10, dtype=np.float32)[rng.integers(0, 10, len(x))]
calls = {"call": 0, "c_call": 0}
files = set()

def seen(frame, event, argument):
    if event in calls:
        calls[event] += 1
        if event == "call" and "melpy" in frame.f_code.co_filename:
            files.add(frame.f_code.co_filename)

def counted(steps):
    sys.setprofile(None)
    found = round(calls["call"] / steps, 1), round(calls["c_call"] / steps, 1), len(files)
    calls.update(call=0, c_call=0)
    files.clear()
    return found

class Counter(melpy.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        global of_fit
        of_fit = counted(STEPS)
        sys.setprofile(seen)

model.fit(x, y, batch_size=BATCH, epochs=4, verbose=0, callbacks=[Counter()])
sys.setprofile(None)
counted(1)
for _ in range(3):
    model.train_on_batch(x[:BATCH], y[:BATCH])
sys.setprofile(seen)
model.train_on_batch(x[:BATCH], y[:BATCH])
of_call = counted(1)
names = "calls", "c_calls", "files"
print(json.dumps({
    f"{name}_of_{what}": number
    for what, found in (("fit", of_fit), ("train_on_batch", of_call))
    for name, number in zip(names, found)
}))
"""


def step_counts(tree: Path) -> dict[str, float]:
    """Return the calls, those into C, and the files of a step: in `fit`, and of train_on_batch.

    In `fit` it is the mean over an epoch of steps, from the end of an epoch to the next one's.
    """
    environment = os.environ | {"PYTHONPATH": str(tree.resolve())}
    run = subprocess.run(
        [sys.executable, "-c", COUNT], cwd=tree, env=environment, capture_output=True, text=True
    )
    if run.returncode:
        sys.exit(f"the step failed in {tree}:\n{run.stderr}")
    return json.loads(run.stdout.splitlines()[-1])


def code_lines(tree: ast.Module, text: str) -> int:
    """Return the lines that have code: no blank ones, comments or docstrings."""
    bare = [line.strip() for line in text.splitlines()]
    code = {n for n, line in enumerate(bare, 1) if line and not line.startswith("#")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            code -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(code)


def functions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the number of arguments and the name of each function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            a = node.args
            yield len(a.posonlyargs) + len(a.args) + len(a.kwonlyargs), node.name


def source_counts(package: Path) -> dict[str, Any]:
    """Return the number of files and lines of code, and the longest lists of arguments."""
    lines, longest = 0, {"kernels": (0, ""), "others": (0, "")}
    paths = sorted(package.rglob("*.py"))
    for path in paths:
        text, name_of_file = path.read_text(), path.relative_to(package).as_posix()
        tree = ast.parse(text)
        lines += code_lines(tree, text)
        part = "kernels" if name_of_file.startswith("kernels/") else "others"
        for count, name in functions(tree):
            longest[part] = max(longest[part], (count, f"{name_of_file}: {name}"))
    counts: dict[str, Any] = {"files": len(paths), "code_lines": lines}
    for part, (count, name) in longest.items():
        counts |= {f"arguments_of_{part}": count, f"{part}_longest": name}
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tree", type=Path, default=Path(__file__).parents[1])
    parser.add_argument("--name", default="now", help="of the column: before, now")
    asked = parser.parse_args()
    counts = step_counts(asked.tree) | source_counts(asked.tree / "melpy")
    print(f"| | {asked.name} |", "|---|---|", sep="\n")
    for name, count in counts.items():
        print(f"| {name} | {count} |")
    result = {"kind": "house", "name": asked.name, **counts}
    path = RESULTS / f"house-{asked.name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
