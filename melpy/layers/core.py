"""Dense layers: what every network is made of."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from melpy import activations, custom, initializers, ops
from melpy.configurable import is_ours
from melpy.errors import ArgumentError, DtypeError, ShapeError, UnknownClassError
from melpy.layers.arguments import Shape
from melpy.layers.base import Layer
from melpy.layers.checks import NO_ACTIVATION, positive
from melpy.layers.input_spec import InputSpec
from melpy.layers.joining import Joint, activation_after, folded
from melpy.layers.variable import Variable

__all__ = ["Dense", "EinsumDense", "Identity", "Lambda"]


class Dense(Layer):
    """y = act(x W + b), on the last axis.

    Parameters
    ----------
    units : int > 0, D
    activation : name or function, None for none
    use_bias : bool
    kernel_initializer, bias_initializer : initializers
    kernel_regularizer, bias_regularizer, activity_regularizer : regularizers or None
    kernel_constraint, bias_constraint : constraints or None

    Notes
    -----
    Input (..., C), output (..., D); weights: kernel (C, D), bias (D,).

    Examples
    --------
    >>> import numpy as np
    >>> Dense(2, kernel_initializer="ones")(np.array([[1.0, 2.0]]))
    Tensor([[3., 3.]], dtype=float32, requires_grad=True)
    """

    whole = True
    joins = True
    supports_masking = True
    none_means = NO_ACTIVATION
    activates_last = True
    implied = ("activity_regularizer",)

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = positive(units, "units", type(self).__name__)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.rules("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.rules("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.bias: Variable | None = None

    def build(self, input_shape: Shape) -> None:
        """Make kernel (C, D) and bias (D,)."""
        if len(input_shape) < 2 or not input_shape[-1]:
            raise ShapeError(
                "build",
                "the last axis must have a known, positive size",
                expected="shape (N, ..., C)",
                received={"shape": tuple(input_shape)},
            )
        self.kernel = self.ruled_weight("kernel", (input_shape[-1], self.units))
        if self.use_bias:
            self.bias = self.ruled_weight("bias", (self.units,))

    def _own_spec(self) -> InputSpec:
        axes = {-1: self.kernel.shape[0]} if self.built else None
        return InputSpec(min_ndim=2, axes=axes)

    def call(self, inputs: Any) -> Any:
        """Return act(x W + b)."""
        self._check(inputs)
        if self.bias is None:
            x = ops.matmul(inputs, self.kernel)  # (..., C) (C, D) -> (..., D)
            return x if self.activation is activations.linear else self.activation(x)
        return activations.dense(inputs, self.kernel, self.bias, self.activation)

    def _check(self, inputs: Any) -> None:
        """Refuse another number of features than the kernel was built for."""
        if inputs.shape[-1] != self.kernel.shape[0]:
            raise ShapeError(
                "call",
                f"input has {inputs.shape[-1]} features but the kernel was built for "
                f"{self.kernel.shape[0]}",
                expected=f"shape (N, ..., {self.kernel.shape[0]})",
                received={"shape": tuple(inputs.shape)},
                mend="Build a new layer for this input; images may miss a Flatten before it.",
            )

    def joined(self, following: Sequence[Any]) -> Joint | None:
        """Return the layer with an activation; at inference with a normalization before that."""
        act, count = activation_after(self.activation, following)
        if act and count and self.use_bias:
            return Joint(
                1, lambda x: self.stand_in(lambda y: self._one(y, self.kernel, self.bias, act), x)
            )
        scaling = following[0].as_scaling(None)
        if scaling is None or self.activation is not activations.linear:
            return None
        act, count = activation_after(self.activation, following[1:])
        row = following[: 1 + count]
        return folded(self, scaling, row, lambda x, w, b: self._one(x, w, b, act))

    def _one(self, x: Any, kernel: Any, bias: Any, act: Any) -> Any:
        """Return act(x W + b) as one operation."""
        self._check(x)
        return ops.dense(x, kernel, bias, activation=act[0], slope=act[1])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return (..., D)."""
        return (*input_shape[:-1], self.units)


class EinsumDense(Layer):
    """y = act(einsum(equation, x, W) + b).

    Parameters
    ----------
    equation : str such as "abc,cde->abde": the input's axes, the kernel's, the output's; "..."
        stands for any axes of the input
    output_shape : int or tuple of ints, the output's sizes without the batch axis; None for an
        axis whose size is the input's
    activation : name or function, None for none
    bias_axes : str, the output's axes along which there is a bias, or None for no bias
    kernel_initializer, bias_initializer : initializers
    kernel_regularizer, bias_regularizer, activity_regularizer : regularizers or None
    kernel_constraint, bias_constraint : constraints or None

    Notes
    -----
    Input (N, ...), output (N, ...), with the axes that the equation names; weights: kernel, of the
    sizes of its letters, and a bias of those of bias_axes.

    Examples
    --------
    >>> import numpy as np
    >>> EinsumDense("abc,cde->abde", (None, 2, 5))(np.ones((3, 4, 6))).shape
    (3, 4, 2, 5)
    """

    whole = True
    none_means = NO_ACTIVATION
    activates_last = True

    def __init__(
        self,
        equation: str,
        output_shape: int | Sequence[int | None],
        activation: Any = None,
        bias_axes: str | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        sides = equation.replace(" ", "").replace("->", ",").split(",")
        if len(sides) != 3 or "->" not in equation:
            raise ArgumentError(
                "EinsumDense",
                "the equation has another form",
                expected="input,kernel->output, such as 'ab,bc->ac'",
                received={"equation": equation},
            )
        self.equation, self.bias_axes = equation, bias_axes
        self.input_axes, self.kernel_axes, self.output_axes = sides
        sizes = (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        self.partial_output_shape = sizes
        self.activation = activations.get(activation)
        self.rules("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.rules("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.bias: Variable | None = None

    def _sizes(self, input_shape: Shape) -> dict[str, int | None]:
        """Return the size of each axis; those of "..." under numbers."""
        rank = len(input_shape)
        axes = _spelled(self.input_axes, rank)
        sizes: dict[str, int | None] = dict(zip(axes, input_shape, strict=True))
        letters = self.output_axes.replace("...", "")
        inner = letters if self.output_axes.startswith("...") else letters[1:]  # without batch
        for axis, size in zip(inner, self.partial_output_shape[-len(inner) :], strict=True):
            if size is not None:
                sizes[axis] = size
        return sizes

    def build(self, input_shape: Shape) -> None:
        """Make the kernel, and the bias where there is one."""
        sizes = self._sizes(input_shape)
        unknown = [axis for axis in self.kernel_axes if sizes.get(axis) is None]
        if unknown:
            raise ArgumentError(
                "build",
                f"the size of the kernel's axis {unknown[0]!r} is not known",
                expected="axes that stand in the input or in the output, of known sizes",
                received={"equation": self.equation, "shape": tuple(input_shape)},
            )
        self.kernel = self.ruled_weight("kernel", [sizes[axis] for axis in self.kernel_axes])
        self._begin_as_matrix(sizes)
        if self.bias_axes:
            before, _, after = self.output_axes.partition("...")
            elided = [axis for axis in sizes if axis.isdigit() and "..." in self.output_axes]
            axes = [*before, *elided, *after]
            first = min(axes.index(axis) for axis in self.bias_axes)
            shape = [sizes[axis] if axis in self.bias_axes else 1 for axis in axes[first:]]
            self.bias = self.ruled_weight("bias", shape)

    def _begin_as_matrix(self, sizes: dict[str, Any]) -> None:
        """Draw the kernel anew as a matrix of what is summed over by what is made.

        An initializer takes its fans from a matrix's two sizes; of more axes it would take all but
        the last two for an image's.
        """
        summed = [axis for axis in self.kernel_axes if axis not in self.output_axes]
        made = [axis for axis in self.kernel_axes if axis in self.output_axes]
        if len(self.kernel_axes) < 3 or not summed or not made:
            return
        shape = [math.prod(sizes[axis] for axis in axes) for axes in (summed, made)]
        start: Any = initializers.get(self.kernel_initializer)
        drawn = np.asarray(start(tuple(shape), self.dtype))
        axes = summed + made
        drawn = drawn.reshape([sizes[axis] for axis in axes])
        self.kernel.assign(drawn.transpose([axes.index(axis) for axis in self.kernel_axes]))

    def call(self, inputs: Any) -> Any:
        """Return act(einsum(equation, x, W) + b)."""
        shared = next(
            n
            for n in range(len(self.kernel_axes), -1, -1)
            if n == 0 or self.input_axes.endswith(self.kernel_axes[:n])
        )
        rest = self.input_axes[: len(self.input_axes) - shared] + self.kernel_axes[shared:]
        made = self.kernel.shape[shared:]
        is_product = bool(shared) and rest == self.output_axes
        if is_product and self.bias is not None and self.bias.shape == made:
            return self._dense(inputs, shared, made)
        if is_product:
            y = ops.tensordot(inputs, self.kernel, axes=shared)
        else:
            y = ops.einsum(self.equation, inputs, self.kernel)
        return self.activation(y if self.bias is None else y + self.bias)

    def _dense(self, inputs: Any, shared: int, made: tuple[int, ...]) -> Any:
        """Return act(x W + b), with the axes that are summed over, and those made, as one each."""
        leading = inputs.shape[: inputs.ndim - shared]
        C, D = math.prod(self.kernel.shape[:shared]), math.prod(made)
        x, kernel = ops.reshape(inputs, (*leading, C)), ops.reshape(self.kernel, (C, D))
        bias = ops.reshape(self.bias, (D,))
        within, after = self.activation, activations.linear
        if within not in activations.FUSED:  # it may look along the axes that are made
            within, after = after, within
        return after(ops.reshape(activations.dense(x, kernel, bias, within), (*leading, *made)))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the output's shape."""
        sizes = self._sizes(input_shape)
        elided = [axis for axis in sizes if axis.isdigit()]
        before, dots, after = self.output_axes.partition("...")
        axes = [*before, *(elided if dots else ()), *after]
        return tuple(sizes[axis] for axis in axes)


def _spelled(axes: str, rank: int) -> list[str]:
    """Return one name for each of ``rank`` axes: numbers in the place of "..."."""
    before, dots, after = axes.partition("...")
    missing = rank - len(before) - len(after)
    if missing < 0 or (missing and not dots):
        raise ShapeError(
            "EinsumDense",
            f"input has {rank} axes",
            expected=f"the axes {axes}",
        )
    return [*before, *(str(n) for n in range(missing)), *after]


class Identity(Layer):
    """y = x, (...) -> (...)."""

    whole = True
    supports_masking = True
    needs_build = False

    def call(self, inputs: Any) -> Any:
        """Return the input."""
        return inputs

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape


class Lambda(Layer):
    """y = function(x). A file holds the function's name, never its code.

    So a model with a Lambda is saved where the function was defined with ``def``, and loaded where
    `saving.register_keras_serializable` or ``custom_objects`` tell what its name means. With a
    ``lambda``, only its weights are saved, by ``save_weights``. Input of any shape, output of the
    shape that ``function`` gives.

    Parameters
    ----------
    function : callable of one tensor, made of ops
    output_shape : accepted as in Keras; shapes are found by running the function
    mask : mask or function of (inputs, mask) that returns the output's mask
    arguments : dict of further arguments of the function
    """

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise DtypeError(
                "Lambda",
                "this is no function",
                expected="a callable of one tensor",
                received={"type": type(function).__name__},
            )
        self.function, self.mask = function, mask
        self.arguments = arguments or {}
        self.supports_masking = mask is not None

    def call(self, inputs: Any) -> Any:
        """Return function(x)."""
        return self.function(inputs, **self.arguments)

    @property
    def is_code(self) -> bool:
        """Whether one of its functions has no name by which it could be found again."""
        functions = [f for f in map(self._arguments.get, FUNCTIONS) if callable(f)]
        return any(
            not isinstance(f, FunctionType) or f.__name__ == "<lambda>" or is_ours(f)
            for f in functions
        )

    @classmethod
    def from_config(cls, config: Any, custom_objects: Any = None, safe_mode: Any = None) -> Any:
        """Return the layer whose functions are registered; no description brings along code."""
        with custom.CustomObjectScope(custom_objects):
            functions = {name: _named(config[name]) for name in FUNCTIONS if name in config}
        return super().from_config({**config, **functions})

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        """Return the mask that the constructor was given."""
        return self.mask(inputs, mask) if callable(self.mask) else self.mask


FUNCTIONS = ("function", "output_shape", "mask")  # which arguments of a Lambda may be some


def _named(value: Any) -> Any:
    """Return the function that a description names, what describes none as it is."""
    if isinstance(value, str):  # as a config holds one of the library's
        value = {"class_name": "function", "config": value}
    if not isinstance(value, Mapping) or "class_name" not in value:
        return value
    found = custom.found({**value, "config": custom.unwrapped(value)})
    if isinstance(found, FunctionType):
        return found
    raise UnknownClassError(
        "from_config",
        "a Lambda layer is code, which no description may bring along",
        expected="the name of a function that is registered or among custom_objects",
        received={"function": value.get("config")},
        mend="Define it with def, and register it with register_keras_serializable.",
    )
