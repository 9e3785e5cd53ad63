"""Both languages say everything, and the page asks for no word that is missing."""

import json
import re
from pathlib import Path

import pytest

LAB = Path(__file__).parents[2] / "melpy" / "lab"
STATIC = LAB / "static"
PARTS = ["", "live."]
HOLE = re.compile(r"\{(\w+)\}")
KEY = re.compile(r"\"((?:error|left|live|compiled)\.\w+)\"")  # as Python code names one


def words(part, language):
    return json.loads((STATIC / "locales" / f"{part}{language}.json").read_text("utf-8"))


@pytest.mark.parametrize("part", PARTS)
def test_english_and_french_have_the_same_keys(part):
    english, french = words(part, "en"), words(part, "fr")
    assert list(english) == list(french)
    for key, text in english.items():
        assert text.strip(), key
        assert french[key].strip(), key
        assert set(HOLE.findall(text)) == set(HOLE.findall(french[key])), key


@pytest.mark.parametrize("part", PARTS)
def test_french_signs_have_their_spaces(part):
    """A colon that begins a line is a fault: a space that does not break stands before it."""
    for key, text in words(part, "fr").items():
        assert not re.search(r" [:;?!]", text), key
        assert not re.search(r"[^\W\d_][;?!]", text), key


def test_each_key_that_is_asked_for_is_there():
    known = {key for part in PARTS for key in words(part, "en")}
    for path in sorted(STATIC.rglob("*.js")):
        for key in re.findall(r"\bt\(\"([\w.]+)\"", path.read_text("utf-8")):
            assert key in known, f"{path.name}: {key}"
        for key in re.findall(r"\bLabError\([^,)]+, \"([\w.]+)\"", path.read_text("utf-8")):
            assert key in known, f"{path.name}: {key}"
    for path in sorted(LAB.glob("*.py")):
        for key in KEY.findall(path.read_text("utf-8")):
            assert key in known, f"{path.name}: {key}"


def test_each_key_is_asked_for():
    """By its whole name, or by a beginning that code completes."""
    code = "\n".join(path.read_text("utf-8") for path in [*STATIC.rglob("*.js"), *LAB.glob("*.py")])
    beginnings = set(re.findall(r"`([\w.]+\.?)\$\{", code))
    for part in PARTS:
        for key in words(part, "en"):
            is_named = f'"{key}"' in code or f"`{key}`" in code
            assert is_named or any(key.startswith(one) for one in beginnings), key
