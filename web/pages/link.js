// @ts-check
/** What a link carries in its fragment, which no server sees. */

/** @returns {{session: string, token: string} | null} */
export function accessOfLink(hash = location.hash) {
  const fields = new URLSearchParams(hash.slice(1));
  const session = fields.get("s");
  const token = fields.get("t");
  return session && token ? { session, token } : null;
}

/** @returns {string | null} */
export function keyOfLink(hash = location.hash) {
  return new URLSearchParams(hash.slice(1)).get("k");
}

/**
 * @template {Element} E
 * @param {string} id
 * @param {new () => E} kind
 * @returns {E}
 */
export function part(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} with the id ${id}`);
  return found;
}

/** @param {string} id */
export const node = (id) => part(id, HTMLElement);

/** @param {string} id */
export const button = (id) => part(id, HTMLButtonElement);

/** @param {string} id */
export const video = (id) => part(id, HTMLVideoElement);

/**
 * A button for something that is on or off: its icon and its words say what is, `aria-pressed` is for the off state.
 *
 * @param {HTMLButtonElement} toggle
 * @param {{off: boolean, icon: string, words: string}} state
 */
export function showToggle(toggle, { off, icon, words }) {
  toggle.setAttribute("aria-pressed", String(off));
  toggle.querySelector("use")?.setAttribute("href", `/pages/icons.svg#${icon}${off ? "-off" : ""}`);
  const text = toggle.querySelector("span");
  if (text) text.textContent = words;
}
