"""The tests of the report, as one table.

`TEST_COLUMNS` is read by other programs and does not change lightly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from analysis.cells import conditions, trial_set
from analysis.comparisons import against_chance, compare
from analysis.factor_tests import (
    crossed,
    group_rows,
    half_rows,
    level_rows,
    mixed_anova_rows,
    own_rows,
    roles,
    selection_rows,
    trend_rows,
)
from analysis.intuitiveness import intuitiveness_tests

TEST_COLUMNS = (
    "experiment", "measure", "trials", "test", "contrast", "factor", "level", "statistic_name",
    "statistic", "df1", "df2", "p", "p_adjusted", "adjustment", "effect_name", "effect", "ci_low",
    "ci_high", "n", "primary",
)  # fmt: skip
"""Columns of `tests.csv`; the interval is that of the effect."""

TEST_DETAIL_COLUMNS = (*TEST_COLUMNS, "difference", "difference_low", "difference_high", "bf10",
                       "smallest_effect", "note")  # fmt: skip
"""Columns of the table in memory and in `numbers.json`."""

MEASURES = (
    ("accuracy", "correct", "all"),
    ("rt", "rt", "all"),
    ("rt", "rt", "correct"),
    ("rt", "rt", "incorrect"),
    ("confidence", "confidence", "all"),
)
_NUMBERS = ("statistic", "df1", "df2", "p", "p_adjusted", "effect", "ci_low", "ci_high",
            "difference", "difference_low", "difference_high", "bf10",
            "smallest_effect")  # fmt: skip


def run_tests(trials: pd.DataFrame, factors: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Run every test on one experiment.

    Parameters
    ----------
    trials : pandas.DataFrame
        Its trials, as `load` gives them.
    factors : dict of str to str
        The experiment's own factors and the columns that they read.

    Returns
    -------
    pandas.DataFrame
        One row a test, columns `TEST_DETAIL_COLUMNS`. A test that is not defined for these
        data has a row without numbers, and `note` says why.
    """
    names = conditions(trials)
    main = trial_set(trials, "all")
    own = factors or {}
    kinds = roles(main, own)
    rows: list[dict[str, Any]] = []

    def add(measure: str, chosen: str, found: Iterable[dict[str, Any]]) -> None:
        rows.extend({"measure": measure, "trials": chosen, **row} for row in found)

    for measure, column, chosen in MEASURES:
        part = trial_set(trials, chosen)
        part = part[part[column].notna()]
        add(measure, chosen, compare(part, measure, column, names))
        add(measure, chosen, mixed_anova_rows(part, column, crossed(kinds, own)))
        if chosen != "incorrect":
            add(measure, chosen, group_rows(part, column, measure, kinds))
    add("accuracy", "all", against_chance(main, names))
    add("accuracy", "all", level_rows(main, "correct", "accuracy", kinds))
    add("accuracy", "all", own_rows(main, kinds, own))
    add("accuracy", "all", selection_rows(main))
    add("accuracy", "all", half_rows(main))
    add("accuracy", "all", trend_rows(main, "correct"))
    add("rt", "all", trend_rows(main[main["rt"].notna()], "rt"))
    for measure, found in intuitiveness_tests(trials):
        add(measure, "all", [found])
    table = pd.DataFrame(rows, columns=list(TEST_DETAIL_COLUMNS))
    table = table.astype(dict.fromkeys(_NUMBERS, float))
    for column in ("factor", "level", "note", "adjustment"):
        table[column] = table[column].astype(object).fillna("")
    table["n"] = table["n"].fillna(0).astype(int)
    table["primary"] = False
    return table
