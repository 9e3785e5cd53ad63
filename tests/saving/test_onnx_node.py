"""OnnxNode: an operator of ONNX as a layer. Files that have one need no package to be read."""

import json
import zipfile

import numpy as np
import pytest

import melpy
from melpy.errors import DataError, MelpyError, UnknownNameError
from melpy.models import load_model
from melpy.saving.onnx_import.layer import OnnxNode, plain_array
from melpy.saving.onnx_import.nodes import Node
from melpy.saving.onnx_import.sizes import Size, known_of


def weight(*shape, trainable=True):
    return {"dtype": "float32", "shape": list(shape), "trainable": trainable}


def tiled(times=2):
    """Return a model that repeats its rows."""
    x = melpy.Input((3,))
    repeats = plain_array(np.array([1, times]))
    return melpy.Model(x, OnnxNode("Tile", 13, {}, ["tensor", repeats])(x))


def test_an_operator_by_hand():
    layer = OnnxNode("Gemm", 13, {"alpha": 2.0}, ["tensor", weight(2, 2), "absent"])
    x = np.array([[1.0, 2.0]], np.float32)
    layer(x)
    layer.put([np.array([[1.0, 0.0], [1.0, 1.0]], np.float32)])
    assert layer(x).numpy().tolist() == [[6.0, 4.0]]
    assert layer.weights[0].path == "onnx_node/w1"


def test_several_outputs_and_inputs():
    layer = OnnxNode("Split", 18, {"axis": 1, "num_outputs": 2}, ["tensor"], outputs=2)
    a, b = layer(np.arange(8.0).reshape(2, 4))
    assert (a.numpy().tolist(), b.numpy()[0].tolist()) == ([[0, 1], [4, 5]], [2, 3])
    both = OnnxNode("Sub", 14, {}, ["tensor", "tensor"])
    assert both([np.ones(2), np.zeros(2)]).numpy().tolist() == [1, 1]


@pytest.mark.parametrize(
    ("operator", "attributes", "inputs", "shape"),
    [
        ("PRelu", {}, ["tensor", weight(4)], (2, 4)),
        ("LRN", {"size": 3}, ["tensor"], (1, 4, 2, 2)),
        ("Resize", {"mode": "cubic"}, ["tensor", "absent", "absent",
                                       plain_array(np.array([1, 2, 5, 3]))], (1, 2, 3, 4)),
        ("LayerNormalization", {"axis": 1}, ["tensor", weight(3, 2)], (2, 3, 2)),
        ("AveragePool", {"kernel_shape": [2, 2], "dilations": [1, 2]}, ["tensor"], (1, 2, 4, 5)),
    ],
)  # fmt: skip
def test_gradients_and_configurations(operator, attributes, inputs, shape):
    """Along a drawn direction the gradient is the numerical one; a copy computes the same."""
    draw = np.random.default_rng(0)
    layer = OnnxNode(operator, 18, attributes, inputs)
    x, way = draw.normal(size=shape), draw.normal(size=shape)
    layer(x)
    layer.put([np.abs(draw.normal(size=w.shape)) + 0.5 for w in layer.weights])
    weights = draw.normal(size=layer(x).shape)

    def total(x):
        return melpy.ops.sum(layer(x) * weights)

    tensor = melpy.Tensor(x, requires_grad=True)
    total(tensor).backward()
    step = 1e-6
    numerical = (float(total(x + step * way)) - float(total(x - step * way))) / (2 * step)
    assert np.sum(tensor.grad * way) == pytest.approx(numerical, rel=1e-5)
    assert all(np.abs(w.grad).max() > 0 for w in layer.weights)
    again = melpy.layers.deserialize(json.loads(json.dumps(melpy.layers.serialize(layer))))
    again(x)
    again.set_weights(layer.get_weights())
    assert np.array_equal(again(x).numpy(), layer(x).numpy())


def test_truth_values_are_kept_as_numbers():
    hidden = {"dtype": "bool", "shape": [70], "trainable": False}
    layer = OnnxNode("Where", 16, {}, [hidden, "tensor", plain_array(np.zeros(1, np.float32))])
    layer(np.ones((1, 70), np.float32))
    layer.put([np.arange(70) % 2 == 0])
    assert layer(np.ones((1, 70), np.float32)).numpy()[0, :3].tolist() == [1, 0, 1]
    assert layer.weights[0].dtype == "uint8"


def test_a_file_of_it(tmp_path):
    model, x = tiled(), np.arange(6.0, dtype=np.float32).reshape(2, 3)
    model.save(tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras").predict(x, verbose=0)
    assert np.array_equal(again, np.tile(x, (1, 2)))


@pytest.mark.parametrize(
    ("key", "value", "kind"),
    [
        ("operator", "Unheard", UnknownNameError),
        ("inputs", ["tensor", plain_array(np.array([1, 10**12]))], DataError),
        ("inputs", ["tensor", {"dtype": "int64", "shape": [10**12], "values": []}], DataError),
        ("inputs", ["tensor", {"dtype": "O", "shape": [1], "values": [1]}], MelpyError),
        ("inputs", 5, MelpyError),
        ("attributes", [1], MelpyError),
        ("outputs", 10**9, MelpyError),
    ],
)
def test_descriptions_that_are_not_to_be_trusted(key, value, kind, tmp_path):
    told = json.loads(tiled().to_json())
    (node,) = (x for x in told["config"]["layers"] if x["class_name"] == "OnnxNode")
    node["config"][key] = value
    path = tmp_path / "m.keras"
    tiled().save(path)
    rewritten(path, json.dumps(told))
    with pytest.raises(kind):
        load_model(path)


def rewritten(path, description):
    """Put another description into a model's file."""
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for name, content in {**parts, "config.json": description.encode()}.items():
            file.writestr(name, content)


def test_sizes_are_followed():
    """Entries are numbers where they are, and the same size for the same product."""
    batch, steps = Size(), Size()
    shape = np.array([batch, steps, 8], object)

    def known(op, *inputs, **attributes):
        arrays = [x if isinstance(x, np.ndarray) and x.dtype == object
                  else np.array(x).astype(object) for x in inputs]  # fmt: skip
        return known_of(Node(op, 18, attributes), arrays)

    assert known("Gather", shape, 2).item() == 8
    assert known("Gather", shape, 0).item() is batch
    both = known("ReduceProd", shape[:2])
    assert both[0] is (steps * batch)
    assert known("Concat", both, [-1], axis=0).tolist()[1] == -1
    assert known("Where", known("Equal", shape, [-1, -1, -1]), [1, 1, 1], shape)[1] is steps
    assert known("Equal", shape, [2, 2, 2]) is None  # who knows
    assert known("Sub", shape, shape).tolist() == [0, 0, 0]
