"""Estimators of scikit-learn's that are networks, by the names of Keras's wrappers.

    from melpy.wrappers import SKLearnClassifier

    SKLearnClassifier().fit(X, y).score(X_test, y_test)

They need scikit-learn, which nothing else here does.
"""

from __future__ import annotations

from melpy.errors import install, needing

with needing("melpy.wrappers", "its estimators need the package scikit-learn", install("sklearn")):
    import sklearn  # noqa: F401

from melpy.wrappers.classifier import SKLearnClassifier
from melpy.wrappers.default_models import default_autoencoder, default_model
from melpy.wrappers.regressor import SKLearnRegressor
from melpy.wrappers.transformer import SKLearnTransformer

__all__ = [
    "SKLearnClassifier",
    "SKLearnRegressor",
    "SKLearnTransformer",
    "default_autoencoder",
    "default_model",
]
