// @ts-check
/** What a candidate is shown of a challenge: what to do, how to stop, and thanks. Never how it came out. */

import { ApiError } from "../sdk/api.js";
import { LivenessSession } from "../sdk/session.js";
import { h, mark, s, say } from "./dom.js";
import { drawing, DRAWING_CSS, pictured, wayArrow } from "./drawings.js";
import { LightShow } from "./light-show.js";
import { LOOK, sheet } from "./look.js";
import { Throttle } from "./steady.js";
import { languageOf, textsFor } from "./texts/index.js";

/** @typedef {import("../sdk/wire.js").ChallengeOffer} Offer */
/** @typedef {import("../sdk/wire.js").ChallengePrompt} Prompt */
/** @typedef {import("../sdk/wire.js").DeclineReason} DeclineReason */
/** @typedef {"idle" | "asking" | "ready" | "starting" | "running" | "waiting" | "over"} Phase */

/** A movement's prompt follows this long after its title: time to look, none to prepare. */
const READY_MS = 1000;
const THANKS_MS = 4000;
/** After the deadline the service still waits this long for an outcome; then the prompt must not stay for ever. */
const PATIENCE_MS = 8000;
const SAY_EVERY_MS = 1200;
const AROUND = 2 * Math.PI * 26;

const CSS = sheet(`
dialog { position: fixed; inset: 0; width: 100%; height: 100%; max-width: none; max-height: none; margin: 0; padding: 0; border: 0; background: var(--_paper); color: var(--_ink); }
dialog::backdrop { background: var(--_paper); }
.screen { position: relative; display: grid; grid-template-rows: auto minmax(0, 1fr) auto; gap: clamp(0.5rem, 2vh, 1.25rem); width: 100%; min-height: 100%; padding: clamp(0.75rem, 3vw, 1.75rem); background: var(--_paper); overflow: auto; }
.screen::backdrop { background: var(--_paper); }
.own { justify-self: center; width: clamp(7rem, 22vh, 13rem); aspect-ratio: 16 / 9; border-radius: 10px; overflow: hidden; background: #1d232c; }
.own video { display: block; width: 100%; height: 100%; object-fit: contain; transform: scaleX(-1); }
/* However small the screen: the way out stays in view, and what does not fit scrolls above it. */
.ready, .running { height: 100%; }
:is(.ready, .running) .middle { overflow: auto; }
.middle { display: grid; justify-items: center; align-content: safe center; gap: clamp(0.5rem, 2vh, 1.25rem); text-align: center; min-width: 0; }
h2 { font-size: clamp(1.375rem, 1rem + 2.2vw, 2.25rem); line-height: 1.2; letter-spacing: -0.02em; max-width: 26ch; text-wrap: balance; }
h2:focus { outline: none; }
.text { font-size: clamp(1rem, 0.9rem + 0.5vw, 1.25rem); max-width: 44ch; color: var(--_soft); text-wrap: balance; }
.text.strong { color: var(--_ink); font-weight: 600; }
.shown { display: grid; grid-template-columns: minmax(0, 1fr) auto minmax(0, 1fr); align-items: center; justify-items: center; gap: 0.5rem clamp(0.5rem, 4vw, 3rem); width: min(100%, 64rem); }
.shown .drawing { grid-column: 2; width: clamp(10rem, 40vh, 24rem); max-width: 52vw; height: auto; }
.way { display: grid; justify-items: center; gap: 0.25rem; color: var(--_accent); font-weight: 700; font-size: clamp(1.25rem, 1rem + 2vw, 2.25rem); line-height: 1.1; }
.way svg { width: clamp(2.75rem, 10vw, 6rem); height: auto; }
.way.left { grid-column: 1; grid-row: 1; justify-self: end; }
.way.right { grid-column: 3; grid-row: 1; justify-self: start; }
.way.up, .way.down { grid-column: 2; grid-auto-flow: column; align-items: center; gap: 0.75rem; }
.way.up { grid-row: 1; } .way.down { grid-row: 2; }
.way.up ~ .drawing { grid-row: 2; } .way.down ~ .drawing { grid-row: 1; }
.way.up svg, .way.down svg { width: 3rem; }
.digits { grid-column: 1 / -1; font-size: clamp(2.5rem, 13vw, 6.5rem); font-weight: 700; line-height: 1; letter-spacing: 0.18em; margin-right: -0.18em; }
.shown:has(.digits) .drawing { width: clamp(7rem, 24vh, 16rem); }
.guidance { min-height: 1.5em; font-size: clamp(1.125rem, 1rem + 1vw, 1.5rem); font-weight: 600; }
.guidance.good { color: var(--_live); }
.foot { display: flex; flex-wrap: wrap; align-items: center; justify-content: center; gap: 0.75rem; }
.foot button { min-height: 3rem; padding-inline: 1.25rem; border-width: 2px; flex: 0 1 auto; }
.asking .foot { flex-direction: column; align-items: stretch; width: min(100%, 26rem); justify-self: center; }
.ring { width: 4rem; height: 4rem; }
.ring circle { fill: none; stroke-width: 6; stroke: var(--_rule); }
.ring .gone { stroke: var(--_accent); stroke-linecap: round; transform: rotate(-90deg); transform-origin: 50% 50%; }
.ring text { font-size: 22px; font-weight: 700; fill: var(--_ink); text-anchor: middle; }
.asking, .over { grid-template-rows: auto auto; align-content: safe center; gap: 1.5rem; }
.asking .foot button { min-height: 3rem; }
.over .middle { gap: 0.5rem; }

/* The light: two halves of the whole screen; words dark on soft colours, whatever the scheme. */
.light { color: #14181f; grid-template-rows: minmax(0, 1fr) auto; overflow: hidden; }
.half { position: absolute; top: 0; bottom: 0; width: 50%; forced-color-adjust: none; background: rgb(205 205 205); }
.half.left { left: 0; } .half.right { right: 0; }
.light .middle, .light .foot { position: relative; }
.light .own { width: clamp(8rem, 22vw, 15rem); border: 2px solid #14181f; }
.light h2 { font-size: clamp(1.125rem, 1rem + 1vw, 1.5rem); }
.light .foot button { background: #14181f; color: #fff; border-color: #14181f; }
.light .ring circle { stroke: rgb(20 24 31 / 0.2); } .light .ring .gone { stroke: #14181f; } .light .ring text { fill: #14181f; }
.light :focus-visible { outline-color: #14181f; outline-offset: 3px; }
@media (max-height: 30rem) and (min-width: 34rem) {
  .screen:not(.light) .own { display: none; }
  .asking { gap: 0.75rem; }
  .asking h2 { font-size: 1.25rem; }
  .asking .text { font-size: 1rem; max-width: 60ch; }
  .asking .foot { flex-direction: row; width: auto; }
  .ready, .running { grid-template-rows: minmax(0, 1fr) auto; }
  h2 { font-size: 1.25rem; max-width: 52ch; }
  .shown .drawing { width: clamp(6rem, 30vh, 14rem); }
  .way:is(.up, .down) { grid-column: 1; grid-row: 1; justify-self: end; }
  .way:is(.up, .down) ~ .drawing { grid-row: 1; }
  .digits { grid-column: 3; grid-row: 1; font-size: 3.5rem; }
}
@media (max-width: 30rem) {
  .foot { gap: 0.5rem; }
  .running .foot button, .ready .foot button { flex: 1 1 auto; padding-inline: 0.5rem; }
  .ring { width: 3.25rem; height: 3.25rem; }
  .way.left, .way.right { grid-column: 1 / -1; grid-row: 1; grid-auto-flow: column; align-items: center; gap: 0.5rem; }
  .way.left { justify-self: start; }
  .way.right { justify-self: end; }
  .way.left ~ .drawing, .way.right ~ .drawing { grid-row: 2; }
  .shown .drawing { width: clamp(7rem, 50vh - 11rem, 24rem); max-width: 60vw; }
}
${DRAWING_CSS}
`);

/**
 * `<liveness-challenge server session token lang>`
 *
 * Covers the page while a candidate is asked for something, and is nothing otherwise. Give it the page's LivenessSession as the
 * property `check` (with `server`, `session` and `token` it listens by itself), and as `stream` the camera's picture to be shown.
 * Attribute `state`: idle, asking (of light), ready, starting, running, waiting, over.
 * Events: `liveness-challenge` {state, challenge}, `liveness-challenge-declined` {challenge, reason}. Parts: screen.
 */
export class LivenessChallenge extends HTMLElement {
  /** @type {LivenessSession | null} */
  #check = null;
  #own = false;
  /** @type {AbortController | null} */
  #listening = null;
  /** @type {MediaStream | null} */
  #stream = null;
  #dialog = h("dialog", { "aria-labelledby": "title" });
  #screen = h("div", { class: "screen", part: "screen" });
  #live = h("p", { class: "unseen", role: "status" });
  #guidance = h("p", { class: "guidance" });
  #saying = new Throttle(SAY_EVERY_MS);
  /** @type {Offer | null} */
  #offer = null;
  /** @type {Phase} */
  #phase = "idle";
  /** Ends whatever runs for the challenge that is shown. */
  #life = new AbortController();
  /** @type {Promise<WakeLockSentinel | null> | null} */
  #awake = null;
  #light = false;

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [LOOK, CSS];
    this.#dialog.append(this.#screen, this.#live);
    root.append(this.#dialog);
    this.#dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.#leave();
    });
    // A browser may close a dialog at a second Escape whatever the page says.
    this.#dialog.addEventListener("close", () => this.#phase !== "idle" && this.#leave());
    this.#dialog.addEventListener("keydown", (event) => {
      // At once, also where the browser would first ask the dialog.
      if (event.key !== "Escape") return;
      event.preventDefault();
      this.#leave();
    });
  }

  connectedCallback() {
    mark(this, "state", this.#phase);
    const session = this.getAttribute("session");
    const token = this.getAttribute("token");
    if (this.#check || !session || !token) return;
    const check = new LivenessSession({ server: this.getAttribute("server") ?? "", session, token, lang: languageOf(this) });
    this.check = check;
    this.#own = true;
    check.listen();
  }

  disconnectedCallback() {
    queueMicrotask(() => {
      if (this.isConnected) return;
      if (this.#offer && this.#phase !== "over") this.decline("other");
      this.#close();
      if (this.#own) this.check = null;
    });
  }

  get state() {
    return this.#phase;
  }

  get check() {
    return this.#check;
  }

  /** @param {LivenessSession | null} check */
  set check(check) {
    if (this.#own) this.#check?.close();
    this.#own = false;
    this.#listening?.abort();
    this.#check = check;
    if (!check) return;
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    /** @param {string} name @param {(detail: any) => void} take */
    const on = (name, take) => check.addEventListener(name, (event) => take(/** @type {CustomEvent} */ (event).detail), { signal });
    on("challenge", (offer) => this.show(offer));
    on("challenge_guidance", ({ id, guidance }) => id === this.#offer?.id && this.#guide(guidance));
    on("challenge_over", ({ id, how }) => id === this.#offer?.id && this.#thank(this.#wasDone(how) ? "thanks" : "late"));
    on("session", ({ state }) => (state === "ended" || state === "withdrawn") && this.#close());
  }

  get stream() {
    return this.#stream;
  }

  /** @param {MediaStream | null} stream */
  set stream(stream) {
    this.#stream = stream;
    const video = this.#screen.querySelector("video");
    if (video) video.srcObject = stream;
  }

  /** @param {Offer} offer */
  show(offer) {
    if (offer.id === this.#offer?.id) return;
    this.#begin(offer);
    this.#light = offer.challenge === "light_code";
    if (this.#light && matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.#tell("liveness-challenge-declined", { challenge: offer.challenge, reason: "reduced_motion" });
      this.#refuse("reduced_motion");
      this.#close();
      return;
    }
    this.#lockAwake();
    if (offer.warning) this.#ask(offer);
    else this.#getReady(offer);
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#focus();
  }

  /** @param {DeclineReason} reason */
  decline(reason) {
    const offer = this.#offer;
    if (!offer || this.#phase === "over" || this.#phase === "idle") return;
    this.#tell("liveness-challenge-declined", { challenge: offer.challenge, reason });
    this.#refuse(reason);
    this.#thank("stopped");
  }

  /** @param {Offer} offer */
  #begin(offer) {
    this.#life.abort();
    this.#life = new AbortController();
    this.#offer = offer;
    say(this.#live, "");
    say(this.#guidance, "");
    this.#guidance.className = "guidance";
  }

  /** @param {DeclineReason} reason */
  #refuse(reason) {
    const { check } = this;
    const id = this.#offer?.id;
    if (check && id) check.declineChallenge(id, reason).catch((error) => this.#tell("liveness-problem", error));
  }

  /** What Escape does. */
  #leave() {
    if (this.#phase === "over") this.#close();
    else this.decline("other");
  }

  /**
   * @param {string} name
   * @param {unknown} detail
   */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }

  /** @param {Phase} phase */
  #set(phase) {
    if (phase === this.#phase) return;
    this.#phase = phase;
    mark(this, "state", phase);
    this.#tell("liveness-challenge", { state: phase, challenge: this.#offer?.challenge ?? null });
  }

  #texts() {
    return textsFor(this).prompt;
  }

  /** @param {Offer} offer */
  #words(offer) {
    return this.#texts().offer(offer.challenge) ?? offer;
  }

  /** Light: what will happen, whether it harms, and three answers that weigh the same. @param {Offer} offer */
  #ask(offer) {
    const texts = this.#texts();
    const { title, text } = this.#words(offer);
    const start = this.#button(texts.start, () => this.#start(offer));
    this.#draw(
      "asking",
      h("div", { class: "middle" }, heading(title), h("p", { class: "text strong" }, texts.warning), h("p", { class: "text" }, text), h("p", { class: "text strong" }, texts.warningQuestion)),
      h("div", { class: "foot" }, start, this.#button(texts.sensitive, () => this.decline("photosensitive")), this.#button(texts.cannot, () => this.decline("cannot"))),
    );
    this.#set("asking");
  }

  /** @param {Offer} offer */
  async #getReady(offer) {
    const texts = this.#texts();
    const { title, text } = this.#words(offer);
    this.#draw("ready", this.#mirror(), h("div", { class: "middle" }, h("p", { class: "text" }, texts.ready), heading(title), h("p", { class: "text strong" }, text)), this.#foot());
    this.#set("ready");
    const { signal } = this.#life;
    await pause(READY_MS, signal);
    await visible(signal);
    if (!signal.aborted) this.#start(offer);
  }

  /** @param {Offer} offer */
  async #start(offer) {
    if (this.#phase === "starting") return;
    const { signal } = this.#life;
    this.#set("starting");
    if (this.#light) {
      this.#drawLight();
      await this.#fullscreen();
    }
    if (signal.aborted) return;
    try {
      const prompt = await this.check?.challengeReady(offer.id);
      if (signal.aborted || !prompt) return;
      const atMs = performance.now() - 1000 * prompt.elapsed_s;
      if (this.#light) this.#shine(prompt, atMs);
      else this.#prompt(prompt, atMs);
    } catch (error) {
      if (signal.aborted) return;
      this.#tell("liveness-problem", error);
      // That the service could not be reached is no answer: it waits, and calls it not answered.
      if (error instanceof ApiError && error.status !== 404 && error.status !== 409) this.#refuse("other");
      this.#thank("late");
    }
  }

  /**
   * @param {Prompt} prompt
   * @param {number} atMs
   */
  #prompt(prompt, atMs) {
    const texts = this.#texts();
    const { kind, way } = pictured(prompt.page);
    const digits = prompt.page.digits === undefined ? "" : Array.isArray(prompt.page.digits) ? prompt.page.digits.join("") : String(prompt.page.digits).replaceAll(" ", "");
    // An arrow beside "Left" would send a hand the wrong way: it comes from there.
    const place = texts.places[kind]?.[way];
    const words = place ?? texts.ways[way];
    const ring = new Ring(prompt.deadline_s, texts);
    this.#draw(
      "running",
      this.#mirror(),
      h(
        "div",
        { class: "middle" },
        heading(texts.instruct(prompt.challenge, prompt.page, way) ?? prompt.page.text),
        h(
          "div",
          { class: "shown" },
          words ? h("p", { class: `way ${way}${place ? " place" : ""}`, "aria-hidden": "true" }, place ? null : wayArrow(way), words) : null,
          drawing(kind, way),
          digits ? h("p", { class: "digits" }, digits) : null,
        ),
        this.#guidance,
      ),
      this.#foot(ring.node),
    );
    this.#set("running");
    this.#focus();
    this.#count(ring, prompt, atMs);
  }

  /**
   * The light, and the code that it follows.
   *
   * @param {Prompt} prompt
   * @param {number} atMs
   */
  #shine(prompt, atMs) {
    const { signal } = this.#life;
    /** @param {string} side */
    const half = (side) => /** @type {HTMLElement} */ (this.#screen.querySelector(`.half.${side}`));
    let show;
    try {
      show = new LightShow(prompt.page, { left: half("left"), right: half("right") });
    } catch (error) {
      this.#tell("liveness-problem", error);
      this.decline("other");
      return;
    }
    this.#set("running");
    const stop = () => this.decline("other");
    document.addEventListener("visibilitychange", () => document.hidden && stop(), { signal });
    document.addEventListener("fullscreenchange", () => !document.fullscreenElement && this.#phase === "running" && stop(), { signal });
    matchMedia("(prefers-reduced-motion: reduce)").addEventListener("change", ({ matches }) => matches && this.decline("reduced_motion"), { signal });
    if (document.hidden) return stop();
    show.run(atMs, signal).then(() => {
      if (signal.aborted || this.#phase !== "running") return;
      this.#wait(signal);
    });
  }

  /**
   * @param {Ring} ring
   * @param {Prompt} prompt
   * @param {number} atMs
   */
  async #count(ring, prompt, atMs) {
    const { signal } = this.#life;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    while (!signal.aborted) {
      const leftS = prompt.deadline_s - (performance.now() - atMs) / 1000;
      if (leftS <= 0) break;
      ring.show(still ? Math.ceil(leftS) : leftS);
      await pause(still ? 250 : 50, signal);
    }
    if (!signal.aborted && this.#phase === "running") this.#wait(signal);
  }

  /** Nothing is asked any more; the service says when it is over. @param {AbortSignal} signal */
  async #wait(signal) {
    this.#set("waiting");
    const texts = this.#texts();
    this.#draw("over", h("div", { class: "middle" }, heading(texts.waiting)), h("div", { class: "foot" }, this.#button(texts.close, () => this.#close())));
    this.#focus();
    await pause(PATIENCE_MS, signal);
    if (!signal.aborted) this.#thank("thanks");
  }

  /** Whether there is something to give thanks for: what could not be judged is over before it was shown. @param {string} how */
  #wasDone(how) {
    return this.#phase === "waiting" || (this.#phase === "running" && how === "finished");
  }

  /** @param {"thanks" | "stopped" | "late"} how */
  async #thank(how) {
    if (this.#phase === "idle" || this.#phase === "over") return;
    this.#life.abort();
    this.#life = new AbortController();
    const { signal } = this.#life;
    const texts = this.#texts();
    this.#saying.cancel();
    say(this.#live, "");
    this.#set("over");
    this.#leaveFullscreen();
    this.#draw(
      "over",
      h("div", { class: "middle" }, heading(texts[how]), h("p", { class: "text" }, texts.thanksNote)),
      h("div", { class: "foot" }, this.#button(texts.close, () => this.#close())),
    );
    this.#focus();
    await pause(THANKS_MS, signal);
    if (!signal.aborted) this.#close();
  }

  #close() {
    this.#life.abort();
    this.#saying.cancel();
    this.#set("idle");
    this.#leaveFullscreen();
    this.#awake?.then((lock) => lock?.release()).catch(() => {});
    this.#awake = null;
    if (this.#dialog.open) this.#dialog.close();
    this.#screen.replaceChildren();
  }

  /** @param {string} guidance */
  #guide(guidance) {
    const texts = this.#texts();
    const text = texts.guidanceOf[this.#offer?.challenge ?? ""]?.[guidance] ?? texts.guidance[guidance];
    if (!text || this.#phase !== "running" || this.#light) return;
    say(this.#guidance, text);
    this.#guidance.className = `guidance ${guidance === "good" || guidance === "hold" ? "good" : ""}`;
    this.#saying.run(() => say(this.#live, text));
  }

  // ---- what stands there

  #drawLight() {
    const texts = this.#texts();
    this.#draw("light", h("div", { class: "half left" }), h("div", { class: "half right" }), h("div", { class: "middle" }, this.#mirror(), heading(texts.light)), h("div", { class: "foot" }, this.#button(texts.stop, () => this.decline("other"))));
    this.#focus();
  }

  /**
   * @param {string} kind
   * @param {...(Node | null)} children
   */
  #draw(kind, ...children) {
    this.#screen.className = `screen ${kind}`;
    this.#screen.replaceChildren(...children.filter((child) => child !== null));
  }

  /** @param {Node} [ring] */
  #foot(ring) {
    const texts = this.#texts();
    return h("div", { class: "foot" }, ring, this.#button(texts.cannot, () => this.decline("cannot")), this.#button(texts.stop, () => this.decline("other")));
  }

  /**
   * @param {string} words
   * @param {() => void} act
   */
  #button(words, act) {
    const made = h("button", { type: "button" }, words);
    made.addEventListener("click", act);
    return made;
  }

  #mirror() {
    if (!this.#stream?.getVideoTracks().length) return h("div");
    const video = h("video", { autoplay: true, muted: true, playsinline: true, "aria-label": this.#texts().own });
    video.muted = true;
    video.srcObject = this.#stream;
    return h("div", { class: "own" }, video);
  }

  /** What is new is read out, and Tab goes on to its buttons. */
  #focus() {
    this.#screen.querySelector("h2")?.focus({ preventScroll: true });
  }

  async #fullscreen() {
    try {
      // A browser that never answers must not keep anybody waiting.
      await Promise.race([this.#screen.requestFullscreen({ navigationUI: "hide" }), pause(1500, this.#life.signal)]);
      this.#focus();
    } catch {
      // Not allowed, or not possible: the page itself is nearly as large.
    }
  }

  #leaveFullscreen() {
    const root = /** @type {ShadowRoot} */ (this.shadowRoot);
    if (root.fullscreenElement === this.#screen) document.exitFullscreen().catch(() => {});
  }

  #lockAwake() {
    this.#awake ??= Promise.resolve(navigator.wakeLock?.request("screen") ?? null).catch(() => null);
  }
}

/** The time that is left, as a ring that runs out around a number. */
class Ring {
  #gone = s("circle", { class: "gone", cx: 32, cy: 32, r: 26, "stroke-dasharray": AROUND });
  #number = s("text", { x: 32, y: 40 });
  #wholeS;
  #texts;
  node;

  /**
   * @param {number} wholeS
   * @param {import("./texts/en.js").Texts["prompt"]} texts
   */
  constructor(wholeS, texts) {
    this.#wholeS = wholeS;
    this.#texts = texts;
    this.node = s("svg", { class: "ring", viewBox: "0 0 64 64", role: "img" }, s("circle", { cx: 32, cy: 32, r: 26 }), this.#gone, this.#number);
    this.show(wholeS);
  }

  /** @param {number} leftS */
  show(leftS) {
    const seconds = Math.ceil(leftS);
    this.#gone.setAttribute("stroke-dashoffset", String(AROUND * (1 - leftS / this.#wholeS)));
    say(this.#number, String(seconds));
    mark(this.node, "aria-label", this.#texts.left(seconds));
  }
}

/** @param {string} words */
const heading = (words) => h("h2", { id: "title", tabindex: "-1" }, words);

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 * @returns {Promise<void>} resolves early if aborted
 */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}

/**
 * @param {AbortSignal} signal
 * @returns {Promise<void>} resolves when the page can be seen, or if aborted
 */
function visible(signal) {
  if (!document.hidden || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    document.addEventListener("visibilitychange", () => !document.hidden && resolve(), { signal });
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
