"""Small things that Keras keeps in ``keras.utils``."""

from __future__ import annotations

import random as python_random

import numpy as np

from melpy import random
from melpy.preprocessing import to_categorical

__all__ = ["set_random_seed", "to_categorical"]


def set_random_seed(seed: int) -> None:
    """Seed everything: melpy, and, as Keras does, Python's and NumPy's own generators.

    Parameters
    ----------
    seed : int in [0, 2^32)
    """
    random.set_seed(seed)
    python_random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  a user's own np.random calls
