"""ONNX out: what a model says in ONNX Runtime is what it says here."""

import pathlib
import random
import re
import warnings
import zlib

import numpy as np
import pytest
from drawn_layers import LAYERS
from hypothesis import given, settings
from hypothesis import strategies as st

import melpy
from melpy import layers, ops, tree
from melpy.errors import (
    ArgumentError,
    FileError,
    SignatureError,
    UnsupportedError,
)
from melpy.experiments.architectures import ARCHITECTURES, build
from melpy.ops.registry import OPS
from melpy.saving.onnx_export import exporting, file
from melpy.saving.onnx_export.inputs import Place
from melpy.saving.onnx_export.rules import RULES
from melpy.saving.onnx_export.writing import REASONS
from melpy.tensor import Tensor

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

CLOSE = {"rtol": 1e-4, "atol": 1e-5}
NEWEST = min(onnx.defs.onnx_opset_version(), 28)  # which ONNX Runtime 1.32 knows
OPSETS = (NEWEST - 2, NEWEST - 1, NEWEST)
rng_of = np.random.default_rng


@pytest.fixture(autouse=True)
def many_only_where_there_is_time(request):
    """Leave the long tests to the environment of parity, which has OpenVINO."""
    if request.node.get_closest_marker("parity"):
        pytest.importorskip("openvino")


def checked(content):
    """Return a file's model, looked at by ONNX's own checker with full shape inference."""
    proto = onnx.load_from_string(content)
    onnx.checker.check_model(proto, full_check=True)
    onnx.shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True)
    return proto


def by_runtime(content, inputs):
    ort.set_default_logger_severity(4)
    session = ort.InferenceSession(content, providers=["CPUExecutionProvider"])
    names = [x.name for x in session.get_inputs()]
    return session.run(None, dict(zip(names, inputs, strict=True)))


def by_openvino(content, inputs):
    import openvino

    core = openvino.Core()
    model = core.compile_model(core.read_model(content), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    made = model(list(inputs))
    return [made[output] for output in model.outputs]


def exported(model, tmp_path, **options):
    path = tmp_path / "m.onnx"
    model.export(path, **options)
    return path.read_bytes()


def said(model, inputs):
    """Return what a model says here, as a list."""
    made = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    return [np.asarray(y) for y in tree.flatten(made)]


def assert_same(content, model, *batches, run=by_runtime):
    for inputs in batches:
        found, wanted = run(content, inputs), said(model, list(inputs))
        assert len(found) == len(wanted)
        for a, b in zip(found, wanted, strict=True):
            assert run is by_openvino or a.dtype == b.dtype
            np.testing.assert_allclose(a, b, **CLOSE)


def floats(*shapes, seed=0):
    rng = rng_of(seed)
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def kinds(proto):
    return [node.op_type for node in proto.graph.node]


# Every op, by its own sample.


def samples(most):
    for name, op in OPS.items():
        if name not in REASONS:
            yield from ((name, sample) for sample in op.samples[:most])


def drawn(sample, seed):
    values = sample(rng_of(seed))
    options = values[-1] if isinstance(values[-1], dict) else {}
    arrays = [
        None if x is None else np.asarray(x, np.float32 if np.asarray(x).dtype == float else None)
        for x in (values[:-1] if isinstance(values[-1], dict) else values)
    ]
    return arrays, options


def of_op(name, sample, opset):
    """Return a function of one op, its inputs, and the file that says it."""
    arrays, options = drawn(sample, 0)
    places = [n for n, x in enumerate(arrays) if x is not None]

    def function(tensors):
        given = list(arrays)
        for n, tensor in zip(places, tensors, strict=True):
            given[n] = tensor
        return OPS[name].call(*given, **options)

    inputs = [arrays[n] for n in places]
    others = [drawn(sample, 1)[0][n] for n in places]
    if [x.shape for x in inputs] != [x.shape for x in others]:
        others = inputs
    runs = [exporting.run_on(function, given) for given in (inputs, others)]
    where = [Place(f"x{n}", x.shape, x.dtype) for n, x in enumerate(inputs)]
    return function, inputs, exporting.written_onnx(runs, where, None, opset)


def test_every_op_has_a_rule_or_a_reason():
    assert set(OPS) == (set(RULES) | set(REASONS)) & set(OPS)
    assert not set(RULES) & set(REASONS)
    assert set(REASONS) <= set(OPS)


@pytest.mark.parametrize(
    ("run", "most"),
    [(by_runtime, 1), pytest.param(by_runtime, 99, marks=pytest.mark.parity),
     pytest.param(by_openvino, 99, marks=pytest.mark.parity)],
)  # fmt: skip
def test_every_op_says_the_same(run, most):
    """One test for all ops: each is cheap, and what fails names itself."""
    wrong = []
    for number, (name, sample) in enumerate(samples(most)):
        if run is by_openvino and name in UNKNOWN_TO_OPENVINO:
            continue
        function, inputs, content = of_op(name, sample, OPSETS[number % 3])
        checked(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # of samples beyond a domain
            wanted = tree.flatten(function([Tensor(x) for x in inputs]))
        try:
            for a, b in zip(run(content, inputs), wanted, strict=True):
                assert run is by_openvino or a.dtype == np.asarray(b).dtype
                np.testing.assert_allclose(a, np.asarray(b), **CLOSE)
        except Exception as error:
            wrong.append((name, str(error)[:200]))
    assert not wrong


# It lacks Det, and runs no graph whose output needs no input.
UNKNOWN_TO_OPENVINO = {"det", "zeros_like", "ones_like", "full_like"}


@pytest.mark.parametrize("name", sorted(REASONS))
def test_what_onnx_cannot_say_is_named_with_the_reason(name):
    with pytest.raises(UnsupportedError, match=rf"ONNX cannot say {name} \({REASONS[name]}\)"):
        of_op(name, OPS[name].samples[0], 21)


# Every layer, drawn over its arguments.

FIXED = {"RMSNormalization", "Attention", "AdditiveAttention", "MultiHeadAttention",
         "GroupQueryAttention"}  # fmt: skip  # their cases are of one batch size


def model_of(name, some):
    """Return a model of one drawn layer, with weights away from their start, and inputs."""
    case = LAYERS[name](some)
    fixed = bool(case.options) or case.make is not None or name in FIXED
    kind = "int32" if case.whole else "float32"
    begin = [
        melpy.Input(batch_shape=s if fixed else (None, *s[1:]), dtype=kind, name=f"in_{n}")
        for n, s in enumerate(case.shapes)
    ]
    layer = case.layer(layers, name, "float32")
    model = melpy.Model(begin, case.call(layer, begin, "float32"))
    rng = rng_of(1)
    for w in layer.weights:
        sign = 1 if "variance" in w.name else rng.choice([-1, 1], w.shape)
        w.assign(rng.uniform(0.2, 1.2, w.shape) * sign)
    inputs = [x.astype(kind) for x in case.inputs("float32")]
    return model, inputs if fixed else [np.concatenate([x, x[::-1]])[:-1] for x in inputs]


def drawer(*key):
    choose = random.Random(zlib.crc32(str(key).encode()))
    return lambda *values: choose.choice(values)


@pytest.mark.parametrize("name", sorted(LAYERS))
def test_every_layer_says_the_same(name, tmp_path):
    model, inputs = model_of(name, drawer(name))
    content = exported(model, tmp_path)
    checked(content)
    assert_same(content, model, inputs)


@pytest.mark.parity
@pytest.mark.parametrize("run", [by_runtime, by_openvino])
@pytest.mark.parametrize("name", sorted(LAYERS))
def test_every_layer_says_the_same_whatever_its_arguments(name, run, tmp_path):
    for n in range(3):
        model, inputs = model_of(name, drawer(name, n))
        content = exported(model, tmp_path, opset_version=OPSETS[n])
        checked(content)
        assert_same(content, model, inputs, run=run)


# Drawn models: rows of layers that fit behind each other.

IMAGES = ["Conv2D", "DepthwiseConv2D", "SeparableConv2D", "BatchNormalization", "MaxPooling2D",
          "AveragePooling2D", "ReLU", "UpSampling2D", "ZeroPadding2D", "Dropout", "residual",
          "GroupNormalization", "LayerNormalization", "squeeze", "Conv2DTranspose"]  # fmt: skip
SEQUENCES = ["LSTM", "GRU", "SimpleRNN", "Bidirectional", "Conv1D", "Dense", "attention",
             "LayerNormalization", "MaxPooling1D", "TimeDistributed", "Dropout"]  # fmt: skip
MAKE = {
    "Conv2D": lambda: layers.Conv2D(4, 3, padding="same", activation="relu"),
    "DepthwiseConv2D": lambda: layers.DepthwiseConv2D(3, padding="same"),
    "SeparableConv2D": lambda: layers.SeparableConv2D(5, 2, activation="silu"),
    "Conv2DTranspose": lambda: layers.Conv2DTranspose(3, 3, strides=2, padding="same"),
    "MaxPooling2D": lambda: layers.MaxPooling2D(2, padding="same"),
    "AveragePooling2D": lambda: layers.AveragePooling2D(2, 1, padding="same"),
    "UpSampling2D": lambda: layers.UpSampling2D(2, interpolation="bilinear"),
    "ZeroPadding2D": lambda: layers.ZeroPadding2D(1),
    "Dropout": lambda: layers.Dropout(0.5),
    "GroupNormalization": lambda: layers.GroupNormalization(1),
    "LSTM": lambda: layers.LSTM(4, return_sequences=True),
    "GRU": lambda: layers.GRU(3, return_sequences=True, reset_after=False),
    "SimpleRNN": lambda: layers.SimpleRNN(3, "relu", return_sequences=True),
    "Bidirectional": lambda: layers.Bidirectional(layers.GRU(2, return_sequences=True)),
    "Conv1D": lambda: layers.Conv1D(4, 3, padding="causal", activation="gelu"),
    "Dense": lambda: layers.Dense(3, "tanh"),
    "MaxPooling1D": lambda: layers.MaxPooling1D(2, 1, padding="same"),
    "TimeDistributed": lambda: layers.TimeDistributed(layers.Dense(3)),
}


def behind(x, name):
    if name == "residual":
        return layers.Add()([x, layers.Conv2D(x.shape[-1], 3, padding="same")(layers.ReLU()(x))])
    if name == "squeeze":
        scale = layers.GlobalAveragePooling2D(keepdims=True)(x)
        return layers.Multiply()([x, layers.Conv2D(x.shape[-1], 1, activation="sigmoid")(scale)])
    if name == "attention":
        return layers.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True)
    return MAKE.get(name, getattr(layers, name, None))()(x)


def drawn_model(names, shape):
    """Return a model of a row of layers, none of whose weights is at its start."""
    begin = x = melpy.Input(shape)
    for name in names:
        x = behind(x, name)
    pool = layers.GlobalAveragePooling2D if len(shape) == 3 else layers.GlobalMaxPooling1D
    model = melpy.Model(begin, layers.Dense(3, "softmax")(pool()(x)))
    rng = rng_of(2)
    for w in model.weights:
        w.assign(np.asarray(w) * 0.7 + rng.uniform(0.05, 0.2, w.shape))
    return model


rows = st.one_of(
    st.tuples(st.lists(st.sampled_from(IMAGES), min_size=1, max_size=5), st.just((8, 6, 2))),
    st.tuples(st.lists(st.sampled_from(SEQUENCES), min_size=1, max_size=4), st.just((5, 2))),
)


@pytest.mark.parametrize(
    ("run", "count"),
    [(by_runtime, 12), pytest.param(by_openvino, 60, marks=pytest.mark.parity),
     pytest.param(by_runtime, 60, marks=pytest.mark.parity)],
)  # fmt: skip
def test_drawn_models(run, count, tmp_path):
    @settings(max_examples=count, database=None)
    @given(rows)
    def holds(row):
        model = drawn_model(*row)
        content = exported(model, tmp_path)
        checked(content)
        assert_same(content, model, floats((3, *row[1])), floats((1, *row[1])), run=run)

    holds()


# Whole networks.


def resnet():
    begin = melpy.Input((None, None, 3), name="images")
    x = layers.Conv2D(8, 3, 2, "same", use_bias=False)(begin)
    for filters, stride in ((8, 1), (16, 2), (16, 1)):
        y = layers.Conv2D(filters, 3, stride, "same", use_bias=False)(x)
        y = layers.ReLU()(layers.BatchNormalization()(y))
        y = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same")(y))
        if x.shape[-1] != filters:
            x = layers.Conv2D(filters, 1, stride)(x)
        x = layers.ReLU()(layers.Add()([x, y]))
    y = layers.Dense(10, name="scores")(layers.GlobalAveragePooling2D()(x))
    return melpy.Model(begin, y), [floats((2, 32, 24, 3)), floats((1, 17, 40, 3))]


def unet():
    begin = x = melpy.Input((None, None, 1))
    skips = []
    for filters in (4, 8):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    for n, skip in enumerate(skips[::-1]):
        x = layers.Conv2DTranspose(4, 2, 2)(x) if n else layers.UpSampling2D()(x)
        x = layers.Concatenate()([x, skip])
        x = layers.Conv2D(4, 3, padding="same", activation="relu")(x)
    y = layers.Conv2D(1, 1, activation="sigmoid")(x)
    return melpy.Model(begin, y), [floats((2, 16, 24, 1)), floats((1, 8, 4, 1))]


class Block(layers.Layer):
    def __init__(self, heads, width, **kwargs):
        super().__init__(**kwargs)
        self.attend = layers.MultiHeadAttention(heads, width // heads)
        self.norms = [layers.LayerNormalization() for _ in range(2)]
        self.inner, self.outer = layers.Dense(2 * width, "gelu"), layers.Dense(width)

    def call(self, x):
        x = x + self.attend(self.norms[0](x), self.norms[0](x), use_causal_mask=True)
        return x + self.outer(self.inner(self.norms[1](x)))


class Places(layers.Layer):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.table = layers.Embedding(64, 8)

    def call(self, x):
        return x + self.table(ops.arange(x.shape[1]))


def transformer():
    begin = melpy.Input((None,), dtype="int32", name="tokens")
    x = Places()(layers.Embedding(20, 8)(begin))
    for _ in range(2):
        x = Block(2, 8)(x)
    model = melpy.Model(begin, layers.Dense(20)(x))
    return model, [[rng_of(n).integers(0, 20, s).astype("int32")]
                   for n, s in enumerate([(2, 7), (1, 1), (3, 12)])]  # fmt: skip


def masked_attention():
    """Masks by NumPy, joined with those that follow from sizes alone."""
    begin = melpy.Input((None,), dtype="int32")
    x = layers.Embedding(9, 4, mask_zero=True)(begin)
    y = layers.MultiHeadAttention(2, 3)(x, x, use_causal_mask=True)
    z = layers.Attention()([x, layers.Concatenate(axis=1)([x, x])])
    pooled = layers.GlobalAveragePooling1D()(layers.Add()([y, z]))
    placed = layers.Lambda(lambda t: t * ops.cast(ops.arange(t.shape[1]), "float32")[:, None])(x)
    model = melpy.Model(begin, [pooled, placed])
    return model, [[rng_of(n).integers(0, 9, s).astype("int32")]
                   for n, s in enumerate([(3, 7), (1, 2)])]  # fmt: skip


def masked_recurrent():
    """Padding anywhere: a mask with holes, rows that are all padding, any length."""
    begin = melpy.Input((None,), dtype="int32")
    x = layers.Embedding(9, 5, mask_zero=True)(begin)
    x = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(x)
    x = layers.GRU(3, return_sequences=True)(x)
    x, last, cell = layers.LSTM(3, return_state=True)(x)
    model = melpy.Model(begin, [x, last, cell])
    holes = np.array([[1, 0, 2, 0, 0, 3], [0, 0, 0, 0, 0, 0], [4, 5, 6, 7, 0, 0]], "int32")
    return model, [[holes], [holes[:1, :3]]]


def preprocessed():
    """What is done to images before a network, with two inputs and outputs of other types."""
    a, b = melpy.Input((12, 9, 3), name="a"), melpy.Input((4,), name="b")
    norm = layers.Normalization(mean=[0.2, 0.3, 0.1], variance=[1.0, 0.5, 2.0])
    x = norm(layers.Rescaling(1 / 255, -0.5)(layers.CenterCrop(8, 8)(a)))
    x = layers.Resizing(5, 6, antialias=True)(x)
    x = layers.RandomFlip()(x)
    scores = layers.Dense(4)(layers.Flatten()(x)) * b
    model = melpy.Model(
        {"a": a, "b": b}, {"best": ops.argmax(scores, -1), "high": scores > 0, "scores": scores}
    )
    return model, [floats((2, 12, 9, 3), (2, 4))]


NETWORKS = [resnet, unet, transformer, masked_attention, masked_recurrent, preprocessed]


@pytest.mark.parametrize("opset", [exporting.OLDEST_OPSET, exporting.DEFAULT_OPSET, *OPSETS])
@pytest.mark.parametrize("network", NETWORKS)
def test_networks_of_any_size(network, opset, tmp_path):
    model, batches = network()
    content = exported(model, tmp_path, opset_version=opset)
    proto = checked(content)
    assert proto.opset_import[0].version == opset
    names = [x.name for x in proto.graph.input]
    assert names == model.input_names
    wanted = sorted(model.output_names) if network is preprocessed else model.output_names
    assert sorted(x.name for x in proto.graph.output) == sorted(wanted)
    if network is preprocessed:
        found = by_runtime(content, batches[0])
        wanted = tree.flatten(model(dict(zip("ab", batches[0], strict=True))))
        for a, b in zip(found, wanted, strict=True):
            assert a.dtype == np.asarray(b).dtype
            np.testing.assert_allclose(a, np.asarray(b), **CLOSE)
    else:
        assert_same(content, model, *batches)


@pytest.mark.parity
@pytest.mark.parametrize("network", NETWORKS[:-1])
def test_networks_in_openvino(network, tmp_path):
    model, batches = network()
    assert_same(exported(model, tmp_path), model, *batches, run=by_openvino)


@pytest.mark.parametrize("name", ["mnist-1", "cifar-1", "lenet5"])
def test_the_papers_networks(name, tmp_path):
    shape = (28, 28, 1) if name != "cifar-1" else (32, 32, 3)
    model = build(name, shape, 10, seed=1)
    content = exported(model, tmp_path)
    checked(content)
    assert_same(content, model, floats((3, *shape)))


@pytest.mark.parity
@pytest.mark.parametrize("run", [by_runtime, by_openvino])
@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_all_of_the_papers_networks(name, run, tmp_path):
    shape = (32, 32, 3) if name.startswith("cifar") else (28, 28, 1)
    model = build(name, shape, 10, seed=1)
    assert_same(exported(model, tmp_path), model, floats((3, *shape)), run=run)


# Models of all makes.


class Own(melpy.Model):
    """A class of one's own: two inputs, a shared layer, a nested model, a mask by NumPy."""

    def __init__(self):
        super().__init__()
        self.shared = layers.Dense(3, "relu")
        self.nested = melpy.Sequential([layers.Dense(4), layers.Dropout(0.5), layers.ELU()])

    def call(self, inputs):
        a, b = inputs
        seen = np.any(a > 0, axis=-1, keepdims=True) & ~(b.numpy()[:, :1] < -1)
        return {"y": self.nested(self.shared(a) + self.shared(b)), "seen": seen * 1.0}


@pytest.mark.parametrize("how", ["called", "signature"])
def test_a_class_of_ones_own(how, tmp_path):
    model = Own()
    options = {}
    if how == "called":
        model(floats((2, 5), (2, 5)))
    else:
        options["input_signature"] = [
            [melpy.InputSpec(shape=(None, 5), dtype="float32", name=name) for name in "ab"]
        ]
    content = exported(model, tmp_path, **options)
    proto = checked(content)
    names = ["input", "input_1"] if how == "called" else ["a", "b"]
    assert [x.name for x in proto.graph.input] == names
    assert [d.dim_param for d in proto.graph.output[0].type.tensor_type.shape.dim] == ["batch", ""]
    inputs = floats((4, 5), (4, 5))
    wanted = tree.flatten(model(inputs))
    for a, b in zip(by_runtime(content, inputs), wanted, strict=True):
        np.testing.assert_allclose(a, np.asarray(b), **CLOSE)


def test_weights_keep_their_names_and_what_follows_from_them_is_folded(tmp_path):
    model = melpy.Sequential([melpy.Input((3,)), layers.Dense(2, name="first")])
    model.compile("sgd", "mse")
    proto = checked(exported(model, tmp_path))
    assert {x.name for x in proto.graph.initializer} == {w.path for w in model.weights}
    assert kinds(proto) == ["Gemm"]
    assert proto.producer_name == "melpy"


def test_images_are_turned_at_the_ends_only_and_scales_are_weights(tmp_path):
    model, _ = resnet()
    proto = checked(exported(model, tmp_path))
    assert kinds(proto).count("Transpose") == 1  # the mean leaves no axis to be turned back
    assert set(kinds(proto)) == {"Transpose", "Conv", "Relu", "Add", "ReduceMean", "Gemm"}
    assert kinds(proto).count("Add") == 3


def test_a_model_stays_as_it_was(tmp_path):
    begin = melpy.Input(batch_shape=(2, 4, 3))
    recurrent = layers.GRU(3, stateful=True)
    model = melpy.Model(begin, layers.GaussianNoise(0.1)(recurrent(begin)))
    (x,) = floats((2, 4, 3))
    model(x)
    state, weights = np.array(recurrent.states[0]), model.get_weights()
    content = exported(model, tmp_path)
    np.testing.assert_array_equal(recurrent.states[0], state)
    for a, b in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert "call" not in vars(recurrent)
    assert_same(content, model, [x])  # the file begins with the states of that time


def test_float64_stays_float64(tmp_path):
    begin = melpy.Input((4, 3), dtype="float64")
    rows = [layers.Dense(5, "tanh", dtype="float64"), layers.LayerNormalization(dtype="float64"),
            layers.Dense(2, "elu", dtype="float64")]  # fmt: skip
    x = begin
    for row in rows:
        x = row(x)
    model = melpy.Model(begin, x)
    content = exported(model, tmp_path)
    checked(content)
    assert_same(content, model, [rng_of(0).normal(size=(2, 4, 3))])


@pytest.mark.parametrize("mode", ["int", "one_hot", "multi_hot", "count"])
def test_categories(mode, tmp_path):
    begin = melpy.Input((3,))
    y = layers.Discretization([-0.5, 0.0, 1.0], output_mode=mode)(begin)
    tokens = melpy.Input((4,), dtype="int32")
    z = tokens
    if mode != "int":
        z = layers.CategoryEncoding(5, output_mode=mode)(tokens)
    model = melpy.Model([begin, tokens], [y, z])
    content = exported(model, tmp_path)
    checked(content)
    known = np.array([[0, 1, 1, 4], [2, 2, 2, 3]], "int32")
    assert_same(content, model, [*floats((2, 3)), known])


def test_what_was_exported_is_read_again(tmp_path):
    for network in (unet, transformer):
        model, batches = network()
        model.export(tmp_path / "m.onnx")
        again = melpy.saving.load_onnx(tmp_path / "m.onnx")
        for inputs in batches[:1]:
            found = tree.flatten(again(inputs[0]))[0]
            np.testing.assert_allclose(np.asarray(found), said(model, inputs)[0], **CLOSE)


def test_the_page_of_the_docs(tmp_path, monkeypatch):
    page = pathlib.Path(melpy.__file__).parents[1] / "docs" / "doors" / "onnx-export.md"
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)
    exec(block, {})


# What is refused.


class Reads(layers.Layer):
    def call(self, x):
        return x * float(np.asarray(x).max())


class ReadsArrays(layers.Layer):
    def call(self, x):
        x = x / float(np.linalg.norm(np.asarray(x)))
        return x - np.unwrap(np.asarray(x))


class Chooses(layers.Layer):
    def call(self, x):
        return ops.relu(x) if np.asarray(x).sum() > 0 else ops.exp(x)


class Draws(layers.Layer):
    def call(self, x):
        return ops.nn.gelu(x) + ops.dropout(x, rate=0.5, seed=(1, 2)) + ops.erfinv(ops.tanh(x))


def refusal(model, tmp_path):
    with pytest.raises(UnsupportedError) as caught:
        model.export(tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()
    return str(caught.value)


def in_a_row(*rows, shape=(3,)):
    begin = x = melpy.Input(shape)
    for row in rows:
        x = row(x)
    return melpy.Model(begin, x, name="net")


def test_all_that_onnx_cannot_say_is_named_at_once_with_the_layers(tmp_path):
    model = in_a_row(
        Draws(name="second"), layers.Dense(3), Draws(name="first"), ReadsArrays(name="third")
    )
    assert refusal(model, tmp_path) == (
        "Model 'net': ONNX cannot say "
        "divide (a number that was read from the values) in third; "
        "dropout (random numbers) in first, second; erfinv (no such function) in first, second; "
        "subtract (values that were read with NumPy) in third. Expected layers whose ops are in "
        "ONNX, and no values that NumPy reads between them. Leave these layers out, say them by "
        "other ops, or give input_signature fixed sizes."
    )


@pytest.mark.parametrize(
    ("layer", "what"),
    [
        (Reads, r"multiply (a number that was read from the values) in odd"),
        (Chooses, "a choice by values in odd"),
    ],
)
def test_what_follows_from_values_outside_of_ops(layer, what, tmp_path):
    assert f"ONNX cannot say {what}. " in refusal(in_a_row(layer(name="odd")), tmp_path)


class Pairs(layers.Layer):
    """What does not follow from the batch size by a line: its square."""

    def call(self, x):
        apart = ops.expand_dims(x, 0) - ops.expand_dims(x, 1)
        return ops.reshape(apart, (len(x) * len(x), x.shape[1]))


def test_sizes_that_are_computed(tmp_path):
    begin = melpy.Input((3,))
    model = melpy.Model(begin, Pairs()(begin))
    assert_same(exported(model, tmp_path), model, floats((4, 3)), floats((7, 3)))
    left, right = melpy.Input((None, 20)), melpy.Input((None, 20))  # long enough for two poolings
    pooled = [layers.MaxPooling1D(9)(x) for x in (left, right)]
    model = melpy.Model([left, right], layers.Concatenate(1)(pooled))
    content = exported(model, tmp_path)
    assert_same(content, model, floats((2, 18, 20), (2, 40, 20)))


def test_text(tmp_path):
    begin = melpy.Input((1,), dtype="string", name="words")
    model = melpy.Model(begin, layers.StringLookup(vocabulary=["a", "b"])(begin))
    with pytest.raises(UnsupportedError, match=r"models that take text .* received input='words'"):
        model.export(tmp_path / "m.onnx")


def test_outputs_that_are_inputs_or_come_twice_and_inputs_of_one_name(tmp_path):
    begin = melpy.Input((3,), name="dense")
    y = layers.Dense(2, name="two")(begin)
    model = melpy.Model(begin, [begin, y, y])
    content = exported(model, tmp_path)
    proto = checked(content)
    assert len({x.name for x in (*proto.graph.input, *proto.graph.output)}) == 4
    assert_same(content, model, floats((2, 3)))
    same = [melpy.InputSpec(shape=(None, 5), dtype="float32", name="a")] * 2
    checked(exported(Own(), tmp_path, input_signature=[same]))


def test_a_loop_over_an_axis_needs_its_size(tmp_path):
    model = in_a_row(layers.RNN(layers.LSTMCell(2), name="loop"), shape=(None, 3))
    what = "a loop of Python's over an axis of unknown size in loop"
    assert what in refusal(model, tmp_path)
    signature = [melpy.InputSpec(shape=(None, 4, 3), dtype="float32")]
    content = exported(model, tmp_path, input_signature=signature)
    assert_same(content, model, floats((3, 4, 3)))


def test_a_refused_export_leaves_the_file_that_was_there(tmp_path):
    (tmp_path / "m.onnx").write_bytes(b"old")
    with pytest.raises(UnsupportedError):
        in_a_row(Draws()).export(tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_bytes() == b"old"


def test_more_weights_than_a_file_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(file, "MOST_BYTES", 40)
    what = "its weights take 0.0 GB, and one ONNX file holds 2. Expected a smaller model"
    assert what in refusal(in_a_row(layers.Dense(5)), tmp_path)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"opset_version": 9}, ArgumentError,
         r"this version of ONNX's operators is not written. Expected opset_version from 18 to"),
        ({"opset": 21}, SignatureError, r"unknown argument 'opset'.*Did you mean 'opset_version'"),
        ({"format": "tf_saved_model"}, ArgumentError,
         r"models are exported as ONNX. Expected a path that ends in \".onnx\", or format="),
        ({"input_signature": [3]}, ArgumentError, r"an input of the signature has no shape"),
    ],
)  # fmt: skip
def test_arguments(options, error, message, tmp_path):
    with pytest.raises(error, match=message):
        in_a_row(layers.Dense(2)).export(tmp_path / "m.onnx", **options)


def test_paths(tmp_path, capsys):
    model = in_a_row(layers.Dense(2))
    with pytest.raises(ArgumentError, match="models are exported as ONNX"):
        model.export(tmp_path / "m")
    with pytest.raises(ArgumentError, match="there is no folder"):
        model.export(tmp_path / "none" / "m.onnx")
    with pytest.raises(FileError, match="this is a folder or a device"):
        model.export(tmp_path, format="onnx")
    assert capsys.readouterr().out == ""
    model.export(str(tmp_path / "m"), format="onnx", verbose=True)
    assert capsys.readouterr().out == f"Saved as ONNX: {tmp_path / 'm'}\n"
    checked((tmp_path / "m").read_bytes())


def test_a_model_that_does_not_know_its_inputs(tmp_path):
    with pytest.raises(ArgumentError, match=r"it does not know its inputs yet. Expected input_sig"):
        Own().export(tmp_path / "m.onnx")


def test_without_the_package(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(melpy.errors.DependencyError, match="ONNX files need the package onnx"):
        in_a_row(layers.Dense(2)).export(tmp_path / "m.onnx")
