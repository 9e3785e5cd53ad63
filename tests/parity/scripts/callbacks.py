"""Callbacks: stops, rates, and one of one's own."""

import keras
import numpy as np

rng = np.random.default_rng(0)
x = rng.normal(size=(60, 4)).astype("float32")
y = (x[:, :1] > 0).astype("float32")
seen = []


class Watch(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        seen.append(["epoch", epoch])

    def on_train_batch_end(self, batch, logs=None):
        if batch == 0:
            seen.append(["first loss", float(logs["loss"])])

    def on_train_end(self, logs=None):
        seen.append(["end", self.params["epochs"]])


model = keras.Sequential(
    [keras.Input((4,)), keras.layers.Dense(6, activation="elu"), keras.layers.Dense(1)]
)
model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
model.compile(
    keras.optimizers.Adam(0.05, clipnorm=1.0, use_ema=True, ema_momentum=0.9),
    keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1),
    metrics=[keras.metrics.BinaryAccuracy(threshold=0.0), keras.metrics.Precision(thresholds=0.0)],
)
history = model.fit(
    x,
    y,
    batch_size=20,
    epochs=12,
    shuffle=False,
    verbose=0,
    validation_data=(x[::-1], y[::-1]),
    callbacks=[
        Watch(),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.95),
        keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.3, patience=1, min_delta=0.02),
        keras.callbacks.EarlyStopping(
            "val_loss", patience=2, min_delta=0.01, restore_best_weights=True
        ),
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda e, logs: seen.append(["over", e])),
    ],
)
result = [history.history, history.epoch, seen, model.predict(x[:3], verbose=0)]
