"""What a few bytes of an ONNX file may ask for: numbers, names, pieces and time have bounds."""

import itertools

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="needs onnx: pip install '.[onnx]'")
runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")

from onnx import helper, numpy_helper  # noqa: E402  only where there is onnx

from melpy import budget, config, ops  # noqa: E402
from melpy.kernels.compiled import conv_plans  # noqa: E402
from melpy.saving import load_onnx  # noqa: E402
from melpy.saving.onnx_import import operators  # noqa: E402, F401
from melpy.saving.onnx_import.maker import Maker  # noqa: E402
from melpy.saving.onnx_import.nodes import OPERATORS, Node  # noqa: E402
from melpy.saving.onnx_import.sizes import MOST, Size, known_of, product  # noqa: E402

X = np.random.default_rng(0).normal(size=(2, 3, 4, 4)).astype(np.float32)


def node(op, inputs, outputs="y", **attributes):
    return helper.make_node(op, inputs.split(), outputs.split(), **attributes)


def loaded(path, nodes, constants=None, sizes=None, shape=("N", 3, 4, 4), functions=()):
    """Load a model of one input x; of ``sizes`` constants are made, as a few bytes can."""
    made = [node("Expand", f"one {name}.shape", name) for name in sizes or {}]
    constants = {"one": np.float32(1), **(constants or {})}
    constants |= {f"{name}.shape": np.array(size) for name, size in (sizes or {}).items()}
    graph = helper.make_graph(
        [*made, *nodes], "small",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 23), helper.make_opsetid("own", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=11, functions=functions)
    path.write_bytes(model.SerializeToString())
    return load_onnx(path)


class Asked(set):
    """A set that counts how often it is asked for something."""

    count = 0

    def __contains__(self, name):
        self.count += 1
        return super().__contains__(name)


def test_names_are_found_at_once():
    maker = Maker(None)
    maker.names.taken = asked = Asked({"a_1"})
    assert [maker.name("a") for _ in range(1000)][:3] == ["a", "a_2", "a_3"]
    assert asked.count < 3000


def test_known_sizes_are_64_bits(tmp_path):
    large = np.array([2**40, 3], object)
    assert known_of(Node("Mul", 18), [large, np.array([2**22, 5], object)]).tolist() == [2**62, 15]
    assert known_of(Node("Mul", 18), [large, large]) is None
    assert known_of(Node("ReduceProd", 18), [np.append(large, 2**40)]) is None
    names = ["s0", *(f"s{n}" for n in range(1, 26))]
    squares = [node("Mul", f"{a} {a}", b) for a, b in itertools.pairwise(names)]
    nodes = [node("Shape", "x", "s0"), *squares, node("Reshape", "x s25")]
    assert loaded(tmp_path / "m.onnx", nodes).output_shape == (None,) * 4


def test_a_product_of_many_sizes_is_left():
    size = batch = Size()
    for _ in range(10_000):
        size = size * -1
    (left,) = product([size])[1]
    assert left is not batch  # all of them would be walked for each Reshape


@pytest.mark.parametrize("op", ["Equal", "Max", "Where"])
def test_known_sizes_are_counted_before_they_are_broadcast(op, monkeypatch):
    rows = [np.ones([MOST if n == axis else 1 for n in range(3)], object) for axis in range(3)]
    made = []
    monkeypatch.setattr(np, "broadcast_arrays", lambda *xs: made.append(xs))
    assert known_of(Node(op, 18), rows[:2] if op == "Equal" else rows) is None
    assert not made


@pytest.mark.parametrize(
    ("attributes", "lengths"), [({"num_outputs": 10**9}, None), ({}, [2, *[0] * 1000, 2])]
)
def test_pieces_are_made_that_are_asked_for(attributes, lengths):
    sizes = () if lengths is None else (np.array(lengths),)
    split = OPERATORS["Split"].function
    pieces = split(Node("Split", 18, attributes, outputs=2), np.arange(4.0), *sizes)
    assert len(pieces) == 3
    assert pieces[0].tolist() == ([0] if lengths is None else [0, 1])


def test_a_large_stride_makes_few_products():
    plan, _ = conv_plans.backward(
        (3, 3), (0, 0), (2, 1, 1, 1), (1000, 1000), (0, 0), (1, 1), 1, (2000, 2000)
    )
    assert len(plan.products) == 6  # (two rows and the rest) x (a column and the rest)


@pytest.mark.parametrize("dilation", [1, 3])
@pytest.mark.parametrize("stride", [2, 4, 5])
def test_pixels_that_no_tap_reaches_are_zeros(stride, dilation):
    w = np.random.default_rng(1).normal(size=(2, 3, 4, 3)).astype(np.float32)
    x = X.transpose(0, 2, 3, 1)
    made = []
    for kernels in ("numpy", "compiled"):
        with config.using_kernels(kernels):
            made.append(ops.conv_transpose(x, w, strides=stride, dilation_rate=dilation))
    np.testing.assert_allclose(*made, atol=1e-5)


CALLED = {
    "boxes": ([node("NonMaxSuppression", "b s most half", "i"), node("Cast", "i", "f", to=1),
               node("ReduceSum", "f", "t"), node("Add", "x t")],
              {"b": np.random.default_rng(2).random((1, 40, 4)).astype(np.float32),
               "s": np.random.default_rng(3).random((1, 2, 40)).astype(np.float32),
               "most": np.array([9]), "half": np.float32(0.3)}),
    "reversed": ([node("ReverseSequence", "x ends", "y", time_axis=1, batch_axis=0)],
                 {"ends": np.array([1, 3])}),
    "split": ([node("Split", "x", "y u", axis=3, num_outputs=2)], {}),
    "spread": ([node("ConvTranspose", "c k", "z", strides=[9, 9]), node("ReduceSum", "z", "t"),
                node("Add", "x t")],
               {"c": X[:1, :1], "k": X[:1, :1, :2, :2]}),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLED)
def test_the_same_numbers(name, tmp_path):
    nodes, constants = CALLED[name]
    y = loaded(tmp_path / "m.onnx", nodes, constants).predict(X, verbose=0)
    session = runtime.InferenceSession((tmp_path / "m.onnx").read_bytes())
    np.testing.assert_allclose(y, session.run(["y"], {"x": X})[0], rtol=1e-5)


WEIGHTS = {"w": np.ones((1, 4, 1), np.float32), "r": np.ones((1, 4, 1), np.float32)}
SLOW = {
    "steps": ([node("LSTM", "a w r", hidden_size=1)], {"a": (300_000, 1, 1)}),
    "cells": ([node("AveragePool", "a", kernel_shape=[500, 500])], {"a": (1, 1, 1000, 1000)}),
    "maxima": ([node("MaxPool", "a", kernel_shape=[500, 500])], {"a": (1, 1, 1000, 1000)}),
    "taps": ([node("Conv", "a b")], {"a": (1, 1, 1_000_000), "b": (1, 1, 500_000)}),
    "phases": ([node("ConvTranspose", "a b", strides=[900, 900])],
               {"a": (1, 1, 1, 1), "b": (1, 1, 1000, 1000)}),
    "channels": ([node("LRN", "a", size=900_001)], {"a": (1, 900_000, 1, 1)}),
    "reach": ([node("Resize", "a _ scale", mode="linear", antialias=1)], {"a": (1_000_000,)}),
    "sums": ([node("Einsum", "a a a", equation="abc,ade,bdf->")], {"a": (100, 100, 100)}),
    "determinants": ([node("Det", "a", f"d{n}") for n in range(9)], {"a": (1300, 1300)}),
    "labels": ([node("NonMaxSuppression", "a b most")],
               {"a": (1, 1, 4), "b": (1, 1_000_000, 1)}),
    "terms": ([node("Sum", " ".join(["a"] * 2000))], {"a": (1_000_000,)}),
}  # fmt: skip


@pytest.mark.parametrize("name", SLOW)
def test_constants_that_take_long(name, tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "TIME_FLOOR_S", 1.0)
    nodes, sizes = SLOW[name]
    for one in nodes:
        one.input[:] = [x.replace("_", "") for x in one.input]
    constants = WEIGHTS | {"scale": np.float32([1e-6]), "most": np.array([10**9])}
    with pytest.raises(budget.TooLongError, match="more time than a file of this size"):
        loaded(tmp_path / "m.onnx", nodes, constants, sizes)


@pytest.mark.parametrize("mask", ["", "m"])
def test_attention_is_described_without_its_scores(mask, tmp_path):
    """20,000 x 20,000 scores are no part of what comes out; of constants they are counted."""
    heads = {"q_num_heads": 1, "kv_num_heads": 1}
    said = {"m": np.zeros((1, 20_000), np.float32)}
    symbolic = node("Attention", f"x x x {mask}", **heads)
    shape = loaded(tmp_path / "m.onnx", [symbolic], said, shape=("N", 20_000, 4)).output_shape
    assert shape == (None, 20_000, 4)
    with pytest.raises(budget.TooMuchError, match="Attention needs more memory"):
        loaded(tmp_path / "m.onnx", [node("Attention", "a a a", **heads)], {}, {"a": (1, 4096, 1)})


def test_steps_of_a_symbolic_sequence(tmp_path):
    cell = node("LSTM", "x w r", hidden_size=1, clip=1.0)
    with pytest.raises(budget.TooLongError, match="LSTM"):
        loaded(tmp_path / "m.onnx", [cell], WEIGHTS, shape=(300_000, 1, 1))


def test_functions_that_call_each_other_many_times(tmp_path, monkeypatch):
    monkeypatch.setattr(budget, "TIME_FLOOR_S", 0.5)
    opsets, functions = [helper.make_opsetid("", 23), helper.make_opsetid("own", 1)], []
    for level in range(4):
        name, domain = (f"F{level - 1}", "own") if level else ("Relu", "")
        inner = [node(name, f"s{n}", f"s{n + 1}", domain=domain) for n in range(30)]
        functions.append(helper.make_function("own", f"F{level}", ["s0"], ["s30"], inner, opsets))
    with pytest.raises(budget.TooLongError, match="the walk through its nodes"):
        loaded(tmp_path / "m.onnx", [node("F3", "x", domain="own")], functions=functions)
