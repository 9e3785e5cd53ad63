"""Diabetes: how far the illness has gone after a year, from ten measurements of a patient.

Shows  regression: scaled targets, an early stop, weights that decay, and a comparison with the
       method that a network has to beat on a table this small.
Takes  about 3 seconds. The patients come with scikit-learn; no network is needed.
Expect R2 about 0.3, a little below linear regression: with 442 patients there is hardly more to be
       found than straight lines, and the early stop gives a part of them away for its own use.

    python examples/diabetes.py
"""

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split

import melpy
from melpy import layers
from melpy.preprocessing import StandardScaler


def build() -> melpy.Sequential:
    """Return a small network: few patients, so few weights, dropout and decay."""
    model = melpy.Sequential(
        [
            melpy.Input((10,)),
            layers.Dense(32, activation="gelu"),
            layers.Dropout(0.2),
            layers.Dense(16, activation="gelu"),
            layers.Dense(1),
        ]
    )
    model.compile(
        melpy.optimizers.AdamW(0.003, weight_decay=0.05), loss="mse", metrics=["r2_score"]
    )
    return model


def main() -> dict[str, float]:
    """Train, print what came out, and return the figures."""
    melpy.utils.set_random_seed(0)
    data = load_diabetes(scaled=False)
    x, x_test, y, y_test = train_test_split(
        data.data, data.target[:, None], test_size=0.25, random_state=0
    )
    of_x, of_y = StandardScaler().fit(x), StandardScaler().fit(y)  # nothing from the test patients

    model = build()
    history = model.fit(
        of_x.transform(x),
        of_y.transform(y),
        batch_size=32,
        epochs=200,
        validation_split=0.2,
        callbacks=[melpy.callbacks.EarlyStopping(patience=25, restore_best_weights=True)],
        verbose=0,
    )

    _, r2 = model.evaluate(of_x.transform(x_test), of_y.transform(y_test), verbose=0)
    predicted = of_y.inverse_transform(model.predict(of_x.transform(x_test), verbose=0))
    error = float(np.abs(predicted - y_test).mean())
    linear = LinearRegression().fit(x, y)
    linear_r2 = linear.score(x_test, y_test)
    linear_error = float(np.abs(linear.predict(x_test) - y_test).mean())

    print(f"{len(x)} patients to learn from, {len(x_test)} to be tested on")
    print(f"stopped after {len(history.epoch)} epochs\n")
    print("                          R2   mean error (of scores from 25 to 346)")
    print(f"  this network         {r2:5.3f}   {error:10.1f}")
    print(f"  linear regression    {linear_r2:5.3f}   {linear_error:10.1f}")
    print(f"  always the mean      0.000   {np.abs(y_test - y.mean()).mean():10.1f}")
    return {"r2": r2, "linear_regression_r2": linear_r2, "mean_error": error}


if __name__ == "__main__":
    main()
