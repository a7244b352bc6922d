"""Where on a picture the face is that an attacker shows."""

from __future__ import annotations

from liveness.faces.landmarks import FaceModels, LandmarkTracker
from liveness.frames import Floats, Pixels

Focus = tuple[float, float, float]
"""Middle (x, y) and height of the face, as shares of the picture's width and height."""


def face_on(picture: Pixels) -> Focus:
    """Return where the largest face is; where none is found, the upper middle of the picture."""
    with FaceModels() as models:
        faces = models.detect(picture)
    if not faces:
        return 0.5, 0.45, 0.5
    height, width = picture.shape[:2]
    box = faces[0].box.clipped(width, height)
    x, y = box.center
    # The detector's box goes from brows to chin.
    return x / width, y / height - 0.1 * box.height / height, 1.25 * box.height / height


def eyes_on(picture: Pixels) -> list[Floats]:
    """Return (n, 2) outlines of both eyes in pixels, or nothing if there is no face."""
    with LandmarkTracker() as tracker:
        points = tracker.track(picture)
    if points is None:
        return []
    return [points[list(eye), :2] for eye in (RIGHT_EYE, LEFT_EYE)]


RIGHT_EYE = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
