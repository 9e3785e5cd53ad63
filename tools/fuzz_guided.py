"""Let atheris look for files that a reader neither reads nor refuses, by what code they reach.

    python tools/fuzz_guided.py READER [--inputs 1000000] [--minutes M] [--corpus DIR] [--out FILE]

READER is one of `tools/fuzz.py`'s, by its name there. A file that reaches code which none reached
before is kept in the corpus, and later ones are made of it: half of them by libFuzzer, which knows
bytes, those of a zip's parts too, half by `fuzz.changed`, which knows zips, texts and ONNX. A
second call goes on from the corpus, and the counts in FILE add up; `tools/corpus` holds what was
found so far, a zip a reader. What raises anything but a MelpyError ends the run, and libFuzzer
leaves the file beside it; so does what takes more than 20 s, or 2 GB.

Needs atheris: the extra [fuzz].
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

READERS_CODE = ["melpy.saving", "melpy.budget", "melpy.op_budget", "melpy.configurable",
                "melpy.datasets", "melpy.experiments", "melpy.models.config"]  # fmt: skip
with atheris.instrument_imports(include=READERS_CODE):
    import fuzz

from melpy.errors import MelpyError  # noqa: E402

MOST_BYTES = 1 << 16
EVERY = 1000


class Counts:
    """How many inputs a reader was given, all runs together, in a file that is kept up to date."""

    def __init__(self, file: Path | None, reader: str) -> None:
        self.file, self.reader = file, reader
        told = json.loads(file.read_text()) if file is not None and file.exists() else {}
        self.all = told
        self.own = told.setdefault(reader, {"inputs": 0, "read": 0, "refused": 0})

    def add(self, outcome: str) -> None:
        """Count one more input."""
        self.own["inputs"] += 1
        self.own[outcome] += 1
        if self.own["inputs"] % EVERY == 0:
            self.write()

    def write(self) -> None:
        """Write all counts down."""
        if self.file is not None:
            self.file.write_text(json.dumps(self.all, indent=1, sort_keys=True) + "\n")


def main() -> None:
    """Do what the module says; libFuzzer ends the process."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("reader", help="its name in tools/fuzz.py: m.keras, idx, onnx, ...")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="in this run (1000000)")
    parser.add_argument("--minutes", type=float, help="end after so long")
    parser.add_argument("--corpus", type=Path, help="a folder of files to begin with and to keep")
    parser.add_argument("--out", type=Path, help="a file for the counts")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    home = Path(tempfile.mkdtemp())
    content, read = next(r for name, r in fuzz.readers(home) if name == arguments.reader)
    corpus = arguments.corpus or home / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    if not any(corpus.iterdir()):
        (corpus / "as-written").write_bytes(content)
        for number, before in enumerate(fuzz.found(arguments.reader)):
            (corpus / f"{number}").write_bytes(before)
    counts = Counts(arguments.out, arguments.reader)

    def one_input(given: bytes) -> None:
        try:
            read(given)
        except MelpyError:
            counts.add("refused")
        else:
            counts.add("read")

    def mutated(given: bytes, most: int, seed: int) -> bytes:
        draw = random.Random(seed)
        if given and draw.random() < 0.5:
            return fuzz.changed(given, draw)[:most]
        if given[:2] == fuzz.ZIP and draw.random() < 0.9:  # what no sum holds back
            return fuzz.rezipped(given, draw, lambda part: by_bytes(part, most))[:most]
        return by_bytes(given, most)

    def by_bytes(given: bytes, most: int) -> bytes:
        return bytes(atheris.Mutate(given, most))

    options = [
        f"-runs={arguments.inputs}",
        "-timeout=20",
        "-rss_limit_mb=2048",
        f"-max_len={max(MOST_BYTES, 2 * len(content))}",
        f"-artifact_prefix={corpus.parent}/",
    ]
    if arguments.minutes is not None:
        options.append(f"-max_total_time={round(60 * arguments.minutes)}")
    atheris.Setup([sys.argv[0], *options, str(corpus)], one_input, custom_mutator=mutated)
    try:
        atheris.Fuzz()
    finally:
        counts.write()


if __name__ == "__main__":
    main()
