"""How the weights of PyTorch's modules, and of Keras's layers, lie in the layers here."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from melpy import layers, tree
from melpy.errors import UnsupportedError
from melpy.layers.conv import Conv
from melpy.layers.conv_transpose import ConvTranspose

__all__ = ["LAYOUTS", "of_keras", "of_torch"]

Module = Mapping[str, np.ndarray]
Rule = Callable[[Any, Module], Sequence[Any]]


def torch_modules(arrays: Module) -> dict[str, dict[str, np.ndarray]]:
    """Return the arrays of each module; of a recurrent one of several layers, those of each."""
    made: dict[str, dict[str, np.ndarray]] = {}
    several = {name.rpartition(".")[0] for name in arrays if re.search(r"_l[1-9]\d*", name)}
    for name, array in arrays.items():
        module, _, kind = name.rpartition(".")
        if module.endswith("out_proj"):  # a part of an attention
            outer = module.removesuffix("out_proj").rstrip(".")
            prefix = f"{outer}." if outer else ""
            if f"{prefix}in_proj_weight" in arrays:
                module, kind = outer, f"out_proj.{kind}"
        level = re.search(r"_l(\d+)(_reverse)?$", kind)
        if level:
            module = f"{module}.l{level[1]}" if module in several else module
            kind = kind[: level.start()] + (level[2] or "")
        made.setdefault(module, {})[kind] = array
    return made


def keras_modules(arrays: Module) -> dict[str, dict[str, np.ndarray]]:
    """Return the arrays of each layer, "net/dense/kernel:0" is the kernel of "net/dense"."""
    made: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        layer, _, kind = name.partition(":")[0].rpartition("/")
        made.setdefault(layer, {})[kind] = array
    return made


LAYOUTS = {"torch": torch_modules, "keras": keras_modules}


def of_keras(layer: Any) -> Rule | None:
    """Return the rule of arrays that lie as they do here: each by its weight's name."""
    return lambda own, module: [module[w.name] for w in _all_of(own, module)]


def _all_of(layer: Any, module: Module) -> Sequence[Any]:
    if len(layer.weights) != len(module):
        raise KeyError("it has more arrays, or fewer")
    return layer.weights


def of_torch(layer: Any) -> Rule | None:
    """Return the rule of a layer's kind of module in PyTorch, None where there is none."""
    return next((rule for kind, rule in RULES if isinstance(layer, kind)), None)


def _with_bias(layer: Any, module: Module, kernel: Any) -> list[Any]:
    used = ["weight", "bias"] if layer.use_bias else ["weight"]
    _require(module, used)
    return [kernel, module["bias"]] if layer.use_bias else [kernel]


def _require(module: Module, kinds: Sequence[str]) -> None:
    """Raise a KeyError unless a module has arrays of these kinds alone."""
    if set(module) != set(kinds):
        raise KeyError(f"it has {sorted(module)}")


def _dense(layer: Any, module: Module) -> list[Any]:
    """(D, C) -> (C, D); behind a Flatten of images from (C H W, D) to (H W C, D)."""
    return _with_bias(layer, module, _as_flattened_here(layer, module["weight"].T))


def _as_flattened_here(layer: Any, array: Any) -> Any:
    """Return an array (F, ...) whose F, behind a Flatten of images, goes from C H W to H W C."""
    if len(array) != layer.weights[0].shape[0]:  # another layer's
        return array
    image = _image_before(layer)
    if image is None or np.prod(image) != len(array):
        return array
    *sizes, C = image
    turned = np.moveaxis(array.reshape(C, *sizes, *array.shape[1:]), 0, len(sizes))
    return turned.reshape(array.shape)


def _image_before(layer: Any) -> tuple[int, ...] | None:
    """Return the shape (H, W, C) of the images that a layer sees flattened, or None.

    What keeps the vector's shape on the way, layers and ops of any kind, keeps its order too.
    """
    call = layer._calls[0] if layer._calls else None
    while call is not None and call.inputs:
        x = call.inputs[0]
        if call.function is not layer and len(x.shape) > 2:  # this call made a vector of images
            known = None not in x.shape[1:] and x.call is not None and bool(x.call.inputs)
            return tuple(x.shape[1:]) if known else None
        call = x.call
        if call is None or not call.inputs:
            return None
        flat, given = tree.flatten(call.outputs), call.inputs[0]
        size = math.prod(n or 0 for n in given.shape[1:])
        if len(flat) != 1 or size != flat[0].shape[-1]:  # another vector, such as a Dense's
            return None
        _require_order(call.function)
    return None


def _require_order(function: Any) -> None:
    """Refuse what may put a vector in another order, or flatten images where nobody sees it."""
    if getattr(function, "_graph", None) is not None:
        raise UnsupportedError(
            "load_foreign_weights",
            f"in which order {function.name!r}, a model inside, makes a vector is not known here",
            expected="layers of one model between the images and the first Dense",
            mend="Give a map of names for the other layers, and set this one's weights by hand.",
        )


def _conv(layer: Any, module: Module) -> list[Any]:
    """(D, C, kH, kW) -> (kH, kW, C, D)."""
    return _with_bias(layer, module, np.moveaxis(module["weight"], (1, 0), (-2, -1)))


def _depthwise(layer: Any, module: Module) -> list[Any]:
    """(C M, 1, kH, kW) -> (kH, kW, C, M)."""
    w, times = module["weight"], layer.depth_multiplier
    if w.shape[1] != 1:
        raise ValueError("it is not depthwise")
    kernel = w.reshape(w.shape[0] // times, times, *w.shape[2:])
    return _with_bias(layer, module, np.moveaxis(kernel, (0, 1), (-2, -1)))


def _batch_norm(layer: Any, module: Module) -> list[Any]:
    """weight, bias, running_mean, running_var are gamma, beta and the moving averages."""
    own = ["weight"] * layer.scale + ["bias"] * layer.center + ["running_mean", "running_var"]
    _require(module, own)
    return [_as_flattened_here(layer, module[name]) for name in own]


def _norm(layer: Any, module: Module) -> list[Any]:
    """weight and bias are gamma and beta."""
    own = ["weight"] * layer.scale + ["bias"] * layer.center
    _require(module, own)
    return [_as_flattened_here(layer, module[name]) for name in own]


def _alone(layer: Any, module: Module) -> list[Any]:
    _require(module, ["weight"])
    return [module["weight"]]


def _prelu(layer: Any, module: Module) -> list[Any]:
    """(C,) -> (1, 1, C), or (1,) for one slope of all."""
    _require(module, ["weight"])
    return [module["weight"].reshape(layer.weights[0].shape)]


GATES = {"LSTM": [0, 1, 2, 3], "GRU": [1, 0, 2], "SimpleRNN": [0]}  # Keras's among PyTorch's


def _recurrent(layer: Any, module: Module, end: str = "") -> list[Any]:
    """weight_ih (GD, C) -> kernel (C, GD); the biases added, but those of a GRU."""
    order, D = GATES[type(layer).__name__], layer.units
    if not getattr(layer, "reset_after", True) and len(module[f"weight_ih{end}"]) == 3 * D:
        raise UnsupportedError(
            "load_foreign_weights",
            f"{layer.name!r} resets before the product, PyTorch's GRU after it",
            expected="GRU(reset_after=True)",
        )
    if not end and any(kind.endswith("_reverse") for kind in module):
        raise KeyError("it runs both ways")

    def turned(kind: str) -> Any:
        rows = module[f"{kind}{end}"]
        if len(rows) != D * len(order):
            raise ValueError("it has other gates")
        return np.concatenate([rows[n * D : (n + 1) * D] for n in order])

    arrays = [turned("weight_ih").T, turned("weight_hh").T]
    if layer.use_bias:
        of_x, of_h = turned("bias_ih"), turned("bias_hh")
        both = type(layer).__name__ == "GRU" and layer.reset_after
        arrays.append(np.stack([of_x, of_h]) if both else of_x + of_h)
    elif f"bias_ih{end}" in module:
        raise KeyError("it has a bias")
    return arrays


def _both_ways(layer: Any, module: Module) -> list[Any]:
    forward = {kind: array for kind, array in module.items() if not kind.endswith("_reverse")}
    back = _recurrent(layer.backward_layer, module, "_reverse")
    return [*_recurrent(layer.forward_layer, forward), *back]


def _attention(layer: Any, module: Module) -> list[Any]:
    """in_proj_weight (3 E, E) -> query, key and value (E, heads, D); out_proj -> (heads, D, E)."""
    E = module["out_proj.weight"].shape[0]
    heads = layer.num_heads
    kinds: list[Any] = []
    for n in range(3):
        part = slice(n * E, (n + 1) * E)
        kinds.append(module["in_proj_weight"][part].T.reshape(E, heads, -1))
        if layer.use_bias:
            kinds.append(module["in_proj_bias"][part].reshape(heads, -1))
    kinds.append(module["out_proj.weight"].T.reshape(heads, -1, E))
    return [*kinds, module["out_proj.bias"]] if layer.use_bias else kinds


# The first kind that a layer is of says how its module's arrays lie.
RULES: list[tuple[Any, Rule]] = [
    (layers.Dense, _dense),
    (ConvTranspose | Conv, _conv),
    (layers.DepthwiseConv1D | layers.DepthwiseConv2D, _depthwise),
    (layers.BatchNormalization, _batch_norm),
    (layers.LayerNormalization | layers.GroupNormalization, _norm),
    (layers.Embedding, _alone),
    (layers.PReLU, _prelu),
    (layers.Bidirectional, _both_ways),
    (layers.LSTM | layers.GRU | layers.SimpleRNN, _recurrent),
    (layers.MultiHeadAttention, _attention),
]
