"""Of a model of several outputs, the Lab shows one: the part of it that leads there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from melpy import models
from melpy.experiments.opened import Opened

__all__ = ["of_one_output"]


def of_one_output(found: Opened) -> tuple[Opened, tuple[str, ...]]:
    """Return a model that is opened, or the part that leads to its first output, with its loss.

    Returns
    -------
    found : Opened; its weights stay shared with the whole model's
    names : of all outputs, where there are several; else empty
    """
    whole = found.model
    if len(getattr(whole, "outputs", None) or []) < 2:
        return found, ()
    names = tuple(whole.output_names)
    part = models.Model(whole.inputs, whole.outputs[0], name=whole.name)
    loss = _first(whole.loss, names[0]) if whole.compiled else None
    if loss is not None:
        optimizer = whole.optimizer
        part.compile(type(optimizer).from_config(optimizer.get_config()), loss)
    return replace(found, model=part, task=None), names


def _first(loss: Any, name: str) -> Any:
    """Return the first output's loss, of one for all, a list or a dict of them."""
    if isinstance(loss, dict):
        return loss.get(name)
    return loss[0] if isinstance(loss, list | tuple) else loss
