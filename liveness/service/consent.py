"""What the candidate is asked, by version; a version that was ever shown is never changed."""

from __future__ import annotations

from collections.abc import Mapping

TEXTS: Mapping[str, tuple[str, ...]] = {
    "2026-11": (
        "While you talk, software looks at your video to tell whether a live person sits before the camera.",
        "The interviewer sees what it finds; a person decides. No video and no template of your face is kept.",
        "You can stop the check at any time; the conversation goes on without it.",
    ),
}

CURRENT = "2026-11"
