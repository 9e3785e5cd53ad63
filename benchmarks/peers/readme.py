"""The READMEs' table of speed, English and French, from the results there are."""

from __future__ import annotations

from pathlib import Path

from benchmarks.peers.page import CALLS, line, results_of, rows_found, versions
from benchmarks.peers.report import RESULTS, geometric_mean, ratios

NAMES = {"en": "README.md", "fr": "README.fr.md"}
KINDS = [("train", "step"), ("small", "step"), *(("infer", call) for call in CALLS)]
WORDS = {
    "en": {
        "heads": ["", "networks", "melpy is faster", "ratio: geometric mean",
                  "smallest", "largest"],
        "kinds": ["a training step", "a small network's, batches of 32",
                  "inference: one image", "inference: 32 images", "inference: 256 images"],
        "machine": "2 threads of {cpus}; {versions}.",
        "and": " and ",
    },
    "fr": {
        "heads": ["", "réseaux", "melpy est plus rapide",
                  "rapport\N{NO-BREAK SPACE}: moyenne géométrique",
                  "le plus petit", "le plus grand"],
        "kinds": ["une étape d'entraînement", "celle d'un petit réseau, lots de 32",
                  *(f"inférence\N{NO-BREAK SPACE}: {count}"
                    for count in ("une image", "32 images", "256 images"))],
        "machine": "2 fils d'exécution sur {cpus}\N{NO-BREAK SPACE}; {versions}.",
        "and": " et ",
    },
}  # fmt: skip


def headline(language: str, folder: Path = RESULTS) -> list[str]:
    """Return the table of all rows beside their best peers, and what they were measured on."""
    words, measured = WORDS[language], results_of(folder)
    lines = [line(*words["heads"]), "|---" * len(words["heads"]) + "|"]
    counted = []
    for what, (group, key) in zip(words["kinds"], KINDS, strict=True):
        rows = list(rows_found(measured, group))
        counted += [measured[row.file_name(2)] for row, _ in rows]
        there = {row.name: found[1] for row, libraries in rows if (found := ratios(libraries, key))}
        if there:
            lines.append(line(what, *cells(there, language)))
    cpus = words["and"].join(sorted({result["cpu"] for result in counted}))
    machine = words["machine"].format(cpus=cpus, versions=", ".join(versions(counted)))
    return [*lines, "", machine]


def cells(there: dict[str, float], language: str) -> list[str]:
    """Return how many networks there are and are faster, and their mean and extreme ratios."""
    least, most = min(there, key=lambda name: there[name]), max(there, key=lambda name: there[name])
    faster = sum(ratio > 1 for ratio in there.values())
    return [
        str(len(there)),
        str(faster),
        f"**{number(geometric_mean(there.values()), language)}**",
        *(f"{number(there[name], language)} ({name})" for name in (least, most)),
    ]


def number(ratio: float, language: str) -> str:
    """Return a ratio as the language writes it."""
    return f"{ratio:.2f}".replace(".", "," if language == "fr" else ".")
