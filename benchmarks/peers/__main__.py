"""melpy beside its peers: `python -m benchmarks.peers [--quick] [NAME...]`.

NAME is a network (mnist-3, cifar-7, vgg, resnet-20, mlp, mobilenet, lstm, transformer: training),
infer-NAME for inference, grid for the convolutions, grow for how time grows, peak for the machine's
own limit; all by default. The peers are the extra [bench]; one that is missing is said to be so.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.layers import cpu
from benchmarks.peers import report
from benchmarks.peers.workloads import INFERENCE, TRAINING
from melpy.config import usable_cpus

TORCH = ["torch", "torch-channels_last", "torch-compile"]
KERAS = ["keras-tensorflow", "keras-jax", "keras-torch"]
ALL = ["melpy", *TORCH, *KERAS]
ROOT = Path(__file__).parents[2]


def jobs(names: list[str]) -> list[tuple[str, str, list[str]]]:
    """Return (kind, name, libraries) of what was asked for."""
    known = {name: ("train", name, ALL) for name in TRAINING}
    known |= {f"infer-{name}": ("infer", name, ALL) for name in INFERENCE}
    known["grid"] = ("grid", "convolutions", ["melpy", "torch"])
    known["grow"] = ("grow", "steps", ["melpy", "keras-tensorflow", "keras-torch"])
    known["peak"] = ("peak", "sgemm", ["numpy"])
    unknown = set(names) - set(known)
    if unknown:
        sys.exit(f"no such workload: {', '.join(sorted(unknown))}. Known: {', '.join(known)}")
    return [known[name] for name in names or known]


class Worker:
    """A process of one library, waiting to be told to measure."""

    def __init__(self, library: str, kind: str, name: str, threads: int) -> None:
        single = {f"{n}_NUM_THREADS": str(threads) for n in ("OMP", "MKL", "OPENBLAS")}
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peers.worker", library, kind, name, str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            cwd=ROOT, env=os.environ | single | quiet,
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


def run(kind: str, name: str, libraries: list[str], rounds: int, threads: int) -> dict[str, Any]:
    """Start each library's process, then let them take turns."""
    workers = {library: Worker(library, kind, name, threads) for library in libraries}
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
    return {
        "name": name, "kind": kind, "threads": threads, "rounds": rounds, "cpu": cpu(),
        "python": sys.version.split()[0], "libraries": rows,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="two rounds instead of five")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="libraries, with commas between them")
    parser.add_argument("--out", type=Path, default=report.RESULTS)
    parser.add_argument("--docs", action="store_true", help="only write docs/speed.md anew")
    asked = parser.parse_args()
    if asked.docs:
        report.PAGE.write_text(report.page())
        return
    only = [name for name in asked.only.split(",") if name]
    if unknown := set(only) - {*ALL, "numpy"}:
        sys.exit(f"no such library: {', '.join(sorted(unknown))}. Known: {', '.join(ALL)}")
    if not 1 <= asked.threads <= usable_cpus():
        sys.exit(f"--threads must be from 1 to {usable_cpus()}, not {asked.threads}")
    for kind, name, libraries in jobs(asked.names):
        chosen = [n for n in libraries if not only or n in only]
        result = run(kind, name, chosen, 2 if asked.quick else 5, asked.threads)
        print(f"\n{name}: {kind}", *report.table(result), sep="\n", flush=True)
        if any("ms" in found for found in result["libraries"].values()):
            report.write(result, asked.out)
        else:
            print("nothing was measured, and nothing written; the peers are melpy's extra [bench]")


if __name__ == "__main__":
    main()
