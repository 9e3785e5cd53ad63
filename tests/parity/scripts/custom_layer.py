"""A dense layer, a noisy layer and a penalty of one's own, with a schedule for the rate."""

import keras
import numpy as np
from keras import layers, ops

rng = np.random.default_rng(0)


class Linear(layers.Layer):
    def __init__(self, units=32, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        self.w = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="random_normal", trainable=True
        )
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", trainable=True)
        self.calls = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, inputs):
        return ops.matmul(inputs, self.w) + self.b

    def get_config(self):
        return {**super().get_config(), "units": self.units}


class Penalty(layers.Layer):
    def call(self, inputs):
        self.add_loss(1e-2 * ops.mean(ops.square(inputs)))
        return inputs


class Block(layers.Layer):
    def __init__(self):
        super().__init__()
        self.first, self.second = Linear(8), Linear(1)

    def call(self, inputs):
        return self.second(ops.relu(self.first(inputs)))


inputs = keras.Input((6,))
model = keras.Model(inputs, Penalty()(Block()(inputs)))
model.set_weights([rng.normal(0, 0.3, w.shape) for w in model.get_weights()])
schedule = keras.optimizers.schedules.CosineDecay(
    0.05, decay_steps=10, warmup_steps=2, warmup_target=0.1
)
model.compile(
    keras.optimizers.SGD(schedule, momentum=0.5),
    keras.losses.Huber(),
    metrics=[keras.metrics.RootMeanSquaredError(), "mae"],
)
x = rng.normal(size=(40, 6)).astype("float32")
history = model.fit(x, x.sum(1), epochs=3, batch_size=8, shuffle=False, verbose=0).history
config = Linear(5, name="five").get_config()
result = [
    history,
    len(model.trainable_weights),
    len(model.non_trainable_weights),
    [config["units"], config["name"]],
    model.predict(x[:3], verbose=0),
]
