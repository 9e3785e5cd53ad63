"""What every initializer is."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy.configurable import Configurable

__all__ = ["Initializer"]


class Initializer(Configurable):
    """A function of a shape and a float type that returns a new array. Abstract."""

    def clone(self) -> Any:
        """Return an equal initializer."""
        return type(self).from_config(self.get_config())

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None) -> np.ndarray:
        """Return the starting values."""
        raise NotImplementedError
