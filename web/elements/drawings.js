// @ts-check
/**
 * Line drawings of what a candidate is asked to do, as in a mirror: their left is the left of the screen.
 *
 * What moves is drawn in the accent's colour, with an arrow. Drawn once for the left; the right is its mirror image.
 */

import { s } from "./dom.js";

/** @typedef {"turn" | "hand" | "eye" | "lean" | "digits" | "camera" | "other"} Kind */
/** @typedef {"left" | "right" | "up" | "down" | "in" | "back" | "upper" | "lower" | ""} Way */

/** @type {[RegExp, Kind][]} */
const KINDS = [
  [/camera/, "camera"],
  [/turn|profile/, "turn"],
  [/eye/, "eye"],
  [/hand/, "hand"],
  [/lean|closer/, "lean"],
  [/digit/, "digits"],
];

/**
 * Which drawing a page's `picture` names, and where to: by its `side` or `direction`, or by the end of the picture's name.
 *
 * @param {Record<string, any>} page
 * @returns {{kind: Kind, way: Way}}
 */
export function pictured(page) {
  const name = String(page.picture ?? "").toLowerCase();
  const kind = KINDS.find(([pattern]) => pattern.test(name))?.[1] ?? "other";
  const said = [page.side, page.direction, name].join(" ").toLowerCase();
  const way = /** @type {Way | undefined} */ (/(?:^|[\s_-])(left|right|up|down|in|back|upper|lower)(?![a-z])/.exec(said)?.[1]);
  return { kind, way: way ?? "" };
}

/**
 * @param {Kind} kind
 * @param {Way} way
 */
export function drawing(kind, way) {
  const mirrored = way === "right" && kind !== "camera";
  const shapes = SHAPES[kind](way);
  return s(
    "svg",
    { class: "drawing", viewBox: "0 -8 240 208", "aria-hidden": "true", focusable: "false", "data-kind": kind, "data-way": way },
    mirrored ? s("g", { transform: "translate(240 0) scale(-1 1)" }, ...shapes) : s("g", {}, ...shapes),
  );
}

/**
 * The arrow that stands on the side it points to.
 *
 * @param {Way} way
 */
export function wayArrow(way) {
  const turn = { left: 0, up: 90, right: 180, down: 270, in: 0, back: 0, upper: 0, lower: 0, "": 0 }[way];
  return s(
    "svg",
    { class: "way-arrow", viewBox: "0 0 64 64", "aria-hidden": "true", focusable: "false" },
    s("path", { d: "M58 32H10M30 12 10 32l20 20", transform: `rotate(${turn} 32 32)` }),
  );
}

/** @type {Record<Kind, (way: Way) => SVGElement[]>} */
const SHAPES = {
  turn: () => [
    line("M126 34C94 31 82 54 83 76L70 103Q69 108 77 109L82 110C78 114 79 118 83 121C81 134 85 146 100 148C111 149 121 147 128 142L129 166"),
    line("M126 34C166 36 180 66 175 98C172 116 163 124 163 140L165 166"),
    line("M142 88C152 84 156 98 147 108C143 112 140 108 141 104"),
    line("M89 74q6-5 13-1M95 86v.1M89 128q6 2 11 0"),
    line("M50 198C56 178 92 170 129 166M165 166C192 170 206 180 210 198"),
    moving("M176 22C148 2 92 2 62 24"),
    moving("M82 30 60 26 66 4"),
  ],
  hand: (way) => (way === "upper" || way === "lower" ? [...face(), ...hand(124, way === "upper" ? 74 : 132, -90)] : [...face(), ...hand(88, 96, 0), moving("M28 178H148M130 164 150 178 130 192")]),
  eye: () => [...face({ left: false }), ...hand(84, 92, 0, 0.82)],
  lean: (way) =>
    way === "back"
      ? [dashed("M120 14C170 14 188 54 184 96C180 138 152 164 120 164C88 164 60 138 56 96C52 54 70 14 120 14"), ...inside(0.62, [...face()]), ...arrowsIn()]
      : [...inside(1, face()), dashed("M120 64C138 64 146 78 145 94C143 112 134 122 120 122C106 122 97 112 95 94C94 78 102 64 120 64"), ...arrowsOut()],
  digits: () => [
    ...face({ mouth: "M106 130a14 11 0 1 0 28 0a14 9 0 1 0-28 0" }),
    moving("M182 116q10 16 0 32M200 106q18 26 0 52"),
  ],
  camera: (way) => camera(way),
  other: () => face(),
};

/** @param {string} d */
const line = (d) => s("path", { d, class: "draw" });

/** @param {string} d */
const moving = (d) => s("path", { d, class: "draw moving" });

/** @param {string} d */
const dashed = (d) => s("path", { d, class: "draw ghost" });

/**
 * @param {number} scale
 * @param {SVGElement[]} shapes
 */
const inside = (scale, shapes) => (scale === 1 ? shapes : [s("g", { transform: `translate(120 96) scale(${scale}) translate(-120 -96)` }, ...shapes)]);

/** @param {{left?: boolean, mouth?: string}} [options] */
function face({ left = true, mouth = "M104 134q16 9 32 0" } = {}) {
  return [
    line("M120 26C158 26 172 56 168 92C165 128 145 156 120 156C95 156 75 128 72 92C68 56 82 26 120 26"),
    line("M72 84C62 80 62 104 74 108M168 84C178 80 178 104 166 108"),
    left ? line("M91 76q9-6 18 0M100 88v.1") : null,
    line("M131 76q9-6 18 0M140 88v.1"),
    line("M120 92 115 112q4 3 9 1"),
    line(mouth),
    line("M106 153V166M134 153V166M40 198C46 178 78 170 106 166M134 166C162 170 194 178 200 198"),
  ].filter((shape) => shape !== null);
}

/**
 * A hand with its fingers up. The outline is what a broad stroke leaves around a narrower one.
 *
 * @param {number} x
 * @param {number} y
 * @param {number} turn
 * @param {number} [scale]
 */
function hand(x, y, turn, scale = 1) {
  const fingers = "M-19 8V-24M-6 4V-36M7 4V-36M20 8V-26M22 26 36 6M-13 30V60M13 30V60";
  const palm = "M-19 8H20V28L13 38V60H-13V38L-19 28Z";
  return [
    s(
      "g",
      { transform: `translate(${x} ${y}) rotate(${turn}) scale(${scale})` },
      s("path", { d: fingers, class: "draw hand-edge" }),
      s("path", { d: palm, class: "draw hand-edge" }),
      s("path", { d: fingers, class: "draw hand-fill" }),
      s("path", { d: palm, class: "draw hand-fill whole" }),
      s("path", { d: "M-12.500 2V-18M.5 0V-22M13.500 2V-18", class: "draw hand-line" }),
    ),
  ];
}

const arrowsOut = () => [
  moving("M52 60 24 36M24 54V36H42"),
  moving("M188 60 216 36M216 54V36H198"),
  moving("M52 132 24 156M24 138V156H42"),
  moving("M188 132 216 156M216 138V156H198"),
];

const arrowsIn = () => [
  moving("M18 26 46 50M46 32V50H28"),
  moving("M222 26 194 50M194 32V50H212"),
  moving("M18 160 46 136M46 154V136H28"),
  moving("M222 160 194 136M194 154V136H212"),
];

/** @param {Way} way */
function camera(way) {
  const [dx, dy] = /** @type {Record<string, [number, number]>} */ ({ left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] })[way] ?? [0, 0];
  const [x, y] = [120 + 34 * dx, 100 + 26 * dy];
  /** @param {number} px @param {number} py */
  const body = (px, py) => `M${px - 34} ${py - 24}h68q8 0 8 8v32q0 8-8 8h-68q-8 0-8-8v-32q0-8 8-8`;
  const shapes = [dashed(body(120 - 22 * dx, 100 - 26 * dy)), s("path", { d: body(x, y), class: "draw solid" }), s("circle", { cx: x, cy: y, r: 14, class: "draw" }), s("circle", { cx: x, cy: y, r: 4, class: "dot" })];
  if (!dx && !dy) return shapes.slice(1);
  const turn = { left: 0, up: 90, right: 180, down: 270 }[/** @type {"left" | "right" | "up" | "down"} */ (way)];
  const far = dx ? 92 : 74;
  shapes.push(s("path", { d: "M22 0H-14M2-16-14 0 2 16", class: "draw moving", transform: `translate(${120 + far * dx} ${100 + far * dy}) rotate(${turn})` }));
  return shapes;
}

export const DRAWING_CSS = `
.drawing { display: block; width: 100%; height: 100%; }
.draw { fill: none; stroke: var(--_ink); stroke-width: 5; stroke-linecap: round; stroke-linejoin: round; }
.draw.moving { stroke: var(--_accent); stroke-width: 7; }
.draw.ghost { stroke: var(--_strong); stroke-width: 3; stroke-dasharray: 2 8; }
.draw.solid { fill: var(--_paper); }
.dot { fill: var(--_ink); }
.draw.hand-edge { stroke: var(--_accent); stroke-width: 20; }
.draw.hand-fill { stroke: var(--_paper); stroke-width: 11; }
.draw.hand-fill.whole { fill: var(--_paper); }
.draw.hand-line { stroke: var(--_accent); stroke-width: 2.500; }
.way-arrow path { fill: none; stroke: var(--_accent); stroke-width: 9; stroke-linecap: round; stroke-linejoin: round; }
@media (forced-colors: active) {
  .draw, .way-arrow path { stroke: CanvasText; } .draw.hand-fill { stroke: Canvas; } .draw.moving, .draw.hand-edge, .way-arrow path { stroke: Highlight; }
  .draw, .way-arrow path { forced-color-adjust: none; }
}
`;
