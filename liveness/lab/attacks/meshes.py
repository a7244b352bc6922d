"""Pictures bent by triangles: each corner is told where it goes, and what lies between follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import Delaunay

from liveness.faces.landmarks import MESH_POINTS
from liveness.frames import Floats, Pixels
from liveness.lab.attacks.portraits import INNER_LIPS

Triangles = npt.NDArray[np.int32]
"""(m, 3) corners, as positions in a list of points."""

_BITS = 4
"""Triangles are drawn to 1/16 pixel."""


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """Points on a picture and the triangles between them."""

    points: Floats
    """(n, 2) in pixels."""
    triangles: Triangles

    @classmethod
    def laid(cls, points: Floats, on: Floats) -> Self:
        """Return (n, 2) points with the Delaunay triangles of the same points at (n, 2) other places."""
        return cls(np.asarray(points, dtype=np.float32), np.asarray(Delaunay(on).simplices, dtype=np.int32))

    @classmethod
    def of_face(cls, points: Floats, opened: Floats) -> Self:
        """Return a face's mesh without the inside of the mouth.

        Parameters
        ----------
        points
            (478, 3) landmarks of the face.
        opened
            (478, 3) landmarks of any face whose mouth is open, on which the triangles are laid. Laid on a mouth that is
            closed they would go from lip to lip, and tear when it opens.
        """
        mesh = cls.laid(points[:MESH_POINTS, :2], opened[:MESH_POINTS, :2])
        inside = np.isin(mesh.triangles, INNER_LIPS).all(axis=1)
        return cls(mesh.points, mesh.triangles[~inside])

    def lookup(self, places: Floats, size: tuple[int, int], depth: Floats | None = None) -> tuple[Floats, Pixels]:
        """Return where on the own picture each pixel of a new one looks, once the points have gone to other places.

        Parameters
        ----------
        places
            (n, 2) where each point is on the new picture, in pixels.
        size
            (width, height) of the new picture.
        depth
            (n,) of each point there, smaller is nearer; where triangles overlap the nearest is seen.

        Returns
        -------
        (height, width, 2) x and y on the own picture, and (height, width) 1 where there is a triangle, else 0.
        """
        own, new = self.points[self.triangles].astype(np.float64), places[self.triangles].astype(np.float64)
        # A triangle whose corners go round the other way shows its back: it lies behind all that show their front, or
        # is a sliver that a small movement has turned over, and would be a hole if it were left out.
        way = _areas(own) * _areas(new)
        far = np.zeros(len(own)) if depth is None else depth[self.triangles].mean(axis=1)
        order = np.lexsort((-far, way > 0))
        order = order[np.abs(way[order]) > 1e-6]
        drawn = np.full((size[1], size[0]), -1, dtype=np.int32)
        corners = np.round(new[order] * (1 << _BITS)).astype(np.int32)
        for index, corner in enumerate(corners):
            cv2.fillConvexPoly(drawn, corner, (index,), lineType=cv2.LINE_8, shift=_BITS)
        rows, columns = np.nonzero(drawn >= 0)
        at = drawn[rows, columns]
        affine = np.linalg.solve(_with_ones(new[order]), own[order])
        here = np.stack([columns, rows, np.ones_like(rows)], axis=1).astype(np.float64)
        look = np.full((size[1], size[0], 2), -1, dtype=np.float32)
        look[rows, columns] = np.einsum("nk,nkc->nc", here, affine[at])
        return look, np.asarray(drawn >= 0, dtype=np.uint8)


def looked_up(picture: Pixels, look: Floats) -> Pixels:
    """Return the picture that sees at each pixel what (height, width, 2) ``look`` says."""
    seen = cv2.remap(picture, look[..., 0], look[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, dtype=np.uint8)


def soft(mask: Pixels, width_px: float, inset_px: float = 0.0) -> Floats:
    """Return (height, width) how much a mask of 0 and 1 lets through: all within it, falling to nothing at its edge."""
    inside = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
    part = np.clip((inside - inset_px) / max(width_px, 1.0), 0, 1)
    return np.asarray(part * part * (3 - 2 * part), dtype=np.float32)


def _areas(corners: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return twice the signed areas of (m, 3, 2) triangles."""
    one, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.asarray(one[:, 0] * other[:, 1] - one[:, 1] * other[:, 0])


def _with_ones(corners: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.concatenate([corners, np.ones((*corners.shape[:2], 1))], axis=2)
