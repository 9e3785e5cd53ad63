"""Reading numbers off the Lab's page."""

from decimal import Decimal

import numpy as np


def number(text):
    """Return a number as the page writes it, in either language."""
    return float(text.replace("−", "-").replace(",", ".").replace("∞", "inf"))


def panel(page, title):
    """Return the figure whose heading begins so."""
    heading = page.locator("figcaption").filter(has_text=title)
    return page.locator("figure.panel", has=heading).first


def grid_of(page, title):
    """Return a figure's numbers, from its table, which has seven digits."""
    figure = panel(page, title)
    details = figure.locator("details.as-table")
    details.evaluate("(one) => { one.open = false }")
    details.locator("summary").click()
    page.mouse.move(2, 2)  # away from cells that came to lie under it, which would be previewed
    figure.locator("table").wait_for()
    rows = details.locator("table").evaluate(
        "(table) => [...table.rows].slice(1).map((row) =>"
        " [...row.cells].slice(1).map((cell) => cell.textContent))"
    )
    details.evaluate("(one) => { one.open = false }")
    return np.array([[number(text) for text in row] for row in rows])


def answer_all(page):
    """Let every prediction's answer be shown."""
    while (left := page.locator(".predict:not(.answered)")).count():
        left.first.get_by_role("button").last.click()


def sums_of(page):
    """Return [(terms, total)] of the sums that are written out, as exact decimals."""
    found = []
    for line in page.locator(".sum").all():
        if line.locator(".total").count():
            texts = line.locator(".term").evaluate_all(
                "(all) => all.map((one) => [...one.childNodes].find((n) => n.nodeType === 3"
                " && n.data.trim() !== '+').data)"
            )
            terms = [Decimal(plain(text)) for text in texts]
            found.append((terms, Decimal(plain(line.locator(".total").inner_text()))))
    return found


def plain(text):
    return text.replace("−", "-").replace(",", ".").strip(" ()+")
