"""The largest value of each window, and where it was: pooling and its way back, compiled.

Windows lie side by side. A vector of channels goes through its window in registers: the value
and, in eight bits a channel, the number of the cell that won.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from melpy.kernels import memory, threads
from melpy.kernels.compiled.emission import splat
from melpy.kernels.compiled.jit import compiled
from melpy.kernels.compiled.team import for_team
from melpy.kernels.compiled.tile import VECTOR_BYTES
from melpy.kernels.spec.windows import Pair
from melpy.kernels.threads import Region


def pooling(z: np.ndarray, pool: Pair) -> tuple[np.ndarray, np.ndarray, Region]:
    """Return each window's largest value, its cell, and what fills both."""
    shape = (len(z), z.shape[1] // pool[0], z.shape[2] // pool[1], z.shape[3])
    u, where = memory.empty(shape, z.dtype), memory.empty(shape, np.dtype(np.uint8))
    return u, where, (_winners, len(z), z.size, z, u, where, *pool)


def choosing(z: np.ndarray, where: np.ndarray, pool: Pair) -> tuple[np.ndarray, Region]:
    """Return the value of each window's cell of a number, and what fills it."""
    u = memory.empty(where.shape, z.dtype)
    return u, (_chosen, len(z), z.size, z, where, u, *pool)


def scattered(g: np.ndarray, where: np.ndarray, pool: Pair, size: Pair) -> np.ndarray:
    """Put each value at its cell of its window; see `melpy.kernels.spec.conv_block`."""
    d_z = memory.empty((len(g), *size, g.shape[3]), g.dtype)
    threads.share(_scattered, len(g), d_z.size, g, where, d_z, *pool)
    return d_z


class _Emitter:
    """Emits loads and stores of vectors of channels: whole ones, or of the first ``rest``."""

    def __init__(self, context: Any, builder: Any, signature: Any, args: Any, rest: Any) -> None:
        self.context, self.builder, self.signature, self.args = context, builder, signature, args
        number = context.get_data_type(signature.args[0].dtype)
        self.bytes = 4 if isinstance(number, ir.FloatType) else 8
        lanes = VECTOR_BYTES // self.bytes
        self.values, self.cells = (ir.VectorType(kind, lanes) for kind in (number, ir.IntType(8)))
        self.mask = None
        if rest is not None:
            counts = ir.VectorType(ir.IntType(64), lanes)
            order = ir.Constant(counts, list(range(lanes)))
            self.mask = builder.icmp_signed("<", order, splat(builder, rest, counts))

    def _at(self, position: int, start: Any, kind: Any) -> tuple[Any, int, str]:
        array = self.context.make_array(self.signature.args[position])
        data = array(self.context, self.builder, self.args[position]).data
        place = self.builder.bitcast(self.builder.gep(data, [start]), kind.as_pointer())
        align = self.bytes if kind is self.values else 1
        name = f"v{kind.count}" + (f"f{8 * self.bytes}" if kind is self.values else "i8")
        return place, align, f"{name}.p0{name}"

    def _masked(self, name: str, returned: Any, arguments: list[Any]) -> Any:
        kind = ir.FunctionType(returned, [x.type for x in arguments])
        function = cgutils.get_or_insert_function(self.builder.module, kind, f"llvm.masked.{name}")
        return self.builder.call(function, arguments)

    def load(self, position: int, start: Any, kind: Any) -> Any:
        """Return a vector of the array that is argument ``position``, from ``start`` on."""
        place, align, name = self._at(position, start, kind)
        if self.mask is None:
            return self.builder.load(place, align=align)
        nothing = ir.Constant(kind, None)
        return self._masked(
            f"load.{name}", kind, [place, ir.IntType(32)(align), self.mask, nothing]
        )

    def store(self, value: Any, position: int, start: Any) -> None:
        place, align, name = self._at(position, start, value.type)
        if self.mask is None:
            self.builder.store(value, place, align=align)
        else:
            self._masked(
                f"store.{name}", ir.VoidType(), [value, place, ir.IntType(32)(align), self.mask]
            )


def _winner(is_masked: bool) -> Callable[..., Any]:
    @intrinsic
    def win(typingctx, u, u0, where, z, z0, row, column, pool_h, pool_w, rest):
        """u, where = the largest of the window of z that begins at z0, and its cell's number."""
        size = types.intp

        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _, u0, _, _, z0, row, column, pool_h, pool_w, rest = args
            the = _Emitter(context, builder, signature, args, rest if is_masked else None)
            best, won = (cgutils.alloca_once(builder, kind) for kind in (the.values, the.cells))
            builder.store(the.load(3, z0, the.values), best)
            builder.store(ir.Constant(the.cells, None), won)
            with (
                cgutils.for_range(builder, pool_h) as i,
                cgutils.for_range(builder, pool_w) as j,
            ):
                down, right = builder.mul(i.index, row), builder.mul(j.index, column)
                place = builder.add(z0, builder.add(down, right))
                v, top = the.load(3, place, the.values), builder.load(best)
                # v > top, or v is the first NaN.
                hit = builder.and_(
                    builder.fcmp_unordered(">", v, top), builder.fcmp_ordered("ord", top, top)
                )
                number = builder.add(builder.mul(i.index, pool_w), j.index)
                cell = splat(builder, builder.trunc(number, ir.IntType(8)), the.cells)
                builder.store(builder.select(hit, v, top), best)
                builder.store(builder.select(hit, cell, builder.load(won)), won)
            the.store(builder.load(best), 0, u0)
            the.store(builder.load(won), 2, u0)
            return context.get_dummy_value()

        return types.void(u, size, where, z, size, size, size, size, size, size), emit

    return win


def _putter(is_masked: bool) -> Callable[..., Any]:
    @intrinsic
    def put(typingctx, g, g0, where, w0, z, z0, row, column, pool_h, pool_w, rest):
        """Window of z that begins at z0 = g at the cell that won, 0 at the others."""
        size = types.intp

        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            _, g0, _, w0, _, z0, row, column, pool_h, pool_w, rest = args
            the = _Emitter(context, builder, signature, args, rest if is_masked else None)
            value, won = the.load(0, g0, the.values), the.load(2, w0, the.cells)
            with (
                cgutils.for_range(builder, pool_h) as i,
                cgutils.for_range(builder, pool_w) as j,
            ):
                down, right = builder.mul(i.index, row), builder.mul(j.index, column)
                place = builder.add(z0, builder.add(down, right))
                number = builder.add(builder.mul(i.index, pool_w), j.index)
                cell = splat(builder, builder.trunc(number, ir.IntType(8)), the.cells)
                here = builder.icmp_unsigned("==", won, cell)
                the.store(builder.select(here, value, ir.Constant(the.values, None)), 4, place)
            return context.get_dummy_value()

        return types.void(g, size, where, size, z, size, size, size, size, size, size), emit

    return put


_win, _win_some = _winner(is_masked=False), _winner(is_masked=True)
_put, _put_some = _putter(is_masked=False), _putter(is_masked=True)


@compiled
def winners_of(z, z0, W, u, where, n, pool):
    """Pool one image of width W, which begins at z0 of a flat z, into image n of u."""
    (_, oH, oW, C), (pool_h, pool_w) = u.shape, pool
    lanes, row = VECTOR_BYTES // z.itemsize, W * C
    flat_u, flat_where = u.reshape(-1), where.reshape(-1)
    for p in range(oH):
        for c in range(0, C, lanes):  # along a line: for few channels, the longer loop
            at, to = z0 + p * pool_h * row + c, (n * oH + p) * oW * C + c
            for q in range(oW):
                u0, cell = to + q * C, at + q * pool_w * C
                if C - c < lanes:
                    _win_some(flat_u, u0, flat_where, z, cell, row, C, pool_h, pool_w, C - c)
                elif pool_h == 2 and pool_w == 2:  # the compiler writes the four cells out
                    _win(flat_u, u0, flat_where, z, cell, row, C, 2, 2, 0)
                else:
                    _win(flat_u, u0, flat_where, z, cell, row, C, pool_h, pool_w, 0)


@compiled
def chosen_of(z, z0, W, where, n, u, pool):
    """Image n of u = the cells that ``where`` tells of an image of width W, at z0 of a flat z."""
    (_, oH, oW, C), (pool_h, pool_w) = u.shape, pool
    for p in range(oH):
        for q in range(oW):
            won, kept = where[n, p, q], u[n, p, q]
            for i in range(pool_h):
                for j in range(pool_w):
                    number = i * pool_w + j
                    cell = z[z0 + ((p * pool_h + i) * W + q * pool_w + j) * C :]
                    for c in range(C):
                        kept[c] = cell[c] if won[c] == number else kept[c]


@compiled
def scattered_of(g, g0, where, n, d_z, z0, size, pool):
    """Put an image's values, which begin at g0 of a flat g, at their cells of an image at z0."""
    (_, oH, oW, C), (H, W), (pool_h, pool_w) = where.shape, size, pool
    lanes, row = VECTOR_BYTES // d_z.itemsize, W * C
    flat_where = where.reshape(-1)
    if oH * pool_h < H or oW * pool_w < W:
        d_z[z0 : z0 + H * W * C] = 0
    for p in range(oH):
        for c in range(0, C, lanes):
            pixel, to = p * oW * C + c, z0 + p * pool_h * row + c
            for q in range(oW):
                at, cell = pixel + q * C, to + q * pool_w * C
                won = n * oH * oW * C + at
                if C - c < lanes:
                    _put_some(g, g0 + at, flat_where, won, d_z, cell, row, C, pool_h, pool_w, C - c)
                elif pool_h == 2 and pool_w == 2:
                    _put(g, g0 + at, flat_where, won, d_z, cell, row, C, 2, 2, 0)
                else:
                    _put(g, g0 + at, flat_where, won, d_z, cell, row, C, pool_h, pool_w, 0)


@for_team
def _winners(z, u, where, pool_h, pool_w, part, first, last):
    _, H, W, C = z.shape
    flat = z.reshape(-1)
    for n in range(first, last):
        winners_of(flat, n * H * W * C, W, u, where, n, (pool_h, pool_w))


@for_team
def _chosen(z, where, u, pool_h, pool_w, part, first, last):
    _, H, W, C = z.shape
    flat = z.reshape(-1)
    for n in range(first, last):
        chosen_of(flat, n * H * W * C, W, where, n, u, (pool_h, pool_w))


@for_team
def _scattered(g, where, d_z, pool_h, pool_w, part, first, last):
    _, H, W, C = d_z.shape
    flat_g, flat, image = g.reshape(-1), d_z.reshape(-1), g.shape[1] * g.shape[2] * C
    for n in range(first, last):
        scattered_of(flat_g, n * image, where, n, flat, n * H * W * C, (H, W), (pool_h, pool_w))
