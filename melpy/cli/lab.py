"""melpy lab: a page where one steps through one's own network, forward and backward."""

from __future__ import annotations

import argparse
import locale
import os
import threading
from collections.abc import Callable
from typing import Any

from melpy.cli.output import Output
from melpy.cli.parsing import add_command, hinted
from melpy.cli.train import DATASETS
from melpy.errors import ArgumentError, install, needing

__all__ = ["parser", "run"]

IS_AT = {"en": "Melpy Lab is at", "fr": "Melpy Lab est à l'adresse"}
LANGUAGES = tuple(IS_AT)
OWN_MODEL = "lenet.keras"  # beside the Lab's code
EXAMPLES = (
    ("melpy lab", "a small LeNet on the 8x8 digits that come with melpy"),
    ("melpy lab runs/photos-cnn", "a run's model, on what it was trained on"),
    ("melpy lab model.onnx --data photos", "a model, and your images, a folder for each class"),
    ("melpy lab --lang fr --port 8800 --no-browser", "in French, at an address that stays"),
)


def parser(commands: Any) -> None:
    """Say what the command takes."""
    made = add_command(
        commands, "lab", run,
        help="step through a network in the browser, forward and backward",
        description="Open a page on which a network can be stepped through, number by number: a "
        "convolution and its columns, the way back, pooling, loss and optimizer, and all layers of "
        "a digit that you draw. It runs on this machine alone and asks no network; the address "
        "that is printed holds a token, without which nobody else is answered. Ctrl-C ends it.",
        examples=EXAMPLES,
    )  # fmt: skip
    add = made.add_argument
    add("model", nargs="?", metavar="MODEL", help="a .keras, .h5 or .onnx file, or a folder that "
        "melpy train left (default: a small LeNet for digits)")  # fmt: skip
    hinted(add("--data", metavar="DATA", help=f"what it is shown: {', '.join(DATASETS)}, or a "
               "folder of images (what its run was trained on, or what fits)"),
           DATASETS)  # fmt: skip
    add("--lang", choices=LANGUAGES, help="the page's language (that of this machine)")
    add("--port", type=int, default=0, metavar="N", help="where it listens (any free port)")
    add("--no-browser", action="store_true", help="open no browser, print the address alone")
    add("--scale", type=float, default=1.0, metavar="X", help="multiply pixels, which are as in "
        "the data unless the model's file says otherwise")  # fmt: skip


def run(arguments: argparse.Namespace, out: Output) -> int:
    """Serve the page until Ctrl-C."""
    _check(arguments)
    with needing("lab", "Starlette and uvicorn, which serve the page, are not installed",
                 install("lab")):  # fmt: skip
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    from melpy.experiments.opened import opened
    from melpy.lab.outputs import of_one_output
    from melpy.lab.samples import samples_for
    from melpy.lab.server import STATIC, Server
    from melpy.lab.session import About, Session

    is_default = arguments.model is None
    path = STATIC.parent / OWN_MODEL if is_default else arguments.model
    found, outputs = of_one_output(opened(path, "lab"))
    samples = samples_for(found, arguments.data, arguments.scale, out.say)
    language = arguments.lang or _language()
    about = About(language, is_default, outputs)
    server = Server(Session(found, samples, about), arguments.port)
    if out.is_json:
        out.json({"url": server.url, "port": server.port})
    else:
        out.write(f"{IS_AT[language]} {server.url}")
    if not arguments.no_browser:
        threading.Thread(target=_browse, args=(server.url, out.say), daemon=True).start()
    server.run()
    return 0


def _check(arguments: argparse.Namespace) -> None:
    if not 0 <= arguments.port <= 65535:
        raise ArgumentError(
            "lab", "--port is out of range", expected="a whole number from 0 to 65535",
            received={"port": arguments.port},
        )  # fmt: skip
    if not 0 < arguments.scale < 1e9:
        raise ArgumentError(
            "lab", "--scale is out of range", expected="a number above 0",
            received={"scale": arguments.scale},
        )  # fmt: skip


def _language() -> str:
    """Return the language of this machine, where the page has it."""
    names = [os.environ.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG")]
    said = next((name for name in names if name), "") or (locale.getlocale()[0] or "")
    return "fr" if said.lower().startswith("fr") else "en"


def _browse(url: str, say: Callable[[str], None]) -> None:
    """Open the address, or say that there is no browser."""
    import webbrowser

    try:
        is_open = webbrowser.open(url)
    except (webbrowser.Error, OSError):
        is_open = False
    if not is_open:
        say("No browser could be opened: open the address yourself.")
