/** Live training: two runs side by side, their curves, and what breaks them. */

import { button, choice } from "../../controls.js";
import { createCurves } from "../../curves.js";
import { el, refill } from "../../dom.js";
import { icon } from "../../icons.js";
import { createLiveCard } from "./live_card.js";
import { LiveRun } from "./live_run.js";
import { createSetup } from "./live_setup.js";
import { createPanel } from "../../panel.js";
import { createPrediction } from "../../predict.js";
import { sentence } from "../../redraw.js";
import { createTable } from "../../tables.js";

const NAMES = ["A", "B"];
const APART = [0, 2, 4, 5, 6, 7, 1, 3]; // styles of curves, those first that differ most
const PACES = { slow: 2, medium: 20, fast: 100, full: null };

/**
 * @param {import("../../shell.js").Context} context
 * @param {{onAdopted: () => void}} options  the network of the rooms has other weights
 */
export async function livePart(context, { onAdopted }) {
  const { t, lab, kept, signal } = context;
  const problem = el("div", {});
  const onError = (error) => signal.aborted || refill(problem, sentence(error, context));
  const runs = NAMES.map((_, number) => new LiveRun(context, number, () => update()));
  const cards = runs.map((run, n) => createLiveCard(context, run, { name: NAMES[n], onAdopted, onError }));
  const charts = createCharts(context, runs);
  const setup = createSetup(context, { hasOwn: Boolean(lab.data?.labels?.length), onNew: begin });
  const place = el("div", { class: "runs" });
  const both = bothField();
  const element = el(
    "section",
    { class: "live" },
    el("h2", {}, t("live.title")),
    el("p", {}, t("live.lead")),
    question(),
    el("details", { class: "setup-box", open: true }, el("summary", {}, t("live.setup")), setup.element),
    problem,
    both,
    place,
    charts.element,
    el("section", { class: "explain" }, el("h2", {}, t("shell.explain")), ["step", "falls", "norms"].map((key) => el("p", {}, t(`live.explain.${key}`)))),
  );

  await Promise.all(runs.map((run) => run.command("state")));
  if (!runs.some((run) => run.isThere)) await begin(0, setup.question());
  for (const run of runs) if (run.isThere) run.listen();
  update();
  return element;

  async function begin(number, question) {
    refill(problem);
    const run = runs[number];
    const isNew = !run.isThere;
    try {
      await run.command("new", { pace: PACES[kept["live.pace"] ?? "medium"], ...question });
      if (isNew && element.isConnected) run.listen();
    } catch (error) {
      onError(error);
    }
  }

  /** Both runs at once. */
  function bothField() {
    const all = (command, more) => Promise.all(runs.filter((run) => run.isThere).map((run) => run.command(command, more))).catch(onError);
    const act = (key, command, sign, more) => button([icon(sign), " ", t(key)], () => all(command, more));
    return el(
      "div",
      { class: "controls both", role: "group", "aria-label": t("live.both") },
      act("live.bothPlay", "start", "play"),
      act("live.bothPause", "pause", "pause"),
      act("live.bothStep", "step", "step", { count: 1 }),
      act("live.bothRestart", "restart", "first"),
      choice({
        label: t("live.pace"), value: kept["live.pace"] ?? "medium",
        options: Object.keys(PACES).map((key) => [key, t(`live.pace.${key}`)]),
        onChange: (key) => ((kept["live.pace"] = key), all("pace", { pace: PACES[key] })),
      }),
    );
  }

  function update() {
    const there = runs.filter((run) => run.isThere);
    const shown = there.map((run) => cards[run.number].element);
    if (place.childElementCount !== shown.length || shown.some((card, n) => place.children[n] !== card)) refill(place, shown);
    both.classList.toggle("alone", there.length < 2);
    for (const run of there) cards[run.number].update();
    charts.update();
  }

  /** The question that most get wrong: does a falling loss prove that all layers learn? */
  function question() {
    const tryIt = button(t("live.tryIt"), () => showCut().catch(onError));
    return createPrediction(
      {
        id: "live.cut",
        question: t("live.ask"),
        choices: ["falls", "stays", "rises"].map((value) => ({ value, text: t(`live.ask.${value}`) })),
        answer: "falls",
        explain: () => el("span", {}, t("live.answer"), " ", tryIt),
      },
      context,
    ).element;
  }

  /** Run A whole, run B without gradient for all but its last layer. */
  async function showCut() {
    await begin(0, setup.question());
    await begin(1, setup.question());
    const before = runs[1].stands.layers.at(-2) ?? runs[1].stands.layers[0];
    await runs[1].command("break", { kind: "cut", path: before, on: true });
    await Promise.all(runs.map((run) => run.command("start")));
  }
}

/** Up to which step two runs had the same losses, as far as both are; 0 where they ever differed. */
function lastEqual(runs) {
  if (runs.length < 2) return 0;
  const [one, other] = runs.map((run) => run.loss);
  const count = Math.min(one.length, other.length);
  for (let n = 0; n < count; n++) if (String(one[n]) !== String(other[n])) return 0;
  return count ? one[count - 1][0] : 0;
}

/** As many of a list as there is room for, evenly, from the first to the last. */
const spread = (list, most) =>
  list.length <= most ? list : Array.from({ length: most }, (_, n) => list[Math.round((n * (list.length - 1)) / (most - 1))]);

/** The curves of both runs: loss and accuracy together, the layers' norms apart. */
function createCharts(context, runs) {
  const { t, numbers } = context;
  const chart = (key, options, name) => {
    const title = name ? `${t(`live.chart.${key}`)} · ${name}` : t(`live.chart.${key}`);
    const curves = createCurves({ label: title, xLabel: t("live.steps"), ...options }, context);
    const panel = createPanel({ title, body: curves.element, class: "chart" }, context);
    return { ...curves, panel: panel.element, setNote: panel.setNote };
  };
  const shared = { loss: chart("loss", { bottom: 0 }), accuracy: chart("accuracy", { bottom: 0, top: 1 }) };
  const byLayer = runs.map((_, n) => ({
    gradients: chart("gradients", { isLog: true }, NAMES[n]),
    weights: chart("weights", {}, NAMES[n]),
    moves: chart("moves", { isLog: true }, NAMES[n]),
  }));
  const table = createTable(
    {
      title: t("live.table"),
      head: [t("live.column.run"), t("live.column.step"), t("live.column.loss"), t("live.column.accuracy"), t("live.column.held")],
      rows: () =>
        runs.flatMap((run, n) =>
          run.loss.slice(-12).map(([step, loss]) => [
            NAMES[n], numbers.whole(step), loss === null ? "NaN" : numbers.long(loss),
            of(run.accuracy.find(([x]) => x === step)),
            of(run.heldAccuracy.find(([x]) => x === step)),
          ]),
        ),
    },
    context,
  );
  const of = (point) => (point ? numbers.percent(point[1]) : "");
  const rows = byLayer.map((charts) => el("div", { class: "charts" }, Object.values(charts).map(({ panel }) => panel)));
  const element = el("div", { class: "all-charts" }, el("div", { class: "charts" }, shared.loss.panel, shared.accuracy.panel), rows, table.element);

  function update() {
    const there = runs.filter((run) => run.isThere);
    const marks = there.flatMap(({ marks: own, number }) =>
      own.map(({ x, what, isOn }) => ({ x, label: `${NAMES[number]}: ${t(`live.mark.${what}${isOn ? "" : ".off"}`)}` })),
    );
    const lines = (points, held) =>
      there.flatMap((run) => [
        { label: t("live.line.batch", { name: NAMES[run.number] }), style: 2 * run.number, points: run[points], isNoisy: true },
        { label: t("live.line.held", { name: NAMES[run.number] }), style: 2 * run.number + 1, points: run[held], hasDots: true },
      ]).filter((line) => line.points.length);
    const step = lastEqual(there);
    const note = step ? t("live.equal", { step: numbers.whole(step) }) : null;
    for (const one of Object.values(shared)) one.setNote(note);
    shared.loss.update({ lines: lines("loss", "heldLoss"), marks });
    shared.accuracy.update({ lines: lines("accuracy", "heldAccuracy"), marks });
    byLayer.forEach((charts, n) => {
      rows[n].hidden = !runs[n].isThere;
      if (!runs[n].isThere) return;
      for (const [kind, one] of Object.entries(charts)) {
        const layers = Object.entries(runs[n].byLayer[kind]);
        const shown = spread(layers, APART.length);
        one.setNote(shown.length < layers.length ? t("live.someLayers", { shown: shown.length, all: layers.length }) : null);
        one.update({
          lines: shown.map(([label, points], n) => ({ label, style: APART[n], points })),
          marks: runs[n].marks.map(({ x, what, isOn }) => ({ x, label: t(`live.mark.${what}${isOn ? "" : ".off"}`) })),
        });
      }
    });
    table.update();
  }

  return { element, update };
}
