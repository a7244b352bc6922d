// @ts-check
/** The two people's own call: peer to peer, signalled over the session's room. The check does not sit in its path. */

import { address } from "./api.js";
import { backoffMs, untilOnline, wait } from "./waiting.js";

/** The people's own video: small, so that the check's picture gets the processor and the line. */
const CALL_HEIGHT = 360;
const CALL_BITRATE = 600_000;
const REPLACED = 4409;
const BAD_TOKEN = 4401;
const OVER = 4410;
const OVER_TIMES = 3;

/**
 * @typedef {"idle" | "joining" | "alone" | "connecting" | "talking" | "interrupted" | "replaced" | "refused" | "over" | "left"} RoomState
 */

/**
 * A room for two. The viewer offers when the other is there; a clash is settled by perfect negotiation (the publisher yields).
 *
 * Events: `statechange` {state}, `remotestream` MediaStream (again when a call begins anew), `peercamera` {on} (the other's camera was
 * switched off or on: a track that is switched off arrives as a black picture and tells nobody why), `bye` (the other hung up).
 */
export class Room extends EventTarget {
  #url;
  #token;
  /** @type {MediaStream | null} */
  #local = null;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {AbortController | null} */
  #life = null;
  /** @type {Call | null} */
  #call = null;
  /** @type {"publisher" | "viewer" | null} */
  #role = null;
  /** @type {RTCIceServer[]} */
  #iceServers = [];
  #camera = true;
  /** @type {RoomState} */
  state = "idle";
  /** Whether the other's camera is on, as far as they said. */
  peerCamera = true;

  /** @param {{server?: string, session: string, token: string}} options */
  constructor({ server = "", session, token }) {
    super();
    this.#url = address(server, `/v1/sessions/${encodeURIComponent(session)}/room`).replace(/^http/, "ws");
    this.#token = token;
  }

  /**
   * Join, with one's own camera and microphone or without.
   *
   * @param {MediaStream | null} local
   */
  join(local) {
    this.#local = local;
    if (this.#life) return;
    this.#life = new AbortController();
    this.#set("joining");
    this.#stay(this.#life.signal).catch(() => {});
  }

  /** @param {MediaStream | null} local other or more tracks to send from now on */
  async setStream(local) {
    this.#local = local;
    await this.#call?.send(local);
  }

  /** Tell the other whether one's own camera is on; kept for a call that begins anew. @param {boolean} on */
  tellCamera(on) {
    this.#camera = on;
    this.#call?.tellCamera(on);
  }

  /** Hang up; the other is told. */
  leave() {
    this.#say("bye", null);
    this.#end("left");
  }

  /** @param {RoomState} state */
  #end(state) {
    this.#life?.abort();
    this.#life = null;
    this.#socket?.close(1000);
    this.#socket = null;
    this.#hangUp();
    this.#set(state);
  }

  #hangUp() {
    this.#call?.close();
    this.#call = null;
  }

  /** @param {RoomState} state */
  #set(state) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent("statechange", { detail: { state } }));
  }

  /** @param {AbortSignal} signal */
  async #stay(signal) {
    let over = 0;
    for (let failures = 0; !signal.aborted; failures += 1) {
      await wait(backoffMs(failures), signal, { wakeOnline: true });
      await untilOnline(signal);
      const { code, welcomed } = await this.#connect(signal);
      if (signal.aborted) return;
      if (code === REPLACED) return this.#end("replaced");
      if (code === BAD_TOKEN) return this.#end("refused");
      // A service that restarts says the same as one whose session has ended; only the latter says it again and again.
      over = code === OVER ? over + 1 : 0;
      if (over >= OVER_TIMES) return this.#end("over");
      if (welcomed) failures = 0;
      // The call itself runs on without the room; only a new one would need it.
      if (!this.#call?.healthy) this.#set("interrupted");
    }
  }

  /**
   * @param {AbortSignal} signal
   * @returns {Promise<{code: number, welcomed: boolean}>} when the socket is closed
   */
  #connect(signal) {
    return new Promise((resolve) => {
      const socket = new WebSocket(this.#url);
      let welcomed = false;
      this.#socket = socket;
      signal.addEventListener("abort", () => socket.close(1000), { once: true });
      socket.addEventListener("open", () => socket.send(JSON.stringify({ type: "hello", token: this.#token })));
      socket.addEventListener("message", (event) => {
        /** @type {any} */
        let message;
        try {
          message = JSON.parse(event.data);
        } catch {
          return;
        }
        welcomed ||= message?.type === "welcome";
        this.#take(message).catch((error) => this.dispatchEvent(new CustomEvent("error", { detail: error })));
      });
      socket.addEventListener("close", (event) => resolve({ code: event.code, welcomed }));
    });
  }

  /** @param {{type?: string, role?: "publisher" | "viewer", peer?: boolean, present?: boolean, ice_servers?: RTCIceServer[], data?: any}} message */
  async #take(message) {
    if (message.type === "welcome") {
      this.#role = message.role ?? "publisher";
      this.#iceServers = message.ice_servers ?? [];
      this.#meet(message.peer === true);
    } else if (message.type === "peer") {
      this.#meet(message.present === true);
    } else if (message.type === "bye") {
      this.#hangUp();
      this.#set("alone");
      this.dispatchEvent(new CustomEvent("bye"));
    } else if (message.type === "offer" || message.type === "answer" || message.type === "candidate") {
      await this.#negotiate(message.type, message.data);
    }
  }

  /** @param {boolean} present */
  #meet(present) {
    if (!present) {
      // The other's page may be back in a second, and the call may have outlived the loss of its room.
      if (!this.#call?.healthy) this.#set("alone");
      return;
    }
    if (this.#role === "viewer") this.#begin(crypto.randomUUID());
    else if (!this.#call) this.#set("connecting");
  }

  /** @param {string} id */
  #begin(id) {
    this.#hangUp();
    const call = new Call({
      id,
      polite: this.#role === "publisher",
      iceServers: this.#iceServers,
      local: this.#local,
      camera: this.#camera,
      say: (type, data) => this.#say(type, data),
    });
    this.#call = call;
    this.#hearCamera(true);
    this.#set("connecting");
    call.addEventListener("camera", (event) => call === this.#call && this.#hearCamera(/** @type {CustomEvent} */ (event).detail));
    call.addEventListener("statechange", () => {
      if (call !== this.#call) return;
      if (call.healthy) this.#set("talking");
      else if (this.state === "talking") this.#set("interrupted");
    });
    this.dispatchEvent(new CustomEvent("remotestream", { detail: call.remote }));
    return call;
  }

  /** @param {boolean} on */
  #hearCamera(on) {
    if (on === this.peerCamera) return;
    this.peerCamera = on;
    this.dispatchEvent(new CustomEvent("peercamera", { detail: { on } }));
  }

  /**
   * @param {"offer" | "answer" | "candidate"} type
   * @param {any} data
   */
  async #negotiate(type, data) {
    if (typeof data?.call !== "string") return;
    if (this.#call?.id !== data.call) {
      if (type !== "offer" || this.#role !== "publisher") return;
      this.#begin(data.call);
    }
    await this.#call?.take(type, data);
  }

  /**
   * @param {string} type
   * @param {unknown} data
   */
  #say(type, data) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify({ type, data }));
  }
}

/** One peer connection of the two. Events: `statechange`, `camera` (the other's: on or off). */
class Call extends EventTarget {
  #polite;
  #say;
  #offering = false;
  #ignored = false;
  #camera;
  #asides;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #restart;
  remote = new MediaStream();

  /**
   * @param {{id: string, polite: boolean, iceServers: RTCIceServer[], local: MediaStream | null, camera: boolean,
   *   say: (type: string, data: unknown) => void}} options
   */
  constructor({ id, polite, iceServers, local, camera, say }) {
    super();
    this.id = id;
    this.#polite = polite;
    this.#say = say;
    this.#camera = camera;
    const peer = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" });
    this.peer = peer;
    // What goes from one page to the other beside picture and sound; no server sees it.
    this.#asides = peer.createDataChannel("asides", { negotiated: true, id: 0 });
    this.#asides.addEventListener("open", () => this.tellCamera(this.#camera));
    this.#asides.addEventListener("message", ({ data }) => {
      if (data === "camera on" || data === "camera off") this.dispatchEvent(new CustomEvent("camera", { detail: data === "camera on" }));
    });
    peer.addEventListener("negotiationneeded", () => this.#offer());
    peer.addEventListener("icecandidate", (event) => {
      if (event.candidate) say("candidate", { call: id, candidate: event.candidate.toJSON() });
    });
    peer.addEventListener("track", (event) => {
      for (const old of this.remote.getTracks()) if (old.kind === event.track.kind) this.remote.removeTrack(old);
      this.remote.addTrack(event.track);
    });
    peer.addEventListener("connectionstatechange", () => this.#follow());
    if (polite) {
      for (const track of local?.getTracks() ?? []) this.#own(peer.addTrack(track));
    } else {
      // Both kinds from the start: the own camera can be switched on later without a new offer having to arrive.
      for (const kind of /** @type {const} */ (["audio", "video"])) {
        const track = local?.getTracks().find((item) => item.kind === kind);
        const { sender } = peer.addTransceiver(track ?? kind, { direction: track ? "sendrecv" : "recvonly" });
        if (track) this.#own(sender);
      }
    }
  }

  get healthy() {
    return this.peer.connectionState === "connected";
  }

  /** @param {boolean} on */
  tellCamera(on) {
    this.#camera = on;
    if (this.#asides.readyState === "open") this.#asides.send(on ? "camera on" : "camera off");
  }

  /** @param {MediaStream | null} local */
  async send(local) {
    for (const kind of ["audio", "video"]) {
      const track = local?.getTracks().find((item) => item.kind === kind) ?? null;
      const transceiver = this.peer.getTransceivers().find((item) => (item.receiver.track.kind ?? "") === kind);
      if (!transceiver && track) this.#own(this.peer.addTrack(track));
      if (!transceiver) continue;
      await transceiver.sender.replaceTrack(track);
      transceiver.direction = track || this.#polite ? "sendrecv" : "recvonly";
      if (track) this.#own(transceiver.sender);
    }
  }

  /**
   * @param {"offer" | "answer" | "candidate"} type
   * @param {{sdp?: string, candidate?: RTCIceCandidateInit}} data
   */
  async take(type, data) {
    const { peer } = this;
    if (type === "candidate") {
      try {
        await peer.addIceCandidate(data.candidate);
      } catch (error) {
        if (!this.#ignored) throw error;
      }
      return;
    }
    const clash = type === "offer" && (this.#offering || peer.signalingState !== "stable");
    this.#ignored = !this.#polite && clash;
    if (this.#ignored) return;
    await peer.setRemoteDescription({ type, sdp: data.sdp ?? "" });
    if (type === "offer") {
      await peer.setLocalDescription();
      this.#say("answer", { call: this.id, sdp: peer.localDescription?.sdp });
    }
    for (const sender of peer.getSenders()) if (sender.track) this.#own(sender);
  }

  close() {
    clearTimeout(this.#restart);
    this.peer.close();
  }

  async #offer() {
    try {
      this.#offering = true;
      await this.peer.setLocalDescription();
      const description = this.peer.localDescription;
      if (description?.type === "offer") this.#say("offer", { call: this.id, sdp: description.sdp });
    } catch {
      // Closed meanwhile.
    } finally {
      this.#offering = false;
    }
  }

  #follow() {
    clearTimeout(this.#restart);
    const state = this.peer.connectionState;
    if (!this.#polite && (state === "failed" || state === "disconnected")) {
      this.#restart = setTimeout(() => this.peer.restartIce(), state === "failed" ? 0 : 3000);
    }
    this.dispatchEvent(new CustomEvent("statechange"));
  }

  /** @param {RTCRtpSender} sender */
  #own(sender) {
    if (sender.track?.kind !== "video") return;
    const parameters = sender.getParameters();
    if (!parameters.encodings?.length) return;
    const { width = 1280, height = 720 } = sender.track.getSettings();
    parameters.encodings[0].maxBitrate = CALL_BITRATE;
    parameters.encodings[0].scaleResolutionDownBy = Math.max(1, Math.min(width, height) / CALL_HEIGHT);
    sender.setParameters(parameters).catch(() => {
      // Changed again meanwhile; it is set once more after the next description.
    });
  }
}
