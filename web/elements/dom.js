// @ts-check
/** Making elements without markup in strings. */

/** @typedef {Node | string | null | undefined | false} Child */

/**
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, string | boolean | number | null | undefined>} [attributes] false and null leave one out
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/**
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, string | boolean | number | null | undefined>} [attributes]
 * @param {...Child} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function s(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {Record<string, string | boolean | number | null | undefined>} attributes
 * @param {Child[]} children
 * @returns {E}
 */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...present(children));
  return element;
}

/** @param {Child[]} children */
function present(children) {
  return /** @type {(Node | string)[]} */ (children.filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
}

/**
 * Set a text only if it differs, so that screen readers and selections are left in peace.
 *
 * @param {Node} node
 * @param {string} text
 */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * @param {Element} element
 * @param {string} name
 * @param {string | boolean | null} value
 */
export function mark(element, name, value) {
  if (value === false || value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== (value === true ? "" : value)) element.setAttribute(name, value === true ? "" : value);
}

/** @typedef {"live" | "suspect" | "inconclusive" | "warming_up" | "next" | "up" | "down" | "lost" | "off" | "mark"} IconName */

/** @type {Record<IconName, (knockout: string) => SVGElement[]>} */
const ICONS = {
  live: (knockout) => [s("circle", { cx: 24, cy: 24, r: 22, fill: "currentColor" }), s("path", { d: "M13.5 24.8l7.2 7.2 14-15", class: knockout })],
  suspect: () => [
    s("circle", { cx: 20, cy: 20, r: 15, fill: "none", stroke: "currentColor", "stroke-width": 6 }),
    s("path", { d: "M31.500 31.500 44 44", stroke: "currentColor", "stroke-width": 7, "stroke-linecap": "round" }),
    s("path", { d: "M20 12.500v8.500M20 26.500v.4", stroke: "currentColor", "stroke-width": 4, "stroke-linecap": "round" }),
  ],
  inconclusive: (knockout) => [
    s("rect", { x: 7.5, y: 7.5, width: 33, height: 33, rx: 5, transform: "rotate(45 24 24)", fill: "currentColor" }),
    s("path", { d: "M18.6 19.6c.2-3.4 2.500-5.200 5.500-5.200s5.400 2 5.400 4.800c0 4-5.400 4.300-5.400 8.800M24 34v.6", class: knockout }),
  ],
  warming_up: () => [
    s("circle", { cx: 24, cy: 24, r: 20, fill: "none", stroke: "currentColor", "stroke-width": 4, "stroke-dasharray": "7 8.700" }),
    s("path", { d: "M24 13v11l8 5", fill: "none", stroke: "currentColor", "stroke-width": 4, "stroke-linecap": "round", "stroke-linejoin": "round" }),
  ],
  lost: () => [
    s("path", {
      d: "M6 18c5-4.700 11-7 18-7s13 2.300 18 7M13 26c3.200-2.700 6.800-4 11-4s7.800 1.300 11 4M20.500 33.500a6 6 0 0 1 7 0M8 42 40 6",
      fill: "none", stroke: "currentColor", "stroke-width": 4, "stroke-linecap": "round",
    }),
  ],
  off: () => [
    s("circle", { cx: 24, cy: 24, r: 20, fill: "none", stroke: "currentColor", "stroke-width": 4 }),
    s("path", { d: "M15 24h18", stroke: "currentColor", "stroke-width": 5, "stroke-linecap": "round" }),
  ],
  next: () => [
    s("path", { d: "M6 24h33M25.500 10.500 39 24 25.500 37.500", fill: "none", stroke: "currentColor", "stroke-width": 5, "stroke-linecap": "round", "stroke-linejoin": "round" }),
  ],
  up: () => [s("path", { d: "M24 8 44 40H4Z", fill: "currentColor" })],
  down: () => [s("path", { d: "M24 40 4 8h40Z", fill: "currentColor" })],
  mark: () => [
    s("path", { d: "M6 16v-6a4 4 0 0 1 4-4h6M32 6h6a4 4 0 0 1 4 4v6M42 32v6a4 4 0 0 1-4 4h-6M16 42h-6a4 4 0 0 1-4-4v-6", fill: "none", stroke: "currentColor", "stroke-width": 4, "stroke-linecap": "round" }),
    s("circle", { cx: 24, cy: 24, r: 8, fill: "currentColor" }),
  ],
};

/**
 * @param {IconName} name
 * @param {string} [className]
 */
export function icon(name, className = "icon") {
  return s("svg", { class: className, viewBox: "0 0 48 48", "aria-hidden": "true", focusable: "false" }, ...ICONS[name]("knockout"));
}
