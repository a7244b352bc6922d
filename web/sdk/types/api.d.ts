/**
 * @typedef {object} Access
 * @property {string} server origin of the service, such as "https://interviews.example"; "" for the page's own
 * @property {string} token
 */
/**
 * @param {string} server
 * @param {string} path
 */
export function address(server: string, path: string): string;
/**
 * @param {string} server
 * @param {string} session
 * @param {string} [rest]
 */
export function sessionAddress(server: string, session: string, rest?: string): string;
/**
 * What can be sent of a language tag, "" where it is none: a header with other letters would make `fetch` throw.
 *
 * @param {string} lang
 */
export function sentLanguage(lang: string): string;
/** The language that the page states, "" where there is none: a browser's own may be another than what stands around. */
export function pageLanguage(): string;
/**
 * Call the service and throw {@link ApiError} unless it succeeds.
 *
 * @param {string} url
 * @param {{token: string, method?: string, type?: string, body?: string, accept?: string, once?: string, lang?: string, keepalive?: boolean, signal?: AbortSignal}} options once: the same for a call that is made again; lang: of what is said in the answer, the page's if left out
 */
export function call(url: string, { token, method, type, body, accept, once, lang, keepalive, signal }: {
    token: string;
    method?: string;
    type?: string;
    body?: string;
    accept?: string;
    once?: string;
    lang?: string;
    keepalive?: boolean;
    signal?: AbortSignal;
}): Promise<Response>;
/**
 * @param {string} url
 * @param {{token: string, method?: string, data?: unknown, once?: string, lang?: string, signal?: AbortSignal}} options
 * @returns {Promise<any>} the answer's JSON, null if there is none
 */
export function callJson(url: string, { token, method, data, once, lang, signal }: {
    token: string;
    method?: string;
    data?: unknown;
    once?: string;
    lang?: string;
    signal?: AbortSignal;
}): Promise<any>;
/** @param {Response} response */
export function problemOf(response: Response): Promise<ApiError>;
/**
 * Seconds to wait by a Retry-After header, which holds seconds or a date; null without one.
 *
 * @param {string | null} header
 * @param {number} [nowMs]
 */
export function retryAfterS(header: string | null, nowMs?: number): number | null;
/** Calls to the service: the token goes in a header, an error comes as problem JSON. */
/** The service refused, with its reason in words. */
export class ApiError extends Error {
    /**
     * @param {number} status
     * @param {{type?: string, title?: string, detail?: string}} problem
     * @param {number | null} retryAfterS
     */
    constructor(status: number, problem: {
        type?: string;
        title?: string;
        detail?: string;
    }, retryAfterS: number | null);
    status: number;
    /** The last part of the problem's type, such as "consent-missing". */
    kind: string;
    title: string;
    retryAfterS: number | null;
    /** Whether the same call may succeed later. */
    get retryable(): boolean;
}
export type Access = {
    /**
     * origin of the service, such as "https://interviews.example"; "" for the page's own
     */
    server: string;
    token: string;
};
