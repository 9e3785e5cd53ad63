"""Models: layers that train."""

from melpy.models.sequential import Input, Sequential

__all__ = ["Input", "Sequential"]
