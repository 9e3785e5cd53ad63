"""Files that the first version of the library wrote: see first_version/make.py."""

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import melpy

HERE = Path(__file__).parent / "first_version"
TOLD = json.loads((HERE / "told.json").read_text())
SPEC = importlib.util.spec_from_file_location("first_version", HERE / "make.py")
MADE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(MADE)


def assert_is_it(model):
    np.testing.assert_allclose(model.predict(MADE.X), TOLD["predictions"], rtol=1e-5)


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "folder"])
def test_models(name):
    model = melpy.models.load_model(HERE / name)
    assert_is_it(model)
    assert int(model.optimizer.iterations) == TOLD["steps"]


@pytest.mark.parametrize("name", ["w.weights.h5", "w.safetensors", "w.npz", "s.weights.json"])
def test_weights(name):
    model = MADE.model_of()
    model.load_weights(HERE / name)
    assert_is_it(model)


def gone_on(folder):
    model = MADE.model_of()
    backup = melpy.callbacks.BackupAndRestore(folder)
    return model, model.fit(MADE.X, MADE.Y, batch_size=3, epochs=4, verbose=0, callbacks=[backup])


def test_a_backup(tmp_path):
    shutil.copytree(HERE / "backup", tmp_path / "backup")
    model, history = gone_on(tmp_path / "backup")
    assert history.epoch == [2, 3]
    np.testing.assert_allclose(history.history["loss"], TOLD["loss"][2:], rtol=1e-5)
    assert_is_it(model)
    assert not (tmp_path / "backup").exists()


@pytest.mark.parametrize(
    ("generators", "told"),
    [({"dropout": {"bit_generator": "PCG64"}}, None), ([[1, 2]] * 3, "draws from others")],
)
def test_backups_of_other_draws(tmp_path, generators, told):
    shutil.copytree(HERE / "backup", tmp_path / "backup")
    state = {"epoch": 2, "generators": generators}
    (tmp_path / "backup/1/state.json").write_text(json.dumps(state))
    if told:
        with pytest.raises(melpy.errors.DataError, match=told):
            gone_on(tmp_path / "backup")
    else:  # of before the layers drew from counters
        with pytest.warns(UserWarning, match="of an earlier version"):
            assert gone_on(tmp_path / "backup")[1].epoch == [2, 3]


@pytest.mark.parametrize("name", ["weights.npz", "optimizer.npz", "state.json"])
@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04", b"{}", b"[" * 10**5])
def test_damaged_backups(tmp_path, name, content):
    shutil.copytree(HERE / "backup", tmp_path / "backup")
    path = tmp_path / "backup/1" / name
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(
        (melpy.errors.DataError, melpy.errors.FileError), match="BackupAndRestore: "
    ):
        gone_on(tmp_path / "backup")
