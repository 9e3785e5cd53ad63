"""Fails when importing or a first training takes longer than it may, prints, or loads too much.

    python tools/budgets.py            # measures; a step of .ci/run
    python tools/budgets.py --untimed  # looks at what importing does only: what the tests ask

An import's time is the smallest of several fresh processes, and a first training has twice the time
that it takes on an idle machine of two cores: a budget is about the library, not about what else
the machine is doing. Bytecode is kept from the first run on, as an installation has it.
"""

import os
import subprocess
import sys
import tempfile
import time

RUNS = 7
IMPORTS = {  # a statement, and the seconds that it may take with NumPy's own 0.06 to 0.11
    "import melpy": 0.2,
    "from melpy import Sequential, layers": 0.5,
}
# Until the first epoch begins, where nothing was compiled before. On two cores without AVX-512 it
# is 30 to 32 s (26 before the scaling of pixels was a layer); the rest is for a busy machine.
COLD_S = 60
AS_INSTALLED = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
HEAVY = ("numba", "llvmlite", "matplotlib", "PIL", "urllib.request", "torch", "keras")
CODE = """
import sys, threading, time
start = time.perf_counter()
{statement}
took = time.perf_counter() - start
heavy = [name for name in {heavy!r} if name in sys.modules]
print(took, threading.active_count(), ",".join(heavy) or "-")
"""


def import_times_s(statement: str, runs: int) -> list[float]:
    """Return how long a statement takes in fresh processes; exit where it does what it must not."""
    times_s = []
    for _ in range(runs):
        code = CODE.format(statement=statement, heavy=HEAVY)
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=AS_INSTALLED
        )
        if run.returncode or run.stderr or run.stdout.count("\n") != 1:
            sys.exit(f"{statement!r} failed or printed something:\n{run.stdout}{run.stderr}")
        took_s, threads, heavy = run.stdout.split()
        if threads != "1" or heavy != "-":
            sys.exit(f"{statement!r} started {threads} threads and loaded {heavy}")
        times_s.append(float(took_s))
    return sorted(times_s)


def cold_start_s() -> float:
    """Return the seconds that ``melpy train`` takes to its first epoch, nothing being compiled."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable,
            "-m",
            "melpy",
            "train",
            "--epochs",
            "1",
            "--out",
            f"{folder}/run",
        ]
        environment = AS_INSTALLED | {"NUMBA_CACHE_DIR": f"{folder}/cache", "PYTHONUNBUFFERED": "1"}
        began_s = time.perf_counter()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environment
        ) as process:
            for line in process.stdout or ():
                if line.startswith("Training on"):
                    took_s = time.perf_counter() - began_s
        if process.returncode:
            sys.exit(f"melpy train ended with {process.returncode}")
    return took_s


def main() -> int:
    """Measure, print a line each, and return 1 when a budget is exceeded."""
    if "--untimed" in sys.argv:
        for statement in IMPORTS:
            import_times_s(statement, 1)
        return 0
    exceeded = False
    for statement, budget_s in IMPORTS.items():
        times_s = import_times_s(statement, RUNS)
        exceeded |= times_s[0] >= budget_s
        print(
            f"{statement}: {times_s[0]:.3f} s at best, {times_s[RUNS // 2]:.3f} s in the middle of "
            f"{RUNS}; it may take {budget_s} s"
        )
    took_s = cold_start_s()
    print(
        f"melpy train, nothing compiled: first epoch after {took_s:.1f} s; it may take {COLD_S} s"
    )
    return int(exceeded or took_s >= COLD_S)


if __name__ == "__main__":
    sys.exit(main())
