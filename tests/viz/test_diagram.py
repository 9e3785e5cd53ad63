"""Diagrams: every layer a box, every arrow between its boxes, nothing on top of anything else."""

import itertools
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import melpy
from melpy import errors, layers, utils
from melpy.viz.layout import placed

EVERYTHING = {
    "show_shapes": True,
    "show_dtype": True,
    "show_layer_names": True,
    "show_layer_activations": True,
    "show_trainable": True,
}


def row_of_layers():
    return melpy.Sequential(
        [melpy.Input((4,)), layers.Dense(3, "relu"), layers.Dense(2, "softmax", trainable=False)]
    )


def branches():
    a, b = melpy.Input((4,), name="a"), melpy.Input((4,), name="b")
    inner = melpy.Sequential([melpy.Input((4,)), layers.Dense(4, name="deep")], name="inner")
    return melpy.Model([a, b], layers.Add(name="sum")([inner(a), b * 2, a]))


def texts(path):
    return [x.text for x in ET.parse(path).getroot().iter("{http://www.w3.org/2000/svg}text")]


def parts(path, kind):
    return list(ET.parse(path).getroot().iter("{http://www.w3.org/2000/svg}" + kind))


class TestContents:
    def test_classes_alone(self, tmp_path):
        utils.plot_model(row_of_layers(), tmp_path / "m.svg")
        assert texts(tmp_path / "m.svg") == ["Input", "Dense", "Dense"]
        assert len(parts(tmp_path / "m.svg", "path")) == 2

    def test_everything(self, tmp_path):
        utils.plot_model(row_of_layers(), tmp_path / "m.svg", **EVERYTHING)
        assert texts(tmp_path / "m.svg") == [
            *("input_layer (Input)", "(None, 4)", "float32"),
            *("dense (Dense)", "relu", "(None, 4) → (None, 3)", "float32", "trained"),
            *("dense_1 (Dense)", "softmax", "(None, 3) → (None, 2)", "float32", "frozen"),
        ]

    def test_a_graph_with_ops(self, tmp_path):
        utils.plot_model(branches(), tmp_path / "m.svg", show_layer_names=True)
        found = texts(tmp_path / "m.svg")
        expected = ["a (Input)", "b (Input)", "inner (Sequential)", "multiply", "sum (Add)"]
        assert sorted(found) == sorted(expected)
        assert len(parts(tmp_path / "m.svg", "polygon")) == 5

    def test_models_inside(self, tmp_path):
        utils.plot_model(branches(), tmp_path / "m.svg", expand_nested=True, show_layer_names=True)
        assert "deep (Dense)" in texts(tmp_path / "m.svg")
        boxes = [
            [float(box.get(key)) for key in ("x", "y", "width", "height")]
            for box in parts(tmp_path / "m.svg", "rect")[1:]
        ]
        inner, deep = (
            texts(tmp_path / "m.svg").index(t) for t in ("inner (Sequential)", "deep (Dense)")
        )
        (x, y, w, h), (left, top, width, height) = boxes[2 * inner], boxes[2 * deep]
        assert x < left
        assert y < top
        assert left + width < x + w
        assert top + height < y + h

    def test_without_a_graph(self, tmp_path):
        class Net(melpy.Model):
            def call(self, inputs):
                return inputs

        utils.plot_model(Net(), tmp_path / "net.svg")
        assert texts(tmp_path / "net.svg") == ["Net"]
        unbuilt = melpy.Sequential([layers.Dense(3), layers.Dense(2)])
        utils.plot_model(unbuilt, tmp_path / "m.svg", show_shapes=True)
        assert texts(tmp_path / "m.svg") == ["Dense", "? → ?"] * 2

    def test_names_are_escaped(self, tmp_path):
        model = melpy.Sequential([melpy.Input((2,)), layers.Dense(2, name="a<b&c")])
        utils.plot_model(model, tmp_path / "m.svg", show_layer_names=True)
        assert "a<b&c (Dense)" in texts(tmp_path / "m.svg")

    @pytest.mark.parametrize(("rankdir", "axis", "sign"), [
        ("TB", "y", 1), ("BT", "y", -1), ("LR", "x", 1), ("RL", "x", -1),
    ])  # fmt: skip
    def test_directions(self, tmp_path, rankdir, axis, sign):
        utils.plot_model(row_of_layers(), tmp_path / "m.svg", rankdir=rankdir)
        at = [float(t.get(axis)) for t in parts(tmp_path / "m.svg", "text")]
        assert (sign * np.diff(at) > 0).all()


def test_png(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pytest.importorskip("matplotlib")
    utils.plot_model(branches(), tmp_path / "m.png", expand_nested=True, dpi=72)
    utils.plot_model(branches(), tmp_path / "large.png", expand_nested=True, dpi=144)
    pixels = np.asarray(image.open(tmp_path / "m.png").convert("RGB"))
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 3  # something was drawn
    large = np.asarray(image.open(tmp_path / "large.png"))
    assert abs(large.shape[0] - 2 * pixels.shape[0]) <= 2


class TestMessages:
    def test_file_kind(self, tmp_path):
        with pytest.raises(errors.ArgumentError, match=r"ends in \.svg, \.png or \.pdf"):
            utils.plot_model(row_of_layers(), tmp_path / "m.jpg")

    def test_direction(self, tmp_path):
        with pytest.raises(errors.UnknownNameError, match="unknown rankdir 'TD'"):
            utils.plot_model(row_of_layers(), tmp_path / "m.svg", rankdir="TD")

    def test_without_matplotlib(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib", None)
        with pytest.raises(errors.DependencyError, match="needs the package matplotlib"):
            utils.plot_model(row_of_layers(), tmp_path / "m.png")
        utils.plot_model(row_of_layers(), tmp_path / "m.svg")


# Layout.

GRAPHS = st.integers(1, 9).flatmap(
    lambda n: st.tuples(
        st.lists(st.tuples(st.integers(1, 50), st.integers(1, 20)), min_size=n, max_size=n),
        st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)), max_size=12),
    )
)


@settings(max_examples=60)
@given(GRAPHS)
def test_boxes_do_not_overlap_and_arrows_point_on(graph):
    sizes, pairs = graph
    arrows = sorted({(min(p), max(p)) for p in pairs if p[0] != p[1]})
    centres, ways = placed(sizes, arrows, gap=10)
    for n, ((x, y), (w, h)) in enumerate(zip(centres, sizes, strict=True)):
        assert x - w / 2 >= -1e-9
        for (x2, y2), (w2, h2) in list(zip(centres, sizes, strict=True))[:n]:
            assert abs(x - x2) >= (w + w2) / 2 + 5 - 1e-6 or abs(y - y2) >= (h + h2) / 2 + 10 - 1e-6
    for (start, end), way in zip(arrows, ways, strict=True):
        assert way[0] == pytest.approx((centres[start][0], centres[start][1] + sizes[start][1] / 2))
        assert way[-1] == pytest.approx((centres[end][0], centres[end][1] - sizes[end][1] / 2))
        assert (np.diff([y for _, y in way]) >= -1e-9).all()


@settings(max_examples=60)
@given(GRAPHS)
def test_arrows_pass_beside_boxes_in_the_rows_between(graph):
    sizes, pairs = graph
    arrows = sorted({(min(p), max(p)) for p in pairs if p[0] != p[1]})
    centres, ways = placed(sizes, arrows, gap=10)
    for arrow, way in zip(arrows, ways, strict=True):
        for (x, top), (x2, bottom) in itertools.pairwise(way):
            if x != x2:
                continue  # a bend, between rows
            for n, ((cx, cy), (w, h)) in enumerate(zip(centres, sizes, strict=True)):
                over = top < cy + h / 2 - 1e-6 and bottom > cy - h / 2 + 1e-6
                assert n in arrow or not over or abs(x - cx) >= w / 2


def test_a_crossing_is_undone():
    """0 and 1 point to 3 and 2: the lower row turns around."""
    centres, _ = placed([(4, 1)] * 4, [(0, 3), (1, 2)], gap=2)
    assert (centres[0][0] < centres[1][0]) == (centres[3][0] < centres[2][0])
