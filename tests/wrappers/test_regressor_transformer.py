"""Regressors and transformers: numbers of any size, several at once, features."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from scipy.sparse import csr_array
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

import melpy
from melpy import layers
from melpy.errors import ShapeError
from melpy.wrappers import SKLearnRegressor, SKLearnTransformer, batches

from .shared import NUMBERS, X, net

QUICK = {"epochs": 30, "learning_rate": 0.02, "random_state": 0}


def test_the_default_network_learns_diabetes():
    X_train, X_test, y_train, y_test = train_test_split(
        *load_diabetes(return_X_y=True), random_state=2
    )
    estimator = SKLearnRegressor(random_state=0, early_stopping=True).fit(X_train, y_train)
    assert estimator.score(X_test, y_test) > 0.35  # a linear model has 0.44


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_numbers_of_any_size(unit):
    estimator = SKLearnRegressor(**QUICK).fit(X, unit * NUMBERS)
    assert estimator.score(X, unit * NUMBERS) > 0.95
    assert estimator.predict(X).shape == (90,)
    assert estimator.predict(X).dtype == np.float64


def test_several_numbers():
    y = np.stack([NUMBERS, X[:, 1]], axis=1)
    estimator = SKLearnRegressor(**QUICK).fit(X, y)
    assert estimator.predict(X).shape == y.shape
    seen = []
    estimator = SKLearnRegressor(lambda X, y: (seen.append(y.shape), net(2))[1], **QUICK)
    assert estimator.fit(X, y).predict(X).shape == (90, 2)
    assert SKLearnRegressor(net(1, None, "mse"), **QUICK).fit(X, X[:, 0]).score(X, X[:, 0]) > 0.8
    assert seen == [(90, 2)]
    with pytest.raises(ShapeError, match=r"number of outputs than y has columns. Expected 2; .*=1"):
        SKLearnRegressor(net(1)).fit(X, y)


def test_partial_fits_and_weights():
    estimator = SKLearnRegressor(learning_rate=0.02, random_state=0)
    for _ in range(30):
        estimator.partial_fit(X, NUMBERS, sample_weight=np.ones(90))
    assert estimator.score(X, NUMBERS) > 0.9
    weight = np.r_[np.ones(45), np.zeros(45)]
    half = SKLearnRegressor(**QUICK).fit(X[:45], NUMBERS[:45])
    weighted = SKLearnRegressor(**QUICK).fit(X, NUMBERS, sample_weight=weight)
    np.testing.assert_allclose(weighted.predict(X), half.predict(X))


def test_features_of_an_autoencoder(monkeypatch):
    flat = np.outer(X[:, 0], [1.0, 2, 3, 4, 5, 6]) + 100  # of one dimension
    made = SKLearnTransformer(model_kwargs={"n_components": 1}, **QUICK)
    features = made.set_output(transform="pandas").fit_transform(flat)
    assert list(features.columns) == ["sklearntransformer0"]
    assert abs(np.corrcoef(features.to_numpy()[:, 0], X[:, 0])[0, 1]) > 0.95
    assert made.history_.history["loss"][-1] < 0.1
    images = np.random.default_rng(0).random((20, 4, 4)).astype("float32")
    found = SKLearnTransformer(epochs=1).fit_transform(images)
    assert (found.shape, found.dtype) == ((20, 8), np.float32)
    monkeypatch.setattr(batches, "SMALL_BYTES", 0)
    rows = csr_array(np.where(np.abs(X) > 0.5, X, 0))
    assert SKLearnTransformer(epochs=2).fit(rows).transform(rows).shape == (90, 2)


def test_features_of_a_model_for_labels():
    def build(X, y):
        model = melpy.Sequential(
            [
                melpy.Input(X.shape[1:]),
                layers.Dense(2, name="features"),
                layers.Dense(1),
            ]
        )
        model.compile("adam", "mse")
        return model

    found = SKLearnTransformer(build, **QUICK).fit(X, NUMBERS)
    assert found.transform(X).shape == (90, 2)
    assert found.get_feature_names_out().tolist() == ["sklearntransformer0", "sklearntransformer1"]
    again = SKLearnTransformer(net(4), **QUICK).fit(X)  # its input again
    assert np.mean((again.transform(X) - X) ** 2) < 0.5
