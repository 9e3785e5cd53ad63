"""What Keras's scripts switch on and off: logging, tracebacks, limits, backends."""

from __future__ import annotations

import os
import sys

from melpy.config import settings
from melpy.errors import ArgumentError

__all__ = [
    "backend",
    "disable_flash_attention",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "enable_flash_attention",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "enable_unsafe_deserialization",
    "is_flash_attention_enabled",
    "is_interactive_logging_enabled",
    "is_nnx_enabled",
    "is_traceback_filtering_enabled",
    "max_epochs",
    "max_steps_per_epoch",
    "say",
    "set_backend",
    "set_max_epochs",
    "set_max_steps_per_epoch",
]


def backend() -> str:
    """Return ``"numpy"``, Keras's name for what is computed with NumPy's arrays."""
    return "numpy"


def set_backend(backend: str) -> None:
    """Accept ``"numpy"``; there is no other backend.

    Raises
    ------
    ArgumentError : another backend
    """
    if backend != "numpy":
        raise ArgumentError(
            "set_backend",
            "there is one backend here",
            expected='"numpy"',
            received={"backend": backend},
            mend="Drop the line.",
        )


def enable_traceback_filtering() -> None:
    """Say that tracebacks are wanted short; see `is_traceback_filtering_enabled`."""
    settings._settings["traceback_filtering"] = True


def disable_traceback_filtering() -> None:
    """Say that tracebacks are wanted whole, which they are here in any case."""
    settings._settings["traceback_filtering"] = False


def is_traceback_filtering_enabled() -> bool:
    """Return what was asked for, True by default as in Keras; no frame is left out here."""
    return bool(settings._settings.get("traceback_filtering", True))


def enable_interactive_logging() -> None:
    """Let messages go to standard output, as they do by default."""
    settings._settings["interactive_logging"] = True


def disable_interactive_logging() -> None:
    """Let messages go to Python's logger ``"melpy"``, level INFO, instead of standard output."""
    settings._settings["interactive_logging"] = False


def is_interactive_logging_enabled() -> bool:
    """Return whether messages go to standard output: True unless it was switched off."""
    return bool(settings._settings.get("interactive_logging", True))


def say(message: str, end: str = "\n") -> None:
    """Write a message where `enable_interactive_logging` says.

    Characters that standard output cannot write, such as a bar's in an old code page, are
    written as "?".
    """
    if not is_interactive_logging_enabled():
        import logging  # rarely asked for, and slow to import

        logging.getLogger("melpy").info(message)
        return
    try:
        sys.stdout.write(message + end)
    except UnicodeEncodeError:
        code = sys.stdout.encoding or "utf-8"
        sys.stdout.write(message.encode(code, "replace").decode(code) + end)
    sys.stdout.flush()


def enable_flash_attention() -> None:
    """Accepted: attention is computed in blocks wherever that is faster."""
    settings._settings.pop("flash_attention", None)


def disable_flash_attention() -> None:
    """Accepted; the result does not depend on it."""
    settings._settings["flash_attention"] = False


def is_flash_attention_enabled() -> bool | None:
    """Return False after `disable_flash_attention`, else None: as it comes."""
    return False if "flash_attention" in settings._settings else None


def is_nnx_enabled() -> bool:
    """Return False: Flax's modules are JAX's."""
    return False


def max_epochs() -> int | None:
    """Return the most epochs that any ``fit`` runs; None, the default, for no limit."""
    return _limit("max_epochs", "MELPY_MAX_EPOCHS")


def set_max_epochs(max_epochs: int | None) -> None:
    """Limit the epochs of every ``fit``, to try a script out; None for no limit."""
    settings._settings["max_epochs"] = _checked_limit(max_epochs, "set_max_epochs", "max_epochs")


def max_steps_per_epoch() -> int | None:
    """Return the most batches that an epoch, ``evaluate`` or ``predict`` takes; None for all."""
    return _limit("max_steps_per_epoch", "MELPY_MAX_STEPS_PER_EPOCH")


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limit the batches of every epoch, ``evaluate`` and ``predict``; None for no limit."""
    settings._settings["max_steps_per_epoch"] = _checked_limit(
        max_steps_per_epoch, "set_max_steps_per_epoch", "max_steps_per_epoch"
    )


def _limit(name: str, variable: str) -> int | None:
    if name not in settings._settings:
        text = os.environ.get(variable)
        number = int(text) if text and text.isdecimal() else text
        settings._settings.setdefault(name, _checked_limit(number, variable, variable))
    limit = settings._settings[name]
    return limit if isinstance(limit, int) else None


def _checked_limit(limit: object, who: str, name: str) -> int | None:
    if limit is None or (isinstance(limit, int) and not isinstance(limit, bool) and limit > 0):
        return limit
    raise ArgumentError(
        who,
        "a limit must be a positive whole number",
        expected="an int > 0, or None for no limit",
        received={name: limit},
    )


def enable_unsafe_deserialization() -> None:
    """Refuse: reading a file never runs code, and no setting changes that.

    Raises
    ------
    ArgumentError : always
    """
    raise ArgumentError(
        "enable_unsafe_deserialization",
        "reading a file never runs code here, and nothing switches that off",
        mend="Drop the line; pass classes and functions of your own as custom_objects.",
    )
