"""Weights of PyTorch's and Keras's own, array by array, for a model that was built here.

A file holds arrays by names, "layer1.0.conv1.weight": those of one module go to one layer, turned
as its weights lie here. Which module goes to which layer a map says, or their names, or what fits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from melpy.errors import ArgumentError, DataError, MissingFileError, ShapeError, lookup
from melpy.layers.parts import Parts
from melpy.saving.files import reading
from melpy.saving.foreign_layouts import LAYOUTS, of_keras, of_torch
from melpy.saving.npz_file import arrays_in
from melpy.saving.safetensors_file import safetensors
from melpy.saving.state import tell_not_finite

__all__ = ["load_foreign_weights"]

Modules = dict[str, dict[str, np.ndarray]]
WHO = "load_foreign_weights"
ENDINGS = (".safetensors", ".npz")
PASSED_OVER = ("num_batches_tracked",)  # counts, of which nothing follows at inference


def load_foreign_weights(
    model: Any,
    filepath: Any,
    names: Mapping[str, str | None] | None = None,
    layout: str = "torch",
    partial: bool = False,
) -> None:
    """Read weights that PyTorch or Keras wrote, and lay them out as the model's layers have them.

    Kernels of convolutions (D, C, kH, kW) become (kH, kW, C, D), those of dense layers are
    transposed, behind a Flatten of images also from (C, H, W) to (H, W, C); an LSTM's two biases
    are added, a GRU's gates r z n become z r n, and running means are moving means.

    Parameters
    ----------
    model : a built model
    filepath : path of a ".safetensors" or an ".npz" file: arrays by the names that a PyTorch
        ``state_dict`` has, "conv1.weight", or Keras's variables, "conv2d/kernel"
    names : dict of the model's layers to the file's modules, ``{"conv2d": "conv1"}``; None in the
        place of a module leaves the layer as it is. Layers that it does not name, all of them by
        default, take the module of their own name; or else what alone fits in kind and shapes, in
        the file's order where several do: ".npz" keeps it, ".safetensors" does not
    layout : "torch", or "keras" for arrays that lie as they do here
    partial : bool, whether layers without a module, and modules without a layer, are passed over

    Raises
    ------
    ArgumentError : another kind of file, a name that no layer or no module has
    ShapeError : layers without a module, or modules without a layer, all of them at once
    DataError : a damaged file; the model stays as it was

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import melpy
    >>> model = melpy.Sequential([melpy.Input((2,)), melpy.layers.Dense(3, name="fc")])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/linear.npz"
    ...     np.savez(path, **{"fc.weight": np.ones((3, 2)), "fc.bias": np.zeros(3)})
    ...     load_foreign_weights(model, path)
    >>> model.get_weights()[0].shape
    (2, 3)
    """
    split = lookup("layout", layout, LAYOUTS, WHO)
    if not str(filepath).endswith(ENDINGS):
        raise ArgumentError(
            WHO, "unknown kind of file", expected=f"a name that ends in {' or '.join(ENDINGS)}",
            received={"filepath": str(filepath)},
            mend="A .pt file is a pickle, which runs code: write it as safetensors where it was "
            "made. Keras's own files are read by load_weights.",
        )  # fmt: skip
    if not model.built:
        raise ShapeError(WHO, "the model has no weights yet",
                         mend="Begin it with an Input, or call it once.")  # fmt: skip
    with reading(filepath, WHO, "arrays by name"):
        if not Path(filepath).is_file():
            raise MissingFileError(WHO, "there is no such file", expected="a file of weights")
        arrays = _arrays(Path(filepath), model)
        modules: Modules = split(arrays)
        layers = dict(_holders(model))
        _require_known(names or {}, layers, modules)
        ordered = str(filepath).endswith(".npz")
        found = _matched(layers, modules, names or {}, layout, ordered)
        _require_all(layers, modules, found, names or {}, partial)
        for name, (_, own) in found.items():
            layers[name].set_weights(own)
    tell_not_finite(model, WHO)


def _arrays(path: Path, model: Any) -> dict[str, np.ndarray]:
    """Return a file's arrays by name, without counts that say nothing."""
    content = path.read_bytes()
    if path.suffix == ".npz":
        most = 2 * len(content) + sum(w.size * 8 for w in model.weights) + 2**20
        arrays = arrays_in(content, most)
    else:
        arrays = safetensors().load(content)
    kept = {k: v for k, v in arrays.items() if k.rpartition(".")[2] not in PASSED_OVER}
    wrong = [key for key, array in kept.items() if array.dtype.kind not in "fiub"]
    if wrong:
        raise DataError(WHO, f"the array {wrong[0]!r} holds no numbers", expected="numbers")
    return kept


def _holders(thing: Any, path: str = "") -> Any:
    """Yield the layers that take a module's arrays, by name; those inside others by a path."""
    for layer in thing.layers if hasattr(thing, "layers") else thing._children():
        name = f"{path}{layer.name}"
        inner = hasattr(layer, "layers") and isinstance(layer, Parts)
        if inner or (not layer._own_weights() and of_torch(layer) is None):
            yield from _holders(layer, f"{name}/")
        elif layer.weights:
            yield name, layer


def _require_known(names: Mapping[str, Any], layers: Mapping[str, Any], modules: Modules) -> None:
    strange = [name for name in names if name not in layers]
    lacking = [name for name in names.values() if name is not None and name not in modules]
    if strange or lacking:
        raise ArgumentError(
            WHO, "the map names what is not there",
            expected=f"layers of {', '.join(layers)}, and modules of {', '.join(modules)}",
            received={"layers": strange, "modules": lacking},
        )  # fmt: skip


def _fitting(layer: Any, module: Mapping[str, np.ndarray], layout: str) -> list[Any] | None:
    """Return a module's arrays as a layer's weights, None where they are another layer's."""
    rule = of_torch(layer) if layout == "torch" else of_keras(layer)
    if rule is None:
        return None
    try:
        arrays = rule(layer, module)
    except (KeyError, ValueError, IndexError):  # it has other arrays, or of other ranks
        return None
    fits = [np.shape(a) for a in arrays] == [w.shape for w in layer.weights]
    return list(arrays) if fits else None


Found = dict[str, tuple[str, list[Any]]]


def _matched(
    layers: Mapping[str, Any], modules: Modules, names: Mapping[str, str | None], layout: str,
    ordered: bool,
) -> Found:  # fmt: skip
    """Return, by layer, the module that goes there and its arrays."""
    found: Found = {}

    def take(name: str, module: str) -> bool:
        arrays = _fitting(layers[name], modules[module], layout)
        if arrays is not None:
            found[name] = module, arrays
        return arrays is not None

    for name, module in names.items():
        if module is not None:
            take(name, module)
    for name in layers:
        if name not in names and name in modules:
            take(name, name)
    used = {module for module, _ in found.values()} | {m for m in names.values() if m}
    rest = [name for name in layers if name not in found and name not in names]
    fits = {
        name: [m for m in modules if m not in used
               and _fitting(layers[name], modules[m], layout) is not None]
        for name in rest
    }  # fmt: skip
    for name in rest:
        left = [m for m in fits[name] if m not in used]
        if left and (ordered or len(fits[name]) == 1):
            take(name, left[0])
            used.add(left[0])
    return found


def _require_all(
    layers: Mapping[str, Any], modules: Modules, found: Found, names: Mapping[str, str | None],
    partial: bool,
) -> None:  # fmt: skip
    """Refuse, all at once, what has no partner."""
    used = {module for module, _ in found.values()}
    alone = [name for name in layers if name not in found and names.get(name, "") is not None]
    left = [name for name in modules if name not in used]
    misfits = [name for name in alone if names.get(name)]
    if (partial and not misfits) or not (alone or left):
        return

    def told(name: str, shapes: Sequence[Any]) -> str:
        return f"{name} {[tuple(shape) for shape in shapes]}"

    raise ShapeError(
        WHO, f"{len(alone)} layers have no module, and {len(left)} modules no layer",
        expected="a module for each layer, of its kind and shapes",
        received={
            "layers": [told(n, [w.shape for w in layers[n].weights]) for n in alone],
            "modules": [told(n, [a.shape for a in modules[n].values()]) for n in left],
        },
        mend="Say which go together by names={layer: module}, or pass partial=True.",
    )  # fmt: skip
