"""Ratings of how intuitive the images are, and how they change over an experiment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from analysis.cells import ordered
from analysis.comparisons import difference_row, t_row
from analysis.equivalence import equivalence_row
from analysis.estimate_rows import estimate_of, row_of
from analysis.intervals import Resamples
from analysis.order import MOMENTS
from analysis.signed_rank import signed_rank
from analysis.t_tests import independent_t


def ratings(trials: pd.DataFrame) -> pd.DataFrame:
    """Trials in which a rating was given."""
    return trials[(trials["trial_type"] == "intuitiveness") & trials["rating"].notna()]


def changes(trials: pd.DataFrame) -> pd.DataFrame:
    """How much higher each participant rated each unit at the end than at the beginning.

    Returns
    -------
    pandas.DataFrame
        The columns of `trials` for the rating at the end, and `change`; one row for every
        participant and unit rated at both moments, the mean where a unit was rated repeatedly.
    """
    rated = ratings(trials)
    keys = ["participant", "unit"]
    rated = rated.assign(unit=rated["unit"].astype(object))
    first, last = (
        rated[rated["moment"] == moment].groupby(keys)["rating"].mean() for moment in MOMENTS
    )
    change = (last - first).dropna().rename("change")
    late = rated[rated["moment"] == MOMENTS[1]].drop_duplicates(keys)
    return late.merge(change.reset_index(), on=keys)


def intuitiveness_rows(trials: pd.DataFrame, resamples: Resamples) -> Iterator[dict[str, Any]]:
    """Rows of the estimates: ratings and their change, by moment, unit and expertise."""
    rated, changed = ratings(trials), changes(trials)
    if rated.empty:
        return
    for measure, column, table in (
        ("intuitiveness", "rating", rated), ("intuitiveness_change", "change", changed),
    ):  # fmt: skip
        if table.empty:
            continue
        factors = ["moment"] if measure == "intuitiveness" and len(changed) else []
        places = [(), ("unit",), ("expertise",)]
        places += [(f,) for f in factors] + [(f, other) for f in factors
                                             for other in ("unit", "expertise")]  # fmt: skip
        for place in places:
            yield from _by(table, measure, column, place, resamples)


def _by(
    table: pd.DataFrame, measure: str, column: str, place: tuple[str, ...], resamples: Resamples
) -> Iterator[dict[str, Any]]:
    table = table.dropna(subset=list(place))
    if "expertise" in place and table["expertise"].nunique() < 2:
        return
    levels = [ordered(table[factor].unique(), factor) for factor in place]
    combinations: list[tuple[str, ...]] = [()]
    for own in levels:
        combinations = [(*before, level) for before in combinations for level in own]
    for values in combinations:
        part = table
        for factor, level in zip(place, values, strict=True):
            part = part[part[factor].astype(str) == level]
        if part.empty:
            continue
        found = estimate_of(part, column, resamples, "mean", None)
        names = [text for pair in zip(place, values, strict=True) for text in pair]
        yield row_of(measure, "mean", "all", "", found, *names)


def intuitiveness_tests(trials: pd.DataFrame) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of the tests, each with its measure: the change, and whether groups differ in it."""
    changed = changes(trials)
    if changed.empty:
        return
    own = changed.groupby("participant")["change"].mean()
    contrast = "-".join(reversed(MOMENTS))
    yield "intuitiveness", difference_row(own.to_numpy(), contrast, "t_paired")
    found = signed_rank(list(own))
    if found.n:
        yield "intuitiveness", {
            "test": "wilcoxon_participants", "contrast": contrast, "statistic_name": "W",
            "statistic": found.statistic, "p": found.p, "n": found.n,
            "effect_name": "rank-biserial correlation", "effect": found.rank_biserial,
            "note": "exact" if found.exact else "normal approximation",
        }  # fmt: skip
    row = equivalence_row(own.to_numpy(), None, contrast, "intuitiveness_change")
    if row:
        yield "intuitiveness", row
    expertise = changed.groupby("participant")["expertise"].first()
    levels = ordered(expertise.dropna().unique(), "expertise")
    if len(levels) == 2:
        groups: list[np.ndarray] = [own[expertise.astype(str) == level].to_numpy()
                                    for level in levels]  # fmt: skip
        two = independent_t(groups[0], groups[1], "-".join(levels))
        if two is not None:
            yield "intuitiveness_change", t_row(two, "t_independent") | {"effect_name": "Cohen's d"}
            row = equivalence_row(groups[0], groups[1], "-".join(levels), "intuitiveness_change")
            if row:
                yield "intuitiveness_change", row
