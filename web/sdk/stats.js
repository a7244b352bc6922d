// @ts-check
/** What was captured and what was sent, as the browser counts it. */

/**
 * @typedef {object} Sent
 * @property {number} width
 * @property {number} height
 * @property {number} fps
 * @property {number} kbit_s
 * @property {string | null} limited_by "none", "cpu", "bandwidth", "other", or null where the browser does not say (Firefox)
 * @property {string} codec
 *
 * @typedef {object} CaptureReport
 * @property {"liveness.capture-report/1"} schema
 * @property {{width: number, height: number, fps: number, label: string, display: boolean}} captured
 * @property {Sent} sent
 * @property {number | null} round_trip_ms
 * @property {boolean} page_visible
 */

/** Reads a sender's counters and tells the rates since the last reading. */
export class SenderStats {
  /** @type {{bytes: number, frames: number, timeMs: number} | null} */
  #last = null;

  /**
   * @param {RTCStatsReport} report of the sender or of the whole connection
   * @returns {{sent: Sent, roundTripMs: number | null}}
   */
  read(report) {
    /** @type {any[]} */
    const rows = [...report.values()];
    const out = rows.find((row) => row.type === "outbound-rtp" && row.kind === "video");
    const pair = rows.find((row) => row.type === "candidate-pair" && row.nominated && row.state === "succeeded");
    const remote = rows.find((row) => row.type === "remote-inbound-rtp" && row.kind === "video");
    const codec = out?.codecId ? rows.find((row) => row.id === out.codecId) : null;
    const now = { bytes: out?.bytesSent ?? 0, frames: out?.framesEncoded ?? 0, timeMs: out?.timestamp ?? 0 };
    const last = this.#last;
    this.#last = out ? now : null;
    const seconds = last && out ? (now.timeMs - last.timeMs) / 1000 : 0;
    const fps = last && seconds > 0 ? (now.frames - last.frames) / seconds : (out?.framesPerSecond ?? 0);
    const kbitS = last && seconds > 0 ? ((now.bytes - last.bytes) * 8) / 1000 / seconds : 0;
    const roundTripS = remote?.roundTripTime ?? pair?.currentRoundTripTime;
    return {
      sent: {
        width: out?.frameWidth ?? 0,
        height: out?.frameHeight ?? 0,
        fps: tenth(Math.max(0, fps)),
        kbit_s: tenth(Math.max(0, kbitS)),
        limited_by: out?.qualityLimitationReason ?? null,
        codec: codec?.mimeType ?? "",
      },
      roundTripMs: typeof roundTripS === "number" ? tenth(roundTripS * 1000) : null,
    };
  }
}

/**
 * @param {MediaStreamTrack} track
 * @param {{sent: Sent, roundTripMs: number | null}} counted
 * @param {boolean} visible
 * @returns {CaptureReport}
 */
export function captureReport(track, { sent, roundTripMs }, visible) {
  const settings = track.getSettings();
  return {
    schema: "liveness.capture-report/1",
    captured: {
      width: settings.width ?? 0,
      height: settings.height ?? 0,
      fps: tenth(settings.frameRate ?? 0),
      label: track.label.slice(0, 200),
      display: settings.displaySurface !== undefined,
    },
    sent,
    round_trip_ms: roundTripMs,
    page_visible: visible,
  };
}

/** @param {number} value */
const tenth = (value) => Math.round(value * 10) / 10;
