"""Boxes around objects: their forms, how they move, how much they overlap."""

import itertools

import numpy as np
import pytest

import melpy
from melpy import Tensor, errors, tape
from melpy.utils import bounding_boxes as bb

# One box in an image 40 high and 80 wide, in every form.
FORMS = {
    "xyxy": [10, 20, 30, 24], "yxyx": [20, 10, 24, 30], "xywh": [10, 20, 20, 4],
    "center_xywh": [20, 22, 20, 4], "center_yxhw": [22, 20, 4, 20],
    "rel_xyxy": [0.125, 0.5, 0.375, 0.6], "rel_yxyx": [0.5, 0.125, 0.6, 0.375],
    "rel_xywh": [0.125, 0.5, 0.25, 0.1], "rel_center_xywh": [0.25, 0.55, 0.25, 0.1],
}  # fmt: skip


@pytest.mark.parametrize(("source", "target"), list(itertools.product(FORMS, FORMS)))
def test_forms(source, target):
    given = np.array([[FORMS[source]] * 3] * 2)
    made = bb.convert_format(given, source.upper(), target, height=40, width=80)
    np.testing.assert_allclose(made, [[FORMS[target]] * 3] * 2, rtol=1e-5)
    assert made.dtype == np.float32


def test_a_dict_stays_as_it_is_but_for_its_boxes():
    given = {"boxes": np.array([[0, 0, 2, 4]]), "labels": [5]}
    made = bb.convert_format(given, "xyxy", "center_yxhw")
    assert made["boxes"].tolist() == [[2, 1, 4, 2]]
    assert made["labels"] == [5]
    assert given["boxes"].tolist() == [[0, 0, 2, 4]]


def test_what_lies_outside_is_cut_off():
    boxes = np.array([[[-2.0, -1.0, 3.0, 4.0], [11.0, 2.0, 15.0, 3.0]]])
    cut = bb.clip_to_image_size({"boxes": boxes, "labels": np.array([[1, 2]])}, 4, 10)
    assert cut["boxes"].tolist() == [[[0, 0, 3, 4], [10, 2, 10, 3]]]
    assert cut["labels"].tolist() == [[1, -1]]
    shares = bb.clip_to_image_size({"boxes": boxes / 10}, bounding_box_format="rel_xyxy")
    np.testing.assert_allclose(shares["boxes"][0, 0], [0, 0, 0.3, 0.4])
    assert "labels" not in shares


def test_moves():
    box = np.array([[2.0, 3.0, 8.0, 9.0]])
    assert bb.crop(box, top=4, left=1, height=4, width=9).tolist() == [[1, 0, 7, 4]]
    assert bb.pad(box, 1, 2).tolist() == [[4, 4, 10, 10]]
    one, zero = np.ones(1), np.zeros(1)
    moved = bb.affine_transform(box[None], zero, 0.1 * one, 0.2 * one, 2 * one, zero, zero, 11, 11)
    np.testing.assert_allclose(moved, [[[1, 5, 13, 17]]], atol=1e-5)
    turned = bb.affine_transform(box, 180 * one, zero, zero, one, zero, zero, 11, 11)
    np.testing.assert_allclose(turned, [[2, 1, 8, 7]], atol=1e-5)


class TestOverlap:
    def test_by_hand(self):
        a = np.array([[0, 0, 4, 4], [0, 0, 2, 2]])
        b = np.array([[2, 2, 6, 6], [-1, -1, -1, -1], [0, 0, 2, 2]])
        iou = bb.compute_iou(a, b, "xyxy")
        np.testing.assert_allclose(iou, [[4 / 28, 0, 0.25], [0, 0, 1]], rtol=1e-5)
        masked = bb.compute_iou(a, b, "xyxy", use_masking=True, mask_val=-3)
        assert masked[:, 1].tolist() == [-3, -3]
        assert bb.compute_iou(a[None], b, "xyxy").shape == (1, 2, 3)
        assert bb.compute_iou(a, np.stack([b, b]), "xyxy").shape == (2, 2, 3)
        shares = [x / np.array([4, 8, 4, 8]) for x in (a, b)]
        np.testing.assert_allclose(
            bb.compute_iou(*shares, "rel_xyxy", image_shape=(8, 4, 3)), iou, rtol=1e-5
        )

    def test_the_complete_one_is_less_for_boxes_apart_and_of_other_proportions(self):
        a = np.array([0.0, 0.0, 4.0, 4.0])
        same, apart, flat = (
            float(bb.compute_ciou(a, np.array(b), "xyxy"))
            for b in ([0, 0, 4, 4], [4, 4, 8, 8], [0, 1, 4, 3])
        )
        assert same == pytest.approx(1, abs=1e-5)
        assert apart == pytest.approx(-0.25, abs=1e-5)  # 32 / 128 of the diagonal
        assert flat < 0.5

    def test_it_is_a_loss(self):
        x = Tensor(np.array([[0.0, 0.0, 4.0, 4.0]]), requires_grad=True)
        y = bb.compute_ciou(x, np.array([[1.0, 1.0, 5.0, 5.0]]), "xyxy")
        [d_x] = tape.gradients(y, [x], np.ones(1, "float32"))
        assert (d_x > 0).all()  # towards the other box


@pytest.mark.parametrize("form", ["center_yxhw", "center_xywh"])
@pytest.mark.parametrize("variance", [None, [0.1, 0.1, 0.2, 0.2]])
def test_deltas_and_back(form, variance):
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 50, (2, 6, 2))
    boxes = np.concatenate([low, low + rng.uniform(1, 20, (2, 6, 2))], -1)
    anchors = boxes[0] + [1, -1, 4, 3]
    deltas = bb.encode_box_to_deltas(anchors, boxes, "xyxy", "xyxy", form, variance)
    back = bb.decode_deltas_to_boxes(anchors, deltas, "xyxy", "yxyx", form, variance)
    np.testing.assert_allclose(back[..., [1, 0, 3, 2]], boxes, rtol=1e-4)
    levels = bb.decode_deltas_to_boxes({1: anchors}, {1: deltas}, "xyxy", "yxyx", form, variance)
    np.testing.assert_array_equal(levels[1], back)


def test_boxes_of_a_model_that_is_being_described():
    boxes = melpy.Input((5, 4))
    assert bb.convert_format(boxes, "xyxy", "xywh").shape == (None, 5, 4)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda b: bb.convert_format(b, "xyxy", "yxxy"), ValueError, "unknown format 'yxxy'"),
        (lambda b: bb.convert_format(b, "xyxy", "rel_xyxy"), ValueError, "need its size"),
        (lambda b: bb.convert_format(b[:, :3], "xyxy", "xywh"), ValueError, "four numbers"),
        (lambda b: bb.clip_to_image_size({"boxes": b}), ValueError, "size is missing"),
        (lambda b: bb.crop(b, 0, 0, 1, 1, "xywh"), NotImplementedError, "form are not taken"),
        (lambda b: bb.compute_iou(b[0], b, "xyxy"), ValueError, "no lists of boxes"),
        (lambda b: bb.compute_iou(b, b, "rel_xyxy"), ValueError, "need its size"),
        (lambda b: bb.encode_box_to_deltas(b, b, "xyxy", "xyxy", "xyxy"), ValueError, "encoding"),
        (
            lambda b: bb.decode_deltas_to_boxes(b, b, "xyxy", "xyxy", variance=[1.0]),
            ValueError,
            "a variance has four",
        ),
    ],
)
def test_refusals(make, error, message):
    with pytest.raises(error, match=message) as caught:
        make(np.array([[0.0, 0.0, 1.0, 1.0]]))
    assert isinstance(caught.value, errors.MelpyError)
