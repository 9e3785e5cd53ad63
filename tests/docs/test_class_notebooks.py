"""The class's notebooks are those of the page, and run from top to bottom."""

import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "learn" / "class"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="not a checkout")

SHEETS, QUESTIONS = 3, 4
NAMES = {"exercises": False, "exercices": False, "answers": True, "reponses": True}


def sources(name, kind):
    """Return the texts of a notebook's cells of a kind."""
    found = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in found["cells"] if cell["cell_type"] == kind]


@pytest.mark.parametrize(("name", "is_right"), NAMES.items(), ids=NAMES)
def test_a_notebook_runs_and_says_what_is_right(name, is_right, capsys):
    """The answers are right in every question, the exercises, as they are fetched, in none."""
    names = {"__name__": "__main__"}
    for number, code in enumerate(sources(name, "code")):
        exec(compile(code, f"{name}, cell {number}", "exec"), names)
    lines = capsys.readouterr().out.splitlines()
    assert lines == [f"{n} {is_right}" for _ in range(SHEETS) for n in range(1, QUESTIONS + 1)]


@pytest.mark.parametrize(
    ("name", "says"), [("exercises", "to write: question"), ("exercices", "à écrire : question")]
)
def test_an_exercise_has_a_gap_for_each_question(name, says):
    code = "\n".join(sources(name, "code"))
    assert code.count(f"np.nan  # {says}") == SHEETS * QUESTIONS
    assert "  # question" not in code


def test_the_notebooks_are_those_of_the_page():
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("babel")
    spec = importlib.util.spec_from_file_location("made", ROOT / "tools/class_notebooks.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    made = tool.notebooks()
    assert {path.name for path in FOLDER.iterdir()} == set(made)
    for name, notebook in made.items():
        nbformat.validate(notebook)
        text = (FOLDER / name).read_text(encoding="utf-8")
        assert text == nbformat.writes(notebook) + "\n", "python tools/class_notebooks.py"
