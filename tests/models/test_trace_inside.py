"""model.trace(inside=True): what is shown is what ran, and each gradient is the loss's slope."""

import itertools

import numpy as np
import pytest

import melpy
from melpy import config, layers
from melpy.kernels.spec.conv_im2col import im2col
from melpy.models.trace_inside import Convolution, Pooling

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(4, 8, 8, 2)).astype("float32")
CLASSES = RNG.integers(0, 3, 4)
STEP = 1e-6  # of central differences in float64; the marks reach a hundred times as far


def plain():
    return [
        layers.Conv2D(4, 3, padding="same", activation="relu", name="conv"),
        layers.MaxPooling2D(2, name="pool"),
        layers.Conv2D(3, 2, strides=2, activation="tanh", name="conv2"),
        layers.Flatten(name="flat"),
        layers.Dense(5, activation="elu", name="hidden"),
        layers.Dense(3, activation="softmax", name="head"),
    ]


def apart():
    return [
        layers.Conv2D(4, 3, dilation_rate=2, name="conv"),
        layers.BatchNormalization(name="norm"),
        layers.LeakyReLU(name="leaky"),
        layers.Dropout(0.4, name="drop"),
        layers.AveragePooling2D(2, strides=1, name="pool"),
        layers.Conv2D(4, 2, groups=2, use_bias=False, name="grouped"),
        layers.GlobalMaxPooling2D(name="global"),
        layers.Dense(3, name="logits", kernel_regularizer="l2"),
        layers.Softmax(name="softmax"),
    ]


def network(rows, optimizer="adam"):
    melpy.random.set_seed(5)
    model = melpy.Sequential([melpy.Input((8, 8, 2)), *rows()], name="net")
    rng = np.random.default_rng(1)  # biases that are not all zero
    model.set_weights([w + rng.normal(size=w.shape) * 0.1 for w in model.get_weights()])
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def residual(optimizer="adam"):
    melpy.random.set_seed(5)
    start = melpy.Input((8, 8, 2))
    y = layers.Conv2D(2, 3, padding="same", name="conv")(start)
    y = layers.Add(name="sum")([layers.ReLU(name="relu")(y), start])
    y = layers.Conv2D(2, 3, padding="same", activation="gelu", name="again")(y)
    y = layers.Flatten()(layers.Add(name="sum2")([y, y]))
    model = melpy.Model(start, layers.Dense(3, "softmax", name="head")(y), name="net")
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


def recurrent(optimizer="adam"):
    melpy.random.set_seed(5)
    model = melpy.Sequential([
        melpy.Input((8, 8, 2)), layers.Reshape((8, 16)), layers.LSTM(6, name="lstm"),
        layers.LayerNormalization(), layers.Dense(3, "softmax", name="head"),
    ], name="net")  # fmt: skip
    model.compile(optimizer, "sparse_categorical_crossentropy")
    return model


MAKERS = {
    "plain": lambda optimizer="adam": network(plain, optimizer),
    "apart": lambda optimizer="adam": network(apart, optimizer),
    "residual": residual,
    "recurrent": recurrent,
}


def stepped(model):
    """Make a step as training does; return the gradients that the optimizer was given."""
    given = {}
    apply = model.optimizer.apply

    def noting(gradients, weights):
        given.update({w.path: np.array(g) for g, w in zip(gradients, weights, strict=True)})
        apply(gradients, weights)

    model.optimizer.apply = noting
    model.train_step((IMAGES, CLASSES))
    del model.optimizer.apply
    return given


@pytest.mark.parametrize("kernels", ["im2col", "numpy"])
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
@pytest.mark.parametrize("name", MAKERS)
def test_it_is_what_train_step_makes_to_the_bit(name, optimizer, kernels):
    with config.using_kernels(kernels):
        looked_at, model = MAKERS[name](optimizer), MAKERS[name](optimizer)
        for _ in range(2):  # the second step has the optimizer's memory
            traced = looked_at.trace(IMAGES, CLASSES, inside=True)
            given = stepped(model)
            assert traced.update.keys() == given.keys()
            for weight in model.trainable_weights:
                step = traced.update[weight.path]
                np.testing.assert_array_equal(step.gradient, given[weight.path], strict=True)
                np.testing.assert_array_equal(step.after, weight.value, strict=True)
                layer, own = weight.path.split("/")[-2:]
                if layer in [row.name for row in traced]:
                    of_row = traced[layer].d_weights[own]
                    np.testing.assert_array_equal(of_row, given[weight.path])
            stepped(looked_at)


@pytest.mark.parametrize("name", MAKERS)
def test_nothing_changes(name):
    model = MAKERS[name]()
    stepped(model)
    arrays = [w.array for w in model.weights]
    state = [np.array(v.value) for v in model.optimizer.variables]
    copies = model.get_weights()
    made = [identities(layer) for layer in model.layers]
    model.trace(IMAGES, CLASSES, inside=True)
    model.trace(IMAGES, CLASSES, inside=True, training=False)
    assert all(w.array is array for w, array in zip(model.weights, arrays, strict=True))
    for mine, other in zip(model.get_weights(), copies, strict=True):
        np.testing.assert_array_equal(mine, other)
    for variable, before in zip(model.optimizer.variables, state, strict=True):
        np.testing.assert_array_equal(variable.value, before)
    assert made == [identities(layer) for layer in model.layers]


def identities(layer):
    return {name: id(value) for name, value in vars(layer).items() if name != "_inventory"}


def test_an_optimizer_that_was_never_used_stays_so():
    model = network(plain)
    model.trace(IMAGES, CLASSES, inside=True)
    assert not model.optimizer.built


@pytest.mark.parametrize("name", ["plain", "apart"])
def test_a_convolution_taken_apart_is_the_one_that_ran(name):
    with config.using_kernels("im2col"):
        traced = MAKERS[name]().trace(IMAGES, CLASSES, inside=True)
    found = [row for row in traced if row.inside.convolution is not None]
    assert len(found) == 2
    for row in found:
        one = row.inside.convolution
        np.testing.assert_array_equal(one.x, row.input)
        np.testing.assert_array_equal(
            one.y, row.output if row.inside.pre is None else row.inside.pre
        )
        np.testing.assert_array_equal(one.d_x, row.d_input)
        kernel = row.d_weights["kernel"]
        rows = kernel.transpose(3, 2, 0, 1).reshape(kernel.shape[3], -1)
        np.testing.assert_array_equal(one.d_rows, rows)
        columns = im2col(one.padded.transpose(0, 3, 1, 2), one.window, one.strides, one.dilation)
        np.testing.assert_array_equal(one.columns, columns)
        first = one.padded[0].reshape(-1)  # by its indices, each column is read from the image
        seen = np.where(one.indices >= 0, first[one.indices], 0)
        np.testing.assert_array_equal(seen, one.columns[:, : one.indices.shape[1]])
        ones = Convolution(
            np.ones_like(one.x), np.ones_like(one.w), None, one.strides, one.pads, one.dilation,
            one.groups,
        )  # fmt: skip
        per_row = one.w.shape[2] * one.coverage.sum()
        assert per_row == ones.columns.size / len(one.x) / one.groups


def test_the_papers_mistake_is_seen():
    x, w, g = (RNG.normal(size=shape) for shape in ((1, 5, 5, 1), (3, 3, 1, 2), (1, 3, 3, 2)))
    one = Convolution(x, w, None, (1, 1), ((0, 0), (0, 0)), (1, 1), 1, g)
    assert np.abs(one.d_x - one.d_x_mistaken).max() > 0.1
    turned = Convolution(x, w[::-1, ::-1], None, (1, 1), ((0, 0), (0, 0)), (1, 1), 1, g)
    np.testing.assert_array_equal(one.d_x_mistaken, turned.d_x)


@pytest.mark.parametrize("name", MAKERS)
def test_what_goes_in_is_the_sum_of_what_comes_out(name):
    """A row's d_input is its share alone; all shares of one array make its gradient."""
    traced = MAKERS[name]().trace(IMAGES, CLASSES, inside=True)
    rows = {row.name: row for row in traced}
    if name == "residual":
        shares = rows["sum"].d_input[1] + rows["conv"].d_input
        np.testing.assert_allclose(shares, traced.d_input, rtol=1e-5, atol=1e-8)
        np.testing.assert_allclose(rows["sum2"].d_input[0], 2 * rows["sum2"].d_output)
    else:
        chain = [row for row in traced if row.class_name != "InputLayer"]
        for before, after in itertools.pairwise(chain):
            np.testing.assert_array_equal(after.d_input, before.d_output)
        np.testing.assert_array_equal(chain[0].d_input, traced.d_input)


def test_the_gradient_at_the_logits_is_p_minus_y():
    one_hot = np.eye(3)[CLASSES]
    for name, row in (("plain", "head"), ("apart", "softmax")):
        traced = MAKERS[name]().trace(IMAGES, CLASSES, inside=True)
        found = traced[row]
        g = found.inside.d_pre if name == "plain" else found.d_input
        np.testing.assert_allclose(g, (traced.output - one_hot) / 4, atol=1e-6)


# Central differences, in float64.


@pytest.fixture
def doubles(monkeypatch):
    monkeypatch.setitem(config._settings, "floatx", "float64")


def loss_of(model, x, moved=None, step=0.0):
    """Return the loss where one cell of a layer's output is moved."""
    layer, cell = moved or (None, None)

    def moving(one, call):
        def calling(*args, **kwargs):
            y = call(*args, **kwargs)
            if one is layer:
                shift = np.zeros(y.shape)
                shift[cell] = step
                y = y + shift
            return y

        return calling

    for one in model.layers:
        one.call = moving(one, one.call)
    try:
        loss = model.compute_loss(x, CLASSES, model(x, training=True))
    finally:
        for one in model.layers:
            del one.call
    return float(loss)


def smooth():
    return [
        layers.Conv2D(3, 3, padding="same", activation="tanh", name="conv"),
        layers.AveragePooling2D(2, name="pool"),
        layers.Conv2D(2, 2, strides=2, activation="sigmoid", name="conv2"),
        layers.Flatten(name="flat"),
        layers.Dense(3, name="logits"),
        layers.Softmax(name="softmax"),
    ]


def small(rows):
    melpy.random.set_seed(5)
    model = melpy.Sequential([melpy.Input((6, 6, 1)), *rows()], name="net")
    rng = np.random.default_rng(1)
    model.set_weights([w + rng.normal(size=w.shape) * 0.2 for w in model.get_weights()])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model


X = RNG.normal(size=(4, 6, 6, 1))


@pytest.mark.usefixtures("doubles")
def test_every_cell_agrees_with_a_central_difference():
    with config.using_kernels("im2col"):
        model = small(smooth)
        traced = model.trace(X, CLASSES, inside=True)
        checked = 0
        for layer in model.layers[:-1]:
            for cell in np.ndindex(traced[layer.name].output.shape):
                ends = [loss_of(model, X, (layer, cell), s) for s in (STEP, -STEP)]
                slope = (ends[0] - ends[1]) / (2 * STEP)
                assert abs(traced[layer.name].d_output[cell] - slope) < 1e-6
                checked += 1
        for weight in model.trainable_weights:
            layer, name = weight.path.split("/")[-2:]
            for cell in np.ndindex(weight.shape):
                slope = weight_slope(model, X, weight, cell)
                assert abs(traced[layer].d_weights[name][cell] - slope) < 1e-6
                checked += 1
    assert checked > 500


def weight_slope(model, x, weight, cell):
    kept, ends = weight.value.copy(), []
    for step in (STEP, -STEP):
        moved = kept.copy()
        moved[cell] += step
        weight.assign(moved)
        ends.append(loss_of(model, x))
    weight.assign(kept)
    return (ends[0] - ends[1]) / (2 * STEP)


def kinked():
    return [
        layers.Conv2D(3, 3, padding="same", activation="relu", name="conv"),
        layers.MaxPooling2D(3, strides=2, name="pool"),
        layers.Conv2D(3, 2, name="conv2"),
        layers.ReLU(max_value=0.5, name="relu"),
        layers.Flatten(name="flat"),
        layers.Dense(3, activation="softmax", name="head"),
    ]


@pytest.mark.usefixtures("doubles")
def test_where_a_difference_fails_there_is_a_mark():
    """Some outputs are put right onto a kink: they are marked, and all others agree."""
    with config.using_kernels("im2col"):
        model = small(kinked)
        x = X.copy()
        x[0] = 0.25  # alike, so that the largest of a window are equal
        kernel, bias = (np.array(w.value) for w in model.layers[0].weights)
        model.layers[0].set_weights([kernel, np.array([-0.25 * kernel[..., 0].sum(), *bias[1:]])])
        traced = model.trace(x, CLASSES, inside=True)
        marks = {row.name: row.inside.kinks for row in traced if row.inside.kinks is not None}
        assert marks.keys() == {"conv", "pool", "relu"}
        assert marks["conv"][0, 2, 2, 0]  # its sum is 0 but for rounding
        assert marks["pool"][0].any()
        assert marks["conv"][1:].mean() < 0.02
        assert marks["pool"][1:].mean() < 0.5  # windows of zeros alone are ties
        failed = agreed = 0
        for layer in model.layers[:-1]:
            own = traced[layer.name]
            for cell in np.ndindex(own.output.shape):
                ends = [loss_of(model, x, (layer, cell), s) for s in (STEP, -STEP)]
                if abs(own.d_output[cell] - (ends[0] - ends[1]) / (2 * STEP)) < 1e-6:
                    agreed += 1
                else:
                    failed += 1
                    assert any(mark[cell[0]].any() for name, mark in marks.items()
                               if name != layer.name), (layer.name, cell)  # fmt: skip
                    assert is_at_a_mark(layer.name, cell, marks, traced)
    assert failed > 0
    assert agreed > 5 * failed


def is_at_a_mark(name, cell, marks, traced):
    """Return whether the cell goes into an operation at a place that is marked."""
    if name == "conv":  # it goes into windows of the pooling
        n, i, j, c = cell
        rows = [p for p in range(marks["pool"].shape[1]) if 2 * p <= i < 2 * p + 3]
        columns = [q for q in range(marks["pool"].shape[2]) if 2 * q <= j < 2 * q + 3]
        own = marks["pool"][n][np.ix_(rows, columns)][..., c]
        return own.any() or marks["relu"][n].any()
    return marks["relu"][cell[0]].any() if name in ("pool", "conv2") else False


def test_winners_ties_and_overlaps():
    x = np.zeros((1, 3, 4, 2))
    x[0, :, :, 0] = [[1, 5, 5, 2], [0, 3, 4, 9], [7, 7, 7, -1]]
    one = Pooling("max", x, (2, 2), (1, 1), ((0, 0), (0, 0)))
    assert (one.winners[0, :, :, 0] // 2).tolist() == [[1, 1, 7], [8, 9, 7]]
    assert one.ties[0, :, :, 0].tolist() == [[1, 2, 1], [2, 2, 1]]
    assert one.ties[0, :, :, 1].tolist() == [[4, 4, 4], [4, 4, 4]]
    assert one.kinks[0, :, :, 0].tolist() == [[False, True, False], [True, True, False]]
    assert one.coverage.tolist() == [[1, 2, 2, 1], [2, 4, 4, 2], [1, 2, 2, 1]]
    padded = Pooling("max", x - 9, (2, 2), (2, 2), ((0, 1), (0, 0)))
    assert (padded.winners[0, :, :, 0] // 2).tolist() == [[1, 7], [8, 10]]


def test_adam_by_hand():
    model = network(plain)
    for t in (1, 2, 3):
        update = model.trace(IMAGES, CLASSES, inside=True).update
        assert (update.optimizer, update.t, update.settings["beta_1"]) == ("Adam", t, 0.9)
        one = update["net/conv/kernel"]
        m = 0.9 * one.slots_before["momentum"] + 0.1 * one.gradient
        v = 0.999 * one.slots_before["velocity"] + 0.001 * one.gradient**2
        np.testing.assert_allclose(one.slots["momentum"], m, rtol=1e-5, atol=1e-9)
        np.testing.assert_allclose(one.slots["velocity"], v, rtol=1e-5, atol=1e-12)
        np.testing.assert_allclose(one.corrected["momentum"], m / (1 - 0.9**t), rtol=1e-4)
        np.testing.assert_allclose(one.corrected["velocity"], v / (1 - 0.999**t), rtol=1e-4)
        pace = 0.001 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)  # epsilon stands beside v as it is
        step = -pace * m / (np.sqrt(v) + 1e-7)
        np.testing.assert_allclose(one.step, step, rtol=1e-3, atol=1e-7)
        stepped(model)


def test_another_optimizer_may_make_the_step():
    from melpy.models.trace import trace

    model = network(plain)
    traced = trace(model, IMAGES, CLASSES, inside=True, optimizer=melpy.optimizers.SGD(0.5))
    step = traced.update["net/head/bias"]
    np.testing.assert_allclose(step.step, -0.5 * step.gradient, atol=1e-7)
    assert (step.slots, step.corrected) == ({}, {})
    with pytest.raises(melpy.errors.UnknownNameError, match="unknown weight 'net/haed/bias'"):
        traced.update["net/haed/bias"]


def test_without_a_loss_there_is_no_way_back():
    traced = network(plain).trace(IMAGES, inside=True)
    assert traced.update is None
    row = traced["conv"]
    assert (row.d_input, row.inside.d_pre, row.inside.convolution.d_y) == (None, None, None)
    with pytest.raises(AttributeError, match="the trace had no loss"):
        _ = row.inside.convolution.d_x


def test_sequences_and_channels_first():
    model = melpy.Sequential([
        melpy.Input((3, 7)), layers.Conv1D(2, 2, data_format="channels_first", name="first"),
        layers.Permute((2, 1)),
        layers.Conv1D(4, 3, padding="causal", dilation_rate=2, name="causal"),
        layers.MaxPooling1D(2, padding="same", name="pool"), layers.Flatten(), layers.Dense(1),
    ])  # fmt: skip
    model.compile("sgd", "mse")
    with config.using_kernels("im2col"):
        traced = model.trace(RNG.normal(size=(2, 3, 7)), np.zeros((2, 1)), inside=True)
    for name in ("first", "causal"):
        row, one = traced[name], traced[name].inside.convolution
        y, d_x = one.y[:, 0], one.d_x[:, 0]
        is_first = name == "first"
        np.testing.assert_array_equal(y.transpose(0, 2, 1) if is_first else y, row.output)
        np.testing.assert_array_equal(d_x.transpose(0, 2, 1) if is_first else d_x, row.d_input)
    assert traced["pool"].inside.pooling.winners.shape == (2, 1, 3, 4)
