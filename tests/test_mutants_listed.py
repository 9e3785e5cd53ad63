"""What the mutants told is told as it is: each that lives is listed with a reason, and counted."""

import json
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_each_that_lives_is_listed_with_a_reason():
    results = (DOCS / "results/mutants.jsonl").read_text(encoding="utf-8").splitlines()
    found = {}
    for told in map(json.loads, results):
        found.setdefault(told["mutant"], []).append(told["killed by"])
    living = {mutant for mutant, kills in found.items() if not any(kills)}
    listed = json.loads((DOCS / "results/mutants-living.json").read_text(encoding="utf-8"))
    assert {row["mutant"] for row in listed} == living
    assert all(row["why"] for row in listed)
    waiting = sum(row["tried on"] == "its room's tests" for row in listed)
    counts = f"{len(found) - len(living)} of {len(found)}", f"{len(living) - waiting}", f"{waiting}"
    page = (DOCS / "reliability.md").read_text(encoding="utf-8").replace("\n", " ")
    sentence = "Tests kill {} mutants of the tape, the ops and the kernels; {} live, and {} wait"
    assert sentence.format(*counts) in page
