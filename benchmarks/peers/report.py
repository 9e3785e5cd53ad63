"""Figures to tables: on the terminal, as JSON, and as the page of the docs."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path
from typing import Any

from benchmarks.peers.workloads import FLOPS, INFERENCE, PEAK_SIZE, TRAINING

ORDER = ["peak", "train", "infer", "grid", "grow"]
RESULTS = Path(__file__).parents[1] / "results"
PAGE = Path(__file__).parents[2] / "docs" / "speed.md"

HEAD = """# Speed

Made by `python -m benchmarks.peers --docs` from `benchmarks/results/*.json`, which
`python -m benchmarks.peers` writes. Every library runs in fresh processes that take turns, on
{threads} threads of {cpu}; a figure is the median of {rounds} rounds, with the quartiles in
brackets, in milliseconds. The ratio is the best peer's time divided by melpy's: above 1 melpy is
faster. Training goes through each library's public way, `fit` for Keras and melpy, the plain loop
for PyTorch. Memory is the most that a process held above what its imports took.

Versions: {versions}.
"""


def summary(values: list[float]) -> list[float]:
    """Return median, lower and upper quartile."""
    if len(values) < 2:
        return [round(values[0], 4)] * 3
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return [round(v, 4) for v in (middle, low, high)]


def ratios(rows: dict[str, Any], key: str) -> tuple[str, float] | None:
    """Return the best peer at a figure, and its time divided by ours."""
    mine = rows.get("melpy", {}).get("ms", {}).get(key)
    peers = {n: r["ms"][key][0] for n, r in rows.items() if n != "melpy" and key in r.get("ms", {})}
    if not mine or not peers:
        return None
    best = min(peers, key=lambda name: peers[name])
    return best, peers[best] / mine[0]


def table(result: dict[str, Any]) -> list[str]:
    """Return the lines of one result's table, in Markdown."""
    rows = result["libraries"]
    keys = list(dict.fromkeys(key for row in rows.values() for key in row.get("ms", {})))
    if len(keys) > 8:
        return _long(rows, keys)
    lines = ["| library | " + " | ".join(keys) + " | memory, MB |", "|---" * (len(keys) + 2) + "|"]
    for name, row in rows.items():
        if "unavailable" in row:
            lines.append(f"| {name} | unavailable: {row['unavailable']} |" + " |" * len(keys))
            continue
        cells = [
            "{:.3g} [{:.3g}, {:.3g}]".format(*row["ms"][k]) if k in row["ms"] else "" for k in keys
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + f" | {row['memory_mb']:.0f} |")
    cells = []
    for key in keys:
        found = ratios(rows, key)
        cells.append(f"{found[1]:.2f} ({found[0]})" if found else "")
    return [*lines, "| **ratio** | " + " | ".join(cells) + " | |"]


def _long(rows: dict[str, Any], keys: list[str]) -> list[str]:
    names = [name for name, row in rows.items() if "ms" in row]
    lines = ["| | " + " | ".join(names) + " | ratio |", "|---" * (len(names) + 2) + "|"]
    found = {key: ratios(rows, key) for key in keys}
    for key in keys:
        cells = [
            "{:.3g} [{:.3g}, {:.3g}]".format(*rows[name]["ms"][key])
            if key in rows[name]["ms"]
            else ""
            for name in names
        ]
        ratio = f"{found[key][1]:.2f}" if found[key] else ""
        lines.append(f"| {key} | " + " | ".join(cells) + f" | {ratio} |")
    logs = [math.log(pair[1]) for pair in found.values() if pair]
    if logs:
        worst = math.exp(min(logs))
        mean = math.exp(sum(logs) / len(logs))
        lines.append(f"| **geometric mean; worst** |{' |' * len(names)} {mean:.2f}; {worst:.2f} |")
    return lines


def page() -> str:
    """Return the page of the docs from all results."""
    results = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    versions: dict[str, str] = {}
    for result in results:
        for row in result["libraries"].values():
            versions |= row.get("versions", {})
    results.sort(key=lambda r: -r["threads"])
    first = results[0] if results else {"threads": 0, "cpu": "", "rounds": 0}
    named = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    lines = [
        HEAD.format(
            threads=first["threads"], cpu=first["cpu"],
            rounds=first["rounds"], versions=named,
        )
    ]  # fmt: skip
    lines += _limit(results)
    for result in sorted(results, key=lambda r: ORDER.index(r["kind"])):
        if result["kind"] != "peak":
            threads = (
                "" if result["threads"] == first["threads"] else f", {result['threads']} thread"
            )
            if result["rounds"] != first["rounds"]:
                threads += f", {result['rounds']} rounds"
            lines += [f"## {result['name']}: {result['kind']}{threads}", "", *table(result), ""]
    return "\n".join(lines).rstrip() + "\n"


def _limit(results: list[dict[str, Any]]) -> list[str]:
    """Return the paper's networks beside the machine's own limit."""
    by_name = {(r["kind"], r["name"], r["threads"]): r["libraries"] for r in results}
    peak = by_name.get(("peak", "sgemm", 2))
    if peak is None:
        return []
    (ms, *_) = next(iter(peak["numpy"]["ms"].values()))
    most = 2 * PEAK_SIZE**3 / ms / 1e6
    lines = [
        "## The machine's limit", "",
        f"NumPy's product of two float32 matrices of {PEAK_SIZE} x {PEAK_SIZE}: {most:.0f} GFLOPS.",
        "",
        "| training step | GFLOP | GFLOPS | of the limit |", "|---|---|---|---|",
    ]  # fmt: skip
    for name, flops in FLOPS.items():
        found = by_name.get(("train", name, 2))
        if found:
            speed = flops / found["melpy"]["ms"]["step"][0] / 1e6
            lines.append(f"| {name} | {flops / 1e9:.2f} | {speed:.0f} | {speed / most:.0%} |")
    return [*lines, ""]


def write(result: dict[str, Any], folder: Path = RESULTS) -> Path:
    """Write one result as JSON."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result['kind']}-{result['name']}-{result['threads']}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    return path


def headline(folder: Path = RESULTS) -> list[str]:
    """Return the README's table: training, and one image, beside the best peer."""
    lines = [
        "| | melpy, ms | best peer, ms | ratio |",
        "|---|---|---|---|",
    ]
    for kind, key, what in (
        ("train", "step", "a training step"),
        ("infer", "one image, call", "one image"),
    ):
        names = [*TRAINING] if kind == "train" else INFERENCE
        for name in names:
            path = folder / f"{kind}-{name}-2.json"
            if not path.exists():
                continue
            rows = json.loads(path.read_text())["libraries"]
            found = ratios(rows, key)
            if found:
                best, ratio = found
                mine, theirs = rows["melpy"]["ms"][key][0], rows[best]["ms"][key][0]
                lines.append(
                    f"| {name}, {what} | {mine:.3g} | {theirs:.3g} ({best}) | {ratio:.2f} |"
                )
    return lines
