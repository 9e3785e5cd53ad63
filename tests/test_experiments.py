"""The paper's networks have the paper's sizes, and pixels go the way the paper says."""

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest

from melpy import layers, models, saving
from melpy.errors import DataError, ShapeError, UnknownNameError
from melpy.experiments.architectures import ARCHITECTURES, build
from melpy.experiments.best import Best
from melpy.experiments.images import Pixels, read_pixels, write_image
from melpy.experiments.run import DEFAULT_MODELS, Settings, as_json
from melpy.experiments.task import Task

# The paper's tables 2 and 3: parameters, convolutions, dense layers, epochs, batch, rate. None
# where the table's row is empty.
PAPER = {
    "mnist-1": (15_840, 1, 2, 15, 256, 1e-4),
    "mnist-2": (201_226, 1, 2, 15, 256, 1e-4),
    "mnist-3": (806_394, 2, 2, 15, 256, 1e-4),
    "mnist-4": (1_624_842, 2, 4, 10, 256, 1e-4),
    "mnist-5": (1_615_466, 2, 2, 10, 256, 1e-4),
    "cifar-1": (1_056_376, 4, 2, 20, 128, 5e-5),
    "cifar-2": (2_107_146, 2, 2, 20, 128, 1e-5),
    "cifar-3": (2_107_146, 2, 2, 35, 128, 5e-5),
    "cifar-4": (2_107_146, 2, 2, 50, 256, 5e-5),
    "cifar-5": (2_117_866, 2, 2, 100, 128, 5e-5),
    "cifar-6": (8_398_698, 2, 2, 50, None, None),
    "cifar-7": (544_122, 2, 5, None, 64, None),
    "cifar-8": (8_408_442, 2, 5, 50, 64, 5e-5),
}
WITHOUT_BIAS = ["cifar-1", "cifar-2", "cifar-3", "cifar-4", "cifar-5"]  # the paper's C_w, without b


def paper_shape(name):
    return (32, 32, 3) if name.startswith("cifar") else (28, 28, 1)


def of_kind(model, kind):
    return [layer for layer in model.layers if isinstance(layer, kind)]


class TestArchitectures:
    def test_the_table_lists_them_all(self):
        assert set(ARCHITECTURES) == {*PAPER, "lenet5"}
        assert set(DEFAULT_MODELS.values()) <= set(ARCHITECTURES)

    @pytest.mark.parametrize("name", PAPER)
    def test_numbers_of_the_paper(self, name):
        parameters, convolutions, dense, epochs, batch, rate = PAPER[name]
        model = build(name, paper_shape(name), 10)
        assert model.count_params() == parameters == ARCHITECTURES[name].parameters
        assert len(of_kind(model, layers.Conv2D)) == convolutions
        assert len(of_kind(model, layers.Dense)) == dense
        assert model.layers[-1].activation.__name__ == "softmax"
        made = ARCHITECTURES[name]
        for mine, papers in [
            (made.epochs, epochs),
            (made.batch_size, batch),
            (made.learning_rate, rate),
        ]:
            assert papers is None or mine == papers

    @pytest.mark.parametrize("name", PAPER)
    def test_biases_of_the_paper(self, name):
        model = build(name, paper_shape(name), 10)
        assert {c.use_bias for c in of_kind(model, layers.Conv2D)} == {name not in WITHOUT_BIAS}
        assert all(d.use_bias for d in of_kind(model, layers.Dense))

    def test_the_two_that_the_paper_draws(self):
        mnist, cifar = build("mnist-3", (28, 28, 1), 10), build("cifar-7", (32, 32, 3), 10)
        assert [c.filters for c in of_kind(mnist, layers.Conv2D)] == [16, 32]
        assert [d.units for d in of_kind(mnist, layers.Dense)] == [128, 10]
        assert len(of_kind(mnist, layers.MaxPooling2D)) == 1
        assert [c.filters for c in of_kind(cifar, layers.Conv2D)] == [32, 64]
        assert [d.units for d in of_kind(cifar, layers.Dense)] == [128, 64, 32, 16, 10]
        assert len(of_kind(cifar, layers.MaxPooling2D)) == 2

    def test_lenet5(self):
        model = build("lenet5", (28, 28, 1), 10)
        assert model.count_params() == 61_706 == ARCHITECTURES["lenet5"].parameters
        by_layer = [layer.count_params() for layer in model.layers if layer.weights]
        assert by_layer == [156, 2_416, 48_120, 10_164, 850]

    @pytest.mark.parametrize("name", ARCHITECTURES)
    @pytest.mark.parametrize("shape", [(8, 8, 1), (28, 28, 1), (32, 32, 3)])
    def test_each_takes_each_data_set(self, name, shape):
        x = np.random.default_rng(0).normal(size=(2, *shape))
        p = build(name, shape, 7, seed=1).predict(x)
        assert p.shape == (2, 7)
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)

    def test_the_seed_is_the_weights(self):
        def bits(seed):
            return [w.tobytes() for w in build("mnist-3", (8, 8, 1), 10, seed).get_weights()]

        assert bits(1) == bits(1)
        assert bits(1) != bits(2)

    def test_unknown(self):
        with pytest.raises(UnknownNameError, match="Did you mean 'cifar-7'"):
            build("cifar7", (32, 32, 3), 10)


class TestSettings:
    def test_what_is_not_said_is_the_papers(self, tmp_path):
        made = Settings("cifar-10", out=str(tmp_path)).complete()
        assert (made.model, made.epochs, made.batch_size) == ("cifar-7", 50, 64)
        assert made.learning_rate == 5e-5

    def test_what_is_said_stays(self, tmp_path):
        said = Settings("mnist", "lenet5", 3, 7, 0.5, 9, str(tmp_path))
        assert said.complete() == said


class TestPixels:
    @pytest.fixture(params=[(200, 8, 8), (200, 8, 8, 1), (200, 6, 5, 3)], ids=str)
    def pictures(self, request):
        rng = np.random.default_rng(2)
        images = rng.integers(0, 256, request.param, dtype=np.uint8)
        if images.ndim == 4:
            images[..., 0] //= 3  # channels of different means and spreads
        return images

    def test_training_data_has_mean_0_and_std_1_in_each_channel(self, pictures):
        x = Pixels.fit(pictures).transform(pictures)
        assert x.dtype == np.float32
        assert x.ndim == 4
        np.testing.assert_allclose(x.mean(axis=(0, 1, 2), dtype=float), 0, atol=1e-5)
        np.testing.assert_allclose(x.std(axis=(0, 1, 2), dtype=float), 1, atol=1e-5)

    def test_is_the_papers_two_steps(self, pictures):
        kept = Pixels.fit(pictures)
        data = pictures.reshape(*pictures.shape[:3], -1).astype(float)
        scaled = (data - data.min()) / (data.max() - data.min())
        wanted = (scaled - scaled.mean(axis=(0, 1, 2))) / scaled.std(axis=(0, 1, 2))
        np.testing.assert_allclose(kept.transform(pictures), wanted, atol=1e-5)
        assert (kept.low, kept.high) == (data.min(), data.max())

    def test_transform_never_refits(self, pictures):
        kept = Pixels.fit(pictures)
        before = dataclasses.replace(kept)
        alone = kept.transform(pictures[:1])
        kept.transform(pictures // 4)
        assert kept == before
        np.testing.assert_array_equal(alone, kept.transform(pictures)[:1])
        assert kept.transform(np.zeros_like(pictures)).max() < 0

    @pytest.mark.parametrize("value", [0, 7])
    def test_images_of_one_value_become_zeros(self, value):
        images = np.full((3, 4, 4), value, np.uint8)
        kept = Pixels.fit(images)
        np.testing.assert_array_equal(kept.transform(images), np.zeros((3, 4, 4, 1)))
        assert np.isfinite(kept.transform(images + 1)).all()


class TestReport:
    def test_is_strict_json(self):
        report = {"results": {"loss": float("nan"), "best": np.inf, "all": (1.5, -np.inf)}, "n": 3}

        def refused(name):
            raise AssertionError(f"{name} is no JSON")

        read = json.loads(as_json(report), parse_constant=refused)
        assert read == {"results": {"loss": None, "best": None, "all": [1.5, None]}, "n": 3}


class TestImageFiles:
    @pytest.mark.parametrize("shape", [(9, 7, 1), (9, 7, 3)])
    def test_round_trip_of_bytes(self, tmp_path, shape):
        image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        write_image(tmp_path / "image.png", image, 255.0)
        again = read_pixels(tmp_path / "image.png", shape, resize=False)
        np.testing.assert_array_equal(again, image)

    def test_round_trip_of_another_range(self, tmp_path):
        image = np.arange(17, dtype=np.uint8).reshape(17, 1).repeat(2, axis=1)
        write_image(tmp_path / "image.png", image, 16.0)
        again = read_pixels(tmp_path / "image.png", (17, 2, 1), resize=False)
        np.testing.assert_allclose(again[..., 0] * (16 / 255), image, atol=16 / 255 / 2)
        assert (again.min(), again.max()) == (0, 255)

    def test_another_size_and_other_channels(self, tmp_path):
        path = tmp_path / "image.png"
        write_image(path, np.full((4, 6), 16), 16.0)
        white = read_pixels(path, (8, 3, 1))
        assert white.shape == (8, 3, 1)
        np.testing.assert_array_equal(white, 255)
        assert read_pixels(path, (4, 6, 3), resize=False).shape == (4, 6, 3)

    def test_another_size(self, tmp_path):
        write_image(tmp_path / "image.png", np.zeros((4, 6)), 1.0)
        with pytest.raises(ShapeError, match=r"6x4.*--resize"):
            read_pixels(tmp_path / "image.png", (6, 4, 1), resize=False)

    def test_every_truncation_is_named(self, tmp_path):
        path = tmp_path / "image.png"
        noise = np.random.default_rng(0).integers(0, 256, (8, 8), dtype=np.uint8)
        write_image(path, noise, 255.0)
        whole = path.read_bytes()
        for size in range(0, len(whole) - 16, 7):  # without its last 16 bytes it is still whole
            path.write_bytes(whole[:size])
            with pytest.raises(DataError, match=r"image\.png is no image, or a damaged one"):
                read_pixels(path, (8, 8, 1), resize=False)


@pytest.mark.parametrize(
    ("kind", "values", "best_epoch"),
    [
        ("classification", [0.5, 0.7, 0.7, 0.2], 2),
        ("regression", [0.5, 0.7, 0.2, np.nan], 3),
        ("regression", [np.nan], None),
    ],
)
def test_the_best_epoch_is_kept(kind, values, best_epoch, tmp_path):
    """Also by a run that goes on; an epoch that was left before its end is none."""
    task, path = Task(kind, ("a", "b")), tmp_path / "best.keras"
    model = models.Sequential([models.Input((1,)), layers.Dense(1, use_bias=False)])
    network = SimpleNamespace(_standing=SimpleNamespace(is_cut=False))
    best = Best(path, model, task)
    for epoch, value in enumerate(values):
        state, best = best.get_state(), Best(path, model, task)
        best.set_model(network)
        best.set_state(state)
        model.set_weights([np.full((1, 1), epoch + 1.0)])
        best.on_epoch_end(epoch, {f"val_{task.metric}": value})
    network._standing.is_cut = True
    best.on_epoch_end(len(values), {f"val_{task.metric}": 1.0 if task.is_of_classes else 0.0})
    assert best.best_epoch == best_epoch
    assert path.exists() == (best_epoch is not None)
    if best_epoch:
        assert saving.load_model(path).get_weights() == [best_epoch]
