"""What notebooks show: HTML without scripts, of the right numbers, and not too much of it."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

import melpy
from melpy import callbacks, heatmap, layers
from melpy.errors import ArgumentError, ShapeError
from melpy.viz import columns, filters, grad_cam, saliency

MOST_BYTES = 300_000


class Checked(HTMLParser):
    """Reads HTML; keeps the tags and the texts, and sees that every tag is closed."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.texts, self.open = [], [], []
        self.feed(html)
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag != "img":
            self.open.append(tag)
            return
        kind, _, data = dict(attrs)["src"].partition(";base64,")
        if kind == "data:image/svg+xml":  # what is drawn in it is looked at, too
            drawn = Checked(base64.b64decode(data).decode())
            self.tags += drawn.tags
            self.texts += drawn.texts

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def read(shown):
    """Return what a page shows, checked for what none of them may have."""
    html = shown._repr_html_()
    assert len(html) < MOST_BYTES
    found = Checked(html)
    assert not {"script", "style", "link", "iframe"} & {tag for tag, _ in found.tags}
    assert "<svg" not in html  # JupyterLab strips it from notebooks that others have run
    for _, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert not re.match(r"(?!data:)\w+:", attributes.get("src", ""))
    return found


def small():
    melpy.utils.set_random_seed(0)
    model = melpy.Sequential([
        melpy.Input((6, 6, 1)), layers.Conv2D(2, 3, activation="relu"), layers.Flatten(),
        layers.Dense(3, activation="softmax"),
    ])  # fmt: skip
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


X = np.random.default_rng(0).normal(size=(4, 6, 6, 1)).astype("float32")
Y = np.array([0, 1, 2, 0])


def test_tensors():
    found = read(melpy.Tensor(np.array([[1.5, -0.25], [0.0, np.nan]])))
    cells = [attributes for tag, attributes in found.tags if tag == "td"]
    assert [t for t in found.texts if t in ("1.5", "−0.25", "0", "nan")] == [
        "1.5", "−0.25", "0", "nan",
    ]  # fmt: skip
    assert "rgb(5,48,97)" in cells[0]["style"]  # the largest |value|
    assert "rgb(247,247,247)" in cells[2]["style"]  # zero
    assert "rgb(150,150,150)" in cells[3]["style"]  # not finite
    for shape in ((), (0,), (0, 3), (3,), (2, 3, 4), (3, 5, 5, 40), (5000, 3000)):
        read(melpy.Tensor(np.zeros(shape)))
    read(melpy.Tensor(np.array([True])))


def test_a_pictures_pixels_are_the_arrays_colors():
    values = np.random.default_rng(0).normal(size=(40, 30))
    html = heatmap.image(values, "a <b>")
    assert 'alt="a &lt;b&gt;"' in html
    data = base64.b64decode(html.partition("base64,")[2].partition('"')[0])
    drawn = np.asarray(Image.open(io.BytesIO(data)))
    assert drawn.shape == (480, 360, 3)  # each cell drawn large: none is smoothed in enlarging
    np.testing.assert_array_equal(drawn[6::12, 6::12], heatmap.colors(values))
    np.testing.assert_array_equal(drawn[:12, :12], np.broadcast_to(drawn[0, 0], (12, 12, 3)))
    reddest, bluest = values.argmin(), values.argmax()  # as in the Lab
    r, _, b = heatmap.colors(values).reshape(-1, 3)[reddest]
    assert r > b
    r, _, b = heatmap.colors(values).reshape(-1, 3)[bluest]
    assert b > r


def test_several_maps_stand_in_a_square_with_white_between():
    """As they were, row by row: not one below the other as if they were one picture."""
    values = np.random.default_rng(0).normal(size=(5, 4, 6))
    html = heatmap.image(values, "five")
    drawn = np.asarray(
        Image.open(io.BytesIO(base64.b64decode(html.split("base64,")[1].split('"')[0])))
    )
    side, gap = heatmap.CELL_PX, heatmap.GAP_PX
    painted = heatmap.colors(values)
    assert drawn.shape == (2 * 4 * side + gap, 3 * 6 * side + 2 * gap, 3)
    for n, one in enumerate(painted):
        top, left = n // 3 * (4 * side + gap), n % 3 * (6 * side + gap)
        np.testing.assert_array_equal(
            drawn[top : top + 4 * side : side, left : left + 6 * side : side], one
        )
    assert (drawn[4 * side : 4 * side + gap] == 255).all()
    assert (drawn[4 * side + gap :, 2 * (6 * side + gap) :] == 255).all()  # there is no sixth


@pytest.mark.parametrize(
    "shape", [(16, 300, 200), (2, 70, 90, 32), (600, 700), (1, 4, 900), (900, 2)]
)
def test_a_large_array_is_thinned_out(shape):
    noise = np.random.default_rng(0).normal(size=shape)  # what cannot be compressed
    assert len(heatmap.image(noise, "noise")) < MOST_BYTES
    assert max(heatmap.maps(noise, 100).shape[1:]) > 20


@pytest.mark.parametrize(
    ("of", "below", "above"), [("values", 0, 2), ("weights", 0, 2), ("gradients", 2, 1)]
)
def test_each_kind_of_number_has_its_hues(of, below, above):
    """Red and blue, orange and purple, purple and green: the channel that leads at either end."""
    low, zero, high = heatmap.colors(np.array([-0.8, 0.0, 0.8]), 1.0, of).tolist()
    assert low.index(max(low)) == below
    assert high.index(max(high)) == above
    assert zero == [247, 247, 247]


def test_histories():
    history = small().fit(X, Y, epochs=3, validation_data=(X, Y), verbose=0)
    found = read(history)
    names = [t for t in found.texts if t in ("loss", "accuracy")]
    assert names == ["loss", "accuracy"]
    lines = [attributes["points"] for tag, attributes in found.tags if tag == "polyline"]
    assert len(lines) == 4  # each beside its validation
    heights = [float(point.split(",")[1]) for point in lines[0].split()]
    losses = history.history["loss"]
    assert np.argsort(heights).tolist() == np.argsort([-value for value in losses]).tolist()
    assert f"training {heatmap.digits(losses[-1])}" in found.texts
    read(callbacks.History())
    seldom = callbacks.History()
    for epoch in range(4):
        seldom.on_epoch_end(epoch, {"loss": 1.0} | ({"val_loss": 2.0 - epoch} if epoch % 2 else {}))
    lines = [attributes["points"] for tag, attributes in read(seldom).tags if tag == "polyline"]
    places = [[point.split(",")[0] for point in line.split()] for line in lines]
    assert places[1] == places[0][1::2]  # below the epochs that were validated
    long = callbacks.History()
    for epoch in range(5000):
        long.on_epoch_end(epoch, {f"n{k}": float("nan") if epoch else 1.0 for k in range(30)})
    assert "and 22 more" in read(long).texts


def test_models():
    texts = read(small()).texts
    assert {"conv2d (Conv2D)", "dense (Dense)"} < set(texts)
    assert "(None, 6, 6, 1) → (None, 4, 4, 2)" in texts
    read(melpy.Sequential([layers.Dense(2)]))  # not built
    deep = melpy.Sequential([melpy.Input((2,)), *(layers.Dense(2) for _ in range(300))])
    assert "..." in "".join(read(deep).texts)

    class Own(melpy.Model):
        def call(self, x):
            return x

    read(Own())


def test_traces():
    found = read(small().trace(X, Y))
    text = " ".join(found.texts)
    assert "Conv2D" in text
    assert "loss" in text
    labels = [attributes["alt"] for tag, attributes in found.tags if tag == "img"]
    assert {"conv2d, output", "conv2d, gradient", "dense, output"} < set(labels)
    read(small().trace(X))


def test_filters_and_columns():
    model = small()
    figure = filters(model.layers[0])
    assert Image.open(io.BytesIO(figure._repr_png_())).size == (200, 130)  # without pyplot
    assert len(figure.axes) == 2
    most = np.abs(model.layers[0].kernel.numpy()).max()
    shown = figure.axes[1].images[0].get_array()
    np.testing.assert_array_equal(
        shown, heatmap.colors(model.layers[0].kernel.numpy()[:, :, 0, 1], most, "weights")
    )
    with pytest.raises(ShapeError, match="no kernel of a 2D convolution"):
        filters(model.layers[1])

    image = np.arange(12.0).reshape(3, 4)
    left, right = columns(image, 2).axes
    texts = [text.get_text() for text in right.texts]
    numbers, names = texts[::2], texts[1::2]
    matrix = melpy.im2col(image[np.newaxis, np.newaxis], 2, 1)
    for number, name in zip(numbers, names, strict=True):
        row, column = map(int, name.split(","))
        assert image[row, column] == float(number)
    np.testing.assert_array_equal(np.array(numbers, float).reshape(4, 6), matrix)
    assert len(left.texts) == 2 * 12
    with pytest.raises(ArgumentError, match="too large to be read"):
        columns(np.zeros((40, 40)), 3)
    with pytest.raises(ShapeError, match="this is no image"):
        columns(np.zeros(5))


def test_saliency_is_the_logits_gradient():
    model = small()
    kernel = model.layers[0].kernel.numpy()
    found = saliency(model, X, 1)
    assert found.shape == (4, 6, 6)
    at, step = (0, 2, 3, 0), 1e-2

    def logit(x):
        maps = melpy.layers.Conv2D(2, 3, activation="relu")
        maps.build(x.shape)
        maps.set_weights(model.layers[0].get_weights())
        flat = np.asarray(maps(x)).reshape(len(x), -1)
        w, b = model.layers[-1].get_weights()
        return (flat @ w + b)[0, 1]

    up, down = X.copy(), X.copy()
    up[at] += step
    down[at] -= step
    np.testing.assert_allclose(found[at[:3]], abs(logit(up) - logit(down)) / (2 * step), rtol=2e-2)
    assert model.layers[-1].activation.__name__ == "softmax"  # it is as it was
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), kernel)
    likeliest = model.predict(X, verbose=0).argmax(axis=1)
    np.testing.assert_array_equal(saliency(model, X), saliency(model, X, likeliest))


def test_saliency_of_every_kind_of_end():
    """The softmax as an argument, a layer, an op, inside a model: the same logits."""
    model = small()
    w, b = model.layers[-1].get_weights()
    start = melpy.Input((6, 6, 1))
    flat = melpy.Model(model.inputs, model.layers[-1].input)(start)
    dense = layers.Dense(3)
    logits = dense(flat)
    dense.set_weights([w, b])
    expected = saliency(model, X, 1)
    for end in (melpy.ops.softmax(logits), layers.Softmax()(logits), logits):
        np.testing.assert_allclose(saliency(melpy.Model(start, end), X, 1), expected, rtol=1e-5)
    outer = melpy.Input((6, 6, 1))
    np.testing.assert_allclose(
        saliency(melpy.Model(outer, model(outer)), X, 1), expected, rtol=1e-5
    )
    with pytest.raises(ShapeError, match="one output"):
        saliency(melpy.Model(start, [logits, flat]), X)
    with pytest.raises(ArgumentError, match="no such class"):
        saliency(model, X, [0, 1])


def test_grad_cam_of_channels_first():
    last, first = small(), melpy.Sequential([
        melpy.Input((1, 6, 6)),
        layers.Conv2D(2, 3, activation="relu", data_format="channels_first"),
        layers.Permute((2, 3, 1)), layers.Flatten(), layers.Dense(3, activation="softmax"),
    ])  # fmt: skip
    first.set_weights(last.get_weights())
    turned = np.moveaxis(X, -1, 1)
    np.testing.assert_allclose(
        grad_cam(first, turned, first.layers[0], 2), grad_cam(last, X, "conv2d", 2), rtol=1e-4,
        atol=1e-6,
    )  # fmt: skip


def test_grad_cam_is_its_formula():
    model = small()
    found = grad_cam(model, X, "conv2d", 2)
    maps = np.asarray(model.layers[0](X))
    w = model.layers[-1].get_weights()[0][:, 2].reshape(4, 4, 2)  # dz/dA, of a dense layer
    cam = np.maximum((maps * w.mean(axis=(0, 1))).sum(axis=-1), 0)
    most = cam.max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(found, cam / np.where(most > 0, most, 1), rtol=1e-5, atol=1e-6)
    with pytest.raises(ArgumentError, match="there is no such class"):
        grad_cam(model, X, index=3)
    with pytest.raises(ShapeError, match="no images"):
        saliency(model, X[0])
    flat = melpy.Sequential([melpy.Input((2, 2, 1)), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(ArgumentError, match="no layer makes maps"):
        grad_cam(flat, np.zeros((1, 2, 2, 1)))
