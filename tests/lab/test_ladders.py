"""From the output to the gradient: each way that a model ends has a ladder, whose numbers ran."""

import numpy as np
import pytest

import melpy
from melpy import layers

from .page_numbers import answer_all, number
from .shared import served, session_of

pytestmark = pytest.mark.browser
pytest.importorskip("starlette", reason="no Starlette: melpy[lab] is not installed")
CELLS = "(all) => all.map((r) => [...r.querySelectorAll('td')].map((c) => c.textContent))"


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def of_a_sigmoid(given, y):
    z, p = given, sigmoid(given)
    return [z, p, y, -np.log(np.where(y > 0.5, p, 1 - p)), (p - y) / z.size]


def of_squares(given, y):
    return [given, y, given - y, (given - y) ** 2, 2 * (given - y) / given.size]


def of_a_softmax(given, y):
    exponentials = np.exp(given - given.max())
    p, truth = exponentials / exponentials.sum(), np.eye(given.size)[int(y[0])]
    return [given, given - given.max(), exponentials, p, truth, p - truth]


ENDS = {
    "a sigmoid": ([layers.Dense(1, "sigmoid")], "binary_crossentropy", of_a_sigmoid),
    "logits of one": ([layers.Dense(1)], melpy.losses.BinaryCrossentropy(True), of_a_sigmoid),
    "sigmoids": ([layers.Dense(4, "sigmoid")], "binary_crossentropy", of_a_sigmoid),
    "a number": ([layers.Dense(1)], "mse", of_squares),
    "numbers": ([layers.Dense(3)], "mean_squared_error", of_squares),
    "softmax apart": (
        [layers.Dense(3), layers.Activation("softmax")],
        "sparse_categorical_crossentropy",
        of_a_softmax,
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_ladder_s_numbers_are_numpys(visit, end):
    last, loss, expected = ENDS[end]
    melpy.random.set_seed(3)
    model = melpy.Sequential([melpy.Input((4,)), layers.Dense(5, "tanh"), *last])
    model.compile("sgd", loss)
    session = session_of(model)
    with served(session) as server:
        page = visit(server.url).to("loss", "fr", sample=1)
        answer_all(page)
        page.locator(".clock").first.get_by_role("button", name="À la fin").click()
        details = page.locator(".ladder details")
        details.locator("summary").click()
        details.locator("td").first.wait_for()
        rows = details.locator("tr").evaluate_all(CELLS)
        shown = np.array([[number(text) for text in row] for row in rows[1:]])
        assert page.locator(".rung.to-come").count() == 0
        assert page.locator(".loss .remark").count() == 0
        told = session.trace({"sample": 1})
        made = session.model.trace(*session.batch_of(told["trace"]))
    given = made["dense_1"].output if "softmax" in end else made.output
    if end in ("a sigmoid", "sigmoids"):
        given = np.log(given / (1 - given))
    y = session.batch_of(told["trace"])[1].reshape(-1)
    np.testing.assert_allclose(shown, expected(given[0].astype(float), y), rtol=1e-4, atol=2e-6)


def test_what_a_model_lacks_is_said_in_the_reader_s_language(visit):
    model = melpy.Sequential([melpy.Input((4,)), layers.Dense(2)])
    model.compile("sgd", "mae")
    with served(session_of(model)) as server:
        one = visit(server.url)
        page = one.to("loss", "fr", sample=1)
        assert "(perte\xa0: mae)" in page.locator(".remark").inner_text()
        assert "pas de couche de regroupement" in page.locator(".left-out").inner_text()
        assert page.locator(".ladder").count() == 0
        assert page.locator(".cards .adam").count() == 1
        page = one.to("network", "fr", sample=1)
        rate = page.locator(".run-0").get_by_label("Taux d'apprentissage")
        rate.fill("1e12")
        rate.press("Tab")
        page.get_by_role("alert").wait_for()
        assert "d'au plus 1e9" in page.get_by_role("alert").inner_text()
        assert rate.input_value() == "0,01"  # what was refused is put back
        assert all("400" in fault for fault in one.faults)  # as the browser calls a refusal
        one.faults.clear()
