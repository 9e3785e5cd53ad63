"""However a model came to be, and whatever was changed since: it computes what its layers compute.

Models skip work where they can: plans for a few samples, layers that run together, what was worked
out once and kept. Here each way to make a model meets each kind of change, and calls on few samples
and on many, repeated, are held to the layers called one by one.
"""

import copy

import numpy as np
import pytest

import melpy
from melpy import layers, tape

CHAIN = ("conv", "norm", "relu", "flat", "dense", "dense", "out")  # dense is used twice
RNG = np.random.default_rng(0)
FEW, MANY = (RNG.normal(size=(n, 5, 2)).astype("float32") for n in (4, 11))


def stack():
    """The layers of the chain, by name."""
    return {
        "conv": layers.Conv1D(3, 2, name="conv"),
        "norm": layers.BatchNormalization(name="norm"),
        "relu": layers.ReLU(name="relu"),
        "flat": layers.Flatten(name="flat"),
        "dense": layers.Dense(12, "tanh", name="dense"),
        "out": layers.Dense(2, name="out"),
    }


def run(by_name, x, names=CHAIN):
    for name in names:
        x = by_name[name](x)
    return x


def sequential(*first):
    by_name = stack()
    row = list(by_name.values())
    return melpy.Sequential([*first, *row])


def functional():
    x = melpy.Input((5, 2))
    return melpy.Model(x, run(stack(), x))


class Own(melpy.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        for name, layer in stack().items():
            setattr(self, f"my_{name}", layer)

    def call(self, inputs):
        return run({name: getattr(self, f"my_{name}") for name in CHAIN}, inputs)

    def get_config(self):
        return {}


def nested():
    by_name = stack()
    inner = melpy.Sequential([by_name["conv"], by_name["norm"], by_name["relu"]], name="inner")
    x = melpy.Input((5, 2))
    return melpy.Model(x, run(by_name, inner(x), CHAIN[3:]))


def shared():
    """A model whose layers are another model's too."""
    first = functional()
    return melpy.Model(first.input, first.output * 1.0)


def begun_by_a_model():
    by_name = stack()
    x = melpy.Input((5, 2))
    base = melpy.Model(x, run(by_name, x, CHAIN[:3]))
    return melpy.Sequential([base, by_name["flat"], by_name["dense"], by_name["out"]])


def cut_out():
    """What follows one layer of another model."""
    by_name = stack()
    x = melpy.Input((5, 2))
    h = layers.Activation("linear")(x)
    whole = melpy.Model(x, run(by_name, h))
    return melpy.Model(whole.layers[1].output, whole.output)


def by_hand():
    model = sequential()
    model.build((None, 5, 2))
    return model


def layer_by_layer():
    model = melpy.Sequential()
    for layer in (melpy.Input((5, 2)), *stack().values()):
        model.add(layer)
    return model


def through_json():
    return melpy.models.model_from_json(functional().to_json())


WAYS = {
    "with Input": lambda: sequential(melpy.Input((5, 2))),
    "without Input": sequential,
    "functional": functional,
    "own call": Own,
    "own call with a graph": lambda: type("Own", (melpy.Model,), {})(
        x := melpy.Input((5, 2)), run(stack(), x)
    ),
    "nested": nested,
    "shared": shared,
    "begun by a model": begun_by_a_model,
    "cut out": cut_out,
    "built by hand": by_hand,
    "layer by layer": layer_by_layer,
    "from json": through_json,
    "cloned": lambda: melpy.models.clone_model(functional()),
    "cloned without Input": lambda: melpy.models.clone_model(sequential()),
    "frozen": lambda: frozen(functional()),
}


def frozen(model):
    model.trainable = False
    return model


def inside(model):
    return {layer.name: layer for layer in model.layers_inside}


def plainly(model, x):
    """What the layers make of x, called one by one."""
    by_name = inside(model)
    uses = [name for name in CHAIN if name in by_name]
    if isinstance(model, melpy.Sequential):  # which has each layer once
        uses = [name for n, name in enumerate(uses) if name not in uses[:n]]
    with melpy.no_grad():
        return np.asarray(run(by_name, melpy.Tensor(x.astype(melpy.config.floatx())), uses))


def agrees(model):
    for _ in range(3):  # the second call makes a plan, the third one uses it
        for x in (FEW, MANY):
            y = plainly(model, x)
            close = {"rtol": 2e-5, "atol": 2e-6}
            np.testing.assert_allclose(model.predict(x, verbose=0), y, **close)
            np.testing.assert_allclose(np.asarray(model(x, training=False)), y, **close)
            loss = model.evaluate(x, np.zeros_like(y), verbose=0)
            np.testing.assert_allclose(loss, (y**2).mean(), rtol=1e-4)


def weights_assigned(model):
    for w in model.weights:
        w.assign(w.numpy() * 0.5 + 0.25)


def weights_set(model):
    model.set_weights([w * 0.5 + 0.25 for w in model.get_weights()])


def one_array_replaced(model):
    for w in model.weights:
        w.array = w.array * w.dtype.type(1.5)


def activation_set(model):
    inside(model)["dense"].activation = melpy.activations.relu
    inside(model)["out"].activation = melpy.activations.sigmoid


def options_set(model):
    inside(model)["norm"].epsilon = 0.5
    inside(model)["relu"].negative_slope = 0.3


def layers_added(model):
    if isinstance(model, melpy.Sequential):
        popped = model.pop()
        agrees(model)
        popped.name = "out"
        model.add(popped)


def trained(model):
    y = np.zeros((11, *np.shape(model(MANY))[1:]))
    model.fit(MANY, y, epochs=2, batch_size=6, validation_data=(FEW, y[:4]), verbose=0)


CHANGES = {
    "weights assigned": weights_assigned,
    "weights set": weights_set,
    "arrays replaced": one_array_replaced,
    "activation set": activation_set,
    "options set": options_set,
    "frozen": frozen,
    "unfrozen": lambda model: setattr(model, "trainable", True),
    "kernels set": lambda model: melpy.config.set_kernels("numpy"),
    "threads set": lambda model: melpy.config.set_threads(1),
    "float type set": lambda model: melpy.config.set_floatx("float64"),
    "compiled again": lambda model: model.compile("adam", "mse"),
    "trained": trained,
    "layers added": layers_added,
    "copied": lambda model: weights_assigned(copy.deepcopy(model)),
    "described again": lambda model: model(melpy.Input((5, 2))),
}


@pytest.fixture(autouse=True)
def seeded():
    melpy.utils.set_random_seed(3)
    before = dict(melpy.config._settings)
    yield
    melpy.config._settings.clear()
    melpy.config._settings.update(before)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("way", WAYS)
def test_a_change_is_noticed(way, change):
    model = WAYS[way]()
    model.compile("sgd", "mse")
    agrees(model)
    CHANGES[change](model)
    agrees(model)


@pytest.mark.parametrize("way", WAYS)
def test_a_file(way, tmp_path):
    model = WAYS[way]()
    model.compile("sgd", "mse")
    model.predict(FEW, verbose=0)
    model.save(tmp_path / "m.keras")
    loaded = melpy.models.load_model(tmp_path / "m.keras", {"Own": type(model)})
    agrees(loaded)
    np.testing.assert_array_equal(loaded.predict(MANY, verbose=0), model.predict(MANY, verbose=0))
    loaded.save_weights(tmp_path / "m.weights.h5")
    weights_assigned(loaded)
    agrees(loaded)
    loaded.load_weights(tmp_path / "m.weights.h5")
    agrees(loaded)
    np.testing.assert_array_equal(loaded.predict(FEW, verbose=0), model.predict(FEW, verbose=0))


@pytest.mark.parametrize("way", WAYS)
def test_training(way):
    """Two steps of `fit` are two steps by hand."""
    model = WAYS[way]()
    model.compile(melpy.optimizers.SGD(0.1), "mse")
    y = np.zeros_like(model.predict(MANY, verbose=0))
    twin = copy.deepcopy(model)
    model.fit(MANY, y, batch_size=6, epochs=1, shuffle=False, verbose=0)
    for rows in (slice(0, 6), slice(6, 11)):
        trained = twin.trainable_weights
        by_name = inside(twin)
        uses = [n for n in CHAIN if n in by_name]
        if isinstance(twin, melpy.Sequential):
            uses = list(dict.fromkeys(uses))
        x = MANY[rows]
        for name in uses:
            x = by_name[name](x, training=True) if name == "norm" else by_name[name](x)
        loss = ((x - y[rows]) ** 2).mean()
        if trained:
            for w, g in zip(trained, tape.gradients(loss, trained), strict=True):
                w.assign(w.value - np.float32(0.1) * g)
    for one, other in zip(model.weights, twin.weights, strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-6)


def in_place(weight):
    yield lambda: weight.value.__setitem__(..., 1)
    yield lambda: weight.value.reshape(-1)[:1].fill(1)
    yield lambda: np.copyto(np.asarray(weight), 1)
    yield lambda: np.copyto(melpy.ops.convert_to_numpy(weight), 1)
    yield lambda: np.multiply(weight.value, 2, out=weight.value)
    for view in (weight[:1], weight.reshape(-1), np.ravel(weight), melpy.ops.stop_gradient(weight)):
        yield lambda view=view: np.asarray(view).fill(1)
    with tape.no_grad():
        turned = melpy.ops.transpose(weight)
    yield lambda: turned.numpy().fill(1)


@pytest.mark.parametrize("way", WAYS)
def test_no_write_into_a_weight_goes_unnoticed(way):
    model = WAYS[way]()
    model.compile("sgd", "mse")
    for _ in range(2):  # as they were made, then as the optimizer laid them
        agrees(model)
        for weight in model.weights:
            held, before = weight.value, weight.numpy()
            for write in in_place(weight):
                with pytest.raises(ValueError, match="read-only"):
                    write()
            weight.numpy()[...] = 7  # a copy
            weight.assign(weight.value * 2)
            np.testing.assert_array_equal(held, before)
        model.get_weights()[0][...] = 7
        agrees(model)
        held = [weight.value for weight in model.weights]
        before = model.get_weights()
        trained(model)
        for mine, other in zip(held, before, strict=True):
            np.testing.assert_array_equal(mine, other)
