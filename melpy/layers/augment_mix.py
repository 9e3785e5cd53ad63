"""Layers that put parts of images, or other images, into images at random while training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import ops, random
from melpy.errors import ArgumentError, UnsupportedError
from melpy.layers.augment import Factor, RandomImageLayer, count, each, interval, range_of
from melpy.layers.base import Shape
from melpy.layers.boxes import known_boxes
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
    Input (N, H, W, C) or (H, W, C), output of the same shape. Source: Z. Zhong et al., Random
    erasing data augmentation (2020).
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

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return which images are changed, which of their pixels, and what is put there."""
        N = count(shape)
        sides = np.sqrt(self.evenly((N, 2), self.scale, seed)).T
        chosen = self.evenly((N,), (0.0, 1.0), seed) < self.evenly((N,), self.factor, seed)
        inside, _ = rectangles(self, shape, sides, seed)
        return {
            "apply_erasing": chosen,
            "batch_masks": inside,
            "fill_value": self._filling(shape, seed),
        }

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images, a part of some erased; of one, a batch of one, as in Keras."""
        images = ops.cast(images, self.dtype)
        if training and transformation is not None and images.ndim == 3:
            images = ops.expand_dims(images, 0)
        return super().transform_images(images, transformation, training)

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images, a part of some erased."""
        chosen = each(transformation["apply_erasing"])
        inside = ops.convert_to_numpy(transformation["batch_masks"]) & chosen
        filling = ops.cast(transformation["fill_value"], images.dtype)
        return ops.where(inside, filling, images)

    def _filling(self, shape: Any, seed: Any) -> np.ndarray:
        low, high = self.value_range
        if self.fill_value is None:
            source = self.generator if seed is None else seed
            batch = (count(shape), *shape[-3:])
            values = random.normal(batch, dtype=self.dtype, seed=source).reshape(shape) * high
        else:
            values = np.asarray(self.fill_value, float)
            if values.ndim and self.data_format == "channels_first":
                values = values.reshape(3, 1, 1)
        return np.broadcast_to(np.clip(values, low, high), shape)


class MixUp(RandomImageLayer):
    """While training, y = w x + (1 - w) x' with another image x' of the batch; labels as well.

    Parameters
    ----------
    alpha : float > 0: an image's w is drawn from the beta distribution of (alpha, alpha)
    data_format : "channels_last", "channels_first", or None for the setting
    seed : int or None, for the next one of the process's stream

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape; the labels keep theirs too. Call it
    on a dict of "images" and "labels", of floats, (N, C). Source: H. Zhang et al., mixup: beyond
    empirical risk minimization (2018).

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

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return the w, and with which image each one is mixed."""
        N = count(shape)
        source = self.generator if seed is None else seed
        return {
            "mix_weight": random.beta((N,), self.alpha, self.alpha, seed=source),
            "permutation_order": random.shuffle(np.arange(N), seed=source),
        }

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the mixed images."""
        images = ops.cast(images, self.dtype)
        if not training or transformation is None:
            return images
        return _mixed(images, *_others(transformation), axes=4)

    def transform_labels(
        self, labels: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the labels, mixed as their images are."""
        if not training or transformation is None:
            return labels
        return _mixed(ops.cast(labels, self.dtype), *_others(transformation))

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the masks, mixed as their images are."""
        return self.transform_images(segmentation_masks, transformation, training)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the boxes of both images."""
        if not training or transformation is None:
            return bounding_boxes
        made = known_boxes(bounding_boxes, "MixUp")
        others, _ = _others(transformation)

        def both(x: Any) -> Any:
            axis = min(1, len(x.shape) - 1)
            return ops.concatenate([x, ops.take(x, others, axis=0)], axis=axis)

        return {**made, "boxes": both(made["boxes"]), "labels": both(made["labels"])}


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
    Input (N, H, W, C) or (H, W, C), output of the same shape; the labels keep theirs too. Call it
    on a dict of "images" and "labels", of floats, (N, C): those of the two images are mixed by
    their areas. Source: S. Yun et al., CutMix (2019).
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

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any] | None:
        """Return which pixels come from which other image, and what share does not."""
        if len(shape) == 3:
            return None  # there is no other image
        N = count(shape)
        source = self.generator if seed is None else seed
        alpha = self.evenly((), self.factor, seed) + 1e-6
        side = np.sqrt(1 - random.beta((N,), alpha, alpha, seed=source))
        inside, area = rectangles(self, shape, np.stack([side, side]), seed)
        return {
            "permutation_order": random.shuffle(np.arange(N), seed=source),
            "batch_masks": inside,
            "mix_weight": each(1 - area),
        }

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images, a rectangle of each from another one."""
        others, _ = _others(transformation)
        inside = ops.convert_to_numpy(transformation["batch_masks"])
        return ops.where(inside, ops.take(images, others, axis=0), images)

    def transform_labels(
        self, labels: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the labels, mixed by the areas of the images."""
        if not training or transformation is None:
            return labels
        return _mixed(ops.cast(labels, self.dtype), *_others(transformation))

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the masks, mixed as their images are."""
        return self.transform_images(segmentation_masks, transformation, training)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Refuse them: what a box surrounds may be cut out."""
        raise UnsupportedError(
            "CutMix",
            "boxes are not mixed: what one surrounds may be cut out",
            expected='"images" and "labels"',
            mend="MixUp mixes boxes.",
        )


def rectangles(
    layer: RandomImageLayer, shape: Shape, sides: np.ndarray, seed: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a rectangle in each image.

    Parameters
    ----------
    layer : whose generator draws
    shape : of images (N, H, W, C) or (H, W, C), channels first in such a layer
    sides : (2, N), the rectangles' shares of height and of width
    seed : of the draws, None for the layer's own

    Returns
    -------
    which pixels are inside, (N, H, W, C); and each rectangle's share of the area, (N,)
    """
    N = sides.shape[1]
    inside, area = np.ones((N, *shape[-3:]), bool), np.ones(N)
    for axis, share in zip((layer.height_axis, layer.width_axis), sides, strict=True):
        size = shape[axis] or 0
        length = share * size
        start = layer.evenly((N,), (0.0, 1.0), seed) * (size - length)
        places = np.arange(size)
        line = (places >= start[:, np.newaxis]) & (places < (start + length)[:, np.newaxis])
        beside = [N, 1, 1, 1]
        beside[axis] = size
        inside &= line.reshape(beside)
        area = area * share
    return inside, area


def _others(transformation: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return with which image each one is mixed, and the shares that stay."""
    names = ("permutation_order", "mix_weight")
    order, weight = (ops.convert_to_numpy(transformation[name]) for name in names)
    return order, weight.ravel()


def _mixed(x: Any, others: np.ndarray, w: np.ndarray, axes: int | None = None) -> Any:
    """Return w x + (1 - w) x' with w beside as many axes, those of x by default."""
    share = w.reshape(-1, *[1] * ((axes or x.ndim) - 1)).astype(x.dtype)
    other = ops.take(x, others, axis=0)
    return ops.add(ops.multiply(x, share), ops.multiply(other, 1 - share))
