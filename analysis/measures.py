"""Accuracy, response time, confidence and what else is measured, cell by cell.

One row of the table is one number: a measure, a statistic, a set of trials, a condition and
at most two factors. `ESTIMATE_COLUMNS` is read by other programs and does not change lightly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise, product
from typing import Any

import numpy as np
import pandas as pd

from analysis.cells import FACTORS, TRIAL_SETS, factor_trials, ordered, trial_set
from analysis.estimate_rows import by_condition, estimate_of, row_of
from analysis.intervals import LONE, NAN, Estimate, Floats, Integers, Resamples, estimate
from analysis.intuitiveness import intuitiveness_rows
from analysis.order import with_order

ESTIMATE_COLUMNS = (
    "experiment", "measure", "statistic", "trials", "condition", "factor", "level", "factor2",
    "level2", "estimate", "two_sem", "ci_low", "ci_high", "n_trials", "n_participants",
)  # fmt: skip
"""Columns of `estimates.csv`; the interval there is the t interval over participants."""

DETAIL_COLUMNS = (*ESTIMATE_COLUMNS, "bootstrap_low", "bootstrap_high", "note")
"""Columns of the table in memory and in `numbers.json`."""

CONFIDENCE_LEVELS = (1, 2, 3)
# Every selection copies all columns: leaving out what is not used here halves the time.
_USED = ("participant", "session", "trial", "trial_type", "condition", "correct", "rt",
         "confidence", "rating", "choice", "query_upper", "query_lower", "repeated_of",
         "participant_code", "unit_code", "layer", "branch", "selection", "scheme", "expertise",
         "unit", "block_half", "moment")  # fmt: skip
_SHARE = (0.0, 1.0)
_FINE = ("unit", "participant")
_PAIRS = (("scheme", "expertise"),)
"""Factors that are also looked at together."""


def estimates(
    trials: pd.DataFrame, resamples: Resamples, factors: Iterable[str] = ()
) -> pd.DataFrame:
    """Compute every descriptive number of one experiment.

    Parameters
    ----------
    trials : pandas.DataFrame
        Its trials, as `load` gives them, with `participant_code` and `unit_code`.
    resamples : Resamples
        The experiment's bootstrap.
    factors : iterable of str
        Columns of the experiment's own factors.

    Returns
    -------
    pandas.DataFrame
        One row a number, columns `DETAIL_COLUMNS`. Empty cells have no row.
    """
    own = list(factors)
    trials = trials[[*_USED, *own]]
    rows = [
        *_performance(trials, resamples, own),
        *_confidence_shares(trials, resamples),
        *_consistency(trials, resamples),
        *intuitiveness_rows(trials, resamples),
    ]
    table = pd.DataFrame(rows, columns=list(DETAIL_COLUMNS))
    numbers = ["estimate", "two_sem", "ci_low", "ci_high", "bootstrap_low", "bootstrap_high"]
    return table.astype(dict.fromkeys(numbers, float))


def with_codes(trials: pd.DataFrame) -> pd.DataFrame:
    """Number participants and units from 0, in sorted order, and say when trials were given.

    Trials without a unit get the code -1; see `order.with_order` for the other columns.
    """
    return with_order(trials).assign(
        participant_code=pd.factorize(trials["participant"], sort=True)[0].astype(np.int64),
        unit_code=pd.factorize(trials["unit"], sort=True)[0].astype(np.int64),
    )


@dataclass(frozen=True)
class _Columns:
    """Columns of trials as arrays: picking rows of these is far cheaper than rows of a frame.

    Attributes
    ----------
    values : dict of str to ndarray of float, shape (n,)
        Missing values are NaN.
    participant, unit, condition : ndarray of int, shape (n,)
        Codes from 0, -1 where there is none.
    names : list of str
        The conditions that the codes stand for.
    """

    values: dict[str, Floats]
    participant: Integers
    unit: Integers
    condition: Integers
    names: list[str]

    @classmethod
    def of(cls, trials: pd.DataFrame) -> _Columns:
        """Take the columns of a table of trials."""
        names = ordered(trials["condition"].dropna().unique(), "condition")
        return cls(
            {c: trials[c].to_numpy(dtype=float, na_value=np.nan) for _, c, _, _ in _MEASURED},
            trials["participant_code"].to_numpy(),
            trials["unit_code"].to_numpy(),
            _codes(trials["condition"], names),
            names,
        )


def _codes(values: pd.Series[Any], levels: list[str]) -> Integers:
    """Place of every value among the levels, -1 where it is missing."""
    place = {level: i for i, level in enumerate(levels)}
    codes, met = pd.factorize(values)
    lookup = np.array([*(place.get(str(value), -1) for value in met), -1], dtype=np.int64)
    return np.asarray(lookup[codes])


def _performance(
    trials: pd.DataFrame, resamples: Resamples, own: list[str]
) -> Iterator[dict[str, Any]]:
    """Accuracy, times and confidence: every set of trials by condition, then by each factor."""
    for name in TRIAL_SETS:
        chosen = trial_set(trials, name)
        columns = _Columns.of(chosen)
        yield from _measured(columns, np.arange(len(chosen)), name, resamples, {})
        if name in ("catch", "practice", "repeated"):
            continue
        for factor in (*FACTORS, *own):
            present = factor_trials(chosen, factor)
            levels = ordered(present[factor].unique(), factor)
            # A lone participant is still one that the figures show.
            fewest = 1 if factor == "participant" else 2
            if len(levels) < fewest or (factor in _FINE and name != "all"):
                continue
            columns = _Columns.of(present)
            codes = _codes(present[factor], levels)
            if factor == "participant":
                yield from _each_participant(columns, codes, levels)
                continue
            for level, rows in zip(levels, _groups(codes, len(levels)), strict=True):
                place = {"factor": factor, "level": level}
                yield from _measured(columns, rows, name, resamples, place)
    for pair in (*_PAIRS, *combinations(own, 2)):
        yield from _two_factors(trial_set(trials, "all"), pair, resamples)


def _groups(codes: Integers, count: int) -> list[Integers]:
    """Rows of each code from 0 to `count` - 1."""
    order = np.argsort(codes, kind="stable")
    edges = np.searchsorted(codes[order], np.arange(count + 1))
    return [order[low:high] for low, high in pairwise(edges)]


def _two_factors(
    trials: pd.DataFrame, pair: tuple[str, str], resamples: Resamples
) -> Iterator[dict[str, Any]]:
    """Accuracy by condition and two factors, where both vary."""
    present = trials[trials[pair[0]].notna() & trials[pair[1]].notna()]
    levels = [ordered(present[factor].unique(), factor) for factor in pair]
    if any(len(own) < 2 for own in levels):
        return
    columns = _Columns.of(present)
    one, other = (_codes(present[f], own) for f, own in zip(pair, levels, strict=True))
    cells = _groups(one * len(levels[1]) + other, len(levels[0]) * len(levels[1]))
    for (level, level2), rows in zip(product(*levels), cells, strict=True):
        place = {"factor": pair[0], "level": level, "factor2": pair[1], "level2": level2}
        yield from _measured(columns, rows, "all", resamples, place, _MEASURED[:1])


_MEASURED: tuple[tuple[str, str, str, tuple[float, float] | None], ...] = (
    ("accuracy", "correct", "mean", _SHARE),
    ("rt", "rt", "mean", None),
    ("rt", "rt", "median", None),
    ("confidence", "confidence", "mean", (1.0, 3.0)),
)


def _measured(
    columns: _Columns,
    rows: Integers,
    name: str,
    resamples: Resamples,
    place: dict[str, str],
    measured: tuple[tuple[str, str, str, tuple[float, float] | None], ...] = _MEASURED,
) -> Iterator[dict[str, Any]]:
    """Estimate every measure of some rows by condition."""
    fine = place.get("factor") in _FINE
    # Medians inside a factor, and single units, are not shown with this interval, and
    # resampling them is slow.
    none = Resamples(resamples.participants[:0], resamples.units[:0])
    for measure, column, statistic, bounds in measured:
        if measure == "accuracy" and name in ("correct", "incorrect"):
            continue
        if measure == "confidence" and place.get("factor") == "confidence":
            continue
        if fine and statistic == "median":
            continue
        known = rows[np.isfinite(columns.values[column][rows])]
        for code, condition in enumerate(columns.names):
            part = known[columns.condition[known] == code]
            if not len(part):
                continue
            found = estimate(
                none if fine or (place and statistic == "median") else resamples,
                columns.values[column][part], columns.participant[part], columns.unit[part],
                statistic=statistic, bounds=bounds,
            )  # fmt: skip
            yield row_of(measure, statistic, name, condition, found, **place)


def _each_participant(
    columns: _Columns, codes: Integers, levels: list[str]
) -> Iterator[dict[str, Any]]:
    """Means of every participant at once: there may be thousands, and none has an error."""
    width = len(columns.names)
    for measure, column, statistic, _ in _MEASURED:
        if statistic == "median":
            continue
        values = columns.values[column]
        known = np.isfinite(values) & (columns.condition >= 0)
        cells = codes[known] * width + columns.condition[known]
        numbers = np.bincount(cells, minlength=width * len(levels))
        sums = np.bincount(cells, values[known], width * len(levels))
        for cell in np.flatnonzero(numbers):
            mean = float(sums[cell] / numbers[cell])
            found = Estimate(mean, NAN, NAN, NAN, NAN, NAN, int(numbers[cell]), 1, LONE)
            yield row_of(measure, statistic, "all", columns.names[cell % width], found,
                         "participant", levels[cell // width])  # fmt: skip


def _confidence_shares(trials: pd.DataFrame, resamples: Resamples) -> Iterator[dict[str, Any]]:
    """How often each level of confidence was given, over all and over right and wrong answers."""
    for name in ("all", "correct", "incorrect"):
        chosen = trial_set(trials, name)
        chosen = chosen[chosen["confidence"].notna()]
        places: list[tuple[str, str, pd.DataFrame]] = [("", "", chosen)]
        for factor in ("scheme", "expertise"):
            texts = chosen[factor].astype(str).where(chosen[factor].notna())
            levels = ordered(texts.dropna().unique(), factor)
            places += [(factor, at, chosen[texts == at]) for at in levels if len(levels) > 1]
        for factor2, level2, some in places:
            for condition, part in by_condition(some):
                for level in CONFIDENCE_LEVELS:
                    given = part.assign(given=(part["confidence"] == level).astype(float))
                    found = estimate_of(given, "given", resamples, "mean", _SHARE)
                    yield row_of("confidence_share", "mean", name, condition, found,
                                 "confidence", str(level), factor2, level2)  # fmt: skip


def _consistency(trials: pd.DataFrame, resamples: Resamples) -> Iterator[dict[str, Any]]:
    """How often a repeated trial was answered with the image chosen the first time."""
    repeated = trial_set(trials, "repeated")
    repeated = repeated[repeated["repeated_of"].notna()]
    if repeated.empty:
        return
    first = trials[["participant", "session", "trial"]].assign(first_choice=chosen_image(trials))
    joined = repeated.assign(again=chosen_image(repeated)).merge(
        first.rename(columns={"trial": "repeated_of"}),
        on=["participant", "session", "repeated_of"],
        how="left",
    )
    joined = joined[joined["first_choice"].notna()]
    joined = joined.assign(same=(joined["again"] == joined["first_choice"]).astype(float))
    for condition, part in by_condition(joined):
        found = estimate_of(part, "same", resamples, "mean", _SHARE)
        yield row_of("consistency", "mean", "repeated", condition, found)


def chosen_image(trials: pd.DataFrame) -> pd.Series[Any]:
    """Image that was chosen in each trial, missing where none was."""
    upper = trials["choice"] == "upper"
    image = trials["query_upper"].astype(object).where(upper, trials["query_lower"].astype(object))
    return image.where(trials["choice"].notna())
