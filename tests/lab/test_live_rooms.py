"""Rooms 4 to 6 in a browser: their numbers are NumPy's, and everybody can use them."""

import re

import numpy as np
import pytest
from page_numbers import answer_all, grid_of, number, panel

from melpy import config
from melpy.datasets import digits
from melpy.models import load_model

pytestmark = pytest.mark.browser
ROOMS = ["pooling", "loss", "network"]
UNSURE = 3  # the sample that is visited
CELLS = "(all) => all.map((r) => [...r.querySelectorAll('td')].map((c) => c.textContent))"
OUTSIDE = """() => [...document.querySelectorAll("main *")]
    .filter((e) => e.getBoundingClientRect().right > 391)
    .filter((e) => !e.closest(".scroll, .formula, .architecture, svg"))
    .map((e) => e.outerHTML.slice(0, 99))"""
MOVING = """() => [...document.querySelectorAll("*")].filter((e) => {
    const style = getComputedStyle(e);
    return style.transitionDuration !== "0s" || style.animationName !== "none";
}).length"""
COLOURS = """(canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, 288, 288);
    return new Set(new Uint32Array(data.buffer)).size;
}"""
FOCUSED = """() => {
    const focused = document.activeElement;
    return focused.closest("main") && focused.outerHTML.slice(0, 60);
}"""
FINE = {"rtol": 1e-5, "atol": 3e-6}  # seven digits are shown


@pytest.fixture(scope="module")
def traced():
    """What this process finds of the sample that is visited, by the kernels that the Lab shows."""
    from melpy.lab import server

    model = load_model(server.STATIC.parent / "lenet.keras")
    _, (images, labels) = digits.load_data()
    with config.using_kernels("im2col"):
        one = slice(UNSURE, UNSURE + 1)
        x, y = images[one, :, :, np.newaxis].astype("float32"), labels[one].astype("int64")
        return model.trace(x, y, training=True)


def settled(page):
    page.wait_for_function("() => !document.querySelector('[aria-busy=true]')")


def table_of(details):
    """Unfold a table and read its cells."""
    if details.get_attribute("open") is None:
        details.locator("summary").click()
    details.locator("td").first.wait_for()
    rows = details.locator("tr").evaluate_all(CELLS)
    return np.array([[number(text) for text in row] for row in rows[1:]])


def curves_say(page, title, *words):
    """Wait until a picture of curves says of itself all the words."""
    page.wait_for_function(
        """([title, words]) => {
          const all = [...document.querySelectorAll("svg.curves")].map((one) => one.ariaLabel);
          const label = all.find((text) => text.startsWith(title)) ?? "";
          return words.every((word) => label.includes(word));
        }""",
        arg=[title, words],
    )
    return page.locator(f'svg.curves[aria-label^="{title}"]')


def last(page):
    page.locator(".clock").first.get_by_role("button", name="To the end").click()


def choose(page, label, value):
    page.get_by_label(label, exact=True).first.select_option(value)
    settled(page)


def channel_of(page):
    return int(page.get_by_label("Channel", exact=True).first.input_value())


# --- Pooling and activations


@pytest.mark.parametrize("layer", ["pool1", "pool2"])
def test_pooling_is_numpys_both_ways(visit, traced, layer):
    page = visit().to("pooling")
    choose(page, "Layer", layer)
    page.wait_for_selector(".two-ways")
    last(page)
    k, row = channel_of(page), traced[layer]
    x, y = grid_of(page, "Input X"), grid_of(page, "Output Y")
    dy, dx = grid_of(page, "Gradient that comes"), grid_of(page, "Gradient that goes on")
    np.testing.assert_allclose(x, row.input[0, :, :, k], **FINE)
    np.testing.assert_allclose(dy, row.d_output[0, :, :, k], **FINE)
    windows = x.reshape(len(y), 2, len(y), 2).transpose(0, 2, 1, 3).reshape(len(y), len(y), 4)
    np.testing.assert_array_equal(y, windows.max(-1))
    expected = np.zeros_like(x)
    for (p, q), g in np.ndenumerate(dy):
        i, j = divmod(int(windows[p, q].argmax()), 2)  # of equal ones, the first
        expected[2 * p + i, 2 * q + j] += g
    np.testing.assert_array_equal(dx, expected)


def test_the_gradient_gathers_window_by_window(visit):
    page = visit().to("pooling")
    choose(page, "Layer", "pool1")
    page.wait_for_selector(".two-ways")
    last(page)
    whole = grid_of(page, "Gradient that goes on")
    slider = page.locator(".clock input[type=range]")
    counts = []
    for position in (15, 16, 20, 24, 31):
        slider.evaluate(f"(s) => {{ s.value = {position}; s.dispatchEvent(new Event('input')) }}")
        counts.append(np.count_nonzero(grid_of(page, "Gradient that goes on")))
    assert counts[0] == 0
    assert counts == sorted(counts)
    assert counts[-1] == np.count_nonzero(whole)


def test_overlapping_windows_add_up(visit):
    page = visit().to("pooling")
    choose(page, "Layer", "pool1")
    page.get_by_label("Stride", exact=True).select_option("1")
    panel(page, "How many windows").wait_for()
    last(page)
    x, dy = grid_of(page, "Input X"), grid_of(page, "Gradient that comes")
    dx, times = grid_of(page, "Gradient that goes on"), grid_of(page, "How many windows")
    expected, covered = np.zeros_like(x), np.zeros_like(x)
    for (p, q), g in np.ndenumerate(dy):
        i, j = divmod(int(x[p : p + 2, q : q + 2].argmax()), 2)
        expected[p + i, q + j] += g
        covered[p : p + 2, q : q + 2] += 1
    np.testing.assert_allclose(dx, expected, **FINE)
    np.testing.assert_array_equal(times, covered)


def test_averages_share_alike(visit):
    page = visit().to("pooling")
    choose(page, "Layer", "pool1")
    page.get_by_label("Kind", exact=True).select_option("average")
    page.wait_for_function("() => document.querySelector('.card')?.textContent.includes('mean')")
    last(page)
    x, y = grid_of(page, "Input X"), grid_of(page, "Output Y")
    dy, dx = grid_of(page, "Gradient that comes"), grid_of(page, "Gradient that goes on")
    np.testing.assert_allclose(y, x.reshape(4, 2, 4, 2).mean((1, 3)), **FINE)
    np.testing.assert_allclose(dx, np.kron(dy, np.full((2, 2), 0.25)), **FINE)


def test_an_arrow_leads_from_the_winner_to_its_output(visit):
    page = visit().to("pooling")
    choose(page, "Layer", "pool1")
    page.wait_for_selector(".arrows .arrow")
    x = grid_of(page, "Input X")
    page.mouse.move(2, 2)  # away from the cells, whose windows would be previewed
    page.wait_for_timeout(200)
    far = page.evaluate(
        """([row, column]) => {
          const path = document.querySelector(".arrows .arrow");
          const box = document.querySelector(".with-arrows").getBoundingClientRect();
          const [x, y] = [...document.querySelectorAll(".forward svg.grid")];
          const from = (grid, at, point) => {
            const cell = grid.querySelector(`[data-at="${at}"]`).getBoundingClientRect();
            const [dx, dy] = [point.x + box.left - cell.x, point.y + box.top - cell.y];
            const [w, h] = [cell.width, cell.height];
            return Math.max(-dx, dx - w, -dy, dy - h);
          };
          const length = path.getTotalLength();
          return [
            from(x, `${row},${column}`, path.getPointAtLength(0)),
            from(y, "0,0", path.getPointAtLength(length)),
          ];
        }""",
        list(map(int, divmod(x[:2, :2].argmax(), 2))),
    )
    assert max(far) < 3  # pixels from the cells


def test_a_relu_is_numpys_both_ways(visit, traced):
    page = visit().to("pooling")
    choose(page, "Layer", "relu1")
    page.wait_for_selector(".plots")
    k, row = channel_of(page), traced["relu1"]
    x, y = grid_of(page, "Before"), grid_of(page, "After")
    dy, dx = grid_of(page, "Gradient that comes"), grid_of(page, "Gradient that goes on")
    np.testing.assert_allclose(x, row.input[0, :, :, k], **FINE)
    np.testing.assert_array_equal(y, np.maximum(x, 0))
    np.testing.assert_array_equal(dx, np.where(x > 0, dy, 0))
    assert page.locator(".scatter .point").count() > 30


# --- Loss and optimizer


def test_the_ladder_is_the_softmaxs(visit, traced):
    page = visit().to("loss")
    answer_all(page)
    table = table_of(page.locator(".ladder details"))
    z, shifted, exponentials, p, truth, gradient = table
    np.testing.assert_allclose(z, traced["softmax"].input[0], **FINE)
    np.testing.assert_allclose(shifted, z - z.max(), **FINE)
    np.testing.assert_allclose(exponentials, np.exp(z - z.max()), **FINE)
    np.testing.assert_allclose(p, np.exp(z - z.max()) / np.exp(z - z.max()).sum(), **FINE)
    np.testing.assert_allclose(gradient, p - truth, rtol=1e-4, atol=3e-6)
    assert truth.sum() == 1


def test_the_ladder_comes_rung_by_rung(visit):
    page = visit().to("loss")
    clock = page.locator(".clock").first
    assert page.locator(".rung.to-come").count() == 5
    for left in (4, 3, 2, 1, 0):
        clock.get_by_role("button", name="One step on").click()
        assert page.locator(".rung.to-come").count() == left or left == 1
    assert page.locator(".rung.to-come").count() == 0


def test_the_gradients_sign_is_a_secret_until_it_is_predicted(visit):
    page = visit().to("loss")
    last(page)
    assert page.locator(".rung-gradient").get_by_text("?", exact=True).count() == 1
    page.locator(".loss .predict").get_by_text("up: its gradient").click()
    page.locator(".loss .predict").get_by_role("button").first.click()
    assert page.locator(".rung-gradient").get_by_text("?", exact=True).count() == 0
    assert "Yes" in page.locator(".loss .predict .result").inner_text()


def test_adams_steps_are_numpys(visit):
    page = visit().to("loss")
    page.wait_for_selector(".cards .adam")
    table = table_of(page.locator(".optimizers .place > div > details.as-table"))
    g, m, v, m_hat, v_hat, step, w, g_sgd, step_sgd, _ = table.T
    t = np.arange(1, 21)
    mean = square = 0.0
    for n in range(20):
        mean, square = 0.9 * mean + 0.1 * g[n], 0.999 * square + 0.001 * g[n] ** 2
        np.testing.assert_allclose([m[n], v[n]], [mean, square], rtol=1e-4)
    np.testing.assert_allclose(m_hat, m / (1 - 0.9**t), rtol=1e-5)
    np.testing.assert_allclose(v_hat, v / (1 - 0.999**t), rtol=1e-5)
    share = 1e-7 / np.sqrt(1 - 0.999**t)
    expected = -0.001 * m_hat / (np.sqrt(v_hat) + share)
    np.testing.assert_allclose(step, expected, rtol=2e-3, atol=1e-7)
    np.testing.assert_allclose(np.diff(w), step[1:], rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(step_sgd, -0.001 * g_sgd, rtol=1e-3, atol=1e-7)
    assert g[0] == g_sgd[0]


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_the_lines_of_a_step_come_out_with_the_digits_shown(visit, optimizer):
    page = visit().to("loss")
    page.wait_for_selector(f".cards .{optimizer}")
    lines = page.locator(f".cards .{optimizer} p.sum").all_inner_texts()[1:]  # g is given
    assert len(lines) == {"adam": 6, "sgd": 2}[optimizer]
    for line in lines:
        _, terms, result = line.split(" = ")
        terms = terms.replace("−", "-").replace("·", "*").replace("²", "**2")
        found = eval(re.sub(r"√([\d.e-]+)", r"(\1)**0.5", terms))
        assert number(result) == pytest.approx(found, rel=2e-6), line


def test_a_weight_is_picked_with_the_keyboard(visit):
    page = visit().to("loss")
    page.wait_for_selector(".cards .adam")
    before = page.locator(".cards .adam").inner_text()
    grid = panel(page, "Weights: click one").locator("svg.grid")
    grid.locator("[tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "(before) => document.querySelector('.cards .adam')?.innerText !== before", arg=before
    )


# --- My network


def test_the_answer_is_the_models(visit, traced):
    page = visit().to("network")
    assert panel(page, f"The network's answer to image {UNSURE}").count() == 1
    texts = page.locator(".answers .percent").all_inner_texts()
    shares = [number(text.replace("%", "").strip()) / 100 for text in texts]
    np.testing.assert_allclose(shares, traced.output[0], atol=6e-4)


def test_every_layers_maps_are_the_traces(visit, traced):
    page = visit().to("network")
    for name in ("conv1", "pool2", "dense1", "logits"):
        page.locator(".architecture .layer", has_text=name).click()
        row = traced[name]
        forward, backward = page.locator(".half").all()
        for half, array in ((forward, row.output[0]), (backward, row.d_output[0])):
            shown = table_of(half.locator("details.as-table").last)
            expected = array[..., 0] if array.ndim == 3 else array.reshape(shown.shape)
            np.testing.assert_allclose(shown, expected, **FINE)


def test_what_is_drawn_is_what_the_network_gets(visit):
    page = visit().to("network")
    before = page.locator(".answers").inner_text()
    pad = page.locator(".pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    page.mouse.move(box["x"] + 128, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 128, box["y"] + 210, steps=8)
    page.mouse.up()
    page.wait_for_function("(b) => document.querySelector('.answers').innerText !== b", arg=before)
    assert panel(page, "The network's answer to your drawing").count() == 1
    cells = panel(page, "What the network gets").locator("[role=gridcell]").all()
    ink = np.array([number(c.get_attribute("aria-label").rsplit(": ", 1)[1]) for c in cells])
    ink = ink.reshape(8, 8)
    assert ink[:, 3:5].min() > 0.3  # a vertical stroke in the middle
    assert ink[:, [0, 1, 6, 7]].max() == 0
    page.locator(".architecture .layer", has_text="pixels").click()
    seen = table_of(page.locator(".half").first.locator("details.as-table").last)
    np.testing.assert_allclose(seen, ink, atol=6e-3)  # three digits are shown in a cell


def test_a_pixel_is_set_with_the_keyboard(visit):
    page = visit().to("network")
    before = page.locator(".answers").inner_text()
    panel(page, "What the network gets").locator("[tabindex='0']").focus()
    for key in ("ArrowRight", "ArrowRight", "Enter", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    page.wait_for_function("(b) => document.querySelector('.answers').innerText !== b", arg=before)


def status(page, run=0):
    return page.locator(f".run-{run} .run-status").inner_text()


def until_step(page, step, run=0):
    page.wait_for_function(
        """([run, step]) => {
          const text = document.querySelector(`.run-${run} .run-status`)?.innerText ?? "";
          return text.includes(`step ${step} `) && text.includes("loss") === step > 0;
        }""",
        arg=[run, step],
    )


def run_button(page, name, run=0):
    return page.locator(f".run-{run}").get_by_role("button", name=name, exact=True)


def fresh(page):
    """Set up run A anew."""
    page.get_by_role("button", name="Set up run A").click()
    until_step(page, 0)


def test_one_batch_at_a_time_and_back(visit):
    page = visit().to("network")
    fresh(page)
    run_button(page, "One batch").click()
    until_step(page, 1)
    first = status(page)
    run_button(page, "Ten batches").click()
    until_step(page, 11)
    run_button(page, "Ten batches back").click()
    until_step(page, 1)
    page.wait_for_function(
        "(was) => document.querySelector('.run-0 .run-status').innerText === was", arg=first
    )
    run_button(page, "Back to the first weights").click()
    until_step(page, 0)


def test_playing_draws_curves_and_pauses(visit):
    page = visit().to("network")
    fresh(page)
    page.get_by_label("Pace").select_option("full")
    run_button(page, "Play").click()
    page.wait_for_function(
        "() => /step [1-9]\\d/.test(document.querySelector('.run-0 .run-status').innerText)"
    )
    run_button(page, "Pause").click()
    page.wait_for_function(
        "() => document.querySelector('.run-0 .run-status').innerText.startsWith('paused')"
    )
    title = "Norm of the gradient, by layer · A"
    curves = curves_say(page, title, "conv1: ", "conv2: ", "dense1: ", "logits: ")
    assert curves.locator("path.line").count() == 4


def test_it_can_be_broken_and_says_so(visit):
    page = visit().to("network")
    fresh(page)
    page.locator(".run-0 .breaking summary").click()
    page.locator(".run-0 .cuts").get_by_label("conv2").check()
    run_button(page, "One batch").click()
    until_step(page, 1)
    title = "Norm of the gradient, by layer · A"
    curves = curves_say(page, title, "conv1: 0 (1)", "conv2: 0 (1)", "logits: ")
    assert "logits: 0 (1)" not in curves.get_attribute("aria-label")
    for _ in range(4):
        page.locator(".run-0").get_by_role("button", name="Learning rate × 100").click()
    run_button(page, "Ten batches").click()
    until_step(page, 11)
    assert number(status(page).split("loss ")[1].split(" ")[0]) > 10  # it began near 2.3


def test_two_runs_show_that_a_falling_loss_proves_nothing(visit):
    page = visit().to("network")
    page.get_by_label("Pace").select_option("full")
    page.locator(".live .predict").get_by_role("button").last.click()
    page.get_by_role("button", name="Try it").click()
    page.wait_for_function(
        "() => [0, 1].every((n) => /step [2-9]\\d\\d/.test("
        "document.querySelector(`.run-${n} .run-status`)?.innerText ?? ''))",
        timeout=60_000,
    )
    page.get_by_role("button", name="Pause both").click()
    curves_say(page, "Norm of the gradient, by layer · B", "conv1: 0 (")
    for run in (0, 1):  # the last steps are told a little later than the pause
        page.locator(f".run-{run} .run-status").filter(has_text="loss ").wait_for()
    losses = [number(status(page, run).split("loss ")[1].split(" ")[0]) for run in (0, 1)]
    assert losses[0] < 1
    assert losses[1] < 2.2  # all began near ln 10 = 2.3


def test_points_in_the_plane_have_a_boundary(visit):
    page = visit().to("network")
    page.get_by_label("Learns from").select_option("circles")
    fresh(page)
    page.wait_for_selector(".run-0 .boundary")
    run_button(page, "Ten batches").click()
    page.wait_for_function(
        "() => document.querySelector('.run-0 .boundary-box .note').innerText.includes('Step 10')"
    )
    colours = page.locator(".run-0 canvas.boundary").evaluate(COLOURS)
    assert colours > 50


def test_a_runs_network_is_shown_in_all_rooms_and_given_back(visit):
    page = visit().to("network")
    before = page.locator(".answers").inner_text()
    fresh(page)
    run_button(page, "Show this run's network in all rooms").click()
    page.wait_for_function("(b) => document.querySelector('.answers').innerText !== b", arg=before)
    run_button(page, "Give back the network that was opened").click()
    page.wait_for_function("(b) => document.querySelector('.answers').innerText === b", arg=before)


# --- Everybody


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("room", ROOMS)
def test_a_phone_shows_all_without_going_sideways(visit, room, language):
    page = visit(viewport={"width": 390, "height": 844}).to(room, language)
    answer_all(page)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    wide = page.evaluate(OUTSIDE)
    assert not wide


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("room", ROOMS)
def test_axe_finds_nothing(visit, room, language):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe")
    page = visit().to(room, language)
    answer_all(page)
    found = axe.Axe().run(page).response["violations"]
    assert not found, [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in found]


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("room", ROOMS)
def test_no_words_are_missing(visit, room, language):
    page = visit().to(room, language)
    answer_all(page)
    text = page.locator("main").inner_text()
    keys = ("pool.", "gate.", "loss.", "opt.", "net.", "draw.", "live.", "answers.")
    missing = [word for word in text.split() if word.startswith(keys)]
    assert not missing
    assert "{" not in text
    assert "undefined" not in text
    assert "NaN" not in text


@pytest.mark.parametrize("room", ROOMS)
def test_the_keyboard_reaches_every_control(visit, room):
    page = visit().to(room)
    page.locator("#main").focus()
    seen = set()
    for _ in range(120):
        page.keyboard.press("Tab")
        seen.add(page.evaluate(FOCUSED))
    controls = page.locator("main").locator(
        ":is(button, select):visible:not(:disabled), summary:visible, input:visible"
    )
    names = {c.evaluate("(e) => e.outerHTML.slice(0, 60)") for c in controls.all()[:60]}
    radios = {name for name in names if 'type="radio"' in name}  # one of a group takes the tab
    assert names - radios <= seen


def test_with_reduced_motion_nothing_glides(visit):
    page = visit(reduced_motion="reduce").to("pooling")
    choose(page, "Layer", "pool1")
    page.wait_for_selector(".two-ways")
    moving = page.evaluate(MOVING)
    assert moving == 0
