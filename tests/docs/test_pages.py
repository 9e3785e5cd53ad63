"""The site's pages: their code runs, their pictures are there, the site has no warning."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
pytestmark = pytest.mark.skipif(not (DOCS / "conf.py").exists(), reason="not a checkout")

HOW_TO = sorted((DOCS / "how-to").glob("*.md"))
LESSONS = sorted((DOCS / "learn").glob("*.md"))
PAGES = sorted(path for path in DOCS.rglob("*.md") if not {"_cache", "_build"} & set(path.parts))


def blocks(path, kind):
    """Return the code of a page, without what is said to Jupyter alone."""
    text = path.read_text(encoding="utf-8")
    found = re.findall(rf"^```{kind}\n(.*?)^```", text, re.M | re.S)
    found = [re.sub(r"\A---\n.*?^---\n", "", block, flags=re.M | re.S) for block in found]
    return [re.sub(r"^%.*\n", "", block, flags=re.M) for block in found]


@pytest.mark.parametrize("path", HOW_TO, ids=lambda path: path.stem)
def test_the_code_of_a_how_to_runs(path, tmp_path, monkeypatch):
    """Its blocks follow each other, as in a script; what names PyTorch is not run."""
    monkeypatch.chdir(tmp_path)
    code = [block for block in blocks(path, "python") if "torch" not in block]
    if any("sklearn" in block for block in code):
        pytest.importorskip("sklearn")
    names = {"__name__": "page"}
    for block in code:
        exec(compile(block, str(path), "exec"), names)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_the_cells_of_a_lesson_run(path, tmp_path, monkeypatch):
    """So do the answers, after the cells."""
    monkeypatch.chdir(tmp_path)
    cells, answers = blocks(path, r"\{code-cell\}"), blocks(path, "python")
    if any("onnxruntime" in cell for cell in cells):
        pytest.importorskip("onnxruntime")
    names = {"__name__": "page"}
    for cell in cells + answers:
        exec(compile(cell, str(path), "exec"), names)


@pytest.mark.parametrize("path", [p for p in LESSONS if p.stem not in ("index", "lesson")],
                         ids=lambda path: path.stem)  # fmt: skip
def test_a_lesson_has_all_its_parts(path):
    text = path.read_text(encoding="utf-8")
    for part in (":::{predict}", ":::{exercise}", ":::{answer}", ":::{lab}"):
        assert part in text, f"{path.name} has no {part}"
    assert text.rstrip().endswith(":::"), f"{path.name} does not end in the Lab"


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lessons_code_is_as_wide_as_its_page(path):
    """A line that has to be scrolled is not read, least of all in a class."""
    code = "\n".join(blocks(path, r"\{code-cell\}") + blocks(path, "python"))
    assert not [line for line in code.split("\n") if len(line) > 94]  # of a page 1280 pixels wide


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_the_files_that_a_page_names_are_there(path):
    named = r"`((?:melpy|docs|tools|tests|benchmarks|examples)/[\w/.-]+)`"
    for file in re.findall(named, path.read_text(encoding="utf-8")):
        assert (DOCS.parent / file).exists(), f"{path.name} names {file}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_pictures_are_there(path):
    for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), f"{path.name} shows {target}"


@pytest.mark.parametrize("path", sorted((DOCS / "doors").glob("*.md")), ids=lambda path: path.stem)
def test_a_door_says_how_to_get_onnx_runtime(path):
    """No extra for users brings it."""
    if any("import onnxruntime" in block for block in blocks(path, "python")):
        assert "pip install onnxruntime" in path.read_text(encoding="utf-8")


def test_what_a_build_of_the_site_leaves_is_ignored():
    """Of `python -m sphinx docs site`; MyST-NB puts notebooks beside the site."""
    ignored = (DOCS.parent / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"/site/", "/jupyter_execute/"} <= set(ignored)


FETCHED = r"<(?:script|img|iframe|source)[^>]*>|<link[^>]*stylesheet[^>]*>"


def test_the_site_has_no_warning_and_fetches_nothing(site):
    """No page takes a script, a style, a font or a picture from elsewhere."""
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        for tag in re.findall(FETCHED, text):
            assert not re.search(r"(?:src|href)=.(?:https?:)?//", tag), f"{path.name}: {tag}"


def test_the_check_of_links_finds_all_of_them(links):
    """Also those of the files beside docs/, of which the pages have the same."""
    root = DOCS.parent
    for path in [*PAGES, *root.glob("*.md"), root / "examples" / "README.md"]:
        text = re.sub(r"```.*?```|`[^`]*`", "", path.read_text(encoding="utf-8"), flags=re.S)
        for link in re.findall(r"\]\((https?://[^)\s]+)\)", text):
            assert link in links, f"no page has {path.name}'s link to {link}"


def test_each_page_has_its_formulas_and_the_other_language(site):
    text = (site / "learn" / "adam.html").read_text(encoding="utf-8")
    assert "<math" in text
    assert 'href="../fr/learn/adam.html"' in text


def test_the_reference_has_every_public_name(site):
    from melpy import layers, losses, ops

    pages = (site / "reference" / "api").rglob("*.html")
    texts = [path.read_text(encoding="utf-8") for path in pages]
    there = {name for text in texts for name in re.findall(r'id="(melpy\.[\w.]+)"', text)}
    for room in (layers, losses):
        for name in room.__all__:
            if callable(getattr(room, name)):
                assert f"{room.__name__}.{name}" in there
    for op in ("conv", "softplus", "einsum", "softmax"):
        assert hasattr(ops, op)
        assert f"melpy.ops.{op}" in there


def test_a_lesson_as_a_notebook_has_no_directives(site):
    nbformat = pytest.importorskip("nbformat")
    for path in sorted((site / "_notebooks" / "learn").glob("*.ipynb")):
        notebook = nbformat.read(path, 4)
        nbformat.validate(notebook)
        texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
        assert ":::" not in "".join(texts), path.name
        assert sum(text.count("<details>") for text in texts) == 1, path.name
