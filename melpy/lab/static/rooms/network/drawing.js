/** A pad to draw a digit on, and the image as the network gets it, whose pixels can be set by hand. */

import { button, toggle } from "../../controls.js";
import { el, refill } from "../../dom.js";
import { namesFrom } from "../../labels.js";
import { createGridPanel } from "../../panel.js";
import { scaleTo } from "../../scales.js";

const PAD = 256; // pixels a side
const STROKE = 0.1; // a pen's width, as a share of the side: that of the digits in the data
const LARGE = 16; // rows from which a digit has a margin, as MNIST's have
const MARGIN = 4 / 28;
const WAIT_MS = 350; // after a stroke, before the network is asked

/**
 * @param {import("../../shell.js").Context} context
 * @param {{height: number, width: number, onDrawn: (pixels: number[][]) => void}} options
 *   pixels are 0 (paper) to 1 (ink)
 */
export function createDrawing(context, { height, width, onDrawn }) {
  const { t, kept, signal } = context;
  const pad = el("canvas", { class: "pad", width: PAD, height: PAD, role: "img", "aria-label": t("draw.pad") });
  const pen = pad.getContext("2d", { willReadFrequently: true });
  let pixels = kept["draw.pixels"] ?? blank(height, width);
  let isFitted = kept["draw.fitted"] ?? true;
  let waiting = 0;

  Object.assign(pen, { lineWidth: PAD * STROKE, lineCap: "round", lineJoin: "round", strokeStyle: "#fff" });
  if (kept["draw.strokes"]) pen.putImageData(kept["draw.strokes"], 0, 0);
  const place = (event) => {
    const box = pad.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * PAD, ((event.clientY - box.top) / box.height) * PAD];
  };
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    pen.beginPath();
    pen.moveTo(...place(event));
    pen.lineTo(...place(event));
    pen.stroke();
    event.preventDefault();
  });
  pad.addEventListener("pointermove", (event) => {
    if (!event.buttons) return;
    pen.lineTo(...place(event));
    pen.stroke();
    event.preventDefault();
  });
  pad.addEventListener("pointerup", () => taken());
  signal.addEventListener("abort", () => clearTimeout(waiting));

  const unwritten = {
    write: () => "",
    describe: (r, c) => `${t("grid.cell", { row: r, column: c })}: ${context.numbers.cell(pixels[r][c])}`,
  };
  const size = Math.max(12, Math.min(32, Math.floor(280 / width)));
  const panel = createGridPanel(
    {
      title: t("draw.seen", { height, width }),
      note: t("draw.note"),
      hasTable: false,
      grid: {
        rows: height, columns: width, size, scale: scaleTo("counts", 1),
        value: (r, c) => pixels[r][c],
        ...(size < 24 ? unwritten : {}),
        ...(size < 20 ? {} : { rowLabels: namesFrom(0, height), columnLabels: namesFrom(0, width) }),
        onPin: (r, c) => {
          pixels[r][c] = pixels[r][c] > 0.5 ? 0 : 1;
          changed();
        },
      },
    },
    { ...context, t: (key, values) => t(key === "scale.counts" ? "draw.ink" : key, values) },
  );

  /** Take over what is on the pad. */
  function taken() {
    kept["draw.strokes"] = pen.getImageData(0, 0, PAD, PAD);
    pixels = sampled(pad, height, width, isFitted);
    changed();
  }

  function changed() {
    kept["draw.pixels"] = pixels;
    panel.update();
    clearTimeout(waiting);
    waiting = setTimeout(() => onDrawn(pixels), WAIT_MS);
  }

  function clear() {
    pen.clearRect(0, 0, PAD, PAD);
    delete kept["draw.strokes"];
    pixels = blank(height, width);
    changed();
  }

  const element = el(
    "div",
    { class: "drawing" },
    el(
      "figure",
      { class: "panel" },
      el("figcaption", {}, t("draw.title")),
      pad,
      el(
        "div",
        { class: "controls" },
        button(t("draw.clear"), clear),
        toggle({ label: t("draw.fit"), value: isFitted, onChange: (on) => ((isFitted = kept["draw.fitted"] = on), taken()) }),
      ),
    ),
    panel.element,
  );
  return {
    element,
    get pixels() {
      return pixels;
    },
    /** Whether anything is drawn. */
    get isBlank() {
      return pixels.every((row) => row.every((ink) => ink === 0));
    },
  };
}

const blank = (height, width) => Array.from({ length: height }, () => Array(width).fill(0));

/** The pad as (H,W) shares of ink; fitted: the digit is as large and as central as the data's are. */
function sampled(pad, height, width, isFitted) {
  const box = isFitted ? inkBox(pad) : { x: 0, y: 0, size: PAD };
  if (!box) return blank(height, width);
  const fine = 8; // dots a side in each of the network's pixels
  const canvas = new OffscreenCanvas(width * fine, height * fine);
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const margin = isFitted && height >= LARGE ? MARGIN : 0;
  const inner = Math.min(canvas.width, canvas.height) * (1 - 2 * margin);
  const [left, top] = [(canvas.width - inner) / 2, (canvas.height - inner) / 2];
  pen.drawImage(pad, box.x, box.y, box.size, box.size, left, top, inner, inner);
  const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
  const ink = (r, c) => data[4 * (r * canvas.width + c) + 3] / 255;
  const mean = (r, c) => {
    let total = 0;
    for (let i = 0; i < fine; i++) for (let j = 0; j < fine; j++) total += ink(r * fine + i, c * fine + j);
    return total / fine ** 2;
  };
  return Array.from({ length: height }, (_, r) => Array.from({ length: width }, (_, c) => mean(r, c)));
}

/** The smallest square around the ink; null where there is none. */
function inkBox(pad) {
  const { data } = pad.getContext("2d").getImageData(0, 0, PAD, PAD);
  let [left, right, top, bottom] = [PAD, -1, PAD, -1];
  for (let r = 0; r < PAD; r++) {
    for (let c = 0; c < PAD; c++) {
      if (data[4 * (r * PAD + c) + 3] < 32) continue;
      [left, right] = [Math.min(left, c), Math.max(right, c)];
      [top, bottom] = [Math.min(top, r), Math.max(bottom, r)];
    }
  }
  if (right < 0) return null;
  const size = Math.max(right - left, bottom - top) + 1;
  return { x: (left + right + 1 - size) / 2, y: (top + bottom + 1 - size) / 2, size };
}

/** What the network makes of an image: a bar a class. */
export function createAnswers({ t, numbers, lab }) {
  const list = el("ol", { class: "answers", "aria-label": t("answers.title") });
  const heading = el("figcaption", {}, t("answers.title"));
  const element = el("figure", { class: "panel" }, heading, list);

  /**
   * @param {number[]} probabilities @param {number | null} label
   * @param {number | null} sample  the image's number; null for a drawing
   */
  function update(probabilities, label, sample) {
    refill(heading, sample === null ? t("answers.toDrawing") : t("answers.toSample", { sample }));
    const order = probabilities.map((_, k) => k);
    const shown = order.length <= 12 ? order : order.toSorted((a, b) => probabilities[b] - probabilities[a]).slice(0, 12);
    const best = order.reduce((top, k) => (probabilities[k] > probabilities[top] ? k : top), 0);
    refill(list, shown.map((k) => {
      const bar = el("span", { class: "share" });
      bar.style.width = `${100 * probabilities[k]}%`;
      return el(
        "li",
        { class: [k === best ? "best" : "", k === label ? "truth" : ""].join(" ").trim() || null },
        el("span", { class: "class" }, lab.data?.classes?.[k] ?? k),
        el("span", { class: "track" }, bar),
        el("span", { class: "percent" }, numbers.percent(probabilities[k])),
      );
    }));
  }

  return { element, update };
}
