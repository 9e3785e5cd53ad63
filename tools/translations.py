"""The French pages: what is translated, and whether any of it has fallen behind.

    python tools/translations.py              # check: every text of every page is translated
    python tools/translations.py --update     # take new and changed texts over into the .po files

Sphinx's gettext builder lists the texts of the English pages; docs/locales/fr/LC_MESSAGES has a .po
file a page. An English text that changed has no translation, or one that is marked fuzzy: the check
then names the page and the text. Needs the extra `docs`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FRENCH = DOCS / "locales" / "fr" / "LC_MESSAGES"
TRANSLATED = ("index", "learn/", "understand/", "how-to/index", "reference/index")  # pages, folders
NOT_TRANSLATED = tuple(  # the repository's own files
    f"understand/{page}" for page in ("security", "contributing", "changes")
)


def is_translated(page: str) -> bool:
    """Return whether a page is one of those that are to be in French."""
    return page.startswith(TRANSLATED) and page not in NOT_TRANSLATED


def texts_of_pages() -> dict[str, Catalog]:
    """Return the texts of the English pages that are to be in French, by page."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "sphinx", "-q", "-b", "gettext",
                   "-D", "nb_execution_mode=off", str(DOCS), folder]  # fmt: skip
        subprocess.run(command, check=True, cwd=ROOT)
        found = {}
        for path in sorted(Path(folder).rglob("*.pot")):
            page = path.relative_to(folder).with_suffix("").as_posix()
            if is_translated(page):
                found[page] = read(path)
    return found


def read(path: Path) -> Catalog:
    """Return the catalog of a file; an empty one if there is no file."""
    if not path.exists():
        return Catalog(locale="fr", domain=path.stem)
    with path.open("rb") as file:
        return read_po(file, locale="fr")


def po_of(page: str) -> Path:
    """Return the file of a page's French texts."""
    return FRENCH / f"{page}.po"


def behind(page: str, texts: Catalog) -> list[str]:
    """Return what is wrong with the French of a page, a line each."""
    french = read(po_of(page))
    wrong = []
    for message in texts:
        if not message.id:
            continue
        there = french.get(message.id)
        if there is None or not there.string:
            wrong.append(f"{page}: not translated: {message.id[:70]!r}")
        elif there.fuzzy:
            wrong.append(f"{page}: the English has changed: {message.id[:70]!r}")
    known = {message.id for message in texts}
    wrong += [f"{page}: no longer in the English page: {message.id[:70]!r}"
              for message in french if message.id and message.id not in known]  # fmt: skip
    return wrong


def update(page: str, texts: Catalog) -> None:
    """Bring a page's file up to date: new texts empty, changed ones marked fuzzy, old ones out."""
    french = read(po_of(page))
    french.update(texts, no_fuzzy_matching=False, update_creation_date=False)
    french.obsolete.clear()
    save(page, french)


def save(page: str, french: Catalog) -> None:
    """Write a page's French texts."""
    po_of(page).parent.mkdir(parents=True, exist_ok=True)
    with po_of(page).open("wb") as file:
        write_po(file, french, width=100, omit_header=True, no_location=True, sort_output=False)


def main() -> int:
    """Check, or update; return how many texts have fallen behind, at most 1."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--update", action="store_true", help="write new texts into the .po files")
    asked = parser.parse_args()
    pages = texts_of_pages()
    if asked.update:
        for page, texts in pages.items():
            update(page, texts)
    wrong = [line for page, texts in pages.items() for line in behind(page, texts)]
    print("\n".join(wrong) or f"{len(pages)} pages, all in French")
    return min(1, len(wrong))


if __name__ == "__main__":
    sys.exit(main())
