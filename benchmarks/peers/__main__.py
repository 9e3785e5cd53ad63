"""melpy beside its peers: `python -m benchmarks.peers [--quick] [--only NAME,NAME...]`.

NAME is a group (train: training; layers: activations as layers of their own; avx2: training as a
CPU without AVX-512 does it; small: small networks; infer: inference; grid: the convolutions; grow:
how time grows; peak: the machine's own limits) or one row (mnist-3, infer-vgg, avx2-mlp ...); all
by default, in about an hour and a half: `--list` says how long each takes. A row that has its file
of the same code, processor and number of rounds is not measured again: a run that was stopped goes
on. The peers are the extra [bench]; one that is missing is said to be so.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.layers import cpu
from benchmarks.peers import page, readme, report
from benchmarks.peers.exported import Exported
from benchmarks.peers.rows import BEFORE, LIBRARIES, Row, chosen
from melpy.config import usable_cpus

ROOT = Path(__file__).parents[2]


class Worker:
    """A process of one library, waiting to be told to measure."""

    def __init__(self, library: str, row: Row, threads: int) -> None:
        single = {f"{n}_NUM_THREADS": str(threads) for n in ("OMP", "MKL", "OPENBLAS")}
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}
        command = ["-m", "benchmarks.peers.worker", library, row.kind, row.name, str(threads)]
        self.process = subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            cwd=ROOT, env=os.environ | single | quiet | row.environment,
        )  # fmt: skip
        self.ready = self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"unavailable": "the process ended"}

    def measure(self) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


def run(row: Row, libraries: list[str], rounds: int, threads: int) -> dict[str, Any]:
    """Start each library's process, then let them take turns."""
    if row.kind == "infer":
        Exported(row.name).write()
    for library in {"melpy", BEFORE} & set(libraries):
        Worker(library, row, threads).end()  # what it compiles once is no part of its memory
    workers = {library: Worker(library, row, threads) for library in libraries}
    figures: dict[str, list[dict[str, Any]]] = {library: [] for library in libraries}
    for _ in range(rounds):
        for library, worker in workers.items():
            if "unavailable" not in worker.ready:
                answer = worker.measure()
                if "unavailable" in answer:
                    worker.ready = answer
                else:
                    figures[library].append(answer)
    rows: dict[str, Any] = {}
    for library, worker in workers.items():
        worker.end()
        if "unavailable" in worker.ready:
            rows[library] = worker.ready
            continue
        rows[library] = {
            "versions": worker.ready["versions"],
            "memory_mb": round(max(f["memory_mb"] for f in figures[library])),
            "ms": {
                key: report.summary([f["ms"][key] for f in figures[library]])
                for key in worker.ready["keys"]
            },
        }
        if note := worker.ready.get("note"):
            rows[library]["note"] = note
    return {
        "name": row.name, "kind": row.kind, "avx2": row.avx2, "threads": threads, "rounds": rounds,
        "cpu": cpu(), "python": sys.version.split()[0], "code": code(), "libraries": rows,
    }  # fmt: skip


def code() -> str:
    """Return a digest of the package's source: what was measured."""
    digest = hashlib.sha256()
    for path in sorted((ROOT / "melpy").rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def is_measured(row: Row, libraries: list[str], rounds: int, threads: int, folder: Path) -> bool:
    """Return whether the row's file has what would be measured now."""
    path = folder / row.file_name(threads)
    if not path.exists():
        return False
    found = json.loads(path.read_text())
    same = (found.get("code"), found["cpu"]) == (code(), cpu())
    return same and found["rounds"] >= rounds and set(libraries) <= set(found["libraries"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="groups and rows, with commas between them")
    parser.add_argument("--libraries", default="", help="libraries, with commas between them")
    parser.add_argument("--before", type=Path, help="a checkout of melpy, beside this one in rows")
    parser.add_argument("--quick", action="store_true", help="two rounds instead of five")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--again", action="store_true", help="measure what has its file, too")
    parser.add_argument("--list", action="store_true", help="only say what would be measured")
    parser.add_argument("--out", type=Path, default=report.RESULTS)
    parser.add_argument("--docs", action="store_true", help="only write docs/speed.md anew")
    asked = parser.parse_args()
    if asked.docs:
        page.PAGE.write_text(page.page())
        for language in readme.WORDS:
            print(readme.NAMES[language], *readme.headline(language), "", sep="\n")
        return
    only = [name for name in asked.libraries.split(",") if name]
    if unknown := set(only) - set(LIBRARIES):
        sys.exit(f"no such library: {', '.join(sorted(unknown))}. Known: {', '.join(LIBRARIES)}")
    if not 1 <= asked.threads <= usable_cpus():
        sys.exit(f"--threads must be from 1 to {usable_cpus()}, not {asked.threads}")
    if asked.before:
        os.environ["MELPY_BEFORE"] = str(asked.before.resolve())
    rounds = 2 if asked.quick else 5
    todo = []
    for row in chosen([name for name in asked.only.split(",") if name]):
        libraries = [name for name in row.libraries if not only or name in only]
        if not libraries:
            continue
        if asked.before and "melpy" in libraries:
            libraries.insert(1, BEFORE)
        if asked.again or not is_measured(row, libraries, rounds, asked.threads, asked.out):
            todo.append((row, libraries, row.seconds(libraries, rounds)))
        else:
            print(f"{row.key}: measured already")
    left_s = sum(seconds for *_, seconds in todo)
    print(f"{len(todo)} rows, about {left_s / 60:.0f} minutes on a quiet machine of two cores")
    for row, libraries, seconds in todo:
        if asked.list:
            print(f"{row.key}: {row.kind}, about {seconds:.0f} s: {', '.join(libraries)}")
            continue
        result = run(row, libraries, rounds, asked.threads)
        left_s = max(left_s - seconds, 0.0)
        print(f"\n{row.key}: {row.kind}", *report.table(result), sep="\n")
        print(f"about {left_s / 60:.0f} minutes left", flush=True)
        if any("ms" in found for found in result["libraries"].values()):
            report.write(result, asked.out / row.file_name(asked.threads))
        else:
            print("nothing was measured, and nothing written; the peers are melpy's extra [bench]")


if __name__ == "__main__":
    main()
