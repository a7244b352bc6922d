// @ts-check
/** A small WHIP client (RFC 9725): an offer goes in, an answer and the address of the connection come back. */

import { call } from "./api.js";

/**
 * @typedef {object} WhipResource
 * @property {string} url
 * @property {string} answer
 * @property {string | null} etag
 */

/**
 * @param {string} endpoint
 * @param {{token: string, offer: string, signal?: AbortSignal}} options
 * @returns {Promise<WhipResource>}
 */
export async function openResource(endpoint, { token, offer, signal }) {
  const response = await call(endpoint, { token, method: "POST", type: "application/sdp", accept: "application/sdp", body: offer, signal });
  const location = response.headers.get("Location");
  if (!location) throw new Error("the answer to the offer names no Location");
  const url = new URL(location, response.url || endpoint);
  if (url.origin !== new URL(response.url || endpoint).origin) {
    // The token must not go to whoever a header names.
    throw new Error(`the connection's address lies on another server: ${url.origin}`);
  }
  return { url: url.href, answer: await response.text(), etag: response.headers.get("ETag") };
}

/**
 * End a connection. Never throws: a connection that is gone is what was wanted.
 *
 * @param {string} url
 * @param {{token: string, keepalive?: boolean}} options keepalive: also when the page is being left
 */
export async function closeResource(url, { token, keepalive = false }) {
  try {
    await call(url, { token, method: "DELETE", keepalive, signal: keepalive ? undefined : AbortSignal.timeout(5000) });
  } catch {
    // The service notices a silent connection by itself.
  }
}

/**
 * Wait until all candidates are gathered, or the time is up: what is there then must do.
 *
 * @param {RTCPeerConnection} peer
 * @param {number} mostMs
 * @returns {Promise<void>}
 */
export function gathered(peer, mostMs) {
  if (peer.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      peer.removeEventListener("icegatheringstatechange", changed);
      resolve();
    };
    const changed = () => {
      if (peer.iceGatheringState === "complete") done();
    };
    const timer = setTimeout(done, mostMs);
    peer.addEventListener("icegatheringstatechange", changed);
  });
}
