"""Where things are computed: on this machine's processor."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from melpy.errors import ArgumentError

__all__ = ["device"]


@contextmanager
def device(device_name: Any) -> Iterator[None]:
    """Compute what is inside a ``with`` block on a device, of which there is one: "cpu".

    Parameters
    ----------
    device_name : str, "cpu" or "cpu:0", in small or capital letters

    Raises
    ------
    ArgumentError : another device

    Examples
    --------
    >>> import melpy
    >>> with melpy.device("cpu:0"):
    ...     melpy.ops.ones(2)
    array([1., 1.], dtype=float32)
    """
    if not isinstance(device_name, str) or device_name.lower() not in ("cpu", "cpu:0"):
        raise ArgumentError(
            "device",
            "there is no such device: all is computed on the processor",
            expected="'cpu' or 'cpu:0'",
            received={"device_name": device_name},
            mend="config.set_threads says on how many cores.",
        )
    yield
