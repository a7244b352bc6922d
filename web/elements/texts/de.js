// @ts-check
/** Alles, was die Elemente sagen, auf Deutsch. */

/** @param {number} share */
const percent = (share) => `${Math.round(share * 100)}\u00a0%`;

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
  atEnd: (state) => `Am Ende der Prüfung: ${state}.`,
  confidence: "Zuversicht, dass ein lebender Mensch da ist",
  confidenceBefore: "Zuversicht, bevor das Bild ausfiel",
  confidenceEnd: "Zuversicht am Ende",
  interval: (low, high) => `90-%-Intervall ${Math.round(low * 100)}–${percent(high)}`,
  gauge: (value, low, high) => `Zuversicht ${percent(value)}, 90-Prozent-Intervall von ${percent(low)} bis ${percent(high)}, von nicht lebendig bis lebendig`,
  gaugeEnds: ["nicht lebendig", "gleich", "lebendig"],
  gaugeNote: "Zusehen allein bringt sie kaum über 75\u00a0%: Sie beginnt bei gleichen Chancen, und nicht alles lässt sich sehen.",
  stale: (seconds) => `Seit ${lasting(seconds)} nichts Neues: Was hier steht, ist von vorher.`,
  next: "Noch eine Bitte stellen",
  nextSurer: "Um sicherer zu sein, noch eine Bitte stellen",
  nextSay: "Sie könnten sagen:",
  nextElse: "Passt das für den Menschen nicht, bitten Sie um etwas anderes, worauf eine Aufnahme nicht antworten kann.",
  challenges: {
    turn_to_profile: { title: "Zur Seite drehen", say: () => "„Könnten Sie den Kopf weit zu einer Seite drehen, kurz halten und zurückkommen?“" },
    cover_eye: { title: "Ein Auge bedecken", say: () => "„Könnten Sie ein Auge mit der Hand bedecken?“" },
    lean_in: { title: "Näher kommen", say: () => "„Könnten Sie nah an die Kamera kommen und wieder zurück?“" },
    read_digits: { title: "Ziffern vorlesen", say: () => "„Könnten Sie mir drei Ziffern nachsprechen, die ich Ihnen nenne?“" },
    point_camera: { title: "Die Kamera wegdrehen", say: () => "„Könnten Sie die Kamera ein wenig zur Seite und zurück drehen?“" },
    light_code: { title: "Wechselndes Licht auf der Seite", say: () => "„Ihre Seite wechselt gleich einige Sekunden sanft die Farbe. Ist das in Ordnung?“" },
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
  seen: (share) => (share < 0.005 ? "noch nichts davon gesehen" : share > 0.995 ? "alles Sichtbare gesehen" : `${percent(share)} des Sichtbaren`),
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
  call: {
    interviewerDark: ["Die Kamera auf der anderen Seite ist aus", "Das Gespräch geht weiter. Das Bild erscheint hier, sobald sie angeht."],
    candidateDark: ["Die Kamera der Bewerberin oder des Bewerbers ist aus", "Das Gespräch geht weiter. Das Bild erscheint hier, sobald sie angeht."],
  },
  check: {
    heading: "Vor dem Gespräch: Darf eine Prüfung laufen?",
    texts: {
      "2026-11": [
        "Während Sie sprechen, sieht sich Software Ihr Video an, um zu sagen, ob ein lebender Mensch vor der Kamera sitzt.",
        "Was sie findet, sieht, wer das Gespräch mit Ihnen führt; ein Mensch entscheidet. Kein Video und kein biometrisches Muster Ihres Gesichts wird aufbewahrt.",
        "Sie können die Prüfung jederzeit beenden; das Gespräch geht ohne sie weiter.",
      ],
    },
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
  prompt: {
    ready: "Gleich geht es los",
    readyNote: "Es erscheint in einem Augenblick.",
    instruct: (challenge, page, way) => {
      const side = { left: "links", right: "rechts", up: "oben", down: "unten" }[way];
      const eye = { left: "linkes", right: "rechtes" }[way];
      if (challenge === "turn_to_profile" && side) return `Drehen Sie den Kopf weit nach ${side}, halten Sie ihn kurz so, und sehen Sie wieder in die Kamera.`;
      if (challenge === "cover_eye" && eye) return `Bedecken Sie zwei Sekunden lang Ihr ${eye} Auge mit der flachen Hand. Das andere bleibt frei.`;
      if (challenge === "hand_over_face" && side) return `Führen Sie eine offene Hand von ${side} langsam dicht vor Ihrem Gesicht vorbei.`;
      const part = { upper: "Augen und Stirn", lower: "Mund und Kinn" }[way];
      if (challenge === "hand_over_face" && part) return `Halten Sie eine offene Hand zwei Sekunden lang vor ${part}.`;
      if (challenge === "lean_in" && page.times) {
        const lean = way === "back" ? "Lehnen Sie sich zurück, kommen Sie dann nah an die Kamera, und sitzen Sie wieder wie zuvor" : "Kommen Sie nah an die Kamera, und sitzen Sie wieder wie zuvor";
        return `${lean}${page.times === 2 ? ", zweimal" : ""}.`;
      }
      if (challenge === "point_camera" && side) return `Drehen Sie die Kamera ein wenig nach ${side}, und lassen Sie sie so.`;
      if (challenge === "light_code") return "Sehen Sie auf den Bildschirm und halten Sie still.";
      if (challenge === "read_digits" && page.digits) return "Lesen Sie diese Ziffern laut vor.";
      return null;
    },
    offer: (challenge) => {
      /** @type {Record<string, [string, string]>} */
      const known = {
        turn_to_profile: ["Zur Seite drehen", "Gleich sehen Sie, nach welcher Seite Sie den Kopf drehen."],
        hand_over_face: ["Eine Hand vor dem Gesicht", "Gleich sehen Sie, von welcher Seite die Hand kommt."],
        cover_eye: ["Ein Auge bedecken", "Gleich sehen Sie, welches Auge."],
        lean_in: ["Näher kommen", "Gleich sehen Sie, wie und wie oft."],
        read_digits: ["Ziffern vorlesen", "Gleich sehen Sie ein paar Ziffern. Lesen Sie sie laut vor."],
        point_camera: ["Die Kamera drehen", "Gleich sehen Sie, wohin."],
        light_code: ["Wechselndes Licht", "Stellen Sie den Bildschirm hell, sehen Sie hin und halten Sie still."],
      };
      const found = known[challenge];
      return found ? { title: found[0], text: found[1] } : null;
    },
    warning: "Auf dem ganzen Bildschirm wechseln etwa sechs Sekunden lang sanfte Farben.",
    warningQuestion: "Sind Sie empfindlich gegen wechselndes Licht? Dann lassen Sie das aus; es wird Ihnen nicht angelastet.",
    start: "Beginnen",
    sensitive: "Ich bin empfindlich gegen wechselndes Licht",
    cannot: "Das kann ich nicht",
    stop: "Aufhören",
    close: "Schließen",
    ways: { left: "Links", right: "Rechts", up: "Oben", down: "Unten" },
    places: { hand: { left: "Von links", right: "Von rechts" }, eye: { left: "Linkes Auge", right: "Rechtes Auge" } },
    guidance: {
      ready: "Bitte, jetzt.",
      further: "Noch ein wenig weiter, bitte.",
      other_side: "Die andere Seite, bitte.",
      closer: "Noch etwas näher, bitte.",
      back: "Etwas zurück, bitte.",
      hold: "Genau so halten.",
      good: "Gut. Danke.",
      face_lost: "Ihr Gesicht ist nicht mehr im Bild: Kommen Sie zurück.",
    },
    guidanceOf: {
      hand_over_face: { further: "Die Hand dicht vors Gesicht, bitte." },
      cover_eye: { further: "Bedecken Sie das Auge ganz mit der Hand, bitte." },
      point_camera: { further: "Die Kamera noch ein wenig weiter, bitte.", other_side: "Die Kamera zur anderen Seite, bitte." },
    },
    left: (seconds) => `Noch ${seconds} Sekunden`,
    light: "Sehen Sie auf den Bildschirm und halten Sie still.",
    waiting: "Einen Augenblick …",
    thanks: "Danke, das war alles",
    thanksNote: "Das Gespräch geht weiter.",
    stopped: "Das ist in Ordnung",
    late: "Es wird nicht mehr gebraucht",
    reducedMotion: "Sie wurden um etwas mit wechselndem Licht gebeten. Ihr Gerät möchte wenig Bewegung, darum wurde es ausgelassen. Das ist in Ordnung.",
    own: "Ihr eigenes Bild",
  },
  ask: {
    heading: "Um etwas bitten",
    intro: "Was niemand vorhersehen konnte, beantworten Aufnahme und Maske schlecht.",
    recommended: "Jetzt empfohlen",
    ask: (title) => `Bitten: ${title}`,
    askShort: "Bitten",
    others: "Andere Bitten",
    settles: (list) => `Klärt mit: ${list}`,
    families: { presentation: "Foto oder Bildschirm", injection: "Aufnahme", synthesis: "gemachtes oder verändertes Gesicht", substitution: "anderer Mensch" },
    how: "Wie gebeten wird",
    page: "Auf ihrer Seite",
    spoken: "Ich lese es vor",
    pageOnly: "nur auf ihrer Seite",
    attemptsLeft: (count) => (count === 0 ? "oft genug gebeten" : count === 1 ? "noch einmal möglich" : `noch ${count}-mal möglich`),
    notYet: "Sobald ein Bild ankommt, können Sie hier um etwas bitten.",
    none: "In diesem Gespräch ist keine Bitte mehr möglich.",
    starting: "Beginnt …",
    cancel: "Abbrechen",
    offered: "Wartet, bis die Seite es zeigt",
    offeredLight: "Die Seite warnt vor wechselndem Licht und wartet, bis es begonnen wird",
    running: "Die Bitte läuft",
    readAloud: "Lesen Sie das vor:",
    tellThem: "Sie könnten sagen:",
    left: (seconds) => (seconds > 0 ? `noch ${seconds} s` : "die Zeit ist um"),
    guidance: {
      ready: "Bereit.",
      further: "Noch etwas weiter.",
      other_side: "Es war die andere Seite.",
      closer: "Noch etwas näher.",
      back: "Etwas zurück.",
      hold: "An der Stelle: noch halten.",
      good: "Getan wie erbeten.",
      face_lost: "Das Gesicht ist nicht im Bild.",
    },
    guidanceOf: {
      light_code: { hold: "Das Licht wechselt. Warten genügt." },
      hand_over_face: { further: "Die Hand ist dort noch nicht zu sehen." },
      cover_eye: { further: "Das Auge ist noch nicht bedeckt." },
      point_camera: { further: "Die Kamera noch ein wenig weiter.", other_side: "Die Kamera ging zur anderen Seite." },
    },
    ends: {
      passed: ["Bestanden", "Es wurde getan wie erbeten, und was zu sehen war, passte zusammen. In die Einschätzung oben geht es mit allem anderen ein; allein entscheidet es nicht."],
      passed_uncounted: ["Bestanden", "Es wurde getan wie erbeten, und was zu sehen war, passte zusammen. Noch gibt es keine Zahlen, mit denen es in die Einschätzung oben einginge: Es hilft Ihnen beim Hinsehen."],
      broken: ["Passt nicht zusammen", "Es wurde getan, aber so sieht ein lebender Mensch dabei nicht aus. Sehen Sie genauer hin; allein beweist das nichts."],
      not_done: ["Nicht wie erbeten getan", "Man verhört und verliest sich. Bitten Sie noch einmal, oder nehmen Sie die Alternative. Das sagt nichts gegen den Menschen."],
      unclear: ["Nicht zu beurteilen", "Die Umstände ließen kein Urteil zu. Das sagt nichts gegen den Menschen."],
      declined: ["Ausgelassen", "Nehmen Sie die Alternative. Das sagt nichts gegen den Menschen."],
      expired: ["Nicht beantwortet", "Es kam nicht rechtzeitig zustande, vielleicht aus technischem Grund. Das sagt nichts gegen den Menschen."],
      cancelled: ["Abgebrochen", "Sie haben es beendet, bevor es beantwortet war."],
      ended: ["Fertig", ""],
    },
    declined: {
      cannot: "Der Mensch kann das nicht.",
      photosensitive: "Der Mensch ist empfindlich gegen wechselndes Licht.",
      reduced_motion: "Das Gerät möchte wenig Bewegung, darum wurde nicht begonnen.",
      other: "Es wurde auf der Seite beendet.",
    },
    alternative: "Stattdessen",
    again: "Noch einmal bitten",
    done: "Um etwas anderes bitten",
    answered: (seconds) => `Beantwortet nach ${seconds.toFixed(1).replace(".", ",")} s.`,
    earlier: "Bisherige Bitten",
    replay: "Noch einmal abspielen",
    decimal: ",",
    measured: "gemessen",
    asked: "erbeten",
    prompt: "0 s: gebeten",
    curve: (title, fromS, toS) => `${title}, von ${fromS.toFixed(1).replace(".", ",")} bis ${toS.toFixed(1).replace(".", ",")} Sekunden nach der Bitte.`,
    curveMost: (value, at) => `Am weitesten: ${value}, bei ${at} s.`,
    curveAsked: (value) => `Erbeten: ${value}.`,
    curveFollow: "Die durchgezogene Linie soll der gestrichelten folgen.",
    curveIn: (unit) => `in ${unit}`,
    curveNone: "Nichts ließ sich messen.",
    curveGaps: (share) => `Zu ${percent(share)} der Zeit nicht messbar.`,
    problems: {
      "challenge-running": "Es läuft schon eine Bitte.",
      "not-checking": "Gerade kommt kein Bild an.",
      "no-page": "Das geht nur auf ihrer Seite.",
      "too-many-attempts": "Darum wurde oft genug gebeten. Wählen Sie etwas anderes.",
    },
    failed: (why) => `Es ließ sich nicht beginnen: ${why}`,
    attempt: (attempt) => `Versuch ${attempt}`,
  },
};
