"""Constraints and penalties by hand."""

import numpy as np
import pytest

import melpy
from melpy import constraints, regularizers
from melpy.errors import ArgumentError, ShapeError, UnknownNameError

W = np.array([[3.0, 0.3], [4.0, -0.4]])  # columns of lengths 5 and 0.5


@pytest.mark.parametrize(
    ("constraint", "lengths"),
    [
        (constraints.MaxNorm(2), [2.0, 0.5]),
        (constraints.UnitNorm(), [1.0, 1.0]),
        (constraints.MinMaxNorm(1.0, 4.0), [4.0, 1.0]),
        (constraints.MinMaxNorm(1.0, 4.0, rate=0.5), [4.5, 0.75]),
        (constraints.Constraint(), [5.0, 0.5]),
    ],
)
def test_lengths(constraint, lengths):
    made = constraint(W)
    np.testing.assert_allclose(np.linalg.norm(made, axis=0), lengths, rtol=1e-6)
    np.testing.assert_allclose(made / W, np.broadcast_to((made / W)[:1], W.shape), rtol=1e-6)
    again = constraints.deserialize(constraints.serialize(constraint)) if lengths[0] != 5 else None
    if again:
        np.testing.assert_array_equal(again(W), made)


@pytest.mark.parametrize("scale", [1.0, 1e20, 1e-3])
def test_columns_whose_squares_float32_has_no_room_for(scale):
    w = np.array([[3.0 * scale, 0.03], [4.0 * scale, -0.04]], "float32")
    ends = [constraints.MaxNorm(0.001), constraints.MinMaxNorm(0.0, 0.001), constraints.UnitNorm()]
    for constraint, length in zip(ends, (0.001, 0.001, 1.0), strict=True):
        expected = [[0.6 * length, 0.6 * length], [0.8 * length, -0.8 * length]]
        np.testing.assert_allclose(constraint(w), expected, rtol=1e-4)


def test_axes_and_signs():
    kernel = np.ones((2, 2, 3, 4))
    for axis in ((0, 1, 2), [0, 1, 2]):
        norms = np.linalg.norm(constraints.UnitNorm(axis)(kernel).reshape(12, 4), axis=0)
        np.testing.assert_allclose(norms, 1.0, rtol=1e-6)
    np.testing.assert_array_equal(constraints.NonNeg()(W), np.maximum(W, 0))


def test_get():
    assert type(constraints.get("max_norm")) is constraints.max_norm is constraints.MaxNorm
    assert type(constraints.get(constraints.NonNeg)) is constraints.NonNeg
    assert constraints.get(None) is None
    assert constraints.get(np.abs) is np.abs
    with pytest.raises(UnknownNameError, match="Did you mean 'non_neg'"):
        constraints.get("non_negative")
    with pytest.raises(ArgumentError, match="no constraint"):
        constraints.get(3)


def test_orthogonal_penalty_is_the_mean_cosine():
    w = melpy.Tensor(np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]]), requires_grad=True)
    penalty = regularizers.OrthogonalRegularizer(0.5)(w)
    np.testing.assert_allclose(penalty.item(), 0.5 * (0 + 2 * np.sqrt(0.5)) / 3)
    penalty.backward()
    assert np.isfinite(w.grad).all()
    columns = regularizers.OrthogonalRegularizer(0.5, mode="columns")(np.eye(3))
    assert float(columns) == 0.0
    with pytest.raises(ShapeError, match="rows and columns"):
        regularizers.OrthogonalRegularizer()(np.ones(3))
    with pytest.raises(UnknownNameError, match="Did you mean 'rows'"):
        regularizers.OrthogonalRegularizer(mode="row")


def test_regularizers_by_any_identifier():
    assert regularizers.get(None) is None
    assert regularizers.get("l1_l2").get_config() == {"l1": 0.0, "l2": 0.0}
    assert regularizers.get("orthogonal_regularizer").mode == "rows"
    assert regularizers.get(regularizers.l2).l2 == 0.01
    halved = lambda w: 0.5 * w.sum()  # noqa: E731
    assert regularizers.get(halved) is halved
    again = regularizers.deserialize(regularizers.serialize(regularizers.L1(0.3)))
    assert again.l1 == 0.3
    for wrong in (-1.0, float("inf"), "much"):
        with pytest.raises(ArgumentError, match="l1 is out of range"):
            regularizers.L1(wrong)
