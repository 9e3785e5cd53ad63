/** The clock's signs, drawn: fonts do not all have them. */

import { svg } from "./dom.js";

const PATHS = {
  first: "M5 5v14M19 5l-10 7 10 7z",
  back: "M17 5L7 12l10 7z",
  play: "M7 4l13 8-13 8z",
  pause: "M7 5h4v14H7zM14 5h4v14h-4z",
  step: "M7 5l10 7-10 7z",
  last: "M19 5v14M5 5l10 7-10 7z",
};

/** @param {keyof typeof PATHS} name */
export const icon = (name) =>
  svg(
    "svg",
    { class: `icon icon-${name}`, viewBox: "0 0 24 24", "aria-hidden": "true" },
    svg("path", { d: PATHS[name] }),
  );
