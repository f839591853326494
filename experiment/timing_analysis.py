"""What a timing test says: flips, presses, and the recording of a photodiode. Pure."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from experiment.frames import refresh_rate
from house.errors import UserError

Floats = npt.NDArray[np.float64]

_LOW, _HIGH = 0.4, 0.6  # of the way from dark to bright: noise between them makes no second edge

_APART = 4.0  # times the SD about each level; noise alone, cut in two, is 2.5 apart


@dataclass(frozen=True)
class Spread:
    """Mean, SD (n - 1), least and largest of some seconds; None where there are too few."""

    n: int
    mean: float | None
    sd: float | None
    least: float | None
    largest: float | None


@dataclass(frozen=True)
class FlipResult:
    """Flips of a timing test.

    `rate` in hertz is None where flips do not wait for the screen; `dropped` is None with it,
    since a guessed rate would hide dropped frames.
    """

    intervals: Spread
    rate: float | None
    dropped: int | None


@dataclass(frozen=True)
class PressResult:
    """Presses of a timing test.

    `delay` is from the time stamp to the look that found the press. `apart` is the SD of delays
    over that of a uniform delay within one look: near 0 the stamps are those of the looks.
    """

    delay: Spread
    apart: float | None


@dataclass(frozen=True)
class LightResult:
    """Onsets seen by a photodiode.

    Attributes
    ----------
    lag : Spread
        Seconds from trigger (or flip) to light, where both are on one clock; otherwise the mean
        is None: offset and drift of the clocks were fitted, and only the SD is known.
    reference : str
        "trigger", "flip (same clock)" or "flip (offset and drift fitted)".
    missed : int
        Onsets without light.
    drift_ppm : float or None
        Of the recorder's clock, where it was fitted.
    lags : tuple of float
        One an onset, in seconds; about their mean where that is not known.
    """

    lag: Spread
    reference: str
    missed: int
    drift_ppm: float | None
    lags: tuple[float, ...]


@dataclass(frozen=True)
class Recording:
    """Samples of a recorder: seconds, light and, where recorded, the trigger line."""

    time: Floats
    light: Floats
    trigger: Floats | None


def spread(values: Floats | list[float]) -> Spread:
    """Sum up some seconds."""
    array = np.asarray(values, dtype=float)
    if not array.size:
        return Spread(0, None, None, None, None)
    sd = float(array.std(ddof=1)) if array.size > 1 else None
    return Spread(array.size, float(array.mean()), sd, float(array.min()), float(array.max()))


def judge_flips(times: list[float]) -> FlipResult:
    """Judge the flips of a timing test.

    Parameters
    ----------
    times : list of float
        Of all flips, in seconds.
    """
    intervals = np.diff(np.asarray(times, dtype=float))
    rate, _ = refresh_rate(intervals.tolist())
    dropped = None if rate is None else int((intervals > 1.5 / rate).sum())
    return FlipResult(spread(intervals), rate, dropped)


def judge_presses(presses: list[tuple[float, float, float]]) -> PressResult:
    """Judge the time stamps of presses.

    Parameters
    ----------
    presses : list of tuple
        Time stamp, time of the look that found it, time of the look before; seconds.
    """
    stamps, looks, before = np.asarray(presses, dtype=float).reshape(-1, 3).T
    delay = spread(looks - stamps)
    span = float((looks - before).mean()) if len(stamps) else 0.0
    apart = None if delay.sd is None or span <= 0 else delay.sd / (span / np.sqrt(12))
    return PressResult(delay, apart)


def read_recording(path: Path) -> Recording:
    """Read a photodiode's recording.

    Parameters
    ----------
    path : Path
        CSV with the columns ``time`` (s), ``light`` and, optionally, ``trigger``.

    Raises
    ------
    UserError
        If it cannot be read; the message names the line.
    """
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file)
            header = [name.strip().lower() for name in next(rows, [])]
            if not {"time", "light"} <= set(header):
                raise UserError(
                    f"the recording has the columns {', '.join(header) or 'none'}",
                    where=str(path),
                    remedy="It needs time (s) and light, and may have trigger.",
                )
            wanted = [name for name in ("time", "light", "trigger") if name in header]
            places = [header.index(name) for name in wanted]
            values: list[list[float]] = []
            for number, row in enumerate(rows, start=2):
                try:
                    values.append([float(row[place]) for place in places])
                except (ValueError, IndexError):
                    raise UserError(
                        f"line {number} of the recording holds no numbers", where=str(path)
                    ) from None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise UserError(f"the recording cannot be read ({why})", where=str(path)) from error
    columns = np.asarray(values, dtype=float).reshape(-1, len(wanted)).T
    if columns.shape[1] < 3 or not (np.diff(columns[0]) > 0).all():
        raise UserError("the times of the recording do not increase", where=str(path))
    return Recording(columns[0], columns[1], columns[2] if len(wanted) == 3 else None)


def rises(time: Floats, level: Floats) -> Floats:
    """Find when a signal rises half-way from its low to its high level, in seconds.

    Between samples the time is interpolated; noise is kept out by hysteresis. A signal without
    two levels never rises.
    """
    bright = level >= (level.min() + level.max()) / 2
    if bright.all():
        return np.empty(0)
    low, high = float(np.median(level[~bright])), float(np.median(level[bright]))
    if high - low < _APART * max(float(level[~bright].std()), float(level[bright].std())):
        return np.empty(0)
    part = (level - low) / (high - low)
    found: list[float] = []
    dark = bool(part[0] < _LOW)
    crossing: float | None = None
    for i in range(1, len(part)):
        if part[i] < _LOW:
            dark, crossing = True, None
        elif dark:
            if part[i - 1] < 0.5 <= part[i]:
                share = (0.5 - part[i - 1]) / (part[i] - part[i - 1])
                crossing = float(time[i - 1] + share * (time[i] - time[i - 1]))
            if part[i] > _HIGH and crossing is not None:
                found.append(crossing)
                dark, crossing = False, None
    return np.asarray(found)


def judge_light(recording: Recording, onsets: list[float], *, same_clock: bool) -> LightResult:
    """Compare light with triggers or with flips.

    Parameters
    ----------
    recording : Recording
        Where it has a trigger line, lag is from trigger to light, on the recorder's clock.
    onsets : list of float
        Times of the flips that turned the patch white, in seconds of the program's clock.
    same_clock : bool
        Whether the recorder's times are on that clock too.

    Raises
    ------
    UserError
        If there is no light, or nothing it could be compared with.
    """
    light = rises(recording.time, recording.light)
    if not light.size:
        raise UserError(
            "the recording shows no rise of light",
            where="--recording",
            remedy="Put the photodiode on the patch and record from before the start to the end.",
        )
    if recording.trigger is not None:
        events, reference = rises(recording.time, recording.trigger), "trigger"
    elif same_clock:
        events, reference = np.asarray(onsets, dtype=float), "flip (same clock)"
    else:
        return _fitted(light, np.asarray(onsets, dtype=float))
    if not events.size:
        raise UserError("the recording shows no trigger", where="--recording")
    reach = float(np.median(np.diff(events))) / 2 if events.size > 1 else np.inf
    nearest = light[np.abs(light[None, :] - events[:, None]).argmin(axis=1)]
    lags = nearest - events
    seen = np.abs(lags) < reach
    return LightResult(
        spread(lags[seen]), reference, int((~seen).sum()), None, tuple(lags[seen].tolist())
    )


def _fitted(light: Floats, onsets: Floats) -> LightResult:
    """Fit offset and drift between two clocks; what is left is the jitter of the lag."""
    if light.size != onsets.size or light.size < 3:
        raise UserError(
            f"the recording shows {light.size} rises of light, {onsets.size} were shown",
            where="--recording",
            remedy="Record from before the start to after the end, or record the trigger too, in "
            "a column `trigger`.",
        )
    slope, offset = np.polyfit(onsets - onsets[0], light, 1)
    left = light - (slope * (onsets - onsets[0]) + offset)
    # Two of the degrees of freedom went into the fit.
    sd = float(np.sqrt((left**2).sum() / (left.size - 2)))
    known = Spread(left.size, None, sd, None, None)
    drift = float(1e6 * (slope - 1.0))
    return LightResult(known, "flip (offset and drift fitted)", 0, drift, tuple(left.tolist()))
