"""What notebooks show, drawn by a browser: every picture is there, and no word is cut off."""

import base64
import re

import numpy as np
import pytest

import melpy
from melpy import callbacks, layers

pytestmark = pytest.mark.browser
CUT_OFF = """() => [...document.querySelectorAll("svg text")].filter((text) => {
    const [box, whole] = [text.getBBox(), text.ownerSVGElement.viewBox.baseVal];
    return box.x < 0 || box.y < 0 || box.x + box.width > whole.width ||
        box.y + box.height > whole.height;
}).map((text) => text.textContent)"""


def history(**numbers):
    """Return a history of the numbers, two epochs long."""
    made = callbacks.History()
    for epoch in range(2):
        made.on_epoch_end(epoch, {name: values[epoch] for name, values in numbers.items()})
    return made


def network():
    return melpy.Sequential([
        melpy.Input((6, 6, 2)), layers.Conv2D(8, 3, name="a_layer_whose_name_says_what_it_is_for"),
        layers.Flatten(), layers.Dense(3, "softmax"),
    ])  # fmt: skip


SHOWN = {
    "history": lambda: history(loss=(2.251, 0.2813), val_loss=(2.1, 0.31), accuracy=(0.1, 0.936)),
    "small numbers": lambda: history(loss=(-1.234e-7, -5.678e-8), val_loss=(1.234e-7, 9.876e-8)),
    "large numbers": lambda: history(loss=(1.234e7, -5.678e18), val_loss=(1.234e7, 9.876e18)),
    "a long name": lambda: history(**{"mean_of_" * 9: (1.0, 2.0), "val_" + "mean_of_" * 9: (1, 2)}),
    "model": network,
}


@pytest.mark.parametrize("name", SHOWN)
def test_no_word_is_cut_off(chromium, name):
    html = SHOWN[name]()._repr_html_()
    drawn = [base64.b64decode(data).decode() for data in
             re.findall(r"data:image/svg\+xml;base64,([^\"]+)", html)]  # fmt: skip
    assert drawn
    page = chromium.new_page()
    page.set_content("".join(drawn))
    assert page.evaluate(CUT_OFF) == []
    page.close()


def test_maps_of_a_trace_are_large_enough_to_be_seen(chromium):
    """And as high as they are wide: a strip of eight of them would be a few pixels high."""
    model = network()
    model.compile("sgd", "sparse_categorical_crossentropy")
    x = np.random.default_rng(0).normal(size=(1, 6, 6, 2)).astype("float32")
    page = chromium.new_page()
    page.set_content(model.trace(x, np.array([1]))._repr_html_())
    maps = page.locator('img[alt^="a_layer_whose"]')
    assert maps.count() == 2
    for box in (one.bounding_box() for one in maps.all()):
        assert box["height"] > 100
        assert 0.5 < box["width"] / box["height"] < 2
    page.close()
