// @ts-check
/** Challenges: small things that a candidate is asked to do, started by an interviewer. */

import { callJson, sessionAddress } from "./api.js";
import { parseChallenge, parseChallenges } from "./wire.js";

/**
 * The interviewer's side. How a challenge goes on comes as `challenge` of a VerdictStream.
 *
 * @example
 * const challenges = new Challenges({ server, session, token });
 * const { available } = await challenges.list();
 * const running = await challenges.start({ challenge: available[0].name });
 * await challenges.cancel(running.id);
 */
export class Challenges {
  #server;
  #session;
  #token;
  #lang;

  /** @param {{server?: string, session: string, token: string, lang?: string}} options token: the viewer's, or a key; lang: the page's if left out */
  constructor({ server = "", session, token, lang }) {
    this.#server = server;
    this.#session = session;
    this.#token = token;
    this.#lang = lang;
  }

  /** What was asked so far, and what can be asked. */
  async list() {
    return parseChallenges(await callJson(this.#address(), { token: this.#token, lang: this.#lang }));
  }

  /**
   * Start one. The candidate's page shows it, or the interviewer reads its `aloud` to them.
   *
   * @param {{challenge?: string, mode?: import("./wire.js").ChallengeMode}} [options] challenge: the recommended one if left out
   */
  async start({ challenge, mode = "page" } = {}) {
    return parseChallenge(await callJson(this.#address(), { token: this.#token, lang: this.#lang, method: "POST", data: { challenge, mode } }));
  }

  /** @param {string} id */
  async cancel(id) {
    await callJson(this.#address(`/${encodeURIComponent(id)}`), { token: this.#token, method: "DELETE" });
  }

  #address(rest = "") {
    return sessionAddress(this.#server, this.#session, `/challenges${rest}`);
  }
}
