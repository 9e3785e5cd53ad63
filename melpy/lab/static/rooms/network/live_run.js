/** One run of live training as the page knows it: what the server told, step by step. */

const LATER_MS = 1000; // before a stream that broke off is asked for again

export class LiveRun {
  /**
   * @param {import("../../shell.js").Context} context
   * @param {number} number  0 or 1
   * @param {() => void} onChange  called at most once a frame
   */
  constructor(context, number, onChange) {
    Object.assign(this, { context, number, onChange });
    this.stands = { state: "none" };
    this.after = 0;
    this.waiting = 0;
    this.born = 0; // which training it is that runs here
    this.last = Promise.resolve(); // the last command; the next is sent when it is answered
    this.forget();
  }

  forget() {
    this.loss = [];
    this.accuracy = [];
    this.heldLoss = [];
    this.heldAccuracy = [];
    this.byLayer = { gradients: {}, weights: {}, moves: {} };
    this.marks = [];
  }

  get isThere() {
    return this.stands.state !== "none";
  }

  get isPlaying() {
    return this.stands.state === "playing";
  }

  /**
   * Send a command, after those before it, and know then where the run stands.
   * @param {string} command @param {object} more
   */
  command(command, more = {}) {
    const send = async () => {
      this.stands = await this.context.source.ask("/api/live", { command, run: this.number, ...more });
      this.changed();
      return this.stands;
    };
    this.last = this.last.then(send, send);
    return this.last;
  }

  /** Follow the run until the room is left; nothing is sent while nobody can see it. */
  async listen() {
    const { source, signal } = this.context;
    while (!signal.aborted) {
      const mine = new AbortController();
      const hide = () => document.hidden && mine.abort();
      document.addEventListener("visibilitychange", hide, { signal: mine.signal });
      try {
        const lines = source.stream(`/api/live/${this.number}?after=${this.after}`, AbortSignal.any([signal, mine.signal]));
        for await (const event of lines) this.take(event);
      } catch (error) {
        if (signal.aborted) return;
        if (error.name !== "AbortError") await pause(LATER_MS);
      }
      const wasPlaying = document.hidden && this.isPlaying; // it pauses while nobody looks
      mine.abort();
      await seen(signal);
      if (wasPlaying && !signal.aborted) await this.command("start").catch(() => {});
    }
  }

  take(event) {
    switch (event.kind) {
      case "read": this.after = event.after; return;
      case "new": this.forget(); this.born += Number(this.after > 0); break; // the first is no news
      case "state": this.stands = { run: this.number, ...event }; break;
      case "step": this.takeStep(event); break;
      case "held out": this.takeHeldOut(event); break;
      case "broken": this.marks.push({ x: event.step, what: event.what, path: event.path, isOn: event.is_on }); break;
      case "back": this.takeBack(event.step); break;
    }
    this.changed();
  }

  takeStep({ step, loss, accuracy, steps_kept: kept, epoch, ...norms }) {
    this.loss.push([step, loss]);
    if (accuracy !== null) this.accuracy.push([step, accuracy]);
    for (const [kind, layers] of Object.entries(this.byLayer)) {
      for (const [path, norm] of Object.entries(norms[kind])) (layers[path] ??= []).push([step, norm]);
    }
    Object.assign(this.stands, { step, epoch, steps_kept: kept });
  }

  takeHeldOut({ step, loss, accuracy }) {
    this.heldLoss.push([step, loss]);
    if (accuracy !== null) this.heldAccuracy.push([step, accuracy]);
  }

  takeBack(step) {
    const before = (points) => points.filter(([x]) => x <= step);
    for (const name of ["loss", "accuracy", "heldLoss", "heldAccuracy"]) this[name] = before(this[name]);
    for (const layers of Object.values(this.byLayer)) {
      for (const path of Object.keys(layers)) layers[path] = before(layers[path]);
    }
    this.marks = this.marks.filter(({ x }) => x <= step);
  }

  changed() {
    this.waiting ||= requestAnimationFrame(() => {
      this.waiting = 0;
      if (!this.context.signal.aborted) this.onChange();
    });
  }
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Wait until the page can be seen, or the room is left. */
function seen(signal) {
  if (!document.hidden || signal.aborted) return Promise.resolve();
  return new Promise((done) => {
    const look = () => document.hidden || done();
    document.addEventListener("visibilitychange", look, { signal });
    signal.addEventListener("abort", () => done());
  });
}
