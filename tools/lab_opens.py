"""Measure how long `melpy lab` takes until its first room is drawn in a browser.

    python tools/lab_opens.py [--runs 5] [--results FILE]   # a step of .ci/run, where Chromium is

Two spans: from the command to the address that it prints, and from the address to a page that waits
for nothing any more. Each run is a process and a page of its own; the browser is there already.
It fails where the quickest run takes longer than `MOST_S`, which leaves room for a busy machine.
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

from playwright.sync_api import sync_playwright

GOAL_S = 2.0  # on an idle machine
MOST_S = 6.0
IS_DRAWN = (
    "() => document.querySelector('main h1') && !document.querySelector('main .waiting')"
    " && !document.querySelector('[aria-busy=true]')"
)


def opened_s(browser) -> tuple[float, float]:
    """Return the seconds until the address is printed, and from there until the page is drawn."""
    began_s = time.perf_counter()
    command = [sys.executable, "-u", "-m", "melpy", "lab", "--no-browser", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            addresses = (re.search(r"http://\S+#token=\S+", line) for line in running.stdout or ())
            address = next(found.group() for found in addresses if found)
            printed_s = time.perf_counter() - began_s
            page = browser.new_context().new_page()
            page.goto(address)
            page.wait_for_function(IS_DRAWN)
            drawn_s = time.perf_counter() - began_s - printed_s
            page.context.close()
        finally:
            running.terminate()
    return printed_s, drawn_s


def main() -> int:
    """Do what the module says; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--results", type=Path, help="a JSON file to write")
    arguments = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        runs = [opened_s(browser) for _ in range(arguments.runs)]
        browser.close()
    spans = dict(zip(("address_s", "drawn_s"), zip(*runs, strict=True), strict=True))
    spans["in_all_s"] = tuple(map(sum, runs))
    told = {
        name: {"least": min(s), "median": statistics.median(s), "most": max(s)}
        for name, s in spans.items()
    }
    for name, s in told.items():
        print(f"{name}: {s['median']:.2f} ({s['least']:.2f} to {s['most']:.2f})")
    if arguments.results:
        rounded = {n: {k: round(v, 3) for k, v in s.items()} for n, s in told.items()}
        arguments.results.write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")
    return int(told["in_all_s"]["least"] > MOST_S)


if __name__ == "__main__":
    sys.exit(main())
