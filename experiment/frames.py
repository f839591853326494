"""Frames: their log, and the refresh rate judged from the intervals of flips. Pure."""

from __future__ import annotations

import statistics
from dataclasses import dataclass


@dataclass(frozen=True)
class FrameLog:
    """Frames since the last onset.

    `intervals` are seconds between flips. `dropped` counts intervals longer than one and a
    half refresh periods; None where there is no measured period, since a guessed one would
    hide what it should find. `shown` and `longest` are None without a window.
    """

    intervals: tuple[float, ...] = ()
    shown: int | None = None
    dropped: int | None = None
    longest: float | None = None


def refresh_rate(intervals: list[float]) -> tuple[float | None, bool]:
    """Judge a refresh rate from the intervals of bare flips.

    Parameters
    ----------
    intervals : list of float
        Seconds between flips that drew nothing.

    Returns
    -------
    rate : float or None
        Hertz; None where the intervals are no multiples of a common period: such flips do not
        wait for the screen, and a rate taken from them (or assumed, as PsychoPy does: 60)
        would hide dropped frames.
    synchronised : bool
        Whether there is a rate.
    """
    if not intervals:
        return None, False
    period = statistics.median(intervals)
    near = [abs(interval - period) < 0.15 * period for interval in intervals]
    plausible = 1 / 400 < period < 1 / 20
    if plausible and sum(near) >= 0.9 * len(near):
        regular = [i for i, ok in zip(intervals, near, strict=True) if ok]
        return 1.0 / statistics.fmean(regular), True
    return None, False


def frame_log(intervals: tuple[float, ...], period: float | None) -> FrameLog:
    """Sum up intervals between flips.

    Parameters
    ----------
    intervals : tuple of float
        Seconds between successive flips.
    period : float or None
        The measured refresh period; None where it could not be measured, and then dropped
        frames cannot be told.
    """
    dropped = None if period is None else sum(i > 1.5 * period for i in intervals)
    return FrameLog(intervals, len(intervals) + 1, dropped, max(intervals, default=None))
