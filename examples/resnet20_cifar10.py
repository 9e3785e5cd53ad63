"""ResNet-20 on CIFAR-10: He, Zhang, Ren and Sun (2016), section 4.2, n = 3.

Shows  a functional model with shortcuts, augmentation inside the model (it acts in training
       only), weight decay on the kernels and a learning rate that falls in steps, as there.
Takes  about 40 seconds for 2,048 of the 50,000 images and 3 epochs: enough to see it learn, not
       enough to learn it. `--full` trains on all of them for 164 epochs as in their paper, many
       hours on a CPU. Without CIFAR-10 on this machine it takes melpy's own digits, enlarged;
       `--download` brings CIFAR-10.
Expect about 25% of the test images right after the short run, against 10% for guessing. Their
       paper reports 91.25% for the full one (its table 6); it has not been run here.

    python examples/resnet20_cifar10.py [--full] [--download]
"""

import sys

import numpy as np
import pictures

import melpy
from melpy import layers, regularizers

DECAY = 1e-4
MOMENTUM = 0.9  # of the moving averages; with Keras's 0.99 a short run would not fill them


def convolution(filters: int, size: int, strides: int) -> layers.Conv2D:
    """Return a convolution as all of the network's: He's draw, weight decay, no bias."""
    return layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        kernel_regularizer=regularizers.L2(DECAY / 2),
    )


def block(x: melpy.Tensor, filters: int, strides: int) -> melpy.Tensor:
    """Return relu(x + f(x)); where the shape changes, every second pixel and channels of zeros."""
    h = convolution(filters, 3, strides)(x)
    h = layers.ReLU()(layers.BatchNormalization(momentum=MOMENTUM)(h))
    h = layers.BatchNormalization(momentum=MOMENTUM)(convolution(filters, 3, 1)(h))
    if strides > 1:  # their option A: a shortcut without parameters
        x = layers.AveragePooling2D(1, strides=strides)(x)
        x = layers.Concatenate()([x, melpy.ops.zeros_like(x)])
    return layers.ReLU()(layers.Add()([x, h]))


def resnet(n: int = 3) -> melpy.Model:
    """Return the network of 6n + 2 layers for 32x32x3."""
    image = melpy.Input((32, 32, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = layers.RandomFlip("horizontal")(x)
    x = layers.RandomTranslation(0.125, 0.125, fill_mode="constant")(x)
    x = layers.BatchNormalization(momentum=MOMENTUM)(convolution(16, 3, 1)(x))
    x = layers.ReLU()(x)
    for stage, filters in enumerate((16, 32, 64)):
        for number in range(n):
            x = block(x, filters, 2 if stage > 0 and number == 0 else 1)
    x = layers.GlobalAveragePooling2D()(x)
    return melpy.Model(image, layers.Dense(10, activation="softmax")(x), name=f"resnet{6 * n + 2}")


def main(images: int = 2048, tested: int = 1000, epochs: int = 3) -> dict[str, float]:
    """Train, print what came out, and return the figures."""
    melpy.utils.set_random_seed(0)
    (x, y), (x_test, y_test) = pictures.load("cifar-10")
    x, y = x[:images].astype("float32"), y[:images]
    x_test, y_test = x_test[:tested].astype("float32"), y_test[:tested]

    model = resnet()
    steps = epochs * -(-len(x) // 128)
    rate = melpy.optimizers.schedules.PiecewiseConstantDecay(
        [steps // 2, 3 * steps // 4], [0.1, 0.01, 0.001]
    )
    model.compile(
        melpy.optimizers.SGD(rate, momentum=0.9),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    trained = sum(np.size(w) for w in model.trainable_variables)
    print(f"ResNet-20, {trained:,} trained parameters; {len(x):,} images, {epochs} epochs\n")
    model.fit(x, y, batch_size=128, epochs=epochs, verbose=2)

    _, accuracy = model.evaluate(x_test, y_test, batch_size=250, verbose=0)
    print(f"\n  right, of {len(x_test):,} test images  {accuracy:6.1%}")
    print("  guessing                     10.0%")
    return {"accuracy": accuracy, "trained_parameters": trained}


if __name__ == "__main__":
    if "--full" in sys.argv[1:]:
        main(50000, 10000, 164)
    else:
        main()
