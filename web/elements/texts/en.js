// @ts-check
/** All that the elements say, in English. Another language has the same keys. */

/** @param {number} share */
const percent = (share) => `${Math.round(share * 100)}\u00a0%`;

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
    warming_up: "Starting",
    live: "Looks live",
    inconclusive: "Cannot tell yet",
    suspect: "Look closer",
  },
  headlines: {
    warming_up: "Watching for a few seconds.",
    live: "What could be examined looks like a live person.",
    inconclusive: "This proves nothing against the person.",
    suspect: "Ask one more thing. Often there is an innocent cause.",
  },
  sessions: {
    loading: ["Connecting", "One moment."],
    waiting: ["Waiting for the candidate", "The candidate has not yet said whether the check may run."],
    consented: ["Ready", "The candidate agreed. The check starts with the call."],
    checking: ["Starting", "Watching for a few seconds."],
    interrupted: ["No picture", "The candidate’s picture has stopped arriving and may come back by itself. This says nothing about the person."],
    withdrawn: ["No check", "The candidate talks without the check. Nothing is looked at. That is their right and says nothing about the person."],
    ended: ["Call ended", "The report holds all that was seen."],
    refused: ["No access", "This link is not valid, or no longer. Ask for a new one."],
  },
  erasing: "What had been seen until then is erased here, and is being erased on the server.",
  erased: "What had been seen until then is erased, on the server and here.",
  endedUnchecked: "The candidate talked without the check.",
  /** @param {string} state */
  atEnd: (state) => `At the end of the check: ${state}.`,
  confidence: "Confidence that a live person is there",
  confidenceBefore: "Confidence before the picture was lost",
  confidenceEnd: "Confidence at the end",
  /** @param {number} low @param {number} high */
  interval: (low, high) => `likely between ${Math.round(low * 100)} and ${percent(high)}`,
  /** @param {number} value @param {number} low @param {number} high */
  gauge: (value, low, high) => `Confidence ${percent(value)}, likely between ${percent(low)} and ${percent(high)}, on a scale from not live to live`,
  gaugeEnds: ["not live", "undecided", "live"],
  gaugeNote: "Watching alone cannot bring it much above 75\u00a0%: it starts in the middle, and not everything can be seen.",
  /** @param {number} seconds */
  stale: (seconds) => `Nothing new for ${lasting(seconds)}: what stands here is from before.`,
  next: "Ask one more thing",
  nextSurer: "To be surer, ask one more thing",
  nextSay: "You could say:",
  nextElse: "If this does not suit the person, ask anything else that a recording cannot answer.",
  /** @type {Record<string, {title: string, say: (number: number) => string}>} */
  challenges: {
    turn_to_profile: { title: "A turn to profile", say: () => "“Could you turn your head far to one side, hold it, and come back?”" },
    cover_eye: { title: "One eye covered", say: () => "“Could you cover one eye with a hand?”" },
    lean_in: { title: "Leaning in", say: () => "“Could you lean in close to the camera, and back?”" },
    read_digits: { title: "Digits read aloud", say: () => "“Could you say three digits after me, as I name them?”" },
    point_camera: { title: "The camera turned away", say: () => "“Could you turn the camera a little to one side and back?”" },
    light_code: { title: "Changing light on their page", say: () => "“Your page will change its colour softly for a few seconds. Would that be all right?”" },
    turn_head: { title: "A slow turn of the head", say: () => "“Could you slowly turn your head to one side and back?”" },
    turn: { title: "A slow turn of the head", say: () => "“Could you slowly turn your head to one side and back?”" },
    show_fingers: { title: "A number of fingers", say: (number) => `“Could you hold ${["two", "three", "four"][number]} fingers up beside your face?”` },
    hand_over_face: { title: "A hand across the face", say: () => "“Could you slowly pass a hand across your face?”" },
    ask_document: { title: "A document beside the face", say: () => "“Could you hold an identity document up beside your face?”" },
  },
  reasons: "What else we saw",
  towardsLive: "for a live person",
  towardsAttack: "worth a closer look",
  strength: ["weak", "clear", "strong"],
  /** @param {string} clock */
  seenAt: (clock) => `seen at ${clock}`,
  noReasons: "Nothing yet that counts either way.",
  noOthers: "Nothing else so far.",
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
    doubted: "An unsure sign of it: a challenge settles it",
    perhaps: "Not ruled out",
    none: "No clear sign of it",
  },
  /** @param {number} share */
  seen: (share) => (share < 0.005 ? "nothing seen of it yet" : share > 0.995 ? "all seen that can be seen" : `${percent(share)} of what can be seen`),
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
  /** On the pages of the call; dark: in place of the other's picture; seen: read out when it is there. @type {{interviewerDark: [string, string], candidateDark: [string, string], interviewerSeen: string, candidateSeen: string, noReport: string}} */
  call: {
    interviewerDark: ["The interviewer’s camera is off", "The call goes on. The picture appears here when they turn it on."],
    interviewerSeen: "The interviewer’s picture is there.",
    candidateSeen: "The candidate’s picture is there.",
    noReport: "There is no report, since the candidate talked without the check.",
    candidateDark: ["The candidate’s camera is off", "The call goes on. The picture appears here when they turn it on."],
  },
  check: {
    heading: "Before you talk: may a check run?",
    /** The text of the check by version; of one that is not here, the service's own words are shown. @type {Record<string, string[]>} */
    texts: {
      "2026-11": [
        "While you talk, software looks at your video to tell whether a live person sits before the camera.",
        "The interviewer sees what it finds; a person decides. No video and no template of your face is kept.",
        "You can stop the check at any time; the conversation goes on without it.",
      ],
    },
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
  prompt: {
    ready: "Get ready",
    readyNote: "It shows in a moment.",
    /** What to do, in this language; null: the service's own words. @type {(challenge: string, page: Record<string, any>, way: string) => string | null} */
    instruct: (challenge, page) => (challenge === "read_digits" && page.digits ? "Read these digits aloud, one by one." : null),
    /** @type {(challenge: string) => {title: string, text: string} | null} */
    offer: (challenge) => (challenge === "light_code" ? { title: "Changing light", text: "Turn the brightness of your screen up, look at it and keep still." } : null),
    warning: "Soft colours will change on your whole screen for about six seconds.",
    warningQuestion: "Are you sensitive to changing light? Then leave this out; nothing is held against you.",
    start: "Start",
    sensitive: "I am sensitive to changing light",
    cannot: "I cannot do this",
    stop: "Stop",
    close: "Close",
    /** @type {Record<string, string>} */
    ways: { left: "Left", right: "Right", up: "Up", down: "Down" },
    /** Where a side is a place and no direction. @type {Record<string, Record<string, string>>} */
    places: { hand: { left: "From your left", right: "From your right" }, eye: { left: "Left eye", right: "Right eye" } },
    /** @type {Record<string, string>} */
    guidance: {
      ready: "Go ahead.",
      further: "A little further, please.",
      other_side: "The other side, please.",
      closer: "A little closer, please.",
      back: "A little back, please.",
      hold: "Hold it just like that.",
      good: "Good. Thank you.",
      face_lost: "Your face is out of the picture: come back into it.",
    },
    /** Where the words above do not fit. @type {Record<string, Record<string, string>>} */
    guidanceOf: {
      hand_over_face: { further: "Keep your hand close to your face, please." },
      cover_eye: { further: "Cover the whole eye with your hand, please." },
      point_camera: { further: "Turn the camera a little further, please.", other_side: "Turn the camera the other way, please." },
    },
    /** @param {number} seconds */
    left: (seconds) => `${seconds} seconds left`,
    light: "Look at the screen and keep still.",
    waiting: "One moment…",
    thanks: "Thank you, that was all",
    thanksNote: "The conversation goes on.",
    stopped: "That is fine",
    late: "It is not needed any more",
    reducedMotion: "The interviewer asked for something with changing light. Your device asks for little motion, so it was left out. That is fine.",
    own: "Your own picture",
  },
  ask: {
    heading: "Ask for something live",
    intro: "A recording or a mask has trouble answering what nobody could foresee.",
    next: "Next step",
    /** @param {string} title */
    ask: (title) => `Ask: ${title}`,
    askShort: "Ask",
    others: "Other things to ask",
    /** @param {string} list */
    settles: (list) => `Helps to tell: ${list}`,
    /** @param {string} list */
    settlesAll: (list) => `Unless said otherwise, each helps to tell: ${list}.`,
    /** @param {string} list */
    settlesOnly: (list) => `Only: ${list}`,
    families: { presentation: "photo or screen", injection: "recording", synthesis: "made or changed face", substitution: "another person" },
    how: "How they are asked",
    page: "On their page",
    spoken: "I read it aloud",
    pageOnly: "only on their page",
    /** @param {number} count */
    attemptsLeft: (count) => (count === 0 ? "asked often enough" : count === 1 ? "can be asked once more" : `can be asked ${count} times`),
    notYet: "Once the candidate’s picture arrives, you can ask for something here.",
    none: "Nothing more can be asked in this call.",
    starting: "Starting…",
    cancel: "Cancel",
    offered: "Waiting for their page to show it",
    offeredLight: "Their page warns of changing light and waits for them to start",
    running: "The candidate is being asked",
    readAloud: "Read this aloud:",
    tellThem: "You could say:",
    /** @param {number} seconds */
    left: (seconds) => (seconds > 0 ? `${seconds} s left` : "time is up"),
    /** @type {Record<string, string>} */
    guidance: {
      ready: "The candidate is ready.",
      further: "Needs to go a little further.",
      other_side: "It was the other side.",
      closer: "Needs to come closer.",
      back: "Needs to go back a little.",
      hold: "In place: needs to hold it.",
      good: "Done as asked.",
      face_lost: "The face is out of the picture.",
    },
    /** Where the words above do not fit. @type {Record<string, Record<string, string>>} */
    guidanceOf: {
      light_code: { hold: "The light is changing. Nothing to do but wait." },
      hand_over_face: { further: "The hand is not seen there yet." },
      cover_eye: { further: "The eye is not covered yet." },
      point_camera: { further: "The camera needs to turn a little further.", other_side: "The camera turned the other way." },
    },
    /** Title and sentence of each way it can end. @type {Record<string, [string, string]>} */
    ends: {
      passed: ["Passed", "It was done as asked, and what was seen held together. The assessment above counts it among all else; it does not decide alone."],
      passed_uncounted: ["Passed", "It was done as asked, and what was seen held together. No figures let it count in the assessment above yet: it helps you to look."],
      broken: ["Did not hold together", "It was done, but what was seen is not what a live person looks like. Look closer; this alone proves nothing."],
      not_done: ["Not done as asked", "People mishear and misread. Ask again, or use the alternative. This says nothing against the person."],
      unclear: ["Could not be judged", "The circumstances did not let one judge. This says nothing against the person."],
      declined: ["Left out", "Use the alternative. This says nothing against the person."],
      expired: ["Not answered", "It did not come about in time, perhaps for a technical reason. This says nothing against the person."],
      cancelled: ["Cancelled", "You stopped it before it was answered."],
      ended: ["Done", ""],
    },
    /** @type {Record<string, string>} */
    declined: {
      cannot: "The candidate cannot do this.",
      photosensitive: "The candidate is sensitive to changing light.",
      reduced_motion: "The candidate’s device asks for little motion, so it was not started.",
      other: "The candidate stopped it.",
    },
    alternative: "Instead",
    again: "Ask again",
    done: "Ask for something else",
    /** @param {number} seconds */
    answered: (seconds) => `Answered after ${seconds.toFixed(1)} s.`,
    earlier: "Asked so far",
    replay: "Play it again",
    decimal: ".",
    measured: "measured",
    asked: "asked for",
    prompt: "0 s: asked",
    /** @type {(title: string, fromS: number, toS: number) => string} */
    curve: (title, fromS, toS) => `${title}, from ${fromS.toFixed(1)} to ${toS.toFixed(1)} seconds after the prompt.`,
    /** @type {(value: string, at: string) => string} */
    curveMost: (value, at) => `Furthest: ${value}, at ${at} s.`,
    /** @param {string} value */
    curveAsked: (value) => `Asked for: ${value}.`,
    curveFollow: "The solid line should run along the dashed one.",
    /** @param {string} unit */
    curveIn: (unit) => `in ${unit}`,
    curveNone: "Nothing could be measured.",
    /** @param {number} share */
    curveGaps: (share) => `Not measurable in ${percent(share)} of the time.`,
    /** @type {Record<string, string>} */
    problems: {
      "challenge-running": "Something is being asked already.",
      "not-checking": "The candidate’s picture does not arrive at the moment.",
      "no-page": "This one needs the candidate’s page.",
      "too-many-attempts": "This has been asked often enough. Choose something else.",
    },
    /** @param {string} why */
    failed: (why) => `It could not be started: ${why}`,
    /** @param {number} attempt */
    attempt: (attempt) => `attempt ${attempt}`,
  },
};

/** @typedef {typeof en} Texts */
