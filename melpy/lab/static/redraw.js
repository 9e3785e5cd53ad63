/** Drawing again when something was chosen: the newest drawing wins, the older one's clocks stop. */

import { el, refill } from "./dom.js";
import { LabError } from "./source.js";

/** An error as a reader is told it. @param {any} error @param {{inWords: Function, has: Function}} strings */
export function sentence(error, { inWords, has }) {
  if (!(error instanceof LabError)) console.error(error);
  const text = error.key && has(error.key) ? inWords(error) : error.message;
  return el("p", { class: "error", role: "alert" }, text);
}

/**
 * @param {import("./shell.js").Context} context
 * @param {Element} place  what is filled
 * @param {(signal: AbortSignal) => Promise<any>} make  the new content; signal ends it
 * @returns {() => Promise<void>} draw
 */
export function redrawing(context, place, make) {
  let current = null;
  return async function draw() {
    current?.abort();
    current = new AbortController();
    const signal = AbortSignal.any([context.signal, current.signal]);
    place.setAttribute("aria-busy", "true");
    try {
      const made = await make(signal);
      if (!signal.aborted) refill(place, made);
    } catch (error) {
      if (!signal.aborted) refill(place, sentence(error, context));
    } finally {
      if (!signal.aborted) place.removeAttribute("aria-busy");
    }
  };
}
