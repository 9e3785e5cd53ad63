"""The pictures that a run leaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from melpy.experiments import images
from melpy.models import Sequential

__all__ = ["Shown", "draw"]

ROWS = 6  # of feature_maps.png
BATCH = 256


@dataclass(frozen=True)
class Shown:
    """The test images: as they are, as the network takes them, and what they show."""

    images: np.ndarray
    x: np.ndarray
    labels: np.ndarray
    class_names: tuple[str, ...]
    high: float  # the largest value a pixel can have


def draw(model: Sequential, shown: Shown, folder: Path, title: str) -> bool:
    """Leave the pictures in a folder, and a test image of each class; return whether it could.

    A run without Matplotlib is whole but for its pictures.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return False
    from melpy import viz

    history, labels, names = model.history, shown.labels, shown.class_names
    viz.save(viz.curves(history.history, history.epoch, title), folder / "curves.png")  # type: ignore[union-attr]
    probabilities = model.predict(shown.x, batch_size=BATCH)
    predicted = probabilities.argmax(axis=1)
    viz.save(viz.confusion(labels, predicted, names), folder / "confusion.png")
    viz.save(viz.samples(shown.images, labels, probabilities, names), folder / "samples.png")
    of_each = [int(np.flatnonzero(labels == c)[0]) for c in range(len(names))]
    some = of_each[:ROWS]
    maps = viz.feature_maps(model, shown.x[some], shown.images[some])
    viz.save(maps, folder / "feature_maps.png")
    (folder / "test-images").mkdir(exist_ok=True)
    for n in of_each:
        path = folder / "test-images" / f"{names[labels[n]]}-{n}.png"
        images.write_image(path, shown.images[n], shown.high)
    return True
