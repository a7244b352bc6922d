/** Waiting between attempts: exponential backoff with jitter, cut short when the browser comes back online. */
/**
 * Milliseconds to wait before an attempt; 0 before the first.
 *
 * @param {number} failures attempts that failed in a row
 * @param {{firstMs?: number, mostMs?: number, random?: () => number}} [options]
 */
export function backoffMs(failures: number, { firstMs, mostMs, random }?: {
    firstMs?: number;
    mostMs?: number;
    random?: () => number;
}): number;
/**
 * @param {number} ms
 * @param {AbortSignal} signal
 * @param {{wakeOnline?: boolean}} [options] whether coming online ends the waiting
 * @returns {Promise<void>} rejects if aborted
 */
export function wait(ms: number, signal: AbortSignal, { wakeOnline }?: {
    wakeOnline?: boolean;
}): Promise<void>;
/**
 * Wait until the browser says it is online; resolves at once if it says so now, or says nothing.
 *
 * @param {AbortSignal} signal
 */
export function untilOnline(signal: AbortSignal): Promise<void>;
