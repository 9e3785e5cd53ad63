"""Checks for ops and layers, shipped so that an extension can be held to the same contract.

    melpy.testing.check_op("softplus")     # gradient, shapes, types, inputs left alone

Gradients are compared in float64 with a five-point numerical derivative along random directions,
whose error is of order h^4: with h = 1e-3 both truncation and rounding stay near 1e-11.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from melpy import tape
from melpy.errors import ArgumentError, lookup
from melpy.ops.registry import OPS
from melpy.tensor import Tensor

__all__ = ["check_gradient", "check_op", "check_op_against_torch", "numerical_derivative"]

TINY = 24  # arrays of up to this many entries have every entry's derivative checked


def numerical_derivative(f: Callable[[float], float], step: float = 1e-3) -> float:
    """Return f'(0) = [8 (f(h) - f(-h)) - (f(2h) - f(-2h))] / 12h, with an error of order h^4.

    Parameters
    ----------
    f : function of one float, smooth on [-2h, 2h]
    step : float > 0, h

    Source
    ------
    Abramowitz and Stegun, Handbook of Mathematical Functions (1964), table 25.2.

    Examples
    --------
    >>> round(numerical_derivative(lambda t: np.exp(2 * t)), 9)
    2.0
    """
    if not step > 0:
        raise ArgumentError(
            "numerical_derivative", "the step must be positive", received={"step": step}
        )
    near, far = f(step) - f(-step), f(2 * step) - f(-2 * step)
    return float((8 * near - far) / (12 * step))


def check_gradient(
    function: Callable[..., Any],
    arrays: tuple[Any, ...],
    *,
    seed: int = 0,
    rtol: float = 1e-7,
    every_entry: bool | None = None,
) -> None:
    """Assert that ``function``'s recorded gradients agree with numerical ones.

    A random cotangent c makes the output a scalar L = <c, f(x)>. For each float64 array and a
    random direction v, <dL/dx, v> must equal dL(x + t v)/dt at 0; for tiny arrays v also runs
    over the unit vectors, so that every entry is checked.

    Parameters
    ----------
    function : callable of the arrays, returning a tensor
    arrays : tuple; the float64 ones are differentiated, all others are constants
    seed : int, for c and v
    rtol : float, relative to the largest of |derivative| and 1
    every_entry : bool or None to decide by size

    Raises
    ------
    AssertionError, naming the argument, the entry and both values
    """
    rng = np.random.default_rng(seed)
    kept = [x.copy() if isinstance(x, np.ndarray) else x for x in arrays]
    wanted = [
        n for n, x in enumerate(arrays) if isinstance(x, np.ndarray) and x.dtype == np.float64
    ]
    leaves = [Tensor(x, requires_grad=True) if n in wanted else x for n, x in enumerate(arrays)]
    y = function(*leaves)
    cotangent = rng.normal(size=y.shape)
    d_arrays = dict(
        zip(wanted, tape.gradients(y, [leaves[n] for n in wanted], cotangent), strict=True)
    )

    for n in wanted:
        for v in _directions(arrays[n].shape, rng, every_entry):

            def along(t: float, n: int = n, v: np.ndarray = v) -> float:
                moved = [x + t * v if m == n else x for m, x in enumerate(arrays)]
                with tape.no_grad():
                    return float(np.sum(cotangent * np.asarray(function(*moved))))

            expected, found = numerical_derivative(along), float(np.sum(d_arrays[n] * v))
            scale = max(1.0, abs(expected), float(np.abs(d_arrays[n]).max(initial=0.0)))
            if not abs(found - expected) <= rtol * scale:
                raise AssertionError(
                    f"argument {n} of shape {arrays[n].shape}: the vjp gives {found:.12g}, the "
                    f"numerical derivative is {expected:.12g} (relative difference "
                    f"{abs(found - expected) / scale:.3g}, allowed {rtol:g})"
                )
    for x, before in zip(arrays, kept, strict=True):
        if isinstance(x, np.ndarray):
            np.testing.assert_array_equal(x, before, err_msg="the op wrote into its input")


def _directions(
    shape: tuple[int, ...], rng: np.random.Generator, every_entry: bool | None
) -> Iterator[np.ndarray]:
    size = int(np.prod(shape))
    if size == 0:
        return
    for _ in range(2):
        yield rng.normal(size=shape) / np.sqrt(size)
    if every_entry or (every_entry is None and size <= TINY):
        for index in range(size):
            unit = np.zeros(size)
            unit[index] = 1.0
            yield unit.reshape(shape)


def cases(name: str, seed: int = 0) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Yield each sample of an op as (arrays, options)."""
    for sample in lookup("op", name, OPS, "melpy.testing").samples:
        args = sample(np.random.default_rng(seed))
        has_options = bool(args) and isinstance(args[-1], dict)
        yield (args[:-1], args[-1]) if has_options else (args, {})


def check_op(name: str, *, seed: int = 0, rtol: float = 1e-7) -> None:
    """Hold one op to the whole contract, on each of its samples.

    Checked: its gradients in float64 (see `check_gradient`); inputs and cotangent left alone;
    read-only and non-contiguous inputs give the same; plain arrays in give plain arrays out;
    float32 stays float32, forward and backward; broadcasting, where the op broadcasts, with 0-d
    and empty arrays too.

    Parameters
    ----------
    name : str, a name of ``melpy.ops``
    seed : int, for the samples
    rtol : float, relative tolerance of the gradients

    Raises
    ------
    AssertionError, with the op's name and the arguments that fail

    Examples
    --------
    >>> check_op("softplus")
    """
    for arrays, options in cases(name, seed):
        try:
            _check_case(name, arrays, options, seed, rtol)
        except AssertionError as error:
            received = [getattr(x, "shape", x) for x in arrays]
            raise AssertionError(f"{name}{received} with {options}: {error}") from error
    if OPS[name].broadcasts:
        arrays, options = next(cases(name, seed))
        for shapes in _broadcast_shapes(len(arrays)):
            # values of the sample itself, so that kinks and poles stay far
            stretched = tuple(
                np.resize(x, shape).astype(x.dtype) for x, shape in zip(arrays, shapes, strict=True)
            )
            _check_case(name, stretched, options, seed, rtol)


def _broadcast_shapes(count: int) -> list[tuple[tuple[int, ...], ...]]:
    shapes = [(2, 3), (3,), (1, 3), (2, 1), ()]
    return [*itertools.product(shapes, repeat=count), ((0, 3),) * count]


def _check_case(name: str, arrays: tuple, options: dict[str, Any], seed: int, rtol: float) -> None:
    call = OPS[name].call

    def function(*xs: Any) -> Any:
        y = call(*xs, **options)
        return y[0] if isinstance(y, tuple) else y

    y: Any = function(*arrays)
    assert isinstance(y, np.ndarray | np.generic), "arrays in must give arrays out"  # noqa: S101
    strided = [_strided(x) if isinstance(x, np.ndarray) else x for x in arrays]
    np.testing.assert_allclose(  # not the same bits: NumPy adds up in the order of the memory
        function(*strided),
        np.asarray(y),
        rtol=1e-13,
        atol=1e-13,
        err_msg="non-contiguous input differs",
    )
    differentiable = [x for x in arrays if isinstance(x, np.ndarray) and x.dtype.kind == "f"]
    if not differentiable or y.dtype.kind != "f":  # an index or a whole number has no gradient
        return
    if OPS[name].constant:
        y = function(*(Tensor(x, requires_grad=x.dtype.kind == "f") for x in arrays))
        assert not y.requires_grad, "a constant has a history"  # noqa: S101
        return
    check_gradient(function, arrays, seed=seed, rtol=rtol)

    for dtype in (np.float32, np.float64):
        xs = [
            Tensor(x.astype(dtype), requires_grad=True)
            if isinstance(x, np.ndarray) and x.dtype.kind == "f"
            else x
            for x in arrays
        ]
        out = function(*xs)
        assert out.dtype == dtype, f"{np.dtype(dtype)} in gave {out.dtype} out"  # noqa: S101
        g = np.ones(out.shape, dtype)
        g.flags.writeable = False  # an op that writes into g raises here
        leaves = [x for x in xs if isinstance(x, Tensor)]
        for x, d_x in zip(leaves, tape.gradients(out, leaves, g), strict=True):
            found, expected = (d_x.dtype, d_x.shape), (dtype, x.shape)
            assert found == expected, f"the gradient is {found}, not {expected}"  # noqa: S101


def _strided(x: np.ndarray) -> np.ndarray:
    """Return the same values, read-only and not contiguous."""
    wide = np.repeat(x[..., np.newaxis], 2, axis=-1)
    view = wide[..., 0]
    view.flags.writeable = False
    return view


def check_op_against_torch(name: str, *, seed: int = 0, tolerance: float = 1e-10) -> None:
    """Assert that an op's values and gradients equal PyTorch's in float64.

    Parameters
    ----------
    name : str, an op whose row names its twin in PyTorch (``like``)
    tolerance : float, relative and absolute
    """
    torch = importlib.import_module("torch")
    like = OPS[name].like
    for arrays, options in cases(name, seed):
        if isinstance(like, str):
            module, _, attribute = like.rpartition(".")
            twin = getattr(importlib.import_module(module), attribute)
        else:
            assert like is not None, f"{name} names no twin in PyTorch"  # noqa: S101
            twin = lambda *xs, **o: like(torch, *xs, **o)  # noqa: E731
        theirs = [
            torch.tensor(x, requires_grad=x.dtype.kind == "f") if isinstance(x, np.ndarray) else x
            for x in arrays
        ]
        ours = [
            Tensor(x, requires_grad=x.dtype.kind == "f") if isinstance(x, np.ndarray) else x
            for x in arrays
        ]
        expected, y = twin(*theirs, **options), OPS[name].call(*ours, **options)
        y = y[0] if isinstance(y, tuple) else y
        np.testing.assert_allclose(
            np.asarray(y), expected.detach().numpy(), rtol=tolerance, atol=tolerance, err_msg=name
        )
        leaves = [x for x in ours if isinstance(x, Tensor) and x.requires_grad]
        if not (leaves and y.requires_grad):
            continue
        g = np.random.default_rng(seed).normal(size=y.shape)
        expected.backward(torch.tensor(g))
        sources = [x for x in theirs if isinstance(x, torch.Tensor) and x.requires_grad]
        for source, d_x in zip(sources, tape.gradients(y, leaves, g), strict=True):
            zero = torch.zeros_like(source) if source.grad is None else source.grad
            np.testing.assert_allclose(
                d_x, zero.numpy(), rtol=tolerance, atol=tolerance, err_msg=f"gradient of {name}"
            )
