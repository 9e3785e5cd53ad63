"""A figure that notebooks show, whether or not anybody has imported pyplot."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

__all__ = ["ShownFigure"]

DOTS_PER_INCH = 100


class ShownFigure(Figure):
    """A figure of Matplotlib, whose own are shown only once pyplot has told IPython how."""

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.savefig(file, format="png", dpi=DOTS_PER_INCH)
        return file.getvalue()
