// @ts-check
/** What a candidate is asked and told of a check: consent, that it runs, and the way to stop it. Never a score. */

import { ApiError } from "../sdk/api.js";
import { LivenessSession } from "../sdk/session.js";
import { h, icon, mark, say } from "./dom.js";
import { LOOK, sheet } from "./look.js";
import { languageOf, textsFor } from "./texts/index.js";

const CSS = sheet(`
.card { background: var(--_surface); border: 1px solid var(--_rule); border-radius: 12px; padding: clamp(1rem, 4vw, 1.75rem); }
h2 { font-size: clamp(1.25rem, 1.1rem + 0.8vw, 1.5rem); line-height: 1.25; letter-spacing: -0.015em; text-wrap: balance; }
.text { margin-top: 1rem; display: grid; gap: 0.75rem; }
.text li { display: grid; grid-template-columns: 1.25rem minmax(0, 1fr); gap: 0.25rem; max-width: 66ch; }
.text li::before { content: ""; width: 0.625rem; height: 0.625rem; margin-top: 0.45em; border-radius: 50%; background: var(--_accent); }
.actions { display: flex; flex-wrap: wrap; gap: 0.75rem; margin-top: 1.5rem; }
/* Both choices weigh the same: a consent that is pushed for is none. */
.actions button { flex: 1 1 14rem; min-height: 3rem; border: 2px solid var(--_accent); color: var(--_accent); }
.actions button:hover { background: color-mix(in srgb, var(--_accent) 10%, var(--_surface)); border-color: var(--_accent); }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 0.75rem; padding: 0.5rem 0.75rem; border: 1px solid var(--_rule); border-radius: 10px; background: var(--_surface); }
.bar .icon { width: 1.25rem; height: 1.25rem; color: var(--_accent); }
.bar .words { flex: 1 1 12rem; min-width: 0; line-height: 1.35; }
.bar strong { display: block; font-size: 0.9375rem; }
.bar .note { font-size: 0.8125rem; color: var(--_soft); }
.bar button { font-size: 0.875rem; }
:host([state="connected"]) .bar .icon { animation: breathe 3s ease-in-out infinite; }
@keyframes breathe { 50% { opacity: 0.35; } }
.problem { margin-top: 1rem; padding: 0.625rem 0.875rem; border: 1px solid var(--_strong); border-left-width: 4px; border-radius: 8px; font-size: 0.9375rem; }
@media (forced-colors: active) { .text li::before { forced-color-adjust: none; background: CanvasText; } .bar .icon { color: CanvasText; } }
`);

/** Reasons, of a session's state or a problem's type, after which no check comes back. */
const OVER = new Set(["ended", "session-over", "session-expired"]);
const WITHDRAWN = new Set(["withdrawn", "consent-missing", "consent-withdrawn"]);

/**
 * `<liveness-check server session token lang>`
 *
 * States (attribute `state`): loading, asking, agreed, connecting, connected, reconnecting, declined, stopped, ended, failed.
 * `element.start(stream)` begins the check once the candidate agreed; `element.check` is its LivenessSession.
 * Events: `liveness-agree` {version}, `liveness-decline`, `liveness-stop`, `liveness-state` {state}, `liveness-problem` Error.
 * Slots: `heading` and the default one, inside the question. Parts: card, bar, agree, decline, stop.
 */
export class LivenessCheck extends HTMLElement {
  /** @type {LivenessSession | null} */
  check = null;
  /** @type {import("../sdk/wire.js").CandidateView | null} */
  #view = null;
  /** @type {MediaStream | null} */
  #stream = null;
  #live = h("p", { class: "unseen", role: "status" });
  #box = h("div");
  #problem = "";
  #state = "";

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [LOOK, CSS];
    root.append(this.#live, this.#box);
  }

  connectedCallback() {
    if (this.check) return;
    const session = this.getAttribute("session");
    const token = this.getAttribute("token");
    this.#set("loading");
    if (!session || !token) return;
    this.check = new LivenessSession({ server: this.getAttribute("server") ?? "", session, token, lang: languageOf(this) });
    this.#listen(this.check);
    this.load();
  }

  disconnectedCallback() {
    // Moving the element takes it out and puts it back at once; only what stays out is over.
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.check?.close();
      this.check = null;
    });
  }

  get state() {
    return this.#state;
  }

  /** Whether the candidate agreed to the text as it stands now. */
  get agreed() {
    return Boolean(this.#view?.consent.given_at) && !["declined", "stopped", "ended"].includes(this.#state);
  }

  async load() {
    try {
      const view = await this.check?.details();
      if (!view) return;
      this.#view = view;
      this.#problem = "";
      // An interview that is ended meanwhile is told here, too.
      if (view.state !== "ended") this.check?.listen();
      if (view.state === "ended") this.#set("ended");
      else if (view.state === "withdrawn") this.#set("stopped");
      else this.#set(view.consent.given_at ? "agreed" : "asking");
    } catch (error) {
      this.#fail(error);
    }
  }

  /** @param {MediaStream} stream */
  async start(stream) {
    this.#stream = stream;
    if (!this.agreed || !this.check) return;
    try {
      await this.check.publish(stream);
    } catch (error) {
      // What ends a session has been told by its state already.
      if (this.check.state !== "stopped") this.#fail(error);
    }
  }

  /** @param {LivenessSession} check */
  #listen(check) {
    check.addEventListener("statechange", (event) => {
      const { state, reason, error } = /** @type {CustomEvent} */ (event).detail;
      if (state === "connecting" || state === "connected" || state === "reconnecting") this.#set(state);
      else if (state === "stopped") this.#stopped(reason, error);
    });
    check.addEventListener("session", (event) => {
      const { state } = /** @type {CustomEvent} */ (event).detail;
      if (state === "ended") this.#set("ended");
    });
  }

  /**
   * @param {string} reason
   * @param {unknown} error
   */
  #stopped(reason, error) {
    if (OVER.has(reason)) this.#set("ended");
    else if (!WITHDRAWN.has(reason)) this.#fail(error);
    else if (this.#state !== "declined") this.#set("stopped");
  }

  /** @param {unknown} error */
  #fail(error) {
    this.#problem = error instanceof Error ? error.message : String(error);
    this.#set("failed");
    this.dispatchEvent(new CustomEvent("liveness-problem", { detail: error, bubbles: true, composed: true }));
  }

  async #agree() {
    const version = this.#view?.consent.version;
    if (!version || !this.check) return;
    try {
      const receipt = await this.check.giveConsent(version);
      if (this.#view) this.#view.consent.given_at = receipt.given_at;
    } catch (error) {
      // Another text has come into force: it has to be read first.
      if (error instanceof ApiError && error.status === 409) return this.load();
      return this.#fail(error);
    }
    this.#set("agreed");
    this.#tell("liveness-agree", { version });
    if (this.#stream) await this.start(this.#stream);
  }

  async #decline() {
    this.#set("declined");
    this.#tell("liveness-decline", null);
    // So that the interviewer does not wait for an answer that has been given.
    await this.#withdraw();
  }

  async #stop() {
    this.#set("stopped");
    this.#tell("liveness-stop", null);
    await this.#withdraw();
  }

  async #withdraw() {
    try {
      await this.check?.withdrawConsent();
    } catch (error) {
      // The video has stopped already; that the service could not be told is no trouble of the candidate's.
      this.dispatchEvent(new CustomEvent("liveness-problem", { detail: error, bubbles: true, composed: true }));
    }
  }

  /**
   * @param {string} name
   * @param {unknown} detail
   */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  /** @param {string} state */
  #set(state) {
    if (state === this.#state && state !== "failed") return;
    this.#state = state;
    mark(this, "state", state);
    const focused = this.shadowRoot?.activeElement !== null && this.shadowRoot?.activeElement !== undefined;
    this.#draw(state, focused);
    this.#tell("liveness-state", { state });
  }

  /**
   * @param {string} state
   * @param {boolean} focused
   */
  #draw(state, focused) {
    this.#box.replaceChildren(state === "asking" || state === "loading" ? this.#question(state) : this.#bar(state));
    const bar = this.#box.querySelector("strong");
    if (bar) say(this.#live, bar.textContent ?? "");
    // The button that was pressed is gone: the keyboard goes on at what took its place.
    if (focused) /** @type {HTMLElement | null} */ (this.#box.querySelector("[tabindex], button") ?? null)?.focus();
  }

  /** @param {string} state */
  #question(state) {
    const texts = textsFor(this).check;
    if (state === "loading" || !this.#view) return h("div", { class: "card", part: "card" }, h("p", { class: "soft" }, texts.loading));
    // Who does not understand what is asked cannot agree to it.
    const sentences = texts.texts[this.#view.consent.version] ?? this.#view.consent.text;
    const agree = h("button", { type: "button", part: "agree" }, texts.agree);
    const decline = h("button", { type: "button", part: "decline" }, texts.decline);
    agree.addEventListener("click", () => {
      if (agree.getAttribute("aria-disabled")) return;
      agree.setAttribute("aria-disabled", "true");
      say(agree, texts.busy);
      this.#agree();
    });
    decline.addEventListener("click", () => this.#decline());
    return h(
      "section",
      { class: "card", part: "card", "aria-labelledby": "question" },
      h("slot", { name: "heading" }, h("h2", { id: "question" }, texts.heading)),
      h("ul", { class: "text" }, ...sentences.map((sentence) => h("li", {}, h("span", {}, sentence)))),
      h("slot"),
      h("div", { class: "actions" }, agree, decline),
    );
  }

  /** @param {string} state */
  #bar(state) {
    const texts = textsFor(this).check;
    /** @type {Record<string, [string, string]>} */
    const words = {
      agreed: [texts.ready, ""],
      connecting: [texts.connecting, ""],
      connected: [texts.running, texts.runningNote],
      reconnecting: [texts.running, texts.interrupted],
      declined: [texts.off, texts.offNote],
      stopped: [texts.stopped, texts.offNote],
      ended: [texts.ended, ""],
      failed: [texts.failed, this.#problem],
    };
    const [title, note] = words[state] ?? words.declined;
    const running = ["agreed", "connecting", "connected", "reconnecting"].includes(state);
    const bar = h(
      "div",
      { class: "bar", part: "bar", role: "group", tabindex: "-1" },
      icon(running ? "mark" : "off"),
      h("div", { class: "words" }, h("strong", {}, title), note && h("span", { class: "note" }, note)),
    );
    if (running) {
      // What has not begun cannot be stopped.
      const stop = h("button", { type: "button", part: "stop" }, state === "agreed" ? texts.decline : texts.stop);
      stop.addEventListener("click", () => this.#stop());
      bar.append(stop);
    } else if (state === "failed") {
      const again = h("button", { type: "button" }, texts.again);
      again.addEventListener("click", () => this.load().then(() => this.#stream && this.start(this.#stream)));
      bar.append(again);
    }
    return bar;
  }
}
