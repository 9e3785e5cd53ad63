"""A few steps of one weight, by SGD and by Adam, from the same place."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from melpy import config, optimizers, random, tape, tree
from melpy.lab.asked import refused, text, whole
from melpy.lab.breaking import owners_of
from melpy.lab.layers import layers_by_path
from melpy.lab.steps import OPTIMIZERS, checked_rate
from melpy.lab.task import copy_of
from melpy.layers.drawing import stand, standing
from melpy.models.clone import fresh

__all__ = ["steps_of", "watched"]

WHO = "two optimizers"
MOST_STEPS = 60
MOST_INDEX = 2**53  # which no weight has: its own size is looked at
MOST_S = 6.0  # for each optimizer; then what is made is shown
NAMES = ("sgd", "adam")
RATES = {"sgd": 0.001, "adam": 0.001}


def watched(session: Any, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what happens to one weight in steps on the sample of a trace, always the same one.

    Parameters
    ----------
    session : Session; its network stays as it is
    asked : {"trace": id, "weight": "conv1/kernel", "index": flat index, "steps": 1 to 60,
        "rates": {"sgd": float, "adam": float}}

    Returns
    -------
    dict of plain values : "runs" holds a list of steps by optimizer's name, each as `steps_of` says
        it; "constraint" names what puts the weight back inside its limits after each step, or is
        None
    """
    steps = whole(asked, "steps", 1, MOST_STEPS, 20)
    index = whole(asked, "index", 0, MOST_INDEX, 0)
    given = asked.get("rates") or {}
    if not isinstance(given, Mapping):
        expected = '{"sgd": 0.1, "adam": 0.01}'
        raise refused("rates", given, "these are no learning rates", expected, WHO)
    rates = {name: checked_rate(given.get(name, RATES[name])) for name in NAMES}
    key = text(asked, "trace")
    (x, y), (training, seed) = session.batch_of(key), session.mode_of(key)
    name = str(asked.get("weight"))
    with config.using_kernels("im2col"):
        runs = {}
        for kind in NAMES:
            with session.lock, random.stream(0):
                model = copy_of(session.model)
                model.set_weights(session.model.get_weights())
                # The trace drew from there.
                stand(model, standing(session.model), WHO, may_lack=True)
            optimizer = OPTIMIZERS[kind](rates[kind])
            model.compile(optimizer, tree.map_structure(fresh, session.loss))
            with random.stream(seed):
                weight = weight_of(model, name)
                runs[kind] = steps_of(model, x, y, weight, index, steps, training)
    numbers = {n: getattr(optimizer, n) for n in ("beta_1", "beta_2", "epsilon")}
    limit = getattr(weight, "constraint", None)
    told = {"constraint": None if limit is None else type(limit).__name__, "numbers": numbers}
    return {"weight": name, "index": index, "rates": rates, **told, "runs": runs}


def weight_of(model: Any, name: str) -> Any:
    """Return a trained weight by a path to its layer and its own name."""
    layers, owned = layers_by_path(model), owners_of(model)
    for path in sorted({*layers, *owned}, key=len, reverse=True):
        inside = layers[path].trainable_weights if path in layers else []
        for weight in (*owned.get(path, ()), *inside):
            if name in (f"{path}/{weight.name}", f"{path}/{weight.path}"):
                return weight
    known = ", ".join(f"{path}/{weight.name}" for path, own in owned.items() for weight in own)
    raise refused("weight", name, "there is no such weight", f"one of {known}", WHO)


def steps_of(
    model: Any, x: Any, y: Any, weight: Any, index: int, count: int, training: bool = True
) -> list[dict[str, float | int]]:
    """Make steps on one batch; return what happened to one value of one weight.

    Returns
    -------
    list of dicts, one a step: "t" from 1, "loss" before the step, "before", "gradient", "after",
        "step" = after - before; of Adam also "m", "v" (after averaging), "m_hat", "v_hat"
    """
    if index >= weight.size:
        expected = f"0 to {weight.size - 1}"
        raise refused("index", index, f"{weight.name} has no such value", expected, WHO)
    optimizer, weights = model.optimizer, model.trainable_weights
    at = next(n for n, one in enumerate(weights) if one is weight)
    made: list[dict[str, float | int]] = []
    end_s = time.monotonic() + MOST_S
    while len(made) < count and time.monotonic() < end_s:
        loss = model.compute_loss(x, y, model(x, training=training), training=training)
        gradients = tape.gradients(loss, weights)
        before = _at(weight.array, index)
        optimizer.apply(gradients, weights)
        after, t = _at(weight.array, index), len(made) + 1
        made.append({
            "t": t, "loss": float(np.mean(np.asarray(loss))), "before": before,
            "gradient": _at(gradients[at], index), "after": after, "step": after - before,
            **_moments(optimizer, weight, index, t),
        })  # fmt: skip
        if not all(map(math.isfinite, made[-1].values())):
            made.pop()  # JSON knows no infinity; the steps before it show where it goes
            break
    return made


def _moments(optimizer: Any, weight: Any, index: int, t: int) -> dict[str, float]:
    if not isinstance(optimizer, optimizers.Adam):
        return {}
    m = _at(optimizer._flat.view("momentum", weight).array, index)
    v = _at(optimizer._flat.view("velocity", weight).array, index)
    return {
        "m": m, "v": v,
        "m_hat": m / (1 - optimizer.beta_1**t), "v_hat": v / (1 - optimizer.beta_2**t),
    }  # fmt: skip


def _at(array: Any, index: int) -> float:
    return float(np.asarray(array).reshape(-1)[index])
