/** Maps of values on a canvas, a pixel a value: for what is too large to write out. */

import { el } from "./dom.js";

/**
 * Draw (H,W) values; the canvas is as large as the map, and CSS enlarges it without smoothing.
 * @param {HTMLCanvasElement} canvas
 * @param {number} height @param {number} width
 * @param {(row: number, column: number) => number[]} rgb
 */
export function paint(canvas, height, width, rgb) {
  canvas.width = width;
  canvas.height = height;
  const pixels = new ImageData(width, height);
  for (let r = 0; r < height; r++) {
    for (let c = 0; c < width; c++) {
      const at = 4 * (r * width + c);
      pixels.data.set(rgb(r, c), at);
      pixels.data[at + 3] = 255;
    }
  }
  canvas.getContext("2d").putImageData(pixels, 0, 0);
}

/** Draw an image as a picture: grey, or its first three channels as red, green and blue. */
export function drawImage(canvas, image) {
  const [height, width, channels] = image.shape.slice(-3);
  const data = image.data;
  const [low, high] = [
    data.reduce((a, b) => Math.min(a, b)),
    data.reduce((a, b) => Math.max(a, b)),
  ];
  const level = (x) => Math.round((255 * (x - low)) / (high - low || 1));
  paint(canvas, height, width, (r, c) =>
    [0, 1, 2].map((n) => level(data[(r * width + c) * channels + (channels >= 3 ? n : 0)])),
  );
}

/**
 * One map with its name; a button where something happens on a click.
 * @param {{label: string, caption?: string, values: import("./arrays.js").NdArray,
 *   scale: import("./scales.js").Scale, onPin?: () => void}} options  values (H,W)
 */
export function createMap({ label, caption, values, scale, onPin }) {
  const canvas = el("canvas", {
    class: `map kind-${scale.kind}`,
    role: "img",
    "aria-label": label,
  });
  const words = caption ? el("span", { class: "caption" }, caption) : null;
  const element = onPin
    ? el("button", { type: "button", class: "map-box", onclick: onPin }, canvas, words)
    : el("div", { class: "map-box" }, canvas, words);
  const update = (changed) => {
    values = changed.values ?? values;
    scale = changed.scale ?? scale;
    const [height, width] = values.shape;
    paint(canvas, height, width, (r, c) => scale.rgb(values.at(r, c)));
  };
  update({});
  return { element, canvas, update };
}
