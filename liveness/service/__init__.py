"""The HTTP service of the live call: sessions, consent, WHIP, events, room, reports and pages."""
