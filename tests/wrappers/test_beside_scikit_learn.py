"""Estimators in scikit-learn's tools, in pickles and in other processes."""

import copy
import importlib
import pickle
import sys

import numpy as np
import pytest

pytest.importorskip("sklearn")

import joblib
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import VotingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    GridSearchCV,
    cross_val_predict,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import melpy
from melpy.wrappers import SKLearnClassifier, SKLearnRegressor, SKLearnTransformer

from .shared import CODES, NAMES, NUMBERS, X, build, net

QUICK = {"epochs": 10, "learning_rate": 0.02, "random_state": 0}
metrics = melpy.metrics


def test_a_search_in_two_processes_over_a_pipeline():
    pipeline = make_pipeline(StandardScaler(), SKLearnClassifier(**QUICK))
    grid = {"sklearnclassifier__epochs": [1, 12]}
    alone = GridSearchCV(pipeline, grid, cv=2).fit(X, NAMES)
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=2).fit(X, NAMES)
    assert search.best_params_["sklearnclassifier__epochs"] == 12
    assert search.score(X, NAMES) > 0.9
    scores = [one.cv_results_["mean_test_score"] for one in (alone, search)]
    np.testing.assert_array_equal(*scores)


def test_cross_validation_gives_fitted_models_back():
    assert cross_val_score(SKLearnRegressor(**QUICK), X, NUMBERS, cv=3).min() > 0.5
    folds = cross_validate(
        SKLearnClassifier(build, random_state=0, epochs=50),
        X,
        NAMES,
        cv=2,
        n_jobs=2,
        return_estimator=True,
    )
    assert all(estimator.score(X, NAMES) > 0.7 for estimator in folds["estimator"])


def test_threads_do_not_draw_from_each_other():
    estimator = SKLearnClassifier(**QUICK)
    alone = cross_val_predict(estimator, X, NAMES, cv=3, method="predict_proba")
    with joblib.parallel_backend("threading", n_jobs=2):
        together = cross_val_predict(estimator, X, NAMES, cv=3, method="predict_proba")
    np.testing.assert_array_equal(alone, together)


def test_words():
    texts, y = ["good fine", "bad awful", "nice good", "poor bad"] * 10, ["+", "-"] * 20
    pipeline = make_pipeline(TfidfVectorizer(), SKLearnClassifier(random_state=0))
    assert pipeline.fit(texts, y).predict(["fine nice", "poor awful"]).tolist() == ["+", "-"]


def test_calibration_voting_and_importance():
    estimator = SKLearnClassifier(**QUICK)
    calibrated = CalibratedClassifierCV(estimator, cv=2).fit(X, NAMES)
    assert calibrated.predict_proba(X).sum(axis=1) == pytest.approx(1)
    both = [("net", estimator), ("line", LogisticRegression())]
    voting = VotingClassifier(both, voting="soft")
    assert voting.fit(X, NAMES, sample_weight=np.ones(90)).score(X, NAMES) > 0.9
    found = permutation_importance(estimator.fit(X, NAMES), X, NAMES, n_repeats=2, random_state=0)
    assert found.importances_mean.argmin() == 3  # the feature that says nothing


def test_features_go_on_into_a_pipeline():
    features = SKLearnTransformer(**QUICK)
    assert make_pipeline(features, LogisticRegression()).fit(X, NAMES).score(X, NAMES) > 0.4


@pytest.mark.parametrize("model", [None, build, "compiled"])
def test_clones_are_equal_and_apart(model):
    made = net(3, "softmax", "categorical_crossentropy") if model == "compiled" else model
    estimator = SKLearnClassifier(made, class_weight={"ant": 2.0}, **QUICK)
    estimator.fit_kwargs = {"callbacks": [melpy.callbacks.EarlyStopping("loss")]}
    other = clone(estimator)
    assert not hasattr(other.fit(X, NAMES) and estimator, "model_")
    if model == "compiled":
        assert other.model is not made
    else:
        estimator.fit(X, NAMES)
        np.testing.assert_array_equal(other.predict_proba(X), estimator.predict_proba(X))


COPIES = {
    "pickle": lambda it, path: pickle.loads(pickle.dumps(it)),
    "joblib": lambda it, path: (joblib.dump(it, path), joblib.load(path))[1],
    "mapped": lambda it, path: (joblib.dump(it, path), joblib.load(path, mmap_mode="r"))[1],
    "deepcopy": lambda it, path: copy.deepcopy(it),
}


@pytest.mark.parametrize("copied", COPIES)
def test_fitted_ones_are_kept_and_train_on(copied, tmp_path):
    model = net(3, "softmax", "sparse_categorical_crossentropy")
    model.compile("adam", model.loss, metrics=["accuracy"])
    for estimator, y in (
        (SKLearnClassifier(model, **QUICK), NAMES),
        (SKLearnRegressor(**QUICK), NUMBERS),
    ):
        estimator.fit(X, y)
        again = COPIES[copied](estimator, tmp_path / "m.joblib")
        np.testing.assert_array_equal(again.predict(X), estimator.predict(X))
        assert again.history_.history == estimator.history_.history
        for one in (estimator, again):
            one.partial_fit(X, y)
        for a, b in zip(estimator.model_.weights, again.model_.weights, strict=True):
            np.testing.assert_array_equal(a.value, b.value)


def test_without_scikit_learn_one_sentence_says_so(monkeypatch):
    kept = {name: module for name, module in sys.modules.items() if "melpy.wrappers" in name}
    for name in kept:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(melpy.errors.DependencyError, match=r"scikit-learn\. .*'\.\[sklearn\]'"):
        importlib.import_module("melpy.wrappers")


def test_codes_need_not_begin_at_0():
    assert SKLearnClassifier(**QUICK).fit(X, CODES + 3).predict(X).min() == 3
