"""Light code: a random soft colour code on the screen comes back from the skin.

A pass is a rank among codes never shown, so that a wrong code passes no more often than the stated rate, whatever the
noise. It fails in sunlight, far from the screen, with a dim screen, and says so. No page can know how bright its screen
is: that the face did *not* follow speaks against nobody, and neither does a face that follows less than the neck, since
a window can light the one and not the other. Only a face that follows surely, and later than the neck, is ``broken``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from liveness.challenges.contract import Challenge, ChallengeSpec, Curve, Guidance, Outcome, Result
from liveness.challenges.light_score import LightScore, Seen, baseline_noise, predicted_z, score
from liveness.challenges.light_sequence import NEUTRAL, RANDOM_BYTES, SYMBOLS, Code
from liveness.frames import Floats, Observation
from liveness.measures.conditions import ramp
from liveness.measures.skin_light import PARTS, lit

FALSE_ALARM_RATE = 0.001


@dataclass(frozen=True, slots=True)
class LightSettings:
    """When the light can be seen, and what of it fits no live head."""

    chance: float = FALSE_ALARM_RATE
    edges: float = 4.0
    """The code's beat must stand out this much at one lag, or one cannot say that its light could be seen …"""
    covered: float = 0.5
    """Nor can one if of any symbol less than this share was seen."""
    least_edges: float = 1.5
    """… and this much for a pass, which shows that it was seen."""
    most_lost: float = 0.5
    """Share of the face that may be clipped or black."""
    background: float = 0.7
    """A background that follows this strongly, beside the face, is lit like it: one flat thing, or a wall near by."""
    late_s: float = 0.15
    """A face later than the neck by more does not pass …"""
    broken_late_s: float = 0.25
    """… and by more than this is broken, …"""
    sure_edges: float = 4.0
    """… if the beat stands out this much on both."""
    side: float = 0.08
    """Left against right, by the face's amplitude: a face that surely has less was coloured as a whole."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An outcome before it is dressed for people."""

    result: Result
    reason: str
    visible: bool
    """Whether the light of the code could be seen on the face, whatever its bits."""
    integrity: float | None = None


def judge(found: LightScore | None, seen: Seen, settings: LightSettings) -> Judged:
    """Say what a score means."""
    after = seen.times_s >= 0
    if found is None or not after.any():
        return Judged("unclear", "Too little of the face was seen while the light changed; ask for it again.", False)
    if float(np.median(seen.lost[after])) > settings.most_lost:
        return Judged("unclear", "The face is too bright or too dark for the screen's light to be measured.", False)
    visible = found.edges >= settings.edges and found.covered >= settings.covered
    if found.face.chance > settings.chance or found.face.share <= 0 or found.edges < settings.least_edges:
        if not visible:
            return Judged("unclear", _unseen(found, seen, settings), False)
        text = "The colour of the face changed, but not as the screen did; other light may have changed."
        return Judged("unclear", text, True)
    doubt = _late(found, settings) or _flat(found, settings)
    if doubt is not None:
        return doubt
    text = "The light of the screen came back from the face, in the order that was drawn for it."
    return Judged("passed", text, visible, _integrity(found))


def _late(found: LightScore, settings: LightSettings) -> Judged | None:
    """Judge a face that follows later than the neck: no room, screen or camera does that, a computed face does."""
    late, neck = found.late_s, found.neck
    if late is None or neck is None or neck.chance > FALSE_ALARM_RATE or late <= settings.late_s:
        return None
    sure = found.edges >= settings.sure_edges and neck.edges >= settings.sure_edges
    if sure and late > settings.broken_late_s:
        return Judged("broken", f"The screen's light came {late:.1f} s later on the face than on the neck.", True, 0.0)
    return Judged("unclear", "The light seemed to come later on the face than on the neck; ask for it again.", True)


def _flat(found: LightScore, settings: LightSettings) -> Judged | None:
    """Judge a face that is lit like its background, or without sides."""
    back = found.background
    if back is not None and back.chance <= FALSE_ALARM_RATE and back.share > settings.background * found.face.share:
        text = "The whole picture followed the screen, not only the face before it; move away from the wall."
        return Judged("unclear", text, True)
    if found.side + 2 * found.side_error < settings.side:
        text = "The face changed its colour as a whole, not its left and right as the screen did."
        return Judged("unclear", text, True)
    return None


def _integrity(found: LightScore) -> float:
    """Weigh left against right, and temples and jaw against the middle; 0.5 where neither can be told."""
    side = (found.side - 0.05) / max(2 * found.side_error, 0.05)
    bent = (1.0 - found.curvature) / max(2 * found.curvature_error, 0.2)
    weight = float(np.clip(side, -2, 2)) + 0.5 * float(np.clip(bent, -2, 2))
    return float(1 / (1 + np.exp(-weight)))


def _unseen(found: LightScore, seen: Seen, settings: LightSettings) -> str:
    """Say why the light could not be seen, as far as that is known."""
    if found.covered < settings.covered:
        return "The face was not seen whole under every colour; let it stay in view, neither too bright nor too dark."
    z = expected_z(seen)
    if z < _FAR_Z:
        return "The face is too far from the screen, or the picture too noisy, for the screen's light to be seen on it."
    return "The screen's light could not be seen on the face: the room is bright, the screen dim, or the head moved."


_USUAL_SHARE, _USUAL_M = 0.06, 0.55
"""Share of a laptop's screen in the light on a face at this distance, in an office."""
_FOCAL, _FACE_M = 0.75, 0.15
_FAR_Z = 8.0


def expected_z(seen: Seen) -> float:
    """Return how strong an ordinary screen's code would be, by the size of the face and the noise before the prompt.

    The screen's brightness is known to nobody, so this explains and scales; it decides nothing.
    """
    wide = seen.wide[seen.wide > 0]
    if not wide.size:
        return 0.0
    distance = _FOCAL * _FACE_M / float(np.median(wide))
    share = min(0.5, _USUAL_SHARE * (_USUAL_M / distance) ** 2)
    frames = int((seen.times_s >= 0).sum())
    return predicted_z(share=share, noise=max(baseline_noise(seen), 0.004), frames=frames)


class LightCode(Challenge):
    """Shows 24 soft colours, and looks for them in the skin."""

    spec: ClassVar[ChallengeSpec] = ChallengeSpec(
        name="light_code",
        title="Changing light",
        page_text=(
            "For about six seconds your screen will change softly between two colours. Turn its brightness up, look at "
            "it and keep still."
        ),
        deadline_s=SYMBOLS * 0.5 + 1.5 + 0.5,
        alternative=(
            "Who is sensitive to changing light, or has no bright screen, can turn to profile or read digits aloud."
        ),
        families=frozenset({"injection", "synthesis", "presentation"}),
        known_ways_to_beat=(
            "A program that reads the page's colours and paints them on a face with its shape, without delay.",
            "A print or a mask that is held before the camera in the screen's light.",
        ),
        random_bytes=RANDOM_BYTES,
        baseline_s=2.0,
        spoken=False,
        warning="The screen will change its colour softly, about twice a second. Decline it if light affects you.",
    )

    def __init__(self, settings: LightSettings | None = None) -> None:
        super().__init__()
        self._settings = settings or LightSettings()
        self._code: Code | None = None
        self._times: list[float] = []
        self._colours: list[Floats] = []
        self._lost: list[float] = []
        self._wide: list[float] = []
        self._torn: float | None = None
        """Media time at which the shot was last broken: another picture, another face, a gap."""

    @classmethod
    def drawn(cls, random: bytes) -> str:
        """Return the code as hexadecimal digits."""
        Code.of_bytes(random)
        return random.hex()

    @classmethod
    def page(cls, parameters: str) -> Mapping[str, Any]:
        """Return what the page shows: the two halves' colours (sRGB, 0–255) from when on, and how it ends.

        ``left`` and ``right`` are the candidate's own. ``before`` is shown from now until the first, and after the end.
        """
        code = Code.of_text(parameters)
        return {
            "text": "Look at the screen and keep still.",
            "picture": "light",
            "sequence": [
                {"at_s": round(at, 4), "left": list(left), "right": list(right)} for at, left, right in code.rendered()
            ],
            "end_s": round(float(code.starts_s[-1]), 4),
            "before": list(NEUTRAL),
            "warning": cls.spec.warning,
        }

    def observe(self, observation: Observation) -> None:
        """Measure the light of one frame; about 1 ms at 640 × 480."""
        if observation.broken:
            self._torn = observation.time_s
        face = observation.face
        found = lit(observation.frame, face) if face is not None else None
        self._times.append(observation.time_s)
        self._colours.append(np.full((len(PARTS), 3), np.nan, dtype=np.float32) if found is None else found.colours)
        self._lost.append(1.0 if found is None else found.lost)
        seen = found is not None and face is not None
        self._wide.append(face.box_px.width / observation.frame.width if seen and face is not None else 0.0)
        if self.prompt_s is None:
            self._forget(observation.time_s - 2 * self.spec.baseline_s)

    @property
    def settled(self) -> bool:
        """Whether the last colour's light must have come back."""
        if self.prompt_s is None or self._code is None or not self._times:
            return False
        return self._times[-1] >= self.prompt_s + float(self._code.starts_s[-1]) + 1.5

    @property
    def guidance(self) -> Guidance | None:
        """What helps: a face to be seen, near enough, and still."""
        if not self._wide:
            return None
        if self._wide[-1] == 0.0:
            return "face_lost"
        if self._wide[-1] < _SMALL:
            return "closer"
        return "ready" if self.prompt_s is None else "hold"

    def seen(self, prompt_s: float) -> Seen:
        """Return what was measured, in seconds after the prompt."""
        return Seen(
            np.array(self._times, dtype=np.float64) - prompt_s,
            np.array(self._colours, dtype=np.float32).reshape(-1, len(PARTS), 3),
            np.array(self._lost, dtype=np.float32),
            np.array(self._wide, dtype=np.float32),
        )

    def _forget(self, before_s: float) -> None:
        """Drop what is older: a challenge may be prepared long before its prompt."""
        while self._times and self._times[0] < before_s:
            for kept in (self._times, self._colours, self._lost, self._wide):
                kept.pop(0)

    def _take_parameters(self, parameters: str) -> None:
        self._code = Code.of_text(parameters)

    def _judge(self, prompt_s: float) -> Outcome:
        assert self._code is not None
        seen = self.seen(prompt_s)
        if self._torn is not None and self._torn > prompt_s - self.spec.baseline_s:
            text = "The picture was interrupted, or another face came, while the light changed; ask for it again."
            return Outcome("unclear", 0.0, text, None, None)
        found = score(self._code, seen)
        judged = judge(found, seen, self._settings)
        if found is None:
            return Outcome("unclear", 0.0, judged.reason, None, None)
        passed = judged.result == "passed"
        face = found.face
        return Outcome(
            result=judged.result,
            quality=_quality(found, seen) if judged.visible or passed else 0.0,
            reason=judged.reason,
            compliance=True if passed else None,
            integrity=judged.integrity,
            answered_s=face.lag_s if passed else None,
            curve=Curve(
                title="Colour of the face, warm against cool",
                unit="% of the light",
                times_s=tuple(float(t) for t in found.times_s),
                values=tuple(100 * float(v) for v in face.course),
                asked=tuple(100 * float(v) for v in face.asked),
            ),
        )


_SMALL = 0.12
"""Width of a face, as a share of the picture's, below which little of the screen's light reaches it."""


def _quality(found: LightScore, seen: Seen) -> float:
    # How far the beat stands out tells how well this light was seen; size and noise, how well any could be.
    return ramp(found.edges, 1.0, 3.0) * (0.5 + 0.5 * ramp(expected_z(seen), 0.0, 2 * _FAR_Z))
