"""A model, or a function of tensors, as an ONNX file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from melpy import config, tape, tree
from melpy.errors import (
    ArgumentError,
    MelpyError,
    UnsupportedError,
    install,
    needing,
    signature_error,
)
from melpy.layers.phase import inferring
from melpy.layers.unchanged import unchanged
from melpy.saving.files import writable, write_atomically
from melpy.saving.notes import METADATA, notes_of
from melpy.saving.onnx_export.file import as_bytes
from melpy.saving.onnx_export.inputs import DRAWS, Place, Sizes, arrays_of, places_of, sizes_to_try
from melpy.saving.onnx_export.observer import Watch
from melpy.saving.onnx_export.passes import made_small
from melpy.saving.onnx_export.rules import RULES
from melpy.saving.onnx_export.story import CannotSayError, Run, told
from melpy.saving.onnx_export.writing import Writer, without_rule
from melpy.tensor import Tensor

__all__ = ["DEFAULT_OPSET", "OLDEST_OPSET", "export", "onnx", "runs_of", "written_onnx"]

DEFAULT_OPSET, OLDEST_OPSET = 21, 18


def onnx(who: str = "export") -> Any:
    """Return the package onnx, or say how to get it."""
    with needing(who, "ONNX files need the package onnx", install("onnx")):
        import onnx as package
    return package


def export(
    model: Any,
    filepath: Any,
    format: str | None = None,
    verbose: bool | None = None,
    input_signature: Any = None,
    **kwargs: Any,
) -> None:
    """Write a model into an ONNX file, whole or not at all.

    Parameters
    ----------
    model : model, built or called once, or with an ``input_signature``
    filepath : path that ends in ".onnx", or any with ``format="onnx"``
    format : "onnx"; by default what the path ends in
    verbose : whether to say where the file is
    input_signature : structure of things with a shape and a dtype, `InputSpec` say, for the
        model's inputs; the model's own by default. None in a shape is any size
    opset_version : int, the version of ONNX's operators; `DEFAULT_OPSET` by default

    Raises
    ------
    UnsupportedError : something in the model is not to be said in ONNX; all such things are named
    ArgumentError : another format or version; a model that does not know its inputs
    SignatureError : an unknown argument
    DependencyError : the package onnx is not installed
    FileError : the file cannot be written

    Notes
    -----
    The model runs a few times on small arrays of several sizes while its ops are watched, and
    stays as it was. What a layer keeps between calls, such as a stateful layer's states, stands
    in the file as it is now; what acts in training only, such as dropout, is not in it. What
    `melpy.saving.note` keeps with the model is among the file's metadata, as JSON.

    Examples
    --------
    >>> import melpy, os, tempfile
    >>> model = melpy.Sequential([melpy.Input((4,)), melpy.layers.Dense(2)])
    >>> path = os.path.join(tempfile.mkdtemp(), "m.onnx")
    >>> model.export(path)  # doctest: +SKIP
    """
    error = signature_error("export", ARGUMENTS, kwargs)
    if error is not None:
        raise error
    _require_onnx(filepath, format)
    package = onnx()
    opset = _known_opset(kwargs.get("opset_version"), package.defs.onnx_opset_version())
    path = writable(filepath, "export")
    structure, places = places_of(model, input_signature)
    who = f"{type(model).__name__} {model.name!r}"
    with unchanged(model):
        if not model.built:
            _build(model, structure, places)
        names = None if model._graph is None else list(model._graph.output_names)
        weights = [(w.array, w.path) for w in model.weights]
        runs = runs_of(
            lambda tensors: model(tree.pack_sequence_as(structure, tensors), training=False),
            places, model, weights,
        )  # fmt: skip
        notes = notes_of(model)
        metadata = {METADATA: json.dumps(notes)} if notes else {}
        content = written_onnx(runs, places, names, opset, who, metadata)
    write_atomically(path, content, "export")
    if verbose:
        config.say(f"Saved as ONNX: {path}")


ARGUMENTS = ("filepath", "format", "verbose", "input_signature", "opset_version")


def _require_onnx(filepath: Any, format: str | None) -> None:
    """Refuse another format than ONNX, and a path that says none."""
    if format is None and str(filepath).endswith(".onnx"):
        return
    if format != "onnx":
        raise ArgumentError(
            "export",
            "models are exported as ONNX",
            expected='a path that ends in ".onnx", or format="onnx"',
            received={"filepath": str(filepath), "format": format},
            mend="model.save writes .keras files, which Keras exports in its other formats.",
        )


def _build(model: Any, structure: Any, places: Sequence[Place]) -> None:
    """Call a model once, for its weights."""
    arrays = arrays_of(places, next(sizes_to_try(places)), 0, "whole", False)
    with tape.no_grad(), inferring():
        model(tree.pack_sequence_as(structure, [Tensor(a) for a in arrays]))


def _known_opset(version: int | None, newest: int) -> int:
    version = min(DEFAULT_OPSET, newest) if version is None else version
    if not isinstance(version, int) or not OLDEST_OPSET <= version <= newest:
        raise ArgumentError(
            "export",
            "this version of ONNX's operators is not written",
            expected=f"opset_version from {OLDEST_OPSET} to {newest}, the installed onnx's newest",
            received={"opset_version": version},
        )
    return version


def runs_of(
    function: Callable[[list[Tensor]], Any],
    places: Sequence[Place],
    model: Any,
    weights: Sequence[tuple[np.ndarray, str]],
) -> list[Run]:
    """Watch a model run on arrays of several sizes and values.

    Raises
    ------
    What the model raises if it runs for none of them.
    """
    refusal: Exception | None = None
    for sizes in sizes_to_try(places):
        for draw in DRAWS:
            try:
                return [
                    run_on(function, arrays, model, weights)
                    for arrays in _rounds(places, sizes, draw)
                ]
            except (MelpyError, ValueError, IndexError, ZeroDivisionError) as error:
                refusal = refusal or error
    raise refusal or UnsupportedError("export", "there is nothing to run")


def _rounds(places: Sequence[Place], sizes: Sizes, draw: str) -> Iterator[list[np.ndarray]]:
    """Yield inputs: some, of the same sizes with other values, and of as many sizes as it takes."""
    yield arrays_of(places, sizes, 0, draw, False)
    yield arrays_of(places, sizes, 0, draw, True)
    if sizes:
        yield arrays_of(places, sizes, 1, draw, False)
    if any(axis for _, axis in sizes):
        yield arrays_of(places, sizes, 2, draw, False)


def run_on(
    function: Callable[[list[Tensor]], Any],
    arrays: Sequence[np.ndarray],
    model: Any = None,
    weights: Sequence[tuple[np.ndarray, str]] = (),
) -> Run:
    """Watch a function run once."""
    watch = Watch()
    for array, name in weights:
        watch.enter(array, name)
    tensors = [Tensor(array) for array in arrays]
    inputs = [watch.enter(x.array, "", depends=True) for x in tensors]
    layers = [] if model is None else model.layers_inside
    kept = nullcontext() if model is None else unchanged(model)
    with kept, tape.no_grad(), inferring(), watch.of(layers):
        made = function(tensors)
        outputs = [watch.number_of(_array(y)) for y in tree.flatten(made) if y is not None]
    watch.forget_arrays()
    return Run(watch, inputs, outputs)


def _array(y: Any) -> np.ndarray:
    return y.array if isinstance(y, tape.Variable) else np.asanyarray(y)


def written_onnx(
    runs: Sequence[Run],
    places: Sequence[Place],
    output_names: Sequence[str] | None,
    opset: int,
    who: str = "export",
    metadata: Mapping[str, str] | None = None,
) -> bytes:
    """Return the bytes of a file that says what was watched.

    Raises
    ------
    UnsupportedError : that cannot be said in ONNX, and what of it cannot
    """
    try:
        story = told(runs)
    except CannotSayError as error:
        unknown = {(without_rule(e.op), e.layer) for e in runs[0].watch.events if e.op not in RULES}
        raise _refusal(who, [(str(error), ""), *sorted(unknown)]) from error
    writer = Writer(story, opset, [p.name for p in places], output_names)
    outputs: list[str] = []
    try:
        outputs = writer.write()
    except CannotSayError as error:
        if not writer.refused:
            writer.refused.append((str(error) or "an output", ""))
    if writer.refused:
        raise _refusal(who, writer.refused)
    outputs = made_small(writer.graph, outputs)
    named = list(zip(outputs, writer.output_names, strict=True))
    places = [replace(p, name=name) for p, name in zip(places, writer.input_names, strict=True)]
    return as_bytes(writer.graph, story, places, named, who, metadata or {})


def _refusal(who: str, refused: Sequence[tuple[str, str]]) -> UnsupportedError:
    """Return one error that names all that cannot be said, each with its layers."""
    layers: dict[str, list[str]] = {}
    for what, layer in refused:
        own = layers.setdefault(what, [])
        if layer and layer not in own:
            own.append(layer)
    named = [
        what + (f" in {', '.join(sorted(where))}" if where else "")
        for what, where in sorted(layers.items())
    ]
    return UnsupportedError(
        who,
        f"ONNX cannot say {'; '.join(named)}",
        expected="layers whose ops are in ONNX, and no values that NumPy reads between them",
        mend="Leave these layers out, say them by other ops, or give input_signature fixed sizes.",
    )
