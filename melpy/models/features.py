"""What a column of a table may be, and how it is encoded then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from melpy.configurable import Configurable, plain
from melpy.errors import lookup
from melpy.layers import (
    Discretization,
    Hashing,
    Identity,
    IntegerLookup,
    Normalization,
    Rescaling,
    StringLookup,
)
from melpy.layers.nesting import layer_of

__all__ = ["Cross", "Feature", "FeatureKinds"]


class Feature(Configurable):
    """How one column is encoded.

    Parameters
    ----------
    dtype : type of the column: "float32", "int32", "string"
    preprocessor : layer, or the description of one
    output_mode : "float" for the layer's output as it is, "int" for its indices as they are,
        "one_hot" for rows of them
    """

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str) -> None:
        modes = {name: name for name in ("int", "one_hot", "float")}
        self.output_mode = lookup("output_mode", output_mode, modes, "Feature")
        self.dtype, self.preprocessor = dtype, layer_of(preprocessor)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal feature, as plain values."""
        return super().get_config() | {"preprocessor": plain(self.preprocessor)}


class Cross(Configurable):
    """Columns whose values count together, by a hash of all.

    Parameters
    ----------
    feature_names : names of the columns
    crossing_dim : int > 0, into how many bins they fall
    output_mode : "one_hot" for rows, "int" for the bins as they are
    """

    def __init__(
        self, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot"
    ) -> None:
        modes = {name: name for name in ("int", "one_hot")}
        self.output_mode = lookup("output_mode", output_mode, modes, "Cross")
        self.feature_names, self.crossing_dim = tuple(feature_names), crossing_dim

    @property
    def name(self) -> str:
        """The columns' names, joined."""
        return "_X_".join(self.feature_names)


class FeatureKinds:
    """The kinds of columns, each a method of its name. Abstract."""

    hashing_dim: int
    num_discretization_bins: int

    @classmethod
    def cross(
        cls, feature_names: Sequence[str], crossing_dim: int, output_mode: str = "one_hot"
    ) -> Cross:
        """Return columns that count together; see `Cross`."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """Return a column that a layer of one's own encodes; see `Feature`."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name: str | None = None) -> Feature:
        """Return a column of floats that stay what they are."""
        return Feature("float32", Identity(name=_named(name)), "float")

    @classmethod
    def float_rescaled(
        cls, scale: Any = 1.0, offset: Any = 0.0, name: str | None = None
    ) -> Feature:
        """Return a column of floats x that become scale x + offset."""
        return Feature("float32", Rescaling(scale, offset, name=_named(name)), "float")

    @classmethod
    def float_normalized(cls, name: str | None = None) -> Feature:
        """Return a column of floats that get mean 0 and variance 1."""
        return Feature("float32", Normalization(axis=-1, name=_named(name)), "float")

    @classmethod
    def float_discretized(
        cls,
        num_bins: int | None,
        bin_boundaries: Any = None,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return a column of floats that fall into bins; see `Discretization`."""
        layer = Discretization(bin_boundaries, num_bins, name=_named(name))
        return Feature("float32", layer, output_mode)

    @classmethod
    def integer_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return a column of whole numbers of a vocabulary; see `IntegerLookup`."""
        layer = IntegerLookup(max_tokens, num_oov_indices, name=_named(name))
        return Feature("int32", layer, output_mode)

    @classmethod
    def string_categorical(
        cls,
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Return a column of strings of a vocabulary; see `StringLookup`."""
        layer = StringLookup(max_tokens, num_oov_indices, name=_named(name))
        return Feature("string", layer, output_mode)

    @classmethod
    def string_hashed(
        cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Return a column of strings that fall into bins by their hash; see `Hashing`."""
        return Feature("string", Hashing(num_bins, name=_named(name)), output_mode)

    @classmethod
    def integer_hashed(
        cls, num_bins: int, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Return a column of whole numbers that fall into bins by their hash; see `Hashing`."""
        return Feature("int32", Hashing(num_bins, name=_named(name)), output_mode)

    def _feature(self, name: str, value: Any) -> Feature:
        """Return the feature that a name of a kind, or a description, stands for."""
        if isinstance(value, Feature):
            return value
        if isinstance(value, Mapping):
            return Feature(**value["config"])
        own = type(self)
        kinds: dict[str, Callable[[], Feature]] = {
            "float": lambda: own.float(name),
            "float_normalized": lambda: own.float_normalized(name),
            "float_rescaled": lambda: own.float_rescaled(name=name),
            "float_discretized": lambda: own.float_discretized(
                self.num_discretization_bins, name=name
            ),
            "integer_categorical": lambda: own.integer_categorical(name=name),
            "string_categorical": lambda: own.string_categorical(name=name),
            "integer_hashed": lambda: own.integer_hashed(self.hashing_dim, name=name),
            "string_hashed": lambda: own.string_hashed(self.hashing_dim, name=name),
        }
        return lookup("feature", value, kinds, "FeatureSpace")()


def _named(name: str | None) -> str | None:
    return f"{name}_preprocessor" if name else None
