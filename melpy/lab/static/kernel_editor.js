/** Writing a kernel by hand: one weight at a time, or one of the kernels that everybody knows. */

import { choice } from "./controls.js";
import { el, newId, refill } from "./dom.js";

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
  const id = newId("weight");
  const field = el("input", { id, type: "number", step: "any", inputmode: "decimal" });
  const label = el("label", { for: id });
  let chosen = [0, 0];

  function choose(i, j, isFocused = true) {
    chosen = [i, j];
    refill(label, t("kernel.weight", { i, j }));
    field.value = String(Number(now[found.channel][i][j].toPrecision(7)));
    if (isFocused) field.focus();
  }

  function apply(event) {
    event.preventDefault();
    const value = field.valueAsNumber;
    if (!Number.isFinite(value)) return;
    now[found.channel][chosen[0]][chosen[1]] = value;
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
    el("p", { class: "field" }, label, field),
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
