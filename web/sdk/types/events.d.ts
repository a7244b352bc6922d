/** @typedef {{event: string, data: string, id: string}} ServerEvent */
/** Turns pieces of text into events, by the rules of the HTML standard. */
export class EventParser {
    /** Of the last event that named one; what `Last-Event-ID` should say. */
    lastId: string;
    /** @type {number | null} milliseconds that the server asks to wait before reconnecting */
    retryMs: number | null;
    /**
     * @param {string} text
     * @returns {ServerEvent[]}
     */
    push(text: string): ServerEvent[];
    #private;
}
/**
 * One event stream that comes back by itself, from where it stopped.
 *
 * Events: `message` (detail: ServerEvent), `statechange` (detail: {state, error}); states: "connecting", "open", "interrupted",
 * "closed". It closes by itself only when the service says that trying again is useless (401, 403, 404, 410, 204).
 */
export class EventStream extends EventTarget {
    /** @param {{url: string, token: string, lang?: string, silenceMs?: number, random?: () => number}} options */
    constructor({ url, token, lang, silenceMs, random }: {
        url: string;
        token: string;
        lang?: string;
        silenceMs?: number;
        random?: () => number;
    });
    /** @type {"connecting" | "open" | "interrupted" | "closed"} */
    state: "connecting" | "open" | "interrupted" | "closed";
    open(): void;
    close(): void;
    #private;
}
/**
 * What an interviewer is told while the call runs.
 *
 * Events: `verdict`, `link`, `notice`, `session`, `challenge` (details as in wire.js), `statechange` ({state, error}), `error` (a
 * message that could not be read; the stream goes on).
 */
export class VerdictStream extends EventTarget {
    /** @param {{server?: string, session: string, token: string, lang?: string}} options lang: of what is said, the page's if left out */
    constructor({ server, session, token, lang }: {
        server?: string;
        session: string;
        token: string;
        lang?: string;
    });
    get state(): "interrupted" | "open" | "closed" | "connecting";
    open(): void;
    close(): void;
    #private;
}
export type ServerEvent = {
    event: string;
    data: string;
    id: string;
};
