"""Measures how long `melpy lab` takes until its first room is drawn in a browser.

    python tools/lab_opens.py [--runs 5] [--results FILE]   # a step of .ci/run

From the command to the address that it prints, and from there to a page that waits for nothing any
more. Each run is a process and a page of its own; the browser runs already, and the kernels were
compiled before, as was the bytecode. Fails where the quickest run takes over `MOST_S`: the promise
is two seconds on a machine that does nothing else, the rest is for a busy one. Needs Chromium and
Playwright.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from budgets import AS_INSTALLED
from lab_recording import CHROMIUM, IS_SETTLED

MOST_S = 6.0


def opened_s(browser: Any) -> tuple[float, float]:
    """Return the seconds until the address is printed, and from there until the page is drawn."""
    began_s = time.perf_counter()
    command = [sys.executable, "-u", "-m", "melpy", "lab", "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=AS_INSTALLED) as running:
        try:
            addresses = (re.search(r"http://\S+#token=\S+", line) for line in running.stdout or ())
            address = next(found.group() for found in addresses if found)
            printed_s = time.perf_counter()
            page = browser.new_page()
            page.goto(address)
            page.wait_for_function(IS_SETTLED)
            drawn_s = time.perf_counter()
            page.close()
        finally:
            running.terminate()
    return printed_s - began_s, drawn_s - printed_s


def main() -> int:
    """Do what the module says; return the exit code."""
    from playwright.sync_api import sync_playwright

    from melpy.experiments.machine import machine

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--results", type=Path, help="a JSON file to write")
    arguments = parser.parse_args()
    with sync_playwright() as tools:
        browser = tools.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        runs = [opened_s(browser) for _ in range(arguments.runs)]
        browser.close()
    spans = {
        "address printed, s": [address for address, _ in runs],
        "then drawn, s": [drawn for _, drawn in runs],
        "in all, s": [sum(run) for run in runs],
    }
    rows = {
        what: {"least": min(s), "median": statistics.median(s), "most": max(s)}
        for what, s in spans.items()
    }
    for what, row in rows.items():
        print(f"{what}: {row['median']:.2f} ({row['least']:.2f} to {row['most']:.2f})")
    if arguments.results:
        told = {"machine": machine(), "runs": arguments.runs, "rows": rows}
        arguments.results.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return int(min(spans["in all, s"]) > MOST_S)


if __name__ == "__main__":
    sys.exit(main())
