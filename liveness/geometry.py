"""Geometry of points: rigid and affine alignment, head pose."""

from __future__ import annotations

import cv2
import numpy as np

from liveness.frames import Floats

# A coarse head in millimetres (x to the picture's right, y down, z away from the camera), of the mesh's
# points 1 (nose tip), 152 (chin), 33 and 263 (outer eye corners), 61 and 291 (mouth corners).
POSE_POINTS = (1, 152, 33, 263, 61, 291)
_HEAD_MM = np.array(
    [[0, 0, 0], [0, 63.6, 12.5], [-43.3, -32.7, 26.0], [43.3, -32.7, 26.0], [-28.9, 28.9, 24.1], [28.9, 28.9, 24.1]]
)


def head_pose_deg(points_px: Floats, width: int, height: int) -> tuple[float, float, float]:
    """Return (yaw, pitch, roll) in degrees by perspective-n-point over six landmarks.

    Parameters
    ----------
    points_px
        (478, 3) landmarks in pixels.
    width, height
        Size of the picture; the focal length is taken as its longer side.
    """
    focal = float(max(width, height))
    camera = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])
    image = points_px[list(POSE_POINTS), :2].astype(np.float64)
    found, rotation, _ = cv2.solvePnP(_HEAD_MM, image, camera, np.zeros(4), flags=cv2.SOLVEPNP_SQPNP)
    if not found:
        return 0.0, 0.0, 0.0
    turn = cv2.Rodrigues(rotation)[0]
    yaw = np.degrees(np.arctan2(-turn[2, 0], np.hypot(turn[0, 0], turn[1, 0])))
    pitch = np.degrees(np.arctan2(turn[2, 1], turn[2, 2]))
    roll = np.degrees(np.arctan2(turn[1, 0], turn[0, 0]))
    return float(yaw), float(pitch), float(roll)


def similarity(source: Floats, target: Floats) -> Floats:
    """Return the (2, 3) scaled rotation and shift that maps ``source`` onto ``target`` best in least squares.

    Both are (n, 2). Method: Umeyama 1991.
    """
    source_mean, target_mean = source.mean(axis=0), target.mean(axis=0)
    a, b = source - source_mean, target - target_mean
    norm = float((a**2).sum())
    if norm == 0:
        return np.array([[1, 0, 0], [0, 1, 0]], dtype=np.float32)
    cos = float((a * b).sum()) / norm
    sin = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / norm
    turn = np.array([[cos, -sin], [sin, cos]])
    return np.hstack([turn, (target_mean - turn @ source_mean)[:, None]]).astype(np.float32)


def apply_affine(matrix: Floats, points: Floats) -> Floats:
    """Return (n, 2) points mapped by a (2, 3) matrix."""
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2], dtype=np.float32)


def rotation(*, yaw_deg: float, pitch_deg: float = 0.0) -> Floats:
    """Return the (3, 3) rotation of points (x right, y down, z away) that adds to :func:`head_pose_deg`."""
    yaw, pitch = np.radians(yaw_deg), np.radians(pitch_deg)
    about_y = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
    about_x = [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    return np.asarray(np.array(about_y) @ np.array(about_x), dtype=np.float32)
