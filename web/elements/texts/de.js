// @ts-check
/** Alles, was die Elemente sagen, auf Deutsch. */

/** @param {number} share */
const percent = (share) => `${Math.round(share * 100)} %`;

/** @param {number} seconds */
const lasting = (seconds) => {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
};

/** @type {import("./en.js").Texts} */
export const de = {
  percent,
  lasting,
  states: {
    warming_up: "Läuft an",
    live: "Sieht lebendig aus",
    inconclusive: "Noch nicht zu sagen",
    suspect: "Genauer hinsehen",
  },
  headlines: {
    warming_up: "Die ersten Sekunden werden angesehen.",
    live: "Was sich prüfen ließ, sieht nach einem lebenden Menschen aus.",
    inconclusive: "Das sagt etwas über das Bild und nichts gegen den Menschen.",
    suspect: "Stellen Sie noch eine Bitte. Oft gibt es eine harmlose Ursache.",
  },
  sessions: {
    loading: ["Verbindet", "Einen Augenblick."],
    waiting: ["Wartet auf die Bewerberin oder den Bewerber", "Ob die Prüfung laufen darf, ist noch nicht beantwortet."],
    consented: ["Bereit", "Die Zustimmung liegt vor. Die Prüfung beginnt mit dem Gespräch."],
    checking: ["Läuft an", "Die ersten Sekunden werden angesehen."],
    interrupted: ["Kein Bild", "Es kommt kein Bild mehr an; vielleicht kommt es von selbst wieder. Über den Menschen sagt das nichts."],
    withdrawn: ["Keine Prüfung", "Das Gespräch läuft ohne Prüfung. Das ist ein Recht und sagt nichts über den Menschen."],
    ended: ["Gespräch beendet", "Der Bericht enthält alles, was gesehen wurde."],
    refused: ["Kein Zugang", "Dieser Link gilt nicht oder nicht mehr. Bitten Sie um einen neuen."],
  },
  confidence: "Zuversicht, dass ein lebender Mensch da ist",
  confidenceBefore: "Zuversicht, bevor das Bild ausfiel",
  confidenceEnd: "Zuversicht am Ende",
  interval: (low, high) => `90-%-Intervall ${Math.round(low * 100)}–${percent(high)}`,
  gauge: (value, low, high) => `Zuversicht ${percent(value)}, 90-Prozent-Intervall von ${percent(low)} bis ${percent(high)}, von nicht lebendig bis lebendig`,
  gaugeEnds: ["nicht lebendig", "gleich", "lebendig"],
  gaugeNote: "Zusehen allein bringt sie kaum über 75 %: Sie beginnt bei gleichen Chancen, und nicht alles lässt sich sehen.",
  stale: (seconds) => `Seit ${lasting(seconds)} nichts Neues: Was hier steht, ist von vorher.`,
  next: "Noch eine Bitte stellen",
  nextSurer: "Um sicherer zu sein, noch eine Bitte stellen",
  nextSay: "Sie könnten sagen:",
  nextElse: "Passt das für den Menschen nicht, bitten Sie um etwas anderes, worauf eine Aufnahme nicht antworten kann.",
  challenges: {
    turn_head: { title: "Den Kopf langsam drehen", say: () => "„Könnten Sie den Kopf langsam zur Seite und zurück drehen?“" },
    turn: { title: "Den Kopf langsam drehen", say: () => "„Könnten Sie den Kopf langsam zur Seite und zurück drehen?“" },
    show_fingers: { title: "Eine Zahl mit den Fingern", say: (number) => `„Könnten Sie ${["zwei", "drei", "vier"][number]} Finger neben das Gesicht halten?“` },
    hand_over_face: { title: "Eine Hand vor dem Gesicht", say: () => "„Könnten Sie eine Hand langsam am Gesicht vorbeiführen?“" },
    ask_document: { title: "Ein Ausweis neben dem Gesicht", say: () => "„Könnten Sie einen Ausweis neben das Gesicht halten?“" },
  },
  reasons: "Was wir gesehen haben",
  towardsLive: "spricht für einen lebenden Menschen",
  towardsAttack: "einen genaueren Blick wert",
  strength: ["schwach", "deutlich", "stark"],
  seenAt: (clock) => `gesehen bei ${clock}`,
  noReasons: "Noch nichts, was zählt.",
  missing: "Was sich gerade nicht messen lässt",
  questions: "Die vier Fragen",
  families: {
    presentation: "Ein Foto oder ein Bildschirm vor der Kamera?",
    injection: "Eine Aufnahme, Schleife oder ein Standbild eingespielt?",
    synthesis: "Ein Gesicht, das ein Modell gemacht oder verändert hat?",
    substitution: "Ein anderer Mensch?",
  },
  answers: {
    unexamined: "Nicht geprüft",
    unseen: "Wir haben zu wenig gesehen",
    signs: "Anzeichen dafür: genauer hinsehen",
    perhaps: "Nicht ausgeschlossen",
    none: "Kein Anzeichen",
  },
  seen: (share) => (share < 0.005 ? "noch nichts davon gesehen" : share > 0.995 ? "alles Sichtbare gesehen" : `${percent(share)} des Sichtbaren gesehen`),
  timeline: "Im Verlauf",
  timelineAxis: "Zuversicht",
  now: "jetzt",
  noTimeline: "Der Verlauf beginnt mit dem ersten Bild.",
  timelineSummary: (seconds, parts) => `Letzte ${lasting(seconds)}: ${parts.join(", ")}.`,
  timelinePart: (state, seconds) => `${state} ${lasting(seconds)}`,
  timelineRange: (low, high) => `Zuversicht zwischen ${percent(low)} und ${percent(high)}.`,
  timelineText: "Als Text",
  lostRun: "kein Bild",
  link: "Das Bild, wie es ankommt",
  linkWords: {
    good: "Gutes Bild",
    fair: "Mäßiges Bild: Etwas weniger ist zu sehen",
    poor: "Schlechtes Bild: Wenig ist zu sehen",
    bad: "Schlechtes Bild: Wenig ist zu sehen",
    lost: "Kein Bild",
    none: "Kein Bild",
  },
  linkUnknown: "Noch kein Bild",
  linkSize: (width, height, fps) => `${width} × ${height}, ${Math.round(fps)} Bilder je Sekunde`,
  numbers: "Zahlen",
  linkNumbers: { kbit_s: "Bitrate", lost: "Verlorene Pakete", jitter: "Jitter", age: "Alter eines Bildes beim Urteil (Median, 95 %)", analysed: "Geprüfte Bilder je Sekunde" },
  notices: "Hinweise",
  times: (count) => `(${count}-mal)`,
  check: {
    heading: "Vor dem Gespräch: Darf eine Prüfung laufen?",
    agree: "Der Prüfung zustimmen",
    decline: "Ohne Prüfung sprechen",
    loading: "Einen Augenblick, der Text der Prüfung wird geholt.",
    ready: "Sie haben zugestimmt. Die Prüfung beginnt mit dem Gespräch.",
    connecting: "Die Prüfung wird verbunden.",
    running: "Eine Prüfung läuft",
    runningNote: "Software sieht sich Ihr Video an, um zu sagen, ob ein lebender Mensch da ist.",
    interrupted: "Die Prüfung verbindet sich neu. Sprechen Sie einfach weiter.",
    off: "Es läuft keine Prüfung.",
    offNote: "Das Gespräch geht ohne sie weiter.",
    ended: "Die Prüfung ist vorbei.",
    stop: "Prüfung beenden",
    stopped: "Die Prüfung ist beendet. Es wird nichts mehr angesehen.",
    again: "Noch einmal versuchen",
    failed: "Die Prüfung ließ sich nicht starten. Sie können trotzdem sprechen.",
    given: (date) => `Sie haben am ${date} zugestimmt.`,
    busy: "Einen Augenblick …",
  },
};
