"""Layers that are made of other layers, one after another: all of them, or some at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from melpy import ops, random, tree
from melpy.errors import ArgumentError
from melpy.layers.arguments import listed, taken_arguments
from melpy.layers.augment import (
    Factor,
    RandomBrightness,
    RandomContrast,
    RandomImageLayer,
    interval,
    range_of,
)
from melpy.layers.augment_color import (
    RandomColorDegeneration,
    RandomHue,
    RandomPosterization,
    RandomSaturation,
    RandomSharpness,
)
from melpy.layers.augment_geometry import RandomRotation, RandomShear, RandomTranslation
from melpy.layers.augment_tone import AutoContrast, Equalization, Solarization
from melpy.layers.base import Layer, Shape
from melpy.layers.checks import not_negative, positive
from melpy.layers.images import ImageLayer
from melpy.layers.nesting import layer_of
from melpy.tensor import mask_of

__all__ = ["AugMix", "Pipeline", "RandAugment", "RandomColorJitter"]


class Pipeline(Layer):
    """Apply layers one after another, as one layer: for a dataset's ``map``, say.

    Parameters
    ----------
    layers : layers, in order
    name : str or None

    Notes
    -----
    Input of any shape that the first layer takes, output of the shape that the last one gives.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy.layers import CenterCrop, Rescaling
    >>> Pipeline([CenterCrop(2, 2), Rescaling(2.0)])(np.ones((4, 4, 1))).numpy().ravel()
    array([2., 2., 2., 2.], dtype=float32)
    """

    def __init__(self, layers: Sequence[Any], name: str | None = None) -> None:
        super().__init__(name=name)
        self._pipeline_layers = [layer_of(one) for one in listed("Pipeline", layers)]
        self.takes_text = any(layer.takes_text for layer in self._pipeline_layers[:1])

    @property
    def layers(self) -> list[Layer]:
        """The layers."""
        return self._pipeline_layers

    def call(self, inputs: Any, training: bool = True, mask: Any = None) -> Any:
        """Return what the last layer makes of it."""
        for layer in self.layers:
            takes_mask = mask is not None and "mask" in taken_arguments(type(layer)).names
            inputs = layer(inputs, **({"mask": mask} if takes_mask else {}))
            mask = tree.map_structure(mask_of, inputs)
        return inputs

    @classmethod
    def from_config(cls, config: Any) -> Pipeline:
        """Make a pipeline, with new weights, from `get_config`'s result."""
        if not isinstance(config.get("layers"), list | tuple):
            raise ArgumentError(
                "Pipeline.from_config",
                "this describes no pipeline",
                expected='a dict with a list of "layers"',
                received={"config": config},
            )
        return super().from_config(config)


class RandomColorJitter(RandomImageLayer):
    """While training, change brightness, contrast, saturation and hue, in this order.

    Parameters
    ----------
    value_range : (low, high), between which the values of the images lie
    brightness_factor, contrast_factor, saturation_factor, hue_factor : the factor of
        `RandomBrightness`, `RandomContrast`, `RandomSaturation`, `RandomHue`; None leaves it out
    seed : int or None, for the next one of the process's stream
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape.
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        brightness_factor: Factor | None = None,
        contrast_factor: Factor | None = None,
        saturation_factor: Factor | None = None,
        hue_factor: Factor | None = None,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.value_range = range_of(value_range, "RandomColorJitter")
        self.brightness_factor, self.contrast_factor = brightness_factor, contrast_factor
        self.saturation_factor, self.hue_factor = saturation_factor, hue_factor
        kinds: list[tuple[Any, str, Factor | None]] = [
            (RandomBrightness, "random_brightness", brightness_factor),
            (RandomContrast, "random_contrast", contrast_factor),
            (RandomSaturation, "random_saturation", saturation_factor),
            (RandomHue, "random_hue", hue_factor),
        ]
        options = {"value_range": self.value_range, "seed": seed, "data_format": data_format}
        self._steps = []
        for kind, name, factor in kinds:
            setattr(self, name, None if factor is None else kind(factor, **options))
            self._steps += [] if factor is None else [name]

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return what each of the layers draws."""
        source = self.generator if seed is None else seed
        return {name: getattr(self, name).draw(shape, source) for name in self._steps}

    def transform_images(
        self, images: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the images in other colours, drawn now if they were not before."""
        if transformation is None:
            transformation = self.get_random_transformation(images, training)
        return super().transform_images(images, transformation, training)

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images in other colours."""
        for name in self._steps:
            images = getattr(self, name).change(images, transformation[name])
        return images


class ManyWays(RandomImageLayer):
    """What layers share that change images in some of eleven ways. Abstract.

    Parameters
    ----------
    value_range : (low, high), between which the values of the images lie
    factor : two floats in [0, 1], how strongly; or one f, for [0, f)
    interpolation : "bilinear" or "nearest"
    seed : int or None, for the next one of the process's stream
    data_format : "channels_last", "channels_first", or None for the setting
    """

    def __init__(
        self,
        *,
        value_range: Sequence[float],
        factor: Factor,
        interpolation: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        who = type(self).__name__
        self.value_range = range_of(value_range, who)
        self.factor = f = interval(factor, "factor", who, low=0.0)
        self.interpolation = interpolation
        own = {name: getattr(self, name) for name in ("data_format", "bounding_box_format")}
        drawing: dict[str, Any] = own | {"seed": self.seed}
        moving = drawing | {"interpolation": interpolation}
        lit = drawing | {"value_range": self.value_range}
        self.random_shear = RandomShear(f, f, **moving)
        self.random_translation = RandomTranslation(f, f, **moving)
        self.random_rotation = RandomRotation(f, **moving)
        self.random_brightness = RandomBrightness(f, **lit)
        self.random_color_degeneration = RandomColorDegeneration(f, **lit)
        self.random_contrast = RandomContrast(f, **lit)
        self.random_sharpness = RandomSharpness(f, **lit)
        self.random_posterization = RandomPosterization(max(1, int(8 * f[1])), **lit)
        self.solarization = Solarization(f, f, **lit)
        self.auto_contrast = AutoContrast(self.value_range, **own)
        self.equalization = Equalization(self.value_range, **own)

    def way(self, name: str) -> ImageLayer:
        """Return the layer of one way."""
        return getattr(self, name)

    def drawn(self, name: str, shape: Shape, seed: Any) -> Any:
        """Return what one way draws, None if nothing."""
        layer = self.way(name)
        source = self.generator if seed is None else seed
        return layer.draw(shape, source) if isinstance(layer, RandomImageLayer) else None


MOVING = ("random_shear", "random_translation", "random_rotation")
LIGHT = ("random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness")
TONES = ("random_posterization", "solarization", "auto_contrast", "equalization")


class RandAugment(ManyWays):
    """While training, change a batch in some ways, drawn among eleven.

    Parameters
    ----------
    value_range : (low, high), between which the values of the images lie
    num_ops : int >= 0, how many ways one after another
    factor : two floats in [0, 1], how strongly; or one f, for [0, f)
    interpolation : "bilinear" or "nearest"
    seed : int or None, for the next one of the process's stream
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape. The ways are `RandomShear`,
    `RandomTranslation`, `RandomRotation`, `RandomBrightness`, `RandomColorDegeneration`,
    `RandomContrast`, `RandomSharpness`, `RandomPosterization`, `Solarization`, `AutoContrast` and
    `Equalization`. Source: E. Cubuk et al., RandAugment (2019).
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_ops: int = 2,
        factor: Factor = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            value_range=value_range,
            factor=factor,
            interpolation=interpolation,
            seed=seed,
            data_format=data_format,
            **kwargs,
        )
        self.num_ops = num_ops if num_ops == 0 else positive(num_ops, "num_ops", "RandAugment")

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return what each way draws, and the numbers of those that are gone."""
        names = MOVING + LIGHT + TONES
        source = self.generator if seed is None else seed
        return {
            "transforms": {name: self.drawn(name, shape, seed) for name in names},
            "layer_idxes": random.randint((self.num_ops,), 0, len(names), seed=source),
        }

    def _along(self, kind: str, part: Any, transformation: Any) -> Any:
        """Return images, or what belongs to them, after the ways that were drawn."""
        transforms = transformation["transforms"]
        names = list(transforms)
        for number in ops.convert_to_numpy(transformation["layer_idxes"]).tolist():
            name = names[number]
            part = getattr(self.way(name), f"transform_{kind}")(part, transforms[name])
        return part

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images, changed in some ways."""
        return self._along("images", images, transformation)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the boxes, moved as their images are."""
        if not training or transformation is None:
            return bounding_boxes
        return self._along("bounding_boxes", bounding_boxes, transformation)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the masks, moved as their images are."""
        if not training or transformation is None:
            return segmentation_masks
        return self._along("segmentation_masks", segmentation_masks, transformation)


class AugMix(ManyWays):
    """While training, y = w x + (1 - w) m with the mean m, weighed at random, of some changes of x.

    Parameters
    ----------
    value_range : (low, high), between which the values of the images lie
    num_chains : int > 0, how many chains
    chain_depth : int > 0, of how many ways each; any of them may be left out
    factor : two floats in [0, 1], how strongly; or one f, for [0, f)
    alpha : float > 0, of the beta distribution of w and of the Dirichlet distribution of the
        chains' weights; the larger, the more alike
    all_ops : bool, whether the ways of `RandAugment` that change light and colours are among them
    interpolation : "bilinear" or "nearest"
    seed : int or None, for the next one of the process's stream
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape. A batch's images go the same ways,
    each with draws of its own. Source: D. Hendrycks et al., AugMix (2020).

    Examples
    --------
    >>> import numpy as np
    >>> x = np.full((2, 4, 4, 3), 100.0)
    >>> AugMix(seed=0)(x, training=True).shape
    (2, 4, 4, 3)
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Factor = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            value_range=value_range,
            factor=factor,
            interpolation=interpolation,
            seed=seed,
            data_format=data_format,
            **kwargs,
        )
        self.num_chains = positive(num_chains, "num_chains", "AugMix")
        self.chain_depth = positive(chain_depth, "chain_depth", "AugMix")
        self.alpha = not_negative(alpha, "alpha", "AugMix")
        self.all_ops = all_ops

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return the weights, and the ways of each chain with what they draw."""
        source = self.generator if seed is None else seed
        shares = random.gamma((self.num_chains,), self.alpha, seed=source)
        names = MOVING + TONES + (LIGHT if self.all_ops else ())
        chosen = (self.num_chains, self.chain_depth)
        chains = random.randint(chosen, 0, len(names) + 1, seed=source).tolist()
        return {
            "chain_mixing_weights": shares / shares.sum(),
            "weight_sample": random.beta((), self.alpha, self.alpha, seed=source),
            "chain_transforms": [
                [
                    {"layer_name": names[n], "transformation": self.drawn(names[n], shape, seed)}
                    for n in chain
                    if n < len(names)  # the last one stands for no way
                ]
                for chain in chains
            ],
        }

    def _mixed(self, kind: str, x: Any, transformation: Any) -> Any:
        weights = ops.convert_to_numpy(transformation["chain_mixing_weights"])
        mean: Any = 0.0
        for weight, chain in zip(weights, transformation["chain_transforms"], strict=True):
            y = x
            for step in chain:
                change = getattr(self.way(step["layer_name"]), f"transform_{kind}")
                y = change(y, step["transformation"])
            mean = ops.add(mean, ops.multiply(y, weight.astype(self.dtype)))
        w = ops.convert_to_numpy(transformation["weight_sample"]).astype(self.dtype)
        return ops.add(ops.multiply(x, w), ops.multiply(mean, 1 - w))

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images, mixed with what the chains make of them."""
        return ops.clip(self._mixed("images", images, transformation), *self.value_range)

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Return the masks, mixed as their images are."""
        if not training or transformation is None:
            return segmentation_masks
        masks = ops.cast(segmentation_masks, self.dtype)
        return self._mixed("segmentation_masks", masks, transformation)
