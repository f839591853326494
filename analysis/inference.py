"""The tests of the report, as one table.

`TEST_COLUMNS` is read by other programs and does not change lightly.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from analysis.anova import (
    Anova,
    PairwiseT,
    one_sample_t,
    pooled_posthoc,
    repeated_measures_anova,
)
from analysis.cells import conditions, trial_set
from analysis.signed_rank import signed_rank

TEST_COLUMNS = (
    "experiment", "measure", "trials", "test", "contrast", "factor", "level", "statistic_name",
    "statistic", "df1", "df2", "p", "p_adjusted", "adjustment", "effect_name", "effect", "ci_low",
    "ci_high", "n", "primary",
)  # fmt: skip
"""Columns of `tests.csv`; the interval is that of the effect."""

TEST_DETAIL_COLUMNS = (*TEST_COLUMNS, "difference", "note")
"""Columns of the table in memory and in `numbers.json`."""

MEASURES = (
    ("accuracy", "correct", "all"),
    ("rt", "rt", "all"),
    ("rt", "rt", "correct"),
    ("rt", "rt", "incorrect"),
    ("confidence", "confidence", "all"),
)
CHANCE = 0.5
_NUMBERS = ("statistic", "df1", "df2", "p", "p_adjusted", "effect", "ci_low", "ci_high",
            "difference")  # fmt: skip


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
        for row in _compare(part, measure, column, names):
            rows.append({"measure": measure, "trials": chosen, **row})
    for row in _against_chance(trial_set(trials, "all"), names):
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


def participant_means(trials: pd.DataFrame, column: str, names: list[str]) -> pd.DataFrame:
    """Mean of each participant in each condition; participants lacking one are left out.

    Returns
    -------
    pandas.DataFrame
        One row a participant, columns `names`; a condition that nobody saw is NaN throughout
        and so leaves no row.
    """
    return _cell_means(trials, column, names, "participant").dropna()


def _cell_means(trials: pd.DataFrame, column: str, names: list[str], by: str) -> pd.DataFrame:
    keys = [trials[by].astype(str).rename(by), trials["condition"].astype(str).rename("condition")]
    wide = trials[column].astype(float).groupby(keys, sort=True).mean().unstack("condition")
    return wide.reindex(columns=names)


def _compare(
    trials: pd.DataFrame, measure: str, column: str, names: list[str]
) -> Iterator[dict[str, Any]]:
    if len(names) < 2:
        yield {"test": "rm_anova", "contrast": "condition", "statistic_name": "F",
               "note": "there is one condition: nothing to compare"}  # fmt: skip
        return
    wide = participant_means(trials, column, names)
    left_out = trials["participant"].nunique() - len(wide)
    note = f"{left_out} participant(s) without such trials in a condition left out" if left_out \
        else ""  # fmt: skip
    anova = repeated_measures_anova(wide)
    yield _anova_row(anova, len(wide), note)
    pairs = list(combinations(names, 2))
    adjustment = f"bonferroni x {len(pairs)}"
    if anova is not None:
        for found in pooled_posthoc(wide, anova):
            row = _t_row(found, "rm_anova_posthoc", len(pairs), adjustment, note)
            yield row | {"effect_name": "d_z (pooled error)"}
    for first, second in pairs:
        yield _paired_row(trials, column, (first, second), len(pairs), adjustment)
    for by in ("participant", "unit"):
        for first, second in pairs:
            yield _wilcoxon_row(trials, column, measure, by, (first, second), len(pairs))


def _anova_row(anova: Anova | None, n: int, note: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "test": "rm_anova", "contrast": "condition", "statistic_name": "F", "n": n,
        "effect_name": "partial eta squared", "adjustment": "greenhouse-geisser",
    }  # fmt: skip
    if anova is None:
        few = n < 2
        reason = "fewer than two complete participants" if few else "no variation left as error"
        return row | {"note": f"not defined: {reason}"}
    note = "; ".join(filter(None, [f"Greenhouse-Geisser epsilon {anova.epsilon:.3f}", note]))
    return row | {
        "statistic": anova.f, "df1": anova.df1, "df2": anova.df2, "p": anova.p,
        "p_adjusted": anova.p_gg, "effect": anova.partial_eta_squared, "note": note,
    }  # fmt: skip


def _t_row(
    found: PairwiseT, test: str, comparisons: int, adjustment: str, note: str = ""
) -> dict[str, Any]:
    return {
        "test": test, "contrast": found.contrast, "statistic_name": "t", "statistic": found.t,
        "df1": found.df, "p": found.p, "p_adjusted": min(1.0, found.p * comparisons),
        "adjustment": adjustment, "effect_name": "d_z", "effect": found.d,
        "ci_low": found.d_low, "ci_high": found.d_high, "n": found.n,
        "difference": found.difference, "note": note,
    }  # fmt: skip


def _paired_row(
    trials: pd.DataFrame, column: str, pair: tuple[str, str], comparisons: int, adjustment: str
) -> dict[str, Any]:
    contrast = "-".join(pair)
    wide = participant_means(trials, column, list(pair))
    values = (wide[pair[0]] - wide[pair[1]]).to_numpy()
    found = one_sample_t(values, 0.0, contrast)
    if found is None:
        return {
            "test": "t_paired", "contrast": contrast, "statistic_name": "t", "n": len(wide),
            "effect_name": "d_z", "note": _undefined_t(values),
        }  # fmt: skip
    return _t_row(found, "t_paired", comparisons, adjustment)


def _undefined_t(values: np.ndarray) -> str:
    if len(values) < 2:
        return "not defined: fewer than two participants with both"
    return "not defined: all participants have the same value"


def _wilcoxon_row(
    trials: pd.DataFrame,
    column: str,
    measure: str,
    by: str,
    pair: tuple[str, str],
    comparisons: int,
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "test": f"wilcoxon_{by}s", "contrast": "-".join(pair), "statistic_name": "W",
        "effect_name": "rank-biserial correlation",
    }  # fmt: skip
    pairs = _paired_differences(trials[trials[by].notna()], column, measure, by, pair)
    if not pairs:
        return row | {"n": 0, "note": f"not defined: no {by} has both conditions"}
    found = signed_rank(pairs)
    if not found.n:
        return row | {"n": 0, "note": "not defined: every difference is zero"}
    ties = len(pairs) - found.n
    note = "exact" if found.exact else "normal approximation (more than 300 differences)"
    note += f"; {ties} of {len(pairs)} {by}s tied between the conditions" if ties else ""
    return row | {
        "statistic": found.statistic, "p": found.p, "p_adjusted": min(1.0, found.p * comparisons),
        "adjustment": f"bonferroni x {comparisons}", "effect": found.rank_biserial,
        "n": found.n, "note": note,
    }  # fmt: skip


def _paired_differences(
    trials: pd.DataFrame, column: str, measure: str, by: str, pair: tuple[str, str]
) -> list[Fraction | float]:
    """Differences of means, as fractions of whole numbers where the values are whole."""
    keys = [trials[by].astype(str).rename(by), trials["condition"].astype(str).rename("condition")]
    grouped = trials[column].astype(float).groupby(keys, sort=True)
    sums = grouped.sum().unstack("condition").reindex(columns=list(pair))
    counts = grouped.size().unstack("condition").reindex(columns=list(pair))
    complete = counts.notna().all(axis=1)
    totals, numbers = sums[complete].to_numpy(), counts[complete].to_numpy()
    if measure == "rt":
        return [float(d) for d in totals[:, 0] / numbers[:, 0] - totals[:, 1] / numbers[:, 1]]
    return [
        Fraction(int(a), int(m)) - Fraction(int(b), int(n))
        for (a, b), (m, n) in zip(totals, numbers, strict=True)
    ]


def _against_chance(trials: pd.DataFrame, names: list[str]) -> Iterator[dict[str, Any]]:
    for name in names:
        part = trials[trials["condition"].astype(str) == name]
        values = participant_means(part, "correct", [name])[name].to_numpy()
        found = one_sample_t(values, CHANCE, f"{name}-chance")
        if found is None:
            yield {
                "test": "t_chance", "contrast": f"{name}-chance", "statistic_name": "t",
                "n": len(values), "effect_name": "d_z", "note": _undefined_t(values),
            }  # fmt: skip
        else:
            yield _t_row(found, "t_chance", len(names), f"bonferroni x {len(names)}")
