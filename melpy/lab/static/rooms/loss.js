/** Room 5: the loss, its gradient, and what SGD and Adam make of one weight's gradient. */

import { el, newId, refill } from "../dom.js";
import { redrawing } from "../redraw.js";
import { LossPicture } from "./loss/ladder.js";
import { OptimizerPicture } from "./loss/optimizers.js";
import { createWeightPicker, weightsOf } from "./loss/weight_picker.js";

const STEPS = 20;
const RATES = { adam: 0.001, sgd: 0.001 };

/** @param {import("../shell.js").Context} context */
export async function open(context) {
  const traced = await context.trace();
  return el("div", { class: "room" }, lossPart(context, traced), await optimizerPart(context, traced));
}

function lossPart(context, traced) {
  const { t, signal } = context;
  const count = traced.probabilities?.length ?? 0;
  const isSoftmax = count > 1 && traced.d_logits && traced.arrays[traced.logits]?.data.length === count;
  const has = isSoftmax && traced.label !== null;
  return has ? new LossPicture(context, traced, signal).element : el("p", { class: "remark" }, t("loss.none"));
}

async function optimizerPart(context, traced) {
  const { t, kept } = context;
  const rates = (kept["opt.rates"] ??= { ...RATES });
  const head = el("h2", {}, t("opt.title"));
  if (!weightsOf(traced).length) return el("section", {}, head, el("p", { class: "remark" }, t("opt.none")));
  const place = el("div", { class: "place" });
  let picked = null;
  const draw = redrawing(context, place, async (signal) => {
    const question = { trace: traced.trace, weight: picked.weight, index: picked.index, steps: STEPS, rates };
    const found = await context.source.ask("/api/optimizer", question, signal);
    const isEmpty = Object.values(found.runs).some((steps) => !steps.length);
    return isEmpty ? el("p", { class: "remark" }, t("opt.notFinite")) : new OptimizerPicture(context, found, signal).element;
  });
  const picker = createWeightPicker(context, traced, (one) => {
    picked = one;
    draw();
  });
  const fields = el("div", { class: "controls", role: "group", "aria-label": t("opt.rates") });
  refill(fields, context.source.isRecorded ? null : Object.keys(rates).map((name) => rateField(name)));
  return el(
    "section",
    { class: "optimizers" },
    head,
    el("p", {}, t("opt.lead")),
    picker.element,
    fields,
    place,
    el("section", { class: "explain" }, el("h2", {}, t("shell.explain")), ["size", "memory", "correction", "sgd"].map((key) => el("p", {}, t(`opt.explain.${key}`)))),
  );

  function rateField(name) {
    const id = newId("rate");
    const field = el("input", {
      id, type: "text", inputmode: "decimal", size: 7, value: context.numbers.long(rates[name]), autocomplete: "off",
      onchange: () => {
        const given = Number.parseFloat(field.value.trim().replace(",", "."));
        if (given > 0 && given <= 1000) rates[name] = given;
        field.value = context.numbers.long(rates[name]);
        draw();
      },
    });
    return el("p", { class: "field" }, el("label", { for: id }, t(`opt.rate.${name}`)), field);
  }
}
