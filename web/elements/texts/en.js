// @ts-check
/** All that the elements say, in English. Another language has the same keys. */

/** @param {number} share */
const percent = (share) => `${Math.round(share * 100)} %`;

/** @param {number} seconds */
const lasting = (seconds) => {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
};

export const en = {
  percent,
  lasting,
  states: {
    warming_up: "Warming up",
    live: "Looks live",
    inconclusive: "Cannot tell yet",
    suspect: "Look closer",
  },
  headlines: {
    warming_up: "Watching the first seconds.",
    live: "What could be examined looks like a live person.",
    inconclusive: "This says something about the picture, and nothing against the person.",
    suspect: "Ask one more thing. Often there is an innocent cause.",
  },
  sessions: {
    loading: ["Connecting", "One moment."],
    waiting: ["Waiting for the candidate", "The candidate has not yet said whether the check may run."],
    consented: ["Ready", "The candidate agreed. The check starts with the call."],
    checking: ["Warming up", "Watching the first seconds."],
    interrupted: ["No picture", "The candidate’s picture has stopped arriving and may come back by itself. This says nothing about the person."],
    withdrawn: ["No check", "The candidate talks without the check. That is their right and says nothing about the person."],
    ended: ["Call ended", "The report holds all that was seen."],
    refused: ["No access", "This link is not valid, or no longer. Ask for a new one."],
  },
  confidence: "Confidence that a live person is there",
  confidenceBefore: "Confidence before the picture was lost",
  confidenceEnd: "Confidence at the end",
  /** @param {number} low @param {number} high */
  interval: (low, high) => `90 % interval ${Math.round(low * 100)}–${percent(high)}`,
  /** @param {number} value @param {number} low @param {number} high */
  gauge: (value, low, high) => `Confidence ${percent(value)}, 90 percent interval from ${percent(low)} to ${percent(high)}, on a scale from not live to live`,
  gaugeEnds: ["not live", "even", "live"],
  gaugeNote: "Watching alone cannot bring it much above 75 %: it starts from even odds, and not everything can be seen.",
  /** @param {number} seconds */
  stale: (seconds) => `Nothing new for ${lasting(seconds)}: what stands here is from before.`,
  next: "Ask one more thing",
  nextSurer: "To be surer, ask one more thing",
  nextSay: "You could say:",
  nextElse: "If this does not suit the person, ask anything else that a recording cannot answer.",
  /** @type {Record<string, {title: string, say: (number: number) => string}>} */
  challenges: {
    turn_head: { title: "A slow turn of the head", say: () => "“Could you slowly turn your head to one side and back?”" },
    turn: { title: "A slow turn of the head", say: () => "“Could you slowly turn your head to one side and back?”" },
    show_fingers: { title: "A number of fingers", say: (number) => `“Could you hold ${["two", "three", "four"][number]} fingers up beside your face?”` },
    hand_over_face: { title: "A hand across the face", say: () => "“Could you slowly pass a hand across your face?”" },
    ask_document: { title: "A document beside the face", say: () => "“Could you hold an identity document up beside your face?”" },
  },
  reasons: "What we saw",
  towardsLive: "for a live person",
  towardsAttack: "worth a closer look",
  strength: ["weak", "clear", "strong"],
  /** @param {string} clock */
  seenAt: (clock) => `seen at ${clock}`,
  noReasons: "Nothing yet that counts either way.",
  missing: "What cannot be measured now",
  questions: "The four questions",
  families: {
    presentation: "A photo or a screen before the camera?",
    injection: "A recording, a loop or a still fed in?",
    synthesis: "A face made or changed by a model?",
    substitution: "Another person?",
  },
  answers: {
    unexamined: "Not examined",
    unseen: "We have seen too little to say",
    signs: "Signs of it: look closer",
    perhaps: "Not ruled out",
    none: "No sign of it",
  },
  /** @param {number} share */
  seen: (share) => (share < 0.005 ? "nothing seen of it yet" : share > 0.995 ? "all seen that can be seen" : `${percent(share)} seen of what can be seen`),
  timeline: "Over time",
  timelineAxis: "confidence",
  now: "now",
  noTimeline: "The timeline begins with the first picture.",
  /** @param {number} seconds @param {string[]} parts */
  timelineSummary: (seconds, parts) => `Last ${lasting(seconds)}: ${parts.join(", ")}.`,
  /** @param {string} state @param {number} seconds */
  timelinePart: (state, seconds) => `${state} ${lasting(seconds)}`,
  /** @param {number} low @param {number} high */
  timelineRange: (low, high) => `Confidence between ${percent(low)} and ${percent(high)}.`,
  timelineText: "As text",
  lostRun: "no picture",
  link: "The picture as it arrives",
  /** @type {Record<string, string>} */
  linkWords: {
    good: "Good picture",
    fair: "Fair picture: a little less can be seen",
    poor: "Poor picture: little can be seen",
    bad: "Poor picture: little can be seen",
    lost: "No picture",
    none: "No picture",
  },
  linkUnknown: "No picture yet",
  /** @param {number} width @param {number} height @param {number} fps */
  linkSize: (width, height, fps) => `${width} × ${height}, ${Math.round(fps)} frames a second`,
  numbers: "Numbers",
  linkNumbers: { kbit_s: "Bitrate", lost: "Packets lost", jitter: "Jitter", age: "Age of a frame when judged (median, 95 %)", analysed: "Frames examined a second" },
  notices: "Notices",
  /** @param {number} count */
  times: (count) => `(${count} times)`,
  check: {
    heading: "Before you talk: may a check run?",
    agree: "Agree to the check",
    decline: "Talk without the check",
    loading: "One moment, the text of the check is being fetched.",
    ready: "You agreed. The check starts with the call.",
    connecting: "The check is being connected.",
    running: "A check is running",
    runningNote: "Software looks at your video to tell whether a live person is there.",
    interrupted: "The check is reconnecting. Just go on talking.",
    off: "No check is running.",
    offNote: "The conversation goes on without it.",
    ended: "The check is over.",
    stop: "Stop the check",
    stopped: "The check is stopped. Nothing is looked at any more.",
    again: "Try again",
    failed: "The check could not be started. You can talk anyway.",
    /** @param {string} date */
    given: (date) => `You agreed on ${date}.`,
    busy: "One moment…",
  },
};

/** @typedef {typeof en} Texts */
