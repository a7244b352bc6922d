/**
 * Clone a track for the check, so that the people's own call keeps its settings. Both then live and end apart.
 *
 * @param {MediaStreamTrack} track
 */
export function cloneForCheck(track: MediaStreamTrack): MediaStreamTrack;
/**
 * Send a track in two temporal layers where the browser can: then every other picture is one that no other refers to, and
 * a server that is busy can leave it undecoded.
 *
 * @param {RTCPeerConnection} peer
 * @param {MediaStreamTrack} track
 */
export function addLayered(peer: RTCPeerConnection, track: MediaStreamTrack): RTCRtpSender;
/**
 * Ask the encoder for detail before smoothness.
 *
 * @param {RTCRtpSender} sender
 * @param {{maxFps?: number | null}} [options] null: as many frames as the camera gives
 */
export function applyQuality(sender: RTCRtpSender, { maxFps }?: {
    maxFps?: number | null;
}): Promise<void>;
/**
 * Put the bitrate to begin with into every video format of a session description.
 *
 * The browser takes it from the description that it is given as *remote*, so it goes into the answer.
 *
 * @param {string} sdp
 * @param {number} [kbitS]
 */
export function withStartBitrate(sdp: string, kbitS?: number): string;
/**
 * The picture's quality. By default a browser sends a 720p camera as 360p at 256 kbit/s for the first quarter of a minute,
 * which hides what the check looks at. It takes all four settings to prevent that.
 */
export const MAX_BITRATE: 3000000;
export const START_KBIT_S: 2500;
/** Where the page asks for a camera itself. */
export const CAMERA: Readonly<{
    width: {
        ideal: number;
    };
    height: {
        ideal: number;
    };
    frameRate: {
        ideal: number;
    };
    facingMode: "user";
}>;
