// @ts-check
/** Server-sent events over fetch, since EventSource cannot send a token in a header. */

import { pageLanguage, problemOf, sentLanguage, sessionAddress } from "./api.js";
import { backoffMs, untilOnline, wait } from "./waiting.js";
import { parseChallenge, parseLink, parseNotice, parseSessionView, parseVerdict } from "./wire.js";

/** The server sends a comment every 15 s; silence of three of these means the line is dead. */
const SILENCE_MS = 45_000;

/** @typedef {{event: string, data: string, id: string}} ServerEvent */

/** Turns pieces of text into events, by the rules of the HTML standard. */
export class EventParser {
  #rest = "";
  #event = "";
  /** @type {string[]} */
  #data = [];
  /** Of the last event that named one; what `Last-Event-ID` should say. */
  lastId = "";
  /** @type {number | null} milliseconds that the server asks to wait before reconnecting */
  retryMs = null;

  /**
   * @param {string} text
   * @returns {ServerEvent[]}
   */
  push(text) {
    const found = [];
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (this.#data.length) found.push({ event: this.#event || "message", data: this.#data.join("\n"), id: this.lastId });
        this.#event = "";
        this.#data = [];
      } else {
        this.#field(line);
      }
    }
    return found;
  }

  /** @param {string} line */
  #field(line) {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.#event = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "id" && !value.includes("\0")) this.lastId = value;
    else if (name === "retry" && /^\d+$/.test(value)) this.retryMs = Number(value);
  }
}

/**
 * One event stream that comes back by itself, from where it stopped.
 *
 * Events: `message` (detail: ServerEvent), `statechange` (detail: {state, error}); states: "connecting", "open", "interrupted",
 * "closed". It closes by itself only when the service says that trying again is useless (401, 403, 404, 410, 204).
 */
export class EventStream extends EventTarget {
  #url;
  #token;
  #lang;
  /** @type {AbortController | null} */
  #running = null;
  #lastId = "";
  #silenceMs;
  #random;
  /** @type {"connecting" | "open" | "interrupted" | "closed"} */
  state = "closed";

  /** @param {{url: string, token: string, lang?: string, silenceMs?: number, random?: () => number}} options */
  constructor({ url, token, lang = pageLanguage(), silenceMs = SILENCE_MS, random = Math.random }) {
    super();
    this.#url = url;
    this.#token = token;
    this.#lang = lang;
    this.#silenceMs = silenceMs;
    this.#random = random;
  }

  open() {
    if (this.#running) return;
    const running = new AbortController();
    this.#running = running;
    this.#set("connecting");
    this.#run(running.signal).catch((error) => {
      if (running.signal.aborted) return;
      this.#running = null;
      this.#set("closed", error);
    });
  }

  close() {
    this.#running?.abort();
    this.#running = null;
    if (this.state !== "closed") this.#set("closed");
  }

  /**
   * @param {EventStream["state"]} state
   * @param {unknown} [error]
   */
  #set(state, error = null) {
    if (state === this.state && !error) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("statechange", { detail: { state, error } }));
  }

  /** @param {AbortSignal} signal */
  async #run(signal) {
    let failures = 0;
    for (;;) {
      let waitMs = 0;
      const attempt = new AbortController();
      const ended = AbortSignal.any([signal, attempt.signal]);
      try {
        if (await this.#read(ended, attempt)) failures = 0;
        waitMs = 200;
      } catch (error) {
        if (signal.aborted) throw error;
        const known = /** @type {{status?: number, retryable?: boolean, retryAfterS?: number | null}} */ (error);
        if (known.status && !known.retryable) throw error;
        if (known.retryAfterS) waitMs = known.retryAfterS * 1000;
      }
      attempt.abort();
      failures += 1;
      this.#set("interrupted");
      await wait(Math.max(waitMs, this.#retryMs ?? 0, backoffMs(failures, { random: this.#random })), signal, { wakeOnline: true });
      await untilOnline(signal);
    }
  }

  /** @type {number | null} */
  #retryMs = null;

  /**
   * @param {AbortSignal} signal
   * @param {AbortController} attempt
   * @returns {Promise<boolean>} whether anything was received
   */
  async #read(signal, attempt) {
    /** @type {Record<string, string>} */
    const headers = { Authorization: `Bearer ${this.#token}`, Accept: "text/event-stream" };
    if (sentLanguage(this.#lang)) headers["Accept-Language"] = this.#lang;
    if (this.#lastId) headers["Last-Event-ID"] = this.#lastId;
    const watchdog = () => setTimeout(() => attempt.abort(new Error("nothing came for too long")), this.#silenceMs);
    let silence = watchdog();
    const offline = () => attempt.abort(new Error("offline"));
    globalThis.addEventListener?.("offline", offline, { once: true });
    let received = false;
    try {
      const response = await fetch(this.#url, { headers, signal, cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer" });
      if (!response.ok || response.status === 204) throw await problemOf(response);
      if (!response.body) throw new Error("the event stream has no body");
      this.#set("open");
      const parser = new EventParser();
      parser.lastId = this.#lastId;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return received;
        received = true;
        clearTimeout(silence);
        silence = watchdog();
        for (const event of parser.push(value)) {
          this.#lastId = event.id;
          this.dispatchEvent(new CustomEvent("message", { detail: event }));
        }
        this.#retryMs = parser.retryMs;
      }
    } finally {
      clearTimeout(silence);
      globalThis.removeEventListener?.("offline", offline);
    }
  }
}

/**
 * What an interviewer is told while the call runs.
 *
 * Events: `verdict`, `link`, `notice`, `session`, `challenge` (details as in wire.js), `statechange` ({state, error}), `error` (a
 * message that could not be read; the stream goes on).
 */
export class VerdictStream extends EventTarget {
  #stream;

  /** @param {{server?: string, session: string, token: string, lang?: string}} options lang: of what is said, the page's if left out */
  constructor({ server = "", session, token, lang }) {
    super();
    this.#stream = new EventStream({ url: sessionAddress(server, session, "/events"), token, lang });
    this.#stream.addEventListener("statechange", (event) => {
      this.dispatchEvent(new CustomEvent("statechange", { detail: /** @type {CustomEvent} */ (event).detail }));
    });
    this.#stream.addEventListener("message", (event) => this.#take(/** @type {CustomEvent} */ (event).detail));
  }

  get state() {
    return this.#stream.state;
  }

  open() {
    this.#stream.open();
  }

  close() {
    this.#stream.close();
  }

  /** @param {ServerEvent} event */
  #take(event) {
    /** @type {Record<string, (value: unknown) => unknown>} */
    const known = { verdict: parseVerdict, link: parseLink, notice: parseNotice, session: parseSessionView, challenge: parseChallenge };
    const parse = Object.hasOwn(known, event.event) ? known[event.event] : null;
    if (!parse) return;
    let detail;
    try {
      detail = parse(JSON.parse(event.data));
    } catch (error) {
      this.dispatchEvent(new CustomEvent("error", { detail: error }));
      return;
    }
    this.dispatchEvent(new CustomEvent(event.event, { detail }));
  }
}
