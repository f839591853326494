"""Accuracy, response time, confidence and what else is measured, cell by cell.

One row of the table is one number: a measure, a statistic, a set of trials, a condition and
at most two factors. `ESTIMATE_COLUMNS` is read by other programs and does not change lightly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from analysis.cells import FACTORS, TRIAL_SETS, factor_trials, ordered, trial_set
from analysis.intervals import Estimate, Resamples, estimate

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
         "unit")  # fmt: skip
_SHARE = (0.0, 1.0)
_FINE = ("unit", "participant")


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
        *_intuitiveness(trials, resamples),
    ]
    table = pd.DataFrame(rows, columns=list(DETAIL_COLUMNS))
    numbers = ["estimate", "two_sem", "ci_low", "ci_high", "bootstrap_low", "bootstrap_high"]
    return table.astype(dict.fromkeys(numbers, float))


def with_codes(trials: pd.DataFrame) -> pd.DataFrame:
    """Number participants and units from 0, in sorted order; trials without a unit get -1."""
    return trials.assign(
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
        for condition, part in _by_condition(trials[trials[column].notna()]):
            used = none if fine or (place and statistic == "median") else resamples
            found = _estimate(part, column, used, statistic, bounds)
            yield _row(measure, statistic, name, condition, found, **place)


def _confidence_shares(trials: pd.DataFrame, resamples: Resamples) -> Iterator[dict[str, Any]]:
    """How often each level of confidence was given, over all and over right and wrong answers."""
    for name in ("all", "correct", "incorrect"):
        chosen = trial_set(trials, name)
        for condition, part in _by_condition(chosen[chosen["confidence"].notna()]):
            for level in CONFIDENCE_LEVELS:
                given = part.assign(given=(part["confidence"] == level).astype(float))
                found = _estimate(given, "given", resamples, "mean", _SHARE)
                place = {"factor": "confidence", "level": str(level)}
                yield _row("confidence_share", "mean", name, condition, found, **place)


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
    for condition, part in _by_condition(joined):
        found = _estimate(part, "same", resamples, "mean", _SHARE)
        yield _row("consistency", "mean", "repeated", condition, found)


def chosen_image(trials: pd.DataFrame) -> pd.Series[Any]:
    """Image that was chosen in each trial, missing where none was."""
    upper = trials["choice"] == "upper"
    image = trials["query_upper"].astype(object).where(upper, trials["query_lower"].astype(object))
    return image.where(trials["choice"].notna())


def _intuitiveness(trials: pd.DataFrame, resamples: Resamples) -> Iterator[dict[str, Any]]:
    rated = trials[(trials["trial_type"] == "intuitiveness") & trials["rating"].notna()]
    if rated.empty:
        return
    found = _estimate(rated, "rating", resamples, "mean", None)
    yield _row("intuitiveness", "mean", "all", "", found)
    for level in ordered(rated["unit"].dropna().unique(), "unit"):
        part = rated[rated["unit"].astype(str) == level]
        found = _estimate(part, "rating", resamples, "mean", None)
        yield _row("intuitiveness", "mean", "all", "", found, factor="unit", level=level)


def _by_condition(trials: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    names = trials["condition"].astype(str)
    for condition in ordered(trials["condition"].dropna().unique(), "condition"):
        yield condition, trials[names == condition]


def _estimate(
    trials: pd.DataFrame,
    column: str,
    resamples: Resamples,
    statistic: str,
    bounds: tuple[float, float] | None,
) -> Estimate:
    return estimate(
        resamples,
        trials[column].to_numpy(dtype=float),
        trials["participant_code"].to_numpy(),
        trials["unit_code"].to_numpy(),
        statistic=statistic,
        bounds=bounds,
    )


def _row(
    measure: str,
    statistic: str,
    trials: str,
    condition: str,
    found: Estimate,
    factor: str = "",
    level: str = "",
) -> dict[str, Any]:
    values = asdict(found)
    return {
        "measure": measure, "statistic": statistic, "trials": trials, "condition": condition,
        "factor": factor, "level": level, "factor2": "", "level2": "",
        "ci_low": values.pop("t_low"), "ci_high": values.pop("t_high"), **values,
    }  # fmt: skip
