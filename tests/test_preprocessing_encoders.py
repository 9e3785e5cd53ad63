"""The one-hot encoder and to_categorical; `test_preprocessing` has the scalers."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from melpy.errors import ArgumentError, DataError, DtypeError, ShapeError, UnknownNameError
from melpy.preprocessing import OneHotEncoder, encoders, to_categorical

# OneHotEncoder


def test_one_hot_by_hand():
    encoder = OneHotEncoder().fit([30, 10, 20, 10])
    assert [known.tolist() for known in encoder.categories_] == [[10, 20, 30]]
    out = encoder.transform([10, 30])
    assert out.tolist() == [[1, 0, 0], [0, 0, 1]]
    assert out.dtype == np.float32
    np.testing.assert_array_equal(encoder.transform(np.array([[10], [30]])), out)


def test_one_hot_encodes_several_columns():
    x = [["b", 1], ["a", 2], ["b", 3]]
    encoder = OneHotEncoder().fit(x)
    assert [known.tolist() for known in encoder.categories_] == [["a", "b"], [1, 2, 3]]
    out = encoder.transform(x)
    assert out.tolist() == [[0, 1, 1, 0, 0], [1, 0, 0, 1, 0], [0, 1, 0, 0, 1]]
    assert encoder.inverse_transform(out).tolist() == x


LABELS = st.one_of(
    st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=20),
    # NumPy's strings drop NUL at their end.
    st.lists(st.text(st.characters(exclude_characters="\0"), max_size=5), min_size=1, max_size=20),
)


@given(labels=LABELS, column=st.booleans())
def test_one_hot_round_trip(labels, column):
    x = np.array(labels).reshape(-1, 1) if column else np.array(labels)
    encoder = OneHotEncoder()
    out = encoder.fit_transform(x)
    assert out.shape == (len(labels), len(set(labels)))
    assert (out.sum(axis=1) == 1).all()
    back = encoder.inverse_transform(out)
    assert back.shape == x.shape
    assert back.tolist() == x.tolist()


def test_one_hot_takes_objects_that_are_strings():
    out = OneHotEncoder().fit_transform(np.array(["b", "a"], dtype=object))
    assert out.tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize(
    ("train", "test", "text"),
    [
        (
            ["ant", "cat"],
            ["cat", "cow", "dog"],
            r"row 1 .*one of ant, cat; received category='cow'",
        ),
        ([1, 5], [[5], [1], [3]], r"row 2 .*Expected one of 1, 5; received category=3\."),
        ([1, 5], [9], r"row 0 .*received category=9\."),
        (range(12), [12], r"Expected one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \.\.\.; received"),
    ],
)
def test_an_unknown_category_is_refused_with_its_row(train, test, text):
    encoder = OneHotEncoder().fit(list(train))
    with pytest.raises(DataError, match=rf"^OneHotEncoder\.transform: .*{text}.*='ignore'\.$"):
        encoder.transform(test)


def test_an_unknown_category_can_be_ignored():
    encoder = OneHotEncoder(handle_unknown="ignore").fit(["a", "c"])
    out = encoder.transform(["a", "b", "z", "c"])
    assert out.tolist() == [[1, 0], [0, 0], [0, 0], [0, 1]]
    assert encoder.inverse_transform(out).tolist() == ["a", None, None, "c"]


def test_a_row_of_zeros_is_no_category():
    encoder = OneHotEncoder().fit([1, 2])
    with pytest.raises(DataError, match=r"row 1 is all zeros, which is no category\. .*row=\[0\.0"):
        encoder.inverse_transform([[0.0, 1.0], [0.0, 0.0]])


@pytest.mark.parametrize(("train", "test"), [([1, 2], ["1", "2"]), (["1", "2"], [1, 2])])
def test_numbers_are_not_strings(train, test):
    expected = "numbers" if train == [1, 2] else "strings"
    with pytest.raises(DtypeError, match=rf"another type than .* Expected {expected}; received"):
        OneHotEncoder().fit(train).transform(test)


@pytest.mark.parametrize("x", [["a", 1], ["a", None], np.array([b"a"])])
def test_mixed_columns_are_refused(x):
    with pytest.raises(DtypeError, match=r"all numbers or all strings\. .*received types=\["):
        OneHotEncoder().fit(x)


@pytest.mark.parametrize("x", [[1.0, np.nan], np.array([1.0, np.nan])])
def test_nan_is_no_category(x):
    with pytest.raises(DataError, match=r"OneHotEncoder\.fit: row 1 .*received value=nan"):
        OneHotEncoder().fit(x)


def test_one_hot_shapes_are_checked():
    encoder = OneHotEncoder().fit([1, 2])
    with pytest.raises(
        ShapeError, match=r"another number of columns .*Expected 1; received colu.*=2"
    ):
        encoder.transform([[1, 2]])
    with pytest.raises(ShapeError, match=r"Expected shape \(N, 2\); received shape=\(1, 3\)"):
        encoder.inverse_transform([[0, 1, 0]])
    with pytest.raises(
        ShapeError, match=r"Expected shape \(N,\) or \(N, D\); received shape=\(1, 1, 1"
    ):
        OneHotEncoder().fit([[[1]]])
    with pytest.raises(ShapeError, match=r"OneHotEncoder\.fit: there is nothing to learn from"):
        OneHotEncoder().fit([])
    assert encoder.transform([]).shape == (0, 2)


def test_an_unknown_way_to_handle_the_unknown():
    with pytest.raises(
        UnknownNameError, match=r"handle_unknown 'ignored'.*Did you mean 'ignore'\?"
    ):
        OneHotEncoder(handle_unknown="ignored")


# to_categorical


@pytest.mark.parametrize(
    ("shape", "expected"), [((), ()), ((4,), (4,)), ((4, 1), (4,)), ((2, 3), (2, 3)), ((1,), (1,))]
)
def test_to_categorical_shapes_are_keras(shape, expected):
    out = to_categorical(np.full(shape, 2), num_classes=5)
    assert out.shape == (*expected, 5)
    assert (out[..., 2] == 1).all()
    assert out.sum() == max(1, np.prod(expected, dtype=int))


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_side=2), elements=st.integers(0, 9)))
def test_to_categorical_round_trip(labels):
    np.testing.assert_array_equal(to_categorical(labels, 10).argmax(axis=-1), labels)
    np.testing.assert_array_equal(to_categorical(labels).argmax(axis=-1), labels)
    assert to_categorical(labels).shape == (*labels.shape, labels.max() + 1)


def test_to_categorical_takes_whole_floats_and_no_rows():
    assert to_categorical([1.0, 0.0]).tolist() == [[0, 1], [1, 0]]
    assert to_categorical([], num_classes=3).shape == (0, 3)


@pytest.mark.parametrize(
    ("labels", "num_classes", "text"),
    [
        ([0, 1, 7], 3, r"the label at row 2 is wrong\. Expected .* 0 to 2; received label=7\."),
        ([0, -1], 3, r"the label at row 1 is wrong\. .*received label=-1\."),
        ([0, -1], None, r"row 1 .*Expected a whole number from 0; received label=-1\."),
        ([-4], None, r"row 0 .*received label=-4\."),
        ([0.5], None, r"row 0 .*received label=0\.5\."),
        ([0.0, np.nan], 3, r"row 1 .*received label=nan\."),
        ([0.0, np.inf], None, r"row 1 .*received label=inf\."),
        ([[0, 1], [2, 9]], 3, r"the label at index \(1, 1\) is wrong\. .*received label=9\."),
        (5, 3, r"the label is wrong\. .*received label=5\."),
    ],
)
def test_to_categorical_names_the_wrong_label(labels, num_classes, text):
    with pytest.raises(DataError, match=rf"^to_categorical: {text}" if text[0] == "t" else text):
        to_categorical(labels, num_classes)


def test_to_categorical_arguments():
    with pytest.raises(ArgumentError, match="cannot be told from no labels"):
        to_categorical([])
    with pytest.raises(ArgumentError, match=r"must be positive\. .*received num_classes=0\."):
        to_categorical([1], num_classes=0)
    with pytest.raises(DtypeError, match=r"labels must be numbers\. .*OneHotEncoder takes strings"):
        to_categorical(["a"])


def test_docstring_examples():
    assert doctest.testmod(encoders) == doctest.TestResults(failed=0, attempted=4)
