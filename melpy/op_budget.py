"""How much memory an operation that a file describes needs, counted before it runs.

A few bytes can ask an operation for terabytes: ``tile``, ``one_hot``, ``pad``. What each array has
is known only where it is there, so the count is taken of arrays: of a call's own, and of those
that stand in for symbolic tensors while its shapes are found.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from melpy import budget, config, tree

__all__ = ["counted", "most_entries"]

Shape = tuple[int, ...]

# What makes more entries than it is given, by whole numbers among its arguments.
ENLARGING = {
    "adaptive_average_pool", "adaptive_max_pool", "affine_transform", "arange", "bartlett",
    "bincount", "blackman", "diff", "fft", "fft2", "fold", "geomspace", "hamming", "hanning",
    "histogram", "ifft2", "kaiser", "linspace", "logspace", "multi_hot", "packed_fft",
    "scale_and_translate", "scatter", "unfold", "unique", "vander",
}  # fmt: skip
VALUES = {"axis", "base", "constant_values", "dtype", "fill_value"}  # numbers that are no sizes


def counted(op: Callable[..., Any]) -> Callable[..., Any]:
    """Return an op that is refused, while a file is read, where it needs more than files may."""

    @functools.wraps(op)
    def call(*args: Any, **kwargs: Any) -> Any:
        name = op.__name__
        budget.need(8 * most_entries(op, args, kwargs), f"the operation {name!r}")
        return op(*args, **kwargs)

    return call


def most_entries(op: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> int:
    """Return how many entries an operation may make, at the most."""
    name = op.__name__
    try:
        given = _signature(op).bind_partial(*args, **kwargs).arguments
    except TypeError:  # which the call itself will say better
        return 0
    leaves = tree.flatten({key: value for key, value in given.items() if key not in VALUES})
    shapes = [x.shape for x in leaves if hasattr(x, "shape")]
    if name in OF_SHAPES:
        with contextlib.suppress(ValueError, IndexError, TypeError, OverflowError):  # as above
            return math.prod(OF_SHAPES[name](*shapes)) + _sum(shapes)
    if name in OF_CALLS:
        with contextlib.suppress(ValueError, IndexError, TypeError, OverflowError):
            return OF_CALLS[name](**_flat(given))
    try:
        entries = math.prod(np.broadcast_shapes(*shapes))
    except ValueError:  # these do not meet entry by entry
        entries = 0
    entries += _sum(shapes)
    if name in ENLARGING:
        entries = max(entries, 1)
        for number in leaves:
            size = abs(float(number)) if isinstance(number, int | float | np.number) else 0.0
            if size > 1:
                entries *= 1 + int(min(size, 2.0**62))
    return entries


def _signature(op: Callable[..., Any]) -> inspect.Signature:
    """Return an op's signature, options being taken by position too."""
    signature = inspect.signature(op)
    kinds = {p.kind for p in signature.parameters.values()}
    if inspect.Parameter.VAR_POSITIONAL in kinds:
        return signature
    usual = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        p if p.kind is p.VAR_KEYWORD else p.replace(kind=usual, default=p.empty)
        for p in signature.parameters.values()
    ]
    return signature.replace(parameters=parameters)


def _sum(shapes: Sequence[Shape]) -> int:
    return sum(map(math.prod, shapes))


def _flat(given: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a call by name, what options gathered among them."""
    return {k: v for k, v in given.items() if k != "options"} | given.get("options", {})


def _of_matmul(x: Shape, y: Shape) -> Shape:
    n, m = x[-2:-1], y[-1:] if len(y) > 1 else ()
    return (*np.broadcast_shapes(x[:-2], y[:-2]), *n, *m)


def _of_dot(x: Shape, y: Shape) -> Shape:
    return (*x[:-1], *y[:-2], *(y[-1:] if len(y) > 1 else ()))


def _of_matrices(x: Shape, *others: Shape) -> Shape:
    """(..., M, N) comes apart into matrices that (M+N)^2 entries hold."""
    side = sum(x[-2:]) + sum(y[-1] for y in others if y)
    return (*x[:-2], side, side)


def _of_attention(query: Shape, key: Shape, *rest: Shape) -> Shape:
    """Scores, (batch, heads, queries, keys), of which a softmax is made."""
    scores = math.prod(query[:-1]) * math.prod(key[1:-2] if len(key) == 4 else key[-2:-1])
    return (3, scores)


OF_SHAPES: dict[str, Callable[..., Iterable[int]]] = {
    "attention": _of_attention,
    "cdist": lambda x, y: (*x[:-1], y[-2], x[-1]),
    "corrcoef": lambda x, *more: (2, *x[:1], *x[:1]),
    "dense": lambda x, kernel, *bias: (*x[:-1], kernel[-1]),
    "dot": _of_dot,
    "dot_product_attention": _of_attention,
    "inner": lambda x, y: (*x[:-1], *y[:-1]),
    "kron": lambda *shapes: map(math.prod, shapes),
    "matmul": _of_matmul,
    "meshgrid": lambda *shapes: (len(shapes), *map(math.prod, shapes)),
    "outer": lambda *shapes: map(math.prod, shapes),
    **dict.fromkeys(
        ("cholesky_inverse", "eigh", "inv", "lstsq", "lu_factor", "packed_eigh", "packed_qr",
         "packed_svd", "pinv", "qr", "svd"), _of_matrices,
    ),
}  # fmt: skip


def _of_pad(x: Any, pad_width: Any, **options: Any) -> int:
    widths = np.broadcast_to(np.asarray(pad_width, object), (np.ndim(x), 2))
    return math.prod(
        size + int(abs(before)) + int(abs(after))
        for size, (before, after) in zip(np.shape(x), widths, strict=True)
    )


def _of_pad_images(images: Any, data_format: Any = None, **options: Any) -> int:
    shape = list(np.shape(images))
    at = len(shape) - (2 if data_format == "channels_first" else 3)
    for axis, ends in ((at, ("top", "bottom", "height")), (at + 1, ("left", "right", "width"))):
        for end in ends:
            added = options.get(f"{end}_padding", options.get(f"target_{end}"))
            shape[axis] += int(abs(added or 0))
    return math.prod(shape)


def _of_gaussian_blur(images: Any, kernel_size: Any = (3, 3), **options: Any) -> int:
    kernel = _each(kernel_size, 2)
    sides = {f"{end}_padding": side for end, side in zip(("top", "left"), kernel, strict=True)}
    channels = max(np.shape(images)[-3:])
    return _of_pad_images(images, **options | sides) + math.prod(kernel) * channels


def _of_resize(images: Any, size: Any, data_format: Any = None, **options: Any) -> int:
    shape = list(np.shape(images))
    at = len(shape) - (2 if data_format == "channels_first" else 3)
    for axis, new in zip((at, at + 1), np.broadcast_to(size, (2,)), strict=True):
        shape[axis] = max(shape[axis], int(abs(new)))  # rows first, then columns
    return math.prod(shape)


def _of_shape(shape: Any, *values: Any, **options: Any) -> int:
    return math.prod(int(abs(size)) for size in np.atleast_1d(np.asarray(shape, object)))


def _of_broadcast(x: Any, shape: Any) -> int:
    """Count from the last axis: a size that is None is that of x."""
    sizes = np.atleast_1d(np.asarray(shape, object))
    own = (*[1] * len(sizes), *np.shape(x))[-len(sizes) :]
    return math.prod(
        int(abs(one if size is None else size)) for size, one in zip(sizes, own, strict=True)
    )


def _of_repeat(x: Any, repeats: Any, axis: int | None = None) -> int:
    """Count as many of each entry, or row of an axis, as are asked for."""
    many = np.abs(np.asarray(repeats, float))
    if many.size == 1:
        return np.size(x) * int(many.sum())
    rows = np.size(x) if axis is None else np.shape(x)[axis]
    return np.size(x) // max(rows, 1) * int(many.sum())


def _of_square(N: Any, M: Any = None, **options: Any) -> int:
    return int(abs(N)) * int(abs(N if M is None else M))


def _of_diagonal(x: Any, k: int = 0) -> int:
    return (np.size(x) + int(abs(k))) ** 2


def _of_split(x: Any, indices_or_sections: Any, axis: int = 0) -> int:
    """Count the parts too, which are objects of 16 entries each."""
    parts = indices_or_sections
    many = int(abs(parts)) if np.ndim(parts) == 0 else np.size(parts)
    return np.size(x) + 16 * many


def _of_segments(data: Any, segment_ids: Any, num_segments: Any = None, **options: Any) -> int:
    shape = np.shape(data)
    many = np.max(segment_ids, initial=0) + 1 if num_segments is None else abs(num_segments)
    return math.prod(shape) + int(many) * math.prod(shape[1:])


def _of_patches(
    x: Any,
    size: Any,
    strides: Any = None,
    *,
    rank: int = 2,
    data_format: Any = None,
    **options: Any,
) -> int:
    """(N,S..,C) -> (N,oS..,K..*C), oS <= S / stride + 1."""
    shape, rank = np.shape(x), max(rank, np.size(size))
    first = (data_format or config.image_data_format()) == "channels_first"
    sides = shape[-rank:] if first else shape[-rank - 1 : -1]
    sizes = _each(size, rank)
    steps = sizes if strides is None else _each(strides, rank)
    made = math.prod(shape) // max(math.prod(sides), 1) * math.prod(sizes)
    for side, step in zip(sides, steps, strict=True):
        made *= side // max(step, 1) + 1
    return made + math.prod(shape)


def _of_sequences(
    x: Any, sequence_length: int, sequence_stride: int, fft_length: int = 0, **options: Any
) -> int:
    """Count pieces, as long as their frequencies are looked for, twice; signals end padded."""
    shape = np.shape(x)
    length = shape[-1]
    size = max(int(abs(sequence_length)), int(abs(fft_length)))
    pieces = (length + size) // max(int(abs(sequence_stride)), 1) + 1
    return 2 * math.prod(shape[:-1]) * (pieces * size + length)


def _of_frequencies(x: Any, fft_length: Any = None, **options: Any) -> int:
    """Count a transform along the last axis, of complex numbers; its pieces put together."""
    parts = tree.flatten(x)
    shape = np.shape(parts[0])
    length = 2 * shape[-1] if fft_length is None else max(int(abs(fft_length)), shape[-1])
    given = sum(np.size(part) for part in parts)
    return given + 4 * math.prod(shape[:-1]) * length + int(abs(options.get("length") or 0))


def _of_take(x: Any, indices: Any, axis: int | None = None, **options: Any) -> int:
    shape = np.shape(x)
    rest = 1 if axis is None else math.prod(shape) // max(shape[axis], 1)
    return np.size(indices) * max(rest, 1)


def _of_tensordot(x1: Any, x2: Any, axes: Any = 2) -> int:
    x, y = np.shape(x1), np.shape(x2)
    if isinstance(axes, int | np.integer):
        summed = math.prod(x[len(x) - axes :])
    else:
        summed = math.prod(x[n] for n in np.atleast_1d(axes[0]))
    return math.prod(x) * math.prod(y) // max(summed, 1) ** 2 + math.prod(x) + math.prod(y)


def _of_einsum(operands: Sequence[Any], subscripts: Any = None) -> int:
    """Count the output, of which only what it names is kept on the way."""
    if subscripts is None:
        subscripts, *operands = operands
    terms, _, output = str(subscripts).replace(" ", "").partition("->")
    sizes: dict[str, int] = {}
    more = 1
    for term, x in zip(terms.split(","), operands, strict=True):
        shape, letters = np.shape(x), term.replace("...", "")
        if "..." in term:
            more = max(more, math.prod(shape) // max(math.prod(_under(term, shape)), 1))
        for letter, size in zip(letters, _under(term, shape), strict=True):
            sizes[letter] = max(sizes.get(letter, 1), size)
    letters = output if "->" in str(subscripts) else "".join(sizes)
    return more * math.prod(sizes[letter] for letter in set(letters.replace(".", "")))


def _under(term: str, shape: Shape) -> Shape:
    before, dots, after = term.partition("...")
    return (*shape[: len(before)], *shape[len(shape) - len(after) :]) if dots else shape


def _of_convolution(inputs: Any, kernel: Any, **options: Any) -> int:
    """Count (N, spots, filters): no more spots than pixels."""
    images = np.shape(inputs)
    return math.prod(images) // max(_channels(images, options), 1) * np.shape(kernel)[-1]


def _of_depthwise(inputs: Any, kernel: Any, **options: Any) -> int:
    return math.prod(np.shape(inputs)) * np.shape(kernel)[-1]


def _of_transposed(inputs: Any, kernel: Any, **options: Any) -> int:
    """Count (N, spots, filters), each pixel having a stride's spots, and the last a kernel's."""
    images, taps = np.shape(inputs), np.shape(kernel)
    rank = len(images) - 2
    sizes = images[2:] if options.get("data_format") == "channels_first" else images[1:-1]
    steps, widened = (_each(options.get(name), rank) for name in ("strides", "dilation_rate"))
    added = _each(options.get("output_padding") or 0, rank)
    spots = math.prod(
        size * step + tap * wide + more
        for size, step, tap, wide, more in zip(sizes, steps, taps, widened, added, strict=False)
    )
    return images[0] * spots * taps[-2] + math.prod(images)


def _channels(images: Shape, options: Mapping[str, Any]) -> int:
    return images[1 if options.get("data_format") == "channels_first" else -1]


def _each(number: Any, rank: int) -> list[int]:
    value = 1 if number is None else number
    return [int(abs(n)) for n in np.broadcast_to(value, (rank,))]


OF_CALLS: dict[str, Callable[..., int]] = {
    **dict.fromkeys(("array_split", "dsplit", "hsplit", "split", "vsplit"), _of_split),
    **dict.fromkeys(("irfft", "istft", "packed_irfft", "packed_rfft", "rfft"), _of_frequencies),
    **dict.fromkeys(("segment_max", "segment_min", "segment_prod", "segment_sum"), _of_segments),
    **dict.fromkeys(("empty", "full", "ones", "zeros"), _of_shape),
    "broadcast_to": _of_broadcast,
    "conv": _of_convolution,
    "conv_block": _of_convolution,
    "conv_transpose": _of_transposed,
    "depthwise_block": _of_depthwise,
    "depthwise_conv": _of_depthwise,
    "diag": lambda x, k=0: np.size(x) if np.ndim(x) > 1 else _of_diagonal(x, k),
    "diagflat": _of_diagonal,
    "einsum": _of_einsum,
    "extract_patches": lambda images, **options: _of_patches(images, **options),
    "extract_patches_3d": lambda volumes, **options: _of_patches(volumes, rank=3, **options),
    "extract_sequences": _of_sequences,
    "eye": _of_square,
    "gaussian_blur": _of_gaussian_blur,
    "identity": lambda n, **options: _of_square(n),
    "one_hot": lambda x, num_classes, **options: np.size(x) * int(abs(num_classes)),
    "pad": _of_pad,
    "pad_images": _of_pad_images,
    "repeat": _of_repeat,
    "resize": _of_resize,
    "stft": _of_sequences,
    "take": _of_take,
    "tensordot": _of_tensordot,
    "tile": lambda x, repeats: np.size(x) * _of_shape(repeats),
    "tri": _of_square,
}
