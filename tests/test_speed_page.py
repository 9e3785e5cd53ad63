"""The page of speeds and the README's table say what the committed results say."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture
def report(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.peers import report

    yield report
    for name in [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]:
        del sys.modules[name]


def test_the_page_is_made_from_the_results(report):
    assert report.PAGE.read_text() == report.page()


def test_the_readmes_table_is_made_from_the_results(report):
    lines = report.headline()
    assert len(lines) > 10
    assert "\n".join(lines) in (ROOT / "README.md").read_text()


def test_a_ratio_is_the_best_peers_time_by_ours(report):
    rows = {
        "melpy": {"ms": {"step": [2.0, 2.0, 2.0]}},
        "slow": {"ms": {"step": [9.0, 9.0, 9.0]}},
        "fast": {"ms": {"step": [3.0, 3.0, 3.0]}},
        "absent": {"unavailable": "not installed"},
    }
    assert report.ratios(rows, "step") == ("fast", 1.5)
    assert report.summary([3.0, 1.0, 2.0, 4.0, 100.0]) == [3.0, 2.0, 4.0]
