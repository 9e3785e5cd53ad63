"""Frequencies: Fourier's transform, forward and back.

A complex array is a pair (real part, imaginary part), as in Keras. Each transform is one op on an
array that has the two parts along its last axis; the functions of Keras's names join and cut them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from melpy.errors import ArgumentError, ShapeError
from melpy.ops.creation import array, dtype, shape
from melpy.ops.joining import stack
from melpy.ops.registry import composed, in_keras, op
from melpy.ops.samples import normal

__all__ = [
    "fft", "fft2", "ifft2", "irfft", "packed_fft", "packed_irfft", "packed_rfft", "rfft",
]  # fmt: skip

KERAS_ROOM = "math"


def _complex(x: np.ndarray) -> np.ndarray:
    return x[..., 0] + 1j * x[..., 1]


def _parts(z: np.ndarray, kind: np.dtype) -> np.ndarray:
    return np.stack([z.real, z.imag], axis=-1).astype(kind, copy=False)


def _fft_like(torch, x, *, axes=(-1,), inverse=False):
    transform = torch.fft.ifftn if inverse else torch.fft.fftn
    return torch.view_as_real(transform(torch.view_as_complex(x), dim=axes))


@in_keras(None)
@op(
    sample=[normal((2, 5, 2)), normal((3, 4, 2), axes=(-2, -1), inverse=True)],
    like=_fft_like,
)
def packed_fft(x, *, axes=(-1,), inverse=False):
    """Find frequencies: y_k = Σ_n x_n exp(-2 π i k n / N), of complex numbers.

    Parameters
    ----------
    x : array, (.., 2), the real and the imaginary part along the last axis
    axes : tuple of ints, along which, counted without the last one
    inverse : bool, whether to go back: exp(+..), divided by N

    Returns
    -------
    array, the shape and type of x

    Gradient
    --------
    N times the inverse transform of g; of the inverse, the transform divided by N

    Source
    ------
    J. W. Cooley, J. W. Tukey 1965.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.packed_fft(np.array([[1.0, 0.0], [1.0, 0.0]]))
    array([[2., 0.],
           [0., 0.]])
    """
    z = _complex(x)
    transforms = (np.fft.ifftn, np.fft.fftn) if inverse else (np.fft.fftn, np.fft.ifftn)
    there, back = transforms
    count = np.prod([z.shape[n] for n in axes])

    def d_x(g):
        d = back(_complex(g), axes=axes)
        return _parts(d / count if inverse else d * count, g.dtype)

    return _parts(there(z, axes=axes), x.dtype), (d_x,)


@in_keras(None)
@op(
    sample=[normal((2, 6)), normal((5,)), normal((2, 4), fft_length=7), normal((6,), fft_length=4)],
    like=lambda torch, x, fft_length=None: torch.view_as_real(torch.fft.rfft(x, fft_length)),
)
def packed_rfft(x, *, fft_length=None):
    """Find the frequencies k = 0 .. N / 2 of real numbers: y_k = Σ_n x_n exp(-2 π i k n / N).

    Parameters
    ----------
    x : array, (.., n)
    fft_length : int N, to which x is cut or filled up with zeros; None for n

    Returns
    -------
    array, (.., N // 2 + 1, 2), real and imaginary parts, the type of x

    Gradient
    --------
    d_x_n = Re Σ_k (g_re + i g_im)_k exp(2 π i k n / N)

    Source
    ------
    J. W. Cooley, J. W. Tukey 1965.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.packed_rfft(np.array([1.0, -1.0]))
    array([[0., 0.],
           [2., 0.]])
    """
    given = x.shape[-1]
    count = given if fft_length is None else fft_length

    def d_x(g):
        d = np.fft.ifft(_complex(g), count, axis=-1).real * count
        missing = [(0, 0)] * (d.ndim - 1) + [(0, max(given - count, 0))]
        return np.pad(d[..., :given], missing).astype(g.dtype)

    return _parts(np.fft.rfft(x, count, axis=-1), x.dtype), (d_x,)


@in_keras(None)
@op(
    sample=[normal((2, 4, 2)), normal((4, 2), fft_length=7), normal((3, 2), fft_length=8)],
    like=lambda torch, x, fft_length=None: torch.fft.irfft(torch.view_as_complex(x), fft_length),
)
def packed_irfft(x, *, fft_length=None):
    """Go back from the frequencies of real numbers: the reverse of `packed_rfft`.

    Parameters
    ----------
    x : array, (.., bins, 2), real and imaginary parts
    fft_length : int N, how many numbers come out; None for 2 (bins - 1)

    Returns
    -------
    array, (.., N), the type of x

    Gradient
    --------
    d_x = `packed_rfft` of g / N, twice that where a frequency stands for its mirror too

    Source
    ------
    J. W. Cooley, J. W. Tukey 1965.

    Examples
    --------
    >>> import numpy as np
    >>> from melpy import ops
    >>> ops.packed_irfft(np.array([[0.0, 0.0], [2.0, 0.0]]))
    array([ 1., -1.])
    """
    bins = x.shape[-2]
    count = 2 * (bins - 1) if fft_length is None else fft_length

    def d_x(g):
        d = np.fft.rfft(g, axis=-1) / count
        d[..., 1 : (count + 1) // 2] *= 2
        missing = [(0, 0)] * (d.ndim - 1) + [(0, max(bins - d.shape[-1], 0))]
        return _parts(np.pad(d[..., :bins], missing), g.dtype)

    return np.fft.irfft(_complex(x), count, axis=-1).astype(x.dtype, copy=False), (d_x,)


def packed(who: str, x: Any) -> Any:
    """Return a pair of parts as one array."""
    if not isinstance(x, list | tuple) or len(x) != 2:
        raise ArgumentError(
            who,
            "complex numbers are a pair of arrays",
            expected="(real part, imaginary part)",
            received={"type": type(x).__name__},
        )
    real, imaginary = map(array, x)
    if shape(real) != shape(imaginary):
        raise ShapeError(
            who,
            "the two parts differ in shape",
            expected="equal shapes",
            received={"shapes": [shape(real), shape(imaginary)]},
        )
    if any(np.dtype(dtype(part)).kind != "f" for part in (real, imaginary)):
        raise ArgumentError(who, "the parts are whole numbers", expected="floats")
    return stack([real, imaginary], -1)


def _pair(packed: Any) -> tuple[Any, Any]:
    return packed[..., 0], packed[..., 1]


@in_keras("math.FFT")
@composed
def fft(x: Any) -> tuple[Any, Any]:
    """Find the frequencies along the last axis: y_k = Σ_n x_n exp(-2 π i k n / N).

    Parameters
    ----------
    x : pair of arrays or tensors of one shape, real and imaginary parts

    Returns
    -------
    pair of arrays or tensors, the shape of those of x

    Examples
    --------
    >>> real, imaginary = fft((np.array([1.0, 1.0]), np.zeros(2)))
    >>> real
    array([2., 0.])
    """
    return _pair(packed_fft(packed("fft", x)))


@in_keras("math.FFT2")
@composed
def fft2(x: Any) -> tuple[Any, Any]:
    """Find the frequencies along the last two axes, of a pair as in `fft`.

    A pair of (.., n, m) -> a pair of the same shape.
    """
    return _pair(packed_fft(packed("fft2", x), axes=(-2, -1)))


@in_keras("math.IFFT2")
@composed
def ifft2(x: Any) -> tuple[Any, Any]:
    """Go back from the frequencies along the last two axes: the reverse of `fft2`.

    A pair of (.., n, m) -> a pair of the same shape.

    Examples
    --------
    >>> ifft2(fft2((np.eye(2), np.zeros((2, 2)))))[0]
    array([[1., 0.],
           [0., 1.]])
    """
    return _pair(packed_fft(packed("ifft2", x), axes=(-2, -1), inverse=True))


@in_keras("math.RFFT")
@composed
def rfft(x: Any, *, fft_length: int | None = None) -> tuple[Any, Any]:
    """Find the frequencies k = 0 .. N / 2 of real numbers, along the last axis.

    Parameters
    ----------
    x : array or tensor, (.., n)
    fft_length : int N, to which x is cut or filled up with zeros; None for n

    Returns
    -------
    pair of arrays (.., N // 2 + 1), real and imaginary parts

    Examples
    --------
    >>> rfft(np.array([1.0, -1.0]))[0]
    array([0., 2.])
    """
    return _pair(packed_rfft(array(x), fft_length=fft_length))


@in_keras("math.IRFFT")
@composed
def irfft(x: Any, *, fft_length: int | None = None) -> Any:
    """Go back from the frequencies of real numbers: the reverse of `rfft`.

    Parameters
    ----------
    x : pair of arrays or tensors (.., bins), real and imaginary parts
    fft_length : int N, how many numbers come out; None for 2 (bins - 1)

    Returns
    -------
    array or tensor, (.., N)

    Examples
    --------
    >>> irfft(rfft(np.array([3.0, 1.0, 2.0, 5.0])))
    array([3., 1., 2., 5.])
    """
    return packed_irfft(packed("irfft", x), fft_length=fft_length)
