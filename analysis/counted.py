"""Statistics of counts: one value a participant, from how often each answer was given.

d', the type-2 ROC area and meta-d' are no means over trials: each is worked out from a
participant's own counts and then averaged over participants. Everything here is that pattern,
with its intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.cells import factor_trials, ordered
from analysis.intervals import NAN, Resamples, percentile_interval, t_interval, two_sem

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

FACTORS = ("", "scheme", "expertise")
"""What these statistics are broken down by; finer cells hold too few trials of a participant."""

CELL_COLUMNS = ("condition", "scheme", "expertise", "participant_code", "unit_code")
"""Columns that cells and their counts need; splitting fewer columns is faster."""

_CHUNK = 8_000_000


@dataclass(frozen=True)
class Counts:
    """How often each participant gave each kind of answer.

    Attributes
    ----------
    people, units : ndarray of int
        Codes of the participants (P of them) and units (U).
    row, column : ndarray of int, shape (n,)
        Where each trial belongs.
    kind : ndarray of int, shape (n,)
        Kind of each answer, from 0.
    kinds : int
        Number of kinds, K.
    """

    people: Integers
    units: Integers
    row: Integers
    column: Integers
    kind: Integers
    kinds: int

    @classmethod
    def of(cls, trials: pd.DataFrame, kind: Integers, kinds: int) -> Counts:
        """Count the answers of trials that have `participant_code` and `unit_code`."""
        people, row = np.unique(trials["participant_code"].to_numpy(), return_inverse=True)
        units, column = np.unique(trials["unit_code"].to_numpy(), return_inverse=True)
        return cls(people, units, row, column, np.asarray(kind, dtype=np.int64), kinds)

    def by_participant(self) -> Floats:
        """Counts, shape (P, K)."""
        size = len(self.people) * self.kinds
        counted = np.bincount(self.row * self.kinds + self.kind, minlength=size)
        return counted.reshape(-1, self.kinds).astype(float)

    def by_unit(self) -> Floats:
        """Counts, shape (U, P x K)."""
        width = len(self.people) * self.kinds
        cell = self.column * width + self.row * self.kinds + self.kind
        size = len(self.units) * width
        return np.bincount(cell, minlength=size).reshape(-1, width).astype(float)


def bootstrap(
    counts: Counts, resamples: Resamples, statistic: Callable[[Floats], Floats]
) -> tuple[float, float]:
    """95 % percentile interval of the mean over participants, resampling people and units.

    In each resample a participant's counts are those over the units drawn; participants for
    whom the statistic is not defined there count for nothing. A unit drawn twice brings the same
    answers twice, so rates lie further apart than in new data and d' comes out too large: the
    interval is moved by the difference between the resamples' mean and the estimate.
    """
    draws = len(resamples.participants)
    if len(counts.people) < 2 or not draws:
        return NAN, NAN
    people = resamples.participants[:, counts.people]
    if len(counts.units) > 1 and (counts.units >= 0).all():
        units = resamples.units[:, counts.units]
    else:
        units = np.ones((draws, len(counts.units)))
    cells = counts.by_unit()
    means = np.full(draws, NAN)
    step = max(1, _CHUNK // cells.shape[1])
    for start in range(0, draws, step):
        part = slice(start, start + step)
        values = statistic((units[part] @ cells).reshape(-1, counts.kinds))
        values = values.reshape(-1, len(counts.people))
        known = np.isfinite(values)
        weights = np.where(known, people[part], 0.0)
        total = weights.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            means[part] = (weights * np.where(known, values, 0.0)).sum(axis=1) / total
    defined = means[np.isfinite(means)]
    low, high = percentile_interval(means)
    if not np.isfinite(low):
        return NAN, NAN
    shift = float(np.mean(defined) - np.nanmean(statistic(counts.by_participant())))
    return low - shift, high - shift


def summary(
    values: Floats,
    n_trials: int,
    *,
    reason: str,
    statistic: str = "mean",
    interval: tuple[float, float] = (NAN, NAN),
) -> dict[str, Any]:
    """Columns of one row of the estimates.

    Parameters
    ----------
    values : ndarray of float, shape (P,)
        One a participant, NaN where it is not defined.
    n_trials : int
        Trials of those for whom it is defined.
    reason : str
        Why it may be undefined, to follow "2 of 10 participants left out: ".
    statistic : str
        "mean" or "median" over participants; the median has no error.
    interval : tuple of float
        The bootstrap's.
    """
    known = values[np.isfinite(values)]
    lost = len(values) - len(known)
    notes = [f"{lost} of {len(values)} participants left out: {reason}"] if lost else []
    if len(known) == 1:
        notes.append("one participant: no error between participants")
    middle = statistic == "median"
    low, high = (NAN, NAN) if middle else t_interval(known)
    function = np.median if middle else np.mean
    return {
        "statistic": statistic,
        "estimate": float(function(known)) if len(known) else NAN,
        "two_sem": NAN if middle else two_sem(known),
        "ci_low": low,
        "ci_high": high,
        "bootstrap_low": interval[0],
        "bootstrap_high": interval[1],
        "n_trials": n_trials,
        "n_participants": len(known),
        "note": "; ".join(notes),
    }


def participant_rows(
    counts: Counts, own: Floats, values: Floats, place: dict[str, str], names: dict[int, str]
) -> Iterator[dict[str, Any]]:
    """One row a participant for whom the statistic is defined.

    Parameters
    ----------
    counts : Counts
        Whose answers.
    own, values : ndarray of float, shape (P, K) and (P,)
        Each participant's counts and statistic.
    place : dict
        Where the row belongs: trials, condition and so on.
    names : dict
        Code to name of the participants.
    """
    for code, total, value in zip(counts.people, own.sum(axis=1), values, strict=True):
        if np.isfinite(value):
            yield {
                **place, "factor": "participant", "level": names[int(code)], "statistic": "mean",
                "estimate": float(value), "two_sem": NAN, "ci_low": NAN, "ci_high": NAN,
                "bootstrap_low": NAN, "bootstrap_high": NAN, "n_trials": int(total),
                "n_participants": 1, "note": "",
            }  # fmt: skip


def participant_names(trials: pd.DataFrame) -> dict[int, str]:
    """Code to name of every participant."""
    known = trials.drop_duplicates("participant_code")
    codes, names = known["participant_code"].to_numpy(), known["participant"].astype(str)
    return {int(code): str(name) for code, name in zip(codes, names, strict=True)}


def cells(
    trials: pd.DataFrame, factors: tuple[str, ...] = FACTORS
) -> Iterator[tuple[dict[str, str], pd.DataFrame]]:
    """Split trials by condition, then by condition and each factor with two levels or more."""
    for factor in factors:
        present = factor_trials(trials, factor) if factor else trials
        groups = ["condition", *([factor] if factor else [])]
        # One pass over the trials: thousands of participants would need a pass each.
        parts = {
            tuple(str(k) for k in keys): part
            for keys, part in present.groupby(groups, observed=True, sort=False)
        }
        levels = ordered({keys[-1] for keys in parts}, factor) if factor else [""]
        if factor and len(levels) < 2:
            continue
        for condition in ordered({keys[0] for keys in parts}, "condition"):
            for level in levels:
                part = parts.get((condition, level) if factor else (condition,))
                if part is not None:
                    place = {"condition": condition, "factor": factor, "level": level}
                    yield place | {"factor2": "", "level2": "", "trials": "all"}, part
