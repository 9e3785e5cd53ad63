"""docs/doors/experiment-trackers.md: its code runs, where the tracker's package is installed."""

import re
import sys
import warnings
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "doors" / "experiment-trackers.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="not a checkout")


def blocks():
    """Return the page's code by the heading that it stands below."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(), flags=re.MULTILINE)
    found = {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}
    code = {
        name: "".join(re.findall(r"```python\n(.*?)```", t, re.DOTALL)) for name, t in found.items()
    }
    return {name: text for name, text in code.items() if text}


NEEDS = {
    "TensorBoard": "tensorboard", "Optuna": "optuna", "MLflow": "mlflow",
    "Weights & Biases": "wandb", "Any other": None,
}  # fmt: skip
LEAVES = {
    "TensorBoard": "logs/run1/train/events*", "MLflow": "mlflow.db",
    "Weights & Biases": "wandb/offline-run*", "Any other": "log.jsonl",
}  # fmt: skip


def test_all_code_is_run():
    assert set(blocks()) == {"", *NEEDS}


@pytest.mark.parametrize("name", NEEDS)
def test_its_code_runs(name, tmp_path, monkeypatch):
    with warnings.catch_warnings():  # their own
        warnings.simplefilter("ignore")
        if NEEDS[name]:
            pytest.importorskip(NEEDS[name])
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["page"])
        page = {}
        exec(compile(blocks()[""] + blocks()[name], str(PAGE), "exec"), page)
    if name in LEAVES:
        assert list(tmp_path.glob(LEAVES[name]))
    else:
        assert len(page["study"].trials) == 6
