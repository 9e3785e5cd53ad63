"""One training run from data to pictures, and the folder that it leaves."""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from melpy import config, optimizers, random, saving
from melpy.callbacks import BackupAndRestore, CSVLogger, TerminateOnNaN
from melpy.errors import ArgumentError, FileError, install
from melpy.experiments.best import BEST, Best
from melpy.experiments.columns import require_numbers
from melpy.experiments.from_images import of_dataset, of_folder
from melpy.experiments.from_table import of_table
from melpy.experiments.going_on import require_same_data
from melpy.experiments.journal import Journal, as_json
from melpy.experiments.machine import machine
from melpy.experiments.measures import BATCH, of_run, table_of
from melpy.experiments.networks import built, grafted, is_file
from melpy.experiments.opened import MODEL, opened
from melpy.experiments.pictures import draw
from melpy.experiments.prepared import WHO, Prepared, Say
from melpy.experiments.processes import by_this_one_alone, count
from melpy.experiments.settings import DEFAULT_MODELS, Settings
from melpy.experiments.stopping import Clock, hint, stop_at_signals, telling
from melpy.experiments.task import Task
from melpy.kernels import dispatch
from melpy.models import clone_model
from melpy.saving.files import alone_in, write_atomically
from melpy.saving.h5_file import h5py

__all__ = ["DEFAULT_MODELS", "Settings", "as_json", "require_writable", "shown", "train"]

LOG, ONNX = "log.jsonl", "model.onnx"


def train(settings: Settings, say: Say = print, goes_on: bool = False) -> dict[str, Any]:
    """Train a network on a data set, a folder of images or a table, and leave the run in a folder.

    Parameters
    ----------
    settings : Settings
    say : function of one line of text
    goes_on : bool, whether the folder holds a stopped run of these settings, to be continued

    Returns
    -------
    dict, what run.json holds; "signal" in it is the number of what stopped the run, or None

    Notes
    -----
    The folder then holds model.keras of the last epoch and best.keras of the best one,
    history.csv, log.jsonl, run.json, model.onnx where it is asked for, and pictures: curves.png,
    confusion.png or predictions.png, and of images samples.png, feature_maps.png, and some of a
    data set's test images. The first Ctrl-C, or SIGTERM, ends training after the batch at hand, and
    everything is written for what was trained, with a backup to go on from; a second one ends at
    once. A killed run leaves the backup of its last whole epoch.
    """
    settings = settings.complete().rooted()
    _kernels(), config.threads(), h5py()  # refused before a folder is made
    model = str(settings.model)
    base = opened(model, WHO) if is_file(model) else None
    folder = Path(str(settings.out))
    made = not folder.exists()
    _open_folder(folder, goes_on)
    with alone_in(folder, WHO), telling(folder, say):
        for part in folder.glob(".*.part"):  # a killed run left it: nobody else writes here
            part.unlink()
        try:
            return _train(settings, _prepared(settings, base, say), base, folder, say)
        finally:
            if made:  # what is refused leaves nothing behind
                with contextlib.suppress(OSError):  # it holds something
                    folder.rmdir()


def _prepared(settings: Settings, base: Any, say: Say) -> Prepared:
    read = {"table": of_table, "dataset": of_dataset}.get(settings.kind, of_folder)
    return read(settings, base, say)


def _network(settings: Settings, ready: Prepared, base: Any) -> Any:
    """Return the network, compiled, with new weights or a file's."""
    if base is None:
        name = str(settings.model)
        model = built(name, ready.shape, ready.task, ready.before, settings.seed)
    else:
        model = grafted(base.model, ready.task, ready.before, settings.seed, ready.begin)
    rate: Any = settings.learning_rate
    model.compile(
        optimizers.Adam(rate, epsilon=ready.task.epsilon),
        loss=ready.task.loss,
        metrics=[ready.task.metric],
    )
    return model


def _train(settings: Settings, ready: Prepared, base: Any, folder: Path, say: Say) -> Any:
    """Train in a folder that is this process's own meanwhile."""
    kernels, threads = _kernels(), config.threads()
    model = _network(settings, ready, base)
    whole = _kept(model, ready)
    if settings.onnx:  # what cannot be written is told before the work, not after
        require_numbers(ready.columns, WHO)
        with tempfile.TemporaryDirectory() as passing:
            whole.export(str(Path(passing) / ONNX), verbose=False)
    say("")
    model.summary(print_fn=say)
    say("")
    _warm_up(model, ready, say)
    random.set_seed(settings.seed + 1)  # the order of the batches, whatever the network drew
    what = "rows" if ready.columns else "images"
    shared = f" in each of {count()} processes" if count() > 1 else ""
    say(
        f"Training on {len(ready.train[1]):,} {what} of {ready.name}, "
        f"testing on {len(ready.test[1]):,}: "
        f"{_counted(settings.epochs, 'epoch')}, batches of {settings.batch_size}, "
        f"Adam {settings.learning_rate:g}, seed {settings.seed}, "
        f"{kernels} kernels on {_counted(threads, 'thread')}{shared}."
    )
    arguments = settings.given()
    report = {
        "arguments": arguments, "kernels": kernels, "threads": threads,
        "processes": count(),
        "interrupted": True,  # until it has come to its end
        "signal": None, "results": None,
        "parameters": model.count_params(), "input_shape": list(ready.shape), "data": ready.digest,
        **ready.notes,
        "machine": machine(),
    }  # fmt: skip
    is_new = not (folder / "run.json").exists()
    if not is_new:
        require_same_data(folder, ready)
    write_atomically(folder / "run.json", as_json(report), WHO)
    stopped_by: list[int] = []
    clock = Clock(stopped_by)
    journal = Journal(folder / LOG, clock)
    told = {"arguments": arguments, "data": ready.digest, "machine": report["machine"]}
    journal.tell("begin" if is_new else "resume", **told)
    best = Best(folder / BEST, whole, ready.task)
    backup = BackupAndRestore(folder / "backup", delete_checkpoint=False)
    looking_on = [CSVLogger(folder / "history.csv"), TerminateOnNaN(), clock, journal, best, backup]
    with stop_at_signals(stopped_by, say):
        model.fit(
            *ready.train,
            batch_size=settings.batch_size,
            epochs=settings.epochs or 1,
            validation_data=ready.test,
            validation_batch_size=BATCH,
            callbacks=looking_on,
        )
    whole.save(folder / MODEL)
    if settings.onnx:
        whole.export(str(folder / ONNX), verbose=False)
    say("Measuring ...")
    results = of_run(model, ready.task, clock.seconds, ready.train, ready.test, best)
    report |= {"signal": stopped_by[0] if stopped_by else None, "results": results}
    write_atomically(folder / "run.json", as_json(report), WHO)
    if not draw(model, ready, folder, f"{settings.title} on {ready.name}"):
        say(f"No pictures: Matplotlib is not installed. {install('plots')}")
    if clock.left_at:
        epoch, batch, steps = clock.left_at
        say(f"Stopped in epoch {epoch} after batch {batch} of {steps}, history.csv's last line.")
    if not stopped_by:  # all is there: nothing is left to go on with
        report["interrupted"] = False
        write_atomically(folder / "run.json", as_json(report), WHO)
        backup.backups.remove()
    journal.tell("stopped" if stopped_by else "end", signal=report["signal"], results=results)
    say("")
    say(table_of(results, ready.task, ready.held_out))
    say("")
    say(f"The run lies in {folder}: {', '.join(sorted(p.name for p in folder.iterdir()))}")
    if stopped_by:
        say(hint(folder))
    return report


def _kept(model: Any, ready: Prepared) -> Any:
    """Return the model that is to be kept, with what its file says of inputs and outputs."""
    whole = ready.whole(model)
    saving.note(whole, **ready.notes)
    return whole


def shown(report: dict[str, Any]) -> str:
    """Return a run's results in words."""
    task = Task.of_notes(report)
    held_out = "test" if Settings(**report["arguments"]).kind == "dataset" else "validation"
    return table_of(report["results"], task, held_out)  # type: ignore[arg-type]


def _counted(count: int | None, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _kernels() -> str:
    """Return the set of kernels that runs, which without Numba is not the one asked for."""
    if config.kernels() == "compiled" and ".compiled." not in dispatch.find("conv2d").__module__:
        return "numpy"
    return config.kernels()


def _warm_up(model: Any, ready: Prepared, say: Say) -> None:
    """Run a few steps of a copy, so that compiling is seen, and timed, for itself."""
    if _kernels() != "compiled":
        return
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        say(line)

    started_s = time.perf_counter()
    copy = clone_model(model)
    copy.compile("adam", loss=ready.task.loss, metrics=[ready.task.metric])
    y = ready.train[1][:4]
    x = np.zeros((len(y), *ready.shape), ready.train[0].dtype)
    with dispatch.saying_what_is_compiled(tell), by_this_one_alone():
        # Two at a time: what a batch of one would compile, no training of more samples needs.
        copy.fit(x, y, batch_size=2, epochs=2, validation_data=(x, y), verbose=0)
    if told:
        say(f"Ready after {time.perf_counter() - started_s:.1f} s.\n")


def require_writable(folder: Path, who: str) -> None:
    """Make a folder, and refuse one that cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise FileError(
            who,
            f"--out {folder} cannot be written ({error.strerror})",
            expected="a folder that can be made or written",
        ) from error


def _open_folder(folder: Path, goes_on: bool) -> None:
    """Make the folder, and make sure before any work that it can be written and holds no run."""
    require_writable(folder, WHO)
    if (folder / "run.json").exists() and not goes_on:
        raise ArgumentError(
            WHO,
            f"--out {folder} holds a run already, which would be lost",
            expected="a new or empty folder",
            mend="Choose another, remove that one first, or go on with it: --resume.",
        )
