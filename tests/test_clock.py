"""The clock moves for what makes something stale, and for nothing else."""

import numpy as np
import pytest

import melpy
from melpy import clock, layers


def made():
    model = melpy.Sequential([melpy.Input((3,)), layers.Dense(4), layers.Dense(2)])
    model.compile(melpy.optimizers.Adam(), melpy.losses.Huber(), metrics=["mae"])
    model.fit(np.ones((8, 3)), np.ones((8, 2)), batch_size=4, verbose=0)
    return model


STRUCTURE = {
    "activation": lambda m: setattr(m.layers[0], "activation", melpy.ops.tanh),
    "frozen layer": lambda m: setattr(m.layers[0], "trainable", False),
    "frozen model": lambda m: setattr(m, "trainable", False),
    "frozen weight": lambda m: setattr(m.layers[0].kernel, "trainable", False),
    "regularizer": lambda m: setattr(m.layers[0].kernel, "regularizer", melpy.regularizers.L2()),
    "constraint": lambda m: setattr(m.layers[0].kernel, "constraint", melpy.constraints.NonNeg()),
    "clip": lambda m: setattr(m.optimizer, "clipnorm", 0.1),
    "loss": lambda m: setattr(m.loss, "delta", 0.1),
    "compile": lambda m: m.compile("sgd", "mse"),
    "layer": lambda m: m.add(layers.Dense(2)),
    "layer gone": lambda m: m.pop(),
    "epsilon": lambda m: melpy.config.set_epsilon(1e-3),
    "kernels": lambda m: melpy.config.set_kernels("numpy"),
    "floatx": lambda m: melpy.config.set_floatx("float64"),
    "threads": lambda m: melpy.config.set_threads(1),
    "convolutions": lambda m: melpy.config.set_conv_path("direct"),
}  # fmt: skip


@pytest.mark.parametrize("name", STRUCTURE)
def test_what_changes_what_is_computed_is_told(name):
    model = made()
    before, settings = clock.structure(), dict(melpy.config._settings)
    STRUCTURE[name](model)
    assert clock.structure() > before
    melpy.config._settings.clear()
    melpy.config._settings.update(settings)


VALUES = {
    "assign": lambda m: m.layers[0].kernel.assign(np.ones((3, 4))),
    "set_weights": lambda m: m.set_weights(m.get_weights()),
    "training": lambda m: m.fit(np.ones((8, 3)), np.ones((8, 2)), verbose=0),
    "load": lambda m: m.layers[0].load_own_variables({"0": np.ones((3, 4)), "1": np.ones(4)}),
    "state": lambda m: m.optimizer.set_weights([v.numpy() for v in m.optimizer.variables]),
}


@pytest.mark.parametrize("name", VALUES)
def test_other_values_are_told_and_change_nothing_else(name):
    model = made()
    before, structure = clock.values(), clock.structure()
    VALUES[name](model)
    assert clock.values() > before
    assert clock.structure() == structure


def test_use_moves_no_hand_of_structure():
    model = made()
    x, y = np.ones((8, 3)), np.ones((8, 2))
    model.evaluate(x, y)
    model.predict(x, verbose=0)
    before = clock.parts(), clock.structure()
    model.fit(x, y, batch_size=4, epochs=2, validation_data=(x, y), verbose=0)
    model.evaluate(x, y)
    model.predict(x, verbose=0)
    model.train_on_batch(x, y)
    model.optimizer.learning_rate = 0.5
    assert (clock.parts(), clock.structure()) == before


def test_what_ones_own_layer_notes_at_each_call_is_its_own():
    class Noting(layers.Layer):
        def call(self, inputs):
            self.largest = float(np.max(np.asarray(inputs)))
            return inputs * 1.0

    layer = Noting()
    layer(np.ones((2, 2)))
    before = clock.structure()
    layer(np.ones((2, 2)))
    assert clock.structure() == before


def test_what_ones_own_optimizer_has_of_the_library_is_told():
    class Mine(melpy.optimizers.SGD):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.seen = 0

    optimizer = Mine(learning_rate=0.1)
    before = clock.structure()
    optimizer.seen += 1
    optimizer.learning_rate = 0.2
    assert clock.structure() == before
    optimizer.clipvalue = 0.5
    assert clock.structure() > before
