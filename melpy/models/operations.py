"""Operations between layers, x + y or ops.mean(x), as Keras's files describe them.

Keras writes each as an object of a class of its own, "keras.src.ops.numpy" "LeakyRelu", whose
config has the options and whose call has the arrays.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Mapping
from typing import Any

from melpy import ops
from melpy.errors import ArgumentError, lookup

__all__ = ["Operation", "described_operation", "operation_of"]

# Where Keras has the class, if not in keras.src.ops.numpy.
ROOMS = {
    "nn": "average_pool celu conv conv_transpose depthwise_conv elu gelu glu hard_shrink "
    "hard_sigmoid hard_silu hard_tanh leaky_relu log_sigmoid log_softmax max_pool one_hot relu "
    "relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid "
    "sparsemax squareplus tanh_shrink threshold",
    "math": "erf erfinv in_top_k logdet logsumexp rsqrt segment_max segment_sum top_k",
    "core": "cast scatter scatter_update slice slice_update stop_gradient unstack",
    "linalg": "cholesky det inv norm solve",
    "image": "affine_transform resize",
}
ROOM_OF = {name: room for room, names in ROOMS.items() for name in names.split()}
# Ours alone: Keras has no such class.
NO_CLASS = {
    "batch_norm", "batch_normalization", "bias_activation", "exponential", "gru",
    "layer_normalization", "linear", "lstm", "mish", "simple_rnn", "softmax_cross_entropy",
}  # fmt: skip
# What Python's own comparisons of tensors are called.
COMPARISONS: dict[Callable[..., Any], Callable[..., Any]] = {
    operator.gt: ops.greater, operator.ge: ops.greater_equal, operator.lt: ops.less,
    operator.le: ops.less_equal, operator.eq: ops.equal, operator.ne: ops.not_equal,
}  # fmt: skip
# What is an option here and an array of the call in Keras.
IN_CALL = {
    "affine_transform": ("transform",), "digitize": ("bins",), "full_like": ("fill_value",),
    "get_item": ("key",), "isclose": ("rtol", "atol"), "pad": ("constant_values",),
    "quantile": ("q",), "take": ("indices",),
}  # fmt: skip


class Operation:
    """An op with its options, called on arrays: what a description of Keras's means.

    Parameters
    ----------
    name : str, the name of a function of `melpy.ops`
    options : dict of what its class's config has
    """

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        self.name = name
        self.function = getattr(ops, name)
        known = inspect.signature(self.function).parameters
        unknown = [key for key in options if key not in known and options[key]]
        if unknown:
            raise ArgumentError(
                "from_config",
                f"the operation {name!r} has no option {unknown[0]!r}",
                expected=f"some of {', '.join(known)}",
                received={unknown[0]: options[unknown[0]]},
            )
        self.options = {key: value for key, value in options.items() if key in known}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the op."""
        if self.name == "get_item":
            args = (args[0], _as_key(args[1]))
        kwargs = {key: value for key, value in kwargs.items() if value is not None}
        return self.function(*args, **kwargs, **self.options)


def _as_key(key: Any) -> Any:
    return tuple(key) if isinstance(key, list) else key


def operation_of(entry: Mapping[str, Any]) -> Operation | None:
    """Return the operation that a graph's entry describes, None for a layer's entry."""
    if not str(entry.get("module")).startswith("keras.src.ops."):
        return None
    known = {_class_name(name): name for name in dir(ops) if callable(getattr(ops, name))}
    name = lookup("operation", entry["class_name"], known, "from_config")
    options = {key: value for key, value in entry["config"].items() if key != "name"}
    return Operation(name, options)


def described_operation(
    function: Callable[..., Any], args: tuple, kwargs: Mapping[str, Any], name: str
) -> tuple[dict[str, Any], tuple, dict[str, Any]]:
    """Return Keras's description of one use of an op, and the arguments of its call.

    Raises
    ------
    ArgumentError : Keras has no class for it
    """
    function = COMPARISONS.get(function, function)
    op = getattr(function, "__name__", "")
    if op in NO_CLASS or getattr(ops, op, None) is not function:
        raise ArgumentError(
            "get_config",
            f"the model computes {op or function!r} outside of layers, for which Keras has no name",
            expected="a graph of layers and of operations of keras.ops",
            mend="Put it into a layer of your own.",
        )
    parameters = inspect.signature(function).parameters.values()
    arrays = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
    options = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    if variadic and isinstance(args[0], str):  # einsum("ij,jk", a, b)
        config, args = {options[0]: args[0]}, args[1:]
    else:
        ahead = 1 if variadic else len(arrays)
        config, args = dict(zip(options, args[ahead:], strict=False)), args[:ahead]
    inside = {key: value for key, value in kwargs.items() if key in arrays}
    config |= {key: value for key, value in kwargs.items() if key in options}
    for key in IN_CALL.get(op, ()):
        if key in config:
            args = (*args, config.pop(key))
    class_name = _class_name(op)
    entry = {
        "module": f"keras.src.ops.{ROOM_OF.get(op, 'numpy')}",
        "class_name": class_name,
        "config": {"name": name, **config},
        "registered_name": class_name,
        "name": name,
    }
    return entry, args, inside


def _class_name(op: str) -> str:
    """Return the class that Keras has for an op: leaky_relu is LeakyRelu."""
    return "".join(part.capitalize() for part in op.split("_"))
