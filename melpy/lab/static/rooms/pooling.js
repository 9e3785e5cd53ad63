/** Room 4: pooling and activations, both ways: winners, ties, overlaps, and zeros that block. */

import { channelOf, channelsLast, NdArray } from "../arrays.js";
import { choice } from "../controls.js";
import { el, refill } from "../dom.js";
import { written } from "../geometry.js";
import { asImage, hasChannelsFirst } from "../images.js";
import { redrawing } from "../redraw.js";
import { LabError } from "../source.js";
import { GatePicture } from "./pooling/gate_picture.js";
import { busiest, Pool } from "./pooling/pool.js";
import { PoolPicture } from "./pooling/pool_picture.js";

const OWN = "own";
const NOT_ELEMENTWISE = ["Softmax", "Dropout", "LogSoftmax"];

/** @param {import("../shell.js").Context} context */
export async function open(context) {
  const { t, kept } = context;
  const traced = await context.trace();
  const configOf = ({ path }) => context.lab.model.layers.find((layer) => layer.path === path)?.config ?? {};
  const rows = traced.rows.filter((row) => isDrawable(row, configOf(row)));
  if (!rows.length) throw new LabError("nothing to pool", "pool.none");
  let row = rows.find(({ path }) => path === kept["pool.layer"]) ?? rows.find(({ kind }) => kind === "pool") ?? rows[0];
  let settings = { channel: null, kind: OWN, window: OWN, stride: OWN };
  let found = null;

  const fields = el("div", { class: "controls", role: "group", "aria-label": t("pool.settings") });
  const place = el("div", { class: "place" });
  const draw = redrawing(context, place, (signal) =>
    row.kind === "pool" ? drawPool(signal) : drawGate(signal),
  );
  await draw();
  return el("div", { class: "room" }, fields, place);

  async function drawPool(signal) {
    const question = { trace: traced.trace, path: row.path, ...asked() };
    found = await context.source.askArrays("/api/pooling", question, signal);
    settings.channel ??= busiest(found.arrays.dy);
    drawFields(found.arrays.x.shape[2], found.channels);
    const id = [row.path, found.kind, found.window, found.strides].join();
    return new PoolPicture(context, new Pool(found, settings.channel, kinks()), id, signal).element;
  }

  /** The marks of the trace; null where there are none, or of other settings than the layer's. */
  function kinks() {
    const marks = traced.arrays[row.marks.kinks];
    if (marks?.shape.length !== 3 || Object.keys(asked()).length) return null;
    return configOf(row).data_format === "channels_first" ? channelsLast(marks) : marks;
  }

  function drawGate(signal) {
    const isFirst = hasChannelsFirst(context.lab, row.path);
    const array = (key) => asImage(traced.arrays[key], isFirst);
    const [x, y] = [array(row.pre ?? row.input), array(row.output)];
    const [dy, dx] = [array(row.d_output), array(row.pre ? row.d_pre : row.d_input)];
    settings.channel ??= busiest(blocked(dy, dx));
    drawFields(x.shape[2]);
    const one = (image) => channelOf(image, settings.channel);
    const kinks = row.marks.kinks ? one(array(row.marks.kinks)) : null;
    return new GatePicture(context, { row, x: one(x), y: one(y), dy: one(dy), dx: one(dx), all: y, kinks }, signal).element;
  }

  /** What is asked for beside the layer itself; nothing where all is its own. */
  function asked() {
    const { kind, window, stride } = settings;
    return {
      ...(kind === OWN ? {} : { kind }),
      ...(window === OWN ? {} : { window: [window, window] }),
      ...(stride === OWN ? {} : { strides: [stride, stride] }),
    };
  }

  function change(changes) {
    Object.assign(settings, changes);
    draw();
  }

  function choose(path) {
    kept["pool.layer"] = path;
    row = rows.find((one) => one.path === path);
    settings = { channel: null, kind: OWN, window: OWN, stride: OWN };
    draw();
  }

  function drawFields(channels, names) {
    const focused = [...fields.children].findIndex((child) => child.contains(document.activeElement));
    const isFree = row.kind === "pool" && !context.source.isRecorded;
    const numbered = Array.from({ length: channels }, (_, k) => [k, String(names?.[k] ?? k)]);
    refill(
      fields,
      choice({ label: t("pool.layer"), value: row.path, onChange: choose, options: rows.map((one) => [one.path, nameOf(one)]) }),
      choice({ label: t("pool.channel"), value: settings.channel, options: numbered, disabled: channels === 1, onChange: (v) => change({ channel: Number(v) }) }),
      isFree ? poolFields() : null,
    );
    fields.children[focused]?.querySelector("select")?.focus();
  }

  function poolFields() {
    const own = configOf(row);
    const shown = (value) => (value ? written([value].flat()) : value);
    const number = (v) => (v === OWN ? OWN : Number(v));
    const sizes = (value, list) => [
      [OWN, value ? t("pool.own", { value }) : t("pool.ownKind")],
      ...list.map((n) => [n, String(n)]),
    ];
    const kinds = [OWN, "max", "average"].map((kind) => [kind, t(kind === OWN ? "pool.ownKind" : `pool.${kind}`)]);
    return [
      choice({ label: t("pool.kind"), value: settings.kind, options: kinds, onChange: (kind) => change({ kind }) }),
      choice({ label: t("pool.window"), value: settings.window, options: sizes(shown(own.pool_size), [2, 3, 4]), onChange: (v) => change({ window: number(v) }) }),
      choice({ label: t("pool.stride"), value: settings.stride, options: sizes(shown(own.strides), [1, 2, 3]), onChange: (v) => change({ stride: number(v) }) }),
    ];
  }
}

/** The gradient that does not get through; all of it where none is stopped. */
function blocked(dy, dx) {
  const stopped = dy.data.map((g, n) => (dx.data[n] === 0 && !Number.isNaN(g) ? g : 0));
  return stopped.some((g) => g !== 0) ? new NdArray(stopped, dy.shape) : dy;
}

/** Whether a row is a pooling of images, or a function of each value alone, with its gradients. */
function isDrawable(row, { activation }) {
  if (!row.output || !row.d_output) return false;
  if (row.kind === "pool") return Boolean(row.input);
  if (NOT_ELEMENTWISE.includes(row.class_name) || activation === "softmax") return false;
  return Boolean(row.pre ? row.d_pre : row.kind === "activation" && row.input && row.d_input);
}

const nameOf = (row) => `${row.path} (${row.class_name})`;
