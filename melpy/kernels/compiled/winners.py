"""The largest value of each window, and where it was: pooling and its way back, compiled.

Windows lie side by side. A vector of channels goes through its window in registers: the value
and, in eight bits a channel, the number of the cell that won.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from melpy.kernels import memory, threads
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


def scattered(g: np.ndarray, where: np.ndarray, pool: Pair, size: Pair) -> np.ndarray:
    """Put each value at its cell of its window; see `melpy.kernels.spec.conv_block`."""
    d_z = memory.empty((len(g), *size, g.shape[3]), g.dtype)
    threads.share(_scattered, len(g), d_z.size, g, where, d_z, *pool)
    return d_z


def _parts(context: Any, builder: Any, signature: Any, args: Any) -> tuple[Any, Any, Any, Any]:
    """Return the types of a vector and of its cells' numbers, and pointers to u, where, z."""
    number = context.get_data_type(signature.args[0].dtype)
    lanes = VECTOR_BYTES // (4 if isinstance(number, ir.FloatType) else 8)
    vector, numbers = ir.VectorType(number, lanes), ir.VectorType(ir.IntType(8), lanes)

    def at(position: int, start: Any, kind: Any) -> Any:
        array = context.make_array(signature.args[position])(context, builder, args[position])
        return builder.bitcast(builder.gep(array.data, [start]), kind.as_pointer())

    return vector, numbers, at, signature.args[0].dtype.bitwidth // 8


def _splat(builder: Any, x: Any, kind: Any) -> Any:
    undefined = ir.Constant(kind, ir.Undefined)
    lane0 = builder.insert_element(undefined, x, ir.IntType(32)(0))
    same = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), None)
    return builder.shuffle_vector(lane0, undefined, same)


@intrinsic
def _win(typingctx, u, u0, where, z, z0, row, column, pool_h, pool_w):
    """u, where = the largest of the window of z that begins at z0, and the number of its cell."""
    size = types.intp

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _u, u0, _where, _z, z0, row, column, pool_h, pool_w = args
        vector, numbers, at, bytes_ = _parts(context, builder, signature, args)
        best, won = (cgutils.alloca_once(builder, kind) for kind in (vector, numbers))
        builder.store(builder.load(at(3, z0, vector), align=bytes_), best)
        builder.store(ir.Constant(numbers, None), won)
        with (
            cgutils.for_range(builder, pool_h) as i,
            cgutils.for_range(builder, pool_w) as j,
        ):
            down, right = builder.mul(i.index, row), builder.mul(j.index, column)
            place = builder.add(z0, builder.add(down, right))
            v, top = builder.load(at(3, place, vector), align=bytes_), builder.load(best)
            # v > top, or v is the first NaN.
            hit = builder.and_(
                builder.fcmp_unordered(">", v, top), builder.fcmp_ordered("ord", top, top)
            )
            number = builder.add(builder.mul(i.index, pool_w), j.index)
            cell = _splat(builder, builder.trunc(number, ir.IntType(8)), numbers)
            builder.store(builder.select(hit, v, top), best)
            builder.store(builder.select(hit, cell, builder.load(won)), won)
        builder.store(builder.load(best), at(0, u0, vector), align=bytes_)
        builder.store(builder.load(won), at(2, u0, numbers), align=1)
        return context.get_dummy_value()

    return types.void(u, size, where, z, size, size, size, size, size), emit


@intrinsic
def _put(typingctx, g, g0, where, w0, z, z0, row, column, pool_h, pool_w):
    """Window of z that begins at z0 = g at the cell that won, 0 at the others."""
    size = types.intp

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _g, g0, _where, w0, _z, z0, row, column, pool_h, pool_w = args
        vector, numbers, at, bytes_ = _parts(context, builder, signature, args)
        value = builder.load(at(0, g0, vector), align=bytes_)
        won = builder.load(at(2, w0, numbers), align=1)
        with (
            cgutils.for_range(builder, pool_h) as i,
            cgutils.for_range(builder, pool_w) as j,
        ):
            down, right = builder.mul(i.index, row), builder.mul(j.index, column)
            place = builder.add(z0, builder.add(down, right))
            number = builder.add(builder.mul(i.index, pool_w), j.index)
            cell = _splat(builder, builder.trunc(number, ir.IntType(8)), numbers)
            here = builder.icmp_unsigned("==", won, cell)
            kept = builder.select(here, value, ir.Constant(vector, None))
            builder.store(kept, at(4, place, vector), align=bytes_)
        return context.get_dummy_value()

    return types.void(g, size, where, size, z, size, size, size, size, size), emit


@compiled
def winners_of(z, z0, W, u, where, n, pool_h, pool_w):
    """Pool one image of width W, which begins at z0 of a flat z, into image n of u."""
    _, oH, oW, C = u.shape
    lanes = VECTOR_BYTES // z.itemsize
    whole = C - C % lanes
    flat_u, flat_where = u.reshape(-1), where.reshape(-1)
    for p in range(oH):
        at, to = z0 + p * pool_h * W * C, (n * oH + p) * oW * C
        for c in range(0, whole, lanes):  # along a line: for few channels, the longer loop
            for q in range(oW):
                u0, cell0 = to + q * C + c, at + q * pool_w * C + c
                if pool_h == 2 and pool_w == 2:  # the compiler writes the four cells out
                    _win(flat_u, u0, flat_where, z, cell0, W * C, C, 2, 2)
                else:
                    _win(flat_u, u0, flat_where, z, cell0, W * C, C, pool_h, pool_w)
        for q in range(oW if whole < C else 0):
            at, to = z0 + (p * pool_h * W + q * pool_w) * C, ((n * oH + p) * oW + q) * C
            for c in range(whole, C):
                best, won = z[at + c], 0
                for i in range(pool_h):
                    for j in range(pool_w):
                        v = z[at + (i * W + j) * C + c]
                        if v > best or (v != v and best == best):
                            best, won = v, i * pool_w + j
                flat_u[to + c], flat_where[to + c] = best, won


@compiled
def scattered_of(g, g0, where, n, d_z, z0, H, W, pool_h, pool_w):
    """Put an image's values, which begin at g0 of a flat g, at their cells of an image at z0."""
    _, oH, oW, C = where.shape
    lanes = VECTOR_BYTES // d_z.itemsize
    whole = C - C % lanes
    flat_where = where.reshape(-1)
    if oH * pool_h < H or oW * pool_w < W:
        d_z[z0 : z0 + H * W * C] = 0
    for p in range(oH):
        for c in range(0, whole, lanes):
            for q in range(oW):
                pixel = (p * oW + q) * C + c
                to, won = z0 + (p * pool_h * W + q * pool_w) * C + c, n * oH * oW * C + pixel
                if pool_h == 2 and pool_w == 2:
                    _put(g, g0 + pixel, flat_where, won, d_z, to, W * C, C, 2, 2)
                else:
                    _put(g, g0 + pixel, flat_where, won, d_z, to, W * C, C, pool_h, pool_w)
        for q in range(oW if whole < C else 0):
            pixel = (p * oW + q) * C
            to, cell = z0 + (p * pool_h * W + q * pool_w) * C, n * oH * oW * C + pixel
            for c in range(whole, C):
                for i in range(pool_h):
                    for j in range(pool_w):
                        here = flat_where[cell + c] == i * pool_w + j
                        value = g[g0 + pixel + c] if here else d_z.dtype.type(0)
                        d_z[to + (i * W + j) * C + c] = value


@for_team
def _winners(z, u, where, pool_h, pool_w, part, first, last):
    _, H, W, C = z.shape
    flat = z.reshape(-1)
    for n in range(first, last):
        winners_of(flat, n * H * W * C, W, u, where, n, pool_h, pool_w)


@for_team
def _scattered(g, where, d_z, pool_h, pool_w, part, first, last):
    _, H, W, C = d_z.shape
    flat_g, flat, image = g.reshape(-1), d_z.reshape(-1), g.shape[1] * g.shape[2] * C
    for n in range(first, last):
        scattered_of(flat_g, n * image, where, n, flat, n * H * W * C, H, W, pool_h, pool_w)
