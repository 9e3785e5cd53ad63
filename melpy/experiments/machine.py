"""What a measured number depends on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path
from typing import Any

from melpy import __version__, config

__all__ = ["machine"]


def machine() -> dict[str, Any]:
    """Return what a number from this machine depends on: processor, versions, CPUs."""
    versions = {"python": platform.python_version(), "melpy": __version__}
    for package in ("numpy", "numba"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "usable_cpus": config.usable_cpus(),
        "system": f"{platform.system()} {platform.machine()}",
        "versions": versions,
    }


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
