"""Links of the pages to files that the site has under another name, or to fetch."""

from __future__ import annotations

import re
from typing import Any

# What a page beside the repository's files calls them, and what they are called in the site.
MOVED = {
    "](../SECURITY.md)": "](understand/security.md)",
    "](../CONTRIBUTING.md)": "](understand/contributing.md)",
}


def rename(app: Any, page: str, source: list[str]) -> None:
    """Change the links of a page of the first level; in all, those to notebooks to fetch."""
    source[0] = re.sub(r"\]\(([^():]+\.ipynb)\)", r"](path:\1)", source[0])
    if "/" not in page:
        for there, here in MOVED.items():
            source[0] = source[0].replace(there, here)


def setup(app: Any) -> dict[str, Any]:
    """Be shown each page before it is read."""
    app.connect("source-read", rename)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
