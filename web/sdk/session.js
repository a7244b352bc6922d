// @ts-check
/** The candidate's side of a check: consent, and the video on its way to the checking server. */

import { ApiError, callJson, sessionAddress } from "./api.js";
import { applyQuality, cloneForCheck } from "./capture.js";
import { Connection } from "./connection.js";
import { EventStream } from "./events.js";
import { captureReport, SenderStats } from "./stats.js";
import { backoffMs, untilOnline, wait } from "./waiting.js";
import {
  parseCandidateView, parseChallengeGuidance, parseChallengeOffer, parseChallengeOver, parseChallengePrompt, parseChannelMessage, parseRate,
  parseReconnect, WireError,
} from "./wire.js";

const REPORT_EVERY_MS = 5000;
/** So often a refusal because "another publisher is connected" may be our own former connection, still being cleared away. */
const CONFLICTS = 5;
/** A prompt's answer that has not come by then is lost; it takes up to two seconds, in which the person is seen as they are. */
const READY_PATIENCE_MS = 4000;
const READY_ATTEMPTS = 3;
const READY_AGAIN_MS = 300;

/**
 * @typedef {"idle" | "connecting" | "connected" | "reconnecting" | "stopped" | "closed"} LivenessState
 */

/**
 * Taps any MediaStream, be it of the own camera or of a remote participant, and lets a liveness service look at it.
 *
 * It clones the video track, so that the call the stream belongs to is left alone. It uses no DOM and never polls.
 *
 * Events:
 * - `statechange` {state, reason, error}
 * - `session` CandidateView, whenever the service tells a change
 * - `stats` CaptureReport, every 5 s while connected
 * - `rate` {max_fps, reason}: the service asked for fewer frames; done already
 * - `reconnecting` {reason, attempt}
 * - `trackended` {label}: the camera was unplugged or the screen share ended; go on with `replaceStream()`
 * - `challenge` ChallengeOffer: the candidate is asked to do something; answer by `challengeReady` or `declineChallenge`
 * - `challenge_guidance` {id, guidance}, `challenge_over` {id, how}
 * - `error` Error: nothing more is tried; `statechange` says "stopped"
 *
 * @example
 * const session = new LivenessSession({ server: "https://interviews.example", session: id, token });
 * const { consent } = await session.details();   // show consent.text and ask
 * await session.giveConsent(consent.version);
 * await session.publish(stream);
 */
export class LivenessSession extends EventTarget {
  #server;
  #session;
  #token;
  #lang;
  /** @type {MediaStreamTrack | null} */
  #track = null;
  #enabled = true;
  /** @type {Connection | null} */
  #connection = null;
  /** @type {AbortController | null} of the attempts to connect, or of the connection that came of them */
  #life = null;
  /** @type {EventStream | null} */
  #events = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #reporting;
  /** @type {number | null} */
  #maxFps = null;
  /** @type {RTCIceServer[] | null} */
  #iceServers = null;
  /** @type {Promise<void>} */
  #closing = Promise.resolve();
  /** @type {LivenessState} */
  state = "idle";

  /** @param {{server?: string, session: string, token: string, lang?: string}} options server: origin of the service, "" for the page's own; lang: of what is said, the page's if left out */
  constructor({ server = "", session, token, lang }) {
    super();
    this.#server = server;
    this.#session = session;
    this.#token = token;
    this.#lang = lang;
    globalThis.addEventListener?.("pagehide", this.#leave);
    globalThis.addEventListener?.("pageshow", this.#comeBack);
    globalThis.addEventListener?.("offline", this.#offline);
  }

  /** The session as the candidate may see it: state, consent text, ICE servers. */
  async details() {
    const view = parseCandidateView(await callJson(this.#address(), { token: this.#token }));
    this.#iceServers = view.ice_servers;
    return view;
  }

  /**
   * @param {string} version of the text that was shown and agreed to
   * @returns {Promise<{version: string, given_at: string, receipt: unknown}>}
   */
  async giveConsent(version) {
    return callJson(this.#address("/consent"), { token: this.#token, method: "POST", data: { version } });
  }

  /** Take the consent back. The service stops looking at once; the video stops before that is even asked for. */
  async withdrawConsent() {
    await this.#hangUp("withdrawn", "stopped");
    await callJson(this.#address("/consent"), { token: this.#token, method: "DELETE" });
  }

  /**
   * Say that a challenge can be shown now. Its parameters are drawn at this moment, and are given once: show them at once.
   *
   * An answer that is lost on the way is asked for again: it is the same prompt, and its time runs on (`elapsed_s`).
   *
   * @param {string} id of the offer
   */
  async challengeReady(id) {
    const address = this.#address(`/challenges/${encodeURIComponent(id)}/ready`);
    const once = crypto.randomUUID();
    for (let attempt = 1; ; attempt++) {
      try {
        const signal = AbortSignal.timeout(READY_PATIENCE_MS);
        return parseChallengePrompt(await callJson(address, { token: this.#token, lang: this.#lang, method: "POST", once, signal }));
      } catch (error) {
        // Who has answered, if only to refuse, has not been lost; a message that is none would come again.
        const gateway = error instanceof ApiError && (error.status === 502 || error.status === 504);
        if (attempt === READY_ATTEMPTS || error instanceof WireError || (error instanceof ApiError && !gateway)) throw error;
        await new Promise((resolve) => setTimeout(resolve, READY_AGAIN_MS));
      }
    }
  }

  /**
   * Leave a challenge out, before or while it runs. Nothing is held against who does.
   *
   * @param {string} id
   * @param {import("./wire.js").DeclineReason} reason
   */
  async declineChallenge(id, reason) {
    await callJson(this.#address(`/challenges/${encodeURIComponent(id)}/decline`), { token: this.#token, method: "POST", data: { reason } });
  }

  /** Follow the service's events; `publish` does so by itself. */
  listen() {
    if (this.#events) return;
    this.#events = new EventStream({ url: this.#address("/events"), token: this.#token, lang: this.#lang });
    this.#events.addEventListener("message", (event) => this.#take(/** @type {CustomEvent} */ (event).detail));
    this.#events.open();
  }

  /**
   * Send a stream's video to be checked. Resolves when it arrives there, rejects when that is hopeless (no consent, session over).
   *
   * @param {MediaStream} stream
   */
  async publish(stream) {
    if (this.state === "closed") throw new Error("this session is closed: make a new LivenessSession");
    this.#adopt(stream);
    this.listen();
    await this.#connect("connecting", "");
  }

  /**
   * Go on with another camera. The connection stays.
   *
   * @param {MediaStream} stream
   */
  async replaceStream(stream) {
    const former = this.#track;
    this.#adopt(stream);
    former?.stop();
    const sender = this.#connection?.sender;
    if (!sender) return;
    await sender.replaceTrack(this.#track);
    await applyQuality(sender, { maxFps: this.#maxFps });
  }

  /**
   * Show black instead of the picture, for as long as the person has the camera off in the call.
   *
   * @param {boolean} enabled
   */
  setEnabled(enabled) {
    this.#enabled = enabled;
    if (this.#track) this.#track.enabled = enabled;
  }

  /** Stop sending; `publish` may follow. */
  async unpublish() {
    await this.#hangUp("unpublished", "idle");
  }

  /** Stop for good. */
  async close() {
    globalThis.removeEventListener?.("pagehide", this.#leave);
    globalThis.removeEventListener?.("pageshow", this.#comeBack);
    globalThis.removeEventListener?.("offline", this.#offline);
    this.#events?.close();
    this.#events = null;
    await this.#hangUp("closed", "closed");
  }

  /** @param {string} [rest] */
  #address(rest) {
    return sessionAddress(this.#server, this.#session, rest);
  }

  /** @param {MediaStream} stream */
  #adopt(stream) {
    const source = stream.getVideoTracks().find((track) => track.readyState === "live");
    if (!source) throw new Error("the stream has no running video track");
    const track = cloneForCheck(source);
    track.enabled = this.#enabled;
    track.addEventListener("ended", () => {
      if (track === this.#track) this.#emit("trackended", { label: track.label });
    });
    this.#track = track;
  }

  /**
   * @param {string} name
   * @param {unknown} detail
   */
  #emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  /**
   * @param {LivenessState} state
   * @param {string} [reason]
   * @param {unknown} [error]
   */
  #set(state, reason = "", error = null) {
    if (state === this.state) return;
    this.state = state;
    this.#emit("statechange", { state, reason, error });
  }

  /**
   * Drop what there is and connect anew, until it succeeds or is hopeless.
   *
   * @param {"connecting" | "reconnecting"} state
   * @param {string} reason
   */
  async #connect(state, reason) {
    this.#life?.abort();
    const life = new AbortController();
    this.#life = life;
    this.#drop();
    this.#set(state, reason);
    try {
      await this.#attempts(life.signal, reason);
    } catch (error) {
      if (life.signal.aborted) return;
      this.#drop();
      this.#releaseTrack();
      this.#set("stopped", error instanceof ApiError ? error.kind : "failed", error);
      this.#emit("error", error);
      throw error;
    }
  }

  /**
   * @param {AbortSignal} signal
   * @param {string} reason
   */
  async #attempts(signal, reason) {
    let conflicts = 0;
    for (let failures = 0; ; failures += 1) {
      let asked = 0;
      try {
        await this.#attempt(signal);
        return;
      } catch (error) {
        signal.throwIfAborted();
        this.#drop();
        if (error instanceof ApiError) {
          const conflict = error.status === 409 && error.kind !== "session-over";
          conflicts += conflict ? 1 : 0;
          if (!error.retryable && !(conflict && conflicts <= CONFLICTS)) throw error;
          asked = (error.retryAfterS ?? 0) * 1000;
        } else if (!(error instanceof TypeError || error instanceof LinkLost || isTimeout(error))) {
          throw error;
        }
        this.#emit("reconnecting", { reason: error instanceof Error ? error.message : reason, attempt: failures + 1 });
        // What the server asks for is the least; the jitter keeps a crowd from coming back at the same moment.
        await wait(asked * (1 + Math.random() / 4) || backoffMs(failures + 1), signal, { wakeOnline: !asked });
        await untilOnline(signal);
      }
    }
  }

  /** @param {AbortSignal} signal */
  async #attempt(signal) {
    await this.#closing;
    signal.throwIfAborted();
    if (!this.#iceServers) await this.details();
    const track = this.#track;
    if (!track) throw new Error("there is no video to send");
    const connection = new Connection({ track, token: this.#token, iceServers: this.#iceServers ?? [] });
    this.#connection = connection;
    connection.addEventListener("message", (event) => this.#hear(/** @type {CustomEvent} */ (event).detail));
    const connected = new Promise((resolve, reject) => {
      connection.addEventListener("connected", resolve, { once: true });
      connection.addEventListener("lost", (event) => reject(new LinkLost(/** @type {CustomEvent} */ (event).detail)), { once: true });
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    connected.catch(() => {});
    await connection.open({ endpoint: this.#address("/whip"), maxFps: this.#maxFps, signal });
    if (this.#track !== track) await connection.sender.replaceTrack(this.#track);
    await connected;
    connection.addEventListener("lost", (event) => this.#again(/** @type {CustomEvent} */ (event).detail));
    this.#set("connected");
    this.#report(connection);
  }

  /** @param {string} reason */
  #again(reason) {
    if (!this.#track || this.state === "closed") return;
    this.#emit("reconnecting", { reason, attempt: 0 });
    this.#connect("reconnecting", reason).catch(() => {
      // Told by the `error` event.
    });
  }

  /**
   * End the connection; the next one waits until the server knows.
   *
   * @param {{known?: boolean}} [options]
   */
  #drop({ known = false } = {}) {
    clearInterval(this.#reporting);
    const connection = this.#connection;
    this.#connection = null;
    if (connection) this.#closing = connection.close({ known });
  }

  #releaseTrack() {
    this.#track?.stop();
    this.#track = null;
  }

  /**
   * @param {string} reason
   * @param {LivenessState} state
   * @param {{known?: boolean}} [options]
   */
  async #hangUp(reason, state, options) {
    this.#life?.abort();
    this.#life = null;
    this.#drop(options);
    this.#releaseTrack();
    this.#set(state, reason);
    await this.#closing;
  }

  /** @param {Connection} connection */
  #report(connection) {
    const reader = new SenderStats();
    const tick = async () => {
      const track = this.#track;
      if (connection !== this.#connection || !track) return;
      const counted = reader.read(await connection.peer.getStats());
      // `document` is not there in a worker; a page that nobody sees sends fewer frames, which is not the person's doing.
      const visible = globalThis.document?.visibilityState !== "hidden";
      const report = captureReport(track, counted, visible);
      this.#emit("stats", report);
      if (!connection.send(JSON.stringify({ type: "report", ...report }))) {
        await callJson(this.#address("/reports"), { token: this.#token, method: "POST", data: report });
      }
    };
    const safely = () => {
      tick().catch(() => {
        // A report that is lost is followed by the next.
      });
    };
    connection.peer.getStats().then((stats) => reader.read(stats), () => {});
    clearInterval(this.#reporting);
    this.#reporting = setInterval(safely, REPORT_EVERY_MS);
  }

  /** @param {string} text from the data channel */
  #hear(text) {
    try {
      const message = parseChannelMessage(text);
      if (message?.type === "rate") this.#limit(message.rate);
    } catch {
      // A newer service may say what this page does not understand.
    }
  }

  /** @param {import("./wire.js").Rate} rate */
  #limit(rate) {
    const changed = rate.max_fps !== this.#maxFps;
    this.#maxFps = rate.max_fps;
    const sender = this.#connection?.sender;
    if (sender && changed) applyQuality(sender, { maxFps: rate.max_fps }).catch(() => {});
    if (changed) this.#emit("rate", rate);
  }

  /** @param {import("./events.js").ServerEvent} event */
  #take(event) {
    try {
      const data = JSON.parse(event.data);
      if (event.event === "rate") this.#limit(parseRate(data));
      else if (event.event === "reconnect" && this.#connection) this.#again(parseReconnect(data).reason);
      else if (event.event === "session") this.#follow(parseCandidateView(data));
      else if (event.event === "challenge") this.#emit("challenge", parseChallengeOffer(data));
      else if (event.event === "challenge_guidance") this.#emit("challenge_guidance", parseChallengeGuidance(data));
      else if (event.event === "challenge_over") this.#emit("challenge_over", parseChallengeOver(data));
    } catch {
      // As above.
    }
  }

  /** @param {import("./wire.js").CandidateView} view */
  #follow(view) {
    this.#iceServers = view.ice_servers;
    this.#emit("session", view);
    if (view.state === "ended" || view.state === "withdrawn") this.#hangUp(view.state, "stopped", { known: true });
  }

  #offline = () => {
    if (this.#connection && this.state === "connected") {
      // A short loss heals by itself; `lost` comes if this one does not.
      this.#emit("reconnecting", { reason: "offline", attempt: 0 });
    }
  };

  #leave = () => {
    this.#life?.abort();
    clearInterval(this.#reporting);
    this.#connection?.close({ keepalive: true });
    this.#connection = null;
  };

  /** @param {Event} event */
  #comeBack = (event) => {
    if (/** @type {PageTransitionEvent} */ (event).persisted && this.#track?.readyState === "live") this.#again("the page came back");
  };
}

class LinkLost extends Error {
  name = "LinkLost";
}

/** @param {unknown} error */
const isTimeout = (error) => error instanceof DOMException && (error.name === "TimeoutError" || error.name === "NetworkError");
