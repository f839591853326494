"""Tests that look into factors: groups of participants, schemes, selection of units, order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from analysis.cells import conditions, factor_trials, ordered
from analysis.comparisons import (
    difference_row,
    paired_row,
    participant_means,
    t_row,
    undefined_t_row,
    wilcoxon_row,
)
from analysis.equivalence import equivalence_row
from analysis.mixed_anova import mixed_anova
from analysis.order import trend
from analysis.t_tests import independent_t

CROSSED = ("condition", "scheme", "expertise")
"""Factors of the mixed ANOVA, in the order in which its effects are named."""


def roles(trials: pd.DataFrame, own: Iterable[str] = ()) -> dict[str, str]:
    """Which of the crossed factors vary, and how.

    Parameters
    ----------
    trials : pandas.DataFrame
        Main trials.
    own : iterable of str
        The experiment's own factors.

    Returns
    -------
    dict of str to str
        "within" where at least one participant met several levels, "between" where every
        participant met one. Factors with one level are absent.
    """
    found = {}
    for factor in (*CROSSED, *own):
        known = trials[trials[factor].notna()]
        if known[factor].nunique() > 1:
            met = known[factor].astype(str).groupby(known["participant"]).nunique()
            found[factor] = "within" if met.max() > 1 else "between"
    return found


def crossed(kinds: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Which factors can be crossed in one analysis: two readings of one column cannot.

    A factor of the experiment's own takes the place of the column that it reads, such as
    number and kind of references that of the scheme.
    """
    read = set(own.values())
    return {name: kind for name, kind in kinds.items() if name in own or name not in read}


def mixed_anova_rows(
    trials: pd.DataFrame, column: str, kinds: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """Rows of the ANOVA over all crossed factors; none where conditions are the only one.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials in which `column` is not missing.
    column : str
        What is averaged for each participant and cell. Participants without a trial in some
        cell are left out (listwise), and the note says how many.
    kinds : dict
        From `roles`.
    """
    within = [factor for factor, kind in kinds.items() if kind == "within"]
    between = [factor for factor, kind in kinds.items() if kind == "between"]
    if not between and len(within) < 2:
        return
    known = trials.dropna(subset=[*within, *between])
    people = known["participant"].astype(int)
    groups = known[between].astype(str).groupby(people).first()
    keys = [people, *[known[factor].astype(str) for factor in within]]
    means = known[column].astype(float).groupby(keys).mean()
    levels = [ordered(known[factor].unique(), factor) for factor in within]
    if within:
        wide = means.unstack(within)
        columns = wide.columns if len(within) > 1 else pd.MultiIndex.from_arrays([wide.columns])
        wide.columns = columns.set_names(within)
        wide = wide.reindex(columns=pd.MultiIndex.from_product(levels, names=within)).dropna()
    else:
        wide = means.to_frame(column)
    groups = groups.loc[wide.index]
    effects = mixed_anova(wide, groups) if len(wide) else []
    left_out = trials["participant"].nunique() - len(wide)
    note = f"{left_out} participant(s) without such trials in some cell left out" if left_out \
        else ""  # fmt: skip
    row: dict[str, Any] = {
        "test": "mixed_anova", "statistic_name": "F", "n": len(wide),
        "effect_name": "partial eta squared",
    }  # fmt: skip
    if not effects:
        reason = "not defined: too few complete participants, or no variation left as error"
        yield row | {"contrast": "*".join(kinds), "note": "; ".join(filter(None, [reason, note]))}
    for effect in effects:
        corrected = effect.epsilon < 1
        epsilon = f"Greenhouse-Geisser epsilon {effect.epsilon:.3f}" if corrected else ""
        yield row | {
            "contrast": "*".join(f for f in kinds if f in effect.name.split("*")),
            "statistic": effect.f, "df1": effect.df1, "df2": effect.df2, "p": effect.p,
            "p_adjusted": effect.p_gg, "adjustment": "greenhouse-geisser",
            "effect": effect.partial_eta_squared,
            "note": "; ".join(filter(None, [epsilon, note])),
        }  # fmt: skip


def level_rows(
    trials: pd.DataFrame, column: str, measure: str, kinds: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """Compare the conditions inside each scheme and each group of participants."""
    if kinds.get("condition") != "within":
        return
    for factor in kinds:
        if factor == "condition":
            continue
        levels = ordered(trials[factor].dropna().unique(), factor)
        names = trials[factor].astype(str)
        for level in levels:
            part = trials[names == level]
            pairs = list(combinations(conditions(part), 2))
            place = {"factor": factor, "level": level}
            for pair in pairs:
                times = len(pairs) * len(levels)
                yield paired_row(part, column, pair, times) | place
                yield wilcoxon_row(part, column, measure, "participant", pair, times) | place


def group_rows(
    trials: pd.DataFrame, column: str, measure: str, kinds: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """Compare groups of participants with Welch's test, over everything and in each condition."""
    for factor, kind in kinds.items():
        if kind != "between":
            continue
        levels = ordered(trials[factor].dropna().unique(), factor)
        pairs = list(combinations(levels, 2))
        places = [("", trials)]
        if factor != "condition":
            texts = trials["condition"].astype(str)
            places += [(name, trials[texts == name]) for name in conditions(trials)]
        for name, part in places:
            place = {"factor": "condition", "level": name} if name else {}
            texts = part[factor].astype(str)
            means = part[column].astype(float).groupby([part["participant"], texts]).mean()
            for pair in pairs:
                own = [means[means.index.get_level_values(1) == level] for level in pair]
                first, second = (values.to_numpy() for values in own)
                times = len(pairs) * max(1, len(places) - 1)
                yield from _two_groups(first, second, "-".join(pair), measure, times, place)


def _two_groups(
    first: np.ndarray, second: np.ndarray, contrast: str, measure: str, times: int,
    place: dict[str, str],
) -> Iterator[dict[str, Any]]:  # fmt: skip
    found = independent_t(first, second, contrast)
    if found is None:
        row = undefined_t_row(np.concatenate([first, second]), contrast, "t_independent")
        yield row | place | {"effect_name": "Cohen's d"}
        return
    times = times if place else 1
    yield t_row(found, "t_independent", times) | place | {"effect_name": "Cohen's d"}
    row_ = equivalence_row(first, second, contrast, measure)
    if row_:
        yield row_ | place


def own_rows(
    trials: pd.DataFrame, kinds: Mapping[str, str], own: Mapping[str, str]
) -> Iterator[dict[str, Any]]:
    """Compare the levels of own factors within participants, pair by pair in each condition."""
    for factor in own:
        if kinds.get(factor) != "within":
            continue
        pairs = list(combinations(ordered(trials[factor].dropna().unique(), factor), 2))
        present = trials[trials[factor].notna()]
        names = conditions(present)
        texts = present["condition"].astype(str)
        for name in names:
            part = present[texts == name]
            met = part[factor].astype(str).groupby(part["participant"]).nunique()
            for pair in pairs if met.max() > 1 else ():
                row = paired_row(part, "correct", pair, len(pairs) * len(names), factor)
                yield row | {"factor": "condition", "level": name}


def selection_rows(trials: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Hand-picked against random units within participants: the paper found no difference."""
    present = factor_trials(trials, "selection")
    levels = ordered(present["selection"].unique(), "selection")[::-1]
    yield from _levels_by_condition(present, "selection", levels)


def half_rows(trials: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Second against first half of the blocks: whether answers get better, or tire."""
    present = trials[trials["block_half"].notna()]
    levels = ordered(present["block_half"].unique(), "block_half")[::-1]
    yield from _levels_by_condition(present, "block_half", levels)


def _levels_by_condition(
    trials: pd.DataFrame, factor: str, levels: list[str]
) -> Iterator[dict[str, Any]]:
    if len(levels) != 2:
        return
    pair = (levels[0], levels[1])
    names = conditions(trials)
    texts = trials["condition"].astype(str)
    for name in names:
        part = trials[texts == name]
        place = {"factor": "condition", "level": name}
        yield paired_row(part, "correct", pair, len(names), factor) | place
        means = participant_means(part, "correct", list(pair), factor)
        differences = (means[pair[0]] - means[pair[1]]).to_numpy()
        row = equivalence_row(differences, None, "-".join(pair), "accuracy")
        if row:
            yield row | place


def trend_rows(trials: pd.DataFrame, column: str) -> Iterator[dict[str, Any]]:
    """Test each condition's change from a participant's first to last trial."""
    names = conditions(trials)
    texts = trials["condition"].astype(str)
    for name in names:
        slopes = trend(trials[texts == name], column).to_numpy()
        row = difference_row(slopes, "trend", "t_trend", len(names))
        yield row | {"factor": "condition", "level": name}
