"""A convolutional autoencoder; then its encoder alone."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(0)
x = rng.random((48, 16, 16, 1), dtype="float32")

inputs = keras.Input((16, 16, 1))
h = layers.Conv2D(8, 3, activation="relu", padding="same")(inputs)
h = layers.MaxPooling2D(2, padding="same")(h)
code = layers.Conv2D(4, 3, strides=2, activation="relu", padding="same")(h)
h = layers.Conv2DTranspose(8, 3, strides=2, activation="relu", padding="same")(code)
h = layers.UpSampling2D(2)(h)
outputs = layers.Conv2D(1, 3, activation="sigmoid", padding="same")(h)
autoencoder = keras.Model(inputs, outputs)
autoencoder.set_weights([rng.normal(0, 0.2, w.shape) for w in autoencoder.get_weights()])
autoencoder.compile(optimizer="adam", loss="binary_crossentropy")
history = autoencoder.fit(x, x, epochs=2, batch_size=16, shuffle=False, verbose=0).history
encoder = keras.Model(inputs, code)
result = [history, encoder.predict(x[:2], verbose=0), autoencoder.predict(x[:2], verbose=0)]
