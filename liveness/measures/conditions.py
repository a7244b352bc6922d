"""How good the circumstances are for measuring a face: size, pose, light. Each 0 (useless) to 1 (good)."""

from __future__ import annotations

import math

import cv2
import numpy as np

from liveness.frames import FaceTrack, Observation, Pixels

SMALL_IOD_PX, GOOD_IOD_PX = 40.0, 80.0
"""Outer-eye distance at which size quality is 0 and 1; at 60 px it is one half."""

_FRONTAL_DEG, _PROFILE_DEG = 25.0, 55.0
_DETAIL_SIDE, _FINE_PX = 128, 2.0
_DETAIL = (2.0, 4.0)
"""Fine detail, in grey levels, at which its quality is 0 and 1."""


def ramp(value: float, low: float, high: float) -> float:
    """Rise linearly from 0 at ``low`` to 1 at ``high`` (falls if ``low`` > ``high``)."""
    return float(min(max((value - low) / (high - low), 0.0), 1.0))


def size_quality(face: FaceTrack) -> float:
    """Judge the size of the face by the distance of its outer eye corners in pixels."""
    # The projected distance shrinks when the head turns; the head has not become smaller by that.
    yaw = math.radians(min(abs(face.pose_deg[0]), 60.0))
    return ramp(face.iod_px / math.cos(yaw), SMALL_IOD_PX, GOOD_IOD_PX)


def pose_quality(face: FaceTrack) -> float:
    """Judge how frontal the face is: 1 up to 25° of yaw or pitch, 0 from 55°."""
    yaw, pitch, _ = face.pose_deg
    return ramp(max(abs(yaw), abs(pitch)), _PROFILE_DEG, _FRONTAL_DEG)


def light_quality(observation: Observation) -> float:
    """Judge the light on the face by its mean luma: 0 in the dark or when blown out."""
    inside = _face(observation)[::4, ::4]
    if inside.size == 0:
        return 0.0
    mean = float(inside.mean())
    return min(ramp(mean, 20.0, 55.0), ramp(mean, 250.0, 225.0))


def detail_quality(observation: Observation) -> float:
    """Judge how much fine detail the face has: 0 where blur, a veil of light or the codec left hardly any.

    It is the standard deviation, in grey levels, of what is finer than two pixels in a face 128 pixels large. Of 658
    live pictures and clips three have less than 3 (where quality is one half): how good a model's word on such faces
    is, nobody can tell. Noise, and hard edges at the rim of the box, count as detail.
    """
    face = _face(observation)
    if min(face.shape) < 2:
        return 0.0
    scale = _DETAIL_SIDE / max(face.shape)
    size = [max(1, round(side * scale)) for side in face.shape[::-1]]
    small = cv2.resize(face, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    return ramp(float((small - cv2.GaussianBlur(small, (0, 0), _FINE_PX)).std()), *_DETAIL)


def _face(observation: Observation) -> Pixels:
    """Return the luma of the face's box, of no size where there is none."""
    if observation.face is None:
        return np.zeros((0, 0), dtype=np.uint8)
    box = observation.face.box_px.clipped(observation.frame.width, observation.frame.height)
    return observation.frame.luma()[int(box.top) : int(box.bottom), int(box.left) : int(box.right)]
