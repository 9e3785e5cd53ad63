/** What rooms 1 to 3 share: which convolution is looked at, with which settings, and asking for it. */

import { channelOf, channelsLast, single } from "./arrays.js";
import { button, choice, count } from "./controls.js";
import { el, refill } from "./dom.js";
import { Geometry, padsOf, pairOf, written } from "./geometry.js";
import { LabError } from "./source.js";

const LARGEST_WHOLE = 14; // rows or columns of a padded image that is drawn whole
const WHOLE = "whole";

/**
 * @typedef {Object} Found  an answer of /api/convolution, with what a room reads from it
 * @property {Record<string, import("./arrays.js").NdArray>} arrays
 * @property {object} asked  the question
 * @property {Geometry} geometry
 * @property {[number, number]} origin  which row and column of the image the padded excerpt begins at
 * @property {number} channel  of those in the answer, the one that is looked at
 * @property {number} filter  the row of w that is looked at
 */

/**
 * @param {import("./shell.js").Context} context
 * @param {{windows?: number | "whole", channels?: (settings: any) => "one" | "all",
 *   onlyFilter?: () => boolean, isOfGradient?: boolean,
 *   onChange: () => void}} options  windows: how many a side an excerpt has at first; isOfGradient:
 *   it lies where the output's gradient is largest, not where the image is brightest
 */
export async function createConvolution(
  context,
  {
    windows = WHOLE,
    channels = () => "all",
    onlyFilter = () => false,
    isOfGradient = false,
    onChange,
  },
) {
  const { t, lab, kept } = context;
  const layers = lab.model.layers.filter(
    (layer) => layer.kind === "conv" && kernelShape(layer)?.length === 4,
  );
  if (!layers.length) throw new LabError("no convolution", "error.noConvolution");
  const traced = await context.trace();
  const element = el("div", { class: "controls", role: "group", "aria-label": t("conv.settings") });

  kept.layer = layers.some(({ path }) => path === kept.layer) ? kept.layer : layers[0].path;
  let settings = own(layerNow());
  draw();

  function layerNow() {
    return layers.find(({ path }) => path === kept.layer);
  }

  /** The settings that the layer itself has. */
  function own(layer) {
    const [rows, columns, depth, filters] = kernelShape(layer);
    const made = {
      path: layer.path,
      kernel: [rows, columns],
      depth,
      filters,
      groups: layer.config.groups ?? 1,
      filter: Math.min(kept.filter ?? busiest(layer, traced), filters - 1),
      channel: 0,
      strides: pairOf(layer.config.strides),
      padding: layer.config.padding ?? "valid",
      dilations: pairOf(layer.config.dilation_rate),
      windows,
      place: null,
      edited: null,
    };
    const [height, width] = imageOf(layer).shape;
    const isLarge = Math.max(height, width) + Math.max(rows, columns) - 1 > LARGEST_WHOLE;
    if (made.windows === WHOLE && isLarge) made.windows = 6;
    return made;
  }

  function imageOf(layer) {
    const found = traced.rows.find(({ path }) => path === layer.path);
    if (!found?.input) throw new LabError("left out", "error.leftOut");
    const image = single(traced.arrays[found.input], 3);
    return asShown(layer, image);
  }

  /** The padded image's size, and where the excerpt lies in it. */
  function excerpt() {
    const image = imageOf(layerNow());
    const { kernel, strides, padding, dilations, windows: shown } = settings;
    const pads = [0, 1].map((a) =>
      padsOf(image.shape[a], kernel[a], strides[a], dilations[a], padding),
    );
    const padded = pads.map(([before, after], a) => image.shape[a] + before + after);
    if (shown === WHOLE) return { pads, crop: null, last: [0, 0] };
    const size = padded.map((all, a) =>
      Math.min(all, (kernel[a] - 1) * dilations[a] + 1 + (shown - 1) * strides[a]),
    );
    const last = padded.map((all, a) => Math.floor((all - size[a]) / strides[a]) * strides[a]);
    const steepest = isOfGradient && isLayers() ? steepestPlace(shown) : null;
    settings.place ??= steepest ?? brightest(image, pads, size, strides[1], last);
    settings.place = settings.place.map((at, a) => Math.min(at, last[a]));
    return { pads, crop: [...settings.place, ...size], last };
  }

  /** Where the windows lie whose outputs have the largest gradients. */
  function steepestPlace(windows) {
    const row = traced.rows.find(({ path }) => path === settings.path);
    const found = traced.arrays[row.d_pre ?? row.d_output];
    if (found?.shape.length !== 3) return null;
    const gradient = asShown(layerNow(), found);
    return largestBlock(channelOf(gradient, settings.filter), windows).map(
      (n, a) => n * settings.strides[a],
    );
  }

  /** @param {object} more what else is asked for @returns {Promise<Found>} */
  async function ask(more = {}) {
    const { path, filter, strides, padding, dilations, edited } = settings;
    const { crop } = excerpt();
    const channel = seenChannel();
    const question = {
      trace: traced.trace,
      path,
      filter,
      only_filter: onlyFilter(),
      channels: channels(settings) === "one" ? [channel] : null,
      crop,
      strides,
      padding,
      dilation: dilations,
      kernel: edited,
      ...more,
    };
    const found = await answered(question);
    const place = (list, wanted) => Math.max(0, (list ?? []).indexOf(wanted));
    return {
      ...found,
      asked: question,
      geometry: new Geometry(found),
      channel: place(found.channels, channel),
      filter: place(found.filters, filter),
    };
  }

  /** The channel chosen, among those that the filter sees. */
  function seenChannel() {
    const { filter, channel, filters, groups, depth } = settings;
    return Math.floor(filter / (filters / groups)) * depth + channel;
  }

  async function answered(question) {
    try {
      return await context.source.askArrays("/api/convolution", question, context.signal);
    } catch (error) {
      if (error.status === 404) context.lookAt(context.look()); // its trace is kept no longer
      throw error;
    }
  }

  function change(changes) {
    Object.assign(settings, changes);
    if ("filter" in changes) kept.filter = settings.filter;
    draw();
    onChange();
  }

  function choose(path) {
    kept.layer = path;
    delete kept.filter;
    settings = own(layerNow());
    draw();
    onChange();
  }

  function draw() {
    const { depth, filters, filter, channel, strides, padding, dilations } = settings;
    const usual = own(layerNow());
    const focused = [...element.children].findIndex((child) =>
      child.contains(document.activeElement),
    );
    const isOwn = isLayers();
    refill(
      element,
      choice({
        label: t("conv.layer"),
        value: settings.path,
        onChange: choose,
        options: layers.map((layer) => [layer.path, layer.path]),
      }),
      choice({
        label: t("conv.filter"),
        value: filter,
        options: numbered(filters),
        onChange: (v) =>
          change({ filter: Number(v), edited: null, ...(isOfGradient ? { place: null } : {}) }),
      }),
      choice({
        label: t("conv.channel"),
        value: channel,
        options: numbered(depth),
        disabled: depth === 1,
        onChange: (v) =>
          change({ channel: Number(v), ...(channels(settings) === "one" ? { edited: null } : {}) }),
      }),
      choice({
        label: t("conv.stride"),
        value: strides.join(),
        options: pairs(usual.strides),
        onChange: (v) => change({ strides: v.split(",").map(Number), place: null }),
      }),
      choice({
        label: t("conv.padding"),
        value: padding,
        options: ["valid", "same"].map((name) => [name, t(`conv.${name}`)]),
        onChange: (v) => change({ padding: v, place: null }),
      }),
      choice({
        label: t("conv.dilation"),
        value: dilations.join(),
        options: pairs(usual.dilations),
        onChange: (v) => change({ dilations: v.split(",").map(Number), place: null }),
      }),
      choice({
        label: t("conv.excerpt"),
        value: settings.windows,
        onChange: (v) => change({ windows: v === WHOLE ? v : Number(v), place: null }),
        options: [
          [2, "2 × 2"],
          [3, "3 × 3"],
          [4, "4 × 4"],
          [6, "6 × 6"],
          [WHOLE, t("conv.whole")],
        ],
      }),
      settings.windows === WHOLE ? null : places(),
      isOwn
        ? null
        : button(
            t("conv.reset"),
            () => ((settings = { ...own(layerNow()), filter, channel }), change({})),
          ),
    );
    element.children[focused]?.querySelector("select, input")?.focus();
  }

  function places() {
    const { crop, last } = excerpt();
    const field = (axis, key) =>
      count({
        label: t(key),
        value: crop[axis],
        min: 0,
        max: last[axis],
        onChange: (v) => change({ place: settings.place.with(axis, v - (v % settings.strides[axis])) }),
      });
    return [field(0, "conv.fromRow"), field(1, "conv.fromColumn")];
  }

  /** Whether the settings are the layer's own. */
  function isLayers() {
    const { strides, padding, dilations } = own(layerNow());
    return (
      !settings.edited &&
      String(strides) === String(settings.strides) &&
      padding === settings.padding &&
      String(dilations) === String(settings.dilations)
    );
  }

  return {
    element,
    ask,
    change,
    isLayers,
    get settings() {
      return settings;
    },
  };
}

/** What a stride or a dilation may be set to: the layer's own among them. @param {number[]} own */
const pairs = (own) => {
  const all = [[1, 1], [2, 2], [3, 3], own].sort(([a, b], [c, d]) => a - c || b - d);
  return [...new Map(all.map((pair) => [pair.join(), written(pair)]))];
};

const numbered = (n) => Array.from({ length: n }, (_, k) => [k, String(k)]);

/** A layer's maps with their channels last. */
const asShown = (layer, maps) =>
  layer.config.data_format === "channels_first" ? channelsLast(maps) : maps;

const kernelShape = (layer) => layer.weights.find(({ name }) => name === "kernel")?.shape;

/** The filter whose output's gradient is largest: where there is most to see. */
function busiest(layer, traced) {
  const row = traced.rows.find(({ path }) => path === layer.path);
  const found = traced.arrays[row?.d_output] ?? traced.arrays[row?.output];
  if (!found) return 0;
  const gradient = asShown(layer, found);
  const filters = gradient.shape.at(-1);
  const totals = new Float64Array(filters);
  gradient.data.forEach((x, n) => (totals[n % filters] += Math.abs(x)));
  return totals.indexOf(Math.max(...totals));
}

/** Where an excerpt of the padded image holds most; at the top edge, so that it shows padding too. */
function brightest(image, pads, size, stride, last) {
  const sum = Array.from({ length: image.shape[1] }, (_, column) => {
    let total = 0;
    for (let row = 0; row < Math.max(1, size[0] - pads[0][0]); row++) {
      for (let k = 0; k < image.shape[2]; k++) total += Math.abs(image.at(row, column, k) || 0);
    }
    return total;
  });
  let best = [-1, 0];
  for (let column = 0; column <= last[1]; column += stride) {
    let total = 0;
    for (let n = 0; n < size[1]; n++) total += sum[column + n - pads[1][0]] ?? 0;
    if (total > best[0]) best = [total, column];
  }
  return [0, best[1]];
}

/** The corner of the square of so many cells a side in which the absolute values are largest. */
function largestBlock(map, side) {
  const [height, width] = map.shape;
  let best = [-1, 0, 0];
  for (let r = 0; r <= Math.max(0, height - side); r++) {
    for (let c = 0; c <= Math.max(0, width - side); c++) {
      let total = 0;
      for (let i = r; i < Math.min(height, r + side); i++) {
        for (let j = c; j < Math.min(width, c + side); j++) total += Math.abs(map.at(i, j));
      }
      if (total > best[0]) best = [total, r, c];
    }
  }
  return best.slice(1);
}

/** A grid's options for one channel of the padded image, its rows numbered as the image's are. */
export function paddedGrid(found, array, channel) {
  const { geometry, origin } = found;
  const numbers = (n, from) =>
    Array.from({ length: n }, (_, k) => String(from + k).replace("-", "−"));
  const one = channelOf(array, channel);
  return {
    rows: geometry.rows,
    columns: geometry.columns,
    value: (r, c) => one.at(r, c),
    isPadding: (r, c) => geometry.isPadding(r, c),
    rowLabels: numbers(geometry.rows, origin[0]),
    columnLabels: numbers(geometry.columns, origin[1]),
  };
}

/**
 * What the answer says about itself: cut further than was asked, in part, or with a made-up gradient.
 * @param {Found} found @param {{t: Function}} words @param {boolean} isOfGradient
 */
export function remarks({ cut, layer, asked, dy_from: origin, geometry }, { t }, isOfGradient) {
  const told = [];
  if (isOfGradient && cut?.crop) told.push(t("conv.partGradients", { count: geometry.windows }));
  const [channels, filters] = [layer.channels, layer.filters].map((n) => n / layer.groups); // that meet
  const isCutFurther =
    cut?.crop && !(asked.crop?.[2] <= cut.crop[2] && asked.crop[3] <= cut.crop[3]);
  if (isCutFurther) told.push(t("conv.cutCrop", { rows: cut.crop[2], columns: cut.crop[3] }));
  if (cut?.channels && !asked.channels && cut.channels.length < channels) {
    told.push(t("conv.cutChannels", { shown: cut.channels.length, all: channels }));
  }
  if (cut?.filters && !asked.only_filter && !asked.kernel && cut.filters.length < filters) {
    told.push(t("conv.cutFilters", { shown: cut.filters.length, all: filters }));
  }
  if (origin === "example") told.push(t("conv.example"));
  return told.map((text) => el("p", { class: "remark" }, text));
}
