// @ts-check
/**
 * The picture's quality. By default a browser sends a 720p camera as 360p at 256 kbit/s for the first quarter of a minute,
 * which hides what the check looks at. It takes all four settings to prevent that.
 */

export const MAX_BITRATE = 3_000_000;
export const START_KBIT_S = 2500;

/** Where the page asks for a camera itself. */
export const CAMERA = Object.freeze({ width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 }, facingMode: "user" });

/**
 * Clone a track for the check, so that the people's own call keeps its settings. Both then live and end apart.
 *
 * @param {MediaStreamTrack} track
 */
export function cloneForCheck(track) {
  const clone = track.clone();
  if (clone.kind === "video") clone.contentHint = "detail";
  return clone;
}

/**
 * Send a track in two temporal layers where the browser can: then every other picture is one that the others do without,
 * a server that is busy can leave it undecoded, and on the way it may be lost.
 *
 * @param {RTCPeerConnection} peer
 * @param {MediaStreamTrack} track
 */
export function addLayered(peer, track) {
  const layered = /** @type {RTCRtpEncodingParameters} */ ({ scalabilityMode: "L1T2" });
  try {
    return peer.addTransceiver(track, { direction: "sendonly", sendEncodings: [layered] }).sender;
  } catch {
    return peer.addTransceiver(track, { direction: "sendonly" }).sender;
  }
}

/**
 * Ask the encoder for detail before smoothness.
 *
 * @param {RTCRtpSender} sender
 * @param {{maxFps?: number | null}} [options] null: as many frames as the camera gives
 */
export async function applyQuality(sender, { maxFps = null } = {}) {
  const parameters = sender.getParameters();
  if (!parameters.encodings?.length) parameters.encodings = [{}];
  parameters.degradationPreference = "maintain-resolution";
  for (const encoding of parameters.encodings) {
    encoding.maxBitrate = MAX_BITRATE;
    encoding.scaleResolutionDownBy = 1;
    if (maxFps) encoding.maxFramerate = maxFps;
    else delete encoding.maxFramerate;
  }
  await sender.setParameters(parameters);
}

/**
 * Put the bitrate to begin with into every video format of a session description.
 *
 * The browser takes it from the description that it is given as *remote*, so it goes into the answer.
 *
 * @param {string} sdp
 * @param {number} [kbitS]
 */
export function withStartBitrate(sdp, kbitS = START_KBIT_S) {
  return sdp
    .split(/(?=^m=)/m)
    .map((section) => (section.startsWith("m=video") ? videoWithStartBitrate(section, kbitS) : section))
    .join("");
}

/**
 * @param {string} section
 * @param {number} kbitS
 */
function videoWithStartBitrate(section, kbitS) {
  const setting = `x-google-start-bitrate=${kbitS}`;
  const lines = section.split(/\r?\n/);
  const formats = lines.flatMap((line) => /^a=rtpmap:(\d+) (?!rtx|red|ulpfec|flexfec)/i.exec(line)?.[1] ?? []);
  const out = [];
  for (const line of lines) {
    const fmtp = /^a=fmtp:(\d+) /.exec(line)?.[1];
    if (fmtp && formats.includes(fmtp)) {
      out.push(line.includes("x-google-start-bitrate") ? line : `${line};${setting}`);
      continue;
    }
    out.push(line);
    const format = /^a=rtpmap:(\d+) /.exec(line)?.[1];
    if (format && formats.includes(format) && !lines.some((other) => other.startsWith(`a=fmtp:${format} `))) {
      out.push(`a=fmtp:${format} ${setting}`);
    }
  }
  return out.join("\r\n");
}
