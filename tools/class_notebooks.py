"""The notebooks of the class: the sheets of docs/learn/lesson.md, as exercises and as answers.

    python tools/class_notebooks.py        # writes docs/learn/class, in English and French

A sheet is a section with an answer. Its code stands in the answer; a line that ends in
`# question 2` is what pupils write: the exercises have `np.nan` in its place, so that they run from
top to bottom before anything is written. The French texts are those of the page's .po file. Needs
the extra `docs`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import nbformat
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

LEARN = Path(__file__).parents[1] / "docs" / "learn"
PAGE = LEARN / "lesson.md"
FRENCH = LEARN.parent / "locales" / "fr" / "LC_MESSAGES" / "learn" / "lesson.po"
FOLDER = LEARN / "class"
WORDS = {
    "en": {
        "exercises": "exercises",
        "answers": "answers",
        "answer": "**Answer**",
        "blank": "to write:",
        "says": (
            "Work each answer out on paper first. Then write it, as a formula, in place of "
            "`np.nan`; where a question asks for several numbers, a list of them. The last cell of "
            "a sheet says `True` of each question in which you agree with melpy."
        ),
    },
    "fr": {
        "exercises": "exercices",
        "answers": "reponses",
        "answer": "**Réponse**",
        "blank": "à écrire :",
        "says": (
            "Cherchez d'abord chaque réponse sur papier. Écrivez-la ensuite, en formule, à la "
            "place de `np.nan` ; si une question demande plusieurs nombres, écrivez leur liste. La "
            "dernière cellule d'une feuille dit `True` pour chaque question où vous êtes d'accord "
            "avec melpy."
        ),
    },
}
GAP = r"^(\s*(?:return |\w+ = )).*  # (question \d+)$"
VERBATIM = r"(^```.*?^```$|^\$\$.*?\$\$$)"  # code and formulas
FOLD = r"(?<=\S)\n *(?!\s|#|- |\d+\. |:::|$)"  # where a paragraph or a point goes on


def notebooks() -> dict[str, nbformat.NotebookNode]:
    """Return the four notebooks by the names of their files."""
    return {
        f"{words[kind]}.ipynb": notebook(language, kind)
        for language, words in WORDS.items()
        for kind in ("exercises", "answers")
    }


def notebook(language: str, kind: str) -> nbformat.NotebookNode:
    """Return one: the page's title, what to do, and each sheet."""
    words, (title, *sheets) = WORDS[language], parts(PAGE.read_text(encoding="utf-8"))
    texts = [said(title, language), *([words["says"]] if kind == "exercises" else [])]
    cells = [nbformat.v4.new_markdown_cell("\n\n".join(texts))]
    for sheet in sheets:
        questions, answer = said(sheet, language).split(":::{answer}\n")
        answer = answer.partition("\n:::")[0]
        codes = re.findall(r"^```python\n(.*?)\n```$", answer, re.M | re.S)
        cells.append(nbformat.v4.new_markdown_cell(questions.strip()))
        if kind == "answers":
            text = answer.partition("\n```")[0].strip()
            cells.append(nbformat.v4.new_markdown_cell(f"{words['answer']}\n\n{text}"))
        else:
            gap = rf"\1np.nan  # {words['blank']} \2"
            codes = [re.sub(GAP, gap, code, flags=re.M) for code in codes]
        cells += [nbformat.v4.new_code_cell(code) for code in codes]
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"  # the same page makes the same file
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def parts(page: str) -> Iterator[str]:
    """Yield the page's title, and the sections that have an answer."""
    head, *sections = re.split(r"^(?=## )", page, flags=re.M)
    yield head.partition("\n")[0]
    yield from (section for section in sections if ":::{answer}" in section)


def said(text: str, language: str) -> str:
    """Return Markdown in a language; code and formulas are the same in all."""
    pieces = re.split(VERBATIM, text, flags=re.M | re.S)
    for place in range(0, len(pieces), 2):
        lines = re.sub(FOLD, " ", pieces[place]).split("\n")
        pieces[place] = "\n".join(lines if language == "en" else map(in_french, lines))
    return "".join(pieces)


def in_french(line: str) -> str:
    """Return a line as the .po file says it, which must have it."""
    begins, text = re.fullmatch(r"(#+ |- |\d+\. )?(.*)", line).groups(default="")
    if not text or text.startswith(":::"):
        return line
    message = catalog().get(text)
    if message is None or not message.string:
        raise SystemExit(f"{FRENCH.name} has no French for {text!r}: python tools/translations.py")
    return f"{begins}{message.string}"


@cache
def catalog() -> Catalog:
    """Return the page's French texts."""
    with FRENCH.open("rb") as file:
        return read_po(file, locale="fr")


def main() -> None:
    """Write all."""
    FOLDER.mkdir(exist_ok=True)
    for name, made in notebooks().items():
        nbformat.write(made, FOLDER / name)


if __name__ == "__main__":
    main()
