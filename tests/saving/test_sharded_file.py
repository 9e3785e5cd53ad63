"""Weights over several files: what is saved comes back, and an index leads nowhere else."""

import json
import os

import numpy as np
import pytest

import melpy
from melpy import errors, layers

pytest.importorskip("h5py")

KIB = 2**-20  # in GiB, as max_shard_size is


def net():
    model = melpy.Sequential([layers.Input((8,)), layers.Dense(30), layers.Dense(3)])
    model.compile("adam", "mse")
    return model


@pytest.fixture
def saved(tmp_path):
    model = net()
    model.fit(np.ones((4, 8)), np.ones((4, 3)), verbose=0)
    model.save_weights(tmp_path / "w.weights.json", max_shard_size=KIB)
    return model, tmp_path / "w.weights.json"


def test_they_come_back(saved):
    model, index = saved
    names = {path.name for path in index.parent.iterdir()}
    assert names == {index.name, *(f"w_{n:05}.weights.h5" for n in range(len(names) - 1))}
    assert len(names) > 3
    other = net()
    other.load_weights(index)
    mine = [*model.weights, *model.optimizer.variables]
    for one, same in zip(mine, [*other.weights, *other.optimizer.variables], strict=True):
        np.testing.assert_array_equal(one, same)
    third = net()
    before = third.layers[0].kernel.numpy()
    third.load_weights(index, objects_to_skip=[third.layers[0]])
    np.testing.assert_array_equal(third.layers[0].kernel, before)
    np.testing.assert_array_equal(third.layers[1].kernel, model.layers[1].kernel)


def test_names_and_sizes(saved):
    model, index = saved
    for size in (0, -1, "1", None):
        with pytest.raises(errors.ArgumentError):
            model.save_weights(index, max_shard_size=size)
    with pytest.raises(errors.ArgumentError, match="larger than a file may be"):
        model.save_weights(index, max_shard_size=KIB / 2)
    with pytest.raises(errors.ArgumentError, match=r"\.weights\.json"):
        model.save_weights(index.with_name("w.npz"), max_shard_size=KIB)
    with pytest.warns(UserWarning, match=r"v\.weights\.json"):
        model.save_weights(index.with_name("v.weights.h5"), max_shard_size=KIB)
    assert index.with_name("v.weights.json").exists()


@pytest.mark.parametrize(
    "name", ["secret.weights.h5", "../w_00000.weights.h5", "/etc/passwd", "w_0.weights.h5", "", 3]
)
def test_an_index_that_leads_elsewhere(saved, name):
    model, index = saved
    model.save_weights(index.with_name("secret.weights.h5"))
    told = json.loads(index.read_text())
    told["weight_map"] = {where: [name] for where in told["weight_map"]}
    index.write_text(json.dumps(told))
    with pytest.raises(errors.DataError, match="index"):
        net().load_weights(index)


def test_missing_and_damaged_files(saved):
    model, index = saved
    shard = index.with_name("w_00000.weights.h5")
    before = model.get_weights()
    os.rename(shard, index.with_name("moved"))
    for make in (lambda: None, lambda: shard.symlink_to(index.with_name("moved"))):
        make()
        with pytest.raises(FileNotFoundError, match="w_00000"):
            model.load_weights(index)
    for text in ("", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"/vars": [3]}}', "[" * 9999):
        index.write_text(text)
        with pytest.raises(errors.DataError, match="index"):
            model.load_weights(index)
    for one, same in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, same)
