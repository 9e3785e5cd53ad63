"""What a screen reader needs, and the theme and docutils leave out.

A toggle of the navigation has a name, not a chevron alone. The empty cell in a table's corner is no
heading of a column.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes

TOGGLE = {"en": "Pages below {}", "fr": "Pages sous {}"}


def name_toggles(app: Any, page: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Let the theme's navigation name its toggles by the links beside them."""
    made = context.get("generate_toctree_html")
    if made is None:
        return
    words = TOGGLE.get(app.config.language, TOGGLE["en"])

    def named(*args: Any, **kwargs: Any) -> Any:
        tree = made(*args, **kwargs)
        for summary in tree.select("summary") if hasattr(tree, "select") else ():
            link = summary.find_parent("li").find("a")
            summary["aria-label"] = words.format(link.get_text(strip=True))
        return tree

    context["generate_toctree_html"] = named


def open_cell(self: Any, node: nodes.entry) -> None:
    """Begin a cell as the theme does; an empty heading as a cell without anything."""
    type(self).visit_entry(self, node)
    if self.context[-1].startswith("</th") and not node.astext().strip():
        self.body[-1] = self.body[-1].replace("<th", "<td", 1)
        self.context[-1] = self.context[-1].replace("</th", "</td", 1)


def close_cell(self: Any, node: nodes.entry) -> None:
    """End it."""
    type(self).depart_entry(self, node)


def setup(app: Any) -> dict[str, Any]:
    """Be called after the theme, and for each cell."""
    app.connect("html-page-context", name_toggles, priority=900)
    app.add_node(nodes.entry, override=True, html=(open_cell, close_cell))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
