"""Labelled attack clips made from bona fide ones, and the call around any clip.

Everything is drawn from a seeded generator, so the same seed makes the same clip. The attack types made
here bear the prefix ``sim_``. What is filmed off a screen or a print is made of light: see
:mod:`liveness.lab.attacks.camera`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import av.error
import numpy as np

from liveness.errors import ConfigError, MediaError
from liveness.frames import Pixels
from liveness.lab.attacks import prints, screens
from liveness.lab.attacks.animating import photo_animation
from liveness.lab.attacks.call import Call, call, through
from liveness.lab.attacks.injecting import loop, recording, still
from liveness.lab.attacks.portraits import read_face
from liveness.lab.attacks.rates import frame_rate
from liveness.lab.attacks.sounds import read_sound
from liveness.lab.attacks.source import LONGEST_SOURCE_S, Maker, Source, read_source, write_clip
from liveness.lab.attacks.speaking import lip_sync
from liveness.lab.attacks.swapping import face_swap

__all__ = [
    "LONGEST_SOURCE_S",
    "MAKERS",
    "RECIPES",
    "Call",
    "Source",
    "call",
    "face_swap",
    "frame_rate",
    "lip_sync",
    "loop",
    "make_attack",
    "photo_animation",
    "printed",
    "prints",
    "read_source",
    "recording",
    "screen",
    "screens",
    "still",
    "through",
    "write_clip",
]

screen = screens.maker_for(None)
printed = prints.maker_for()

MAKERS: dict[str, Maker] = {
    "still": still,
    "loop": loop,
    "recording": recording,
    "recording_frame_rate": frame_rate,
    "print": printed,
    "print_flat": prints.maker_for(bent=False, eye_holes=False),
    "print_bent": prints.maker_for(bent=True, eye_holes=False),
    "print_eyeholes": prints.maker_for(eye_holes=True),
    "screen": screen,
    **{f"screen_{name}": screens.maker_for(name) for name in screens.DEVICES},
    "face_swap": face_swap,
    "photo_animation": photo_animation,
    "lip_sync": lip_sync,
    "call": call,
}
"""What can be made, by the name that ``liveness attack`` takes. ``call`` is no attack: it is the line around a clip."""

WITH_FACE = ("face_swap", "photo_animation")
"""Kinds that take a second file with another face."""
WITH_SOUND = ("lip_sync",)
"""Kinds that take a second file with another sound, and carry it."""

RECIPES = dict.fromkeys(MAKERS, 2) | {"still": 3}
"""To be counted up whenever the maker of that name makes something else from the same seed."""


def make_attack(
    kind: str,
    source: Path,
    target: Path,
    *,
    seed: int = 0,
    face: Path | None = None,
    sound: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> None:
    """Make one attack clip (H.264 in whatever container ``target`` names).

    Parameters
    ----------
    kind
        A key of :data:`MAKERS`.
    source
        A bona fide recording; its first :data:`LONGEST_SOURCE_S` seconds are used.
    target
        Where to write; what is there stays until the new clip is whole.
    seed
        Draws all parameters of the attack.
    face
        A picture or clip of another face, for the kinds in :data:`WITH_FACE`.
    sound
        A file with another sound, for the kinds in :data:`WITH_SOUND`.
    progress
        Told the second that is being made, once a picture.

    Raises
    ------
    ConfigError
        ``kind`` is unknown, lacks a second file that it needs, or is given one that it has no use for.
    MediaError
        A file cannot be read, or shows no face where one is needed.
    """
    if kind not in MAKERS:
        raise ConfigError(f"unknown attack kind {kind!r}: expected one of {', '.join(MAKERS)}")
    if face is not None and kind not in WITH_FACE:
        raise ConfigError(f"--face: {kind} takes no other face; leave it out, or choose {' or '.join(WITH_FACE)}")
    if sound is not None and kind not in WITH_SOUND:
        raise ConfigError(f"--sound: {kind} takes no other sound; leave it out, or choose {' or '.join(WITH_SOUND)}")
    rng = np.random.default_rng([seed, *kind.encode()])
    other = read_face(face) if face is not None else None
    heard = read_sound(sound, LONGEST_SOURCE_S) if sound is not None else None
    pictures = replace(read_source(source), face=other, sound=heard)
    # Beside the target, and with its ending, which names the container.
    part = target.with_name(f".{os.getpid()}.{target.name}")
    try:
        made = _told(MAKERS[kind](pictures, rng), pictures.fps, progress)
        # What a call has done to a clip is kept as it is.
        quality = 12 if kind == "call" else int(rng.integers(20, 31))
        write_clip(part, made, pictures.fps, quality=quality, sound=heard)
        part.replace(target)
    except (ValueError, av.error.FFmpegError) as error:
        raise MediaError(f"{target}: cannot be written as video ({error}); name a file such as attack.mp4") from error
    finally:
        part.unlink(missing_ok=True)


def _told(pictures: Iterator[Pixels], fps: float, progress: Callable[[str], None] | None) -> Iterator[Pixels]:
    for index, picture in enumerate(pictures):
        if progress is not None:
            progress(f"{index / fps:.1f} s")
        yield picture
