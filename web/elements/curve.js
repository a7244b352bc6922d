// @ts-check
/** What was measured after a prompt, beside what was asked for: a small plot that can be played again, and the same in words. */

import { h, s } from "./dom.js";

const WIDTH = 280;
const HEIGHT = 132;
const PLOT = { left: 44, right: 10, top: 10, foot: 104 };

export class Curve {
  #curve;
  #texts;
  #known;
  node;

  /**
   * @param {import("../sdk/wire.js").Curve} curve
   * @param {import("./texts/en.js").Texts} texts
   */
  constructor(curve, texts) {
    this.#curve = curve;
    this.#texts = texts.ask;
    this.#known = [...curve.values, ...curve.asked].filter((value) => value !== null);
    const summary = this.#summary(texts);
    const play = h("button", { type: "button", class: "play" }, texts.ask.replay);
    const { title, unit, times_s } = curve;
    const svg = this.#plot(`${texts.ask.curve(title, times_s[0], times_s[times_s.length - 1])} ${summary}`);
    play.addEventListener("click", () => this.#play(svg));
    this.node = h(
      "figure",
      { class: "curve" },
      h("figcaption", {}, h("b", {}, title), /^[°×]?$/.test(unit) ? null : h("span", { class: "soft" }, texts.ask.curveIn(unit)), h("span", { class: "keys" }, this.#key("measured", texts.ask.measured), this.#key("asked", texts.ask.asked))),
      svg,
      h("p", { class: "small" }, summary),
      this.#known.length && !matchMedia("(prefers-reduced-motion: reduce)").matches ? play : null,
    );
  }

  /** @param {string} kind @param {string} words */
  #key(kind, words) {
    return h("span", { class: "key" }, s("svg", { width: 22, height: 8, "aria-hidden": "true" }, s("path", { d: "M1 4H21", class: kind })), words);
  }

  /** @param {number} value */
  #number(value) {
    const { unit } = this.#curve;
    return unit ? `${this.#figure(value)}${/^[°×]/.test(unit) ? "" : " "}${unit}` : this.#figure(value);
  }

  /** A value without its unit; there is no room for "face heights" beside an axis. @param {number} value */
  #figure(value) {
    const size = Math.max(...this.#known.map(Math.abs), 0);
    // A ratio lies near 1, where a tenth is much.
    return value.toFixed(size >= 10 ? 0 : size >= 1 && this.#curve.unit !== "×" ? 1 : 2).replace(/^-(?=0(\.0+)?$)/, "").replace("-", "−").replace(".", this.#texts.decimal);
  }

  /** What the plot shows, in words. @param {import("./texts/en.js").Texts} texts */
  #summary({ ask: texts }) {
    const { times_s, values, asked } = this.#curve;
    const parts = [];
    const after = values.flatMap((value, index) => (value !== null && times_s[index] >= 0 ? [{ value, at: times_s[index] }] : []));
    const rest = values.find((value) => value !== null) ?? 0;
    const wanted = asked.filter((value) => value !== null);
    // Where what was asked for goes up and down, the highest point says nothing: the two lines have to agree.
    const follows = wanted.length > 0 && Math.max(...wanted) > Math.min(...wanted);
    if (after.length && follows) parts.push(texts.curveFollow);
    else if (after.length) {
      const most = after.reduce((a, b) => (Math.abs(b.value - rest) > Math.abs(a.value - rest) ? b : a));
      parts.push(texts.curveMost(this.#number(most.value), most.at.toFixed(1).replace(".", texts.decimal)));
    } else parts.push(texts.curveNone);
    if (wanted.length && !follows) parts.push(texts.curveAsked(this.#number(wanted[0])));
    const gaps = values.filter((value) => value === null).length / values.length;
    if (after.length && gaps > 0.05) parts.push(texts.curveGaps(gaps));
    return parts.join(" ");
  }

  /** @param {string} summary */
  #plot(summary) {
    const { times_s, values, asked } = this.#curve;
    const [first, last] = [times_s[0], times_s[times_s.length - 1]];
    const low = Math.min(...this.#known, Infinity);
    const high = Math.max(...this.#known, -Infinity);
    const [from, to] = high > low ? [low - (high - low) * 0.06, high + (high - low) * 0.06] : [(this.#known[0] ?? 0) - 1, (this.#known[0] ?? 0) + 1];
    /** @param {number} time */
    const x = (time) => round(PLOT.left + ((time - first) / (last - first || 1)) * (WIDTH - PLOT.left - PLOT.right));
    /** @param {number} value */
    const y = (value) => round(PLOT.foot - ((value - from) / (to - from)) * (PLOT.foot - PLOT.top));
    /** @type {SVGElement[]} */
    const shapes = [];
    for (const value of high > low ? [low, high] : this.#known.slice(0, 1)) {
      shapes.push(s("line", { class: "guide", x1: PLOT.left, x2: WIDTH - PLOT.right, y1: y(value), y2: y(value) }));
      shapes.push(s("text", { x: PLOT.left - 5, y: y(value) + 4, "text-anchor": "end" }, `${this.#figure(value)}${/^[°×%]/.exec(this.#curve.unit)?.[0] ?? ""}`));
    }
    if (first < 0 && last > 0) {
      shapes.push(s("line", { class: "prompt", x1: x(0), x2: x(0), y1: PLOT.top - 4, y2: PLOT.foot + 4 }));
    }
    shapes.push(s("text", { x: x(Math.max(0, first)), y: HEIGHT - 10, "text-anchor": first < 0 ? "middle" : "start" }, this.#texts.prompt));
    shapes.push(s("text", { x: WIDTH - PLOT.right, y: HEIGHT - 10, "text-anchor": "end" }, `${last.toFixed(1).replace(".", this.#texts.decimal)} s`));
    /** @param {(number | null)[]} course @param {string} name */
    const draw = (course, name) => {
      let d = "";
      course.forEach((value, index) => {
        if (value === null) return;
        const before = index > 0 && course[index - 1] !== null;
        const after = course[index + 1] !== null && index + 1 < course.length;
        d += `${before ? "L" : "M"}${x(times_s[index])} ${y(value)}`;
        // A point that stands alone is a line of no length with round ends.
        if (!before && !after) d += "h.01";
      });
      return s("path", { class: name, d });
    };
    const id = `window-${Math.random().toString(36).slice(2)}`;
    shapes.push(draw(asked, "asked"), s("g", { "clip-path": `url(#${id})` }, draw(values, "measured")));
    const shutter = s("rect", { class: "shutter", x: 0, y: 0, width: WIDTH, height: HEIGHT });
    return s("svg", { class: "course", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": summary }, s("defs", {}, s("clipPath", { id }, shutter)), ...shapes);
  }

  /** @param {SVGSVGElement} svg */
  #play(svg) {
    const shutter = svg.querySelector(".shutter");
    const { times_s } = this.#curve;
    const lasts = Math.max(1000, (times_s[times_s.length - 1] - times_s[0]) * 1000);
    const from = performance.now();
    const frame = () => {
      const share = Math.min(1, (performance.now() - from) / lasts);
      const right = share === 1 ? WIDTH : PLOT.left + share * (WIDTH - PLOT.left - PLOT.right);
      shutter?.setAttribute("width", String(right));
      if (share < 1 && svg.isConnected) requestAnimationFrame(frame);
    };
    frame();
  }
}

/** @param {number} value */
const round = (value) => Math.round(value * 10) / 10;

export const CURVE_CSS = `
.curve { margin: 0.875rem 0 0; padding: 0.75rem; border-radius: 8px; background: var(--_surface); border: 1px solid var(--_rule); }
.curve figcaption { display: flex; flex-wrap: wrap; gap: 0 0.875rem; align-items: baseline; font-size: 0.8125rem; }
.curve .keys { display: inline-flex; flex-wrap: wrap; gap: 0 0.875rem; }
.curve .key { display: inline-flex; align-items: center; gap: 0.375rem; color: var(--_soft); }
.course { display: block; width: 100%; max-width: 23rem; height: auto; font: 12px var(--sans, system-ui, sans-serif); }
.course text { fill: var(--_soft); }
.curve .guide { stroke: var(--_rule); }
.curve .prompt { stroke: var(--_strong); stroke-width: 1.5; }
.curve .measured { fill: none; stroke: var(--_ink); stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.curve .asked { fill: none; stroke: var(--_accent); stroke-width: 4; stroke-dasharray: 6 4; }
.curve .small { color: var(--_soft); text-wrap: pretty; }
@container (min-width: 34rem) {
  .curve { display: grid; grid-template: auto auto 1fr / minmax(0, 23rem) minmax(9rem, 1fr); column-gap: 1rem; }
  .curve figcaption { grid-column: 1 / -1; }
  .course { grid-row: 2 / 4; margin-top: 0.375rem; }
  .curve .small { grid-area: 2 / 2; margin-top: 0.625rem; }
  .curve .play { justify-self: start; align-self: start; }
}
.curve .play { margin-top: 0.5rem; font-size: 0.8125rem; min-height: 2.25rem; }
`;
