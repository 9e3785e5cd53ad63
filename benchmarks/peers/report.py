"""Figures to tables, on the terminal and in the docs, and to JSON."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parents[1] / "results"


def summary(values: list[float]) -> list[float]:
    """Return median, lower and upper quartile."""
    if len(values) < 2:
        return [round(values[0], 4)] * 3
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return [round(v, 4) for v in (middle, low, high)]


def ratios(rows: dict[str, Any], key: str) -> tuple[str, float] | None:
    """Return the best peer at a figure, and its time divided by ours."""
    mine = rows.get("melpy", {}).get("ms", {}).get(key)
    peers = {
        name: row["ms"][key][0]
        for name, row in rows.items()
        if not name.startswith("melpy") and key in row.get("ms", {})
    }
    if not mine or not peers:
        return None
    best = min(peers, key=lambda name: peers[name])
    return best, peers[best] / mine[0]


def unit(kind: str) -> tuple[str, float]:
    """Return the unit that a kind of figure is shown in, and how many make a millisecond."""
    return ("µs", 1e3) if kind == "small" else ("ms", 1.0)


def geometric_mean(ratios: Iterable[float]) -> float:
    return math.exp(statistics.fmean(math.log(ratio) for ratio in ratios))


def brief(number: float | None) -> str:
    """Return a number of three digits, without an exponent."""
    if number is None:
        return ""
    return f"{float(f'{number:.3g}'):,.0f}" if number >= 100 else f"{number:.3g}"


def spread(figures: list[float], many: float = 1.0) -> str:
    """Return a median with its quartiles."""
    return "{} [{}, {}]".format(*(brief(figure * many) for figure in figures))


def table(result: dict[str, Any]) -> list[str]:
    """Return the lines of one result's table, in Markdown."""
    rows = result["libraries"]
    name_of_unit, many = unit(result["kind"])
    keys = list(dict.fromkeys(key for row in rows.values() for key in row.get("ms", {})))
    if len(keys) > 8:
        return _long(rows, keys)
    heads = [f"{key}, {name_of_unit}" for key in keys]
    lines = ["| library | " + " | ".join(heads) + " | memory, MB |", "|---" * (len(keys) + 2) + "|"]
    for name, row in rows.items():
        if "unavailable" in row:
            lines.append(f"| {name} | unavailable: {row['unavailable']} |" + " |" * len(keys))
            continue
        cells = [spread(row["ms"][k], many) if k in row["ms"] else "" for k in keys]
        said = f" ({row['note']})" if "note" in row else ""
        lines.append(f"| {name}{said} | " + " | ".join(cells) + f" | {row['memory_mb']:.0f} |")
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
        cells = [spread(rows[name]["ms"][key]) if key in rows[name]["ms"] else "" for name in names]
        ratio = f"{found[key][1]:.2f}" if found[key] else ""
        lines.append(f"| {key} | " + " | ".join(cells) + f" | {ratio} |")
    all_ratios = [pair[1] for pair in found.values() if pair]
    if all_ratios:
        worst, mean = min(all_ratios), geometric_mean(all_ratios)
        lines.append(f"| **geometric mean; worst** |{' |' * len(names)} {mean:.2f}; {worst:.2f} |")
    return lines


def write(result: dict[str, Any], path: Path) -> None:
    """Write one result as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(result, indent=1) + "\n")
    part.replace(path)
