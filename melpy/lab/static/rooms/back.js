/** Room 3: the way back. dY comes in; dW and dX go out, as stamps, as collecting, and checked. */

import { tabs, toggle } from "../controls.js";
import { compiledNote } from "../compiled.js";
import { createConvolution, remarks } from "../convolution.js";
import { el, refill } from "../dom.js";
import { block, row, sup } from "../formula.js";
import { createPrediction } from "../predict.js";
import { redrawing } from "../redraw.js";
import { Backward } from "./back/backward.js";
import { Gather } from "./back/gather.js";
import { Scatter } from "./back/scatter.js";
import { Weights } from "./back/weights.js";

const VIEWS = { scatter: Scatter, gather: Gather, weights: Weights };

/** @param {import("../shell.js").Context} context */
export async function open(context) {
  const { t, kept } = context;
  const chosen = (kept.back ??= { view: "scatter", allFilters: false, mistake: false });
  const place = el("div", { class: "place" });
  const foot = el("div");
  const convolution = await createConvolution(context, {
    windows: 4,
    isOfGradient: true,
    channels: () => "one",
    // A cell that collects turns one filter's kernel: it is looked at alone.
    onlyFilter: () => !chosen.allFilters || chosen.view === "gather",
    onChange: () => draw(),
  });
  const asks = questions(context, () => draw());
  const draw = redrawing(context, place, async (signal) => {
    const found = await convolution.ask({ mistake: true });
    const backward = new Backward(context, convolution, found);
    const view = new VIEWS[chosen.view](backward, { ...chosen, asks, signal });
    refill(foot, compiledNote(context, convolution.settings.path, signal));
    return [remarks(found, context), view.element];
  });
  const choose = (changes) => {
    Object.assign(chosen, changes);
    draw();
  };
  const ways = el(
    "div",
    { class: "ways" },
    tabs({
      label: t("back.view"),
      value: chosen.view,
      onChange: (view) => choose({ view }),
      options: Object.keys(VIEWS).map((name) => [name, t(`back.${name}`)]),
    }),
    toggle({
      label: t("back.allFilters"),
      value: chosen.allFilters,
      onChange: (allFilters) => choose({ allFilters }),
    }),
    toggle({
      label: t("back.mistake"),
      value: chosen.mistake,
      onChange: (mistake) => choose({ mistake, view: "scatter" }),
    }),
  );
  // The mistake is one of stamping: switched on, it leads there.
  ways.addEventListener("change", () => {
    const radio = ways.querySelector(`input[value=${chosen.view}]`);
    if (radio) radio.checked = true;
  });
  await draw();
  return el(
    "div",
    { class: "room" },
    convolution.element,
    asks.stamp.element,
    ways,
    place,
    asks.inverse.element,
    explanation(context),
    foot,
  );
}

/** What is asked before anything is seen: which way the kernel lies, and whether col2im undoes. */
function questions(context, onAnswered) {
  const { t } = context;
  const ask = (id, names, answer, then) =>
    createPrediction(
      {
        id: `back.${id}`,
        question: t(`back.ask.${id}`),
        choices: names.map((name) => ({ value: name, text: t(`back.${id}.${name}`) })),
        answer,
        explain: () => t(`back.explain.${id}`),
        onAnswered: then,
      },
      context,
    );
  return {
    stamp: ask("stamp", ["turned", "same", "transposed"], "same", onAnswered),
    inverse: ask("inverse", ["yes", "times", "mean"], "times"),
  };
}

function explanation({ t }) {
  const T = (name) => sup(name, "T");
  const formulas = [
    block("dW", "=", "dY", "·", sup(row("col", "(", "X", ")"), "T"), ",", "db", "=", "∑", "dY"),
    block("dcol", "=", T("W"), "·", "dY", ",", "dX", "=", "col2im", row("(", "dcol", ")")),
  ];
  return el(
    "section",
    { class: "explain" },
    el("h2", {}, t("shell.explain")),
    el("div", { class: "formula" }, formulas),
    ["back.why1", "back.why2", "back.why3", "back.why4"].map((key) => el("p", {}, t(key))),
  );
}
