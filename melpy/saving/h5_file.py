"""Weights in HDF5, laid out as Keras lays them out. A file is data: nothing in it is followed."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from melpy.errors import DataError, MelpyError, needing
from melpy.saving.h5_texts import Texts
from melpy.saving.state import Arrays

__all__ = ["Reader", "opened", "paths_in", "read_h5", "written_h5"]

KINDS = "fiub"


def h5py() -> Any:
    """Return the package, or say how to get it."""
    what = "files of this kind need the package h5py"
    mend = "Install it with pip install h5py. Without it .npz files hold weights."
    with needing("saving", what, mend):
        import h5py as package
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
    with opened(content, who) as (file, reader):
        return {path: reader.arrays(file, path) for path in paths}


def paths_in(content: bytes, who: str) -> list[str]:
    """Return where a file has arrays; links to elsewhere are passed over."""
    names: list[str] = []
    with opened(content, who) as (file, _):
        file.visit(names.append)
    return sorted({name.rpartition("/vars/")[0] for name in names if "/vars/" in name})


@contextmanager
def opened(content: bytes, who: str) -> Iterator[tuple[Any, Reader]]:
    """Open a file for reading; whatever HDF5 says against it becomes a `DataError`."""
    package = h5py()
    try:
        _require_usual_sizes(content)
        with package.File(io.BytesIO(content), "r") as file:
            yield file, Reader(package, content, who)
    except MelpyError:
        raise
    except Exception as error:  # HDF5 has many ways to say that a file is damaged
        raise DataError(
            who,
            f"the weights are damaged or no HDF5 file ({type(error).__name__}: {error})",
            expected="a file that save or save_weights wrote",
        ) from error


# Where a file says how many bytes its addresses and lengths have, by the version of its beginning.
SIGNATURE, SIZES_AT = b"\x89HDF\r\n\x1a\n", {0: 13, 1: 13, 2: 9, 3: 9}


def _require_usual_sizes(content: bytes) -> None:
    """Refuse what `Texts` does not read; HDF5 has made no other for thirty years."""
    at = SIZES_AT.get(content[8], 8) if content[:8] == SIGNATURE else 0
    if content[at : at + 2] != b"\x08\x08":
        raise ValueError("it does not begin as an HDF5 file with lengths of 8 bytes")


class Reader:
    """What may be read of a file: groups, plain arrays and texts inside it.

    Parameters
    ----------
    package : h5py
    content : bytes, the whole file: all arrays that are read together are no longer
    who : the function to name in messages
    """

    def __init__(self, package: Any, content: bytes, who: str) -> None:
        self.package, self.who = package, who
        self._texts = Texts(content)
        self._left_bytes = len(content)  # one array under many names is read as many times
        self._groups: dict[str, Any] = {}  # those that other paths led through

    def arrays(self, file: Any, path: str) -> Arrays:
        """Return the arrays of the group "vars" at a path, none if there is no such group."""
        group = self.group(file, f"{path}/vars".lstrip("/"))
        if group is None:
            return {}
        return {key: self.array(self.child(group, key), f"{path}/{key}") for key in group}

    def group(self, file: Any, path: str) -> Any:
        """Return the group at a path, None if there is none."""
        if not path:
            return file
        if path not in self._groups:
            above, _, name = path.rpartition("/")
            around = self.group(file, above)
            group = None if around is None else self.child(around, name)
            if group is not None and not isinstance(group, self.package.Group):
                raise self.refusal(f"{path} is no group")
            self._groups[path] = group
        return self._groups[path]

    def child(self, group: Any, name: str) -> Any:
        """Return what a group has under a name, None if nothing; refuse a link to elsewhere."""
        link = group.get(name, getlink=True)
        if link is None:
            return None
        if not isinstance(link, self.package.HardLink):
            raise self.refusal(f"{group.name}/{name} is a link to elsewhere")
        return group[name]

    def array(self, data: Any, where: str) -> np.ndarray:
        """Return an array of numbers that lies in the file as it is."""
        if not isinstance(data, self.package.Dataset) or data.dtype.kind not in KINDS:
            raise self.refusal(f"{where} is not an array of numbers")
        made, layouts = data.id.get_create_plist(), self.package.h5d
        if made.get_layout() == layouts.VIRTUAL or made.get_external_count():
            raise self.refusal(f"{where} lies in another file")
        if made.get_layout() == layouts.CHUNKED or made.get_nfilters():
            raise self.refusal(f"{where} is compressed or in chunks")
        if data.nbytes > self._left_bytes:  # before memory is taken for it
            raise self.refusal(
                f"{where} claims {data.nbytes} bytes: all arrays are more than the whole file"
            )
        self._left_bytes -= data.nbytes
        return data[()]

    def texts(self, group: Any, key: str) -> list[str] | None:
        """Return the texts of a group's attribute, None if it has no such attribute."""
        if key not in group.attrs:
            return None
        count = math.prod(group.attrs.get_id(key).shape)
        header = self.package.h5o.get_info(group.id).addr
        # NumPy's empty arrays, which note that there are no names, are of numbers.
        return [text.decode() for text in self._texts.of(header, key, count)] if count else []

    def refusal(self, what: str) -> DataError:
        """Return the error for what does not belong into such a file."""
        return DataError(
            self.who,
            what,
            expected="plain arrays inside the file, as save and save_weights write them",
        )
