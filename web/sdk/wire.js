// @ts-check
/**
 * Messages of the wire, checked as they come in. Each has its example in tests/wire/.
 *
 * Unknown fields are let through, so that an older page can talk to a newer service; what a page relies on is checked.
 *
 * @typedef {"presentation" | "injection" | "synthesis" | "substitution"} Family
 * @typedef {"warming_up" | "live" | "suspect" | "inconclusive"} VerdictState
 * @typedef {"waiting" | "consented" | "checking" | "interrupted" | "withdrawn" | "ended"} SessionState
 *
 * @typedef {object} Reason
 * @property {string} signal
 * @property {number} time_s when it was seen best
 * @property {Family} family
 * @property {number} llr nats; positive speaks for the attack
 * @property {string} text
 *
 * @typedef {object} Verdict
 * @property {string} session
 * @property {number} time_s media time
 * @property {number} [frame_unix_ms]
 * @property {number} [sent_unix_ms]
 * @property {number} confidence posterior probability of a live person, 0–1
 * @property {[number, number]} interval 90 % interval of the confidence
 * @property {VerdictState} state
 * @property {string} summary
 * @property {Partial<Record<Family, number>>} families posterior of each attack
 * @property {Partial<Record<Family, number>>} coverage share of what can be seen that was seen
 * @property {Family[]} not_examined
 * @property {Reason[]} reasons strongest first
 * @property {Record<string, string>} missing why a signal says nothing
 * @property {Family | null} doubted what alone keeps somebody who looks live from being called so
 * @property {Record<string, number>} doubts by kind of attack that counts in no figure, nats; positive speaks for it
 * @property {{challenge: string, why: string} | null} next_step
 *
 * @typedef {object} Link
 * @property {string} session
 * @property {number} time_s
 * @property {number} width
 * @property {number} height
 * @property {number} fps
 * @property {number | null} kbit_s
 * @property {number | null} lost_share
 * @property {number | null} jitter_ms
 * @property {{p50: number, p95: number} | null} frame_age_ms
 * @property {string} quality
 *
 * @typedef {{session: string, time_s: number, kind: string, text: string}} Notice
 * @typedef {{max_fps: number | null, reason: string}} Rate
 * @typedef {{reason: string}} Reconnect
 * @typedef {{version: string, given_at: string | null, text?: string[]}} Consent
 *
 * @typedef {object} SessionView what an interviewer may know of a session
 * @property {string} id
 * @property {string | null} reference
 * @property {string} [created_at]
 * @property {string} expires_at
 * @property {SessionState} state
 * @property {string | null} [reason]
 * @property {Consent | null} consent
 * @property {boolean} findings_erased whether all that was seen is erased, after consent was taken back
 * @property {RTCIceServer[]} ice_servers
 * @property {string} [report_url]
 * @property {string[]} challenges what the candidate can be asked for, by name
 *
 * @typedef {object} CandidateView what a candidate may know of a session: never a score
 * @property {string} id
 * @property {SessionState} state
 * @property {string} expires_at
 * @property {{version: string, given_at: string | null, text: string[]}} consent
 * @property {RTCIceServer[]} ice_servers
 *
 * @typedef {"page" | "spoken"} ChallengeMode
 * @typedef {"offered" | "running" | "done" | "declined" | "expired" | "cancelled"} ChallengeState
 * @typedef {"passed" | "broken" | "not_done" | "unclear"} ChallengeResult
 * @typedef {"cannot" | "photosensitive" | "reduced_motion" | "other"} DeclineReason
 *
 * @typedef {object} Curve what was measured beside what was asked for
 * @property {string} title
 * @property {string} unit
 * @property {number[]} times_s seconds after the prompt
 * @property {(number | null)[]} values
 * @property {(number | null)[]} asked
 *
 * @typedef {object} ChallengeOutcome
 * @property {ChallengeResult} result
 * @property {number} quality 0–1
 * @property {string} reason
 * @property {boolean | null} compliance
 * @property {number | null} integrity
 * @property {number | null} answered_s
 * @property {Curve | null} curve
 * @property {Partial<Record<Family, number>>} llr
 *
 * @typedef {object} Challenge as an interviewer sees it
 * @property {string} session
 * @property {string} id
 * @property {string} challenge its name
 * @property {string} title
 * @property {ChallengeMode} mode
 * @property {ChallengeState} state
 * @property {number} attempt
 * @property {string | null} aloud
 * @property {number} deadline_s
 * @property {string | null} alternative
 * @property {string} made_at
 * @property {string | null} guidance
 * @property {DeclineReason | null} decline_reason
 * @property {boolean} shown whether the candidate had been shown what was asked for
 * @property {ChallengeOutcome | null} outcome
 *
 * @typedef {object} AvailableChallenge
 * @property {string} name
 * @property {string} title
 * @property {boolean} spoken
 * @property {Family[]} families
 * @property {string} alternative
 * @property {number} attempts_left
 *
 * @typedef {object} ChallengeOffer what a candidate is asked, before its parameters are known
 * @property {string} id
 * @property {string} challenge
 * @property {string} title
 * @property {string} text
 * @property {string | null} warning
 * @property {number} ready_within_s
 *
 * @typedef {Record<string, any> & {text: string, picture: string}} ChallengePage
 * @typedef {{id: string, challenge: string, page: ChallengePage, deadline_s: number, elapsed_s: number}} ChallengePrompt elapsed_s: of its time, gone when it was sent
 * @typedef {{id: string, guidance: string}} ChallengeGuidance
 * @typedef {{id: string, how: "finished" | "stopped"}} ChallengeOver never how it came out
 *
 * @typedef {object} SessionCreated
 * @property {string} id
 * @property {string | null} reference
 * @property {string} candidate_url
 * @property {string} interviewer_url
 * @property {string} expires_at
 * @property {SessionState} state
 */

/** @type {readonly Family[]} */
export const FAMILIES = ["presentation", "injection", "synthesis", "substitution"];
/** @type {readonly VerdictState[]} */
export const VERDICT_STATES = ["warming_up", "live", "suspect", "inconclusive"];
/** @type {readonly SessionState[]} */
export const SESSION_STATES = ["waiting", "consented", "checking", "interrupted", "withdrawn", "ended"];
/** @type {readonly ChallengeState[]} */
export const CHALLENGE_STATES = ["offered", "running", "done", "declined", "expired", "cancelled"];
/** @type {readonly ChallengeResult[]} */
export const CHALLENGE_RESULTS = ["passed", "broken", "not_done", "unclear"];

/** A message that is not what its name promises. */
export class WireError extends Error {
  name = "WireError";
}

/**
 * @param {unknown} value
 * @param {string} what
 * @returns {Record<string, any>}
 */
function object(value, what) {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new WireError(`${what}: expected an object, got ${value === null ? "null" : Array.isArray(value) ? "a list" : typeof value}`);
  }
  return /** @type {Record<string, any>} */ (value);
}

/**
 * @param {unknown} value
 * @param {string} name
 * @param {number} major
 */
function message(value, name, major = 1) {
  const found = object(value, name);
  if (found.schema !== undefined && found.schema !== `liveness.${name}/${major}`) {
    throw new WireError(`expected liveness.${name}/${major}, got ${JSON.stringify(found.schema)}`);
  }
  return found;
}

/**
 * @param {Record<string, any>} from
 * @param {string[]} names
 */
function numbers(from, names) {
  for (const name of names) {
    if (typeof from[name] !== "number" || !Number.isFinite(from[name])) {
      throw new WireError(`${from.schema ?? "message"}: ${name} should be a number, is ${JSON.stringify(from[name])}`);
    }
  }
}

/**
 * @param {Record<string, any>} from
 * @param {string[]} names
 */
function strings(from, names) {
  for (const name of names) {
    if (typeof from[name] !== "string") {
      throw new WireError(`${from.schema ?? "message"}: ${name} should be a text, is ${JSON.stringify(from[name])}`);
    }
  }
}

/**
 * @template {string} T
 * @param {Record<string, any>} from
 * @param {string} name
 * @param {readonly T[]} allowed
 */
function oneOf(from, name, allowed) {
  if (!allowed.includes(from[name])) {
    throw new WireError(`${from.schema ?? "message"}: ${name} should be one of ${allowed.join(", ")}, is ${JSON.stringify(from[name])}`);
  }
}

/** @param {unknown} value */
const share = (value) => typeof value === "number" && value >= 0 && value <= 1;

/** @param {unknown} value @returns {Verdict} */
export function parseVerdict(value) {
  const found = message(value, "verdict");
  numbers(found, ["time_s", "confidence"]);
  oneOf(found, "state", VERDICT_STATES);
  const { interval } = found;
  if (!share(found.confidence)) throw new WireError(`verdict: confidence should lie in 0–1, is ${found.confidence}`);
  if (!Array.isArray(interval) || interval.length !== 2 || !interval.every(share)) {
    throw new WireError(`verdict: interval should be two shares, is ${JSON.stringify(interval)}`);
  }
  const reasons = found.reasons ?? [];
  if (!Array.isArray(reasons)) throw new WireError("verdict: reasons should be a list");
  for (const reason of reasons) {
    numbers(object(reason, "reason"), ["time_s", "llr"]);
    strings(reason, ["text", "signal"]);
  }
  if (found.next_step) strings(object(found.next_step, "next_step"), ["challenge", "why"]);
  const families = object(found.families, "families");
  const coverage = object(found.coverage ?? {}, "coverage");
  return /** @type {Verdict} */ ({
    ...found,
    families,
    coverage,
    reasons,
    summary: typeof found.summary === "string" ? found.summary : "",
    not_examined: Array.isArray(found.not_examined) ? found.not_examined : [],
    missing: object(found.missing ?? {}, "missing"),
    doubted: found.doubted ?? null,
    doubts: object(found.doubts ?? {}, "doubts"),
    next_step: found.next_step ?? null,
  });
}

/** @param {unknown} value @returns {Link} */
export function parseLink(value) {
  const found = message(value, "link");
  numbers(found, ["time_s", "width", "height", "fps"]);
  strings(found, ["quality"]);
  /** @param {unknown} number */
  const known = (number) => (typeof number === "number" && Number.isFinite(number) ? number : null);
  const age = found.frame_age_ms;
  return /** @type {Link} */ ({
    ...found,
    kbit_s: known(found.kbit_s),
    lost_share: known(found.lost_share),
    jitter_ms: known(found.jitter_ms),
    frame_age_ms: age && known(age.p50) !== null && known(age.p95) !== null ? age : null,
  });
}

/** @param {unknown} value @returns {Notice} */
export function parseNotice(value) {
  const found = message(value, "notice");
  numbers(found, ["time_s"]);
  strings(found, ["kind", "text"]);
  return /** @type {Notice} */ (found);
}

/** @param {unknown} value @returns {Rate} */
export function parseRate(value) {
  const found = message(value, "rate");
  const max = found.max_fps ?? null;
  if (max !== null && !(typeof max === "number" && max > 0)) {
    throw new WireError(`rate: max_fps should be null or above 0, is ${JSON.stringify(max)}`);
  }
  return { max_fps: max, reason: typeof found.reason === "string" ? found.reason : "" };
}

/** @param {unknown} value @returns {Reconnect} */
export function parseReconnect(value) {
  const found = message(value, "reconnect");
  return { reason: typeof found.reason === "string" ? found.reason : "" };
}

/** @param {unknown} value @returns {SessionView} */
export function parseSessionView(value) {
  const found = message(value, "session");
  strings(found, ["id", "expires_at"]);
  oneOf(found, "state", SESSION_STATES);
  return /** @type {SessionView} */ ({ ...found, consent: found.consent ?? null, findings_erased: found.findings_erased === true, ice_servers: found.ice_servers ?? [], challenges: found.challenges ?? [] });
}

/** @param {unknown} value @returns {CandidateView} */
export function parseCandidateView(value) {
  const found = message(value, "session-candidate");
  strings(found, ["id", "expires_at"]);
  oneOf(found, "state", SESSION_STATES);
  const consent = object(found.consent, "consent");
  strings(consent, ["version"]);
  if (!Array.isArray(consent.text) || !consent.text.every((/** @type {unknown} */ line) => typeof line === "string")) {
    throw new WireError("session-candidate: consent.text should be a list of sentences");
  }
  return /** @type {CandidateView} */ ({ ...found, consent, ice_servers: found.ice_servers ?? [] });
}

/** @param {unknown} value @returns {SessionCreated} */
export function parseSessionCreated(value) {
  const found = message(value, "session-created");
  strings(found, ["id", "candidate_url", "interviewer_url", "expires_at"]);
  return /** @type {SessionCreated} */ (found);
}

/** @param {unknown} value */
const numberOrNull = (value) => (typeof value === "number" && Number.isFinite(value) ? value : null);

/** @param {unknown} value */
const textOrNull = (value) => (typeof value === "string" && value ? value : null);

/** @param {unknown} value @returns {Curve} */
function parseCurve(value) {
  const found = object(value, "curve");
  strings(found, ["title", "unit"]);
  const { times_s, values, asked } = found;
  if (![times_s, values, asked].every(Array.isArray) || values.length !== times_s.length || asked.length !== times_s.length) {
    throw new WireError("curve: times_s, values and asked should be lists of one length");
  }
  if (!times_s.every((/** @type {unknown} */ time) => numberOrNull(time) !== null)) throw new WireError("curve: times_s should hold numbers");
  return /** @type {Curve} */ ({ ...found, values: values.map(numberOrNull), asked: asked.map(numberOrNull) });
}

/** @param {unknown} value @returns {ChallengeOutcome} */
function parseOutcome(value) {
  const found = object(value, "outcome");
  oneOf(found, "result", CHALLENGE_RESULTS);
  strings(found, ["reason"]);
  return /** @type {ChallengeOutcome} */ ({
    ...found,
    quality: numberOrNull(found.quality) ?? 0,
    compliance: typeof found.compliance === "boolean" ? found.compliance : null,
    integrity: numberOrNull(found.integrity),
    answered_s: numberOrNull(found.answered_s),
    curve: found.curve ? parseCurve(found.curve) : null,
    llr: object(found.llr ?? {}, "llr"),
  });
}

/** @param {unknown} value @returns {Challenge} */
export function parseChallenge(value) {
  const found = message(value, "challenge");
  strings(found, ["id", "challenge", "title", "mode"]);
  oneOf(found, "state", CHALLENGE_STATES);
  return /** @type {Challenge} */ ({
    ...found,
    attempt: numberOrNull(found.attempt) ?? 1,
    aloud: textOrNull(found.aloud),
    deadline_s: numberOrNull(found.deadline_s) ?? 0,
    alternative: textOrNull(found.alternative),
    guidance: textOrNull(found.guidance),
    decline_reason: textOrNull(found.decline_reason),
    shown: found.shown === true,
    outcome: found.outcome ? parseOutcome(found.outcome) : null,
  });
}

/** @param {unknown} value @returns {{challenges: Challenge[], available: AvailableChallenge[]}} */
export function parseChallenges(value) {
  const found = object(value, "challenges");
  const { challenges, available } = found;
  if (!Array.isArray(challenges) || !Array.isArray(available)) throw new WireError("challenges: expected the lists challenges and available");
  for (const item of available) {
    strings(object(item, "available"), ["name", "title"]);
    numbers(item, ["attempts_left"]);
  }
  return { ...found, challenges: challenges.map(parseChallenge), available };
}

/** @param {unknown} value @returns {ChallengeOffer} */
export function parseChallengeOffer(value) {
  const found = message(value, "challenge-offer");
  strings(found, ["id", "challenge", "title", "text"]);
  numbers(found, ["ready_within_s"]);
  return /** @type {ChallengeOffer} */ ({ ...found, warning: textOrNull(found.warning) });
}

/** @param {unknown} value @returns {ChallengePrompt} */
export function parseChallengePrompt(value) {
  const found = message(value, "challenge-prompt");
  strings(found, ["id", "challenge"]);
  numbers(found, ["deadline_s"]);
  strings(object(found.page, "page"), ["text"]);
  const elapsed = typeof found.elapsed_s === "number" ? Math.max(0, found.elapsed_s) : 0;
  return /** @type {ChallengePrompt} */ ({ ...found, elapsed_s: elapsed, page: { ...found.page, picture: textOrNull(found.page.picture) ?? "" } });
}

/** @param {unknown} value @returns {ChallengeGuidance} */
export function parseChallengeGuidance(value) {
  const found = message(value, "challenge-guidance");
  strings(found, ["id", "guidance"]);
  return /** @type {ChallengeGuidance} */ (found);
}

/** @param {unknown} value @returns {ChallengeOver} */
export function parseChallengeOver(value) {
  const found = message(value, "challenge-over");
  strings(found, ["id"]);
  oneOf(found, "how", ["finished", "stopped"]);
  return /** @type {ChallengeOver} */ (found);
}

/**
 * What the service sends over the data channel; null for a type that this page does not know.
 *
 * @param {string} text
 * @returns {{type: "rate", rate: Rate} | null}
 */
export function parseChannelMessage(text) {
  const found = object(JSON.parse(text), "data channel");
  return found.type === "rate" ? { type: "rate", rate: parseRate({ ...found, schema: undefined }) } : null;
}
