"""The light code as a sequence of soft colours: what is drawn, what the page shows, and why it is safe to look at."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from liveness.dsp import Series

RGB = tuple[int, int, int]
WARM: RGB = (240, 196, 168)
COOL: RGB = (168, 210, 240)
"""Two opponent hues of nearly the same relative luminance: their change is no general flash."""
NEUTRAL: RGB = (205, 205, 205)
"""What the page shows before and after, of the same relative luminance."""
SYMBOLS = 12
RANDOM_BYTES = 15


@dataclass(frozen=True, slots=True)
class Code:
    """24 bits, two a symbol, and the length of each symbol."""

    bits: tuple[tuple[bool, bool], ...]
    """(left, right) as the candidate sees them; True is warm."""
    lengths_s: tuple[float, ...]
    """400–500 ms each, so that no two codes keep the same beat."""

    @classmethod
    def of_bytes(cls, random: bytes) -> Code:
        """Make the code of ``RANDOM_BYTES`` bytes, which come from ``secrets``; every code is equally likely."""
        if len(random) != RANDOM_BYTES:
            raise ValueError(f"expected {RANDOM_BYTES} random bytes, got {len(random)}")
        number = int.from_bytes(random[:3], "big")
        bits = tuple((bool(number >> 2 * k & 1), bool(number >> 2 * k + 1 & 1)) for k in range(SYMBOLS))
        return cls(bits, tuple(0.4 + 0.1 * byte / 255 for byte in random[3:]))

    @classmethod
    def of_text(cls, text: str) -> Code:
        """Make the code of its bytes in hexadecimal.

        Raises
        ------
        ValueError
            It is no such text.
        """
        try:
            random = bytes.fromhex(text)
        except ValueError:
            random = b""
        if len(random) != RANDOM_BYTES:
            raise ValueError(f"expected {2 * RANDOM_BYTES} hexadecimal digits for a light code, got {text[:60]!r}")
        return cls.of_bytes(random)

    @property
    def starts_s(self) -> Series:
        """(13,) start of each symbol and the end of the last, in seconds after the prompt."""
        return np.concatenate([[0.0], np.cumsum(self.lengths_s)])

    @property
    def signs(self) -> Series:
        """(12, 2) left and right of each symbol, 1 warm and -1 cool."""
        return np.array(self.bits, dtype=np.float64) * 2 - 1

    def rendered(self) -> list[tuple[float, RGB, RGB]]:
        """Return (start_s, left, right) of each symbol."""
        return [
            (float(start), WARM if left else COOL, WARM if right else COOL)
            for start, (left, right) in zip(self.starts_s, self.bits, strict=False)
        ]


def linear(rgb: RGB) -> Series:
    """Return (3,) linear light of an sRGB colour, 0–1."""
    part = np.array(rgb) / 255
    return np.asarray(np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4), dtype=np.float64)


LUMINANCE = np.array([0.2126, 0.7152, 0.0722])
"""Share of linear red, green and blue in relative luminance (WCAG 2)."""
