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
    /** @param {{server?: string, session: string, token: string, lang?: string}} options server: origin of the service, "" for the page's own; lang: of what is said, the page's if left out */
    constructor({ server, session, token, lang }: {
        server?: string;
        session: string;
        token: string;
        lang?: string;
    });
    /** @type {LivenessState} */
    state: LivenessState;
    /** The session as the candidate may see it: state, consent text, ICE servers. */
    details(): Promise<import("./wire.js").CandidateView>;
    /**
     * @param {string} version of the text that was shown and agreed to
     * @returns {Promise<{version: string, given_at: string, receipt: unknown}>}
     */
    giveConsent(version: string): Promise<{
        version: string;
        given_at: string;
        receipt: unknown;
    }>;
    /** Take the consent back. The service stops looking at once; the video stops before that is even asked for. */
    withdrawConsent(): Promise<void>;
    /**
     * Say that a challenge can be shown now. Its parameters are drawn at this moment, and are given once: show them at once.
     *
     * An answer that is lost on the way is asked for again: it is the same prompt, and its time runs on (`elapsed_s`).
     *
     * @param {string} id of the offer
     */
    challengeReady(id: string): Promise<import("./wire.js").ChallengePrompt>;
    /**
     * Leave a challenge out, before or while it runs. Nothing is held against who does.
     *
     * @param {string} id
     * @param {import("./wire.js").DeclineReason} reason
     */
    declineChallenge(id: string, reason: import("./wire.js").DeclineReason): Promise<void>;
    /** Follow the service's events; `publish` does so by itself. */
    listen(): void;
    /**
     * Send a stream's video to be checked. Resolves when it arrives there, rejects when that is hopeless (no consent, session over).
     *
     * @param {MediaStream} stream
     */
    publish(stream: MediaStream): Promise<void>;
    /**
     * Go on with another camera. The connection stays.
     *
     * @param {MediaStream} stream
     */
    replaceStream(stream: MediaStream): Promise<void>;
    /**
     * Show black instead of the picture, for as long as the person has the camera off in the call.
     *
     * @param {boolean} enabled
     */
    setEnabled(enabled: boolean): void;
    /** Stop sending; `publish` may follow. */
    unpublish(): Promise<void>;
    /** Stop for good. */
    close(): Promise<void>;
    #private;
}
export type LivenessState = "idle" | "connecting" | "connected" | "reconnecting" | "stopped" | "closed";
