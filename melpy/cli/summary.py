"""melpy summary: what a model is made of."""

from __future__ import annotations

import argparse
from typing import Any

from melpy import tree
from melpy.cli.output import Output
from melpy.cli.parsing import add_command, model_argument

__all__ = ["parser", "run"]

EXAMPLES = (
    ("melpy summary runs/digits-lenet5", "the layers of a run's model"),
    ("melpy summary model.keras --nested", "and those of the models inside it"),
    ("melpy summary model.onnx --json", "for a program"),
)


def parser(commands: Any) -> None:
    """Say what the command takes."""
    made = add_command(
        commands, "summary", run,
        help="show a model's layers, shapes and parameters",
        description="Show a model's layers with their output shapes and numbers of parameters, "
        "its inputs and outputs, and what its file says of them.",
        examples=EXAMPLES,
    )  # fmt: skip
    model_argument(made)
    made.add_argument("--nested", action="store_true", help="show the layers of models inside")


def run(arguments: argparse.Namespace, out: Output) -> int:
    """Show."""
    from melpy.experiments.opened import opened

    found = opened(arguments.model, "summary")
    model, about = found.model, described(found)
    if out.is_json:
        out.json({**about, "layers": [_layer(layer) for layer in model.layers]})
        return 0
    model.summary(print_fn=out.write, expand_nested=arguments.nested)
    for name in ("task", "target", "classes", "columns"):
        if about.get(name):
            value = about[name]
            out.write(f"  {name}: {', '.join(value) if isinstance(value, list) else value}")
    return 0


def described(found: Any) -> dict[str, Any]:
    """Return what is known of a model, as plain values."""
    model, task = found.model, found.task
    ends = {side: getattr(model, side, None) or [] for side in ("inputs", "outputs")}
    made: dict[str, Any] = {
        "file": found.path,
        "name": model.name,
        "parameters": sum(w.size for w in model.weights),
        "trainable_parameters": sum(w.size for w in model.trainable_weights),
    }
    for side, tensors in ends.items():
        made[side] = [{"shape": list(x.shape), "dtype": str(x.dtype)} for x in tensors]
    if task is not None:
        made |= {"task": task.kind, "target": task.target, "classes": list(task.class_names)}
    return made | {"columns": [column.name for column in found.columns]}


def _layer(layer: Any) -> dict[str, Any]:
    shapes = [list(x.shape) for call in layer._calls[-1:] for x in tree.flatten(call.outputs)]
    return {
        "name": layer.name,
        "class": type(layer).__name__,
        "output_shape": shapes[0] if len(shapes) == 1 else shapes,
        "parameters": layer.count_params() if layer.built else None,
        "trainable": bool(layer.trainable_weights),
    }
