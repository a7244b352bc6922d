// @ts-check
/** The candidate's way: what happens here, camera and sound, the call. There is no score on this page, nor in what it receives. */

import "../elements/register.js";
import { ApiError } from "../sdk/api.js";
import { Room } from "../sdk/room.js";
import { LivenessChallenge } from "../elements/liveness-challenge.js";
import { LivenessCheck } from "../elements/liveness-check.js";
import { say } from "../elements/dom.js";
import { textsFor } from "../elements/texts/index.js";
import { listDevices, openDevices, troubleOf } from "./devices.js";
import { Guidance } from "./guidance.js";
import { Level } from "./level.js";
import { accessOfLink, button, node, part, showToggle, video } from "./link.js";

/** @typedef {"loading" | "consent" | "devices" | "call" | "over" | "refused"} Step */

const SPOKE = 0.35;
const TOLD_MS = 12_000;

class Candidate {
  /** @type {MediaStream | null} */
  #stream = null;
  #check;
  #challenge = new LivenessChallenge();
  #room;
  #guidance = new Guidance();
  #level = new Level();
  #muted = false;
  #dark = false;
  #spoke = false;
  /** @type {Step} */
  #step = "loading";
  #banners = new Map();
  #opening = 0;
  /** @type {WakeLockSentinel | null} */
  #awake = null;

  /** @param {{session: string, token: string}} access */
  constructor(access) {
    const check = new LivenessCheck();
    check.setAttribute("session", access.session);
    check.setAttribute("token", access.token);
    this.#check = check;
    this.#room = new Room(access);
    check.addEventListener("liveness-state", () => this.#followCheck());
    check.addEventListener("liveness-agree", () => this.#goDevices());
    check.addEventListener("liveness-decline", () => this.#goDevices());
    check.addEventListener("liveness-problem", (event) => this.#checkTrouble(/** @type {CustomEvent} */ (event).detail));
    node("check-place").append(check);
    this.#challenge.check = check.check;
    document.body.append(this.#challenge);
    this.#challenge.addEventListener("liveness-challenge-declined", (event) => this.#leftOut(/** @type {CustomEvent} */ (event).detail.reason));
    check.check?.addEventListener("trackended", () => this.#cameraLost());
    this.#listenRoom();
    this.#listenButtons();
  }

  /** @param {Step} step */
  #show(step) {
    if (step === this.#step) return;
    this.#step = step;
    document.body.dataset.step = step;
    node("intro").hidden = step !== "consent";
    for (const id of ["devices", "call", "over", "refused"]) node(id).hidden = id !== step;
    node("check-place").hidden = step === "refused" || step === "over";
    for (const item of document.querySelectorAll(".steps li")) {
      if (item instanceof HTMLElement) item.toggleAttribute("aria-current", item.dataset.for === step);
      if (item.hasAttribute("aria-current")) item.setAttribute("aria-current", "step");
    }
    document.getElementById(`${step}-title`)?.focus();
  }

  #followCheck() {
    const { state } = this.#check;
    if (this.#step === "loading") {
      if (state === "asking") this.#show("consent");
      else if (state === "agreed" || state === "stopped") this.#goDevices();
    }
    if (state === "ended" && this.#step !== "over") this.#finish("The call has ended", "Thank you. Your camera and microphone are off, and no check is running. You may close this page.", false);
  }

  /** @param {unknown} error */
  #checkTrouble(error) {
    if (this.#step !== "loading") return;
    if (error instanceof ApiError && [401, 403, 404, 410].includes(error.status)) {
      this.#show("refused");
      return;
    }
    // The check cannot be asked about, so none runs; talking is still possible.
    this.#goDevices();
  }

  /** What was left out by itself is told, since the interviewer may speak of it. @param {string} reason */
  #leftOut(reason) {
    if (reason !== "reduced_motion") return;
    this.#banner("challenge", textsFor(this.#challenge).prompt.reducedMotion);
    setTimeout(() => this.#banner("challenge", null), TOLD_MS);
  }

  // ---- camera and sound

  #goDevices() {
    this.#show("devices");
    this.#openDevices();
  }

  /** @param {{video?: boolean}} [options] */
  async #openDevices({ video: wanted = true } = {}) {
    this.#opening += 1;
    const opening = this.#opening;
    node("trouble").hidden = true;
    const camera = part("camera-choice", HTMLSelectElement).value || null;
    const microphone = part("microphone-choice", HTMLSelectElement).value || null;
    this.#release();
    let stream;
    try {
      stream = await this.#firstThatWorks(camera, microphone, wanted);
    } catch (error) {
      if (opening === this.#opening) this.#showTrouble(error, wanted);
      return;
    }
    if (opening !== this.#opening) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    this.#adopt(stream);
  }

  /**
   * @param {string | null} camera
   * @param {string | null} microphone
   * @param {boolean} wanted
   */
  async #firstThatWorks(camera, microphone, wanted) {
    try {
      return await openDevices({ camera, microphone, video: wanted });
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== "OverconstrainedError") throw error;
      // The device that was chosen is gone: any other will do.
      return openDevices({ video: wanted });
    }
  }

  /** @param {MediaStream} stream */
  #adopt(stream) {
    this.#stream = stream;
    const [cameraTrack] = stream.getVideoTracks();
    const [microphoneTrack] = stream.getAudioTracks();
    video("preview").srcObject = stream;
    video("own").srcObject = stream;
    this.#challenge.stream = stream;
    node("preview-waiting").hidden = Boolean(cameraTrack);
    if (!cameraTrack) node("preview-waiting").replaceChildren(Object.assign(document.createElement("strong"), { textContent: "No camera" }));
    part("oval", SVGElement).toggleAttribute("hidden", !cameraTrack);
    node("advice").hidden = false;
    node("advice-light").hidden = node("advice-place").hidden = !cameraTrack;
    button("join").disabled = false;
    for (const track of stream.getTracks()) track.addEventListener("ended", () => this.#deviceLost(track), { once: true });
    listDevices(part("camera-choice", HTMLSelectElement), "videoinput", cameraTrack?.getSettings().deviceId);
    listDevices(part("microphone-choice", HTMLSelectElement), "audioinput", microphoneTrack?.getSettings().deviceId);
    this.#level.start(stream, (level) => this.#showLevel(level));
    if (cameraTrack) {
      this.#guidance.start(video("preview"), ({ light, place }) => {
        this.#advise("advice-light", light);
        if (place) this.#advise("advice-place", place);
      });
    }
  }

  /** @param {MediaStreamTrack} track */
  #deviceLost(track) {
    if (!this.#stream?.getTracks().includes(track)) return;
    if (this.#step === "devices") this.#openDevices();
    else if (track.kind === "video") this.#cameraLost();
    else this.#banner("device", "Your microphone is gone. Plug it in again.", { words: "Use another", act: () => this.#reopen() });
  }

  #cameraLost() {
    if (this.#step === "call") this.#banner("device", "Your camera is gone. Plug it in again, or use another.", { words: "Start the camera", act: () => this.#reopen() });
  }

  /** Start the devices again in the middle of a call. */
  async #reopen() {
    try {
      const stream = await this.#firstThatWorks(null, null, true);
      const former = this.#stream;
      this.#adopt(stream);
      for (const track of former?.getTracks() ?? []) track.stop();
      this.#applyToggles();
      this.#guidance.stop();
      this.#level.stop();
      await this.#room.setStream(stream);
      const check = this.#check.check;
      if (check?.state === "connected" || check?.state === "reconnecting") await check.replaceStream(stream);
      else this.#check.start(stream);
      this.#banner("device", null);
    } catch (error) {
      const { title, todo } = troubleOf(error);
      this.#banner("device", `${title} ${todo}`, { words: "Try again", act: () => this.#reopen() });
    }
  }

  /**
   * @param {unknown} error
   * @param {boolean} wanted
   */
  #showTrouble(error, wanted) {
    const trouble = troubleOf(error, wanted ? "camera and microphone" : "microphone");
    node("trouble-title").textContent = trouble.title;
    node("trouble-todo").textContent = trouble.todo;
    node("trouble").hidden = false;
    button("sound-only").hidden = !wanted || trouble.kind === "insecure";
    node("preview-waiting").replaceChildren(Object.assign(document.createElement("strong"), { textContent: "No picture yet" }));
    node("preview-waiting").hidden = false;
    part("oval", SVGElement).toggleAttribute("hidden", true);
    node("advice").hidden = true;
    button("join").disabled = true;
  }

  /**
   * @param {string} id
   * @param {import("./guidance.js").Advice} advice
   */
  #advise(id, { good, text }) {
    const item = node(id);
    const words = item.querySelector("span");
    if (!words || words.textContent === text) return;
    words.textContent = text;
    item.className = good ? "good" : "bad";
    item.querySelector("use")?.setAttribute("href", `/pages/icons.svg#${good ? "good" : "hint"}`);
    if (!good) node("advice-live").textContent = text;
  }

  /** @param {number} level */
  #showLevel(level) {
    node("level-fill").style.width = `${Math.round(level * 100)}%`;
    node("level").setAttribute("aria-valuenow", String(Math.round(level * 100)));
    if (level > SPOKE && !this.#spoke) {
      this.#spoke = true;
      this.#advise("advice-sound", { good: true, text: "Your microphone works." });
    }
  }

  #release() {
    this.#guidance.stop();
    this.#level.stop();
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
  }

  // ---- the call

  #join() {
    const stream = this.#stream;
    if (!stream) return;
    this.#guidance.stop();
    this.#level.stop();
    this.#show("call");
    this.#applyToggles();
    this.#room.join(stream);
    this.#stayAwake();
    if (stream.getVideoTracks().length) this.#check.start(stream);
  }

  /** A phone that goes to sleep in the middle of a sentence ends the call. */
  async #stayAwake() {
    try {
      const lock = await navigator.wakeLock?.request("screen");
      if (this.#step !== "call") lock?.release();
      this.#awake = lock ?? null;
    } catch {
      // Low on battery, or not in front: not ours to insist.
    }
  }

  #listenRoom() {
    this.#room.addEventListener("remotestream", (event) => {
      const remote = video("remote");
      remote.srcObject = /** @type {CustomEvent<MediaStream>} */ (event).detail;
      remote.play().then(
        () => (button("sound").hidden = true),
        () => (button("sound").hidden = false),
      );
    });
    this.#room.addEventListener("statechange", () => this.#followRoom());
    this.#room.addEventListener("bye", () => this.#waiting("The interviewer has left the call", "They may come back. You can stay, or leave."));
    const remote = video("remote");
    const seen = () => {
      if (this.#room.state !== "talking") return;
      const { interviewerDark, interviewerSeen } = textsFor(document.body).call;
      if (this.#room.peerCamera && remote.videoWidth > 0) {
        node("remote-waiting").hidden = true;
        say(node("remote-live"), interviewerSeen);
      } else this.#waiting(...interviewerDark);
    };
    remote.addEventListener("resize", seen);
    this.#room.addEventListener("statechange", seen);
    this.#room.addEventListener("peercamera", seen);
  }

  #followRoom() {
    const { state } = this.#room;
    /** @type {Partial<Record<import("../sdk/room.js").RoomState, [string, string]>>} */
    const waiting = {
      joining: ["Connecting", "One moment."],
      alone: ["Waiting for the interviewer", "You are in the right place. They will see you as soon as they join."],
      connecting: ["The interviewer is here", "The picture comes in a moment."],
    };
    const words = waiting[state];
    if (words) this.#waiting(...words);
    this.#banner("room", state === "interrupted" ? "The connection is unsteady. It comes back by itself; stay on this page." : null);
    if (state === "replaced") this.#finish("The call goes on in another window", "You opened the link a second time. Join again if you want to go on here.", true);
    if (state === "refused") this.#show("refused");
    if (state === "over") this.#finish("The call has ended", "Thank you. Your camera and microphone are off, and no check is running. You may close this page.", false);
  }

  /**
   * What is hidden is not read out, nor is its coming back: a node that is always there says it.
   *
   * @param {string} title
   * @param {string} text
   */
  #waiting(title, text) {
    say(node("remote-title"), title);
    say(node("remote-text"), text);
    say(node("remote-live"), `${title}. ${text}`);
    node("remote-waiting").hidden = false;
  }

  /**
   * One line at the top of the call; the newest problem that is not over.
   *
   * @param {string} about
   * @param {string | null} text null: it is over
   * @param {{words: string, act: () => void}} [action]
   */
  #banner(about, text, action) {
    this.#banners.delete(about);
    if (text) this.#banners.set(about, { text, action });
    const last = [...this.#banners.values()].at(-1);
    node("banner").hidden = !last;
    if (!last) return;
    node("banner-text").textContent = last.text;
    const act = button("banner-action");
    act.hidden = !last.action;
    act.textContent = last.action?.words ?? "";
    act.onclick = last.action?.act ?? null;
  }

  #applyToggles() {
    for (const track of this.#stream?.getAudioTracks() ?? []) track.enabled = !this.#muted;
    for (const track of this.#stream?.getVideoTracks() ?? []) track.enabled = !this.#dark;
    this.#room.tellCamera(!this.#dark && Boolean(this.#stream?.getVideoTracks().length));
    this.#check.check?.setEnabled(!this.#dark);
    showToggle(button("microphone"), { off: this.#muted, icon: "microphone", words: this.#muted ? "Muted" : "Mute" });
    showToggle(button("camera"), { off: this.#dark, icon: "camera", words: this.#dark ? "Camera is off" : "Stop camera" });
    node("own-off").hidden = !this.#dark && Boolean(this.#stream?.getVideoTracks().length);
  }

  /**
   * @param {string} title
   * @param {string} text
   * @param {boolean} again
   */
  #finish(title, text, again) {
    this.#challenge.decline("other");
    this.#room.leave();
    this.#awake?.release();
    this.#check.check?.unpublish();
    this.#release();
    say(node("remote-live"), "");
    node("over-title").textContent = title;
    node("over-text").textContent = text;
    button("rejoin").hidden = !again;
    this.#show("over");
  }

  #listenButtons() {
    button("join").addEventListener("click", () => this.#join());
    button("trouble-again").addEventListener("click", () => this.#openDevices());
    button("sound-only").addEventListener("click", () => this.#openDevices({ video: false }));
    for (const id of ["camera-choice", "microphone-choice"]) node(id).addEventListener("change", () => this.#openDevices());
    button("microphone").addEventListener("click", () => {
      this.#muted = !this.#muted;
      this.#applyToggles();
    });
    button("camera").addEventListener("click", () => {
      this.#dark = !this.#dark;
      this.#applyToggles();
    });
    button("sound").addEventListener("click", () => {
      video("remote").play().then(() => (button("sound").hidden = true), () => {});
    });
    button("leave").addEventListener("click", () => this.#finish("You have left the call", "Your camera and microphone are off, and no check is running.", true));
    button("rejoin").addEventListener("click", () => this.#goDevices());
    navigator.mediaDevices?.addEventListener("devicechange", () => {
      if (this.#step === "devices" && !this.#stream) this.#openDevices();
      else if (this.#step === "devices") listDevices(part("camera-choice", HTMLSelectElement), "videoinput", this.#stream?.getVideoTracks()[0]?.getSettings().deviceId);
    });
    // The lock is lost whenever the page is out of sight.
    document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && this.#step === "call" && this.#stayAwake());
    globalThis.addEventListener("offline", () => this.#step === "call" && this.#banner("net", "Your internet connection is gone. The call comes back with it."));
    globalThis.addEventListener("online", () => this.#banner("net", null));
  }

}

const access = accessOfLink();
if (access) {
  new Candidate(access);
} else {
  document.body.dataset.step = "refused";
  node("refused").hidden = false;
}
// Another link in the same tab differs in its fragment only, which does not load a page anew.
globalThis.addEventListener("hashchange", () => location.reload());
