"""Every test leaves the library as it found it; some look at pages in a browser."""

import os
import shutil

import numpy as np
import pytest
from hypothesis import settings

from melpy import config, random, tape
from melpy.kernels import dispatch

settings.register_profile("melpy", deadline=None, print_blob=True, derandomize=True)
settings.load_profile("melpy")

dispatch._said.add(dispatch.COMPILING)  # what fit prints must not depend on Numba's cache

CHROMIUM = (
    os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
)

# One test may change these on purpose; the fixture puts them back, and names a leak otherwise.
MAY_CHANGE = {"kernels", "threads"}


@pytest.fixture(autouse=True)
def nothing_leaks():
    """Fail a test that leaves settings changed, recording switched off, or NumPy's state moved.

    Each begins with the same seed: what passes passes again.
    """
    random.set_seed(0)
    before = dict(config._settings)
    errors = np.geterr()
    yield
    after = dict(config._settings)
    config._settings.clear()
    config._settings.update(before)
    changed = {k for k in before.keys() | after.keys() if before.get(k) != after.get(k)}
    assert changed <= MAY_CHANGE, f"the test left these settings changed: {changed - MAY_CHANGE}"
    assert tape.is_recording(), "the test left recording switched off"
    assert np.geterr() == errors, "the test left NumPy's error settings changed"


@pytest.fixture(scope="session")
def chromium():
    """Yield a browser; without one the tests say what they skip."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright")
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine: the page is not looked at")
    with playwright.sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
