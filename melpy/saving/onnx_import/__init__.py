"""ONNX in: a file that another library wrote as a model that predicts, trains and is saved here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from melpy import budget
from melpy.errors import MissingFileError
from melpy.saving.files import reading
from melpy.saving.notes import METADATA, keep_notes
from melpy.saving.state import tell_not_finite

__all__ = ["load_onnx"]

# A file's weights are kept once in layers; what is folded of them, at other sizes, is kept too.
TIMES = 4


def load_onnx(filepath: Any) -> Any:
    """Return the model of an ONNX file: it predicts, trains, and is saved as any other.

    Parameters
    ----------
    filepath : path of a ".onnx" file, or a file open for reading bytes. Tensors may lie in files
        beside it, in the same folder

    Returns
    -------
    `melpy.Model`, with the file's names of inputs and outputs, and its shapes: images come and go
    with their channels second, (N, C, H, W), and run with their channels last

    Raises
    ------
    MissingFileError : there is no such file
    DependencyError : the package onnx is not installed
    DataError : a damaged file, one that would take far more memory than its own size, or one whose
        tensors lie elsewhere
    UnsupportedError : operators that are not known, all at once, with how many nodes each

    Notes
    -----
    Nodes with weights become Keras's layers; others Keras's operations where there is one, and
    `OnnxNode` layers where there is none. No code of the file's runs.

    Source
    ------
    Open Neural Network Exchange, Operator Schemas.

    Examples
    --------
    >>> from melpy.errors import MissingFileError
    >>> try:
    ...     load_onnx("nothing.onnx")
    ... except MissingFileError as error:
    ...     print(error.what)
    there is no such file
    """
    from melpy.saving.onnx_import.builders import Importer
    from melpy.saving.onnx_import.reader import Tensors, beside_bytes, parsed

    who = "load_onnx"
    is_open = hasattr(filepath, "read")
    name = getattr(filepath, "name", "an open file") if is_open else filepath
    with reading(name, who, "an ONNX file"):
        path = None if is_open else Path(filepath)
        if path is not None and not path.is_file():
            raise MissingFileError(who, "there is no such file", expected="an ONNX file")
        content = filepath.read() if path is None else path.read_bytes()
        folder = None if path is None else path.parent
        file = parsed(content)
        size = len(content) + beside_bytes(file, folder)
        with budget.of_file(TIMES * size, who):
            model = Importer(file, Tensors(folder)).model()
        told = {entry.key: entry.value for entry in file.metadata_props}
        keep_notes(model, told.get(METADATA, "").encode(), who)
    tell_not_finite(model, who)
    return model
