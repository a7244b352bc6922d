// @ts-check
/** One connection to the checking server, from its offer to its end. It does not come back; LivenessSession makes the next. */

import { addLayered, applyQuality, withStartBitrate } from "./capture.js";
import { closeResource, gathered, openResource } from "./whip.js";

const GATHER_MS = 1000;
/** A link may stumble this long before it counts as lost. */
const STUMBLE_MS = 3000;
/** From the answer to the first packet; a firewall that swallows everything is noticed after this long. */
const CONNECT_MS = 12_000;
/** A service that does not answer a goodbye is not waited for longer. */
const GOODBYE_MS = 1500;

/** Events: `connected`, `lost` (detail: reason), `message` (detail: text). Nothing comes after `lost`. */
export class Connection extends EventTarget {
  #token;
  #gone = false;
  /** @type {string | null} */
  #resource = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {{track: MediaStreamTrack, token: string, iceServers: RTCIceServer[]}} options */
  constructor({ track, token, iceServers }) {
    super();
    this.#token = token;
    this.peer = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.channel = this.peer.createDataChannel("liveness", { ordered: true });
    this.channel.addEventListener("message", (event) => {
      if (typeof event.data === "string" && !this.#gone) this.dispatchEvent(new CustomEvent("message", { detail: event.data }));
    });
    this.sender = addLayered(this.peer, track);
    this.peer.addEventListener("connectionstatechange", () => this.#follow());
  }

  /**
   * @param {{endpoint: string, maxFps: number | null, signal: AbortSignal}} options
   */
  async open({ endpoint, maxFps, signal }) {
    await applyQuality(this.sender, { maxFps });
    await this.peer.setLocalDescription();
    await gathered(this.peer, GATHER_MS);
    signal.throwIfAborted();
    const offer = this.peer.localDescription?.sdp ?? "";
    const resource = await openResource(endpoint, { token: this.#token, offer, signal });
    this.#resource = resource.url;
    if (this.#gone || signal.aborted) {
      this.close();
      signal.throwIfAborted();
    }
    await this.peer.setRemoteDescription({ type: "answer", sdp: withStartBitrate(resource.answer) });
    if (this.peer.connectionState !== "connected") this.#lostIn(CONNECT_MS, "the media connection did not come about");
  }

  /** @param {string} text @returns {boolean} whether it could be sent */
  send(text) {
    if (this.channel.readyState !== "open" || this.channel.bufferedAmount > 64_000) return false;
    this.channel.send(text);
    return true;
  }

  /**
   * @param {{keepalive?: boolean, known?: boolean}} [options] known: the service has ended it and need not be told
   * @returns {Promise<void>}
   */
  async close({ keepalive = false, known = false } = {}) {
    this.#gone = true;
    clearTimeout(this.#timer);
    const resource = this.#resource;
    this.#resource = null;
    if (resource && !known) {
      // From here on no picture is sent. The peer closes after the DELETE: the other way round it would look like a loss.
      this.sender.replaceTrack(null).catch(() => {});
      const told = closeResource(resource, { token: this.#token, keepalive });
      if (keepalive) {
        // Only a page that comes back from the browser's cache gets here again.
        setTimeout(() => this.peer.close(), GOODBYE_MS);
        return told;
      }
      await Promise.race([told, new Promise((resolve) => setTimeout(resolve, GOODBYE_MS))]);
    }
    this.peer.close();
  }

  #follow() {
    if (this.#gone) return;
    const state = this.peer.connectionState;
    if (state === "connected") {
      clearTimeout(this.#timer);
      this.dispatchEvent(new CustomEvent("connected"));
    } else if (state === "disconnected") {
      this.#lostIn(STUMBLE_MS, "the media connection broke off");
    } else if (state === "failed" || state === "closed") {
      this.#lostIn(0, "the media connection failed");
    }
  }

  /**
   * @param {number} ms
   * @param {string} reason
   */
  #lostIn(ms, reason) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#gone) return;
      this.#gone = true;
      this.dispatchEvent(new CustomEvent("lost", { detail: reason }));
    }, ms);
  }
}
