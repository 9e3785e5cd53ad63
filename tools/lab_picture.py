"""The READMEs' picture of the Lab: its third room, taken from the recording that the docs play.

    python tools/lab_picture.py            # docs/_static/lab-way-back.png, and .fr.png

Needs Chromium, Playwright and Pillow, and is run again when the room looks different.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from lab_recording import CHROMIUM, STATIC, settled
from PIL import Image

DOCS = Path(__file__).parents[1] / "docs"
PICTURES = {"en": "lab-way-back.png", "fr": "lab-way-back.fr.png"}
SAMPLE = 3  # one that the network is not sure of: its gradients are no dust
BACK = 5  # steps back from the end, to a stamp of the middle: those below have not fallen yet
MARGIN = 12
COLOURS = 128  # a palette makes the file a third as large


class Quiet(SimpleHTTPRequestHandler):
    """A server that prints nothing."""

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


def taken(page: Any, address: str, language: str) -> bytes:
    """Open the room, let its predictions be answered, and take the clock and what it moves."""
    page.goto(f"{address}#room=back&lang={language}&sample={SAMPLE}")
    page.wait_for_selector(f'html[lang={language}] #room-back[aria-current="page"]')
    settled(page)
    while (left := page.locator(".predict:not(.answered)")).count():
        left.first.get_by_role("button").last.click()
    settled(page)
    page.locator(".clock button").last.click()  # to the end
    for _ in range(BACK):
        page.locator(".clock button").nth(1).click()
    page.mouse.move(0, 0)
    page.evaluate("() => scrollTo(0, 0)")  # boxes are told from the window's corner
    settled(page)
    parts = [page.locator(".clock"), *page.locator("figure.panel").all()[:4]]
    boxes = [part.bounding_box() for part in parts]
    left, top = (min(box[key] for box in boxes) - MARGIN for key in ("x", "y"))
    right, bottom = (
        max(box[start] + box[size] for box in boxes) + MARGIN
        for start, size in (("x", "width"), ("y", "height"))
    )
    clip = {"x": max(left, 0), "y": top, "width": right - max(left, 0), "height": bottom - top}
    return page.screenshot(clip=clip, full_page=True)


def main() -> None:
    """Serve page and recording as plain files, and take the pictures."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(STATIC, folder, dirs_exist_ok=True)
        shutil.copytree(DOCS / "_lab" / "recorded", Path(folder, "recorded"))
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with sync_playwright() as tools:
            browser = tools.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            for language, name in PICTURES.items():
                page = browser.new_page(viewport={"width": 1060, "height": 900})
                address = f"http://127.0.0.1:{server.server_port}/index.html?recorded=recorded"
                picture = Image.open(io.BytesIO(taken(page, address, language))).convert("RGB")
                picture.quantize(COLOURS).save(DOCS / "_static" / name, optimize=True)
                page.close()
            browser.close()
        server.shutdown()


if __name__ == "__main__":
    main()
