// @ts-check
import { de } from "./de.js";
import { en } from "./en.js";

/** @type {Record<string, import("./en.js").Texts>} */
export const LANGUAGES = { en, de };

/**
 * The language that an element is in: its own `lang`, or that of the nearest ancestor that states one; else English.
 *
 * @param {Element} element
 */
export function languageOf(element) {
  return element.closest("[lang]")?.getAttribute("lang") || "en";
}

/**
 * The texts in an element's language, else English.
 *
 * @param {Element} element
 */
export function textsFor(element) {
  return LANGUAGES[languageOf(element).toLowerCase().split("-")[0]] ?? en;
}
