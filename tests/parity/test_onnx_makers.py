"""ONNX files as PyTorch, Keras and scikit-learn write them, held to ONNX Runtime."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest

import melpy
from melpy import layers, models
from melpy.saving import load_foreign_weights, load_onnx

pytest.importorskip("onnx", reason="needs onnx")
runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
pytestmark = pytest.mark.parity


@pytest.fixture(scope="module")
def torch():
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    torch.manual_seed(0)
    return torch


def networks(torch):
    """Return networks by name, each with what makes an input of it."""
    nn, F = torch.nn, torch.nn.functional

    def normal(i, o, k, stride=1, groups=1):
        return nn.Sequential(nn.Conv2d(i, o, k, stride, k // 2, groups=groups, bias=False),
                             nn.BatchNorm2d(o))  # fmt: skip

    class Residual(nn.Module):
        def __init__(self, i, o, stride):
            super().__init__()
            self.a, self.b, self.c = (
                normal(i, o, 3, stride),
                normal(o, o, 3),
                normal(i, o, 1, stride),
            )

        def forward(self, x):
            return F.relu(self.b(F.relu(self.a(x))) + self.c(x))

    class Inverted(nn.Module):
        def __init__(self, i, stride=1):
            super().__init__()
            self.parts = nn.Sequential(
                normal(i, 3 * i, 1), nn.ReLU6(), normal(3 * i, 3 * i, 3, stride, 3 * i),
                nn.Hardswish(), normal(3 * i, i, 1),
            )  # fmt: skip

        def forward(self, x):
            y = self.parts(x)
            return x + y if y.shape == x.shape else y

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down, self.deep = self.twice(1, 8), self.twice(8, 12)
            self.up, self.out = nn.ConvTranspose2d(12, 8, 2, 2), self.twice(16, 4)

        def twice(self, i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.GroupNorm(4, o), nn.SiLU(),
                                 nn.Conv2d(o, o, 3, padding=1), nn.LeakyReLU(0.1))  # fmt: skip

        def forward(self, x):
            a = self.down(x)
            y = torch.cat([self.up(self.deep(F.max_pool2d(a, 2))), a], 1)
            y = F.interpolate(self.out(y), scale_factor=2, mode="bilinear")
            return torch.softmax(y, 1)

    class Sequences(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(30, 6)
            self.lstm = nn.LSTM(6, 5, 2, batch_first=True, bidirectional=True)
            self.gru, self.out = nn.GRU(10, 4, batch_first=True), nn.Linear(4, 3)

        def forward(self, x):
            y, _ = self.lstm(self.words(x))
            return self.out(self.gru(y)[0][:, -1])

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.places = nn.Embedding(30, 8), nn.Parameter(torch.randn(1, 7, 8) * 0.1)
            block = nn.TransformerEncoderLayer(8, 2, 12, activation="gelu", batch_first=True)
            self.blocks, self.out = nn.TransformerEncoder(block, 2), nn.Linear(8, 3)

        def forward(self, x):
            return self.out(self.blocks(self.words(x) + self.places).mean(1))

    def images(channels):
        return lambda n: torch.randn(n, channels, 16, 16)

    stem = [normal(3, 8, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 5)]
    mobile = [normal(3, 4, 3, 2), nn.Hardswish(), Inverted(4), Inverted(4, 2), nn.Flatten(),
              nn.Dropout(0.2), nn.Linear(64, 5)]  # fmt: skip
    words = lambda n: torch.randint(0, 30, (n, 7))  # noqa: E731
    return {
        "resnet": (nn.Sequential(*stem, Residual(8, 8, 1), Residual(8, 12, 2), *head), images(3)),
        "mobilenet": (nn.Sequential(*mobile), images(3)),
        "unet": (UNet(), images(1)),
        "lstm": (Sequences(), words),
        "transformer": (Transformer(), words),
    }


def test_keras_reads_what_was_read(keras, tmp_path):
    """A model without an OnnxNode is made of Keras's layers and operations alone."""
    from onnx import TensorProto, helper, numpy_helper

    draw, made = np.random.default_rng(0), helper.make_node
    shapes = {"w": (6, 3, 3, 3), "g": (6,), "b": (6,), "m": (6,), "v": (6,), "d": (6, 1, 3, 3),
              "e": (24, 5)}  # fmt: skip
    constants = {name: np.abs(draw.normal(size=shape)) for name, shape in shapes.items()}
    constants |= {"axes": np.array([2]), "rows": np.array([-1, 24])}
    nodes = [
        made("Conv", ["x", "w"], ["1"], pads=[1, 1, 1, 1], strides=[2, 2]),
        made("BatchNormalization", ["1", "g", "b", "m", "v"], ["2"]),
        made("Sigmoid", ["2"], ["3"]),
        made("Mul", ["2", "3"], ["4"]),
        made("Conv", ["4", "d"], ["5"], group=6, pads=[1, 1, 1, 1]),
        made("Concat", ["4", "5"], ["6"], axis=3),
        made("ReduceMean", ["6", "axes"], ["7"], keepdims=0),
        made("Slice", ["7", "start", "end", "axes"], ["8"]),
        made("Reshape", ["8", "rows"], ["9"]),
        made("MatMul", ["9", "e"], ["10"]),
        made("Softmax", ["10"], ["y"]),
    ]
    constants |= {"start": np.array([1]), "end": np.array([5])}
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 8, 8])],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(array.astype("f4" if array.dtype.kind == "f" else "i8"), name)
         for name, array in constants.items()],
    )  # fmt: skip
    file = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    (tmp_path / "m.onnx").write_bytes(file.SerializeToString())
    model = load_onnx(tmp_path / "m.onnx")
    x = draw.normal(size=(2, 3, 8, 8)).astype(np.float32)
    wanted = runtime.InferenceSession(tmp_path / "m.onnx").run(None, {"x": x})[0]
    model.save(tmp_path / "m.keras")
    theirs = np.asarray(keras.models.load_model(tmp_path / "m.keras")(x))
    np.testing.assert_allclose(theirs, wanted, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(model.predict(x, verbose=0), wanted, rtol=1e-4, atol=1e-5)


def exported(torch, module, x, path, dynamo):
    """Write a module with a batch of any size."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        names = {"input_names": ["x"], "output_names": ["y"]}
        if dynamo:
            pytest.importorskip("onnxscript", reason="needs onnxscript")
            shapes = ({0: torch.export.Dim("batch")},)
            torch.onnx.export(module, (x,), path, dynamo=True, dynamic_shapes=shapes,
                              verbose=False, **names)  # fmt: skip
        else:
            torch.onnx.export(module, (x,), path, dynamo=False, dynamic_axes={"x": {0: "batch"}},
                              **names)  # fmt: skip


def held(path, x, tmp_path):
    """Return the model of a file, which is ONNX Runtime's, trains, and is saved as it is."""
    wanted = runtime.InferenceSession(path).run(None, {"x": x})[0]
    model = load_onnx(path)
    made = model.predict(x, verbose=0)
    np.testing.assert_allclose(made, wanted, rtol=1e-4, atol=1e-5)
    model.save(tmp_path / "m.keras")
    again = models.load_model(tmp_path / "m.keras")
    assert np.array_equal(again.predict(x, verbose=0), made)
    model.compile("adam", "mse")
    losses = model.fit(x, np.full_like(made, 0.3), epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    return again


@pytest.mark.parametrize("dynamo", [False, True], ids=["script", "dynamo"])
@pytest.mark.parametrize("name", ["resnet", "mobilenet", "unet", "lstm", "transformer"])
def test_pytorch(torch, name, dynamo, tmp_path):
    module, draw = networks(torch)[name]
    module.eval()
    exported(torch, module, draw(2), tmp_path / "m.onnx", dynamo)
    model = held(tmp_path / "m.onnx", draw(5).numpy(), tmp_path)
    turns = sum(call.name == "transpose" for call in model._graph.calls)
    assert name not in ("resnet", "mobilenet", "unet") or turns <= 2


KERAS = """
import sys
import keras
from keras import layers as L
i = keras.Input((16, 16, 3))
x = L.ReLU()(L.BatchNormalization()(L.Conv2D(8, 3, padding="same", use_bias=False)(i)))
x = L.Add()([x, L.SeparableConv2D(8, 3, padding="same", activation="silu")(x)])
x = L.Conv2DTranspose(6, 3, strides=2, padding="same")(L.MaxPooling2D(2)(x))
x = L.AveragePooling2D(3, 2, "same")(L.UpSampling2D(2, interpolation="bilinear")(x))
cnn = keras.Model(i, L.Dense(4, "softmax")(L.GlobalAveragePooling2D()(x)))
i = keras.Input((7, 8))
x = L.LayerNormalization()(L.MultiHeadAttention(2, 4)(i, i) + i)
x = L.Bidirectional(L.LSTM(5))(x)
both = keras.Model(i, L.Dense(3)(x))
for name, model in (("cnn", cnn), ("sequence", both)):
    model.predict(keras.random.uniform((2, *model.input_shape[1:])), verbose=0)
    model.export(f"{sys.argv[1]}/{name}.onnx", format="onnx", verbose=False)
"""


def test_keras(tmp_path):
    for package in ("keras", "tensorflow", "tf2onnx"):
        pytest.importorskip(package, reason=f"needs {package}")
    settings = {**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}
    run = subprocess.run([sys.executable, "-c", KERAS, tmp_path], env=settings, capture_output=True)
    assert run.returncode == 0, run.stderr.decode()[-2000:]
    draw = np.random.default_rng(0)
    for name, shape in (("cnn", (5, 16, 16, 3)), ("sequence", (5, 7, 8))):
        path, x = tmp_path / f"{name}.onnx", draw.normal(size=shape).astype(np.float32)
        session = runtime.InferenceSession(path)
        wanted = session.run(None, {session.get_inputs()[0].name: x})[0]
        model = load_onnx(path)
        np.testing.assert_allclose(model.predict(x, verbose=0), wanted, rtol=1e-4, atol=1e-5)
        turns = sum(call.name == "transpose" for call in model._graph.calls)
        assert name == "sequence" or turns == 1  # of single pixels, before the rows


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic"])
def test_scikit_learn(activation, tmp_path):
    to_onnx = pytest.importorskip("skl2onnx", reason="needs skl2onnx").to_onnx
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    draw = np.random.default_rng(0)
    x = draw.normal(size=(60, 5)).astype(np.float32)
    y = (x[:, 0] > 0) + (x[:, 1] > 0).astype(int)
    net = make_pipeline(StandardScaler(), MLPClassifier((8, 6), activation, max_iter=20))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = to_onnx(net.fit(x, y), x[:1], options={"zipmap": False})
    (tmp_path / "m.onnx").write_bytes(file.SerializeToString())
    model = load_onnx(tmp_path / "m.onnx")
    assert model.output_names == ["label", "probabilities"]
    labels, probabilities = model.predict(x, verbose=0)
    assert np.array_equal(labels, net.predict(x))
    np.testing.assert_allclose(probabilities, net.predict_proba(x), rtol=1e-4, atol=1e-5)


def test_weights_of_pytorch(torch, tmp_path):
    """A network built here, with the weights that PyTorch's has, gives PyTorch's numbers."""
    nn = torch.nn
    theirs = nn.ModuleDict({
        "conv": nn.Conv2d(3, 4, 3, padding=1), "bn": nn.BatchNorm2d(4),
        "up": nn.ConvTranspose2d(4, 5, 2, 2), "fc": nn.Linear(5 * 4 * 6, 3),
        "lstm": nn.LSTM(6, 4, 2, bidirectional=True, batch_first=True),
        "gru": nn.GRU(8, 3, batch_first=True), "mha": nn.MultiheadAttention(6, 2, batch_first=True),
    }).eval()  # fmt: skip
    arrays = {name: array.numpy() for name, array in theirs.state_dict().items()}
    np.savez(tmp_path / "w.npz", **arrays)

    i = melpy.Input((4, 6, 3))
    x = layers.ReLU()(layers.BatchNormalization(epsilon=1e-5)(
        layers.Conv2D(4, 3, padding="same")(i)))  # fmt: skip
    x = layers.MaxPooling2D(2)(layers.Conv2DTranspose(5, 2, strides=2)(x))
    image = melpy.Model(i, layers.Dense(3)(layers.Flatten()(x)))
    s = melpy.Input((7, 6))
    x = s
    for name in ("lstm.l0", "lstm.l1"):
        x = layers.Bidirectional(layers.LSTM(4, return_sequences=True), name=name)(x)
    sequence = melpy.Model(s, layers.GRU(3)(x))
    attention = melpy.Model(s, layers.MultiHeadAttention(2, 3)(s, s))
    for model in (image, sequence, attention):
        load_foreign_weights(model, tmp_path / "w.npz", partial=True)

    draw, F = np.random.default_rng(0), nn.functional
    x, s = (draw.normal(size=shape).astype(np.float32) for shape in ((2, 3, 4, 6), (2, 7, 6)))
    with torch.no_grad():
        y = F.relu(theirs["bn"](theirs["conv"](torch.tensor(x))))
        y = theirs["fc"](F.max_pool2d(theirs["up"](y), 2).flatten(1))
        z = theirs["gru"](theirs["lstm"](torch.tensor(s))[0])[0][:, -1]
        a = theirs["mha"](*[torch.tensor(s)] * 3)[0]
    ours = image.predict(x.transpose(0, 2, 3, 1), verbose=0)
    np.testing.assert_allclose(ours, y, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(sequence.predict(s, verbose=0), z, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(attention.predict(s, verbose=0), a, rtol=1e-4, atol=1e-5)
