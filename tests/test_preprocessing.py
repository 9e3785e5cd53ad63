"""The scalers; `test_preprocessing_encoders` has the rest."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from melpy import config
from melpy.data import finite
from melpy.errors import (
    ArgumentError,
    DataError,
    DtypeError,
    MelpyError,
    ShapeError,
    UnknownNameError,
)
from melpy.preprocessing import (
    MinMaxScaler,
    NotFittedError,
    OneHotEncoder,
    StandardScaler,
    scalers,
    to_categorical,
)

SCALERS = [StandardScaler, MinMaxScaler]
# Far enough from 0 and from each other that a float32 result can be compared.
VALUES = st.integers(-1000, 1000).map(lambda n: n / 8)
DATA = hnp.arrays(
    np.float64, hnp.array_shapes(min_dims=2, max_dims=4, min_side=1, max_side=5), elements=VALUES
)


@pytest.fixture
def float64(monkeypatch):
    # Not set_floatx, which cannot put back "never set".
    monkeypatch.setitem(config._settings, "floatx", "float64")


def test_standard_scaler_by_hand():
    scaler = StandardScaler().fit([[1.0, 10.0], [3.0, 10.0], [5.0, 10.0]])
    assert scaler.mean_.tolist() == [3.0, 10.0]
    assert scaler.var_.tolist() == pytest.approx([8 / 3, 0.0])
    assert scaler.scale_.tolist() == pytest.approx([(8 / 3) ** 0.5, 1.0])
    assert scaler.n_samples_seen_ == 3
    out = scaler.transform([[3.0, 10.0], [5.0, 12.0]])
    np.testing.assert_allclose(out, [[0, 0], [1.5**0.5, 2]], rtol=1e-6)


def test_min_max_scaler_by_hand():
    scaler = MinMaxScaler(feature_range=(-1, 3)).fit([[1.0, 7.0], [3.0, 7.0]])
    assert scaler.data_min_.tolist() == [1.0, 7.0]
    assert scaler.data_max_.tolist() == [3.0, 7.0]
    assert scaler.data_range_.tolist() == [2.0, 0.0]
    assert scaler.scale_.tolist() == [2.0, 4.0]
    assert scaler.min_.tolist() == [-3.0, -29.0]
    assert scaler.transform([[1, 7], [3, 7], [5, 8]]).tolist() == [[-1, -1], [3, -1], [7, 3]]


def test_min_max_scaler_clips_only_when_asked():
    train, test = [[0.0], [1.0]], [[-5.0], [0.5], [5.0]]
    assert MinMaxScaler().fit(train).transform(test).ravel().tolist() == [-5, 0.5, 5]
    assert MinMaxScaler(clip=True).fit(train).transform(test).ravel().tolist() == [0, 0.5, 1]


@pytest.mark.parametrize(
    ("per", "axes", "shape"),
    [("feature", 0, (5, 4, 3)), ("channel", (0, 1, 2), (3,)), ("all", None, ())],
)
def test_per_says_what_has_statistics_of_its_own(per, axes, shape):
    x = np.random.default_rng(0).integers(0, 256, (20, 5, 4, 3), np.uint8)
    scaler = StandardScaler(per=per).fit(x)
    assert scaler.mean_.shape == scaler.var_.shape == scaler.scale_.shape == shape
    np.testing.assert_allclose(scaler.mean_, x.mean(axis=axes), rtol=1e-12)
    np.testing.assert_allclose(scaler.var_, x.var(axis=axes), rtol=1e-12)
    out = scaler.transform(x).astype(np.float64)
    np.testing.assert_allclose(out.mean(axis=axes), np.zeros(shape), atol=1e-6)
    np.testing.assert_allclose(out.std(axis=axes), np.ones(shape), atol=1e-6)
    ranged = MinMaxScaler(per=per).fit(x)
    np.testing.assert_array_equal(ranged.data_min_, x.min(axis=axes))
    np.testing.assert_array_equal(ranged.data_max_, x.max(axis=axes))


@pytest.mark.parametrize("cls", SCALERS)
def test_blocks_do_not_change_the_result(cls, monkeypatch):
    x = np.random.default_rng(0).normal(5, 2, (37, 6))
    whole = cls().fit_transform(x)
    monkeypatch.setattr(finite, "BLOCK_VALUES", 20)  # three rows at a time
    assert len(list(finite.blocks(x))) == 13
    np.testing.assert_allclose(cls().fit_transform(x), whole, rtol=1e-6)


@pytest.mark.parametrize("with_mean", [True, False])
@pytest.mark.parametrize("with_std", [True, False])
def test_mean_and_std_can_be_left_out(with_mean, with_std):
    x = np.array([[2.0], [6.0]])
    scaler = StandardScaler(with_mean=with_mean, with_std=with_std).fit(x)
    expected = (x - 4 * with_mean) / (2 if with_std else 1)
    assert scaler.transform(x).tolist() == expected.tolist()
    assert scaler.inverse_transform(expected).tolist() == x.tolist()


@pytest.mark.parametrize("value", [0.0, 0.1, -1e-9, 1e8 + 0.1, 1e15])
@pytest.mark.parametrize("n", [1, 3, 1000])
def test_a_constant_feature_becomes_zero(value, n):
    x = np.full((n, 1), value)
    scaler = StandardScaler().fit(x)
    assert scaler.scale_.tolist() == [1.0]
    # What is left is the rounding of the mean.
    np.testing.assert_allclose(scaler.transform(x), 0, atol=1e-12 * max(abs(value), 1))
    assert (MinMaxScaler().fit_transform(x) == 0).all()


def test_a_small_change_of_a_large_value_is_no_constant():
    x = np.array([[1e6], [1e6 + 1]])
    np.testing.assert_allclose(StandardScaler().fit_transform(x), [[-1], [1]], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.int64, np.float16, np.float32, float])
@pytest.mark.parametrize("cls", SCALERS)
def test_results_are_floatx(cls, dtype):
    x = np.array([[0], [1]]).astype(dtype)
    scaler = cls().fit(x)
    assert scaler.transform(x).dtype == scaler.inverse_transform(x).dtype == np.float32


@pytest.mark.usefixtures("float64")
def test_results_follow_floatx():
    assert StandardScaler().fit_transform([[1], [2]]).dtype == np.float64
    assert OneHotEncoder().fit_transform([1, 2]).dtype == np.float64
    assert to_categorical([1]).dtype == np.float64


@pytest.mark.parametrize("per", ["feature", "channel", "all"])
@pytest.mark.parametrize("cls", SCALERS)
@given(x=DATA)
def test_inverse_transform_gives_the_data_back(cls, per, x):
    scaler = cls(per=per)
    back = scaler.inverse_transform(scaler.fit_transform(x))
    np.testing.assert_allclose(back, x, rtol=1e-5, atol=1e-4)


@given(x=DATA)
def test_min_max_fills_the_range(x):
    out = MinMaxScaler(feature_range=(2, 5)).fit_transform(x)
    assert out.min() >= 2 - 1e-5
    assert out.max() <= 5 + 1e-5
    changes = x.max(axis=0) > x.min(axis=0)
    np.testing.assert_allclose(out.max(axis=0), np.where(changes, 5, 2), rtol=1e-6)


@pytest.mark.parametrize("cls", SCALERS)
def test_transform_never_refits_and_leaves_its_input(cls):
    train, test = np.array([[0.0, 1.0], [2.0, 5.0]]), np.array([[100.0, -7.0]])
    scaler = cls().fit(train)
    before = {name: np.copy(value) for name, value in vars(scaler).items()}
    once = scaler.transform(test)
    np.testing.assert_array_equal(scaler.transform(test), once)
    assert all(np.array_equal(np.copy(vars(scaler)[name]), before[name]) for name in before)
    assert test.tolist() == [[100.0, -7.0]]
    assert train.tolist() == [[0.0, 1.0], [2.0, 5.0]]


@pytest.mark.parametrize("cls", SCALERS)
def test_fit_forgets_what_was_learned_before(cls):
    x = np.array([[1.0, 2.0], [3.0, 5.0]])
    refitted = cls().fit(np.ones((4, 7))).fit(x)
    np.testing.assert_array_equal(refitted.transform(x), cls().fit(x).transform(x))


@pytest.mark.parametrize("cls", SCALERS)
def test_a_single_axis_is_one_feature(cls):
    out = cls().fit_transform([1.0, 2.0, 3.0])
    assert out.shape == (3,)
    assert out[1] == pytest.approx(0.0 if cls is StandardScaler else 0.5)


@pytest.mark.parametrize("method", ["transform", "inverse_transform"])
@pytest.mark.parametrize("cls", [*SCALERS, OneHotEncoder])
def test_transform_before_fit_is_refused(cls, method):
    text = rf"^{cls.__name__}\.{method}: it has not seen any training data yet\. Call fit with"
    with pytest.raises(NotFittedError, match=text) as caught:
        getattr(cls(), method)([[1.0]])
    assert isinstance(caught.value, MelpyError)
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, AttributeError)  # as scikit-learn's


@pytest.mark.parametrize(
    ("per", "shape", "expected"),
    [
        ("feature", (5, 2), r"shape \(N, 3\); received shape=\(5, 2\)"),
        ("feature", (5,), r"shape \(N, 3\); received shape=\(5,\)"),
        ("feature", (5, 1, 3), r"shape \(N, 3\); received shape=\(5, 1, 3\)"),
        ("channel", (5, 2), r"shape \(N, \.\.\., 3\); received shape=\(5, 2\)"),
        ("channel", (3,), r"shape \(N, \.\.\., 3\); received shape=\(3,\)"),
    ],
)
@pytest.mark.parametrize("method", ["transform", "inverse_transform"])
def test_another_shape_is_refused(method, per, shape, expected):
    scaler = StandardScaler(per=per).fit(np.arange(6.0).reshape(2, 3))
    text = rf"^StandardScaler\.{method}: the data has another shape.* Expected {expected}\. Fit"
    with pytest.raises(ShapeError, match=text):
        getattr(scaler, method)(np.zeros(shape))


def test_a_scaler_of_single_numbers_refuses_columns():
    with pytest.raises(ShapeError, match=r"Expected shape \(N,\); received shape=\(2, 1\)"):
        StandardScaler().fit([1.0, 2.0]).transform([[1.0], [2.0]])


def test_per_all_and_per_channel_take_images_of_another_size():
    x = np.arange(24.0).reshape(2, 2, 2, 3)
    assert StandardScaler(per="all").fit(x).transform(x[0, 0]).shape == (2, 3)
    assert StandardScaler(per="channel").fit(x).transform(x[:, :1]).shape == (2, 1, 2, 3)


def test_transform_takes_no_rows():
    assert StandardScaler().fit(np.eye(3)).transform(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("method", ["fit", "transform", "inverse_transform"])
@pytest.mark.parametrize("cls", SCALERS)
def test_nan_is_refused_with_its_row(cls, method, value, monkeypatch):
    monkeypatch.setattr(finite, "BLOCK_VALUES", 4)  # the row is in the third block
    x = np.zeros((6, 2))
    scaler = cls().fit(x)
    x[5, 1] = value
    text = (
        rf"^{cls.__name__}\.{method}: row 5 has a value that is not a finite number\."
        rf" Expected finite numbers; received value={value}\. Drop the row"
    )
    with pytest.raises(DataError, match=text):
        getattr(scaler, method)(x)


@pytest.mark.parametrize("x", [["a"], [None], [1j], [[object()]]])
def test_what_is_no_number_is_refused(x):
    with pytest.raises(DtypeError, match=r"MinMaxScaler\.fit: the data must be real numbers"):
        MinMaxScaler().fit(x)


@pytest.mark.parametrize("x", [[], np.zeros((0, 3)), np.zeros((3, 0))])
def test_fit_needs_data(x):
    with pytest.raises(ShapeError, match=r"StandardScaler\.fit: there is nothing to learn from"):
        StandardScaler().fit(x)


def test_fit_needs_an_axis():
    with pytest.raises(
        ShapeError, match=r"a single number is no data\. Expected shape \(N, \.\.\."
    ):
        StandardScaler().fit(3.0)


def test_per_channel_needs_a_channel_axis():
    with pytest.raises(
        ShapeError, match=r"there is no channel axis\. Expected shape \(N, \.\.\., C"
    ):
        StandardScaler(per="channel").fit([1.0, 2.0])


@pytest.mark.parametrize("cls", SCALERS)
def test_an_unknown_per_gets_the_nearest(cls):
    text = rf"{cls.__name__}: unknown per 'features'.*Did you mean 'feature'\?"
    with pytest.raises(UnknownNameError, match=text):
        cls(per="features")


@pytest.mark.parametrize("wrong", [(1, 1), (2, 1), (0, float("nan"))])
def test_min_max_needs_an_increasing_range(wrong):
    with pytest.raises(
        ArgumentError, match=r"MinMaxScaler: the range is not increasing\. .*low < h"
    ):
        MinMaxScaler(wrong)


def test_docstring_examples():
    assert doctest.testmod(scalers) == doctest.TestResults(failed=0, attempted=7)
