"""Checksums of files: SHA-256, and MD5 where a host publishes no other."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["LENGTHS", "is_right", "said", "sum_of", "sum_of_bytes"]

LENGTHS = {"md5": 32, "sha256": 64}  # hexadecimal digits, which tell one sum from the other
NAMES = {32: "MD5", 64: "SHA-256"}


def _algorithm(digest: str) -> str:
    return "md5" if len(digest) == LENGTHS["md5"] else "sha256"


def said(digest: str) -> str:
    """Return a sum with its name, for messages."""
    return f"{NAMES[LENGTHS[_algorithm(digest)]]} {digest}"


def sum_of_bytes(data: bytes, like: str) -> str:
    """Return the sum of some bytes, in hexadecimal, of the kind that another sum is of."""
    return hashlib.new(_algorithm(like), data, usedforsecurity=False).hexdigest()


def sum_of(path: Path, like: str) -> str:
    """Return the sum of a file as it lies there, of the kind that another sum is of."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, _algorithm(like)).hexdigest()


def is_right(path: Path, digest: str | None) -> bool:
    """Return whether a file has a sum; any file is right if there is no sum to have."""
    return digest is None or sum_of(path, digest) == digest.lower()
