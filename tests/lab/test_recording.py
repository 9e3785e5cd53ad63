"""A recorded trace plays through the same modules, without a server of ours."""

import json
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from page_numbers import answer_all, grid_of

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "melpy" / "lab" / "static"
RECORDING = ROOT / "docs" / "_lab" / "recorded"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture
def recorded(tmp_path):
    """Yield the address of the page and the recording as plain files."""
    site = tmp_path / "site"
    shutil.copytree(STATIC, site)
    shutil.copytree(RECORDING, site / "digits")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/index.html?recorded=digits"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.browser
def test_a_recording_shows_what_the_server_shows(visit, recorded):
    shown = {}
    for name, one in (("live", visit()), ("recorded", visit(recorded))):
        page = one.to("back")
        answer_all(page)
        page.get_by_role("button", name="To the end").click()
        shown[name] = grid_of(page, "dX, channel 0")
    np.testing.assert_allclose(shown["recorded"], shown["live"], rtol=0, atol=1e-5)


@pytest.mark.browser
@pytest.mark.parametrize("room", ["window", "columns", "back", "pooling", "loss"])
def test_each_room_is_in_the_recording(visit, recorded, room):
    page = visit(recorded).to(room, "fr", sample=1)
    assert page.locator("main .error").count() == 0
    assert page.locator("main figure").count() > 0


@pytest.mark.browser
def test_what_was_not_recorded_is_said(visit, recorded):
    one = visit(recorded)
    page = one.to("window")
    page.get_by_label("Stride", exact=True).select_option("2")
    one.settled()
    assert "melpy lab" in page.get_by_role("alert").inner_text()


def test_the_recording_is_whole():
    lab = json.loads((RECORDING / "lab.json").read_text())
    for entry in lab["recorded"]:
        answer = json.loads((RECORDING / f"{entry['file']}.json").read_text())
        if "arrays" in answer:
            size = (RECORDING / f"{entry['file']}.bin").stat().st_size
            ends = [
                a["offset"] + 4 * np.prod(a["shape"], dtype=int) for a in answer["arrays"].values()
            ]
            assert max(ends) == size
