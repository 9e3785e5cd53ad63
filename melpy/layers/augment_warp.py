"""Layers that look at images from elsewhere, or blur them, at random while training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from melpy import ops, random
from melpy.errors import ArgumentError, UnsupportedError, lookup
from melpy.layers.augment import Factor, RandomImageLayer, count, each, interval, range_of
from melpy.layers.augment_geometry import FILL_MODES
from melpy.layers.base import Shape
from melpy.layers.boxes import around
from melpy.layers.checks import fraction
from melpy.layers.moving import MovingLayer

__all__ = ["RandomElasticTransform", "RandomGaussianBlur", "RandomPerspective"]


class RandomPerspective(MovingLayer):
    """While training, look at some images from elsewhere: their corners move.

    Parameters
    ----------
    factor : two floats in [0, 1], between which the probability lies, drawn for each image; or one
        f, for [0, f)
    scale : float in [0, 1]: each coordinate of a corner is multiplied by a number between
        1 - scale/2 and 1 + scale/2
    interpolation : "bilinear" or "nearest"
    fill_value : float, of what lies beyond an image's rim
    seed : int or None, for the next one of the process's stream
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape. See
    `ops.image.perspective_transform`. A box becomes the smallest upright one around its moved
    corners.

    Examples
    --------
    >>> x = np.ones((2, 8, 8, 3))
    >>> RandomPerspective(scale=0.0)(x, training=True).numpy().min()
    np.float32(1.0)
    """

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            interpolation=interpolation,
            fill_value=fill_value,
            seed=seed,
            data_format=data_format,
            **kwargs,
        )
        self.factor = interval(factor, "factor", "RandomPerspective", low=0.0)
        self.scale = fraction(scale, "scale", "RandomPerspective")

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return which images change, and where their corners come from and go."""
        (H, W), N = self.size(shape), count(shape)
        chosen = self.evenly((N,), (0.0, 1.0), seed) < self.evenly((N,), self.factor, seed)
        corners = [[0, 0], [W - 1, 0], [0, H - 1], [W - 1, H - 1]]
        start = np.tile(np.array(corners, self.dtype), (N, 1, 1))  # (N, 4, 2)
        moves = self.evenly((N, 4, 2), (-self.scale / 2, self.scale / 2), seed)
        return {
            "apply_perspective": chosen,
            "start_points": start,
            "end_points": start * (1 + moves),
            "input_shape": shape,
        }

    def moved(self, images: Any, transformation: Any, interpolation: str) -> Any:
        """Return the images, some of them from elsewhere."""
        y = ops.image.perspective_transform(
            images,
            start_points=transformation["start_points"],
            end_points=transformation["end_points"],
            interpolation=interpolation,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )
        return ops.where(each(transformation["apply_perspective"]), y, images)

    def moved_boxes(self, boxes: Any, transformation: Any, H: int, W: int) -> Any:
        """Return upright boxes around those whose corners were moved."""
        start, end = (
            ops.convert_to_numpy(transformation[f"{name}_points"]) for name in ("start", "end")
        )
        maps = perspective_maps(start, end).astype(boxes.dtype)  # (N, 3, 3)
        x, y, right, bottom = (boxes[..., n] for n in range(4))  # (N, M)
        points = []
        for point in ((x, y), (right, y), (right, bottom), (x, bottom)):
            u, v, z = (
                sum(row[:, k, np.newaxis] * at for k, at in enumerate((*point, 1)))
                for row in np.moveaxis(maps, 1, 0)
            )
            points.append((u / z, v / z))
        chosen = each(transformation["apply_perspective"])[..., 0]
        return ops.where(chosen, around(points), boxes)


def perspective_maps(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return the matrices, (N, 3, 3), that bring start points (N, 4, 2) to the end points.

    Source: R. Hartley, A. Zisserman, Multiple View Geometry, section 2.3.
    """
    x, y = start[..., 0], start[..., 1]
    one, zero = np.ones_like(x), np.zeros_like(x)
    lines = [
        np.stack([x, y, one, zero, zero, zero, -end[..., 0] * x, -end[..., 0] * y], -1),
        np.stack([zero, zero, zero, x, y, one, -end[..., 1] * x, -end[..., 1] * y], -1),
    ]
    known = np.concatenate([end[..., 0], end[..., 1]], axis=1)[..., np.newaxis]
    found = np.linalg.solve(np.concatenate(lines, axis=1).astype(float), known)[..., 0]  # (N, 8)
    return np.concatenate([found, np.ones((len(found), 1))], axis=1).reshape(-1, 3, 3)


class RandomElasticTransform(MovingLayer):
    """While training, move each pixel of some images a little, neighbours alike, as rubber would.

    With s drawn for the batch, each pixel moves by 0.1 s max(H, W) times noise, blurred by a bell
    of the width 0.05 s min(H, W), and as large.

    Parameters
    ----------
    factor : two floats in [0, 1], between which the probability lies, drawn for each image; or one
        f, for [0, f)
    scale : two floats in [0, 1], between which s lies; or one, for [0, scale)
    interpolation : "bilinear" or "nearest"
    fill_mode : "reflect", "constant", "wrap", "nearest" or "mirror": what lies beyond an image's
        rim
    fill_value : float, with fill_mode "constant"
    value_range : (low, high), what the results are limited to
    seed : int or None, for the next one of the process's stream
    data_format : "channels_last", "channels_first", or None for the setting

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape. It takes no boxes. Source: P. Simard,
    D. Steinkraus, J. Platt, Best practices for convolutional neural networks (2003).

    Examples
    --------
    >>> x = np.full((2, 8, 8, 3), 7.0)
    >>> RandomElasticTransform(seed=0)(x, training=True).numpy().round(3).max()
    np.float32(7.0)
    """

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: Factor = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            interpolation=interpolation,
            fill_value=fill_value,
            seed=seed,
            data_format=data_format,
            **kwargs,
        )
        who = "RandomElasticTransform"
        self.factor = interval(factor, "factor", who, low=0.0)
        self.scale = interval(scale, "scale", who, low=0.0)
        self.fill_mode = lookup("fill_mode", fill_mode, FILL_MODES | {"mirror": "mirror"}, who)
        self.value_range = range_of(value_range, who)

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any] | None:
        """Return which images change, how much, and the seed of the noise."""
        if self.scale[1] == 0 or self.factor[1] == 0:
            return None
        N = count(shape)
        return {
            "apply_transform": self.evenly((N,), (0.0, 1.0), seed)
            < self.evenly((N,), self.factor, seed),
            "distortion_factor": self.evenly((), self.scale, seed),
            "seed": self.generator.next() if seed is None else seed,
        }

    def moved(self, images: Any, transformation: Any, interpolation: str) -> Any:
        """Return the images, the pixels of some moved."""
        N, (H, W) = images.shape[0], self.size(images.shape)
        much = float(ops.convert_to_numpy(transformation["distortion_factor"]))
        width = max(0.05 * much * min(H, W), 1e-6)
        window = int(6 * width) | 1
        shift: Any = random.normal((N, H, W, 2), stddev=width, seed=transformation["seed"])
        for across_and_down in ((window, 1), (1, window)):  # the same as both at once, and faster
            shift = ops.image.gaussian_blur(
                shift,
                kernel_size=across_and_down,
                sigma=(width, width),
                data_format="channels_last",
            )
        y = ops.image.displace(
            images,
            shift=0.1 * much * max(H, W) * ops.convert_to_numpy(shift),
            interpolation=interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )
        y = ops.where(each(transformation["apply_transform"]), y, images)
        return ops.clip(y, *self.value_range)

    def transform_bounding_boxes(
        self, bounding_boxes: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Refuse them: a box would become a shape of any kind."""
        raise UnsupportedError(
            "RandomElasticTransform",
            "boxes cannot follow their images",
            expected='"images", "labels" and "segmentation_masks"',
            mend="RandomPerspective moves boxes.",
        )


class RandomGaussianBlur(RandomImageLayer):
    """While training, blur some images.

    Parameters
    ----------
    factor : two floats in [0, 1], between which the probability lies, drawn for each image; or one
        f, for [0, f)
    kernel_size : odd int > 0, or two: over how many pixels of a row, and of a column
    sigma : two floats in [0, 1], between which the widths of the bell lie, in pixels, drawn for the
        batch; or one f, for [0, f)
    value_range : (low, high), what the results are limited to
    data_format : "channels_last", "channels_first", or None for the setting
    seed : int or None, for the next one of the process's stream

    Notes
    -----
    Input (N, H, W, C) or (H, W, C), output of the same shape. See `ops.image.gaussian_blur`:
    outside of images are zeros.

    Examples
    --------
    >>> x = np.zeros((3, 3, 1))
    >>> x[1, 1] = 100
    >>> blur = RandomGaussianBlur((1.0, 1.0), sigma=(1.0, 1.0))
    >>> blur(x, training=True).numpy()[1, :, 0].round(1)
    array([12.4, 20.4, 12.4], dtype=float32)
    """

    def __init__(
        self,
        factor: Factor = 1.0,
        kernel_size: int | Sequence[int] = 3,
        sigma: Factor = 1.0,
        value_range: Sequence[float] = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(data_format=data_format, seed=seed, **kwargs)
        who = "RandomGaussianBlur"
        self.factor = interval(factor, "factor", who, low=0.0)
        self.sigma = interval(sigma, "sigma", who, low=0.0)
        self.value_range = range_of(value_range, who)
        pair = [kernel_size] * 2 if np.ndim(kernel_size) == 0 else list(kernel_size)  # type: ignore[arg-type]
        if len(pair) != 2 or not all(isinstance(n, int) and n > 0 and n % 2 for n in pair):
            raise ArgumentError(
                who,
                "kernel_size is no window with a middle",
                expected="an odd int > 0, or two",
                received={"kernel_size": kernel_size},
            )
        self.kernel_size = tuple(pair)

    def draw(self, shape: Shape, seed: Any) -> dict[str, Any]:
        """Return which images are blurred, and the widths of the bell."""
        N = count(shape)
        chosen = self.evenly((N,), (0.0, 1.0), seed) < self.evenly((N,), self.factor, seed)
        widths = self.evenly((2,), self.sigma, seed) + 1e-6
        return {"should_apply_blur": chosen, "blur_factor": widths}

    def change(self, images: Any, transformation: Any) -> Any:
        """Return the images, some of them blurred."""
        y = ops.image.gaussian_blur(
            images,
            kernel_size=self.kernel_size,
            sigma=ops.convert_to_numpy(transformation["blur_factor"]),
            data_format=self.data_format,
        )
        y = ops.where(each(transformation["should_apply_blur"]), y, images)
        return ops.clip(y, *self.value_range)
