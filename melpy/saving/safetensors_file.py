"""Weights as safetensors: a header with sizes, then the arrays; nothing else fits into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from melpy.errors import DataError, DependencyError, needing
from melpy.saving.state import Arrays

__all__ = ["read_safetensors", "written_safetensors"]


def safetensors() -> Any:
    """Return the package's part for NumPy, or say how to get it."""
    what = "files of this kind need the package safetensors"
    mend = "Install it with pip install safetensors. Without it .npz files hold weights."
    with needing("saving", what, mend):
        from safetensors import numpy as package
    return package


def written_safetensors(state: Mapping[str, tuple[str, Mapping[str, np.ndarray]]]) -> bytes:
    """Return the bytes of a file: "layers/dense/vars/0" names a layer's first weight."""
    arrays = {
        f"{path}/vars/{key}".lstrip("/"): np.ascontiguousarray(array).reshape(array.shape)
        for path, (_, own) in state.items()
        for key, array in own.items()
    }
    return safetensors().save(arrays)


def read_safetensors(content: bytes, who: str, paths: Iterable[str]) -> dict[str, Arrays]:
    """Return the arrays at some paths of a file."""
    try:
        arrays = safetensors().load(content)
    except DependencyError:
        raise
    except Exception as error:
        raise DataError(
            who,
            f"the file is damaged or no safetensors file ({error})",
            expected="a file that save_weights wrote",
        ) from error
    found: dict[str, dict[str, np.ndarray]] = {path: {} for path in paths}
    for name, array in arrays.items():
        path, _, key = f"/{name}".rpartition("/vars/")
        found.setdefault(path.lstrip("/"), {})[key] = array
    return dict(found)
