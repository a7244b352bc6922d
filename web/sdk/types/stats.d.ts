/**
 * @param {MediaStreamTrack} track
 * @param {{sent: Sent, roundTripMs: number | null}} counted
 * @param {boolean} visible
 * @returns {CaptureReport}
 */
export function captureReport(track: MediaStreamTrack, { sent, roundTripMs }: {
    sent: Sent;
    roundTripMs: number | null;
}, visible: boolean): CaptureReport;
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
    /**
     * @param {RTCStatsReport} report of the sender or of the whole connection
     * @returns {{sent: Sent, roundTripMs: number | null}}
     */
    read(report: RTCStatsReport): {
        sent: Sent;
        roundTripMs: number | null;
    };
    #private;
}
export type Sent = {
    width: number;
    height: number;
    fps: number;
    kbit_s: number;
    /**
     * "none", "cpu", "bandwidth", "other", or null where the browser does not say (Firefox)
     */
    limited_by: string | null;
    codec: string;
};
export type CaptureReport = {
    schema: "liveness.capture-report/1";
    captured: {
        width: number;
        height: number;
        fps: number;
        label: string;
        display: boolean;
    };
    sent: Sent;
    round_trip_ms: number | null;
    page_visible: boolean;
};
