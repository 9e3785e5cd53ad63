"""Preprocessing and augmentation inside a model; ranges have one value, so nothing is chance."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(0)
x = rng.integers(0, 256, (24, 12, 12, 3)).astype("float32")
y = rng.integers(0, 3, 24)

normalize = layers.Normalization()
normalize.adapt(x / 255)
model = keras.Sequential(
    [
        keras.Input((12, 12, 3)),
        layers.Rescaling(1 / 255),
        normalize,
        layers.RandomRotation((0.1, 0.1)),
        layers.RandomTranslation((0.1, 0.1), (0.2, 0.2), fill_mode="nearest"),
        layers.RandomZoom((0.2, 0.2)),
        layers.Resizing(8, 8),
        layers.Conv2D(6, 3, activation="swish"),
        layers.GlobalMaxPooling2D(),
        layers.Dense(3, activation="softmax"),
    ]
)
kept = normalize.get_weights()
drawn = [rng.normal(0, 0.2, w.shape) for w in model.get_weights()[-4:]]
for layer, pair in ((model.layers[-3], drawn[:2]), (model.layers[-1], drawn[2:])):
    layer.set_weights(pair)
model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
history = model.fit(x, y, epochs=2, batch_size=8, shuffle=False, verbose=0).history
result = [history, [float(np.sum(w)) for w in kept], model.predict(x[:4], verbose=0)]
