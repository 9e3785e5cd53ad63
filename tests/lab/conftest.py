"""A Lab that runs, and visits to it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNSURE = 3  # a sample that the network is not sure of, so that its gradients are no dust


@pytest.fixture(scope="session")
def lab():
    """Yield the address of `melpy lab` on the digits, as the command prints it."""
    pytest.importorskip("starlette", reason="no Starlette: melpy[lab] is not installed")
    command = [sys.executable, "-m", "melpy", "lab", "--no-browser", "--port", "0", "--lang", "en"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    )
    lines = []
    try:
        for line in running.stdout:
            lines.append(line)
            found = re.search(r"http://\S+#token=\S+", line)
            if found:
                yield found.group()
                break
        else:
            pytest.fail(f"melpy lab printed no address: {''.join(lines)}")
    finally:
        running.terminate()
        running.wait(20)
        running.stdout.close()


class Visit:
    """A page, and what it did: requests elsewhere and complaints are faults."""

    def __init__(self, context, address):
        self.page = context.new_page()
        self.page.set_default_timeout(60_000)  # a busy machine is slow
        self.address, self.faults = address, []
        self.origin = "/".join(address.split("/")[:3])
        self.page.on("request", self._on_request)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("console", self._on_console)

    def _on_request(self, request):
        if not request.url.startswith((f"{self.origin}/", "data:", "blob:")):
            self.faults.append(f"request to {request.url}")

    def _on_console(self, message):
        if message.type in ("error", "warning"):
            self.faults.append(f"console: {message.text}")

    def to(self, room, lang="en", sample=UNSURE):
        """Open a room, and wait until it is drawn."""
        separator = "&" if "#" in self.address else "#"
        place = f"{self.address}{separator}room={room}&lang={lang}&sample={sample}"
        if self.page.url.split("#")[0] == self.address.split("#")[0]:
            self.page.evaluate("to => { location.hash = to }", place.split("#")[1])
        else:
            self.page.goto(place)
        self.page.wait_for_selector(f'html[lang={lang}] #room-{room}[aria-current="page"]')
        self.settled()
        return self.page

    def settled(self):
        """Wait until nothing is busy any more."""
        self.page.wait_for_function(
            "() => document.querySelector('main h1') && !document.querySelector('main .waiting')"
            " && !document.querySelector('[aria-busy=true]')"
        )


@pytest.fixture
def visit(lab, chromium):
    """Return a function that makes a visit, whose faults are looked at when the test ends."""
    made = []

    def visiting(address=lab, **options):
        context = chromium.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        made.append((context, Visit(context, address)))
        return made[-1][1]

    yield visiting
    faults = [fault for _, one in made for fault in one.faults]
    for context, _ in made:
        context.close()
    assert not faults, faults
