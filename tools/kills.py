"""Kill trainings at drawn moments, let them go on, and compare their last bits.

    python tools/kills.py [--count 50] [--seed 0] [--out FILE]

Each training runs in a process of its own, by default arguments but ``save_freq``, and is killed
with SIGKILL: amidst an epoch, in the second epoch, or while a backup is written. It is started
again, some are killed again, and what comes out is compared with a training that nobody stopped:
the weights', the optimizer's and the history's bits. The exit code is 1 if any differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
KINDS = ("cnn", "lstms", "submodels", "dataset")
MOMENTS = ("within an epoch", "in the second epoch", "while a backup is written")
EPOCHS, BATCHES, EVERY = 4, 12, 3


# The training, in a process of its own.


def model_of(kind: str) -> Any:
    """Return a network with all that draws: dropout in cells, augmentation in submodels."""
    import melpy
    from melpy import layers

    if kind == "lstms":
        return melpy.Sequential([
            melpy.Input((6, 4)), layers.LSTM(8, dropout=0.2, return_sequences=True),
            layers.LSTM(8, dropout=0.2), layers.Dense(1),
        ])  # fmt: skip
    if kind == "submodels":

        def part() -> Any:
            return melpy.Sequential([
                melpy.Input((8, 8, 1)), layers.RandomFlip(name="flip"),
                layers.RandomTranslation(0.1, 0.1, name="shift"),
                layers.Conv2D(4, 3, activation="relu", name="conv"),
                layers.Dropout(0.2, name="drop"),
            ])  # fmt: skip

        x = melpy.Input((8, 8, 1))
        y = layers.Flatten()(layers.Concatenate()([part()(x), part()(x)]))
        return melpy.Model(x, layers.Dense(1)(y))
    return melpy.Sequential([
        melpy.Input((8, 8, 1)), layers.Conv2D(8, 3, activation="relu"),
        layers.BatchNormalization(), layers.MaxPooling2D(), layers.Flatten(),
        layers.Dropout(0.3), layers.Dense(1),
    ])  # fmt: skip


def train(kind: str, folder: Path, is_first: bool) -> None:
    """Train, say what happens, and leave the digest of what came out."""
    import numpy as np

    import melpy
    from melpy.saving import backups
    from melpy.utils import PyDataset

    shape = (6, 4) if kind == "lstms" else (8, 8, 1)
    rng = np.random.default_rng(1)
    x = rng.normal(size=(8 * BATCHES, *shape)).astype("float32")
    y = rng.normal(size=(8 * BATCHES, 1)).astype("float32")

    class Batches(PyDataset):
        """The same samples, by number, in an order that each epoch draws."""

        def __len__(self) -> int:
            return BATCHES

        def __getitem__(self, index: int) -> Any:
            rows = slice(8 * index, 8 * index + 8)
            return x[rows], y[rows]

    class Telling(melpy.callbacks.Callback):
        """Says each batch, so that the parent knows when to kill."""

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            print("batch", int(self.model.optimizer.iterations), flush=True)

    write = backups.write_atomically

    def telling(*args: Any) -> None:
        print("write", flush=True)
        write(*args)

    backups.write_atomically = telling
    melpy.utils.set_random_seed(7 if is_first else 8)  # one that goes on draws otherwise at first
    model = model_of(kind)
    model.compile("adam", "mse", metrics=["mae"])
    data = {"x": Batches()} if kind == "dataset" else {"x": x, "y": y, "batch_size": 8}
    history = model.fit(
        **data, epochs=EPOCHS, verbose=0, validation_data=(x[:16], y[:16]),
        callbacks=[
            melpy.callbacks.ReduceLROnPlateau("mae", patience=0, min_delta=1.0), Telling(),
            melpy.callbacks.BackupAndRestore(folder / "backup", save_freq=EVERY),
        ],
    )  # fmt: skip
    digest = hashlib.sha256()
    for variable in (*model.weights, *model.optimizer.variables):
        digest.update(np.ascontiguousarray(variable.value).tobytes())
    digest.update(json.dumps([history.epoch, history.history]).encode())
    (folder / "digest").write_text(digest.hexdigest())


# The parent, which kills it.


def started(kind: str, folder: Path, is_first: bool) -> subprocess.Popen[str]:
    """Return the training's process."""
    call = [sys.executable, __file__, "--train", kind, str(folder), str(int(is_first))]
    return subprocess.Popen(call, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def said(process: subprocess.Popen[str]) -> Iterator[list[str]]:
    """Yield what a training says, in words."""
    for line in process.stdout or ():
        yield line.split()


def killed(kind: str, folder: Path, moment: str, draw: random.Random, is_first: bool) -> bool:
    """Start a training and kill it at a moment; return whether it was still running."""
    process = started(kind, folder, is_first)
    first, last = {
        MOMENTS[0]: (1, EPOCHS * BATCHES - 1), MOMENTS[1]: (BATCHES + 1, 2 * BATCHES),
    }.get(moment, (0, 0))  # fmt: skip
    batch, write, writes = draw.randint(first, last), draw.randint(1, 8), 0
    delay_s = draw.uniform(0, 0.003)
    for word, *number in said(process):
        writes += word == "write"
        is_due = writes >= write if moment == MOMENTS[2] else number and int(number[0]) >= batch
        if is_due:
            time.sleep(delay_s)
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def begins_anew(folder: Path) -> bool:
    """Return whether a training was killed before its first backup: it is the first one again."""
    return not any(folder.glob("backup/0*"))


def digest_of(kind: str, folder: Path, is_first: bool) -> str:
    """Let a training come to its end and return the digest that it left."""
    process = started(kind, folder, is_first)
    for _ in said(process):
        pass
    if process.wait():
        return f"ended with code {process.returncode}"
    return (folder / "digest").read_text()


def main() -> int:
    """Do what the module says; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=50, help="trainings that are killed (50)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (0)")
    parser.add_argument("--out", type=Path, help="a file for the result")
    parser.add_argument("--train", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.train:
        kind, folder, is_first = arguments.train
        train(kind, Path(folder), is_first == "1")
        return 0
    draw = random.Random(arguments.seed)
    rows = []
    with tempfile.TemporaryDirectory() as home:
        whole = {}
        for kind in KINDS:
            folder = Path(home) / f"whole-{kind}"
            folder.mkdir()
            whole[kind] = digest_of(kind, folder, is_first=True)
        for number in range(arguments.count):
            kind, moment = KINDS[number % len(KINDS)], MOMENTS[number % len(MOMENTS)]
            folder = Path(home) / f"run-{number}"
            folder.mkdir()
            kills = 0
            for _ in range(1 + draw.randint(0, 1)):
                kills += killed(kind, folder, moment, draw, begins_anew(folder))
            same = digest_of(kind, folder, begins_anew(folder)) == whole[kind]
            rows.append({"kind": kind, "moment": moment, "kills": kills, "same bits": same})
            print(f"{number + 1:3}  {kind:10} {moment:26} {kills} kills  "
                  f"{'the same bits' if same else 'OTHER BITS'}", flush=True)  # fmt: skip
    right = sum(row["same bits"] for row in rows)
    print(f"{right} of {len(rows)} trainings ended with the bits of one that nobody stopped.")
    if arguments.out is not None:
        sys.path.insert(0, str(ROOT))
        from melpy.experiments.machine import machine

        told = {"seed": arguments.seed, "same bits": right, "of": len(rows), "machine": machine()}
        arguments.out.write_text(json.dumps(told | {"rows": rows}, indent=1) + "\n")
    return int(right < len(rows))


if __name__ == "__main__":
    sys.exit(main())
