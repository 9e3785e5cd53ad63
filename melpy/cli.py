"""The command line: melpy train, predict, datasets, warm-up and reproduce."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from melpy import __version__, config
from melpy.errors import ArgumentError, MelpyError

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 2 after bad input, which is answered in one sentence.

    0 is a command that came to its end, 1 one whose reader went away; 130 and 143 are those that
    Ctrl-C and SIGTERM stopped, as shells count them.
    """
    for stream in (sys.stdout, sys.stderr):  # an encoding without our lines must not end a run
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    parser = _parser()
    arguments = parser.parse_args(argv)
    if "run" not in arguments:
        parser.print_help(sys.stderr)
        return 2
    try:
        code = arguments.run(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()
        return code
    except BrokenPipeError:  # nobody reads on, as in `melpy datasets | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
        return 1
    except (MelpyError, OSError) as error:
        print(f"melpy: {_sentence(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\nmelpy: stopped.", file=sys.stderr)
        return 130
    return 2


def _sentence(error: MelpyError | OSError) -> str:
    if isinstance(error, MelpyError):
        return str(error)
    return f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="melpy", description="Deep learning on NumPy with nothing hidden."
    )
    parser.add_argument("--version", action="version", version=f"melpy {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    train = commands.add_parser(
        "train",
        help="train one of the paper's networks",
        description="Train one of the paper's networks and leave weights, history and pictures in "
        "a folder. With no arguments: LeNet-5 on the 8x8 digits that come with melpy.",
        epilog="The first Ctrl-C, or SIGTERM, stops after the batch at hand and keeps everything; "
        "--resume goes on from there, to the same bits. Exit codes: 0 at the end, 2 after bad "
        "input, 130 after Ctrl-C, 143 after SIGTERM.",
    )
    train.add_argument(
        "dataset",
        nargs="?",
        help="digits (default), mnist, fashion-mnist, cifar-10",
    )
    train.add_argument(
        "--model",
        help="lenet5 (for digits), mnist-1 to mnist-5 (mnist-3), cifar-1 to cifar-8 (cifar-7)",
    )
    train.add_argument("--epochs", type=int, help="how often to go through the training data")
    train.add_argument("--batch-size", type=int, help="images a step")
    train.add_argument("--learning-rate", type=float, help="Adam's step size")
    train.add_argument("--seed", type=int, help="of weights and batch order (0)")
    train.add_argument("--kernels", help="compiled (default), numpy or loops")
    train.add_argument("--threads", type=int, help="of the compiled kernels (every usable CPU)")
    train.add_argument("--out", metavar="DIR", help="a new folder (runs/DATASET-MODEL)")
    train.add_argument("--resume", metavar="DIR", help="go on with a run that was stopped")
    train.set_defaults(run=_train)

    predict = commands.add_parser(
        "predict",
        help="say what is on images",
        description="Say what a trained run sees on images.",
    )
    predict.add_argument("folder", metavar="RUN", help="a folder that melpy train left")
    predict.add_argument("images", metavar="IMAGE", nargs="+", help="image files")
    predict.add_argument("--resize", action="store_true", help="scale images of another size")
    predict.add_argument(
        "--invert", action="store_true", help="for dark ink on paper: MNIST's is light on dark"
    )
    predict.set_defaults(run=_predict)

    datasets = commands.add_parser("datasets", help="list the data sets, or get one")
    actions = datasets.add_subparsers(metavar="ACTION")
    get = actions.add_parser("get", help="download a data set and check it")
    get.add_argument("name", help="mnist, fashion-mnist, cifar-10 or cifar-100")
    get.set_defaults(run=_get)
    datasets.set_defaults(run=_datasets)

    warm = commands.add_parser(
        "warm-up",
        help="compile the kernels now, for all later runs",
        description="Compile the kernels once for this machine; later runs load them from Numba's "
        "cache, beside the package or in NUMBA_CACHE_DIR.",
    )
    warm.set_defaults(run=_warm_up)

    again = commands.add_parser(
        "reproduce",
        help="run the paper's experiments and write a report",
        description="Run the paper's experiments, those that OUT does not hold yet, and write "
        "report.html and report.md. The whole takes hours and goes on where it was stopped.",
    )
    again.add_argument(
        "part", nargs="?", default="all",
        help="all (default); table1, loops and NumPy; table2, table3, the trainings on MNIST and "
        "on CIFAR-10; table4, beside Keras; gradient, the paper's error; figures, 1 to 14",
    )  # fmt: skip
    again.add_argument("--quick", action="store_true", help="on a slice, in a few minutes")
    again.add_argument("--keras", action="store_true", help="Keras in table4 (extra [reproduce])")
    again.add_argument(
        "--original", metavar="CLONE", default=None, help="the original library in gradient, "
        "table2 and table3; from a clone of it with its history",
    )  # fmt: skip
    again.add_argument(
        "--out", metavar="DIR", default=None, help="a folder (runs/reproduction, or with --quick "
        "runs/reproduction-quick)",
    )  # fmt: skip
    again.set_defaults(run=_reproduce)
    return parser


def _reproduce(arguments: argparse.Namespace) -> int:
    from melpy.experiments.reproduce import Plan, reproduce

    out = arguments.out
    if out is None:
        out = "runs/reproduction" + ("-quick" if arguments.quick else "")
    plan = Plan(arguments.part, arguments.quick, arguments.keras, out, arguments.original)
    try:
        reproduce(plan, _say)
    except KeyboardInterrupt:
        _say(f"\nWhat is finished lies in {out}; the same command goes on with the rest.")
        raise
    return 0


def _warm_up(_: argparse.Namespace) -> int:
    from melpy.warm_up import warm_up

    warm_up(_say)
    return 0


def _train(arguments: argparse.Namespace) -> int:
    from melpy.experiments import run

    for name, choose in (("kernels", config.set_kernels), ("threads", config.set_threads)):
        value = getattr(arguments, name)
        try:
            if value is not None:
                choose(value)
        except MelpyError as error:
            error.who = f"--{name}"
            raise
    names = ("dataset", "model", "epochs", "batch_size", "learning_rate", "seed", "out")
    given = {name: getattr(arguments, name) for name in names}
    given = {name: value for name, value in given.items() if value is not None}
    if arguments.resume is not None and given:
        raise ArgumentError(
            "train",
            "a run goes on as it was begun",
            expected="--resume, and nothing but --kernels or --threads beside it",
            received=given,
        )
    if arguments.resume is None:
        report = run.train(run.Settings(**given), _say)
    else:
        report = run.train(run.settings_of(arguments.resume), _say, goes_on=True)
    return 128 + report["signal"] if report["signal"] else 0


def _predict(arguments: argparse.Namespace) -> int:
    from melpy.experiments import images, run

    model, pixels, report = run.load(arguments.folder)
    names: list[str] = report["class_names"]
    width = max(len(path) for path in arguments.images)
    failed = 0
    for path in arguments.images:
        try:
            image = images.read_image(
                path, tuple(report["input_shape"]), pixels.high, arguments.resize, arguments.invert
            )
        except (MelpyError, OSError) as error:  # the other images still get their answer
            print(f"melpy: {_sentence(error)}", file=sys.stderr)
            failed += 1
            continue
        probabilities = model.predict(pixels.transform(image[None]))[0]
        best = probabilities.argsort()[::-1][:3]
        answer = "   ".join(f"{names[c]} {probabilities[c]:6.1%}" for c in best)
        print(f"{path:<{width}}  {answer}")
    return 2 if failed else 0


def _datasets(arguments: argparse.Namespace) -> int:
    from melpy import datasets

    for name, module in datasets.DATASETS.items():
        state = "here" if datasets.status(name).here else "not here"
        print(f"{name:<14} {state:<9} {module.DESCRIPTION}")
    print(f"\nFolder: {config.home() / 'datasets'}")
    return 0


def _get(arguments: argparse.Namespace) -> int:
    from melpy import datasets

    (x_train, _), (x_test, _) = datasets.load(arguments.name)
    print(f"{arguments.name} is here: {len(x_train):,} training and {len(x_test):,} test images.")
    return 0


def _say(text: str) -> None:
    print(text, flush=True)
