"""What holds in every room: a question first, one clock, linked outlines, honest colours."""

import itertools

import numpy as np
import pytest
from page_numbers import answer_all, number, panel

pytestmark = pytest.mark.browser
ROOMS = ["window", "columns", "back", "pooling", "loss", "network"]
FIRST = """() => [...document.querySelectorAll("main .predict, main figure, main svg.grid")]
    .map((one) => one.className.baseVal ?? one.className)[0]"""
MARKED = """(kinds) => Object.fromEntries([...document.querySelectorAll("svg.grid")].map((grid) => [
    grid.getAttribute("aria-label") + " " + grid.getAttribute("class"),
    kinds.filter((kind) => grid.querySelector(`.mark-${kind}`)?.getAttribute("d")),
]))"""
CUT_OFF = """() => [...document.querySelectorAll(".formula")]
    .filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.textContent)"""
COLOURS = """async (kind) => {
    const { scaleTo } = await import("./scales.js");
    const scale = scaleTo(kind, 1);
    return Array.from({ length: 41 }, (_, n) => scale.rgb(n / 20 - 1));
}"""
# How colours look without one of the three cones, for linear RGB: G. Machado, M. Oliveira and
# L. Fernandes 2009, A physiologically-based model for simulation of color vision deficiency.
BLIND = {
    "nobody": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                     [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                   [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


@pytest.mark.parametrize("room", ROOMS)
def test_a_question_comes_before_all_pictures(visit, room):
    page = visit().to(room)
    assert page.evaluate(FIRST).split() == ["predict"]
    assert page.locator(".predict").first.locator("input[type=radio]").count() > 1
    assert page.locator(".predict.answered").count() == 0


@pytest.mark.parametrize("room", ROOMS)
def test_the_clock_steps_goes_back_plays_and_is_scrubbed(visit, room):
    page = visit().to(room)
    clock = page.locator(".clock").first
    press = lambda name: clock.get_by_role("button", name=name).click()  # noqa: E731

    def stands():
        at, of = clock.locator(".position").inner_text().split(" · ")[0].split(" / ")
        return int(at), int(of)

    press("To the beginning")
    assert stands()[0] == 1
    press("One step on")
    press("One step on")
    assert stands()[0] == 3
    press("One step back")
    assert stands()[0] == 2
    slider = clock.locator("input[type=range]")
    slider.evaluate("(s) => { s.value = s.max; s.dispatchEvent(new Event('input')) }")
    assert stands()[0] == stands()[1]
    press("To the beginning")
    clock.get_by_label("Speed").select_option("fast")
    press("Play")
    page.wait_for_function(
        "() => Number.parseInt(document.querySelector('.clock .position').textContent) > 2"
    )
    press("Pause")


@pytest.mark.parametrize(
    ("room", "pointed", "linked"),
    [
        ("window", "Output", ["Input", "Output"]),
        ("window", "Kernel", ["Input", "Kernel", "Products"]),
        ("columns", "Columns", ["Input", "Columns", "Product", "Back to an image"]),
        ("columns", "Filters", ["Columns"]),
        ("back", "dY", ["dY", "dX", "dcol", "How often"]),
        ("back", "Kernel", ["dY", "Kernel", "Stamp", "dX", "dcol", "How often"]),
        ("back", "Stamp", ["dY", "Kernel", "Stamp", "dX", "dcol", "How often"]),
        ("back", "dX", ["dY", "dX", "dcol", "How often"]),
        ("pooling", "Input", ["Output", "Gradient that comes"]),
        ("pooling", "Gradient that goes", ["Output", "Gradient that comes"]),
        (
            "loss",
            "Logits",
            ["Logits", "Minus", "Exponentials", "Probabilities", "What", "Gradient"],
        ),
        ("loss", "Weights", ["Weights", "Their gradients"]),
        ("network", "Map 0", ["Map 0 grid kind-values", "Map 0 grid kind-gradients"]),
    ],
)
def test_pointing_outlines_what_belongs_together(visit, room, pointed, linked):
    page = visit().to(room)
    answer_all(page)
    grid = page.locator(f'svg.grid[aria-label^="{pointed}"]').first
    cells = grid.locator("[role=gridcell]")
    page.mouse.move(2, 2)
    assert not any(page.evaluate(MARKED, ["preview", "link"]).values())
    cells.nth(cells.count() // 2).hover()
    found = [name for name, kinds in page.evaluate(MARKED, ["preview", "link"]).items() if kinds]
    missing = [one for one in linked if not any(name.startswith(one) for name in found)]
    assert not missing, found
    page.mouse.move(2, 2)
    assert not any(page.evaluate(MARKED, ["preview", "link"]).values())


@pytest.mark.parametrize(
    ("room", "pointed"),
    [("columns", "Input"), ("back", "dX"), ("back", "Stamp"), ("pooling", "Input"),
     ("loss", "Logits"), ("loss", "Weights"), ("network", "Map 0")],
)  # fmt: skip
def test_enter_pins(visit, room, pointed):
    """And what is pinned stays when the pointer is elsewhere."""
    page = visit().to(room)
    answer_all(page)
    outlines = "() => [...document.querySelectorAll('.mark-pin')].map((m) => m.getAttribute('d'))"
    before = page.evaluate(outlines)
    page.locator(f'svg.grid[aria-label^="{pointed}"] [tabindex="0"]').first.focus()
    page.keyboard.press("ArrowDown" if pointed != "Logits" else "ArrowRight")
    page.keyboard.press("Enter")
    page.locator("h1").click()
    page.wait_for_function(
        "(was) => JSON.stringify([...document.querySelectorAll('.mark-pin')]"
        ".map((m) => m.getAttribute('d'))) !== JSON.stringify(was)",
        arg=before,
    )


@pytest.mark.parametrize("room", ROOMS)
def test_each_scale_is_symmetric_about_zero(visit, room):
    page = visit().to(room)
    answer_all(page)
    legends = page.locator(".legend:visible").all_inner_texts()
    assert legends
    for name, low, high in (text.split()[:3] for text in legends):
        signed = name in ("values", "weights", "gradients")
        assert number(low) == (-number(high) if signed else 0)


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("room", ROOMS)
def test_no_formula_is_cut_off_on_a_wide_page(visit, room, language):
    page = visit().to(room, language)
    answer_all(page)
    assert page.evaluate(CUT_OFF) == []


@pytest.mark.parametrize("blind", BLIND)
def test_colours_are_told_apart_by_colour_blind_readers(visit, blind):
    """The two signs of a scale, and one scale from another: by 10 at least, of CIE's ΔE.

    The signs from a fifth of the scale on: below it the digits tell them. A scale differs from
    another in one of its signs: who lacks the cones for red sees violet and blue alike, but not
    what stands opposite, and gradients have a dashed frame beside.
    """
    page = visit().to("window")
    ends = {}
    for kind in ("values", "weights", "gradients"):
        lab = seen(np.array(page.evaluate(COLOURS, kind)), blind)
        below, above = lab[:20][::-1], lab[21:]  # from the middle outwards
        assert np.linalg.norm(lab[20, 1:]) < 8, kind  # zero is without a hue
        assert (np.linalg.norm(below - above, axis=1)[4:] > 10).all(), kind
        for side in (below, above):
            assert (np.diff(side[:, 0]) < 0).all(), kind  # the larger, the darker
        ends[kind] = lab[[4, 36]]
    for one, other in itertools.combinations(ends, 2):
        assert np.linalg.norm(ends[one] - ends[other], axis=1).max() > 10, (one, other)


def seen(rgb, blind):
    """Return CIELAB (N,3) of sRGB (N,3) as who is colour-blind in a way sees it."""
    share = rgb / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ np.array(BLIND[blind]).T, 0, 1)
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750],
              [0.0193339, 0.1191920, 0.9503041]]  # fmt: skip
    xyz = linear @ np.array(to_xyz).T / [0.95047, 1.0, 1.08883]
    x, y, z = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116).T
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def test_kinks_are_marked(visit):
    """Two largest cells as good as equal: outlined, counted, and told to who does not see it."""
    page = visit().to("pooling")
    labels = (
        panel(page, "Output Y")
        .locator("[role=gridcell]")
        .evaluate_all("(all) => all.map((one) => one.getAttribute('aria-label'))")
    )
    x = np.array([
        number(one.split(": ")[1]) for one in
        panel(page, "Input X").locator("[role=gridcell]").evaluate_all(
            "(all) => all.map((one) => one.getAttribute('aria-label'))")
    ]).reshape(8, 8)  # fmt: skip
    windows = x.reshape(4, 2, 4, 2).transpose(0, 2, 1, 3).reshape(16, 4)
    first, second = np.sort(windows)[:, :-3:-1].T
    expected = np.flatnonzero(first - second < 1e-4)  # digits in a cell are three
    assert len(expected)
    marked = [n for n, label in enumerate(labels) if "kink" in label]
    assert marked == expected.tolist()
    outlined = panel(page, "Output Y").locator(".mark-kink").get_attribute("d")
    assert outlined.startswith("M")
    assert f"Kinks here: {len(expected)}," in page.locator(".remark").last.inner_text()
