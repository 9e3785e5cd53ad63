"""Where in an image a class comes from: saliency, by pixels, and Grad-CAM, by a layer's maps."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from melpy import activations, tape, tree
from melpy.errors import ArgumentError, ShapeError, lookup
from melpy.tensor import Tensor

__all__ = ["grad_cam", "saliency"]

ENDS = ("softmax", "sigmoid")


def saliency(model: Any, x: Any, index: Any = None) -> np.ndarray:
    """Return how much each pixel moves a class's score: s = max over channels of |dz_c/dx|.

    Parameters
    ----------
    model : model of one input (N, H, W, C) and one output (N, classes), with a graph: functional,
        or a built Sequential
    x : array (N, H, W, C), images as the model takes them
    index : int, or array (N,) of ints, the class; None for the one that the model finds likeliest

    Returns
    -------
    array (N, H, W) of numbers >= 0

    Notes
    -----
    z is what the last softmax or sigmoid is given: its own gradient vanishes where the model is
    sure.

    Source: K. Simonyan, A. Vedaldi and A. Zisserman 2014, Deep inside convolutional networks.

    Examples
    --------
    >>> import melpy
    >>> model = melpy.Sequential([melpy.Input((4, 4, 1)), melpy.layers.Flatten(),
    ...                           melpy.layers.Dense(2, "softmax", kernel_initializer="ones")])
    >>> saliency(model, np.zeros((1, 4, 4, 1)), 1)[0, 0].tolist()
    [1.0, 1.0, 1.0, 1.0]
    """
    x = _images(model, x, "saliency")
    leaf = Tensor(x, requires_grad=True)
    z = _logits(model, leaf, None)[0]
    return np.abs(_gradient(z, leaf, index, "saliency")).max(axis=-1)


def grad_cam(model: Any, x: Any, layer: Any = None, index: Any = None) -> np.ndarray:
    """Return which places of a layer's maps speak for a class: ReLU(sum_k a_k A_k).

    a_k is the mean over places of dz_c/dA_k, for the maps A (N, H', W', K) of the layer.

    Parameters
    ----------
    model, x, index : as in `saliency`
    layer : name of a layer with maps (N, H', W', K), or the layer; None for the last one

    Returns
    -------
    array (N, H', W') of numbers >= 0, each image's by its own largest, 1

    Notes
    -----
    Source: R. Selvaraju et al. 2017, Grad-CAM: visual explanations from deep networks.

    Examples
    --------
    >>> import melpy
    >>> model = melpy.Sequential([melpy.Input((6, 6, 1)), melpy.layers.Conv2D(2, 3),
    ...                           melpy.layers.Flatten(), melpy.layers.Dense(2, "softmax")])
    >>> grad_cam(model, np.ones((1, 6, 6, 1))).shape
    (1, 4, 4)
    """
    x = _images(model, x, "grad_cam")
    at = _with_maps(model, layer)
    z, maps = _logits(model, Tensor(x), at)
    g = _gradient(z, maps, index, "grad_cam")
    A = maps.array
    if getattr(at, "data_format", None) == "channels_first":
        g, A = np.moveaxis(g, 1, -1), np.moveaxis(A, 1, -1)
    weights = g.mean(axis=(1, 2), keepdims=True)  # (N,1,1,K)
    cam = np.maximum((weights * A).sum(axis=-1), 0)
    most = cam.max(axis=(1, 2), keepdims=True)
    return cam / np.where(most > 0, most, 1)


def _images(model: Any, x: Any, who: str) -> np.ndarray:
    x = np.asarray(x, model.dtype)
    ends = [len(getattr(model, side, None) or ()) for side in ("inputs", "outputs")]
    if x.ndim != 4 or not len(x) or ends != [1, 1]:
        raise ShapeError(
            who,
            "these are no images for a model of one input and one output",
            expected="x of shape (N, H, W, C), and a functional model or a built Sequential",
            received={"x.shape": x.shape},
        )
    return x


def _with_maps(model: Any, layer: Any) -> Any:
    """Return the layer of that name, or the last one that makes maps."""
    made = {
        call.function.name: call.function
        for call in model._whole_graph().calls
        if hasattr(call.function, "weights") and len(tree.flatten(call.outputs)[0].shape) == 4
    }
    if layer is None and made:
        return list(made.values())[-1]
    if layer is None:
        raise ArgumentError("grad_cam", "no layer makes maps", expected="a convolutional network")
    return lookup("layer with maps", getattr(layer, "name", layer), made, "grad_cam")


def _logits(model: Any, x: Any, at: Any) -> tuple[Any, Any]:
    """Return what the last softmax or sigmoid is given, and the output of a layer, as a leaf."""
    graph = model._whole_graph()
    values, leaf = dict(graph.begin(x)), None
    end = graph.ends[0]
    for call in graph.calls:
        function, is_last = call.function, any(y is end for y in tree.flatten(call.outputs))
        if is_last and _is_activation(function):
            return values[id(call.inputs[0])], leaf
        if is_last and getattr(function, "_graph", None) is not None:  # a model inside
            return _logits(function, values[id(call.inputs[0])], at)
        if is_last and hasattr(function, "activation"):
            made = _without_activation(function)(values[id(call.inputs[0])])
        else:
            made = call.run(values)
        if function is at:
            made = leaf = Tensor(np.asarray(made), requires_grad=True)
        pairs = zip(tree.flatten(call.outputs), tree.flatten(made), strict=True)
        values |= {id(symbol): value for symbol, value in pairs}
    return values[id(end)], leaf


def _is_activation(function: Any) -> bool:
    """Return whether this is a softmax or a sigmoid alone: a layer, or an op."""
    kind = type(function).__name__
    return kind in ("Softmax", "Activation") or getattr(function, "__name__", "") in ENDS


def _without_activation(layer: Any) -> Any:
    """Return a layer of the same weights; the model's own may be at work in another thread."""
    made = copy.copy(layer)
    vars(made)["activation"] = activations.linear
    return made


def _gradient(z: Any, leaf: Any, index: Any, who: str) -> np.ndarray:
    """Return dz_c/dleaf, for a class c of each image."""
    if z.ndim != 2:
        raise ShapeError(
            who, "the model tells no classes", expected="one output of shape (N, classes)",
            received={"output.shape": z.shape},
        )  # fmt: skip
    N, classes = z.shape
    given = z.array.argmax(axis=1) if index is None else np.asarray(index)
    chosen = np.broadcast_to(given, (N,)) if given.shape in ((), (N,)) else given
    if (
        chosen.shape != (N,)
        or chosen.dtype.kind not in "iu"
        or chosen.min() < 0
        or chosen.max() >= classes
    ):
        raise ArgumentError(
            who, "there is no such class",
            expected=f"an int from 0 to {classes - 1}, or {N} of them",
            received={"index": index},
        )  # fmt: skip
    rows = np.zeros(z.shape, z.dtype)
    rows[np.arange(N), chosen] = 1
    return tape.gradients((z * rows).sum(), [leaf])[0]
