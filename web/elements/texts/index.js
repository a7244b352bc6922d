// @ts-check
import { de } from "./de.js";
import { en } from "./en.js";

/** @type {Record<string, import("./en.js").Texts>} */
export const LANGUAGES = { en, de };

/**
 * The texts in an element's language: its own `lang`, or that of the nearest ancestor that states one; else English.
 *
 * @param {Element} element
 */
export function textsFor(element) {
  const lang = element.closest("[lang]")?.getAttribute("lang") ?? "en";
  return LANGUAGES[lang.toLowerCase().split("-")[0]] ?? en;
}
