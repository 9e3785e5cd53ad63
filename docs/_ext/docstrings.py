"""Docstrings as the library writes them, as RST.

They are numpydoc in form, but their text is plain: ``y[n,p] = sum |x| * w_``, where RST would see a
reference, an emphasis and a substitution. Here each line of text is taken as it stands, names in
backticks become code, or a link where a public name is meant, and what is indented stays as it is.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator

CODE = re.compile(r"(``.+?``|`.+?`)")
SPECIAL = re.compile(r"([\\*|_`<>])")
LISTS = ("Parameters", "Attributes", "Returns", "Raises", "Yields", "Other Parameters")

MARKS = ("- ", "* ")

Link = Callable[[str], str | None]


def to_rst(lines: list[str], link: Link = lambda name: None) -> list[str]:
    """Return a docstring's lines as RST.

    Parameters
    ----------
    lines : the docstring, without its common indent
    link : function of a name in backticks that returns the full name to link to, or None
    """
    out: list[str] = []
    for title, body in sections(lines):
        if title:
            out += [f".. rubric:: {title}", ""]
        out += entries(body, link) if title in LISTS else prose(body, link)
        out.append("")
    return out


def sections(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield each section's title, "" for the first, and its lines."""
    title, body = "", []
    n = 0
    while n < len(lines):
        is_title = n + 1 < len(lines) and re.fullmatch(r"-{3,}", lines[n + 1].strip())
        if is_title and lines[n].strip():
            yield title, body
            title, body = lines[n].strip(), []
            n += 2
            continue
        body.append(lines[n])
        n += 1
    yield title, body


def prose(lines: list[str], link: Link) -> list[str]:
    """Return paragraphs as paragraphs, and what is indented or a session as it stands."""
    out: list[str] = []
    for block in blocks(lines):
        if block[0].startswith(">>>"):
            out += [".. code-block:: pycon", "", *indented(block)]
        elif block[0].startswith(" "):
            out += ["::", "", *indented(textwrap.dedent("\n".join(block)).split("\n"))]
        elif block[0].startswith(MARKS):
            out += listed(block, link)
        else:
            out.append(escaped(" ".join(line.strip() for line in block), link))
        out.append("")
    return out


def listed(block: list[str], link: Link) -> list[str]:
    """Return a list's items, each a line, however many it went over."""
    return [
        f"* {escaped(item[2:], link)}" for item in joined(block, lambda line: line[:2] in MARKS)
    ]


def entries(lines: list[str], link: Link) -> list[str]:
    """Return what is listed, one item a line and its continuation, as a list."""
    out: list[str] = []
    for item in joined(lines, lambda line: not line.startswith(" ")):
        name, colon, rest = item.partition(" : ")
        out.append(
            f"* ``{name}``\\ : {escaped(rest, link)}" if colon else f"* {escaped(name, link)}"
        )
    return out


def joined(lines: list[str], begins: Callable[[str], bool]) -> list[str]:
    """Return items, each a line: what does not begin one goes on with the one before."""
    items: list[str] = []
    for line in lines:
        if line.strip() and (begins(line) or not items):
            items.append(line.strip())
        elif line.strip():
            items[-1] += f" {line.strip()}"
    return items


def blocks(lines: list[str]) -> Iterator[list[str]]:
    """Yield runs of lines that belong together: of text, or of what is indented."""
    block: list[str] = []
    for line in [*lines, ""]:
        is_inside = line.startswith((" ", ">>>", "..."))
        was_inside = bool(block) and block[0].startswith(" ")
        if not line.strip() or (block and is_text(block) and is_inside and not is_list(block)):
            if block:
                yield block
            block = [line] if line.strip() else []
        elif was_inside and not is_inside:
            yield block
            block = [line]
        else:
            block.append(line)


def is_text(block: list[str]) -> bool:
    """Return whether a block is neither indented nor a session."""
    return not block[0].startswith((" ", ">>>"))


def is_list(block: list[str]) -> bool:
    """Return whether a block is a list."""
    return block[0].startswith(MARKS)


def indented(lines: list[str]) -> list[str]:
    """Return lines, each further in."""
    return [f"    {line}" if line.strip() else "" for line in lines]


def escaped(text: str, link: Link) -> str:
    """Return a line of text that RST leaves as it is, but for names in backticks.

    RST wants nothing but spaces and stops beside code; its empty mark, a backslash and a space, is
    put where something else is.
    """
    made = ""
    for part in CODE.split(text):
        if not CODE.fullmatch(part):
            made += SPECIAL.sub(r"\\\1", part)
            continue
        name = part.strip("`").strip()
        full = link(name)
        beside = "" if not made or made[-1].isspace() else "\\ "
        made += beside + (f":py:obj:`{name} <{full}>`" if full else f"``{name}``") + "\\ "
    return made
