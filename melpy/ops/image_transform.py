"""Moving images: each new pixel looks up where it came from, and takes a mix of the old ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from melpy import config
from melpy.errors import ArgumentError, ShapeError, lookup
from melpy.ops.mixing import Mix
from melpy.ops.registry import in_keras, op
from melpy.ops.samples import normal

__all__ = ["affine_transform", "displace", "perspective_transform"]

KERAS_ROOM = "image"


@dataclass(frozen=True)
class Images:
    """How an op's images come: with or without a batch axis, channels last or first."""

    shape: tuple[int, ...]
    first: bool

    @classmethod
    def of(cls, images: np.ndarray, data_format: str | None, who: str) -> Images:
        """Return the layout of images, or refuse them."""
        place = data_format or config.image_data_format()
        lookup("data format", place, config.DATA_FORMATS, who)
        if images.ndim not in (3, 4):
            raise ShapeError(
                who,
                f"images have {images.ndim} axes",
                expected="shape (N, H, W, C) or (H, W, C), channels first with that data_format",
                received={"shape": images.shape},
            )
        return cls(images.shape, place == "channels_first")

    def inward(self, images: np.ndarray) -> np.ndarray:
        """Return (N, H, W, C)."""
        batch = images.reshape(self.shape if len(self.shape) == 4 else (1, *self.shape))
        return np.moveaxis(batch, 1, -1) if self.first else batch

    def outward(self, batch: np.ndarray) -> np.ndarray:
        """Return (N, H, W, C) as the images came."""
        images = np.moveaxis(batch, -1, 1) if self.first else batch
        return images.reshape(self.shape)


def _moved(images, layout, rows, columns, interpolation, fill_mode, fill_value, who):
    """Return images of which pixel (h, w) looks up row rows[n, h, w], columns[n, h, w]; its vjp."""
    batch = layout.inward(images)
    N, H, W, C = batch.shape
    base = (H * W * np.arange(N)).reshape(N, 1, 1)
    mix = Mix((rows, columns), (H, W), base, interpolation, fill_mode, who)

    def d_images(g):
        d = mix.back(layout.inward(g).reshape(-1, C), N * H * W)
        return layout.outward(d.reshape(batch.shape))

    y = mix.of(batch.reshape(-1, C), fill_value if fill_mode == "constant" else 0)
    return layout.outward(y.reshape(batch.shape)), (d_images,)


def _looked_up(torch, images, places, interpolation, fill_mode, fill_value, data_format):
    """Return images of which each pixel is the one at a row and a column, ``places(N, H, W)``."""
    x = images if images.ndim == 4 else images[None]
    x = x.permute(0, 3, 1, 2) if data_format == "channels_last" else x
    (H, W), margin = x.shape[2:], 0
    rows, columns = places(len(x), H, W)
    if fill_mode in ("constant", "wrap"):  # grid_sample cannot: draw what it is to see
        margin = min(H, W)
        mode, value = ("constant", fill_value) if fill_mode == "constant" else ("circular", None)
        x = torch.nn.functional.pad(x, [margin] * 4, mode, value)
    ends = [(columns, x.shape[3]), (rows, x.shape[2])]
    grid = np.stack([(2 * (at + margin) + 1) / size - 1 for at, size in ends], axis=-1)
    padding = "reflection" if fill_mode == "reflect" else "border"
    y = torch.nn.functional.grid_sample(
        x, torch.tensor(grid), interpolation, padding, align_corners=False
    )
    y = y.permute(0, 2, 3, 1) if data_format == "channels_last" else y
    return y if images.ndim == 4 else y[0]


def _affine_places(transform, N, H, W):
    a = np.broadcast_to(np.asarray(transform, np.float64), (N, 8)).reshape(-1, 8, 1, 1)
    h, w = np.mgrid[:H, :W]
    return a[:, 3] * w + a[:, 4] * h + a[:, 5], a[:, 0] * w + a[:, 1] * h + a[:, 2]


def _affine_like(
    torch, images, *, transform, interpolation="bilinear", fill_mode="constant", fill_value=0.0,
    data_format="channels_last",
):  # fmt: skip
    def places(N, H, W):
        return _affine_places(transform, N, H, W)

    return _looked_up(torch, images, places, interpolation, fill_mode, fill_value, data_format)


_TURN = [0.81, -0.32, 1.43, 0.37, 1.13, -0.68, 0.0, 0.0]  # nothing falls on half a pixel
_SHIFT = [1.0, 0.0, -1.3, 0.0, 1.0, 1.2, 0.0, 0.0]


@in_keras(call=("transform",))
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
        "wrap" a b c; "reflect" d c b; "mirror" c b a
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
    layout = Images.of(images, data_format, who)
    N, H, W, _ = layout.inward(images).shape
    a = np.atleast_2d(np.asarray(transform, np.float64))
    if a.ndim != 2 or a.shape[1] != 8 or len(a) not in (1, N):
        raise ShapeError(
            who,
            "images and transform do not go together",
            expected="images (N, H, W, C) or (H, W, C) and a transform (N, 8) or (8,)",
            received={"images.shape": images.shape, "transform.shape": np.shape(transform)},
        )
    rows, columns = _affine_places(a, N, H, W)  # (N, H, W)
    return _moved(images, layout, rows, columns, interpolation, fill_mode, fill_value, who)


def _displaced_places(shift, N, H, W):
    h, w = np.mgrid[:H, :W]
    d = np.broadcast_to(shift, (N, H, W, 2))
    return h + d[..., 0], w + d[..., 1]


def _displace_like(
    torch, images, *, shift, interpolation="bilinear", fill_mode="constant", fill_value=0.0,
    data_format="channels_last",
):  # fmt: skip
    def places(N, H, W):
        return _displaced_places(shift, N, H, W)

    return _looked_up(torch, images, places, interpolation, fill_mode, fill_value, data_format)


@in_keras(None)
@op(
    sample=[
        normal((1, 2, 3, 2), shift=np.linspace(-1.3, 1.1, 12).reshape(1, 2, 3, 2)),
        normal((2, 3, 2), shift=np.linspace(-1.2, 0.9, 12).reshape(2, 3, 2), fill_mode="wrap"),
    ],
    like=_displace_like,
)
def displace(
    images,
    *,
    shift,
    interpolation="bilinear",
    fill_mode="constant",
    fill_value=0.0,
    data_format=None,
):
    """Move each pixel by itself: y[h, w] = x[h + shift[h, w, 0], w + shift[h, w, 1]].

    Parameters
    ----------
    images : array, (N, H, W, C) or (H, W, C), channels first with that data_format
    shift : (N, H, W, 2) or (H, W, 2), in pixels, down and to the right
    interpolation : "nearest" or "bilinear"
    fill_mode : as in `affine_transform`
    fill_value : float
    data_format : "channels_last", "channels_first", or None for the setting

    Returns
    -------
    array, the shape and type of images; whole numbers rounded

    Gradient
    --------
    each new pixel's g goes to the old ones it was mixed from, by their weights; none to shift

    Raises
    ------
    ShapeError : images are of another rank, or shift is not for each of their pixels
    UnknownNameError : an interpolation, a fill_mode or a data_format of another name

    Source
    ------
    P. Simard, D. Steinkraus, J. Platt, Best practices for convolutional neural networks (2003).

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> row = np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1)
    >>> ops.image.displace(row, shift=np.array([[[0, 2], [0, 0], [0, -0.5]]]))[0, :, 0]
    array([3. , 2. , 2.5])
    """
    who = "displace"
    layout = Images.of(images, data_format, who)
    N, H, W, _ = layout.inward(images).shape
    d = np.asarray(shift, np.float64)
    if d.shape not in ((N, H, W, 2), (H, W, 2)):
        raise ShapeError(
            who,
            "images and shift do not go together",
            expected=f"a shift ({N}, {H}, {W}, 2) or ({H}, {W}, 2)",
            received={"images.shape": images.shape, "shift.shape": d.shape},
        )
    rows, columns = _displaced_places(d, N, H, W)
    return _moved(images, layout, rows, columns, interpolation, fill_mode, fill_value, who)


def _perspective_like(
    torch, images, *, start_points, end_points, interpolation="bilinear", fill_value=0.0,
    data_format="channels_last",
):  # fmt: skip
    x = images.permute(0, 3, 1, 2)
    (H, W), margin = x.shape[2:], min(x.shape[2:])  # grid_sample cannot fill: draw what it sees
    x = torch.nn.functional.pad(x, [margin] * 4, "constant", fill_value)
    grids = []
    for start, end in zip(np.asarray(start_points), np.asarray(end_points), strict=True):
        a = np.stack([np.array([u, v, 1.0]) for u, v in end], 1)  # a map by each set's basis
        b = np.stack([np.array([u, v, 1.0]) for u, v in start], 1)
        a, b = (p[:, :3] * np.linalg.solve(p[:, :3], p[:, 3]) for p in (a, b))
        h, w = np.mgrid[:H, :W]
        u, v, z = np.einsum("ij,jhw->ihw", b @ np.linalg.inv(a), np.stack([w, h, np.ones_like(w)]))
        us, vs = u / z + margin, v / z + margin
        grids.append(np.stack([(2 * us + 1) / x.shape[3] - 1, (2 * vs + 1) / x.shape[2] - 1], -1))
    y = torch.nn.functional.grid_sample(
        x, torch.tensor(np.stack(grids)), interpolation, "border", align_corners=False
    )
    return y.permute(0, 2, 3, 1)


_CORNERS = [[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0]]
_BENT = [[0.3, 0.2], [3.6, 0.4], [-0.2, 3.7], [4.2, 4.1]]


@in_keras(call=("start_points", "end_points"))
@op(
    sample=[
        normal((2, 5, 5, 2), start_points=[_BENT, _CORNERS], end_points=[_CORNERS, _BENT]),
        normal((1, 5, 5, 1), start_points=[_BENT], end_points=[_CORNERS], fill_value=0.5),
    ],
    like=_perspective_like,
)
def perspective_transform(
    images,
    *,
    start_points,
    end_points,
    interpolation="bilinear",
    fill_value=0,
    data_format=None,
):
    """Look at images from elsewhere: the four start points move to the four end points.

    A new pixel (u, v) takes the old one at ((a0 u + a1 v + a2) / z, (a3 u + a4 v + a5) / z) with
    z = a6 u + a7 v + 1, where the a solve the equations of the four points.

    Parameters
    ----------
    images : array, (N, H, W, C) or (H, W, C), channels first with that data_format
    start_points, end_points : (N, 4, 2) or (4, 2), column and row of each point, in pixels
    interpolation : "nearest" or "bilinear"
    fill_value : float, what lies beyond the rim
    data_format : "channels_last", "channels_first", or None for the setting

    Returns
    -------
    array, the shape and type of images; whole numbers rounded

    Gradient
    --------
    each new pixel's g goes to the old ones it was mixed from, by their weights; none to the points

    Raises
    ------
    ShapeError : images or points are of another rank, or differ in N
    ArgumentError : three of the points lie on a line

    Source
    ------
    R. Hartley, A. Zisserman, Multiple View Geometry, section 2.3.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> image = np.arange(9.0).reshape(3, 3, 1)
    >>> corners = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
    >>> ops.image.perspective_transform(image, corners, corners[::-1])[0, :, 0]  # upside down
    array([8., 7., 6.])
    """
    who = "perspective_transform"
    layout = Images.of(images, data_format, who)
    N, H, W, _ = layout.inward(images).shape
    start, end = (np.asarray(points, np.float64) for points in (start_points, end_points))
    if start.shape != end.shape or start.shape not in ((4, 2), (N, 4, 2), (1, 4, 2)):
        raise ShapeError(
            who,
            "images and points do not go together",
            expected="both points (4, 2), or (N, 4, 2) for images (N, H, W, C)",
            received={"images.shape": images.shape, "points": [start.shape, end.shape]},
        )
    start, end = (np.broadcast_to(points, (N, 4, 2)) for points in (start, end))
    u, v = end[..., 0], end[..., 1]  # (N, 4)
    one, zero = np.ones_like(u), np.zeros_like(u)
    lines = [
        [u, v, one, zero, zero, zero, -start[..., 0] * u, -start[..., 0] * v],
        [zero, zero, zero, u, v, one, -start[..., 1] * u, -start[..., 1] * v],
    ]
    equations = np.concatenate([np.stack(line, -1) for line in lines], axis=1)  # (N, 8, 8)
    known = np.concatenate([start[..., 0], start[..., 1]], axis=1)[..., np.newaxis]
    try:
        a = np.linalg.solve(equations, known).reshape(N, 8, 1, 1)
    except np.linalg.LinAlgError as error:
        raise ArgumentError(
            who, "three of the points lie on a line", received={"end_points": end.tolist()}
        ) from error
    v, u = np.mgrid[:H, :W]
    z = a[:, 6] * u + a[:, 7] * v + 1
    rows = (a[:, 3] * u + a[:, 4] * v + a[:, 5]) / z  # (N, H, W)
    columns = (a[:, 0] * u + a[:, 1] * v + a[:, 2]) / z
    return _moved(images, layout, rows, columns, interpolation, "constant", fill_value, who)
