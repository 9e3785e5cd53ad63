"""Other places for a whole model: open files, folders, HDF5 as of old; and parts of its weights."""

import io
import json
import os

import numpy as np
import pytest

import melpy
from melpy import errors, layers, models

h5py = pytest.importorskip("h5py")
X, Y = np.random.default_rng(0).normal(size=(2, 8, 4)).astype("float32")


def graph():
    x = melpy.Input((4,), name="x")
    h = layers.BatchNormalization()(layers.Dense(3, "relu", kernel_regularizer="l2")(x))
    inner = melpy.Sequential([melpy.Input((3,)), layers.Dense(3, trainable=False)])
    return melpy.Model(x, layers.Dense(4)(inner(h)) * 2.0)


def sequential():
    return melpy.Sequential([layers.Dense(3), layers.ReLU(), layers.Dense(4, "tanh")])


def trained(make):
    model = make()
    loss, metrics = melpy.losses.Huber(0.5), ["mae", melpy.metrics.RootMeanSquaredError()]
    model.compile(melpy.optimizers.Adam(0.01), loss, metrics=metrics)
    model.fit(X, Y, epochs=2, verbose=0)
    return model


def same(model, again, compiled=True):
    np.testing.assert_array_equal(model.predict(X, verbose=0), again.predict(X, verbose=0))
    assert again.compiled is compiled
    if compiled:
        for one in (model, again):
            one.fit(X, Y, shuffle=False, verbose=0)
        assert model.evaluate(X, Y, verbose=0) == again.evaluate(X, Y, verbose=0)


@pytest.mark.parametrize("make", [graph, sequential])
class TestWholeModels:
    @pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.hdf5", "folder"])
    def test_training_goes_on(self, make, name, tmp_path):
        model, path = trained(make), tmp_path / name
        for _ in range(2):  # over the first one
            model.save(path, zipped=False if name == "folder" else None)
        assert path.is_dir() == (name == "folder")
        same(model, models.load_model(str(path), compile=False), False)
        same(model, models.load_model(path))

    def test_an_open_file(self, make, tmp_path):
        model, buffer = trained(make), io.BytesIO()
        model.save(buffer)
        buffer.seek(0)
        same(model, models.load_model(buffer))
        with open(tmp_path / "m", "wb") as file:
            models.save_model(model, file)  # trained on since
        with open(tmp_path / "m", "rb") as file:
            same(model, models.load_model(file))

    def test_weights_out_of_h5(self, make, tmp_path):
        model, other = trained(make), trained(make)
        model.save(tmp_path / "m.h5", include_optimizer=False)
        other.load_weights(tmp_path / "m.h5")
        np.testing.assert_array_equal(model.predict(X, verbose=0), other.predict(X, verbose=0))
        with pytest.warns(UserWarning, match="how to train"):
            assert not models.load_model(tmp_path / "m.h5").compiled


class TestRefused:
    def test_names(self, tmp_path):
        model = trained(sequential)
        for name, zipped in (("m.keras", False), ("m.txt", None), ("m", None)):
            with pytest.raises(errors.ArgumentError, match=r"ends in \.keras"):
                model.save(tmp_path / name, zipped=zipped)
        with pytest.raises(errors.ArgumentError, match="not known"):
            model.save(tmp_path / "m.keras", signatures=None)
        with pytest.warns(UserWarning, match="save_format"):
            model.save(tmp_path / "m.keras", save_format="keras")
        with pytest.raises(errors.ArgumentError, match="save_format"):
            model.save(tmp_path / "m", save_format="tf")

    @pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5"])
    def test_no_such_file(self, name):
        load = models.load_model if "weights" not in name else trained(sequential).load_weights
        for kind in (ValueError, FileNotFoundError):
            with pytest.raises(kind, match="no such file"):
                load(f"/nowhere/{name}")

    @pytest.mark.parametrize("name", ["config.json", "model.weights.h5", "assets"])
    def test_links_in_a_folder(self, name, tmp_path):
        model = trained(sequential)
        for folder in ("m", "other"):
            model.save(tmp_path / folder, zipped=False)
            (tmp_path / folder / "assets").mkdir()
            (tmp_path / folder / "assets" / "words.txt").write_text("a")
        part = tmp_path / "m" / name
        part.rename(tmp_path / "gone")
        os.symlink(tmp_path / "other" / name, part)
        if name == "assets":  # is not looked into
            return
        with pytest.raises(errors.DataError, match="link to elsewhere"):
            models.load_model(tmp_path / "m")
        part.unlink()
        if name != "config.json":
            with pytest.raises(errors.DataError, match="there is no"):
                models.load_model(tmp_path / "m")

    def test_h5_that_leads_elsewhere_or_is_damaged(self, tmp_path):
        model, path = trained(sequential), tmp_path / "m.h5"
        model.save(path)
        content = path.read_bytes()

        def refused(change, message):
            path.write_bytes(content)
            with h5py.File(path, "a") as file:
                change(file)
            with pytest.raises(errors.MelpyError, match=message):
                models.load_model(path)

        def linked(file):
            del file["model_weights/dense"]
            file["model_weights/dense"] = h5py.ExternalLink("other.h5", "/")

        def outside(file):
            group = file["model_weights/dense"]
            name = group.attrs["weight_names"][0]
            del group[name]
            group.create_dataset(name, (4, 3), "f4", external=[("/etc/passwd", 0, 48)])

        def described(file):
            config = json.loads(file.attrs["model_config"])
            config["config"]["layers"][1] |= {"module": "os", "class_name": "system"}
            file.attrs["model_config"] = json.dumps(config)

        def described_larger(file):
            config = json.loads(file.attrs["model_config"])
            config["config"]["layers"][1]["config"]["units"] = 10**9
            file.attrs["model_config"] = json.dumps(config)

        refused(linked, "link to elsewhere")
        refused(outside, "another file")
        refused(described, "unknown layer 'system'")
        refused(described_larger, "the file is too small")
        refused(lambda file: file.attrs.pop("model_config"), "describes no model")
        refused(lambda file: file.pop("model_weights"), "no weights")
        for size in range(0, len(content), 1009):
            path.write_bytes(content[:size])
            with pytest.raises(errors.MelpyError):
                models.load_model(path)


class TestParts:
    @pytest.mark.parametrize("ending", [".weights.h5", ".safetensors"])
    def test_layers_to_skip(self, ending, tmp_path):
        if ending == ".safetensors":
            pytest.importorskip("safetensors")
        model, other = trained(sequential), trained(sequential)
        path = tmp_path / f"m{ending}"
        model.save_weights(path)
        before = other.get_weights()
        other.load_weights(path, objects_to_skip=[other.layers[0]])
        for number, w in enumerate(other.get_weights()):
            expected = before[number] if number < 2 else model.get_weights()[number]
            np.testing.assert_array_equal(w, expected)
        model.save_weights(path, objects_to_skip=[model.layers[0], model.optimizer])
        with pytest.raises(errors.ShapeError, match="dense"):
            other.load_weights(path)
        other.load_weights(path, objects_to_skip=[other.layers[0]])
        with pytest.raises(errors.ArgumentError, match="objects_to_skip"):
            other.save_weights(tmp_path / "m.npz", objects_to_skip=[other.layers[0]])

    def test_a_mismatch_in_h5_may_be_skipped(self, tmp_path):
        model = trained(sequential)
        model.save(tmp_path / "m.h5")
        wider = melpy.Sequential([layers.Dense(5), layers.ReLU(), layers.Dense(4)])
        wider.build((None, 4))
        before = wider.get_weights()
        with pytest.raises(errors.ShapeError, match="arrays of 'dense'"):
            wider.load_weights(tmp_path / "m.h5")
        with pytest.warns(UserWarning, match="skipped"):
            wider.load_weights(tmp_path / "m.h5", skip_mismatch=True)
        np.testing.assert_array_equal(wider.get_weights()[0], before[0])
        np.testing.assert_array_equal(wider.get_weights()[3], model.get_weights()[3])
        short = melpy.Sequential([melpy.Input((4,)), layers.Dense(3)])
        with pytest.raises(errors.ShapeError, match="number of layers"):
            short.load_weights(tmp_path / "m.h5")


class Plainly(melpy.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x):
        return self.dense(x)


class Renamed(melpy.Model):
    def __init__(self):
        super().__init__()
        self.a_dense = layers.Dense(3)
        self.unready = None

    @property
    def dense(self):
        return self.a_dense

    @property
    def at_fault(self):
        raise ValueError("not ready")

    def call(self, x):
        return self.dense(x)


@pytest.mark.parametrize("ending", [".weights.h5", ".safetensors"])
def test_a_layer_that_another_class_called_otherwise(ending, tmp_path):
    if ending == ".safetensors":
        pytest.importorskip("safetensors")
    old, new, x = Plainly(), Renamed(), np.ones((2, 4), "float32")
    old(x), new(x)
    old.save_weights(tmp_path / f"w{ending}")
    new.load_weights(tmp_path / f"w{ending}")
    np.testing.assert_array_equal(new(x), old(x))
    new.save_weights(tmp_path / f"v{ending}")
    with pytest.raises(errors.DataError, match=r"no weights where.*received arrays at=.*layer"):
        old.load_weights(tmp_path / f"v{ending}")
    old.load_weights(
        tmp_path / f"v{ending}", objects_to_skip=[old.dense]
    )  # nothing is left to load


@pytest.mark.parametrize("name", ["w.weights.h5", "w.weights.json", "w.safetensors", "w.keras"])
def test_a_file_of_another_structure_is_refused_by_what_it_has(name, tmp_path):
    if name.endswith(".safetensors"):
        pytest.importorskip("safetensors")

    def model(*more):
        return melpy.Sequential([melpy.Input((4,)), *more])

    saved = model(layers.Dense(3))
    if name.endswith(".keras"):
        saved.save(tmp_path / name)
    else:
        saved.save_weights(tmp_path / name, max_shard_size=1 if name.endswith(".json") else None)
    with pytest.raises(ValueError, match="layers/dense_1: nothing is there under this name"):
        model(layers.Dense(3), layers.Dense(3)).load_weights(tmp_path / name)
    with pytest.raises(ValueError, match="arrays at='layers/dense'"):
        model(layers.BatchNormalization()).load_weights(tmp_path / name)
