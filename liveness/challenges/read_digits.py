"""Read digits: three random digits are read aloud; the mouth must move after the prompt.

A call's check is sent pictures only, so that there the mouth alone is judged, and the result counts little; in a
recording that has sound, its loudness must go with the mouth. Nothing here knows what was said: a person listens
whether the digits were right. Whose mouth moved before the prompt already cannot be told from who talks on, or from a
recording of a talker: that is ``unclear``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

from liveness.challenges.contract import ChallengeSpec, Curve
from liveness.challenges.movement import LEAST_REACTION_S, Integrity, MovementChallenge, Progress, baseline_seen
from liveness.frames import FaceTrack, Observation
from liveness.measures.conditions import ramp, size_quality

_DIGITS = 3
_LISTEN = "Listen whether the digits were right."


@dataclass(frozen=True, slots=True)
class DigitSettings:
    """How much the mouth must move."""

    rise: float = 0.012
    """Least rise of the opening above that of rest, in face heights, for the mouth to be open."""
    opens: int = 3
    """Least number of times that the opening turns from rising to falling."""
    turn: float = 0.004
    """A change of direction smaller than this is noise, in face heights."""
    talking: float = 0.02
    """Range of the opening before the prompt, in face heights, from which on the mouth was not at rest; the mesh of a
    small face trembles by half of that."""
    above: float = 2.0
    """How often that range the opening must rise when the digits are read."""
    least_s: float = 0.7
    """From the first opening to the last."""
    alike: float = 0.2
    """Least opening, as a share of the widest: beside one that is far wider the others are breath, not digits."""
    lag_s: float = 0.35
    """Most by which sound and picture may lie apart."""
    least_level: float = 0.004
    """Root mean square of the sound below which nobody spoke."""


class _Look(NamedTuple):
    time_s: float
    opening: float | None
    """Between the lips, in face heights; None while no face is seen."""
    level: float | None
    """Root mean square of the sound since the frame before; None without sound."""


class ReadDigits(MovementChallenge):
    """Looks at the opening of the mouth, beside the loudness of the sound."""

    spec: ClassVar[ChallengeSpec] = ChallengeSpec(
        name="read_digits",
        title="Read three digits",
        page_text="In a moment you will be asked to read three digits aloud.",
        deadline_s=8.0,
        alternative="Who cannot speak can show the digits with the fingers of one hand, to the interviewer's eye.",
        families=frozenset({"injection", "presentation"}),
        known_ways_to_beat=(
            "A face swap, or an animation driven by the speaker's voice: the lips follow whatever is said.",
            "Anybody who reads the digits from the side while the recording's mouth moves.",
        ),
        random_bytes=4,
    )

    def __init__(self, settings: DigitSettings | None = None) -> None:
        super().__init__()
        self._settings = settings or DigitSettings()
        self._looks: list[_Look] = []
        self._size = 0.0

    @classmethod
    def drawn(cls, random: bytes) -> str:
        """Return three digits, of four bytes."""
        # 2^32 is so much more than 1000 that no digit is likelier than another by a part in four million.
        return f"{int.from_bytes(random, 'big') % 10**_DIGITS:0{_DIGITS}d}"

    @classmethod
    def page(cls, parameters: str) -> Mapping[str, Any]:
        """Return what the page shows."""
        return {"text": f"Read aloud, one by one: {' '.join(parameters)}", "picture": "digits", "digits": parameters}

    @classmethod
    def aloud(cls, parameters: str) -> str:
        """Return what the interviewer says."""
        return f"Please repeat these digits one by one: {', '.join(parameters)}."

    def observe(self, observation: Observation) -> None:
        """Keep the opening of the mouth and the loudness in one frame."""
        face, audio = observation.face, observation.frame.audio
        if face is not None:
            self._size = size_quality(face)
        level = None if audio is None or audio.size == 0 else float(np.sqrt((audio.astype(np.float64) ** 2).mean()))
        self._looks.append(_Look(observation.time_s, None if face is None else _opening(face), level))

    def _take_parameters(self, parameters: str) -> None:
        if len(parameters) != _DIGITS or not (parameters.isascii() and parameters.isdigit()):
            raise ValueError(f"expected {_DIGITS} digits, got {parameters!r}")

    def _known(self) -> bool:
        return bool(self._looks) and self._rest(self._looks[-1].time_s + 1e-3) is not None

    def _rest(self, prompt_s: float) -> float | None:
        start_s = prompt_s - 1.5 * self.spec.baseline_s
        before = [(t, opening) for t, opening, _ in self._looks if start_s <= t < prompt_s and opening is not None]
        if not baseline_seen([t for t, _ in before], self.spec.baseline_s):
            return None
        # Who talks before the prompt still closes the lips now and then.
        return float(np.percentile([opening for _, opening in before], 20))

    def _range(self, prompt_s: float) -> float:
        """Return by how much the opening changed while nothing had been asked for."""
        start_s = prompt_s - 1.5 * self.spec.baseline_s
        before = [o for t, o, _ in self._looks if start_s <= t < prompt_s and o is not None]
        return float(np.ptp(np.percentile(before, (5, 95))))

    def _progress(self, prompt_s: float) -> Progress:
        use, rest = self._settings, self._rest(prompt_s)
        if rest is None:
            return Progress(
                "unseen", "The face was not seen long enough before the prompt to compare with.", "face_lost"
            )
        before = self._range(prompt_s)
        if before > use.talking:
            return Progress(
                "unseen", "The mouth moved before the prompt already; let the person be silent, and ask again."
            )
        start_s = prompt_s + LEAST_REACTION_S
        seen = [(t, o - rest) for t, o, _ in self._looks if start_s <= t <= self.deadline_s and o is not None]
        if len(seen) < 3:
            return Progress("unseen", "The face was not seen after the prompt.", "face_lost")
        peaks = _peaks(seen, use.turn)
        high = max((height for _, height in peaks), default=0.0)
        opened = [t for t, height in peaks if height >= max(use.rise / 2, before, use.alike * high)]
        least = max(use.rise, use.above * before)
        if len(opened) >= use.opens and high >= least and opened[-1] - opened[0] >= use.least_s:
            over = seen[-1][0] - opened[-1] >= 1.0
            return Progress("done", f"The mouth moved after the prompt. {_LISTEN}", "good", opened[0], over)
        return Progress("waiting", "The mouth did not move as in reading three digits.", None)

    def _integrity(self, prompt_s: float) -> Integrity:
        """Correlate the opening of the mouth with the loudness, at the lag that fits best."""
        use = self._settings
        rows = [(t, o, level) for t, o, level in self._looks if prompt_s <= t <= self.deadline_s and o is not None]
        levels = np.array([np.nan if level is None else level for _, _, level in rows])
        if len(rows) < 12 or np.isnan(levels).any() or float(np.percentile(levels, 90)) < use.least_level:
            return Integrity(None, "")
        times, mouth = np.array([t for t, _, _ in rows]), np.array([o for _, o, _ in rows])
        sound = np.log(levels + use.least_level)
        best = max(
            _alike(mouth, np.interp(times + lag, times, sound)) for lag in np.arange(-use.lag_s, use.lag_s, 0.05)
        )
        # Digits may be spoken with hardly any lips: a low correlation makes less of it, and accuses nobody.
        return Integrity(0.3 + 0.7 * ramp(best, 0.1, 0.5), "")

    def _quality(self) -> float:
        sounded = any(look.level is not None and look.level >= self._settings.least_level for look in self._looks)
        return (0.6 if sounded else 0.3) * (0.5 + 0.5 * self._size)

    def _curve(self, prompt_s: float) -> Curve | None:
        rest = self._rest(prompt_s)
        if rest is None:
            return None
        looks = [look for look in self._looks if prompt_s - self.spec.baseline_s <= look.time_s <= self.deadline_s]
        return Curve(
            title="Opening of the mouth",
            unit="face heights",
            times_s=tuple(look.time_s - prompt_s for look in looks),
            values=tuple(None if look.opening is None else look.opening - rest for look in looks),
            asked=tuple(self._settings.rise if look.time_s >= prompt_s else None for look in looks),
        )


def _opening(face: FaceTrack) -> float:
    points = face.points_px
    height = float(np.linalg.norm(points[10] - points[152]))
    return float(np.linalg.norm(points[13, :2] - points[14, :2])) / max(height, 1.0)


def _peaks(course: list[tuple[float, float]], turn: float) -> list[tuple[float, float]]:
    """Return (time, height) of the maxima from which the course falls by more than ``turn`` after rising by it."""
    peaks, rising = [], False
    low, (top_s, top) = course[0][1], course[0]
    for t, value in course:
        if rising:
            if value > top:
                top_s, top = t, value
            elif value < top - turn:
                peaks.append((top_s, top))
                rising, low = False, value
        elif value < low:
            low = value
        elif value > low + turn:
            rising, top_s, top = True, t, value
    return peaks


def _alike(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    a, b = one - one.mean(), other - other.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 1e-9 else 0.0
