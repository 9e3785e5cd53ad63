"""Arrays out of ``.npz`` files, arrays of lists of whole numbers among them.

NumPy keeps an array of lists as a pickle, a program that can name any function and have it called.
Here such a program is run by a machine of our own, which knows the few instructions that lists of
whole numbers need: it makes numbers, text, tuples and lists, and looks up and calls nothing.
"""

from __future__ import annotations

import io
import math
import struct
import zipfile
from typing import Any

import numpy as np

from melpy.errors import DataError

__all__ = ["read_npz"]

# What a file may unpack to: of numbers and lists, no file is packed tighter.
UNPACKED_FLOOR_BYTES, UNPACKED_TIMES = 2**24, 64
BOUNDED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # whose unpacking ends at the size told


def read_npz(data: bytes, who: str) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz`` file by their names.

    Parameters
    ----------
    data : the whole file
    who : str, in messages

    Returns
    -------
    dict of arrays of numbers or strings, or of type object, of ints and lists of ints

    Raises
    ------
    DataError : the file is damaged, or holds anything else

    Examples
    --------
    >>> file = io.BytesIO()
    >>> np.savez(file, x=np.array([[1, 2], [3]], dtype=object), y=np.arange(2))
    >>> read_npz(file.getvalue(), "example")
    {'x': array([list([1, 2]), list([3])], dtype=object), 'y': array([0, 1])}
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = [part for part in archive.infolist() if part.filename.endswith(".npy")]
            size_bytes = sum(part.file_size for part in parts)
            if size_bytes > UNPACKED_FLOOR_BYTES + UNPACKED_TIMES * len(data):
                raise ValueError(f"it unpacks to {size_bytes} bytes")
            if not {part.compress_type for part in parts} <= BOUNDED:
                raise ValueError("it is packed by another method than stored or deflated")
            return {p.filename.removesuffix(".npy"): _array(archive.read(p)) for p in parts}
    except Exception as error:  # damaged bytes fail in more ways than anyone can list
        raise DataError(
            who,
            f"this is no file of arrays of numbers ({error})",
            expected="an .npz file of numbers, or of lists of whole numbers",
            mend="Delete it and load the data set again, which downloads it.",
        ) from error


def _array(data: bytes) -> np.ndarray:
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read_header = (
        np.lib.format.read_array_header_1_0
        if version == (1, 0)
        else np.lib.format.read_array_header_2_0  # 3.0 differs in the names of fields alone
    )
    shape, _, dtype = read_header(file)
    if not dtype.hasobject and math.prod(shape) * dtype.itemsize > len(data):
        raise ValueError(f"an array of shape {shape} is larger than what there is of it")
    if dtype.hasobject:
        return _of_lists(data[file.tell() :], shape)
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def _of_lists(program: bytes, shape: tuple[int, ...]) -> np.ndarray:
    values = _run(program)
    if len(values) != np.prod(shape, dtype=object):
        raise ValueError("the array has another size than its header says")
    for value in {id(value): value for value in values}.values():  # one list may come often
        whole = value if type(value) is list else [value]
        if not set(map(type, whole)) <= {int}:
            raise ValueError("the array holds other things than whole numbers")
    out = np.empty(len(values), dtype=object)
    for number, value in enumerate(values):  # one by one: lists of one length would be a matrix
        out[number] = value
    return out.reshape(shape)


# The machine: a stack, the marks in it, and a memo.

NAMES = {  # what programs for arrays name, each of which only says that an array is meant
    "numpy.core.multiarray _reconstruct",
    "numpy._core.multiarray _reconstruct",
    "numpy ndarray",
    "numpy dtype",
    "_codecs encode",  # how old programs spell bytes
}


class _Name(str):
    """A name of ``NAMES``: text that stands for nothing."""


class _Array:
    """What ``_reconstruct`` would make, with the list of values that it is said to hold."""

    values: Any = None


def _run(program: bytes) -> list[Any]:
    """Return the values of the array that a pickle describes.

    Source: Python's ``pickletools``, which describes each instruction.
    """
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}
    at = 0

    def line() -> str:
        """Take the text up to the next line's end."""
        nonlocal at
        start, at = at, program.index(b"\n", at) + 1
        return program[start : at - 1].decode("latin1")

    def number(size: int) -> int:
        """Take a whole number of some bytes, without a sign."""
        nonlocal at
        at += size
        if at > len(program):
            raise EOFError("the pickle is cut off")
        return int.from_bytes(program[at - size : at], "little")

    def text(size: int) -> str:
        """Take so many bytes."""
        nonlocal at
        start, at = at, at + size
        return program[start:at].decode("latin1")

    def since_mark() -> list[Any]:
        """Take what lies above the last mark."""
        start = marks.pop()
        taken = stack[start:]
        del stack[start:]
        return taken

    while True:
        code = program[at]
        at += 1
        # Nearly all instructions are these three: whole numbers of 1, 2 and 4 bytes.
        if code == 0x4B:  # K
            stack.append(program[at])
            at += 1
        elif code == 0x4D:  # M
            stack.append(program[at] | program[at + 1] << 8)
            at += 2
        elif code == 0x4A:  # J
            stack.append(struct.unpack_from("<i", program, at)[0])
            at += 4
        elif code == 0x8A:  # of a length that is given
            size = number(1)
            stack.append(int.from_bytes(program[at : at + size], "little", signed=True))
            at += size
        elif code in b"IL":
            stack.append(int(line().removesuffix("L")))
        elif code in b"(":
            marks.append(len(stack))
        elif code in b"e":
            taken = since_mark()
            _list(stack[-1]).extend(taken)
        elif code in b"a":
            taken = stack.pop()
            _list(stack[-1]).append(taken)
        elif code in b"]":
            stack.append([])
        elif code in b"l":
            stack.append(since_mark())
        elif code in b"t":
            stack.append(tuple(since_mark()))
        elif code in b")\x85\x86\x87":
            size = b")\x85\x86\x87".index(code)
            stack.append(tuple(stack.pop() for _ in range(size))[::-1])
        elif code in b"q":
            memo[number(1)] = stack[-1]
        elif code in b"r":
            memo[number(4)] = stack[-1]
        elif code in b"p":
            memo[int(line())] = stack[-1]
        elif code in b"\x94":
            memo[len(memo)] = stack[-1]
        elif code in b"h":
            stack.append(memo[number(1)])
        elif code in b"j":
            stack.append(memo[number(4)])
        elif code in b"g":
            stack.append(memo[int(line())])
        elif code in b"U\x8cC":
            stack.append(text(number(1)))
        elif code in b"TXB":
            stack.append(text(number(4)))
        elif code in b"SV":
            stack.append(line().strip("'\""))
        elif code in b"N\x88\x89":
            stack.append({0x4E: None, 0x88: True, 0x89: False}[code])
        elif code in b"c":
            stack.append(_name(line(), line()))
        elif code in b"\x93":
            name = stack.pop()
            stack.append(_name(stack.pop(), name))
        elif code in b"R":  # a call, which makes nothing but an empty array
            stack.pop()
            name = stack.pop()
            stack.append(_Array() if _is(name, "_reconstruct") else None)
        elif code in b"b":  # what an array holds; what a type is like, which does not matter
            state = stack.pop()
            if type(stack[-1]) is _Array:
                stack[-1].values = _list(state[4])
        elif code in b"\x80":
            number(1)  # the protocol
        elif code in b"\x95":
            number(8)  # the length of what follows
        elif code in b".":
            return _list(stack.pop().values)
        else:
            raise ValueError(f"the pickle does more than lists of numbers need: {code:#x}")


def _list(value: Any) -> list[Any]:
    if type(value) is not list:
        raise TypeError("the pickle takes something for a list")
    return value


def _is(name: Any, last: str) -> bool:
    if type(name) is not _Name:
        raise TypeError("the pickle calls what has no name")
    return name.endswith(last)


def _name(module: Any, name: Any) -> _Name:
    if f"{module} {name}" not in NAMES:
        raise ValueError(f"the pickle names {module}.{name}")
    return _Name(f"{module} {name}")
