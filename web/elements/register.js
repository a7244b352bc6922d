// @ts-check
/** Gives the elements their names. Import the classes alone to name them otherwise. */

import { LivenessChallenge } from "./liveness-challenge.js";
import { LivenessChallenges } from "./liveness-challenges.js";
import { LivenessCheck } from "./liveness-check.js";
import { LivenessVerdict } from "./liveness-verdict.js";

if (!customElements.get("liveness-verdict")) customElements.define("liveness-verdict", LivenessVerdict);
if (!customElements.get("liveness-check")) customElements.define("liveness-check", LivenessCheck);
if (!customElements.get("liveness-challenge")) customElements.define("liveness-challenge", LivenessChallenge);
if (!customElements.get("liveness-challenges")) customElements.define("liveness-challenges", LivenessChallenges);

export { LivenessChallenge, LivenessChallenges, LivenessCheck, LivenessVerdict };
