"""Layers that put parts of images, or other images, into images at random while training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import ops
from melpy.errors import ArgumentError
from melpy.layers.augment import Factor, RandomImageLayer, interval, range_of
from melpy.layers.checks import not_negative

__all__ = ["CutMix", "MixUp", "RandomErasing"]


class RandomErasing(RandomImageLayer):
    """While training, fill a rectangle of some images.

    Parameters
    ----------
    factor : two floats in [0, 1], between which the probability lies, drawn for each image; or one
        f, for [0, f)
    scale : two floats in [0, 1], between which the squares of the rectangle's shares of height and
        of width lie; or one
    fill_value : float, or one a channel, or None for noise
    value_range : (low, high), between which the values of the images lie
    seed : int or None, for the next one of the process's stream
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Source: Z. Zhong et al., Random erasing data augmentation (2020).
    """

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: Factor = (0.02, 0.33),
        fill_value: Any = None,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        who = "RandomErasing"
        self.factor = interval(factor, "factor", who, low=0.0)
        self.scale = interval(scale, "scale", who, low=0.0)
        self.value_range = range_of(value_range, who)
        if fill_value is not None and np.shape(fill_value) not in ((), (3,)):
            raise ArgumentError(
                who,
                "fill_value is no colour",
                expected="a number, or three",
                received={"fill_value": fill_value},
            )
        self.fill_value = fill_value

    def change(self, images: Any) -> Any:
        """Return the images, a part of some erased."""
        sides = np.sqrt(self.generator.uniform(*self.scale, (2, _count(images))))
        chosen = self.draw(images, (0.0, 1.0)) < self.draw(images, self.factor)
        inside, _ = rectangles(self, images, sides)
        return ops.where(inside & chosen, self._filling(images), images)

    def _filling(self, images: Any) -> np.ndarray:
        low, high = self.value_range
        if self.fill_value is None:
            values = self.generator.normal(size=images.shape) * high
        else:
            values = np.asarray(self.fill_value, float)
            if values.ndim and self.data_format == "channels_first":
                values = values.reshape(3, 1, 1)
        return np.clip(values, low, high).astype(images.dtype)


class MixUp(RandomImageLayer):
    """While training, y = w x + (1 - w) x' with another image x' of the batch; labels as well.

    Parameters
    ----------
    alpha : float > 0: an image's w is drawn from the beta distribution of (alpha, alpha)
    data_format : "channels_last", "channels_first", or None for the setting
    seed : int or None, for the next one of the process's stream

    Notes
    -----
    Call it on a dict of "images" and "labels", of floats, (N, C). Source: H. Zhang et al., mixup:
    beyond empirical risk minimization (2018).

    Examples
    --------
    >>> data = {"images": np.ones((2, 4, 4, 3)), "labels": np.eye(2)}
    >>> mixed = MixUp(seed=0)(data)
    >>> mixed["labels"].numpy().sum(axis=1)
    array([1., 1.], dtype=float32)
    """

    def __init__(
        self,
        alpha: float = 0.2,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        self.alpha = not_negative(alpha, "alpha", "MixUp")

    def changed(self, data: dict[str, Any], training: bool) -> dict[str, Any]:
        """Return the mixed images, and their labels if there are some."""
        images = ops.cast(data["images"], self.dtype)
        self.size(images.shape)
        if not training or images.ndim < 4:
            return {"images": images}
        N = len(images)
        others, w = self.generator.permutation(N), self.generator.beta(self.alpha, self.alpha, N)
        return {"images": _mixed(images, others, w), **_labels(self, data, others, w)}


class CutMix(RandomImageLayer):
    """While training, put a rectangle of another image of the batch into each; mix the labels.

    Parameters
    ----------
    factor : two floats in [0, 1], between which alpha lies: the share that is not cut out is drawn
        from the beta distribution of (alpha, alpha); or one f, for [0, f)
    seed : int or None, for the next one of the process's stream
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Call it on a dict of "images" and "labels", of floats, (N, C): those of the two images are mixed
    by their areas. Source: S. Yun et al., CutMix (2019).
    """

    def __init__(
        self,
        factor: Factor = 1.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.factor = interval(factor, "factor", "CutMix", low=0.0)

    def changed(self, data: dict[str, Any], training: bool) -> dict[str, Any]:
        """Return the mixed images, and their labels if there are some."""
        images = ops.cast(data["images"], self.dtype)
        self.size(images.shape)
        if not training or images.ndim < 4:
            return {"images": images}
        N = len(images)
        alpha = self.generator.uniform(*self.factor) + 1e-6
        side = np.sqrt(1 - self.generator.beta(alpha, alpha, N))
        inside, area = rectangles(self, images, np.stack([side, side]))
        others = self.generator.permutation(N)
        mixed = ops.where(inside, ops.take(images, others, axis=0), images)
        return {"images": mixed, **_labels(self, data, others, 1 - area)}


def _count(images: Any) -> int:
    return images.shape[0] if images.ndim == 4 else 1


def rectangles(
    layer: RandomImageLayer, images: Any, sides: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a rectangle in each image.

    Parameters
    ----------
    layer : whose generator draws
    images : array, (N, H, W, C) or (H, W, C), channels first in such a layer
    sides : (2, N), the rectangles' shares of height and of width

    Returns
    -------
    which pixels are inside, with an axis of 1 for the channels; and each one's share of the area
    """
    inside, area = np.ones(1, bool), np.ones(sides.shape[1])
    for axis, share in zip((layer.height_axis, layer.height_axis + 1), sides, strict=True):
        size = images.shape[axis]
        length = share * size
        start = layer.generator.uniform(size=len(share)) * (size - length)
        places = np.arange(size)
        line = (places >= start[:, np.newaxis]) & (places < (start + length)[:, np.newaxis])
        shape = [len(share), 1, 1, 1]
        shape[axis] = size
        inside = inside & line.reshape(shape)
        area = area * share
    return (inside if images.ndim == 4 else inside[0]), area


def _mixed(x: Any, others: np.ndarray, w: np.ndarray) -> Any:
    share = w.reshape(-1, *[1] * (x.ndim - 1)).astype(x.dtype)
    other = ops.take(x, others, axis=0)
    return ops.add(ops.multiply(x, share), ops.multiply(other, 1 - share))


def _labels(
    layer: RandomImageLayer, data: dict[str, Any], others: np.ndarray, w: np.ndarray
) -> dict[str, Any]:
    """Return the labels, mixed as their images are, if there are some."""
    if "labels" not in data:
        return {}
    return {"labels": _mixed(ops.cast(data["labels"], layer.dtype), others, w)}
