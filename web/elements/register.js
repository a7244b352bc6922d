// @ts-check
/** Gives the elements their names. Import the classes alone to name them otherwise. */

import { LivenessCheck } from "./liveness-check.js";
import { LivenessVerdict } from "./liveness-verdict.js";

if (!customElements.get("liveness-verdict")) customElements.define("liveness-verdict", LivenessVerdict);
if (!customElements.get("liveness-check")) customElements.define("liveness-check", LivenessCheck);

export { LivenessCheck, LivenessVerdict };
