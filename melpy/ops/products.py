"""Products of matrices and tensors, in every combination of ranks that NumPy knows."""

from __future__ import annotations

import math
import string

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from melpy.errors import ArgumentError, ShapeError
from melpy.kernels import dispatch as kernels
from melpy.kernels.rows import as_rows
from melpy.ops.registry import op
from melpy.ops.samples import normal

__all__ = ["dot", "einsum", "matmul", "tensordot"]


@op(
    sample=[
        normal((2, 3), (3, 4)),
        normal((3,), (3,)),
        normal((3,), (3, 4)),
        normal((2, 3), (3,)),
        normal((5, 2, 3), (3, 4)),
        normal((5, 2, 3), (3,)),
        normal((3,), (5, 3, 4)),
        normal((2, 3), (5, 3, 4)),
        normal((2, 1, 2, 3), (4, 3, 2)),
        normal((2, 0), (0, 3)),
    ],
    like="torch.matmul",
)
def matmul(x1, x2):
    """Multiply matrices: y[..., n, m] = Σ_k x1[..., n, k] x2[..., k, m].

    Parameters
    ----------
    x1 : array, (..., n, k) or (k,)
    x2 : array, (..., k, m) or (k,); the leading axes broadcast

    Returns
    -------
    array, (..., n, m), without n or m where the operand is a vector; the common type, and
        int32 of int8

    Gradient
    --------
    dL/dx1 = g x2^T, dL/dx2 = x1^T g, summed over broadcast leading axes

    Raises
    ------
    ShapeError, where the inner sizes or the leading axes do not fit, or an operand is a number

    Source
    ------
    Standard.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.matmul(np.array([[1.0, 2.0]]), np.array([[3.0], [4.0]]))
    array([[11.]])
    """
    x1, x2 = _widened(x1, x2)
    flat = x1.ndim > 1 and x2.ndim == 2  # one large product instead of many small ones
    if flat and x1.shape[-1] == x2.shape[0]:
        # (..., N, K) -> (P, K)
        y = kernels.matmul(as_rows(x1), x2).reshape(*x1.shape[:-1], x2.shape[1])
    else:
        y = _product(x1, x2)

    def as_matrices(g):  # give back the axes that a vector operand took away
        g = g[..., np.newaxis] if x2.ndim == 1 else g
        return g[..., np.newaxis, :] if x1.ndim == 1 else g

    def d_x1(g):
        if flat:
            return kernels.matmul(as_rows(g), x2.T).reshape(x1.shape)
        b = x2[:, np.newaxis] if x2.ndim == 1 else x2
        d = _product(as_matrices(g), b.swapaxes(-1, -2))
        return d[..., 0, :] if x1.ndim == 1 else d

    def d_x2(g):
        if flat:
            return kernels.matmul(as_rows(x1).T, as_rows(g))
        a = x1[np.newaxis, :] if x1.ndim == 1 else x1
        d = _product(a.swapaxes(-1, -2), as_matrices(g))
        return d[..., 0] if x2.ndim == 1 else d

    return y, (d_x1, d_x2)


def _widened(*arrays):
    """Return arrays of int8, if all are, as int32: 8 bits do not hold their products."""
    if all(x.dtype == np.int8 for x in arrays):
        return [x.astype(np.int32) for x in arrays]
    return arrays


def _product(a, b):
    """Multiply as NumPy does; stacks of matrices by the kernel."""
    return (
        kernels.matmul_batch(a, b) if a.ndim > 1 and b.ndim > 1 and a.ndim + b.ndim > 4 else a @ b
    )


def _contract(x1, x2, axes1, axes2, who):
    """Sum products over pairs of axes; the result has the free axes of x1, then those of x2."""
    axes1, axes2 = normalize_axis_tuple(axes1, x1.ndim), normalize_axis_tuple(axes2, x2.ndim)
    sizes1, sizes2 = [x1.shape[n] for n in axes1], [x2.shape[n] for n in axes2]
    if sizes1 != sizes2:
        raise ShapeError(
            who,
            f"axes {axes1} of x1 have sizes {sizes1}, axes {axes2} of x2 have {sizes2}",
            expected="equal sizes along the axes that are summed",
            received={"x1.shape": x1.shape, "x2.shape": x2.shape},
        )
    free1 = tuple(n for n in range(x1.ndim) if n not in axes1)
    free2 = tuple(n for n in range(x2.ndim) if n not in axes2)
    order1, order2 = free1 + axes1, axes2 + free2
    moved1, moved2 = x1.transpose(order1), x2.transpose(order2)
    inner = math.prod(sizes1)
    outer1, outer2 = moved1.shape[: len(free1)], moved2.shape[len(axes2) :]
    a = moved1.reshape(math.prod(outer1), inner)  # (free1..., axes...) -> (P, K)
    b = moved2.reshape(inner, math.prod(outer2))  # (axes..., free2...) -> (K, Q)

    def d_x1(g):
        d_a = kernels.matmul(g.reshape(a.shape[0], b.shape[1]), b.T)
        return d_a.reshape(moved1.shape).transpose(np.argsort(order1).astype(int))

    def d_x2(g):
        d_b = kernels.matmul(a.T, g.reshape(a.shape[0], b.shape[1]))
        return d_b.reshape(moved2.shape).transpose(np.argsort(order2).astype(int))

    return kernels.matmul(a, b).reshape(outer1 + outer2), (d_x1, d_x2)


def _dot_like(torch, x1, x2):
    if not (x1.ndim and x2.ndim):
        return x1 * x2
    return torch.tensordot(x1, x2, dims=([x1.ndim - 1], [max(x2.ndim - 2, 0)]))


@op(
    sample=[
        normal((3,), (3,)),
        normal((2, 3), (3, 4)),
        normal((2, 2, 3), (3,)),
        normal((2, 3), (4, 3, 2)),
        normal((), (2, 3)),
    ],
    like=_dot_like,
)
def dot(x1, x2):
    """Multiply as numpy.dot does: y[i..., j..., m] = Σ_k x1[i..., k] x2[j..., k, m].

    Parameters
    ----------
    x1 : array, (..., k), or a number
    x2 : array, (..., k, m) or (k,), or a number

    Returns
    -------
    array, the shape of the free axes of x1, then of x2; the common type

    Gradient
    --------
    dL/dx1 = g x2^T, dL/dx2 = x1^T g, with the free axes flattened

    Raises
    ------
    ShapeError, where the summed axes differ in size

    Source
    ------
    Standard.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.dot(np.array([1.0, 2.0]), np.array([[1.0], [10.0]]))
    array([21.])
    """
    if not (x1.ndim and x2.ndim):
        # the tape sums the gradient of the operand that is a number
        return x1 * x2, (lambda g: g * x2, lambda g: g * x1)
    return _contract(x1, x2, -1, -2 if x2.ndim > 1 else -1, "dot")


@op(
    sample=[
        normal((2, 3, 4), (3, 4, 2)),
        normal((2, 3), (2,), axes=0),
        normal((2, 3, 4), (5, 4, 2), axes=([0, 2], [2, 1])),
    ],
    like=lambda torch, x1, x2, axes=2: torch.tensordot(x1, x2, dims=axes),
)
def tensordot(x1, x2, *, axes=2):
    """Contract two tensors: y = Σ x1 x2 over pairs of axes.

    Parameters
    ----------
    x1, x2 : arrays, any shapes
    axes : int n, the last n axes of x1 with the first n of x2; or a pair (axes of x1, axes of x2)

    Returns
    -------
    array, the shape of the free axes of x1, then of x2; the common type

    Gradient
    --------
    dL/dx1 = g x2^T, dL/dx2 = x1^T g, with free and summed axes flattened

    Raises
    ------
    ShapeError, where the summed axes differ in size

    Source
    ------
    Standard.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.tensordot(np.ones((2, 3)), np.ones((3, 4)), 1).shape
    (2, 4)
    """
    if isinstance(axes, int):
        axes = (tuple(range(x1.ndim - axes, x1.ndim)), tuple(range(axes)))
    return _contract(x1, x2, axes[0], axes[1], "tensordot")


def _spelled_out(subscripts, ndims):
    """Return ``(inputs, output)`` with every axis a letter: no ``...``, no implied output."""
    inputs, arrow, output = subscripts.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ndims):
        raise ArgumentError(
            "einsum",
            f"the subscripts name {len(terms)} operands",
            expected=f"{len(ndims)} terms, one for each operand",
            received={"subscripts": subscripts},
        )
    spare = [letter for letter in string.ascii_letters if letter not in subscripts]
    widths = [
        n - len(t.replace("...", "")) if "..." in t else 0
        for t, n in zip(terms, ndims, strict=True)
    ]
    dots = "".join(spare[: max(widths)]) if max(widths, default=0) > 0 else ""
    terms = [
        t.replace("...", dots[len(dots) - w :] if w > 0 else "")
        for t, w in zip(terms, widths, strict=True)
    ]
    if not arrow:
        letters = "".join(terms)
        once = sorted(c for c in set(letters) - set(dots) if letters.count(c) == 1)
        output = "..." + "".join(once)
    return terms, output.replace("...", dots)


@op(
    sample=[
        normal((2, 3), (3, 4), subscripts="ij,jk->ik"),
        normal((2, 3, 4), (2, 4, 5), subscripts="...ij,...jk"),
        normal((3, 3), subscripts="ii->i"),
        normal((2, 3), subscripts="ij->j"),
        normal((2, 3), (2, 4), (4, 3), subscripts="ab,ac,cb->c"),
    ],
    like=lambda torch, *operands, subscripts: torch.einsum(subscripts, *operands),
)
def einsum(*operands, subscripts):
    """Sum products of entries, by Einstein's convention: ``ij,jk->ik`` is y_ik = Σ_j a_ij b_jk.

    Parameters
    ----------
    operands : arrays, one for each term, of the shape of its letters
    subscripts : str, passed first as in NumPy: a letter for each axis, ``...`` for the rest

    Returns
    -------
    array, of the shape of the output term's letters; the common type, and int32 of int8

    Gradient
    --------
    for each operand, the einsum of g with all others, onto the operand's own letters

    Raises
    ------
    ArgumentError, for more or fewer terms than operands; ShapeError, for sizes that do not fit

    Source
    ------
    Einstein (1916), Die Grundlage der allgemeinen Relativitätstheorie, section 5.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.einsum("ij,j->i", np.array([[1.0, 2.0]]), np.array([3.0, 4.0]))
    array([11.])
    """
    terms, output = _spelled_out(subscripts, [x.ndim for x in operands])
    y = np.einsum(f"{','.join(terms)}->{output}", *_widened(*operands), optimize=True)
    shapes = [x.shape for x in operands]

    def vjp_of(n):
        others = [m for m in range(len(terms)) if m != n]
        letters = "".join(dict.fromkeys(terms[n]))  # a repeated letter walks a diagonal
        sources = [output, *(terms[m] for m in others)]
        known = "".join(c for c in letters if any(c in s for s in sources))

        def d_x(g):
            d = np.einsum(
                f"{','.join(sources)}->{known}", g, *(operands[m] for m in others), optimize=True
            )
            # what only this operand has was summed, what the others have with size 1 was stretched:
            # the gradient of both is repeated; where the operand itself has size 1, the tape sums
            d = d[tuple(slice(None) if c in known else np.newaxis for c in letters)]
            own = [shapes[n][terms[n].index(c)] for c in letters]
            d = np.broadcast_to(d, [b if a == 1 else a for a, b in zip(d.shape, own, strict=True)])
            if len(letters) == len(terms[n]):
                return d
            whole = np.zeros(shapes[n], g.dtype)
            np.einsum(f"{terms[n]}->{letters}", whole)[...] = d
            return whole

        return d_x

    return y, tuple(vjp_of(n) for n in range(len(terms)))
