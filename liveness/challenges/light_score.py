"""How well skin followed a light code: its rank among codes never shown, and what speaks for a live head.

The rank needs no model of noise: codes are drawn evenly, so a code that an answer knows nothing of is one of the crowd,
and passes no more often than the stated rate. All weights come from what was seen before the prompt, or from the
symbols' beat; none knows the bits.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from liveness.challenges.light_sequence import COOL, LUMINANCE, SYMBOLS, WARM, Code, linear
from liveness.dsp import Series, spread
from liveness.frames import Floats
from liveness.measures.skin_light import PARTS, log_ratios

_MIDDLE = tuple(PARTS.index(name) for name in ("forehead", "nose", "left_cheek", "right_cheek"))
_SIDES = tuple(PARTS.index(name) for name in ("left_side", "right_side"))
# The candidate's left is the picture's right.
_LEFT = tuple(PARTS.index(name) for name in ("right_cheek", "right_side"))
_RIGHT = tuple(PARTS.index(name) for name in ("left_cheek", "left_side"))
_NECK, _BACKGROUND = PARTS.index("neck"), PARTS.index("background")

_GAMMA = 2.2


def _opponency() -> Series:
    """Return what half the step from cool to warm does to (log R/G, log B/G) where all light is the screen's."""
    warm, cool = linear(WARM), linear(COOL)
    half = (np.log(warm) - np.log(cool)) / 2
    return np.array([half[0] - half[1], half[2] - half[1]]) / _GAMMA


OPPONENCY = _opponency()
"""(2,) per unit of the screen's share of the light, in levels as coded."""


@dataclass(frozen=True, slots=True)
class ScoreSettings:
    """How the code is looked for."""

    max_lag_s: float = 1.5
    lag_step_s: float = 0.03
    smooth_s: float = 1.2
    """Width of the Gaussian whose running mean is taken off: drift, and what white balance follows."""
    sides: float = 0.3
    """Weight of left against right in the template."""
    codes: int = 10_000
    control_codes: int = 2_000
    """Crowd for neck and background, which only accompany."""
    usual_noise: float = 0.006
    """σ of a log ratio in one frame that counts as ten frames of baseline."""
    least_frames: int = 4 * SYMBOLS


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What was measured, frame by frame."""

    times_s: Series
    """(n,) after the prompt; negative before."""
    colours: Floats
    """(n, 8, 3) mean colours of :data:`liveness.measures.skin_light.PARTS`; NaN where not measured."""
    lost: Floats
    """(n,) share of the face that is clipped or black."""
    wide: Floats
    """(n,) width of the face as a share of the picture's; 0 without a face."""


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """How one series followed the code."""

    chance: float
    """Share of codes never shown that fit as well."""
    correlation: float
    lag_s: float
    share: float
    """Amplitude: the screen's share of the light that this modulation amounts to."""
    share_error: float
    """Its standard error."""
    edges: float
    """What the symbols' levels, whatever they were, leave unexplained at a usual lag by what they leave at the best
    one: steps of light come at the symbols' edges and fit at one lag, what moves smoothly fits at all."""
    course: Series
    """(n,) the series, drift taken off, as a share of the light."""
    asked: Series
    """(n,) the code on the same scale."""


@dataclass(frozen=True, slots=True, eq=False)
class LightScore:
    """What the parts of the picture did."""

    times_s: Series
    face: Followed
    neck: Followed | None
    background: Followed | None
    side: float
    """Amplitude of left minus right by that of the face; the sign is the code's."""
    side_error: float
    curvature: float
    """Amplitude of temples and jaw by that of forehead, nose and cheeks: 1 on something flat."""
    curvature_error: float
    covered: float
    """Share of the symbol seen least for which the face was seen whole."""
    excess: float
    """Variance of the face's modulation at the symbols' beat by that of the noise before the prompt."""

    @property
    def edges(self) -> float:
        """How far the code's beat stands out on the face: whether its light can be seen there, whatever the bits."""
        return self.face.edges

    @property
    def late_s(self) -> float | None:
        """Lag of the face minus lag of the neck."""
        return None if self.neck is None else self.face.lag_s - self.neck.lag_s


def predicted_z(*, share: float, noise: float, frames: int) -> float:
    """Return the strength in standard deviations that a code of this share of the light would have on the face.

    Parameters
    ----------
    share
        Of the screen in the light on the face, 0–1.
    noise
        σ of log(R/B) in one frame.
    frames
        Number of frames while the code is shown.
    """
    return share * float(OPPONENCY[0] - OPPONENCY[1]) * float(np.sqrt(frames)) / max(noise, 1e-9)


def baseline_noise(seen: Seen) -> float:
    """Return σ of the face's log(R/B) in one frame before the prompt, from differences; 0 if nothing was seen."""
    before = seen.times_s < 0
    ratios = log_ratios(np.asarray(seen.colours[before][:, list(_MIDDLE)], dtype=np.float64)).mean(axis=1)
    steps = np.diff(ratios[:, 0] - ratios[:, 1])
    return spread(steps[np.isfinite(steps)]) / float(np.sqrt(2))


def score(code: Code, seen: Seen, settings: ScoreSettings | None = None) -> LightScore | None:
    """Compare what was seen with the code; None if too little of the face was seen."""
    use = settings or ScoreSettings()
    face = _face(code, seen, use)
    if face is None:
        return None
    looking = face.looking
    followed = looking.followed(face.course, face.apart, face.worth, use.codes)
    common, split = looking.templates(followed.lag_s)
    side, side_error = _slope(face.apart, split)
    inner, inner_error = _slope(face.inner, common)
    bent, bent_error = 1.0, float("inf")
    if face.rim is not None and inner > 0:
        rim, rim_error = _slope(face.rim, common)
        bent, bent_error = rim / inner, float(np.hypot(rim_error, rim / inner * inner_error)) / inner
    size = max(abs(followed.share), 1e-6)
    return LightScore(
        times_s=looking.times_s,
        face=followed,
        neck=_control(face, _NECK, use),
        background=_control(face, _BACKGROUND, use),
        side=side / size,
        side_error=side_error / size,
        curvature=bent,
        curvature_error=bent_error,
        covered=looking.covered(followed.lag_s),
        excess=looking.explained(face.course) / face.noise**2,
    )


def chances(code: Code, others: Series, seen: Seen, settings: ScoreSettings | None = None) -> Series | None:
    """Return (k,) the chance that each of the (k, 12, 2) codes would have got, shown in the beat of ``code``."""
    use = settings or ScoreSettings()
    face = _face(code, seen, use)
    if face is None:
        return None
    crowd = np.concatenate([others, face.looking.crowd(use.codes)])
    peaks = face.looking.fits(crowd, face.course, face.apart, face.worth).max(axis=0)
    rest = np.sort(peaks[len(others) :])
    above = len(rest) - np.searchsorted(rest, peaks[: len(others)], side="left")
    return np.asarray((1 + above) / (len(rest) + 1), dtype=np.float64)


class _Looking:
    """Looks for one code at the times of one answer."""

    def __init__(self, code: Code, times_s: Series, aside: Series, use: ScoreSettings) -> None:
        self.times_s = times_s
        self._code, self._use = code, use
        high = np.eye(len(times_s)) - _running_mean(times_s, use.smooth_s)
        # What goes along with brightness is movement: both hues of the code are equally bright.
        basis = np.linalg.qr(high @ aside)[0] if aside.shape[1] else np.zeros((len(times_s), 0))
        self.high = high - basis @ (basis.T @ high)
        self._lags = np.arange(0, use.max_lag_s + 1e-9, use.lag_step_s)
        self._bases = [self.high @ _symbols(code, times_s - lag) for lag in self._lags]

    def crowd(self, count: int) -> Series:
        """Return (count, 12, 2) codes never shown: a crowd of its own for each code, the same at every look."""
        text = repr((self._code.bits, self._code.lengths_s)).encode()
        seed = int.from_bytes(hashlib.sha256(text).digest()[:8], "big")
        return np.random.default_rng(seed).choice(np.array([-1.0, 1.0]), size=(count, SYMBOLS, 2))

    def fits(self, codes: Series, course: Series, apart: Series, worth: float) -> Series:
        """Return (lags, k) correlation of each code at each lag.

        Parameters
        ----------
        course, apart
            (n,) the face's modulation, and left minus right, drift taken off.
        worth
            How much less noise the second has: its weight beside the first.
        """
        both = ((codes[..., 0] + codes[..., 1]) / 2).astype(np.float32)
        sides = ((codes[..., 0] - codes[..., 1]) / 2 * self._use.sides).astype(np.float32)
        size = float(np.sqrt(course @ course + worth * (apart @ apart))) + 1e-12
        rows = []
        for base in self._bases:
            gram = (base.T @ base).astype(np.float32)
            power = ((both @ gram) * both).sum(axis=1) + worth * ((sides @ gram) * sides).sum(axis=1)
            hit = both @ (base.T @ course).astype(np.float32) + worth * (sides @ (base.T @ apart).astype(np.float32))
            rows.append(hit / (np.sqrt(np.maximum(power, 1e-9)) * size))
        return np.array(rows, dtype=np.float64)

    def followed(self, course: Series, apart: Series, worth: float, count: int) -> Followed:
        """Rank the code that was shown, and measure how it was followed."""
        table = self.fits(np.concatenate([self._code.signs[None], self.crowd(count)]), course, apart, worth)
        peaks = table.max(axis=0)
        lag = self._lag(table[:, 0])
        common, _ = self.templates(lag)
        share, error = _slope(course, common)
        return Followed(
            chance=(1 + int((peaks[1:] >= peaks[0]).sum())) / (count + 1),
            correlation=float(peaks[0]),
            lag_s=lag,
            share=share,
            share_error=error,
            edges=self._edges(course),
            course=course,
            asked=share * common,
        )

    def templates(self, lag_s: float) -> tuple[Series, Series]:
        """Return (n,) the code common to both halves, and half their difference, at this lag."""
        base = self.high @ _symbols(self._code, self.times_s - lag_s)
        signs = self._code.signs
        return base @ signs.mean(axis=1), base @ (signs[:, 0] - signs[:, 1]) / 2

    def explained(self, course: Series) -> float:
        """Return the variance a symbol that the symbols' levels explain, at the lag where that is most."""
        return max(self._explained(base, course) for base in self._bases) / SYMBOLS

    def covered(self, lag_s: float) -> float:
        """Return the share of the symbol seen least that frames at their usual distance cover."""
        frames = _symbols(self._code, self.times_s - lag_s).sum(axis=0)
        return float(min(frames * np.median(np.diff(self.times_s)) / self._code.lengths_s))

    def _edges(self, course: Series) -> float:
        left = [float(course @ course) - self._explained(base, course) for base in self._bases]
        return float(np.median(left) / max(min(left), 1e-12))

    @staticmethod
    def _explained(base: Series, course: Series) -> float:
        hit = base.T @ course
        levels = np.linalg.solve(base.T @ base + 1e-3 * np.eye(SYMBOLS), hit)
        return float(hit @ levels)

    def _lag(self, fits: Series) -> float:
        """Return the lag of the peak, by a parabola through it and its neighbours."""
        at = int(fits.argmax())
        if not 0 < at < len(fits) - 1:
            return float(self._lags[at])
        before, peak, behind = fits[at - 1 : at + 2]
        bend = before - 2 * peak + behind
        shift = 0.5 * (before - behind) / bend if bend < -1e-12 else 0.0
        return float(self._lags[at] + shift * self._use.lag_step_s)


@dataclass(frozen=True, slots=True, eq=False)
class _Face:
    """The face's modulation as shares of the light, drift taken off."""

    looking: _Looking
    ratios: Series
    """(all, 8, 2) with the frames before the prompt."""
    times_s: Series
    """(all,)"""
    course: Series
    apart: Series
    inner: Series
    rim: Series | None
    noise: float
    worth: float


def _face(code: Code, seen: Seen, use: ScoreSettings) -> _Face | None:
    span = (seen.times_s >= -2.0) & (seen.times_s <= code.starts_s[-1] + use.max_lag_s)
    ratios = log_ratios(np.asarray(seen.colours[span], dtype=np.float64))
    times = seen.times_s[span]
    there = np.isfinite(ratios[..., 0])
    tracked = there[:, list(_MIDDLE)].any(axis=1)
    if int(tracked.sum()) < use.least_frames:
        return None
    often = there[tracked].mean(axis=0) >= 0.8
    middle, outer, left, right = ([part for part in parts if often[part]] for parts in (_MIDDLE, _SIDES, _LEFT, _RIGHT))
    if not middle or not left or not right:
        return None
    skin = sorted({*middle, *outer})
    whole = there[:, skin].all(axis=1)
    times, ratios = times[whole], ratios[whole]
    after = times >= 0
    if int(after.sum()) < use.least_frames:
        return None
    bright = np.log(np.maximum(np.asarray(seen.colours[span][whole][after], dtype=np.float64) @ LUMINANCE, 1.0))
    aside = np.stack(
        [bright[:, skin].mean(axis=1), bright[:, left].mean(axis=1) - bright[:, right].mean(axis=1)], axis=1
    )
    looking = _Looking(code, times[after], aside, use)
    face = ratios[:, skin].mean(axis=1)
    sides = (ratios[:, left].mean(axis=1) - ratios[:, right].mean(axis=1)) / 2
    weigh, noise = _weights(face, times, use)
    weigh_sides, noise_sides = _weights(sides, times, use)
    high = looking.high
    return _Face(
        looking=looking,
        ratios=ratios,
        times_s=times,
        course=high @ (face[after] @ weigh),
        apart=high @ (sides[after] @ weigh_sides),
        inner=high @ (ratios[after][:, middle].mean(axis=1) @ weigh),
        rim=high @ (ratios[after][:, outer].mean(axis=1) @ weigh) if outer else None,
        noise=noise,
        worth=(noise / noise_sides) ** 2,
    )


def _control(face: _Face, part: int, use: ScoreSettings) -> Followed | None:
    """Return how the neck or the background followed; None if it was not seen nearly all the time."""
    values, after = face.ratios[:, part], face.times_s >= 0
    there = np.isfinite(values[:, 0])
    if there[after].mean() < 0.9:
        return None
    for column in (0, 1):
        values[:, column] = np.interp(face.times_s, face.times_s[there], values[there, column])
    weigh, _ = _weights(values, face.times_s, use)
    course = face.looking.high @ (values[after] @ weigh)
    return face.looking.followed(course, np.zeros_like(course), 1.0, use.control_codes)


def _weights(values: Series, times_s: Series, use: ScoreSettings) -> tuple[Series, float]:
    """Return (2,) weights that make (n, 2) log ratios a share of the light, and the noise of that before the prompt.

    The two ratios count as little as they are noisy; neighbouring differences tell noise from drift.
    """
    steps = np.diff(values[times_s < 0], axis=0) / np.sqrt(2)
    steps = steps[np.isfinite(steps).all(axis=1)]
    usual = 10 * use.usual_noise**2 * np.array([[1.0, 0.3], [0.3, 1.0]])
    noise = (steps.T @ steps + usual) / (len(steps) + 10)
    towards = np.linalg.solve(noise, OPPONENCY)
    power = float(towards @ OPPONENCY)
    return towards / power, float(1 / np.sqrt(power))


def _slope(values: Series, template: Series) -> tuple[float, float]:
    """Return the least-squares amplitude of a template in a series, and its standard error."""
    power = float(template @ template)
    if power < 1e-9:
        return 0.0, float("inf")
    slope = float(template @ values) / power
    left = values - slope * template
    # What is left is not white: an error as if every second frame were worth nothing.
    return slope, float(np.sqrt(2 * (left @ left) / max(len(values) - 2, 1) / power))


def _symbols(code: Code, after_s: Series) -> Series:
    """Return (n, 12): 1 where a time lies in that symbol."""
    starts = code.starts_s
    inside = (after_s[:, None] >= starts[None, :-1]) & (after_s[:, None] < starts[None, 1:])
    return np.asarray(inside, dtype=np.float64)


def _running_mean(times: Series, width_s: float) -> Series:
    """Return the (n, n) matrix that takes the Gaussian mean over real time, each sample worth its own dt."""
    worth = np.gradient(times)
    weights = np.exp(-0.5 * ((times[:, None] - times[None, :]) / width_s) ** 2) * worth[None, :]
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float64)
