"""The first three rooms in a browser: their numbers are NumPy's."""

import re
from decimal import Decimal

import numpy as np
import pytest
from page_numbers import answer_all, grid_of, number, panel, sums_of

pytestmark = pytest.mark.browser
FINE = {"rtol": 0, "atol": 3e-6}  # seven digits are shown


def windows_of(x, kernel):
    """Every window of (H,W): (oH,oW,kH,kW)."""
    return np.lib.stride_tricks.sliding_window_view(x, kernel)


def stamped(dy, kernel):
    """Add dy times the kernel at every place: the gradient of a cross-correlation's input."""
    total = np.zeros(np.add(dy.shape, kernel.shape) - 1)
    for (r, c), g in np.ndenumerate(dy):
        total[r : r + kernel.shape[0], c : c + kernel.shape[1]] += g * kernel
    return total


# --- The window


def test_the_windows_output_is_the_cross_correlation(visit):
    page = visit().to("window")
    answer_all(page)
    page.get_by_role("button", name="To the end").click()
    x, w = grid_of(page, "Input, with its padding"), grid_of(page, "Kernel")
    y = grid_of(page, "Output")
    bias = y - np.einsum("pqij,ij->pq", windows_of(x, w.shape), w)
    np.testing.assert_allclose(bias, bias[0, 0], **FINE)
    shown = number(page.locator(".sum .bias").inner_text().replace("+", "").strip(" ()"))
    assert abs(shown - bias[0, 0]) < 6e-4


def test_shown_terms_add_up_to_the_shown_sum(visit):
    page = visit().to("window")
    answer_all(page)
    step = page.get_by_role("button", name="One step on")
    page.get_by_role("button", name="To the beginning").click()
    for _ in range(12):
        for terms, total in sums_of(page):
            assert sum(terms, Decimal(0)) == total
        step.click()


def test_a_sum_of_many_terms_adds_up_in_both_languages(visit):
    page = visit().to("window")
    rng = np.random.default_rng(0)
    cases = [(rng.normal(size=n) * 10.0 ** rng.integers(-6, 3)).tolist() for n in range(1, 60)]
    script = """async ([language, cases]) => {
        const { createNumbers } = await import("./numbers.js");
        const numbers = createNumbers(language);
        return cases.map((terms) => numbers.addUp(terms, terms.reduce((a, b) => a + b, 0)));
    }"""
    for language in ("en", "fr"):
        for case, added in zip(cases, page.evaluate(script, [language, cases]), strict=True):
            terms = [Decimal(plain(term)) for term in added["terms"]]
            rest = Decimal(plain(added["rounding"] or "0"))
            assert sum(terms, rest) == Decimal(plain(added["sum"]))
            small = float(10.0 ** -added["decimals"])
            assert abs(float(plain(added["sum"])) - sum(case)) <= small
            assert max(abs(float(t) - x) for t, x in zip(terms, case, strict=True)) <= small


def plain(text):
    return text.replace("−", "-").replace(",", ".")


def test_three_digits_and_a_real_minus(visit):
    page = visit().to("window")
    script = """async (language) => {
        const { createNumbers } = await import("./numbers.js");
        return [0, -0, 1, -0.5, 0.0123456, -0.000012345, 123.456, -1234567, NaN, 1 / 0]
            .map(createNumbers(language).cell);
    }"""
    found = ["0", "0", "1", "−0.500", "0.0123", "−1.23e−5", "123", "−1.23e6", "NaN", "∞"]
    assert page.evaluate(script, "en") == found
    french = [text.replace(".", ",") for text in found]
    assert page.evaluate(script, "fr") == french


def test_the_asked_output_is_hidden_until_it_is_predicted(visit):
    page = visit().to("window")
    hidden = panel(page, "Output").locator("[role=gridcell]", has_text="?")
    assert hidden.count() == 1
    bias = number(re.search(r"bias (\S+) =", page.locator(".sums").inner_text()).group(1))
    told = grid_of(page, "Products").sum() + bias  # all that it takes is shown
    offered = page.locator(".predict").first.locator("label").all_inner_texts()
    assert min(abs(number(text) - told) for text in offered) < 6e-3
    page.locator(".predict").first.locator("input[type=radio]").first.check()
    page.locator(".predict").first.get_by_role("button", name="That is my answer").click()
    assert hidden.count() == 0
    assert page.locator(".predict .right, .predict .wrong").count() == 1


def test_a_kernel_written_by_hand_computes(visit):
    one = visit()
    page = one.to("window")
    answer_all(page)
    page.get_by_label("Or a well-known kernel").select_option("copy")
    one.settled()
    page.get_by_role("button", name="To the end").click()
    w = grid_of(page, "Kernel")
    assert w.sum() == 1
    assert w[1, 1] == 1
    x, y = grid_of(page, "Input, with its padding"), grid_of(page, "Output")
    np.testing.assert_allclose(y - y[0, 0], (x - x[1, 1])[1:-1, 1:-1], **FINE)
    page.get_by_label("Weight (0, 0)").fill("−2,5")  # a comma and a true minus are understood
    page.get_by_role("button", name="Set", exact=True).click()
    one.settled()
    assert grid_of(page, "Kernel")[0, 0] == -2.5


def test_stride_padding_and_dilation(visit):
    one = visit()
    page = one.to("window")
    answer_all(page)
    page.get_by_label("Stride", exact=True).select_option("2")
    one.settled()
    page.get_by_label("Dilation", exact=True).select_option("2")
    one.settled()
    page.get_by_label("Padding", exact=True).select_option("valid")
    one.settled()
    answer_all(page)
    page.get_by_role("button", name="To the end").click()
    x, w = grid_of(page, "Input, with its padding"), grid_of(page, "Kernel")
    y = grid_of(page, "Output")
    found = windows_of(x, (5, 5))[::2, ::2, ::2, ::2]
    bias = y - np.einsum("pqij,ij->pq", found, w)
    np.testing.assert_allclose(bias, bias[0, 0], **FINE)


def test_channels_are_added_up(visit):
    one = visit()
    page = one.to("window")
    page.get_by_label("Layer", exact=True).select_option("conv2")
    one.settled()
    answer_all(page)
    (products, of_channel), (totals, of_all) = sums_of(page)
    assert sum(products) == of_channel
    assert sum(totals) == of_all
    assert len(totals) == 7  # six channels and the bias
    assert abs(float(totals[0]) - float(of_channel)) < 1e-3
    shown = (
        panel(page, "Output")
        .locator('[role="gridcell"]')
        .evaluate_all("(all) => all.map((one) => one.textContent)")
    )
    values = [number(text) for text in shown if text]
    assert abs(values[-1] - float(of_all)) < 0.01  # the cell that the clock stands at


# --- im2col


def test_the_columns_are_the_windows_and_the_product_is_theirs(visit):
    page = visit().to("columns")
    answer_all(page)
    page.get_by_role("button", name="To the end").click()
    x, columns = grid_of(page, "Input, channel 0"), grid_of(page, "Columns: 9 × 9")
    np.testing.assert_array_equal(columns, windows_of(x, (3, 3)).reshape(9, 9).T)
    w, product = grid_of(page, "Filters, one a row: W"), grid_of(page, "Product W · col(X) + b")
    bias = product - w @ columns
    np.testing.assert_allclose(bias, np.repeat(bias[:, :1], 9, axis=1), **FINE)
    chosen = page.get_by_label("Filter", exact=True).input_value()
    back = grid_of(page, f"Back to an image: output of filter {chosen}")
    np.testing.assert_array_equal(back.reshape(-1), product[int(chosen)])


def test_a_pixels_copies_are_outlined_and_counted(visit):
    page = visit().to("columns")
    answer_all(page)
    cell = panel(page, "Input, channel 0").locator('[data-at="2,2"]')
    cell.click()
    assert "has 9 copies" in page.locator(".told.card").inner_text()
    pinned = panel(page, "Columns: 9 × 9").locator("[aria-selected=true]")
    assert pinned.count() == 9
    values = {one.get_attribute("aria-label").split(": ")[1] for one in pinned.all()}
    assert values == {cell.get_attribute("aria-label").split(": ")[1]}


def test_the_columns_say_where_they_come_from(visit):
    page = visit().to("columns")
    page.get_by_label("where they come from").check()
    matrix = panel(page, "Columns: 9 × 9")
    first = [matrix.locator(f'[data-at="{r},4"] text').text_content() for r in range(9)]
    rows = [int(plain(text).split(".")[0]) for text in first if text != "0"]
    assert rows == sorted(rows)


# --- The way back


def test_the_stamps_add_up_to_the_gradient(visit):
    page = visit().to("back")
    answer_all(page)
    page.get_by_role("button", name="To the end").click()
    dy, w = grid_of(page, "dY of filter"), grid_of(page, "Kernel of filter")
    dx, count = grid_of(page, "dX, channel 0"), grid_of(page, "How often each pixel is covered")
    np.testing.assert_allclose(dx, stamped(dy, w), **FINE)
    np.testing.assert_array_equal(count, stamped(np.ones_like(dy), np.ones_like(w)))
    columns = grid_of(page, "dcol = Wᵀ · dY: one stamp a column")
    np.testing.assert_allclose(columns, np.outer(w, dy), **FINE)
    for terms, total in sums_of(page):
        assert sum(terms, Decimal(0)) == total


def test_collecting_gives_the_same_as_stamping(visit):
    one = visit()
    page = one.to("back")
    answer_all(page)
    page.get_by_role("button", name="To the end").click()
    stamps = grid_of(page, "dX, channel 0")
    page.get_by_label("dX by collecting (gather)").check()
    one.settled()
    page.get_by_role("button", name="To the end").click()
    np.testing.assert_array_equal(grid_of(page, "dX, channel 0"), stamps)
    spread, turned = grid_of(page, "dY of filter"), grid_of(page, "The kernel, turned by 180°")
    found = np.einsum("pqij,ij->pq", windows_of(spread, turned.shape), turned)
    np.testing.assert_allclose(stamps, found, **FINE)


def test_a_stride_sets_the_stamps_apart(visit):
    one = visit()
    page = one.to("back")
    answer_all(page)
    page.get_by_label("Stride", exact=True).select_option("2")
    one.settled()
    assert "an example of the right shape" in page.locator(".remark").inner_text()
    page.get_by_role("button", name="To the end").click()
    dy, w = grid_of(page, "dY of filter"), grid_of(page, "Kernel of filter")
    spread = np.zeros(2 * np.array(dy.shape) - 1)
    spread[::2, ::2] = dy
    np.testing.assert_allclose(grid_of(page, "dX, channel 0"), stamped(spread, w), **FINE)
    assert_checks(page)
    page.get_by_label("dX by collecting (gather)").check()
    one.settled()
    zeros = grid_of(page, "dY of filter")
    np.testing.assert_array_equal(zeros[2:-2, 2:-2], spread)


def test_the_weights_gradient(visit):
    one = visit()
    page = one.to("back")
    answer_all(page)
    page.get_by_label("dW", exact=True).check()
    one.settled()
    page.get_by_role("button", name="To the end").click()
    dy, x = grid_of(page, "dY of filter"), grid_of(page, "Input X, channel 0")
    dw = grid_of(page, "dW of filter")
    np.testing.assert_allclose(dw, np.einsum("pqij,pq->ij", windows_of(x, dw.shape), dy), **FINE)
    (_, _), (_, db) = sums_of(page)
    assert abs(float(db) - dy.sum()) < 1e-3
    assert_checks(page)


def test_a_cell_is_checked_and_the_mistake_is_seen(visit):
    one = visit()
    page = one.to("back")
    answer_all(page)
    one.settled()  # answers draw anew
    assert_checks(page)
    page.get_by_label("the paper's mistake").check()
    one.settled()
    page.get_by_role("button", name="To the end").click()
    dy, w = grid_of(page, "dY of filter"), grid_of(page, "Kernel, turned by mistake")
    wrong = grid_of(page, "dX̃ with the mistake, channel 0")
    np.testing.assert_allclose(wrong, stamped(dy, w), **FINE)
    assert np.abs(wrong - grid_of(page, "dX, channel 0")).max() > 1e-3
    gradient, difference, _, mistaken = assert_checks(page)
    assert abs(mistaken - difference) > 1e-4
    assert abs(gradient - difference) < 1e-6


def assert_checks(page):
    """Press the button; return the numbers of its table, of which the first two have to agree."""
    page.get_by_role("button", name="Check this cell").click()
    cells = page.locator(".checked td")
    cells.first.wait_for()
    found = [number(text) for text in cells.all_inner_texts()]
    assert abs(found[0] - found[1]) < 1e-6
    return found


def test_all_filters_together_are_the_layers_gradient(visit):
    one = visit()
    page = one.to("back")
    answer_all(page)
    page.get_by_label("all filters together").check()
    one.settled()
    page.get_by_role("button", name="To the end").click()
    columns = grid_of(page, "dcol = Wᵀ · dY: one stamp a column").reshape(3, 3, 4, 4)
    found = np.zeros((6, 6))
    for (i, j, r, c), g in np.ndenumerate(columns):
        found[r + i, c + j] += g
    np.testing.assert_allclose(grid_of(page, "dX, channel 0"), found, **FINE)
