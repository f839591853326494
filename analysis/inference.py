"""The tests of the report, as one table.

`TEST_COLUMNS` is read by other programs and does not change lightly.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.cells import conditions, trial_set
from analysis.comparisons import against_chance, compare

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


def run_tests(trials: pd.DataFrame) -> pd.DataFrame:
    """Run every test on one experiment.

    Parameters
    ----------
    trials : pandas.DataFrame
        Its trials, as `load` gives them.

    Returns
    -------
    pandas.DataFrame
        One row a test, columns `TEST_DETAIL_COLUMNS`. A test that is not defined for these
        data has a row without numbers, and `note` says why.
    """
    names = conditions(trials)
    rows: list[dict[str, Any]] = []
    for measure, column, chosen in MEASURES:
        part = trial_set(trials, chosen)
        part = part[part[column].notna()]
        for row in compare(part, measure, column, names):
            rows.append({"measure": measure, "trials": chosen, **row})
    for row in against_chance(trial_set(trials, "all"), names):
        rows.append({"measure": "accuracy", "trials": "all", **row})
    table = pd.DataFrame(rows, columns=list(TEST_DETAIL_COLUMNS))
    table = table.astype(dict.fromkeys(_NUMBERS, float))
    for column in ("factor", "level", "note", "adjustment"):
        table[column] = table[column].astype(object).fillna("")
    table["n"] = table["n"].fillna(0).astype(int)
    table["primary"] = _primary(table)
    return table


def _primary(table: pd.DataFrame) -> pd.Series[bool]:
    """Mark the one comparison that the experiment was made for: the paper's first."""
    candidates = table.index[
        (table["test"] == "rm_anova_posthoc")
        & (table["measure"] == "accuracy")
        & (table["contrast"] == "synthetic-natural")
    ]
    return pd.Series(table.index.isin(candidates[:1]), index=table.index)
