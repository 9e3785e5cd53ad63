"""Whole numbers: their bits, and what divides them. None has a gradient.

The functions differ in a sign only, so each is a row of a table that fills in one page.
"""

from __future__ import annotations

import numpy as np

from melpy.errors import DtypeError
from melpy.ops.comparison import PAGE
from melpy.ops.registry import op

__all__ = [
    "bitwise_and", "bitwise_invert", "bitwise_left_shift", "bitwise_not", "bitwise_or",
    "bitwise_right_shift", "bitwise_xor", "gcd", "lcm", "left_shift", "right_shift",
]  # fmt: skip


def _page(function, title, example, answer, count):
    names = "x" if count == 1 else "x, y" if function.__name__.startswith("bitwise") else "x1, x2"
    page = PAGE.format(
        title=title, name=function.__name__, example=example, answer=answer,
        shape="input's" if count == 1 else "broadcast",
        parameters="x : array of whole numbers or bools, any shape" if count == 1
        else f"{names} : arrays of whole numbers, of shapes that broadcast",
    )  # fmt: skip
    return page.replace("array of bools", "array of whole numbers").replace(
        "an answer jumps", "whole numbers jump"
    )


def _whole_numbers(who, *arrays):
    if any(x.dtype.kind == "f" for x in arrays):
        raise DtypeError(
            who,
            "an argument is not made of whole numbers",
            expected="arrays of whole numbers",
            received={"dtypes": [str(x.dtype) for x in arrays]},
        )


def _of_two(function, title, example, answer, twin=None, low=-6, high=7):
    """Make an op of two whole numbers; Keras names them x1 and x2, or x and y."""
    if function.__name__.startswith("bitwise"):

        def forward(x, y):
            _whole_numbers(function.__name__, x, y)
            return function(x, y), (None, None)
    else:

        def forward(x1, x2):
            _whole_numbers(function.__name__, x1, x2)
            return function(x1, x2), (None, None)

    forward.__name__ = function.__name__
    forward.__doc__ = _page(function, title, example, answer, 2)

    def sample(rng):
        return rng.integers(low, high, (2, 3)), rng.integers(max(low, 0), high, (2, 3))

    return op(sample=sample, like=f"torch.{twin or function.__name__}", broadcasts=True)(forward)


def _bitwise(function, name):
    """Return a function of NumPy's under Keras's name."""

    def named(x, y):
        return function(x, y)

    named.__name__ = name
    return named


PAIR = "[12, 5], [10, 4]"
bitwise_and = _of_two(
    np.bitwise_and, "Keep the bits that both have.", PAIR, "array([8, 4], dtype=int32)"
)
bitwise_or = _of_two(np.bitwise_or, "Join the bits of both.", PAIR, "array([14,  5], dtype=int32)")
bitwise_xor = _of_two(
    np.bitwise_xor, "Keep the bits that one has alone.", PAIR, "array([6, 1], dtype=int32)"
)
bitwise_left_shift = _of_two(
    _bitwise(np.left_shift, "bitwise_left_shift"), "Move bits to the left: x 2^y.", "[3, 5], 2",
    "array([12, 20], dtype=int32)", low=0,
)  # fmt: skip
bitwise_right_shift = _of_two(
    _bitwise(np.right_shift, "bitwise_right_shift"), "Move bits to the right: ⌊x / 2^y⌋.",
    "[12, 21], 2", "array([3, 5], dtype=int32)", low=0,
)  # fmt: skip
gcd = _of_two(np.gcd, "Find the greatest whole number that divides both.", "[12, 7], 18",
              "array([6, 1], dtype=int32)")  # fmt: skip
lcm = _of_two(np.lcm, "Find the least whole number that both divide.", "[4, 7], 6",
              "array([12, 42], dtype=int32)")  # fmt: skip
left_shift, right_shift = bitwise_left_shift, bitwise_right_shift


def _bitwise_not(x):
    _whole_numbers("bitwise_not", x)
    return np.invert(x), (None,)


_bitwise_not.__name__ = "bitwise_not"
_bitwise_not.__doc__ = _page(
    _bitwise_not,
    "Turn every bit around: -x - 1, or not x.",
    "[0, 5]",
    "array([-1, -6], dtype=int32)",
    1,
)
bitwise_not = op(sample=lambda rng: (rng.integers(-6, 7, (2, 3)),), like="torch.bitwise_not")(
    _bitwise_not
)
bitwise_invert = bitwise_not
