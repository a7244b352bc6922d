// @ts-check
/** What an interviewer is shown of a check. The class alone; register.js gives it its name. */

import { VerdictStream } from "../sdk/events.js";
import { FAMILIES } from "../sdk/wire.js";
import { h, icon, mark, say } from "./dom.js";
import { LivenessChallenges } from "./liveness-challenges.js";
import { LOOK, sheet } from "./look.js";
import { SteadyFigure, SteadyState, Throttle } from "./steady.js";
import { languageOf, textsFor } from "./texts/index.js";
import { clock, Timeline, TIMELINE_CSS } from "./timeline.js";

/** @typedef {import("../sdk/wire.js").Verdict} Verdict */
/** @typedef {import("../sdk/wire.js").Link} Link */
/** @typedef {import("../sdk/wire.js").Notice} Notice */
/** @typedef {import("../sdk/wire.js").SessionView} SessionView */
/** @typedef {import("../sdk/wire.js").Family} Family */

const STALE_MS = 6000;
const LISTS_MS = 2000;
/** A state is read out when it has lasted this long, and not sooner than this after the last. */
const ANNOUNCE_LASTS_MS = 3000;
const ANNOUNCE_EVERY_MS = 10_000;
const SEEN_ENOUGH = 0.5;
const NOTICES = 8;
/** After this long, what hinders a beginning is worth more than that it is one. */
const SLOW_S = 6;

const CSS = sheet(`
:host { container-type: inline-size; }
h2 { font-size: 1rem; line-height: 1.3; letter-spacing: -0.01em; margin-bottom: 0.5rem; }
section { margin-top: 1.5rem; min-width: 0; }
.verdict { --_state: var(--_inconclusive); --_fill: var(--_inconclusive-fill); --_tint: var(--_inconclusive-tint);
  margin-top: 0; background: var(--_tint); border: 1px solid var(--_fill); border-radius: 12px; overflow: hidden; }
.verdict[data-state="live"] { --_state: var(--_live); --_fill: var(--_live-fill); --_tint: var(--_live-tint); }
.verdict[data-state="suspect"] { --_state: var(--_suspect); --_fill: var(--_suspect-fill); --_tint: var(--_suspect-tint); }
.say { display: flex; gap: 0.875rem; padding: 1rem 1.125rem; align-items: flex-start; }
.say .icon { width: 2.5rem; height: 2.5rem; color: var(--_fill); margin-top: 0.125rem; }
.state { color: var(--_state); font-size: 1.75rem; line-height: 1.1; letter-spacing: -0.03em; font-weight: 700; margin: 0; }
.headline { margin-top: 0.25rem; font-weight: 600; line-height: 1.35; text-wrap: pretty; }
.summary { margin-top: 0.25rem; font-size: 0.875rem; color: var(--_soft); text-wrap: pretty; }
.stale { display: flex; gap: 0.5rem; align-items: center; padding: 0.5rem 1.125rem; background: var(--_surface); border-top: 1px solid var(--_rule); font-size: 0.875rem; font-weight: 600; }
.stale .icon { width: 1.25rem; height: 1.25rem; }
.measure { padding: 0 1.125rem 1rem; }
.measure-name { font-size: 0.8125rem; color: var(--_soft); }
.figures { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 0.625rem; }
.figure { font-size: 1.75rem; font-weight: 700; letter-spacing: -0.03em; line-height: 1.3; }
.gauge { position: relative; height: 30px; margin-inline: 3px; }
.track, .band, .middle, .point { position: absolute; }
.gauge .track { inset: 11px 0; border-radius: 4px; background: var(--_surface); border: 1px solid var(--_strong); }
.gauge .band { top: 7px; bottom: 7px; border-radius: 3px; background: var(--_fill); opacity: 0.5; transition: left 0.6s, width 0.6s; }
.gauge .middle { left: 50%; top: 5px; bottom: 5px; width: 1px; background: var(--_strong); }
.gauge .point { top: 1px; bottom: 1px; width: 6px; margin-left: -3px; border-radius: 3px; background: var(--_ink); outline: 2px solid var(--_tint); transition: left 0.6s; }
.ends { display: grid; grid-template-columns: 1fr auto 1fr; font-size: 0.75rem; color: var(--_soft); }
.ends span:last-child { text-align: right; }
.measure-note { margin-top: 0.25rem; font-size: 0.75rem; color: var(--_soft); }
.is-stale .gauge { filter: grayscale(1); }
.is-stale .figure { font-weight: 400; }
.next { padding: 0.375rem 1.125rem; background: var(--_surface); border-top: 1px solid var(--_fill); border-bottom: 0; }
.next summary { padding-block: 0.5rem; font-size: 0.9375rem; }
.next summary h2 { display: inline; font-size: inherit; margin: 0; }
.next[open] summary { font-size: 1.0625rem; }
.next[open] { padding-bottom: 0.875rem; }
.next blockquote { margin: 0.375rem 0; padding-left: 0.75rem; border-left: 3px solid var(--_state); font-weight: 600; }
::slotted([slot="next"]) { margin-top: 1rem; }
.key { padding-inline: 1.125rem; background: var(--_surface); border-top: 1px solid var(--_rule); }
.key .reason { border-bottom: 0; }
.grid2 { display: grid; grid-template-columns: minmax(0, 1fr); gap: 0 2rem; }
.reason { display: grid; grid-template-columns: 1rem minmax(0, 1fr); gap: 0 0.5rem; padding-block: 0.625rem; border-bottom: 1px solid var(--_rule); }
.reason .icon { width: 0.75rem; height: 0.75rem; margin-top: 0.35rem; color: var(--_live-fill); }
.reason.closer .icon { color: var(--_suspect-fill); }
.reason p { font-weight: 600; font-size: 0.9375rem; line-height: 1.4; text-wrap: pretty; }
.reason .facts { font-weight: 400; font-size: 0.8125rem; color: var(--_soft); }
.question { padding-block: 0.625rem; border-bottom: 1px solid var(--_rule); }
.question dt { font-size: 0.875rem; color: var(--_soft); }
.question dd strong { display: block; font-size: 0.9375rem; }
.question .seen { display: flex; flex-wrap: wrap; gap: 0.125rem 0.625rem; align-items: center; font-size: 0.8125rem; color: var(--_soft); }
.meter { width: 5rem; height: 8px; border-radius: 2px; overflow: hidden; background: var(--_rule); border: 1px solid var(--_strong); flex: none; }
.meter i { display: block; height: 100%; background: var(--_soft); transition: width 0.6s; }
.question.signs dd strong { color: var(--_suspect); }
.link-words { font-weight: 600; }
.numbers { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0.125rem 1rem; font-size: 0.8125rem; }
.numbers dt { color: var(--_soft); }
.notice { display: flex; gap: 0.75rem; font-size: 0.875rem; padding-block: 0.375rem; border-bottom: 1px solid var(--_rule); }
.notice b { font-weight: 400; color: var(--_soft); white-space: nowrap; }
.notice time { color: var(--_soft); flex: none; min-width: 2.75rem; }
.missing { font-size: 0.8125rem; color: var(--_soft); padding-left: 1rem; list-style: disc; }
@container (max-width: 24rem) {
  section { margin-top: 1.25rem; }
  .say { display: grid; grid-template-columns: 1.5rem minmax(0, 1fr); gap: 0 0.5rem; align-items: center; padding: 0.5rem 0.75rem 0.25rem; }
  .say > div { display: contents; }
  .say .icon { width: 1.5rem; height: 1.5rem; margin: 0; display: block; }
  .state { font-size: 1.25rem; }
  .headline, .summary { grid-column: 1 / -1; margin-top: 0.125rem; font-size: 0.8125rem; line-height: 1.25; }
  .measure { padding: 0 0.75rem 0.25rem; }
  .measure-name { font-size: 0.75rem; line-height: 1.3; }
  .figure { font-size: 1.125rem; }
  .gauge { height: 18px; }
  .gauge .track { inset-block: 6px; }
  .gauge .band { inset-block: 4px; }
  .gauge .middle { inset-block: 2px; }
  .ends { display: none; }
  .key { padding-inline: 0.75rem; }
  .key .reason { padding-block: 0.125rem; }
  .key .reason p { font-size: 0.8125rem; }
  .key .reason .facts { font-size: 0.75rem; }
  .stale, .next { padding-inline: 0.75rem; }
  ::slotted([slot="next"]) { margin-top: 0.375rem; }
}
@container (min-width: 38rem) {
  .top:has(.measure:not([hidden])) { display: grid; grid-template-columns: minmax(0, 1.1fr) minmax(0, 1fr); align-items: center; }
  .measure { padding-top: 1rem; }
  .grid2 { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr); }
}
:host([compact]) .rest, :host([compact]) .measure-note, :host([compact]) .summary { display: none; }
@media (forced-colors: active) {
  .gauge .band, .gauge .point, .meter i { forced-color-adjust: none; background: Highlight; }
  .gauge .point { background: CanvasText; outline-color: Canvas; }
  .say .icon, .reason .icon, .reason.closer .icon { color: CanvasText; }
}
${TIMELINE_CSS}
`);

/**
 * `<liveness-verdict server session token lang compact>`
 *
 * With `session` and `token` it opens its own event stream; a page that has one gives it as the property `stream`.
 * State comes down as attributes: `state` (warming_up, live, inconclusive, suspect; or waiting, consented, interrupted, withdrawn,
 * ended, refused, loading), `connection` (of the stream), `stale`.
 * Events: `liveness-state` {state, text}.
 * Slots: `heading`, `next` (for `<liveness-challenges>`), and the default one at the foot. Parts: verdict, state, gauge, key, next, reasons, questions, timeline, link, notices.
 */
export class LivenessVerdict extends HTMLElement {
  static observedAttributes = ["server", "session", "token"];

  /** @type {VerdictStream | null} */
  #stream = null;
  #own = false;
  /** @type {View | null} */
  #view = null;
  #steady = new SteadyState();
  #figure = new SteadyFigure();
  #lists = new Throttle(LISTS_MS);
  #announcing = new Throttle(ANNOUNCE_EVERY_MS);
  /** @type {Verdict | null} */
  #verdict = null;
  /** The last one of the state that is shown: what stands beside a state must not speak of another. @type {Verdict | null} */
  #settled = null;
  /** @type {SessionView | null} */
  #session = null;
  /** Consent was taken back after something was seen: this page has forgotten it, and the server says when it has. */
  #forgot = false;
  #refused = false;
  #arrivedMs = -Infinity;
  #announced = "";
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticking;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #lasting;

  constructor() {
    super();
    this.attachShadow({ mode: "open" }).adoptedStyleSheets = [LOOK, CSS];
  }

  connectedCallback() {
    this.#view ??= new View(/** @type {ShadowRoot} */ (this.shadowRoot), textsFor(this));
    this.#ticking = setInterval(() => this.#tick(), 1000);
    this.#openOwn();
    this.#refresh();
  }

  disconnectedCallback() {
    clearInterval(this.#ticking);
    clearTimeout(this.#lasting);
    this.#lists.cancel();
    this.#announcing.cancel();
    if (this.#own) this.stream = null;
  }

  attributeChangedCallback() {
    if (!this.isConnected) return;
    if (this.#own) this.stream = null;
    this.#openOwn();
  }

  get stream() {
    return this.#stream;
  }

  /** @param {VerdictStream | null} stream */
  set stream(stream) {
    if (this.#own) this.#stream?.close();
    this.#listening?.abort();
    this.#own = false;
    this.#stream = stream;
    if (stream) this.#listen(stream);
  }

  /** @type {AbortController | null} */
  #listening = null;

  #openOwn() {
    const session = this.getAttribute("session");
    const token = this.getAttribute("token");
    if (this.#stream || !session || !token) return;
    const stream = new VerdictStream({ server: this.getAttribute("server") ?? "", session, token, lang: languageOf(this) });
    this.stream = stream;
    this.#own = true;
    stream.open();
  }

  /** @param {VerdictStream} stream */
  #listen(stream) {
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    /** @param {string} name @param {(detail: any) => void} take */
    const on = (name, take) => stream.addEventListener(name, (event) => take(/** @type {CustomEvent} */ (event).detail), { signal });
    on("verdict", (detail) => this.showVerdict(detail));
    on("link", (detail) => this.showLink(detail));
    on("notice", (detail) => this.showNotice(detail));
    on("session", (detail) => this.showSession(detail));
    on("statechange", ({ state, error }) => {
      mark(this, "connection", state);
      this.#refused = state === "closed" && Boolean(error);
      this.#refresh();
    });
  }

  /** @param {Verdict} verdict */
  showVerdict(verdict) {
    if (this.#unchecked) return;
    this.#verdict = verdict;
    this.#arrivedMs = performance.now();
    const changed = this.#steady.take(verdict.state, verdict.time_s);
    const settled = verdict.state === this.#steady.shown;
    if (settled) this.#settled = verdict;
    const view = this.#view;
    if (!view) return;
    if (settled && this.#figure.take(verdict.confidence, verdict.interval, verdict.time_s) && this.#figure.shown) view.gauge(this.#figure.shown);
    view.timeline.add({ timeS: verdict.time_s, value: verdict.confidence, low: verdict.interval[0], high: verdict.interval[1], state: verdict.state });
    if (settled) this.#lists.run(() => view.lists(/** @type {Verdict} */ (this.#settled), this.#steady.shown), { now: changed });
    this.#refresh();
  }

  /** @param {Link} link */
  showLink(link) {
    if (!this.#unchecked) this.#view?.link(link);
  }

  /** @param {Notice} notice */
  showNotice(notice) {
    if (!this.#unchecked) this.#view?.notice(notice);
  }

  /** @param {SessionView} session */
  showSession(session) {
    this.#session = session;
    if (this.#unchecked) this.#forget();
    this.#refresh();
  }

  /** Whether the candidate said no, before or during the call. What was on its way then is not shown any more. */
  get #unchecked() {
    const { state, reason } = this.#session ?? {};
    return state === "withdrawn" || (state === "ended" && reason === "withdrawn");
  }

  #forget() {
    this.#forgot ||= this.#verdict !== null;
    this.#announced = "";
    this.#verdict = this.#settled = null;
    this.#steady = new SteadyState();
    this.#figure = new SteadyFigure();
    this.#lists.cancel();
    this.#view?.clear();
  }

  #tick() {
    const verdict = this.#verdict;
    if (verdict) {
      const silentMs = performance.now() - this.#arrivedMs;
      if (silentMs > 2000 && this.#session?.state !== "ended" && this.#session?.state !== "withdrawn") this.#view?.timeline.reach(verdict.time_s + silentMs / 1000);
      this.#view?.timeline.draw();
    }
    this.#refresh();
  }

  /** What stands at the top, from all that is known. */
  #shownState() {
    if (this.#refused) return "refused";
    const session = this.#session?.state;
    if (session === "withdrawn" || session === "ended") return session;
    if (session === "interrupted") return "interrupted";
    if (this.#verdict && this.#steady.shown) return this.#steady.shown;
    return session ?? "loading";
  }

  #refresh() {
    const view = this.#view;
    if (!view) return;
    const state = this.#shownState();
    const silentMs = performance.now() - this.#arrivedMs;
    const measured = this.#verdict !== null;
    const stale = measured && silentMs > STALE_MS && state !== "ended" && state !== "withdrawn";
    mark(this, "stale", stale);
    const over = state === "ended" || state === "withdrawn";
    if (over) view.timeline.stop();
    const last = over && this.#steady.shown !== "warming_up" ? this.#steady.shown : null;
    view.top(state, this.#settled, { staleS: stale ? silentMs / 1000 : null, measured, last, unchecked: this.#unchecked, forgot: this.#forgot, erased: this.#session?.findings_erased ?? false });
    if (this.getAttribute("state") === state) return;
    mark(this, "state", state);
    const text = view.stateText(state);
    this.dispatchEvent(new CustomEvent("liveness-state", { detail: { state, text }, bubbles: true, composed: true }));
    clearTimeout(this.#lasting);
    this.#lasting = setTimeout(() => this.#announcing.run(() => this.#announce()), ANNOUNCE_LASTS_MS);
  }

  #announce() {
    const text = this.#view?.stateText(this.#shownState(), this.#settled) ?? "";
    if (text === this.#announced) return;
    this.#announced = text;
    this.#view?.announce(text);
  }
}

/** The nodes, and how they are changed. */
class View {
  #texts;
  #live = h("p", { class: "unseen", role: "status", "aria-live": "polite" });
  #icon = h("span", { class: "holder" });
  #state = h("h2", { class: "state", part: "state" });
  #headline = h("p", { class: "headline" });
  #summary = h("p", { class: "summary" });
  #card = h("section", { class: "verdict", part: "verdict" });
  #staleText = h("span");
  #stale = h("p", { class: "stale", hidden: true }, icon("lost"), this.#staleText);
  #figure = h("strong", { class: "figure" });
  #interval = h("span", { class: "small soft" });
  #band = h("span", { class: "band" });
  #point = h("span", { class: "point" });
  #gauge = h("div", { class: "gauge", role: "img" }, h("span", { class: "track" }), h("span", { class: "middle" }), this.#band, this.#point);
  #measureName = h("p", { class: "measure-name" });
  #measureNote = h("p", { class: "measure-note" });
  #measure = h("div", { class: "measure", part: "gauge", hidden: true });
  #nextTitle = h("h2");
  #nextFor = "";
  #nextSay = h("blockquote");
  #nextSayName = h("p", { class: "small soft" });
  #nextWhy = h("p", { class: "small" });
  /** Where `<liveness-challenges>` goes: with it, what to ask next stands there and not in the card. */
  #asking = h("slot", { name: "next" });
  #next = h("details", { class: "next", part: "next", hidden: true });
  /** The reason that says most for the state that is shown. */
  #key = h("div", { class: "key", part: "key", hidden: true });
  #reasons = h("ol");
  #missing = h("ul", { class: "missing" });
  #missingBox = h("details", { hidden: true });
  #questions = h("dl");
  /** @type {Map<Family, {row: HTMLElement, answer: HTMLElement, text: HTMLElement, fill: HTMLElement, meter: HTMLElement}>} */
  #rows = new Map();
  #linkWords = h("p", { class: "link-words" });
  #linkSize = h("p", { class: "small soft" });
  #numbers = h("dl", { class: "numbers" });
  #notices = h("ol", { reversed: true });
  #noticeSection = h("section", { part: "notices", hidden: true });
  #noticeCount = 0;
  #number = crypto.getRandomValues(new Uint8Array(1))[0] % 3;
  #iconName = "";
  /** All below what stands at the top; nothing before there is something to tell. */
  #rest = h("div", { class: "rest", hidden: true });

  /**
   * @param {ShadowRoot} root
   * @param {import("./texts/en.js").Texts} texts
   */
  constructor(root, texts) {
    this.#texts = texts;
    this.timeline = new Timeline(texts);
    this.#linkWords.textContent = texts.linkUnknown;
    this.#measure.append(
      this.#measureName,
      h("p", { class: "figures" }, this.#figure, this.#interval),
      this.#gauge,
      h("p", { class: "ends", "aria-hidden": "true" }, ...texts.gaugeEnds.map((word) => h("span", {}, word))),
      this.#measureNote,
    );
    this.#next.append(
      h("summary", {}, this.#nextTitle),
      this.#nextSayName,
      this.#nextSay,
      this.#nextWhy,
      h("p", { class: "small soft" }, texts.nextElse),
    );
    this.#card.append(
      h("div", { class: "top" }, h("div", { class: "say" }, this.#icon, h("div", {}, this.#state, this.#headline, this.#summary)), this.#measure),
      this.#key,
      this.#stale,
      this.#next,
    );
    this.#missingBox.append(h("summary", {}, texts.missing), this.#missing);
    this.#noticeSection.append(h("h2", {}, texts.notices), this.#notices);
    for (const family of FAMILIES) this.#questions.append(this.#question(family));
    root.append(
      h("slot", { name: "heading" }),
      this.#live,
      this.#card,
      this.#asking,
      this.#rest,
      h("slot"),
    );
    this.#rest.append(
      h(
        "div",
        { class: "grid2" },
        h("section", { part: "reasons" }, h("h2", {}, texts.reasons), this.#reasons, this.#missingBox),
        h("section", { part: "questions" }, h("h2", {}, texts.questions), this.#questions),
      ),
      h("section", { part: "timeline" }, h("h2", {}, texts.timeline), this.timeline.node),
      h(
        "div",
        { class: "grid2" },
        h("section", { part: "link" }, h("h2", {}, texts.link), this.#linkWords, this.#linkSize, h("details", {}, h("summary", {}, texts.numbers), this.#numbers)),
        this.#noticeSection,
      ),
    );
    this.#reasons.append(h("li", { class: "small soft" }, texts.noReasons));
  }

  /** @param {string} text */
  announce(text) {
    say(this.#live, text);
  }

  /**
   * @param {string} state
   * @param {Verdict | null} [verdict] if what is the matter and its next step should be told, too
   */
  stateText(state, verdict = null) {
    const texts = this.#texts;
    const [title, headline] = this.#words(state);
    const next = (state === "suspect" || state === "inconclusive") && verdict?.state === state ? verdict.next_step : null;
    const step = next ? ` ${state === "suspect" ? texts.next : texts.nextSurer}: ${texts.challenges[next.challenge]?.title ?? next.why}.` : "";
    const matter = state === "inconclusive" && verdict?.state === state ? ` ${verdict.summary}` : "";
    return `${title}.${matter} ${headline}${step}`;
  }

  /** @param {string} state @returns {string[]} title and sentence */
  #words(state) {
    const { states, headlines, sessions } = this.#texts;
    if (state in states) {
      const known = /** @type {keyof typeof states} */ (state);
      return [states[known], headlines[known]];
    }
    return sessions[/** @type {keyof typeof sessions} */ (state)] ?? sessions.loading;
  }

  /**
   * @param {string} state
   * @param {Verdict | null} verdict
   * @param {{staleS: number | null, measured: boolean, last: string | null, unchecked: boolean, forgot: boolean, erased: boolean}} circumstances
   *   last: the state at the end of a check that is over; unchecked: the candidate said no; forgot: after something was seen; erased: on the server, too
   */
  top(state, verdict, { staleS, measured, last, unchecked, forgot, erased }) {
    const [title, headline] = this.#words(state);
    const judged = state in this.#texts.states;
    mark(this.#card, "data-state", state);
    const before = staleS !== null || state === "interrupted";
    this.#card.classList.toggle("is-stale", before);
    say(this.#measureName, state === "ended" ? this.#texts.confidenceEnd : before ? this.#texts.confidenceBefore : this.#texts.confidence);
    say(this.#measureNote, state === "live" ? this.#texts.gaugeNote : "");
    this.#showIcon(state);
    say(this.#state, title);
    const ended = state === "ended" && unchecked ? this.#texts.endedUnchecked : state === "ended" && last ? this.#texts.atEnd(this.#words(last)[0]) : "";
    const summary = unchecked ? (forgot ? this.#texts[erased ? "erased" : "erasing"] : "") : ended ? headline : judged && verdict && state !== "live" && verdict.state === state ? verdict.summary : "";
    // What is the matter comes first where nothing is known; what to do comes first where something is.
    const slow = state === "warming_up" && (verdict?.time_s ?? 0) > SLOW_S;
    const swap = (state === "inconclusive" || slow) && summary !== "";
    say(this.#headline, swap ? summary : ended || headline);
    say(this.#summary, state === "warming_up" ? "" : swap ? headline : summary);
    this.#stale.hidden = staleS === null;
    if (staleS !== null) say(this.#staleText, this.#texts.stale(staleS));
    this.#measure.hidden = !measured || !this.#figure.textContent;
    const elsewhere = this.#asking.assignedNodes().length > 0;
    this.#next.hidden = elsewhere || !judged || !verdict?.next_step || !(state === "suspect" || state === "inconclusive") || !this.#nextTitle.textContent;
  }

  /** Keep nothing any more of what was seen: not in words, and not where only a screen reader or a style sheet finds it. */
  clear() {
    say(this.#live, "");
    mark(this.#gauge, "aria-label", null);
    for (const node of [this.#band, this.#point]) node.removeAttribute("style");
    this.#nextFor = "";
    this.#rest.hidden = this.#key.hidden = this.#noticeSection.hidden = true;
    this.#reasons.dataset.said = this.#missing.dataset.said = "";
    for (const list of [this.#key, this.#reasons, this.#missing, this.#notices, this.#numbers]) list.replaceChildren();
    for (const words of [this.#figure, this.#interval, this.#nextTitle, this.#nextSay, this.#nextWhy, this.#linkSize]) say(words, "");
    for (const { row, answer, text, fill } of this.#rows.values()) {
      row.classList.remove("signs");
      say(answer, this.#texts.answers.unseen);
      say(text, "");
      fill.style.width = "0";
    }
    say(this.#linkWords, this.#texts.linkUnknown);
    this.timeline.clear();
  }

  /** @param {string} state */
  #showIcon(state) {
    /** @type {Record<string, import("./dom.js").IconName>} */
    const names = { live: "live", suspect: "suspect", inconclusive: "inconclusive", interrupted: "lost", withdrawn: "off", ended: "off", refused: "off" };
    const name = names[state] ?? "warming_up";
    if (name === this.#iconName) return;
    this.#iconName = name;
    this.#icon.replaceChildren(icon(name));
  }

  /** @param {{value: number, low: number, high: number}} shown */
  gauge({ value, low, high }) {
    const texts = this.#texts;
    say(this.#figure, texts.percent(value));
    // Where both ends are the same figure, it says nothing.
    say(this.#interval, texts.percent(low) === texts.percent(high) ? "" : texts.interval(low, high));
    this.#band.style.left = `${low * 100}%`;
    this.#band.style.width = `${Math.max(0.6, (high - low) * 100)}%`;
    this.#point.style.left = `${value * 100}%`;
    mark(this.#gauge, "aria-label", texts.gauge(value, low, high));
  }

  /**
   * @param {Verdict} verdict
   * @param {string | null} shown
   */
  lists(verdict, shown) {
    const texts = this.#texts;
    this.#rest.hidden = false;
    this.#reasonList(verdict, shown);
    for (const family of FAMILIES) this.#answer(family, verdict);
    const missing = [...new Set(Object.values(verdict.missing))];
    this.#missingBox.hidden = missing.length === 0;
    if (this.#missing.dataset.said !== missing.join("\n")) {
      this.#missing.dataset.said = missing.join("\n");
      this.#missing.replaceChildren(...missing.map((sentence) => h("li", {}, sentence)));
    }
    const step = verdict.next_step;
    for (const asking of this.#asking.assignedElements()) if (asking instanceof LivenessChallenges) asking.recommend(step);
    if (!step || (shown !== "suspect" && shown !== "inconclusive")) {
      say(this.#nextTitle, "");
      return;
    }
    const known = texts.challenges[step.challenge];
    // Open where it matters; after that it is the reader's to open and close.
    if (this.#nextFor !== shown) this.#next.open = shown === "suspect";
    this.#nextFor = shown;
    say(this.#nextTitle, `${shown === "suspect" ? texts.next : texts.nextSurer}: ${known?.title ?? step.challenge.replaceAll("_", " ")}`);
    say(this.#nextSayName, known ? texts.nextSay : "");
    say(this.#nextSay, known ? known.say(this.#number) : "");
    this.#nextSay.hidden = !known;
    say(this.#nextWhy, step.why);
  }

  /**
   * @param {Verdict} verdict
   * @param {string | null} shown
   */
  #reasonList({ reasons }, shown) {
    const texts = this.#texts;
    const said = JSON.stringify([shown, reasons.map((reason) => [reason.text, Math.round(reason.time_s), Math.round(reason.llr)])]);
    if (this.#reasons.dataset.said === said) return;
    this.#reasons.dataset.said = said;
    const main = reasons.find(({ llr }) => (shown === "suspect" ? llr > 0 : shown === "live" ? llr < 0 : true)) ?? reasons[0];
    this.#key.hidden = !main;
    this.#key.replaceChildren(...(main ? [this.#reason("div", main)] : []));
    const others = reasons.filter((reason) => reason !== main).slice(0, 5);
    const items = others.map((reason) => this.#reason("li", reason));
    this.#reasons.replaceChildren(...(items.length ? items : [h("li", { class: "small soft" }, main ? texts.noOthers : texts.noReasons)]));
  }

  /**
   * @param {"li" | "div"} name
   * @param {import("../sdk/wire.js").Reason} reason
   */
  #reason(name, { text, time_s, llr }) {
    const texts = this.#texts;
    const size = Math.abs(llr);
    const strength = texts.strength[size < 1 ? 0 : size < 3 ? 1 : 2];
    const direction = llr > 0 ? texts.towardsAttack : texts.towardsLive;
    return h(
      name,
      { class: llr > 0 ? "reason closer" : "reason" },
      // As the reason moves the figure: up towards a live person.
      icon(llr > 0 ? "down" : "up"),
      h("div", {}, h("p", {}, text), h("p", { class: "facts" }, `${direction}, ${strength} · ${texts.seenAt(clock(time_s))}`)),
    );
  }

  /** @param {Family} family */
  #question(family) {
    const answer = h("strong", {}, this.#texts.answers.unseen);
    const text = h("span");
    const fill = h("i");
    const meter = h("span", { class: "meter", "aria-hidden": "true" }, fill);
    const row = h("div", { class: "question" }, h("dt", {}, this.#texts.families[family]), h("dd", {}, answer, h("span", { class: "seen" }, meter, text)));
    fill.style.width = "0";
    this.#rows.set(family, { row, answer, text, fill, meter });
    return row;
  }

  /**
   * @param {Family} family
   * @param {Verdict} verdict
   */
  #answer(family, verdict) {
    const nodes = this.#rows.get(family);
    if (!nodes) return;
    const { answers, seen } = this.#texts;
    const examined = !verdict.not_examined.includes(family);
    const coverage = verdict.coverage[family] ?? 0;
    const posterior = verdict.families[family] ?? 0;
    const unseen = coverage < SEEN_ENOUGH;
    const doubted = verdict.doubted === family;
    const words = !examined ? answers.unexamined : doubted ? answers.doubted : posterior >= 0.5 ? answers.signs : unseen ? answers.unseen : posterior >= 0.15 ? answers.perhaps : answers.none;
    say(nodes.answer, words);
    say(nodes.text, examined ? seen(coverage) : "");
    nodes.row.classList.toggle("signs", words === answers.signs);
    nodes.meter.hidden = !examined;
    nodes.fill.style.width = `${Math.round(coverage * 100)}%`;
  }

  /** @param {Link} link */
  link(link) {
    const texts = this.#texts;
    if (link.width) this.#rest.hidden = false;
    say(this.#linkWords, texts.linkWords[link.quality] ?? link.quality);
    say(this.#linkSize, link.width && link.fps >= 0.5 ? texts.linkSize(link.width, link.height, link.fps) : "");
    const names = texts.linkNumbers;
    /** @type {[string, string | null][]} */
    const rows = [
      [names.kbit_s, link.kbit_s === null ? null : `${Math.round(link.kbit_s)} kbit/s`],
      [names.lost, link.lost_share === null ? null : `${(link.lost_share * 100).toFixed(1)} %`],
      [names.jitter, link.jitter_ms === null ? null : `${Math.round(link.jitter_ms)} ms`],
      [names.age, link.frame_age_ms === null ? null : `${Math.round(link.frame_age_ms.p50)} ms, ${Math.round(link.frame_age_ms.p95)} ms`],
      [names.analysed, typeof (/** @type {any} */ (link).analysed_fps) === "number" ? String(Math.round(/** @type {any} */ (link).analysed_fps)) : null],
    ];
    this.#numbers.replaceChildren(...rows.flatMap(([name, value]) => (value === null ? [] : [h("dt", {}, name), h("dd", {}, value)])));
  }

  /** @param {Notice} notice */
  notice({ time_s, text }) {
    this.#rest.hidden = this.#noticeSection.hidden = false;
    // The same again and again is one line with a count, or it would push out all else.
    const last = this.#notices.firstElementChild;
    this.#noticeCount = last?.querySelector("span")?.textContent === text ? this.#noticeCount + 1 : 1;
    if (last && this.#noticeCount > 1) {
      say(/** @type {Element} */ (last.querySelector("time")), clock(time_s));
      say(/** @type {Element} */ (last.querySelector("b")), this.#texts.times(this.#noticeCount));
      return;
    }
    this.#notices.prepend(h("li", { class: "notice" }, h("time", {}, clock(time_s)), h("div", {}, h("span", {}, text), " ", h("b"))));
    while (this.#notices.children.length > NOTICES) this.#notices.lastElementChild?.remove();
  }
}
