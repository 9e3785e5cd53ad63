"""Operations of one's own, and functions made of a graph."""

import numpy as np
import pytest

import melpy
from melpy import KerasTensor, Tensor, layers, ops


@melpy.saving.register_keras_serializable("operation")
class Scaled(melpy.Operation):
    def __init__(self, by, *, offset=0.0, name=None):
        super().__init__(name=name)
        self.by, self.offset = by, offset

    def call(self, x, y=None):
        z = self.by * x + self.offset
        return z if y is None else (z, z + y)


class Plain(melpy.Operation):
    def call(self, x):
        return x

    def compute_output_spec(self, x):
        return KerasTensor((7,), "int32")


def test_it_computes_and_describes():
    scaled, x, y = Scaled(2.0), KerasTensor((None, 3)), KerasTensor((3,))
    made = scaled(np.ones(3, "float32"))
    assert isinstance(made, Tensor)
    np.testing.assert_array_equal(made, [2, 2, 2])
    assert scaled(x).shape == (None, 3)
    assert scaled.input is x
    assert [z.shape for z in scaled(x, y=y)] == [(None, 3), (None, 3)]
    assert (Plain()(x).shape, Plain()(x).dtype) == ((7,), "int32")
    assert isinstance(layers.Dense(2), melpy.Operation)
    assert isinstance(melpy.Sequential(), melpy.Operation)


def test_configs_tell_the_constructors_arguments():
    config = Scaled(2.0, name="twice").get_config()
    assert config == {"by": 2.0, "offset": 0.0, "name": "twice"}
    assert Scaled.from_config(config).get_config() == config
    assert Plain().get_config() == {"name": "plain"}

    class Any(melpy.Operation):
        def __init__(self, *sizes):
            super().__init__()

    for unknown in (Any(1), Scaled(object())):
        with pytest.raises(NotImplementedError, match="Expected a method get_config"):
            unknown.get_config()


def test_what_is_no_operation():
    with pytest.raises(ValueError, match="the name is no name"):
        Plain(name="a/b")
    with pytest.raises(NotImplementedError, match="does not say what it computes"):
        melpy.Operation()(1.0)
    with pytest.raises(AttributeError, match="used in no graph, so it has no output"):
        _ = Plain().output


def test_a_model_computes_it_learns_through_it_and_keeps_it(tmp_path):
    x = melpy.Input((3,))
    scaled = Scaled(0.5, offset=1.0)
    model = melpy.Model(x, scaled(layers.Dense(2)(scaled(x))))
    data = np.arange(60.0, dtype="float32").reshape(20, 3) / 60
    expected = 0.5 * np.asarray(model.layers[1](0.5 * data + 1)) + 1
    for _ in range(2):
        np.testing.assert_allclose(model.predict(data[:4], verbose=0), expected[:4], rtol=1e-5)
    np.testing.assert_allclose(model.predict(data, verbose=0), expected, rtol=1e-5)
    model.save(tmp_path / "model.keras")
    again = melpy.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(data), expected, rtol=1e-6)
    before = model.get_weights()[0]
    model.compile("sgd", "mse")
    model.fit(data, np.ones((20, 2)), verbose=0)
    assert np.abs(model.get_weights()[0] - before).max() > 0


def test_a_function_is_part_of_a_graph():
    x, y = KerasTensor((2, 3)), KerasTensor((2, 3))
    f = melpy.Function({"x": x, "y": y}, [3 * (x + y), ops.square(x)], name="f")
    ones = np.ones((2, 3), "float32")
    total, square = f({"x": ones, "y": ones})
    np.testing.assert_array_equal(total, 6 * ones)
    np.testing.assert_array_equal(square, ones)
    again = melpy.Function([x, y], f({"x": x, "y": y}))
    np.testing.assert_array_equal(again([ones, ones])[0], 6 * ones)
    assert [op.name for op in f.operations] == ["add", "multiply", "square"]
    z = KerasTensor((None, 3))
    assert melpy.Function(z, z**2).compute_output_shape((4, 3)) == (4, 3)


def test_a_function_begins_anywhere():
    x = melpy.Input((3,))
    y = x * 2
    f = melpy.Function(y, y + 1)
    assert [op.name for op in f.operations] == ["add"]
    np.testing.assert_array_equal(f(np.ones((1, 3))), [[2, 2, 2]])


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda x, f: melpy.Function([], x), "Function: it has no inputs"),
        (lambda x, f: melpy.Function(x, 1.0), "Function: its outputs are not symbolic"),
        (lambda x, f: melpy.Function(x, KerasTensor((2,)) + 1), "is not connected to its inputs"),
        (lambda x, f: f([np.ones((1, 3))]), "the inputs have another structure"),
        (lambda x, f: f(np.ones((1, 4))), "an input has another shape"),
        (lambda x, f: f(np.ones(3)), "an input has another shape"),
    ],
)
def test_functions_that_cannot_be(call, what):
    x = KerasTensor((None, 3))
    with pytest.raises(ValueError, match=what):
        call(x, melpy.Function(x, 2 * x))


def test_a_model_inside_another_says_the_types_of_its_outputs():
    x, y = melpy.Input((3,)), melpy.Input((3,))
    inner = melpy.Model(x, {"place": ops.argmax(x, axis=-1), "is_large": x > 0.5, "x": x})
    made = inner(y)
    assert [str(made[key].dtype) for key in ("place", "is_large", "x")] == [
        "int32",
        "bool",
        "float32",
    ]
    assert melpy.Sequential([melpy.Model(x, ops.argmax(x, axis=-1))])(y).dtype == "int32"


def test_a_model_lists_what_it_computes():
    inputs = melpy.Input((3,))
    dense = melpy.layers.Dense(2)
    model = melpy.Model(inputs, melpy.ops.tanh(dense(inputs)))
    names = [operation.name for operation in model.operations]
    assert model.operations[1] is dense
    assert names[0].startswith("input")
    assert len(names) == 3
