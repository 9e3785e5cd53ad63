"""Everybody can use the first three rooms: by keyboard, by ear, on a phone, in two languages."""

import json

import numpy as np
import pytest
from page_numbers import answer_all, grid_of

pytestmark = pytest.mark.browser
ROOMS = ["window", "columns", "back"]


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("room", ROOMS)
def test_no_barrier_that_a_tool_can_find(visit, room, language):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe")
    page = visit().to(room, language)
    for isopen in (False, True):
        if isopen:
            answer_all(page)
        found = axe.Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("language", ["en", "fr"])
@pytest.mark.parametrize("room", ROOMS)
def test_a_phones_width(visit, room, language):
    page = visit(viewport={"width": 390, "height": 844}).to(room, language)
    answer_all(page)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
    wide = page.evaluate(
        """() => [...document.querySelectorAll("main *, header *, nav, section")]
            .filter((one) => !one.closest(".scroll, .formula, .rooms") &&
                one.getBoundingClientRect().right > 391)
            .map((one) => one.tagName + "." + one.className)"""
    )
    assert not wide


def test_the_keyboard_alone(visit):
    """Predict, step the clock, walk a grid and pin a cell, change a setting: no mouse."""
    one = visit()
    page = one.to("window")
    press = page.keyboard.press
    focused = (
        "() => document.activeElement.closest('figure, .predict, .clock, .controls')?.className"
    )
    until(page, focused, "predict")
    press("Space")
    press("Tab")
    press("Enter")  # the button that answers
    assert page.locator(".predict").first.locator(".result p").count() >= 1
    page.locator("body").click(position={"x": 2, "y": 2})
    until(page, focused, "clock")
    press("Enter")
    assert page.locator(".position").inner_text().startswith("1 / ")
    until(page, "() => document.activeElement.getAttribute('role')", "gridcell")
    press("ArrowDown")
    press("ArrowRight")
    assert page.evaluate("() => document.activeElement.dataset.at") == "1,1"
    press("Control+End")
    last = page.evaluate("() => document.activeElement.dataset.at")
    press("Enter")
    assert page.evaluate("() => document.activeElement.dataset.at") == last
    assert not page.locator(".position").inner_text().startswith("1 / ")


def until(page, what, wanted):
    """Press Tab until what has the focus is the wanted."""
    for _ in range(80):
        page.keyboard.press("Tab")
        if wanted in (page.evaluate(what) or ""):
            return
    pytest.fail(f"Tab never comes to {wanted}")


def test_a_presenters_remote_steps_the_clock(visit):
    page = visit().to("columns")
    page.get_by_role("button", name="To the beginning").click()
    page.keyboard.press("PageDown")
    page.keyboard.press("PageDown")
    page.keyboard.press("PageUp")
    assert page.locator(".position").inner_text().startswith("2 / ")


def test_the_clock_plays_and_pauses(visit):
    page = visit().to("columns")
    page.get_by_role("button", name="To the beginning").click()
    page.get_by_label("Speed").select_option("fast")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("() => document.querySelector('.position').textContent.startsWith('3 ')")
    page.get_by_role("button", name="Pause").click()
    stopped = page.locator(".position").inner_text()
    page.wait_for_timeout(500)
    assert page.locator(".position").inner_text() == stopped


def test_reduced_motion_has_no_transitions(visit):
    page = visit(reduced_motion="reduce").to("window")
    moving = """() => [...document.querySelectorAll("*")].filter((one) => {
        const { transitionDuration, animationName } = getComputedStyle(one);
        return transitionDuration !== "0s" || animationName !== "none";
    }).length"""
    assert page.evaluate(moving) == 0


def test_a_language_changes_the_words_and_keeps_the_room(visit):
    one = visit()
    page = one.to("columns")
    page.get_by_role("button", name="Français").click()
    page.wait_for_selector("html[lang=fr]")
    one.settled()
    assert page.locator("h1").inner_text() == "La mise en colonnes (im2col)"
    assert page.locator(":focus").inner_text() == "Français"
    text = page.locator("main").inner_text()
    words = json.loads(page.evaluate("async () => (await fetch('locales/fr.json')).text()"))
    assert not [key for key in words if key in text.split()]


def test_another_image(visit):
    one = visit()
    page = one.to("window")
    before = grid_of(page, "Input, with its padding")
    page.get_by_label("The next image").click()
    page.wait_for_function("() => location.hash.includes('sample=4')")
    one.settled()
    assert np.abs(grid_of(page, "Input, with its padding") - before).max() > 0


def test_a_wrong_token_is_told_in_words(chromium, lab):
    page = chromium.new_page()
    page.goto(f"{lab.split('#')[0]}#token=nothing&lang=fr")
    page.get_by_role("alert").wait_for()
    assert "Ouvrez l'adresse affichée" in page.get_by_role("alert").inner_text()
    page.close()
