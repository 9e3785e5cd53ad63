"""Put data into the form that a model learns from: scaled numbers and one-hot labels.

Every class learns in ``fit`` and only there. Fit it on the training data, then ``transform``
both the training and the test data: what it knows must not come from the test data.
"""

from __future__ import annotations

from melpy.preprocessing.checks import NotFittedError
from melpy.preprocessing.encoders import OneHotEncoder, to_categorical
from melpy.preprocessing.scalers import MinMaxScaler, StandardScaler

__all__ = ["MinMaxScaler", "NotFittedError", "OneHotEncoder", "StandardScaler", "to_categorical"]
