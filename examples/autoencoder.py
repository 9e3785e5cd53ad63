"""Autoencoder: 784 pixels through 16 numbers and back.

Shows  two models that share layers, the whole and its encoder, binary cross-entropy on pixels,
       and a picture made with Matplotlib.
Takes  about 20 seconds, and writes runs/autoencoder.png. Without MNIST on this machine it takes
       melpy's own digits, enlarged; `--download` brings MNIST.
Expect half the mean squared error of as many principal components.

    python examples/autoencoder.py [--download]
"""

from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt
import pictures

import melpy
from melpy import layers

CODE = 16


def build() -> tuple[melpy.Model, melpy.Model]:
    """Return the autoencoder, and its first half."""
    image = melpy.Input((28, 28))
    h = layers.Flatten()(image)
    h = layers.Dense(256, activation="relu")(h)
    code = layers.Dense(CODE, name="code")(h)
    h = layers.Dense(256, activation="relu")(code)
    h = layers.Dense(784, activation="sigmoid")(h)
    again = layers.Reshape((28, 28))(h)
    return melpy.Model(image, again, name="autoencoder"), melpy.Model(image, code, name="encoder")


def components(x: np.ndarray, x_test: np.ndarray) -> np.ndarray:
    """Return x_test through its first CODE principal components, found on x."""
    flat, flat_test = x.reshape(len(x), -1), x_test.reshape(len(x_test), -1)
    mean = flat.mean(axis=0)
    axes = np.linalg.eigh(np.cov(flat, rowvar=False))[1][:, -CODE:]
    return (mean + (flat_test - mean) @ axes @ axes.T).reshape(x_test.shape)


def draw(rows: dict[str, np.ndarray], path: Path) -> None:
    """Write a picture of rows of images."""
    count = len(next(iter(rows.values())))
    figure, axes = plt.subplots(len(rows), count, figsize=(count, 1.1 * len(rows)))
    for line, (name, images) in zip(axes, rows.items(), strict=True):
        for place, image in zip(line, images, strict=True):
            place.imshow(image, cmap="gray_r", vmin=0, vmax=1)
            place.set(xticks=[], yticks=[])
            place.spines[:].set_visible(False)
        line[0].set_ylabel(name)
    figure.tight_layout(pad=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    plt.close(figure)


def main(path: Path = Path("runs/autoencoder.png")) -> dict[str, float]:
    """Train, print what came out, draw it, and return the figures."""
    melpy.utils.set_random_seed(0)
    (x, _), (x_test, y_test) = pictures.load("mnist")
    x, x_test = (a.astype("float32") / 255 for a in (x[:20000], x_test))

    model, encoder = build()
    model.compile(melpy.optimizers.Adam(0.001), loss="binary_crossentropy")
    model.fit(x, x, batch_size=64, epochs=10, verbose=0)

    again = model.predict(x_test, verbose=0)
    linear = components(x, x_test)
    error, linear_error = (float(((a - x_test) ** 2).mean()) for a in (again, linear))
    codes = encoder.predict(x_test[:1], verbose=0)
    shown = [int(np.flatnonzero(y_test == digit)[0]) for digit in range(10)]
    rows = {"image": x_test[shown], "network": again[shown], "linear": linear[shown]}
    draw(rows, path)
    print(f"784 pixels become {codes.shape[1]} numbers; {len(x):,} digits to learn from")
    print("\n                                   mean squared error")
    print(f"  this network                     {error:10.4f}")
    print(f"  {CODE} principal components          {linear_error:10.4f}")
    print(f"\nten test digits, and what came back: {path}")
    return {"error": error, "principal_components_error": linear_error}


if __name__ == "__main__":
    main()
