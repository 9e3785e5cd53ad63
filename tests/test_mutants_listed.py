"""What the mutants told is told as it is: each that lives is listed with a reason, and counted."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def test_each_that_lives_is_listed_with_a_reason():
    results = (DOCS / "results/mutants.jsonl").read_text(encoding="utf-8").splitlines()
    found = {}
    for told in map(json.loads, results):
        found.setdefault(told["mutant"], []).append(told["killed by"])
    living = {mutant for mutant, kills in found.items() if not any(kills)}
    listed = json.loads((DOCS / "results/mutants-living.json").read_text(encoding="utf-8"))
    assert {row["mutant"] for row in listed} == living
    assert all(row["why"] for row in listed)
    counts = f"{len(found) - len(living)} of {len(found)}", f"{len(living)}"
    page = (DOCS / "reliability.md").read_text(encoding="utf-8").replace("\n", " ")
    sentence = "Tests kill {} mutants of the tape, the ops and the kernels; {} live."
    assert sentence.format(*counts) in page
    assert {row["tried on"] for row in listed} == {"all that reach it"}


def test_a_mutant_without_a_place_is_refused(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    mutants = pytest.importorskip("mutants", reason="no extra [mutants]")
    (tmp_path / "a.py").write_text("one = 1 + 1\n", encoding="utf-8")
    lane = SimpleNamespace(folder=tmp_path)
    gone = mutants.Mutant("a.py", "core/ReplaceBinaryOperator_Add_Sub", 1, 1)
    with pytest.raises(SystemExit, match="no such place"):  # unchanged, it would count as one
        mutants.Lane.tried(lane, gone, [])  # that no test sees
