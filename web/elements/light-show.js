// @ts-check
/** Paints a light code: two halves of the screen that change their soft colours at exact times. */

/** Faster changes than these could harm somebody, whoever asked for them. */
const LEAST_S = 0.34;
const MOST_S = 20;

/** @typedef {[number, number, number]} RGB */
/** @typedef {{at_s: number, left: RGB, right: RGB}} Step */

export class LightShow {
  /** @type {Step[]} */
  steps;
  endS;
  #halves;
  #shown = -1;

  /**
   * @param {Record<string, any>} page with `sequence`: [{at_s, left, right}], colours as [r, g, b] or "#rrggbb"
   * @param {{left: HTMLElement, right: HTMLElement}} halves
   */
  constructor(page, halves) {
    this.#halves = halves;
    const given = page.sequence;
    if (!Array.isArray(given) || !given.length) throw new Error("the light code has no sequence");
    this.steps = given.map(({ at_s, left, right }) => ({ at_s: Number(at_s), left: colour(left), right: colour(right) }));
    const gaps = this.steps.slice(1).map((step, index) => step.at_s - this.steps[index].at_s);
    if (!this.steps.every((step) => Number.isFinite(step.at_s)) || gaps.some((gap) => gap < LEAST_S)) {
      throw new Error("the light code would change too quickly to be harmless");
    }
    const last = this.steps[this.steps.length - 1].at_s;
    // The last colour stays as long as one of them does, unless the page says when all is over.
    const end = page.ends_s ?? page.end_s ?? page.length_s;
    this.endS = typeof end === "number" ? end : last + (gaps.length ? gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length : 1);
    if (this.endS > MOST_S) throw new Error("the light code is too long");
  }

  /**
   * @param {number} zeroMs when the sequence began, by performance.now()
   * @param {AbortSignal} signal
   * @returns {Promise<void>} resolves at its end, or if aborted
   */
  run(zeroMs, signal) {
    return new Promise((resolve) => {
      const frame = () => {
        const nowS = (performance.now() - zeroMs) / 1000;
        if (signal.aborted || nowS >= this.endS) return resolve();
        this.#paint(this.steps.findLastIndex((step) => step.at_s <= nowS));
        requestAnimationFrame(frame);
      };
      frame();
    });
  }

  /** @param {number} index */
  #paint(index) {
    if (index < 0 || index === this.#shown) return;
    this.#shown = index;
    for (const side of /** @type {const} */ (["left", "right"])) this.#halves[side].style.backgroundColor = `rgb(${this.steps[index][side].join(" ")})`;
  }
}

/** @param {unknown} value @returns {RGB} */
function colour(value) {
  if (typeof value === "string" && /^#[0-9a-f]{6}$/i.test(value)) {
    return /** @type {RGB} */ ([1, 3, 5].map((at) => Number.parseInt(value.slice(at, at + 2), 16)));
  }
  if (Array.isArray(value) && value.length === 3 && value.every((part) => Number.isInteger(part) && part >= 0 && part <= 255)) return /** @type {RGB} */ (value);
  throw new Error(`this is no colour: ${JSON.stringify(value)}`);
}
