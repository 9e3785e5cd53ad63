"""Weights in HDF5, laid out as Keras lays them out. A file is data: nothing in it is followed."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from melpy.errors import DataError, DependencyError, install
from melpy.saving.state import Arrays

__all__ = ["read_h5", "written_h5"]

KINDS = "fiub"


def h5py() -> Any:
    """Return the package, or say how to get it."""
    try:
        import h5py as package
    except ImportError as error:
        raise DependencyError(
            "saving",
            "files of this kind need the package h5py",
            mend=f"{install('files')} Weights can be saved without it, in .npz files.",
        ) from error
    return package


def written_h5(state: Mapping[str, tuple[str, Mapping[str, np.ndarray]]]) -> bytes:
    """Return the bytes of a file: a group "vars" at each path, an array for each weight."""
    buffer = io.BytesIO()
    with h5py().File(buffer, "w") as file:
        for path, (name, arrays) in state.items():
            group = file.create_group(f"{path}/vars")
            group.attrs["name"] = name
            for key, array in arrays.items():
                group[key] = array
    return buffer.getvalue()


def read_h5(content: bytes, who: str, paths: Any) -> dict[str, Arrays]:
    """Return the arrays at some paths of a file.

    Parameters
    ----------
    content : bytes, the whole file
    who : the function to name in messages
    paths : where the model looks for its arrays; other parts of the file are not touched

    Raises
    ------
    DataError : a link to elsewhere, an array that lies outside of the file, is compressed,
        virtual, larger than the file, or not of numbers; a damaged file
    """
    package = h5py()
    try:
        with package.File(io.BytesIO(content), "r") as file:
            reader = _Reader(package, len(content), who)
            return {path: reader.arrays(file, path) for path in paths}
    except DataError:
        raise
    except Exception as error:  # HDF5 has many ways to say that a file is damaged
        raise DataError(
            who,
            f"the weights are damaged or no HDF5 file ({type(error).__name__}: {error})",
            expected="a file that save or save_weights wrote",
        ) from error


class _Reader:
    def __init__(self, package: Any, size_bytes: int, who: str) -> None:
        self.package, self.size_bytes, self.who = package, size_bytes, who

    def arrays(self, file: Any, path: str) -> Arrays:
        group = file
        for part in [*path.split("/"), "vars"] if path else ["vars"]:
            group = self.child(group, part)
            if group is None:
                return {}
            if not isinstance(group, self.package.Group):
                raise self.refusal(f"{path}: {part!r} is no group")
        return {key: self.array(self.child(group, key), f"{path}/{key}") for key in group}

    def child(self, group: Any, name: str) -> Any:
        link = group.get(name, getlink=True)
        if link is None:
            return None
        if not isinstance(link, self.package.HardLink):
            raise self.refusal(f"{group.name}/{name} is a link to elsewhere")
        return group[name]

    def array(self, data: Any, where: str) -> np.ndarray:
        if not isinstance(data, self.package.Dataset) or data.dtype.kind not in KINDS:
            raise self.refusal(f"{where} is not an array of numbers")
        if data.is_virtual or data.external:
            raise self.refusal(f"{where} lies in another file")
        if data.chunks is not None or data.id.get_create_plist().get_nfilters():
            raise self.refusal(f"{where} is compressed or in chunks")
        if data.nbytes > self.size_bytes:  # before memory is taken for it
            raise self.refusal(f"{where} claims {data.nbytes} bytes, more than the whole file has")
        return data[()]

    def refusal(self, what: str) -> DataError:
        return DataError(
            self.who,
            what,
            expected="plain arrays inside the file, as save and save_weights write them",
        )
