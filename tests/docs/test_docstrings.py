"""How the reference makes RST of the library's docstrings."""

from pathlib import Path

import pytest

EXTENSIONS = Path(__file__).parents[2] / "docs" / "_ext"
pytestmark = pytest.mark.skipif(not EXTENSIONS.exists(), reason="not a checkout")


@pytest.fixture
def docstrings(monkeypatch):
    monkeypatch.syspath_prepend(str(EXTENSIONS))
    import docstrings

    return docstrings


def test_signs_stay_as_they_are(docstrings):
    assert docstrings.to_rst(["|x| * w_ <a>"])[0] == r"\|x\| \* w\_ \<a\>"


def test_names_in_backticks_are_code_or_links(docstrings):
    link = {"Dense": "melpy.layers.Dense"}.get
    line = docstrings.to_rst(["as `Dense`, `other`s"], link)[0]
    assert ":py:obj:`Dense <melpy.layers.Dense>`\\ ," in line
    assert "``other``\\ s" in line


def test_sections_become_lists(docstrings):
    lines = ["First.", "", "Parameters", "----------", "x : array (N,D)", "y, z : more",
             "    of it", "Others as in it."]  # fmt: skip
    assert docstrings.to_rst(lines) == [
        "First.", "", "",
        ".. rubric:: Parameters", "",
        "* ``x``\\ : array (N,D)", "* ``y, z``\\ : more of it", "* Others as in it.", "",
    ]  # fmt: skip


def test_what_is_indented_and_sessions_stand_as_they_are(docstrings):
    made = docstrings.to_rst(["As in", "", "    y = a*b", "", ">>> f(1)", "2"])
    assert made == ["As in", "", "::", "", "    y = a*b", "",
                    ".. code-block:: pycon", "", "    >>> f(1)", "    2", "", ""]  # fmt: skip
