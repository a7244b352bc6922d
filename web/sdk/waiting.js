// @ts-check
/** Waiting between attempts: exponential backoff with jitter, cut short when the browser comes back online. */

/**
 * Milliseconds to wait before an attempt; 0 before the first.
 *
 * @param {number} failures attempts that failed in a row
 * @param {{firstMs?: number, mostMs?: number, random?: () => number}} [options]
 */
export function backoffMs(failures, { firstMs = 500, mostMs = 15_000, random = Math.random } = {}) {
  if (failures <= 0) return 0;
  const whole = Math.min(mostMs, firstMs * 2 ** (failures - 1));
  return whole * (0.5 + random() / 2);
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal
 * @param {{wakeOnline?: boolean}} [options] whether coming online ends the waiting
 * @returns {Promise<void>} rejects if aborted
 */
export function wait(ms, signal, { wakeOnline = false } = {}) {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", aborted);
      globalThis.removeEventListener?.("online", done);
      resolve();
    };
    const aborted = () => {
      clearTimeout(timer);
      globalThis.removeEventListener?.("online", done);
      reject(signal.reason);
    };
    const timer = setTimeout(done, ms);
    if (signal.aborted) return aborted();
    signal.addEventListener("abort", aborted, { once: true });
    if (wakeOnline) globalThis.addEventListener?.("online", done, { once: true });
  });
}

/**
 * Wait until the browser says it is online; resolves at once if it says so now, or says nothing.
 *
 * @param {AbortSignal} signal
 */
export async function untilOnline(signal) {
  if (globalThis.navigator?.onLine !== false) return;
  // `onLine` can be wrong, so half a minute is the most that is waited on its word.
  await wait(30_000, signal, { wakeOnline: true });
}
