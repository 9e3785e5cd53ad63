"""The team's part that needs no Python: who waits, who works on which block, who is done.

A worker that waits keeps looking for a job for a while before it goes to sleep: waking a sleeping
thread takes as long as many a small region of work. What it does and finds is in one array of
whole numbers, the team's; threads meet in it by atomic operations only.

    caller                                        worker
    writes the job, then IDLE -> ASSIGNED         IDLE: looks; after a while IDLE -> ASLEEP
    takes blocks until there are none             ASSIGNED -> RUNNING, takes blocks until there
    ASSIGNED -> IDLE: the worker came too late      are none, then RUNNING -> IDLE
    waits until no worker is RUNNING
    wakes who sleeps, ASLEEP -> IDLE (`threads`)  comes back, and looks
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from typing import Any, get_type_hints

import llvmlite.binding
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from melpy.kernels.compiled.jit import compiled, compiled_for_c, compiled_for_python

IDLE, ASSIGNED, RUNNING, ASLEEP = 0, 1, 2, 3

# Where things are in the team's array, in numbers of eight bytes; what changes often stands in
# cache lines of its own.
FUNCTION, ENVIRONMENT, SIZE, BLOCKS, ERROR, WORKERS = range(6)
NEXT, FIRST_WORKER, LINE = 8, 16, 8
MOST_WORKERS = 62  # who joined is noted in the bits of a number
PATIENCE = 2_000  # looks, some 50 microseconds, before a thread that waits gives its CPU away
RECORD = -1  # blocks of a region that is written down, not run

INDEX = ir.IntType(64)
BYTES = ir.IntType(8).as_pointer()
# function(environment, part, first, last, error)
TASK = ir.FunctionType(ir.VoidType(), [BYTES, INDEX, INDEX, INDEX, INDEX.as_pointer()])
RUN = "melpy_team_run"


def state_of(workers: int) -> np.ndarray:
    """Return the array of a team whose workers are asleep."""
    state = np.zeros(FIRST_WORKER + LINE * workers, np.int64)
    state[WORKERS] = min(workers, MOST_WORKERS)
    for place in places_of(state):
        place[0] = ASLEEP
    return state


def places_of(state: np.ndarray) -> list[np.ndarray]:
    """Return where each worker's state is, as arrays of one number."""
    return [state[n : n + 1] for n in range(FIRST_WORKER, len(state), LINE)]


def _cell(builder: Any, address: Any) -> Any:
    return builder.inttoptr(address, INDEX.as_pointer())


@intrinsic
def load(typingctx, address):
    """Read a number that another thread may write."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load_atomic(_cell(builder, args[0]), "acquire", 8)

    return types.intp(types.intp), emit


@intrinsic
def store(typingctx, address, value):
    """Write a number that another thread may read, after all that was written before."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store_atomic(args[1], _cell(builder, args[0]), "release", 8)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), emit


@intrinsic
def add(typingctx, address, value):
    """Add to a number, and return what it was."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", _cell(builder, args[0]), args[1], "seq_cst")

    return types.intp(types.intp, types.intp), emit


@intrinsic
def turn(typingctx, address, before, after):
    """Make a number ``after`` if it is ``before``; return whether it was."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        cell = _cell(builder, args[0])
        pair = builder.cmpxchg(cell, args[1], args[2], "seq_cst", "seq_cst")
        return builder.extract_value(pair, 1)

    return types.boolean(types.intp, types.intp, types.intp), emit


@intrinsic
def pause(typingctx):
    """Tell the core that this thread waits for another."""
    machine = llvmlite.binding.get_default_triple().partition("-")[0]

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        void, number = ir.VoidType(), ir.IntType(32)
        if machine in ("x86_64", "i686"):
            kind, name, given = ir.FunctionType(void, []), "llvm.x86.sse2.pause", []
        elif machine in ("aarch64", "arm64"):
            kind, name, given = ir.FunctionType(void, [number]), "llvm.aarch64.hint", [number(1)]
        else:
            return context.get_dummy_value()
        builder.call(cgutils.get_or_insert_function(builder.module, kind, name), given)
        return context.get_dummy_value()

    return types.void(), emit


def _yielding() -> int:
    """Return the address of the system's function that lets another thread have the CPU."""
    is_windows = sys.platform == "win32"
    system = ctypes.CDLL("kernel32" if is_windows else None)
    function = system.SwitchToThread if is_windows else system.sched_yield
    return ctypes.cast(function, ctypes.c_void_p).value or 0


YIELD = "melpy_yield"
llvmlite.binding.add_symbol(YIELD, _yielding())


@intrinsic
def give_way(typingctx):
    """Let another thread have the CPU, where there are more threads than CPUs."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        builder.call(cgutils.get_or_insert_function(builder.module, kind, YIELD), [])
        return context.get_dummy_value()

    return types.void(), emit


@compiled
def rest(looked):
    """Wait a little for another thread: the CPU's way first, the system's after many looks."""
    pause()
    if looked >= PATIENCE:
        give_way()
    return looked + 1


@intrinsic
def do(typingctx, function, environment, part, first, last, error):
    """Do one block of a job."""

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        function, environment, part, first, last, error = args
        task = builder.inttoptr(function, TASK.as_pointer())
        given = [builder.inttoptr(environment, BYTES), part, first, last, _cell(builder, error)]
        builder.call(task, given)
        return context.get_dummy_value()

    return types.void(*[types.intp] * 6), emit


@compiled
def do_block(function, environment, n, size, blocks, error):
    """Do block ``n`` of a job: its share of ``range(size)``."""
    do(function, environment, n, size * n // blocks, size * (n + 1) // blocks, error)


@compiled
def drain(team):
    """Do blocks of the job until there are none."""
    function, environment, error = load(team), load(team + 8 * ENVIRONMENT), load(team + 8 * ERROR)
    size, blocks = load(team + 8 * SIZE), load(team + 8 * BLOCKS)
    n = add(team + 8 * NEXT, 1)
    while n < blocks:
        do_block(function, environment, n, size, blocks, error)
        n = add(team + 8 * NEXT, 1)


def _run(team, function, environment, size, blocks, error):
    """Do all blocks, with the workers that wait; alone without a team."""
    if team == 0:
        for n in range(blocks):
            do_block(function, environment, n, size, blocks, error)
        return
    store(team + 8 * FUNCTION, function)
    store(team + 8 * ENVIRONMENT, environment)
    store(team + 8 * SIZE, size)
    store(team + 8 * BLOCKS, blocks)
    store(team + 8 * ERROR, error)
    store(team + 8 * NEXT, 0)
    workers, joined, left = load(team + 8 * WORKERS), 0, blocks
    while left > 0:
        for n in range(workers):  # those who woke up meanwhile, too
            place = team + 8 * (FIRST_WORKER + LINE * n)
            if not joined >> n & 1 and load(place) == IDLE and turn(place, IDLE, ASSIGNED):
                joined |= 1 << n
        n = add(team + 8 * NEXT, 1)
        left = blocks - n
        if left > 0:
            do_block(function, environment, n, size, blocks, error)
    for n in range(workers):
        place = team + 8 * (FIRST_WORKER + LINE * n)
        if joined >> n & 1 and not turn(place, ASSIGNED, IDLE):
            looked = 0
            while load(place) == RUNNING:
                looked = rest(looked)


_runner = compiled_for_c(_run, types.void(*[types.intp] * 6))
llvmlite.binding.add_symbol(RUN, _runner.address)


@compiled_for_python
def serve(team, number, looks):
    """Work whenever there is a job; return, asleep, after ``looks`` looks in vain."""
    place = team + 8 * (FIRST_WORKER + LINE * number)
    looked = 0
    while True:
        if load(place) == ASSIGNED and turn(place, ASSIGNED, RUNNING):
            drain(team)
            store(place, IDLE)
            looked = 0
        looked += 1
        if looked > looks and turn(place, IDLE, ASLEEP):
            return
        pause()


@intrinsic
def fan_out(typingctx, kernel, team, size, blocks, args):
    """Run ``kernel(*args, part, first, last)`` for the blocks of ``range(size)``.

    Returns whether a block failed: for lack of memory, since kernels raise nothing else. With
    ``blocks`` of `RECORD` nothing runs: ``team`` is then where the arguments are written, their
    size in bytes before them, and what is returned is the address of the function that takes them.
    """
    inner = kernel.get_call_type(typingctx, (*args.types, *[types.intp] * 3), {})

    def emit(context: Any, builder: Any, signature: Any, given: Any) -> Any:
        _, team, size, blocks, packed = given
        made = kernel.dispatcher.overloads[inner.args]
        context.add_linking_libs([made.library])
        values = [
            _unowned(context, builder, kind, value)
            for kind, value in zip(args.types, cgutils.unpack_tuple(builder, packed), strict=True)
        ]
        kinds = ir.LiteralStructType([value.type for value in values])
        own = cgutils.alloca_once(builder, kinds)
        is_recorded = builder.icmp_signed("==", blocks, INDEX(RECORD))
        room = builder.inttoptr(builder.add(team, INDEX(8)), kinds.as_pointer())
        environment = builder.select(is_recorded, room, own)
        for n, value in enumerate(values):
            builder.store(value, cgutils.gep_inbounds(builder, environment, 0, n))
        task = ir.Function(builder.module, TASK, builder.module.get_unique_name("task"))
        task.linkage = "internal"
        inside = ir.IRBuilder(task.append_basic_block("entry"))
        record = inside.bitcast(task.args[0], kinds.as_pointer())
        loaded = [
            inside.load(cgutils.gep_inbounds(inside, record, 0, n)) for n in range(len(values))
        ]
        function = context.declare_function(builder.module, made.fndesc)
        status, _ = context.call_conv.call_function(
            inside, function, inner.return_type, inner.args, [*loaded, *task.args[1:4]]
        )
        with inside.if_then(status.is_error, likely=False):
            inside.store(INDEX(1), task.args[4])
        inside.ret_void()
        error, found = (cgutils.alloca_once_value(builder, INDEX(0)) for _ in range(2))
        run = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), [INDEX] * 6), RUN
        )
        addresses = [builder.ptrtoint(x, INDEX) for x in (task, environment, error)]
        with builder.if_else(is_recorded) as (recorded, at_once):
            with recorded:
                builder.store(INDEX(context.get_abi_sizeof(kinds)), _cell(builder, team))
                builder.store(addresses[0], found)
            with at_once:
                builder.call(run, [team, *addresses[:2], size, blocks, addresses[2]])
                builder.store(builder.load(error), found)
        return builder.load(found)

    signature = types.intp(kernel, types.intp, types.intp, types.intp, args)
    return signature, emit


def _unowned(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """Return an array, or a record of some, without its reference count: the caller keeps it alive.

    Threads that count references to one array write to one cache line, at every slice they take.
    """
    if isinstance(kind, types.BaseTuple):
        fields = zip(kind.types, cgutils.unpack_tuple(builder, value), strict=True)
        return context.make_tuple(
            builder, kind, [_unowned(context, builder, *field) for field in fields]
        )
    if not isinstance(kind, types.Array):
        return value
    array = context.make_array(kind)(context, builder, value=value)
    array.meminfo = ir.Constant(array.meminfo.type, None)
    array.parent = ir.Constant(array.parent.type, None)
    return array._getvalue()


def for_team(kernel: Callable[..., None]) -> Callable[..., bool]:
    """Compile ``kernel(*args, part, first, last)`` as ``region(team, size, blocks, *args)``.

    An argument whose annotation is a NamedTuple's class is a record, whose fields the kernel reads
    by name. The region is given them one by one, as in ``share(..., x, *frame, y)``: Numba takes a
    microsecond to tell what a tuple is made of, more than all else of a call.
    """
    code = kernel.__code__
    kinds = get_type_hints(kernel)
    scope: dict[str, Any] = {"_fan_out": fan_out, "_kernel": compiled(kernel)}
    given: list[str] = []
    packed: list[str] = []
    for name in code.co_varnames[: code.co_argcount - 3]:
        kind = kinds.get(name)
        fields = [f"{name}__{field}" for field in getattr(kind, "_fields", ())]
        given += fields or [name]
        packed.append(f"_record_{name}({', '.join(fields)})" if fields else name)
        scope[f"_record_{name}"] = kind
    source = (
        f"def {kernel.__name__}(_team, _size, _blocks, {', '.join(given)}):\n"
        f"    return _fan_out(_kernel, _team, _size, _blocks, ({', '.join(packed)},))\n"
    )
    exec(compile(source, code.co_filename, "exec"), scope)
    region = scope[kernel.__name__]
    region.__module__ = kernel.__module__
    return compiled_for_python(region)
