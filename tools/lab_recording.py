"""Records the Lab for pages without a server: what its own page asks on a walk through its rooms.

    python tools/lab_recording.py OUT               # of the network that comes with melpy
    python tools/lab_recording.py OUT --samples 2   # the first two images alone

Needs Chromium and Playwright. The page of melpy/lab/static plays the folder OUT where it lies
beside it, as index.html?recorded=OUT. It holds the rooms as they open, for the image that the Lab
opens with and some more, and for that one each layer; other settings, and live training, need a Lab
that runs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any

from melpy.cli.lab import OWN_MODEL
from melpy.experiments.opened import opened
from melpy.lab import live_routes
from melpy.lab.recording import Recorder
from melpy.lab.samples import samples_for
from melpy.lab.server import STATIC, Server
from melpy.lab.session import About, Session

ROOMS = ("window", "columns", "back", "pooling", "loss", "network")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
WAIT_MS = 30_000
IS_SETTLED = (
    "() => document.querySelector('main h1') && !document.querySelector('main .waiting')"
    " && !document.querySelector('[aria-busy=true]')"
)


def walk(address: str, samples: list[int]) -> None:
    """Open each room for some images; for the first, choose each layer that a room offers."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for sample in samples:
            page = browser.new_page()  # one page an image, which is then traced once
            page.set_default_timeout(WAIT_MS)
            page.goto(f"{address}&room={ROOMS[0]}&sample={sample}")
            for room in ROOMS:
                place = f"{address}&room={room}&sample={sample}".partition("#")[2]
                page.evaluate("to => { location.hash = to }", place)
                page.wait_for_selector(f'#room-{room}[aria-current="page"]')
                settled(page)
                if room == "back":
                    page.locator("main .check button").click()  # a cell beside its difference
                    settled(page)
                if sample == samples[0] and room != "network":
                    choose_each_layer(page)
            page.close()
        browser.close()


def choose_each_layer(page: Any) -> None:
    """Choose each option of the room's first field, and the one that it had again."""
    field = page.locator("main select").first
    if not field.count() or field.is_disabled():
        return
    first = field.input_value()
    others = [option.get_attribute("value") for option in field.locator("option").all()]
    for value in [*(v for v in others if v != first), first]:
        page.locator("main select").first.select_option(value)
        settled(page)


def settled(page: Any) -> None:
    """Wait until the room is drawn."""
    page.wait_for_timeout(100)
    page.wait_for_function(IS_SETTLED)


def main() -> None:
    """Record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--samples", type=int, default=3)
    arguments = parser.parse_args()
    found = opened(STATIC.parent / OWN_MODEL, "lab")
    session = Session(found, samples_for(found, None, 1.0, print), About(is_default=True))
    recorder = Recorder(session)
    live_routes.watched = _noting_steps(recorder, live_routes.watched)
    server = Server(session)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.is_running:
            time.sleep(0.01)
        start = session.lab()["data"]["start"]
        walk(server.url, list(dict.fromkeys([start, *range(arguments.samples)])))
    finally:
        server.stop()
        thread.join()
    recorder.write(arguments.out)
    size = sum(path.stat().st_size for path in arguments.out.iterdir())
    print(f"{len(recorder.heard)} answers lie in {arguments.out}, {size:,} bytes.")


def _noting_steps(recorder: Recorder, watched: Any) -> Any:
    """Keep the answers about two optimizers, too."""
    return lambda session, asked: recorder.noting(
        "/api/optimizer", lambda question: watched(session, question)
    )(asked)


if __name__ == "__main__":
    main()
