// @ts-check
/** The interviewer's side of challenges: ask for one, follow it, and read what came of it in plain words. */

import { ApiError } from "../sdk/api.js";
import { Challenges } from "../sdk/challenges.js";
import { VerdictStream } from "../sdk/events.js";
import { FAMILIES } from "../sdk/wire.js";
import { Curve, CURVE_CSS } from "./curve.js";
import { h, icon, mark, say } from "./dom.js";
import { LOOK, sheet } from "./look.js";
import { languageOf, textsFor } from "./texts/index.js";

/** @typedef {import("../sdk/wire.js").Challenge} Challenge */
/** @typedef {import("../sdk/wire.js").AvailableChallenge} Available */
/** @typedef {import("../sdk/wire.js").ChallengeMode} Mode */

const GOING = new Set(["offered", "running"]);
const FEW = 2;
/** @param {string} text */
const upper = (text) => text.charAt(0).toUpperCase() + text.slice(1);
/** @type {Record<string, import("./dom.js").IconName>} */
const ICONS = { passed: "live", broken: "suspect", not_done: "inconclusive", unclear: "inconclusive", declined: "off", expired: "warming_up", cancelled: "off", ended: "off" };

const CSS = sheet(`
:host { container-type: inline-size; }
.card { border: 1px solid var(--_rule); border-radius: 12px; background: var(--_surface); padding: 1rem 1.125rem; }
h3 { font-size: 1.0625rem; line-height: 1.3; letter-spacing: -0.01em; }
h4 { margin: 0; font-size: 0.9375rem; line-height: 1.35; }
.own { margin-top: 0.5rem; font-weight: 600; }
.own + p { margin-top: 0.5rem; }
.says { margin: 0.125rem 0 0; padding-left: 0.75rem; border-left: 3px solid var(--_accent); font-weight: 600; }
.intro { margin-top: 0.25rem; font-size: 0.875rem; color: var(--_soft); text-wrap: pretty; }
.ask { display: grid; gap: 0.25rem; margin-top: 0.75rem; justify-items: start; }
.ask .main { min-height: 3rem; font-size: 1rem; width: 100%; }
fieldset { border: 0; margin: 0.75rem 0 0; padding: 0; min-width: 0; }
legend { padding: 0; font-size: 0.8125rem; color: var(--_soft); }
.modes { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; }
.modes label { display: inline-flex; align-items: center; gap: 0.5rem; min-height: 2.5rem; font-size: 0.9375rem; cursor: pointer; }
.modes input { width: 1.125rem; height: 1.125rem; margin: 0; accent-color: var(--_accent); }
details { margin-top: 0.5rem; border-top: 1px solid var(--_rule); }
.other { display: grid; grid-template-columns: minmax(0, 1fr) auto; gap: 0.25rem 0.75rem; align-items: center; padding-block: 0.5rem; border-bottom: 1px solid var(--_rule); }
.other p { font-size: 0.8125rem; color: var(--_soft); line-height: 1.35; }
button:disabled { opacity: 0.55; cursor: default; }
.head { display: flex; gap: 0.75rem; align-items: flex-start; }
.head .icon { width: 2rem; height: 2rem; margin-top: 0.125rem; color: var(--_tone, var(--_soft)); }
.kicker { font-size: 0.8125rem; color: var(--_soft); }
.aloud { margin: 0.75rem 0 0; padding: 0.75rem 0.875rem; border-left: 4px solid var(--_accent); border-radius: 0 8px 8px 0; background: var(--_paper); }
.aloud p { font-size: 0.8125rem; color: var(--_soft); }
.aloud blockquote { margin: 0.125rem 0 0; font-size: 1.3125rem; line-height: 1.3; font-weight: 650; text-wrap: pretty; }
.aloud.quiet blockquote { font-size: 1rem; font-weight: 600; }
.now { margin-top: 0.75rem; min-height: 1.5em; font-weight: 600; }
.time { height: 6px; margin-top: 0.5rem; border-radius: 3px; overflow: hidden; background: var(--_rule); }
.time i { display: block; height: 100%; background: var(--_accent); }
.going { display: flex; flex-wrap: wrap; gap: 0.5rem 0.75rem; align-items: center; justify-content: space-between; margin-top: 0.75rem; }
.result { --_tone: var(--_inconclusive); --_tint: var(--_inconclusive-tint); border: 1px solid var(--_inconclusive-fill); background: var(--_tint); }
.result.passed { --_tone: var(--_live); --_tint: var(--_live-tint); border-color: var(--_live-fill); }
.result.broken { --_tone: var(--_suspect); --_tint: var(--_suspect-tint); border-color: var(--_suspect-fill); }
.result h3 { font-size: 1.375rem; line-height: 1.15; letter-spacing: -0.02em; color: var(--_tone); }
.result .why { margin-top: 0.75rem; font-weight: 600; text-wrap: pretty; }
.result .plain { margin-top: 0.25rem; font-size: 0.9375rem; line-height: 1.4; text-wrap: pretty; }
.instead { margin-top: 0.5rem; font-size: 0.9375rem; }
.actions { display: flex; flex-wrap: wrap; gap: 0.5rem; margin-top: 0.875rem; }
.actions button { flex: 1 1 auto; }
.problem { margin-top: 0.75rem; padding: 0.5rem 0.75rem; border: 1px solid var(--_strong); border-left-width: 4px; border-radius: 8px; font-size: 0.9375rem; }
.past summary { position: relative; display: flex; flex-wrap: wrap; gap: 0 0.5rem; align-items: baseline; padding-left: 1rem; font-weight: 400; }
.past summary::before { content: "▸"; position: absolute; left: 0; color: var(--_soft); } .past[open] summary::before { content: "▾"; }
.past summary b { font-weight: 650; }
.past > div { padding: 0 0 0.75rem 1rem; font-size: 0.9375rem; }
.earlier { margin-top: 1rem; }
@container (max-width: 24rem) {
  .card { padding: 0.5rem 0.75rem; }
  h3 { font-size: 0.9375rem; }
  .ask { margin-top: 0.25rem; }
  .ask .main { min-height: 2.75rem; padding-inline: 0.25rem; font-size: 0.8125rem; }
}
@media (forced-colors: active) { .time i { forced-color-adjust: none; background: Highlight; } }
${CURVE_CSS}
`);

/**
 * `<liveness-challenges server session token lang>`
 *
 * With `stream` (a VerdictStream) given as a property it shares the page's; else it opens its own. In a `<liveness-verdict>` its
 * place is `slot="next"`. Attribute `state`: idle, starting, offered, running, over.
 * Events: `liveness-asking` {state, text}: a line for a small window, "" when there is nothing to say.
 */
export class LivenessChallenges extends HTMLElement {
  /** @type {VerdictStream | null} */
  #stream = null;
  #own = false;
  /** @type {AbortController | null} */
  #listening = null;
  /** @type {Map<string, Challenge>} */
  #all = new Map();
  /** @type {Available[]} */
  #available = [];
  /** @type {{challenge: string, why: string} | null} */
  #next = null;
  /** @type {Mode} */
  #mode = "page";
  /** The one that is shown: running, or just over. */
  #shown = "";
  #starting = false;
  #ended = false;
  /** Consent was taken back: what came of each is erased on the server, and is not shown here either. */
  #withdrawn = false;
  /** Whether no picture arrives that could be judged: before the call, and while it is interrupted. */
  #blind = false;
  #problem = "";
  #runningSince = 0;
  #number = crypto.getRandomValues(new Uint8Array(1))[0] % 3;
  #told = "";
  #drawn = "";
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticking;
  #live = h("p", { class: "unseen", role: "status" });
  #box = h("div");
  #history = h("section", { class: "earlier", hidden: true });

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [LOOK, CSS];
    root.append(this.#live, this.#box, this.#history);
  }

  connectedCallback() {
    this.#ticking = setInterval(() => this.#tick(), 250);
    if (!this.#stream && this.getAttribute("session") && this.getAttribute("token")) {
      const stream = new VerdictStream(this.#access());
      this.stream = stream;
      this.#own = true;
      stream.open();
    }
    this.#draw();
    this.load();
  }

  disconnectedCallback() {
    clearInterval(this.#ticking);
    if (this.#own) this.stream = null;
  }

  get stream() {
    return this.#stream;
  }

  /** @param {VerdictStream | null} stream */
  set stream(stream) {
    if (this.#own) this.#stream?.close();
    this.#own = false;
    this.#listening?.abort();
    this.#stream = stream;
    if (!stream) return;
    this.#listening = new AbortController();
    const { signal } = this.#listening;
    /** @param {string} name @param {(detail: any) => void} take */
    const on = (name, take) => stream.addEventListener(name, (event) => take(/** @type {CustomEvent} */ (event).detail), { signal });
    on("challenge", (challenge) => this.showChallenge(challenge));
    // In a `<liveness-verdict>` the step comes from there, with the state that is shown.
    on("verdict", ({ next_step }) => this.assignedSlot === null && this.recommend(next_step));
    on("session", ({ state }) => {
      this.#ended = state === "ended" || state === "withdrawn";
      if (state === "withdrawn") this.#forget();
      this.#blind = state !== "checking";
      this.load();
      this.#draw();
    });
    on("statechange", ({ state }) => state === "open" && this.load());
  }

  #access() {
    return { server: this.getAttribute("server") ?? "", session: this.getAttribute("session") ?? "", token: this.getAttribute("token") ?? "", lang: languageOf(this) };
  }

  /** Fetch what was asked so far and what can be. */
  async load() {
    const access = this.#access();
    if (!access.session || !access.token) return;
    try {
      const { challenges, available } = await new Challenges(access).list();
      this.#available = available;
      for (const challenge of challenges) this.#all.set(challenge.id, this.#kept(challenge));
      const going = challenges.find(({ state }) => GOING.has(state));
      if (going) this.#shown = going.id;
      this.#draw();
    } catch (error) {
      this.dispatchEvent(new CustomEvent("liveness-problem", { detail: error, bubbles: true, composed: true }));
    }
  }

  /** @param {{challenge: string, why: string} | null} step */
  recommend(step) {
    if (step?.challenge === this.#next?.challenge && step?.why === this.#next?.why) return;
    this.#next = step;
    this.#draw();
  }

  /** @param {Challenge} challenge */
  showChallenge(challenge) {
    const before = this.#all.get(challenge.id);
    this.#all.set(challenge.id, this.#kept(challenge));
    if (GOING.has(challenge.state)) this.#shown = challenge.id;
    if (challenge.state === "running" && before?.state !== "running") this.#runningSince = performance.now();
    if (!GOING.has(challenge.state) && before && GOING.has(before.state)) this.load();
    this.#draw();
  }

  #forget() {
    this.#withdrawn = true;
    this.#next = null;
    this.#shown = "";
    for (const [id, challenge] of this.#all) this.#all.set(id, this.#kept(challenge));
  }

  /** What may be shown of a challenge. @param {Challenge} challenge @returns {Challenge} */
  #kept(challenge) {
    return this.#withdrawn ? { ...challenge, outcome: null, decline_reason: null } : challenge;
  }

  /** @param {string} [name] */
  async #start(name) {
    if (this.#starting) return;
    this.#starting = true;
    this.#problem = "";
    this.#draw();
    try {
      const spoken = this.#available.find((item) => item.name === name)?.spoken !== false;
      const challenge = await new Challenges(this.#access()).start({ challenge: name, mode: spoken ? this.#mode : "page" });
      this.#shown = challenge.id;
      // An event may have told more meanwhile.
      if (!this.#all.has(challenge.id)) this.showChallenge(challenge);
    } catch (error) {
      const texts = textsFor(this).ask;
      const kind = error instanceof ApiError ? error.kind : "";
      this.#problem = texts.problems[kind] ?? texts.failed(error instanceof Error ? error.message : String(error));
    }
    this.#starting = false;
    this.#draw();
    this.#focus();
    // The list that was clicked may have been long, and what stands in its place is short.
    this.#box.scrollIntoView({ block: "nearest" });
  }

  async #cancel() {
    const id = this.#shown;
    try {
      await new Challenges(this.#access()).cancel(id);
    } catch (error) {
      // Over meanwhile: the list says how.
      if (!(error instanceof ApiError)) this.#problem = String(error);
    }
    await this.load();
    this.#focus();
  }

  #focus() {
    const root = /** @type {ShadowRoot} */ (this.shadowRoot);
    if (root.activeElement === null) /** @type {HTMLElement | null} */ (this.#box.querySelector("h3"))?.focus({ preventScroll: true });
  }

  #tick() {
    const going = this.#all.get(this.#shown);
    if (going?.state !== "running") return;
    const leftS = going.deadline_s - (performance.now() - this.#runningSince) / 1000;
    const bar = /** @type {HTMLElement | null} */ (this.#box.querySelector(".time i"));
    if (bar) bar.style.width = `${Math.max(0, Math.min(1, leftS / (going.deadline_s || 1))) * 100}%`;
    const words = this.#box.querySelector(".left");
    if (words) say(words, textsFor(this).ask.left(Math.max(0, Math.ceil(leftS))));
  }

  #draw() {
    const shown = this.#all.get(this.#shown);
    const state = this.#starting ? "starting" : !shown ? "idle" : GOING.has(shown.state) ? shown.state : "over";
    mark(this, "state", state);
    // Drawn anew only for what is new, so that the keyboard and a menu that is open stay where they are.
    const now = JSON.stringify([state, state === "idle" || state === "starting" ? [this.#available, this.#next, this.#mode, this.#problem] : shown, this.#ended, this.#blind]);
    if (now !== this.#drawn) {
      this.#drawn = now;
      const root = /** @type {ShadowRoot} */ (this.shadowRoot);
      const focused = root.activeElement;
      const key = focused?.getAttribute("data-key");
      const inside = focused !== null && this.#box.contains(focused);
      const open = this.#box.querySelector("details")?.open ?? false;
      this.#box.replaceChildren(shown && state !== "starting" ? (GOING.has(shown.state) ? this.#going(shown) : this.#over(shown)) : this.#choice());
      const menu = this.#box.querySelector("details");
      if (menu) menu.open = open;
      const same = key && /** @type {HTMLElement | null} */ (this.#box.querySelector(`[data-key="${key}"]`));
      if (inside) (same || /** @type {HTMLElement | null} */ (this.#box.querySelector("h3")))?.focus({ preventScroll: true });
    }
    this.#tick();
    this.#tell(state, shown);
    this.#past();
  }

  /** What a screen reader and the small window are told. @param {string} state @param {Challenge | undefined} shown */
  #tell(state, shown) {
    const texts = textsFor(this).ask;
    let text = "";
    if (shown && state === "over") text = `${this.#title(shown)}: ${this.#end(shown).title}. ${this.#end(shown).why}`;
    else if (shown && state === "offered") text = `${this.#waitsFor(shown)}.`;
    else if (shown && state === "running") text = this.#help(shown) || (shown.mode === "spoken" && shown.aloud) || `${texts.running}.`;
    if (text === this.#told) return;
    this.#told = text;
    say(this.#live, text);
    this.dispatchEvent(new CustomEvent("liveness-asking", { detail: { state, text: state === "over" && shown ? this.#end(shown).title : text }, bubbles: true, composed: true }));
  }

  /** @param {{challenge?: string, name?: string, title: string}} item */
  #title({ challenge, name, title }) {
    return textsFor(this).challenges[challenge ?? name ?? ""]?.title ?? title;
  }

  // ---- what can be asked

  #choice() {
    if (this.#ended) return "";
    const texts = textsFor(this).ask;
    const can = this.#blind ? [] : this.#available.filter((item) => item.attempts_left > 0);
    // One thing is proposed, and no second beside it: what no challenge can ask for, an interviewer asks in words.
    const wanted = can.find((item) => item.name === this.#next?.challenge);
    const own = can.length && this.#next && !this.#available.some((item) => item.name === this.#next?.challenge) ? this.#next : null;
    const best = wanted ?? (own ? null : can[0]);
    const title = h("h3", { id: "ask", tabindex: "-1" }, wanted || own ? texts.next : texts.heading);
    const card = h("section", { class: "card", "aria-labelledby": "ask" }, title);
    if (own) card.append(...this.#ownWords(own));
    else if (!best) card.append(h("p", { class: "intro" }, this.#available.length && !this.#blind ? texts.none : texts.notYet));
    else if (!wanted) card.append(h("p", { class: "intro" }, texts.intro));
    if (best) {
      const main = h("button", { type: "button", class: "main", "data-key": "main" }, this.#starting ? texts.starting : texts.ask(this.#title(best)));
      if (this.#starting) main.setAttribute("aria-disabled", "true");
      main.addEventListener("click", () => this.#start(best.name));
      const notes = [(wanted && this.#why(best)) || this.#settles(best), this.#limits(best)].filter(Boolean);
      card.append(h("div", { class: "ask" }, main, ...notes.map((note) => h("span", { class: "kicker" }, upper(note)))));
      // Where the button can only ask on the page, the choice belongs to the others.
      if (best.spoken) card.append(this.#modes());
    }
    if (this.#problem) card.append(h("p", { class: "problem", role: "alert" }, this.#problem));
    const others = this.#available.filter((item) => item !== best);
    if (can.length && others.length) {
      const all = this.#named(others.flatMap(({ families }) => families ?? []));
      const most = others.filter((item) => this.#named(item.families ?? []) === all).length > 1;
      const rows = others.map((item) => this.#other(item, most ? all : ""));
      card.append(h("details", {}, h("summary", { "data-key": "others" }, texts.others), best?.spoken ? null : this.#modes(), most ? h("p", { class: "small soft" }, texts.settlesAll(all)) : null, h("ul", {}, ...rows)));
    }
    return card;
  }

  /** A step that no challenge asks for. @param {{challenge: string, why: string}} step */
  #ownWords({ challenge, why }) {
    const texts = textsFor(this);
    const known = texts.challenges[challenge];
    return [
      h("p", { class: "own" }, known?.title ?? why),
      ...(known ? [h("p", { class: "small soft" }, texts.nextSay), h("blockquote", { class: "says" }, known.say(this.#number)), h("p", { class: "small soft" }, why)] : []),
    ];
  }

  /** Families in words, always in the same order. @param {readonly string[]} families */
  #named(families) {
    const words = textsFor(this).ask.families;
    return FAMILIES.filter((family) => families.includes(family)).map((family) => words[family]).join(", ");
  }

  /** Why it is recommended; its name stands on the button below. @param {Available} item */
  #why({ title }) {
    const why = this.#next?.why ?? "";
    return why.startsWith(`${title}: `) ? why.slice(title.length + 2) : why;
  }

  /** What helps the interviewer to help. @param {Challenge} challenge */
  #help({ challenge, guidance }) {
    const texts = textsFor(this).ask;
    return (guidance && (texts.guidanceOf[challenge]?.[guidance] ?? texts.guidance[guidance])) || "";
  }

  /** @param {Challenge} challenge */
  #waitsFor({ challenge }) {
    const texts = textsFor(this).ask;
    return challenge === "light_code" ? texts.offeredLight : texts.offered;
  }

  /** @param {Available} item */
  #settles({ families }) {
    const list = this.#named(families ?? []);
    return list && textsFor(this).ask.settles(list);
  }

  /** How often is worth a word only when it begins to run out. @param {Available} item */
  #limits({ spoken, attempts_left }) {
    const texts = textsFor(this).ask;
    return [attempts_left > FEW ? "" : texts.attemptsLeft(attempts_left), spoken ? "" : texts.pageOnly].filter(Boolean).join(" · ");
  }

  /**
   * @param {Available} item
   * @param {string} all what is said once for all of them, and not again
   */
  #other(item, all) {
    const texts = textsFor(this).ask;
    const title = this.#title(item);
    const settles = this.#named(item.families ?? []);
    const words = [!all ? this.#settles(item) : settles && settles !== all ? texts.settlesOnly(settles) : "", this.#limits(item)].filter(Boolean).join(" · ");
    const ask = h("button", { type: "button", "aria-label": texts.ask(title), "data-key": item.name, disabled: item.attempts_left === 0 }, texts.askShort);
    ask.addEventListener("click", () => this.#start(item.name));
    return h("li", { class: "other" }, h("div", {}, h("h4", {}, title), words ? h("p", {}, upper(words)) : null), ask);
  }

  #modes() {
    const texts = textsFor(this).ask;
    const choices = /** @type {Mode[]} */ (["page", "spoken"]).map((mode) => {
      const input = h("input", { type: "radio", name: "mode", value: mode, "data-key": mode });
      input.checked = this.#mode === mode;
      input.addEventListener("change", () => {
        this.#mode = mode;
      });
      return h("label", {}, input, texts[mode]);
    });
    return h("fieldset", {}, h("legend", {}, texts.how), h("div", { class: "modes" }, ...choices));
  }

  // ---- while it runs

  /** @param {Challenge} challenge */
  #going(challenge) {
    const texts = textsFor(this).ask;
    const spoken = challenge.mode === "spoken";
    const cancel = h("button", { type: "button", "data-key": "cancel" }, texts.cancel);
    cancel.addEventListener("click", () => this.#cancel());
    const running = challenge.state === "running";
    return h(
      "section",
      { class: "card", "aria-labelledby": "going" },
      h("p", { class: "kicker" }, running ? texts.running : this.#waitsFor(challenge)),
      h("h3", { id: "going", tabindex: "-1" }, this.#title(challenge)),
      challenge.aloud ? h("div", { class: spoken ? "aloud" : "aloud quiet" }, h("p", {}, spoken ? texts.readAloud : texts.tellThem), h("blockquote", {}, `“${challenge.aloud}”`)) : null,
      running ? h("p", { class: "now" }, this.#help(challenge)) : null,
      running ? h("div", { class: "time", "aria-hidden": "true" }, h("i")) : null,
      h("div", { class: "going" }, h("span", { class: "left small soft" }), cancel),
    );
  }

  // ---- what came of it

  /** A reason that was erased with the check is not made up. @param {Challenge} challenge @returns {{key: string, title: string, plain: string, why: string}} */
  #end({ state, outcome, decline_reason }) {
    const texts = textsFor(this).ask;
    const key = state === "done" ? (outcome?.result ?? "ended") : state;
    // Without counts a pass says nothing to the assessment, and must not be told to.
    const uncounted = key === "passed" && !Object.keys(outcome?.llr ?? {}).length;
    const [title, plain] = texts.ends[uncounted ? "passed_uncounted" : key] ?? texts.ends.ended;
    return { key, title, plain, why: outcome?.reason ?? (state === "declined" && decline_reason ? (texts.declined[decline_reason] ?? "") : "") };
  }

  /** @param {Challenge} challenge */
  #over(challenge) {
    const texts = textsFor(this).ask;
    const { key, title } = this.#end(challenge);
    const left = this.#available.find((item) => item.name === challenge.challenge)?.attempts_left ?? 1;
    const done = h("button", { type: "button", "data-key": "done" }, texts.done);
    done.addEventListener("click", () => {
      this.#shown = "";
      this.#draw();
      this.#focus();
    });
    /** @type {Node[]} */
    const actions = [done];
    if (key !== "passed" && key !== "declined" && left > 0) {
      const again = h("button", { type: "button", class: key === "broken" ? "" : "main", "data-key": "again" }, texts.again);
      again.addEventListener("click", () => {
        this.#shown = "";
        this.#start(challenge.challenge);
      });
      actions.unshift(again);
    }
    return h(
      "section",
      { class: `card result ${key}`, "aria-labelledby": "over" },
      h("div", { class: "head" }, icon(ICONS[key] ?? "off"), h("div", {}, h("p", { class: "kicker" }, this.#title(challenge)), h("h3", { id: "over", tabindex: "-1" }, title))),
      ...this.#account(challenge),
      this.#ended ? null : h("div", { class: "actions" }, ...actions),
    );
  }

  /** @param {Challenge} challenge */
  #account(challenge) {
    const texts = textsFor(this).ask;
    const { key, plain, why } = this.#end(challenge);
    const { outcome, alternative } = challenge;
    // The light comes back at once; only a person takes a while.
    const answered = challenge.challenge === "light_code" ? null : outcome?.answered_s;
    return [
      why ? h("p", { class: "why" }, why) : null,
      h("p", { class: "plain" }, plain, answered === null || answered === undefined ? null : ` ${texts.answered(answered)}`),
      alternative && ["not_done", "unclear", "declined", "expired"].includes(key) ? h("p", { class: "instead" }, h("b", {}, `${texts.alternative}: `), alternative) : null,
      outcome?.curve?.times_s.length ? new Curve(outcome.curve, textsFor(this)).node : null,
    ];
  }

  #past() {
    const texts = textsFor(this).ask;
    const past = [...this.#all.values()].filter((item) => !GOING.has(item.state) && item.id !== this.#shown).sort((a, b) => (a.made_at < b.made_at ? 1 : -1));
    const said = past.map(({ id, state }) => `${id}${state}`).join();
    if (this.#history.dataset.said === said) return;
    this.#history.dataset.said = said;
    this.#history.hidden = past.length === 0;
    this.#history.replaceChildren(
      h("h3", {}, texts.earlier),
      ...past.map((item) => {
        const lang = this.closest("[lang]")?.getAttribute("lang") ?? "en";
        const made = new Date(item.made_at);
        const time = Number.isNaN(made.valueOf()) ? "" : made.toLocaleTimeString(lang, { hour: "2-digit", minute: "2-digit" });
        return h(
          "details",
          { class: "past" },
          h("summary", {}, h("span", { class: "soft" }, time), h("b", {}, this.#title(item)), h("span", {}, this.#end(item).title), item.attempt > 1 ? h("span", { class: "soft" }, texts.attempt(item.attempt)) : null),
          h("div", {}, ...this.#account(item)),
        );
      }),
    );
  }
}
