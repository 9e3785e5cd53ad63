"""A convolution, or a pooling, taken apart: each number beside NumPy's, with any settings."""

import numpy as np
import pytest

import melpy
from melpy import layers
from melpy.errors import MelpyError
from melpy.kernels.spec import conv_loops, pooling_loops

from .shared import arrays_of, session_of, small_model

VALID = ((0, 0), (0, 0))


@pytest.fixture(scope="module")
def session():
    return session_of(small_model())


@pytest.fixture(scope="module")
def trace(session):
    told = session.trace({"sample": 1})
    return told, arrays_of(session, told)


def asked(session, trace, **question):
    answer = session.convolution({"trace": trace[0]["trace"], "path": "conv", **question})
    arrays = arrays_of(session, answer)
    by_name = {name: arrays[key] for name, key in answer.items() if isinstance(key, str)
               and key in answer["arrays"]}  # fmt: skip
    return answer, by_name


def test_the_layer_s_own_is_the_trace_s(session, trace):
    answer, one = asked(session, trace)
    told, arrays = trace
    row = told["rows"][0]
    assert (answer["dy_from"], answer["is_whole"], answer["cut"]) == ("trace", True, None)
    np.testing.assert_array_equal(one["x"], arrays[row["input"]])
    np.testing.assert_array_equal(one["y"], arrays[row["pre"]].reshape(36, 4))
    np.testing.assert_array_equal(one["dy"], arrays[row["d_pre"]].reshape(36, 4))
    np.testing.assert_array_equal(one["dx"], arrays[row["d_input"]])
    kernel = arrays[row["d_weights"]["kernel"]]
    np.testing.assert_array_equal(one["dw"], kernel.transpose(3, 2, 0, 1).reshape(4, 18))
    np.testing.assert_allclose(one["dw"].sum(), kernel.sum(), rtol=1e-5)
    assert answer["bytes"] == {"image": 6 * 6 * 2 * 4, "columns": 18 * 36 * 4}
    assert answer["layer"]["padding"] == "same"
    assert one["columns"].shape == one["indices"].shape == (18, 36)
    assert one["indices"].dtype == np.int32


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"strides": [2, 2]},
        {"strides": [1, 3], "padding": "valid"},
        {"padding": "valid", "dilation": 2},
        {"dilation": [2, 1]},
        {"filter": 2, "only_filter": True},
        {"channels": [1]},
        {"channels": [1, 0], "strides": [2, 1]},
        {"crop": [1, 2, 5, 4]},
        {"crop": [0, 0, 3, 3], "filter": 3, "only_filter": True},
        {"kernel": [[1, 0], [0, -1]], "filter": 1},
        {"kernel": np.arange(18).reshape(2, 3, 3).tolist(), "filter": 1},
        {"kernel": [[0.5] * 5] * 5, "padding": "same"},
    ],
)
def test_any_settings_beside_loops(session, trace, settings):
    answer, one = asked(session, trace, mistake=True, **settings)
    (oH, oW), (kH, kW) = answer["y_shape"], answer["kernel_shape"]
    F, C = len(answer["filters"]), len(answer["channels"])
    x = one["x"][np.newaxis]
    w = one["w"].reshape(F, C, kH, kW).transpose(2, 3, 1, 0)
    pads = tuple(map(tuple, answer["pads"]))
    geometry = tuple(answer["strides"]), pads, tuple(answer["dilation"]), 1
    y = conv_loops.conv2d(x, w, *geometry) + one["b"]
    np.testing.assert_allclose(one["y"], y.reshape(oH * oW, F), atol=1e-5)
    np.testing.assert_array_equal(one["padded"], np.pad(one["x"], (*pads, (0, 0))))
    seen = np.where(one["indices"] < 0, 0, one["padded"].reshape(-1)[one["indices"]])
    np.testing.assert_array_equal(one["columns"], seen)
    g = one["dy"].reshape(1, oH, oW, F)
    d_x = conv_loops.conv2d_d_x(g, w, x.shape, *geometry)
    np.testing.assert_allclose(one["dx"], d_x[0], atol=1e-5)
    d_w = conv_loops.conv2d_d_w(g, x, w.shape, *geometry)
    np.testing.assert_allclose(one["dw"], d_w.transpose(3, 2, 0, 1).reshape(F, -1), atol=1e-5)
    np.testing.assert_allclose(one["dcolumns"], one["w"].T @ one["dy"].T, atol=1e-5)
    turned = conv_loops.conv2d_d_x(g, w[::-1, ::-1], x.shape, *geometry)
    np.testing.assert_allclose(one["dx_mistake"], turned[0], atol=1e-5)
    ones = np.ones((kH, kW, 1, 1))
    count = conv_loops.conv2d_d_x(
        np.ones((1, oH, oW, 1)), ones, (1, *one["padded"].shape[:2], 1), geometry[0], VALID,
        geometry[2], 1,
    )  # fmt: skip
    np.testing.assert_array_equal(one["coverage"], count[0, :, :, 0])
    if answer["cut"] is None:
        assert answer["bytes"]["columns"] == 4 * one["columns"].size


def test_a_cell_is_checked_by_a_central_difference(session, trace):
    cells = [["x", 0], ["x", 71], ["x", 30], ["w", 0], ["w", 71], ["w", 17]]
    for settings in ({}, {"strides": [2, 2], "padding": "valid"}, {"kernel": [[1.5]]}):
        fits = [cell for cell in cells if cell[0] == "x" or not settings.get("kernel")]
        answer, one = asked(session, trace, check=fits, **settings)
        assert [[c["of"], c["index"]] for c in answer["checked"]] == fits
        for cell in answer["checked"]:
            own = one["dx" if cell["of"] == "x" else "dw"].reshape(-1)[cell["index"]]
            assert cell["gradient"] == own
            assert abs(cell["difference"] - own) < 1e-5
    exact = asked(session, trace, check=[["x", 30]])[0]["checked"][0]
    assert exact["gradient"] != 0


def test_an_edited_kernel_has_the_trace_s_gradient_where_it_fits(session, trace):
    kernel = np.zeros((2, 3, 3))
    kernel[0, 1, 1] = 2
    answer, one = asked(session, trace, kernel=kernel.tolist(), filter=2)
    assert (answer["filters"], answer["row"], answer["dy_from"]) == ([0, 1, 2, 3], 2, "trace")
    np.testing.assert_allclose(one["y"][:, 2], 2 * one["x"][..., 0].reshape(-1) + one["b"][2])
    assert answer["is_whole"] is False
    answer, _ = asked(session, trace, kernel=[[1, 2], [3, 4]], filter=2)
    assert (answer["filters"], answer["dy_from"]) == ([2], "example")


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ({"path": "pool"}, "pool is no convolution that can be laid out. Expected one of conv"),
        ({"path": "conv9"}, "there is no layer 'conv9'"),
        ({"path": 3}, "path is no text"),
        ({"filter": 4}, "filter is out of range"),
        ({"filter": 1.0}, "filter is out of range"),
        ({"strides": [0, 1]}, "strides is out of range"),
        ({"strides": [1, 2, 3]}, "strides is out of range"),
        ({"strides": "two"}, "strides is out of range"),
        ({"dilation": 9}, "dilation is out of range"),
        ({"dilation": 5, "padding": "valid"}, "the window does not fit into the image"),
        ({"padding": "full"}, "unknown padding"),
        ({"channels": [2]}, "channels is out of range"),
        ({"channels": []}, "channels is out of range"),
        ({"crop": [0, 0, 3]}, "crop is out of range"),
        ({"crop": [-1, 0, 3, 3]}, "crop is out of range"),
        ({"kernel": [[1, 2], [3]]}, "kernel is not made of numbers"),
        ({"kernel": [[1] * 10] * 10}, "kernel is not made of numbers"),
        ({"kernel": [[[1]]] * 3}, "kernel is not made of numbers"),
        ({"mistake": 1}, "neither true nor false"),
        ({"check": [["x", 72]]}, "a cell to check is none"),
        ({"check": [["y", 0]]}, "a cell to check is none"),
        ({"check": [["x", 0]] * 65}, "a cell to check is none"),
        ({"check": "x"}, "a cell to check is none"),
    ],
)
def test_bad_questions(session, trace, question, words):
    with pytest.raises(MelpyError) as refused:
        session.convolution({"trace": trace[0]["trace"], "path": "conv", **question})
    assert words in str(refused.value)
    assert len(str(refused.value)) < 300


def large_session():
    model = melpy.Sequential([
        melpy.Input((40, 50, 3)),
        layers.Conv2D(40, 5, padding="same", name="first"),
        layers.MaxPooling2D(3, strides=2, padding="same", name="pool"),
        layers.Conv2D(6, 3, groups=2, strides=2, name="grouped"),
        layers.GlobalAveragePooling2D(name="global"),
        layers.Dense(2, "softmax"),
    ])  # fmt: skip
    return session_of(model)


def test_a_large_image_is_cut_to_what_can_be_drawn_and_stays_true():
    session = large_session()
    told = session.trace({"sample": 0})
    arrays = arrays_of(session, told)
    for question in ({}, {"filter": 39}, {"crop": [0, 0, 9, 9]}, {"crop": [35, 45, 99, 99]}):
        answer = session.convolution({"trace": told["trace"], "path": "first", **question})
        one = arrays_of(session, answer)
        assert one["columns"].size <= 2000
        assert answer["is_whole"] is False
        top, left, height, width = answer["cut"]["crop"]
        assert one["padded"].shape[:2] == (height, width)
        assert max(height, width) <= 18
        assert question.get("filter", 0) in answer["filters"]
        assert len(answer["filters"]) == 16
        whole = np.pad(arrays[told["rows"][0]["input"]], ((2, 2), (2, 2), (0, 0)))
        np.testing.assert_array_equal(one["padded"], whole[top : top + height, left : left + width])
        (oH, oW), filters = answer["y_shape"], answer["filters"]
        own = arrays[told["rows"][0]["output"]][top : top + oH, left : left + oW][..., filters]
        np.testing.assert_allclose(one["y"], own.reshape(oH * oW, 16), atol=1e-5)
        g = arrays[told["rows"][0]["d_output"]][top : top + oH, left : left + oW][..., filters]
        np.testing.assert_array_equal(one["dy"], g.reshape(oH * oW, 16))
    grouped = session.convolution({"trace": told["trace"], "path": "grouped", "filter": 4})
    assert grouped["filters"] == [3, 4, 5]
    assert set(grouped["channels"]) <= set(range(20, 40))
    assert len(grouped["channels"]) == 8


class TestPooling:
    @pytest.mark.parametrize(
        "settings",
        [
            {},
            {"window": [3, 3], "strides": [2, 2], "padding": "same"},
            {"window": [3, 2], "strides": 1},
            {"kind": "average"},
            {"kind": "average", "window": [3, 3], "strides": [2, 2], "padding": "same"},
            {"channels": [2, 0], "crop": [1, 1, 4, 4], "strides": 1},
        ],
    )
    def test_any_settings_beside_loops(self, session, trace, settings):
        answer = session.pooling({"trace": trace[0]["trace"], "path": "pool", **settings})
        one = arrays_of(session, answer)
        kind, pads = answer["kind"], tuple(map(tuple, answer["pads"]))
        geometry = tuple(answer["window"]), tuple(answer["strides"]), pads
        x, g = one["x"][np.newaxis], one["dy"][np.newaxis]
        if kind == "max":
            y = pooling_loops.max_pool2d(x, *geometry)
            d_x = pooling_loops.max_pool2d_d_x(g, x, y, *geometry)
            np.testing.assert_array_equal(one["x"].reshape(-1)[one["winners"]], one["y"])
            sent_back = np.zeros(one["x"].size)
            np.add.at(sent_back, one["winners"].reshape(-1), one["dy"].reshape(-1))
            np.testing.assert_allclose(one["dx"].reshape(-1), sent_back, atol=1e-6)
            assert one["ties"].min() >= 1
        else:
            y = pooling_loops.average_pool2d(x, *geometry)
            d_x = pooling_loops.average_pool2d_d_x(g, x.shape, *geometry)
            assert answer["winners"] is None
        np.testing.assert_allclose(one["y"], y[0], rtol=1e-6)
        np.testing.assert_allclose(one["dx"], d_x[0], atol=1e-6)
        assert answer["dy_from"] == ("example" if settings else "trace")

    def test_the_layer_s_own_is_the_trace_s(self, session, trace):
        told, arrays = trace
        row = told["rows"][1]
        answer = session.pooling({"trace": told["trace"], "path": "pool"})
        one = arrays_of(session, answer)
        for name, key in (("x", "input"), ("y", "output"), ("dy", "d_output"), ("dx", "d_input")):
            np.testing.assert_array_equal(one[name], arrays[row[key]])
        assert (answer["is_whole"], answer["cut"]) == (True, None)

    def test_large_and_global_ones(self):
        session = large_session()
        told = session.trace({"sample": 0})
        answer = session.pooling({"trace": told["trace"], "path": "pool"})
        one = arrays_of(session, answer)
        assert max(one["x"].shape[:2]) <= 18
        assert one["x"].shape[2] == 16
        assert answer["dy_from"] == "trace"
        answer = session.pooling({"trace": told["trace"], "path": "global"})
        assert answer["kind"] == "average"
        assert arrays_of(session, answer)["y"].shape == (1, 1, 6)

    @pytest.mark.parametrize(
        ("question", "words"),
        [
            ({"path": "conv"}, "conv is no pooling. Expected one of pool"),
            ({"window": [7, 7]}, "the window does not fit into the image"),
            ({"window": [99, 1]}, "window is out of range"),
            ({"kind": "median"}, "unknown kind of pooling 'median'"),
            ({"channels": [4]}, "channels is out of range"),
        ],
    )
    def test_bad_questions(self, session, trace, question, words):
        with pytest.raises(MelpyError) as refused:
            session.pooling({"trace": trace[0]["trace"], "path": "pool", **question})
        assert words in str(refused.value)
