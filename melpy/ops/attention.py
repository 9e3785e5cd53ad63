"""Attention as one operation: products, softmax and product of every head."""

from __future__ import annotations

from melpy.errors import ShapeError
from melpy.kernels import dispatch as kernels
from melpy.ops.registry import op
from melpy.ops.samples import normal
from melpy.vjps import selective

__all__ = ["attention"]

KERAS_ROOM = None


def _like(torch, query, key, value, bias=None, *, scale):
    heads = [x.transpose(1, 2) for x in (query, key, value)]
    y = torch.nn.functional.scaled_dot_product_attention(*heads, attn_mask=bias, scale=scale)
    return y.transpose(1, 2)


@op(
    sample=[
        normal((2, 3, 2, 4), (2, 5, 2, 4), (2, 5, 2, 3), scale=0.5),
        normal((2, 3, 2, 4), (2, 5, 2, 4), (2, 5, 2, 3), (2, 1, 3, 5), scale=1.0),
        normal((1, 2, 3, 4), (1, 2, 3, 4), (1, 2, 3, 4), (1, 3, 1, 2), scale=0.7),
        normal((1, 17, 1, 18), (1, 20, 1, 18), (1, 20, 1, 19), scale=0.2),
    ],
    like=_like,
)
def attention(query, key, value, bias=None, *, scale):
    """Gather for each query what its keys fit: y = softmax(scale q k^T + bias) v, by head.

    Parameters
    ----------
    query : tensor q, shape (N, T, H, K)
    key : tensor k, shape (N, S, H, K)
    value : tensor v, shape (N, S, H, V)
    bias : tensor of four axes that broadcasts to (N, H, T, S), or None; a large negative number
        leaves a position out
    scale : float, often 1 / √K

    Returns
    -------
    tensor, shape (N, T, H, V), dtype of query

    Gradient
    --------
    With p the softmax: d_v = p^T g, d_bias = p (g v^T - Σ_s g v^T p), d_q = scale d_bias k,
    d_k = scale d_bias^T q; d_bias is summed over the axes along which bias was broadcast.

    Raises
    ------
    ShapeError : the shapes do not go together

    Source
    ------
    A. Vaswani et al. 2017, Attention is all you need, equation 1.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> x = np.array([1.0, 3.0]).reshape(1, 2, 1, 1)  # one head, two times
    >>> ops.attention(0 * x, x, x, scale=1.0).ravel()
    array([2., 2.])
    """
    shapes = query.shape, key.shape, value.shape
    N, _, H, K = query.shape if query.ndim == 4 else (None, None, None, None)
    fits = {x.ndim for x in (query, key, value)} == {4} and (
        key.shape == (N, key.shape[1], H, K) and value.shape[:3] == key.shape[:3]
    )
    if not fits:
        raise ShapeError(
            "attention",
            "query, key and value do not go together",
            expected="shapes (N, T, H, K), (N, S, H, K) and (N, S, H, V)",
            received={"shapes": shapes},
        )
    full = (N, H, query.shape[1], key.shape[1])
    if bias is not None and (
        bias.ndim != 4 or any(a not in (1, b) for a, b in zip(bias.shape, full, strict=True))
    ):
        raise ShapeError(
            "attention",
            "the bias does not fit the scores",
            expected=f"four axes that broadcast to {full}",
            received={"bias.shape": bias.shape},
        )
    y, p = kernels.attention(query, key, value, bias, scale)

    def back(g, wanted):
        return kernels.attention_back(g, query, key, value, p, scale)

    return y, selective(back, 4)
