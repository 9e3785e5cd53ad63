/** What the rooms of the window, of the columns and of the way back share: how they open, and names. */

import { compiledNote } from "../compiled.js";
import { createConvolution, remarks } from "../convolution.js";
import { el, refill } from "../dom.js";
import { redrawing } from "../redraw.js";

/**
 * Open a room that draws one convolution: its settings above, what they give under them.
 * @param {import("../shell.js").Context} context
 * @param {object} settings  of createConvolution
 * @param {(shown: [any, any, import("../convolution.js").Found, AbortSignal]) => any} picture
 *   what is drawn of an answer, given what `Shown` is made of
 * @param {{more?: object, around?: (draw: () => void) => {before: any, after: any}}} options
 *   more: what else is asked for; around: what stands before and after the picture, and draws anew
 */
export async function convolutionRoom(context, settings, picture, { more, around } = {}) {
  const [place, foot] = [el("div", { class: "place" }), el("div")];
  const convolution = await createConvolution(context, { ...settings, onChange: () => draw() });
  const draw = redrawing(context, place, async (signal) => {
    const found = await convolution.ask(more);
    refill(foot, compiledNote(context, convolution.settings.path, signal));
    return [remarks(found, context, settings.isOfGradient), picture([context, convolution, found, signal])];
  });
  const { before, after } = around?.(draw) ?? {};
  await draw();
  return el("div", { class: "room" }, convolution.element, before, place, after, foot);
}

/** One answer of the server that is drawn, and what its parts are called. */
export class Shown {
  /**
   * @param {import("../shell.js").Context} context
   * @param {any} convolution  what createConvolution made
   * @param {import("../convolution.js").Found} found
   * @param {AbortSignal} signal
   */
  constructor(context, convolution, found, signal) {
    Object.assign(this, { context, convolution, found, signal, geometry: found.geometry });
  }

  /** The row and the column of a window's output, as the whole output counts. */
  named(p) {
    const [row, column] = this.geometry.placeOf(p);
    return { row, column };
  }

  /** The layer's number of a filter of the answer. */
  filterName(f = this.found.filter) {
    return this.found.filters?.[f] ?? f;
  }

  /** The layer's number of a channel of the answer. */
  channelName(k = this.found.channel) {
    return this.found.channels?.[k] ?? k;
  }

  /** A padded cell's row and column as the image counts them. */
  inImage([r, c]) {
    const [top, left] = this.found.origin;
    const [row, column] = [r + top, c + left].map((n) => String(n).replace("-", "−"));
    return { row, column };
  }
}
