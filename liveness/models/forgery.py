"""The face-forgery model: what a network sees in a strip, and what that means.

The network (``forgery.onnx``) has seen ordinary photographs and their self-blended doubles, nobody of the corpus. The
head (``forgery.json``) is a regularised logistic regression on its features and on the strip's profile, and was
learnt from real swaps. See docs/models/forgery.md.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from liveness.frames import Floats
from liveness.models.heads import Head, HeadFile
from liveness.models.runner import Network

_LIMIT: Final = 3.0
FORGERY_HEAD: Final = HeadFile("forgery", network="forgery")


class ForgeryModel:
    """Network and head; not to be shared by threads."""

    def __init__(self) -> None:
        self._network = Network("forgery")
        self._head: Head | None = None
        self._in_place = FORGERY_HEAD.in_place

    def look(self, strip: Floats, profile: Floats) -> Floats:
        """Return the values of one strip; their mean over some looks is what the head understands."""
        return np.concatenate([self._network.run(strip[None])[0], profile])

    def log_odds(self, values: Floats) -> float:
        """Return the log odds of a forgery for the mean of several looks.

        Raises
        ------
        ModelError
            The head is missing or damaged.
        """
        if self._head is None:
            self._head = FORGERY_HEAD.read(partial(Head.of, limit=_LIMIT), self._in_place)
        return self._head.log_odds(values)
