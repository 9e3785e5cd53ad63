"""Tickets: a title, a text and tags give a priority and a department."""

import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(0)
title = keras.Input(shape=(None,), name="title")
body = keras.Input(shape=(None,), name="body")
tags = keras.Input(shape=(5,), name="tags")
a = layers.LSTM(8)(layers.Embedding(50, 6)(title))
b = layers.LSTM(4)(layers.Embedding(50, 6)(body))
x = layers.concatenate([a, b, tags])
priority = layers.Dense(1, name="priority")(x)
department = layers.Dense(4, name="department")(x)
model = keras.Model(
    inputs=[title, body, tags],
    outputs={"priority": priority, "department": department},
)
model.set_weights([rng.normal(0, 0.2, w.shape) for w in model.get_weights()])
model.compile(
    optimizer=keras.optimizers.RMSprop(1e-3),
    loss={
        "priority": keras.losses.BinaryCrossentropy(from_logits=True),
        "department": keras.losses.CategoricalCrossentropy(from_logits=True),
    },
    loss_weights={"priority": 1.0, "department": 0.2},
)
data = {
    "title": rng.integers(0, 50, (40, 6)),
    "body": rng.integers(0, 50, (40, 9)),
    "tags": rng.integers(0, 2, (40, 5)).astype("float32"),
}
targets = {
    "priority": rng.random((40, 1)).round(),
    "department": np.eye(4)[rng.integers(0, 4, 40)],
}
history = model.fit(data, targets, epochs=2, batch_size=16, shuffle=False, verbose=0).history
result = [history, model.predict(data, verbose=0)]
