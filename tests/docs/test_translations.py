"""No French page falls behind its English one."""

import importlib.util
import re
import sys
from html import unescape
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FRENCH = DOCS / "locales" / "fr" / "LC_MESSAGES"
pytestmark = pytest.mark.skipif(not (DOCS / "conf.py").exists(), reason="not a checkout")

OTHERS = ("security", "contributing", "changes")  # the repository's own files
PAGES = sorted(
    path.relative_to(DOCS).with_suffix("")
    for path in [DOCS / "index.md", *DOCS.glob("learn/*.md"), *DOCS.glob("understand/*.md")]
    if path.stem not in OTHERS
)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_a_page_is_in_french_as_a_whole(page):
    path = (FRENCH / page).with_suffix(".po")
    assert path.exists(), f"{page} is not in French: python tools/translations.py --update"
    text = path.read_text(encoding="utf-8")
    assert "#, fuzzy" not in text, f"{page}: an English text has changed"
    empty = re.findall(r'^msgid (?!""\nmsgstr)((?:"[^\n]*"\n)+)msgstr ""\n(?!")', text, re.M)
    assert not empty, f"{page}: not translated: {empty[0][:80]}"


WRONG = {
    "convolutionnel": "convolutif",
    "pas d'apprentissage": "taux d'apprentissage",
    "pas d'entraînement": "étape d'entraînement",
}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_words_are_those_of_the_glossary(page):
    path = (FRENCH / page).with_suffix(".po")
    if path.exists() and page.stem != "glossary":
        french = "".join(re.findall(r"^msgstr ((?:\"[^\n]*\"\n?)+)", path.read_text("utf-8"), re.M))
        assert_words(french.replace('"\n"', ""), page)


def test_the_french_readmes_words_are_those_of_the_glossary():
    assert_words((ROOT / "README.fr.md").read_text(encoding="utf-8"), "README.fr.md")


def assert_words(french, where):
    """Check a text's words, whichever apostrophe it has and wherever its lines end, and its signs.

    A space before a colon is one that does not break: else the colon begins a line.
    """
    prose = re.sub(r"^```.*?^```|`[^`]*`|\$[^$]*\$", "", french, flags=re.M | re.S)
    alone = re.search(r".{0,20} [:;?!»].{0,20}", prose)
    assert not alone, f"{where}: a space that breaks before a sign: {alone.group()}"
    text = re.sub(r"\s+", " ", french.replace("’", "'"))
    for word, better in WRONG.items():
        assert word not in text, f"{where}: {word} is {better} here"


def test_the_french_has_all_texts_of_the_pages():
    for package in ("sphinx", "babel", "myst_nb", "latex2mathml"):
        pytest.importorskip(package)
    spec = importlib.util.spec_from_file_location("translations", ROOT / "tools/translations.py")
    translations = importlib.util.module_from_spec(spec)
    sys.modules["translations"] = translations
    spec.loader.exec_module(translations)
    wrong = []
    for page, texts in translations.texts_of_pages().items():
        wrong += translations.behind(page, texts)
    assert not wrong, "\n".join(wrong[:20])


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_the_built_page_has_left_no_english_text(french_site, page):
    """A translation that does not parse as what it stands for is passed over without a word.

    "1. A heading" is one: as Markdown it begins a list.
    """
    read_po = pytest.importorskip("babel.messages.pofile").read_po
    with (FRENCH / page).with_suffix(".po").open(encoding="utf-8") as file:
        told = {entry.id: entry.string for entry in read_po(file) if entry.id}
    html = (french_site / page).with_suffix(".html").read_text(encoding="utf-8")
    shown = words_of(unescape(re.sub(r"<[^>]*>", "", html)))
    plain = [text for text, french in told.items() if text != french
             and len(text.split()) > 3 and not re.search(r"[`$*\[{<]", text)]  # fmt: skip
    assert plain
    left = [text for text in plain if words_of(text) in shown]
    assert not left


def words_of(text):
    """Return a text without its quotes and its lines' ends, which Sphinx changes."""
    return " ".join(re.sub("[\"“”«»'’\u00a0\u202f]", " ", text).split())
