/** Room 3: the way back. dY comes in; dW and dX go out, as stamps, as collecting, and checked. */

import { tabs, toggle } from "../controls.js";
import { el } from "../dom.js";
import { block, display, row, sup } from "../formula.js";
import { createPrediction } from "../predict.js";
import { Backward } from "./back/backward.js";
import { Gather } from "./back/gather.js";
import { Scatter } from "./back/scatter.js";
import { Weights } from "./back/weights.js";
import { convolutionRoom } from "./convolution_room.js";

const VIEWS = { scatter: Scatter, gather: Gather, weights: Weights };

/** @param {import("../shell.js").Context} context */
export function open(context) {
  const chosen = (context.kept.back ??= {
    view: "scatter",
    allFilters: false,
    mistake: false,
    hasCoverage: true,
  });
  const settings = {
    windows: 4,
    isOfGradient: true,
    channels: () => "one",
    // A cell that collects turns one filter's kernel: it is looked at alone.
    onlyFilter: () => !chosen.allFilters || chosen.view === "gather",
  };
  let asks;
  const picture = (shown) => {
    const backward = new Backward(...shown);
    return new VIEWS[chosen.view](backward, { ...chosen, asks, signal: backward.signal }).element;
  };
  const around = (draw) => {
    asks = questions(context, draw);
    return {
      before: [asks.stamp.element, waysOfLooking(context, chosen, draw)],
      after: [asks.inverse.element, explanation(context)],
    };
  };
  return convolutionRoom(context, settings, picture, { more: { mistake: true }, around });
}

/** Which of the views is drawn, and of what. */
function waysOfLooking({ t }, chosen, draw) {
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
    toggle({
      label: t("back.hasCoverage"),
      value: chosen.hasCoverage,
      onChange: (hasCoverage) => choose({ hasCoverage, view: "scatter" }),
    }),
  );
  // The mistake, and how often a pixel is covered, are of stamping: switching them leads there.
  ways.addEventListener("change", () => {
    const radio = ways.querySelector(`input[value=${chosen.view}]`);
    if (radio) radio.checked = true;
  });
  return ways;
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
    block("dW", "=", "dY", "·", sup(row("col", "(", "X", ")"), "T")),
    block("db", "=", "∑", "dY"),
    block("dcol", "=", T("W"), "·", "dY"),
    block("dX", "=", "col2im", row("(", "dcol", ")")),
  ];
  return el(
    "section",
    { class: "explain" },
    el("h2", {}, t("shell.explain")),
    display(formulas),
    ["back.why1", "back.why2", "back.why3", "back.why4"].map((key) => el("p", {}, t(key))),
  );
}
