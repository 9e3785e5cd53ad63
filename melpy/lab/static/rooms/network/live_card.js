/** One run's controls: play, pause, one batch, back; its rate; what can be broken in it. */

import { createBoundary } from "./boundary.js";
import { button, choice, decimal, toggle } from "../../controls.js";
import { el, refill } from "../../dom.js";
import { icon } from "../../icons.js";

const BOUNDARY_MS = 400; // between two looks at the decision
const ALL = "";

/**
 * @param {import("../../shell.js").Context} context
 * @param {import("./live_run.js").LiveRun} run
 * @param {{name: string, onAdopted: () => void, onError: (error: Error) => void}} options
 */
export function createLiveCard(context, run, { name, onAdopted, onError }) {
  const { t, numbers, source, signal } = context;
  const status = el("p", { class: "run-status" });
  const send = (command, more) =>
    run.command(command, more).catch((error) => {
      onError(error);
      update(); // what was refused is put back
    });
  const play = button(icon("play"), () => send(run.isPlaying ? "pause" : "start"), { class: "play" });
  const buttons = {
    restart: button(icon("first"), () => send("restart"), named("live.restart")),
    backTen: button([icon("back"), "10"], () => send("back", { count: Math.min(10, run.stands.steps_kept) }), named("live.backTen")),
    back: button(icon("back"), () => send("back", { count: 1 }), named("live.back")),
    step: button(icon("step"), () => send("step", { count: 1 }), named("live.step")),
    stepTen: button([icon("step"), "10"], () => send("step", { count: 10 }), named("live.stepTen")),
  };
  const rate = decimal({ label: t("live.rate"), value: run.stands.rate ?? 0, fits: (given) => given > 0, onChange: (given) => send("rate", { rate: given }) }, context);
  const breaking = el("details", { class: "breaking" }, el("summary", {}, t("live.breakIt")));
  const boundary = createBoundary(context);
  const adopt = button(t("live.adopt"), () => run.command("adopt").then(onAdopted).catch(onError));
  const giveBack = button(t("live.return"), () => run.command("return").then(onAdopted).catch(onError));
  const network = el("p", { class: "controls" }, adopt, giveBack);
  const picture = el("div", {});
  const title = el("h3", {}, t("live.run", { name }));
  const element = el(
    "section",
    { class: `run run-${run.number}`, "aria-label": t("live.run", { name }) },
    title,
    status,
    el(
      "div",
      { class: "clock", role: "group", "aria-label": t("live.controls", { name }) },
      buttons.restart, buttons.backTen, buttons.back, play, buttons.step, buttons.stepTen,
    ),
    el("div", { class: "controls" }, rate.element),
    picture,
    breaking,
    network,
  );
  let drawn = { layers: "", cut: "", look: "", at: 0, isAsking: false };

  function named(key) {
    return { "aria-label": t(key), title: t(key) };
  }

  /** Follow what the run tells. */
  function update() {
    const { stands, isPlaying } = run;
    element.classList.toggle("failed", stands.state === "failed");
    status.textContent = inWords();
    refill(play, icon(isPlaying ? "pause" : "play"));
    for (const [key, value] of Object.entries(named(isPlaying ? "live.pause" : "live.play"))) play.setAttribute(key, value);
    buttons.back.disabled = !stands.steps_kept;
    buttons.backTen.disabled = !stands.steps_kept;
    buttons.restart.disabled = !stands.step && !stands.steps_kept;
    if (document.activeElement !== rate.field && stands.rate) rate.show(stands.rate);
    network.hidden = Boolean(stands.set);
    drawBreaking();
    drawBoundary();
  }

  function inWords() {
    const { stands, loss, accuracy } = run;
    // The answer to a command may come before the steps that it made are told: no older step's loss stands beside its number.
    const now = (points) => (points.at(-1)?.[0] === stands.step ? points.at(-1)[1] : undefined);
    const lossNow = now(loss), accuracyNow = now(accuracy);
    const parts = [
      t(`live.state.${stands.state}`),
      t("live.at", { step: numbers.whole(stands.step), epoch: numbers.whole(stands.epoch + 1), batches: numbers.whole(stands.batches), batch: stands.step % stands.batches }),
      lossNow === undefined ? "" : t("live.loss", { loss: lossNow === null ? "NaN" : numbers.cell(lossNow) }),
      accuracyNow === undefined ? "" : t("live.accuracy", { accuracy: numbers.percent(accuracyNow) }),
      stands.error ? context.inWords(stands.error) : "",
    ];
    return parts.filter(Boolean).join(" · ");
  }

  function drawBreaking() {
    const { layers = [], cut = [], are_labels_shuffled: shuffled } = run.stands;
    const state = JSON.stringify([layers, cut, shuffled]);
    if (state === drawn.cut) return;
    drawn.cut = state;
    const focused = [...breaking.querySelectorAll("input, select, button")].indexOf(document.activeElement);
    const doBreak = (kind, path, on = true) => send("break", { kind, path, on });
    let zeroed = ALL;
    refill(
      breaking,
      el("summary", {}, t("live.breakIt")),
      el(
        "fieldset",
        { class: "cuts" },
        el("legend", {}, t("live.cut")),
        layers.map((path) => toggle({ label: path, value: cut.includes(path), onChange: (on) => doBreak("cut", path, on) })),
      ),
      el(
        "div",
        { class: "controls" },
        choice({ label: t("live.zeroWhich"), value: ALL, options: [[ALL, t("live.allLayers")], ...layers.map((path) => [path, path])], onChange: (v) => (zeroed = v) }),
        button(t("live.zero"), () => doBreak("zero", zeroed || null)),
        button(t("live.alike"), () => doBreak("alike", zeroed || null)),
      ),
      el(
        "div",
        { class: "controls" },
        button(t("live.rateUp"), () => doBreak("rate", null)),
        button(t("live.rateDown"), () => doBreak("rate", null, false)),
        toggle({ label: t("live.labels"), value: shuffled ?? false, onChange: (on) => doBreak("labels", null, on) }),
      ),
      el("p", { class: "note" }, t("live.breakNote")),
    );
    breaking.querySelectorAll("input, select, button")[focused]?.focus();
  }

  /** Ask for the decision where there are steps since the last look. */
  async function drawBoundary() {
    const { stands } = run;
    if (!stands.is_plane) return refill(picture);
    if (!picture.firstChild) picture.append(boundary.element);
    const wait = drawn.at + BOUNDARY_MS - performance.now();
    const standing = lookOf(run);
    if (drawn.isAsking || drawn.look === standing) return;
    drawn.isAsking = true;
    if (wait > 0) await new Promise((done) => setTimeout(done, wait));
    await run.last.catch(() => {}); // it may have set up another network
    if (signal.aborted) return;
    if (!run.stands.is_plane) return void (drawn.isAsking = false);
    const found = await source.ask(`/api/live/${run.number}/boundary`, undefined, signal).catch(() => null);
    Object.assign(drawn, { isAsking: false, at: performance.now(), look: standing });
    if (!found) return;
    boundary.update(found);
    if (lookOf(run) !== standing) drawBoundary();
  }

  return { element, update };
}

/** What the decision depends on: the training, its step, and how often its weights were changed. */
const lookOf = ({ born, stands }) => [born, stands.set, stands.step, stands.steps_kept].join();
