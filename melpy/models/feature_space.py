"""FeatureSpace: the columns of a table, each encoded in its own way, become one vector a row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from melpy import foreign, saving, symbolic, tree
from melpy.configurable import plain
from melpy.errors import (
    ArgumentError,
    DtypeError,
    GraphError,
    UnknownNameError,
    lookup,
    nearest,
)
from melpy.layers import (
    CategoryEncoding,
    Concatenate,
    HashedCrossing,
    Input,
    Layer,
)
from melpy.layers.adapting import batches_of
from melpy.layers.encoding import CategoryLayer, categories
from melpy.models.features import Cross, FeatureKinds
from melpy.models.graph import unique_names

__all__ = ["FeatureSpace"]

BATCH = 32  # rows at a time, of data that comes without batches


class FeatureSpace(FeatureKinds, Layer):
    """Encode a table: a dict of columns becomes a vector a row, or a dict of encoded columns.

    Parameters
    ----------
    features : dict of column names to "float", "float_normalized", "float_rescaled",
        "float_discretized", "integer_categorical", "integer_hashed", "string_categorical",
        "string_hashed"; or to what the methods of these names return, with arguments
    output_mode : "concat" for one vector a row, "dict"
    crosses : columns that count together: tuples of names, or what `cross` returns
    crossing_dim : int > 0, bins of a cross
    hashing_dim : int > 0, bins of a hashed column
    num_discretization_bins : int > 0, bins of a discretized column
    name : str or None

    Notes
    -----
    Call `adapt` before anything else, unless no column has something to learn. In the vector the
    columns follow one another by their names, then the crosses by theirs.

    Examples
    --------
    >>> data = {"age": [20.0, 40.0, 60.0], "job": ["cook", "smith", "cook"]}
    >>> space = FeatureSpace({"age": "float_normalized", "job": "string_categorical"})
    >>> space.adapt(data)
    >>> space({"age": [60.0], "job": ["smith"]}).numpy()
    array([[1.2247449, 0.       , 0.       , 1.       ]], dtype=float32)
    """

    takes_text = True

    def __init__(
        self,
        features: Mapping[str, Any],
        output_mode: str = "concat",
        crosses: Sequence[Any] | None = None,
        crossing_dim: int | None = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        if not features:
            raise ArgumentError("FeatureSpace", "it has no features", expected="at least one")
        modes = {name: name for name in ("concat", "dict")}
        self.output_mode = lookup("output_mode", output_mode, modes, "FeatureSpace")
        self.crossing_dim, self.hashing_dim = crossing_dim, hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.features = {key: self._feature(key, value) for key, value in features.items()}
        self.crosses = [self._cross(cross) for cross in crosses or ()]
        self.crosses_by_name = {cross.name: cross for cross in self.crosses}
        self.inputs = {
            key: Input((1,), dtype=value.dtype, name=key) for key, value in self.features.items()
        }
        self.preprocessors = {key: value.preprocessor for key, value in self.features.items()}
        self.crossers = {
            key: HashedCrossing(cross.crossing_dim, name=key)
            for key, cross in self.crosses_by_name.items()
        }
        unique_names([*self.preprocessors.values(), *self.crossers.values()])
        self.one_hot_encoders: dict[str, CategoryEncoding] = {}
        self.concat = Concatenate()
        self.encoded_features: Any = None
        self._is_adapted = not self._learning()

    def _cross(self, cross: Any) -> Cross:
        if isinstance(cross, Mapping):
            cross = Cross(**cross["config"])
        if not isinstance(cross, Cross):
            if not self.crossing_dim:
                raise ArgumentError(
                    "FeatureSpace",
                    "crossing_dim is missing",
                    expected="an int > 0, since there are crosses",
                )
            cross = Cross(cross, self.crossing_dim)
        for name in cross.feature_names:
            lookup("feature in crosses", name, self.features, "FeatureSpace")
        return cross

    # Learning.

    def _learning(self) -> list[str]:
        """Return the columns whose layers learn from data."""
        return [name for name, layer in self.preprocessors.items() if _learns(layer)]

    def adapt(self, dataset: Any) -> None:
        """Let every column's layer learn from data.

        Parameters
        ----------
        dataset : dict of columns; or an iterable of such dicts, of batches or of single rows
        """
        columns: dict[str, list[np.ndarray]] = {name: [] for name in self._learning()}
        for batch in _batches(dataset):
            for name, parts in columns.items():
                parts.append(_column(_found(name, batch, "FeatureSpace.adapt")))
        for name, parts in columns.items():
            self.preprocessors[name].adapt(iter(parts))
        self._is_adapted, self.encoded_features = True, None
        self.one_hot_encoders = {}
        self.get_encoded_features()
        self.built = True

    def _require_adapted(self) -> None:
        if not self._is_adapted:
            raise ArgumentError(
                f"FeatureSpace {self.name!r}",
                "it has not learned anything yet",
                expected="a call of adapt before",
                mend="Call adapt with the training data.",
            )

    # Encoding.

    def get_inputs(self) -> dict[str, Any]:
        """Return the symbolic columns, with which a model begins."""
        self._require_adapted()
        return self.inputs

    def get_encoded_features(self) -> Any:
        """Return the symbolic vectors, or dict, that `get_inputs` become."""
        self._require_adapted()
        if self.encoded_features is None:
            self.encoded_features = self._encoded(self.inputs)
        return self.encoded_features

    def __call__(self, data: Any) -> Any:
        """Encode a dict of columns, (N,) or (N, 1), or of the values of one row."""
        self._require_adapted()
        if not isinstance(data, Mapping):
            raise ArgumentError(
                f"FeatureSpace {self.name!r}",
                "this is no table",
                expected="a dict of columns",
                received={"type": type(data).__name__},
            )
        for name in self.features:
            _found(name, data, f"FeatureSpace {self.name!r}")
        try:
            arrays = {name: categories(data[name]) for name in self.features}
        except NotImplementedError as error:  # as a tensor without values says of its array
            return foreign.node(self, (data,), {}, error, self._made_of)
        is_row = any(x.ndim == 0 for x in arrays.values())
        y = self._encoded({name: _column(x) for name, x in arrays.items()})
        if not is_row:
            return y
        return {name: x[0] for name, x in y.items()} if self.output_mode == "dict" else y[0]

    def _made_of(self, args: tuple, _: Mapping[str, Any]) -> Any:
        """Return what symbolic columns, or the values of one row, become."""
        is_row = any(args[0][name].ndim == 0 for name in self.features)
        return tree.map_structure(
            lambda y: symbolic.like(y.shape[is_row:], y.dtype), self.get_encoded_features()
        )

    def _encoded(self, columns: Mapping[str, Any]) -> Any:
        made = {name: self.preprocessors[name](columns[name]) for name in sorted(columns)}
        for name in sorted(self.crossers):
            parts = [made[part] for part in self.crosses_by_name[name].feature_names]
            made[name] = self.crossers[name](parts)
        for name, x in made.items():
            spec = self.features.get(name) or self.crosses_by_name[name]
            if spec.output_mode == "one_hot":
                made[name] = self._encoder(name)(x)
            elif self.output_mode == "concat" and x.dtype.kind != "f":
                raise DtypeError(
                    f"FeatureSpace {self.name!r}",
                    f"the feature {name!r} is no float, so it cannot stand in a vector",
                    expected='a feature with output_mode="one_hot" or "float"',
                    mend='Use output_mode="dict".',
                )
        if self.output_mode == "dict":
            return made
        return self.concat(list(made.values())) if len(made) > 1 else next(iter(made.values()))

    def _encoder(self, name: str) -> CategoryEncoding:
        """Return what makes rows of a column's indices."""
        if name not in self.one_hot_encoders:
            layer = self.preprocessors.get(name) or self.crossers[name]
            count = getattr(layer, "num_bins", None)  # of bins that were asked for, not found
            if count is None and isinstance(layer, CategoryLayer):
                count = layer.depth()
            if count is None:
                raise GraphError(
                    f"FeatureSpace {self.name!r}",
                    f"how many categories the feature {name!r} has is not known",
                    expected='output_mode="int" or "float" for a layer of this kind',
                )
            self.one_hot_encoders[name] = CategoryEncoding(count, output_mode="multi_hot")
        return self.one_hot_encoders[name]

    # Files.

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal space, with what its layers have learned."""
        made = super().get_config()
        return made | {"features": plain(self.features), "crosses": plain(self.crosses)}

    def get_build_config(self) -> dict[str, Any]:
        """Return the shapes that the columns' layers were built for."""
        return {name: layer.get_build_config() for name, layer in self.preprocessors.items()}

    def build_from_config(self, config: Mapping[str, Any]) -> None:
        """Build the columns' layers; what they have learned is in the file."""
        for name, shapes in config.items():
            if shapes and not self.preprocessors[name].built:
                self.preprocessors[name].build_from_config(shapes)
        self._is_adapted = self.built = True

    def save(self, filepath: Any) -> None:
        """Write the space into a ".keras" file, which `load_model` and Keras 3 read."""
        saving.save_model(self, filepath)


def _learns(layer: Any) -> bool:
    """Return whether a layer is adapted to data: it can be, and was not told what to know."""
    inner = getattr(layer, "_lookup_layer", layer)
    told = (
        getattr(layer, "input_mean", None) is not None
        or getattr(inner, "_has_input_vocabulary", False)
        or getattr(layer, "num_bins", 1) is None
    )
    return hasattr(layer, "adapt") and not told


def _found(name: str, columns: Mapping[str, Any], who: str) -> Any:
    """Return the column of a feature, or say that there is none."""
    if name not in columns:
        raise UnknownNameError(
            who,
            f"the column {name!r} is missing",
            expected="a column for each feature",
            received={"columns": [*columns]},
            mend=nearest(name, columns),
        )
    return columns[name]


def _column(x: Any) -> np.ndarray:
    """Return values of one column, of shape (N, 1) or as they are if they have more axes."""
    array = categories(x)
    return array.reshape(-1, 1) if array.ndim < 2 else array


def _batches(dataset: Any) -> Iterator[Mapping[str, Any]]:
    """Yield dicts of batches; rows that come alone, some at a time."""
    if isinstance(dataset, Mapping):
        columns = {name: categories(column) for name, column in dataset.items()}
        for start in range(0, max(map(len, columns.values())), BATCH):
            yield {name: column[start : start + BATCH] for name, column in columns.items()}
        return
    rows: list[Mapping[str, Any]] = []
    for batch in batches_of(dataset, None, "FeatureSpace.adapt"):
        if not isinstance(batch, Mapping):
            raise DtypeError(
                "FeatureSpace.adapt",
                "this is no table",
                expected="a dict of columns, or an iterable of such dicts",
                received={"type": type(batch).__name__},
            )
        if np.ndim(next(iter(batch.values()))):
            yield batch
            continue
        rows.append(batch)
        if len(rows) == BATCH:
            yield _together(rows)
            rows = []
    if rows:
        yield _together(rows)


def _together(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {name: [np.asarray(row[name]).item() for row in rows] for name in rows[0]}
