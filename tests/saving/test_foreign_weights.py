"""Weights as PyTorch and Keras write them, laid out for the layers here."""

import numpy as np
import pytest

import melpy
from melpy import layers
from melpy.errors import ArgumentError, DataError, MelpyError, MissingFileError, ShapeError
from melpy.saving import load_foreign_weights

DRAW = np.random.default_rng(0)


def drawn(*shape):
    return DRAW.normal(size=shape).astype(np.float32)


def written(tmp_path, **arrays):
    path = tmp_path / "w.npz"
    np.savez(path, **{name.replace("__", "."): array for name, array in arrays.items()})
    return path


def model_of(shape, *made):
    return melpy.Sequential([melpy.Input(shape), *made])


def test_a_convolution_by_hand(tmp_path):
    """(D, C, kH, kW): each filter's plane of a channel becomes a column."""
    model = model_of((4, 4, 2), layers.Conv2D(3, (2, 1), name="conv"))
    kernel, bias = drawn(3, 2, 2, 1), drawn(3)
    load_foreign_weights(model, written(tmp_path, conv__weight=kernel, conv__bias=bias))
    ours = model.get_weights()
    assert ours[0][1, 0, 1, 2] == kernel[2, 1, 1, 0]
    assert np.array_equal(ours[1], bias)


def test_a_dense_layer_behind_a_flatten_sees_its_images_otherwise(tmp_path):
    """PyTorch flattens (C, H, W), we flatten (H, W, C): the same image gives the same number."""
    model = model_of(
        (2, 3, 4), layers.ReLU(), layers.Flatten(), layers.Dropout(0.5), layers.Dense(5, name="fc")
    )
    weight = drawn(5, 24)
    load_foreign_weights(model, written(tmp_path, fc__weight=weight, fc__bias=np.zeros(5, "f4")))
    image = np.abs(drawn(1, 4, 2, 3))  # (N, C, H, W)
    ours = model.predict(image.transpose(0, 2, 3, 1), verbose=0)
    np.testing.assert_allclose(ours, image.reshape(1, -1) @ weight.T, rtol=1e-5, atol=1e-5)


def test_normalizations_and_embeddings(tmp_path):
    model = model_of((3,), layers.Embedding(7, 4), layers.LayerNormalization())
    arrays = {"e.weight": drawn(7, 4), "ln.weight": drawn(4), "ln.bias": drawn(4)}
    load_foreign_weights(model, written(tmp_path, **arrays))
    assert all(map(np.array_equal, model.get_weights(), arrays.values()))
    model = model_of((3,), layers.BatchNormalization())
    names = ("weight", "bias", "running_mean", "running_var")
    arrays = {f"bn.{name}": np.abs(drawn(3)) for name in names}
    counted = written(tmp_path, **arrays, **{"bn.num_batches_tracked": np.array(5)})
    load_foreign_weights(model, counted)
    assert all(map(np.array_equal, model.get_weights(), arrays.values()))


def test_gates_by_hand(tmp_path):
    """A GRU's gates r z n become z r n, and an LSTM's two biases one."""
    gru = model_of((2, 1), layers.GRU(1))
    arrays = {
        "weight_ih_l0": np.array([[1.0], [2], [3]]), "weight_hh_l0": np.array([[4.0], [5], [6]]),
        "bias_ih_l0": np.array([1.0, 2, 3]), "bias_hh_l0": np.array([4.0, 5, 6]),
    }  # fmt: skip
    load_foreign_weights(gru, written(tmp_path, **{f"g.{k}": v for k, v in arrays.items()}))
    kernel, recurrent, bias = gru.get_weights()
    assert (kernel.tolist(), recurrent.tolist()) == ([[2, 1, 3]], [[5, 4, 6]])
    assert bias.tolist() == [[2, 1, 3], [5, 4, 6]]
    lstm = model_of((2, 1), layers.LSTM(1))
    arrays = {k: np.concatenate([v, v[:1] + 6]) for k, v in arrays.items()}
    load_foreign_weights(lstm, written(tmp_path, **{f"r.{k}": v for k, v in arrays.items()}))
    assert [w.tolist() for w in lstm.get_weights()] == [
        [[1, 2, 3, 7]], [[4, 5, 6, 10]], [5, 7, 9, 17],
    ]  # fmt: skip


def test_keras_weights_lie_as_they_do_here(tmp_path):
    model = model_of((3,), layers.Dense(2, name="a"), layers.Dense(2, name="b"))
    shapes = {"net/b/kernel:0": (2, 2), "net/b/bias:0": (2,), "net/a/kernel:0": (3, 2)}
    arrays = {name: drawn(*shape) for name, shape in {**shapes, "net/a/bias:0": (2,)}.items()}
    load_foreign_weights(model, written(tmp_path, **arrays), layout="keras")
    ours = model.get_weights()
    order = ["net/a/kernel:0", "net/a/bias:0", "net/b/kernel:0", "net/b/bias:0"]
    assert all(np.array_equal(w, arrays[name]) for w, name in zip(ours, order, strict=True))


class TestWhichGoesWhere:
    """Names, a map, and what fits."""

    def pair(self):
        return model_of((3,), layers.Dense(3, name="a"), layers.Dense(3, name="b"))

    def arrays(self):
        return {f"{m}.{k}": drawn(3, 3) if k == "weight" else drawn(3) for m in ("q", "p")
                for k in ("weight", "bias")}  # fmt: skip

    def test_a_map(self, tmp_path):
        model, arrays = self.pair(), self.arrays()
        load_foreign_weights(model, written(tmp_path, **arrays), names={"a": "p", "b": "q"})
        assert np.array_equal(model.get_weights()[0], arrays["p.weight"].T)

    def test_the_files_order(self, tmp_path):
        model, arrays = self.pair(), self.arrays()
        load_foreign_weights(model, written(tmp_path, **arrays))
        assert np.array_equal(model.get_weights()[0], arrays["q.weight"].T)

    def test_a_file_without_an_order_needs_a_map(self, tmp_path):
        safetensors = pytest.importorskip("safetensors.numpy")
        model, path = self.pair(), tmp_path / "w.safetensors"
        safetensors.save_file(self.arrays(), path)
        with pytest.raises(ShapeError, match="2 layers have no module, and 2 modules no layer"):
            load_foreign_weights(model, path)
        load_foreign_weights(model, path, names={"a": "p", "b": "q"})

    def test_a_part(self, tmp_path):
        model, before = self.pair(), None
        before = model.get_weights()
        arrays = {"a.weight": drawn(3, 3), "a.bias": drawn(3), "head.weight": drawn(9, 9)}
        path = written(tmp_path, **arrays)
        with pytest.raises(ShapeError, match="1 layers have no module, and 1 modules") as caught:
            load_foreign_weights(model, path)
        assert "b [(3, 3), (3,)]" in str(caught.value)
        assert "head [(9, 9)]" in str(caught.value)
        assert all(map(np.array_equal, model.get_weights(), before))
        load_foreign_weights(model, path, partial=True)
        assert np.array_equal(model.get_weights()[2], before[2])
        load_foreign_weights(model, path, names={"a": None}, partial=True)

    def test_a_map_of_what_does_not_fit(self, tmp_path):
        path = written(tmp_path, **self.arrays(), **{"c.weight": drawn(2, 2), "c.bias": drawn(2)})
        with pytest.raises(ShapeError, match="1 layers have no module"):
            load_foreign_weights(self.pair(), path, names={"a": "c", "b": "q"}, partial=True)

    def test_names_that_are_not_there(self, tmp_path):
        path = written(tmp_path, **self.arrays())
        with pytest.raises(ArgumentError, match="names what is not there") as caught:
            load_foreign_weights(self.pair(), path, names={"z": "p", "a": "o"})
        assert caught.value.received["layers"] == ["z"]
        assert caught.value.received["modules"] == ["o"]


class TestFiles:
    """What is refused."""

    def test_other_kinds(self, tmp_path):
        model = model_of((3,), layers.Dense(2))
        with pytest.raises(ArgumentError, match=r"A \.pt file is a pickle"):
            load_foreign_weights(model, tmp_path / "w.pt")
        with pytest.raises(MissingFileError, match="no such file"):
            load_foreign_weights(model, tmp_path / "w.npz")
        with pytest.raises(ArgumentError, match="unknown layout 'jax'"):
            load_foreign_weights(model, tmp_path / "w.npz", layout="jax")
        with pytest.raises(ShapeError, match="no weights yet"):
            load_foreign_weights(melpy.Sequential([layers.Dense(2)]), tmp_path / "w.npz")

    def test_damaged_ones(self, tmp_path):
        model = model_of((3,), layers.Dense(2))
        whole = written(tmp_path, a__weight=drawn(2, 3), a__bias=drawn(2)).read_bytes()
        for ending, content in ((".npz", whole[:-40]), (".npz", b""), (".safetensors", b"x" * 9)):
            path = tmp_path / f"d{ending}"
            path.write_bytes(content)
            if ending == ".safetensors":
                pytest.importorskip("safetensors")
            with pytest.raises(DataError, match="damaged"):
                load_foreign_weights(model, path)

    def test_objects_are_not_read(self, tmp_path):
        path = tmp_path / "o.npz"
        np.savez(path, **{"a.weight": np.array([{}], object)})
        with pytest.raises(MelpyError):
            load_foreign_weights(model_of((3,), layers.Dense(2)), path)

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_what_is_not_finite_is_told(self, value, tmp_path):
        model = model_of((3,), layers.Dense(2, name="fc"))
        bias = np.array([0, value], np.float32)
        with pytest.warns(UserWarning, match="load_foreign_weights: 1 of the model's arrays hold"):
            load_foreign_weights(model, written(tmp_path, fc__weight=drawn(2, 3), fc__bias=bias))
        np.testing.assert_array_equal(model.get_weights()[1], bias)
