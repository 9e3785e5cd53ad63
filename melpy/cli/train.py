"""melpy train: a network on a data set, on a folder of images, or on a table."""

from __future__ import annotations

import argparse
from typing import Any

from melpy import config
from melpy.cli.output import Output
from melpy.cli.parsing import add_command, hinted
from melpy.errors import ArgumentError, MelpyError

__all__ = ["parser", "run"]

DATASETS = ("digits", "mnist", "fashion-mnist", "cifar-10", "cifar-100")
MODELS = (
    "cnn", "mlp", "linear", "lenet5", *(f"mnist-{n}" for n in range(1, 6)),
    *(f"cifar-{n}" for n in range(1, 9)),
)  # fmt: skip
NOT_SETTINGS = ("json", "quiet", "run", "examples", "resume", "kernels", "threads")

EXAMPLES = (
    ("melpy train", "LeNet-5 on the 8x8 digits that come with melpy"),
    ("melpy train mnist --model mnist-3 --epochs 5", "one of the paper's networks on MNIST"),
    ("melpy train photos --augment --onnx", "your images, a folder of photos for each class"),
    ("melpy train photos --model runs/photos-cnn/model.keras", "from a model that is there"),
    ("melpy train houses.csv --target price --ignore id", "a table: price from all other columns"),
    ("melpy train --resume runs/photos-cnn", "a run that was stopped, to the same bits"),
    ("melpy train ./mnist", "the folder of that name, not the data set"),
)


def parser(commands: Any) -> None:
    """Say what the command takes."""
    made = add_command(
        commands, "train", run,
        help="train a network on images or on a table",
        description="Train a network on a data set of melpy's, on a folder of images with a folder "
        "for each class, or on a CSV file, and leave a folder with model.keras of the last epoch, "
        "best.keras of the best one, history.csv, log.jsonl, run.json and pictures. With no "
        "arguments: LeNet-5 on the 8x8 digits that come with melpy. The first Ctrl-C, or SIGTERM, "
        "stops after the batch at hand and keeps everything; --resume goes on from there, to the "
        "same bits. As mpiexec -n 4 melpy train ..., four processes share each batch.",
        examples=EXAMPLES,
    )  # fmt: skip
    add = made.add_argument
    hinted(add(
        "dataset", nargs="?", metavar="DATA",
        help=f"{', '.join(DATASETS)} (default: digits); or a folder of images; or a .csv or .tsv "
        "file. A name goes before a folder of that name: ./mnist means the folder",
    ), DATASETS)  # fmt: skip
    hinted(add(
        "--model", help="cnn (default for a folder), mlp (for a table), linear, lenet5 (for "
        "digits), mnist-1 to mnist-5 (mnist-3 for mnist and fashion-mnist), cifar-1 to cifar-8 "
        "(cifar-7 for cifar-10 and cifar-100); or, for images, a model's file or run to train on "
        "from",
    ), MODELS)  # fmt: skip
    add("--epochs", type=int, metavar="N", help="how often to go through the training data (cnn "
        "20, mlp 50, linear 50, lenet5 40, mnist-1 to 3 15, mnist-4 and 5 10, cifar-1 and 2 20, "
        "cifar-3 35, cifar-4, 6, 7 and 8 50, cifar-5 100, a file 10)")  # fmt: skip
    add(
        "--batch-size",
        type=int,
        metavar="N",
        help="samples a step (cnn, mlp, linear, lenet5 and "
        "a file 32, mnist-1 to 5 256, cifar-1 to 5 128 but cifar-4 256, cifar-6 to 8 64)",
    )
    add("--learning-rate", type=float, metavar="X", help="Adam's step size (cnn, mlp and lenet5 "
        "0.001, linear 0.01, a file 0.0003, mnist-1 to 5 0.0001, cifar-2 1e-05, cifar-6 5e-06, "
        "other cifar 5e-05)")  # fmt: skip
    add("--validation", metavar="SHARE|PATH", help="what is held back to measure on, for a folder "
        "or a table: a share (default 0.2), or a folder or table of its own. Folders train and "
        "val in DATA are taken as these two")  # fmt: skip
    add("--augment", action="store_true", help="while training, move, turn and zoom images a "
        "little, and mirror all but digits")  # fmt: skip
    add("--onnx", action="store_true", help="leave model.onnx too")
    add("--image-size", metavar="SIZE", help='pixels: 64, or height and width, "48x64" (the '
        "images' own if all have one of at most 96, else 64)")  # fmt: skip
    add("--channels", type=int, choices=(1, 3), help="1 for grey, 3 for colours (grey if all "
        "images are)")  # fmt: skip
    add("--skip-damaged", action="store_true", help="leave out images that cannot be read, which "
        "otherwise are told of before training begins")  # fmt: skip
    add("--target", metavar="COLUMN", help="of a table, what is to be told (the last)")
    add("--task", choices=("classification", "regression"), help="what a table's target is: "
        "classes or a number (by its values, and said)")  # fmt: skip
    add("--ignore", metavar="COLUMNS", help="of a table, not to be used; separated by commas")
    add("--seed", type=int, metavar="N", help="of weights, batch order and what is held back (0)")
    add("--kernels", metavar="NAME", help="compiled (default), numpy or loops")
    add("--threads", type=int, metavar="N", help="of the compiled kernels (every usable CPU)")
    add("--out", metavar="DIR", help="a new folder (runs/DATA-MODEL)")
    add("--resume", metavar="DIR", help="go on with a run that was stopped; DATA, --validation and "
        "--model then say where files lie that have moved")  # fmt: skip


def run(arguments: argparse.Namespace, out: Output) -> int:
    """Train."""
    from melpy.experiments import run as training
    from melpy.experiments.going_on import PLACES, settings_of
    from melpy.experiments.processes import of_job

    goes_on = arguments.resume is not None
    given = {
        name: value
        for name, value in vars(arguments).items()
        if name not in NOT_SETTINGS and value is not None and value is not False
    }
    if goes_on and not given.keys() <= PLACES.keys():
        raise ArgumentError(
            "train",
            "a run goes on as it was begun",
            expected="beside --resume only --kernels, --threads, and where moved files lie now",
            received=given,
        )
    made = settings_of(arguments.resume, given) if goes_on else training.Settings(**given)
    with of_job(made, out.say) as (settings, say, is_first):
        _choose(arguments)
        report = training.train(settings, say, goes_on)
    if is_first and out.is_json:
        out.json(report)
    elif is_first and arguments.quiet:
        out.write(training.shown(report))
    return 128 + report["signal"] if report["signal"] else 0


def _choose(arguments: argparse.Namespace) -> None:
    """Set kernels and threads, where they are named."""
    for name, choose in (("kernels", config.set_kernels), ("threads", config.set_threads)):
        value = getattr(arguments, name)
        try:
            if value is not None:
                choose(value)
        except MelpyError as error:
            error.who = f"--{name}"
            raise
