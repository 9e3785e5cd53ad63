"""Transfer: a network that knows the digits 0 to 4 learns 5 to 9 from fifty examples.

Shows  a model inside a model, freezing with `trainable = False`, and fine-tuning: the frozen part
       is let go and trained on at a small learning rate after a second compile.
Takes  about 10 seconds. Without MNIST on this machine it takes melpy's own digits, enlarged;
       `--download` brings MNIST.
Expect about 77% right with the part that was learnt before, some points less from scratch; the
       tuning adds nothing when the images are this few.

    python examples/transfer.py [--download]
"""

import numpy as np
import pictures

import melpy
from melpy import layers

LABELLED = 50  # images of 5 to 9 with a label


def features() -> melpy.Sequential:
    """Return the part that sees: two convolutions."""
    return melpy.Sequential(
        [
            melpy.Input((28, 28, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
        ],
        name="features",
    )


def with_head(seeing: melpy.Model) -> melpy.Model:
    """Return a model of five classes that sees with ``seeing``."""
    image = melpy.Input((28, 28, 1))
    h = layers.Dense(64, activation="relu")(seeing(image))
    return melpy.Model(image, layers.Dense(5, activation="softmax")(h))


def train(model: melpy.Model, x: np.ndarray, y: np.ndarray, rate: float, epochs: int) -> None:
    """Compile, which takes note of what is frozen, and fit."""
    model.compile(
        melpy.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(x, y, batch_size=32, epochs=epochs, verbose=0)


def main() -> dict[str, float]:
    """Train, print what came out, and return the figures."""
    melpy.utils.set_random_seed(0)
    (x, y), (x_test, y_test) = pictures.load("mnist")
    x, x_test = x[:12000, ..., None] / 255.0, x_test[..., None] / 255.0
    y = y[:12000]
    known, new, asked = y < 5, np.flatnonzero(y >= 5)[:LABELLED], y_test >= 5

    seeing = features()
    train(with_head(seeing), x[known], y[known], 0.001, 2)

    seeing.trainable = False
    transferred = with_head(seeing)
    weights = [sum(np.size(w) for w in transferred.trainable_variables)]
    train(transferred, x[new], y[new] - 5, 0.001, 30)
    right = {"head": transferred.evaluate(x_test[asked], y_test[asked] - 5, verbose=0)[1]}

    seeing.trainable = True
    weights.append(sum(np.size(w) for w in transferred.trainable_variables))
    train(transferred, x[new], y[new] - 5, 0.0003, 30)
    right["tuned"] = transferred.evaluate(x_test[asked], y_test[asked] - 5, verbose=0)[1]

    scratch = with_head(features())
    train(scratch, x[new], y[new] - 5, 0.001, 60)
    right["scratch"] = scratch.evaluate(x_test[asked], y_test[asked] - 5, verbose=0)[1]

    print(f"{known.sum():,} images of 0 to 4, {LABELLED} of 5 to 9, {asked.sum():,} for the test\n")
    print("                                       weights trained    right")
    print(f"  knows 0 to 4, a new head             {weights[0]:15,} {right['head']:8.1%}")
    print(f"  and all of it tuned after that       {weights[1]:15,} {right['tuned']:8.1%}")
    print(f"  from scratch                         {weights[1]:15,} {right['scratch']:8.1%}")
    return right


if __name__ == "__main__":
    main()
