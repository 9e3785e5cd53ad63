"""What belongs to images changes with them: labels, boxes around objects, masks."""

import json

import numpy as np
import pytest

import melpy
from melpy import layers
from melpy.errors import MelpyError

H, W = 12, 16
BOX = [3, 2, 9, 6]  # left, top, right, bottom

MOVING = [
    (layers.RandomFlip, {"mode": "horizontal"}),
    (layers.RandomFlip, {"mode": "horizontal_and_vertical"}),
    (layers.RandomTranslation, {"height_factor": (0.25, 0.25), "width_factor": (-0.125, -0.125)}),
    (layers.RandomRotation, {"factor": (0.5, 0.5)}),
    (layers.RandomZoom, {"height_factor": (0.5, 0.5)}),
    (layers.RandomPerspective, {"scale": 0.0}),
    (layers.RandomShear, {}),
    (layers.CenterCrop, {"height": 8, "width": 10}),
    (layers.CenterCrop, {"height": 24, "width": 32}),
    (layers.RandomCrop, {"height": 10, "width": 13}),
    (layers.RandomCrop, {"height": 24, "width": 32}),
    (layers.Resizing, {"height": 24, "width": 16}),
    (layers.Resizing, {"height": 24, "width": 24, "pad_to_aspect_ratio": True}),
    (layers.Resizing, {"height": 24, "width": 24, "crop_to_aspect_ratio": True}),
    (layers.RandAugment, {"num_ops": 0}),
]


def data(N=3, form="xyxy"):
    """Return images that are 1 where their box is, and what belongs to them."""
    left, top, right, bottom = BOX
    images = np.zeros((N, H, W, 3), "float32")
    images[:, top:bottom, left:right] = 1
    boxes = melpy.utils.bounding_boxes.convert_format(
        np.array([[BOX, [0, 0, 0, 0]]] * N), "xyxy", form, H, W
    )
    return {
        "images": images,
        "labels": np.eye(N, dtype="float32"),
        "bounding_boxes": {"boxes": boxes, "labels": np.array([[7, -1]] * N)},
        "segmentation_masks": (images[..., :1] > 0).astype("int32"),
        "names": np.arange(N),
    }


def found(image):
    """Return the box around what is not 0."""
    rows, columns = np.nonzero(np.asarray(image)[..., 0] > 0.5)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize(("kind", "arguments"), MOVING)
@pytest.mark.parametrize("form", ["xyxy", "rel_yxyx", "center_xywh"])
def test_boxes_and_masks_follow_their_images(kind, arguments, form):
    fill = (
        {"fill_mode": "constant"} if issubclass(kind, layers.augment_geometry.RandomAffine) else {}
    )
    layer = kind(**arguments, **fill, bounding_box_format=form)
    given = data(form=form)
    made = layer(given, training=True)
    height, width = made["images"].shape[1:3]
    boxes = melpy.utils.bounding_boxes.convert_format(
        made["bounding_boxes"]["boxes"], form, "xyxy", height, width
    )
    for image, mask, box in zip(
        made["images"], made["segmentation_masks"], np.asarray(boxes)[:, 0], strict=True
    ):
        # a pixel is as wide as it is, and turning leaves the middle of the first and last ones
        np.testing.assert_allclose(found(image), box, atol=1.01)
        np.testing.assert_allclose(found(mask), box, atol=1.01)
    assert np.asarray(made["bounding_boxes"]["labels"])[:, 0].tolist() == [7, 7, 7]
    np.testing.assert_array_equal(made["labels"], np.eye(3))
    assert np.asarray(made["names"]).tolist() == [0, 1, 2]
    assert given["images"].shape == (3, H, W, 3)  # what was given is as it was


@pytest.mark.parametrize(("kind", "arguments"), MOVING)
def test_a_single_image_is_a_batch_of_one(kind, arguments):
    made = [
        kind(**arguments, bounding_box_format="xyxy", **seeded(kind))(given, training=True)
        for given in (data(1), melpy.tree.map_structure(lambda x: x[0], data(1)))
    ]
    for batch, single in zip(*map(melpy.tree.flatten, made), strict=True):
        np.testing.assert_array_equal(batch[0], single)


def seeded(kind):
    return {"seed": 1} if issubclass(kind, layers.augment.RandomImageLayer) else {}


def test_boxes_that_leave_the_image():
    layer = layers.RandomTranslation(0, (0.75, 0.75), bounding_box_format="xyxy")
    boxes = layer(data(1), training=True)["bounding_boxes"]
    assert np.asarray(boxes["boxes"])[0, 0].tolist() == [15, 2, 16, 6]
    far = layers.RandomTranslation(0, (1.0, 1.0), bounding_box_format="xyxy")
    assert np.asarray(far(data(1), training=True)["bounding_boxes"]["labels"])[0, 0] == -1


def test_what_a_user_says_comes_first():
    class Darker(layers.RandomBrightness):
        def get_random_transformation(self, data, training=True, seed=None):
            return {"rgb_delta": np.full((2, 1, 1, 1), -1.0)}

        def transform_labels(self, labels, transformation, training=True):
            return labels * 0

    made = Darker(0.1, value_range=(-5, 5))({"images": np.ones((2, 4, 4, 3)), "labels": [1, 2]})
    assert np.asarray(made["images"]).max() == 0
    assert np.asarray(made["labels"]).tolist() == [0, 0]
    layer = layers.RandomFlip("horizontal", seed=3)
    drawn = layer.get_random_transformation(np.ones((40, 2, 2, 1)), seed=5)
    again = layer.get_random_transformation({"images": np.ones((40, 2, 2, 1))}, seed=5)
    np.testing.assert_array_equal(drawn["flips"], again["flips"])
    assert 5 < drawn["flips"].sum() < 35
    assert layer.get_random_transformation(np.ones((2, 2, 1)), training=False) is None
    ops = layer.backend
    assert ops.shape(ops.numpy.zeros((2, 3))) == (2, 3)


def test_a_description_draws_nothing():
    x = data()
    for kind, options in ((layers.RandomFlip, {}), (layers.RandomPerspective, {})):
        layer, other = (kind(**options, seed=2) for _ in range(2))
        layer({"images": melpy.Input((H, W, 3)), "labels": melpy.Input((3,))})
        np.testing.assert_array_equal(
            layer(x["images"], training=True), other(x["images"], training=True)
        )


def test_a_model_of_dicts(tmp_path):
    inputs = {"images": melpy.Input((H, W, 3)), "labels": melpy.Input((3,))}
    model = melpy.Model(inputs, layers.Resizing(6, 8)(inputs))
    made = model.predict({"images": data()["images"], "labels": np.eye(3)}, verbose=0)
    assert made["images"].shape == (3, 6, 8, 3)
    assert made["labels"].tolist() == np.eye(3).tolist()
    layer = layers.RandomFlip(bounding_box_format="rel_xyxy", seed=1)
    again = layers.RandomFlip.from_config(json.loads(json.dumps(layer.get_config())))
    assert again.bounding_box_format == "rel_xyxy"


class TestMaxNumBoundingBoxes:
    def test_fewer_and_more(self):
        boxes = {"boxes": np.arange(24.0).reshape(1, 6, 4), "labels": np.arange(6)[np.newaxis]}
        for number in (4, 8):
            layer = layers.MaxNumBoundingBoxes(number, bounding_box_format="xyxy")
            made = layer({"images": np.ones((1, 4, 4, 3)), "bounding_boxes": boxes})
            labels = [0, 1, 2, 3, 4, 5, -1, -1][:number]
            assert np.asarray(made["bounding_boxes"]["labels"]).tolist() == [labels]
            assert made["bounding_boxes"]["boxes"].shape == (1, number, 4)

    def test_lists_of_several_lengths(self):
        boxes = {"boxes": [[[0, 0, 2, 2]], [[1, 1, 2, 2], [0, 0, 3, 3]]], "labels": [[4], [5, 6]]}
        given = {"images": np.ones((2, 4, 4, 3)), "bounding_boxes": boxes}
        made = layers.RandomFlip("vertical", bounding_box_format="xyxy")(given)["bounding_boxes"]
        assert made["boxes"].shape == (2, 2, 4)
        assert np.asarray(made["labels"]).tolist() == [[4, -1], [5, 6]]


def test_mixed_images_have_the_boxes_of_both():
    given = data(4)
    boxes = layers.MixUp(bounding_box_format="xyxy", seed=0)(given)["bounding_boxes"]
    assert boxes["boxes"].shape == (4, 4, 4)
    assert np.asarray(boxes["labels"]).tolist() == [[7, -1, 7, -1]] * 4


def test_parts_of_contrast_are_those_of_their_tiles():
    """One tile is an equalization; two halves of an image have nothing to do with each other."""
    x = np.tile(np.arange(16.0).reshape(4, 4, 1) * 17, (1, 4, 1))
    kind = layers.ContrastLimitedAdaptiveHistogramEqualization
    flat = np.asarray(kind(tile_grid_size=(1, 1), clip_limit=0.0)(x))
    np.testing.assert_allclose(flat, x, atol=1e-3)  # every value is as frequent
    weak = np.asarray(kind(tile_grid_size=(2, 2), clip_limit=1.0)(x / 10))
    strong = np.asarray(kind(tile_grid_size=(2, 2), clip_limit=100.0)(x / 10))
    assert strong.std() > weak.std() > 0


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: layers.RandomFlip()(data()), ValueError, "nothing says in which form"),
        (lambda: layers.RandomFlip(bounding_box_format="xy"), ValueError, "unknown bounding_box"),
        (lambda: layers.CutMix(bounding_box_format="xyxy")(data()), NotImplementedError, "boxes"),
        (
            lambda: layers.RandomFlip(bounding_box_format="xyxy")(
                {"images": np.ones((1, 2, 2, 1)), "bounding_boxes": {"boxes": np.ones((1, 1, 4))}}
            ),
            ValueError,
            "these are no boxes",
        ),
        (
            lambda: layers.RandomFlip(bounding_box_format="xyxy")(
                {
                    "images": np.ones((1, 2, 2, 1)),
                    "bounding_boxes": {"boxes": np.ones((1, 1, 4)), "labels": np.ones(1)},
                }
            ),
            ValueError,
            "do not go together",
        ),
        (
            lambda: layers.RandomElasticTransform(bounding_box_format="xyxy")(data()),
            NotImplementedError,
            "boxes cannot follow",
        ),
        (lambda: layers.RandomElasticTransform(fill_mode="zero"), ValueError, "fill_mode 'zero'"),
        (lambda: layers.MaxNumBoundingBoxes(0), ValueError, "max_number must be a positive"),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message) as caught:
        make()
    assert isinstance(caught.value, MelpyError)
