/** How a run is to begin: what it learns from, with which optimizer, rate, batch and seed. */

import { button, choice, count, decimal } from "../../controls.js";
import { el, refill } from "../../dom.js";

const SETS = ["halves", "circles", "moons", "quadrants", "spirals"];
const HIDDEN = [[], [4], [8, 8], [16, 16], [16, 16, 16]];
const RATES = { sgd: 0.1, momentum: 0.02, adam: 0.01, rmsprop: 0.003 };
const PLANE_RATES = { sgd: 0.5, momentum: 0.1, adam: 0.02, rmsprop: 0.01 };
const OWN = "own";

/**
 * @param {import("../../shell.js").Context} context
 * @param {(number: number, question: object) => void} onNew  0 or 1, and what the command takes
 */
export function createSetup(context, { hasOwn, onNew }) {
  const { t, kept } = context;
  const settings = (kept["live.settings"] ??= {
    data: hasOwn ? OWN : "circles", hidden: 3, activation: "relu", optimizer: "adam", rate: usualRate(hasOwn ? OWN : "circles", "adam"), batch_size: 32, seed: 0, is_fresh: true, kernels: "im2col",
  });
  const element = el("div", { class: "setup", role: "group", "aria-label": t("live.setup") });
  draw();

  function change(changes) {
    Object.assign(settings, changes);
    draw();
  }

  function draw() {
    const focused = [...element.querySelectorAll("select, input, button")].indexOf(document.activeElement);
    const isPlane = settings.data !== OWN;
    const { lab } = context;
    refill(
      element,
      el(
        "div",
        { class: "controls" },
        choice({
          label: t("live.data"), value: settings.data, onChange: (data) => change({ data, rate: usualRate(data, settings.optimizer) }),
          options: [...(hasOwn ? [[OWN, t("live.ownData", { name: lab.data.is_made_up ? t("shell.madeUp") : lab.data.name })]] : []), ...SETS.map((name) => [name, t(`live.set.${name}`)])],
        }),
        isPlane
          ? [
              choice({ label: t("live.hidden"), value: settings.hidden, options: HIDDEN.map((units, n) => [n, units.length ? units.join(" + ") : t("live.noHidden")]), onChange: (v) => change({ hidden: Number(v) }) }),
              choice({ label: t("live.activation"), value: settings.activation, options: ["relu", "tanh", "sigmoid", "linear"].map((name) => [name, name]), onChange: (activation) => change({ activation }) }),
            ]
          : choice({ label: t("live.weights"), value: settings.is_fresh ? "fresh" : "given", options: ["fresh", "given"].map((key) => [key, t(`live.weights.${key}`)]), onChange: (v) => change({ is_fresh: v === "fresh" }) }),
        choice({ label: t("live.optimizer"), value: settings.optimizer, options: Object.keys(RATES).map((name) => [name, t(`live.optimizer.${name}`)]), onChange: (optimizer) => change({ optimizer, rate: usualRate(settings.data, optimizer) }) }),
        decimal({ label: t("live.rate"), value: settings.rate, fits: (rate) => rate > 0, onChange: (rate) => (settings.rate = rate) }, context).element,
        choice({ label: t("live.batch"), value: settings.batch_size, options: [1, 4, 16, 32, 64, 128, 256].map((n) => [n, String(n)]), onChange: (v) => change({ batch_size: Number(v) }) }),
        choice({ label: t("live.kernels"), value: settings.kernels, options: ["im2col", "compiled"].map((name) => [name, t(`live.kernels.${name}`)]), onChange: (kernels) => change({ kernels }) }),
        count({ label: t("live.seed"), value: settings.seed, min: 0, max: 9999, onChange: (seed) => change({ seed }) }),
      ),
      el(
        "p",
        { class: "controls" },
        button(t("live.newRun", { name: "A" }), () => onNew(0, question()), { class: "main" }),
        button(t("live.newRun", { name: "B" }), () => onNew(1, question())),
      ),
    );
    element.querySelectorAll("select, input, button")[focused]?.focus();
  }

  /** The command that begins such a run. */
  function question() {
    const { data, hidden, activation, is_fresh: fresh, ...shared } = settings;
    return data === OWN
      ? { ...shared, is_fresh: fresh }
      : { ...shared, data, hidden: HIDDEN[hidden], activation };
  }

  return { element, question };
}

const usualRate = (data, optimizer) => (data === OWN ? RATES : PLANE_RATES)[optimizer];
