"""Boxes around objects give Keras's numbers."""

import numpy as np
import pytest

from melpy.utils import bounding_boxes as ours

pytestmark = pytest.mark.parity


@pytest.fixture
def boxes():
    rng = np.random.default_rng(0)
    low = rng.uniform(-5, 30, (2, 5, 2))
    return np.concatenate([low, low + rng.uniform(1, 30, (2, 5, 2))], -1).astype("float32")


def test_moves(keras, agree, boxes):
    theirs = keras.utils.bounding_boxes
    given = [np.array(pair, "float32") for pair in
             ([30, -70], [0.1, 0], [-0.2, 0.3], [1.5, 0.5], [10, 0], [0, -20])]  # fmt: skip
    for middle in ({}, {"center_x": 0.2, "center_y": 0.9}):
        options = {"height": 40, "width": 50, **middle}
        agree(ours.affine_transform(boxes, *given, **options),
              theirs.affine_transform(boxes, *given, **options), 1e-4)  # fmt: skip
    agree(ours.crop(boxes, 3, 4, 10, 20), theirs.crop(boxes, 3, 4, 10, 20), 1e-6)
    agree(ours.pad(boxes, 3, 4), theirs.pad(boxes, 3, 4), 1e-6)
    labelled = {"boxes": boxes, "labels": np.arange(10).reshape(2, 5)}
    mine, other = (room.clip_to_image_size(dict(labelled), 20, 25) for room in (ours, theirs))
    agree(mine["boxes"], other["boxes"], 1e-6)
    assert np.asarray(mine["labels"]).tolist() == np.asarray(other["labels"]).tolist()


def test_comparisons(keras, agree, boxes):
    theirs = keras.utils.bounding_boxes
    one, two = boxes, boxes[::-1] + 3
    for form in ("xyxy", "yxyx", "xywh", "center_xywh"):
        for a, b in ((one, two), (one, two[0]), (one[0], two)):
            agree(ours.compute_iou(a, b, form), theirs.compute_iou(a, b, form), 1e-5)
        agree(ours.compute_ciou(one, two, form), theirs.compute_ciou(one, two, form), 1e-4)
    args = (one[0], two, "xyxy", "xywh", "center_xywh", [0.1, 0.1, 0.2, 0.2])
    deltas = theirs.encode_box_to_deltas(*args)
    agree(ours.encode_box_to_deltas(*args), deltas, 1e-4)
    args = (one[0], np.asarray(deltas), "xyxy", "rel_yxyx", "center_xywh", [0.1, 0.1, 0.2, 0.2],
            (40, 50, 3))  # fmt: skip
    agree(ours.decode_deltas_to_boxes(*args), theirs.decode_deltas_to_boxes(*args), 1e-4)
