"""Pictures of a training run, and diagrams of models."""

from melpy.viz.diagram import plot_model
from melpy.viz.dot import model_to_dot
from melpy.viz.pictures import (
    against,
    confusion,
    confusion_counts,
    curves,
    feature_maps,
    samples,
    save,
)

__all__ = [
    "against",
    "confusion",
    "confusion_counts",
    "curves",
    "feature_maps",
    "model_to_dot",
    "plot_model",
    "samples",
    "save",
]
