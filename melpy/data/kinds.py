"""Which source the batches of whatever a model was given come from."""

from __future__ import annotations

from typing import Any

from melpy.data.classes import ClassWeight, class_weights, refuse_balanced
from melpy.data.py_dataset import PyDataset
from melpy.data.ready import DatasetSource, IterableSource
from melpy.data.samples import Samples
from melpy.data.source import ArraySource, Source, is_arrays, only_weight
from melpy.errors import ArgumentError, DtypeError

__all__ = ["source_of"]


def source_of(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    shuffle: bool | str = False,
    class_weight: ClassWeight | None = None,
    steps: int | None = None,
    who: str = "fit",
) -> Source:
    """Return the source of whatever data a model was given.

    Parameters
    ----------
    x : arrays, nested lists of numbers, or an iterable of batches, which brings its own y
    y, sample_weight : as in `Samples`
    batch_size : int > 0, for arrays; as in `ArraySource`
    shuffle : bool, for arrays and for a `PyDataset`, or "batch" for arrays
    class_weight : weight of each class's samples, "balanced" for arrays, or None
    steps : int > 0 or None, batches an epoch
    who : str, in messages
    """
    if is_arrays(x):
        samples = Samples(x, y, sample_weight, who)
        if class_weight is not None:
            weight = class_weights(samples.y, class_weight, who)
            samples.weight = only_weight(weight, samples.weight, who)
        return ArraySource(samples, batch_size, shuffle, steps, who)
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ArgumentError(
                who,
                f"x brings batches of its own, so {name} is not taken",
                expected=f"batches (x, y) or (x, y, sample_weight), and {name}=None",
                received={"x": type(x).__name__},
            )
    refuse_balanced(class_weight, who)
    if isinstance(x, PyDataset):
        return DatasetSource(x, steps, shuffle, class_weight, who)  # type: ignore[arg-type]
    if not hasattr(x, "__iter__"):
        raise DtypeError(
            who,
            "x is neither arrays nor batches",
            expected="an array, a list or dict of arrays, a PyDataset, a Loader or a generator",
            received={"x": type(x).__name__},
        )
    return IterableSource(x, steps, class_weight, who)  # type: ignore[arg-type]
