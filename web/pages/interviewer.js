// @ts-check
/** The interviewer's page: the candidate's picture and what the check sees of it. One may watch without a camera of one's own. */

import "../elements/register.js";
import { ApiError, callJson, sessionAddress } from "../sdk/api.js";
import { VerdictStream } from "../sdk/events.js";
import { Room } from "../sdk/room.js";
import { LivenessChallenges } from "../elements/liveness-challenges.js";
import { LivenessVerdict } from "../elements/liveness-verdict.js";
import { say } from "../elements/dom.js";
import { textsFor } from "../elements/texts/index.js";
import { openDevices, troubleOf } from "./devices.js";
import { accessOfLink, button, node, part, showToggle, video } from "./link.js";
import { SmallWindow } from "./pip.js";
import { showReport } from "./report.js";

class Interviewer {
  #access;
  #verdict = new LivenessVerdict();
  #challenges = new LivenessChallenges();
  #room;
  #stream;
  #small = new SmallWindow(video("remote"));
  /** @type {MediaStream | null} */
  #own = null;
  #muted = false;
  #dark = false;
  #over = false;
  /** The candidate said no to the check, before the call or in it. */
  #unchecked = false;
  /** @type {Map<string, string>} */
  #banners = new Map();

  /** @param {{session: string, token: string}} access */
  constructor(access) {
    this.#access = access;
    this.#room = new Room(access);
    this.#stream = new VerdictStream(access);
    this.#verdict.stream = this.#stream;
    this.#challenges.slot = "next";
    this.#challenges.setAttribute("session", access.session);
    this.#challenges.setAttribute("token", access.token);
    this.#challenges.stream = this.#stream;
    this.#verdict.append(this.#challenges);
    node("check").append(this.#verdict);
    this.#listenStream();
    this.#listenAsking();
    this.#listenRoom();
    this.#listenButtons();
    this.#stream.open();
    this.#room.join(null);
  }

  #listenStream() {
    this.#stream.addEventListener("session", (event) => {
      const session = /** @type {CustomEvent<import("../sdk/wire.js").SessionView>} */ (event).detail;
      const name = session.reference || "Interview";
      node("reference").textContent = name;
      document.title = `${name} · liveness`;
      this.#unchecked = session.state === "withdrawn" || (session.state === "ended" && session.reason === "withdrawn");
      button("report").hidden = this.#unchecked;
      if (session.state === "ended") this.#finish();
    });
    this.#stream.addEventListener("statechange", (event) => {
      const { state, error } = /** @type {CustomEvent} */ (event).detail;
      if (state === "closed" && error) {
        this.#banner("stream", error instanceof ApiError ? `This link is not valid, or no longer: ${error.message}` : "The check cannot be followed from here.");
      } else {
        this.#banner("stream", state === "interrupted" ? "The connection to the checking server is lost. It comes back by itself; the call is not affected." : null);
      }
    });
    this.#verdict.addEventListener("liveness-state", (event) => {
      const { state, text } = /** @type {CustomEvent} */ (event).detail;
      this.#small.show(state, text.split(". ")[0]);
    });
  }

  #listenAsking() {
    this.#challenges.addEventListener("liveness-asking", (event) => this.#small.note(/** @type {CustomEvent} */ (event).detail.text));
  }

  #listenRoom() {
    const remote = video("remote");
    this.#room.addEventListener("remotestream", (event) => {
      remote.srcObject = /** @type {CustomEvent<MediaStream>} */ (event).detail;
      this.#play();
    });
    const show = () => {
      const { state } = this.#room;
      /** @type {Partial<Record<import("../sdk/room.js").RoomState, [string, string]>>} */
      const words = {
        joining: ["Connecting", "One moment."],
        alone: ["Waiting for the candidate", "The picture appears here when they join."],
        connecting: ["The candidate is here", "The picture comes in a moment."],
        talking: textsFor(document.body).call.candidateDark,
        interrupted: ["The call is interrupted", "It comes back by itself. This says nothing about the person."],
        replaced: ["The call goes on in another window", "This link was opened a second time. Reload to go on here."],
        refused: ["No access", "This link is not valid, or no longer."],
        over: ["The call has ended", ""],
        left: ["The call has ended", ""],
      };
      const [title, text] = words[state] ?? ["", ""];
      say(node("remote-title"), title);
      say(node("remote-text"), text);
      const seen = state === "talking" && this.#room.peerCamera && remote.videoWidth > 0;
      node("remote-waiting").hidden = seen;
      // What is hidden is not read out, nor is its coming back: a node that is always there says it.
      say(node("remote-live"), seen ? textsFor(document.body).call.candidateSeen : [title, text].filter(Boolean).join(". "));
      button("pip").hidden = !SmallWindow.possible || remote.videoWidth === 0;
      this.#banner("room", state === "interrupted" ? "The call with the candidate is interrupted. It comes back by itself." : null);
      if (state === "over") this.#finish();
    };
    this.#room.addEventListener("statechange", show);
    this.#room.addEventListener("peercamera", show);
    remote.addEventListener("resize", show);
    show();
  }

  #play() {
    const remote = video("remote");
    remote.muted = false;
    remote.play().catch(() => {
      // Browsers play sound only after a click on the page: the picture alone until then.
      remote.muted = true;
      remote.play().catch(() => {});
      button("sound").hidden = false;
    });
  }

  #hear() {
    button("sound").hidden = true;
    this.#play();
  }

  /** @param {boolean} camera */
  async #share(camera) {
    try {
      this.#own = await openDevices({ video: camera });
    } catch (error) {
      const { title, todo } = troubleOf(error, camera ? "camera and microphone" : "microphone");
      this.#banner("device", `${title} ${todo}`);
      return;
    }
    this.#banner("device", null);
    video("own").srcObject = this.#own;
    node("own-place").hidden = !camera;
    button("share").hidden = button("share-sound").hidden = true;
    button("microphone").hidden = false;
    button("camera").hidden = !camera;
    this.#applyToggles();
    button("microphone").focus();
    // The click that got here also lets the sound be heard.
    if (!button("sound").hidden) this.#hear();
    await this.#room.setStream(this.#own);
    for (const track of this.#own.getTracks()) {
      track.addEventListener("ended", () => this.#banner("device", `Your ${track.kind === "video" ? "camera" : "microphone"} is gone. Plug it in again and reload this page.`));
    }
  }

  #applyToggles() {
    for (const track of this.#own?.getAudioTracks() ?? []) track.enabled = !this.#muted;
    for (const track of this.#own?.getVideoTracks() ?? []) track.enabled = !this.#dark;
    this.#room.tellCamera(!this.#dark && Boolean(this.#own?.getVideoTracks().length));
    showToggle(button("microphone"), { off: this.#muted, icon: "microphone", words: this.#muted ? "Muted" : "Mute" });
    showToggle(button("camera"), { off: this.#dark, icon: "camera", words: this.#dark ? "Camera is off" : "Stop camera" });
    node("own-off").hidden = !this.#dark;
    const seen = !this.#dark && Boolean(this.#own?.getVideoTracks().length);
    const heard = seen ? ["The candidate sees and hears you.", "The candidate sees you and does not hear you."] : ["The candidate hears you and does not see you.", "The candidate neither sees nor hears you."];
    node("share-note").textContent = heard[this.#muted ? 1 : 0];
  }

  async #end() {
    const dialog = part("end-dialog", HTMLDialogElement);
    dialog.showModal();
    const answer = await new Promise((resolve) => dialog.addEventListener("close", () => resolve(dialog.returnValue), { once: true }));
    dialog.returnValue = "";
    if (answer !== "end") return;
    try {
      await callJson(sessionAddress("", this.#access.session, "/end"), { token: this.#access.token, method: "POST" });
      this.#finish();
    } catch (error) {
      this.#banner("end", `The call could not be ended: ${error instanceof Error ? error.message : error}`);
    }
  }

  #finish() {
    if (this.#over) return;
    this.#over = true;
    this.#small.close();
    if (this.#room.state !== "over") this.#room.leave();
    for (const track of this.#own?.getTracks() ?? []) track.stop();
    this.#own = null;
    document.body.classList.add("is-over");
    node("head-actions").hidden = true;
    node("over").hidden = false;
    node("report-actions").hidden = this.#unchecked;
    if (this.#unchecked) node("over-text").textContent = textsFor(document.body).call.noReport;
    this.#banners.clear();
    this.#banner("room", null);
    node("over-title").focus();
  }

  /** @param {boolean} save */
  async #report(save) {
    node("report-trouble").textContent = "";
    try {
      await showReport(this.#access, { save });
    } catch (error) {
      const text = `The report could not be fetched: ${error instanceof Error ? error.message : error}`;
      if (this.#over) node("report-trouble").textContent = text;
      else this.#banner("report", text);
    }
  }

  /**
   * @param {string} about
   * @param {string | null} text null: it is over
   */
  #banner(about, text) {
    this.#banners.delete(about);
    if (text) this.#banners.set(about, text);
    const last = [...this.#banners.values()].at(-1) ?? "";
    node("banner").hidden = !last;
    if (node("banner-text").textContent !== last) node("banner-text").textContent = last;
  }

  #listenButtons() {
    button("share").addEventListener("click", () => this.#share(true));
    button("share-sound").addEventListener("click", () => this.#share(false));
    button("microphone").addEventListener("click", () => {
      this.#muted = !this.#muted;
      this.#applyToggles();
    });
    button("camera").addEventListener("click", () => {
      this.#dark = !this.#dark;
      this.#applyToggles();
    });
    button("sound").addEventListener("click", () => this.#hear());
    button("pip").addEventListener("click", () => {
      this.#small.toggle().catch(() => (button("pip").hidden = true));
    });
    button("end").addEventListener("click", () => this.#end());
    button("report").addEventListener("click", () => this.#report(false));
    button("report-open").addEventListener("click", () => this.#report(false));
    button("report-save").addEventListener("click", () => this.#report(true));
  }
}

const access = accessOfLink();
if (access) {
  new Interviewer(access);
} else {
  node("banner").hidden = false;
  node("banner-text").textContent = "This link is incomplete. Open it exactly as you were given it.";
  node("head-actions").hidden = true;
  node("share-note").hidden = true;
  for (const id of ["share", "share-sound"]) button(id).hidden = true;
}
globalThis.addEventListener("hashchange", () => location.reload());
