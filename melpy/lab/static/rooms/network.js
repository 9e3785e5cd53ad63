/** Room 6: one's own network. Draw a digit, see every layer both ways, and train it live. */

import { createClock } from "../clock.js";
import { button, choice } from "../controls.js";
import { el, refill } from "../dom.js";
import { createPrediction } from "../predict.js";
import { sentence } from "../redraw.js";
import { createArchitecture, createLayerMaps } from "./network/architecture.js";
import { createAnswers, createDrawing } from "./network/drawing.js";
import { livePart } from "./network/live.js";

/** @param {import("../shell.js").Context} context */
export async function open(context) {
  const part = new NetworkPart(context, await context.trace());
  const element = el("div", { class: "room network" }, part.element);
  const live = context.source.isRecorded
    ? el("p", { class: "remark" }, context.t("live.notRecorded"))
    : await livePart(context, { onAdopted: () => part.askAgain() });
  element.append(live);
  return element;
}

/** What is drawn or picked, and the layers that it goes through. */
class NetworkPart {
  constructor(context, traced) {
    Object.assign(this, { context, traced });
    const { t } = context;
    this.problem = el("div", {});
    this.answers = createAnswers(context);
    this.maps = createLayerMaps(context);
    this.body = el("div", {});
    const shape = traced.arrays[traced.rows[0]?.input]?.shape ?? [];
    this.drawing = shape.length === 3 && shape[2] === 1 && !context.source.isRecorded ? this.pad(shape) : null;
    this.element = el(
      "section",
      {},
      this.question(),
      this.drawing
        ? el("section", { class: "draw" }, el("h2", {}, t("draw.heading")), el("p", {}, t("draw.lead")), this.drawing.element, this.drawFields())
        : null,
      this.problem,
      el("h2", {}, t("net.through")),
      this.body,
      el("section", { class: "explain" }, el("h2", {}, t("shell.explain")), ["maps", "back"].map((key) => el("p", {}, t(`net.explain.${key}`)))),
    );
    this.drawing?.element.append(this.answers.element);
    this.draw();
  }

  pad([height, width]) {
    return createDrawing(this.context, { height, width, onDrawn: () => this.askAgain() });
  }

  drawFields() {
    const { context } = this;
    const { t, lab, kept } = context;
    const names = lab.data?.classes ?? [];
    return el(
      "div",
      { class: "controls" },
      names.length
        ? choice({
            label: t("draw.label"), value: kept["draw.label"] ?? "",
            options: [["", t("draw.unknown")], ...names.map((name, k) => [k, name])],
            onChange: (v) => {
              kept["draw.label"] = v;
              if (!this.drawing.isBlank) this.askAgain();
            },
          })
        : null,
      button(t("draw.toRooms"), () => this.drawing.isBlank || context.lookAt(this.asked())),
    );
  }

  /** What is asked for: what is drawn, or the sample that is looked at. */
  asked() {
    const { context, drawing } = this;
    if (!drawing || drawing.isBlank) return context.look();
    const label = context.kept["draw.label"];
    const known = label === undefined || label === "" ? {} : { label: Number(label) };
    return { pixels: drawing.pixels.map((row) => row.map((ink) => Number(ink.toFixed(4)))), ...known };
  }

  /** Let the network look again: at another image, or with other weights. */
  async askAgain() {
    const { context, problem } = this;
    try {
      const traced = await context.source.askArrays("/api/trace", this.asked(), context.signal);
      if (context.signal.aborted) return;
      refill(problem);
      this.traced = traced;
      this.draw();
    } catch (error) {
      if (!context.signal.aborted) refill(problem, sentence(error, context));
    }
  }

  draw() {
    const { context, traced, answers } = this;
    const { t, kept } = context;
    const { rows, arrays } = traced;
    this.stop?.abort();
    this.stop = new AbortController();
    const signal = AbortSignal.any([context.signal, this.stop.signal]);
    const hasAnswers = traced.probabilities?.length > 0;
    const chosen = Math.min(kept["net.layer"] ?? Math.max(0, rows.findIndex(({ kind }) => kind === "conv")), rows.length - 1);
    const picture = createArchitecture(context, rows, arrays, (n) => clock.go(2 * rows.length - 1 - n));
    const maps = el("div", { class: "maps-and-answers" }, this.maps.element, hasAnswers && !this.drawing ? answers.element : null);
    const follow = (position) => {
      const isBack = position >= rows.length;
      const n = isBack ? 2 * rows.length - 1 - position : position;
      kept["net.layer"] = n;
      picture.mark(n, isBack);
      this.maps.update(rows[n], arrays, isBack);
    };
    const clock = createClock({
      t, signal, length: 2 * rows.length, start: 2 * rows.length - 1 - chosen, onTick: follow,
      say: (position) => {
        const isBack = position >= rows.length;
        return t(isBack ? "net.atBackward" : "net.atForward", { name: rows[isBack ? 2 * rows.length - 1 - position : position].path });
      },
    });
    if (hasAnswers) answers.update(traced.probabilities, traced.is_label_guessed ? null : traced.label, traced.sample);
    refill(
      this.body,
      el("div", { class: "through" }, picture.element, el("div", { class: "beside" }, clock.element, maps)),
    );
    follow(clock.position);
  }

  question() {
    const { context } = this;
    const { t, lab, numbers } = context;
    const sizes = lab.model.layers
      .map(({ path, weights }) => ({ path, size: weights.reduce((total, { shape }) => total + shape.reduce((a, b) => a * b, 1), 0) }))
      .filter(({ size }) => size > 0);
    if (sizes.length < 2) return null;
    const total = sizes.reduce((sum, { size }) => sum + size, 0);
    const most = sizes.reduce((top, one) => (one.size > top.size ? one : top));
    const offered = sizes.length <= 6 ? sizes : [...new Set([sizes[0], sizes[1], most, sizes.at(-2), sizes.at(-1)])];
    return createPrediction(
      {
        id: `net.${lab.model.name}`,
        question: t("net.ask", { total: numbers.whole(total) }),
        choices: offered.map(({ path }) => ({ value: path, text: path })),
        answer: most.path,
        explain: () => t("net.answer", { name: most.path, size: numbers.whole(most.size), share: numbers.percent(most.size / total), list: sizes.map(({ path, size }) => `${path} ${numbers.whole(size)}`).join(", ") }),
      },
      context,
    ).element;
  }
}
