"""The networks that `melpy train` knows: the paper's, those for data of one's own, and files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from melpy import layers, models, random, tree
from melpy.errors import ArgumentError, ShapeError, lookup
from melpy.experiments.architectures import ARCHITECTURES, rows_of
from melpy.experiments.task import Task
from melpy.layers.augment import RandomImageLayer
from melpy.saving import H5

__all__ = [
    "DEFAULTS", "NETWORKS", "Recipe", "again", "built", "end_of", "grafted", "is_file", "recipe",
    "without_augmentation",
]  # fmt: skip

DEFAULTS = {"images": "cnn", "table": "mlp"}
ENDINGS = (".keras", *H5, ".onnx")  # of files that hold a whole model
FILTERS = (32, 64, 128, 256)


@dataclass(frozen=True)
class Recipe:
    """How a network is trained unless the user says otherwise.

    ``rows`` makes the layers of a sample's shape, without those of the output; None for a network
    of the paper's, or of a file.
    """

    epochs: int
    batch_size: int
    rate: float
    rows: Callable[[Sequence[int]], list[Any]] | None = None


def _cnn(shape: Sequence[int]) -> list[Any]:
    """Convolutions by twos until the image is small; its mean is what is told by."""
    rows: list[Any] = []
    size = min(shape[:2])
    for filters in FILTERS:
        # No batch normalization: its means lag behind in the few steps that small folders make.
        rows.append(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        if size < 4:
            break
        rows.append(layers.MaxPooling2D(2))
        size //= 2
    return [*rows, layers.GlobalAveragePooling2D(), layers.Dropout(0.2)]


def _mlp(shape: Sequence[int]) -> list[Any]:
    return [layers.Dense(64, activation="relu"), layers.Dense(64, activation="relu")]


NETWORKS = {
    "images": {"cnn": Recipe(20, 32, 1e-3, _cnn)},
    "table": {"mlp": Recipe(50, 32, 1e-3, _mlp), "linear": Recipe(50, 32, 1e-2, lambda _: [])},
}
OF_A_FILE = Recipe(10, 32, 3e-4)


def is_file(model: str) -> bool:
    """Return whether a ``--model`` is a file or a run; a name goes before a folder of that name."""
    if model in ARCHITECTURES or any(model in known for known in NETWORKS.values()):
        return False
    return model.lower().endswith(ENDINGS) or Path(model).exists()


def recipe(model: str, kind: str) -> Recipe:
    """Return how a network is trained on data of a kind.

    Parameters
    ----------
    model : a network's name, or the path of a model's file or of a run
    kind : "dataset", "images" or "table"

    Raises
    ------
    UnknownNameError : no network for such data is called so
    """
    if is_file(model):
        return OF_A_FILE
    papers = {name: Recipe(one.epochs, one.batch_size, one.learning_rate)
              for name, one in ARCHITECTURES.items()}  # fmt: skip
    known = NETWORKS["table"] if kind == "table" else papers | NETWORKS["images"]
    return lookup("model", model, known, "train")


def built(name: str, shape: Sequence[int], task: Task, before: Callable[[], list[Any]], seed: int):
    """Return a network with new weights, which begins with the layers that ``before`` makes.

    Parameters
    ----------
    name : a network's name
    shape : of a sample, (H, W, C) or (K,)
    task : what it is to tell
    before : function that returns layers: augmentation, scaling
    seed : int, restarts the process's stream of seeds, so that weights repeat
    """
    random.set_seed(seed)
    if name in ARCHITECTURES:
        rows = rows_of(name, tuple(shape), task.outputs)
    else:
        made = (NETWORKS["images"] | NETWORKS["table"])[name].rows
        rows = [*(made(shape) if made else []), *_outputs(task)]
    return models.Sequential([models.Input(tuple(shape)), *before(), *rows], name=name)


def _outputs(task: Task, suffix: str = "") -> list[Any]:
    """Return the layers that a network for a task ends with."""
    if task.is_of_classes:
        return [layers.Dense(task.outputs, activation="softmax", name=f"classes{suffix}")]
    # The network gives numbers about 0; the last layer brings them to the target's unit.
    number = layers.Dense(1, name=f"number{suffix}")
    return [number, layers.Rescaling(task.spread, task.mean, name=f"unit{suffix}")]


def grafted(
    base: Any, task: Task, before: Callable[[], list[Any]], seed: int, begin: Any = None
) -> Any:
    """Return a file's model for a task; where its classes are others, with a new end.

    Its layers train on from the file's weights, behind those that ``before`` makes; of a table's
    model those behind ``begin``, which is the part of it that makes a vector of the columns.

    Raises
    ------
    ShapeError : it has several outputs, or gives no vector
    """
    random.set_seed(seed)
    end = base.outputs[0]
    if len(base.outputs) != 1 or len(end.shape) != 2:
        raise ShapeError(
            "train",
            "the model of the file gives no vector for a sample",
            expected="one output of shape (N, classes)",
            received={"outputs": [tuple(x.shape) for x in base.outputs]},
        )
    ends_in_classes = end_of(base) == "softmax"
    is_whole = end.shape[-1] == task.outputs and ends_in_classes == task.is_of_classes
    first = base.inputs[0] if begin is None else begin.outputs[0]
    start = models.Input(tuple(first.shape[1:]))
    y = start
    for layer in before():
        y = layer(y)
    y = again(base, y, end if is_whole else _features(end), first)
    if not is_whole:
        for layer in _outputs(task, "_anew"):
            y = layer(y)
    return models.Model(start, y, name=base.name)


def again(base: Any, start: Any, end: Any = None, first: Any = None) -> Any:
    """Return what a model's graph makes of another start, as far as one of its tensors.

    Parameters
    ----------
    base : model
    start : symbolic tensor
    end : the tensor to stop at, None for the model's output
    first : the tensor in whose place ``start`` comes, None for the model's input
    """
    end = base.outputs[0] if end is None else end
    values = {id(base.inputs[0] if first is None else first): start}
    for call in base._whole_graph().calls:
        if id(end) in values:
            break
        if all(id(x) in values for x in call.inputs):  # not what comes before the start
            values |= _by_tensor(call, call.run(values))
    return values[id(end)]


def without_augmentation(model: Any) -> Any:
    """Return a model of the same layers but those that change images while training alone.

    It infers the same, and faster.
    """
    calls = model._whole_graph().calls
    if not any(isinstance(call.function, RandomImageLayer) for call in calls):
        return model
    start = models.Input(tuple(model.inputs[0].shape[1:]))
    values = {id(model.inputs[0]): start}
    for call in calls:
        made = values[id(call.inputs[0])]
        if not isinstance(call.function, RandomImageLayer):
            made = call.run(values)
        values |= _by_tensor(call, made)
    return models.Model(start, values[id(model.outputs[0])], name=model.name)


def _by_tensor(call: Any, made: Any) -> dict[int, Any]:
    """Return what stands for each tensor that a call made."""
    pairs = zip(tree.flatten(call.outputs), tree.flatten(made), strict=True)
    return {id(x): y for x, y in pairs}


def end_of(model: Any) -> str:
    """Return the name of what a model does last: "softmax", "sigmoid", "linear", ...

    An identity does nothing: some exporters leave one behind all else.
    """
    call = model.outputs[0].call
    while isinstance(call.function, layers.Identity) and call.inputs[0].call.inputs:
        call = call.inputs[0].call
    return _activation(call.function)


def _activation(function: Any) -> str:
    if isinstance(function, layers.Softmax):
        return "softmax"
    if isinstance(function, models.Model):
        return end_of(function)
    name = getattr(getattr(function, "activation", None), "__name__", None)
    return str(name or getattr(function, "name", "linear")).rstrip("_0123456789")


def _features(end: Any) -> Any:
    """Return what the last layer with weights is given."""
    call = end.call
    while not getattr(call.function, "weights", None):
        if len(call.inputs) != 1 or call.inputs[0].call is None or not call.inputs[0].call.inputs:
            raise ArgumentError(
                "train",
                "the end of the file's model cannot be replaced",
                expected="a last layer with weights, such as Dense",
                mend="Give it as many outputs as there are classes.",
            )
        call = call.inputs[0].call
    return call.inputs[0]
