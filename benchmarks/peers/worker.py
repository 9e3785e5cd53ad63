"""One library in a process of its own: prepares a workload, then times it whenever it is told.

    python -m benchmarks.peers.worker LIBRARY KIND NAME THREADS

LIBRARY melpy-before is the checkout in the folder that MELPY_BEFORE names. It writes one line of
JSON when it is ready, and one for each "go" on its standard input: a dict of milliseconds. KIND is
train, small, infer, grid, grow or peak.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

from benchmarks.peers import sweeps
from benchmarks.peers.libraries import library
from benchmarks.peers.rows import BEFORE
from benchmarks.peers.timing import Timed


def memory_mb() -> float:
    """Return the most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def prepared(name: str, kind: str, workload: str, threads: int) -> tuple[Timed, float, str]:
    """Return what is timed, the memory that the imports took, and what is to be said of it."""
    if kind == "peak":
        return sweeps.peak() if workload == "sgemm" else sweeps.read(threads), memory_mb(), ""
    if kind in ("grid", "grow"):
        before = memory_mb()
        return getattr(sweeps, kind)(name, threads), before, ""
    lib = library(name, threads)
    before = memory_mb()
    return getattr(lib, kind)(workload), before, lib.note


def versions(library: str) -> dict[str, str]:
    from importlib.metadata import version

    names = {"melpy": ["numpy", "numba"], BEFORE: [], "keras-tensorflow": ["keras", "tensorflow"]}
    names |= {"keras-jax": ["keras", "jax"], "keras-torch": ["keras", "torch"]}
    plain = [library.partition("-")[0] if library.startswith("torch") else library]
    found = {name: version(name) for name in names.get(library, plain)}
    if library == "melpy":
        import melpy

        found["melpy"] = melpy.__version__
    return found


def main() -> None:
    name, kind, workload, threads = sys.argv[1:5]
    talk = sys.stdout
    sys.stdout = sys.stderr  # what libraries print stays out of the conversation
    if name == BEFORE:
        sys.path.insert(0, os.environ["MELPY_BEFORE"])
    try:
        timed, before, note = prepared(name, kind, workload, int(threads))
        ready: dict[str, Any] = {"versions": versions(name), "keys": list(timed), "note": note}
    except Exception as error:
        lines = str(error).splitlines() or [""]
        ready = {"unavailable": f"{type(error).__name__}: {lines[0][:200]}"}
    print(json.dumps(ready), file=talk, flush=True)
    for _ in sys.stdin:
        figures = {key: run() for key, run in timed.items()}
        print(json.dumps({"ms": figures, "memory_mb": memory_mb() - before}), file=talk, flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[2]))
    main()
