"""A head that can be turned: a person's own picture laid on the face mesh, with a shell behind it for hair and ears."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import Delaunay

from liveness.frames import Floats, Pixels
from liveness.geometry import rotation
from liveness.measures.face_regions import OVAL, fill

_MESH = 468
_REACH, _BEHIND = 1.35, 0.55
"""How far out the shell goes, in contours, and how far behind the contour it ends, in face widths."""


class Head:
    """The triangles of one person's head, and how to draw them moved.

    What the turned head uncovers is filled from its surroundings; parts that the picture does not show (the back of
    the head) are stretched from what it shows. That is coarse, and seen only by what looks at hair.
    """

    def __init__(self, points_px: Floats) -> None:
        """Lay triangles over the (478, 3) landmarks of a picture that shows the face from the front."""
        self._rooms: dict[int, Pixels] = {}
        self._triangles: npt.NDArray[np.int32] = Delaunay(shell(points_px)[:, :2]).simplices

    def drawn(self, picture: Pixels, points_px: Floats, moved_px: Floats, *, under: Pixels | None = None) -> Pixels:
        """Draw the head of ``picture`` where its points have moved to.

        Parameters
        ----------
        picture
            (height, width, 3) picture in which the head is at ``points_px``.
        points_px, moved_px
            (504, 3) points of :func:`shell`, before and after.
        under
            What is behind the head; the picture with the head taken out if None.
        """
        height, width = picture.shape[:2]
        under = self._room(picture, points_px) if under is None else under
        corners = moved_px[self._triangles]
        order = np.argsort(-corners[:, :, 2].mean(axis=1))
        turned = _turned_round(points_px[self._triangles], corners)
        which = np.full((height, width), -1, dtype=np.int32)
        for index in order:
            if not turned[index]:
                cv2.fillConvexPoly(which, np.round(corners[index, :, :2] * 16).astype(np.int32), (int(index),), shift=4)
        maps = _affine(corners[:, :, :2], points_px[self._triangles][:, :, :2])
        rows, columns = np.nonzero(which >= 0)
        own = maps[which[rows, columns]]
        places = np.stack([columns, rows, np.ones_like(rows)], axis=1).astype(np.float32)
        source = np.einsum("nij,nj->ni", own, places).astype(np.float32)
        map_x = np.tile(np.arange(width, dtype=np.float32), (height, 1))
        map_y = np.tile(np.arange(height, dtype=np.float32)[:, None], (1, width))
        map_x[rows, columns], map_y[rows, columns] = source[:, 0], source[:, 1]
        head = cv2.remap(picture, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        soft = cv2.GaussianBlur((which >= 0).astype(np.float32), (0, 0), 1.2)[..., None]
        return np.asarray(head * soft + under * (1 - soft), dtype=np.uint8)

    def _room(self, picture: Pixels, points_px: Floats) -> Pixels:
        # A person's few pictures come again and again, and live as long as the person's head.
        key = id(picture)
        if key not in self._rooms:
            self._rooms[key] = without(picture, points_px)
        return self._rooms[key]


def shell(points_px: Floats) -> Floats:
    """Return (504, 3): the 468 points of the skin, and 36 that continue the contour backwards and outwards."""
    skin = points_px[:_MESH]
    contour = skin[list(OVAL)]
    middle = contour.mean(axis=0)
    outer = middle + (contour - middle) * np.float32(_REACH)
    outer[:, 2] = contour[:, 2] + np.float32(_BEHIND * np.ptp(contour[:, 0]))
    return np.concatenate([skin, outer])


def turned(points_px: Floats, *, yaw_deg: float, pitch_deg: float = 0.0) -> Floats:
    """Return (n, 3) points of a head turned about the neck: yaw to the picture's right, pitch up."""
    contour = points_px[list(OVAL)]
    pivot = contour.mean(axis=0)
    pivot[2] += np.float32(0.35 * np.ptp(contour[:, 0]))
    matrix = rotation(yaw_deg=yaw_deg, pitch_deg=pitch_deg)
    return np.asarray((points_px - pivot) @ matrix.T + pivot, dtype=np.float32)


def without(picture: Pixels, points_px: Floats) -> Pixels:
    """Return the picture with the head filled from what surrounds it, coarsely."""
    small = cv2.resize(picture, (96, 96), interpolation=cv2.INTER_AREA)
    scale = np.array([96 / picture.shape[1], 96 / picture.shape[0]], dtype=np.float32)
    mask = cv2.dilate(fill(points_px[_MESH:, :2] * scale, (96, 96)), np.ones((3, 3), np.uint8))
    filled = cv2.resize(cv2.inpaint(small, mask, 3, cv2.INPAINT_TELEA), picture.shape[1::-1])
    whole = fill(points_px[_MESH:, :2], (picture.shape[0], picture.shape[1])).astype(np.float32)
    soft = cv2.GaussianBlur(whole, (0, 0), 3)[..., None]
    return np.asarray(filled * soft + picture * (1 - soft), dtype=np.uint8)


def _turned_round(before: Floats, after: Floats) -> npt.NDArray[np.bool_]:
    """Whether each of (n, 3, 3) triangles shows its back after the move."""
    return np.asarray(np.sign(_area(before)) != np.sign(_area(after)), dtype=np.bool_)


def _area(triangles: Floats) -> Floats:
    a, b = triangles[:, 1, :2] - triangles[:, 0, :2], triangles[:, 2, :2] - triangles[:, 0, :2]
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0], dtype=np.float32)


def _affine(source: Floats, target: Floats) -> Floats:
    """Return (n, 2, 3): the affine map of each of (n, 3, 2) triangles onto another."""
    a, b = (source[:, k].astype(np.float64) - source[:, 0] for k in (1, 2))
    u, v = (target[:, k].astype(np.float64) - target[:, 0] for k in (1, 2))
    area = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    # A triangle seen from its edge has no inverse; nothing of it is drawn either.
    area = np.where(np.abs(area) < 1e-6, 1e-6, area)[:, None]
    by_x = (u * b[:, 1:] - v * a[:, 1:]) / area
    by_y = (v * a[:, :1] - u * b[:, :1]) / area
    shift = target[:, 0] - by_x * source[:, 0, :1] - by_y * source[:, 0, 1:]
    return np.asarray(np.stack([by_x, by_y, shift], axis=2), dtype=np.float32)


def shell_middle(points_px: Floats) -> Floats:
    """Return (2,) the middle of the face's contour."""
    return np.asarray(points_px[list(OVAL), :2].mean(axis=0), dtype=np.float32)
