/**
 * Colours for numbers. A scale is symmetric about zero, so that white is nought and the two signs
 * differ in hue; values, weights and gradients have a pair of hues each, which colour-blind readers
 * tell apart too (ColorBrewer's RdBu, PuOr, PRGn, after C. Brewer; counts in cividis).
 */

import { el, svg } from "./dom.js";

const STOPS = {
  values: "67001f b2182b d6604d f4a582 fddbc7 f7f7f7 d1e5f0 92c5de 4393c3 2166ac 053061",
  weights: "7f3b08 b35806 e08214 fdb863 fee0b6 f7f7f7 d8daeb b2abd2 8073ac 542788 2d004b",
  gradients: "40004b 762a83 9970ab c2a5cf e7d4e8 f7f7f7 d9f0d3 a6dba0 5aae61 1b7837 00441b",
  counts: "00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 e1cc55 fee838",
};

const COLOURS = Object.fromEntries(
  Object.entries(STOPS).map(([kind, stops]) => [kind, stops.split(" ").map(parse)]),
);

function parse(hex) {
  return [0, 2, 4].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
}

/**
 * @typedef {"values" | "weights" | "gradients" | "counts"} Kind
 * @typedef {Object} Scale
 * @property {Kind} kind
 * @property {number} limit  the colour's end: what is larger has the same colour
 * @property {number} clipped  how many values lie beyond it
 * @property {(value: number) => number[]} rgb
 * @property {(value: number) => string} colour
 * @property {(value: number) => string} ink  black or white, whichever reads better upon it
 */

/**
 * A scale that holds all the arrays' values.
 * @param {Kind} kind
 * @param {Array<{data: ArrayLike<number>}>} arrays
 * @param {{robust?: boolean}} options robust: few far outliers do not pale all others; they are
 *   counted as clipped
 * @returns {Scale}
 */
export function scaleFor(kind, arrays, { robust = false } = {}) {
  const sizes = [];
  for (const { data } of arrays)
    for (const x of data) if (Number.isFinite(x)) sizes.push(Math.abs(x));
  let limit = sizes.reduce((most, x) => Math.max(most, x), 0);
  if (robust && sizes.length > 50) {
    sizes.sort((a, b) => a - b);
    const most = sizes[Math.floor(0.99 * (sizes.length - 1))];
    if (most > 0 && most < limit / 1.5) limit = most;
  }
  return scaleTo(kind, limit, sizes.filter((x) => x > limit).length);
}

/** A scale that ends at ±limit. @param {Kind} kind @param {number} limit @returns {Scale} */
export function scaleTo(kind, limit, clipped = 0) {
  const end = limit > 0 ? limit : 1;
  const stops = COLOURS[kind];
  const share = kind === "counts" ? (x) => x / end : (x) => (x / end + 1) / 2;
  const rgb = (value) => (Number.isNaN(value) ? [187, 187, 187] : between(stops, share(value)));
  return {
    kind,
    limit: end,
    clipped,
    rgb,
    colour: (value) => `rgb(${rgb(value).join(",")})`,
    ink: (value) => (lightness(rgb(value)) > 0.18 ? "#000" : "#fff"),
  };
}

/** The colour at a share of the way along the stops. */
function between(stops, share) {
  const at = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(at));
  return [0, 1, 2].map((n) =>
    Math.round(stops[low][n] + (at - low) * (stops[low + 1][n] - stops[low][n])),
  );
}

/** Relative luminance, as WCAG defines it. */
function lightness(rgb) {
  const [r, g, b] = rgb.map((c) => {
    const s = c / 255;
    return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** The scale as a reader sees it: a bar of colours and its ends. @param {Scale} scale */
export function legend(scale, { t, numbers }) {
  const { cell, factor } =
    scale.kind === "counts" ? { cell: numbers.cell, factor: "" } : numbers.shared(scale.limit);
  const steps = 21;
  const low = scale.kind === "counts" ? 0 : -scale.limit;
  const bars = Array.from({ length: steps }, (_, n) => {
    const value = low + ((scale.limit - low) * n) / (steps - 1);
    return svg("rect", { x: n, y: 0, width: 1.05, height: 1, fill: scale.colour(value) });
  });
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${steps} 1`, preserveAspectRatio: "none", class: "bar", "aria-hidden": "true" },
    bars,
  );
  const clipped = scale.clipped
    ? el("span", { class: "clipped" }, t("scale.clipped", { count: scale.clipped }))
    : null;
  return el(
    "p",
    { class: "legend" },
    el("span", { class: "name" }, t(`scale.${scale.kind}`)),
    el("span", {}, cell(low)),
    picture,
    el("span", {}, cell(scale.limit)),
    factor ? el("strong", { class: "factor" }, factor) : null,
    clipped,
  );
}
