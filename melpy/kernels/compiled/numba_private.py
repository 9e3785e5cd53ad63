"""The one file that reaches into Numba, beyond what it promises to keep.

renew_when_any_source_changes   what a compiled kernel on disk is made of
PartCompiler                    a function that only others call is made ready once, in them
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from numba.core import event
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

__all__ = [
    "PartCompiler", "folder_of", "noticing_compilation", "renew_when_any_source_changes",
]  # fmt: skip


def renew_when_any_source_changes(kernel: Any) -> None:
    """Take a compiled kernel on disk for out of date when any kernel's file has changed.

    Numba looks at the file of a function only; ours are made of functions of several files.
    """
    file = kernel._cache._cache_file
    file._source_stamp = (file._source_stamp, _stamp())


def folder_of(kernel: Any) -> str:
    """Return the folder in which a compiled kernel is kept."""
    return str(kernel._cache.cache_path)


@cache
def _stamp() -> str:
    """Return what tells one state of all kernels from another."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


class _Part(JITCodeLibrary):
    """The code of a function that is only ever a part of others.

    Numba optimizes a function and makes machine code of it, then puts it into each that calls it,
    optimizes that and makes machine code again, and so on up to what Python calls. A part is left
    as it was written until then: a sixth of what a first training waits for.
    """

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        self._ensure_finalized()
        return 0  # nobody calls it by its address

    @property
    def codegen(self) -> Any:
        return _WithoutEnvironments(self._codegen)


class _WithoutEnvironments:
    """A code generator for parts, which have no machine code whose environment could be set."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, name: str, environment: Any) -> None:
        pass


class PartCompiler(Compiler):
    """Compiles a function as a part of those that call it."""

    def __init__(self, typingctx: Any, targetctx: Any, library: Any, *rest: Any) -> None:
        super().__init__(typingctx, targetctx, library, *rest)
        if library is None:
            self.state.library = _Part(self.state.targetctx.codegen(), "part")


class _Notice(event.Listener):
    """Tells when Numba begins to compile one of our functions, which it found in no cache."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self.tell = tell

    def on_start(self, event: Any) -> None:
        if event.data["dispatcher"].py_func.__module__.startswith("melpy."):
            self.tell()

    def on_end(self, event: Any) -> None:
        pass


@contextmanager
def noticing_compilation(tell: Callable[[], None]) -> Iterator[None]:
    """Call ``tell`` for each kernel, or part of one, that is compiled inside the ``with`` block."""
    listener = _Notice(tell)
    event.register("numba:compile", listener)
    try:
        yield
    finally:
        event.unregister("numba:compile", listener)
