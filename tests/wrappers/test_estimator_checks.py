"""All estimators pass all of scikit-learn's checks, with nothing expected to fail."""

import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import check_estimator

from melpy import wrappers

ESTIMATORS = [
    wrappers.SKLearnClassifier(),
    wrappers.SKLearnRegressor(),
    wrappers.SKLearnTransformer(epochs=10),  # for time alone: it passes them with 100, too
]
NOT_FOR_US = {"check_array_api_input"}  # asks for SCIPY_ARRAY_API in the environment


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_checks(estimator):
    rows = check_estimator(estimator, on_skip=None)
    assert len(rows) > 50
    assert {row["status"] for row in rows} <= {"passed", "skipped"}
    assert {row["check_name"] for row in rows if row["status"] == "skipped"} <= NOT_FOR_US
