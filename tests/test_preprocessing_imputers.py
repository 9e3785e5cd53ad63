"""The imputer and the robust scaler: what the training data says, and nothing else."""

import numpy as np
import pytest

from melpy.errors import ArgumentError, DataError, DtypeError, ShapeError, UnknownNameError
from melpy.preprocessing import NotFittedError, RobustScaler, SimpleImputer

NAN = np.nan
TABLE = np.array([[1.0, NAN, 5.0], [2.0, 4.0, 5.0], [NAN, 8.0, 6.0], [9.0, NAN, 7.0]])


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [("mean", [4, 6, 5.75]), ("median", [2, 6, 5.5]), ("most_frequent", [1, 4, 5])],
)
def test_by_hand(strategy, expected):
    imputer = SimpleImputer(strategy=strategy).fit(TABLE)
    assert imputer.statistics_.tolist() == expected
    out = imputer.transform([[NAN, 3.0, NAN]])
    assert out.dtype == np.float32
    assert out.tolist() == [[expected[0], 3, expected[2]]]


def test_a_constant():
    out = SimpleImputer(strategy="constant", fill_value=-1).fit_transform(TABLE)
    np.testing.assert_array_equal(out, np.where(np.isnan(TABLE), -1, TABLE))
    assert SimpleImputer(strategy="constant").fit_transform([[NAN], [2.0]]).tolist() == [[0], [2]]


def test_test_data_teaches_nothing():
    imputer = SimpleImputer().fit(TABLE)
    before = imputer.statistics_.copy()
    imputer.transform(np.full((5, 3), 100.0))
    np.testing.assert_array_equal(imputer.statistics_, before)


def test_the_indicator_tells_of_the_training_datas_columns():
    imputer = SimpleImputer(add_indicator=True).fit(TABLE)
    assert imputer.indicator_.tolist() == [0, 1]
    out = imputer.transform([[1.0, NAN, NAN]])
    assert out.tolist() == [[1, 6, 5.75, 0, 1]]


def test_other_values_can_stand_for_missing():
    assert SimpleImputer(missing_values=-1).fit_transform([[-1], [3], [5]]).tolist() == [
        [4], [3], [5],
    ]  # fmt: skip
    assert SimpleImputer(missing_values=None).fit_transform([[None], [2.0]]).tolist() == [[2], [2]]


def test_strings():
    words = [["a", None], ["b", "x"], ["a", "y"]]
    imputer = SimpleImputer(missing_values=None, strategy="most_frequent")
    assert imputer.fit_transform(words).tolist() == [["a", "x"], ["b", "x"], ["a", "y"]]
    imputer = SimpleImputer(missing_values="", strategy="constant")
    assert imputer.fit_transform([["a"], [""]]).tolist() == [["a"], ["missing_value"]]


def test_columns_without_any_value():
    table = [[NAN, 1.0], [NAN, 3.0]]
    with pytest.warns(UserWarning, match=r"columns \[0\] had no values"):
        assert SimpleImputer().fit_transform(table).tolist() == [[1], [3]]
    kept = SimpleImputer(keep_empty_features=True).fit(table)
    assert kept.transform([[NAN, NAN]]).tolist() == [[0, 2]]
    constant = SimpleImputer(strategy="constant", fill_value=7, keep_empty_features=True)
    assert constant.fit_transform(table).tolist() == [[7, 1], [7, 3]]


def test_imputer_refusals():
    with pytest.raises(UnknownNameError, match="unknown strategy 'avg'"):
        SimpleImputer(strategy="avg")
    with pytest.raises(NotFittedError, match="not seen any training data"):
        SimpleImputer().transform(TABLE)
    with pytest.raises(ShapeError, match=r"another number of columns.*Expected 3"):
        SimpleImputer().fit(TABLE).transform([[1.0]])
    with pytest.raises(ShapeError, match="no table"):
        SimpleImputer().fit([1.0, NAN])
    with pytest.raises(ShapeError, match="nothing to learn"):
        SimpleImputer().fit(np.zeros((0, 2)))
    with pytest.raises(DtypeError, match="the mean of what are no numbers"):
        SimpleImputer().fit([["a"]])
    with pytest.raises(DataError, match="row 1 has a value that is not a finite number"):
        SimpleImputer().fit([[1.0], [np.inf]])
    with pytest.raises(DataError, match="row 0 has"):
        SimpleImputer(missing_values=-1).fit([[NAN]])


def test_robust_scaler_by_hand():
    scaler = RobustScaler().fit([[1.0, 3], [2.0, 3], [3.0, 3], [4.0, 3], [500.0, 3]])
    assert scaler.center_.tolist() == [3, 3]
    assert scaler.scale_.tolist() == [2, 1]
    out = scaler.transform([[5.0, 4]])
    assert out.tolist() == [[1, 1]]
    assert scaler.inverse_transform(out).tolist() == [[5, 4]]


def test_robust_scaler_options():
    x = np.random.default_rng(0).normal(3, 2, size=(100_000, 1))
    unit = RobustScaler(unit_variance=True).fit_transform(x)
    assert unit.var() == pytest.approx(1, rel=0.02)
    wide = RobustScaler(quantile_range=(10, 90)).fit(x)
    np.testing.assert_allclose(wide.scale_, np.subtract(*np.percentile(x, [90, 10], axis=0)))
    apart = RobustScaler(with_centering=False, with_scaling=False).fit_transform(x)
    np.testing.assert_array_equal(apart, x.astype(np.float32))
    images = np.random.default_rng(1).normal(size=(20, 4, 3, 2))
    assert RobustScaler(per="channel").fit(images).scale_.shape == (2,)
    np.testing.assert_allclose(RobustScaler(per="all").fit(images).center_, np.median(images))


@pytest.mark.parametrize("quantile_range", [(75, 25), (0, 50), (50, 100), (25, 25)])
def test_robust_scaler_refuses_what_is_no_range(quantile_range):
    with pytest.raises(ArgumentError, match="no range of quantiles"):
        RobustScaler(quantile_range=quantile_range)
