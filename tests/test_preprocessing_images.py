"""Image files: read, written, and a folder of them as a dataset."""

import io
import sys
import tracemalloc

import numpy as np
import pytest

from melpy.errors import (
    ArgumentError,
    DataError,
    DependencyError,
    DtypeError,
    ShapeError,
    UnknownNameError,
)
from melpy.preprocessing import image, image_dataset_from_directory
from melpy.utils import array_to_img, img_to_array, load_img, save_img

Image = pytest.importorskip("PIL.Image")


def pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.fixture
def folder(tmp_path):
    """Three classes; image n of a class is filled with one value, so that it can be told."""
    for number, (name, count) in enumerate((("b", 3), ("a", 4), ("c", 3))):
        (tmp_path / name).mkdir()
        for n in range(count):
            x = np.full((4, 6, 3), 50 * number + n, np.uint8)
            Image.fromarray(x).save(tmp_path / name / f"{n}.png")
    (tmp_path / "a" / "notes.txt").write_text("no image")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


def read(folder, **options):
    options = {"image_size": (4, 6), "verbose": False, "shuffle": False} | options
    return image_dataset_from_directory(folder, **options)


class TestFiles:
    @pytest.mark.parametrize(
        ("color_mode", "channels"), [("rgb", 3), ("rgba", 4), ("grayscale", 1)]
    )
    def test_there_and_back(self, tmp_path, color_mode, channels):
        x = pixels(5, 4, channels).astype("float32")
        save_img(tmp_path / "x.png", x, scale=False)
        again = img_to_array(load_img(tmp_path / "x.png", color_mode))
        np.testing.assert_array_equal(again, x)
        assert again.dtype == np.float32

    def test_channels_first_and_types(self, tmp_path):
        x = pixels(3, 5, 4)
        save_img(tmp_path / "x.bmp", x, data_format="channels_first", scale=False)
        image = load_img(str(tmp_path / "x.bmp"))
        np.testing.assert_array_equal(img_to_array(image, "channels_first", "uint8"), x)
        assert img_to_array(np.zeros((5, 4)), "channels_first").shape == (1, 5, 4)
        assert img_to_array(np.zeros((5, 4))).shape == (5, 4, 1)

    def test_scaling(self):
        x = np.array([[[-1.0], [0.0], [1.0]]])
        assert np.asarray(array_to_img(x)).tolist() == [[0, 127, 255]]
        assert np.asarray(array_to_img(np.zeros((1, 2, 1)))).tolist() == [[0, 0]]
        deep = array_to_img(np.array([[[300.0]]]), scale=False)
        assert (deep.mode, np.asarray(deep).item()) == ("I", 300)

    def test_bytes_and_formats(self, tmp_path):
        data = io.BytesIO()
        save_img(data, pixels(4, 4, 3), file_format="PNG", scale=False)
        data.seek(0)
        np.testing.assert_array_equal(img_to_array(load_img(data)), pixels(4, 4, 3))
        save_img(tmp_path / "x.jpg", pixels(8, 8, 4))  # JPEG has no transparency
        assert load_img(tmp_path / "x.jpg").size == (8, 8)

    @pytest.mark.parametrize("kind", ["uint16", "int32"])
    def test_deep_grey_images(self, tmp_path, kind):
        """Keras 3.15 makes them white but for a few pixels."""
        top = {"uint16": 65535, "int32": 2**31 - 1}[kind]
        x = np.linspace(0, top, 64).reshape(8, 8).astype(kind)
        path = tmp_path / "x.tif"
        Image.fromarray(x).save(path)
        np.testing.assert_array_equal(
            img_to_array(load_img(path, "grayscale"), dtype=kind)[..., 0], x
        )
        grey = (x >> (8 if kind == "uint16" else 23)).astype("uint8")
        assert (grey.min(), grey.max()) == (0, 255)
        rgba = img_to_array(load_img(path, "rgba", target_size=(8, 8)))
        np.testing.assert_array_equal(rgba, np.stack([grey, grey, grey, 0 * grey + 255], -1))
        np.testing.assert_array_equal(img_to_array(load_img(path)), rgba[..., :3])

    def test_a_large_deep_image_becomes_eight_bits_in_little_memory(self):
        x = np.arange(2**22, dtype=np.int32).reshape(1024, 4096) % 65536
        for deep in (Image.fromarray(x.astype(np.uint16)), Image.fromarray(x)):
            tracemalloc.start()
            made = image.eight_bits(deep)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak < 16 * 2**20  # an array of the whole image takes half of that or all
            np.testing.assert_array_equal(np.asarray(made), x >> 8)

    def test_a_folder_of_deep_grey_images(self, tmp_path):
        x = np.arange(0, 65536, 1024, np.uint16).reshape(8, 8)
        Image.fromarray(x).save(tmp_path / "x.png")
        for mode in ("grayscale", "rgb"):
            [images] = read(tmp_path, labels=None, color_mode=mode, image_size=8)
            np.testing.assert_array_equal(images[0, ..., 0], x >> 8)

    def test_palettes_and_transparency(self, tmp_path):
        palette = Image.new("P", (2, 1))
        palette.putpalette([10, 20, 30, 40, 50, 60])
        palette.putpixel((1, 0), 1)
        palette.save(tmp_path / "x.png", transparency=0)
        path = str(tmp_path / "x.png")
        assert img_to_array(load_img(path)).tolist() == [[[10, 20, 30], [40, 50, 60]]]
        assert img_to_array(load_img(path.encode(), "rgba"))[0, :, 3].tolist() == [0, 255]

    def test_sizes(self, tmp_path):
        save_img(tmp_path / "x.png", pixels(4, 8, 3), scale=False)
        path = tmp_path / "x.png"
        assert load_img(path, target_size=(3, 5)).size == (5, 3)
        middle = img_to_array(load_img(path, target_size=(4, 4), keep_aspect_ratio=True))
        np.testing.assert_array_equal(middle, pixels(4, 8, 3)[:, 2:6])
        np.testing.assert_array_equal(image.smart_resize(pixels(4, 8, 3), (4, 4)), middle)

    def test_refusals(self, tmp_path):
        (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
        with pytest.raises(DataError, match=r"broken\.png' is no image that can be read"):
            load_img(tmp_path / "broken.png")
        with pytest.raises(DataError, match="the file is no image"):
            load_img(io.BytesIO(b"text"))
        with pytest.raises(FileNotFoundError):
            load_img(tmp_path / "missing.png")
        with pytest.raises(DtypeError, match="no path"):
            load_img(3)
        with pytest.raises(UnknownNameError, match="unknown color_mode 'grey'"):
            load_img(tmp_path / "broken.png", "grey")
        save_img(tmp_path / "x.png", pixels(4, 4, 3))
        with pytest.raises(UnknownNameError, match="unknown interpolation 'cubic'"):
            load_img(tmp_path / "x.png", target_size=(2, 2), interpolation="cubic")
        with pytest.raises(ShapeError, match="1, 3 or 4 channels"):
            array_to_img(np.zeros((3, 3, 2)))
        with pytest.raises(ShapeError, match="an image has no 4 axes"):
            img_to_array(np.zeros((1, 3, 3, 2)))
        with pytest.raises(ArgumentError, match="format is not known"):
            save_img(tmp_path / "x", pixels(2, 2, 3))

    def test_without_pillow(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "PIL", None)
        with pytest.raises(DependencyError, match=r"Pillow.*\.\[images\]"):
            load_img("x.png")


class TestFolders:
    def test_files_classes_and_labels_by_hand(self, folder, capsys):
        dataset = read(folder, batch_size=4, verbose=True)
        assert capsys.readouterr().out == "Found 10 files belonging to 3 classes.\n"
        assert dataset.class_names == ["a", "b", "c"]
        assert len(dataset) == 3
        assert dataset.file_paths[:5] == [
            str(folder / path) for path in ("a/0.png", "a/1.png", "a/2.png", "a/3.png", "b/0.png")
        ]
        batches = list(dataset)
        assert [x.shape for x, _ in batches] == [(4, 4, 6, 3), (4, 4, 6, 3), (2, 4, 6, 3)]
        values = np.concatenate([x[:, 0, 0, 0] for x, _ in batches])
        labels = np.concatenate([y for _, y in batches])
        assert values.tolist() == [50, 51, 52, 53, 0, 1, 2, 100, 101, 102]
        assert labels.tolist() == [0] * 4 + [1] * 3 + [2] * 3
        assert (values.dtype, labels.dtype) == (np.float32, np.int32)

    @pytest.mark.parametrize(
        ("label_mode", "expected"),
        [("int", [0, 1]), ("binary", [[0.0], [1.0]]), ("categorical", [[1, 0], [0, 1]])],
    )
    def test_labels(self, folder, label_mode, expected):
        dataset = read(folder, class_names=["c", "a"], label_mode=label_mode, batch_size=None)
        samples = list(dataset)
        assert samples[0][1].tolist() == expected[0]
        assert samples[-1][1].tolist() == expected[1]
        assert dataset.class_names == ["c", "a"]

    def test_no_labels_and_given_labels(self, folder):
        [x] = read(folder, labels=None)
        assert x.shape == (10, 4, 6, 3)
        assert read(folder, label_mode=None).class_names is None
        [(_, y)] = read(folder, labels=list(range(10)))
        assert y.tolist() == list(range(10))

    def test_colours_sizes_and_places(self, folder):
        [(x, _)] = read(folder, color_mode="grayscale", image_size=3)
        assert x.shape == (10, 3, 3, 1)
        [(x, _)] = read(folder, data_format="channels_first", crop_to_aspect_ratio=True)
        assert x.shape == (10, 3, 4, 6)
        [(x, _)] = read(folder, image_size=(6, 6), pad_to_aspect_ratio=True, batch_size=10)
        assert x[0, :, 0, 0].tolist() == [0, 50, 50, 50, 50, 0]  # a black frame above and below

    def test_shuffling(self, folder):
        first = read(folder, shuffle=True, seed=3)
        second = read(folder, shuffle=True, seed=3)
        for _ in range(2):
            for (x, y), (other_x, other_y) in zip(first, second, strict=True):
                np.testing.assert_array_equal(x, other_x)
                np.testing.assert_array_equal(y, other_y)
                np.testing.assert_array_equal(x[:, 0, 0, 0] // 50, np.array([1, 0, 2])[y])

    def test_splits(self, folder, capsys):
        options = {"validation_split": 0.25, "shuffle": True, "seed": 1}
        training, validation = read(folder, subset="both", verbose=True, **options)
        assert capsys.readouterr().out.splitlines()[1:] == [
            "Using 8 files for training.", "Using 2 files for validation.",
        ]  # fmt: skip
        assert not set(training.file_paths) & set(validation.file_paths)
        assert len(training.file_paths + validation.file_paths) == 10
        for subset, whole in (("training", training), ("validation", validation)):
            assert read(folder, subset=subset, **options).file_paths == whole.file_paths

    def test_links_are_followed_only_when_asked(self, folder, tmp_path_factory):
        other = tmp_path_factory.mktemp("other")
        Image.fromarray(pixels(4, 6, 3)).save(other / "x.png")
        (folder / "a" / "link").symlink_to(other)
        assert len(read(folder).file_paths) == 10
        assert len(read(folder, follow_links=True).file_paths) == 11

    def test_a_broken_file_is_named_when_it_is_read(self, folder):
        (folder / "b" / "broken.png").write_bytes(b"no image")
        dataset = read(folder)
        with pytest.raises(DataError, match=r"b/broken\.png' is no image"):
            list(dataset)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"labels": "named"}, "unknown labels 'named'"),
            ({"labels": [1, 2]}, "not one label a file. Expected 10 labels"),
            ({"labels": None, "class_names": ["a"]}, "class_names name folders"),
            ({"class_names": ["z"]}, "a class has no folder"),
            ({"label_mode": "binary"}, "needs two classes"),
            ({"label_mode": "onehot"}, "unknown label_mode"),
            ({"color_mode": "bgr"}, "unknown color_mode"),
            ({"interpolation": "area"}, "unknown interpolation"),
            ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "cropped or padded"),
            ({"validation_split": 2, "subset": "both"}, "validation_split is out of range"),
            ({"validation_split": 0.5}, "go together"),
            ({"subset": "training"}, "go together"),
            ({"validation_split": 0.5, "subset": "test"}, "unknown subset"),
            ({"validation_split": 0.5, "subset": "both", "shuffle": True}, "would overlap"),
        ],
    )
    def test_refusals(self, folder, options, message):
        with pytest.raises(ArgumentError, match=message):
            read(folder, **options)

    def test_no_folder_and_no_images(self, tmp_path):
        with pytest.raises(DataError, match="there is no folder"):
            read(tmp_path / "none")
        (tmp_path / "a").mkdir()
        with pytest.raises(DataError, match="no images below"):
            read(tmp_path)
