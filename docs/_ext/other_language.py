"""What the theme lacks: a link to the same page in the other language, and to it as a notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat

NAMES = {"en": "English", "fr": "Français"}
AS_NOTEBOOK = {"en": "This page as a notebook", "fr": "Cette page en notebook (en anglais)"}


def add_links(app: Any, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Tell the templates where the other language's page is, and the notebook.

    The English site is in OUT, the French one in OUT/fr.
    """
    language = app.config.language
    other = "fr" if language == "en" else "en"
    up = "../" * page.count("/")
    context["other_language"] = {
        "name": NAMES[other],
        "code": other,
        "href": up + ("fr/" if other == "fr" else "../") + page + ".html",
    }
    if page in notebooks_of(app):
        context["notebook"] = {
            "href": f"{up}_notebooks/{page}.ipynb",
            "name": AS_NOTEBOOK[language],
        }


def notebooks_of(app: Any) -> set[str]:
    """Return the pages that have cells to run."""
    return {
        page
        for page in app.env.found_docs
        if "{code-cell}" in Path(app.env.doc2path(page)).read_text(encoding="utf-8")
    }


BEGINS = {
    ":::{predict}": "**Predict first.**",
    ":::{exercise}": "**Exercise.**",
    ":::{answer}": "<details><summary>Answer</summary>",
    ":::{lab}": "**In the Lab** (`melpy lab`):",
}


def plain(text: str) -> str:
    """Return a cell's Markdown as Jupyter shows it, which knows no directives."""
    lines, ends = [], []
    for line in text.split("\n"):
        begins = BEGINS.get(line.split(" ")[0])
        if begins:
            lines += [begins, ""]
            ends.append("</details>" if begins.startswith("<details>") else "")
        elif line == ":::" and ends:
            lines += ["", ends.pop()]
        elif not line.startswith(":command:"):
            lines.append(line)
    return "\n".join(lines)


def write_notebooks(app: Any, error: Exception | None) -> None:
    """Write each page with cells as a Jupyter notebook, without what its cells printed."""
    if error or app.builder.format != "html":
        return
    from myst_nb.core.read import create_nb_reader  # not needed by other builders

    for page in sorted(notebooks_of(app)):
        source = Path(app.env.doc2path(page))
        reader = create_nb_reader(
            str(source), app.env.myst_config, app.env.mystnb_config,
            source.read_text(encoding="utf-8"),
        )  # fmt: skip
        if reader is None:
            continue
        notebook = reader.read(source.read_text(encoding="utf-8"))
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = plain(cell.source)
        target = Path(app.outdir, "_notebooks", f"{page}.ipynb")
        target.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(nbformat.from_dict(notebook), target)


def setup(app: Any) -> dict[str, Any]:
    """Be called for each page, and at the end."""
    app.connect("html-page-context", add_links)
    app.connect("build-finished", write_notebooks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
