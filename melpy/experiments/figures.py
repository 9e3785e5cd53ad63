"""The paper's figures that explain: networks, pooling, im2col, samples; drawn from real runs.

Each function returns a Matplotlib figure. What is drawn is computed by the library itself: the
numbers in the cells are those that `im2col`, `col2im` and the layers give.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from melpy import layers, ops
from melpy.experiments.gradient import d_x_by_columns
from melpy.kernels.spec.conv_im2col import col2im, get_indices, im2col
from melpy.tensor import Tensor
from melpy.viz.pictures import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "architecture", "col2im_adds", "columns_of_images", "images_of", "indices", "pooling_back",
    "pooling_forward", "pooling_of_an_image", "turned_filters",
]  # fmt: skip

INK, CONV, POOL, DENSE = "#1b2a38", "#33658a", "#d1603d", "#2f7d4f"
CHANNELS = ("#e08a7d", "#8fbf8a", "#86a8d8")  # red, green, blue, light enough for numbers
WINDOWS = ("#f2d9a0", "#cfe3b8", "#bcd9ea", "#e3c6e0")


def _cells(axes: Axes, values: np.ndarray, colors: Any, title: str = "", size: int = 9) -> None:
    """Draw a matrix as a table of numbers, each cell in its colour."""
    from matplotlib.colors import to_rgb

    rows, columns = values.shape
    shades = np.array([[to_rgb(colors(i, j)) for j in range(columns)] for i in range(rows)])
    axes.imshow(shades, aspect="equal")
    for i in range(rows):
        for j in range(columns):
            axes.text(j, i, f"{values[i, j]:g}", ha="center", va="center", fontsize=size, color=INK)
    axes.set_xticks(np.arange(columns + 1) - 0.5, [])
    axes.set_yticks(np.arange(rows + 1) - 0.5, [])
    axes.grid(color="white", linewidth=1.5)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=9, color=INK)


def _arrow(axes: Axes, text: str) -> None:
    axes.axis("off")
    axes.annotate(
        "", (0.95, 0.5), (0.05, 0.5), arrowprops={"arrowstyle": "-|>", "color": INK},
        xycoords="axes fraction", textcoords="axes fraction",
    )  # fmt: skip
    axes.text(0.5, 0.6, text, ha="center", transform=axes.transAxes, fontsize=9, color=INK)


# Figures 1, 12 and 14.


def architecture(model: Any, title: str) -> Figure:
    """Draw a Sequential: feature maps as stacks of squares, dense layers as columns.

    Sides of squares are to scale; a stack has fewer sheets than there are maps.
    """
    from matplotlib.patches import Rectangle

    shown = [layer for layer in model.layers if not isinstance(layer, layers.Flatten)]
    figure = new_figure(1.15 * (len(shown) + 1), 2.9)
    axes = figure.subplots()
    largest, at = model.input_shape[1], 0.0
    for shape, layer in [(model.input_shape[1:], None), *((_made(x), x) for x in shown)]:
        color = INK if layer is None else _color(layer)
        if len(shape) == 3:
            side, count = 0.45 + 1.35 * shape[0] / largest, min(8, 1 + shape[-1] // 6)
            for n in range(count):
                place = at + 0.09 * n, -side / 2 - 0.05 * n + 0.025 * count
                axes.add_patch(
                    Rectangle(place, side, side, facecolor="white", edgecolor=color, linewidth=1.1)
                )
            width, size = side + 0.09 * count, "x".join(map(str, shape[:2]))
            below = f"{shape[-1]} maps\n{size}" if layer else f"image\n{size}x{shape[-1]}"
        else:
            height = 0.5 + 0.28 * np.log2(shape[-1])
            axes.add_patch(
                Rectangle((at + 0.1, -height / 2), 0.22, height, facecolor="white",
                          edgecolor=color, linewidth=1.1)
            )  # fmt: skip
            width, below = 0.42, f"{shape[-1]}"
        axes.text(at + width / 2, -1.55, below, ha="center", va="top", fontsize=8, color=INK)
        if layer is not None:
            axes.text(
                at + width / 2, 1.45, _said(layer), ha="center", va="bottom", fontsize=8,
                color=color,
            )  # fmt: skip
        at += max(width, 0.9) + 0.3
    axes.set(xlim=(-0.2, at), ylim=(-2.1, 2.0), aspect="equal")
    axes.axis("off")
    axes.set_title(title, fontsize=10, color=INK)
    return figure


def _made(layer: Any) -> tuple[int, ...]:
    return tuple(layer.output.shape[1:])


def _color(layer: Any) -> str:
    kinds = ((layers.Conv2D, CONV), (layers.Dense, DENSE))
    return next((color for kind, color in kinds if isinstance(layer, kind)), POOL)


def _said(layer: Any) -> str:
    act = getattr(getattr(layer, "activation", None), "__name__", "").replace("_", " ")
    if isinstance(layer, layers.Conv2D):
        return f"conv {layer.kernel_size[0]}x{layer.kernel_size[1]}\n{act}"
    if isinstance(layer, layers.Dense):
        return f"dense\n{act}"
    kind = "max" if isinstance(layer, layers.MaxPooling2D) else "average"
    return f"{kind} pool\n{layer.pool_size[0]}x{layer.pool_size[1]}"


# Figures 3, 4 and 5.


POOLED = np.array([[1, 3, 2, 1], [4, 2, 0, 5], [7, 1, 3, 3], [2, 6, 8, 4]], float)


def pooling_forward() -> Figure:
    """Draw max pooling of a 4x4 image by numbers."""
    y = np.asarray(layers.MaxPooling2D(2)(POOLED[None, ..., None]))[0, ..., 0]
    figure = new_figure(6.4, 2.8)
    left, middle, right = figure.subplots(1, 3, width_ratios=(4, 1.5, 2))
    _cells(left, POOLED, lambda i, j: WINDOWS[i // 2 * 2 + j // 2], "x, in windows of 2x2")
    _arrow(middle, "max")
    _cells(right, y, lambda i, j: WINDOWS[i * 2 + j], "y")
    return figure


def pooling_back() -> Figure:
    """Draw the way back: each window's gradient goes to where its largest value was."""
    g = np.array([[0.5, -1.0], [2.0, 0.25]])
    x = Tensor(POOLED[None, ..., None], requires_grad=True)
    (ops.max_pool(x, 2) * g[None, ..., None]).sum().backward()
    figure = new_figure(8.4, 2.8)
    first, second, arrow, last = figure.subplots(1, 4, width_ratios=(4, 2, 1.2, 4))
    _cells(first, POOLED, lambda i, j: WINDOWS[i // 2 * 2 + j // 2], "x")
    _cells(second, g, lambda i, j: WINDOWS[i * 2 + j], "dL/dy")
    _arrow(arrow, "")
    d_x = np.asarray(x.grad)[0, ..., 0]
    _cells(
        last, d_x, lambda i, j: WINDOWS[i // 2 * 2 + j // 2] if d_x[i, j] else "#eeeeee", "dL/dx"
    )
    return figure


def pooling_of_an_image(image: np.ndarray) -> Figure:
    """Draw a photograph and its max pooling, once and twice."""
    figure = new_figure(7.2, 2.8)
    for n, axes in enumerate(figure.subplots(1, 3)):
        axes.imshow(image.astype(np.uint8))
        axes.set_title(f"{image.shape[0]}x{image.shape[1]}", fontsize=9, color=INK)
        axes.set_xticks([])
        axes.set_yticks([])
        if n < 2:
            image = np.asarray(layers.MaxPooling2D(2)(image[None].astype("float32")))[0]
    return figure


# Figures 6 to 9.


def columns_of_images(count: int) -> Figure:
    """Draw im2col of ``count`` RGB images of 4x4 pixels with windows of 2x2, stride 1."""
    x = np.arange(1, 1 + 48 * count, dtype=float).reshape(count, 3, 4, 4)
    columns = im2col(x, 2, 1)
    figure = new_figure(3 + 5 * count, 6)
    grid = figure.add_gridspec(3, 1 + count, width_ratios=[1.6] + [3.6] * count)
    for c in range(3):
        axes = figure.add_subplot(grid[c, 0])
        for n in reversed(range(count)):  # the first one in front
            shift = 0.5 * n
            _sheet(axes, x[n, c], CHANNELS[c], shift)
        back = 0.5 * (count - 1)  # where the sheet furthest back ends
        axes.set(xlim=(-0.1, 4.1 + back), ylim=(-3.1, 1.1 + back), aspect="equal")
        axes.axis("off")
        axes.text(2 + back, 1.2 + back, ("red", "green", "blue")[c], ha="center", fontsize=9)
    axes = figure.add_subplot(grid[:, 1:])
    _cells(
        axes, columns, lambda r, _: CHANNELS[r // 4],
        f"im2col: 12 rows (3 channels x 2x2), {9 * count} columns (3x3 windows"
        + (f" of each of {count} images)" if count > 1 else ")"), 8 if count > 1 else 9,
    )  # fmt: skip
    for n in range(1, count):
        axes.axvline(9 * n - 0.5, color=INK, linewidth=2)
    return figure


def _sheet(axes: Axes, values: np.ndarray, color: str, shift: float) -> None:
    from matplotlib.patches import Rectangle

    for i, j in np.ndindex(*values.shape):
        axes.add_patch(Rectangle((j + shift, -i + shift), 1, 1, facecolor=color, edgecolor="white"))
        if shift == 0:
            axes.text(j + 0.5, -i + 0.5, f"{values[i, j]:g}", ha="center", va="center", fontsize=7)


def indices() -> Figure:
    """Draw where each number of the columns comes from: (i, j) of its pixel, by channel."""
    from matplotlib.colors import to_rgb

    k, i, j = get_indices((1, 3, 4, 4), 2, 1)
    figure = new_figure(5.6, 5.8)
    axes = figure.subplots()
    levels = ("#cdb4db", "#ffc8dd", "#ffd6a5")  # one for each row of windows: a level
    axes.imshow(np.array([[to_rgb(levels[n // 3]) for n in range(9)] for _ in range(12)]))
    for r, n in np.ndindex(12, 9):
        axes.text(n, r, f"{i[r, n]}, {j[r, n]}", ha="center", va="center", fontsize=8, color=INK)
    axes.set_xticks(range(9), [f"window {n + 1}" for n in range(9)], fontsize=7, rotation=45)
    cells = [f"channel {c}, cell {r % 4 // 2}, {r % 2}" for r, c in enumerate(k[:, 0])]
    axes.set_yticks(range(12), cells, fontsize=7)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(
        "row i, column j from which each entry is read;\na colour for each row of windows",
        fontsize=9,
    )
    return figure


def col2im_adds() -> Figure:
    """Draw col2im of columns of ones: a pixel counts the windows that it is part of."""
    added = col2im(np.ones((4, 9)), (1, 1, 4, 4), 2, 1)[0, 0]
    figure = new_figure(7.6, 2.6)
    left, middle, right = figure.subplots(1, 3, width_ratios=(9, 2, 4))
    _cells(left, np.ones((4, 9)), lambda i, j: "#e8eef4", "columns of 2x2 windows, all ones")
    _arrow(middle, "col2im")
    shades = {1: "#e8eef4", 2: "#b9cfe3", 4: "#86a8d8"}
    _cells(right, added, lambda i, j: shades[int(added[i, j])], "windows over a pixel add up")
    return figure


# Figures 10 and 11.


def images_of(images: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> Figure:
    """Draw four images of each class."""
    figure = new_figure(10, 4.6)
    grid = figure.subplots(4, len(names))
    for c, name in enumerate(names):
        for n, row in zip(np.flatnonzero(labels == c)[:4], range(4), strict=True):
            axes = grid[row][c]
            axes.imshow(np.squeeze(images[n]), cmap="gray")
            axes.axis("off")
        grid[0][c].set_title(name, fontsize=9, color=INK)
    return figure


# What the paper has no figure of.


def turned_filters() -> Figure:
    """Draw what one output's gradient sends back: the filter; in the paper, rotated."""
    figure = new_figure(9.6, 5.0)
    for K, row in zip((2, 3), figure.subplots(2, 4, width_ratios=(3, 5, 5, 5)), strict=True):
        w = np.zeros((1, 1, K, K))
        w[0, 0, :, 0], w[0, 0, -1, :] = 1, 1  # an L
        w[0, 0, 0, 0] = 2
        g = np.zeros((1, 1, 8 - K, 8 - K))
        g[0, 0, 3, 2] = 1
        exact, papers = (d_x_by_columns(g, w, (1, 1, 7, 7), turned) for turned in (False, True))
        shown = (w, exact, papers, papers - exact)
        titles = (
            f"a filter of {K}x{K}", "exact d_x", "the paper's d_x", "the paper's less the exact"
        )  # fmt: skip
        for axes, values, title in zip(row, shown, titles, strict=True):
            _cells(axes, values[0, 0], _by_sign(values[0, 0]), title, 8)
    figure.suptitle(
        "The gradient of one output is 1, of all others 0: the gradient of the input, d_x",
        fontsize=10, color=INK,
    )  # fmt: skip
    return figure


def _by_sign(values: np.ndarray) -> Any:
    def color(i: int, j: int) -> str:
        return "#f4f6f8" if values[i, j] == 0 else CHANNELS[2] if values[i, j] > 0 else CHANNELS[0]

    return color
