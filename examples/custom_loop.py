"""A custom loop: training without compile and without fit, from melpy.value_and_grad alone.

Shows  a network as plain functions of plain arrays, its gradients from `melpy.value_and_grad`, and
       the update of Adam written out; then the same with layers, whose variables keep their
       gradients after `loss.backward()`, and with an optimizer's `apply`.
Takes  about 3 seconds. The digits are part of melpy; no network is needed.
Expect about 95% of the test digits right, both ways.

    python examples/custom_loop.py
"""

import numpy as np

import melpy
from melpy import datasets, layers, ops

Weights = dict[str, np.ndarray]


def draw_weights(rng: np.random.Generator) -> Weights:
    """Return He's initial weights of 64 -> 64 -> 10."""
    return {
        "w1": rng.normal(0, np.sqrt(2 / 64), (64, 64)).astype("float32"),
        "b1": np.zeros(64, "float32"),
        "w2": rng.normal(0, np.sqrt(2 / 64), (64, 10)).astype("float32"),
        "b2": np.zeros(10, "float32"),
    }


def loss_of(weights: Weights, x: np.ndarray, y: np.ndarray) -> melpy.Tensor:
    """Return the mean cross-entropy of a batch."""
    h = ops.relu(ops.matmul(x, weights["w1"]) + weights["b1"])
    logits = ops.matmul(h, weights["w2"]) + weights["b2"]
    losses = melpy.losses.sparse_categorical_crossentropy(y, logits, from_logits=True)
    return ops.mean(losses)


def by_hand(x: np.ndarray, y: np.ndarray, epochs: int) -> Weights:
    """Return weights trained with Adam (Kingma and Ba, 2015), every line of it here."""
    rng = np.random.default_rng(0)
    weights = draw_weights(rng)
    mean = {name: np.zeros_like(w) for name, w in weights.items()}
    square = {name: np.zeros_like(w) for name, w in weights.items()}
    loss_and_gradients = melpy.value_and_grad(loss_of)
    step = 0
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(len(x)), len(x) // 32):
            step += 1
            _, gradients = loss_and_gradients(weights, x[rows], y[rows])
            for name, w in weights.items():
                g = np.asarray(gradients[name])
                mean[name] = 0.9 * mean[name] + 0.1 * g
                square[name] = 0.999 * square[name] + 0.001 * g * g
                rate = 0.001 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
                weights[name] = w - rate * mean[name] / (np.sqrt(square[name]) + 1e-7)
    return weights


def with_layers(x: np.ndarray, y: np.ndarray, epochs: int) -> melpy.Sequential:
    """Return the same network of layers, trained by the same steps."""
    rng = np.random.default_rng(0)
    model = melpy.Sequential(
        [melpy.Input((64,)), layers.Dense(64, activation="relu"), layers.Dense(10)]
    )
    optimizer = melpy.optimizers.Adam(0.001)
    loss_function = melpy.losses.SparseCategoricalCrossentropy(from_logits=True)
    for _ in range(epochs):
        for rows in np.array_split(rng.permutation(len(x)), len(x) // 32):
            loss = loss_function(y[rows], model(x[rows], training=True))
            loss.backward()
            optimizer.apply([w.grad for w in model.trainable_variables], model.trainable_variables)
            for w in model.trainable_variables:
                w.grad = None
    return model


def main(epochs: int = 20) -> dict[str, float]:
    """Train both ways, print what came out, and return the figures."""
    melpy.utils.set_random_seed(0)
    (x, y), (x_test, y_test) = datasets.digits.load_data()
    x, x_test = (a.reshape(len(a), 64).astype("float32") / 16 for a in (x, x_test))

    weights = by_hand(x, y, epochs)
    h = np.maximum(x_test @ weights["w1"] + weights["b1"], 0)
    hand = float(((h @ weights["w2"] + weights["b2"]).argmax(axis=1) == y_test).mean())

    model = with_layers(x, y, epochs)
    layered = float((model.predict(x_test, verbose=0).argmax(axis=1) == y_test).mean())

    print(f"{len(x)} digits to learn from, {len(x_test)} to be tested on, {epochs} epochs\n")
    print("                                      right")
    print(f"  plain arrays, Adam written out     {hand:6.1%}")
    print(f"  layers and an optimizer            {layered:6.1%}")
    return {"plain_arrays": hand, "layers": layered}


if __name__ == "__main__":
    main()
