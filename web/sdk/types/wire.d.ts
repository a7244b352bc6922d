/** @param {unknown} value @returns {Verdict} */
export function parseVerdict(value: unknown): Verdict;
/** @param {unknown} value @returns {Link} */
export function parseLink(value: unknown): Link;
/** @param {unknown} value @returns {Notice} */
export function parseNotice(value: unknown): Notice;
/** @param {unknown} value @returns {Rate} */
export function parseRate(value: unknown): Rate;
/** @param {unknown} value @returns {Reconnect} */
export function parseReconnect(value: unknown): Reconnect;
/** @param {unknown} value @returns {SessionView} */
export function parseSessionView(value: unknown): SessionView;
/** @param {unknown} value @returns {CandidateView} */
export function parseCandidateView(value: unknown): CandidateView;
/** @param {unknown} value @returns {SessionCreated} */
export function parseSessionCreated(value: unknown): SessionCreated;
/** @param {unknown} value @returns {Challenge} */
export function parseChallenge(value: unknown): Challenge;
/** @param {unknown} value @returns {{challenges: Challenge[], available: AvailableChallenge[]}} */
export function parseChallenges(value: unknown): {
    challenges: Challenge[];
    available: AvailableChallenge[];
};
/** @param {unknown} value @returns {ChallengeOffer} */
export function parseChallengeOffer(value: unknown): ChallengeOffer;
/** @param {unknown} value @returns {ChallengePrompt} */
export function parseChallengePrompt(value: unknown): ChallengePrompt;
/** @param {unknown} value @returns {ChallengeGuidance} */
export function parseChallengeGuidance(value: unknown): ChallengeGuidance;
/** @param {unknown} value @returns {ChallengeOver} */
export function parseChallengeOver(value: unknown): ChallengeOver;
/**
 * What the service sends over the data channel; null for a type that this page does not know.
 *
 * @param {string} text
 * @returns {{type: "rate", rate: Rate} | null}
 */
export function parseChannelMessage(text: string): {
    type: "rate";
    rate: Rate;
} | null;
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
export const FAMILIES: readonly Family[];
/** @type {readonly VerdictState[]} */
export const VERDICT_STATES: readonly VerdictState[];
/** @type {readonly SessionState[]} */
export const SESSION_STATES: readonly SessionState[];
/** @type {readonly ChallengeState[]} */
export const CHALLENGE_STATES: readonly ChallengeState[];
/** @type {readonly ChallengeResult[]} */
export const CHALLENGE_RESULTS: readonly ChallengeResult[];
/** A message that is not what its name promises. */
export class WireError extends Error {
}
/**
 * Messages of the wire, checked as they come in. Each has its example in tests/wire/.
 *
 * Unknown fields are let through, so that an older page can talk to a newer service; what a page relies on is checked.
 */
export type Family = "presentation" | "injection" | "synthesis" | "substitution";
/**
 * Messages of the wire, checked as they come in. Each has its example in tests/wire/.
 *
 * Unknown fields are let through, so that an older page can talk to a newer service; what a page relies on is checked.
 */
export type VerdictState = "warming_up" | "live" | "suspect" | "inconclusive";
/**
 * Messages of the wire, checked as they come in. Each has its example in tests/wire/.
 *
 * Unknown fields are let through, so that an older page can talk to a newer service; what a page relies on is checked.
 */
export type SessionState = "waiting" | "consented" | "checking" | "interrupted" | "withdrawn" | "ended";
/**
 * Messages of the wire, checked as they come in. Each has its example in tests/wire/.
 *
 * Unknown fields are let through, so that an older page can talk to a newer service; what a page relies on is checked.
 */
export type Reason = {
    signal: string;
    /**
     * when it was seen best
     */
    time_s: number;
    family: Family;
    /**
     * nats; positive speaks for the attack
     */
    llr: number;
    text: string;
};
/**
 * Messages of the wire, checked as they come in. Each has its example in tests/wire/.
 *
 * Unknown fields are let through, so that an older page can talk to a newer service; what a page relies on is checked.
 */
export type Verdict = {
    session: string;
    /**
     * media time
     */
    time_s: number;
    frame_unix_ms?: number | undefined;
    sent_unix_ms?: number | undefined;
    /**
     * posterior probability of a live person, 0–1
     */
    confidence: number;
    /**
     * 90 % interval of the confidence
     */
    interval: [number, number];
    state: VerdictState;
    summary: string;
    /**
     * posterior of each attack
     */
    families: Partial<Record<Family, number>>;
    /**
     * share of what can be seen that was seen
     */
    coverage: Partial<Record<Family, number>>;
    not_examined: Family[];
    /**
     * strongest first
     */
    reasons: Reason[];
    /**
     * why a signal says nothing
     */
    missing: Record<string, string>;
    /**
     * what alone keeps somebody who looks live from being called so
     */
    doubted: Family | null;
    /**
     * by kind of attack that counts in no figure, nats; positive speaks for it
     */
    doubts: Record<string, number>;
    next_step: {
        challenge: string;
        why: string;
    } | null;
};
/**
 * Messages of the wire, checked as they come in. Each has its example in tests/wire/.
 *
 * Unknown fields are let through, so that an older page can talk to a newer service; what a page relies on is checked.
 */
export type Link = {
    session: string;
    time_s: number;
    width: number;
    height: number;
    fps: number;
    kbit_s: number | null;
    lost_share: number | null;
    jitter_ms: number | null;
    frame_age_ms: {
        p50: number;
        p95: number;
    } | null;
    quality: string;
};
/**
 * Messages of the wire, checked as they come in. Each has its example in tests/wire/.
 *
 * Unknown fields are let through, so that an older page can talk to a newer service; what a page relies on is checked.
 */
export type Notice = {
    session: string;
    time_s: number;
    kind: string;
    text: string;
};
/**
 * Messages of the wire, checked as they come in. Each has its example in tests/wire/.
 *
 * Unknown fields are let through, so that an older page can talk to a newer service; what a page relies on is checked.
 */
export type Rate = {
    max_fps: number | null;
    reason: string;
};
/**
 * Messages of the wire, checked as they come in. Each has its example in tests/wire/.
 *
 * Unknown fields are let through, so that an older page can talk to a newer service; what a page relies on is checked.
 */
export type Reconnect = {
    reason: string;
};
/**
 * Messages of the wire, checked as they come in. Each has its example in tests/wire/.
 *
 * Unknown fields are let through, so that an older page can talk to a newer service; what a page relies on is checked.
 */
export type Consent = {
    version: string;
    given_at: string | null;
    text?: string[];
};
/**
 * what an interviewer may know of a session
 */
export type SessionView = {
    id: string;
    reference: string | null;
    created_at?: string | undefined;
    expires_at: string;
    state: SessionState;
    reason?: string | null | undefined;
    consent: Consent | null;
    /**
     * whether all that was seen is erased, after consent was taken back
     */
    findings_erased: boolean;
    ice_servers: RTCIceServer[];
    report_url?: string | undefined;
    /**
     * what the candidate can be asked for, by name
     */
    challenges: string[];
};
/**
 * what a candidate may know of a session: never a score
 */
export type CandidateView = {
    id: string;
    state: SessionState;
    expires_at: string;
    consent: {
        version: string;
        given_at: string | null;
        text: string[];
    };
    ice_servers: RTCIceServer[];
};
/**
 * Messages of the wire, checked as they come in. Each has its example in tests/wire/.
 *
 * Unknown fields are let through, so that an older page can talk to a newer service; what a page relies on is checked.
 */
export type ChallengeMode = "page" | "spoken";
/**
 * Messages of the wire, checked as they come in. Each has its example in tests/wire/.
 *
 * Unknown fields are let through, so that an older page can talk to a newer service; what a page relies on is checked.
 */
export type ChallengeState = "offered" | "running" | "done" | "declined" | "expired" | "cancelled";
/**
 * Messages of the wire, checked as they come in. Each has its example in tests/wire/.
 *
 * Unknown fields are let through, so that an older page can talk to a newer service; what a page relies on is checked.
 */
export type ChallengeResult = "passed" | "broken" | "not_done" | "unclear";
/**
 * Messages of the wire, checked as they come in. Each has its example in tests/wire/.
 *
 * Unknown fields are let through, so that an older page can talk to a newer service; what a page relies on is checked.
 */
export type DeclineReason = "cannot" | "photosensitive" | "reduced_motion" | "other";
/**
 * what was measured beside what was asked for
 */
export type Curve = {
    title: string;
    unit: string;
    /**
     * seconds after the prompt
     */
    times_s: number[];
    values: (number | null)[];
    asked: (number | null)[];
};
/**
 * Messages of the wire, checked as they come in. Each has its example in tests/wire/.
 *
 * Unknown fields are let through, so that an older page can talk to a newer service; what a page relies on is checked.
 */
export type ChallengeOutcome = {
    result: ChallengeResult;
    /**
     * 0–1
     */
    quality: number;
    reason: string;
    compliance: boolean | null;
    integrity: number | null;
    answered_s: number | null;
    curve: Curve | null;
    llr: Partial<Record<Family, number>>;
};
/**
 * as an interviewer sees it
 */
export type Challenge = {
    session: string;
    id: string;
    /**
     * its name
     */
    challenge: string;
    title: string;
    mode: ChallengeMode;
    state: ChallengeState;
    attempt: number;
    aloud: string | null;
    deadline_s: number;
    alternative: string | null;
    made_at: string;
    guidance: string | null;
    decline_reason: DeclineReason | null;
    /**
     * whether the candidate had been shown what was asked for
     */
    shown: boolean;
    outcome: ChallengeOutcome | null;
};
/**
 * Messages of the wire, checked as they come in. Each has its example in tests/wire/.
 *
 * Unknown fields are let through, so that an older page can talk to a newer service; what a page relies on is checked.
 */
export type AvailableChallenge = {
    name: string;
    title: string;
    spoken: boolean;
    families: Family[];
    alternative: string;
    attempts_left: number;
};
/**
 * what a candidate is asked, before its parameters are known
 */
export type ChallengeOffer = {
    id: string;
    challenge: string;
    title: string;
    text: string;
    warning: string | null;
    ready_within_s: number;
};
/**
 * Messages of the wire, checked as they come in. Each has its example in tests/wire/.
 *
 * Unknown fields are let through, so that an older page can talk to a newer service; what a page relies on is checked.
 */
export type ChallengePage = Record<string, any> & {
    text: string;
    picture: string;
};
/**
 * elapsed_s: of its time, gone when it was sent
 */
export type ChallengePrompt = {
    id: string;
    challenge: string;
    page: ChallengePage;
    deadline_s: number;
    elapsed_s: number;
};
/**
 * Messages of the wire, checked as they come in. Each has its example in tests/wire/.
 *
 * Unknown fields are let through, so that an older page can talk to a newer service; what a page relies on is checked.
 */
export type ChallengeGuidance = {
    id: string;
    guidance: string;
};
/**
 * never how it came out
 */
export type ChallengeOver = {
    id: string;
    how: "finished" | "stopped";
};
/**
 * Messages of the wire, checked as they come in. Each has its example in tests/wire/.
 *
 * Unknown fields are let through, so that an older page can talk to a newer service; what a page relies on is checked.
 */
export type SessionCreated = {
    id: string;
    reference: string | null;
    candidate_url: string;
    interviewer_url: string;
    expires_at: string;
    state: SessionState;
};
