export { ApiError } from "./api.js";
export { CAMERA } from "./capture.js";
export { Challenges } from "./challenges.js";
export { Room } from "./room.js";
export { LivenessSession } from "./session.js";
export * from "./wire.js";
export { EventStream, VerdictStream } from "./events.js";
