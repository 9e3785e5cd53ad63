"""The texts that an HDF5 file notes beside its groups, read as they lie in it.

HDF5 itself takes the memory that a text claims to need, up to 4 GB, before it looks whether there
is such a text, and goes round for ever in a heap whose free space has no size. So nothing here asks
HDF5 for a text: an object's header says where its attributes are, an attribute where its texts.

Source: HDF5 File Format Specification 3.0, III.E (global heap), IV.A.1 (object headers), and
IV.A.2.d, m and q (datatype, attribute, continuation).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

__all__ = ["Texts"]

ATTRIBUTE, CONTINUATION = 0x0C, 0x10  # messages of an object's header
SHARED = 2  # a message that lies elsewhere
FIXED, OF_ANY_LENGTH, TEXT = 3, 9, 1  # classes of datatypes, and what any length may be of
REFERENCE = struct.Struct("<IQI")  # of any length: its length, its heap, its number there
HEAP, HEAP_OBJECT = struct.Struct("<4s4xQ"), struct.Struct("<H6xQ")

Attribute = tuple[bytes, bytes]  # its datatype and its data


class Texts:
    """The texts of a file.

    Parameters
    ----------
    content : bytes, the whole file, with addresses and lengths of 8 bytes
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        # What lies in a file lies in one header or heap, and a text of a heap in one attribute.
        self._left_bytes = 2 * len(content)
        self._headers: dict[int, dict[str, Attribute]] = {}
        self._heaps: dict[int, dict[int, bytes]] = {}

    def of(self, header: int, name: str, count: int) -> list[bytes]:
        """Return the texts of an attribute.

        Parameters
        ----------
        header : int, where the header of the attribute's object lies
        name : str, the attribute's
        count : int, how many texts it has

        Raises
        ------
        ValueError, LookupError, struct.error : it does not lie in that header, is not of
            texts, or not all of it lies in the file
        """
        if header not in self._headers:
            bodies = (body for kind, body in self._messages(header) if kind == ATTRIBUTE)
            self._headers[header] = dict(map(_attribute, bodies))
        if name not in self._headers[header]:  # nine and more may lie in a heap of their own
            raise ValueError(f"{name!r} does not lie in its object's header")
        datatype, data = self._headers[header][name]
        kind = datatype[0] & 15
        if kind == OF_ANY_LENGTH and datatype[1] & 15 == TEXT:
            places = (REFERENCE.unpack_from(data, REFERENCE.size * n) for n in range(count))
            return [self._in_heap(*place) for place in places]
        (size,) = struct.unpack_from("<I", datatype, 4)
        if kind != FIXED or not size:
            raise ValueError(f"{name!r} is not of texts")
        return [_cut(data, size * n, size).rstrip(b"\0") for n in range(count)]

    def _messages(self, header: int) -> Iterator[tuple[int, bytes]]:
        """Yield the kind and the content of each message of an object's header."""
        content, is_new = self.content, self.content[header : header + 4] == b"OHDR"
        if is_new:
            flags = content[header + 5]
            at = header + 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
            width = 1 << (flags & 3)
            size, at = int.from_bytes(_cut(content, at, width), "little"), at + width
            head = struct.Struct("<BHB2x" if flags & 4 else "<BHB")
        else:
            (size,), at = struct.unpack_from("<I", content, header + 8), header + 16
            head = struct.Struct("<HHB3x")
        blocks = [(at, size)]
        for at, size in blocks:
            self._take(size)
            end = at + size
            while at + head.size <= end:
                kind, length, its_flags = head.unpack_from(content, at)
                body = _cut(content, at + head.size, length)
                at += head.size + length
                if kind == CONTINUATION:
                    place, room = struct.unpack_from("<QQ", body)
                    # A new header's has a signature before it and a sum behind it.
                    blocks.append((place + 4, room - 8) if is_new else (place, room))
                elif not its_flags & SHARED:
                    yield kind, body

    def _in_heap(self, length: int, heap: int, number: int) -> bytes:
        """Return a text that lies in a heap."""
        if not length:
            return b""
        if heap not in self._heaps:
            self._heaps[heap] = dict(self._heap_objects(heap))
        self._take(length)
        return _cut(self._heaps[heap][number], 0, length)

    def _heap_objects(self, heap: int) -> Iterator[tuple[int, bytes]]:
        signature, size = HEAP.unpack_from(self.content, heap)
        if signature != b"GCOL":
            raise ValueError("there is no heap of texts where one should be")
        self._take(size)
        at, end = heap + HEAP.size, heap + size
        while at + HEAP_OBJECT.size <= end:
            number, size = HEAP_OBJECT.unpack_from(self.content, at)
            at += HEAP_OBJECT.size
            if number == 0:  # the free space behind the texts
                return
            if size > end - at:
                raise ValueError("a text is longer than its heap")
            yield number, _cut(self.content, at, size)
            at += -(-size // 8) * 8

    def _take(self, size_bytes: int) -> None:
        """Count what is read, so that nothing is read again and again under other names."""
        self._left_bytes -= max(size_bytes, 0)
        if self._left_bytes < 0:
            raise ValueError("its headers and texts are more than the whole file")


def _attribute(body: bytes) -> tuple[str, Attribute]:
    """Return the name of an attribute, its datatype and its data."""
    version, flags, *sizes = struct.unpack_from("<BBHHH", body)
    at, parts = 9 if version == 3 else 8, []
    for size in sizes:  # of its name, its datatype and its dataspace
        parts.append(_cut(body, at, size))
        at += -(-size // 8) * 8 if version == 1 else size
    name, datatype, _ = parts
    if flags & 1 and version > 1:
        datatype = b""  # it lies elsewhere
    return name.rstrip(b"\0").decode(), (datatype, body[at:])


def _cut(content: bytes, at: int, size: int) -> bytes:
    """Return a part of a file, all of which must be there."""
    part = content[at : at + size]
    if len(part) != size:
        raise ValueError(f"{size} bytes at {at} lie outside")
    return part
