"""Trials of one training with other settings, and the table of what came of them.

A trial is a run in a folder of its own, which tells by its name what was tried. What came to its
end is not run again, and what was stopped goes on: the same command again ends a sweep.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import csv
import io
import math
import multiprocessing
import os
import re
import signal
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from melpy import budget, config
from melpy.distribution import DataParallel, set_distribution
from melpy.errors import ArgumentError, MelpyError
from melpy.experiments.journal import as_json
from melpy.experiments.opened import run_of
from melpy.experiments.run import require_writable, train
from melpy.experiments.searches import WHO, Row, Search, Values
from melpy.experiments.settings import Settings
from melpy.experiments.stopping import StoppedError, raise_at_sigterm, stop_all
from melpy.experiments.task import Task
from melpy.saving.files import alone_in, reading, write_atomically

__all__ = ["TABLE", "columns_of", "sweep"]

TABLE, KEPT = "sweep.csv", "sweep.json"
Say = Callable[[str], None]
LOOK_S = 0.5  # between two looks whether the sweep of this process still runs

_is_at_work: list[bool] = []  # whether this process runs a trial


def sweep(
    fixed: Values, search: Search, folder: Path, jobs: int, say: Say
) -> tuple[list[Row], bool]:
    """Run trials, several at once, and leave a table of them.

    Parameters
    ----------
    fixed : settings that all trials share
    search : `Grid` or `Suggestions`
    folder : of the trials' folders and of sweep.csv
    jobs : int > 0, how many processes of this machine; under ``mpiexec`` those of the job, whose
        first one hands the trials out
    say : function of one line of text

    Returns
    -------
    a row for each trial, the best one first, and whether this process has them: under ``mpiexec``
    the first one
    """
    with raise_at_sigterm(), _workers(jobs) as (pool, count):
        if pool is None:  # one that has done what it was handed
            return [], False
        require_writable(folder, WHO)
        with alone_in(folder, WHO):
            before = _begun(folder, fixed)
            rows = list(_in_turns(pool, count, fixed, search, folder, say, before))
    if rows and all(row.get("error") for row in rows):
        raise ArgumentError(WHO, f"no trial came to its end; of the first: {rows[0]['error']}")
    return _sorted([*rows, *before]), True


def _begun(folder: Path, fixed: Values) -> list[Row]:
    """Return the rows of a sweep that this folder holds, if the trials shared the same settings."""
    if not (folder / KEPT).exists():
        return []
    with reading(folder / KEPT, WHO, "a sweep.json that `melpy sweep` wrote"):
        kept = budget.read_json((folder / KEPT).read_bytes(), WHO)
        before, rows = dict(kept["fixed"]), [dict(row) for row in kept["rows"]]
    if before != fixed:
        name = next(name for name in sorted(before.keys() | fixed.keys())
                    if before.get(name) != fixed.get(name))  # fmt: skip
        raise ArgumentError(
            WHO, f"{folder} holds a sweep of other settings",
            expected=f"{name} {before.get(name)}", received={name: fixed.get(name)},
            mend="Choose another folder: --out.",
        )  # fmt: skip
    return rows


def _keep(folder: Path, fixed: Values, rows: list[Row], before: list[Row]) -> None:
    """Leave the rows of all trials, also of earlier calls' that this one did not try again."""
    now = {row["folder"] for row in rows}
    before[:] = [row for row in before if row["folder"] not in now]
    whole = _sorted([*rows, *before])
    told = {"fixed": fixed, "rows": whole}
    write_atomically(folder / KEPT, as_json(told), WHO)
    _write(folder / TABLE, whole)


def _in_turns(
    pool: Executor,
    count: int,
    fixed: Values,
    search: Search,
    folder: Path,
    say: Say,
    before: list[Row],
) -> Iterator[Row]:
    """Yield the rows of trials as they end, with as many at work as there are workers."""
    running: dict[Future, Values] = {}
    rows: list[Row] = []
    try:
        while True:
            while len(running) < count and (values := search.next()) is not None:
                where = folder / _name(values, running.values(), rows)
                running[pool.submit(_trial, fixed | values, where)] = values
            if not running:
                return
            ended, _ = concurrent.futures.wait(
                running, return_when=concurrent.futures.FIRST_COMPLETED
            )
            for future in ended:
                values = running.pop(future)
                row, is_of_classes = future.result()
                row = values | row
                search.told(values, row, is_of_classes)
                rows.append(row)
                _keep(folder, fixed, rows, before)
                say(_line(values, row))
                yield row
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        say(f"\n{len(rows)} trials are done; the same command goes on with the others.")
        raise


def _trial(settings: Values, folder: Path) -> tuple[Row, bool]:
    """Run a trial in its folder; return its row, and whether it tells classes."""
    _is_at_work.append(True)
    try:
        return _tried(settings, folder)
    finally:
        _is_at_work.clear()


def _tried(settings: Values, folder: Path) -> tuple[Row, bool]:
    report, goes_on = None, False
    try:
        asked = Settings(**settings | {"out": str(folder)}).complete().rooted()
        if (folder / "run.json").exists():
            with run_of(folder, WHO, str(folder)) as before:
                goes_on = before["interrupted"]
                report = None if goes_on else before
            _require_same(before["arguments"], asked, folder)
        if report is None:
            with contextlib.redirect_stdout(io.StringIO()):
                report = train(asked, _nothing, goes_on)
            if report["signal"]:
                raise StoppedError(report["signal"])
    except MelpyError as error:
        return {"error": str(error), "folder": folder.name}, True
    try:
        return _row(report, folder)
    except (AttributeError, KeyError, TypeError, ValueError):
        return {"error": f"{folder}/run.json is damaged", "folder": folder.name}, True


def _row(report: Any, folder: Path) -> tuple[Row, bool]:
    """Return what a run's report tells, and whether it is of classes."""
    results, is_of_classes = report["results"], Task.of_notes(report).is_of_classes  # type: ignore[union-attr]
    metric = "accuracy" if is_of_classes else "mae"

    def number(name: str) -> float:
        return math.nan if results[name] is None else float(results[name])  # JSON knows no NaN

    measured = number(f"test_{metric}")
    return {
        "parameters": int(report["parameters"]), "train_loss": number("train_loss"),
        "loss": number("test_loss"), metric: measured, "measured": measured,
        "seconds": number("seconds_of_training"), "folder": folder.name,
    }, is_of_classes  # fmt: skip


def _require_same(before: Values, asked: Settings, folder: Path) -> None:
    """Refuse a run of other settings than those that its folder's name tells."""
    now = asked.given()
    other = sorted(name for name in before.keys() | now.keys()
                   if name != "out" and before.get(name) != now.get(name))  # fmt: skip
    if other:
        raise ArgumentError(
            WHO, f"{folder} holds a run of other settings",
            expected=f"{other[0]} {before.get(other[0])}", received={other[0]: now.get(other[0])},
            mend="Choose another folder: --out.",
        )  # fmt: skip


def _nothing(line: str) -> None:
    pass


class Here(Executor):
    """Runs what it is given at once, in this process."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future:
        """Run a function."""
        made: Future = Future()
        made.set_result(fn(*args, **kwargs))
        return made


@contextlib.contextmanager
def _workers(jobs: int) -> Iterator[tuple[Executor | None, int]]:
    """Yield what runs trials, and how many at once; None to a worker that has done its work."""
    job = DataParallel()
    if job.size > 1:
        set_distribution(None)  # each process trains with settings of its own
        from mpi4py.futures import MPICommExecutor

        share = max(1, config.threads() // max(1, job.processes.on_this_host - 1))
        config.set_threads(share)  # the first process, which hands out, computes nothing
        with MPICommExecutor() as pool:
            yield pool, job.size - 1
    elif jobs > 1:
        processes = multiprocessing.get_context("spawn")
        share, ends = max(1, config.threads() // jobs), processes.Event()
        with concurrent.futures.ProcessPoolExecutor(
            jobs, processes, _begin_worker, (share, ends)
        ) as pool:
            try:
                yield pool, jobs
            except BaseException:
                ends.set()
                raise
    else:
        yield Here(), 1


def _begin_worker(threads: int, ends: Any) -> None:
    """Let a process of `sweep`'s stop with it, in whatever way that one ends."""
    config.set_threads(threads)
    threading.Thread(target=_end_with_parent, args=(ends,), daemon=True).start()


def _end_with_parent(ends: Any) -> None:
    parent = multiprocessing.parent_process()
    while not ends.wait(LOOK_S) and parent is not None and parent.is_alive():
        pass
    stop_all(signal.SIGTERM)
    while parent is not None and parent.is_alive():
        time.sleep(LOOK_S)
    while _is_at_work:
        time.sleep(LOOK_S)
    os._exit(128 + signal.SIGTERM)  # nobody is there to hand out more, or to end this process


def _name(values: Values, running: Any, rows: Sequence[Row]) -> str:
    """Return the name of a trial's folder, one of its own: what is tried, in words of a path."""
    parts = [f"{name}={_word(value)}" for name, value in values.items()]
    name = re.sub(r"[^\w.=,-]", "_", ",".join(parts)) or "trial"
    again = [1 for other in running if other == values]
    again += [1 for row in rows if all(row[key] == value for key, value in values.items())]
    return f"{name},{len(again) + 1}" if again else name


def _word(value: Any) -> str:
    """Return a value as a part of a name; of a file's path its stem, and a number of its own."""
    path = Path(str(value))
    if not path.exists() or isinstance(value, int | float):
        return str(value)
    return f"{path.stem}-{zlib.crc32(str(path.resolve()).encode()):08x}"


def _sorted(rows: Sequence[Row]) -> list[Row]:
    """Return the rows, the best first, those that failed last."""

    def rank(row: Row) -> tuple[bool, float]:
        value = row.get("measured")
        if value is None or not math.isfinite(value):  # a kept one is None where it was NaN
            return True, 0.0
        return False, -value if "accuracy" in row else value

    return sorted(rows, key=rank)


def columns_of(rows: Sequence[Row]) -> list[str]:
    """Return the names of a table's columns, in the order in which they come up."""
    found = dict.fromkeys(name for row in rows for name in row if name != "measured")
    return [name for name in found if name != "folder"] + ["folder"]


def _write(path: Path, rows: Sequence[Row]) -> None:
    text = io.StringIO()
    names = columns_of(rows)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([["" if row.get(n) is None else row[n] for n in names] for row in rows])
    write_atomically(path, text.getvalue().encode(), WHO)


def _line(values: Values, row: Row) -> str:
    tried = ", ".join(f"{name} {value}" for name, value in values.items()) or "the trial"
    if row.get("error"):
        return f"{tried}: {row['error']}"
    name = "accuracy" if "accuracy" in row else "mae"
    shown = f"{row[name]:.2%}" if name == "accuracy" else f"{row[name]:.4g}"
    return f"{tried}: {name} {shown} after {row['seconds']:.1f} s"
