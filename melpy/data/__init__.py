"""Arrays on their way into a model: checked once, cut into batches, prepared ahead of time."""

from melpy.data.samples import Samples, batches, checked, class_weights

__all__ = ["Samples", "batches", "checked", "class_weights"]
