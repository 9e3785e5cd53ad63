"""Bidirectional LSTMs on sequences of word numbers, padded and masked."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(0)
texts = [rng.integers(1, 200, rng.integers(4, 20)) for _ in range(48)]
x = keras.utils.pad_sequences([list(map(int, t)) for t in texts], maxlen=16, padding="post")
y = rng.integers(0, 2, 48)

inputs = keras.Input(shape=(None,), dtype="int32")
h = layers.Embedding(200, 16, mask_zero=True)(inputs)
h = layers.Bidirectional(layers.LSTM(8, return_sequences=True))(h)
h = layers.Bidirectional(layers.GRU(8))(h)
model = keras.Model(inputs, layers.Dense(1, activation="sigmoid")(h))
model.set_weights([rng.normal(0, 0.2, w.shape) for w in model.get_weights()])
model.compile("adam", "binary_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc")])
history = model.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0).history
result = [history, model.predict(x[:5], verbose=0)]
