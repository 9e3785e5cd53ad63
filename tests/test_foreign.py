"""Layers and ops inside a graph of TensorFlow's: here a stand-in for it, with its few names."""

import sys
import types

import numpy as np
import pytest

from melpy import Input, Sequential, layers, ops
from melpy.utils import FeatureSpace


class Kind:
    def __init__(self, name):
        self.name, self.as_numpy_dtype = name, np.dtype(object if name == "string" else name)

    @property
    def is_floating(self):
        return self.as_numpy_dtype.kind == "f"


class Sizes(tuple):
    def as_list(self):
        return list(self)


class Tensor:
    """A place in a graph: it has a shape and a type, but no values."""

    def __init__(self, shape, dtype):
        self.shape, self.dtype = Sizes(shape), dtype

    def set_shape(self, shape):
        self.shape = Sizes(shape)

    def __array__(self, *args, **kwargs):
        raise NotImplementedError("a symbolic tensor cannot become an array")


@pytest.fixture
def graph(monkeypatch):
    library = types.ModuleType("tensorflow")
    library.Tensor, library.string, library.nodes = Tensor, Kind("string"), []

    def numpy_function(function, inputs, kinds):
        library.nodes.append(function)
        known = (library.string if kind is library.string else Kind(kind) for kind in kinds)
        return [Tensor((), kind) for kind in known]

    library.numpy_function = numpy_function
    library.shape = lambda x: [Tensor((), Kind("int32")) for _ in x.shape]
    monkeypatch.setitem(sys.modules, "tensorflow", library)
    return library


TABLE = {"age": np.array([20.0, 40.0, 60.0]), "job": np.array(["cook", "smith", "cook"])}


def test_a_layer_of_texts_becomes_a_node_that_knows_its_shape_and_type(graph):
    lookup = layers.StringLookup(vocabulary=["a", "b"])
    y = lookup(Tensor((None,), graph.string))
    assert (list(y.shape), y.dtype.as_numpy_dtype) == ([None], np.int64)
    (made,) = graph.nodes[0](np.array([b"b", b"?"], object))
    np.testing.assert_array_equal(made, [2, 0])

    back = layers.StringLookup(vocabulary=["a", "b"], invert=True)(y)
    assert back.dtype is graph.string
    assert graph.nodes[1](np.array([1, 2]))[0].tolist() == ["a", "b"]

    texts = layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=3)
    assert list(texts(Tensor((), graph.string)).shape) == [3]
    np.testing.assert_array_equal(graph.nodes[2](np.array(b"B a", object))[0], [3, 2, 0])


def test_layers_ops_and_models_of_numbers_become_nodes(graph):
    x = Tensor((None, 2), Kind("float32"))
    model = Sequential([layers.Rescaling(2.0), layers.Dense(3)])
    for call, shape in (
        (model, [None, 3]),
        (lambda x: ops.expand_dims(x, -1), [None, 2, 1]),
        (lambda x: ops.meshgrid(x, x)[0], [None, None]),
        (lambda x: layers.Add()([x, x]), [None, 2]),
    ):
        assert list(call(x).shape) == shape
    rows = np.ones((4, 2), np.float32)
    np.testing.assert_array_equal(graph.nodes[0](rows)[0], model(rows).numpy())
    assert len(model.weights) == 2  # built once, by the node's description
    np.testing.assert_array_equal(graph.nodes[-1](rows, rows)[0], rows + rows)


@pytest.mark.parametrize("mode", ["concat", "dict"])
def test_a_table_becomes_a_node_batch_by_batch_and_row_by_row(graph, mode):
    kinds = {"age": "float_normalized", "job": FeatureSpace.string_categorical(num_oov_indices=0)}
    space = FeatureSpace(kinds, output_mode=mode)
    space.adapt(TABLE)
    for shape in ((), (None,), (None, 1)):
        y = space({"age": Tensor(shape, Kind("float64")), "job": Tensor(shape, graph.string)})
        width = {"age": [1], "job": [2]} if mode == "dict" else [3]
        rows = [None] if shape else []
        found = {k: list(v.shape) for k, v in y.items()} if mode == "dict" else list(y.shape)
        assert found == (
            {k: rows + w for k, w in width.items()} if mode == "dict" else rows + width
        )
    made = graph.nodes[0](np.float64(60.0), np.array(b"smith", object))
    expected = space({"age": 60.0, "job": "smith"})
    expected = list(expected.values()) if mode == "dict" else [expected]
    for one, other in zip(made, expected, strict=True):
        np.testing.assert_array_equal(one, other.numpy())


def test_a_size_that_only_the_run_tells_is_a_tensor_of_the_graph(graph):
    rows, columns = ops.shape(Tensor((None, 2), Kind("float32")))
    assert isinstance(rows, Tensor)
    assert columns == 2
    assert ops.shape(Input((2,))) == (None, 2)  # of a graph of ours, there is none
    weights = Tensor((None,), Kind("float32"))
    column = ops.reshape(weights, (rows, 1))
    assert list(column.shape) == [None, 1]
    (made,) = graph.nodes[0](np.array([0.5, 2.0], np.float32), np.int32(2))
    np.testing.assert_array_equal(made, [[0.5], [2.0]])
    with pytest.raises(ValueError, match="reshape"):
        ops.reshape(Tensor((3,), Kind("float32")), (rows, 7, 1))


class Eager(Tensor):
    """A tensor with values."""

    def __init__(self, value, source=None):
        super().__init__(value.shape, Kind(value.dtype.name))
        self.value, self.source = value, source

    def numpy(self):
        return self.value

    def __array__(self, *args, **kwargs):
        return self.value


class Watch:
    """TensorFlow's record, of squares alone."""

    def __init__(self, persistent):
        assert persistent

    def __enter__(self):
        self.is_on = True

    def __exit__(self, *_):
        self.is_on = False

    def watch(self, constant):
        assert self.is_on

    def gradient(self, y, constants, g, unconnected_gradients):
        assert not self.is_on  # what is asked for is not recorded in its turn
        return [Eager(2 * c.value * g.value * (y.source is c)) for c in constants]


class Foreign(layers.Layer):
    """A layer that squares by a function of TensorFlow's."""

    def call(self, x):
        given = x.__tf_tensor__()  # as its functions ask for it
        return Eager(np.square(given.value), given)


@pytest.fixture
def eager(graph):
    graph.constant = lambda value, dtype=None, name=None: Eager(value)
    graph.convert_to_tensor = lambda x: x
    graph.GradientTape = Watch
    return graph


def test_functions_of_another_library_learn_inside_a_model(eager):
    class Ours(layers.Layer):
        def call(self, x):
            return ops.square(x)

    rows, targets = np.random.default_rng(0).normal(size=(2, 8, 2)).astype("float32")
    losses, weights = [], []
    for square in (Foreign, Ours):
        model = Sequential([layers.Dense(2), square(), layers.Dense(2), square()])
        model.compile("sgd", "mse")
        model.build((None, 2))
        model.set_weights([0.5 * np.eye(2), np.ones(2), 0.3 * np.eye(2), np.zeros(2)])
        history = model.fit(rows, targets, epochs=2, batch_size=4, shuffle=False, verbose=0)
        losses.append(history.history["loss"])
        weights.append(model.get_weights())
    assert losses[0] == losses[1]
    for one, other in zip(*weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_no_constant_takes_the_place_of_what_learns(eager):
    model = Sequential([layers.Dense(2), Foreign()])
    rows = np.ones((4, 3), np.float32)
    assert np.shape(model(rows)) == (4, 2)
    with pytest.raises(ValueError, match=r"nothing before it learns.*melpy\.ops"):
        model(rows, training=True)  # in no step of fit, so nobody would ask for its gradient


def test_what_is_not_implemented_stays_an_error_of_its_own(graph):
    class Unfinished(layers.Layer):
        def call(self, x):
            raise NotImplementedError("later")

    with pytest.raises(NotImplementedError, match="later"):
        Unfinished()(np.ones(2))


def test_types_of_other_libraries_are_types():
    kind = Kind("int32")
    assert Input((2,), dtype=kind).dtype == ops.cast([1.5], kind).dtype == np.int32
    assert ops.zeros(2, dtype=kind).dtype == ops.convert_to_tensor([1.0], kind).dtype == np.int32
    torch = pytest.importorskip("torch")
    assert ops.ones(2, dtype=torch.float64).dtype == np.float64


class OfAnotherLibrary:
    """What any library's array promises: a shape, and to become an array of NumPy's."""

    def __init__(self, values):
        self.values, self.shape = values, values.shape

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype)


def test_arrays_of_other_libraries_in_a_list_are_inputs_one_by_one():
    images = np.ones((1, 4, 2, 3))
    a, b = OfAnotherLibrary(images), OfAnotherLibrary(images[..., :1])
    assert layers.Concatenate()([a, b]).shape == (1, 4, 2, 4)
    assert layers.Add()([a, images]).shape == images.shape
    np.testing.assert_array_equal(layers.Rescaling(2.0)([np.float32(1), np.float32(3)]), [2, 6])
