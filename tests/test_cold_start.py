"""The first training ever: nothing compiled yet, and the user is told what happens meanwhile."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("numba")

ROOT = Path(__file__).parents[1]
LIMIT_S = 15


def test_the_first_epoch_starts_within_15_s_of_a_cold_cache(tmp_path):
    cache = tmp_path / "cache"
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache)}
    command = [
        sys.executable,
        "-m",
        "melpy.cli",
        "train",
        "--epochs",
        "1",
        "--out",
        tmp_path / "run",
    ]
    started_s = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=environment, cwd=ROOT
    ) as process:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("Training on"):
                took_s = time.perf_counter() - started_s
    assert process.returncode == 0
    said = "".join(lines)
    assert said.index("Compiling the kernels") < said.index("Training on")
    assert took_s < LIMIT_S
    assert list(cache.rglob("*.nbc")), "nothing was compiled: the cache was not cold"
