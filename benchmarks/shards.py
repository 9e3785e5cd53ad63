"""How much memory a process takes that trains on shards, by the size of all of them.

    python -m benchmarks.shards [--gigabytes 0.25 1 4]

One and two processes train a small network for two epochs on shards of .npy files in a passing
folder, which takes as much of the disk. Counted is, at its highest, a process's own memory
(Linux's RssAnon) and what it has of files (RssFile), which the kernel takes back when it needs it.
Results go to benchmarks/results/shards.json.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results" / "shards.json"
ROOT = Path(__file__).parents[1]
MPIEXEC = Path(sys.executable).with_name("mpiexec")
WIDTH, SHARD_ROWS, BATCH = 1024, 2**14, 256  # a shard has 64 MB of float32


def work(folder: Path) -> list[dict[str, float]]:
    """Train as one of the processes of a job; return the memory of each, in MB."""
    import melpy
    from melpy import distribution, layers

    shared = distribution.DataParallel()
    distribution.set_distribution(shared)
    most = {"RssAnon": 0.0, "RssFile": 0.0}

    class Watch(melpy.callbacks.Callback):
        """Looks at the memory after each batch."""

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            for line in Path("/proc/self/status").read_text().splitlines():
                name, _, value = line.partition(":")
                if name in most:
                    most[name] = max(most[name], int(value.split()[0]) / 1024)

    x = melpy.data.Shards(str(folder / "x-*.npy"))
    y = melpy.data.Shards(str(folder / "y-*.npy"))
    model = melpy.Sequential([melpy.Input((WIDTH,)), layers.Dense(32, "relu"), layers.Dense(10)])
    loss = melpy.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    loader = melpy.data.Loader(x, y, batch_size=BATCH, prefetch=4)
    model.fit(loader, epochs=2, verbose=0, callbacks=[Watch()])
    return shared.processes.gather(most)


def measured(gigabytes: float, processes: int) -> dict[str, Any]:
    """Make shards, and train on them."""
    count = max(1, round(gigabytes * 2**30 / (4 * WIDTH * SHARD_ROWS)))
    with tempfile.TemporaryDirectory() as folder:
        draws = np.random.default_rng(0)
        for number in range(count):
            x = draws.normal(size=(SHARD_ROWS, WIDTH)).astype("float32")
            np.save(Path(folder) / f"x-{number:04}.npy", x)
            np.save(Path(folder) / f"y-{number:04}.npy", draws.integers(0, 10, SHARD_ROWS))
        launcher = [str(MPIEXEC), "-n", str(processes)] if processes > 1 else []
        made = subprocess.run(
            [*launcher, sys.executable, "-m", "benchmarks.shards", "--worker", folder],
            cwd=ROOT, check=True, capture_output=True, text=True,
            env={"PATH": f"{MPIEXEC.parent}:/usr/bin:/bin", "PYTHONPATH": str(ROOT),
                 "MELPY_NUM_THREADS": "1"},
        )  # fmt: skip
    told = json.loads(made.stdout.splitlines()[-1])
    return {"gigabytes": count * 4 * WIDTH * SHARD_ROWS / 2**30, "processes": processes,
            "own_mb": [round(one["RssAnon"]) for one in told],
            "files_mb": [round(one["RssFile"]) for one in told]}  # fmt: skip


def main() -> None:
    """Do what the module says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[0.25, 1, 4])
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        told = work(arguments.worker)
        from melpy import distribution

        if distribution.DataParallel().rank == 0:
            print(json.dumps(told))
        return
    from melpy.experiments.machine import machine

    rows = [measured(size, n) for size in arguments.gigabytes for n in (1, 2)]
    RESULTS.write_text(json.dumps({"rows": rows, "machine": machine()}, indent=1) + "\n")
    print(RESULTS.read_text())


if __name__ == "__main__":
    main()
