// @ts-check
// The report's moving parts: the video, the charts that share its cursor, and a few buttons. Whatever can be
// said in words is in the page already; this adds to it and is not needed to read it.

/**
 * @typedef {'warming_up' | 'live' | 'suspect' | 'inconclusive'} State
 * @typedef {{time_s: number, confidence: number, interval: [number, number], state: State}} Point
 * @typedef {{start_s: number, end_s: number, state: State}} Run
 * @typedef {{id: string, signal: string, start_s: number, end_s: number, quality: number,
 *   llr: Record<string, number | null>, reason: string}} Evidence
 * @typedef {{time_s: number, kind: string, text: string}} Happening
 * @typedef {{file: string, duration_s: number | null, timeline: Point[], evidence: Evidence[], events: Happening[],
 *   media: {region: [number, number, number, number] | null},
 *   verdict: {reasons: {time_s: number}[], missing: Record<string, string>},
 *   engine: {signals: {name: string, title: string}[]}}} Review
 * @typedef {{start_s: number, end_s: number, quality: number, llr: number}} Bar
 * @typedef {{name: string, title: string, bars: Bar[]}} Row
 * @typedef {{min: number, max: number}} Span seconds
 * @typedef {(chart: any) => void} Painter
 */

/** Width of the column left of every chart, so that their times line up; CSS pixels. */
const GUTTER = 46;
/** Room right of every chart for half of the last time's label; CSS pixels. */
const MARGIN = 22;
/** Nats at which a bar is called clear, and strong. */
const CLEAR_NATS = 1;
const STRONG_NATS = 3;
/** Least space between two events, in pixels, below which their lines would hide the charts. */
const CROWDED = 20;
/** Steps between labelled times, in seconds. */
const TIME_STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];
/** Shortest stretch that zooming shows, in seconds. */
const SHORTEST_SPAN = 1;

// ---------------------------------------------------------------- small helpers

/** @param {string} id @returns {HTMLElement} */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @param {number} value @param {number} low @param {number} high */
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** @param {string} tag @param {string} name @param {string} [text] */
function element(tag, name, text = '') {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
}

/** @param {number} seconds @param {boolean} tenths */
function clock(seconds, tenths) {
  const rounded = tenths ? Math.round(Math.max(seconds, 0) * 10) / 10 : Math.round(Math.max(seconds, 0));
  const hours = Math.floor(rounded / 3600);
  const minutes = Math.floor((rounded % 3600) / 60);
  const rest = (rounded % 60).toFixed(tenths ? 1 : 0).padStart(tenths ? 4 : 2, '0');
  return hours ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`;
}

/** @param {number} share */
function percent(share) {
  if (share < 0.01) return 'under 1 %';
  return share > 0.99 ? 'over 99 %' : `${Math.round(share * 100)} %`;
}

/** @param {number} llr */
function strength(llr) {
  const size = Math.abs(llr);
  const word = size < CLEAR_NATS ? 'slightly' : size < STRONG_NATS ? 'clearly' : 'strongly';
  return `${word} towards ${llr > 0 ? 'attack' : 'live'}`;
}

/** @param {string} state */
const stateWord = (state) => state.replace('_', ' ');

// ---------------------------------------------------------------- what the charts show

/** The stretches of equal state; each verdict holds until the next.
 * @param {Point[]} timeline @param {number} end_s @returns {Run[]} */
function runsOf(timeline, end_s) {
  /** @type {Run[]} */
  const runs = [];
  for (const { time_s, state } of timeline) {
    const last = runs.at(-1);
    if (last) last.end_s = time_s;
    if (last?.state !== state) runs.push({ start_s: time_s, end_s, state });
  }
  const last = runs.at(-1);
  if (last) last.end_s = end_s;
  return runs;
}

/** The order of painting: ten suspect seconds in three hours lie on top, where they are seen.
 * @param {Run[]} runs */
const suspectLast = (runs) => [...runs].sort((one, other) => Number(one.state === 'suspect') - Number(other.state === 'suspect'));

/** Aligned columns for uPlot, with a hole where time passed without a verdict.
 * @param {Point[]} timeline */
function columnsOf(timeline) {
  const steps = timeline.slice(1).map((point, index) => point.time_s - timeline[index].time_s);
  const longest = Math.max(2, 3 * ([...steps].sort((a, b) => a - b)[steps.length >> 1] ?? 0));
  /** @type {[number[], (number | null)[], (number | null)[], (number | null)[]]} */
  const columns = [[], [], [], []];
  /** @param {number} time_s @param {(number | null)[]} values */
  const add = (time_s, values) => [time_s, ...values].forEach((value, index) => columns[index].push(/** @type {any} */ (value)));
  timeline.forEach((point, index) => {
    if (index && steps[index - 1] > longest) add(timeline[index - 1].time_s + longest / 2, [null, null, null]);
    add(point.time_s, [point.confidence, point.interval[1], point.interval[0]]);
  });
  return columns;
}

/** One row for every signal that spoke; those that say most come first.
 * @param {Review} review @returns {Row[]} */
function rowsOf(review) {
  /** @type {Map<string, Bar[]>} */
  const said = new Map();
  for (const { signal, start_s, end_s, quality, llr } of review.evidence) {
    const nats = Object.values(llr).filter((value) => value !== null);
    if (!nats.length) continue;
    const most = nats.reduce((one, other) => (Math.abs(other) > Math.abs(one) ? other : one));
    if (!said.has(signal)) said.set(signal, []);
    said.get(signal)?.push({ start_s, end_s, quality, llr: most });
  }
  const titles = new Map(review.engine.signals.map(({ name, title }) => [name, title]));
  /** @param {Row} row */
  const loudness = (row) => Math.max(...row.bars.map(({ llr }) => Math.abs(llr)));
  return [...said]
    .map(([name, bars]) => ({ name, title: titles.get(name) ?? name, bars }))
    .sort((one, other) => loudness(other) - loudness(one));
}

/** The last verdict at or before a time.
 * @param {Point[]} timeline @param {number} time_s */
function pointAt(timeline, time_s) {
  let low = 0;
  let high = timeline.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timeline[middle].time_s <= time_s + 1e-6) low = middle + 1;
    else high = middle;
  }
  return timeline[low - 1];
}

// ---------------------------------------------------------------- the player

/** The one time that video and charts share; without a playable video it still moves by hand. */
class Player {
  /** @param {HTMLVideoElement | null} video @param {number} duration_s */
  constructor(video, duration_s) {
    this.video = video;
    this.duration_s = duration_s;
    this.byHand_s = 0;
    /** @type {((time_s: number) => void)[]} */
    this.listeners = [];
    if (video) this.#follow(video);
  }

  get time_s() {
    return this.video ? this.video.currentTime : this.byHand_s;
  }

  /** @param {number} time_s */
  seek(time_s) {
    const target = clamp(time_s, 0, this.duration_s);
    this.byHand_s = target;
    if (this.video) {
      if (this.video.preload === 'none') this.video.preload = 'auto';
      this.video.currentTime = target;
    }
    this.#tell();
  }

  toggle() {
    if (!this.video) return;
    if (this.video.paused) this.video.play().catch(() => undefined);
    else this.video.pause();
  }

  /** Go on without a video that this browser cannot play. */
  giveUp() {
    this.video = null;
  }

  /** @param {(time_s: number) => void} listener */
  onChange(listener) {
    this.listeners.push(listener);
  }

  #tell() {
    for (const listener of this.listeners) listener(this.time_s);
  }

  /** @param {HTMLVideoElement} video */
  #follow(video) {
    const tick = () => {
      this.#tell();
      if (!video.paused && !video.ended) requestAnimationFrame(tick);
    };
    for (const name of ['play', 'pause', 'seeking', 'seeked', 'ended', 'timeupdate']) {
      video.addEventListener(name, name === 'play' ? tick : () => this.#tell());
    }
  }
}

/** Turn the page's base64 into a blob: every browser seeks well in one, and few do in a data URL.
 * @param {HTMLVideoElement} video */
async function useBlob(video) {
  const source = video.getAttribute('src') ?? '';
  if (!source.startsWith('data:')) return;
  const blob = await (await fetch(source)).blob();
  const { currentTime, paused } = video;
  video.preload = 'auto';
  video.src = URL.createObjectURL(blob);
  if (currentTime) video.currentTime = currentTime;
  if (!paused) await video.play();
}

/** Outline the part of the picture that was examined.
 * @param {HTMLVideoElement} video @param {HTMLElement} frame @param {[number, number, number, number]} region */
function outline(video, frame, [left, top, width, height]) {
  const place = () => {
    if (!video.videoWidth) return;
    const scale = Math.min(video.clientWidth / video.videoWidth, video.clientHeight / video.videoHeight);
    const marginX = (video.clientWidth - video.videoWidth * scale) / 2;
    const marginY = (video.clientHeight - video.videoHeight * scale) / 2;
    Object.assign(frame.style, {
      left: `${video.offsetLeft + marginX + left * scale}px`,
      top: `${video.offsetTop + marginY + top * scale}px`,
      width: `${width * scale}px`,
      height: `${height * scale}px`,
    });
    frame.hidden = false;
  };
  video.addEventListener('loadedmetadata', place);
  new ResizeObserver(place).observe(video);
}

// ---------------------------------------------------------------- painting

/** Colours of the current scheme, read from the style sheet so that they exist once.
 * @typedef {ReturnType<typeof readPalette>} Palette */
function readPalette() {
  const style = getComputedStyle(document.documentElement);
  /** @param {string} name */
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  /** @type {Record<string, string>} */
  const fill = { warming_up: colour('rule') };
  /** @type {Record<string, string>} */
  const tint = { warming_up: 'transparent' };
  for (const state of ['live', 'suspect', 'inconclusive']) {
    fill[state] = colour(`${state}-fill`);
    tint[state] = colour(`${state}-tint`);
  }
  return {
    ink: colour('ink'),
    soft: colour('ink-soft'),
    rule: colour('rule'),
    surface: colour('surface'),
    band: colour('band'),
    line: colour('line'),
    fill,
    tint,
  };
}

/** Draw stripes (suspect) or dots (inconclusive) into a rectangle: states differ without colour, too.
 * @param {CanvasRenderingContext2D} context @param {string} state @param {string} colour
 * @param {number} x @param {number} y @param {number} width @param {number} height */
function paintPattern(context, state, colour, x, y, width, height) {
  if (state !== 'suspect' && state !== 'inconclusive') return;
  const step = 7 * devicePixelRatio;
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = devicePixelRatio;
  context.beginPath();
  if (state === 'suspect') {
    for (let at = x - height; at < x + width; at += step) {
      context.moveTo(at, y + height);
      context.lineTo(at + height, y);
    }
    context.stroke();
  } else {
    for (let row = y + step / 2; row < y + height; row += step) {
      for (let at = x + step / 2; at < x + width; at += step) context.rect(at, row, 1.6 * devicePixelRatio, 1.6 * devicePixelRatio);
    }
    context.fill();
  }
  context.restore();
}

/** Everything a painter draws stays inside the plotting area.
 * @param {any} chart @param {(context: CanvasRenderingContext2D) => void} paint */
function within(chart, paint) {
  const { left, top, width, height } = chart.bbox;
  chart.ctx.save();
  chart.ctx.beginPath();
  chart.ctx.rect(left, top, width, height);
  chart.ctx.clip();
  paint(chart.ctx);
  chart.ctx.restore();
}

/** @param {Run[]} runs @param {Palette} palette @returns {Painter} */
function stateBackground(runs, palette) {
  return (chart) => within(chart, (context) => {
    const { top, height } = chart.bbox;
    for (const run of runs) {
      const x = chart.valToPos(run.start_s, 'x', true);
      const width = Math.max(chart.valToPos(run.end_s, 'x', true) - x, 4 * devicePixelRatio);
      context.fillStyle = palette.tint[run.state];
      context.fillRect(x, top, width, height);
      context.globalAlpha = 0.28;
      paintPattern(context, run.state, palette.fill[run.state], x, top, width, height);
      context.globalAlpha = 1;
    }
  });
}

/** @param {Run[]} runs @param {Palette} palette @returns {Painter} */
function stateStrip(runs, palette) {
  return (chart) => within(chart, (context) => {
    const { left, top, width: whole, height } = chart.bbox;
    context.font = `600 ${11 * devicePixelRatio}px system-ui, sans-serif`;
    context.textAlign = 'left';
    context.textBaseline = 'middle';
    for (const run of runs) {
      const x = chart.valToPos(run.start_s, 'x', true);
      const width = Math.max(chart.valToPos(run.end_s, 'x', true) - x - devicePixelRatio, 4 * devicePixelRatio);
      context.fillStyle = palette.fill[run.state];
      context.fillRect(x, top, width, height);
      context.globalAlpha = 0.45;
      paintPattern(context, run.state, palette.surface, x, top, width, height);
      context.globalAlpha = 1;
      paintStateName(context, run.state, palette, Math.max(x, left), Math.min(x + width, left + whole), top, height);
    }
  });
}

/** The state's name on a plate, where it fits.
 * @param {CanvasRenderingContext2D} context @param {string} state @param {Palette} palette
 * @param {number} left @param {number} right @param {number} top @param {number} height */
function paintStateName(context, state, palette, left, right, top, height) {
  const name = stateWord(state);
  const pad = 5 * devicePixelRatio;
  const size = context.measureText(name).width + 2 * pad;
  if (size + pad > right - left) return;
  context.fillStyle = palette.surface;
  context.fillRect(left + pad / 2, top + pad / 2, size, height - pad);
  context.fillStyle = palette.ink;
  context.fillText(name, left + 1.5 * pad, top + height / 2 + devicePixelRatio / 2);
}

/** @param {Happening[]} events @param {Palette} palette @returns {Painter} */
function eventLines(events, palette) {
  return (chart) => within(chart, (context) => {
    const { top, width, height } = chart.bbox;
    const shown = events.filter(({ time_s }) => chart.scales.x.min <= time_s && time_s <= chart.scales.x.max);
    if (shown.length > width / CROWDED) return;
    context.strokeStyle = palette.ink;
    context.globalAlpha = 0.6;
    context.lineWidth = devicePixelRatio;
    context.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    context.beginPath();
    for (const { time_s } of shown) {
      const x = Math.round(chart.valToPos(time_s, 'x', true)) + 0.5;
      context.moveTo(x, top);
      context.lineTo(x, top + height);
    }
    context.stroke();
  });
}

/** A small flag for each event, with its letter: Cut, Gap, Resolution, Track, Second face, No face.
 * @param {Happening[]} events @param {Palette} palette @returns {Painter} */
function eventFlags(events, palette) {
  return (chart) => within(chart, (context) => {
    const { top, height } = chart.bbox;
    const size = Math.min(height, 16 * devicePixelRatio);
    context.font = `700 ${10 * devicePixelRatio}px system-ui, sans-serif`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    for (const { time_s, kind } of events) {
      const x = chart.valToPos(time_s, 'x', true);
      const y = top + (height - size) / 2;
      context.fillStyle = palette.ink;
      context.beginPath();
      context.roundRect(x - size / 2, y, size, size, 3 * devicePixelRatio);
      context.fill();
      context.fillStyle = palette.surface;
      context.fillText(kind.charAt(0).toUpperCase(), x, y + size / 2 + devicePixelRatio / 2);
    }
  });
}

/** Bars up for a live person, as the confidence above them, down for an attack; the paler, the poorer the circumstances.
 * @param {Bar[]} bars @param {Palette} palette @returns {Painter} */
function evidenceBars(bars, palette) {
  return (chart) => within(chart, (context) => {
    const zero = chart.valToPos(0, 'y', true);
    context.fillStyle = palette.soft;
    for (const nats of [-STRONG_NATS, -CLEAR_NATS, 0, CLEAR_NATS, STRONG_NATS]) {
      context.globalAlpha = nats ? 0.16 : 0.6;
      const y = Math.round(chart.valToPos(nats, 'y', true)) - devicePixelRatio / 2;
      context.fillRect(chart.bbox.left, y, chart.bbox.width, devicePixelRatio);
    }
    for (const { start_s, end_s, quality, llr } of bars) {
      const x = chart.valToPos(start_s, 'x', true);
      const width = Math.max(chart.valToPos(end_s, 'x', true) - x - devicePixelRatio, 2 * devicePixelRatio);
      const least = 2 * devicePixelRatio;
      const tall = Math.max(Math.abs(chart.valToPos(llr, 'y', true) - zero), least);
      context.globalAlpha = 0.25 + 0.75 * quality;
      context.fillStyle = llr > 0 ? palette.fill.suspect : palette.fill.live;
      context.fillRect(x, llr > 0 ? zero : zero - tall, width, tall);
    }
  });
}

// ---------------------------------------------------------------- the charts

/** All charts: one column, one time scale, one cursor. */
class Stack {
  /** @param {HTMLElement} root @param {Review} review @param {Player} player */
  constructor(root, review, player) {
    this.root = root;
    this.player = player;
    this.review = review;
    this.palette = readPalette();
    /** @type {Span} */
    this.whole = { min: 0, max: player.duration_s };
    /** @type {Span} */
    this.span = { ...this.whole };
    this.tenths = player.duration_s < 600;
    /** @type {any[]} */
    this.charts = [];
    this.playhead = element('div', 'playhead');
    /** @type {(time_s: number | null) => void} */
    this.onHover = () => undefined;
    this.#build();
    new ResizeObserver(() => this.#resize()).observe(root);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#repaint());
  }

  get width() {
    return Math.max(Math.floor(this.root.clientWidth), 160);
  }

  /** Show a stretch of time in all charts.
   * @param {number} min @param {number} max */
  show(min, max) {
    const wide = clamp(max - min, Math.min(SHORTEST_SPAN, this.whole.max), this.whole.max);
    const start = clamp(min, 0, this.whole.max - wide);
    this.span = { min: start, max: start + wide };
    for (const chart of this.charts) chart.setScale('x', this.span);
    this.moveTo(this.player.time_s, false);
  }

  /** Zoom about the playhead; a factor above one shows more.
   * @param {number} factor */
  zoom(factor) {
    const { min, max } = this.span;
    const time_s = this.player.time_s;
    const pivot = time_s >= min && time_s <= max ? time_s : (min + max) / 2;
    this.show(pivot - (pivot - min) * factor, pivot + (max - pivot) * factor);
  }

  /** Put the playhead at a time; follow it where it leaves what is shown.
   * @param {number} time_s @param {boolean} follow */
  moveTo(time_s, follow = true) {
    const { min, max } = this.span;
    if (follow && (time_s < min - 1e-6 || time_s > max + 1e-6)) {
      this.show(time_s - (max - min) * 0.1, time_s + (max - min) * 0.9);
      return;
    }
    // Reckoned here, since uPlot takes over a new scale or size only at the end of the task.
    const share = (time_s - this.span.min) / (this.span.max - this.span.min);
    this.playhead.hidden = share < -1e-6 || share > 1 + 1e-6;
    this.playhead.style.transform = `translateX(${GUTTER + share * (this.width - GUTTER - MARGIN)}px)`;
  }

  #build() {
    const { review, palette } = this;
    const runs = suspectLast(runsOf(review.timeline, this.player.duration_s));
    const lines = eventLines(review.events, palette);
    this.#confidence(runs, lines);
    this.#strip('State', 30, [stateStrip(runs, palette)]);
    if (review.events.length) this.#strip('Events', 24, [eventFlags(review.events, palette)]);
    const rows = rowsOf(review);
    const most = Math.max(STRONG_NATS, ...rows.flatMap(({ bars }) => bars.map(({ llr }) => Math.abs(llr))));
    rows.forEach((row, index) => this.#row(row, most, lines, index === rows.length - 1));
    this.root.append(this.playhead);
    this.moveTo(this.player.time_s, false);
  }

  /** @param {Run[]} runs @param {Painter} lines */
  #confidence(runs, lines) {
    const { palette } = this;
    const hidden = { stroke: 'transparent', points: { show: false } };
    const options = this.#options(168, {
      series: [{}, { stroke: () => palette.line, width: 2, points: { show: false } }, hidden, hidden],
      bands: [{ series: [2, 3], fill: () => palette.band }],
      scales: { y: { range: [0, 1] } },
      hooks: { drawClear: [stateBackground(runs, palette)], draw: [lines] },
    });
    options.axes[1].splits = () => [0, 0.5, 1];
    options.axes[1].values = () => ['0 %', '50 %', '100 %'];
    this.#add('Confidence', options, columnsOf(this.review.timeline));
  }

  /** @param {string} title @param {number} height @param {Painter[]} paint */
  #strip(title, height, paint) {
    const options = this.#options(height, { hooks: { draw: paint } });
    options.axes[0].show = false;
    options.axes[1].splits = () => [0.5];
    options.axes[1].values = () => [title];
    options.axes[1].grid = { show: false };
    options.axes[1].ticks = { show: false };
    this.#add('', options, [[0, this.player.duration_s], [null, null]]);
  }

  /** @param {Row} row @param {number} most @param {Painter} lines @param {boolean} last */
  #row(row, most, lines, last) {
    const options = this.#options(last ? 82 : 56, {
      scales: { y: { dir: -1, distr: 4, asinh: 1, range: [-most, most] } },
      hooks: { draw: [evidenceBars(row.bars, this.palette), lines] },
    });
    options.axes[0].show = last;
    const between = Math.sinh(Math.asinh(most) * 0.6);
    options.axes[1].splits = () => [-between, between];
    options.axes[1].values = () => ['live', 'attack'];
    options.axes[1].grid = options.axes[1].ticks = { show: false };
    options.axes[1].font = '10px system-ui, sans-serif';
    const strongest = row.bars.reduce((one, other) => (Math.abs(other.llr) > Math.abs(one.llr) ? other : one));
    this.#add(row.title, options, [[0, this.player.duration_s], [null, null]], `${strength(strongest.llr)} at ${clock(strongest.end_s, this.tenths)}`);
  }

  /** @param {number} height @param {Record<string, any>} more @returns {any} */
  #options(height, more) {
    const { palette, tenths } = this;
    const look = { stroke: () => palette.soft, font: '11px system-ui, sans-serif' };
    const grid = { stroke: () => palette.rule, width: 1 };
    return {
      width: this.width,
      height,
      padding: [6, MARGIN, 4, 0],
      legend: { show: false },
      series: [{}, { show: false }],
      axes: [
        { ...look, grid, ticks: { ...grid, size: 4 }, size: 26, gap: 3, space: 64, incrs: TIME_STEPS, values: (/** @type {any} */ _, /** @type {number[]} */ splits) => splits.map((time_s) => clock(time_s, tenths && splits[1] - splits[0] < 1)) },
        { ...look, grid, ticks: { show: false }, size: GUTTER, gap: 6 },
      ],
      cursor: {
        y: false,
        points: { show: false },
        // uPlot would swallow a click in which the hand moved by a pixel; #listen tells a click from a drag.
        drag: { x: true, y: false, setScale: false, click: () => undefined },
        sync: { key: 'time' },
      },
      ...more,
      scales: { x: { time: false, range: () => [this.span.min, this.span.max] }, y: { range: [0, 1] }, ...more.scales },
      hooks: { ...more.hooks, setSelect: [(/** @type {any} */ chart) => this.#select(chart)], setCursor: [(/** @type {any} */ chart) => this.#hover(chart)] },
    };
  }

  /** @param {string} title @param {any} options @param {any} data @param {string} [note] */
  #add(title, options, data, note = '') {
    const holder = element('div', 'chart');
    if (title) {
      const head = element('p', 'chart-title', title);
      head.append(element('span', 'chart-note', note));
      holder.append(head);
    }
    this.root.append(holder);
    const chart = new uPlot(options, data, holder);
    this.charts.push(chart);
    this.#listen(chart);
  }

  /** A click moves the video; a drag zooms and is not a click.
   * @param {any} chart */
  #listen(chart) {
    let down = 0;
    chart.over.addEventListener('mousedown', (/** @type {MouseEvent} */ event) => { down = event.clientX; });
    chart.over.addEventListener('click', (/** @type {MouseEvent} */ event) => {
      if (Math.abs(event.clientX - down) > 4) return;
      const left = event.clientX - chart.over.getBoundingClientRect().left;
      this.player.seek(chart.posToVal(left, 'x'));
      this.root.focus({ preventScroll: true });
    });
  }

  /** @param {any} chart */
  #select(chart) {
    const { left, width } = chart.select;
    if (width < 8) return;
    const min = chart.posToVal(left, 'x');
    const max = chart.posToVal(left + width, 'x');
    chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.show(min, max);
  }

  /** @param {any} chart */
  #hover(chart) {
    const { left } = chart.cursor;
    this.onHover(left < 0 ? null : chart.posToVal(left, 'x'));
  }

  #resize() {
    const width = this.width;
    for (const chart of this.charts) {
      if (chart.width !== width) chart.setSize({ width, height: chart.height });
    }
    this.moveTo(this.player.time_s, false);
  }

  #repaint() {
    Object.assign(this.palette, readPalette());
    for (const chart of this.charts) chart.redraw(false, true);
  }
}

// ---------------------------------------------------------------- what is said at the cursor

/** What holds at one moment, in words. */
class Readout {
  /** @param {Review} review @param {boolean} tenths */
  constructor(review, tenths) {
    this.review = review;
    this.tenths = tenths;
    this.rows = rowsOf(review);
  }

  /** @param {number} time_s */
  sentence(time_s) {
    const point = pointAt(this.review.timeline, time_s);
    const when = clock(time_s, this.tenths);
    return point ? `${when}, confidence ${percent(point.confidence)}, ${stateWord(point.state)}` : `${when}, no verdict yet`;
  }

  /** @param {number} time_s */
  show(time_s) {
    const point = pointAt(this.review.timeline, time_s);
    byId('readout-time').textContent = clock(time_s, this.tenths);
    byId('readout-state').textContent = point ? `${stateWord(point.state)}, ${percent(point.confidence)} (${percent(point.interval[0])} to ${percent(point.interval[1])})` : 'no verdict yet';
    byId('readout-state').className = `at-${point?.state ?? 'warming_up'}`;
    const speaking = this.rows
      .map(({ title, bars }) => ({ title, bar: bars.find(({ start_s, end_s }) => start_s <= time_s && time_s <= end_s) }))
      .filter(({ bar }) => bar)
      .sort((one, other) => Math.abs(other.bar?.llr ?? 0) - Math.abs(one.bar?.llr ?? 0))
      .slice(0, 4);
    byId('readout-signals').replaceChildren(...speaking.map(({ title, bar }) => {
      const item = element('li', (bar?.llr ?? 0) > 0 ? 'says-attack' : 'says-live', title);
      item.append(element('span', '', strength(bar?.llr ?? 0)));
      return item;
    }));
  }
}

// ---------------------------------------------------------------- keyboard and buttons

/** Make the charts one slider: a single stop for the Tab key, moved by the usual keys.
 * @param {Stack} stack @param {Readout} readout @param {number[]} moments */
function keyboard(stack, readout, moments) {
  const { root, player } = stack;
  const slider = { role: 'slider', tabindex: '0', 'aria-label': 'Position in the recording', 'aria-describedby': 'timeline-summary', 'aria-valuemin': '0', 'aria-valuemax': player.duration_s.toFixed(1) };
  for (const [name, value] of Object.entries(slider)) root.setAttribute(name, value);
  const say = (/** @type {number} */ time_s) => {
    root.setAttribute('aria-valuenow', time_s.toFixed(1));
    root.setAttribute('aria-valuetext', readout.sentence(time_s));
  };
  player.onChange(say);
  say(player.time_s);
  const step = Math.max(player.duration_s < 60 ? 0.5 : 1, player.duration_s / 600);
  /** @type {Record<string, () => void>} */
  const keys = {
    ArrowRight: () => player.seek(player.time_s + step),
    ArrowUp: () => player.seek(player.time_s + step),
    ArrowLeft: () => player.seek(player.time_s - step),
    ArrowDown: () => player.seek(player.time_s - step),
    PageUp: () => player.seek(player.time_s + 10 * step),
    PageDown: () => player.seek(player.time_s - 10 * step),
    Home: () => player.seek(0),
    End: () => player.seek(player.duration_s),
    ' ': () => player.toggle(),
    n: () => player.seek(moments.find((time_s) => time_s > player.time_s + 0.05) ?? player.time_s),
    p: () => player.seek(moments.findLast((time_s) => time_s < player.time_s - 0.05) ?? player.time_s),
    '+': () => stack.zoom(0.5),
    '-': () => stack.zoom(2),
    0: () => stack.show(0, player.duration_s),
  };
  root.addEventListener('keydown', (event) => {
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  });
}

/** @param {Player} player @param {boolean} tenths */
function jumpButtons(player, tenths) {
  const calm = matchMedia('(prefers-reduced-motion: reduce)').matches;
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll('button[data-jump]'))) {
    button.disabled = false;
    button.addEventListener('click', () => {
      const time_s = Number(button.dataset.jump);
      player.seek(time_s);
      const target = player.video ?? byId('charts');
      const { top, bottom } = target.getBoundingClientRect();
      if (top < 0 || bottom > innerHeight) target.scrollIntoView({ block: 'center', behavior: calm ? 'auto' : 'smooth' });
      byId('announce').textContent = `The recording is at ${clock(time_s, tenths)}.`;
    });
  }
}

/** @param {string} text */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

function copyButtons() {
  for (const button of /** @type {NodeListOf<HTMLButtonElement>} */ (document.querySelectorAll('button[data-copy]'))) {
    button.addEventListener('click', async () => {
      const source = byId(button.dataset.copy ?? '');
      const done = await copy(source.textContent ?? '');
      if (!done) getSelection()?.selectAllChildren(source);
      button.textContent = done ? 'Copied' : 'Selected';
      byId('announce').textContent = done ? 'Copied.' : 'Selected: copy it with the keyboard.';
      setTimeout(() => { button.textContent = 'Copy'; }, 2000);
    });
  }
}

/** @param {Review} review */
function downloadButton(review) {
  byId('download').addEventListener('click', () => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([JSON.stringify(review, null, 2)], { type: 'application/json' }));
    link.download = `${review.file.replace(/[^\p{L}\p{N}._-]+/gu, '_').slice(-80)}.liveness.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
}

/** On paper everything is visible: open what is folded, and fold it again. */
function printing() {
  /** @type {HTMLDetailsElement[]} */
  let opened = [];
  addEventListener('beforeprint', () => {
    opened = [.../** @type {NodeListOf<HTMLDetailsElement>} */ (document.querySelectorAll('details:not([open])'))];
    for (const details of opened) details.open = true;
  });
  addEventListener('afterprint', () => {
    for (const details of opened) details.open = false;
  });
  byId('print').addEventListener('click', () => print());
}

// ---------------------------------------------------------------- start

function start() {
  /** @type {Review} */
  const review = JSON.parse(byId('review').textContent ?? '');
  const video = /** @type {HTMLVideoElement | null} */ (document.getElementById('video'));
  const duration_s = Math.max(review.duration_s ?? 0, review.timeline.at(-1)?.time_s ?? 0, 0.1);
  const tenths = duration_s < 600;
  document.documentElement.classList.add('scripted');
  const player = new Player(video, duration_s);
  if (video) prepareVideo(video, player, review);
  jumpButtons(player, tenths);
  copyButtons();
  downloadButton(review);
  printing();
  const readout = new Readout(review, tenths);
  const stack = new Stack(byId('stack'), review, player);
  document.documentElement.classList.add('charted');
  connect(stack, readout, review);
}

/** @param {Stack} stack @param {Readout} readout @param {Review} review */
function connect(stack, readout, review) {
  const { player } = stack;
  /** @type {number | null} */
  let hovered = null;
  const read = () => readout.show(hovered ?? player.time_s);
  player.onChange((time_s) => {
    stack.moveTo(time_s);
    read();
  });
  stack.onHover = (time_s) => {
    hovered = time_s;
    read();
  };
  read();
  const moments = [...review.events, ...review.verdict.reasons].map(({ time_s }) => time_s).sort((a, b) => a - b);
  keyboard(stack, readout, moments);
  byId('zoom-in').addEventListener('click', () => stack.zoom(0.5));
  byId('zoom-out').addEventListener('click', () => stack.zoom(2));
  byId('zoom-all').addEventListener('click', () => stack.show(0, player.duration_s));
}

/** @param {HTMLVideoElement} video @param {Player} player @param {Review} review */
function prepareVideo(video, player, review) {
  video.addEventListener('error', () => {
    player.giveUp();
    video.hidden = true;
    byId('video-failed').hidden = false;
    document.getElementById('moments')?.classList.add('always');
  });
  if (review.media.region) outline(video, byId('region'), review.media.region);
  useBlob(video).catch(() => undefined); // the data URL stays and plays, too
}

start();
