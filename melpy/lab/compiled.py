"""The compiled kernels beside those that are shown, once they are compiled."""

from __future__ import annotations

import importlib.util
import threading
from typing import Any

import numpy as np

from melpy import config, random
from melpy.errors import MelpyError
from melpy.lab.said import sentence, told
from melpy.lab.task import copy_of
from melpy.lab.traces import Traced, differences, fingerprint
from melpy.models.trace import trace

__all__ = ["Compiled"]


class Compiled:
    """A model by its compiled kernels.

    To compile takes half a minute the first time: a thread of its own does it, on a copy.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.is_ready = False
        self.why: dict[str, Any] | None = None  # it will never be ready
        if importlib.util.find_spec("numba") is None:
            self.why = sentence("compiled.noNumba")
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Compile in the background, at the first call."""
        if self._thread is None and not self.why:
            self._thread = threading.Thread(target=self._compile, name="compiling", daemon=True)
            self._thread.start()

    def _compile(self) -> None:
        try:
            copy = copy_of(self.model)
            shape = [size or 1 for size in self.model.inputs[0].shape[1:]]
            x = np.zeros((1, *shape), self.model.inputs[0].dtype)
            with config.using_kernels("compiled"):
                trace(copy, x, training=False)
            self.is_ready = True
        except MelpyError as error:
            self.why = told(error)

    def beside(self, traced: Traced, lock: Any) -> tuple[dict[str, float | None], bool]:
        """Return the differences from a trace by layer, and whether they are known."""
        if not self.is_ready:
            return {}, False
        with lock, config.using_kernels("compiled"), random.stream(traced.seed):
            if fingerprint(self.model) != traced.fingerprint:  # it has other weights by now
                return {}, True
            other = trace(self.model, traced.x, training=traced.is_training)
        return differences(traced.trace, other), True
