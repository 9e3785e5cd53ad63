"""Layers that are made of other layers, one after another: all of them, or some at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from melpy import tree
from melpy.errors import ArgumentError
from melpy.layers.arguments import taken_arguments
from melpy.layers.augment import (
    Factor,
    RandomBrightness,
    RandomContrast,
    RandomImageLayer,
    interval,
    range_of,
)
from melpy.layers.augment_color import (
    AutoContrast,
    Equalization,
    RandomColorDegeneration,
    RandomHue,
    RandomPosterization,
    RandomSaturation,
    RandomSharpness,
    Solarization,
)
from melpy.layers.augment_geometry import RandomRotation, RandomShear, RandomTranslation
from melpy.layers.base import Layer
from melpy.layers.checks import positive
from melpy.layers.nesting import layer_of
from melpy.tensor import mask_of

__all__ = ["Pipeline", "RandAugment", "RandomColorJitter"]


class Pipeline(Layer):
    """Apply layers one after another, as one layer: for a dataset's ``map``, say.

    Parameters
    ----------
    layers : layers, in order
    name : str or None

    Examples
    --------
    >>> import numpy as np
    >>> from melpy.layers import CenterCrop, Rescaling
    >>> Pipeline([CenterCrop(2, 2), Rescaling(2.0)])(np.ones((4, 4, 1))).numpy().ravel()
    array([2., 2., 2., 2.], dtype=float32)
    """

    def __init__(self, layers: Sequence[Any], name: str | None = None) -> None:
        super().__init__(name=name)
        self._pipeline_layers = [layer_of(layer) for layer in layers]
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
        kinds: list[tuple[Any, Factor | None]] = [
            (RandomBrightness, brightness_factor),
            (RandomContrast, contrast_factor),
            (RandomSaturation, saturation_factor),
            (RandomHue, hue_factor),
        ]
        options = {"value_range": self.value_range, "seed": seed, "data_format": data_format}
        self._steps = [kind(factor, **options) for kind, factor in kinds if factor is not None]

    def change(self, images: Any) -> Any:
        """Return the images in other colours."""
        for step in self._steps:
            images = step.change(images)
        return images


class RandAugment(RandomImageLayer):
    """While training, change a batch in some ways, drawn among eleven.

    Parameters
    ----------
    value_range : (low, high), between which the values of the images lie
    num_ops : int > 0, how many ways one after another
    factor : two floats in [0, 1], how strongly; or one f, for [0, f)
    interpolation : "bilinear" or "nearest"
    seed : int or None, for the next one of the process's stream
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    The ways are `RandomShear`, `RandomTranslation`, `RandomRotation`, `RandomBrightness`,
    `RandomColorDegeneration`, `RandomContrast`, `RandomSharpness`, `RandomPosterization`,
    `Solarization`, `AutoContrast` and `Equalization`. Source: E. Cubuk et al., RandAugment (2019).
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
        super().__init__(seed=seed, data_format=data_format, **kwargs)
        self.value_range = range_of(value_range, "RandAugment")
        self.num_ops = positive(num_ops, "num_ops", "RandAugment")
        self.factor = f = interval(factor, "factor", "RandAugment", low=0.0)
        self.interpolation = interpolation
        own: dict[str, Any] = {"seed": seed, "data_format": data_format}
        moving = own | {"interpolation": interpolation}
        lit = own | {"value_range": self.value_range}
        self._ways = [
            RandomShear(f, f, **moving),
            RandomTranslation(f, f, **moving),
            RandomRotation(f, **moving),
            RandomBrightness(f, **lit),
            RandomColorDegeneration(f, **lit),
            RandomContrast(f, **lit),
            RandomSharpness(f, **lit),
            RandomPosterization(max(1, int(8 * f[1])), **lit),
            Solarization(f, f, **lit),
            AutoContrast(self.value_range, data_format=data_format),
            Equalization(self.value_range, data_format=data_format),
        ]

    def change(self, images: Any) -> Any:
        """Return the images, changed in some ways."""
        for number in self.generator.integers(len(self._ways), size=self.num_ops):
            images = self._ways[number].change(images)
        return images
