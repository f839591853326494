"""How far an estimate may be off: the paper's error bars and 95 % intervals.

A cell is a set of trials with a value each, a participant and a unit. Everything here works on
those three columns, so that one definition serves accuracy, times and confidence alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from house.seeds import generator

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

NAN = float("nan")
LEVEL = 0.95
LONE = "one participant: no error between participants"
_MOST_UNDEFINED = 0.05
_CHUNK = 4_000_000
_MOST_FOR_MEDIAN = 20_000


@dataclass(frozen=True)
class Estimate:
    """One number and its uncertainty; what cannot be computed is NaN and `note` says why.

    Attributes
    ----------
    estimate : float
        Pooled over trials: the mean, or the median.
    two_sem : float
        The paper's error bar: twice the standard deviation of the participants' values
        (population formula) over the root of their number.
    t_low, t_high : float
        95 % t interval of the participants' values.
    bootstrap_low, bootstrap_high : float
        95 % percentile interval of the bootstrap over participants and units.
    n_trials, n_participants : int
        What it rests on.
    note : str
        Why something is missing; empty otherwise.
    """

    estimate: float
    two_sem: float
    t_low: float
    t_high: float
    bootstrap_low: float
    bootstrap_high: float
    n_trials: int
    n_participants: int
    note: str = ""


def two_sem(values: Floats) -> float:
    """Twice the standard error as the paper drew it, NaN for fewer than two participants.

    Parameters
    ----------
    values : ndarray of float, shape (N,)
        One value a participant.

    Returns
    -------
    float
        ``2 * SD(values, ddof=0) / sqrt(N)``. The population formula is the paper's; the
        sample formula would make the bars ``sqrt(N / (N - 1))`` longer.
    """
    return float(2 * np.std(values) / np.sqrt(len(values))) if len(values) > 1 else NAN


def t_interval(values: Floats, level: float = LEVEL) -> tuple[float, float]:
    """Student's t interval of the mean of the participants' values.

    NaN for fewer than two participants, and where all participants have the same value: the
    formula would give an interval of no width, which would claim certainty.
    """
    n = len(values)
    if n < 2 or np.ptp(values) <= 1e-12 * max(1.0, float(np.max(np.abs(values)))):
        return NAN, NAN
    half = stats.t.ppf((1 + level) / 2, n - 1) * np.std(values, ddof=1) / np.sqrt(n)
    middle = float(np.mean(values))
    return float(middle - half), float(middle + half)


@dataclass
class Resamples:
    """How often each participant and each unit occurs in each bootstrap resample.

    Drawn once for an experiment and used for every cell, so that cells can be compared and the
    result does not depend on which cells are computed, or in which order.

    Attributes
    ----------
    participants : ndarray of float, shape (B, P)
    units : ndarray of float, shape (B, U)
    """

    participants: Floats
    units: Floats

    @classmethod
    def draw(cls, n_participants: int, n_units: int, count: int, seed: int) -> Resamples:
        """Draw `count` resamples with replacement of participants and, independently, units."""

        def counts(n: int, name: str) -> Floats:
            random = generator(seed, "analysis", "bootstrap", name)
            shares = np.full(n, 1 / n) if n else np.zeros(0)
            drawn = random.multinomial(n, shares, size=count) if n else np.ones((count, 0))
            return np.asarray(drawn, dtype=float)

        return cls(counts(n_participants, "participants"), counts(n_units, "units"))

    def mean(self, values: Floats, participant: Integers, unit: Integers) -> Floats:
        """Mean over trials in every resample; a trial counts participant times unit weight.

        Returns
        -------
        ndarray of float, shape (B,)
            NaN where a resample holds none of the cell's trials.
        """
        people, row = np.unique(participant, return_inverse=True)
        units, column = np.unique(unit, return_inverse=True)
        shape = (len(people), len(units))
        cell = row * shape[1] + column
        size = shape[0] * shape[1]
        sums = np.bincount(cell, values, size).reshape(shape)
        numbers = np.bincount(cell, minlength=size).reshape(shape).astype(float)
        everyone = len(people) == self.participants.shape[1]
        by_person = self.participants if everyone else self.participants[:, people]
        by_unit = self._unit_weights(units)
        with np.errstate(invalid="ignore", divide="ignore"):
            top = ((by_person @ sums) * by_unit).sum(axis=1)
            return np.asarray(top / ((by_person @ numbers) * by_unit).sum(axis=1))

    def median(self, values: Floats, participant: Integers, unit: Integers) -> Floats:
        """Median over trials in every resample (the lower one where two are in the middle)."""
        order = np.argsort(values, kind="stable")
        ranked, people = values[order], participant[order]
        units, column = np.unique(unit[order], return_inverse=True)
        by_unit = self._unit_weights(units)
        result = np.full(len(self.participants), NAN)
        step = max(1, _CHUNK // max(1, len(values)))
        for start in range(0, len(result), step):
            part = slice(start, start + step)
            weights = self.participants[part][:, people] * by_unit[part][:, column]
            total = np.cumsum(weights, axis=1)
            full = total[:, -1] > 0
            middle = (total < total[:, -1:] / 2).sum(axis=1)
            result[part][full] = ranked[middle[full]]
        return result

    def _unit_weights(self, units: Integers) -> Floats:
        """Leave a lone unit, or trials without one (code -1), at weight one."""
        if len(units) < 2 or not self.units.shape[1]:
            return np.ones((len(self.participants), len(units)))
        known = units >= 0
        weights = np.ones((len(self.participants), len(units)))
        weights[:, known] = self.units[:, units[known]]
        return weights


def estimate(
    resamples: Resamples,
    values: Floats,
    participant: Integers,
    unit: Integers,
    *,
    statistic: str = "mean",
    bounds: tuple[float, float] | None = None,
) -> Estimate:
    """Estimate one cell.

    Parameters
    ----------
    resamples : Resamples
        The experiment's bootstrap; with no rows in it the bootstrap is left out, as it is for
        medians of more than 20,000 trials, where it would take minutes.
    values : ndarray of float, shape (n,)
        One value a trial; no NaN.
    participant, unit : ndarray of int, shape (n,)
        Codes from 0; a unit code of -1 means that the trial has none.
    statistic : str
        "mean" or "median".
    bounds : tuple of float, optional
        Range that the quantity cannot leave; the t interval is cut to it.
    """
    if not len(values):
        return Estimate(NAN, NAN, NAN, NAN, NAN, NAN, 0, 0, "no trials")
    function = np.mean if statistic == "mean" else np.median
    people = by_participant(values, participant, statistic)
    low, high = t_interval(people)
    if bounds and np.isfinite(low):
        low, high = max(low, bounds[0]), min(high, bounds[1])
    boot_low, boot_high = _bootstrap(resamples, values, participant, unit, statistic, len(people))
    note = ""
    if len(people) < 2:
        note = LONE
    elif not np.isfinite(low):
        note = "every participant has the same value: no interval can be computed"
    return Estimate(
        float(function(values)), two_sem(people), low, high, boot_low, boot_high,
        len(values), len(people), note,
    )  # fmt: skip


def _bootstrap(
    resamples: Resamples,
    values: Floats,
    participant: Integers,
    unit: Integers,
    statistic: str,
    people: int,
) -> tuple[float, float]:
    if people < 2 or np.ptp(values) == 0 or not len(resamples.participants):
        return NAN, NAN
    if statistic == "median" and len(values) > _MOST_FOR_MEDIAN:
        return NAN, NAN
    function = resamples.mean if statistic == "mean" else resamples.median
    return percentile_interval(function(values, participant, unit))


def percentile_interval(draws: Floats) -> tuple[float, float]:
    """95 % percentile interval of what a bootstrap drew.

    NaN where there is nothing, where more than one draw in twenty is not defined, and where all
    are the same, which says nothing about an error.
    """
    defined = draws[np.isfinite(draws)]
    if not len(defined) or len(defined) < (1 - _MOST_UNDEFINED) * len(draws):
        return NAN, NAN
    if np.ptp(defined) == 0:
        return NAN, NAN
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def by_participant(values: Floats, participant: Integers, statistic: str = "mean") -> Floats:
    """Mean or median of each participant that has trials, in the order of their codes."""
    people, row = np.unique(participant, return_inverse=True)
    if statistic == "mean":
        return np.asarray(np.bincount(row, values) / np.bincount(row))
    ranked = values[np.lexsort((values, row))]
    counts = np.bincount(row, minlength=len(people))
    start = np.cumsum(counts) - counts
    return np.asarray((ranked[start + (counts - 1) // 2] + ranked[start + counts // 2]) / 2)
