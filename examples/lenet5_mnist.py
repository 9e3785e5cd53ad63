"""LeNet-5 on MNIST: the convolutional network of LeCun, Bottou, Bengio and Haffner (1998).

Shows  a convolutional network written layer by layer, with the average pooling and the tanh of its
       time, trained by fit with a learning rate that falls.
Takes  about 20 seconds for 12,000 of the 60,000 training digits and 3 epochs; `--full` takes all of
       them and 10 epochs, some minutes. Without MNIST on this machine it takes melpy's own digits,
       enlarged; `--download` brings MNIST.
Expect about 95% of the test digits right, about 99% with `--full`.

    python examples/lenet5_mnist.py [--full] [--download]
"""

import sys

import pictures

import melpy
from melpy import layers


def lenet5() -> melpy.Sequential:
    """Return LeNet-5 with softmax in the place of its Gaussian outputs: 61,706 parameters."""
    return melpy.Sequential(
        [
            melpy.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="tanh"),  # 28x28x6
            layers.AveragePooling2D(2),  # 14x14x6
            layers.Conv2D(16, 5, activation="tanh"),  # 10x10x16
            layers.AveragePooling2D(2),  # 5x5x16
            layers.Flatten(),
            layers.Dense(120, activation="tanh"),
            layers.Dense(84, activation="tanh"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def main(digits: int = 12000, epochs: int = 3) -> dict[str, float]:
    """Train, print what came out, and return the figures."""
    melpy.utils.set_random_seed(0)
    (x, y), (x_test, y_test) = pictures.load("mnist")
    x, y = x[:digits, ..., None] / 255.0, y[:digits]
    x_test = x_test[..., None] / 255.0

    model = lenet5()
    steps = epochs * len(x) // 64
    rate = melpy.optimizers.schedules.CosineDecay(0.003, decay_steps=steps)
    model.compile(
        melpy.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    print(f"LeNet-5, {model.count_params():,} parameters; {len(x):,} digits, {epochs} epochs\n")
    model.fit(x, y, batch_size=64, epochs=epochs, verbose=2)

    _, accuracy = model.evaluate(x_test, y_test, batch_size=250, verbose=0)
    print(f"\n  right, of {len(x_test):,} test digits  {accuracy:6.2%}")
    return {"accuracy": accuracy}


if __name__ == "__main__":
    if "--full" in sys.argv[1:]:
        main(60000, 10)
    else:
        main()
