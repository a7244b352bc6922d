"""Faces of clips and pictures, cut out once and kept: luma around the face, with its landmarks.

``python -m liveness.lab.training.faces CORPUS --cache DIR`` reads CORPUS/manifest.csv and CORPUS/stills.csv. What the
cache has is not made again.
"""

from __future__ import annotations

import argparse
import csv
import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from liveness.faces.landmarks import LandmarkTracker
from liveness.faces.tracking import FaceFollower
from liveness.frames import Floats, Pixels
from liveness.media import Recording, is_picture, read_picture
from liveness.review.reviewing import sha256_of

LOOK_EVERY_S = 1 / 6
LONGEST_S = 15.0
_WIDEST_PX = 420
"""Cut-outs of pictures are scaled down to this width."""


def cut_clip(path: Path) -> dict[str, Floats | Pixels]:
    """Cut the face out of a clip, six times a second, with half its size more on all sides."""
    cut: dict[str, Floats | Pixels] = {}
    times: list[float] = []
    poses: list[tuple[float, float, float]] = []
    step = 1 / 12
    next_s = next_look_s = 0.0
    with Recording(path) as recording, FaceFollower() as follower:
        for frame in recording.frames():
            if frame.time_s > LONGEST_S:
                break
            if frame.time_s < next_s:
                continue
            next_s = (int(frame.time_s / step + 1e-6) + 1) * step
            face = follower.see(frame).face
            if face is None or frame.time_s < next_look_s:
                continue
            next_look_s = frame.time_s + LOOK_EVERY_S - 1e-3
            box = face.box_px.scaled(1.6).clipped(frame.width, frame.height)
            left, top = int(box.left), int(box.top)
            if min(box.width, box.height) < 40:
                continue
            at = len(times)
            cut[f"luma{at}"] = frame.luma()[top : int(box.bottom), left : int(box.right)].copy()
            cut[f"points{at}"] = face.points_px[:, :2] - np.array([left, top], np.float32)
            times.append(frame.time_s)
            poses.append(face.pose_deg)
    return {**cut, "times": np.array(times, np.float32), "poses": np.array(poses, np.float32)}


def cut_picture(path: Path, tracker: LandmarkTracker) -> dict[str, Floats | Pixels] | None:
    """Cut the face out of a picture; None if there is none, or it is too small to learn from."""
    rgb = read_picture(path).rgb()
    tracker.reset()
    points = tracker.track(rgb)
    if points is None:
        return None
    low, high = points[:468, :2].min(axis=0), points[:468, :2].max(axis=0)
    middle, half = (low + high) / 2, (high - low) * 0.8
    left, top = (max(0, int(value)) for value in middle - half)
    right, bottom = (int(value) for value in middle + half)
    luma = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[top:bottom, left:right]
    places = points[:, :2] - np.array([left, top], np.float32)
    scale = min(1.0, _WIDEST_PX / luma.shape[1])
    if scale < 1:
        luma = cv2.resize(luma, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if np.ptp(places[:468, 0]) * scale < 90:
        return None
    return {"luma0": np.asarray(luma, np.uint8), "points0": np.asarray(places * scale, np.float32)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Cut out all faces of a corpus."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--cache", type=Path, required=True)
    options = parser.parse_args(arguments)
    options.cache.mkdir(parents=True, exist_ok=True)
    with LandmarkTracker() as tracker:
        for name in ("manifest.csv", "stills.csv"):
            with (options.corpus / name).open(newline="", encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            for row in rows:
                path = options.corpus / row["file"]
                wanted = name == "manifest.csv" or row["label"] == "face_real" or row["label"] == "bonafide"
                if not wanted or (is_picture(path) != (name == "stills.csv")):
                    continue
                target = options.cache / f"{row['id']}.npz"
                if target.exists():
                    continue
                cut = cut_picture(path, tracker) if is_picture(path) else cut_clip(path)
                part = target.with_suffix(f".{os.getpid()}.part")
                with part.open("wb") as out:
                    np.savez(out, **({} if cut is None else cut), sha256=np.array(sha256_of(path)))
                part.replace(target)


if __name__ == "__main__":
    main()
