/** One cell's gradient beside a central difference: is it true? */

import { button } from "../../controls.js";
import { el, refill } from "../../dom.js";
import { block, display, frac, row } from "../../formula.js";
import { sentence } from "../../redraw.js";

/**
 * @param {import("./backward.js").Backward} backward
 * @param {"x" | "w"} of
 * @param {{wrong?: (flat: number) => number | null}} options  wrong: a mistaken gradient to hold beside it
 */
export function createCheck(backward, of, { wrong = () => null } = {}) {
  const { context, convolution } = backward;
  const { t, numbers, say } = context;
  const answer = el("div", { class: "answer" });
  const hint = el("p", { class: "hint" });
  const act = button(t("check.do"), () => check());
  let flat = null;

  /** @param {number | null} to  flat index into dX or dW; null where there is nothing to check */
  function setCell(to, name) {
    if (to !== flat) refill(answer);
    flat = to;
    act.disabled = to === null;
    refill(hint, to === null ? t("check.padding") : t("check.cell", { name }));
  }

  async function check() {
    act.setAttribute("aria-busy", "true");
    try {
      const found = await convolution.ask({ mistake: true, check: [[of, flat]] });
      const checked = found.checked[0];
      refill(answer, lines(checked));
      say(answer.textContent);
    } catch (error) {
      if (error.name !== "AbortError") refill(answer, sentence(error, context));
    } finally {
      act.removeAttribute("aria-busy");
    }
  }

  function lines({ gradient, difference }) {
    const line = (name, value, kind = "") =>
      el(
        "tr",
        { class: kind },
        el("th", { scope: "row" }, name),
        el("td", {}, numbers.fixed(value, 9)),
      );
    const mistaken = wrong(flat);
    return [
      el(
        "table",
        { class: "checked" },
        line(t("check.gradient"), gradient),
        line(t("check.difference"), difference),
        line(t("check.apart"), Math.abs(gradient - difference)),
        mistaken === null ? null : line(t("check.mistaken"), mistaken, "wrong"),
      ),
      mistaken === null ? null : el("p", {}, t("check.verdict")),
    ];
  }

  const epsilon = "ε";
  const formula = block(
    "dL",
    "/",
    `d${of}`,
    "≈",
    frac(
      row("L", "(", of, "+", epsilon, ")", "−", "L", "(", of, "−", epsilon, ")"),
      row("2", epsilon),
    ),
  );
  const element = el(
    "section",
    { class: "card check" },
    el("h2", {}, t("check.title")),
    display(formula),
    hint,
    el("p", {}, act),
    answer,
  );
  return { element, setCell };
}
