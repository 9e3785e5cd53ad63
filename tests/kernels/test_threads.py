"""The team: every block once, from several callers, after sleep, interruption, failure and fork."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

from melpy import config
from melpy.kernels import threads
from melpy.kernels.compiled.team import for_team

pytestmark = pytest.mark.filterwarnings("ignore:.*take turns")
ROOT = Path(__file__).parents[2]
SHARED, WOKEN = threads.WORTH_SHARING, threads.WORTH_WAKING


@for_team
def _count(seen, rounds, part, first, last):
    for _ in range(rounds):
        for n in range(first, last):
            seen[n] += 1


@for_team
def _needs(size, part, first, last):
    np.empty(size, np.float64)[0] = part


@for_team
def _meet(seen, met, rounds, part, first, last):
    """Wait, for so many rounds at most, until the other block has begun too."""
    for _ in range(rounds):
        seen[part] += 1
        if seen[1 - part]:
            met[part] = 1
            break


@pytest.fixture(params=[1, 2, 5])
def size(request):
    before = config.threads()
    config.set_threads(request.param)
    yield request.param
    config.set_threads(before)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 37])
@pytest.mark.parametrize("work", [1, SHARED, WOKEN])
def test_every_block_runs_once(size, count, work):
    seen = np.zeros(count, np.int64)
    for _ in range(50):
        threads.share(_count, count, work, seen, 1)
    assert (seen == 50).all()


def test_workers_that_fell_asleep_come_back(size):
    seen = np.zeros(8, np.int64)
    for n in range(30):
        time.sleep(0.0005 * (n % 4))
        threads.share(_count, 8, WOKEN if n % 3 else SHARED, seen, 100)
    assert (seen == 3000).all()


def test_two_threads_share_the_work():
    if config.usable_cpus() < 2:
        pytest.skip("one CPU")
    for _ in range(1000):  # a worker that wakes late is not waited for: the next region has it
        seen, met = np.zeros(2, np.int64), np.zeros(2, np.int64)
        threads.share(_meet, 2, WOKEN, seen, met, 1 << 22)
        if met.all():  # alone, the caller ends the first block before the second begins
            return
    pytest.fail("the caller did every block alone")


def test_a_block_without_memory_is_an_error_and_the_team_survives(size):
    with pytest.raises(MemoryError, match="_needs"):
        threads.share(_needs, 8, WOKEN, 1 << 60)
    seen = np.zeros(8, np.int64)
    threads.share(_count, 8, WOKEN, seen, 1)
    assert (seen == 1).all()


def test_an_interruption_leaves_nothing_behind(size):
    seen, done = np.zeros(8, np.int64), 0
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job has none
    try:
        for _ in range(10):
            alarm = threading.Timer(0.005, signal.raise_signal, [signal.SIGINT])
            with pytest.raises(KeyboardInterrupt):
                done += _count_until_it_rings(alarm, seen)
            alarm.join()
            assert seen.min() == seen.max() >= done  # a region is made whole, or not begun
    finally:
        signal.signal(signal.SIGINT, before)


def _count_until_it_rings(alarm, seen):
    alarm.start()  # it may ring before this returns
    for _ in range(1_000_000):
        threads.share(_count, 8, WOKEN, seen, 1)
    return 1_000_000


def test_several_callers_at_once(size):
    def total(n):
        seen = np.zeros(16, np.int64)
        for _ in range(20):
            threads.share(_count, 16, WOKEN, seen, n)
        return seen.sum()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(total, range(40))) == [320 * n for n in range(40)]


def test_parts_know_shapes_only():
    config.set_threads(1)
    few = [threads.parts(n, work) for n in (0, 1, 5, 100) for work in (1, WOKEN)]
    config.set_threads(config.usable_cpus())
    assert few == [threads.parts(n, work) for n in (0, 1, 5, 100) for work in (1, WOKEN)]
    assert few == [0, 0, 1, 1, 1, 5, 1, 8]


FORKED = """
import os, sys
import numpy as np
from melpy.kernels import dispatch
x = np.random.default_rng(0).normal(size=(300, 300))
y = dispatch.matmul(x, x)
child = os.fork()
same = np.array_equal(dispatch.matmul(x, x), y)
if child == 0:
    os._exit(0 if same else 1)
print(same and os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_has_a_team_of_its_own():
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED],
        capture_output=True, text=True, timeout=60, cwd=ROOT,
    )  # fmt: skip
    assert ran.stdout == "True\n", ran.stderr
