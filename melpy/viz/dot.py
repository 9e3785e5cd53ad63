"""model_to_dot: a model's layers and arrows in Graphviz's language, and as pictures without it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from melpy.errors import ArgumentError, lookup
from melpy.files import writable, writing
from melpy.viz.diagram import RANKDIRS, Box, Picture, Shown, drawing

__all__ = ["Dot", "model_to_dot"]

PICTURES = {name: name for name in ("svg", "png", "pdf", "dot", "raw")}


class Dot:
    """A graph of boxes and arrows, with the methods of pydot's graphs that scripts use.

    Parameters
    ----------
    boxes, arrows : as in `Picture`
    rankdir, dpi, splines : as in `model_to_dot`
    name : str, of the graph
    subgraph : bool, whether it is a cluster, to stand inside another graph
    """

    def __init__(
        self, boxes: list[Box], arrows: list[tuple[int, int]], rankdir: str, dpi: int,
        splines: str, name: str, subgraph: bool,
    ) -> None:  # fmt: skip
        self.boxes, self.arrows, self.rankdir = boxes, arrows, rankdir
        self.dpi, self.splines, self.name, self.subgraph = dpi, splines, name, subgraph

    def to_string(self) -> str:
        """Return the graph in Graphviz's language."""
        head = f"subgraph {_quoted(f'cluster_{self.name}')}" if self.subgraph else "digraph G"
        lines = [f"{head} {{", f"rankdir={self.rankdir};"]
        if self.subgraph:
            lines += ["style=dashed;", f"label={_quoted(self.name)};"]
        else:
            lines += [f"dpi={self.dpi};", f"splines={self.splines};", "node [shape=box];"]
        return "\n".join([*lines, *_body(self.boxes, self.arrows, "n"), "}", ""])

    __str__ = to_string

    def create(self, prog: Any = None, format: str = "svg", encoding: str | None = None) -> bytes:
        """Return the graph as a picture: "svg", "png", "pdf", or "dot" for `to_string`.

        Parameters
        ----------
        prog, encoding : accepted for scripts written for pydot: no program is started
        format : str
        """
        lookup("format", format, PICTURES, "create")
        if format in ("dot", "raw"):
            return self.to_string().encode()
        picture = Picture(self.boxes, self.arrows, self.rankdir)
        if format == "svg":
            return picture.svg().encode()
        file = io.BytesIO()
        picture.save(file, self.dpi, format)
        return file.getvalue()

    def create_svg(self, prog: Any = None) -> bytes:
        """Return the graph as SVG."""
        return self.create(format="svg")

    def create_png(self, prog: Any = None) -> bytes:
        """Return the graph as PNG."""
        return self.create(format="png")

    def write(
        self, path: str | Path, prog: Any = None, format: str = "raw", encoding: str | None = None
    ) -> bool:
        """Write the graph to a file; ``format`` as in `create`."""
        content = self.create(format=format)
        with writing(path, "write"):
            writable(path, "write").write_bytes(content)
        return True

    def write_svg(self, path: str | Path, prog: Any = None) -> bool:
        """Write the graph as SVG."""
        return self.write(path, format="svg")

    def write_png(self, path: str | Path, prog: Any = None) -> bool:
        """Write the graph as PNG."""
        return self.write(path, format="png")


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Dot:
    """Return a model's layers as boxes and what goes from one to the next as arrows.

    Parameters
    ----------
    model : model, built
    show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable : bool, what
        stands in a box beside the layer's class
    rankdir : "TB", from top to bottom, "BT", "LR" or "RL"
    expand_nested : bool, whether models inside are drawn as clusters of their own layers
    dpi : int, dots per inch of a PNG
    subgraph : bool, whether a cluster is wanted, to stand inside another graph
    splines : str, how Graphviz draws arrows

    Returns
    -------
    Dot : ``to_string()`` for Graphviz's language, ``create(format="svg")`` for a picture that needs
        no other program, "png" and "pdf" by Matplotlib

    Raises
    ------
    ArgumentError : the model is not built, or an argument is another

    Source
    ------
    Keras 3, ``keras.utils.model_to_dot``.

    Examples
    --------
    >>> import melpy
    >>> model = melpy.Sequential([melpy.Input((4,)), melpy.layers.Dense(2)])
    >>> print(model_to_dot(model, show_layer_names=False).to_string())
    digraph G {
    rankdir=TB;
    dpi=200;
    splines=ortho;
    node [shape=box];
    n0 [label="Input"];
    n1 [label="Dense"];
    n0 -> n1;
    }
    <BLANKLINE>
    """
    lookup("rankdir", rankdir, RANKDIRS, "model_to_dot")
    if not getattr(model, "built", True):
        raise ArgumentError(
            "model_to_dot",
            "the model is not built yet",
            mend="Call it on a batch, call build(), or begin it with an Input.",
        )
    shown = Shown(
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable,
        expand_nested,
    )  # fmt: skip
    return Dot(*drawing(model, shown), rankdir, dpi, splines, model.name, subgraph)


def _body(boxes: list[Box], arrows: list[tuple[int, int]], prefix: str) -> Iterator[str]:
    """Yield the lines of boxes and arrows; a box with boxes of its own is a cluster."""
    for number, box in enumerate(boxes):
        label = _quoted("\n".join([box.title, *(text for text, _ in box.lines)]))
        if box.inside is None:
            yield f"{prefix}{number} [label={label}];"
        else:
            yield f"subgraph cluster_{prefix}{number} {{"
            yield f"label={label};"
            yield from _body(box.inside.boxes, box.inside.arrows, f"{prefix}{number}_")
            yield "}"
    for start, end in arrows:
        yield f"{_node(boxes, start, prefix, -1)} -> {_node(boxes, end, prefix, 0)};"


def _node(boxes: list[Box], number: int, prefix: str, end: int) -> str:
    """Return the name of a box; of a cluster, that of its first or last box."""
    inside = boxes[number].inside
    if inside is None:
        return f"{prefix}{number}"
    return _node(inside.boxes, range(len(inside.boxes))[end], f"{prefix}{number}_", end)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
