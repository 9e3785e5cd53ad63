/** Beside the matrix of columns: the paper's formulas for its indices, and what it costs. */

import { el, refill } from "../../dom.js";
import { block, display, inline, row, sub, sup } from "../../formula.js";

/**
 * The paper's patterns of i, j and k, with the numbers of the window shown.
 * @param {{t: Function}} words
 * @param {import("../../geometry.js").Geometry} geometry
 */
export function indexCard({ t }, geometry) {
  const lines = el("div", {});
  const element = el(
    "section",
    { class: "card" },
    el("h2", {}, t("columns.indices")),
    lines,
    el("p", {}, t("columns.indicesNote")),
  );

  /** @param {number} p  the window */
  function show(p) {
    const [level, slide] = geometry.outOf(p);
    const cells = geometry.kernelCells();
    const { strides, dilations } = geometry;
    refill(
      lines,
      el("p", {}, t("columns.level", { m: level + 1, n: slide + 1 })),
      pattern(
        "i",
        "m",
        cells.map(([i]) => i * dilations[0]),
        level * strides[0],
      ),
      pattern(
        "j",
        "n",
        cells.map(([, j]) => j * dilations[1]),
        slide * strides[1],
      ),
      display(
        inline("k", "=", list(Array.from({ length: geometry.channels }, (_, k) => k))),
        " ",
        el("small", {}, t("columns.each", { count: geometry.taps })),
      ),
    );
  }

  return { element, show };
}

/** One line of the card: where the pattern begins, and how far on it is. */
function pattern(name, index, start, far) {
  const shift = row("(", index, "−", "1", ")");
  return display(
    inline(
      sub(name, index),
      "=",
      list(start),
      "+",
      shift,
      "·",
      "s",
      "=",
      list(start.map((n) => n + far)),
    ),
  );
}

const list = (numbers) => row("(", ...numbers.flatMap((n, at) => (at ? [",", n] : [n])), ")");

/**
 * What the image and its columns take, of the whole layer.
 * @param {{t: Function, numbers: import("../../numbers.js").Numbers}} words
 * @param {import("../../convolution.js").Found} found
 */
export function memoryCard({ t, numbers }, found) {
  const { image, columns } = found.bytes;
  const bar = (name, size) =>
    el(
      "p",
      { class: "bar-line" },
      el("span", {}, t(name)),
      el("meter", { min: 0, max: columns, value: size, "aria-label": t(name) }),
      el("strong", {}, numbers.bytes(size)),
    );
  return el(
    "section",
    { class: "card memory" },
    el("h2", {}, t("columns.memory")),
    bar("columns.memoryImage", image),
    bar("columns.memoryColumns", columns),
    el(
      "p",
      {},
      t("columns.memoryTimes", {
        times: numbers.fixed(columns / image, 1),
        batch: numbers.bytes(64 * columns),
      }),
    ),
    display(
      block("C", sup("K", "2"), "·", sub("o", "H"), sub("o", "W"), "·", "4"),
    ),
    el(
      "p",
      {},
      t("columns.memoryNote", { taps: found.geometry.taps, depth: found.layer.channels }),
    ),
  );
}
