/** The page's words in one language, and its numbers as that language writes them. */

import { createNumbers } from "./numbers.js";

/**
 * @typedef {Object} Strings
 * @property {string} language
 * @property {(key: string, values?: Record<string, any>) => string} t
 *   the words of a key, `{name}` in them replaced; the key itself where there are none
 * @property {(said: {key: string, values?: Record<string, any>}) => string} inWords
 *   what the server says, a key and values
 * @property {(key: string) => boolean} has
 */

export const LANGUAGES = { en: "English", fr: "Français" };
const PARTS = ["", "live."]; // en.json and live.en.json

/** @param {string} language @returns {Promise<Strings>} */
export async function loadStrings(language) {
  const files = PARTS.map((part) => readJson(`locales/${part}${language}.json`));
  const words = Object.assign({}, ...(await Promise.all(files)));
  const t = (key, values = {}) =>
    (words[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) =>
      name in values ? String(values[name]) : whole,
    );
  const { whole } = createNumbers(language);
  const written = (value) => (typeof value === "number" ? whole(value) : value);
  const inWords = ({ key, values }) =>
    t(key, Object.fromEntries(Object.entries(values ?? {}).map(([k, v]) => [k, written(v)])));
  return { language, t, inWords, has: (key) => key in words };
}

async function readJson(path) {
  const response = await fetch(new URL(path, import.meta.url));
  return response.ok ? response.json() : {};
}
