"""Which trials a number is about: trial sets, factors, and the order they are shown in."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

from stimuli.schema import network_of

TRIAL_SETS = ("all", "correct", "incorrect", "catch", "practice", "repeated")
"""Sets of trials; "all" means main trials that are not catch trials."""

FACTORS = ("layer", "branch", "selection", "scheme", "expertise", "confidence", "block_half",
           "unit", "participant")  # fmt: skip
"""What a number can be broken down by, besides the condition."""

CONDITION_ORDER = ("synthetic", "natural", "none")
_FIXED_ORDERS = {
    "condition": CONDITION_ORDER,
    "branch": ("1x1", "3x3", "5x5", "pool"),
    "selection": ("random", "hand-picked"),
    "scheme": ("Max 1", "Min+Max 1", "Max 9", "Min+Max 9"),
    "expertise": ("expert", "lay"),
    "block_half": ("first", "second"),
    "moment": ("beginning", "end"),
}


def trial_set(trials: pd.DataFrame, name: str) -> pd.DataFrame:
    """Answered trials of one set; see `TRIAL_SETS`.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of one experiment.
    name : str
        A name from `TRIAL_SETS`.

    Returns
    -------
    pandas.DataFrame
        Those rows; trials without an answer are in none of the sets.
    """
    answered = trials["correct"].notna()
    if name in ("catch", "practice", "repeated"):
        return trials[answered & (trials["trial_type"] == name)]
    main = trials[answered & (trials["trial_type"] == "main")]
    if name == "all":
        return main
    return main[main["correct"].astype(bool) == (name == "correct")]


def factor_trials(trials: pd.DataFrame, factor: str) -> pd.DataFrame:
    """Trials over which a factor can be compared.

    Hand-picked and random units are compared only inside the branches that have both, as the
    paper does: its hand-picked units all lie in the pool branch.
    """
    present = trials[trials[factor].notna()]
    if factor == "selection" and len(present):
        both = present.groupby("branch", observed=True)["selection"].nunique()
        present = present[present["branch"].isin(both.index[both > 1])]
    return present


def ordered(levels: Iterable[object], factor: str) -> list[str]:
    """Sort levels as a reader expects: the paper's order, then numbers in names by value.

    Levels of an experiment's own factor are an ordered category and keep the protocol's order.
    """
    if isinstance(levels, pd.Categorical) and levels.ordered:
        present = {str(level) for level in levels if not pd.isna(level)}
        return [str(level) for level in levels.categories if str(level) in present]
    # Layers and units of several networks stay together by network.
    names = sorted(
        {str(x) for x in levels}, key=lambda name: (network_of(name), _natural_key(name))
    )
    fixed = _FIXED_ORDERS.get(factor, ())
    first = [name for name in fixed if name in names]
    return first + [name for name in names if name not in first]


def shown_levels(table: pd.DataFrame, factor: str) -> list[str]:
    """Levels of a factor in a part of the table of estimates, in the order to show them in."""
    levels = [str(level) for level in table["level"].unique()]
    # Own factors were written in the protocol's order.
    return ordered(levels, factor) if factor in FACTORS else levels


def _natural_key(name: str) -> list[tuple[int, int, str]]:
    """Order `fire10` after `fire9`; networks name their layers by depth."""
    pieces = re.findall(r"\d+|\D+", name)
    return [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in pieces]


def conditions(trials: pd.DataFrame) -> list[str]:
    """Conditions of the main trials in the order in which they are shown."""
    main = trial_set(trials, "all")
    return ordered(main["condition"].dropna().unique(), "condition")
