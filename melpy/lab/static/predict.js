/** The question before the picture: who has said what they expect sees more in what happens. */

import { numberIn } from "./controls.js";
import { el, newId, refill } from "./dom.js";

/**
 * @param {{id: string, question: string | Node, choices?: {value: string, text: string}[],
 *   answer: string | number, tolerance?: number, explain: () => string | Node,
 *   onAnswered?: () => void}} options
 *   without choices a number is asked for, right within the tolerance; `explain` says what happened
 * @param {{t: Function, numbers: any, kept: Record<string, any>, say: (text: string) => void}} words
 */
export function createPrediction(options, words) {
  const { id, question, choices, answer, tolerance = 0.005, explain, onAnswered } = options;
  const { t, kept, say } = words;
  const key = `predict.${id}`;
  const result = el("div", { class: "result" });
  const name = newId("predict");
  const field = choices ? choiceFields(choices, name) : numberField(name, t);
  const form = el(
    "form",
    { onsubmit: (event) => (event.preventDefault(), check(given())) },
    el("p", { class: "question", id: `${name}-question` }, question),
    el(
      "div",
      { class: "actions" },
      field,
      el("button", { type: "submit", class: "main" }, t("predict.check")),
      el("button", { type: "button", onclick: () => finish(null) }, t("predict.skip")),
    ),
  );
  const element = el(
    "section",
    { class: "predict", "aria-labelledby": `${name}-question` },
    el("h2", {}, t("predict.label")),
    form,
    result,
  );
  let isAnswered = false;

  const given = () =>
    choices
      ? (form.querySelector("input:checked")?.value ?? "")
      : numberIn(form.querySelector("input").value);

  function check(value) {
    if (value === "" || Number.isNaN(value)) {
      refill(result, el("p", {}, t("predict.empty")));
      say(t("predict.empty"));
      return;
    }
    finish(value);
  }

  function finish(value, isRestored = false) {
    kept[key] = { value };
    isAnswered = true;
    const isRight = choices ? value === String(answer) : Math.abs(value - answer) <= tolerance;
    const verdict =
      value === null
        ? null
        : t(isRight ? "predict.right" : "predict.wrong", { value: said(value) });
    element.classList.add("answered");
    refill(
      result,
      verdict && el("p", { class: isRight ? "right" : "wrong" }, verdict),
      el("p", {}, explain()),
    );
    if (!isRestored) say(result.textContent);
    onAnswered?.();
  }

  const said = (value) =>
    choices ? choices.find((choice) => choice.value === value).text : words.numbers.long(value);

  if (kept[key]) queueMicrotask(() => finish(kept[key].value, true)); // it was answered before
  return {
    element,
    get isAnswered() {
      return isAnswered;
    },
    /** Forget the answer, where the question itself has changed. */
    reset() {
      delete kept[key];
    },
  };
}

function choiceFields(choices, name) {
  return el(
    "fieldset",
    { class: "choices" },
    choices.map(({ value, text }) =>
      el("label", {}, el("input", { type: "radio", name, value }), el("span", {}, text)),
    ),
  );
}

function numberField(id, t) {
  return el(
    "p",
    {},
    el("label", { for: id }, t("predict.number"), " "),
    el("input", { id, type: "text", inputmode: "decimal", autocomplete: "off", size: 9 }),
  );
}
