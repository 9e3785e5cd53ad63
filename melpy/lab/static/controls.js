/** Fields with their labels. */

import { el, newId } from "./dom.js";

/**
 * A choice from a list.
 * @param {{label: string, value: string | number, options: [string | number, string][],
 *   onChange: (value: string) => void, disabled?: boolean}} options
 */
export function choice({ label, value, options, onChange, disabled = false }) {
  const id = newId("choice");
  const field = el(
    "select",
    { id, disabled, onchange: () => onChange(field.value) },
    options.map(([key, text]) =>
      el("option", { value: key, selected: String(key) === String(value) }, text),
    ),
  );
  return el("p", { class: "field" }, el("label", { for: id }, label), field);
}

/** A whole number between two ends. */
export function count({ label, value, min, max, onChange }) {
  const id = newId("count");
  const field = el("input", {
    id,
    type: "number",
    min,
    max,
    step: 1,
    value,
    inputmode: "numeric",
    onchange: () => {
      const given = Number.parseInt(field.value, 10);
      const kept = Number.isInteger(given) ? Math.max(min, Math.min(max, given)) : value;
      field.value = kept;
      onChange(kept);
    },
  });
  return el("p", { class: "field" }, el("label", { for: id }, label), field);
}

/** A number as it is typed, with a comma or a point; NaN where it is none. @param {string} text */
export const numberIn = (text) =>
  text.trim() ? Number(text.trim().replace(",", ".").replace("−", "-")) : NaN;

/**
 * A number of any size, written as the language writes it. What does not fit is put back.
 * @param {{label: string, value: number, size?: number, fits?: (given: number) => boolean,
 *   onChange: (value: number) => void}} options
 * @param {{numbers: import("./numbers.js").Numbers}} words
 */
export function decimal({ label, value, size = 8, fits = Number.isFinite, onChange }, { numbers }) {
  const id = newId("decimal");
  let shown = value;
  const field = el("input", {
    id,
    type: "text",
    inputmode: "decimal",
    autocomplete: "off",
    size,
    value: numbers.long(value),
    onchange: () => {
      const given = numberIn(field.value);
      show(fits(given) ? given : shown);
      if (fits(given)) onChange(given);
    },
  });
  const show = (changed) => (field.value = numbers.long((shown = changed)));
  const name = el("label", { for: id }, label);
  return { element: el("p", { class: "field" }, name, field), field, label: name, show };
}

/** Something on or off. */
export function toggle({ label, value, onChange }) {
  const field = el("input", {
    type: "checkbox",
    checked: value,
    onchange: () => onChange(field.checked),
  });
  return el("label", { class: "toggle" }, field, el("span", {}, label));
}

/**
 * A few ways of looking, one of which is on.
 * @param {{label: string, value: string, options: [string, string][],
 *   onChange: (value: string) => void}} options
 */
export function tabs({ label, value, options, onChange }) {
  const name = newId("tabs");
  return el(
    "fieldset",
    { class: "tabs" },
    el("legend", {}, label),
    options.map(([key, text]) =>
      el(
        "label",
        {},
        el("input", {
          type: "radio",
          name,
          value: key,
          checked: key === value,
          onchange: () => onChange(key),
        }),
        el("span", {}, text),
      ),
    ),
  );
}

export const button = (text, onclick, attributes = {}) =>
  el("button", { type: "button", onclick, ...attributes }, text);
