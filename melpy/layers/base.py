"""Layer: weights, a call, and the one place where a layer's name enters an error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import config, initializers, regularizers
from melpy.configurable import Configurable, snake_case
from melpy.errors import DtypeError, MelpyError, ShapeError, lookup
from melpy.tape import Variable
from melpy.tensor import Tensor

__all__ = ["Layer", "Weight"]

Shape = tuple[int | None, ...]


class Weight(Tensor):
    """A tensor that a layer owns; it may have a regularizer."""

    __slots__ = ("regularizer", "trainable")

    def __init__(
        self,
        value: np.ndarray,
        trainable: bool = True,
        name: str = "",
        regularizer: regularizers.Regularizer | None = None,
    ) -> None:
        super().__init__(value, requires_grad=trainable, name=name)
        self.trainable = trainable
        self.regularizer = regularizer

    of = Tensor.of  # what is computed from a weight is a tensor, not a weight


class Layer(Configurable):
    """A function with weights. Abstract: subclasses define ``call`` and, with weights, ``build``.

    Parameters
    ----------
    name : str or None, for the class's name in snake case
    trainable : bool, whether training changes the weights
    dtype : "float32", "float64", or None for `config.floatx`

    Notes
    -----
    A layer builds its weights at its first call, when it sees its input's shape.
    """

    def __init__(
        self, *, name: str | None = None, trainable: bool = True, dtype: str | None = None
    ) -> None:
        self.name = name or snake_case(type(self).__name__)
        self.dtype = dtype or config.floatx()
        self.built = False
        self.weights: list[Weight] = []
        self._trainable = trainable

    def build(self, input_shape: Shape) -> None:
        """Make the weights; ``input_shape`` begins with the batch axis, None."""

    def call(self, inputs: Any, training: bool = False) -> Any:
        """Compute the output; what ``layer(x)`` runs. Abstract."""
        raise NotImplementedError

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the output's shape; the input's own unless a subclass says otherwise."""
        return input_shape

    def __call__(self, inputs: Any, training: bool = False) -> Any:
        try:
            x = self._as_input(inputs)
            self.ensure_built((None, *x.shape[1:]))
            return self.call(x, training=training)
        except MelpyError as error:
            raise self._located(error)  # noqa: B904  the same error, with this layer's name

    def ensure_built(self, input_shape: Shape) -> None:
        """Build the layer once."""
        if not self.built:
            try:
                self.build(input_shape)
            except MelpyError as error:
                raise self._located(error)  # noqa: B904
            self.built = True

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return `compute_output_shape`, with this layer's name in its errors."""
        try:
            return self.compute_output_shape(input_shape)
        except MelpyError as error:
            raise self._located(error)  # noqa: B904

    def _located(self, error: MelpyError) -> MelpyError:
        if "'" not in error.who:  # the innermost layer is the one to name
            error.who = f"{type(self).__name__} {self.name!r}"
        return error.with_traceback(None)

    def _as_input(self, inputs: Any) -> Any:
        """Return numbers of any kind in the layer's own float type."""
        if isinstance(inputs, Variable):
            return inputs
        x = np.asarray(inputs)
        if x.dtype.kind not in "fiub":
            raise DtypeError(
                "call",
                "the input is not an array of numbers",
                expected="an array or a tensor",
                received={"type": type(inputs).__name__},
            )
        return x.astype(self.dtype, copy=False)

    def add_weight(
        self,
        shape: Sequence[int],
        initializer: Any = "glorot_uniform",
        *,
        name: str = "",
        trainable: bool = True,
        regularizer: Any = None,
    ) -> Weight:
        """Make a weight of this layer and keep it."""
        start = initializers.get(initializer)(tuple(shape), self.dtype)
        weight = Weight(start, trainable, f"{self.name}/{name}", regularizers.get(regularizer))
        weight.requires_grad = trainable and self.trainable
        self.weights.append(weight)
        return weight

    @property
    def trainable(self) -> bool:
        """Whether training changes the weights; set it to freeze or unfreeze the layer."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = value
        for weight in self.weights:
            weight.requires_grad = value and weight.trainable

    @property
    def trainable_weights(self) -> list[Weight]:
        """The weights that training changes."""
        return [w for w in self.weights if w.requires_grad]

    @property
    def non_trainable_weights(self) -> list[Weight]:
        """The weights that training leaves to the layer, or that are frozen."""
        return [w for w in self.weights if not w.requires_grad]

    @property
    def losses(self) -> list[Tensor]:
        """The penalties of the regularized weights, each a scalar."""
        return [w.regularizer(w) for w in self.weights if w.regularizer]

    def count_params(self) -> int:
        """Return the number of values in all weights."""
        return sum(w.size for w in self.weights)

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of the weights, in Keras's order."""
        return [w.value.copy() for w in self.weights]

    def set_weights(self, values: Sequence[np.ndarray]) -> None:
        """Overwrite the weights with arrays of the same shapes, in Keras's order."""
        who = f"{type(self).__name__} {self.name!r}"
        if len(values) != len(self.weights):
            raise ShapeError(
                who,
                f"has {len(self.weights)} weights but {len(values)} arrays came",
                expected=f"shapes {[w.shape for w in self.weights]}",
                received={"shapes": [np.shape(v) for v in values]},
                mend="" if self.built else "Build the layer first, by calling it once.",
            )
        for weight, value in zip(self.weights, values, strict=True):
            if weight.shape != np.shape(value):  # refuse before anything is overwritten
                raise ShapeError(
                    who,
                    f"weight {weight.name!r} has another shape",
                    expected=f"shape {weight.shape}",
                    received={"shape": np.shape(value)},
                )
        for weight, value in zip(self.weights, values, strict=True):
            weight.assign(value)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal layer, as plain values."""
        return super().get_config() | {"name": self.name, "trainable": self.trainable}


def require_rank(input_shape: Shape, rank: int, layout: str, mend: str = "") -> None:
    """Refuse a shape of another rank; ``layout`` names the axes, "(N, H, W, C)"."""
    if len(input_shape) != rank:
        raise ShapeError(
            "build",
            f"input has {len(input_shape)} axes",
            expected=f"shape {layout}",
            received={"shape": tuple(input_shape)},
            mend=mend,
        )


def known_format(data_format: str | None, who: str) -> str:
    """Return where the channels are, by default the setting, or refuse an unknown place."""
    place = data_format or config.image_data_format()
    return lookup("data format", place, config.DATA_FORMATS, who)
