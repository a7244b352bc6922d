// @ts-check
/** How loud the microphone is. */

const EVERY_MS = 100;
/** Loudest that the bar shows, and softest, in decibels of full scale. */
const TOP_DB = -12;
const FOOT_DB = -60;

export class Level {
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;

  /**
   * @param {MediaStream} stream
   * @param {(level: number) => void} tell 0–1
   */
  start(stream, tell) {
    this.stop();
    if (!stream.getAudioTracks().length) return;
    const context = new AudioContext();
    this.#context = context;
    const analyser = context.createAnalyser();
    analyser.fftSize = 1024;
    context.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.#timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      const db = 10 * Math.log10(power + 1e-10);
      tell(Math.min(1, Math.max(0, (db - FOOT_DB) / (TOP_DB - FOOT_DB))));
    }, EVERY_MS);
  }

  stop() {
    clearInterval(this.#timer);
    this.#context?.close();
    this.#context = null;
  }
}
