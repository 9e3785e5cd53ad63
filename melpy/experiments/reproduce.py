"""melpy reproduce: the paper's experiments, whole or in part, and the report of what they gave.

Everything measured is one file in OUT/results, written whole or not at all. What is there already
is not measured again: a run that was killed goes on where it stopped, and the report is made of
what there is. Trainings run in processes of their own, those of two libraries in turns.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from melpy import datasets
from melpy.errors import ArgumentError, DependencyError, MelpyError, install, lookup
from melpy.experiments import gradient, original, paper, timing
from melpy.experiments.architectures import ARCHITECTURES
from melpy.experiments.causes import CAUSES
from melpy.experiments.machine import machine
from melpy.experiments.results import read
from melpy.experiments.run import require_writable
from melpy.experiments.search import QUESTIONS, answers, wider
from melpy.experiments.training import Training, keep
from melpy.saving.files import write_atomically

__all__ = ["PARTS", "Plan", "reproduce"]

Say = Callable[[str], None]
# In the order in which "all" runs them: table 4 first of the trainings, so that they take turns.
PARTS = ("table1", "table4", "gradient", "table2", "table3", "figures")
USED_BY = {"keras": ("table4",), "original": ("gradient", "table2", "table3")}
MNIST = tuple(f"mnist-{n}" for n in range(1, 6))
CIFAR = tuple(f"cifar-{n}" for n in range(1, 9))
SEEDS = (0, 1, 2)
QUICK_IMAGES, QUICK_EPOCHS = 6000, 2
QUICK_STEPS, QUICK_PLACED_STEPS, PLACED_STEPS = 6, 2, 10  # of the original library
ORIGINAL_EPOCHS = 10
TIMED_EPOCHS = 3  # of Keras on JAX and PyTorch: the first one compiles


class StoppedError(MelpyError, RuntimeError):
    """A training ended without a result."""


@dataclass(frozen=True)
class Plan:
    """What is asked for; what decides the results is kept in OUT/settings.json.

    ``original`` is the folder of a clone of the original library, to be run beside.
    """

    part: str = "all"
    quick: bool = False
    keras: bool = False
    out: str = "runs/reproduction"
    original: str | None = None


def reproduce(plan: Plan, say: Say = print) -> Path:
    """Run the experiments of a plan that have not run yet; return the report's path.

    Parameters
    ----------
    plan : Plan
    say : function of one line of text

    Raises
    ------
    UnknownNameError : there is no such part
    ArgumentError : OUT holds something else, or results of other settings; no clone is there
    DependencyError : a package is missing that a part or an option needs
    StoppedError, OriginalError : a training, or the original library, ended without a result
    """
    parts = PARTS if plan.part == "all" else (plan.part,)
    for part in parts:
        lookup("part", part, {**dict.fromkeys(PARTS), "all": None}, "reproduce")
    for option, users in USED_BY.items():
        if getattr(plan, option) not in (None, False) and not {*users} & {*parts}:
            raise ArgumentError(
                "reproduce",
                f"--{option} changes nothing about {plan.part}",
                expected=f"all or {' or '.join(users)} with it",
            )
    _require("matplotlib", install("plots"))
    if plan.keras:
        for package in ("keras", "tensorflow", "jax", "torch"):
            _require(package, install("reproduce") + " Or leave --keras out.")
    if plan.original is not None:
        original.check(Path(plan.original))
        for package in ("tqdm", "h5py"):
            _require(package, f"Install it with pip install {package}. Or leave --original out.")
    folder = _open_folder(plan)
    results = folder / "results"
    wanted = [unit for part in parts for unit in _units(part, plan)]
    units = list({name: (name, run) for name, run in wanted}.values())
    missing = [(name, run) for name, run in units if not (results / f"{name}.json").exists()]
    for part in {ARCHITECTURES[n].dataset for n in _models(missing)}:
        if not datasets.status(part).here:
            say(f"Downloading {part} ...")
            datasets.load(part)
    say(f"{len(units)} results are wanted, {len(units) - len(missing)} are here.")
    begun_s = time.perf_counter()
    for number, (name, run) in enumerate(missing, 1):
        minutes = (time.perf_counter() - begun_s) // 60
        say(f"[{number}/{len(missing)}] {name} ({minutes:.0f} min so far)")
        run(results / f"{name}.json")
    from melpy.experiments import report  # draws

    path = report.write(folder, plan.quick)
    say(f"The report lies in {path} and {path.with_suffix('.md')}.")
    return path


def _require(package: str, mend: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise DependencyError(
            "reproduce",
            f"{package} is not installed",
            mend=mend,
        )


def _open_folder(plan: Plan) -> Path:
    """Make OUT, or make sure that it holds results of these settings."""
    folder = Path(plan.out)
    settings, kept = {"quick": plan.quick}, folder / "settings.json"
    if kept.exists():
        before = read(kept, "quick")
        if before != settings:
            raise ArgumentError(
                "reproduce",
                f"--out {folder} belongs to other settings",
                expected=f"{'with' if before['quick'] else 'without'} --quick, as it was made",
                mend="Choose another folder, or the settings that it has.",
            )
    elif folder.is_file() or (folder.exists() and any(folder.iterdir())):
        raise ArgumentError(
            "reproduce",
            f"--out {folder} holds something else",
            expected="a new folder, or one that melpy reproduce left",
        )
    require_writable(folder, "reproduce")
    (folder / "results").mkdir(exist_ok=True)
    write_atomically(kept, json.dumps(settings).encode() + b"\n")
    return folder


# What there is to measure: names, and what leaves a result in a file.

Unit = tuple[str, Callable[[Path], None]]


def _units(part: str, plan: Plan) -> Iterator[Unit]:
    if part == "table1":
        largest = 2 if plan.quick else 3
        yield "products", _measured(lambda: timing.products(largest))
        yield "convolutions", _measured(timing.convolutions)
    elif part in ("table2", "table3"):
        yield "search", _measured(_search)
        for model in MNIST if part == "table2" else CIFAR:
            yield _trained(Training(model), plan)
        if plan.original is not None:
            drawn = paper.SELECTED[part == "table3"]
            place = functools.partial(
                original.places,
                Path(plan.original),
                drawn,
                QUICK_PLACED_STEPS if plan.quick else PLACED_STEPS,
            )
            yield f"{drawn}-original-places", _measured(place)
    elif part == "table4":
        seeds = SEEDS[:1] if plan.quick else SEEDS
        for seed in seeds:
            for model in paper.SELECTED:
                yield _trained(Training(model, seed=seed), plan)
                if plan.keras:
                    yield _trained(Training(model, "keras-tensorflow", seed), plan)
        for model in paper.SELECTED if plan.keras else ():
            for library in ("keras-jax", "keras-torch"):
                yield _trained(Training(model, library, epochs=TIMED_EPOCHS), plan, whole=False)
    elif part == "gradient":
        yield "gradient", _measured(lambda: [row._asdict() for row in gradient.errors()])
        for cause in CAUSES:
            yield _trained(Training("cifar-7", gradient=cause), plan)
        if plan.original is not None:
            yield from _of_the_original(Path(plan.original), plan.quick)
    else:
        yield _trained(Training("mnist-3"), plan)


def _of_the_original(clone: Path, quick: bool) -> Iterator[Unit]:
    """Yield what is measured of the original library itself."""
    steps = QUICK_STEPS if quick else None
    yield (
        "cifar-7-original-reads",
        _measured(lambda: original.reads(clone, steps or original.STEPS)),
    )
    for name, softmax, epochs in (
        ("mnist-3-original", "as it is", 1),
        ("cifar-7-original", "as it is", 1),
        ("cifar-7-original-mended", "mended", 1),
        ("cifar-7-original-epochs", "as it is", QUICK_EPOCHS if quick else ORIGINAL_EPOCHS),
    ):
        model, _, _ = name.partition("-original")
        train = functools.partial(original.train, clone, model, softmax, steps, epochs)
        yield name, _measured(lambda train=train: [train()])  # type: ignore[misc]


def _models(units: list[Unit]) -> list[str]:
    """Return the networks that units train."""
    names = [name for name, _ in units]
    return [model for model in (*MNIST, *CIFAR) if any(n.startswith(f"{model}-") for n in names)]


def _measured(measure: Callable[[], Any]) -> Callable[[Path], None]:
    """Return what measures in this process and leaves the result, with the machine, in a file."""

    def run(path: Path) -> None:
        keep(path, {"rows": measure(), "machine": machine()})

    return run


def _trained(training: Training, plan: Plan, whole: bool = True) -> Unit:
    """Return a training in a process of its own; a whole one has the paper's number of epochs."""
    if whole:
        training = replace(training, epochs=ARCHITECTURES[training.model].epochs)
    if plan.quick:
        training = replace(training, epochs=QUICK_EPOCHS, images=QUICK_IMAGES)

    def run(path: Path) -> None:
        specification = json.dumps(asdict(training))
        # Windows' environments start Python through a process between: no parent to look for.
        parent = [str(os.getpid())] if os.name == "posix" else []
        ended = subprocess.run(
            [sys.executable, "-m", "melpy.experiments.training", specification, str(path), *parent],
            check=False, stderr=subprocess.PIPE, text=True,  # TensorFlow writes there in any case
        )  # fmt: skip
        if ended.returncode == -13:  # SIGPIPE: nobody reads what it says
            raise BrokenPipeError
        if ended.returncode or not path.exists():
            print(ended.stderr, file=sys.stderr)
            raise StoppedError(
                "reproduce",
                f"{training.name} ended without a result (exit code {ended.returncode})",
                mend="The same command goes on where this one stopped.",
            )

    return training.name, run


def _search() -> list[dict[str, Any]]:
    """Look for the networks of which the paper gives the number of parameters only."""
    rows = []
    for name, question in QUESTIONS.items():
        usual = answers(question)
        rows.append(
            {
                "model": name,
                "parameters": question.parameters,
                "answers": [made._asdict() for made in usual],
                "wider": [made._asdict() for made in ([] if usual else wider(question))],
            }
        )
    return rows
