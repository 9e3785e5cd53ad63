/** The page around the rooms: which room, which language, which image; errors in one sentence. */

import { el, refill } from "./dom.js";
import { createNumbers } from "./numbers.js";
import { sentence } from "./redraw.js";
import { createSamples, firstSample } from "./samples.js";
import { openSource } from "./source.js";
import { LANGUAGES, loadStrings } from "./strings.js";

/**
 * What a room is given. A room is a module with `open(context)`, which returns the room's element,
 * or a promise of it; it ends when `signal` is aborted.
 * @typedef {Object} Context
 * @property {import("./source.js").Source} source
 * @property {any} lab  what /api/lab answered
 * @property {import("./strings.js").Strings["t"]} t
 * @property {import("./numbers.js").Numbers} numbers
 * @property {string} language
 * @property {() => Promise<any>} trace  of the image that is looked at
 * @property {() => object} look  what is asked for it: {sample} or {pixels, label}
 * @property {(what: object) => void} lookAt  look at another image, and open the room again
 * @property {(text: string) => void} say  to a screen reader
 * @property {Record<string, any>} kept  what rooms remember, as the layer chosen
 * @property {AbortSignal} signal
 * @property {() => void} reopen
 */

const ROOMS = {
  window: () => import("./rooms/window.js"),
  columns: () => import("./rooms/columns.js"),
  back: () => import("./rooms/back.js"),
  pooling: () => import("./rooms/pooling.js"),
  loss: () => import("./rooms/loss.js"),
  network: () => import("./rooms/network.js"),
};

const state = readAddress();
const kept = {};
const main = document.getElementById("main");
const status = document.getElementById("status");
let source, lab, strings, numbers, samples, opened;

start().catch(fail);

async function start() {
  source = openSource(location, state.token);
  lab = await source.ask("/api/lab").catch(async (error) => {
    await speak(state.lang ?? browserLanguage()); // to tell it in words
    throw error;
  });
  await speak(state.lang ?? (Object.hasOwn(LANGUAGES, lab.lang) ? lab.lang : browserLanguage()));
  state.sample ??= firstSample(lab);
  state.room ??= lab.model.layers.some(({ kind }) => kind === "conv") ? "window" : "network";
  samples = createSamples({ source, lab, look: { sample: state.sample } });
  addEventListener("hashchange", onAddress);
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault(); // the fragment holds the token and the room
    main.focus();
  });
  await draw();
}

/** The fragment's parts. It is never sent anywhere, which is why the token lies in it. */
function readAddress() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const sample = Number.parseInt(parts.get("sample") ?? "", 10);
  return {
    token: parts.get("token") ?? "",
    room: Object.hasOwn(ROOMS, parts.get("room")) ? parts.get("room") : null,
    lang: Object.hasOwn(LANGUAGES, parts.get("lang")) ? parts.get("lang") : null,
    sample: Number.isInteger(sample) && sample >= 0 ? sample : null,
  };
}

function addressOf(changes) {
  const parts = { ...state, ...changes };
  return "#" + new URLSearchParams(Object.entries(parts).filter(([, v]) => v !== null && v !== ""));
}

async function onAddress() {
  const there = readAddress();
  if (there.token !== state.token && there.token) return location.reload();
  const { room, sample, lang } = state;
  Object.assign(state, {
    room: there.room ?? room,
    sample: there.sample ?? sample,
    lang: there.lang ?? lang,
  });
  if (state.lang !== strings.language) await speak(state.lang);
  if (state.sample !== sample) samples.lookAt({ sample: state.sample });
  if (state.room !== room || state.sample !== sample || state.lang !== lang) await draw();
}

const browserLanguage = () => (navigator.language?.startsWith("fr") ? "fr" : "en");

async function speak(language) {
  strings = await loadStrings(language);
  numbers = createNumbers(language);
  state.lang = language;
  document.documentElement.lang = language;
}

/** Draw everything anew: a language, a room or an image has changed. */
async function draw() {
  const { t } = strings;
  const focused = document.activeElement?.id; // it is made anew, and keeps the focus
  document.title = `${t(`room.${state.room}.title`)} · Melpy Lab`;
  document.getElementById("skip").textContent = t("shell.skip");
  const { name, parameters } = lab.model;
  document.getElementById("model").textContent = t("shell.model", {
    name,
    parameters: numbers.whole(parameters),
    data: lab.data?.is_made_up ? t("shell.madeUp") : (lab.data?.name ?? ""),
  });
  drawLanguages();
  drawRooms();
  drawSamples();
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  await openRoom();
}

function drawLanguages() {
  const place = document.getElementById("language");
  place.setAttribute("aria-label", strings.t("shell.language"));
  const choice = ([code, name]) =>
    el(
      "button",
      {
        type: "button",
        id: `language-${code}`,
        lang: code,
        "aria-pressed": String(code === strings.language),
        onclick: () => location.replace(addressOf({ lang: code })),
      },
      name,
    );
  refill(place, Object.entries(LANGUAGES).map(choice));
}

function drawRooms() {
  const place = document.getElementById("rooms");
  place.setAttribute("aria-label", strings.t("shell.rooms"));
  const link = (room, number) =>
    el(
      "a",
      {
        id: `room-${room}`,
        href: addressOf({ room }),
        "aria-current": room === state.room ? "page" : null,
      },
      el("span", { class: "number", "aria-hidden": "true" }, number + 1),
      strings.t(`room.${room}.name`),
    );
  refill(
    place,
    el(
      "ol",
      {},
      Object.keys(ROOMS).map((room, n) => el("li", {}, link(room, n))),
    ),
  );
  place.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
}

function drawSamples() {
  const place = document.getElementById("sample");
  place.setAttribute("aria-label", strings.t("sample.label"));
  refill(place, samples.draw({ ...strings, numbers, lookAt }));
}

function lookAt(what) {
  samples.lookAt(what);
  if (what.sample === undefined || what.sample === state.sample)
    return openRoom().then(drawSamples);
  location.hash = addressOf({ sample: what.sample });
}

/** Close the room that is open and open the one that is wanted. */
async function openRoom() {
  opened?.abort();
  const mine = (opened = new AbortController());
  const { t } = strings;
  const head = [
    el("h1", {}, t(`room.${state.room}.title`)),
    el("p", { class: "lead" }, t(`room.${state.room}.lead`)),
  ];
  refill(main, head, el("p", { class: "waiting" }, t("shell.waiting")));
  main.setAttribute("aria-busy", "true");
  try {
    const [module, context] = [await ROOMS[state.room](), contextFor(mine.signal)];
    const element = await module.open(context);
    if (!mine.signal.aborted) refill(main, head, element, leftOut());
  } catch (error) {
    if (!mine.signal.aborted) refill(main, head, sentence(error, strings));
  } finally {
    if (!mine.signal.aborted) main.removeAttribute("aria-busy");
  }
}

/** @returns {Context} */
function contextFor(signal) {
  return {
    source,
    lab,
    ...strings,
    numbers,
    trace: () => samples.trace(),
    look: () => samples.look(),
    lookAt,
    say: (text) => (status.textContent = text),
    kept,
    signal,
    reopen: () => void openRoom(),
  };
}

function leftOut() {
  if (!lab.left_out?.length) return null;
  return el(
    "aside",
    { class: "left-out" },
    lab.left_out.map((said) => el("p", {}, strings.inWords(said))),
  );
}

const nothing = { inWords: ({ key }) => key, has: () => false };

function fail(error) {
  refill(main, sentence(error, strings ?? nothing));
}
