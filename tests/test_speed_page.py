"""The page of speeds and the READMEs' table say what the committed results say."""

import sys
from pathlib import Path

import pytest

import melpy

ROOT = Path(__file__).parents[1]


@pytest.fixture
def peers(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    import benchmarks.peers.page
    import benchmarks.peers.readme
    import benchmarks.peers.report
    import benchmarks.peers.rows
    import benchmarks.peers.workloads

    yield benchmarks.peers
    for name in [name for name in sys.modules if name.partition(".")[0] == "benchmarks"]:
        del sys.modules[name]


def test_the_page_is_made_from_the_results(peers):
    assert peers.page.PAGE.read_text() == peers.page.page()


@pytest.mark.parametrize("language", ["en", "fr"])
def test_a_readmes_table_is_made_from_the_results(peers, language):
    lines = peers.readme.headline(language)
    assert len(lines) == 2 + len(peers.readme.KINDS) + 2
    text = (ROOT / peers.readme.NAMES[language]).read_text(encoding="utf-8")
    assert "\n".join(lines) in text, "python -m benchmarks.peers --docs"


def test_a_readmes_table_counts_losses(peers, tmp_path):
    for name, ms in (("mlp", 2.0), ("vgg", 0.5), ("lstm", 4.0)):
        step = {"melpy": {"step": 1.0}, "torch": {"step": ms}}
        peers.report.write(result("train", name, step), tmp_path / f"train-{name}-2.json")
    _, _, row, _, machine = peers.readme.headline("fr", tmp_path)
    assert row == "| une étape d'entraînement | 3 | 2 | **1,59** | 0,50 (vgg) | 4,00 (lstm) |"
    assert machine == "2 fils d'exécution sur a CPU\N{NO-BREAK SPACE}; melpy 1, torch 1."


def test_a_ratio_is_the_best_peers_time_by_ours(peers):
    rows = {
        "melpy": {"ms": {"step": [2.0, 2.0, 2.0]}},
        "slow": {"ms": {"step": [9.0, 9.0, 9.0]}},
        "fast": {"ms": {"step": [3.0, 3.0, 3.0]}},
        "absent": {"unavailable": "not installed"},
    }
    assert peers.report.ratios(rows, "step") == ("fast", 1.5)
    assert peers.report.summary([3.0, 1.0, 2.0, 4.0, 100.0]) == [3.0, 2.0, 4.0]


def result(kind, name, figures, **more):
    """Return what a run writes, of so many milliseconds a library and figure."""
    rows = {
        library: {
            "versions": {library: "1"},
            "memory_mb": 5,
            "ms": {k: [v] * 3 for k, v in ms.items()},
        }
        for library, ms in figures.items()
    }
    head = {"name": name, "kind": kind, "threads": 2, "rounds": 5, "cpu": "a CPU"}
    return head | {"libraries": rows} | more


def test_a_page_of_some_rows_has_their_tables_only(peers, tmp_path):
    step = {"melpy": {"step": 0.05}, "torch": {"step": 0.2}}
    rows = {
        "small-iris-mlp-2.json": result("small", "iris-mlp", step),
        "train-mlp-2.json": result("train", "mlp", step),
        "train-mlp-2-avx2.json": result("train", "mlp", step, avx2=True),
    }
    for name, written in rows.items():
        peers.report.write(written, tmp_path / name)
    text = peers.page.page(tmp_path)
    assert "| iris-mlp | 50 | 200 | **4.00** |" in text
    assert text.count("## ") == 5  # two tables of all rows, and one of each
    assert "| mlp | 0.05 | 0.2 (torch) | **4.00** | 0.05 | 0.2 (torch) | **4.00** | 5 | 5 |" in text
    assert "## mlp: train, AVX2" in text
    assert "Inference" not in text


def test_an_earlier_melpy_is_no_peer(peers, tmp_path):
    step = {"melpy": {"step": 2.0}, "melpy-before": {"step": 1.0}, "torch": {"step": 3.0}}
    peers.report.write(result("train", "mlp", step), tmp_path / "train-mlp-2.json")
    text = peers.page.page(tmp_path)
    assert "| mlp | 2 | 3 (torch) | **1.50** | 5 | 5 |" in text
    assert "| mlp: step | 1 | 2 | 0.50 |" in text


def test_what_has_its_file_is_not_measured_again(peers, tmp_path, monkeypatch):
    from benchmarks.peers import __main__ as program

    (row,) = peers.rows.chosen(["mlp"])
    there = {"code": program.code(), "cpu": program.cpu()}
    step = {"melpy": {"step": 2.0}}
    peers.report.write(result("train", "mlp", step) | there, tmp_path / row.file_name(2))
    assert program.is_measured(row, ["melpy"], 5, 2, tmp_path)
    assert not program.is_measured(row, ["melpy", "torch"], 5, 2, tmp_path)
    assert not program.is_measured(row, ["melpy"], 6, 2, tmp_path)
    assert not program.is_measured(row, ["melpy"], 5, 1, tmp_path)
    monkeypatch.setattr(program, "code", lambda: "another")
    assert not program.is_measured(row, ["melpy"], 5, 2, tmp_path)


def test_an_empty_page_is_a_page(peers, tmp_path):
    assert peers.page.page(tmp_path).startswith("# Speed")


def test_every_row_has_a_file_and_a_name_of_its_own(peers):
    rows = peers.rows.chosen([])
    assert len({row.key for row in rows}) == len({row.file_name(2) for row in rows}) == len(rows)
    assert peers.rows.chosen(["small"]) == peers.rows.GROUPS["small"]
    with pytest.raises(SystemExit, match="no such row: nonsense"):
        peers.rows.chosen(["nonsense"])


def test_every_row_is_a_network(peers):
    for name, work in peers.workloads.WORKLOADS.items():
        assert work.build(melpy).output_shape == (None, work.classes), name


@pytest.mark.parity
def test_pytorchs_networks_have_as_many_weights(peers):
    pytest.importorskip("torch")
    from benchmarks.peers.torch_models import MODELS

    for name, work in peers.workloads.WORKLOADS.items():
        ours = sum(weight.size for weight in work.build(melpy).trainable_weights)
        theirs = sum(weight.numel() for weight in MODELS[name]().parameters())
        second_bias = {"lstm": 4 * 128, "small-lstm": 4 * 32}.get(name, 0)
        assert theirs - second_bias == ours, name
