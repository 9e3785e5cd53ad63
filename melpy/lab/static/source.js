/**
 * Where the numbers come from: the server that runs the model, or files that were recorded from it.
 * Both answer the same questions in the same words, so that no room knows which one it asks.
 */

import { unpack } from "./arrays.js";

/** What a reader can be told in one sentence, which the page has under `key`. */
export class LabError extends Error {
  /** @param {string} message @param {string | null} key @param {{status?: number, values?: object}} more */
  constructor(message, key = null, { status = 0, values = {} } = {}) {
    super(message);
    this.key = key;
    this.values = values;
    this.status = status; // of HTTP, where there was an answer
  }
}

/**
 * @typedef {Object} Source
 * @property {boolean} isRecorded
 * @property {(path: string, body?: object, signal?: AbortSignal) => Promise<any>} ask  JSON; without body a GET
 * @property {(path: string, body: object, signal?: AbortSignal) => Promise<any>} askArrays
 *   JSON of which `arrays` holds NdArrays by name
 * @property {(path: string, signal?: AbortSignal) => AsyncGenerator<any>} stream  lines of JSON
 */

/** @param {Location} address @returns {Source} */
export function openSource(address, token) {
  const folder = new URLSearchParams(address.search).get("recorded");
  return folder === null ? new Server(token) : new Recording(folder);
}

class Server {
  isRecorded = false;

  /** @param {string} token sent with every question, so that no other page can ask */
  constructor(token) {
    this.token = token;
  }

  async ask(path, body, signal) {
    return (await this.#fetch(path, body, signal)).json();
  }

  async askArrays(path, body, signal) {
    const answer = await this.ask(path, body, signal);
    const id = answer.id ?? answer.trace;
    const response = await this.#fetch(`/api/arrays/${id}`, undefined, signal);
    return { ...answer, arrays: unpack(answer.arrays, await response.arrayBuffer()) };
  }

  async *stream(path, signal) {
    const response = await this.#fetch(path, undefined, signal);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) if (line.trim()) yield JSON.parse(line);
    }
  }

  async #fetch(path, body, signal) {
    const headers = { "X-Melpy-Token": this.token };
    const how = { headers, signal, cache: "no-store" };
    if (body !== undefined) {
      headers["Content-Type"] = "application/json";
      Object.assign(how, { method: "POST", body: JSON.stringify(body) });
    }
    let response;
    try {
      response = await fetch(path, how);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new LabError(String(error), "error.gone");
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }
}

async function refusal(response) {
  const { status } = response;
  const text = await response.text();
  try {
    const { error, key, values } = JSON.parse(text);
    return new LabError(error, key, { status, values });
  } catch {
    return new LabError(text || response.statusText, "error.nowhere", { status, values: { status } });
  }
}

/** Files under a folder: `lab.json` says in `recorded` which file answers which question. */
class Recording {
  isRecorded = true;

  /** @param {string} folder relative to the page */
  constructor(folder) {
    if (!/^[\w-][\w.-]*(\/[\w-][\w.-]*)*\/?$/.test(folder)) {
      throw new LabError(`no folder ${folder}`, "error.folder", { values: { folder } });
    }
    this.folder = folder.replace(/\/$/, "");
  }

  async ask(path, body, signal) {
    const lab = await this.#lab(signal);
    if (path === "/api/lab") return lab;
    const file = this.#find(lab, path, body);
    return (await this.#read(`${file}.json`, signal)).json();
  }

  async askArrays(path, body, signal) {
    const file = this.#find(await this.#lab(signal), path, body);
    const [answer, bytes] = await Promise.all([
      this.#read(`${file}.json`, signal).then((response) => response.json()),
      this.#read(`${file}.bin`, signal).then((response) => response.arrayBuffer()),
    ]);
    return { ...answer, arrays: unpack(answer.arrays, bytes) };
  }

  // eslint-disable-next-line require-yield
  async *stream() {
    throw new LabError("nothing trains in a recording", "error.notRecorded");
  }

  async #lab(signal) {
    this.known ??= (await this.#read("lab.json", signal)).json();
    return this.known;
  }

  #find(lab, path, body) {
    const question = canonical(body ?? {});
    const found = lab.recorded.find((r) => r.path === path && canonical(r.body) === question);
    if (!found) throw new LabError(`${path} ${question} was not recorded`, "error.notRecorded");
    return found.file;
  }

  async #read(name, signal) {
    const response = await fetch(`${this.folder}/${name}`, { signal });
    if (!response.ok) throw new LabError(`no ${name}`, "error.missing", { values: { name } });
    return response;
  }
}

/** JSON in which the order of the keys and what is null, false or absent make no difference. */
function canonical(value) {
  const sorted = (_, part) =>
    part && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(
          Object.entries(part)
            .filter(([, v]) => v !== null && v !== false && v !== undefined)
            .sort(([a], [b]) => (a < b ? -1 : 1)),
        )
      : part;
  return JSON.stringify(value, sorted);
}
