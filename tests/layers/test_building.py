"""Building: whoever calls `build`, the weights are made once, under their whole path, for good."""

import numpy as np
import pytest

import melpy
from melpy import layers, ops, optimizers

X = np.ones((4, 3), "float32")


class Grown(layers.Dense):
    """A weight more than the class it extends, by ``super().build``."""

    def build(self, input_shape):
        super().build(input_shape)
        self.extra = self.add_weight((input_shape[-1],), "ones", name="extra")

    def call(self, inputs):
        return super().call(inputs * self.extra)


class Block(layers.Layer):
    """A block that builds its parts itself."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.first, self.second = layers.Dense(2, name="first"), Grown(3, name="second")

    def build(self, input_shape):
        self.first.build(input_shape)
        self.second.build((None, 2))

    def call(self, inputs):
        return self.second(self.first(inputs))


class Lazy(layers.Layer):
    """A block whose parts are built by its first call."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inside = layers.Dense(2, name="inside")

    def call(self, inputs):
        return self.inside(inputs)


HANDS = {
    "directly": lambda layer: layer.build((None, 3)),
    "by the first call": lambda layer: layer(X),
    "by a symbolic call": lambda layer: layer(melpy.Input((3,))),
    "by a model": lambda layer: melpy.Sequential([layer]).build((None, 3)),
    "by its config": lambda layer: layer.build_from_config({"input_shape": [None, 3]}),
}


@pytest.mark.parametrize("hand", HANDS)
@pytest.mark.parametrize(
    ("made", "count"),
    [(lambda: layers.Dense(2), 2), (lambda: Grown(2), 3), (Block, 5), (Lazy, 2)],
    ids=["a layer", "one that extends it", "a block", "a block without build"],
)
def test_weights_are_made_once_and_stay(made, count, hand):
    layer = made()
    HANDS[hand](layer)
    lazy = isinstance(layer, Lazy) and hand in ("directly", "by its config")
    assert layer.built
    assert len(layer.weights) == (0 if lazy else count)
    layer.set_weights([np.full(w.shape, 0.5) for w in layer.weights])
    before, y = layer.get_weights(), np.asarray(layer(X))
    assert len(layer.weights) == count
    if not lazy:
        for value, w in zip(before, layer.weights, strict=True):
            np.testing.assert_array_equal(value, w)
        np.testing.assert_array_equal(layer(X), y)
        with pytest.raises(ValueError, match="comes after the layer was built"):
            layer.build((None, 3)) if not isinstance(layer, Lazy) else layer.add_weight(())
    assert len(layer.weights) == count


def test_a_build_that_failed_leaves_nothing_behind():
    class Picky(layers.Layer):
        def build(self, input_shape):
            self.kernel = self.add_weight(input_shape[1:], name="kernel")
            if input_shape[-1] != 3:
                raise ValueError("three")

        def call(self, inputs):
            return inputs * self.kernel

    layer = Picky()
    with pytest.raises(ValueError, match="three"):
        layer(np.ones((1, 5)))
    assert not layer.built
    assert layer(X).shape == (4, 3)
    assert len(layer.weights) == 1


LATE = {
    "a weight": lambda layer: layer.add_weight((2,), name="late"),
    "a variable": lambda layer: setattr(layer, "late", melpy.Variable(1.0, name="late")),
    "a layer": lambda layer: setattr(layer, "late", layers.Dense(1, name="late")),
    "a list of layers": lambda layer: setattr(layer, "more", [layers.Dense(1, name="late")]),
}


@pytest.mark.parametrize("late", LATE)
def test_state_after_build_is_refused(late):
    layer = layers.Dense(1, name="head")
    layer(X)
    with pytest.raises(ValueError, match=r"^Dense 'head': the (weight|layer) 'late' comes after"):
        LATE[late](layer)
    assert len(layer.weights) == 2
    layer.again = layer.kernel  # what it has already may have another name
    assert len(layer.weights) == 2


def test_paths_hold_all_names_around():
    model = melpy.Sequential([melpy.Input((3,)), Lazy(name="outer"), Block()], name="net")
    assert [w.path for w in model.weights] == [
        "net/outer/inside/kernel", "net/outer/inside/bias", "net/block/first/kernel",
        "net/block/first/bias", "net/block/second/kernel", "net/block/second/bias",
        "net/block/second/extra",
    ]  # fmt: skip
    assert [layer.path for layer in model.layers_inside][-1] == "net/block/second"
    later = melpy.Sequential([Lazy(name="outer")], name="later")
    later.predict(X, verbose=0)
    assert later.weights[0].path == "later/outer/inside/kernel"
    x = melpy.Input((3,))
    functional = melpy.Model(x, layers.Dense(1)(Lazy(name="outer")(x)), name="graph")
    assert [w.path for w in functional.weights[1:3]] == ["outer/inside/bias", "dense/kernel"]
    assert functional.path == "graph"
    both = melpy.Sequential([melpy.Input((3,)), Lazy(), Lazy()], name="both")
    assert both.weights[2].path == "both/lazy_1/inside/kernel"  # renamed, as it was numbered


class TestVariable:
    def test_first_values(self):
        for first, options, dtype, value in (
            (1.5, {}, "float32", 1.5),
            ([1, 2], {}, "int32", [1, 2]),
            (np.ones(2), {}, "float32", [1, 1]),
            (np.ones(2), {"dtype": "float64"}, "float64", [1, 1]),
            (np.array([True]), {}, "bool", [True]),
            ("zeros", {"shape": (2,), "dtype": "int32"}, "int32", [0, 0]),
            (lambda shape, dtype: np.full(shape, 3.0, dtype), {"shape": (2,)}, "float32", [3, 3]),
        ):
            made = melpy.Variable(first, **options)
            assert (made.dtype, made.numpy().tolist()) == (dtype, value)
            assert made.trainable == (dtype[0] == "f")

    def test_refused(self):
        for wrong, match in (
            (lambda: melpy.Variable("zeros"), "no shape is given"),
            (lambda: melpy.Variable("zeros", shape=(None, 2)), "not known"),
            (lambda: melpy.Variable(1.0, name="a/b"), "no name"),
            (lambda: layers.Layer().add_weight("kernel", (2,)), r"name='kernel'"),
            (lambda: layers.Dense(1, trainable="yes"), "neither True nor False"),
        ):
            with pytest.raises(ValueError, match=match):
                wrong()

    def test_those_in_attributes_lists_and_dicts_are_weights(self):
        class Holding(layers.Layer):
            def __init__(self):
                super().__init__()
                self.one = melpy.Variable(np.ones(3), name="one")
                self.many = [melpy.Variable(0.0, trainable=False, name="two")]
                self.named = {"a": melpy.Variable(2.0, name="three")}
                self.last = self.add_weight((), "ones", name="four")

            def call(self, inputs):
                return inputs * self.one * self.named["a"]

        layer = Holding()
        layer(X)
        assert [w.name for w in layer.weights] == ["one", "three", "four", "two"]
        assert [w.name for w in layer.trainable_weights] == ["one", "three", "four"]
        layer.one.trainable = False
        assert [w.name for w in layer.non_trainable_weights] == ["one", "two"]
        layer.trainable = False
        assert layer.trainable_weights == []
        layer.trainable = True
        assert [w.name for w in layer.trainable_weights] == ["one", "three", "four"]

    def test_types_without_fractions_begin_at_zero(self):
        layer = layers.Layer()
        made = {d: layer.add_weight(dtype=d, trainable=False) for d in ("bool", "int32", "uint8")}
        assert [(str(w.dtype), float(w)) for w in made.values()] == [
            ("bool", 0), ("int32", 0), ("uint8", 0),
        ]  # fmt: skip


READINGS = {
    "numpy()": lambda w: w.numpy(),
    "np.asarray": np.asarray,
    "convert_to_numpy": ops.convert_to_numpy,
    "value": lambda w: w.value,
    "a part of value": lambda w: w.value[:1],
}


@pytest.mark.parametrize("read", READINGS)
def test_what_was_read_out_stays(read):
    model = melpy.Sequential([melpy.Input((3,)), layers.Dense(1), layers.BatchNormalization()])
    model.compile(optimizers.Adam(0.1), "mse")
    for _ in range(2):  # before the optimizer has laid its weights end to end, and after
        kept = [READINGS[read](w) for w in model.weights]
        values = [np.array(k) for k in kept]
        model.fit(X, X[:, :1] * 3, verbose=0)
        assert any(
            (w.numpy()[:1] != v[:1]).any() for w, v in zip(model.weights, values, strict=True)
        )
        model.layers[0].kernel.assign(np.full((3, 1), 7.0))
        for now, before in zip(kept, values, strict=True):
            np.testing.assert_array_equal(now, before)


def test_the_state_of_optimizers_and_metrics_that_was_read_out_stays():
    model = melpy.Sequential([melpy.Input((3,)), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, X[:, :1] * 3, verbose=0)
    kept = [v.numpy() for v in (*model.optimizer.variables, *model.metrics_variables)]
    values = [k.copy() for k in kept]
    model.fit(X, X[:, :1], epochs=2, verbose=0)
    for now, before in zip(kept, values, strict=True):
        np.testing.assert_array_equal(now, before)


def test_weights_that_nobody_holds_stay_where_they_are():
    """Training in place is what makes it fast: no step moves the weights for nothing."""
    model = melpy.Sequential([melpy.Input((3,)), layers.Dense(4, "relu"), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(X, X[:, :1], verbose=0, validation_data=(X, X[:, :1]))
    model.fit(X, X[:, :1], verbose=0)
    places = [w.value.ctypes.data for w in model.weights]
    model.fit(X, X[:, :1], batch_size=1, epochs=3, verbose=0)
    assert [w.value.ctypes.data for w in model.weights] == places


def test_a_step_between_the_ways_forward_and_back():
    """As of a discriminator, before the generator's gradient: that of the pass that was made."""
    layer = layers.Dense(1, use_bias=False, kernel_initializer="ones")
    x = melpy.Tensor(np.array([[3.0]], "float32"), requires_grad=True)
    optimizer, one = optimizers.SGD(1.0), np.ones((1, 1), "float32")
    layer(x)
    for change in (
        lambda: optimizer.apply([-9 * one], [layer.kernel]),
        lambda: layer.kernel.assign([[5.0]]),
        lambda: layer.set_weights([8 * one]),
    ):
        optimizer.apply([0 * one], [layer.kernel])
        kernel, x.grad = float(layer.kernel.value[0, 0]), None
        loss = ops.sum(layer(x))
        change()
        loss.backward()
        assert float(x.grad[0, 0]) == kernel != float(layer.kernel.value[0, 0])


class Counting(layers.Layer):
    """State that every call changes: a weight, a metric, a generator, a penalty."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.calls = self.add_weight((), "zeros", dtype="int32", trainable=False, name="calls")
        self.seen = melpy.metrics.Sum("seen")
        self.seeds = melpy.random.SeedGenerator(1)

    def call(self, inputs):
        self.calls.assign_add(1)
        self.seen.update_state(1.0)
        self.add_loss(ops.sum(melpy.random.uniform((1,), seed=self.seeds)))
        return inputs * 1

    def state(self):
        return int(self.calls), self.seen.result(), int(self.seeds.state[1]), len(self.losses)


def test_a_description_changes_no_state():
    layer = Counting()
    x = melpy.Input((3,))
    model = melpy.Model(x, layers.Dense(1)(layer(x)))
    layer.compute_output_shape((None, 3))
    model.summary(print_fn=lambda text: None)
    assert layer.state() == (0, 0.0, 0, 0)
    model(X)
    assert layer.state() == (1, 1.0, 1, 1)
    assert layer.variables == [layer.calls, layer.seeds.state]


def test_fit_counts_each_batch_once():
    class Net(melpy.Model):
        def __init__(self):
            super().__init__()
            self.count, self.head = Counting(), layers.Dense(1)

        def call(self, inputs):
            return self.head(self.count(inputs))

    for model in (Net(), melpy.Sequential([Counting(), layers.Dense(1)])):
        model.compile("sgd", "mse")
        model.fit(X, X[:, :1], batch_size=2, epochs=3, verbose=0)
        assert int(model.weights[0]) == 6


@pytest.mark.parametrize(
    "layer",
    [
        layers.Dropout(0.5), layers.ReLU(), layers.Softmax(), layers.Masking(), layers.Identity(),
        layers.MaxPooling2D(), layers.GlobalAveragePooling1D(), layers.UnitNormalization(),
    ],
)  # fmt: skip
def test_what_has_no_state_is_built_from_the_beginning(layer):
    assert layer.built
    assert layer.get_build_config() is None

    class Own(type(layer)):
        def build(self, input_shape):
            self.seen = input_shape

    assert not Own.from_config(layer.get_config()).built


def test_a_part_added_to_a_stateless_class_stands_behind_its_name():
    class Block(layers.Dropout):
        def __init__(self):
            super().__init__(0.2)
            self.inner = layers.Dense(3)

        def call(self, inputs, training=False):
            return self.inner(super().call(inputs, training=training))

    block = Block()
    block(np.ones((2, 3)))
    assert [w.path for w in block.weights] == ["block/dense/kernel", "block/dense/bias"]
    with pytest.raises(ValueError, match="after the layer was built"):
        block.later = layers.Dense(1)


def test_a_users_function_holds_a_weight_again_after_a_config():
    @melpy.saving.register_keras_serializable("building")
    def halved(w):
        return w * 0.5

    layer = layers.Dense(
        2, kernel_constraint=halved, kernel_regularizer=halved, bias_constraint="non_neg"
    )
    again = layers.Dense.from_config(layer.get_config())
    assert again.kernel_constraint is again.kernel_regularizer is halved
    assert isinstance(again.bias_constraint, melpy.constraints.NonNeg)


def test_a_layer_holds_initializers_as_objects_that_draw_when_they_are_needed():
    melpy.utils.set_random_seed(3)
    first, second = layers.Dense(2), layers.Dense(2, kernel_initializer="he_normal")
    assert isinstance(second.kernel_initializer, melpy.initializers.HeNormal)
    second.build((None, 4))
    first.build((None, 4))
    melpy.utils.set_random_seed(3)
    again = layers.Dense(2, kernel_initializer="he_normal")
    again.build((None, 4))  # the first to be built takes the first numbers, whatever was made when
    np.testing.assert_array_equal(again.kernel, second.kernel)
    config = first.get_config()["kernel_initializer"]
    assert (config["class_name"], config["config"]["seed"]) == ("GlorotUniform", None)


def test_attention_draws_anew_for_each_of_its_weights():
    shared = melpy.initializers.RandomNormal()
    layer = layers.MultiHeadAttention(2, 3, kernel_initializer=shared)
    layer(np.ones((1, 2, 4)), np.ones((1, 2, 4)))
    query, _, key, _, *_ = layer.get_weights()
    assert np.abs(query - key).max() > 0


def test_what_was_converted_stays_when_the_weight_is_assigned():
    dense = melpy.layers.Dense(2)
    dense.build((None, 2))
    before = dense.kernel.numpy().copy()
    read = melpy.ops.convert_to_tensor(dense.kernel), melpy.ops.array(dense.kernel)
    dense.set_weights([np.ones((2, 2)), np.ones(2)])
    for x in read:
        np.testing.assert_array_equal(np.asarray(x), before)


def test_what_was_converted_stays_when_the_array_is_written_to():
    x = np.zeros(3, np.float32)
    tensor = ops.convert_to_tensor(x)
    x[0] = 9
    np.testing.assert_array_equal(tensor, [0, 0, 0])


def test_what_was_converted_stays_when_the_weight_is_trained_and_has_its_gradient():
    model = melpy.Sequential([melpy.Input((2,)), melpy.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 2)), np.zeros((4, 1)), verbose=0)
    kernel = model.layers[0].kernel
    read = melpy.ops.convert_to_tensor(kernel)
    before = read.numpy().copy()
    model.fit(np.ones((4, 2)), np.zeros((4, 1)), verbose=0)
    np.testing.assert_array_equal(read, before)
    melpy.ops.sum(melpy.ops.convert_to_tensor(kernel) * 3.0).backward()
    np.testing.assert_array_equal(kernel.grad, np.full((2, 1), 3.0))
