// @ts-check
/** The candidate's picture in a small window that stays on top: with the check's state where the browser can, else the bare video. */

import { h, icon } from "../elements/dom.js";

export class SmallWindow {
  #video;
  #home;
  /** @type {Window | null} */
  #window = null;
  #line = h("p", { class: "line", role: "status" });
  #note = h("p", { class: "note", role: "status", hidden: true });
  #state = { state: "loading", words: "" };

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.#video = video;
    this.#home = /** @type {HTMLElement} */ (video.parentElement);
  }

  static get possible() {
    return Boolean(window.documentPictureInPicture) || document.pictureInPictureEnabled === true;
  }

  async toggle() {
    if (this.#window) return this.#window.close();
    if (document.pictureInPictureElement) return document.exitPictureInPicture();
    if (!window.documentPictureInPicture) {
      await this.#video.requestPictureInPicture();
      return;
    }
    const small = await window.documentPictureInPicture.requestWindow({ width: 380, height: 280 });
    this.#window = small;
    small.document.documentElement.lang = document.documentElement.lang;
    small.document.title = document.title;
    for (const name of ["tokens", "pip"]) {
      const link = small.document.createElement("link");
      link.rel = "stylesheet";
      link.href = new URL(`/pages/${name}.css`, location.href).href;
      small.document.head.append(link);
    }
    small.document.body.append(this.#video, this.#note, this.#line);
    this.#video.play().catch(() => {});
    this.show(this.#state.state, this.#state.words);
    small.addEventListener("pagehide", () => {
      this.#window = null;
      this.#home.prepend(this.#video);
      this.#video.play().catch(() => {});
    });
  }

  /** What the candidate is being asked, above the line. @param {string} text "" for nothing */
  note(text) {
    this.#note.hidden = !text;
    if (this.#note.textContent !== text) this.#note.textContent = text;
  }

  close() {
    this.#window?.close();
  }

  /**
   * @param {string} state
   * @param {string} words
   */
  show(state, words) {
    this.#state = { state, words };
    if (!this.#window) return;
    this.#line.dataset.state = state;
    const name = state === "live" || state === "suspect" || state === "inconclusive" ? state : "warming_up";
    this.#line.replaceChildren(icon(name), h("strong", {}, words));
  }
}
