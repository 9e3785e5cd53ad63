"""What is said on the page: a key of its locales and the values in it, in no language yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from melpy.errors import ArgumentError

__all__ = ["SaidError", "sentence", "told"]


class SaidError(ArgumentError):
    """An error that the page says in its reader's language; the text is for everybody else.

    Parameters
    ----------
    key : str, of the locales
    who, what, expected, received, mend : as in `MelpyError`
    values : what stands in the sentence; None for what was received
    """

    def __init__(
        self, key: str, who: str, what: str, *, expected: str = "",
        received: Mapping[str, Any] | None = None, mend: str = "",
        values: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(who, what, expected=expected, received=received, mend=mend)
        self.key, self.values = key, dict((received if values is None else values) or {})


def sentence(key: str, **values: Any) -> dict[str, Any]:
    """Return a sentence as the page takes it.

    Examples
    --------
    >>> sentence("left.more", count=3)
    {'key': 'left.more', 'values': {'count': 3}}
    """
    return {"key": key, "values": values}


def told(error: Exception) -> dict[str, Any]:
    """Return an error as the page takes it: in the Lab's own words, or in the library's, quoted.

    Examples
    --------
    >>> told(ZeroDivisionError("division by zero"))
    {'key': 'error.library', 'values': {'text': 'ZeroDivisionError: division by zero'}}
    """
    if isinstance(error, SaidError):
        return sentence(error.key, **error.values)
    text = " ".join(str(error).split())
    is_ours = type(error).__module__.startswith("melpy.")
    return sentence("error.library", text=text if is_ours else f"{type(error).__name__}: {text}")
