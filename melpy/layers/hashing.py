"""Categories without a vocabulary: each falls into a bin, by its hash."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy.errors import ArgumentError, ShapeError
from melpy.layers.arguments import Shape
from melpy.layers.checks import positive
from melpy.layers.encoding import MODES, CategoryLayer, categories, encoded
from melpy.layers.hashes import concatenated, fingerprints, siphashes
from melpy.strings import may_be_strings

__all__ = ["HashedCrossing", "Hashing", "hashed", "salt_of"]

CROSSING_KEY = 0xDECAFCAFFE  # TensorFlow's, with which a crossing begins


def hashed(values: np.ndarray, salt: Sequence[int] | None) -> np.ndarray:
    """Return 64-bit hashes of strings, or of whole numbers as they are written in digits."""
    flat = values.ravel().tolist()
    if values.dtype.kind == "b":
        flat = ["true" if value else "false" for value in flat]
    keys = [str(value).encode("utf-8", "surrogateescape") for value in flat]
    made = fingerprints(keys) if salt is None else siphashes(keys, salt)
    return made.reshape(values.shape)


def salt_of(salt: Any, who: str) -> list[int] | None:
    """Return a hash's key of two whole numbers, from one or two, or None."""
    if salt is None:
        return None
    pair = [salt, salt] if isinstance(salt, int) else salt
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise ArgumentError(
            who, "this is no salt", expected="an int, or two of them", received={"salt": salt}
        )
    return [int(word) for word in pair]


class Hashing(CategoryLayer):
    """Strings and whole numbers become one of ``num_bins`` bins by their hash; nothing is learned.

    Parameters
    ----------
    num_bins : int > 0
    mask_value : str or int whose bin is 0, all others then falling into bins from 1; or None
    salt : None for FarmHash; an int, or two of them, for SipHash under that key
    output_mode : "int", or rows of num_bins: "one_hot", "multi_hot", "count"
    sparse : False: arrays here are dense

    Notes
    -----
    Input of any shape, say (N, T); output the same with "int", (N, D) with "multi_hot" and "count",
    with "one_hot" (N, T, D), or (N, D) where T = 1; D is num_bins. The hashes are those of Keras,
    to the bit: of a number, its decimal digits are hashed; a float is cut to a whole number before.

    Source: K. Weinberger et al., Feature hashing for large scale multitask learning (2009).

    Examples
    --------
    >>> Hashing(3)([["A"], ["B"], ["C"], ["D"], ["E"]]).numpy().ravel()
    array([1, 0, 1, 1, 2])
    """

    @property
    def input_dtype(self) -> Any:
        """None: strings come in, or numbers."""
        return None

    def __init__(
        self,
        num_bins: int,
        mask_value: Any = None,
        salt: Any = None,
        output_mode: str = "int",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        if kwargs.get("dtype") is None and output_mode == "int":
            kwargs["dtype"] = "int64"
        super().__init__(output_mode=output_mode, sparse=sparse, **kwargs)
        self.num_bins = positive(num_bins, "num_bins", "Hashing")
        self.mask_value, self.salt = mask_value, salt_of(salt, "Hashing")
        if output_mode == "int" and self.dtype not in ("int32", "int64"):
            raise ArgumentError(
                "Hashing",
                "bins are whole numbers",
                expected='dtype "int32" or "int64" with output_mode="int"',
                received={"dtype": self.dtype},
            )

    def call(self, inputs: Any) -> Any:
        """Return the bins."""
        values = inputs.astype(np.int64) if inputs.dtype.kind == "f" else inputs
        masks = self.mask_value is not None and self.num_bins > 1
        bins = (hashed(values, self.salt) % np.uint64(self.num_bins - masks)).astype(np.int64)
        if masks:
            bins = np.where(inputs == self.mask_value, 0, bins + 1)
        if self.output_mode == "one_hot" and bins.ndim and bins.shape[-1] == 1:
            bins = bins[..., 0]
        return encoded(bins, self.output_mode, self.num_bins, self.dtype)

    def depth(self) -> int:
        """Return ``num_bins``."""
        return self.num_bins

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer, as plain values."""
        return super().get_config() | {"salt": self.salt}


class HashedCrossing(CategoryLayer):
    """What several features have together becomes one of ``num_bins`` bins, by a hash of all.

    Parameters
    ----------
    num_bins : int > 0
    output_mode : "int", or "one_hot" for rows of num_bins
    sparse : False: arrays here are dense
    name, dtype : as for any layer

    Notes
    -----
    Input: a list of at least two arrays of strings or of whole numbers, all of one shape: (N,), (N,
    1) or (); output of that shape, or with "one_hot" (N, num_bins). The hashes are those of Keras,
    to the bit.

    Examples
    --------
    >>> HashedCrossing(5)([np.array(["A", "B", "A"]), np.array([101, 101, 102])]).numpy()
    array([1, 4, 3])
    """

    def __init__(
        self,
        num_bins: int,
        output_mode: str = "int",
        sparse: bool = False,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        dtype = "int64" if output_mode == "int" and dtype is None else dtype
        modes = MODES[:2]
        super().__init__(
            output_mode=output_mode, modes=modes, sparse=sparse, name=name, dtype=dtype, **kwargs
        )
        self.num_bins = positive(num_bins, "num_bins", "HashedCrossing")

    def _as_input(self, inputs: Any) -> Any:
        if not isinstance(inputs, list | tuple) or len(inputs) < 2:
            raise ArgumentError(
                "call",
                "there is nothing to cross",
                expected="a list of at least two features",
                received={"type": type(inputs).__name__},
            )
        return [categories(x) for x in inputs]

    def call(self, inputs: Any) -> Any:
        """Return the bins."""
        shape = inputs[0].shape
        if len(shape) > 2 or (len(shape) == 2 and shape[-1] != 1) or any(
            x.shape != shape for x in inputs
        ):  # fmt: skip
            raise ShapeError(
                "call",
                "the features have no single shape, or one that cannot be crossed",
                expected="each (N,), or each (N, 1), or each ()",
                received={"shapes": [x.shape for x in inputs]},
            )
        crossing: Any = CROSSING_KEY
        for x in inputs:
            if may_be_strings(x):
                crossing = concatenated(crossing, hashed(x, None).ravel())
            elif x.dtype.kind in "iu":
                crossing = concatenated(crossing, x.ravel().astype(np.int64).view(np.uint64))
            else:
                raise ArgumentError(
                    "call",
                    "features to cross are strings or whole numbers",
                    expected="such as int64",
                    received={"dtype": str(x.dtype)},
                )
        bins = (crossing % np.uint64(self.num_bins)).astype(np.int64).reshape(shape)
        return encoded(bins, self.output_mode, self.num_bins, self.dtype)

    def depth(self) -> int:
        """Return ``num_bins``."""
        return self.num_bins

    def compute_output_shape(self, input_shape: Any) -> Shape:
        """Return one feature's shape; with "one_hot" (..., num_bins)."""
        return super().compute_output_shape(input_shape[0])
