"""Accuracy, response time, confidence and what else is measured, cell by cell.

One row of the table is one number: a measure, a statistic, a set of trials, a condition and
at most two factors. `ESTIMATE_COLUMNS` is read by other programs and does not change lightly.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from analysis.cells import FACTORS, TRIAL_SETS, factor_trials, ordered, trial_set
from analysis.estimate_rows import by_condition, estimate_of, row_of
from analysis.intervals import Resamples
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
_PAIRS = (("scheme", "expertise"), ("layer", "branch"))
"""Factors that are also looked at together."""


def estimates(trials: pd.DataFrame, resamples: Resamples) -> pd.DataFrame:
    """Compute every descriptive number of one experiment.

    Parameters
    ----------
    trials : pandas.DataFrame
        Its trials, as `load` gives them, with `participant_code` and `unit_code`.
    resamples : Resamples
        The experiment's bootstrap.

    Returns
    -------
    pandas.DataFrame
        One row a number, columns `DETAIL_COLUMNS`. Empty cells have no row.
    """
    trials = trials[list(_USED)]
    rows = [
        *_performance(trials, resamples),
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


def _performance(trials: pd.DataFrame, resamples: Resamples) -> Iterator[dict[str, Any]]:
    """Accuracy, times and confidence: every set of trials by condition, then by each factor."""
    for name in TRIAL_SETS:
        chosen = trial_set(trials, name)
        yield from _measured(chosen, name, resamples, {})
        if name in ("catch", "practice", "repeated"):
            continue
        for factor in FACTORS:
            present = factor_trials(chosen, factor)
            levels = ordered(present[factor].unique(), factor)
            # A lone participant is still one that the figures show.
            fewest = 1 if factor == "participant" else 2
            if len(levels) < fewest or (factor in _FINE and name != "all"):
                continue
            texts = present[factor].astype(str)
            for level in levels:
                part = present[texts == level]
                yield from _measured(part, name, resamples, {"factor": factor, "level": level})
    for pair in _PAIRS:
        yield from _two_factors(trial_set(trials, "all"), pair, resamples)


def _two_factors(
    trials: pd.DataFrame, pair: tuple[str, str], resamples: Resamples
) -> Iterator[dict[str, Any]]:
    """Accuracy by condition and two factors, where both vary."""
    present = trials[trials[pair[0]].notna() & trials[pair[1]].notna()]
    if any(present[factor].nunique() < 2 for factor in pair):
        return
    one, other = (present[factor].astype(str) for factor in pair)
    for level in ordered(one.unique(), pair[0]):
        for level2 in ordered(other.unique(), pair[1]):
            part = present[(one == level) & (other == level2)]
            for condition, cell in by_condition(part):
                found = estimate_of(cell, "correct", resamples, "mean", _SHARE)
                yield row_of("accuracy", "mean", "all", condition, found, pair[0], level,
                             pair[1], level2)  # fmt: skip


def _measured(
    trials: pd.DataFrame, name: str, resamples: Resamples, place: dict[str, str]
) -> Iterator[dict[str, Any]]:
    fine = place.get("factor") in _FINE
    # Medians inside a factor, and single units, are not shown with this interval, and
    # resampling them is slow.
    none = Resamples(resamples.participants[:0], resamples.units[:0])
    for measure, column, statistic, bounds in (
        ("accuracy", "correct", "mean", _SHARE),
        ("rt", "rt", "mean", None),
        ("rt", "rt", "median", None),
        ("confidence", "confidence", "mean", (1.0, 3.0)),
    ):
        if measure == "accuracy" and name in ("correct", "incorrect"):
            continue
        if measure == "confidence" and place.get("factor") == "confidence":
            continue
        if fine and statistic == "median":
            continue
        for condition, part in by_condition(trials[trials[column].notna()]):
            used = none if fine or (place and statistic == "median") else resamples
            found = estimate_of(part, column, used, statistic, bounds)
            yield row_of(measure, statistic, name, condition, found, **place)


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
