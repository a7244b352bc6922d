"""Signal processing that needs nothing but numpy: uneven times, bands, spectra, the pulse in skin colour."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import numpy.typing as npt

Series = npt.NDArray[np.float64]
"""64-bit floats of a shape that the docstring beside it states."""


def spread(values: Series) -> float:
    """Return the standard deviation as the median absolute deviation tells it: outliers do not count.

    Parameters
    ----------
    values
        Any shape; empty gives 0.

    Examples
    --------
    >>> round(spread(np.array([1.0, 2.0, 3.0, 4.0, 1000.0])), 2)
    1.48
    """
    if values.size == 0:
        return 0.0
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def log_ratio(above: float, below: float, *, floor: float) -> float:
    """Return ``log(above / below)`` of two amounts, each lifted by ``floor`` so that nothing stays finite.

    Examples
    --------
    >>> log_ratio(0.0, 0.0, floor=0.1)
    0.0
    """
    return float(np.log((above + floor) / (below + floor)))


def cell_means(pixels: npt.NDArray[Any], cells: int) -> npt.NDArray[np.float32]:
    """Return (cells, cells) means of a picture cut into equal cells, whose edges may lie inside its pixels.

    It is what OpenCV's ``INTER_AREA`` gives for 32-bit floats, as two products of matrices: in a third of the time.

    Parameters
    ----------
    pixels
        (height, width) of any size.

    Examples
    --------
    >>> cell_means(np.array([[0, 0, 6], [0, 0, 6], [3, 3, 3]]), 2).round(2)
    array([[0.  , 4.  ],
           [2.  , 3.33]], dtype=float32)
    """
    rows, columns = (_shares(count, cells) for count in pixels.shape)
    return np.asarray(rows @ pixels.astype(np.float32) @ columns.T, dtype=np.float32)


@functools.lru_cache(maxsize=512)
def _shares(count: int, cells: int) -> npt.NDArray[np.float32]:
    """Return (cells, count) by how much each of ``count`` samples in a row counts in the mean of each cell."""
    edges = np.arange(cells + 1) * (count / cells)
    at = np.arange(count)
    covered = np.minimum(at + 1, edges[1:, None]) - np.maximum(at, edges[:-1, None])
    return np.asarray(np.clip(covered, 0, None) * (cells / count), dtype=np.float32)


def resample(times_s: Series, values: Series, *, rate_hz: float) -> tuple[Series, Series]:
    """Put uneven samples on an even grid by straight lines between them.

    Parameters
    ----------
    times_s
        (n,) rising times in seconds.
    values
        (n,) or (n, k) values at these times.
    rate_hz
        Rate of the grid.

    Returns
    -------
    (m,) times from the first on, and (m,) or (m, k) values.

    Examples
    --------
    >>> resample(np.array([0.0, 0.3, 1.0]), np.array([0.0, 3.0, 10.0]), rate_hz=2.0)[1].round(6)
    array([ 0.,  5., 10.])
    """
    count = int((times_s[-1] - times_s[0]) * rate_hz + 1e-6) + 1
    grid = times_s[0] + np.arange(count) / rate_hz
    if values.ndim == 1:
        return grid, np.interp(grid, times_s, values)
    columns = [np.interp(grid, times_s, values[:, column]) for column in range(values.shape[1])]
    return grid, np.stack(columns, axis=1)


def band_pass(values: Series, *, rate_hz: float, low_hz: float, high_hz: float) -> Series:
    """Keep one band of evenly sampled rows; a straight trend is taken off first.

    Parameters
    ----------
    values
        (…, n) samples along the last axis, n ≥ 2.
    low_hz, high_hz
        Edges of the band, both kept.

    Returns
    -------
    (…, n) samples of the band, without lag (the filter sees the whole stretch at once).

    Examples
    --------
    >>> t = np.arange(200) / 20
    >>> both = np.sin(2 * np.pi * 1.0 * t) + np.sin(2 * np.pi * 6.0 * t)
    >>> kept = band_pass(both, rate_hz=20.0, low_hz=0.7, high_hz=3.0)
    >>> bool(np.abs(kept - np.sin(2 * np.pi * 1.0 * t)).max() < 0.2)
    True
    """
    count = values.shape[-1]
    ramp = np.linspace(-1.0, 1.0, count)
    level = values - values.mean(axis=-1, keepdims=True)
    slope = (level * ramp).sum(axis=-1, keepdims=True) / (ramp**2).sum()
    spectrum = np.fft.rfft(level - slope * ramp, axis=-1)
    frequencies = np.fft.rfftfreq(count, 1 / rate_hz)
    spectrum[..., (frequencies < low_hz) | (frequencies > high_hz)] = 0
    return np.asarray(np.fft.irfft(spectrum, n=count, axis=-1), dtype=np.float64)


def plane_orthogonal_to_skin(rgb: Series, *, rate_hz: float, window_s: float = 1.6) -> Series:
    """Return the pulse in the mean colour of a patch of skin, by the POS method.

    Parameters
    ----------
    rgb
        (n, 3) mean red, green and blue of the patch, evenly sampled, above 0.
    rate_hz
        Sampling rate.
    window_s
        Stretch over which the skin's mean colour is taken as constant.

    Returns
    -------
    (n,) pulse in relative units; zeros if the stretch is shorter than ``window_s``.

    References
    ----------
    Wang, den Brinker, Stuijk, de Haan: Algorithmic principles of remote PPG, IEEE TBME 64 (2017).
    """
    count, width = len(rgb), max(2, round(window_s * rate_hz))
    pulse = np.zeros(count)
    if count < width:
        return pulse
    windows = np.lib.stride_tricks.sliding_window_view(rgb, width, axis=0)  # (n - width + 1, 3, width)
    relative = windows / np.maximum(windows.mean(axis=2, keepdims=True), 1e-6)
    first = relative[:, 1] - relative[:, 2]
    second = relative[:, 1] + relative[:, 2] - 2 * relative[:, 0]
    scale = first.std(axis=1) / np.maximum(second.std(axis=1), 1e-9)
    parts = first + scale[:, None] * second
    parts = parts - parts.mean(axis=1, keepdims=True)
    for offset in range(width):
        pulse[offset : offset + len(parts)] += parts[:, offset]
    return pulse


def mean_correlation(rows: Series) -> float:
    """Return the mean correlation over all pairs of rows, in [-1, 1].

    Parameters
    ----------
    rows
        (k, n) with k ≥ 2; a row without any variation correlates with nothing (0).

    Examples
    --------
    >>> round(mean_correlation(np.array([[0.0, 1.0, 0.0], [0.0, 2.0, 0.0]])), 3)
    1.0
    """
    centred = rows - rows.mean(axis=1, keepdims=True)
    norms = np.sqrt((centred**2).sum(axis=1, keepdims=True))
    unit = np.divide(centred, norms, out=np.zeros_like(centred), where=norms > 1e-12)
    table = unit @ unit.T
    count = len(rows)
    return float((table.sum() - np.trace(table)) / (count * (count - 1)))


def off_line(times_s: Series, values: Series, *, max_span_s: float) -> Series:
    """Return how far each sample lies off the line between its two neighbours in time.

    This is half the second difference at an even rate, and right at an uneven one: a steady drift gives 0.

    Parameters
    ----------
    times_s
        (n,) rising times in seconds.
    values
        (n, …) values at these times.
    max_span_s
        Samples whose neighbours are further apart than this are left out.

    Returns
    -------
    (m, …) with m ≤ n - 2.

    Examples
    --------
    >>> off_line(np.array([0.0, 1.0, 3.0]), np.array([0.0, 1.0, 3.0]), max_span_s=5.0)
    array([0.])
    """
    span = times_s[2:] - times_s[:-2]
    share = (times_s[1:-1] - times_s[:-2]) / span
    share = share.reshape((-1,) + (1,) * (values.ndim - 1))
    distance = values[1:-1] - ((1 - share) * values[:-2] + share * values[2:])
    return np.asarray(distance[span <= max_span_s], dtype=np.float64)
