"""Times what processes tell each other while they train, on one machine and between two networks.

    python -m benchmarks.exchange [--rounds 5] [--only loopback ...]

Two processes of one thread each train the paper's two networks and a ResNet-20 in three ways, in
turns: alone, each on its half of the batches; with gradients exchanged after the way back; and
while it runs. Between two network namespaces of this machine, joined by a virtual cable, the kernel
shapes the rate. That needs root, Linux's ip and tc, and mpiexec of MPICH. Results go to
benchmarks/results/exchange-NETWORK.json; `benchmarks.scaling` makes the page of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).parent / "results"
ROOT = Path(__file__).parents[1]
MPIEXEC = Path(sys.executable).with_name("mpiexec")
NETWORKS = {"loopback": None, "cable": None, "cable-10gbit": "10gbit", "cable-1gbit": "1gbit"}
NETS = ("mnist-3", "cifar-7", "resnet-20")
STEPS = 10  # of a round
SIZES = tuple(4**n for n in range(2, 13))  # numbers of float32: 64 bytes to 64 MB
HOSTS = {"10.77.0.1": "melpy-a", "10.77.0.2": "melpy-b"}
LAUNCHER = """#!/bin/sh
# Called as ssh is: options, a host, a command. The host is a network namespace of this machine.
while [ "${1#-}" != "$1" ]; do shift; done
host=$1; shift
case $host in 10.77.0.1) name=melpy-a;; *) name=melpy-b;; esac
exec ip netns exec $name sh -c "$*"
"""


def work(rounds: int) -> dict[str, Any]:
    """Measure as one of the processes of a job; return what was seen."""
    import melpy
    from benchmarks.peers.workloads import WORKLOADS
    from melpy import distribution
    from melpy.distribution import exchange

    shared = distribution.DataParallel()
    rows: dict[str, Any] = {}
    for name in NETS:
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
        rows[name] = {
            "batch": batch,
            "numbers": models["while"].count_params(),
            "ms": {way: _told(ms) for way, ms in times.items()},
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


def _told(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


@contextmanager
def cable(rate: str | None) -> Iterator[list[str]]:
    """Join two network namespaces, at a rate; give the options of mpiexec for one process each."""
    for name in HOSTS.values():
        _ip("netns", "add", name)
    try:
        _ip("link", "add", "melpy0", "type", "veth", "peer", "name", "melpy1")
        for (host, name), device in zip(HOSTS.items(), ("melpy0", "melpy1"), strict=True):
            inside = ("netns", "exec", name, "ip")
            _ip("link", "set", device, "netns", name)
            _ip(*inside, "addr", "add", f"{host}/24", "dev", device)
            _ip(*inside, "link", "set", device, "up")
            _ip(*inside, "link", "set", "lo", "up")
            if rate is not None:
                shape = f"tc qdisc add dev {device} root tbf rate {rate} burst 1mb latency 50ms"
                _ip("netns", "exec", name, *shape.split())
        with tempfile.NamedTemporaryFile("w", suffix=".sh", delete=False) as script:
            script.write(LAUNCHER)
        Path(script.name).chmod(0o755)
        yield ["-launcher", "ssh", "-launcher-exec", script.name, "-hosts", ",".join(HOSTS)]
        Path(script.name).unlink()
    finally:
        for name in HOSTS.values():
            _ip("netns", "del", name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def measured(network: str, rounds: int) -> dict[str, Any]:
    """Run the job on a network; return what its first process saw."""
    command = ["-m", "benchmarks.exchange", "--worker", "--rounds", str(rounds)]
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

    if network == "loopback":
        return run([], [])
    with cable(NETWORKS[network]) as options:
        return run(options, ["ip", "netns", "exec", "melpy-a"])


def main() -> None:
    """Do what the module says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="of each way, in turns (5)")
    parser.add_argument("--only", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        told = work(arguments.rounds)
        if told["rank"] == 0:
            print(json.dumps(told))
        return
    from melpy.experiments.machine import machine

    for network in arguments.only:
        told = measured(network, arguments.rounds)
        told |= {"kind": "exchange", "network": network, "machine": machine()}
        path = RESULTS / f"exchange-{network}.json"
        path.write_text(json.dumps(told, indent=1) + "\n")
        print(path)


if __name__ == "__main__":
    main()
