"""Products of matrices, dense layers, attention."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from melpy.ops.products import _spelled_out
from melpy.saving.onnx_export.rules.activations import activated
from melpy.saving.onnx_export.rules.registry import Call, rule

__all__: list[str] = []


@rule("matmul")
def matmul(c: Call) -> str:
    return c.add("MatMul", *c.all())


@rule("dense")
def dense(c: Call) -> str:
    x, kernel, bias = c.all()
    if c.rank() == 2:
        y = c.add("Gemm", x, kernel, bias)
    else:
        y = c.add("Add", c.add("MatMul", x, kernel), bias)
    return activated(c, y, c["activation"], c["slope"])


@rule("dot", "tensordot")
def tensordot(c: Call) -> str:
    a, b = c.rank(0), c.rank(1)
    if c.op == "dot":
        if not (a and b):
            return c.add("Mul", *c.all())
        axes: Any = ([a - 1], [max(b - 2, 0)])
    else:
        axes = c["axes"]
        if isinstance(axes, int):
            axes = (range(a - axes, a), range(axes))
    first, second = (
        [int(n) % rank for n in (x if isinstance(x, tuple | list | range) else [x])]
        for x, rank in zip(axes, (a, b), strict=True)
    )
    left, right = list(string.ascii_letters[:a]), list(string.ascii_letters[a : a + b])
    for m, n in zip(first, second, strict=True):
        right[n] = left[m]
    kept = [s for n, s in enumerate(left) if n not in first]
    kept += [s for n, s in enumerate(right) if n not in second]
    return _summed(c, ["".join(left), "".join(right)], "".join(kept))


@rule("einsum")
def einsum(c: Call) -> str:
    terms, output = _spelled_out(c["subscripts"], [c.rank(n) for n in range(c.count)])
    return _summed(c, terms, output)


def _summed(c: Call, terms: list[str], output: str) -> str:
    """Return a sum of products: one matrix product where a constant is the second factor."""
    dense = _as_dense(c, terms, output)
    if dense is not None:
        return dense
    return c.add("Einsum", *c.all(), equation=f"{','.join(terms)}->{output}")


def _as_dense(c: Call, terms: list[str], output: str) -> str | None:
    """Return "abc,cde->abde" as a product of (..., c) and (c, de), if it is of this form."""
    if len(terms) != 2 or c.x(1) not in c.graph.constants:
        return None
    x, w = terms
    shared = [s for s in x if s in w]
    count = len(shared)
    kept, made = x[: len(x) - count], w[count:]
    letters = x + made
    is_dense = (
        count > 0 and kept and made and len(set(letters)) == len(letters)
        and x[len(kept) :] == w[:count] and output == kept + made
    )  # fmt: skip
    if not is_dense:
        return None
    kernel = c.graph.constants[c.x(1)]
    inner, outer = kernel.shape[:count], kernel.shape[count:]
    y = c.x(0)
    if count > 1:
        y = c.reshape(y, [*c.shape()[: len(kept)], int(np.prod(inner))])
    y = c.add("MatMul", y, kernel.reshape(int(np.prod(inner)), int(np.prod(outer))))
    return c.reshape(y, c.out.shape) if len(outer) > 1 else y


@rule("attention")
def attention(c: Call) -> str:
    # (N,T,H,K) -> (N,H,T,K); keys -> (N,H,K,S)
    q, k, v = (
        c.transpose(c.x(n), order)
        for n, order in ((0, [0, 2, 1, 3]), (1, [0, 2, 3, 1]), (2, [0, 2, 1, 3]))
    )
    scores = c.add("Mul", c.add("MatMul", q, k), c.number(c["scale"]))
    if c.given(3):
        scores = c.add("Add", scores, c.x(3))
    return c.transpose(c.add("MatMul", c.add("Softmax", scores, axis=-1), v), [0, 2, 1, 3])


@rule("det")
def det(c: Call) -> str:
    return c.add("Det", c.x())
