"""The picture of a model leads where the model's own graph leads."""

import numpy as np
import pytest

import melpy
from melpy import layers
from melpy.lab.ways import INPUT, finished, picture, ways

from .shared import session_of


def residual():
    """Return a small network with a skip, one that a convolution shortens, and a sum."""
    x = melpy.Input((6, 6, 1))
    y = stem = layers.Conv2D(2, 3, padding="same", name="stem")(x)
    y = layers.Conv2D(2, 3, padding="same", name="conv1")(y)
    y = first = layers.Add(name="add1")([y, stem])
    y = layers.Conv2D(3, 3, 2, padding="same", name="conv2")(y)
    y = layers.Add(name="add2")([y, layers.Conv2D(3, 1, 2, name="short")(first)])
    y = layers.GlobalAveragePooling2D(name="mean")(y)
    return melpy.Model(x, layers.Dense(3, "softmax", name="head")(y), name="residual")


RESIDUAL = {
    ("", "stem"), ("stem", "conv1"), ("stem", "add1"), ("conv1", "add1"), ("add1", "conv2"),
    ("add1", "short"), ("conv2", "add2"), ("short", "add2"), ("add2", "mean"), ("mean", "head"),
}  # fmt: skip


def joined():
    """Return branches from the input itself, joined, and an op that no layer does."""
    x = melpy.Input((4,))
    left, right = layers.Dense(3, name="left")(x), layers.Dense(4, name="right")(x)
    y = layers.Concatenate(name="join")([left, right, x])
    return melpy.Model(x, layers.Dense(2, name="head")(y + 2 * layers.Dense(11, name="more")(y)))


JOINED = {
    ("", "left"), ("", "right"), ("", "join"), ("left", "join"), ("right", "join"),
    ("join", "more"), ("join", "head"), ("more", "head"),
}  # fmt: skip


def nested():
    """Return a model inside another that is called twice."""
    inner = melpy.Sequential([melpy.Input((4,)), layers.Dense(4, name="in")], name="inner")
    x = melpy.Input((4,))
    return melpy.Model(x, layers.Add(name="add")([inner(inner(x)), x]))


NESTED = {
    ("", "inner/in"), ("inner/in", "inner"), ("inner", "inner/in (2)"),
    ("inner/in (2)", "inner (2)"), ("inner (2)", "add"), ("", "add"),
}  # fmt: skip


class Own(melpy.Model):
    """A class of its own, whose call no graph describes."""

    def __init__(self):
        super().__init__(name="own")
        self.one, self.two = layers.Dense(4, name="one"), layers.Dense(4, name="two")
        self.join = layers.Add(name="join")

    def call(self, x):
        y = self.one(x)
        return self.join([self.two(y), y])


def of_its_own():
    model = Own()
    model(np.zeros((1, 4), np.float32))
    return model


OWN = {("", "one"), ("one", "two"), ("one", "join"), ("two", "join")}

MODELS = [(residual, RESIDUAL), (joined, JOINED), (nested, NESTED), (of_its_own, OWN)]


def rows_of(model, shape):
    x = np.ones((1, *shape), np.float32)
    model.compile("sgd", "mse")
    traced = model.trace(x, np.zeros_like(model(x)))
    return finished(row for row in traced if row.class_name != "InputLayer")


@pytest.mark.parametrize(("make", "expected"), MODELS)
def test_the_ways_are_the_models(make, expected):
    model = make()
    rows = rows_of(model, (6, 6, 1) if make is residual else (4,))
    found = ways(model, rows)
    names = ["" if n == INPUT else rows[n].name for pair in found for n in pair]
    assert set(zip(names[::2], names[1::2], strict=True)) == expected
    assert all(start < end for start, end in found)


@pytest.mark.parametrize(("make", "expected"), MODELS)
def test_boxes_stand_apart_below_those_that_lead_to_them(make, expected):
    model = make()
    drawn = picture(model, rows_of(model, (6, 6, 1) if make is residual else (4,)))
    boxes = np.array(drawn["boxes"])
    apart = np.abs(boxes[:, None] - boxes[None]).max(-1)[~np.eye(len(boxes), dtype=bool)]
    assert apart.min() >= 1
    assert len(drawn["ways"]) == len(expected)
    for way in drawn["ways"]:
        points = np.array(way["points"])
        np.testing.assert_allclose(points[0], boxes[way["from"] + 1] + [0, 0.5], atol=2e-3)
        np.testing.assert_allclose(points[-1], boxes[way["to"] + 1] - [0, 0.5], atol=2e-3)
        assert (np.diff(points[:, 1]) >= 0).all()
    assert boxes.min() >= 0.5
    assert (boxes.max(0) + 0.5 <= np.array(drawn["size"]) + 2e-3).all()


def test_a_model_inside_ends_after_its_layers_and_the_loss_begins_at_the_last_of_these():
    x = melpy.Input((4,))
    head = melpy.Sequential([melpy.Input((5,)), layers.Dense(3, "softmax", name="out")], name="in")
    session = session_of(melpy.Model(x, head(layers.Dense(5, name="first")(x))))
    told = session.trace({"sample": 0})
    assert [row["path"] for row in told["rows"]] == ["first", "in/out", "in"]
    assert told["logits"] == "in/out/pre"


@pytest.mark.browser
def test_the_page_draws_the_ways_and_the_keyboard_walks_them(visit):
    pytest.importorskip("starlette", reason="no Starlette: melpy[lab] is not installed")
    from .shared import served

    with served(session_of(residual())) as server:
        page = visit(server.url, viewport={"width": 390, "height": 844}).to("network", sample=0)
        names = ["", *page.locator(".architecture .layer .name").all_inner_texts()]
        lines = page.locator(".edges path").evaluate_all(
            "(all) => all.map((one) => [+one.dataset.from, +one.dataset.to])"
        )
        assert {(names[a + 1], names[b + 1]) for a, b in lines} == RESIDUAL
        box = page.get_by_role("button", name="add1, 6 × 6 × 2, after stem, conv1")
        box.focus()
        page.keyboard.press("Enter")
        assert box.get_attribute("aria-current") == "true"
        assert page.locator(".half h3").first.inner_text().startswith("Forward: output of add1")
        forward = page.locator(".edges path.forward:not(.backward)")
        assert forward.count() == len(RESIDUAL) - page.locator(".edges path.backward").count()
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
        page.set_viewport_size({"width": 1280, "height": 900})
        axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe")
        found = axe.Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
