/** Room 5: the loss, its gradient, and what SGD and Adam make of one weight's gradient. */

import { decimal } from "../controls.js";
import { el, refill } from "../dom.js";
import { redrawing } from "../redraw.js";
import { Ladder } from "./loss/ladder.js";
import { OptimizerPicture } from "./loss/optimizers.js";
import { sigmoidClimb, squareClimb } from "./loss/outputs.js";
import { softmaxClimb } from "./loss/softmax.js";
import { createWeightPicker, weightsOf } from "./loss/weight_picker.js";

const STEPS = 20;
const RATES = { adam: 0.001, sgd: 0.001 };
const CLIMBS = [softmaxClimb, sigmoidClimb, squareClimb];

/** @param {import("../shell.js").Context} context */
export async function open(context) {
  const traced = await context.trace();
  return el("div", { class: "room" }, lossPart(context, traced), await optimizerPart(context, traced));
}

function lossPart(context, traced) {
  const { t, lab, signal } = context;
  for (const climbOf of CLIMBS) {
    const climb = climbOf(context, traced);
    if (climb) return new Ladder(context, climb, signal).element;
  }
  return el("p", { class: "remark" }, t("loss.none", { loss: lab.loss ?? "" }));
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
    const onChange = (rate) => {
      rates[name] = rate;
      draw();
    };
    return decimal({ label: t(`opt.rate.${name}`), value: rates[name], size: 7, fits: (rate) => rate > 0 && rate <= 1000, onChange }, context).element;
  }
}
