"""Whole models in files: what is saved comes back, and files can do nothing else."""

import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest

import melpy
from melpy import errors, layers, losses, metrics, models, optimizers, saving
from melpy.saving import h5_file

h5py = pytest.importorskip("h5py")


def net(**options):
    model = melpy.Sequential(
        [
            melpy.Input((4,)),
            layers.Dense(3, activation="relu"),
            layers.BatchNormalization(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(**{"optimizer": "adam", "loss": "categorical_crossentropy", **options})
    return model


def batch(seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(8, 4)).astype("float32"), np.eye(2)[rng.integers(0, 2, 8)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.keras"


class TestRoundTrip:
    def test_training_goes_on_with_the_same_bits(self, path):
        model = net(metrics=["accuracy", metrics.AUC(name="auc")])
        for n in range(3):
            model.train_on_batch(*batch(n))
        model.save(path)
        again = models.load_model(path)
        for n in range(3, 6):
            assert model.train_on_batch(*batch(n))[0] == again.train_on_batch(*batch(n))[0] or n > 3
        for before, after in zip(model.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(before, after)
        assert int(again.optimizer.iterations) == 6
        assert [m.name for m in again.metrics] == [m.name for m in model.metrics]

    def test_a_graph_with_operations_constants_and_a_nested_model(self, path):
        x = melpy.Input((5, 4), name="x")
        inner_in = melpy.Input((4,))
        inner = melpy.Model(inner_in, layers.Dense(3)(inner_in), name="inner")
        mean = melpy.ops.mean(x, axis=1)
        y = inner(mean) + inner(x[:, 0]) * 2.0 - np.arange(3, dtype="float32")
        y = melpy.ops.leaky_relu(y, negative_slope=0.3) / 2 + melpy.ops.einsum("ij->j", y)
        model = melpy.Model(x, {"a": y, "b": melpy.ops.take(x, [0, 2], axis=1)})
        model.save(path)
        again = models.load_model(path)
        data = np.random.default_rng(0).normal(size=(2, 5, 4)).astype("float32")
        before, after = model.predict(data, verbose=0), again.predict(data, verbose=0)
        for name in ("a", "b"):
            np.testing.assert_array_equal(before[name], after[name])

    def test_dropout_still_drops_while_training(self, path):
        x = melpy.Input((50,))
        melpy.Model(x, layers.Dropout(0.5, seed=1)(x, training=False)).save(path)
        assert 0 in models.load_model(path)(np.ones((1, 50), "float32"), training=True).numpy()

    def test_a_shared_layer_stays_one(self, path):
        shared = layers.Dense(4)
        x = melpy.Input((4,))
        model = melpy.Model(x, shared(shared(x)))
        model.save(path)
        again = models.load_model(path)
        assert len(again.weights) == 2
        np.testing.assert_array_equal(again(np.ones((1, 4))), model(np.ones((1, 4))))

    @pytest.mark.parametrize("kind", ["graph", "sequential"])
    def test_a_layer_inside_and_outside_a_model_stays_one(self, path, kind):
        shared, x = layers.Dense(4, name="shared"), melpy.Input((4,))
        if kind == "graph":
            inner = melpy.Model(x, shared(x))
        else:
            inner = melpy.Sequential([melpy.Input((4,)), shared])
        for use in (lambda x: inner(shared(x)), lambda x: shared(inner(x)) + inner(x)):
            start = melpy.Input((4,))
            model = melpy.Model(start, use(start))
            model.save(path)
            again = models.load_model(path)
            assert len(again.weights) == 2
            np.testing.assert_array_equal(again(np.ones((1, 4))), model(np.ones((1, 4))))
            assert model.to_json() == again.to_json()

    def test_nestings_stay(self, path):
        a, b = melpy.Input((2,), name="a"), melpy.Input((3,), name="b")
        inputs = {"a": a, "more": [{"b": b}]}
        for outputs in ({"x": [a * 1], "y": {"z": b * 1}}, [a * 1, [b * 1]], [a * 2]):
            model = melpy.Model(inputs, outputs)
            model.save(path)
            again = models.load_model(path)
            melpy.tree.assert_same_structure(again.input, inputs)
            melpy.tree.assert_same_structure(again.output, outputs)
        pair = melpy.Model((a, b), (a * 1, b * 1))
        assert type(melpy.Model.from_config(pair.get_config()).output) is tuple

    def test_a_model_cut_out_of_another_one(self, path):
        x = melpy.Input((4,))
        h = layers.Dense(3)(x)
        model = melpy.Model(h, layers.Dense(2)(h))
        model.save(path)
        x = np.ones((2, 3), "float32")
        np.testing.assert_array_equal(models.load_model(path)(x), model(x))

    def test_a_compiled_model_inside_is_compiled(self, path):
        inner = net()
        model = melpy.Sequential([inner, layers.Dense(1)])
        model.save(path)
        again = models.load_model(path)
        assert again.layers[0].compiled
        assert not again.compiled

    def test_keras_2s_lists_of_tensors(self):
        x = melpy.Input((4,), name="x")
        config = melpy.Model(x, layers.Dense(2, name="y")(x)).get_config()
        config["layers"][1]["inbound_nodes"] = [[["x", 0, 0, {}]]]
        assert melpy.Model.from_config(config).output_shape == (None, 2)

    def test_frozen_layers_stay_frozen(self, path):
        model = net()
        model.layers[0].trainable = False
        model.save(path)
        assert len(models.load_model(path).trainable_weights) == 4

    def test_without_compile(self, path):
        net().save(path)
        again = models.load_model(path, compile=False)
        assert not again.compiled
        assert again.predict(batch()[0], verbose=0).shape == (8, 2)

    def test_an_optimizer_before_its_first_step(self, path):
        net(optimizer=optimizers.SGD(0.25, momentum=0.5)).save(path)
        again = models.load_model(path)
        assert float(again.optimizer.learning_rate) == 0.25
        again.train_on_batch(*batch())

    def test_text(self):
        model = net()
        again = models.model_from_json(model.to_json(indent=1))
        assert [w.shape for w in again.weights] == [w.shape for w in model.weights]
        assert again.optimizer.name == "adam"


@saving.register_keras_serializable("tests")
class Doubled(layers.Layer):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape):
        self.shift = self.add_weight((input_shape[-1],), "ones", name="shift")

    def call(self, inputs):
        return inputs * self.factor + self.shift

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


class Strange(layers.Layer):
    def call(self, inputs):
        return inputs


def absolute(y_true, y_pred):
    return melpy.ops.mean(melpy.ops.abs(y_true - y_pred), axis=-1)


class Pair(melpy.Model):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.second = layers.Dense(2)
        self.first = [layers.Dense(units), layers.Dense(units)]

    def call(self, inputs):
        for layer in self.first:
            inputs = layer(inputs)
        return self.second(inputs)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class TestOwnClasses:
    def test_a_registered_layer(self, path):
        x = melpy.Input((3,))
        model = melpy.Model(x, Doubled(3.0)(x))
        model.save(path)
        assert models.load_model(path).layers[-1].factor == 3.0

    def test_a_layer_that_is_not_registered_is_refused_by_name(self, path):
        x = melpy.Input((3,))
        melpy.Model(x, Strange()(x)).save(path)
        with pytest.raises(errors.UnknownNameError, match="Strange"):
            models.load_model(path)
        assert models.load_model(path, {"Strange": Strange}).layers[-1].name == "strange"
        with saving.CustomObjectScope({"Strange": Strange}):
            models.load_model(path)
        with pytest.raises(errors.UnknownNameError, match="Strange"):
            models.load_model(path)

    def test_a_loss_of_ones_own(self, path):
        net(loss=absolute).save(path)
        with pytest.raises(errors.UnknownNameError, match="absolute"):
            models.load_model(path)
        assert models.load_model(path, {"absolute": absolute}).loss is absolute

    def test_a_class_with_a_call_of_its_own(self, path):
        model = Pair(5)
        x = batch()[0]
        y = model(x)
        model.save(path)
        again = models.load_model(path, {"Pair": Pair})
        np.testing.assert_array_equal(again(x), y)

    def test_a_lambda_as_loss_is_left_out_with_a_warning(self, path):
        model = net(loss=lambda y_true, y_pred: (y_true - y_pred) ** 2)
        with pytest.warns(UserWarning, match="compile the model again"):
            model.save(path)
        assert not models.load_model(path).compiled

    def test_a_lambda_layer_is_not_saved(self, path):
        x = melpy.Input((3,))
        with pytest.raises(errors.ArgumentError, match=r"Lambda.*save_weights"):
            melpy.Model(x, layers.Lambda(lambda x: x)(x)).save(path)
        assert not path.exists()

    @pytest.mark.parametrize("ending", [".keras", ".h5"])
    def test_a_lambda_layer_of_a_function_with_a_name(self, path, ending):
        def times(x, factor):
            return x * factor

        path = path.with_suffix(ending)
        layer = layers.Lambda(times, arguments={"factor": 3})
        melpy.Sequential([melpy.Input((3,)), layer]).save(path)
        again = models.load_model(path, {"times": times}, compile=False)
        np.testing.assert_array_equal(again(np.ones((1, 3))), [[3, 3, 3]])
        with pytest.raises(errors.ArgumentError, match="Lambda"):
            models.load_model(path)


def changed(path, packing=zipfile.ZIP_DEFLATED, **members):
    """Replace members of a saved file."""
    with zipfile.ZipFile(path) as file:
        found = {name: file.read(name) for name in file.namelist()}
    names = {"config": "config.json", "weights": "model.weights.h5"}
    found |= {names.get(key, key): value for key, value in members.items()}
    with zipfile.ZipFile(path, "w", packing) as file:
        for name, content in found.items():
            if content is not None:
                file.writestr(name, content)


def config_of(path):
    with zipfile.ZipFile(path) as file:
        return json.loads(file.read("config.json"))


def h5(write):
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        write(file)
    return buffer.getvalue()


class TestAttacks:
    """Files that would run code, read other files or take all memory are refused by name."""

    @pytest.fixture
    def saved(self, path):
        net().save(path)
        return path

    @pytest.mark.parametrize(
        ("module", "name"),
        [("os", "system"), ("builtins", "eval"), ("keras.layers", "system"), ("evil", "Dense"),
         ("subprocess", "Popen"), ("melpy.saving.files", "write_atomically")],
    )  # fmt: skip
    def test_unknown_classes(self, saved, module, name):
        config = config_of(saved)
        told = {"module": module, "class_name": name, "registered_name": f"x>{name}"}
        for place in (config["config"]["layers"][1], config):
            before = dict(place)
            place |= told
            changed(saved, config=json.dumps(config))
            with pytest.raises(errors.MelpyError, match=name):
                models.load_model(saved)
            place.clear()
            place |= before

    @pytest.mark.parametrize("key", ["loss", "optimizer", "metrics"])
    def test_unknown_classes_in_compile(self, saved, key):
        config = config_of(saved)
        evil = {"module": "os", "class_name": "system", "config": {"command": "true"}}
        config["compile_config"][key] = [evil] if key == "metrics" else evil
        changed(saved, config=json.dumps(config))
        with pytest.raises(errors.MelpyError, match="system"):
            models.load_model(saved)

    def test_unknown_classes_in_arguments(self, saved):
        config = config_of(saved)
        dense = config["config"]["layers"][1]["config"]
        for key in ("activation", "kernel_initializer", "kernel_regularizer", "kernel_constraint"):
            before = dense[key]
            dense[key] = {"module": "os", "class_name": "system", "config": {}}
            changed(saved, config=json.dumps(config))
            with pytest.raises(errors.MelpyError, match="system"):
                models.load_model(saved)
            dense[key] = before

    def test_a_lambda_of_keras(self, saved):
        config = config_of(saved)
        before = config["config"]["layers"][1]
        code = {"class_name": "__lambda__", "config": {"value": "4wEAAAA=", "defaults": None}}
        config["config"]["layers"][1] = {
            "module": "keras.layers",
            "class_name": "Lambda",
            "config": {"function": code},
        }
        changed(saved, config=json.dumps(config))
        with pytest.raises(errors.ArgumentError, match="Lambda"):
            models.load_model(saved, safe_mode=False)
        config = config_of(saved)
        config["compile_config"]["loss"] = code
        config["config"]["layers"][1] = before
        changed(saved, config=json.dumps(config))
        with pytest.raises(errors.ArgumentError, match="lambda"):
            models.load_model(saved)

    def test_huge_layers_take_no_memory(self, saved):
        config = config_of(saved)
        config["config"]["layers"][1]["config"]["units"] = 10**13
        changed(saved, config=json.dumps(config))
        with pytest.raises(errors.DataError, match="10000000000000"):
            models.load_model(saved)

    def test_huge_inputs_take_no_memory(self, path):
        melpy.Sequential([layers.Input((4, 5)), layers.GlobalAveragePooling1D()]).save(path)
        config = config_of(path)
        config["config"]["layers"][0]["config"]["batch_shape"] = [None, 10**5, 10**5]
        changed(path, config=json.dumps(config))
        with pytest.raises(errors.MelpyError, match="more memory than a file may ask for"):
            models.load_model(path)

    @pytest.mark.parametrize("name", ["config.json", "model.weights.h5", "assets/a.txt"])
    def test_what_unpacks_to_far_more_than_the_file(self, saved, name, monkeypatch):
        monkeypatch.setattr(saving.containers, "UNPACKED_BYTES", 2**10)
        others = {} if name != "assets/a.txt" else {"assets/b.txt": b" " * 250_000}
        changed(saved, **{name: b" " * 300_000}, **others)
        with pytest.raises(errors.DataError, match=r"unpacks? to"):
            models.load_model(saved)

    def test_many_small_files_are_counted_together(self, saved, monkeypatch):
        monkeypatch.setattr(saving.containers, "UNPACKED_BYTES", 2**10)
        changed(saved, **{f"assets/{n}.txt": b" " * 10_000 for n in range(99)})
        with pytest.raises(errors.DataError, match="assets unpack to 990000"):
            models.load_model(saved)

    @pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_packings_whose_unpacking_does_not_stop(self, saved, packing):
        """They unpack all that there is, whatever size the file notes."""
        changed(saved, packing=packing)
        with pytest.raises(errors.DataError, match="stored or deflated"):
            models.load_model(saved)

    def test_deep_nesting(self, saved):
        changed(saved, config='{"class_name": "Sequential", "config": ' + "[" * 100_000)
        with pytest.raises(errors.DataError, match="description"):
            models.load_model(saved)

    @pytest.mark.parametrize(
        "config", ["", "[]", "1", "null", '"x"', "{}", '{"class_name": 3, "config": 3}', "\xff"]
    )
    def test_no_description(self, saved, config):
        changed(saved, config=config.encode("latin-1"))
        with pytest.raises(errors.MelpyError):
            models.load_model(saved)

    def test_missing_members_and_other_files(self, saved):
        with pytest.raises(FileNotFoundError):
            models.load_model(saved.with_name("none.keras"))
        changed(saved, weights=None)
        saved.write_bytes(saved.read_bytes())
        with zipfile.ZipFile(saved, "w") as file:
            file.writestr("config.json", "{}")
        with pytest.raises(errors.DataError, match=r"model\.weights\.h5"):
            models.load_model(saved)
        saved.write_bytes(pickle.dumps([1, 2, 3]))
        with pytest.raises(errors.DataError, match=r"no \.keras file"):
            models.load_model(saved)
        with pytest.raises(errors.ArgumentError, match=r"ends in \.keras"):
            models.load_model("model.pkl")

    def test_every_truncation_is_refused(self, saved):
        content = saved.read_bytes()
        for size in range(0, len(content), 997):
            saved.write_bytes(content[:size])
            with pytest.raises(errors.MelpyError):
                models.load_model(saved)

    def test_random_bytes(self, saved):
        rng = np.random.default_rng(0)
        content = np.frombuffer(saved.read_bytes(), np.uint8)
        refused = 0
        for _ in range(60):
            damaged = content.copy()
            damaged[rng.integers(0, damaged.size, 20)] = rng.integers(0, 256, 20)
            saved.write_bytes(damaged.tobytes())
            try:
                models.load_model(saved)  # a changed weight is no damage that can be seen
            except errors.MelpyError:
                refused += 1
        assert refused > 30


class TestWeightsInHdf5:
    @pytest.fixture
    def model(self):
        model = net()
        self.before = model.get_weights()
        return model

    def refuses(self, model, tmp_path, write, match):
        target = tmp_path / "w.weights.h5"
        target.write_bytes(h5(write))
        with pytest.raises(errors.MelpyError, match=match):
            model.load_weights(target)
        for before, after in zip(self.before, model.get_weights(), strict=True):
            np.testing.assert_array_equal(before, after)

    @staticmethod
    def good(file):
        for path, (_, arrays) in saving.state.gathered(net()).items():
            for key, array in arrays.items():
                file[f"{path}/vars/{key}"] = array

    def test_links_out(self, model, tmp_path):
        secret = tmp_path / "secret.h5"
        secret.write_bytes(h5(self.good))

        def external(file):
            file["layers"] = h5py.ExternalLink(str(secret), "/layers")

        def soft(file):
            self.good(file)
            del file["layers/dense/vars/0"]
            file["layers/dense/vars/0"] = h5py.SoftLink("/layers/dense/vars/1")

        self.refuses(model, tmp_path, external, "link to elsewhere")
        self.refuses(model, tmp_path, soft, "link to elsewhere")

    def test_arrays_outside(self, model, tmp_path):
        raw = tmp_path / "raw"
        raw.write_bytes(bytes(48))
        secret = tmp_path / "secret.h5"
        secret.write_bytes(h5(self.good))

        def external(file):
            self.good(file)
            del file["layers/dense/vars/0"]
            file.create_dataset(
                "layers/dense/vars/0", (4, 3), "float32", external=[(str(raw), 0, 48)]
            )

        def virtual(file):
            self.good(file)
            del file["layers/dense/vars/0"]
            layout = h5py.VirtualLayout((4, 3), "float32")
            layout[:] = h5py.VirtualSource(str(secret), "layers/dense/vars/0", (4, 3))
            file.create_virtual_dataset("layers/dense/vars/0", layout)

        self.refuses(model, tmp_path, external, "another file")
        self.refuses(model, tmp_path, virtual, "another file")

    def test_sizes_and_kinds(self, model, tmp_path):
        def put(**options):
            def write(file):
                self.good(file)
                del file["layers/dense/vars/0"]
                file.create_dataset("layers/dense/vars/0", **options)

            return write

        huge = put(shape=(10**6, 10**6), dtype="float32")
        self.refuses(model, tmp_path, huge, "more than the whole file")
        packed = put(shape=(2000, 2000), dtype="float32", chunks=True, compression="gzip")
        self.refuses(model, tmp_path, packed, "compressed or in chunks")
        text = put(data=np.array(["a", "b"], dtype=h5py.string_dtype()))
        self.refuses(model, tmp_path, text, "not an array of numbers")
        other = put(data=np.zeros((3, 4), "float32"))
        self.refuses(model, tmp_path, other, "another layer")
        self.refuses(model, tmp_path, lambda file: None, "no weights where")

        def many_names(file):
            self.good(file)
            file["layers/dense/vars/big"] = np.zeros(1000)
            for n in range(20):
                file[f"layers/dense/vars/{n + 5}"] = file["layers/dense/vars/big"]

        self.refuses(model, tmp_path, many_names, "more than the whole file")

    def test_a_mismatch_may_be_skipped(self, model, tmp_path):
        model.save_weights(tmp_path / "w.weights.h5")
        other = melpy.Sequential([melpy.Input((4,)), layers.Dense(3), layers.Dense(7)])
        with pytest.raises(errors.ShapeError, match="layers/dense_1"):
            other.load_weights(tmp_path / "w.weights.h5")
        with pytest.warns(UserWarning, match=r"skipped: Dense 'dense_1'"):
            other.load_weights(tmp_path / "w.weights.h5", skip_mismatch=True)
        np.testing.assert_array_equal(other.get_weights()[0], self.before[0])

    def test_without_h5py(self, model, tmp_path, monkeypatch):
        monkeypatch.setitem(__import__("sys").modules, "h5py", None)
        with pytest.raises(errors.DependencyError, match="pip install h5py"):
            model.save_weights(tmp_path / "w.weights.h5")
        assert h5_file.KINDS


class TestOtherFiles:
    @pytest.mark.parametrize("ending", [".npz", ".weights.h5", ".safetensors"])
    def test_weights_come_back(self, ending, tmp_path):
        if ending == ".safetensors":
            pytest.importorskip("safetensors")
        model, other = net(), net()
        model.train_on_batch(*batch())
        model.save_weights(tmp_path / f"w{ending}")
        other.load_weights(tmp_path / f"w{ending}")
        for before, after in zip(model.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(before, after)
        assert int(other.optimizer.iterations) == (ending != ".npz")
        content = (tmp_path / f"w{ending}").read_bytes()
        for size in (0, 10, len(content) // 2):
            (tmp_path / f"w{ending}").write_bytes(content[:size])
            with pytest.raises(errors.DataError, match="damaged"):
                other.load_weights(tmp_path / f"w{ending}")

    @pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_BZIP2])
    def test_an_npz_that_claims_too_much(self, packing, tmp_path):
        head = io.BytesIO()
        told = {"shape": (10**12,), "fortran_order": False, "descr": "<f8"}
        np.lib.format.write_array_header_1_0(head, told)
        with zipfile.ZipFile(tmp_path / "w.npz", "w", packing) as file:
            file.writestr("000 dense.kernel.npy", head.getvalue())
        with pytest.raises(errors.DataError, match=r"claims 8\d+ bytes|stored"):
            net().load_weights(tmp_path / "w.npz")

    def test_weights_out_of_a_whole_model(self, path):
        model, other = net(), net()
        model.save(path)
        other.load_weights(path)
        np.testing.assert_array_equal(model.get_weights()[0], other.get_weights()[0])

    @pytest.mark.parametrize("save", ["save", "save_weights"])
    def test_names_and_folders(self, save, tmp_path):
        model, ending = net(), ".keras" if save == "save" else ".npz"
        with pytest.raises(errors.ArgumentError, match="no folder"):
            getattr(model, save)(tmp_path / "none" / f"m{ending}")
        with pytest.raises(errors.ArgumentError, match="unknown kind of file"):
            getattr(model, save)(tmp_path / "m.pickle")
        (tmp_path / f"m{ending}").write_bytes(b"")
        with pytest.raises(errors.ArgumentError, match="exists already"):
            getattr(model, save)(tmp_path / f"m{ending}", overwrite=False)

    def test_an_interrupted_write_leaves_the_old_file(self, path, monkeypatch):
        net().save(path)
        before = path.read_bytes()

        def cut(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "replace", cut)
        with pytest.raises(KeyboardInterrupt):
            net().save(path)
        assert path.read_bytes() == before
        assert [p.name for p in path.parent.iterdir()] == [path.name]

    def test_no_weights_yet(self, path):
        model = melpy.Sequential([layers.Dense(3)])
        with pytest.raises(errors.ShapeError, match="no weights yet"):
            model.save_weights(path.with_suffix(".npz"))
        with pytest.warns(UserWarning, match="no weights yet"):
            model.save(path)
        assert len(models.load_model(path).layers) == 1


def test_objects_as_plain_values():
    things = {"loss": losses.Huber(0.3), "rate": [optimizers.Adam(0.1)], "plain": (1, "mse", None)}
    config = saving.serialize_keras_object(things)
    json.dumps(config)
    again = saving.deserialize_keras_object(config)
    assert again["loss"].delta == 0.3
    assert float(again["rate"][0].learning_rate) == pytest.approx(0.1)
    assert again["plain"] == (1, "mse", None)
