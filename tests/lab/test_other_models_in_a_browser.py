"""What the page says of models unlike the one that comes with melpy, and of runs that are equal."""

import numpy as np
import pytest
from page_numbers import answer_all, number, panel, plain

import melpy
from melpy import layers, losses

from .shared import served, session_of

pytest.importorskip("starlette", reason="no Starlette: melpy[lab] is not installed")
pytestmark = pytest.mark.browser
SAMPLE = 1
NARROW = {"viewport": {"width": 390, "height": 844}}
LEAST = 40  # pixels a cell, where three digits and a sign are some 9 pixels high
FINE = {"rtol": 1e-5, "atol": 3e-6}  # seven digits are shown


def served_model(shape, make, loss="sparse_categorical_crossentropy", end="softmax"):
    """Serve a session of what `make` makes of an input, and a last layer of three units."""
    melpy.random.set_seed(1)
    x = melpy.Input(shape)
    y = make(x)
    if end:
        y = layers.Dense(3, end, name="head")(layers.Flatten(name="flat")(y))
    model = melpy.Model(x, y)
    model.compile("adam", loss)
    session = session_of(model)
    return session, served(session)


def named_table(page, title):
    """Return a figure's numbers with the names of its rows and columns, which count from 0 on."""
    details = panel(page, title).locator("details.as-table")
    details.evaluate("(one) => { one.open = true }")
    details.locator("table").wait_for()
    rows = details.locator("table").evaluate(
        "(table) => [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    details.evaluate("(one) => { one.open = false }")
    head, *rest = rows
    places = [int(number(name)) for name in head[1:]]
    values = np.array([[number(text) for text in row[1:]] for row in rest])
    return [int(number(row[0])) for row in rest], places, values


CONVOLUTIONS = {
    "strides of two kinds": ((9, 8, 2), {"strides": (1, 2), "padding": "same"}),
    "dilations of two kinds": ((9, 10, 2), {"dilation_rate": (2, 1)}),
    "a stride that no list has": ((21, 21, 1), {"strides": 4, "kernel_size": 5}),
    "channels first": ((3, 9, 8), {"data_format": "channels_first", "strides": 2}),
    "groups": ((7, 7, 4), {"groups": 2}),
    "an excerpt": ((40, 48, 2), {"padding": "same", "strides": 2, "kernel_size": (4, 3)}),
}


@pytest.mark.parametrize(("shape", "options"), CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_numbers_stand_at_their_places_of_the_image_and_of_the_output(visit, shape, options):
    options = {"kernel_size": 3, "activation": "relu", "name": "conv"} | options
    session, server = served_model(shape, layers.Conv2D(4, **options))
    with server as running:
        one = visit(running.url)
        page = one.to("back", sample=SAMPLE)
        own = session._trace_of(session.trace({"sample": SAMPLE})["trace"]).rows[0]
        truth = own.inside.convolution
        answer_all(page)
        f = int(page.get_by_label("Filter", exact=True).input_value())
        rows, columns, dy = named_table(page, f"dY of filter {f}")
        np.testing.assert_allclose(dy, truth.d_y[0, :, :, f][np.ix_(rows, columns)], **FINE)
        assert not page.locator("main .remark").filter(has_text="made up").count()
        page = one.to("columns", sample=SAMPLE)
        answer_all(page)
        k = int(page.get_by_label("Channel", exact=True).input_value())
        k += f // (4 // truth.groups) * truth.w.shape[2]
        rows, columns, x = named_table(page, "Input, channel")
        (top, bottom), (left, right) = truth.pads
        padded = np.pad(truth.x[0, :, :, k], ((top, bottom), (left, right)))
        rows, columns = ([n + before for n in names] for names, before in
                         ((rows, top), (columns, left)))  # fmt: skip
        np.testing.assert_allclose(x, padded[np.ix_(rows, columns)], **FINE)
        page = one.to("window", sample=SAMPLE)
        answer_all(page)
        page.locator("main .clock button").last.click()
        one.settled()
        rows, columns, y = named_table(page, "Output")
        np.testing.assert_allclose(y, truth.y[0, :, :, f][np.ix_(rows, columns)], **FINE)


def test_a_layer_that_is_called_twice_offers_its_weights_once(visit):
    dense = layers.Dense(4, name="dense")
    _, server = served_model((4,), lambda x: dense(dense(x)))
    with server as running:
        page = visit(running.url).to("loss", sample=SAMPLE)
        offered = page.get_by_label("Weights", exact=True).locator("option").all_inner_texts()
        assert offered == ["dense/kernel", "dense/bias", "head/kernel", "head/bias"]


def card(page, kind):
    return plain(page.locator(f".card.{kind}").inner_text())


def test_a_step_is_told_without_its_constraint_and_then_with_it(visit):
    limit = melpy.constraints.MaxNorm(0.1)
    _, server = served_model((4,), layers.Dense(5, kernel_constraint=limit, name="dense"))
    with server as running:
        page = visit(running.url).to("loss", sample=SAMPLE)
        for kind in ("adam", "sgd"):
            lines = card(page, kind).splitlines()
            step = next(line for line in lines if line.startswith("w = ")).removeprefix("w = ")
            parts = step.replace(" = ", " + ").split(" + ")
            before, move, after = (number(part.strip(" ()")) for part in parts)
            assert after == pytest.approx(before + move, rel=1e-5)
            told = next(line for line in lines if "MaxNorm" in line)
            assert abs(number(told.rsplit(" = ", 1)[1])) < abs(after)
        page.get_by_label("Weights", exact=True).select_option("dense/bias")
        page.wait_for_function("() => !document.querySelector('.card.adam').innerText"
                               ".includes('MaxNorm')")  # fmt: skip


LOSSES = {
    "penalties": (
        layers.Dense(3, "softmax", kernel_regularizer="l2"), "sparse_categorical_crossentropy",
    ),
    "smoothed labels": (
        layers.Dense(3, "softmax"), losses.CategoricalCrossentropy(label_smoothing=0.2),
    ),
    "squares and penalties": (layers.Dense(1, kernel_regularizer="l2"), "mse"),
    "logits": (layers.Dense(3), losses.SparseCategoricalCrossentropy(from_logits=True)),
}  # fmt: skip


@pytest.mark.parametrize(("last", "loss"), LOSSES.values(), ids=LOSSES)
def test_the_loss_that_is_told_is_the_one_that_ran(visit, last, loss):
    session, server = served_model((5,), last, loss, end=None)
    with server as running:
        one = visit(running.url)
        page = one.to("loss", sample=SAMPLE)
        answer_all(page)
        stages = page.locator("section.loss .clock input[type=range]")
        stages.fill(str(int(stages.get_attribute("max")) - 1))
        one.settled()
        lines = page.locator("section.loss .ladder-and-card > .card .sum").all_inner_texts()
        told = [line.split(" = ") for line in lines if "L = " in line]
        ran = session.trace({"sample": SAMPLE})["loss"]
        assert number(told[-1][-1]) == pytest.approx(ran, rel=1e-5)
        for line in lines:
            if "−ln p" in line:
                p, cross = line.split("−ln ")[-1].split(" = ")
                assert number(cross) == pytest.approx(-np.log(number(p)), rel=1e-4)


def test_the_map_of_how_often_pixels_are_covered_can_be_put_away(visit):
    one = visit()
    page = one.to("back")
    title = "How often each pixel is covered"
    assert page.locator("figcaption").filter(has_text=title).count() == 1
    for times in (0, 1):
        page.get_by_role("checkbox", name="how often each pixel is covered").click()
        one.settled()
        assert page.locator("figcaption").filter(has_text=title).count() == times
    page.get_by_role("checkbox", name="how often each pixel is covered").click()
    one.to("window")
    one.to("back")
    assert page.locator("figcaption").filter(has_text=title).count() == 0


def test_equal_runs_are_said_to_be_equal_as_their_curves_cannot_be_told_apart(visit):
    _, server = served_model((4,), layers.Dense(4, "relu"))
    with server as running:
        one = visit(running.url)
        page = one.to("network", sample=SAMPLE)
        page.get_by_role("button", name="Set up run B").click()
        page.locator(".run-1").wait_for()
        page.get_by_role("button", name="One batch each").click()
        equal = page.get_by_text("Up to step 1 both runs are equal")
        equal.first.wait_for()
        assert equal.count() == 2  # under both charts that they share
        page.locator(".run-1 .breaking summary").click()
        page.locator(".run-1 .breaking").get_by_text("Learning rate × 100").click()
        page.get_by_role("button", name="One batch each").click()
        page.get_by_role("button", name="One batch each").click()
        page.wait_for_function("() => !document.body.innerText.includes('both runs are equal')")


def test_numbers_that_are_no_classes_have_no_share_that_is_right(visit):
    _, server = served_model((4, 2), layers.Dense(2, name="out"), "mse", end=None)
    with server as running:
        page = visit(running.url).to("network", sample=SAMPLE)
        page.get_by_role("button", name="One batch", exact=True).click()
        page.locator(".run-0 .run-status").filter(has_text="step 1").wait_for()
        details = page.locator(".all-charts > details")
        details.locator("summary").click()
        row = details.locator("tbody tr").first
        row.wait_for()
        assert row.locator("td").nth(2).inner_text() == ""


def test_the_decision_is_drawn_anew_when_weights_are_set_to_0(visit):
    _, server = served_model((2,), layers.Dense(4, "tanh"))
    with server as running:
        page = visit(running.url).to("network", sample=SAMPLE)
        page.locator("canvas.boundary").wait_for()
        picture = "() => document.querySelector('canvas.boundary').toDataURL()"
        page.wait_for_function("() => document.querySelector('.boundary-box .note').textContent")
        before = page.evaluate(picture)
        page.locator(".run-0 .breaking summary").click()
        page.get_by_role("button", name="Set to 0").click()
        page.wait_for_function(f"(before) => ({picture})() !== before", arg=before)


def test_maps_whose_channels_come_first_are_those_maps(visit):
    make = layers.Conv2D(4, 3, data_format="channels_first", name="conv")
    _, server = served_model((2, 9, 8), lambda x: layers.ReLU(name="relu")(make(x)))
    with server as running:
        page = visit(running.url).to("network", sample=SAMPLE)
        for layer in ("conv", "relu"):
            page.locator(".architecture .layer").filter(has_text=layer).click()
            assert page.locator("figcaption").filter(has_text="Maps: 4").count()
            values = named_table(page, "Map 0")[2]
            assert values.shape == (7, 6)


@pytest.mark.parametrize("room", ["window", "columns", "back", "pooling"])
def test_cells_on_a_phone_are_large_enough_to_read(visit, room):
    page = visit(**NARROW).to(room)
    least = page.locator("main figure.panel svg.grid").evaluate_all(
        "(all) => Math.min(...all.map((grid) =>"
        " grid.querySelector('rect').getBoundingClientRect().width))"
    )
    assert least >= LEAST


PARTS = {
    "back": (layers.Conv2D(2, 3, name="conv"), "An excerpt: dW, db and, near its edge, dX"),
    "pooling": (layers.MaxPooling2D(3, 2, name="pool"), "Near the edge of the excerpt, dX lacks"),
}


@pytest.mark.parametrize("room", PARTS)
@pytest.mark.parametrize("size", [5, 40])
def test_gradients_of_a_part_of_the_windows_say_so(visit, room, size):
    layer, words = PARTS[room]
    _, server = served_model((size, size, 1), layer)
    with server as running:
        page = visit(running.url).to(room, sample=SAMPLE)
        assert page.locator("main .remark").filter(has_text=words).count() == (size > 5)


def test_each_value_of_a_kernel_of_three_axes_can_be_reached(visit):
    session, server = served_model((9, 3), layers.Conv1D(4, 2, name="conv"))
    with server as running:
        one = visit(running.url)
        page = one.to("loss", sample=SAMPLE)
        page.get_by_label("Axis 1", exact=True).select_option("1")
        page.get_by_label("Axis 2", exact=True).select_option("2")
        one.settled()
        shown = named_table(page, "Weights")[2].reshape(-1)
    np.testing.assert_allclose(shown, session.model.get_weights()[0][1, 2], **FINE)
