"""One budget of memory and of time for a whole load: counted before it is taken."""

import json
import resource
import zipfile

import numpy as np
import pytest

import melpy
from melpy import budget, config, errors, layers, metrics, models, op_budget, ops, tree
from melpy.experiments import sweep
from melpy.experiments.opened import run_of
from melpy.ops.registry import OPS
from melpy.saving import backups

pytest.importorskip("h5py")
X = melpy.Input((4,))
MUCH_MB = 300  # of the memory that a load may reach beyond what was taken before


def changed(path, old, new, times=-1):
    """Write a model's file again with a part of its description changed, so often at the most."""
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    text = parts["config.json"].decode()
    assert old in text
    parts["config.json"] = text.replace(old, new, times).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def with_auc():
    model = melpy.Model(X, layers.Dense(1)(X))
    model.compile("sgd", "mse", metrics=[metrics.AUC(num_thresholds=77)])
    return model


def of_words(**options):
    words = layers.StringLookup(vocabulary=["a", "b"], **options)
    return melpy.Sequential([melpy.Input((1,), dtype="string"), words])


HUGE = {
    "places for unknown words": (lambda: of_words(num_oov_indices=77), "77", "100000000"),
    "weights of no words": (
        lambda: of_words(max_tokens=77, pad_to_max_tokens=True, output_mode="tf_idf",
                         idf_weights=[1.0, 2.0]), "77", "100000000",
    ),
    "one long text among many": (
        lambda: melpy.Model(X, X + np.float32([1, 2, 3, 4])),
        '"value": [1.0, 2.0, 3.0, 4.0], "dtype": "float32"',
        json.dumps({"value": ["a" * 10000] + [""] * 10000, "dtype": "str"})[1:-1],
    ),
    "a weight": (lambda: melpy.Model(X, layers.Dense(77)(X)), "77", "300000000"),
    "thresholds": (with_auc, "77", "30000000"),
    "repeat": (lambda: melpy.Model(X, ops.repeat(X, 77, axis=1)), "77", "100000000"),
    "tile": (lambda: melpy.Model(X, ops.tile(X, (1, 77))), "77", "100000000"),
    "pad": (lambda: melpy.Model(X, ops.pad(X, ((0, 0), (0, 77)))), "77", "100000000"),
    "one_hot": (
        lambda: melpy.Model(X, ops.one_hot(ops.cast(X, "int32"), 77)), "77", "100000000",
    ),
    "a constant's type": (lambda: melpy.Model(X, X + np.float32([1, 2, 3, 4])), None, None),
}  # fmt: skip


@pytest.mark.parametrize("what", HUGE)
def test_descriptions_that_ask_for_terabytes(what, tmp_path):
    make, old, new = HUGE[what]
    path = tmp_path / "m.keras"
    make().save(path)
    if new is None:
        with zipfile.ZipFile(path) as file:
            text = file.read("config.json").decode()
        old = text[text.index("__tensor__") :].partition("}")[0]
        new = old.replace("float32", "S2000000000")
    changed(path, old, new)
    before_mb = peak_mb()
    with pytest.raises(errors.DataError, match=r"too small|more memory than a file may ask for"):
        models.load_model(path)
    assert peak_mb() - before_mb < MUCH_MB


def test_how_an_h5_file_was_trained_is_counted_too(tmp_path):
    import h5py

    with_auc().save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "a") as file:
        told = file.attrs["training_config"]
        file.attrs["training_config"] = told.replace("77", "3000000")
    with pytest.raises(errors.DataError, match="thresholds of AUC, for which the file"):
        models.load_model(tmp_path / "m.h5")


def test_an_input_of_any_size_takes_nothing_to_read(tmp_path):
    path = tmp_path / "m.keras"
    melpy.Model(X, ops.expand_dims(X, 1)).save(path)
    changed(path, "[null, 4]", "[null, 900000000]")
    before_mb = peak_mb()
    assert models.load_model(path).output_shape == (None, 1, 900000000)
    assert peak_mb() - before_mb < MUCH_MB


def test_a_file_that_is_trusted_may_have_more(tmp_path, monkeypatch):
    path = tmp_path / "m.keras"
    melpy.Model(X, ops.tile(X, (1, 300000))).save(path)
    monkeypatch.setitem(config.settings._settings, "load_memory", 2**20)
    with pytest.raises(errors.DataError, match=r"set_load_memory"):
        models.load_model(path)
    monkeypatch.setitem(config.settings._settings, "load_memory", 2**30)
    assert models.load_model(path).output_shape == (None, 1200000)
    with pytest.raises(errors.ArgumentError, match="no number of bytes"):
        config.set_load_memory(-1)


@pytest.mark.parametrize("name", OPS)
def test_no_operation_makes_more_than_is_counted(name):
    for sample in OPS[name].samples:
        *args, last = sample(np.random.default_rng(0))
        options = last if isinstance(last, dict) else {}
        args = args if isinstance(last, dict) else [*args, last]
        made = tree.flatten(OPS[name].call(*args, **options))
        counted = op_budget.most_entries(OPS[name].call, tuple(args), options)
        assert sum(map(np.size, made)) <= counted


LONG, WIDE = np.ones(3000), np.ones((3000, 1))
ENLARGED = {
    "broadcast_to": (lambda: (ops.broadcast_to, (LONG, (3000, 3000))), 3000**2),
    "cdist": (lambda: (ops.cdist, (WIDE, WIDE), {}), 3000**2),
    "conv": (lambda: (ops.conv, (np.ones((1, 9, 9, 1)), np.ones((1, 1, 1, 9999)))), 81 * 9999),
    "conv_transpose": (
        lambda: (ops.conv_transpose, (np.ones((1, 9, 9, 1)), np.ones((2, 2, 4, 1))),
                 {"strides": 5000}), 4 * 40000**2,
    ),
    "corrcoef": (lambda: (ops.corrcoef, (WIDE,)), 3000**2),
    "diag": (lambda: (ops.diag, (LONG,), {"k": 7}), 3007**2),
    "diagflat": (lambda: (ops.diagflat, (WIDE,)), 3000**2),
    "einsum": (lambda: (ops.einsum, ("i,j->ij", LONG, LONG)), 3000**2),
    "einsum of all": (lambda: (ops.einsum, ("...i,...j", WIDE, WIDE)), 3000),
    "eye": (lambda: (ops.eye, (3000,)), 3000**2),
    "identity": (lambda: (ops.identity, (3000,)), 3000**2),
    "full": (lambda: (ops.full, ((3000, 3000), 5.0)), 3000**2),
    "inner": (lambda: (ops.inner, (WIDE, WIDE)), 3000**2),
    "kron": (lambda: (ops.kron, (WIDE, WIDE)), 3000**2),
    "matmul": (lambda: (ops.matmul, (WIDE, WIDE.T)), 3000**2),
    "meshgrid": (lambda: (ops.meshgrid, (LONG, LONG)), 2 * 3000**2),
    "one_hot": (lambda: (ops.one_hot, (LONG, 3000)), 3000**2),
    "pad_images": (
        lambda: (ops.image.pad_images, (np.ones((1, 9, 9, 1)), 2000),
                 {"right_padding": 1000, "bottom_padding": 0}), 2009 * 1009,
    ),
    "patches": (
        lambda: (ops.image.extract_patches, (np.ones((99, 99, 1)), 50), {"strides": 1}), 2500**2,
    ),
    "repeat": (lambda: (ops.repeat, (np.ones((20, 30)), 15000), {"axis": 1}), 3000**2),
    "repeat of each": (lambda: (ops.repeat, (WIDE, np.full(3000, 3000)), {"axis": 0}), 3000**2),
    "rfft": (lambda: (ops.rfft, (np.ones((9, 9)), 4 * 10**6)), 3 * 9 * 4 * 10**6),
    "segment_sum": (
        lambda: (ops.segment_sum, (np.ones((2, 3000)), np.zeros(2, int)), {"num_segments": 3000}),
        3000**2,
    ),
    "sequences": (lambda: (ops.extract_sequences, (LONG, 1500, 1)), 1501 * 1500),
    "split": (lambda: (ops.array_split, (LONG, 10**7)), 16 * 10**7),
    "svd": (lambda: (ops.svd, (WIDE,)), 3000**2),
    "take": (lambda: (ops.take, (np.ones((2, 3000)), np.zeros(3000, int)), {"axis": 0}), 3000**2),
    "tensordot": (lambda: (ops.tensordot, (LONG, LONG), {"axes": 0}), 3000**2),
    "tile": (lambda: (ops.tile, (WIDE, (20, 150))), 3000**2),
    "tri": (lambda: (ops.tri, (3000,)), 3000**2),
}  # fmt: skip


@pytest.mark.parametrize("what", ENLARGED)
def test_what_few_numbers_make_of_an_array_is_counted(what):
    make, least = ENLARGED[what]
    function, args, options = (*make(), {})[:3]
    assert least <= op_budget.most_entries(function, args, options) < 3 * least + 10**7


PHOTOGRAPH = melpy.Input((300, 400, 3))
OF_PHOTOGRAPHS = {
    "resize": lambda x: ops.image.resize(x, (224, 224)),
    "pad": lambda x: ops.pad(x, ((0, 0), (3, 3), (3, 3), (0, 0))),
    "pad with -inf": lambda x: ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), "constant", -np.inf),
    "repeat": lambda x: ops.repeat(x, 3, axis=1),
    "tile": lambda x: ops.tile(x, (1, 2, 2, 1)),
}  # fmt: skip


@pytest.mark.parametrize("what", OF_PHOTOGRAPHS)
def test_operations_on_photographs_are_read_again(what, tmp_path):
    model = melpy.Model(PHOTOGRAPH, OF_PHOTOGRAPHS[what](PHOTOGRAPH))
    model.save(tmp_path / "m.keras")
    assert models.load_model(tmp_path / "m.keras").output_shape == model.output_shape


ORDINARY = {
    "blur": ((300, 400, 3), lambda x: ops.image.gaussian_blur(x, (9, 9), (2.0, 2.0))),
    "frequencies": ((16000,), lambda x: ops.rfft(x, fft_length=16384)[0]),
    "pad_images": (
        (300, 400, 3),
        lambda x: ops.image.pad_images(x, 106, 56, target_height=512, target_width=512),
    ),
    "patches": ((224, 224, 3), lambda x: ops.image.extract_patches(x, (16, 16))),
    "segment_sum": (
        (2000, 64), lambda x: ops.segment_sum(ops.mean(x, axis=0), np.zeros(2000, int), 5000)
    ),
    "sequences": ((160000,), lambda x: ops.extract_sequences(x, 400, 160)),
    "spectrogram": ((160000,), lambda x: ops.stft(x, 400, 160, 512)[0]),
    "split": ((2000, 768), lambda x: ops.split(x, 12, axis=-1)[0]),
    "tile": ((64, 1, 40), lambda x: ops.tile(x, (1, 1, 64, 2))),
    "broadcast_to": ((64, 1, 40), lambda x: ops.broadcast_to(x, (8, 64, 64, 40))),
}  # fmt: skip


@pytest.mark.parametrize("what", ORDINARY)
def test_operations_of_ordinary_models_are_read_again(what, tmp_path):
    shape, function = ORDINARY[what]
    x = melpy.Input(shape)
    model = melpy.Model(x, function(x))
    model.save(tmp_path / "m.keras")
    assert models.load_model(tmp_path / "m.keras").output_shape == model.output_shape


def test_a_batch_that_is_tried_may_be_as_small_as_the_budget(tmp_path, monkeypatch):
    x = melpy.Input((100000,))
    # What begins at a place needs an array that reaches there.
    melpy.Model(x, x[:, 70000:]).save(tmp_path / "m.keras")
    monkeypatch.setitem(config.settings._settings, "load_memory", 5 * 10**6)
    assert models.load_model(tmp_path / "m.keras").output_shape == (None, 30000)
    monkeypatch.setitem(config.settings._settings, "load_memory", 10**6)
    with pytest.raises(errors.DataError, match="set_load_memory"):
        models.load_model(tmp_path / "m.keras")


@pytest.mark.parametrize("forwards", [True, False])
def test_a_long_graph_in_any_order(forwards):
    y = X
    for number in range(300):
        y = layers.Activation("relu", name=f"a{number}")(y)
    described = json.loads(melpy.Model(X, y).to_json())
    if not forwards:
        described["config"]["layers"].reverse()
    made = models.model_from_json(json.dumps(described))
    assert len(made.layers) == 301
    described["config"]["layers"][7]["inbound_nodes"][0]["args"][0]["config"]["keras_history"][
        0
    ] = "no"
    with pytest.raises(errors.ArgumentError, match="that is not in the config"):
        models.model_from_json(json.dumps(described))


def test_a_million_links_to_one_array(tmp_path):
    import h5py

    model = melpy.Sequential([melpy.Input((300,)), layers.Dense(300)])
    model.save_weights(tmp_path / "w.weights.h5")
    with h5py.File(tmp_path / "w.weights.h5", "a") as file:
        group = file["layers/dense/vars"]
        for number in range(2, 1000):
            group[str(number)] = group["0"]
    before_mb = peak_mb()
    with pytest.raises(errors.MelpyError):
        model.load_weights(tmp_path / "w.weights.h5")
    assert peak_mb() - before_mb < MUCH_MB


def test_models_that_are_used_twice_in_each_other(tmp_path, monkeypatch):
    y = model = None
    for level in range(13):
        x = melpy.Input((None,), name=f"x{level}")
        y = layers.Activation("relu")(x) if model is None else model(model(x))
        model = melpy.Model(x, y)
    model.save(tmp_path / "m.keras")
    assert models.load_model(tmp_path / "m.keras").output_shape == (None, None)
    changed(tmp_path / "m.keras", '"batch_shape": [null, null]', '"batch_shape": [null, 2]', 1)
    monkeypatch.setattr(budget, "TIME_FLOOR_S", 0.1)
    with pytest.raises(errors.DataError, match="models in models needs more time"):
        models.load_model(tmp_path / "m.keras")


MUCH = b"[" + b"[]," * 30000 + b"0]"


def in_a_folder(folder, part):
    melpy.Sequential([X, layers.Dense(1)]).save(folder / "m", zipped=False)
    (folder / "m" / part).write_bytes(MUCH)
    models.load_model(folder / "m")


def in_an_index(folder):
    (folder / "w.weights.json").write_bytes(MUCH)
    melpy.Sequential([X, layers.Dense(1)]).load_weights(folder / "w.weights.json")


def in_an_h5_file(folder, name):
    import h5py

    model = melpy.Sequential([X, layers.Dense(1)])
    model.compile("sgd", "mse")
    model.save(folder / "m.h5")
    with h5py.File(folder / "m.h5", "a") as file:
        del file.attrs[name]
        file.attrs[name] = MUCH.decode()
    models.load_model(folder / "m.h5")


def in_a_backup(folder):
    backups.Backups(folder, "test").write({"state": json.loads(MUCH)}, {})
    backups.Backups(folder, "test").newest()


def in_a_run(folder):
    (folder / "run.json").write_bytes(MUCH)
    with run_of(folder, "test", "the folder"):
        pass


DOORS = {
    "config.json": lambda folder: in_a_folder(folder, "config.json"),
    "seeds.json": lambda folder: in_a_folder(folder, "seeds.json"),
    "notes.json": lambda folder: in_a_folder(folder, "notes.json"),
    "an index": in_an_index,
    "a model_config": lambda folder: in_an_h5_file(folder, "model_config"),
    "a training_config": lambda folder: in_an_h5_file(folder, "training_config"),
    "a backup": in_a_backup,
    "a run": in_a_run,
    "a sweep": lambda folder: (folder / sweep.KEPT).write_bytes(MUCH) and sweep._begun(folder, {}),
    "a text": lambda folder: models.model_from_json(MUCH.decode()),
}


@pytest.mark.parametrize("door", DOORS)
def test_json_is_counted_before_it_is_made(door, tmp_path, monkeypatch):
    monkeypatch.setitem(config.settings._settings, "load_memory", 2**20)
    with pytest.raises(errors.DataError, match="its JSON needs more memory than a file may ask"):
        DOORS[door](tmp_path)
