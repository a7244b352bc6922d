"""Flatness of the picture: does the face move like a sheet of paper?

What it sees
------------
Landmarks of every analysed frame and, three times a second, points of the background beside the head, over
four seconds. The motion of 52 steady landmarks is split into what a plane could do (an affine map, averaged
over quarter seconds) and what only depth explains: the residual along the depth profile of the face. ``turn``
is the log of the latter in radians, ``parallax`` the log ratio of it to the plane's motion. ``eyelids`` and
``lips`` are the log spread of how far they open. ``sheet`` is the log ratio of the background's motion as
seen from the face to the face's own: near 0 where the background rests, well below where it goes along;
``background`` the log ratio of its motion in the picture to that which it would have as one sheet with the
face. Quality is the motion that there was, times size, pose and light.

Why a fake differs
------------------
A neck makes a head turn whenever it moves, and then the nose shifts against the temples. A photo or a screen
can be waved, tilted and rolled, and does none of it: the picture is mapped by a plane's map and takes its own
background along. On a photo the lids and lips rest as well.

Fails when
----------
The head hardly moves (then it abstains); a recording is shown on a fixed screen (its head turns as a real
one does: that is for texture and challenges); the call is held in the hand or driven in, so that the
background moves too; a mask; a photo bent round an axis. A paper photo that is tilted hard is mapped by
a perspective map, which the affine one only approaches. Of the mesh's depth only the shape is used, not
its value in one frame: the mesh makes up a solid head for a photo too.

Reference
---------
No. 6 of the list of signals; factorisation under an affine camera as in Tomasi, Kanade 1992. Measured with
54 real clips of 52 people and simulations from each of them, of up to six seconds: one frame (a photo) or the
whole clip (a screen) mapped by a smooth random motion in space (waved: about 9° and 4 % of the width rms,
held: a quarter of that) before another picture, with noise, through x264, and then through the same face
mesh. Medians by clip; ten clips are too short or too still for any evidence. AUC
against the real clips (each feature in the direction in which photos differ; half says nothing):

==============  ===========  ==========  ============  ===========
feature         photo waved  photo held  screen waved  screen held
==============  ===========  ==========  ============  ===========
``parallax``    0.99         0.96        0.87          0.61
``turn``        0.81         0.99        0.46          0.51
``eyelids``     0.96         0.99        0.50          0.52
``lips``        0.92         0.93        0.52          0.52
``sheet``       0.90         0.95        0.83          0.73
``background``  0.90         0.89        0.90          0.75
all six         1.00         0.98        0.96          0.77
==============  ===========  ==========  ============  ===========

The six were chosen from about twenty, in a dozen combinations, on these same clips, and the size of the
face was left out of quality, so take the figures as hopeful. The last row: logistic regression over the
six, eight folds by person (for a screen held still the 90 % interval is 0.69 to 0.85). Trained on the
photos alone: 1.00, 1.00, 0.84, 0.66, and 1 of 44 real clips above even odds; with the screens 14 % of them.
All attacks here are simulated. The two re-filmed screens of the corpus: one is told weakly (log-odds 0.6),
one is shorter than three seconds. Live swaps 0.43, animations by sound 0.63: it says nothing of synthesis.
Tried without gain: singular values of the track matrix (third over fourth: 0.63 to 0.84 on photos), the
residual relative to the mesh's noise (0.67 to 0.87), the motion's anisotropy.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import cv2
import numpy as np

from liveness.contract import Signal, SignalSpec
from liveness.frames import FaceTrack, Floats, Observation, Pixels
from liveness.geometry import apply_affine, similarity
from liveness.measures.conditions import SMALL_IOD_PX, light_quality, pose_quality, ramp, size_quality
from liveness.verdict import Evidence

_STEADY = (
    *(10, 67, 297, 109, 338, 151, 9, 8, 168, 6, 197, 195, 5, 4, 1, 48, 278, 64, 294, 98, 327, 115, 344),
    *(33, 133, 362, 263, 117, 346, 127, 356, 234, 454, 162, 389, 21, 251, 93, 323, 54, 284, 103, 332),
    *(70, 300, 107, 336),
)
"""Forehead, nose, eye corners, temples: what an expression moves least."""
_LIDS = (159, 145, 386, 374)
"""Upper and lower lid of one eye, then of the other."""
_LIPS = (13, 14)
"""Inner edge of the upper and the lower lip."""
_CHIN = (152,)
_KEPT = (*_STEADY, *_LIDS, *_LIPS, *_CHIN)
_HAIRLINE_AT, _CHIN_AT = 0, len(_KEPT) - 1
_LIDS_AT, _LIPS_AT = len(_STEADY), len(_STEADY) + len(_LIDS)
_CORNERS_AT = tuple(_STEADY.index(point) for point in (33, 133, 362, 263))


@dataclass(frozen=True, slots=True)
class FlatnessSettings:
    """Windows, rates and how much motion is asked for."""

    window_s: float = 4.0
    """Stretch of media time in which moments far apart are compared."""
    least_s: float = 2.4
    """Least stretch that says anything."""
    fresh_s: float = 1.2
    """Least new stretch since the last evidence."""
    bin_s: float = 0.25
    """Landmarks are averaged over bins of this length."""
    least_bins: int = 8
    still: float = 0.02
    """Motion (in face heights, shift and change of shape) at which quality is 0 …"""
    moved: float = 0.06
    """… and at which it is 1."""
    flow_every_s: float = 0.33
    """Media time between two pictures between which the background is followed."""
    flow_gap_s: float = 0.8
    """Pictures further apart are not compared."""
    flow_width_px: int = 320
    flow_points: int = 40
    least_flow_points: int = 6
    least_flows: int = 4


class _Shape(NamedTuple):
    time_s: float
    points: Floats
    """(len(_KEPT), 3) landmarks in pixels."""
    quality: float
    """Size and pose."""


class _Scene(NamedTuple):
    time_s: float
    luma: Pixels
    """Small picture."""
    points: Floats
    """(len(_STEADY), 2) landmarks in its pixels."""
    box: tuple[float, float, float, float]
    """Left, top, right, bottom of the face in its pixels."""


class _Flow(NamedTuple):
    time_s: float
    face: float
    """Motion that the face would give the background, were they one sheet; face heights."""
    background: float
    """Motion that the background has; face heights."""
    apart: float
    """Length of the difference; face heights."""


class Flatness(Signal):
    """Compares the parallax of the head with its motion, and the background with the face."""

    spec: ClassVar[SignalSpec] = SignalSpec(
        name="flatness",
        title="Flatness of the picture",
        group="motion",
        families=frozenset({"presentation", "injection"}),
        needs=frozenset({"frame"}),
        unit="log ratio",
        features=("parallax", "turn", "eyelids", "lips", "sheet", "background"),
        observe_every_s=0.0,
        period_s=2.0,
        window_s=4.0,
        needed_s=6.0,
        cost_ms=0.4,
        species=frozenset({"screen", "print"}),
        suspicious=(
            "The face moves like a flat sheet, without depth; ask the person to turn the head slowly to one side."
        ),
        reassuring="Nose and ears shift against each other as the head moves, as in a solid head.",
    )

    def __init__(self, settings: FlatnessSettings | None = None) -> None:
        self._settings = settings or FlatnessSettings()
        self._shapes: deque[_Shape] = deque()
        self._flows: deque[_Flow] = deque()
        self._scene: _Scene | None = None
        self._light = 0.0
        self._told_until_s: float | None = None
        self._waiting = _TOO_SHORT
        self._missing = "No face has been seen yet."

    def observe(self, observation: Observation) -> None:
        """Keep the landmarks; follow the background from time to time."""
        if observation.broken:
            self._forget()
        face, now, settings = observation.face, observation.time_s, self._settings
        while self._shapes and now - self._shapes[0].time_s > settings.window_s:
            self._shapes.popleft()
        while self._flows and now - self._flows[0].time_s > settings.window_s:
            self._flows.popleft()
        if face is None:
            self._missing = "No face is seen."
            return
        size, pose = size_quality(face), pose_quality(face)
        if size == 0:
            self._missing = (
                f"The face is too small: fewer than {SMALL_IOD_PX:.0f} pixels between the outer eye corners."
            )
            return
        if pose == 0:
            self._missing = "The face is turned too far away."
            return
        self._missing = self._waiting
        self._shapes.append(_Shape(now, face.points_px[list(_KEPT)], size * pose))
        if self._scene is None or now - self._scene.time_s >= settings.flow_every_s:
            self._light = light_quality(observation)
            scene = _scene(observation, face, settings.flow_width_px)
            if self._scene is not None and now - self._scene.time_s <= settings.flow_gap_s:
                flow = _follow(self._scene, scene, settings)
                if flow is not None:
                    self._flows.append(flow)
            self._scene = scene

    def evidence(self) -> Evidence | None:
        """Return what the last seconds say, or None until enough new was seen and the head has moved."""
        if self.missing() is not None:
            return None
        start, end = self._shapes[0].time_s, self._shapes[-1].time_s
        self._told_until_s = end
        self._waiting = self._missing = _TOO_SHORT
        shapes = self._bins()
        if len(shapes) < self._settings.least_bins:
            return None
        motion, features = _head(shapes)
        enough = ramp(motion, self._settings.still, self._settings.moved)
        if enough == 0:
            self._waiting = self._missing = _AT_REST
            return None
        features |= self._sheet()
        return Evidence(
            signal=self.spec.name,
            start_s=start,
            end_s=end,
            value=features["parallax"],
            unit=self.spec.unit,
            quality=enough * self._light * float(np.mean([shape.quality for shape in self._shapes])),
            features={name: features[name] for name in self.spec.features},
        )

    def missing(self) -> str | None:
        """Say why there is no evidence now."""
        settings = self._settings
        if not self._shapes or self._shapes[-1].time_s - self._shapes[0].time_s < settings.least_s:
            return self._missing
        told = self._told_until_s
        if told is not None and self._shapes[-1].time_s - told < settings.fresh_s:
            return self._missing
        return None

    def _forget(self) -> None:
        self._shapes.clear()
        self._flows.clear()
        self._scene = None
        self._told_until_s = None
        self._waiting = _TOO_SHORT

    def _bins(self) -> Floats:
        """Return (n, len(_KEPT), 3) mean landmarks of the bins of the window in which the face was seen."""
        start = self._shapes[0].time_s
        groups: dict[int, list[Floats]] = {}
        for shape in self._shapes:
            groups.setdefault(int((shape.time_s - start) / self._settings.bin_s), []).append(shape.points)
        return np.array([np.mean(group, axis=0) for group in groups.values()], dtype=np.float32)

    def _sheet(self) -> dict[str, float]:
        """Return how far the background follows the face; where it cannot be followed, that it rests."""
        if len(self._flows) < self._settings.least_flows:
            return {"sheet": 0.0, "background": _RESTING}
        face, background, apart = (
            float(np.sqrt(np.mean(np.square([flow[column] for flow in self._flows])))) for column in (1, 2, 3)
        )
        return {
            "sheet": float(np.log((apart + 0.004) / (face + 0.004))),
            "background": float(np.log((background + 0.004) / (face + 0.004))),
        }


_TOO_SHORT = "The head has not been watched for long enough yet."
_AT_REST = "The head has hardly moved; at rest a flat picture looks like a solid head."
_RESTING = -1.0
"""Value of ``background`` where nothing could be followed: about the median of real calls."""


def _head(shapes: Floats) -> tuple[float, dict[str, float]]:
    """Split the motion of the landmarks into a plane's (affine) and what only depth explains.

    Under a camera far away the image of a turning head is an affine map of its mean image plus the depth
    of each point out of the mean plane times the turn. The depth profile is the mesh's own, averaged over
    the window, so that one number per bin and axis is fitted to all steady points.

    Returns
    -------
    The motion in face heights, and the features that rest on landmarks.
    """
    mean = shapes.mean(axis=0)
    height = max(float(np.hypot(*(mean[_HAIRLINE_AT, :2] - mean[_CHIN_AT, :2]))), 1.0)
    steady = slice(0, len(_STEADY))
    scaled = (shapes - mean[steady].mean(axis=0)) / height
    moving, reference = scaled[:, steady, :2], scaled.mean(axis=0)[steady]
    plane = np.column_stack([reference[:, :2], np.ones(len(reference))])
    solve = np.linalg.pinv(plane)
    maps = np.einsum("kp,bpd->bkd", solve, moving)
    residual = moving - np.einsum("pk,bkd->bpd", plane, maps)
    depth = reference[:, 2] - plane @ (solve @ reference[:, 2])
    turns = np.einsum("p,bpd->bd", depth, residual) / max(float(depth @ depth), 1e-6)
    turn = _spread(turns)
    shift, shape = _spread(maps[:, 2]), _spread(maps[:, :2].reshape(len(maps), -1))
    opening = np.hypot(*(scaled[:, _LIPS_AT, :2] - scaled[:, _LIPS_AT + 1, :2]).T)
    return shift + shape, {
        "parallax": float(np.log((turn + 0.01) / (shift + shape + 0.02))),
        "turn": float(np.log(turn + 0.01)),
        "eyelids": float(np.log(_eye_aspect(scaled[:, :, :2]).std() + 0.003)),
        "lips": float(np.log(opening.std() + 0.001)),
    }


def _eye_aspect(points: Floats) -> Floats:
    """Return (n,) opening of both eyes over their width."""
    upper, lower = points[:, _LIDS_AT : _LIDS_AT + 4 : 2], points[:, _LIDS_AT + 1 : _LIDS_AT + 4 : 2]
    corners = points[:, list(_CORNERS_AT)]
    opening = np.linalg.norm(upper - lower, axis=2).sum(axis=1)
    width = np.linalg.norm(corners[:, ::2] - corners[:, 1::2], axis=2).sum(axis=1)
    return np.asarray(opening / np.maximum(width, 1e-3), dtype=np.float32)


def _spread(values: Floats) -> float:
    """Root mean square distance of the (n, k) rows from their mean."""
    return float(np.sqrt(((values - values.mean(axis=0)) ** 2).sum(axis=1).mean()))


def _scene(observation: Observation, face: FaceTrack, width_px: int) -> _Scene:
    luma = observation.frame.luma()
    scale = min(1.0, width_px / luma.shape[1])
    size = (round(luma.shape[1] * scale), round(luma.shape[0] * scale))
    small = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    box = face.box_px
    return _Scene(
        time_s=observation.time_s,
        luma=small,
        points=np.asarray(face.points_px[list(_STEADY), :2] * scale, dtype=np.float32),
        box=(box.left * scale, box.top * scale, box.right * scale, box.bottom * scale),
    )


def _follow(before: _Scene, after: _Scene, settings: FlatnessSettings) -> _Flow | None:
    """Follow points beside and above the face from one small picture to the next; None if there are none."""
    corners = cv2.goodFeaturesToTrack(before.luma, settings.flow_points, 0.02, 6, mask=_beside(before), blockSize=5)
    if corners is None or len(corners) < settings.least_flow_points:
        return None
    there = np.zeros_like(corners)
    there, found, _ = cv2.calcOpticalFlowPyrLK(before.luma, after.luma, corners, there, winSize=(15, 15), maxLevel=2)
    good = found[:, 0] > 0
    if int(good.sum()) < settings.least_flow_points:
        return None
    here, there = corners[good, 0], there[good, 0]
    height = max(1.0, before.box[3] - before.box[1])
    as_face = (apply_affine(similarity(before.points, after.points), here) - here) / height
    moved = (there - here) / height
    return _Flow(
        time_s=after.time_s,
        face=float(np.sqrt((as_face**2).sum(axis=1).mean())),
        background=float(np.median(np.hypot(*moved.T))),
        apart=float(np.median(np.hypot(*(as_face - moved).T))),
    )


def _beside(scene: _Scene) -> Pixels:
    """Return a mask of the surroundings of the head, without head, neck and the picture's edge."""
    rows, columns = scene.luma.shape
    left, top, right, bottom = scene.box
    x, y, wide, high = (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2
    mask = np.zeros((rows, columns), dtype=np.uint8)

    def fill(sides: float, above: float, below: float, edge: int, value: int) -> None:
        upper, lower = max(int(y - above * high), edge), min(int(y + below * high), rows - edge)
        first, last = max(int(x - sides * wide), edge), min(int(x + sides * wide), columns - edge)
        if upper < lower and first < last:
            mask[upper:lower, first:last] = value

    fill(sides=2.4, above=2.0, below=1.1, edge=4, value=255)
    fill(sides=1.35, above=1.6, below=1.2, edge=0, value=0)
    return mask
