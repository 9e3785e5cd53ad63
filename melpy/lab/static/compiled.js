/** How far the compiled kernels' numbers, which train the network, lie from those that are drawn. */

import { el, refill } from "./dom.js";

const AGAIN_MS = 3000; // a first start compiles for half a minute

/**
 * A line under a room that says so, as soon as it is known.
 * @param {import("./shell.js").Context} context
 * @param {string} path  of the layer
 * @param {AbortSignal} signal  of the drawing
 */
export function compiledNote(context, path, signal) {
  const { t, inWords, numbers } = context;
  const element = el("p", { class: "hint compiled" }, t("compiled.waiting"));

  async function tell() {
    const found = await differences(context);
    if (signal.aborted) return;
    const apart = found.compiled[path] ?? null;
    if (apart !== null) {
      refill(element, t("compiled.told", { layer: path, apart: numbers.cell(apart) }));
    } else if (!found.ready && !found.why) {
      setTimeout(() => tell().catch(hide), AGAIN_MS);
    } else {
      refill(element, inWords(found.why ?? { key: "compiled.none" }));
    }
  }

  const hide = () => element.remove(); // it is a note beside the room, and no reason to fail
  tell().catch(hide);
  return element;
}

/** What the server says of a trace; asked again until it knows. */
async function differences({ source, kept, trace, signal }) {
  const traced = await trace();
  if (source.isRecorded) return { compiled: traced.compiled, ready: true };
  if (kept.compiled?.trace !== traced.trace) {
    const found = await source.ask(`/api/compiled/${traced.trace}`, undefined, signal);
    if (!found.ready) return found;
    kept.compiled = { trace: traced.trace, found };
  }
  return kept.compiled.found;
}
