"""Transfer: a trained base is frozen, a new head is trained, then the whole is tuned."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(0)
x = rng.normal(size=(40, 10, 10, 3)).astype("float32")
y = rng.integers(0, 2, 40)

base = keras.Sequential(
    [
        keras.Input((10, 10, 3)),
        layers.Conv2D(6, 3, activation="relu", use_bias=False),
        layers.BatchNormalization(),
        layers.DepthwiseConv2D(3, activation="relu"),
        layers.GlobalAveragePooling2D(),
    ],
    name="base",
)
base.set_weights([np.abs(rng.normal(0, 0.3, w.shape)) for w in base.get_weights()])
base.trainable = False

inputs = keras.Input((10, 10, 3))
h = base(inputs, training=False)
model = keras.Model(inputs, layers.Dense(1)(h))
head = model.layers[-1]
head.set_weights([rng.normal(0, 0.3, w.shape) for w in head.get_weights()])
frozen = len(model.trainable_weights)
loss = keras.losses.BinaryCrossentropy(from_logits=True)
model.compile(keras.optimizers.Adam(0.01), loss)
first = model.fit(x, y, epochs=2, batch_size=20, shuffle=False, verbose=0).history
base.trainable = True
base.layers[1].trainable = False  # the normalization keeps its averages
model.compile(keras.optimizers.Adam(1e-3), loss)
second = model.fit(x, y, epochs=2, batch_size=20, shuffle=False, verbose=0).history
result = [first, second, frozen, len(model.trainable_weights), model.predict(x[:3], verbose=0)]
