"""Drawn networks: training and inference by programs give the bits of steps and layers."""

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import melpy
from melpy import layers

L = layers

ACTIVATIONS = st.sampled_from(
    ["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid", None]
)
AS_LAYERS = st.sampled_from(
    [
        lambda: L.ReLU(), lambda: L.LeakyReLU(0.1), lambda: L.ELU(0.5), lambda: L.PReLU(),
        lambda: L.Activation("gelu"), lambda: L.Activation("silu"), lambda: L.Dropout(0.3),
        lambda: L.BatchNormalization(), lambda: L.LayerNormalization(), lambda: L.ReLU(6.0),
    ]
)  # fmt: skip
ON_IMAGES = st.one_of(
    AS_LAYERS,
    st.builds(
        lambda filters, size, padding, activation: lambda: L.Conv2D(
            filters, size, padding=padding, activation=activation
        ),
        st.integers(1, 9), st.integers(1, 3), st.sampled_from(["same", "valid"]), ACTIVATIONS,
    ),
    st.builds(
        lambda size, activation: lambda: L.DepthwiseConv2D(
            size, padding="same", activation=activation
        ),
        st.integers(1, 3), ACTIVATIONS,
    ),
    st.sampled_from(
        [
            lambda: L.MaxPooling2D(2, padding="same"), lambda: L.AveragePooling2D(2, 1),
            lambda: L.ZeroPadding2D(1), lambda: L.UpSampling2D(2),
        ]
    ),
)  # fmt: skip
ON_ROWS = st.one_of(
    AS_LAYERS,
    st.builds(
        lambda units, activation, bias: lambda: L.Dense(units, activation, use_bias=bias),
        st.integers(1, 20), ACTIVATIONS, st.booleans(),
    ),
)  # fmt: skip
OPTIMIZERS = st.sampled_from(
    [
        lambda: "adam", lambda: "rmsprop", lambda: melpy.optimizers.SGD(0.05, momentum=0.9),
        lambda: melpy.optimizers.AdamW(clipnorm=1.0), lambda: melpy.optimizers.Adam(use_ema=True),
    ]
)  # fmt: skip
ENDS = st.sampled_from(
    [
        (3, "softmax", "categorical_crossentropy"), (3, None, "mse"), (3, "sigmoid", "mae"),
        (3, "sigmoid", "binary_crossentropy"), (3, "softmax", "sparse_categorical_crossentropy"),
    ]
)  # fmt: skip
RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(22, 7, 6, 2)).astype("float32")
CLASSES = RNG.integers(0, 3, 22)


def network(on_images, on_rows, end, short_cuts):
    """A model of the drawn layers; a short cut adds what comes in to what goes out, if it fits."""
    x = inputs = melpy.Input(IMAGES.shape[1:])
    for made in on_images:
        y = made()(x)
        x = L.Add()([x, y]) if short_cuts and x.shape == y.shape else y
    x = L.GlobalAveragePooling2D()(x) if short_cuts else L.Flatten()(x)
    for made in on_rows:
        x = made()(x)
    return melpy.Model(inputs, L.Dense(end[0], activation=end[1])(x))


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    on_images=st.lists(ON_IMAGES, max_size=4), on_rows=st.lists(ON_ROWS, max_size=3),
    end=ENDS, short_cuts=st.booleans(), optimizer=OPTIMIZERS, batch=st.integers(3, 8),
    threads=st.sampled_from([1, 2]),
)  # fmt: skip
def test_programs_give_the_bits_of_steps_and_layers(
    on_images, on_rows, end, short_cuts, optimizer, batch, threads
):
    melpy.config.set_threads(threads)
    labels = CLASSES if "sparse" in end[2] else np.eye(3, dtype="float32")[CLASSES]
    made = []
    for by_steps in (False, True):
        melpy.utils.set_random_seed(0)
        try:
            model = network(on_images, on_rows, end, short_cuts)
        except ValueError:  # images that became too small for a kernel
            return
        model.compile(optimizer(), end[2], metrics=["accuracy"], run_eagerly=by_steps)
        measured = (IMAGES[3:], labels[3:])
        history = model.fit(
            IMAGES, labels, batch_size=batch, epochs=4, verbose=0, validation_data=measured
        ).history
        made.append((history, model.get_weights()))
    assert made[0][0] == made[1][0]
    for one, other in zip(made[0][1], made[1][1], strict=True):
        np.testing.assert_array_equal(one, other)
    for n in range(5):
        few = IMAGES[n : n + 3]
        np.testing.assert_array_equal(model.predict(few, verbose=0), first_time(model, few))


def first_time(model, x):
    """What a model makes by its layers, as a copy does that never saw the shape."""
    twin = melpy.models.clone_model(model)
    twin.set_weights(model.get_weights())
    return twin.predict_on_batch(x)
