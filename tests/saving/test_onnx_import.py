"""ONNX in: models of nodes, held to ONNX Runtime; and files that are not to be trusted."""

import itertools
import random
import sys
import tracemalloc

import numpy as np
import pytest

import melpy
from melpy import config, layers, models, ops
from melpy.errors import DataError, MelpyError, MissingFileError, UnsupportedError
from melpy.saving import load_onnx

onnx = pytest.importorskip("onnx", reason="needs onnx: pip install '.[onnx]'")
runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402  only where there is onnx

DRAW = np.random.default_rng(3)
FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64


def drawn(*shape):
    """Return weights whose values are of one size, whatever their number."""
    return DRAW.normal(size=shape).astype(np.float32) * 0.5


def positive(*shape):
    return np.abs(drawn(*shape)) + 0.5


def ints(*values):
    return np.array(values, np.int64)


def node(op, inputs, outputs="y", **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def file_of(nodes, constants=None, shape=("N", 3, 8, 8), outputs="y", opset=18, kind=FLOAT, **more):
    """Return the bytes of a model of one input x."""
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_empty_tensor_value_info(name) for name in outputs.split()],
        [numpy_helper.from_array(array, name) for name, array in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8, **more).SerializeToString()


def written(tmp_path, content, name="m.onnx"):
    (tmp_path / name).write_bytes(content)
    return tmp_path / name


def given(shape, kind=FLOAT):
    sizes = [
        size if isinstance(size, int) else {"T": 3}.get(size, 2 + n) for n, size in enumerate(shape)
    ]
    if kind == INT:
        return DRAW.integers(0, 3, sizes)
    return DRAW.normal(size=sizes).astype(np.float32)


def held(tmp_path, content, x, saved=True):
    """Return the model of a file whose outputs are ONNX Runtime's; so are those of its .keras."""
    model = load_onnx(written(tmp_path, content))
    wanted = runtime.InferenceSession(content).run(None, {"x": x})

    def compare(model):
        made = model(x, training=False)
        made = made if isinstance(made, list | tuple) else [made]
        for y, told in zip(made, wanted, strict=True):
            assert y.dtype == told.dtype
            np.testing.assert_allclose(np.asarray(y), told, rtol=1e-4, atol=1e-5)

    compare(model)
    if saved:
        model.save(tmp_path / "m.keras")
        compare(models.load_model(tmp_path / "m.keras"))
    return model


def turns(model):
    """Return how often a model turns its images."""
    return sum(call.name == "transpose" for call in model._graph.calls)


def kinds(model):
    return [type(layer).__name__ for layer in model.layers]


class TestNetworks:
    """What becomes of whole networks."""

    def network(self):
        nodes = [
            node("Conv", "x w0 b0", "a", pads=[1, 1, 1, 1]),
            node("BatchNormalization", "a s o m v", "b"),
            node("Relu", "b", "c"),
            node("MaxPool", "c", "d", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
            node("Conv", "d w1", "e", pads=[1, 0, 2, 1], group=4, strides=[2, 2]),
            node("Flatten", "e", "f"),
            node("Gemm", "f w2 b2", "y", transB=1, alpha=0.5, beta=2.0),
        ]
        constants = {
            "w0": drawn(4, 3, 3, 3), "b0": drawn(4), "s": positive(4), "o": drawn(4),
            "m": drawn(4), "v": positive(4), "w1": drawn(8, 1, 2, 2), "w2": drawn(5, 48),
            "b2": drawn(5),
        }  # fmt: skip
        return file_of(nodes, constants)

    def test_layers_and_how_their_images_lie(self, tmp_path):
        model = held(tmp_path, self.network(), given(("N", 3, 8, 8)))
        assert kinds(model) == [
            "InputLayer", "Conv2D", "BatchNormalization", "ReLU", "MaxPooling2D", "ZeroPadding2D",
            "DepthwiseConv2D", "Flatten", "Dense", "Identity",
        ]  # fmt: skip
        assert turns(model) == 2  # at the beginning, and before the rows
        assert model.input_shape == (None, 3, 8, 8)
        assert (model.input_names, model.output_names) == (["x"], ["y"])

    def test_it_trains(self, tmp_path):
        model = load_onnx(written(tmp_path, self.network()))
        model.compile("adam", "mse")
        x = given((16, 3, 8, 8))
        history = model.fit(x, np.zeros((16, 5), np.float32), epochs=3, verbose=0)
        assert history.history["loss"][-1] < history.history["loss"][0]
        assert all(w.requires_grad for w in model.get_layer("Conv_a").weights)

    def test_an_open_file_is_read(self, tmp_path):
        path = written(tmp_path, self.network())
        with open(path, "rb") as file:
            assert load_onnx(file).count_params() == load_onnx(path).count_params()

    def test_its_keras_file_needs_no_onnx(self, tmp_path, monkeypatch):
        model = load_onnx(written(tmp_path, self.network()))
        model.save(tmp_path / "m.keras")
        monkeypatch.setitem(sys.modules, "onnx", None)
        x = given(("N", 3, 8, 8))
        again = models.load_model(tmp_path / "m.keras").predict(x, verbose=0)
        assert np.array_equal(again, model.predict(x, verbose=0))
        with pytest.raises(MelpyError, match="need the package onnx"):
            load_onnx(tmp_path / "m.onnx")

    def test_weights_that_two_nodes_have_are_one_layers(self, tmp_path):
        nodes = [node("Conv", "x w", "a", pads=[1] * 4), node("Conv", "a w", "y", pads=[1] * 4)]
        model = held(tmp_path, file_of(nodes, {"w": drawn(3, 3, 3, 3)}), given(("N", 3, 8, 8)))
        assert kinds(model).count("Conv2D") == 1

    def test_a_layer_is_called_as_its_weights_are(self, tmp_path):
        constants = {"layer1.0.conv.weight": drawn(2, 3, 1, 1)}
        content = file_of([node("Conv", "x layer1.0.conv.weight")], constants)
        assert load_onnx(written(tmp_path, content)).get_layer("layer1.0.conv").filters == 2

    def test_a_group_normalization_of_three_nodes_is_one(self, tmp_path):
        nodes = [
            node("Reshape", "x split", "a"),
            node("InstanceNormalization", "a ones zeros", "b"),
            node("Shape", "x", "sizes"),
            node("Reshape", "b sizes", "c"),
            node("Mul", "c scale", "d"),
            node("Add", "d offset", "y"),
        ]
        constants = {
            "split": ints(0, 2, -1), "ones": np.ones(2, np.float32),
            "zeros": np.zeros(2, np.float32), "scale": drawn(4, 1, 1), "offset": drawn(4, 1, 1),
        }  # fmt: skip
        x = given(("N", 4, 5, 5))
        model = held(tmp_path, file_of(nodes, constants, ("N", 4, 5, 5)), x)
        assert kinds(model) == ["InputLayer", "GroupNormalization", "Identity"]

    def test_an_array_of_rank_two_beside_a_product_is_a_bias(self, tmp_path):
        nodes = [node("MatMul", "x w", "a"), node("Add", "b a")]
        constants = {"w": drawn(4, 3), "b": drawn(1, 3)}
        model = held(tmp_path, file_of(nodes, constants, ("N", 4)), given(("N", 4)))
        assert kinds(model) == ["InputLayer", "Dense", "Identity"]

    def test_functions_of_the_files_own_are_read(self, tmp_path):
        opset = [helper.make_opsetid("", 18)]
        body = [node("LeakyRelu", "a", "b"), node("Add", "a b", "c")]
        body[0].attribute.append(
            onnx.AttributeProto(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
        )
        own = helper.make_function("own", "Twice", ["a"], ["c"], body, opset, ["slope"])
        uses = [helper.make_node("Twice", [a], [b], domain="own", slope=s)
                for a, b, s in (("x", "h", 0.5), ("h", "y", 0.25))]  # fmt: skip
        model = onnx.ModelProto.FromString(file_of(uses, shape=("N", 3), functions=[own]))
        model.opset_import.append(helper.make_opsetid("own", 1))
        held(tmp_path, model.SerializeToString(), given(("N", 3)))


IMAGES = ("N", 4, 6, 5)
# Nodes between two convolutions; where these are the only two turns, channels stay last.
BETWEEN = {
    "add a bias": ([node("Add", "a k", "b")], {"k": drawn(4, 1, 1)}, 2),
    "add one number": ([node("Mul", "a k", "b")], {"k": drawn()}, 2),
    "concat": ([node("Concat", "a x", "b", axis=1)], {}, 2),
    "slice": (
        [node("Slice", "a k e c", "b")],
        {"k": ints(1, 0), "e": ints(3, 2**62), "c": ints(1, -1)},
        2,
    ),
    "pad": ([node("Pad", "a k", "b", mode="reflect")], {"k": ints(0, 0, 1, 2, 0, 0, 2, 1)}, 2),
    "split": ([node("Split", "a", "b rest", axis=1, num_outputs=2)], {}, 2),
    "softmax": ([node("Softmax", "a", "b", axis=1)], {}, 2),
    "prelu": ([node("PRelu", "a k", "b")], {"k": positive(4, 1, 1)}, 2),
    "mean": ([node("ReduceMean", "a k", "m"), node("Sub", "a m", "b")], {"k": ints(2, 3)}, 2),
    "clip": ([node("Clip", "a lo hi", "b")], {"lo": drawn() - 1, "hi": drawn() + 1}, 2),
    "relu6": ([node("Clip", "a lo hi", "b")], {"lo": drawn() * 0, "hi": drawn() * 0 + 6}, 2),
    "resize": (
        [node("Resize", "a  s".replace("  ", " r "), "b", mode="linear")],
        {"r": np.zeros(0, np.float32), "s": np.array([1, 1, 1.5, 2], np.float32)},
        2,
    ),
    "upsample": (
        [node("Resize", "a r s", "b", mode="nearest", nearest_mode="floor",
              coordinate_transformation_mode="asymmetric")],
        {"r": np.zeros(0, np.float32), "s": np.array([1, 1, 2, 3], np.float32)},
        2,
    ),
    "average": (
        [node("AveragePool", "a", "b", kernel_shape=[3, 3], pads=[1] * 4, count_include_pad=1)],
        {},
        2,
    ),
    "average of what is inside": (
        [node("AveragePool", "a", "b", kernel_shape=[3, 3], pads=[1] * 4)],
        {},
        2,
    ),
    "transposed convolution, cut": (
        [node("ConvTranspose", "a k", "b", strides=[2, 2], pads=[1, 0, 0, 2])],
        {"k": drawn(4, 4, 3, 4)},
        2,
    ),
    "limits in arrays": (
        [node("Clip", "a lo hi", "b")],
        {"lo": np.zeros(1, np.float32), "hi": np.ones(1, np.float32)},
        2,
    ),
    "strided average": (
        [node("AveragePool", "a", "b", kernel_shape=[3, 3], pads=[1] * 4, strides=[2, 2])], {}, 4,
    ),
    "dilated maxima": (
        [node("MaxPool", "a", "b", kernel_shape=[2, 2], dilations=[2, 2], pads=[1, 0, 0, 1])],
        {},
        4,
    ),
    "transposed convolution": (
        [node("ConvTranspose", "a k", "b", strides=[2, 2], pads=[1, 1, 1, 1],
              output_padding=[1, 0])],
        {"k": drawn(4, 4, 3, 3)},
        2,
    ),
    "grouped transposed convolution": (
        [node("ConvTranspose", "a k", "b", group=2)], {"k": drawn(4, 2, 2, 2)}, 4,
    ),
    "dilated strided convolution": (
        [node("Conv", "a k", "b", strides=[2, 2], dilations=[2, 2])], {"k": drawn(4, 4, 2, 2)}, 4,
    ),
    "lower same": (
        [node("Conv", "a k", "b", auto_pad="SAME_LOWER")], {"k": drawn(4, 4, 2, 2)}, 2,
    ),
    "instances": (
        [node("InstanceNormalization", "a s o", "b")], {"s": positive(4), "o": drawn(4)}, 2,
    ),
    "turned": (
        [node("Transpose", "a", "t", perm=[0, 2, 3, 1]), node("MatMul", "t k", "u"),
         node("Transpose", "u", "b", perm=[0, 3, 1, 2])],
        {"k": drawn(4, 4)},
        2,
    ),
    "where": (
        [node("Greater", "a x", "c"), node("Where", "c a x", "b")], {}, 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BETWEEN)
def test_images_are_turned_at_both_ends_only(name, tmp_path):
    between, constants, count = BETWEEN[name]
    channels = {"concat": 8, "slice": 2, "split": 2}.get(name, 4)
    nodes = [node("Conv", "x w", "a"), *between, node("Conv", "b v", "y")]
    constants = {"w": drawn(4, 4, 1, 1), "v": drawn(2, channels, 1, 1), **constants}
    model = held(tmp_path, file_of(nodes, constants, IMAGES), given(IMAGES), saved=count == 2)
    assert turns(model) == count


SEQUENCES = ("N", "T", 6)
SHAPES = {
    "the batch and what is left": (
        ("N", 3, 4),
        [node("Shape", "x", "s"), node("Gather", "s zero", "n"), node("Concat", "n rest", "t",
                                                                      axis=0),
         node("Reshape", "x t")],
        {"zero": ints(0), "rest": ints(-1)},
    ),
    "two unknown sizes": (
        SEQUENCES,
        [node("Shape", "x", "s"), node("Slice", "s zero two", "h"), node("Concat", "h heads", "t",
                                                                         axis=0),
         node("Reshape", "x t", "p"), node("Transpose", "p", perm=[0, 2, 1, 3])],
        {"zero": ints(0), "two": ints(2), "heads": ints(2, 3)},
    ),
    "sizes in one": (
        SEQUENCES,
        [node("Shape", "x", "s"), node("Gather", "s zero", "n"), node("Gather", "s one", "t"),
         node("Mul", "n t", "nt"), node("Concat", "nt rest", "g", axis=0), node("Reshape", "x g")],
        {"zero": ints(0), "one": ints(1), "rest": ints(-1)},
    ),
    "an expansion": (
        SEQUENCES,
        [node("Shape", "x", "s"), node("Gather", "s zero", "n"), node("Concat", "n one e", "g",
                                                                      axis=0),
         node("Expand", "k g", "c"), node("Concat", "c x", axis=1)],
        {"zero": ints(0), "one": ints(1), "e": ints(6), "k": drawn(1, 1, 6)},
    ),
    "a range": (
        SEQUENCES,
        [node("Shape", "x", "s", start=1, end=2), node("Squeeze", "s", "t"),
         node("Range", "zero t one", "r"), node("Cast", "r", "f", to=FLOAT),
         node("Unsqueeze", "f ax", "g"), node("Add", "x g")],
        {"zero": np.array(0), "one": np.array(1), "ax": ints(1)},
    ),
    "a slice up to a size": (
        SEQUENCES,
        [node("Shape", "x", "s", start=1, end=2), node("Div", "s two", "h"),
         node("Slice", "x zero h one")],
        {"two": ints(2), "zero": ints(0), "one": ints(1)},
    ),
    "zeros of a shape": (
        SEQUENCES,
        [node("Shape", "x", "s"), node("ConstantOfShape", "s", "z"), node("Sub", "z x")],
        {},
    ),
    "another image's size": (
        ("N", 2, "H", "W"),
        [
            node("MaxPool", "x", "a", kernel_shape=[2, 2], strides=[2, 2]),
            node("Shape", "x", "s", start=2),
            node("Shape", "a", "t", end=2),
            node("Concat", "t s", "u", axis=0),
            node("Resize", "a _ _ u", "b", mode="linear"),
            node("Concat", "b x", "c", axis=1),
            node("Conv", "c w"),
        ],
        {"w": drawn(3, 4, 1, 1)},
    ),
    "a causal mask": (
        ("N", "T", "T"),
        [
            node("Shape", "x", "s", start=1, end=3),
            node("ConstantOfShape", "s", "o", value=numpy_helper.from_array(np.ones(1, bool))),
            node("Trilu", "o one", "m", upper=1),
            node("Where", "m low x", "a"),
            node("Softmax", "a"),
        ],
        {"one": np.array(1), "low": np.array(-np.inf, np.float32)},
    ),
    "a known shape": (
        (2, 3, 4), [node("Shape", "x")], {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SHAPES)
def test_shapes_are_computed(name, tmp_path):
    shape, nodes, constants = SHAPES[name]
    for one in nodes:  # what is left out
        one.input[:] = [x.replace("_", "") for x in one.input]
    held(tmp_path, file_of(nodes, constants, shape), given(shape))


def test_chains_of_shapes_vanish(tmp_path):
    shape, nodes, constants = SHAPES["two unknown sizes"]
    model = load_onnx(written(tmp_path, file_of(nodes, constants, shape)))
    assert [call.name for call in model._graph.calls] == ["reshape", "transpose", "y"]


@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
@pytest.mark.parametrize("op", ["LSTM", "GRU", "RNN"])
def test_recurrent_layers(op, direction, tmp_path):
    gates, both = {"LSTM": 4, "GRU": 3, "RNN": 1}[op], 2 if direction == "bidirectional" else 1
    D, C, N = 3, 4, 3
    constants = {
        "w": drawn(both, gates * D, C), "r": drawn(both, gates * D, D),
        "b": drawn(both, 2 * gates * D), "h": drawn(both, N, D), "c": drawn(both, N, D),
    }  # fmt: skip
    states = "_ h c" if op == "LSTM" else "_ h"
    outputs = "y yh yc" if op == "LSTM" else "y yh"
    more = {"linear_before_reset": 1} if op == "GRU" else {}
    cell = node(op, f"x w r b {states}", outputs, hidden_size=D, direction=direction, **more)
    cell.input[4] = ""
    content = file_of([cell], constants, ("T", N, C), outputs)
    model = held(tmp_path, content, given(("T", N, C)))
    assert not any(kind == "OnnxNode" for kind in kinds(model)[1:-3])


def test_recurrent_layers_of_other_kinds(tmp_path):
    """Peepholes, a clip and lengths: what Keras's layers have not, runs as a node."""
    D, C, N = 2, 3, 2
    constants = {
        "w": drawn(1, 4 * D, C), "r": drawn(1, 4 * D, D), "b": drawn(1, 8 * D),
        "l": np.array([3, 5], np.int32), "p": drawn(1, 3 * D),
    }  # fmt: skip
    cell = node("LSTM", "x w r b l _ _ p", hidden_size=D, clip=0.8)
    cell.input[5] = cell.input[6] = ""
    model = held(tmp_path, file_of([cell], constants, (5, N, C)), given((5, N, C)))
    model.compile("sgd", "mse")
    before = model.get_weights()[0].copy()
    model.train_on_batch(given((5, N, C)), np.zeros((5, 1, N, D), np.float32))
    assert not np.array_equal(before, model.get_weights()[0])


@pytest.mark.parametrize(
    ("nodes", "constants", "shape", "kind"),
    [
        ([node("Gather", "e x")], {"e": drawn(5, 3)}, ("N", 4), INT),
        ([node("TopK", "x k", "y i"), node("Identity", "i", "z")], {"k": ints(2)}, ("N", 5), FLOAT),
        ([node("ArgMax", "x", axis=1)], {}, ("N", 5), FLOAT),
        ([node("OneHot", "x d v")], {"d": ints(4), "v": drawn(2)}, ("N", 2), INT),
        ([node("CumSum", "x a", reverse=1)], {"a": ints(1)}, ("N", 5), FLOAT),
        ([node("Einsum", "x k", equation="nij,jk->nik")], {"k": drawn(4, 2)}, ("N", 3, 4), FLOAT),
        ([node("ScatterND", "x i u")], {"i": ints(0, 1).reshape(2, 1), "u": drawn(2, 3)}, (4, 3),
         FLOAT),
        ([node("LayerNormalization", "x s o", axis=-2)], {"s": positive(3, 4), "o": drawn(3, 4)},
         ("N", 3, 4), FLOAT),
        ([node("Where", "m x k"), ], {"m": np.array([True, False, True]), "k": drawn(1, 3)},
         ("N", 3), FLOAT),
        ([node("DepthToSpace", "x", blocksize=2, mode="CRD")], {}, ("N", 8, 2, 3), FLOAT),
        ([node("Add", "x k")], {"k": drawn(100)}, ("N", 100), FLOAT),
    ],
    ids=lambda value: value[0].op_type if isinstance(value, list) else "",
)  # fmt: skip
def test_nodes_without_a_layer(nodes, constants, shape, kind, tmp_path):
    outputs = "y z" if len(nodes) == 2 else "y"
    held(tmp_path, file_of(nodes, constants, shape, outputs, kind=kind), given(shape, kind))


def test_trained_arrays_outside_of_layers_are_weights(tmp_path):
    content = file_of([node("Mul", "x k")], {"k": drawn(5)}, ("N", 5))
    model = held(tmp_path, content, given(("N", 5)))
    (weight,) = model.weights
    assert (weight.path, weight.requires_grad) == ("Mul_y/w1", True)


class TestFilesNotToBeTrusted:
    """Each is refused in one sentence that names the file."""

    def refused(self, tmp_path, content, kind, match, name="m.onnx"):
        with pytest.raises(kind, match=match) as caught:
            load_onnx(written(tmp_path, content, name))
        assert caught.value.received["filepath"] == str(tmp_path / name)
        return caught.value

    def changed(self, change, nodes=None, **options):
        model = onnx.ModelProto.FromString(
            file_of(nodes or [node("Add", "x k")], {"k": drawn(3)}, ("N", 3), **options)
        )
        change(model)
        return model.SerializeToString()

    def test_no_file(self, tmp_path):
        with pytest.raises(MissingFileError, match="no such file"):
            load_onnx(tmp_path / "none.onnx")

    @pytest.mark.parametrize(
        ("content", "match"),
        [(b"", "no ONNX file"), (b"not onnx at all", "no ONNX file"), (b"\x08\x07", "no graph")],
    )
    def test_other_files(self, content, match, tmp_path):
        self.refused(tmp_path, content, DataError, match)

    def test_unknown_operators_are_named_at_once(self, tmp_path):
        nodes = [node("Unheard", "x", "a"), node("Unheard", "a", "b"), node("Odd", "b")]
        error = self.refused(tmp_path, file_of(nodes), UnsupportedError, "operators")
        assert "Odd (1), Unheard (2)" in str(error)

    @pytest.mark.parametrize(
        ("operators", "mend"),
        [
            (["ZipMap"], "skl2onnx options={'zipmap': False}"),
            (["TreeEnsembleRegressor"], "trees are no network"),
            (["TreeEnsembleClassifier", "ZipMap"], "trees are no network"),
            (["SVMClassifier", "ZipMap"], "Export it without them"),
        ],
    )
    def test_what_scikit_learns_files_lack_is_told(self, operators, mend, tmp_path):
        nodes = [node(op, "x", op, domain="ai.onnx.ml") for op in operators]
        content = file_of([*nodes, node("Exp", "x")])
        error = self.refused(tmp_path, content, UnsupportedError, operators[0])
        assert mend in str(error)

    def test_control_flow_is_an_unknown_operator(self, tmp_path):
        body = helper.make_graph([], "body", [], [])
        nodes = [helper.make_node("Loop", ["x"], ["y"], body=body)]
        error = self.refused(tmp_path, file_of(nodes), UnsupportedError, "operators")
        assert "Loop (1)" in str(error)

    @pytest.mark.parametrize(
        ("change", "match"),
        [
            (lambda t: setattr(t, "raw_data", t.raw_data[:-4]), "not as many bytes"),
            (lambda t: t.dims.__setitem__(0, 10**12), "too small"),
            (lambda t: t.dims.__setitem__(0, -3), "its shape is none"),
            (lambda t: setattr(t, "data_type", 16), "type that is not known"),
            (lambda t: (t.ClearField("raw_data"), t.float_data.append(1.0)), "not as many values"),
        ],
        ids=["cut", "huge", "negative", "type", "few values"],
    )
    def test_tensors_that_claim_other_than_they_are(self, change, match, tmp_path):
        content = self.changed(lambda model: change(model.graph.initializer[0]))
        self.refused(tmp_path, content, MelpyError, match)

    @pytest.mark.parametrize(
        ("location", "match"),
        [
            ("../secret.bin", "not beside"),
            ("/etc/passwd", "not beside"),
            ("C:\\secret.bin", "not beside"),
            ("sub/../../secret.bin", "not beside"),
            ("", "not beside"),
            ("link.bin", "a link leads"),
            ("none.bin", "not there"),
            ("short.bin", "not as many bytes"),
        ],
    )
    def test_data_beside_the_file_stay_there(self, location, match, tmp_path):
        home = tmp_path / "home"
        home.mkdir()
        (tmp_path / "secret.bin").write_bytes(bytes(12))
        (home / "link.bin").symlink_to(tmp_path / "secret.bin")
        (home / "short.bin").write_bytes(bytes(8))
        self.refused(home, self.beside(location), DataError, match)

    def beside(self, location, **more):
        def change(model):
            tensor = model.graph.initializer[0]
            tensor.ClearField("raw_data")
            tensor.data_location = TensorProto.EXTERNAL
            for key, value in {"location": location, **more}.items():
                tensor.external_data.append(onnx.StringStringEntryProto(key=key, value=value))

        return self.changed(change)

    def test_data_beside_the_file_are_read(self, tmp_path):
        values = drawn(3)
        (tmp_path / "data.bin").write_bytes(bytes(16) + values.tobytes())
        content = self.beside("data.bin", offset="16", length="12")
        model = load_onnx(written(tmp_path, content))
        assert np.array_equal(model.weights[0].numpy(), values)
        self.refused(tmp_path, self.beside("data.bin", offset="-4"), DataError, "as many bytes")
        self.refused(tmp_path, self.beside("data.bin", offset="x"), DataError, "no number")

    @pytest.mark.parametrize(
        ("nodes", "constants"),
        [
            ([node("Expand", "k s", "e"), node("Add", "x e")], {"s": ints(10**6, 10**6)}),
            ([node("Tile", "k s", "e"), node("Add", "x e")], {"s": ints(10**12)}),
            ([node("ConstantOfShape", "s", "e"), node("Add", "x e")], {"s": ints(10**12)}),
            ([node("Range", "z s o", "e"), node("Add", "x e")],
             {"z": np.array(0.0), "s": np.array(1e12), "o": np.array(1.0)}),
            ([node("Pad", "k s", "e"), node("Add", "x e")], {"s": ints(0, 10**12)}),
            ([node("OneHot", "z s v", "e"), node("Add", "x e")],
             {"z": ints(0), "s": ints(10**12), "v": drawn(2)}),
            ([node("Reshape", "x k")], {"k": ints(10**12)}),
            ([node("Pad", "x s")], {"s": ints(0, 0, 0, 10**12)}),
            ([node("Add", "x k", "a"), node("Concat", " ".join(["k"] * 10**5), "y", axis=0)],
             {"k": drawn(3000)}),
        ],
        ids=["expand", "tile", "zeros", "range", "pad", "one hot", "reshape", "pad x", "concat"],
    )  # fmt: skip
    def test_sizes_that_no_file_may_ask_for(self, nodes, constants, tmp_path):
        content = file_of(nodes, {"k": drawn(3), **constants}, ("N", 3))
        self.refused(tmp_path, content, MelpyError, "memory|too small|cannot")

    def test_sizes_that_double_again_and_again(self, tmp_path):
        """What a step takes for a while is what was counted, before it is taken."""
        names = ["x", *(f"a{n}" for n in range(40)), "y"]
        nodes = [node("Concat", f"{a} {a}", b, axis=1) for a, b in itertools.pairwise(names)]
        content = file_of(nodes, shape=("N", 16))
        tracemalloc.start()
        try:
            self.refused(tmp_path, content, DataError, "more memory than a file may ask for")
            taken = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert taken < config.load_memory() + 2**20  # beside arrays, a little for the graph

    def test_inputs_that_no_file_may_ask_for(self, tmp_path):
        content = file_of([node("Exp", "x")], shape=(10**6, 10**6))
        self.refused(tmp_path, content, DataError, "more memory")

    def test_graphs_that_are_none(self, tmp_path):
        circle = [node("Add", "x b", "a"), node("Add", "x a", "b"), node("Exp", "b")]
        self.refused(tmp_path, file_of(circle), DataError, "before any node makes it")
        twice = [node("Exp", "x", "a"), node("Exp", "x", "a"), node("Exp", "a")]
        self.refused(tmp_path, file_of(twice), DataError, "two things are called 'a'")
        unused = [node("Exp", "x", "y"), node("Exp", "x", "a"), node("Neg", "a", "a")]
        self.refused(tmp_path, file_of(unused), DataError, "two things are called 'a'")
        taken = [node("MatMul", "x k", "a"), node("Add", "a b", "y"), node("Exp", "y", "a")]
        content = file_of(taken, {"k": drawn(8, 2), "b": drawn(2)})
        self.refused(tmp_path, content, DataError, "two things are called 'a'")
        self.refused(tmp_path, file_of([node("Exp", "x", "a")]), DataError, "makes the output 'y'")
        self.refused(tmp_path, file_of([node("Exp", "")]), DataError, "cannot be read")
        no_input = self.changed(lambda model: model.graph.ClearField("input"),
                                [node("Add", "k k")])  # fmt: skip
        self.refused(tmp_path, no_input, DataError, "takes no inputs")

    def test_two_inputs_of_one_name(self, tmp_path):
        twice = self.changed(lambda m: m.graph.input.append(m.graph.input[0]), [node("Exp", "x")])
        self.refused(tmp_path, twice, DataError, "two things are called 'x'")

    @pytest.mark.parametrize(
        ("constant", "shape", "fits"),
        [
            (drawn(1, 8), (1, 8), True),
            (drawn(1, 8), ("N", -1), True),
            (drawn(1, 8), None, True),
            (drawn(8), (1, 8), False),
            (drawn(1, 8), (1, 4), False),
            (drawn(1, 8).astype(np.float64), (1, 8), False),
        ],
    )
    def test_a_constant_is_its_inputs_value(self, constant, shape, fits, tmp_path):
        model = onnx.ModelProto.FromString(file_of([node("Add", "x k")], {"k": constant}))
        model.graph.input.append(helper.make_tensor_value_info("k", FLOAT, shape))
        content = model.SerializeToString()
        if fits:
            assert load_onnx(written(tmp_path, content)).input_shape == (None, 3, 8, 8)
        else:
            error = self.refused(tmp_path, content, DataError, "that name are not alike")
            assert "'k'" in str(error)

    def test_negative_sizes(self, tmp_path):
        content = file_of([node("Exp", "x")], shape=("N", -5))
        assert "'x'" in str(self.refused(tmp_path, content, DataError, "a size is negative"))
        unknown = written(tmp_path, file_of([node("Exp", "x")], shape=(-1, 4)))
        assert load_onnx(unknown).input_shape == (None, 4)

    def test_inputs_of_other_kinds(self, tmp_path):
        content = file_of([node("Identity", "x")], kind=TensorProto.STRING)
        assert "STRING" in str(self.refused(tmp_path, content, UnsupportedError, "no tensor"))

    def test_functions_that_never_end(self, tmp_path):
        opsets = [helper.make_opsetid("own", 1)]
        call = helper.make_node("Again", ["a"], ["b"], domain="own")
        own = helper.make_function("own", "Again", ["a"], ["b"], [call], opsets)
        use = helper.make_node("Again", ["x"], ["y"], domain="own")
        model = onnx.ModelProto.FromString(file_of([use], functions=[own]))
        model.opset_import.append(opsets[0])
        self.refused(tmp_path, model.SerializeToString(), DataError, "too deep")

    @pytest.mark.parametrize(
        ("nodes", "match"),
        [
            ([node("Conv", "x k", "y")], "window has no size"),
            ([node("Softmax", "x", axis=7)], "axis is out of range"),
            ([node("Reshape", "x k", "y")], "an axis that is not there"),
            ([node("Cast", "x", to=99)], "not known"),
            ([node("Transpose", "x", perm=[0, 0])], "transpose"),
            ([node("LSTM", "x k k", hidden_size=3, activations=["Odd"])], "unknown"),
        ],
        ids=lambda value: value[0].op_type if isinstance(value, list) else "",
    )
    def test_nodes_that_are_none(self, nodes, match, tmp_path):
        content = file_of(nodes, {"k": drawn(3)}, ("N", 3))
        error = self.refused(tmp_path, content, MelpyError, match)
        assert nodes[0].op_type in str(error)

    def test_damaged_files_are_read_or_refused(self, tmp_path):
        content, draw = TestNetworks().network(), random.Random(0)
        counts = {True: 0, False: 0}
        for _ in range(60):
            data = bytearray(content)
            for _ in range(draw.randint(1, 3)):
                place = draw.randrange(len(data))
                if draw.random() < 0.1:
                    del data[place:]
                elif draw.random() < 0.2:
                    place = draw.randrange(min(len(data), 400))
                    data[place] = draw.randrange(256)
                else:
                    data[place] ^= 1 << draw.randrange(8)
                data = data or bytearray(b"\x00")
            try:
                load_onnx(written(tmp_path, bytes(data)))
                counts[True] += 1
            except (MelpyError, UserWarning):  # a warning of arrays that are not finite
                counts[False] += 1
        assert min(counts.values()) > 5


def test_what_is_written_here_is_read_again(tmp_path):
    """Out by export, and in: the same numbers."""
    i = melpy.Input((8, 8, 2))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, padding="same")(i)))
    x = layers.MaxPooling2D(2)(layers.Add()([x, layers.DepthwiseConv2D(3, padding="same")(x)]))
    x = layers.Reshape((16, 4))(layers.Conv2DTranspose(4, 3, padding="same")(x))
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x))
    model = melpy.Model(i, layers.Dense(3, "softmax")(layers.LSTM(5)(x)))
    model.export(tmp_path / "m.onnx", verbose=False)
    x = given((3, 8, 8, 2))
    again = load_onnx(tmp_path / "m.onnx")
    np.testing.assert_allclose(again(x), model(x), rtol=1e-4, atol=1e-5)
    assert "LSTM" in kinds(again)


def test_gradients_flow_through_nodes(tmp_path):
    """What a node computes is made of ops, so that training reaches what is before it."""
    nodes = [
        node("Gemm", "x w", "a"),
        node("Reshape", "a s", "b"),
        node("DepthToSpace", "b", "c", blocksize=2),
        node("ReduceL2", "c k", "y"),
    ]
    constants = {"w": drawn(3, 8), "s": ints(-1, 4, 1, 2), "k": ints(1, 2, 3)}
    model = held(tmp_path, file_of(nodes, constants, ("N", 3)), given(("N", 3)))
    weight = model.weights[0]
    ops.sum(model(given((2, 3)))).backward()
    assert np.abs(weight.grad).min() > 0
