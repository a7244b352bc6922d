// @ts-check
/** Light and place, measured on the candidate's own machine before the call. Nothing of it is sent anywhere. */

const WIDTH = 160;
const HEIGHT = 90;
const EVERY_MS = 400;
/** Advice changes only when it held for this many looks: it must not dance. */
const LASTS = 3;

/** @typedef {{mean: number, bright: number, face: number, around: number, contrast: number}} Light luma 0–255 */
/** @typedef {{x: number, y: number, height: number}} Place centre and height of the face, as shares of the picture */
/** @typedef {{good: boolean, text: string}} Advice */

/**
 * @param {Uint8ClampedArray} rgba
 * @param {number} width
 * @param {number} height
 * @returns {Light}
 */
export function measureLight(rgba, width, height) {
  const histogram = new Uint32Array(256);
  let sum = 0, face = 0, faceSquares = 0, faceCount = 0, around = 0;
  for (let index = 0; index < width * height; index += 1) {
    const luma = 0.299 * rgba[4 * index] + 0.587 * rgba[4 * index + 1] + 0.114 * rgba[4 * index + 2];
    const dx = ((index % width) / width - 0.5) / 0.16;
    const dy = (Math.floor(index / width) / height - 0.48) / 0.36;
    histogram[Math.min(255, Math.round(luma))] += 1;
    sum += luma;
    if (dx * dx + dy * dy < 1) {
      face += luma;
      faceSquares += luma * luma;
      faceCount += 1;
    } else around += luma;
  }
  const total = width * height;
  const mean = face / Math.max(1, faceCount);
  return {
    mean: sum / total,
    bright: quantile(histogram, total, 0.95),
    face: mean,
    around: around / Math.max(1, total - faceCount),
    contrast: Math.sqrt(Math.max(0, faceSquares / Math.max(1, faceCount) - mean * mean)),
  };
}

/**
 * @param {Uint32Array} histogram
 * @param {number} total
 * @param {number} share
 */
function quantile(histogram, total, share) {
  let seen = 0;
  for (let value = 0; value < 256; value += 1) {
    seen += histogram[value];
    if (seen >= share * total) return value;
  }
  return 255;
}

/**
 * Judges the room by its brightest parts and not by the face: a dark skin is no dark room.
 *
 * @param {Light} light
 * @returns {Advice}
 */
export function adviseLight({ mean, bright, face, around, contrast }) {
  if (bright < 90 || mean < 30) return { good: false, text: "It is dark: turn on a lamp in front of you." };
  if (around - face > 80 && bright > 200) return { good: false, text: "The light is behind you: turn so that the window or the lamp is in front of you." };
  if (face > 225) return { good: false, text: "It is very bright: turn away from direct light." };
  if (contrast < 8) return { good: false, text: "The picture is flat: wipe the lens, or add some light from the front." };
  return { good: true, text: "The light is good." };
}

/**
 * @param {Place | null} place null: no face found
 * @returns {Advice}
 */
export function advisePlace(place) {
  if (!place) return { good: false, text: "No face is in view: sit in front of the camera." };
  if (place.height < 0.22) return { good: false, text: "You are far away: come closer to the camera." };
  if (place.height > 0.75) return { good: false, text: "You are very close: move back a little." };
  if (Math.abs(place.x - 0.5) > 0.2 || Math.abs(place.y - 0.5) > 0.22) return { good: false, text: "Move to the middle of the picture." };
  return { good: true, text: "You are well in the picture." };
}

/** Looks at a playing video a few times a second. */
export class Guidance {
  #canvas = new OffscreenCanvas(WIDTH, HEIGHT);
  #context = this.#canvas.getContext("2d", { willReadFrequently: true });
  #detector = window.FaceDetector ? new FaceDetector({ maxDetectedFaces: 1, fastMode: true }) : null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #steady = [new Steady(), new Steady()];

  /**
   * @param {HTMLVideoElement} video
   * @param {(advice: {light: Advice, place: Advice | null}) => void} tell place: null where the browser finds no faces; the oval guides then
   */
  start(video, tell) {
    this.stop();
    this.#timer = setInterval(() => this.#look(video, tell).catch(() => {}), EVERY_MS);
  }

  stop() {
    clearInterval(this.#timer);
  }

  /**
   * @param {HTMLVideoElement} video
   * @param {(advice: {light: Advice, place: Advice | null}) => void} tell
   */
  async #look(video, tell) {
    if (!this.#context || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
    this.#context.drawImage(video, 0, 0, WIDTH, HEIGHT);
    const light = this.#steady[0].take(adviseLight(measureLight(this.#context.getImageData(0, 0, WIDTH, HEIGHT).data, WIDTH, HEIGHT)));
    let place = null;
    if (this.#detector) {
      try {
        const [face] = await this.#detector.detect(video);
        const box = face?.boundingBox;
        place = this.#steady[1].take(
          advisePlace(box ? { x: (box.x + box.width / 2) / video.videoWidth, y: (box.y + box.height / 2) / video.videoHeight, height: box.height / video.videoHeight } : null),
        );
      } catch {
        // Named but not there on this machine: the oval guides.
        this.#detector = null;
      }
    }
    tell({ light, place });
  }
}

class Steady {
  /** @type {Advice | null} */
  #shown = null;
  #next = "";
  #count = 0;

  /** @param {Advice} advice */
  take(advice) {
    this.#count = advice.text === this.#next ? this.#count + 1 : 1;
    this.#next = advice.text;
    if (!this.#shown || this.#count >= LASTS) this.#shown = advice;
    return this.#shown;
  }
}
