"""The file: its bytes, its tensors, those that lie beside it; all bounded, none of it run."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from melpy import budget
from melpy.errors import DataError, MissingFileError, UnsupportedError, install, needing
from melpy.saving.onnx_import.nodes import TYPES

__all__ = [
    "Tensors", "all_nodes", "attributes_of", "beside_bytes", "parsed", "shape_of", "type_of",
]  # fmt: skip

WHO = "load_onnx"
EXTERNAL = 1  # where a tensor's data lie: in a file of their own
# The field of a tensor in which values of a type lie where they are no raw bytes.
FIELDS = {
    "float32": "float_data", "float64": "double_data", "int64": "int64_data",
    "uint32": "uint64_data", "uint64": "uint64_data",
}  # fmt: skip


def parsed(content: bytes) -> Any:
    """Return the model that bytes hold, as the package onnx reads it."""
    with needing(WHO, "files of this kind need the package onnx", install("onnx")):
        import onnx
    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception as error:  # protobuf has its own
        raise DataError(
            WHO, f"the file is damaged or no ONNX file ({type(error).__name__})",
            expected="a file that an exporter to ONNX wrote",
        ) from error  # fmt: skip
    if not model.HasField("graph") or not model.opset_import:
        raise DataError(
            WHO, "the file is damaged or no ONNX file: it has no graph, or no version of operators",
            expected="a file that an exporter to ONNX wrote",
        )  # fmt: skip
    return model


class Tensors:
    """What turns a file's tensors into arrays.

    Parameters
    ----------
    folder : Path or None, where the file is, and files with its tensors beside it
    """

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def array(self, tensor: Any) -> np.ndarray:
        """Return a tensor's values, or refuse one that claims more than there is."""
        name = tensor.name or "a tensor"
        if tensor.data_type not in TYPES:
            raise UnsupportedError(
                WHO, f"{name!r} is of a type that is not known here",
                expected=f"one of {', '.join(TYPES.values())}",
                received={"ONNX's type": tensor.data_type},
            )  # fmt: skip
        kind, shape = np.dtype(TYPES[tensor.data_type]), tuple(tensor.dims)
        if any(size < 0 for size in shape) or len(shape) > 32:
            raise _wrong(name, "its shape is none", shape=shape)
        entries = math.prod(shape)
        budget.take(entries * kind.itemsize, f"{name!r} of shape {shape}")
        if tensor.data_location == EXTERNAL:
            raw: Any = self._beside(tensor, entries * kind.itemsize)
        elif tensor.HasField("raw_data"):
            raw = tensor.raw_data
        else:
            return _listed(tensor, name, kind, entries).reshape(shape)
        if len(raw) != entries * kind.itemsize:
            raise _wrong(name, "it has not as many bytes as its shape says", shape=shape,
                         bytes=len(raw))  # fmt: skip
        array = np.frombuffer(raw, kind)
        return (array.byteswap() if sys.byteorder == "big" else array).reshape(shape)

    def _beside(self, tensor: Any, size: int) -> bytes:
        """Return a tensor's bytes in a file beside the model's, and nowhere else."""
        told = {entry.key: entry.value for entry in tensor.external_data}
        path = inside(self.folder, told.get("location", ""), tensor.name)
        try:
            start, length = int(told.get("offset", 0)), int(told.get("length", size))
        except ValueError:
            raise _wrong(
                tensor.name, "its place in a file beside it is no number", **told
            ) from None
        if length != size or start < 0 or start + size > path.stat().st_size:
            raise _wrong(
                tensor.name, "the file beside it has not as many bytes as its shape says",
                shape=tuple(tensor.dims), **told,
            )  # fmt: skip
        with open(path, "rb") as file:
            file.seek(start)
            return file.read(size)


def inside(folder: Path | None, location: str, name: str) -> Path:
    """Return the path of a file in a folder, or refuse what leads out of it."""
    parts = PurePosixPath(location.replace("\\", "/")).parts
    if folder is None or not parts or location[0] in "/\\" or ".." in parts or ":" in location:
        raise DataError(
            WHO, f"{name!r} lies in a file that is not beside this one",
            expected="a name of a file in the same folder", received={"location": location},
        )  # fmt: skip
    path = folder
    for part in parts:
        path = path / part
        if path.is_symlink():
            raise DataError(
                WHO, f"{name!r} lies in a file to which a link leads",
                expected="a file in the same folder", received={"location": location},
            )  # fmt: skip
    if not path.is_file():
        raise MissingFileError(
            WHO, f"the file with {name!r} is not there", expected="it beside the model's file",
            received={"location": location},
        )  # fmt: skip
    return path


def beside_bytes(model: Any, folder: Path | None) -> int:
    """Return the size of the files beside a model in which its tensors lie."""
    names = {
        entry.value
        for tensor in model.graph.initializer
        if tensor.data_location == EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    }
    paths = (inside(folder, name, "a tensor") for name in names)
    return sum(os.stat(path).st_size for path in paths)


def _listed(tensor: Any, name: str, kind: np.dtype, entries: int) -> np.ndarray:
    """Return the values that a tensor lists in a field of their type."""
    values = getattr(tensor, FIELDS.get(str(kind), "int32_data"))
    if len(values) != entries:
        raise _wrong(name, "it has not as many values as its shape says",
                     shape=tuple(tensor.dims), values=len(values))  # fmt: skip
    if kind == np.float16:  # its bits
        return np.array(values, np.uint16).view(np.float16)
    return np.array(values, np.int64 if kind.kind in "bi" else kind).astype(kind)


def _wrong(name: str, what: str, **received: Any) -> DataError:
    return DataError(WHO, f"{name!r} is damaged: {what}", received=received)


def shape_of(value: Any) -> tuple[str, list[Any]] | None:
    """Return the type and the sizes that a graph declares of a value; None of what is no tensor.

    A size is a number, the name of one that is not known, or None. None in the place of the sizes
    says that not even their number is known.
    """
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type" or value.type.tensor_type.elem_type not in TYPES:
        return None
    told = value.type.tensor_type
    sizes: Any = None
    if told.HasField("shape"):
        sizes = []
        for dim in told.shape.dim:
            which = dim.WhichOneof("value")
            size = getattr(dim, which) if which else None
            if isinstance(size, int) and size < -1:
                raise _wrong(value.name, "a size is negative", size=size)
            if size == -1:
                size = None  # some exporters write -1 for what they do not know
            sizes.append(size or None if isinstance(size, str) else size)
    return TYPES[told.elem_type], sizes


def type_of(value: Any) -> str:
    """Return ONNX's name of a value's type, for messages."""
    import onnx

    kind = value.type.WhichOneof("value") or "unknown"
    if kind != "tensor_type":
        return str(kind)
    number = value.type.tensor_type.elem_type
    known = onnx.TensorProto.DataType
    return str(known.Name(number)) if number in known.values() else str(number)


# By ONNX's number of an attribute's type: the field that holds it.
KINDS = {1: "f", 2: "i", 3: "s", 4: "t", 6: "floats", 7: "ints", 8: "strings"}


def attributes_of(node: Any, outer: Mapping[str, Any], tensors: Tensors) -> dict[str, Any]:
    """Return a node's attributes as plain values; some refer to those of the function around."""
    made: dict[str, Any] = {}
    for attribute in node.attribute:
        if attribute.ref_attr_name:
            if attribute.ref_attr_name in outer:
                made[attribute.name] = outer[attribute.ref_attr_name]
            continue
        field = KINDS.get(attribute.type)
        if field is None:
            raise UnsupportedError(
                WHO, f"the attribute {attribute.name!r} of {node.op_type} is of a kind that is not "
                "known here", expected="numbers, texts, tensors, or lists of numbers",
            )  # fmt: skip
        value = getattr(attribute, field)
        if field == "t":
            value = tensors.array(value)
        elif field in ("s", "strings"):
            value = _texts(value)
        elif field in ("floats", "ints"):
            value = list(value)
        made[attribute.name] = value
    return made


def _texts(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return [text.decode("utf-8", "replace") for text in value]


def all_nodes(model: Any, wanted: Iterable[Any]) -> Iterator[Any]:
    """Yield the nodes of the graph, and of the functions that the file defines and uses."""
    yield from model.graph.node
    for function in wanted:
        yield from function.node
