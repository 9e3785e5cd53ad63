/** What a network says of each point in the plane, under the points that it learns from. */

import { el } from "../../dom.js";
import { paint } from "../../maps.js";
import { scaleTo } from "../../scales.js";

const SIDE = 288; // pixels
const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#999999"];

/** @param {{t: Function, numbers: any}} words */
export function createBoundary({ t, numbers }) {
  const canvas = el("canvas", { class: "boundary", width: SIDE, height: SIDE, role: "img", "aria-label": t("live.boundary") });
  const note = el("p", { class: "note" });
  const element = el("div", { class: "boundary-box" }, canvas, note);
  const small = el("canvas", {});

  /** @param {any} found  an answer of /api/live/{run}/boundary */
  function update(found) {
    const { count, classes, values, span, x, y, step } = found;
    const rgb = classes <= 2 ? twoColours(values, classes) : manyColours(values, classes);
    paint(small, count, count, (r, c) => rgb(r * count + c));
    const pen = canvas.getContext("2d");
    pen.imageSmoothingEnabled = true;
    pen.drawImage(small, 0, 0, SIDE, SIDE);
    x.forEach((point, n) => dot(pen, place(point, span), y[n], classes));
    note.textContent = t("live.boundaryNote", { step: numbers.whole(step) });
  }

  return { element, update };
}

/** From the one class's colour to the other's; white where it does not know. */
function twoColours(values, classes) {
  const scale = scaleTo("values", 1);
  return (n) => scale.rgb(2 * values[n * classes + classes - 1] - 1);
}

/** The likeliest class's colour, paler where others are likely too. */
function manyColours(values, classes) {
  const colours = PALETTE.map((hex) => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)));
  return (n) => {
    const own = values.slice(n * classes, (n + 1) * classes);
    const best = own.indexOf(Math.max(...own));
    return colours[best % colours.length].map((part) => Math.round(255 + (part - 255) * own[best] * 0.7));
  };
}

const place = ([x, y], span) => [((x / span + 1) / 2) * SIDE, ((1 - y / span) / 2) * SIDE];

/** A point: circles and squares, so that classes differ without their colours. */
function dot(pen, [x, y], label, classes) {
  const colours = classes <= 2 ? ["#b2182b", "#2166ac"] : PALETTE;
  pen.beginPath();
  if (label % 2) pen.rect(x - 3.5, y - 3.5, 7, 7);
  else pen.arc(x, y, 4, 0, 2 * Math.PI);
  pen.fillStyle = colours[label % colours.length];
  pen.fill();
  pen.lineWidth = 1.25;
  pen.strokeStyle = "#fff";
  pen.stroke();
}
