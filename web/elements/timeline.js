// @ts-check
/** The confidence over time: a curve with its interval above a strip of states, which differ by pattern and not by colour alone. */

import { h, s, say } from "./dom.js";

/** @typedef {import("../sdk/wire.js").VerdictState} VerdictState */
/** @typedef {VerdictState | "lost"} RunState */
/** @typedef {{timeS: number, value: number, low: number, high: number, state: VerdictState}} Point */
/** @typedef {{state: RunState, fromS: number, toS: number}} Run */

const WINDOW_S = 180;
const LEAST_S = 60;
const KEEP_S = 3600;
/** Longer than this without a verdict is a stretch without a picture. */
const GAP_S = 6;
const HEIGHT = 128;
const PLOT = { left: 40, right: 10, top: 8, foot: 80 };
const STRIP = { top: 88, height: 14 };

/** Keeps one point a second. */
export class History {
  /** @type {Point[]} */
  points = [];

  /** @param {Point} point */
  add(point) {
    const last = this.points.at(-1);
    if (last && point.timeS < last.timeS - 1) this.points = [];
    if (last && point.timeS - last.timeS < 0.9 && point.state === last.state) return;
    this.points.push(point);
    while (this.points[0].timeS < point.timeS - KEEP_S) this.points.shift();
  }

  /**
   * Stretches of equal state within the last seconds before `nowS`.
   *
   * @param {number} nowS
   * @param {number} windowS
   * @returns {Run[]}
   */
  runs(nowS, windowS) {
    /** @type {Run[]} */
    const runs = [];
    const fromS = Math.max(this.points[0]?.timeS ?? nowS, nowS - windowS);
    this.points.forEach((point, index) => {
      const nextS = this.points[index + 1]?.timeS ?? nowS;
      const gap = nextS - point.timeS > GAP_S;
      const endS = gap ? point.timeS + 1 : nextS;
      add(runs, { state: point.state, fromS: Math.max(point.timeS, fromS), toS: endS });
      if (gap) add(runs, { state: "lost", fromS: Math.max(endS, fromS), toS: nextS });
    });
    return runs;
  }
}

/**
 * @param {Run[]} runs
 * @param {Run} run
 */
function add(runs, run) {
  if (run.toS <= run.fromS) return;
  const last = runs.at(-1);
  if (last?.state === run.state) last.toS = run.toS;
  else runs.push(run);
}

/** @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60);
  const tail = String(whole % 60).padStart(2, "0");
  return minutes < 60 ? `${minutes}:${tail}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${tail}`;
}

export class Timeline {
  #history = new History();
  #texts;
  #svg = s("svg", { class: "plot", height: 0, role: "img" });
  #legend;
  #summary = h("p", { class: "small soft" });
  #list = h("ol", { class: "small runs" });
  #width = 0;
  #nowS = 0;
  #over = false;
  node;

  /** @param {import("./texts/en.js").Texts} texts */
  constructor(texts) {
    this.#texts = texts;
    const { states, lostRun } = texts;
    this.#legend = h(
      "ul",
      { class: "legend small soft", "aria-hidden": "true", hidden: true },
      .../** @type {RunState[]} */ (["live", "inconclusive", "suspect", "warming_up", "lost"]).map((state) =>
        h("li", {}, s("svg", { width: 18, height: 12 }, ...strip(state, 0.5, 0.5, 17, 11)), state === "lost" ? lostRun : states[state]),
      ),
    );
    this.#summary.textContent = texts.noTimeline;
    this.node = h(
      "div",
      { class: "timeline" },
      patterns(),
      this.#svg,
      this.#legend,
      this.#summary,
      h("details", {}, h("summary", {}, texts.timelineText), this.#list),
    );
    new ResizeObserver(([entry]) => {
      this.#width = Math.floor(entry.contentRect.width);
      this.draw();
    }).observe(this.node);
  }

  /** @param {Point} point */
  add(point) {
    this.#history.add(point);
    this.#nowS = Math.max(point.timeS, this.#history.points.length === 1 ? 0 : this.#nowS);
  }

  /**
   * Let time pass without a verdict, so that a loss of the picture shows as it grows.
   *
   * @param {number} nowS
   */
  reach(nowS) {
    if (this.#history.points.length) this.#nowS = Math.max(this.#nowS, nowS);
  }

  /** Forget all. */
  clear() {
    this.#history = new History();
    this.#nowS = 0;
    this.#legend.hidden = true;
    this.#svg.setAttribute("height", "0");
    this.#svg.removeAttribute("aria-label");
    this.#svg.replaceChildren();
    this.#list.replaceChildren();
    say(this.#summary, this.#texts.noTimeline);
  }

  /** It is over: where it ends is no longer now. */
  stop() {
    if (this.#over) return;
    this.#over = true;
    this.draw();
  }

  draw() {
    const points = this.#history.points;
    const texts = this.#texts;
    if (!this.#width || !points.length) return;
    const nowS = this.#nowS;
    const width = this.#width;
    const windowS = Math.min(WINDOW_S, Math.max(LEAST_S, nowS - points[0].timeS));
    const startS = nowS - windowS;
    const right = width - PLOT.right;
    /** @param {number} timeS */
    const x = (timeS) => round(PLOT.left + ((timeS - startS) / windowS) * (right - PLOT.left));
    /** @param {number} value */
    const y = (value) => round(PLOT.foot - value * (PLOT.foot - PLOT.top));
    /** @type {SVGElement[]} */
    const shapes = [];
    for (const value of [0, 0.5, 1]) {
      shapes.push(s("line", { class: "grid", x1: PLOT.left, x2: right, y1: y(value), y2: y(value) }));
      shapes.push(s("text", { x: PLOT.left - 6, y: y(value) + 4, "text-anchor": "end" }, texts.percent(value)));
    }
    const step = width < 420 ? 60 : 30;
    for (let timeS = Math.ceil(Math.max(0, startS) / step) * step; timeS < nowS - step / 3; timeS += step) {
      shapes.push(s("line", { class: "grid", x1: x(timeS), x2: x(timeS), y1: PLOT.top, y2: STRIP.top + STRIP.height }));
      shapes.push(s("text", { x: x(timeS), y: HEIGHT - 6, "text-anchor": "middle" }, clock(timeS)));
    }
    shapes.push(s("text", { x: right, y: HEIGHT - 6, "text-anchor": "end", class: "now" }, this.#over ? clock(nowS) : texts.now));
    for (const curve of curves(points.filter((point) => point.timeS >= startS - 2))) {
      const upper = curve.map((point) => `${Math.max(PLOT.left, x(point.timeS))},${y(point.high)}`);
      const lower = curve.map((point) => `${Math.max(PLOT.left, x(point.timeS))},${y(point.low)}`).reverse();
      const line = curve.map((point) => `${Math.max(PLOT.left, x(point.timeS))},${y(point.value)}`);
      shapes.push(s("polygon", { class: "band", points: [...upper, ...lower].join(" ") }), s("polyline", { class: "line", points: line.join(" ") }));
    }
    const runs = this.#history.runs(nowS, WINDOW_S);
    for (const run of runs) {
      const left = Math.max(PLOT.left, x(run.fromS));
      shapes.push(...strip(run.state, left, STRIP.top, Math.max(2, x(run.toS) - left), STRIP.height));
    }
    this.#legend.hidden = false;
    this.#svg.setAttribute("height", String(HEIGHT));
    this.#svg.setAttribute("width", String(width));
    this.#svg.replaceChildren(...shapes);
    this.#tell(runs, nowS);
  }

  /**
   * @param {Run[]} runs
   * @param {number} nowS
   */
  #tell(runs, nowS) {
    const texts = this.#texts;
    /** @param {RunState} state */
    const word = (state) => (state === "lost" ? texts.lostRun : texts.states[state]);
    /** @type {Map<string, number>} */
    const lasted = new Map();
    for (const run of runs) lasted.set(word(run.state), (lasted.get(word(run.state)) ?? 0) + run.toS - run.fromS);
    const parts = [...lasted].sort((a, b) => b[1] - a[1]).map(([state, seconds]) => texts.timelinePart(state, seconds));
    const shown = this.#history.points.filter((point) => point.timeS >= nowS - WINDOW_S).map((point) => point.value);
    const seconds = runs.reduce((sum, run) => sum + run.toS - run.fromS, 0);
    const range = Math.max(...shown) - Math.min(...shown) >= 0.01 ? ` ${texts.timelineRange(Math.min(...shown), Math.max(...shown))}` : "";
    const text = parts.length ? texts.timelineSummary(seconds, parts) + range : texts.noTimeline;
    say(this.#summary, text);
    this.#svg.setAttribute("aria-label", text);
    if (this.#list.parentElement instanceof HTMLDetailsElement && this.#list.parentElement.open) {
      const all = this.#history.runs(nowS, KEEP_S);
      this.#list.replaceChildren(...all.map((run) => h("li", {}, `${clock(run.fromS)}–${clock(run.toS)} ${word(run.state)}`)));
    }
  }
}

/** @param {Point[]} points split where there was no picture */
function curves(points) {
  /** @type {Point[][]} */
  const found = [];
  for (const point of points) {
    const curve = found.at(-1);
    if (!curve || point.timeS - /** @type {Point} */ (curve.at(-1)).timeS > GAP_S) found.push([point]);
    else curve.push(point);
  }
  return found;
}

/**
 * @param {RunState} state
 * @param {number} x
 * @param {number} y
 * @param {number} width
 * @param {number} height
 */
function strip(state, x, y, width, height) {
  const box = { x, y, width, height };
  return [s("rect", { ...box, class: `run run-${state}` }), s("rect", { ...box, class: "over", fill: `url(#over-${state})` })];
}

function patterns() {
  /** @param {string} id @param {number} size @param {SVGElement} shape @param {string} [turn] */
  const pattern = (id, size, shape, turn) => s("pattern", { id: `over-${id}`, width: size, height: size, patternUnits: "userSpaceOnUse", patternTransform: turn }, shape);
  return s(
    "svg",
    { class: "unseen", width: 0, height: 0, "aria-hidden": "true" },
    s(
      "defs",
      {},
      pattern("suspect", 5, s("path", { d: "M0 0V5", class: "cut" }), "rotate(45)"),
      pattern("inconclusive", 5, s("circle", { cx: 2.5, cy: 2.5, r: 1, class: "cut-dot" })),
      pattern("lost", 4, s("path", { d: "M0 0H4", class: "soft-line" })),
      pattern("live", 8, s("path", { d: "" })),
      pattern("warming_up", 8, s("path", { d: "" })),
    ),
  );
}

/** @param {number} value */
const round = (value) => Math.round(value * 10) / 10;

export const TIMELINE_CSS = `
.timeline { min-width: 0; }
.plot { display: block; max-width: 100%; font: 11px var(--sans, system-ui, sans-serif); }
.plot text { fill: var(--_soft); }
.plot .now { font-weight: 600; fill: var(--_ink); }
.grid { stroke: var(--_rule); shape-rendering: crispEdges; }
.band { fill: var(--_ink); opacity: 0.15; }
.line { fill: none; stroke: var(--_ink); stroke-width: 2; stroke-linejoin: round; }
.run-live { fill: var(--_live-fill); }
.run-suspect { fill: var(--_suspect-fill); }
.run-inconclusive { fill: var(--_inconclusive-fill); }
.run-warming_up { fill: var(--_rule); stroke: var(--_strong); stroke-dasharray: 3 2; }
.run-lost { fill: none; stroke: var(--_strong); }
.cut { stroke: var(--_surface); stroke-width: 3; }
.cut-dot { fill: var(--_surface); }
.soft-line { stroke: var(--_strong); stroke-width: 1; }
.legend { display: flex; flex-wrap: wrap; gap: 0.125rem 0.875rem; margin-block: 0.25rem 0.5rem; }
.legend li { display: inline-flex; align-items: center; gap: 0.375rem; }
.runs { max-height: 12rem; overflow: auto; }
@media (forced-colors: active) {
  .run, .band, .cut, .cut-dot { forced-color-adjust: none; }
  .run-live { fill: CanvasText; } .run-suspect { fill: Highlight; } .run-inconclusive { fill: GrayText; } .run-warming_up, .run-lost { fill: Canvas; stroke: CanvasText; }
  .cut { stroke: Canvas; } .cut-dot { fill: Canvas; } .line { stroke: CanvasText; } .band { fill: CanvasText; } .grid { stroke: GrayText; } .plot text { fill: CanvasText; }
}
`;
