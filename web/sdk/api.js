// @ts-check
/** Calls to the service: the token goes in a header, an error comes as problem JSON. */

/** The service refused, with its reason in words. */
export class ApiError extends Error {
  name = "ApiError";

  /**
   * @param {number} status
   * @param {{type?: string, title?: string, detail?: string}} problem
   * @param {number | null} retryAfterS
   */
  constructor(status, problem, retryAfterS) {
    super(problem.detail || problem.title || `The service answered ${status}.`);
    this.status = status;
    /** The last part of the problem's type, such as "consent-missing". */
    this.kind = (problem.type ?? "").split(/[/:#]/).pop() ?? "";
    this.title = problem.title ?? "";
    this.retryAfterS = retryAfterS;
  }

  /** Whether the same call may succeed later. */
  get retryable() {
    return this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/**
 * @typedef {object} Access
 * @property {string} server origin of the service, such as "https://interviews.example"; "" for the page's own
 * @property {string} token
 */

/**
 * @param {string} server
 * @param {string} path
 */
export function address(server, path) {
  return new URL(path, server || globalThis.location?.href).href;
}

/**
 * @param {string} server
 * @param {string} session
 * @param {string} [rest]
 */
export function sessionAddress(server, session, rest = "") {
  return address(server, `/v1/sessions/${encodeURIComponent(session)}${rest}`);
}

/**
 * What can be sent of a language tag, "" where it is none: a header with other letters would make `fetch` throw.
 *
 * @param {string} lang
 */
export function sentLanguage(lang) {
  return /^[A-Za-z0-9*-]{1,35}$/.test(lang) ? lang : "";
}

/** The language that the page states, "" where there is none: a browser's own may be another than what stands around. */
export function pageLanguage() {
  return globalThis.document?.documentElement.lang ?? "";
}

/**
 * Call the service and throw {@link ApiError} unless it succeeds.
 *
 * @param {string} url
 * @param {{token: string, method?: string, type?: string, body?: string, accept?: string, once?: string, lang?: string, keepalive?: boolean, signal?: AbortSignal}} options once: the same for a call that is made again; lang: of what is said in the answer, the page's if left out
 */
export async function call(url, { token, method = "GET", type, body, accept, once, lang = pageLanguage(), keepalive, signal }) {
  /** @type {Record<string, string>} */
  const headers = { Authorization: `Bearer ${token}` };
  if (type) headers["Content-Type"] = type;
  if (accept) headers.Accept = accept;
  if (sentLanguage(lang)) headers["Accept-Language"] = lang;
  if (once) headers["Idempotency-Key"] = once;
  const response = await fetch(url, { method, headers, body, keepalive, signal, cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer" });
  if (!response.ok) throw await problemOf(response);
  return response;
}

/**
 * @param {string} url
 * @param {{token: string, method?: string, data?: unknown, once?: string, lang?: string, signal?: AbortSignal}} options
 * @returns {Promise<any>} the answer's JSON, null if there is none
 */
export async function callJson(url, { token, method = "GET", data, once, lang, signal }) {
  const body = data === undefined ? undefined : JSON.stringify(data);
  const response = await call(url, { token, method, body, type: body && "application/json", accept: "application/json", once, lang, signal });
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

/** @param {Response} response */
export async function problemOf(response) {
  /** @type {Record<string, string>} */
  let problem = {};
  try {
    problem = JSON.parse(await response.text());
  } catch {
    // An error without a readable body still has its status.
  }
  return new ApiError(response.status, problem ?? {}, retryAfterS(response.headers.get("Retry-After")));
}

/**
 * Seconds to wait by a Retry-After header, which holds seconds or a date; null without one.
 *
 * @param {string | null} header
 * @param {number} [nowMs]
 */
export function retryAfterS(header, nowMs = Date.now()) {
  if (!header) return null;
  const seconds = /^\s*\d+\s*$/.test(header) ? Number(header) : (Date.parse(header) - nowMs) / 1000;
  return Number.isFinite(seconds) ? Math.max(0, seconds) : null;
}
