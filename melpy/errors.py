"""Named errors, and the one sentence form in which all of them speak.

    {who}: {what}. Expected {expected}; received {name}={value}. {mend}

``who`` is the function or the layer at fault. A layer's name is added once, where the layer is
called (`melpy.layers.base.Layer.__call__`), so an op needs to know its own name only.
"""

from __future__ import annotations

import difflib
import functools
import inspect
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral
from types import FrameType
from typing import Any, TypeVar

__all__ = [
    "ArgumentError",
    "DataError",
    "DependencyError",
    "DownloadError",
    "DtypeError",
    "FileError",
    "GraphError",
    "InitError",
    "MelpyError",
    "MissingFileError",
    "OutOfRangeError",
    "ShapeError",
    "SignatureError",
    "UndefinedError",
    "UnknownClassError",
    "UnknownKeyError",
    "UnknownNameError",
    "UnsupportedError",
    "install",
    "lookup",
    "nearest",
    "needing",
    "refuse_unknown",
    "signature_error",
    "suggesting",
    "warn",
    "whole_numbers",
]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


class MelpyError(Exception):
    """Any error that melpy raises on purpose; its text is built from its parts.

    Parameters
    ----------
    who : str, the function, class or layer that refuses
    what : str, what is wrong, one clause without a full stop
    expected : str, what would have been right
    received : mapping of name to value, what came instead
    mend : str, one sentence that says what to do
    """

    def __init__(
        self,
        who: str,
        what: str,
        *,
        expected: str = "",
        received: Mapping[str, Any] | None = None,
        mend: str = "",
    ) -> None:
        self.who, self.what, self.expected, self.mend = who, what, expected, mend
        self.received = dict(received or {})
        self.before = ""  # in a model, the shapes that the layers before gave
        self.is_nobodys = False  # no layer's, though it came up in one: a setting's, say
        super().__init__(who, what)

    def __str__(self) -> str:
        clauses = [f"Expected {self.expected}"] if self.expected else []
        if self.received:
            values = ", ".join(f"{name}={value!r}" for name, value in self.received.items())
            clauses.append(f"{'received' if clauses else 'Received'} {values}")
        sentences = [f"{self.who}: {self.what}.", "; ".join(clauses) + "." if clauses else ""]
        before = f"Before it: {self.before}." if self.before else ""
        return " ".join(sentence for sentence in [*sentences, self.mend, before] if sentence)


class ShapeError(MelpyError, ValueError):
    """An array has the wrong rank or the wrong size."""


class OutOfRangeError(ShapeError, IndexError):
    """An axis or an index is out of range; an IndexError too, as in NumPy."""


class DtypeError(MelpyError, TypeError, ValueError):
    """An array or an argument has the wrong type; Keras raises now one, now the other of these."""


class ArgumentError(MelpyError, ValueError):
    """An argument's value is out of its range."""


class SignatureError(ArgumentError, TypeError):
    """A call lacks an argument, or has one that is not taken."""


class UndefinedError(ArgumentError, AttributeError):
    """An attribute that this object does not have yet, or never has: ``hasattr`` is false."""


class UnknownNameError(ArgumentError):
    """A name that stands for no known thing; the nearest right one is suggested."""


class UnknownKeyError(ArgumentError, KeyError):
    """A dict names a part that is not there."""


class UnknownClassError(UnknownNameError, TypeError):
    """A description names a class or a function that is not known."""


class UnsupportedError(MelpyError, NotImplementedError):
    """What things of this kind cannot do."""


class DataError(MelpyError, ValueError):
    """The data's own values are wrong: NaN, a label out of range, a damaged file."""


class MissingFileError(DataError, FileNotFoundError):
    """There is no file of this name."""


class FileError(MelpyError, OSError):
    """A file cannot be read or written: no right to it, a full disk, a folder in its place."""


class DownloadError(MelpyError, OSError):
    """A file could not be had from any of its hosts."""


class DependencyError(MelpyError, ImportError):
    """A package that only this needs is not installed."""


class GraphError(MelpyError, ValueError, RuntimeError):
    """Gradients were asked for where nothing was recorded, or a model is not ready for it."""


class InitError(MelpyError, RuntimeError, AttributeError):
    """A class of the user's whose ``__init__`` did not call ``super().__init__()``."""


def install(extra: str) -> str:
    """Say how to get what one of melpy's extras brings: the index's melpy is another library.

    Examples
    --------
    >>> install("images")
    "Install it with pip install '.[images]' in melpy's folder."
    """
    return f"Install it with pip install '.[{extra}]' in melpy's folder."


@contextmanager
def needing(who: str, what: str, mend: str) -> Iterator[None]:
    """Say what a package is needed for and how to get it, where importing it in the block fails.

    Examples
    --------
    >>> with needing("train", "pictures need the package nowhere", "Install it."):
    ...     import nowhere
    Traceback (most recent call last):
    melpy.errors.DependencyError: train: pictures need the package nowhere. Install it.
    """
    try:
        yield
    except ImportError as error:
        raise DependencyError(who, what, mend=mend) from error


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn, and show the line outside of melpy that led to it, which is the user's own."""
    level = 2
    frame: FrameType | None = sys._getframe(1)
    while frame and str(frame.f_globals.get("__name__")).partition(".")[0] == "melpy":
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def lookup(kind: str, name: object, table: Mapping[str, T], who: str) -> T:
    """Return ``table[name]``, or refuse by name and suggest the nearest right one."""
    if isinstance(name, str) and name in table:
        return table[name]
    raise UnknownNameError(
        who,
        f"unknown {kind} {name!r}",
        expected=f"one of {', '.join(sorted(table))}",
        mend=nearest(str(name), table),
    )


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``Did you mean 'relu'?`` for the known name nearest to ``name``, or nothing.

    Examples
    --------
    >>> nearest("rleu", ["relu", "tanh"])
    "Did you mean 'relu'?"
    """
    by_lower = {candidate.lower().replace("-", "_"): candidate for candidate in known}
    found = difflib.get_close_matches(name.lower().replace("-", "_"), by_lower, n=1, cutoff=0.5)
    return f"Did you mean {by_lower[found[0]]!r}?" if found else ""


def whole_numbers(who: str, least: int, **values: Any) -> None:
    """Refuse a number that is no whole number of at least ``least``; None passes."""
    for name, value in values.items():
        if value is None:
            continue
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise ArgumentError(
                who,
                f"{name} is out of range",
                expected=f"a whole number of at least {least}",
                received={name: value},
            )


OLD_NAMES = {"lr": "learning_rate", "nb_epoch": "epochs"}  # too far from what they mean


def signature_error(who: str, taken: Iterable[str], given: Iterable[str]) -> SignatureError | None:
    """Return the refusal of the first argument of ``given`` that is not ``taken``, or None."""
    known = list(taken)
    unknown = next((name for name in given if name not in known), None)
    if unknown is None:
        return None
    return SignatureError(
        who,
        f"unknown argument {unknown!r}",
        expected=f"some of {', '.join(known)}",
        mend=nearest(OLD_NAMES.get(unknown, unknown), known),
    )


def refuse_unknown(made: type, given: Iterable[str]) -> None:
    """Refuse the first keyword argument that a class does not take; some classes take any."""
    taken = _taken(made.__init__)  # type: ignore[misc]
    if taken is not None:
        error = signature_error(made.__name__, taken, given)
        if error is not None:
            raise error from None


@functools.lru_cache(maxsize=512)  # predict makes callbacks anew, and a signature takes 20 us
def _taken(init: Callable[..., Any]) -> list[str] | None:
    """Return the arguments that an ``__init__`` takes; None where it takes any."""
    parameters = inspect.signature(init).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return None
    return list(parameters)[1:]


def suggesting(method: F) -> F:
    """Let a method refuse unknown arguments with the name that was meant."""
    taken = [name for name in inspect.signature(method).parameters if name != "self"]

    @functools.wraps(method)
    def refusing(self: Any, *args: Any, **kwargs: Any) -> Any:
        error = signature_error(method.__name__, taken, kwargs)
        if error is not None:
            raise error
        return method(self, *args, **kwargs)

    return refusing  # type: ignore[return-value]
