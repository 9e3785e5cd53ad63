"""The READMEs: their code runs, what they name is there, and the French one is not behind."""

import re
from pathlib import Path

import pytest

import melpy

ROOT = Path(melpy.__file__).parents[1]
READMES = ("README.md", "README.fr.md")
pytestmark = pytest.mark.skipif(not (ROOT / "CONTRIBUTING.md").exists(), reason="not a checkout")

LINK = r"\]\(([^)\s]+)\)"
FENCE = r"^```(\w*)\n(.*?)^```"


def text_of(name):
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", READMES)
def test_the_code_runs(name, capsys):
    (block,) = (code for language, code in re.findall(FENCE, text_of(name), re.M | re.S)
                if language == "python")  # fmt: skip
    exec(compile(block, name, "exec"), {})
    assert "val_accuracy" in capsys.readouterr().out


@pytest.mark.parametrize("name", READMES)
def test_what_is_linked_is_there(name):
    links = [link for link in re.findall(LINK, text_of(name)) if "://" not in link]
    assert len(links) > 20
    for link in links:
        assert (ROOT / link).exists(), f"{name} links to {link}"


@pytest.mark.parametrize("name", READMES)
def test_the_front_door_is_short(name):
    text = text_of(name)
    assert len(text.splitlines()) <= 120, "it belongs into a page of docs/"
    assert "pip install melpy" not in text, "that name on the index is the original library"
    for command in ("sh tools/env.sh && .venv/bin/melpy train",
                    "sh tools/env.sh test && .venv/bin/python -m pytest -n 2"):  # fmt: skip
        assert f"```sh\n{command}\n```" in text


def headings(text):
    return [len(level) for level in re.findall(r"^(#+) ", text, re.M)]


def links(text):
    """Return where the links go; a French file's name counts as the English one's."""
    return [link.replace(".fr.", ".") for link in re.findall(LINK, text)]


def numbers(text):
    """Return each paragraph's figures, in any order; a decimal comma counts as a point."""
    paragraphs = re.sub(LINK, "", text).replace(",", ".").split("\n\n")
    return [sorted(re.findall(r"\d+(?:\.\d+)*", paragraph)) for paragraph in paragraphs]


def code(text):
    """Return the blocks of code, without what their comments say."""
    return re.findall(FENCE, re.sub(r"  # .*", "", text), re.M | re.S)


@pytest.mark.parametrize("part", [headings, links, numbers, code])
def test_the_french_one_has_what_the_english_one_has(part):
    english, french = (part(text_of(name)) for name in READMES)
    if part is links:
        assert english[0] == READMES[0] == french[0]  # each begins with a link to the other
    assert french == english
