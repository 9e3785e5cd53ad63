"""Times what processes tell each other while they train, on one machine and between two networks.

    python -m benchmarks.exchange [--rounds 5] [--only loopback ...] [--nets mnist-3 ...]

Two processes of one thread each train the paper's two networks and a ResNet-20 in three ways, in
turns: alone, each on its half of the batches; with gradients exchanged after the way back; and
while it runs; alone also on fewer samples; and they add up arrays of many sizes. Both are on one
machine: they share its memory, or talk over its loopback, or are in two networks of it, which needs
root (`benchmarks.networks`). Needs mpiexec of MPICH. Results go to
benchmarks/results/exchange-NETWORK.json; `benchmarks.scaling` fits a model of the cost to them, and
makes the page.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.networks import NETWORKS, cable

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).parents[1]
MPIEXEC = Path(sys.executable).with_name("mpiexec")
LOCAL = ("shared-memory", "loopback")  # both processes on this machine, and by TCP
NETS = ("mnist-3", "cifar-7", "resnet-20")
STEPS = 10  # of a round
FEWER = (4, 16)  # samples, of the steps that say what a step costs beside its samples
SIZES = tuple(4**n for n in range(2, 13))  # numbers of float32: 64 bytes to 64 MB


def work(rounds: int, nets: list[str]) -> dict[str, Any]:
    """Measure as one of the processes of a job; return what was seen."""
    import melpy
    from benchmarks.peers.workloads import WORKLOADS
    from melpy import distribution
    from melpy.distribution import exchange

    shared = distribution.DataParallel()
    rows: dict[str, Any] = {}
    for name in nets:
        workload, batch = WORKLOADS[name], WORKLOADS[name].batch
        times: dict[str, list[float]] = {way: [] for way in ("alone", "after", "while")}
        models = {}
        for way in times:
            distribution.set_distribution(None if way == "alone" else shared)
            melpy.utils.set_random_seed(0)
            model = models[way] = workload.build(melpy)
            optimizer = {"adam": melpy.optimizers.Adam, "sgd": melpy.optimizers.SGD}
            model.compile(
                optimizer[workload.optimizer](workload.rate), "sparse_categorical_crossentropy"
            )
        pieces = exchange.PIECE
        for number in range(rounds + 1):
            for way, model in models.items():
                distribution.set_distribution(None if way == "alone" else shared)
                exchange.PIECE = 1 << 40 if way == "after" else pieces
                size = batch // shared.size if way == "alone" else batch
                draws = np.random.default_rng(number)
                x = draws.normal(size=(size * STEPS, *workload.shape)).astype("float32")
                y = draws.integers(0, workload.classes, size * STEPS)
                shared.processes.gather(None)  # all begin together
                begun_s = time.perf_counter()
                model.fit(x, y, size, epochs=4 if number == 0 else 1, verbose=0, shuffle=False)
                if number:
                    times[way].append((time.perf_counter() - begun_s) / STEPS * 1e3)
        exchange.PIECE = pieces
        distribution.set_distribution(None)
        fewer = {rows: _alone(models["alone"], workload, rows, rounds, shared) for rows in FEWER}
        rows[name] = {
            "batch": batch,
            "numbers": models["while"].count_params(),
            "normalizations": sum(
                "BatchNorm" in type(one).__name__ for one in models["while"].layers_inside
            ),
            "ms": {way: _told(ms) for way, ms in times.items()},
            "ms_of_fewer": fewer,
        }
    sums = []
    for size in SIZES:
        array, took = np.ones(size, np.float32), []
        for _ in range(3 + 10):
            shared.processes.gather(None)
            begun_s = time.perf_counter()
            shared.processes.sum_in_place(array)
            took.append((time.perf_counter() - begun_s) * 1e3)
        sums.append({"bytes": array.nbytes, "ms": _told(took[3:])})
    return {"nets": rows, "sums": sums, "rank": shared.rank, "size": shared.size}


def _alone(model: Any, workload: Any, rows: int, rounds: int, shared: Any) -> dict[str, float]:
    """Return the time of a step on so many samples, without an exchange."""
    draws, times = np.random.default_rng(0), []
    x = draws.normal(size=(rows * STEPS, *workload.shape)).astype("float32")
    y = draws.integers(0, workload.classes, rows * STEPS)
    for number in range(rounds + 1):
        shared.processes.gather(None)
        begun_s = time.perf_counter()
        model.fit(x, y, rows, epochs=4 if number == 0 else 1, verbose=0, shuffle=False)
        if number:
            times.append((time.perf_counter() - begun_s) / STEPS * 1e3)
    return _told(times)


def _told(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def measured(network: str, rounds: int, nets: list[str]) -> dict[str, Any]:
    """Run the job on a network; return what its first process saw."""
    command = ["-m", "benchmarks.exchange", "--worker", "--rounds", str(rounds),
               "--nets", *nets]  # fmt: skip
    environment = {
        "PATH": f"{MPIEXEC.parent}:/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONPATH": str(ROOT),
        "MELPY_NUM_THREADS": "1",
        "FI_PROVIDER": "tcp",
    }

    def run(options: list[str], within: list[str]) -> Any:
        made = subprocess.run(
            [*within, str(MPIEXEC), *options, "-n", "2", "-ppn", "1" if options else "2",
             sys.executable, *command],
            env=environment, cwd=ROOT, check=True, capture_output=True, text=True,
        )  # fmt: skip
        return json.loads(made.stdout.splitlines()[-1])

    if network == "shared-memory":
        return run([], [])
    environment |= {"MPIR_CVAR_NOLOCAL": "1", "UCX_TLS": "tcp,self"}  # not by the memory they share
    if network == "loopback":
        return run([], [])
    with cable(NETWORKS[network]) as options:
        return run(options, ["ip", "netns", "exec", "melpy-a"])


def main() -> None:
    """Do what the module says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="of each way, in turns (5)")
    parser.add_argument("--only", nargs="*", default=[*LOCAL, *NETWORKS],
                        choices=[*LOCAL, *NETWORKS])  # fmt: skip
    parser.add_argument("--nets", nargs="*", default=list(NETS), choices=NETS)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        told = work(arguments.rounds, arguments.nets)
        if told["rank"] == 0:
            print(json.dumps(told))
        return
    from melpy.experiments.machine import machine

    for network in arguments.only:
        told = measured(network, arguments.rounds, arguments.nets)
        told |= {
            "kind": "exchange",
            "rounds": arguments.rounds,
            "network": network,
            "machine": machine(),
        }
        path = RESULTS / f"exchange-{network}.json"
        path.write_text(json.dumps(told, indent=1) + "\n")
        print(path)


if __name__ == "__main__":
    main()
