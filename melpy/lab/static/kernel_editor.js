/** Writing a kernel by hand: one weight at a time, or one of the kernels that everybody knows. */

import { choice, decimal } from "./controls.js";
import { el, refill } from "./dom.js";

/** Kernels by name: the weight at (i, j) of (rows, columns), given what was there. */
const PRESETS = {
  vertical: (i, j, [, columns]) => Math.sign(j - (columns - 1) / 2),
  horizontal: (i, j, [rows]) => Math.sign(i - (rows - 1) / 2),
  blur: (i, j, [rows, columns]) => 1 / (rows * columns),
  copy: (i, j, [rows, columns]) => Number(i === (rows - 1) >> 1 && j === (columns - 1) >> 1),
  turned: (i, j, [rows, columns], old) => old[rows - 1 - i][columns - 1 - j],
};

/**
 * @param {import("./shell.js").Context} context
 * @param {any} convolution  what createConvolution made
 * @param {import("./convolution.js").Found} found
 */
export function kernelEditor({ t, numbers }, convolution, found) {
  const { geometry } = found;
  const size = [geometry.kernelRows, geometry.kernelColumns];
  const now = Array.from({ length: geometry.channels }, (_, k) =>
    Array.from({ length: size[0] }, (_, i) =>
      Array.from({ length: size[1] }, (_, j) =>
        found.arrays.w.at(found.filter, geometry.matrixRow(k, i, j)),
      ),
    ),
  );
  let chosen = [0, 0];
  const weightNow = () => now[found.channel][chosen[0]][chosen[1]];
  const weight = decimal(
    { label: "", value: weightNow(), onChange: (value) => (written = value) },
    { numbers },
  );
  let written = weightNow();

  function choose(i, j, isFocused = true) {
    chosen = [i, j];
    written = weightNow();
    refill(weight.label, t("kernel.weight", { i, j }));
    weight.show(written);
    if (isFocused) weight.field.focus();
  }

  function apply(event) {
    event.preventDefault();
    now[found.channel][chosen[0]][chosen[1]] = written;
    convolution.change({ edited: now });
  }

  function preset(name) {
    if (name === "none") return;
    if (name === "own") return convolution.change({ edited: null });
    const of = (old) => old.map((row, i) => row.map((_, j) => PRESETS[name](i, j, size, old)));
    convolution.change({ edited: now.map(of) });
  }

  choose(0, 0, false);
  const element = el(
    "form",
    { class: "card editor", onsubmit: apply },
    el("h2", {}, t("kernel.title")),
    weight.element,
    el("button", { type: "submit" }, t("kernel.apply")),
    choice({
      label: t("kernel.preset"),
      value: "none",
      onChange: preset,
      options: ["none", ...Object.keys(PRESETS), "own"].map((name) => [name, t(`kernel.${name}`)]),
    }),
    el("p", { class: "hint" }, t("kernel.hint")),
  );
  return { element, choose };
}
