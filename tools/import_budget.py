"""Fails when ``import melpy`` takes 0.3 s or more, prints, starts a thread, or loads too much.

The time is the smallest of several fresh processes: a budget is about the library, not about
what else the machine is doing. With ``--untimed`` one process is looked at, whatever it takes.
"""

import subprocess
import sys

BUDGET_S = 0.3
RUNS = 7
HEAVY = ("numba", "llvmlite", "matplotlib", "PIL", "urllib.request", "torch", "keras")
CODE = f"""
import sys, threading, time
start = time.perf_counter()
import melpy
took = time.perf_counter() - start
heavy = [name for name in {HEAVY!r} if name in sys.modules]
print(took, threading.active_count(), ",".join(heavy) or "-")
"""


def main() -> int:
    """Measure, print one line, and return 1 when a bound is broken."""
    times = []
    untimed = "--untimed" in sys.argv
    for _ in range(1 if untimed else RUNS):
        run = subprocess.run(
            [sys.executable, "-c", CODE], capture_output=True, text=True, check=True
        )
        if run.stderr or run.stdout.count("\n") != 1:
            print(f"import melpy printed something:\n{run.stdout}{run.stderr}")
            return 1
        took, threads, heavy = run.stdout.split()
        if threads != "1" or heavy != "-":
            print(f"import melpy started {threads} threads and loaded {heavy}")
            return 1
        times.append(float(took))
    if untimed:
        return 0
    times.sort()
    print(
        f"import melpy: {times[0]:.3f} s at best, {times[RUNS // 2]:.3f} s in the middle of {RUNS}"
    )
    return int(times[0] >= BUDGET_S)


if __name__ == "__main__":
    sys.exit(main())
