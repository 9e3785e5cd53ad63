"""Models: layers that train."""

from melpy.layers.input import Input
from melpy.models.model import Model
from melpy.models.sequential import Sequential

__all__ = ["Input", "Model", "Sequential"]
