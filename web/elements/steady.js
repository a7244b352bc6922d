// @ts-check
/** What is shown must not flicker: a state is shown when it lasts, a figure moves when it really moved. Time is passed in. */

/** @typedef {import("../sdk/wire.js").VerdictState} VerdictState */

/** A new state is shown after it lasted this long; the first one at once. */
const LASTS_S = 2;
/** Changes of the figure smaller than this are left out... */
const MOVE = 0.015;
/** ...unless they stay. */
const SETTLE_S = 4;

export class SteadyState {
  /** @type {VerdictState | null} */
  shown = null;
  /** @type {{state: VerdictState, sinceS: number} | null} */
  #next = null;

  /**
   * @param {VerdictState} state
   * @param {number} timeS
   * @returns {boolean} whether what is shown changed
   */
  take(state, timeS) {
    if (state === this.shown) {
      this.#next = null;
      return false;
    }
    if (this.#next?.state !== state || timeS < this.#next.sinceS) this.#next = { state, sinceS: timeS };
    if (this.shown !== null && this.shown !== "warming_up" && timeS - this.#next.sinceS < LASTS_S) return false;
    this.shown = state;
    this.#next = null;
    return true;
  }
}

export class SteadyFigure {
  /** @type {{value: number, low: number, high: number} | null} */
  shown = null;
  #sinceS = 0;

  /**
   * @param {number} value
   * @param {[number, number]} interval
   * @param {number} timeS
   */
  take(value, [low, high], timeS) {
    const shown = this.shown;
    const moved = shown && Math.max(Math.abs(value - shown.value), Math.abs(low - shown.low), Math.abs(high - shown.high));
    if (moved !== null && moved < MOVE && Math.abs(timeS - this.#sinceS) < SETTLE_S) return false;
    this.#sinceS = timeS;
    const changed = moved !== 0;
    if (changed) this.shown = { value, low, high };
    return changed;
  }
}

/** Lets something through at most once in a while; the newest waits and is not lost. */
export class Throttle {
  #everyMs;
  #atMs = -Infinity;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** @type {(() => void) | null} */
  #waiting = null;

  /** @param {number} everyMs */
  constructor(everyMs) {
    this.#everyMs = everyMs;
  }

  /**
   * @param {() => void} action
   * @param {{now?: boolean}} [options] now: do not wait this time
   */
  run(action, { now = false } = {}) {
    const waitMs = this.#atMs + this.#everyMs - performance.now();
    this.#waiting = action;
    if (now || waitMs <= 0) return this.#go();
    this.#timer ??= setTimeout(() => this.#go(), waitMs);
  }

  cancel() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = null;
  }

  #go() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#atMs = performance.now();
    const action = this.#waiting;
    this.#waiting = null;
    action?.();
  }
}
