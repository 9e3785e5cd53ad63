"""Reading and writing files: whole or not at all, and one sentence that names the file."""

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import melpy
from melpy import layers
from melpy.errors import DataError, FileError, MelpyError
from melpy.saving import files

KINDS = ("m.keras", "m.h5", "w.weights.h5", "w.safetensors", "w.npz")


def model_of():
    melpy.utils.set_random_seed(1)
    model = melpy.Sequential([melpy.Input((3,)), layers.Dense(2), layers.Dropout(0.5)])
    model.compile("adam", "mse")
    return model


def save(model, path):
    model.save(path) if path.name.startswith("m") else model.save_weights(path)


def load(path):
    if path.name.startswith("m"):
        return melpy.models.load_model(path)
    model = model_of()
    model.load_weights(path)
    return model


class TestWriting:
    def test_a_file_keeps_its_mode_and_a_link_its_target(self, tmp_path):
        (tmp_path / "far").mkdir()
        target, link = tmp_path / "far" / "w.npz", tmp_path / "w.npz"
        save(model_of(), target)
        target.chmod(0o640)
        link.symlink_to(target)
        before = target.stat().st_ino
        save(model_of(), link)
        assert link.is_symlink()
        assert target.stat().st_ino != before
        assert stat.S_IMODE(target.stat().st_mode) == 0o640
        assert sorted(p.name for p in tmp_path.iterdir()) == ["far", "w.npz"]

    @pytest.mark.skipif(os.name != "posix", reason="modes")
    def test_a_new_file_has_the_mode_that_the_process_gives(self, tmp_path, monkeypatch):
        monkeypatch.setattr(os, "umask", None)  # which is not touched
        files.write_atomically(tmp_path / "a", b"1")
        (tmp_path / "b").write_bytes(b"1")
        assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode

    @pytest.mark.parametrize("stem", ["é" * 120, "a" + "é" * 120, "x" * 240, "語" * 80])
    def test_names_may_be_as_long_as_file_systems_take(self, tmp_path, stem):
        path = tmp_path / f"{stem}.keras"
        left = tmp_path / f".{files._cut(path.name)}.0000000a.part"
        left.write_bytes(b"half")
        os.utime(left, (0, 0))
        model_of().save(path)
        assert [p.name for p in tmp_path.iterdir()] == [path.name]

    def test_parts_of_killed_runs_are_removed_and_those_at_work_are_not(self, tmp_path):
        path = tmp_path / "w.npz"
        left, fresh, other = (
            tmp_path / name
            for name in (".w.npz.0000000a.part", ".w.npz.0000000b.part", ".v.npz.0000000a.part")
        )
        for part in (left, fresh, other):
            part.write_bytes(b"half")
        long_ago = time.time() - 3600
        for part in (left, other):
            os.utime(part, (long_ago, long_ago))
        files.write_atomically(path, b"whole")
        assert sorted(p.name for p in tmp_path.iterdir()) == sorted(
            [".v.npz.0000000a.part", ".w.npz.0000000b.part", "w.npz"]
        )
        os.utime(fresh, (long_ago, long_ago))
        with open(fresh, "rb") as held:
            files._hold(held)
            files.write_atomically(path, b"whole")
            assert fresh.exists()  # its writer lives
        files.write_atomically(path, b"whole")
        assert not fresh.exists()

    @pytest.mark.parametrize("failing", ["open", "fsync", "replace", "chmod", "utime"])
    @pytest.mark.parametrize("name", KINDS)
    def test_a_failure_leaves_the_old_file_and_names_it(self, tmp_path, monkeypatch, failing, name):
        path = tmp_path / name
        save(model_of(), path)
        before = path.read_bytes()

        def fail(*args, **kwargs):
            raise OSError(28, "No space left on device", "/tmp/.other.part")

        with monkeypatch.context() as patched:
            patched.setattr(files.os, failing, fail)
            with pytest.raises(FileError) as told:
                save(model_of(), path)
        assert "cannot be written (No space left on device)" in str(told.value)
        assert str(path) in str(told.value)
        assert ".part" not in str(told.value)
        assert isinstance(told.value, OSError)
        assert path.read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == [name]

    def test_a_folder_or_a_device_is_not_replaced(self, tmp_path):
        (tmp_path / "w.npz").mkdir()
        with pytest.raises(FileError, match="a folder or a device"):
            save(model_of(), tmp_path / "w.npz")
        if os.path.exists(os.devnull):
            (tmp_path / "v.npz").symlink_to(os.devnull)
            with pytest.raises(FileError, match="a folder or a device"):
                save(model_of(), tmp_path / "v.npz")

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
    def test_a_full_disk(self, tmp_path):
        with (
            pytest.raises(FileError, match="cannot be written"),
            files.writing("x", "save"),
            open("/dev/full", "wb") as full,
        ):
            full.write(b"x" * 10**6)

    def test_a_killed_writer_leaves_the_old_file(self, tmp_path):
        path = tmp_path / "w.bin"
        path.write_bytes(b"old")
        code = (
            "import os, signal\nfrom melpy.saving import files\n"
            "files.os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
            f"files.write_atomically({str(path)!r}, b'new')\n"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
        assert path.read_bytes() == b"old"
        (part,) = tmp_path.glob(".w.bin.*.part")
        os.utime(part, (1, 1))
        files.write_atomically(path, b"newer")
        assert [p.name for p in tmp_path.iterdir()] == ["w.bin"]


class TestReading:
    @pytest.mark.parametrize("name", KINDS)
    def test_what_the_system_refuses(self, tmp_path, monkeypatch, name):
        path = tmp_path / name
        save(model_of(), path)

        def fail(*args):
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(Path, "read_bytes", fail)
        with pytest.raises(FileError, match=r"cannot be read \(Permission denied\)") as told:
            load(path)
        assert str(path) in str(told.value)

    @pytest.mark.parametrize("name", KINDS)
    def test_cut_anywhere_and_changed_anywhere(self, tmp_path, name):
        """What is read is right, or refused by name: nothing else comes out of it."""
        path = tmp_path / name
        save(model_of(), path)
        whole, rng = path.read_bytes(), np.random.default_rng(1)
        for _ in range(40):
            content = bytearray(whole[: rng.integers(len(whole))])
            for place in rng.integers(len(content) or 1, size=3) if content else ():
                content[place] = rng.integers(256)
            path.write_bytes(content)
            try:
                load(path)
            except MelpyError as error:
                assert name in str(error), error  # noqa: PT017

    @pytest.mark.parametrize("error", [MemoryError, OverflowError, RecursionError, IndexError])
    def test_any_other_error_of_a_reader(self, tmp_path, monkeypatch, error):
        def fail(*args, **kwargs):
            raise error("no")

        path = tmp_path / "w.npz"
        save(model_of(), path)
        monkeypatch.setattr(np, "load", fail)
        with pytest.raises(DataError, match=rf"damaged.*{error.__name__}.*w\.npz"):
            load(path)


class TestNumbersThatAreNotFinite:
    @pytest.mark.parametrize("name", KINDS)
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_are_kept_and_told(self, tmp_path, name, value):
        model = model_of()
        kernel = model.layers[0].kernel.value.copy()
        kernel[1, 1] = value
        model.layers[0].kernel.assign(kernel)
        with pytest.warns(UserWarning, match="1 of the model's arrays hold NaN or infinity"):
            save(model, tmp_path / name)
        with pytest.warns(UserWarning, match="hold NaN or infinity, '.*kernel'"):
            again = load(tmp_path / name)
        np.testing.assert_array_equal(again.layers[0].kernel.value, kernel)


class TestGenerators:
    def test_a_loaded_model_trains_on_as_the_saved_one(self, tmp_path):
        x, y = np.ones((8, 3), "float32"), np.ones((8, 2), "float32")
        for zipped, name in ((None, "m.keras"), (False, "folder")):
            model = model_of()
            model.fit(x, y, shuffle=False, verbose=0)
            (tmp_path / "folder").mkdir(exist_ok=True)
            model.save(tmp_path / name, zipped=zipped)
            melpy.utils.set_random_seed(9)
            again = melpy.models.load_model(tmp_path / name)
            for one in (model, again):
                one.fit(x, y, shuffle=False, epochs=2, verbose=0)
            for mine, theirs in zip(model.get_weights(), again.get_weights(), strict=True):
                np.testing.assert_array_equal(mine, theirs)
