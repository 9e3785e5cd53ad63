"""One training run from data to pictures, and the folder that it leaves."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from melpy import budget, config, datasets, optimizers, random
from melpy.callbacks import BackupAndRestore, CSVLogger, TerminateOnNaN
from melpy.errors import ArgumentError, install, lookup
from melpy.experiments import images
from melpy.experiments.architectures import ARCHITECTURES, build
from melpy.experiments.machine import machine
from melpy.experiments.pictures import Shown, draw
from melpy.experiments.stopping import Clock, alone_in, hint, stop_at_signals, telling
from melpy.kernels import dispatch
from melpy.models import Sequential
from melpy.preprocessing import to_categorical
from melpy.saving.files import reading, write_atomically

__all__ = ["DEFAULT_MODELS", "Settings", "load", "settings_of", "train"]

DEFAULT_MODELS = {
    "digits": "lenet5",
    "mnist": "mnist-3",
    "fashion-mnist": "mnist-3",
    "cifar-10": "cifar-7",
}
EVALUATION_BATCH = 256

Say = Callable[[str], None]
Data = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Settings:
    """The arguments of a run; None stands for the architecture's own."""

    dataset: str = "digits"
    model: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    seed: int = 0
    out: str | None = None

    def complete(self) -> Settings:
        """Return the settings with every None filled in, after a look at each."""
        lookup("data set", self.dataset, DEFAULT_MODELS, "train")
        model = self.model or DEFAULT_MODELS[self.dataset]
        paper = lookup("model", model, ARCHITECTURES, "train")
        chosen = Settings(
            self.dataset,
            model,
            paper.epochs if self.epochs is None else self.epochs,
            paper.batch_size if self.batch_size is None else self.batch_size,
            paper.learning_rate if self.learning_rate is None else self.learning_rate,
            self.seed,
            self.out or _unused(Path("runs") / f"{self.dataset}-{model}"),
        )
        for name, least in (("epochs", 1), ("batch_size", 1), ("seed", 0)):
            value = getattr(chosen, name)
            if value < least:
                raise ArgumentError(
                    "train",
                    f"{name} is out of range",
                    expected=f"a whole number of at least {least}",
                    received={name: value},
                )
        optimizers.Adam(chosen.learning_rate or 0.0)  # refuses a rate that is out of range
        return chosen


def _unused(folder: Path) -> str:
    """Return the folder's name, with a number where a run lies there already."""
    candidate, number = folder, 1
    while (candidate / "run.json").exists():
        number += 1
        candidate = folder.with_name(f"{folder.name}-{number}")
    return str(candidate)


def train(settings: Settings, say: Say = print, goes_on: bool = False) -> dict[str, Any]:
    """Train a network of the paper on a data set, and leave the run in a folder.

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
    The folder then holds weights.npz, history.csv, run.json, curves.png, confusion.png,
    samples.png, feature_maps.png and some test images. The first Ctrl-C, or SIGTERM, ends training
    after the batch at hand, and everything is written for what was trained, with a backup to go on
    from; a second one ends at once. A killed run leaves the backup of its last whole epoch.
    """
    settings = settings.complete()
    _kernels(), config.threads()  # refused before a folder is made
    folder = _open_folder(settings.out, goes_on)  # type: ignore[arg-type]
    with alone_in(folder):
        return _train(settings, folder, say)


def _train(settings: Settings, folder: Path, say: Say) -> dict[str, Any]:
    """Train in a folder that is this process's own meanwhile."""
    kernels, threads = _kernels(), config.threads()
    module = datasets.DATASETS[settings.dataset]
    if not datasets.status(settings.dataset).here:
        say(f"Downloading {settings.dataset} ...")
    (x_train, y_train), (x_test, y_test) = module.load_data()
    labels = y_test.reshape(-1)
    pixels = images.Pixels.fit(x_train)
    train_x, test_x = pixels.transform(x_train), pixels.transform(x_test)
    classes = len(module.CLASS_NAMES)
    train_y, test_y = (to_categorical(y.reshape(-1), classes) for y in (y_train, y_test))

    shape = train_x.shape[1:]
    model = _compiled(settings, shape, classes)
    say("")
    model.summary(print_fn=say)
    say("")
    _warm_up(settings, shape, classes, say)

    say(
        f"Training on {len(train_x):,} images of {settings.dataset}, testing on {len(test_x):,}: "
        f"{_counted(settings.epochs, 'epoch')}, batches of {settings.batch_size}, "
        f"Adam {settings.learning_rate:g}, seed {settings.seed}, "
        f"{kernels} kernels on {threads} threads."
    )
    report = {
        "arguments": {name: getattr(settings, name) for name in settings.__dataclass_fields__},
        "kernels": kernels,
        "threads": threads,
        "interrupted": True,  # until it has come to its end
        "signal": None,
        "results": None,
        "parameters": model.count_params(),
        "input_shape": list(shape),
        "class_names": list(module.CLASS_NAMES),
        "pixels": pixels.to_json(),
        "machine": machine(),
    }
    write_atomically(folder / "run.json", as_json(report), "train")
    stopped_by: list[int] = []
    clock = Clock(stopped_by)
    random.set_seed(settings.seed + 1)  # the order of the batches, whatever the network drew
    backup = BackupAndRestore(folder / "backup", delete_checkpoint=False)
    with stop_at_signals(stopped_by, say), telling(folder, say):
        model.fit(
            train_x,
            train_y,
            batch_size=settings.batch_size,
            epochs=settings.epochs,  # type: ignore[arg-type]
            validation_data=(test_x, test_y),
            validation_batch_size=EVALUATION_BATCH,
            callbacks=[
                CSVLogger(folder / "history.csv"), TerminateOnNaN(), clock, backup,
            ],
        )  # fmt: skip
    model.save_weights(folder / "weights.npz")
    say("Measuring ...")
    results = _measure(model, clock, (train_x, train_y), (test_x, test_y))
    report |= {"signal": stopped_by[0] if stopped_by else None, "results": results}
    write_atomically(folder / "run.json", as_json(report), "train")
    title = f"{settings.model} on {settings.dataset}"
    shown = Shown(x_test, test_x, labels, module.CLASS_NAMES, pixels.high)
    if not draw(model, shown, folder, title):
        say(f"No pictures: Matplotlib is not installed. {install('plots')}")
    if clock.left_at:
        epoch, batch, steps = clock.left_at
        say(f"Stopped in epoch {epoch} after batch {batch} of {steps}, history.csv's last line.")
    if not stopped_by:  # all is there: nothing is left to go on with
        report["interrupted"] = False
        write_atomically(folder / "run.json", as_json(report), "train")
        backup.backups.remove()
    say("")
    say(_table(results))
    say("")
    say(f"The run lies in {folder}: {', '.join(sorted(p.name for p in folder.iterdir()))}")
    if stopped_by:
        say(hint(folder))
    return report


def settings_of(folder: str | Path) -> Settings:
    """Return the settings of a run that was stopped, to go on with.

    Raises
    ------
    ArgumentError : the folder holds no run, or one that came to its end
    """
    with _opened(folder, "train", f"--resume {folder}", "run.json") as report:
        arguments, is_finished = report["arguments"], not report["interrupted"]
        settings = Settings(**arguments | {"out": str(folder)}).complete()
    if is_finished:
        raise ArgumentError(
            "train",
            f"--resume {folder}: this run came to its end",
            expected="a run that was stopped",
            mend="Begin another one without --resume.",
        )
    return settings


def load(folder: str | Path) -> tuple[Sequential, images.Pixels, dict[str, Any]]:
    """Return a run's network with its weights, its pixel scaling, and its run.json."""
    folder = Path(folder)
    weights = folder / "weights.npz"
    with _opened(folder, "predict", str(folder), "run.json and weights.npz") as report:
        size_bytes = weights.stat().st_size if weights.is_file() else 0
        with budget.of_file(size_bytes, "predict"):
            model, pixels = _made_of(report)
    if report["interrupted"] and report["results"] is None:  # the weights are of before it went on
        raise ArgumentError(
            "predict",
            f"{folder} holds a run that was stopped before it had weights to keep",
            expected="a run that came to its end, or was stopped by Ctrl-C",
            mend=hint(folder),
        )
    model.load_weights(weights)
    return model, pixels, report


@contextmanager
def _opened(folder: str | Path, who: str, named: str, files: str) -> Iterator[Any]:
    """Give a run's run.json; what is wrong with it is said of the file."""
    path = Path(folder) / "run.json"
    if not path.is_file():
        raise ArgumentError(
            who,
            f"{named} holds no run",
            expected=f"a folder that `melpy train` left, with {files}",
        )
    with reading(path, who, "a run.json that `melpy train` wrote"):
        yield json.loads(path.read_bytes())


def _made_of(report: dict[str, Any]) -> tuple[Sequential, images.Pixels]:
    """Return the network, yet without its weights, and the pixel scaling of a run.json."""
    shape, names = tuple(report["input_shape"]), report["class_names"]
    if len(shape) != 3 or not all(isinstance(size, int) and size > 0 for size in shape):
        raise ValueError(f"no images have the shape {shape}")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("class_names is no list of names")
    pixels = images.Pixels.from_json(report["pixels"])
    if not len(pixels.mean) == len(pixels.std) == shape[-1]:
        raise ValueError(f"the pixels have not {shape[-1]} channels")
    return build(report["arguments"]["model"], shape, len(names)), pixels


def as_json(report: dict[str, Any]) -> bytes:
    """Return a run.json; null stands for a number that is not finite, which JSON does not know."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(entry) for key, entry in value.items()}
        if isinstance(value, list | tuple):
            return [plain(entry) for entry in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return json.dumps(plain(report), indent=2, allow_nan=False).encode() + b"\n"


def _counted(count: int | None, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _compiled(settings: Settings, shape: tuple[int, ...], classes: int) -> Sequential:
    model = build(settings.model, shape, classes, settings.seed)  # type: ignore[arg-type]
    model.compile(
        optimizers.Adam(settings.learning_rate),  # type: ignore[arg-type]
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def _kernels() -> str:
    """Return the set of kernels that runs, which without Numba is not the one asked for."""
    if config.kernels() == "compiled" and ".compiled." not in dispatch.find("conv2d").__module__:
        return "numpy"
    return config.kernels()


def _warm_up(settings: Settings, shape: tuple[int, ...], classes: int, say: Say) -> None:
    """Run one step of a copy, so that compiling is seen, and timed, for itself."""
    if _kernels() != "compiled":
        return
    say(dispatch.COMPILING)
    started_s = time.perf_counter()
    copy = _compiled(settings, shape, classes)
    x, y = np.zeros((2, *shape), config.floatx()), np.eye(classes, dtype=config.floatx())[:2]
    copy.train_on_batch(x, y)
    copy.test_on_batch(x, y)
    say(f"Ready after {time.perf_counter() - started_s:.1f} s.\n")


def _open_folder(out: str, goes_on: bool) -> Path:
    """Make the folder, and make sure before any work that it can be written and holds no run."""
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ArgumentError(
            "train",
            f"--out {out} cannot be written ({error.strerror})",
            expected="a folder that can be made or written",
        ) from error
    if (folder / "run.json").exists() and not goes_on:
        raise ArgumentError(
            "train",
            f"--out {out} holds a run already, which would be lost",
            expected="a new or empty folder",
            mend="Choose another, remove that one first, or go on with it: --resume.",
        )
    return folder


def _measure(model: Sequential, clock: Clock, train: Data, test: Data) -> dict[str, Any]:
    train_loss, train_accuracy = model.evaluate(*train, EVALUATION_BATCH)
    test_loss, test_accuracy = model.evaluate(*test, EVALUATION_BATCH)
    history = model.history.history  # type: ignore[union-attr]
    accuracies = history["val_accuracy"]
    return {
        "epochs": len(clock.seconds),
        "train_loss": train_loss,
        "train_accuracy": train_accuracy,
        "test_loss": test_loss,
        "test_accuracy": test_accuracy,
        "best_test_accuracy": max(accuracies),
        "best_epoch": int(np.argmax(accuracies)) + 1,
        "seconds_an_epoch": float(np.median(clock.seconds)),
        "seconds_of_training": float(np.sum(clock.seconds)),
    }


def _table(results: dict[str, Any]) -> str:
    best = (
        f"best test accuracy {results['best_test_accuracy']:.2%} at epoch {results['best_epoch']}"
    )
    time_ = f"{results['seconds_an_epoch']:.2f} s an epoch (median), "
    time_ += f"{results['seconds_of_training']:.1f} s for {_counted(results['epochs'], 'epoch')}"
    return "\n".join(
        [
            "              loss   accuracy",
            f"  training  {results['train_loss']:6.4f}   {results['train_accuracy']:8.2%}",
            f"  test      {results['test_loss']:6.4f}   {results['test_accuracy']:8.2%}",
            f"  {best}",
            f"  {time_}",
        ]
    )
