"""Everybody can use the site: by ear, on a phone, in two languages."""

import pytest

pytestmark = pytest.mark.browser
PAGES = [
    "index",
    "learn/convolution-backward",  # a lesson: formulas, cells, a folded answer
    "how-to/from-keras",
    "reference/api/losses",  # the navigation has toggles
    "speed",  # tables whose corners are empty
]
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


@pytest.fixture(scope="module", params=["en", "fr"])
def pages(request):
    """Return the folder of a language's site."""
    return request.getfixturevalue("site" if request.param == "en" else "french_site")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_no_barrier_that_a_tool_can_find(chromium, pages, name, size):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe")
    page = chromium.new_page(viewport=SIZES[size])
    page.goto((pages / f"{name}.html").as_uri())
    found = axe.Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= SIZES[size]["width"]
    page.close()
