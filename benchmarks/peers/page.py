"""docs/speed.md, from the results there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.peers.report import RESULTS, brief, geometric_mean, ratios, table, unit
from benchmarks.peers.rows import BEFORE, GROUPS, Row
from benchmarks.peers.workloads import FLOPS, MLP_WEIGHTS, OWN_LAYERS, PEAK_SIZE, TRAINING

PAGE = Path(__file__).parents[2] / "docs" / "speed.md"
DETAILS = ["train", "small", "infer", "grid", "grow"]  # kinds, in the page's order
CALLS = [f"{count}, call" for count in ("one image", "32 images", "256 images")]

HEAD = """# Speed

Made by `python -m benchmarks.peers --docs` from `benchmarks/results/*.json`, which
`python -m benchmarks.peers` writes. Every library runs in fresh processes that take turns, on
{threads} threads of {cpu}; a figure is the median of {rounds} rounds, in the tables of single rows
with the quartiles in brackets. The ratio is the best peer's time divided by melpy's: above 1 melpy
is faster. Training goes through each library's public way, `fit` for Keras and melpy, the plain
loop for PyTorch, `partial_fit` for scikit-learn. Memory is the most that a process held above what
its imports took.

Versions: {versions}.
"""

SMALL_SAYS = """\
Batches of 32, Adam, microseconds a step over whole epochs of 100 steps, as many as take about 0.8 s
a round and 100 at most; not those of a `fit`'s first two epochs, in which libraries compile, trace
or write down what they then repeat."""

INFER_SAYS = """\
The same weights in all but PyTorch, exported by Keras for ONNX Runtime and OpenVINO, whose models
are made for one number of images each; all in float32, and their outputs held to Keras's, 1e-4
relative, before anything is timed. A sequence counts as an image."""

AVX2_SAYS = """AVX2: the same machine, told to do without AVX-512, as most laptops must."""


def results_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Return all results by the names of their files."""
    return {path.name: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def page(folder: Path = RESULTS) -> str:
    """Return the page of the docs from the results there are."""
    found = results_of(folder)
    measured = {name: result for name, result in found.items() if "libraries" in result}
    results = sorted(measured.values(), key=lambda result: -result["threads"])
    first = results[0] if results else {"threads": 0, "cpu": "", "rounds": 0}
    lines = [
        HEAD.format(
            threads=first["threads"], cpu=first["cpu"], rounds=first["rounds"],
            versions=", ".join(versions(results)),
        )
    ]  # fmt: skip
    lines += _training(measured) + _small(measured) + _inference(measured)
    lines += _before(measured)
    lines += _house({name: one for name, one in found.items() if name not in measured})
    lines += _limit(measured)
    for result in sorted(results, key=lambda r: (r["kind"] not in DETAILS, order(r))):
        if result["kind"] in DETAILS:
            lines += [heading(result, first), "", *table(result), ""]
    return "\n".join(lines).rstrip() + "\n"


def versions(results: list[dict[str, Any]]) -> list[str]:
    """Return the name and version of everything that was measured."""
    rows = [row for result in results for row in result["libraries"].values()]
    pairs = {pair for row in rows for pair in row.get("versions", {}).items()}
    return [f"{name} {version}" for name, version in sorted(pairs)]


def order(result: dict[str, Any]) -> tuple[int, bool]:
    """Return where a result stands in the page: by kind, AVX2 last."""
    kind = result["kind"]
    return DETAILS.index(kind) if kind in DETAILS else len(DETAILS), result.get("avx2", False)


def heading(result: dict[str, Any], first: dict[str, Any]) -> str:
    """Return a result's heading, with what is not as in the page's head."""
    said = ", AVX2" if result.get("avx2") else ""
    if result["threads"] != first["threads"]:
        said += f", {result['threads']} thread"
    if result["rounds"] != first["rounds"]:
        said += f", {result['rounds']} rounds"
    if result["cpu"] != first["cpu"]:
        said += f", on {result['cpu']}"
    return f"## {result['name']}: {result['kind']}{said}"


def rows_found(
    measured: dict[str, dict[str, Any]], *groups: str
) -> Iterator[tuple[Row, dict[str, Any]]]:
    """Yield the groups' rows that have been measured on two threads, with their libraries."""
    for group in groups:
        for row in GROUPS[group]:
            if result := measured.get(row.file_name(2)):
                yield row, result["libraries"]


def cell(libraries: dict[str, Any], library: str, key: str, many: float = 1.0) -> str:
    """Return a library's median, or nothing where there is none."""
    found = libraries.get(library, {}).get("ms", {}).get(key)
    return brief(found[0] * many) if found else ""


def beside(libraries: dict[str, Any], key: str) -> tuple[list[str], float | None]:
    """Return the cells melpy, best peer, ratio; and the ratio as a number."""
    ours = cell(libraries, "melpy", key)
    found = ratios(libraries, key)
    if found is None:
        return [ours, "", ""], None
    best, ratio = found
    return [ours, f"{cell(libraries, best, key)} ({best})", f"**{ratio:.2f}**"], ratio


MEMORY = ["memory, MB: melpy", "PyTorch"]


def memory(libraries: dict[str, Any]) -> list[str]:
    """Return the cells of MEMORY."""
    return [brief(libraries.get(name, {}).get("memory_mb")) for name in ("melpy", "torch")]


def line(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def mean_line(count: int, ratios_by_column: dict[int, list[float | None]]) -> str:
    """Return a table's last line: the geometric mean of its columns of ratios."""
    cells = ["**geometric mean**", *[""] * (count - 1)]
    for column, all_ratios in ratios_by_column.items():
        if numbers := [ratio for ratio in all_ratios if ratio is not None]:
            cells[column] = f"**{geometric_mean(numbers):.2f}**"
    return line(*cells)


def _training(measured: dict[str, Any]) -> list[str]:
    full = {row.name: libraries for row, libraries in rows_found(measured, "train", "layers")}
    slow = {row.name: libraries for row, libraries in rows_found(measured, "avx2")}
    if not full and not slow:
        return []
    heads = ["a training step", "melpy, ms", "best peer, ms", "ratio"]
    after = ["AVX2: melpy, ms", "best peer, ms", "ratio"] if slow else []
    heads += [*after, *MEMORY]
    lines, wide, narrow = [line(*heads), "|---" * len(heads) + "|"], [], []
    for name in TRAINING | OWN_LAYERS:
        if name in full or name in slow:
            cells, ratio = beside(full.get(name, {}), "step")
            more, other = beside(slow.get(name, {}), "step")
            memories = memory(full.get(name, {}))
            lines.append(line(name, *cells, *(more if slow else []), *memories))
            wide.append(ratio)
            narrow.append(other)
    columns = {3: wide, 6: narrow} if slow else {3: wide}
    says = [AVX2_SAYS, ""] if slow else []
    return ["## Training", "", *says, *lines, mean_line(len(heads), columns), ""]


def _small(measured: dict[str, Any]) -> list[str]:
    found = list(rows_found(measured, "small"))
    if not found:
        return []
    name, many = unit("small")
    names = list(dict.fromkeys(library for _, libraries in found for library in libraries))
    heads = [f"a step of 32, {name}", *names, "ratio"]
    lines, all_ratios = [line(*heads), "|---" * len(heads) + "|"], []
    for row, libraries in found:
        cells = [cell(libraries, library, "step", many) for library in names]
        (*_, shown), ratio = beside(libraries, "step")
        lines.append(line(row.name, *cells, shown))
        all_ratios.append(ratio)
    mean = mean_line(len(heads), {len(heads) - 1: all_ratios})
    return ["## Small networks", "", SMALL_SAYS, "", *lines, mean, ""]


def _inference(measured: dict[str, Any]) -> list[str]:
    heads = ["a call, ms"]
    for count in ("one image", "32", "256"):
        heads += [f"{count}: melpy", "best peer", "ratio"]
    heads += MEMORY
    lines, columns = [line(*heads), "|---" * len(heads) + "|"], {3: [], 6: [], 9: []}
    for row, libraries in rows_found(measured, "infer"):
        cells = [row.name]
        for column, key in zip(columns, CALLS, strict=True):
            more, ratio = beside(libraries, key)
            cells += more
            columns[column].append(ratio)
        lines.append(line(*cells, *memory(libraries)))
    if not columns[3]:
        return []
    return [
        "## Inference", "", INFER_SAYS, "", *lines, mean_line(len(heads), columns), "",
        *_reading(measured),
    ]  # fmt: skip


def _reading(measured: dict[str, Any]) -> list[str]:
    """Return the limit of one image of the MLP: its weights must be read."""
    found = measured.get("peak-read-2.json")
    mlp = measured.get("infer-mlp-2.json")
    if not found or not mlp:
        return []
    (ms, *_) = next(iter(found["libraries"]["numpy"]["ms"].values()))
    speed = MLP_WEIGHTS * 4 / ms / 1e6
    times = [
        f"{name} {found} ms"
        for name in mlp["libraries"]
        if (found := cell(mlp["libraries"], name, CALLS[0]))
    ]
    return [
        f"One image of the MLP reads {MLP_WEIGHTS * 4 / 1e6:.2f} MB of weights, which takes two "
        f"threads that do nothing else {brief(ms)} ms ({speed:.0f} GB/s): {', '.join(times)}.",
        "",
    ]


def _before(measured: dict[str, Any]) -> list[str]:
    """Return melpy beside an earlier melpy, where a run had both."""
    heads = ["", "before, ms", "now, ms", "ratio"]
    lines, all_ratios = [line(*heads), "|---" * len(heads) + "|"], []
    for row, libraries in rows_found(measured, *GROUPS):
        for key, (now, *_) in libraries.get("melpy", {}).get("ms", {}).items():
            if then := libraries.get(BEFORE, {}).get("ms", {}).get(key):
                ratio = then[0] / now
                lines.append(line(f"{row.key}: {key}", brief(then[0]), brief(now), f"{ratio:.2f}"))
                all_ratios.append(ratio)
    if not all_ratios:
        return []
    return ["## Before and after", "", *lines, mean_line(len(heads), {3: all_ratios}), ""]


HOUSE = {
    "calls_of_fit": "Python calls of a step in `fit`",
    "files_of_fit": "files that such a step passes",
    "calls_of_train_on_batch": "Python calls of `train_on_batch`",
    "files_of_train_on_batch": "files that it passes",
    "files": "files of the package",
    "code_lines": "lines of code",
    "arguments_of_kernels": "longest argument list of a kernel",
    "arguments_of_others": "longest argument list elsewhere, where Keras fixes some",
}


def _house(houses: dict[str, dict[str, Any]]) -> list[str]:
    columns = {one["name"]: one for one in houses.values() if one.get("kind") == "house"}
    if not columns:
        return []
    lines = [line("", *columns), "|---" * (len(columns) + 1) + "|"]
    for key, what in HOUSE.items():
        lines.append(line(what, *(f"{one[key]:,.0f}" for one in columns.values())))
    says = (
        "A step is one of convolution, pool, flatten, dense: `python -m benchmarks.house` counts."
    )
    return ["## Python's part, and the house", "", says, "", *lines, ""]


def _limit(measured: dict[str, Any]) -> list[str]:
    """Return the paper's networks beside the machine's own limit."""
    peak = measured.get("peak-sgemm-2.json")
    if peak is None:
        return []
    (ms, *_) = next(iter(peak["libraries"]["numpy"]["ms"].values()))
    most = 2 * PEAK_SIZE**3 / ms / 1e6
    lines = [
        "## The machine's limit", "",
        f"NumPy's product of two float32 matrices of {PEAK_SIZE} x {PEAK_SIZE}: {most:.0f} GFLOPS.",
        "",
        "| training step | GFLOP | GFLOPS | of the limit |", "|---|---|---|---|",
    ]  # fmt: skip
    for name, flops in FLOPS.items():
        if found := measured.get(f"train-{name}-2.json"):
            speed = flops / found["libraries"]["melpy"]["ms"]["step"][0] / 1e6
            lines.append(f"| {name} | {flops / 1e9:.2f} | {speed:.0f} | {speed / most:.0%} |")
    return [*lines, ""]
