"""How many CPUs this process may use."""

from __future__ import annotations

import functools
import os
from pathlib import Path

__all__ = ["group_cpus", "usable_cpus"]


def usable_cpus() -> int:
    """Return how many CPUs this process may use: its affinity, and its control groups' limits."""
    if hasattr(os, "process_cpu_count"):  # from Python 3.13 on; knows PYTHON_CPU_COUNT too
        count = os.process_cpu_count() or 1
    elif hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    return max(1, min(count, group_cpus()))


@functools.cache
def group_cpus(root: Path = Path("/")) -> int:
    """Return the CPUs that Linux's control groups leave a process, as containers set them.

    The least over the process's group and those above it, a part of a CPU counting as one;
    a large number where there is no limit or none can be read.
    """
    limits = [10**6]
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return limits[0]
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        mount = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
        for folder in (Path(path), *Path(path).parents):
            limits.append(_quota(mount / folder.relative_to("/"), bool(controllers)))
    return min(limits)


def _quota(folder: Path, is_first_version: bool) -> int:
    try:
        if is_first_version:
            texts = [(folder / f"cpu.cfs_{n}_us").read_text() for n in ("quota", "period")]
        else:
            texts = (folder / "cpu.max").read_text().split()
        quota, period = int(texts[0]), int(texts[1])
    except (OSError, ValueError, IndexError):  # no such file, or "max"
        return 10**6
    return -(-quota // period) if quota > 0 and period > 0 else 10**6
