"""Functional models train as in Keras: weight order, losses of several outputs, history."""

import numpy as np
import pytest

import melpy

pytestmark = pytest.mark.parity

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(48, 6, 6, 2)).astype("float32"), RNG.normal(size=(48, 5)).astype("float32")
NUMBER = RNG.normal(size=(48, 1)).astype("float32")
KIND = RNG.integers(0, 3, 48)


def branches(library):
    """Return a model with branches, a shared layer, a residual sum, two inputs, two outputs."""
    L = library.layers
    a, b = library.Input((6, 6, 2), name="a"), library.Input((5,), name="b")
    conv = L.Conv2D(4, 3, padding="same", activation="relu")(a)
    side = L.Conv2D(4, 1)(a)
    # no bias before the normalization: its gradient is rounding noise, which Adam makes large
    h = L.BatchNormalization()(L.Conv2D(4, 3, padding="same", use_bias=False)(conv))
    h = L.Add()([h, side])
    h = L.GlobalAveragePooling2D()(h)
    shared = L.Dense(4, activation="tanh", kernel_regularizer="l2")
    joined = L.Concatenate()([shared(h), shared(L.Dense(4)(b))])
    number = L.Dense(1, name="number")(joined)
    kind = L.Dense(3, activation="softmax", name="kind")(L.Dense(6, activation="relu")(joined))
    return library.Model(inputs=[a, b], outputs=[number, kind])


def nested(library):
    """Return a model that has a model inside, twice."""
    L = library.layers
    inner = library.Sequential([library.Input((5,)), L.Dense(4, activation="relu"), L.Dense(3)])
    b, c = library.Input((5,)), library.Input((5,))
    return library.Model([b, c], L.Dense(2)(L.Multiply()([inner(b), inner(c)])))


@pytest.mark.parametrize("network", [branches, nested])
def test_weight_order(keras, network):
    ours, theirs = network(melpy), network(keras)
    assert [w.shape for w in ours.weights] == [tuple(w.shape) for w in theirs.weights]
    assert [w.name for w in ours.weights] == [w.name for w in theirs.weights]
    trained = [tuple(w.shape) for w in theirs.trainable_weights]
    assert [w.shape for w in ours.trainable_weights] == trained
    assert [type(x).__name__.replace("Model", "Functional") for x in ours.layers] == [
        type(x).__name__ for x in theirs.layers
    ]


LOSSES = [
    (["mse", "sparse_categorical_crossentropy"], None, [["mae"], ["accuracy"]]),
    ({"number": "mse", "kind": "sparse_categorical_crossentropy"},
     {"number": 0.3, "kind": 2.0}, {"kind": ["accuracy"]}),
]  # fmt: skip


@pytest.mark.parametrize(("loss", "loss_weights", "metrics"), LOSSES)
def test_two_outputs(keras, agree, loss, loss_weights, metrics):
    ours, theirs = branches(melpy), branches(keras)
    theirs.set_weights(ours.get_weights())
    for library, model in ((melpy, ours), (keras, theirs)):
        model.compile(
            library.optimizers.Adam(0.01), loss=loss, loss_weights=loss_weights, metrics=metrics
        )
    given = {"batch_size": 16, "epochs": 3, "shuffle": False, "verbose": 0}
    given["validation_data"] = ([A[:8], B[:8]], [NUMBER[:8], KIND[:8]])
    mine = ours.fit([A, B], [NUMBER, KIND], **given).history
    other = theirs.fit([A, B], [NUMBER, KIND], **given).history
    assert mine.keys() == other.keys()
    for name, values in mine.items():
        assert values == pytest.approx(other[name], rel=1e-4), name
    for p, q in zip(ours.predict([A, B]), theirs.predict([A, B], verbose=0), strict=True):
        agree(p, q, 1e-3)
    x, y = {"a": A, "b": B}, {"number": NUMBER, "kind": KIND}
    named = ours.evaluate(x, y, return_dict=True, verbose=0)
    expected = theirs.evaluate(x, y, return_dict=True, verbose=0)
    assert named == pytest.approx(expected, rel=1e-4)
    assert ours.evaluate(x, y, verbose=0) == pytest.approx(
        theirs.evaluate(x, y, verbose=0), rel=1e-4
    )


def test_freezing_part_of_a_model(keras, agree):
    ours, theirs = nested(melpy), nested(keras)
    theirs.set_weights(ours.get_weights())
    for library, model in ((melpy, ours), (keras, theirs)):
        next(x for x in model.layers if hasattr(x, "layers")).trainable = False
        model.compile(library.optimizers.SGD(0.1, momentum=0.9), loss="mse")
        model.fit([B, B[::-1]], B[:, :2], batch_size=16, epochs=2, shuffle=False, verbose=0)
    for mine, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        agree(mine, other, 1e-4)


def test_a_custom_layer_and_a_compute_loss(keras):
    def network(library):
        class Scale(library.layers.Layer):
            def build(self, input_shape):
                self.scale = self.add_weight(
                    shape=(input_shape[-1],), initializer="ones", name="scale"
                )

            def call(self, inputs):
                self.add_loss(0.1 * library.ops.sum(library.ops.square(self.scale)))
                return inputs * self.scale

        class Own(library.Model):
            def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
                own = library.ops.mean(library.ops.abs(y_pred - y))
                return own + library.ops.sum(library.ops.stack(self.losses))

        b = library.Input((5,))
        model = Own(b, library.layers.Dense(1)(Scale()(b)))
        model.compile(library.optimizers.SGD(0.05))
        return model

    ours, theirs = network(melpy), network(keras)
    theirs.set_weights(ours.get_weights())
    given = {"batch_size": 16, "epochs": 3, "shuffle": False, "verbose": 0}
    mine, other = ours.fit(B, NUMBER, **given), theirs.fit(B, NUMBER, **given)
    assert mine.history["loss"] == pytest.approx(other.history["loss"], rel=1e-4)


def test_rates_that_change(keras, tmp_path):
    """Callbacks that set the learning rate set Keras's rates, and the same losses follow."""

    def run(library):
        L = library.layers
        model = library.Sequential([library.Input((5,)), L.Dense(4, activation="tanh"), L.Dense(1)])
        model.set_weights(start if start else model.get_weights())
        model.compile(library.optimizers.Adam(0.05), loss="mse")
        calls = [
            library.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
            library.callbacks.ReduceLROnPlateau(
                "loss", 0.5, patience=1, min_delta=0.05, cooldown=1
            ),
            library.callbacks.CSVLogger(tmp_path / f"{library.__name__}.csv"),
        ]
        history = model.fit(
            B, NUMBER, epochs=8, batch_size=16, shuffle=False, verbose=0, callbacks=calls
        ).history
        return history, model

    start = None
    model = melpy.Sequential(
        [melpy.Input((5,)), melpy.layers.Dense(4, "tanh"), melpy.layers.Dense(1)]
    )
    start = model.get_weights()
    mine, other = run(melpy)[0], run(keras)[0]
    assert mine.keys() == other.keys()
    assert mine["learning_rate"] == pytest.approx(other["learning_rate"], rel=1e-5)
    assert mine["loss"] == pytest.approx(other["loss"], rel=1e-4)
