"""plot_model: a model's layers as boxes and arrows, in an SVG or a PNG file."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, BinaryIO

from melpy import tree
from melpy.errors import ArgumentError, install, lookup, needing
from melpy.files import writable, writing
from melpy.viz.layout import placed

__all__ = ["plot_model"]

FONT_PT, LINE_PT, LETTER_PT = 10.0, 15.0, 6.3  # a monospaced letter is 0.602 em wide, and rounded
PAD_PT, GAP_PT = 8.0, 28.0
FONTS = "DejaVu Sans Mono, ui-monospace, Menlo, Consolas, monospace"
BLUE, GREEN, GREY, RED, INK, FRAME = (
    "#33658a",
    "#2f7d4f",
    "#6b7780",
    "#c0392b",
    "#1b2a38",
    "#f2f5f8",
)
RANKDIRS = {name: name for name in ("TB", "BT", "LR", "RL")}
MOST_PIXELS = 20_000  # along a side of a PNG; above, the dots are made larger

Point = tuple[float, float]


def plot_model(
    model: Any,
    to_file: str | Path = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
) -> Any:
    """Draw a model's layers as boxes, and what goes from one to the next as arrows.

    Parameters
    ----------
    model : model; a class of its own, whose ``call`` cannot be drawn, is one box
    to_file : path; ".svg" is written without any other package, ".png" and ".pdf" by Matplotlib
    show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable : bool, what
        stands in a box beside the layer's class
    rankdir : "TB", from top to bottom, "BT", "LR" or "RL"
    expand_nested : bool, whether models inside are drawn as frames around their own layers
    dpi : int, dots per inch of a PNG
    splines : accepted for Keras's sake

    Returns
    -------
    the picture, where IPython shows it; else None

    Raises
    ------
    ArgumentError : the file's ending is another, or rankdir is; there is no such folder
    FileError : the file cannot be written
    DependencyError : Matplotlib is missing

    Notes
    -----
    A layer that is used twice is drawn twice: each box is one call.
    """
    lookup("rankdir", rankdir, RANKDIRS, "plot_model")
    path = Path(to_file)
    if path.suffix.lower() not in (".svg", ".png", ".pdf"):
        raise ArgumentError(
            "plot_model",
            "this kind of file cannot be drawn",
            expected="a path that ends in .svg, .png or .pdf",
            received={"to_file": str(to_file)},
        )
    shown = Shown(
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable,
        expand_nested,
    )  # fmt: skip
    picture = Picture(*drawing(model, shown), rankdir)
    writable(path, "plot_model")
    with writing(path, "plot_model"):
        if path.suffix.lower() == ".svg":
            path.write_text(picture.svg(), encoding="utf-8")
        else:
            picture.save(path, dpi)
    return _for_notebook(path)


@dataclass(frozen=True)
class Shown:
    """What stands in the boxes."""

    shapes: bool = False
    dtype: bool = False
    names: bool = False
    activations: bool = False
    trainable: bool = False
    nested: bool = False


@dataclass
class Box:
    """One call of a layer or of an op, or a model inside with boxes of its own."""

    title: str
    color: str
    lines: list[tuple[str, str]] = field(default_factory=list)  # text, colour
    inside: Picture | None = None

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in points."""
        letters = max(len(text) for text, _ in [(self.title, ""), *self.lines])
        width, height = letters * LETTER_PT + 2 * PAD_PT, LINE_PT * (1 + len(self.lines)) + PAD_PT
        if self.inside is not None:
            width = max(width, self.inside.width + 2 * PAD_PT)
            height += self.inside.height + 2 * PAD_PT
        return width, height


# From models to boxes.


def drawing(model: Any, shown: Shown) -> tuple[list[Box], list[tuple[int, int]]]:
    """Return the boxes of a model, and its arrows as pairs of their numbers."""
    graph = getattr(model, "_graph", None)
    if graph is None:
        # Without a graph, only a row of layers is known to be one.
        layers = model.layers if hasattr(model, "add") else [model]
        boxes = [_box(layer, None, shown, partial(drawing, shown=shown)) for layer in layers]
        return boxes, [(n, n + 1) for n in range(len(boxes) - 1)]
    boxes, arrows, made_by = [], set(), {}
    for x in graph.starts:
        made_by[id(x)] = len(boxes)
        boxes.append(_start(x, shown))
    for call in graph.calls:
        arrows |= {(made_by[id(x)], len(boxes)) for x in call.inputs}
        made_by |= {id(x): len(boxes) for x in tree.flatten(call.outputs)}
        boxes.append(_box(call.function, call, shown, partial(drawing, shown=shown)))
    return boxes, sorted(arrows)


def _start(x: Any, shown: Shown) -> Box:
    name = f"{x.name} (Input)" if shown.names and x.name else "Input"
    return Box(name, GREEN, _facts(shown, "", str(x.shape), str(x.dtype)))


def _box(function: Any, call: Any, shown: Shown, draw: Callable[[Any], Any]) -> Box:
    """Return the box of a layer, or of an op."""
    is_layer = hasattr(function, "trainable_weights")
    kind = type(function).__name__ if is_layer else getattr(function, "__name__", "op")
    title = f"{function.name} ({kind})" if is_layer and shown.names else kind
    box = Box(title, BLUE if is_layer else GREY)
    if shown.activations and getattr(function, "activation", None) is not None:
        activation = function.activation
        box.lines.append((getattr(activation, "__name__", type(activation).__name__), INK))
    if call is None:
        box.lines += _facts(shown, "?", "?", getattr(function, "dtype", "?"))
    else:
        outputs = tree.flatten(call.outputs)
        box.lines += _facts(shown, _shapes(call.inputs), _shapes(outputs), str(outputs[0].dtype))
    if is_layer and shown.trainable:
        trained = bool(function.trainable_weights)
        if function.weights:
            box.lines.append(("trained" if trained else "frozen", GREEN if trained else RED))
    if shown.nested and hasattr(function, "_graph") and function.layers:
        box.inside = Picture(*draw(function))
    return box


def _facts(shown: Shown, before: str, after: str, dtype: str) -> list[tuple[str, str]]:
    shapes = [(f"{before} → {after}" if before else after, INK)] if shown.shapes else []
    return shapes + ([(dtype, INK)] if shown.dtype else [])


def _shapes(symbols: Sequence[Any]) -> str:
    return ", ".join(str(x.shape) for x in symbols)


# From boxes to pictures.


class Picture:
    """Boxes and arrows in their places.

    Parameters
    ----------
    boxes : boxes
    arrows : pairs of box numbers, each from a lower one to a higher one
    rankdir : as in `plot_model`; the pictures inside take that of the one around them
    """

    def __init__(
        self, boxes: list[Box], arrows: list[tuple[int, int]], rankdir: str = "TB"
    ) -> None:
        self.boxes, self.arrows = boxes, arrows
        self.width = self.height = 0.0
        self.turn(rankdir)

    def turn(self, rankdir: str) -> None:
        """Lay the boxes out in a direction."""
        for box in self.boxes:
            if box.inside is not None:
                box.inside.turn(rankdir)
        self.upright = rankdir in ("TB", "BT")
        sizes = [box.size if self.upright else box.size[::-1] for box in self.boxes]
        centres, ways = placed(sizes, self.arrows, GAP_PT)
        ends = [(a + w / 2, b + h / 2) for (a, b), (w, h) in zip(centres, sizes, strict=True)] + [
            p for way in ways for p in way
        ]
        across, along = (max((end[k] for end in ends), default=0.0) for k in (0, 1))

        def place(point: Point) -> Point:
            a, b = point[0], along - point[1] if rankdir in ("BT", "RL") else point[1]
            return (a, b) if self.upright else (b, a)

        self.centres = [place(point) for point in centres]
        self.ways = [[place(point) for point in way] for way in ways]
        self.width, self.height = (across, along) if self.upright else (along, across)

    def strokes(self, x: float = 0.0, y: float = 0.0) -> Iterator[tuple[str, Any]]:
        """Yield ("box", ..), ("text", ..), ("way", ..), ("head", ..), in the order of drawing."""
        for way in self.ways:
            points = [(px + x, py + y) for px, py in way]
            yield "way", list(self._curves(points))
            yield "head", self._head(points[-1], points[-2])
        for box, (cx, cy) in zip(self.boxes, self.centres, strict=True):
            w, h = box.size
            left, top = cx - w / 2 + x, cy - h / 2 + y
            yield "box", (left, top, w, h, FRAME if box.inside else "#ffffff", box.color)
            yield "box", (left, top, w, LINE_PT + PAD_PT / 2, box.color, box.color)
            yield "text", (left + w / 2, top + PAD_PT / 4 + LINE_PT / 2, box.title, "#ffffff")
            for n, (text, color) in enumerate(box.lines):
                middle = top + PAD_PT * 3 / 4 + LINE_PT * (n + 1.5)
                yield "text", (left + w / 2, middle, text, color)
            if box.inside is not None:
                below = top + LINE_PT * (1 + len(box.lines)) + 2 * PAD_PT
                yield from box.inside.strokes(left + (w - box.inside.width) / 2, below)

    def _curves(self, points: list[Point]) -> Iterator[tuple[Point, Point, Point, Point]]:
        """Yield Bézier curves that leave and arrive along the direction of the arrows."""
        for (ax, ay), (bx, by) in itertools.pairwise(points):
            mx, my = (ax + bx) / 2, (ay + by) / 2
            turns = ((ax, my), (bx, my)) if self.upright else ((mx, ay), (mx, by))
            yield (ax, ay), *turns, (bx, by)

    def _head(self, tip: Point, before: Point) -> list[Point]:
        (x, y), back, half = tip, 6.0, 3.0
        if self.upright:
            back = back if y > before[1] else -back
            return [tip, (x - half, y - back), (x + half, y - back)]
        back = back if x > before[0] else -back
        return [tip, (x - back, y - half), (x - back, y + half)]

    def svg(self) -> str:
        """Return the picture as SVG text."""
        width, height = self.width + 2 * PAD_PT, self.height + 2 * PAD_PT
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.1f} {height:.1f}" font-family="{FONTS}" '
            f'font-size="{FONT_PT}" text-anchor="middle">',
            '<rect width="100%" height="100%" fill="#ffffff"/>',
        ]
        for kind, given in self.strokes(PAD_PT, PAD_PT):
            if kind == "box":
                x, y, w, h, fill, edge = given
                lines.append(
                    f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" rx="3" '
                    f'fill="{fill}" stroke="{edge}"/>'
                )
            elif kind == "text":
                x, y, text, color = given
                lines.append(
                    f'<text x="{x:.1f}" y="{y + FONT_PT * 0.35:.1f}" fill="{color}">'
                    f"{escape(text)}</text>"
                )
            elif kind == "way":
                start = "M{:.1f},{:.1f}".format(*given[0][0])
                bends = (" ".join(f"{x:.1f},{y:.1f}" for x, y in curve[1:]) for curve in given)
                path = " ".join([start, *(f"C{bend}" for bend in bends)])
                lines.append(f'<path d="{path}" fill="none" stroke="{GREY}"/>')
            else:
                corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in given)
                lines.append(f'<polygon points="{corners}" fill="{GREY}"/>')
        return "\n".join([*lines, "</svg>", ""])

    def save(self, path: Path | BinaryIO, dpi: int, file_format: str | None = None) -> None:
        """Write the picture with Matplotlib."""
        what = "a picture that is no .svg file needs the package matplotlib"
        with needing("plot_model", what, f"{install('plots')} Or write an .svg file."):
            from matplotlib import patches
            from matplotlib.figure import Figure
            from matplotlib.path import Path as Line

        width, height = self.width + 2 * PAD_PT, self.height + 2 * PAD_PT
        figure = Figure(figsize=(width / 72, height / 72))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.axis("off")
        for kind, given in self.strokes(PAD_PT, PAD_PT):
            if kind == "box":
                x, y, w, h, fill, edge = given
                axes.add_patch(patches.Rectangle((x, y), w, h, facecolor=fill, edgecolor=edge))
            elif kind == "text":
                x, y, text, color = given
                axes.text(
                    x, y, text, color=color, fontsize=FONT_PT, family="DejaVu Sans Mono",
                    ha="center", va="center_baseline", parse_math=False,
                )  # fmt: skip
            elif kind == "way":
                corners = [given[0][0], *(point for curve in given for point in curve[1:])]
                codes = [Line.MOVETO, *[Line.CURVE4] * (len(corners) - 1)]
                line = Line(corners, codes)
                axes.add_patch(patches.PathPatch(line, facecolor="none", edgecolor=GREY))
            else:
                axes.add_patch(patches.Polygon(given, color=GREY, linewidth=0))
        figure.savefig(
            path, format=file_format, dpi=min(dpi, MOST_PIXELS * 72 / max(width, height))
        )


def _for_notebook(path: Path) -> Any:
    """Return what IPython displays, if it is running."""
    if getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)() is None:
        return None
    from IPython import display

    if path.suffix.lower() == ".svg":
        return display.SVG(filename=str(path))
    return display.Image(filename=str(path)) if path.suffix.lower() == ".png" else None
