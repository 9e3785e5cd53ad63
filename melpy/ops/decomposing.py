"""Matrices as products: eigenvectors, singular vectors, orthogonal times triangular.

Each decomposition is one op, whose parts stand below each other in one array, so that all of them
have a gradient; the functions of Keras's names cut them apart.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy.errors import ArgumentError, ShapeError
from melpy.ops.assembling import triu
from melpy.ops.creation import floating
from melpy.ops.products import matmul
from melpy.ops.registry import composed, in_keras, op
from melpy.ops.samples import normal
from melpy.ops.shaping import swapaxes
from melpy.ops.solving import _checked, _turned, _well_conditioned, known_square
from melpy.tape import Variable, is_recording

__all__ = [
    "eigh", "packed_eigh", "packed_qr", "packed_svd", "pinv", "qr", "svd",
]  # fmt: skip

KERAS_ROOM = "linalg"


def _gaps(x: np.ndarray) -> np.ndarray:
    """Return F with F_ij = 1 / (x_j - x_i), 0 where i = j."""
    differ = x[..., np.newaxis, :] - x[..., :, np.newaxis]
    with np.errstate(divide="ignore"):
        return np.where(np.eye(x.shape[-1]), 0, 1 / differ)


def _diagonal(x: np.ndarray) -> np.ndarray:
    return x[..., np.newaxis] * np.eye(x.shape[-1], dtype=x.dtype)


def _signs(torch, found, known):
    """Return the signs that bring PyTorch's vectors, columns, to NumPy's: they are free."""
    return torch.sign((found.detach() * torch.as_tensor(known)).sum(-2, keepdim=True))


def _eigh_like(torch, x):
    symmetric = (x + x.mT) / 2
    w, v = torch.linalg.eigh(symmetric)
    known = np.linalg.eigh(symmetric.detach().numpy())[1]
    return torch.cat([w[..., None, :], v * _signs(torch, v, known)], -2)


@in_keras(None)
@op(sample=[_well_conditioned(3, 3), _well_conditioned(2, 4, 4)], like=_eigh_like)
def packed_eigh(x):
    """Find eigenvalues w, rising, and eigenvectors, columns of v: (x + x^T) / 2 = v diag(w) v^T.

    Parameters
    ----------
    x : array, (.., n, n)

    Returns
    -------
    array, (.., n + 1, n), the type of x: w, and below it v

    Gradient
    --------
    d_x = v (diag(g_w) + F * (v^T g_v)) v^T, made symmetric, with F_ij = 1 / (w_j - w_i), 0 where
    i = j; infinite where eigenvalues are equal

    Raises
    ------
    ShapeError, where the matrices are not square

    Source
    ------
    M. Giles 2008, An extended collection of matrix derivative results, section 3.1.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.packed_eigh(np.diag([3.0, 1.0]))[0]
    array([1., 3.])
    """
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            "eigh",
            "the matrices are not square",
            expected="shape (.., n, n)",
            received={"shape": x.shape},
        )
    w, v = _checked("eigh", np.linalg.eigh, (x + _turned(x)) / 2)

    def d_x(g):
        g_w, g_v = g[..., 0, :], g[..., 1:, :]
        d = v @ (_diagonal(g_w) + _gaps(w) * (_turned(v) @ g_v)) @ _turned(v)
        return (d + _turned(d)) / 2

    return np.concatenate([w[..., np.newaxis, :], v], axis=-2), (d_x,)


def _svd_like(torch, x):
    u, s, vt = torch.linalg.svd(x, full_matrices=False)
    signs = _signs(torch, u, np.linalg.svd(x.detach().numpy(), full_matrices=False)[0])
    return torch.cat([s[..., None, :], u * signs, vt.mT * signs], -2)


@in_keras(None)
@op(sample=[normal((3, 3)), normal((4, 2)), normal((2, 3, 5))], like=_svd_like)
def packed_svd(x):
    """Find singular values s, falling, and vectors, the columns of u and v: x = u diag(s) v^T.

    Parameters
    ----------
    x : array, (.., m, n); k is the smaller of m and n

    Returns
    -------
    array, (.., 1 + m + n, k), the type of x: s, below it u, below it v

    Gradient
    --------
    d_x = u ((F * (u^T g_u - g_u^T u)) s + s (F * (v^T g_v - g_v^T v)) + g_s) v^T
    + (1 - u u^T) g_u v^T / s + u / s g_v^T (1 - v v^T), with F_ij = 1 / (s_j^2 - s_i^2), 0 where
    i = j; infinite where singular values are equal or 0

    Source
    ------
    J. Townsend 2016, Differentiating the singular value decomposition, equations 30 to 32.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.packed_svd(np.diag([2.0, 3.0]))[0]
    array([3., 2.])
    """
    u, s, vt = _checked("svd", lambda a: np.linalg.svd(a, full_matrices=False), x)
    v, m = _turned(vt), x.shape[-2]

    def d_x(g):
        g_s, g_u, g_v = g[..., 0, :], g[..., 1 : 1 + m, :], g[..., 1 + m :, :]
        F, S = _gaps(s * s), s[..., np.newaxis, :]
        a, b = _turned(u) @ g_u, vt @ g_v
        middle = (F * (a - _turned(a))) * S + _turned(S) * (F * (b - _turned(b))) + _diagonal(g_s)
        d = u @ middle @ vt
        if u.shape[-2] > s.shape[-1]:
            d = d + ((g_u - u @ a) / S) @ vt
        if v.shape[-2] > s.shape[-1]:
            d = d + (u / S) @ _turned(g_v - v @ b)
        return d

    return np.concatenate([s[..., np.newaxis, :], u, v], axis=-2), (d_x,)


def _qr_like(torch, x):
    return torch.cat(torch.linalg.qr(x), -2)


@in_keras(None)
@op(sample=[_well_conditioned(3, 3), normal((4, 2)), normal((2, 5, 3))], like=_qr_like)
def packed_qr(x):
    """Find q, whose columns are orthonormal, and r, upper triangular: x = q r, for m >= n.

    Parameters
    ----------
    x : array, (.., m, n), m >= n

    Returns
    -------
    array, (.., m + n, n), the type of x: q, and below it r

    Gradient
    --------
    d_x = (g_q + q L) r^-T, with L the lower triangle of r g_r^T - g_q^T q, mirrored

    Source
    ------
    S. Walter, L. Lehmann 2010, Algorithmic differentiation of linear algebra functions, 3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> np.abs(ops.packed_qr(np.array([[3.0], [4.0]]))).ravel()
    array([0.6, 0.8, 5. ])
    """
    q, r = np.linalg.qr(x)
    m = x.shape[-2]

    def d_x(g):
        g_q, g_r = g[..., :m, :], np.triu(g[..., m:, :])
        M = r @ _turned(g_r) - _turned(g_q) @ q
        below = np.tril(M, -1)
        mirrored = np.tril(M) + _turned(below)
        return _turned(np.linalg.solve(r, _turned(g_q + q @ mirrored)))

    return np.concatenate([q, r], axis=-2), (d_x,)


def _pinv_like(torch, x, rcond=None):
    return torch.linalg.pinv(x)


@op(sample=[normal((3, 3)), normal((4, 2)), normal((2, 3, 5))], like=_pinv_like, floats=True)
def pinv(x, *, rcond=None):
    """Invert as far as can be: the y of x y x = x and y x y = y, with x y and y x symmetric.

    Parameters
    ----------
    x : array, (.., m, n)
    rcond : float or None: singular values below rcond times the largest count as 0; None for
        10 max(m, n) times the type's precision

    Returns
    -------
    array, (.., n, m), the type of x

    Gradient
    --------
    d_x = -y^T g y^T + (1 - x y) g^T y y^T + y^T y g^T (1 - y x), where the rank does not change

    Source
    ------
    G. Golub, V. Pereyra 1973, equation 4.12.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.pinv(np.array([[2.0], [0.0]]))
    array([[0.5, 0. ]])
    """
    least = 10 * max(x.shape[-2:]) * np.finfo(x.dtype).eps if rcond is None else rcond
    y = _checked("pinv", lambda a: np.linalg.pinv(a, least), x)

    def d_x(g):
        yt, gt = _turned(y), _turned(g)
        outside = gt - x @ (y @ gt)
        inside = gt - (gt @ y) @ x
        return -yt @ g @ yt + outside @ (y @ yt) + (yt @ y) @ inside

    return y, (d_x,)


@composed(made_of=known_square("eigh"))
def eigh(x: Any) -> tuple[Any, Any]:
    """Return the eigenvalues, rising, and the eigenvectors, columns, of symmetric matrices.

    (.., n, n) -> (.., n) and (.., n, n).

    Examples
    --------
    >>> values, vectors = eigh(np.array([[2.0, 1.0], [1.0, 2.0]]))
    >>> values.round(6)
    array([1., 3.])
    """
    packed = packed_eigh(x)
    return packed[..., 0, :], packed[..., 1:, :]


@in_keras("linalg.SVD")
@composed
def svd(x: Any, *, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Return u, s and v^T of x = u diag(s) v^T, or s alone.

    Parameters
    ----------
    x : array or tensor, (.., m, n)
    full_matrices : bool, whether u and v are square; then they have a gradient only if x is
    compute_uv : bool, whether u and v^T are wanted

    Returns
    -------
    (u, s, v^T) : (.., m, k), (.., k) and (.., k, n), k being min(m, n); with full_matrices
        u is (.., m, m) and v^T (.., n, n); or s alone

    Examples
    --------
    >>> svd(np.diag([2.0, 3.0]), compute_uv=False)
    array([3., 2.])
    """
    x = _matrices("svd", x)
    m, n = x.shape[-2:]
    if full_matrices and compute_uv and m != n:
        _refuse_gradient("svd", x, "full_matrices=False")
        return tuple(_checked("svd", np.linalg.svd, np.asarray(x)))
    packed = packed_svd(x)
    s = packed[..., 0, :]
    if not compute_uv:
        return s
    return packed[..., 1 : 1 + m, :], s, swapaxes(packed[..., 1 + m :, :], -1, -2)


@composed
def qr(x: Any, *, mode: str = "reduced") -> Any:
    """Return q, of orthonormal columns, and r, upper triangular, with x = q r.

    Parameters
    ----------
    x : array or tensor, (.., m, n)
    mode : "reduced", q has min(m, n) columns; or "complete", m columns, and no gradient if m > n

    Returns
    -------
    (q, r) : (.., m, k) and (.., k, n), k being min(m, n), or m if complete

    Examples
    --------
    >>> q, r = qr(np.array([[3.0], [4.0]]))
    >>> (q @ r).round(6).ravel()
    array([3., 4.])
    """
    if mode not in ("reduced", "complete"):
        raise ArgumentError(
            "qr", "unknown mode", expected='"reduced" or "complete"', received={"mode": mode}
        )
    x = _matrices("qr", x)
    m, n = x.shape[-2:]
    if mode == "complete" and m > n:
        _refuse_gradient("qr", x, 'mode="reduced"')
        return tuple(np.linalg.qr(np.asarray(x), "complete"))
    k = min(m, n)
    packed = packed_qr(x[..., :k])
    q = packed[..., :m, :]
    return q, packed[..., m:, :] if m >= n else triu(matmul(swapaxes(q, -1, -2), x))


def _matrices(who: str, x: Any) -> Any:
    """Return x as floats, or refuse what has no two axes."""
    x = floating(x)
    if len(x.shape) < 2:
        raise ShapeError(
            who,
            "these are no matrices",
            expected="shape (.., m, n)",
            received={"shape": tuple(x.shape)},
        )
    return x


def _refuse_gradient(who: str, x: Any, instead: str) -> None:
    if isinstance(x, Variable) and x.requires_grad and is_recording():
        raise ArgumentError(
            who,
            "the vectors that x does not determine have no gradient",
            mend=f"Pass {instead}, or stop the gradient first.",
        )
