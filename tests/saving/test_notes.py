"""What is kept beside a network in its file: plain values, of any kind of .keras file."""

import io
import json
import zipfile

import numpy as np
import pytest

import melpy
from melpy import errors, layers, saving

pytest.importorskip("h5py")
NOTES = {"class_names": ["cat", "été"], "image": {"high": 255.0}, "none": None}


def network():
    return melpy.Sequential([melpy.Input((2,)), layers.Dense(2)])


@pytest.mark.parametrize("name", ["m.keras", "folder"])
def test_they_travel_in_the_file(tmp_path, name):
    model, path = network(), tmp_path / name
    assert saving.notes_of(model) == {}
    saving.note(model, **NOTES)
    saving.note(model, more=1)
    model.save(path, zipped=False if name == "folder" else None)
    again = saving.load_model(path)
    assert saving.notes_of(again) == {**NOTES, "more": 1}
    saving.notes_of(again)["more"] = 2  # a copy
    assert saving.notes_of(again)["more"] == 1


def test_a_model_without_notes_has_no_part_for_them(tmp_path):
    network().save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as file:
        assert "notes.json" not in file.namelist()


def test_they_travel_in_an_onnx_file(tmp_path):
    onnx, model, path = pytest.importorskip("onnx"), network(), tmp_path / "m.onnx"
    model.export(path)
    assert not onnx.load(path).metadata_props
    saving.note(model, **NOTES)
    model.export(path)
    assert saving.notes_of(saving.load_onnx(path)) == NOTES
    file = onnx.load(path)
    assert json.loads({p.key: p.value for p in file.metadata_props}["melpy.notes"]) == NOTES
    for content in ("{", "[1]", '{"a": NaN}', "[" * 9999):
        onnx.helper.set_model_props(file, {"melpy.notes": content, "names": "of another library"})
        onnx.save(file, path)
        with pytest.raises(errors.MelpyError):
            saving.load_onnx(path)


def test_they_change_nothing_of_the_model():
    model, x = network(), np.ones((1, 2), "float32")
    before = model.predict(x), model.get_config(), len(model.weights)
    saving.note(model, **NOTES)
    assert (before[1], before[2]) == (model.get_config(), len(model.weights))
    np.testing.assert_array_equal(model.predict(x), before[0])


@pytest.mark.parametrize("value", [np.ones(2), float("nan"), {1, 2}, b"x", layers.Dense(1)])
def test_values_that_are_not_plain(value):
    with pytest.raises(errors.ArgumentError, match="a value is not plain"):
        saving.note(network(), wrong=value)


@pytest.mark.parametrize("content", [b"{", b"[1]", b'"text"', b"\xff", b'{"a": NaN}', b"[" * 9999])
def test_damaged_ones_are_refused(content):
    model, buffer = network(), io.BytesIO()
    model.save(buffer)
    with zipfile.ZipFile(buffer, "a") as file:
        file.writestr("notes.json", content)
    buffer.seek(0)
    with pytest.raises(errors.MelpyError):
        saving.load_model(buffer)


def test_large_ones_are_not_unpacked():
    model, buffer = network(), io.BytesIO()
    model.save(buffer)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr("notes.json", json.dumps({"a": "x" * 2**21}))
    buffer.seek(0)
    with pytest.raises(errors.DataError, match=r"notes\.json unpacks to"):
        saving.load_model(buffer)
