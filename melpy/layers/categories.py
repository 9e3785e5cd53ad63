"""Whole numbers as rows, and floats as the bins that they lie in."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import ops
from melpy.errors import ArgumentError, DataError, DtypeError
from melpy.layers.adapting import batches_of
from melpy.layers.checks import fraction, positive
from melpy.layers.encoding import MODES, CategoryLayer, categories, encoded

__all__ = ["CategoryEncoding", "Discretization"]


class CategoryEncoding(CategoryLayer):
    """Whole numbers become rows: a 1 for each that is there, or how often it is.

    Parameters
    ----------
    num_tokens : int > 0, D: the numbers are 0 to D - 1; others leave no trace
    output_mode : "multi_hot" or "count" of each sample, "one_hot" of each number
    sparse : False: arrays here are dense

    Notes
    -----
    Input (N, T) of whole numbers, output (N, D); with "one_hot" (N, T, D), or (N, D) where T = 1.
    The call's ``count_weights``, of the input's shape, are what each number counts with "count".

    Examples
    --------
    >>> CategoryEncoding(4)(np.array([[0, 1], [3, 3]])).numpy()
    array([[1., 1., 0., 0.],
           [0., 0., 0., 1.]], dtype=float32)
    >>> CategoryEncoding(4, output_mode="count")(np.array([[3, 3]])).numpy()
    array([[0., 0., 0., 2.]], dtype=float32)
    """

    takes_text = False

    def __init__(
        self,
        num_tokens: int | None = None,
        output_mode: str = "multi_hot",
        sparse: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(output_mode=output_mode, modes=MODES[1:], sparse=sparse, **kwargs)
        if num_tokens is None:
            raise ArgumentError(
                "CategoryEncoding",
                "num_tokens is missing",
                expected="an int > 0",
                mend="Where it is not known beforehand, IntegerLookup learns it.",
            )
        self.num_tokens = positive(num_tokens, "num_tokens", "CategoryEncoding")

    def call(self, inputs: Any, count_weights: Any = None) -> Any:
        """Return the rows."""
        if inputs.dtype.kind not in "fiub":
            raise DtypeError(
                "call",
                "categories here are whole numbers",
                expected=f"0 to {self.num_tokens - 1}",
                received={"dtype": str(inputs.dtype)},
                mend="StringLookup makes numbers of strings.",
            )
        if count_weights is not None:
            if self.output_mode != "count":
                raise ArgumentError(
                    "call",
                    "count_weights are for another mode",
                    expected='output_mode="count"',
                    received={"output_mode": self.output_mode},
                )
            count_weights = ops.cast(ops.convert_to_tensor(count_weights), self.dtype)
        indices = inputs.astype(np.int64)
        return encoded(indices, self.output_mode, self.num_tokens, self.dtype, count_weights)

    def depth(self) -> int:
        """Return ``num_tokens``."""
        return self.num_tokens


class Discretization(CategoryLayer):
    """Floats become the number of the bin that they lie in: how many boundaries are not above.

    Parameters
    ----------
    bin_boundaries : ascending floats, B of them for B + 1 bins; None to `adapt`
    num_bins : int > 0, how many bins `adapt` makes, each of about as many values; instead of
        bin_boundaries
    epsilon : float in (0, 1], how large a share of all values a boundary may be off; the smaller,
        the more is kept in mind while adapting
    output_mode : "int", or rows of the bins: "one_hot", "multi_hot", "count"
    sparse : False: arrays here are dense
    dtype, name : as for any layer

    Notes
    -----
    Input of any shape, say (N, T); output the same, of type int32, with "int", (N, D) with
    "multi_hot" and "count", with "one_hot" (N, T, D), or (N, D) where T = 1; D = B + 1.

    Examples
    --------
    >>> Discretization([0.0, 1.0, 2.0])(np.array([[-1.5, 1.0, 3.4, 0.5]])).numpy()
    array([[0, 2, 3, 1]], dtype=int32)
    >>> layer = Discretization(num_bins=4, epsilon=0.01)
    >>> layer.adapt(np.array([[-1.5, 1.0, 3.4, 0.5], [0.0, 3.0, 1.3, 0.0]]))
    >>> layer.bin_boundaries
    [0.0, 0.5, 1.2999999523162842]
    """

    takes_text = False
    summary: np.ndarray

    def __init__(
        self,
        bin_boundaries: Sequence[float] | None = None,
        num_bins: int | None = None,
        epsilon: float = 0.01,
        output_mode: str = "int",
        sparse: bool = False,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(output_mode=output_mode, sparse=sparse, dtype=dtype, name=name)
        who = "Discretization"
        if (bin_boundaries is None) == (num_bins is None):
            raise ArgumentError(
                who,
                "bins come from boundaries, or from data by their number",
                expected="either bin_boundaries or num_bins",
                received={"bin_boundaries": bin_boundaries, "num_bins": num_bins},
            )
        self.bin_boundaries = None if bin_boundaries is None else _ascending(bin_boundaries, who)
        self.num_bins = None if num_bins is None else positive(num_bins, "num_bins", who)
        if not fraction(epsilon, "epsilon", who) > 0:
            raise ArgumentError(who, "epsilon is 0", expected="a float in (0, 1]")
        self.epsilon = epsilon
        self.reset_state()

    @property
    def output_dtype(self) -> str:
        """The type of the output."""
        return "int32" if self.output_mode == "int" else self.dtype

    _output_dtype = output_dtype

    def adapt(self, data: Any, steps: int | None = None) -> None:
        """Learn boundaries between bins of about equally many values; forget those before.

        Parameters
        ----------
        data : array or tensor, or an iterable of batches: arrays, or tuples whose first entry is
            one
        steps : int or None, how many batches, all by default
        """
        who = f"Discretization {self.name!r}"
        if self.num_bins is None:
            raise ArgumentError(who, "it was given its boundaries", mend="Give num_bins instead.")
        self.reset_state()
        for batch in batches_of(data, steps, who, lists=False):
            self.update_state(batch)
        if not self.summary.size:
            raise DataError(who, "there is nothing to adapt to", expected="at least one value")
        self.finalize_state()

    def update_state(self, data: Any) -> None:
        """Take the values of a batch into the summary."""
        self.summary = merged(summarized(_floats(data), self.epsilon), self.summary, self.epsilon)

    def finalize_state(self) -> None:
        """Make the boundaries of the summary."""
        if self.num_bins is not None:
            self.bin_boundaries = compressed(self.summary, 1 / self.num_bins)[0, :-1].tolist()

    def reset_state(self) -> None:
        """Forget the values; the boundaries stay until there are others."""
        self.summary = np.zeros((2, 0), np.float32)

    def call(self, inputs: Any) -> Any:
        """Return the bins."""
        if self.bin_boundaries is None:
            raise ArgumentError(
                "call",
                "its boundaries are not known",
                expected="bin_boundaries, or data to adapt to before",
                mend="Call adapt with the training data.",
            )
        bins = np.digitize(_floats(inputs), np.asarray(self.bin_boundaries, np.float32))
        return encoded(bins, self.output_mode, len(self.bin_boundaries) + 1, self.output_dtype)

    def depth(self) -> int | None:
        """Return the number of bins."""
        return self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer, and the boundaries it has learned."""
        return super().get_config() | {"bin_boundaries": self.bin_boundaries}

    @classmethod
    def from_config(cls, config: Any) -> Discretization:
        """Make a layer, with the boundaries that it had learned."""
        learned = config.get("num_bins") is not None
        made = super().from_config(config | ({"bin_boundaries": None} if learned else {}))
        if learned:
            made.bin_boundaries = config["bin_boundaries"]
        return made


def _floats(x: Any) -> np.ndarray:
    array = categories(x)
    if array.dtype.kind not in "fiub":
        raise DtypeError(
            "Discretization",
            "bins are of numbers",
            expected="an array of floats",
            received={"dtype": str(array.dtype)},
            mend="StringLookup makes numbers of strings.",
        )
    return array.astype(np.float32)


def _ascending(boundaries: Sequence[float], who: str) -> list[float]:
    made = [float(value) for value in boundaries]
    if any(not before <= after for before, after in itertools.pairwise(made)):
        raise ArgumentError(
            who,
            "boundaries do not ascend",
            expected="none smaller than the one before",
            received={"bin_boundaries": made},
        )
    return made


# A summary of values, (2, M): a few of them in order, and below, of how many each is the last.


def summarized(values: np.ndarray, epsilon: float) -> np.ndarray:
    """Return every so manieth of the values in order, 1 / epsilon of them at most."""
    ordered = np.sort(values, axis=None)
    step = max(len(ordered) / (1 / epsilon), 1)
    kept = ordered[int(step - 1) :: int(step)]
    return np.stack([kept, np.full_like(kept, step)])


def merged(first: np.ndarray, second: np.ndarray, epsilon: float) -> np.ndarray:
    """Return the summary of two summaries' values together."""
    both = np.concatenate([first, second], axis=1)
    return compressed(both[:, np.argsort(both[0])], epsilon)


def compressed(summary: np.ndarray, epsilon: float) -> np.ndarray:
    """Return a summary at the quantiles epsilon, 2 epsilon, ..., 1, if it is longer than that."""
    if summary.shape[1] * epsilon < 1:
        return summary
    quantiles = epsilon + np.arange(0.0, 1.0, epsilon)
    until = summary[1].cumsum()
    shares = until / until[-1]
    values, counts = (np.interp(quantiles, shares, row) for row in (summary[0], until))
    return np.stack([values, np.diff(counts, prepend=0)]).astype(np.float32)
