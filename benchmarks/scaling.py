"""A model of what many processes cost, fitted to benchmarks/results/exchange-*.json, and its page.

    python -m benchmarks.scaling            writes docs/scaling.md

Adding up n bytes over p processes, by halving and doubling (Thakur et al. 2005), takes

    T(n, p) = 2 ceil(log2 p) a + 2 (p - 1) / p n / B

with the latency a of a message and the bandwidth B. A step on r samples takes c0 + c1 r alone. Of
the exchange, a share h of what could be hidden behind the way back is: all but the last piece, and
no more than the way back takes, two thirds of a step.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.networks import NETWORKS

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "scaling.md"
SHARDS = ROOT / "benchmarks" / "results" / "shards.json"
NAMES = ("shared-memory", "loopback", *NETWORKS)
PIECE = 4 * 2**18  # bytes that are sent together
WAY_BACK = 2 / 3  # of a step: two products of three
SMALL = 64  # bytes of a sum of few numbers
FEW_BYTES, MANY_BYTES = 1024, 4 * 2**20
PROCESSES = (8, 64, 512, 4096)
CARRIED = ("cable-10gbit", "cable-10gbit-0.1ms", "cable-1gbit-1ms")
STRONG_BATCH = 4096

HEAD = """# What many processes cost

`python -m benchmarks.exchange` measured, and `python -m benchmarks.scaling` made this page of
benchmarks/results/exchange-*.json. Machine: {machine}.

Two processes of one thread each share the machine's two cores. That is all that one small machine
can show: who computes has no core left for who sends, where a network card would take over some of
it. Two networks are two namespaces of Linux, joined by a cable whose rate the kernel shapes; delays
are made by a relay in Python, which takes CPU time of its own from the trainings.
"""
SHARES = """Milliseconds a step, median of alternating rounds (least to most): alone, on half of the
batch without an exchange; with gradients added up after the way back; and while it runs, which is
how `fit` does it. The share is of the last.
"""
FITS = """Adding up n bytes over p processes: T(n, p) = 2 ⌈log₂ p⌉ a + 2 (p − 1)/p · n/B, by
recursive halving and doubling (Thakur, Rabenseifner, Gropp 2005). a is fitted to sums of at most
1 KB between two processes, B to those of at least 4 MB; the last column says how far the model is
from all, of 64 bytes to 64 MB; the token bucket lets a burst of 1 MB pass at any rate. Hidden is
the share of what could run behind the way back (all but the last megabyte, at most two thirds of a
step) that did.
"""
COSTS = """A step costs something by being shared, whatever the network: gradients are packed into
buffers and unpacked, Python runs between parts of the program, and each BatchNormalization of the
whole batch waits for its sums. Measured where sums cost least, over
shared memory, and taken as the same everywhere:
"""
CHECKS = """A step of two processes as the model has it, from sums alone, steps alone and the cost
of sharing over shared memory, beside the measured one. Over shared memory itself the first agrees
by construction.
"""
CARRIED_ON = """One process of one thread a machine; not measured. Assumed for every figure: each
link has the latency and the bandwidth fitted above to the network of that name, whatever the number
of machines (no switch is full, all machines are equally far and equally fast, nobody waits for a
slow one); the sums go by halving and doubling; the way back hides the share fitted above; a step
alone takes c0 + c1 r on r samples, fitted to 4, 16 and half a batch; being shared costs what it
costs over shared memory. Weak scaling: each process
keeps half of the model's usual batch; the figure is the time of a step alone over that of a step
with the exchange. Strong scaling: a batch of {batch:,} in all, each process its part; the figure is
how many times one process is outrun.
"""


MEMORY_IS = """`python -m benchmarks.shards`: a small network trains for two epochs on shards of
.npy files, 1,024 numbers a sample. Shown is the highest of each process; what it has of files is
the kernel's to take back. {processor}; Python {python}, NumPy {numpy}.
"""


@dataclass(frozen=True)
class Network:
    """Latency in ms, and ms a byte, of messages between two processes."""

    latency_ms: float
    ms_a_byte: float

    def sum_ms(self, size: float, processes: int) -> float:
        """Return the time to add up arrays of ``size`` bytes."""
        steps, share = 2 * math.ceil(math.log2(processes)), 2 * (processes - 1) / processes
        return steps * self.latency_ms + share * size * self.ms_a_byte

    @classmethod
    def fitted(cls, sums: Sequence[dict[str, Any]]) -> Network:
        """Return the one that two processes' sums tell: small ones the latency, large ones B.

        What lies between does not count: a token bucket lets a burst of it pass at any rate.
        """
        times = {row["bytes"]: row["ms"]["median"] for row in sums}
        latency = statistics.median(ms for size, ms in times.items() if size <= FEW_BYTES) / 2
        large = [(ms - 2 * latency) / size for size, ms in times.items() if size >= MANY_BYTES]
        return cls(latency, statistics.median(large))

    def errors(self, sums: Sequence[dict[str, Any]]) -> list[float]:
        """Return by how much each time is missed, as a share of it."""
        return [self.sum_ms(row["bytes"], 2) / row["ms"]["median"] - 1 for row in sums]


@dataclass(frozen=True)
class Training:
    """A network's step: what it costs alone, and what it has to send."""

    name: str
    batch: int
    fixed_ms: float
    ms_a_sample: float
    gradient_bytes: int
    small_sums: int
    sharing_ms: float = 0.0

    @classmethod
    def of(cls, name: str, row: dict[str, Any], sharing_ms: float = 0.0) -> Training:
        """Return what a measured row tells."""
        told = [(int(n), ms["median"]) for n, ms in row["ms_of_fewer"].items()]
        told.append((row["batch"] // 2, row["ms"]["alone"]["median"]))
        times = np.array([ms for _, ms in told])
        rows = np.array([[1.0, n] for n, _ in told]) / times[:, np.newaxis]
        fixed, a_sample = np.linalg.lstsq(rows, np.ones(len(told)), rcond=None)[0]
        small = 2 * row["normalizations"] + 1  # forward and back; and whether to stop
        return cls(name, row["batch"], max(float(fixed), 0.0), float(a_sample),
                   4 * row["numbers"], small, sharing_ms)  # fmt: skip

    def alone_ms(self, rows: float) -> float:
        """Return the time of a step without an exchange."""
        return self.fixed_ms + self.ms_a_sample * rows

    def exchange_ms(self, network: Network, processes: int) -> float:
        """Return the time of all that is added up in a step."""
        small = self.small_sums * network.sum_ms(SMALL, processes)
        return network.sum_ms(self.gradient_bytes, processes) + small

    def hideable_ms(self, network: Network, processes: int, alone_ms: float) -> float:
        """Return how much of the exchange can run while the way back does, at the most."""
        last = network.sum_ms(min(PIECE, self.gradient_bytes), processes)
        sent = network.sum_ms(self.gradient_bytes, processes)
        return max(0.0, min(sent - last, WAY_BACK * alone_ms))

    def step_ms(self, network: Network, processes: int, rows: float, hidden: float) -> float:
        """Return the time of a step on so many samples a process."""
        alone = self.alone_ms(rows)
        saved = hidden * self.hideable_ms(network, processes, alone)
        return alone + self.sharing_ms + self.exchange_ms(network, processes) - saved


def sharing_costs(told: dict[str, Any], network: Network) -> dict[str, float]:
    """Return what a step costs by being shared, beside its sums, where these cost least."""
    found = {}
    for name, row in told["nets"].items():
        alone, after = row["ms"]["alone"]["median"], row["ms"]["after"]["median"]
        found[name] = max(0.0, after - alone - Training.of(name, row).exchange_ms(network, 2))
    return found


def hidden_share(told: dict[str, Any], network: Network) -> float:
    """Return which share of what could be hidden was: the median of the networks with any."""
    shares = []
    for name, row in told["nets"].items():
        ms = {way: times["median"] for way, times in row["ms"].items()}
        could = Training.of(name, row).hideable_ms(network, 2, ms["alone"])
        if could > 0.1 * ms["after"]:
            shares.append((ms["after"] - ms["while"]) / could)
    return min(1.0, max(0.0, statistics.median(shares))) if shares else 0.0


def page() -> str:
    """Return the page."""
    told = {}
    for name in NAMES:
        path = ROOT / "benchmarks" / "results" / f"exchange-{name}.json"
        if path.exists():
            told[name] = json.loads(path.read_text())
    fits = {name: Network.fitted(one["sums"]) for name, one in told.items()}
    hidden = {name: hidden_share(one, fits[name]) for name, one in told.items()}
    costs = sharing_costs(told[NAMES[0]], fits[NAMES[0]])
    return "\n".join(
        [*_head(told), *_shares(told), *_fits(told, fits, hidden), *_costs(costs),
         *_checks(told, fits, hidden, costs), *_carried(told, fits, hidden, costs), *_memory()]
    )  # fmt: skip


def _head(told: dict[str, Any]) -> Iterator[str]:
    machine = next(iter(told.values()))["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    yield HEAD.format(
        machine=f"{machine['processor']}, {machine['usable_cpus']} CPUs, {machine['system']}; "
        f"{versions}"
    )


def _shares(told: dict[str, Any]) -> Iterator[str]:
    yield "## The exchange's share of a step, measured\n"
    yield SHARES
    yield "| network | model | alone | after | while | share | gained by overlap |"
    yield "|---|---|---|---|---|---|---|"
    for name, one in told.items():
        for net, row in one["nets"].items():
            ms = {way: times["median"] for way, times in row["ms"].items()}
            shown = [
                f"{t['median']:.2f} ({t['least']:.2f} to {t['most']:.2f})"
                for t in row["ms"].values()
            ]
            share, gained = 1 - ms["alone"] / ms["while"], 1 - ms["while"] / ms["after"]
            yield f"| {name} | {net} | {' | '.join(shown)} | {share:.0%} | {gained:+.0%} |"
    yield ""


def _fits(
    told: dict[str, Any], fits: dict[str, Network], hidden: dict[str, float]
) -> Iterator[str]:
    yield "## The model, fitted\n"
    yield FITS
    yield "| network | latency a, ms | bandwidth B, MB/s | hidden | error, median (largest) |"
    yield "|---|---|---|---|---|"
    for name, fit in fits.items():
        errors = [abs(error) for error in fit.errors(told[name]["sums"])]
        rate = 1e-3 / fit.ms_a_byte if fit.ms_a_byte else float("inf")
        yield (
            f"| {name} | {fit.latency_ms:.3f} | {rate:,.0f} | {hidden[name]:.0%} | "
            f"{statistics.median(errors):.0%} ({max(errors):.0%}) |"
        )
    yield ""


def _costs(costs: dict[str, float]) -> Iterator[str]:
    yield COSTS
    yield "| model | ms a step |"
    yield "|---|---|"
    yield from (f"| {name} | {ms:.2f} |" for name, ms in costs.items())
    yield ""


def _checks(
    told: dict[str, Any],
    fits: dict[str, Network],
    hidden: dict[str, float],
    costs: dict[str, float],
) -> Iterator[str]:
    yield "## The model beside what was measured\n"
    yield CHECKS
    yield "| network | model | after: model | measured | error | while: model | measured | error |"
    yield "|---|---|---|---|---|---|---|---|"
    for name, one in told.items():
        for net, row in one["nets"].items():
            training = Training.of(net, row, costs[net])
            cells = []
            for way, share in (("after", 0.0), ("while", hidden[name])):
                made = training.step_ms(fits[name], 2, row["batch"] / 2, share)
                seen = row["ms"][way]["median"]
                cells.append(f"{made:.2f} | {seen:.2f} | {made / seen - 1:+.0%}")
            yield f"| {name} | {net} | {' | '.join(cells)} |"
    yield ""


def _carried(
    told: dict[str, Any],
    fits: dict[str, Network],
    hidden: dict[str, float],
    costs: dict[str, float],
) -> Iterator[str]:
    yield "## Carried to many machines\n"
    yield CARRIED_ON.format(batch=STRONG_BATCH)
    yield f"| network | model | c0 + c1 r, ms | {' | '.join(_columns())} |"
    yield f"|---|---|---|{'---|' * len(_columns())}"
    for name in CARRIED:
        if name not in told:
            continue
        for net, row in told[name]["nets"].items():
            training, fit = Training.of(net, row, costs[net]), fits[name]
            weak = [
                training.alone_ms(row["batch"] / 2)
                / training.step_ms(fit, p, row["batch"] / 2, hidden[name])
                for p in PROCESSES
            ]
            strong = [
                training.alone_ms(STRONG_BATCH)
                / training.step_ms(fit, p, STRONG_BATCH / p, hidden[name])
                for p in PROCESSES
            ]
            cells = [*(f"{x:.0%}" for x in weak), *(f"{x:,.1f}" for x in strong)]
            cost = f"{training.fixed_ms:.2f} + {training.ms_a_sample:.3f} r"
            yield f"| {name} | {net} | {cost} | {' | '.join(cells)} |"
    yield ""


def _memory() -> Iterator[str]:
    told = json.loads(SHARDS.read_text())
    yield "## Memory on shards, measured\n"
    yield MEMORY_IS.format(processor=told["machine"]["processor"], **told["machine"]["versions"])
    yield "| shards, GB | processes | a process's own memory, MB | files in it, MB |"
    yield "|---|---|---|---|"
    for row in told["rows"]:
        own, files = (", ".join(f"{mb:,}" for mb in row[key]) for key in ("own_mb", "files_mb"))
        yield f"| {row['gigabytes']:g} | {row['processes']} | {own} | {files} |"
    yield ""


def _columns() -> list[str]:
    return [*(f"weak, {p:,}" for p in PROCESSES), *(f"strong, {p:,}" for p in PROCESSES)]


if __name__ == "__main__":
    PAGE.write_text(page())
    print(PAGE.relative_to(ROOT))
