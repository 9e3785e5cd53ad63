"""Moving images: each new pixel looks up where it came from, and takes a mix of the old ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from melpy import config
from melpy.errors import ShapeError, lookup
from melpy.ops.indexing import add_rows
from melpy.ops.registry import op
from melpy.ops.samples import normal

__all__ = ["affine_transform"]

Place = Callable[[np.ndarray, int], np.ndarray]

# Which old pixel stands for one beyond the rim: from any whole number to one in [0, size).
FILL_MODES: dict[str, Place] = {
    "constant": lambda i, size: np.clip(i, 0, size - 1),  # its weight will be 0
    "nearest": lambda i, size: np.clip(i, 0, size - 1),
    "wrap": lambda i, size: i % size,
    "reflect": lambda i, size: np.minimum(i % (2 * size), (-1 - i) % (2 * size)),
}
INTERPOLATIONS = {name: name for name in ("nearest", "bilinear")}


def _neighbours(at: np.ndarray, interpolation: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the old pixels around each position along one axis, and their weights."""
    if interpolation == "nearest":  # halves away from 0, as in Keras
        return [(np.trunc(at + np.copysign(0.5, at)).astype(np.int64), np.ones_like(at))]
    first = np.floor(at)
    weight = at - first
    index = first.astype(np.int64)
    return [(index, 1 - weight), (index + 1, weight)]


def _affine_like(
    torch, images, *, transform, interpolation="bilinear", fill_mode="constant", fill_value=0.0,
    data_format="channels_last",
):  # fmt: skip
    x = images if images.ndim == 4 else images[None]
    x = x.permute(0, 3, 1, 2) if data_format == "channels_last" else x
    (H, W), margin = x.shape[2:], 0
    if fill_mode in ("constant", "wrap"):  # grid_sample cannot: draw what it is to see
        margin = min(H, W)
        mode, value = ("constant", fill_value) if fill_mode == "constant" else ("circular", None)
        x = torch.nn.functional.pad(x, [margin] * 4, mode, value)
    a = np.broadcast_to(np.asarray(transform, np.float64), (len(x), 8)).reshape(-1, 8, 1, 1)
    h, w = np.mgrid[:H, :W]
    xs = a[:, 0] * w + a[:, 1] * h + a[:, 2] + margin
    ys = a[:, 3] * w + a[:, 4] * h + a[:, 5] + margin
    grid = np.stack([(2 * xs + 1) / x.shape[3] - 1, (2 * ys + 1) / x.shape[2] - 1], axis=-1)
    padding = "reflection" if fill_mode == "reflect" else "border"
    y = torch.nn.functional.grid_sample(
        x, torch.tensor(grid), interpolation, padding, align_corners=False
    )
    y = y.permute(0, 2, 3, 1) if data_format == "channels_last" else y
    return y if images.ndim == 4 else y[0]


_TURN = [0.81, -0.32, 1.43, 0.37, 1.13, -0.68, 0.0, 0.0]  # nothing falls on half a pixel
_SHIFT = [1.0, 0.0, -1.3, 0.0, 1.0, 1.2, 0.0, 0.0]


@op(
    sample=[
        normal((2, 5, 4, 3), transform=[_TURN, _SHIFT]),
        normal((2, 4, 6, 1), transform=[_SHIFT, _TURN], fill_mode="reflect"),
        normal((2, 3, 5, 6), transform=_TURN, fill_mode="wrap", data_format="channels_first"),
        normal((5, 4, 2), transform=_TURN, fill_mode="nearest"),
        normal((1, 5, 5, 2), transform=_TURN, interpolation="nearest", fill_value=0.5),
    ],
    like=_affine_like,
)
def affine_transform(
    images,
    *,
    transform,
    interpolation="bilinear",
    fill_mode="constant",
    fill_value=0.0,
    data_format=None,
):
    """Move images: y[h, w] = x[b0 w + b1 h + b2, a0 w + a1 h + a2], between pixels interpolated.

    Parameters
    ----------
    images : array, (N, H, W, C) or (H, W, C), channels first with that data_format
    transform : (N, 8) or (8,): a0, a1, a2, b0, b1, b2, 0, 0, from new places to old ones, in pixels
    interpolation : "nearest" or "bilinear"
    fill_mode : what lies beyond the rim of a b c d: "constant" fill_value; "nearest" d d d;
        "wrap" a b c; "reflect" d c b
    fill_value : float
    data_format : "channels_last", "channels_first", or None for the setting

    Returns
    -------
    array, the shape and type of images; whole numbers rounded

    Gradient
    --------
    each new pixel's g goes to the old ones it was mixed from, by their weights; none to transform

    Raises
    ------
    ShapeError : images or transform are of another rank, or differ in N
    UnknownNameError : an interpolation, a fill_mode or a data_format of another name

    Source
    ------
    Keras 3, ``keras.ops.image.affine_transform``; its last two numbers are 0 there too, but on
    TensorFlow.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> row = np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1)
    >>> ops.affine_transform(row, [1, 0, 0.5, 0, 1, 0, 0, 0])[0, :, 0]  # half a pixel to the left
    array([1.5, 2.5, 1.5])
    """
    who = "affine_transform"
    place = lookup("fill_mode", fill_mode, FILL_MODES, who)
    lookup("interpolation", interpolation, INTERPOLATIONS, who)
    formats = config.DATA_FORMATS
    last = lookup("data format", data_format or config.image_data_format(), formats, who)
    batch = images if images.ndim == 4 else images[np.newaxis]
    a = np.atleast_2d(np.asarray(transform, np.float64))
    if batch.ndim != 4 or a.ndim != 2 or a.shape[1] != 8 or len(a) not in (1, len(batch)):
        raise ShapeError(
            who,
            "images and transform do not go together",
            expected="images (N, H, W, C) or (H, W, C) and a transform (N, 8) or (8,)",
            received={"images.shape": images.shape, "transform.shape": np.shape(transform)},
        )
    if last == "channels_first":
        batch = np.moveaxis(batch, 1, -1)
    N, H, W, C = batch.shape
    pixels = batch.reshape(-1, C)  # (N H W, C)

    h, w = np.mgrid[:H, :W]
    a = np.broadcast_to(a, (N, 8)).reshape(N, 8, 1, 1)
    rows = _neighbours(a[:, 3] * w + a[:, 4] * h + a[:, 5], interpolation)  # each (N, H, W)
    columns = _neighbours(a[:, 0] * w + a[:, 1] * h + a[:, 2], interpolation)
    image = np.arange(N).reshape(N, 1, 1)
    taken, weights = [], []  # for each neighbour: where it is in pixels, and how much it weighs
    for (i, weight_i), (j, weight_j) in itertools.product(rows, columns):
        weight = weight_i * weight_j
        if fill_mode == "constant":
            weight = weight * ((i >= 0) & (i < H) & (j >= 0) & (j < W))
        taken.append(((image * H + place(i, H)) * W + place(j, W)).reshape(-1))
        weights.append(weight.reshape(-1, 1))

    whole = images.dtype.kind != "f"
    kind = np.dtype(np.float64) if whole else images.dtype
    weights = [weight.astype(kind) for weight in weights]
    y = sum(weight * pixels[at] for at, weight in zip(taken, weights, strict=True))
    if fill_mode == "constant" and fill_value:
        y = y + kind.type(fill_value) * (1 - sum(weights))

    def outward(pixels):
        """Return pixels (N H W, C) in the images' own layout."""
        made = pixels.reshape(N, H, W, C)
        made = np.moveaxis(made, -1, 1) if last == "channels_first" else made
        return made.reshape(images.shape)

    def d_images(g):
        g = g.reshape(batch.shape if last != "channels_first" else (N, C, H, W))
        g = (np.moveaxis(g, 1, -1) if last == "channels_first" else g).reshape(-1, C)
        shares = np.concatenate([weight * g for weight in weights])
        return outward(add_rows(shares, np.concatenate(taken), len(pixels)))

    if whole:
        y = np.trunc(y + np.copysign(0.5, y)).astype(images.dtype)
    return outward(y), (d_images,)
