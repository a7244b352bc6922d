// @ts-check
/** Where an interview is made. The API key comes in the link's fragment, and stays in this tab. */

import { address, ApiError, callJson } from "../sdk/api.js";
import { parseSessionCreated, parseSessionView } from "../sdk/wire.js";
import { h } from "../elements/dom.js";
import { button, keyOfLink, node, part } from "./link.js";

const KEPT = "liveness.key";

/** @type {Record<import("../sdk/wire.js").SessionState, string>} */
const STATES = {
  waiting: "Not begun",
  consented: "Candidate agreed",
  checking: "Check runs",
  interrupted: "Interrupted",
  withdrawn: "Without a check",
  ended: "Ended",
};

const when = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
let key = keyOfLink() ?? sessionStorage.getItem(KEPT) ?? "";

/** @param {string | null} text */
function trouble(text) {
  node("banner").hidden = !text;
  node("banner-text").textContent = text ?? "";
}

/** @param {unknown} error */
function fail(error) {
  if (error instanceof ApiError && (error.status === 401 || error.status === 403)) {
    sessionStorage.removeItem(KEPT);
    askForKey();
    trouble("This key is not valid. Please check it.");
    return;
  }
  trouble(error instanceof ApiError ? error.message : "The service cannot be reached. Try again in a moment.");
}

function askForKey() {
  node("key-form").hidden = false;
  node("workplace").hidden = true;
}

async function refresh() {
  const { sessions } = await callJson(address("", "/v1/sessions"), { token: key });
  const views = /** @type {unknown[]} */ (sessions).map(parseSessionView);
  node("none").hidden = views.length > 0;
  node("recent").replaceChildren(
    ...views.map((view) =>
      h(
        "li",
        {},
        h("strong", {}, view.reference || "Without a name"),
        h("span", { class: "state", "data-state": view.state }, STATES[view.state]),
        h("span", { class: "when" }, view.created_at ? when.format(new Date(view.created_at)) : ""),
      ),
    ),
  );
}

async function begin() {
  try {
    await refresh();
    sessionStorage.setItem(KEPT, key);
    node("key-form").hidden = true;
    node("workplace").hidden = false;
    trouble(null);
  } catch (error) {
    fail(error);
  }
}

/** @param {SubmitEvent} event */
async function create(event) {
  event.preventDefault();
  const reference = part("reference", HTMLInputElement).value.trim();
  try {
    const made = parseSessionCreated(await callJson(address("", "/v1/sessions"), { token: key, method: "POST", data: reference ? { reference } : {} }));
    part("candidate-link", HTMLInputElement).value = made.candidate_url;
    part("interviewer-link", HTMLInputElement).value = made.interviewer_url;
    part("open-interviewer", HTMLAnchorElement).href = made.interviewer_url;
    node("made-title").textContent = made.reference ? `Ready: ${made.reference}` : "The interview is ready";
    node("made-expires").textContent = `The links work until ${when.format(new Date(made.expires_at))}.`;
    node("made").hidden = false;
    node("made-title").focus();
    trouble(null);
    await refresh();
  } catch (error) {
    fail(error);
  }
}

/** @param {HTMLButtonElement} pressed */
async function copy(pressed) {
  const field = part(pressed.dataset.copy ?? "", HTMLInputElement);
  const words = pressed.querySelector("span");
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    // Without the right to the clipboard the text is marked, for the keyboard.
    field.select();
    node("announce").textContent = "Press Ctrl and C to copy.";
    return;
  }
  node("announce").textContent = "Copied.";
  if (!words) return;
  words.textContent = "Copied";
  setTimeout(() => (words.textContent = "Copy"), 2000);
}

part("create", HTMLFormElement).addEventListener("submit", create);
part("key-form", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  key = part("key", HTMLInputElement).value.trim();
  begin();
});
button("refresh").addEventListener("click", () => refresh().catch(fail));
for (const pressed of document.querySelectorAll("button[data-copy]")) {
  if (pressed instanceof HTMLButtonElement) pressed.addEventListener("click", () => copy(pressed));
}

// The key should not stand in the address bar while the screen is shared.
if (keyOfLink()) history.replaceState(null, "", location.pathname);
if (key) begin();
else askForKey();
