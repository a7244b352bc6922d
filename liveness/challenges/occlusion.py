"""What the two challenges with a hand before the face share: what is covered, and whether the hand stays on top."""

from __future__ import annotations

import itertools
from typing import Final

import numpy as np

from liveness.challenges.contract import Curve
from liveness.challenges.movement import LEAST_REACTION_S, Integrity, MovementChallenge, Progress, baseline_seen
from liveness.frames import FaceTrack, Observation, Pixels
from liveness.measures.conditions import light_quality, ramp, size_quality
from liveness.measures.face_patch import box_tile, correlation
from liveness.measures.hand_cover import Cover, CoverWatch

BRIDGE_S: Final = 0.8
"""The models lose a hand before a face for a moment; no longer than this counts as still there."""

_DIM: Final = (
    "The light on the face is too dim, or too bright, to tell a hand from the face behind it: ask the person to turn"
    " to a lamp, or ask for something else."
)

_LOST_S: Final = 1.5
_FREE: Final = 0.8
"""Least correlation of a free face's box with that before the prompt."""
_BEFORE: Final = 0.5
"""A hand whose middle is nearer to the face's than this, in half faces, covers a good part of it."""


class OcclusionChallenge(MovementChallenge):
    """Keeps what hands cover, frame by frame.

    Never says ``broken``: whether a face shows through a hand has been measured on drawn hands only, too few to accuse
    by. The models find a hand hardly that is smaller than some 30 of the 192 pixels that they look at.
    """

    def __init__(self) -> None:
        super().__init__()
        self._watch = CoverWatch()
        self._bare: Pixels | None = None
        """The box of the face before the prompt."""
        self._as_bare: list[tuple[float, float]] = []
        """(time_s, correlation with that) of the same place in the frames after."""
        self._covers: list[Cover] = []
        self._free_s: list[float] = []
        self._light = 1.0

    def observe(self, observation: Observation) -> None:
        """Keep what is covered in one frame."""
        # A hand that comes close to the camera changes the picture as a cut does.
        near = bool(self._covers) and self._covers[-1].across is not None and bool(observation.hands)
        broken = "gap" in observation.changes or ("cut" in observation.changes and not near)
        luma, hands = observation.frame.luma(), observation.hands or ()
        free = observation.face if self._looks_free(luma, observation.face) else None
        cover = self._watch.see(observation.time_s, luma, free, hands, broken=broken)
        if observation.face is not None:
            self._free_s.append(observation.time_s)
            self._light = light_quality(observation)
        if cover is not None:
            self._covers.append(cover)
        self._compare(observation.time_s, luma, observation.face)

    def _looks_free(self, luma: Pixels, face: FaceTrack | None) -> bool:
        """Whether the face looks as before the prompt: a hand that the models have not found yet lies on it, else."""
        if face is None or self.prompt_s is None or self._bare is None:
            return face is not None
        tile = box_tile(luma, face.box_px)
        return tile is not None and correlation(tile, self._bare) >= _FREE

    def _compare(self, time_s: float, luma: Pixels, face: FaceTrack | None) -> None:
        """Keep how much the face looks as it did before the prompt: where it was free last, or where it is now."""
        boxes = [seen.box_px for seen in (self._watch.face, face) if seen is not None]
        tiles = [tile for tile in (box_tile(luma, box) for box in boxes) if tile is not None]
        if not tiles:
            return
        if self.prompt_s is None:
            self._bare = tiles[-1]
        elif self._bare is not None:
            self._as_bare.append((time_s, max(correlation(tile, self._bare) for tile in tiles)))

    @property
    def unsuitable(self) -> str | None:
        """Tell of poor light: the models lose a dark hand before a dark face."""
        return _DIM if self._light < 1 and self._known() else None

    def _known(self) -> bool:
        return self._baseline_known(np.inf)

    def _baseline_known(self, prompt_s: float) -> bool:
        end_s = min(prompt_s, self._free_s[-1]) if self._free_s else 0.0
        seen = [t for t in self._free_s if end_s - 1.5 * self.spec.baseline_s <= t < prompt_s]
        return baseline_seen(seen, self.spec.baseline_s)

    def _after(self, prompt_s: float) -> list[Cover]:
        return [cover for cover in self._covers if prompt_s <= cover.time_s <= self.deadline_s]

    def _progress(self, prompt_s: float) -> Progress:
        if not self._baseline_known(prompt_s):
            return Progress(
                "unseen", "The face was not seen long enough before the prompt to compare with.", "face_lost"
            )
        early_s = prompt_s - 0.5, prompt_s + LEAST_REACTION_S
        if any(early_s[0] <= cover.time_s < early_s[1] and cover.share > 0.1 for cover in self._covers):
            return Progress("failed", "The hand was before the face before the prompt could have been followed.")
        return self._followed(self._after(prompt_s))

    def _followed(self, covers: list[Cover]) -> Progress:
        raise NotImplementedError

    def _integrity(self, prompt_s: float) -> Integrity:
        """Tell a hand that lies on the face from a face that shows through the hand."""
        covers = self._after(prompt_s)
        seen_s = np.array([cover.time_s for cover in covers if cover.seen])

        def between(time_s: float) -> bool:
            # Where a mask hides the hand the models lose it, and find it again.
            return any((seen_s <= time_s) & (seen_s > time_s - 0.4)) and any(
                (seen_s >= time_s) & (seen_s < time_s + 0.4)
            )

        words = "The face showed where the hand was before it, as a mask laid over it."
        found = []
        kept = [cover.kept for cover in covers if cover.kept is not None and between(cover.time_s)]
        if len(kept) >= 3:
            # A mask that fails under the hand does so for a part of the time.
            found.append(ramp(float(np.percentile(kept, 75)), 0.72, 0.52))
        bare = self._bare_between(covers)
        away = [alike for time_s, alike in self._as_bare if not np.any(np.abs(seen_s - time_s) < BRIDGE_S)]
        if len(bare) >= 2 and len(away) >= 3:
            fell = float(np.median(away)) - float(np.percentile(bare, 75))
            found.append(ramp(fell, 0.03, 0.15))
        return Integrity(min(found), words) if found else Integrity(None, "")

    def _bare_between(self, covers: list[Cover]) -> list[float]:
        """Return how bare the face looked while the hand, seen before and after, must have been before it."""
        seen = [(cover.time_s, cover.across) for cover in covers if cover.across is not None]
        found = []
        for (from_s, start), (to_s, end) in itertools.pairwise(seen):
            for time_s, alike in self._as_bare:
                if from_s < time_s < to_s <= from_s + _LOST_S:
                    share = (time_s - from_s) / (to_s - from_s)
                    if abs(start + share * (end - start)) < _BEFORE:
                        found.append(alike)
        return found

    def _quality(self) -> float:
        return 0.5 if self._watch.face is None else 0.5 + 0.5 * size_quality(self._watch.face)

    def _curve(self, prompt_s: float) -> Curve | None:
        covers = [cover for cover in self._covers if prompt_s - 1 <= cover.time_s <= self.deadline_s]
        if not covers:
            return None
        return Curve(
            title="Share of the face that a hand covers",
            unit="",
            times_s=tuple(cover.time_s - prompt_s for cover in covers),
            values=tuple(cover.share for cover in covers),
            asked=tuple(0.15 if cover.time_s >= prompt_s else None for cover in covers),
        )


def held(covers: list[Cover], chosen: list[bool], hold_s: float) -> float | None:
    """Return when a stretch of at least ``hold_s`` began in which the hand was as chosen, bridging short losses."""
    began = last = None
    for cover, good in zip(covers, chosen, strict=True):
        if cover.broken or (last is not None and cover.time_s - last > BRIDGE_S):
            began = last = None
        if good:
            began = cover.time_s if began is None else began
            last = cover.time_s
            if last - began >= hold_s:
                return began
    return None
