// @ts-check
/** Camera and microphone: asking for them, and saying in plain words what to do when that fails. */

import { CAMERA } from "../sdk/capture.js";

/** @typedef {{kind: "denied" | "missing" | "busy" | "insecure" | "other", title: string, todo: string}} Trouble */

/**
 * @param {{camera?: string | null, microphone?: string | null, video?: boolean, audio?: boolean}} [choice] device ids
 */
export async function openDevices({ camera, microphone, video = true, audio = true } = {}) {
  if (!navigator.mediaDevices?.getUserMedia) throw new DOMException("not a secure page", "SecurityError");
  return navigator.mediaDevices.getUserMedia({
    video: video && { ...CAMERA, ...(camera ? { deviceId: { exact: camera }, facingMode: undefined } : {}) },
    audio: audio && { echoCancellation: true, noiseSuppression: true, ...(microphone ? { deviceId: { exact: microphone } } : {}) },
  });
}

/**
 * @param {unknown} error of getUserMedia
 * @param {string} [what]
 * @returns {Trouble}
 */
export function troubleOf(error, what = "camera and microphone") {
  const name = error instanceof Error ? error.name : "";
  const system = error instanceof Error && /system/i.test(error.message);
  switch (name) {
    case "NotAllowedError":
      return system
        ? { kind: "denied", title: `Your computer does not let the browser use ${what}.`, todo: "Open the privacy settings of your computer, allow the browser to use camera and microphone, and try again." }
        : { kind: "denied", title: `The browser may not use ${what}.`, todo: "Click the camera or lock symbol beside the address, choose “Allow”, and try again." };
    case "NotFoundError":
    case "OverconstrainedError":
      return { kind: "missing", title: `No ${what} was found.`, todo: "Plug it in, switch it on, open the lens cover or the laptop’s lid, and try again." };
    case "NotReadableError":
    case "AbortError":
      return { kind: "busy", title: `Another program is using your ${what}.`, todo: "Close other video calls and camera programs, and try again." };
    case "SecurityError":
      return { kind: "insecure", title: "This page may not use a camera.", todo: "Open the link exactly as you were given it; its address has to begin with https." };
    default:
      return { kind: "other", title: `The ${what} could not be started.`, todo: "Try again, or restart the browser." };
  }
}

/**
 * Fill a choice of devices.
 *
 * @param {HTMLSelectElement} select
 * @param {"videoinput" | "audioinput"} kind
 * @param {string | undefined} current device id
 */
export async function listDevices(select, kind, current) {
  const devices = (await navigator.mediaDevices.enumerateDevices()).filter((device) => device.kind === kind);
  select.replaceChildren(
    ...devices.map((device, index) => new Option(device.label || `${kind === "videoinput" ? "Camera" : "Microphone"} ${index + 1}`, device.deviceId, false, device.deviceId === current)),
  );
  select.disabled = devices.length === 0;
  if (!devices.length) select.replaceChildren(new Option(kind === "videoinput" ? "No camera found" : "No microphone found", ""));
}
