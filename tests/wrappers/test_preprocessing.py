"""melpy's own scalers, encoders and imputers in scikit-learn's pipelines."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

from melpy import preprocessing
from melpy.errors import ArgumentError, MelpyError
from melpy.wrappers import SKLearnClassifier

from .shared import NAMES, X

LEARNERS = [
    preprocessing.StandardScaler(per="".join(["chan", "nel"]), with_mean=False),
    preprocessing.MinMaxScaler((0, 2), clip=True),
    preprocessing.RobustScaler(quantile_range=(10.0, 90.0)),
    preprocessing.OneHotEncoder(handle_unknown="".join(["ig", "nore"])),
    preprocessing.SimpleImputer(strategy="median", missing_values=-1),
]


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda it: type(it).__name__)
def test_clones_know_their_arguments_and_nothing_else(learner):
    learner.fit(np.abs(X).round())
    other = clone(learner)
    assert other.get_params() == learner.get_params()
    with pytest.raises(ValueError, match="not fitted"):
        check_is_fitted(other)
    check_is_fitted(learner)
    np.testing.assert_array_equal(
        make_pipeline(other).fit_transform(np.abs(X).round(), NAMES),
        learner.transform(np.abs(X).round()),
    )


def test_a_search_over_their_arguments():
    images = X.reshape(90, 2, 2, 1)
    pipeline = make_pipeline(
        preprocessing.StandardScaler(), SKLearnClassifier(epochs=1, random_state=0)
    )
    grid = {"standardscaler__per": ["feature", "channel", "all"]}
    assert GridSearchCV(pipeline, grid, cv=2).fit(images, NAMES).best_params_.keys() == grid.keys()


def test_arguments_are_refused_as_by_the_constructor():
    scaler = preprocessing.MinMaxScaler()
    with pytest.raises(ArgumentError, match="the range is not increasing"):
        scaler.set_params(feature_range=(1, 0))
    with pytest.raises(MelpyError, match=r"MinMaxScaler.set_params: .*Did you mean 'clip'"):
        scaler.set_params(clipp=True)
