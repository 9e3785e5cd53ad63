"""A report as a list of blocks, written as Markdown and as one HTML file that needs no network."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

__all__ = ["Figure", "Heading", "Table", "Text", "html", "markdown"]

LONGEST_NUMBER = 24  # characters, with its units and spread
STYLE = """
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; font: 16px/1.5 Georgia, serif;
  color: #1b2a38; } h1, h2, h3 { font-family: system-ui, sans-serif; line-height: 1.2; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #d5dde3; } img { max-width: 100%; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font: 14px system-ui, sans-serif; }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid #e4e9ed; }
td { white-space: nowrap; } th:first-child, td:first-child, .text { text-align: left; }
td.text { white-space: normal; } figure { margin: 1.5rem 0; }
figcaption { font: 14px system-ui, sans-serif; color: #516170; } code { font-size: .9em; }
"""


@dataclass(frozen=True)
class Heading:
    """A heading, of the page or of a section."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Table:
    """Rows of cells, each a text."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Figure:
    """A picture, in a file beside the page."""

    path: Path
    caption: str


def markdown(blocks: Iterable[Any], folder: Path) -> str:
    """Return the page as Markdown; pictures are linked by their place under ``folder``."""
    lines: list[str] = []
    for block in blocks:
        if isinstance(block, Heading):
            lines += ["#" * block.level + " " + block.text, ""]
        elif isinstance(block, Text):
            lines += [block.text, ""]
        elif isinstance(block, Table):
            lines += ["| " + " | ".join(block.header) + " |", "|---" * len(block.header) + "|"]
            lines += ["| " + " | ".join(row) + " |" for row in block.rows]
            lines.append("")
        else:
            place = block.path.relative_to(folder).as_posix()
            lines += [f"![{block.caption}]({place})", "", f"*{block.caption}*", ""]
    return "\n".join(lines).rstrip() + "\n"


def html(blocks: Sequence[Any]) -> str:
    """Return the page as HTML, pictures inside."""
    title = next(block.text for block in blocks if isinstance(block, Heading))
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
    ]
    for block in blocks:
        if isinstance(block, Heading):
            parts.append(f"<h{block.level}>{_inline(block.text)}</h{block.level}>")
        elif isinstance(block, Text):
            parts.append(f"<p>{_inline(block.text)}</p>")
        elif isinstance(block, Table):
            parts.append(_table(block))
        else:
            data = base64.b64encode(block.path.read_bytes()).decode()
            parts.append(
                f'<figure><img alt="{escape(block.caption)}" src="data:image/png;base64,{data}">'
                f"<figcaption>{_inline(block.caption)}</figcaption></figure>"
            )
    return "\n".join([*parts, "</body></html>"]) + "\n"


def _table(block: Table) -> str:
    """Return a table; a column with a long cell is one of text, which may break into lines."""
    columns = zip(*block.rows, strict=True)
    is_text = [max(map(len, column)) > LONGEST_NUMBER for column in columns]
    is_text += [False] * (len(block.header) - len(is_text))  # a table without rows

    def row(cells: Sequence[str], tag: str) -> str:
        kinds = (' class="text"' if text else "" for text in is_text)
        made = (
            f"<{tag}{kind}>{_inline(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True)
        )
        return "<tr>" + "".join(made) + "</tr>"

    body = "".join(row(cells, "td") for cells in block.rows)
    return (
        f'<div class="wide"><table><thead>{row(block.header, "th")}</thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _inline(text: str) -> str:
    """Escape a text; words between backquotes or double stars are set off."""
    text = escape(text)
    for sign, tag in (("`", "code"), ("**", "strong")):
        text = "".join(
            f"<{tag}>{piece}</{tag}>" if n % 2 else piece
            for n, piece in enumerate(text.split(sign))
        )
    return text
