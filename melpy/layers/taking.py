"""What a layer takes: arrays of any kind, brought to tensors of its own type."""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy import ops, tape, tree
from melpy.errors import DtypeError
from melpy.kernels import threads
from melpy.layers.arguments import is_array, no_array
from melpy.layers.described import Described
from melpy.strings import as_strings, may_be_strings
from melpy.tables import as_numbers, plain
from melpy.tensor import Tensor, mask_of, set_mask

__all__ = ["Taking"]


class Taking(Described):
    """What a layer takes. Abstract."""

    takes_text = False  # strings may come in: a class of one's own that works on them sets it
    autocast = True  # whether floats are brought to the layer's own type
    dtype: Any

    def _as_input(self, inputs: Any) -> Any:
        """Return tensors: floats in the layer's own type, whole numbers as they are."""
        if isinstance(inputs, Tensor) and inputs.dtype == self.dtype:
            return inputs
        if tree.is_nested(inputs) and any(map(is_array, tree.flatten(inputs))):
            try:
                return tree.map_structure(
                    lambda x: self._as_input(x) if is_array(x) else self._as_tensor(x), inputs
                )
            except DtypeError as error:
                key = _first_text(inputs)
                error.received |= {} if key is None else {"input": key}
                raise
        if inputs is None or isinstance(inputs, Tensor | np.ndarray):
            return self._as_tensor(inputs)
        inputs = tape.adopted(inputs)
        if isinstance(inputs, Tensor):
            return self._as_tensor(inputs)
        inputs = plain(inputs, "the input", "call")
        try:
            array = as_numbers(inputs)
        except ValueError as error:
            raise no_array(inputs) from error
        return self._as_tensor(array)

    def _as_tensor(self, x: Any) -> Any:
        if isinstance(x, np.ndarray):
            if x.dtype.kind not in "fiub":
                return self._text(x)
            if x.dtype.kind == "b":
                return x  # a mask
            cast = self.autocast and x.dtype.kind == "f"
            made = x.astype(self.dtype, copy=False) if cast else x
            if made is not x:
                threads.again(lambda: np.copyto(made, x, casting="same_kind"))
            return Tensor.of(made, None)
        if isinstance(x, Tensor) and self.autocast:
            if x.dtype.kind == "f" and x.dtype != self.dtype:
                mask = mask_of(x)
                x = ops.cast(x, self.dtype)
                set_mask(x, mask)
        elif isinstance(x, list | tuple | dict):
            return tree.map_structure(self._as_tensor, x)
        return x

    def _text(self, x: np.ndarray) -> Any:
        """Return strings, where this layer or one inside takes them; refuse them elsewhere."""
        taken = self.takes_text or any(layer.takes_text for layer in self.layers_inside)
        if not taken or not may_be_strings(x):
            raise no_array(x)
        return Tensor.of(as_strings(x, "call"), None)


def _first_text(inputs: Any) -> Any:
    """Return where among inputs the first array stands that is none of numbers: its key."""
    leaves = tree.flatten_with_path(inputs)
    paths = [path for path, x in leaves if is_array(x) and np.asarray(x).dtype.kind not in "fiub"]
    return paths[0][-1] if paths else None
