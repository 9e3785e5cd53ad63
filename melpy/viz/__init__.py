"""Pictures of a training run, and diagrams of models."""

from melpy.viz.diagram import plot_model
from melpy.viz.dot import model_to_dot
from melpy.viz.insides import columns, filters
from melpy.viz.pictures import (
    against,
    confusion,
    confusion_counts,
    curves,
    feature_maps,
    samples,
    save,
)
from melpy.viz.reasons import grad_cam, saliency

__all__ = [
    "against",
    "columns",
    "confusion",
    "confusion_counts",
    "curves",
    "feature_maps",
    "filters",
    "grad_cam",
    "model_to_dot",
    "plot_model",
    "saliency",
    "samples",
    "save",
]
