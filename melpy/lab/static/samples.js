/** Which image is looked at: chosen by number, shown small, traced once. */

import { channelsLast } from "./arrays.js";
import { el } from "./dom.js";
import { drawImage } from "./maps.js";

/** The samples that a recording holds; null where all can be asked for. @returns {number[] | null} */
function recordedSamples({ recorded }) {
  if (!recorded) return null;
  return recorded.filter(({ path }) => path === "/api/trace").map(({ body }) => body.sample ?? 0);
}

/** The sample to begin with: one that the network is not too sure of. @param {any} lab */
export function firstSample(lab) {
  const [wished, recorded] = [lab.data?.start ?? 0, recordedSamples(lab)];
  return !recorded || recorded.includes(wished) ? wished : recorded[0];
}

/**
 * @param {{source: import("./source.js").Source, lab: any, look: object}} options
 *   look: what is traced first, as {sample: 0}
 */
export function createSamples({ source, lab, look }) {
  let looked = look;
  let traced = null;

  function trace() {
    traced ??= source.askArrays("/api/trace", looked).catch((error) => {
      traced = null; // ask again next time
      throw error;
    });
    return traced;
  }

  function lookAt(what) {
    looked = what;
    traced = null;
  }

  /** The bar above a room. */
  function draw(words) {
    const { t, lookAt: change } = words;
    const count = lab.data?.count ?? 0;
    const number = looked.sample ?? 0;
    const told = el("p", { class: "told" });
    const picture = el("canvas", { class: "thumbnail", width: 1, height: 1, role: "img" });
    picture.setAttribute("aria-label", t("sample.picture", { number }));
    trace().then(
      (found) => tell(found, picture, told, words),
      () => {}, // the room says what went wrong
    );
    if (!count) return [picture, told];

    const field = el("input", {
      type: "number",
      id: "sample-number",
      min: 0,
      max: count - 1,
      step: 1,
      value: number,
      inputmode: "numeric",
      onchange: () => go(Number.parseInt(field.value, 10)),
    });
    const go = (to) => {
      if (Number.isInteger(to)) change({ sample: (to + count) % count });
    };
    const beside = (step) => {
      const all = recordedSamples(lab);
      return all ? all[(all.indexOf(number) + step + all.length) % all.length] : number + step;
    };
    const button = (id, step, sign, name) =>
      el(
        "button",
        { type: "button", id, "aria-label": t(name), onclick: () => go(beside(step)) },
        sign,
      );
    return [
      picture,
      el(
        "label",
        { for: "sample-number" },
        t(lab.data.shape?.length === 3 ? "sample.number" : "sample.row"),
      ),
      button("sample-before", -1, "‹", "sample.before"),
      field,
      button("sample-after", 1, "›", "sample.after"),
      told,
    ];
  }

  /** What the image is, and what the network takes it for. */
  function tell(found, picture, told, { t, numbers }) {
    const input = found.arrays[found.rows[0]?.input];
    picture.hidden = input?.shape.length !== 3;
    if (!picture.hidden) drawImage(picture, isChannelsFirst(input) ? channelsLast(input) : input);
    const { probabilities, label, is_label_guessed: isGuessed } = found;
    if (!probabilities?.length) return void (told.textContent = measured(found, t, numbers));
    const names = lab.data?.classes ?? [];
    const best = probabilities.reduce((top, p, n) => (p > probabilities[top] ? n : top), 0);
    const words = {
      label: names[label] ?? label,
      guess: names[best] ?? best,
      share: numbers.percent(probabilities[best]),
    };
    told.textContent = t(isGuessed || label === null ? "sample.unlabelled" : "sample.told", words);
  }

  /** Of a model that gives a number: the number, and the right one. */
  function measured({ arrays, rows, target }, t, numbers) {
    const [right, given] = [target, rows.at(-1)?.output].map((key) => arrays[key]?.data);
    if (right?.length !== 1 || given?.length !== 1) return "";
    return t("sample.measured", { label: numbers.cell(right[0]), guess: numbers.cell(given[0]) });
  }

  return { trace, lookAt, look: () => looked, draw };
}

const isChannelsFirst = ({ shape }) => [1, 3].includes(shape[0]) && ![1, 3].includes(shape[2]);
