/** Curves over steps: told apart by colour, by dash and by a name at their end. */

import { el, svg } from "./dom.js";

/**
 * @typedef {Object} Line
 * @property {string} label
 * @property {number} style  which of the colours and dashes
 * @property {[number, number | null][]} points  x and y; null where y is not finite
 * @property {boolean} [isNoisy]  also drawn as a running mean, the points themselves faint
 * @property {boolean} [hasDots]  a dot at each point: there are few
 */

/**
 * @typedef {Object} Chart
 * @property {Line[]} lines
 * @property {number | null} [cursor]  where the clock stands, on x
 * @property {{x: number, label: string}[]} [marks]  what happened there
 */

const STYLES = 8; // colours and dashes in live.css
const MEMORY = 0.93; // of the running mean: some 14 steps
const HEIGHT = 210;
const MARGIN = { top: 12, bottom: 36, left: 66 };
const NAMES = { least: 92, share: 0.4 }; // pixels for the lines' names, and at most that much of the width
const LETTER = 7.8; // a bold letter's width in a label

/**
 * @param {{label: string, xLabel: string, isLog?: boolean, bottom?: number, top?: number,
 *   height?: number}} options  bottom, top: y-values that are always in the picture
 * @param {{numbers: import("./numbers.js").Numbers, signal: AbortSignal}} words
 */
export function createCurves(options, { numbers, signal }) {
  const picture = svg("svg", { class: "curves", role: "img", "aria-label": options.label });
  const element = el("div", { class: "curves-box" }, picture);
  const height = options.height ?? HEIGHT;
  let chart = { lines: [] };
  let width = 480;
  let waiting = 0;

  /** Draw in the next frame, however often it is asked before. @param {Partial<Chart>} changes */
  function update(changes) {
    chart = { ...chart, ...changes };
    waiting ||= requestAnimationFrame(draw);
  }

  function draw() {
    waiting = 0;
    const plot = plotOf(chart.lines, { ...options, width, height });
    picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    picture.setAttribute("height", height);
    picture.setAttribute("aria-label", `${options.label}. ${inWords(chart.lines, numbers)}`);
    picture.replaceChildren(
      ...axes(plot, numbers, options.xLabel),
      ...(chart.marks ?? []).flatMap((mark) => markOf(mark, plot)),
      ...chart.lines.flatMap((line) => curve(line, plot)),
      ...names(chart.lines, plot),
      ...cursor(chart.cursor, plot),
    );
  }

  const observer = new ResizeObserver(([entry]) => {
    const found = Math.round(entry.contentRect.width);
    if (!found || found === width) return;
    width = found;
    update({});
  });
  observer.observe(element);
  signal.addEventListener("abort", () => observer.disconnect());
  update({});
  return { element, update };
}

/** Where values come to lie. */
function plotOf(lines, { isLog = false, bottom, top, width, height }) {
  const points = lines.flatMap((line) => line.points);
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y).filter((y) => y !== null && (!isLog || y > 0));
  const hasZero = isLog && points.some(([, y]) => y === 0);
  const right = Math.max(1, ...ends(xs, Math.max));
  const left = Math.min(right - 1, ...ends(xs, Math.min));
  let low = Math.min(...ends(ys, Math.min), bottom ?? Infinity);
  let high = Math.max(...ends(ys, Math.max), top ?? -Infinity);
  if (!Number.isFinite(low)) [low, high] = isLog ? [0.1, 1] : [0, 1];
  if (isLog) {
    low = 10 ** Math.floor(Math.log10(low) + 1e-9);
    high = 10 ** Math.ceil(Math.log10(high) - 1e-9);
    if (low === high) high *= 10;
    if (hasZero) low /= 10; // the lowest line stands for 0
  } else if (high - low < 1e-9 * Math.max(1, Math.abs(high))) {
    [low, high] = [low - 0.5, high + 0.5];
  }
  const names = Math.max(0, ...lines.map(({ label }) => label.length)) * LETTER + 14;
  const edge = width - Math.min(Math.max(NAMES.least, names), NAMES.share * width);
  const inner = { width: edge - MARGIN.left, height: height - MARGIN.top - MARGIN.bottom };
  const scale = isLog ? (y) => Math.log10(Math.max(y, low)) : (y) => y;
  return {
    hasZero, isLog, left, right, low, high, width, height, edge,
    x: (x) => MARGIN.left + ((x - left) / (right - left)) * inner.width,
    y: (y) => MARGIN.top + (1 - (scale(y) - scale(low)) / (scale(high) - scale(low))) * inner.height,
  };
}

/** The least or the most of a list that may be empty, or too long to be spread. */
const ends = (list, choose) => (list.length ? [list.reduce((a, b) => choose(a, b))] : []);

function axes(plot, numbers, xLabel) {
  const { left, right, low, high, height } = plot;
  const [start, end] = [plot.x(left), plot.x(right)];
  const rows = (plot.isLog ? powers(low, high) : ticks(low, high, 4)).flatMap((y) => [
    svg("line", { class: "rule", x1: start, x2: end, y1: plot.y(y), y2: plot.y(y) }),
    svg("text", { class: "tick y", x: start - 6, y: plot.y(y) }, plot.hasZero && y === low ? "0" : numbers.cell(y)),
  ]);
  const columns = ticks(left, right, Math.max(2, Math.floor((end - start) / 80)))
    .filter((x) => Number.isInteger(x))
    .map((x) => svg("text", { class: "tick x", x: plot.x(x), y: height - MARGIN.bottom + 14 }, numbers.whole(x)));
  const base = height - MARGIN.bottom;
  return [
    ...rows,
    ...columns,
    svg("line", { class: "axis", x1: start, x2: end, y1: base, y2: base }),
    svg("text", { class: "axis-name", x: (start + end) / 2, y: height - 5 }, xLabel),
  ];
}

/** Round numbers between two ends. */
function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, n) => Number(((first + n) * step).toPrecision(12)));
}

/** Powers of ten between two, at most six. */
function powers(low, high) {
  const [first, last] = [Math.round(Math.log10(low)), Math.round(Math.log10(high))];
  const every = Math.ceil((last - first) / 5) || 1;
  const all = Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, n) => 10 ** (first + n * every));
  return [low, ...all.slice(1)];
}

function curve(line, plot) {
  const style = `line style-${line.style % STYLES}`;
  const drawn = thinned(line.points, plot);
  const path = svg("path", { class: `${style}${line.isNoisy ? " faint" : ""}`, d: pathOf(drawn, plot) });
  const mean = line.isNoisy
    ? [svg("path", { class: style, d: pathOf(thinned(running(line.points), plot), plot) })]
    : [];
  const dots = line.hasDots
    ? drawn.filter(([, y]) => y !== null).map(([x, y]) =>
        svg("circle", { class: `dot style-${line.style % STYLES}`, cx: plot.x(x), cy: plot.y(y), r: 2.5 }))
    : [];
  return [path, ...mean, ...dots];
}

function pathOf(points, plot) {
  let pen = "M";
  let path = "";
  for (const [x, y] of points) {
    if (y === null) pen = "M";
    else {
      path += `${pen}${plot.x(x).toFixed(1)} ${plot.y(y).toFixed(1)}`;
      pen = "L";
    }
  }
  return path;
}

/** A running mean, freed of its start as Adam's m is. */
function running(points) {
  let mean = 0;
  let weight = 0;
  return points.map(([x, y]) => {
    if (y === null) return [x, null];
    mean = MEMORY * mean + (1 - MEMORY) * y;
    weight = MEMORY * weight + (1 - MEMORY);
    return [x, mean / weight];
  });
}

/** Of many points, the least and the largest in each pixel's width. */
function thinned(points, plot) {
  if (points.length <= 2 * plot.width) return points;
  const made = [];
  let at = 0;
  while (at < points.length) {
    const pixel = Math.floor(plot.x(points[at][0]));
    let [least, most] = [points[at], points[at]];
    for (; at < points.length && Math.floor(plot.x(points[at][0])) === pixel; at++) {
      const point = points[at];
      if (point[1] === null) least = most = point;
      else if (least[1] !== null) {
        if (point[1] < least[1]) least = point;
        if (point[1] > most[1]) most = point;
      }
    }
    made.push(...(least[0] <= most[0] ? [least, most] : [most, least]));
  }
  return made;
}

/** The lines' names at their ends, moved apart where they would lie upon each other. */
function names(lines, plot) {
  const placed = lines
    .map((line) => {
      const points = line.isNoisy ? running(line.points) : line.points;
      const last = points.findLast(([, y]) => y !== null);
      return last && { line, x: plot.x(last[0]), y: plot.y(last[1]), at: plot.y(last[1]) };
    })
    .filter(Boolean)
    .sort((a, b) => a.y - b.y);
  const gap = 13;
  placed.forEach((name, n) => {
    if (n) name.at = Math.max(name.at, placed[n - 1].at + gap);
  });
  const over = (placed.at(-1)?.at ?? 0) - (plot.height - MARGIN.bottom);
  if (over > 0) {
    for (let n = placed.length - 1, most = plot.height - MARGIN.bottom; n >= 0; n--, most -= gap) {
      placed[n].at = Math.min(placed[n].at, most);
    }
  }
  const start = plot.edge;
  const room = Math.floor((plot.width - start - 10) / LETTER);
  return placed.flatMap(({ line, x, y, at }) => [
    svg("path", { class: "leader", d: `M${x.toFixed(1)} ${y.toFixed(1)}L${start + 6} ${at.toFixed(1)}` }),
    svg("text", { class: `name style-${line.style % STYLES}`, x: start + 9, y: at }, shortened(line.label, room)),
  ]);
}

/** What tells layers apart stands at either end of their names: the middle is left out. */
function shortened(text, most) {
  if (text.length <= most) return text;
  const end = Math.floor((most - 1) / 2);
  return `${text.slice(0, most - 1 - end)}…${text.slice(text.length - end)}`;
}

function markOf({ x, label }, plot) {
  if (x < plot.left || x > plot.right) return [];
  const at = plot.x(x);
  return [
    svg("line", { class: "event", x1: at, x2: at, y1: MARGIN.top, y2: plot.height - MARGIN.bottom }),
    svg("text", { class: "event-name", x: at + 4, y: plot.height - MARGIN.bottom - 5 }, label),
  ];
}

function cursor(x, plot) {
  if (x === null || x === undefined) return [];
  const at = plot.x(x);
  return [svg("line", { class: "cursor", x1: at, x2: at, y1: MARGIN.top - 4, y2: plot.height - MARGIN.bottom })];
}

/** What a screen reader is told instead of the picture. */
function inWords(lines, numbers) {
  return lines
    .map((line) => {
      const last = line.points.findLast(([, y]) => y !== null);
      return last ? `${line.label}: ${numbers.cell(last[1])} (${numbers.whole(last[0])})` : "";
    })
    .filter(Boolean)
    .join("; ");
}
