"""The pictures that a run leaves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from melpy.experiments import images
from melpy.experiments.prepared import Prepared
from melpy.layers import Conv2D
from melpy.models import Sequential

__all__ = ["draw"]

ROWS = 6  # of feature_maps.png
BATCH = 256


def draw(model: Any, ready: Prepared, folder: Path, title: str) -> bool:
    """Leave the pictures in a folder, and a test image of each class; return whether it could.

    A run without Matplotlib is whole but for its pictures.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    from melpy import viz

    task, (x, y) = ready.task, ready.test
    history = model.history
    viz.save(
        viz.curves(history.history, history.epoch, title, ready.held_out), folder / "curves.png"
    )
    outputs = model.predict(x, batch_size=BATCH)
    what = f"{ready.held_out} {'rows' if ready.columns else 'images'}"
    if not task.is_of_classes:
        viz.save(viz.against(y.reshape(-1), outputs.reshape(-1), task.target, what),
                 folder / "predictions.png")  # fmt: skip
        return True
    names = task.class_names
    viz.save(viz.confusion(y, outputs.argmax(axis=1), names, what), folder / "confusion.png")
    if ready.kind == "images":
        viz.save(viz.samples(x, y, outputs, names, what=what), folder / "samples.png")
        _images_of_each(model, ready, folder)
    return True


def _images_of_each(model: Any, ready: Prepared, folder: Path) -> None:
    """Leave what the filters see of an image of each class, and a data set's images themselves."""
    from melpy import viz

    (x, y), names = ready.test, ready.task.class_names
    of_each = [int(np.flatnonzero(y == c)[0]) for c in np.unique(y)]
    if isinstance(model, Sequential) and any(isinstance(one, Conv2D) for one in model.layers):
        some = of_each[:ROWS]
        viz.save(viz.feature_maps(model, x[some], x[some]), folder / "feature_maps.png")
    if not ready.is_ours:
        return
    (folder / "test-images").mkdir(exist_ok=True)
    for n in of_each:
        path = folder / "test-images" / f"{names[y[n]]}-{n}.png"
        images.write_image(path, x[n], ready.notes["image"]["high"])
