/** A room's clock: one number that all its panels follow; played, stepped, scrubbed, jumped. */

import { el, refill } from "./dom.js";
import { icon } from "./icons.js";

const SPEEDS = { slow: 1600, medium: 700, fast: 200 }; // milliseconds a step

/**
 * @param {{t: Function, signal: AbortSignal, length: number, start?: number,
 *   onTick: (position: number) => void, say?: (position: number) => string}} options
 *   say: the position in words, as "output (2, 3)"
 */
export function createClock({ t, signal, length, start = 0, onTick, say }) {
  let position = Math.min(start, length - 1);
  let timer = null;
  let pace = SPEEDS.medium;

  const button = (name, onclick) => {
    const words = t(`clock.${name}`);
    return el("button", { type: "button", "aria-label": words, title: words, onclick }, icon(name));
  };
  const play = button("play", () => (timer ? pause() : resume()));
  const range = el("input", {
    type: "range",
    min: 0,
    max: length - 1,
    step: 1,
    value: position,
    "aria-label": t("clock.scrub"),
    oninput: () => move(Number(range.value)),
  });
  const told = el("output", { class: "position" });
  const speed = el(
    "select",
    { "aria-label": t("clock.speed"), onchange: () => setPace(SPEEDS[speed.value]) },
    Object.keys(SPEEDS).map((name) =>
      el("option", { value: name, selected: name === "medium" }, t(`clock.${name}`)),
    ),
  );
  const element = el(
    "div",
    { class: "clock", role: "group", "aria-label": t("clock.label"), onkeydown: onKey },
    button("first", () => move(0)),
    button("back", () => move(position - 1)),
    play,
    button("step", () => move(position + 1)),
    button("last", () => move(length - 1)),
    range,
    told,
    speed,
  );

  /** What a presenter's remote control sends. */
  function onKey(event) {
    if (event.key !== "PageDown" && event.key !== "PageUp") return;
    move(position + (event.key === "PageDown" ? 1 : -1));
    event.preventDefault();
  }

  function move(to) {
    pause();
    go(to);
  }

  function go(to) {
    position = Math.max(0, Math.min(length - 1, to));
    show();
    onTick(position);
  }

  function show() {
    range.value = String(position);
    const words = say?.(position) ?? "";
    told.textContent = `${position + 1} / ${length}${words ? ` · ${words}` : ""}`;
    range.setAttribute("aria-valuetext", told.textContent);
  }

  function resume() {
    if (position >= length - 1) go(0);
    timer = setInterval(() => (position < length - 1 ? go(position + 1) : pause()), pace);
    named("pause");
  }

  function pause() {
    clearInterval(timer);
    timer = null;
    named("play");
  }

  function named(name) {
    refill(play, icon(name));
    play.title = t(`clock.${name}`);
    play.setAttribute("aria-label", play.title);
  }

  function setPace(to) {
    pace = to;
    if (timer) {
      clearInterval(timer);
      resume();
    }
  }

  /** Another number of steps; the position stays where it can. */
  function setLength(to) {
    pause();
    length = to;
    range.max = String(length - 1);
    position = Math.min(position, length - 1);
    show();
  }

  signal.addEventListener("abort", pause);
  show();
  return {
    element,
    get position() {
      return position;
    },
    go: move,
    pause,
    setLength,
  };
}
