"""The convnet of Keras's first example, on images drawn here."""

import keras
import numpy as np

rng = np.random.default_rng(0)
x = rng.random((96, 28, 28), dtype="float32")
y = rng.integers(0, 10, 96)
x = np.expand_dims(x, -1)
y = keras.utils.to_categorical(y, 10)

model = keras.Sequential(
    [
        keras.Input(shape=(28, 28, 1)),
        keras.layers.Conv2D(8, kernel_size=(3, 3), activation="relu"),
        keras.layers.MaxPooling2D(pool_size=(2, 2)),
        keras.layers.Conv2D(16, kernel_size=(3, 3), activation="relu"),
        keras.layers.MaxPooling2D(pool_size=(2, 2)),
        keras.layers.Flatten(),
        keras.layers.Dropout(0.0),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.set_weights([rng.normal(0, 0.1, w.shape) for w in model.get_weights()])
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
history = model.fit(
    x, y, batch_size=32, epochs=2, validation_split=0.25, shuffle=False, verbose=0
).history
result = [history, model.evaluate(x, y, verbose=0), model.predict(x[:4], verbose=0)]
