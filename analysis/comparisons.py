"""Comparisons of conditions: what the paper printed, and what asks the same with less assumed."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from analysis.anova import FEWEST, Anova, pooled_posthoc, repeated_measures_anova
from analysis.signed_rank import signed_rank
from analysis.t_tests import TTest, one_sample_t

CHANCE = 0.5


def participant_means(
    trials: pd.DataFrame, column: str, names: list[str], by: str = "condition"
) -> pd.DataFrame:
    """Mean of each participant in each condition; participants lacking one are left out.

    Returns
    -------
    pandas.DataFrame
        One row a participant, columns `names`; a condition that nobody saw is NaN throughout
        and so leaves no row.
    """
    keys = [trials[key].astype(str).rename(key) for key in ("participant", by)]
    wide = trials[column].astype(float).groupby(keys, sort=True).mean().unstack(by)
    return wide.reindex(columns=names).dropna()


def compare(
    trials: pd.DataFrame, measure: str, column: str, names: list[str]
) -> Iterator[dict[str, Any]]:
    """Every test of the conditions against each other on one measure.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials in which `column` is not missing.
    measure : str
        Its name; times are compared as they are, other measures as fractions of counts.
    column : str
        The column that holds it.
    names : list of str
        The conditions.
    """
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
    if anova is not None and np.isfinite(anova.mauchly_w):
        yield {
            "test": "mauchly", "contrast": "condition", "statistic_name": "Mauchly's W",
            "statistic": anova.mauchly_w, "p": anova.mauchly_p, "n": len(wide),
            "effect_name": "Greenhouse-Geisser epsilon", "effect": anova.epsilon,
        }  # fmt: skip
    pairs = list(combinations(names, 2))
    if anova is not None:
        for found in pooled_posthoc(wide, anova):
            row = t_row(found, "rm_anova_posthoc", len(pairs), note)
            yield row | {"effect_name": "d_z (pooled error)"}
    for first, second in pairs:
        yield paired_row(trials, column, (first, second), len(pairs))
    for by in ("participant", "unit"):
        for first, second in pairs:
            yield wilcoxon_row(trials, column, measure, by, (first, second), len(pairs))


def _anova_row(anova: Anova | None, n: int, note: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "test": "rm_anova", "contrast": "condition", "statistic_name": "F", "n": n,
        "effect_name": "partial eta squared", "adjustment": "greenhouse-geisser",
    }  # fmt: skip
    if anova is None:
        few = n < FEWEST
        reason = "fewer than three complete participants" if few else "no variation left as error"
        return row | {"note": "; ".join(filter(None, [f"not defined: {reason}", note]))}
    note = "; ".join(filter(None, [f"Greenhouse-Geisser epsilon {anova.epsilon:.3f}", note]))
    return row | {
        "statistic": anova.f, "df1": anova.df1, "df2": anova.df2, "p": anova.p,
        "p_adjusted": anova.p_gg, "effect": anova.partial_eta_squared, "note": note,
    }  # fmt: skip


def t_row(found: TTest, test: str, comparisons: int = 1, note: str = "") -> dict[str, Any]:
    """Row of a t test, corrected after Bonferroni for its family."""
    return {
        "test": test, "contrast": found.contrast, "statistic_name": "t", "statistic": found.t,
        "df1": found.df, "p": found.p, "p_adjusted": min(1.0, found.p * comparisons),
        "adjustment": f"bonferroni x {comparisons}", "effect_name": "d_z", "effect": found.d,
        "ci_low": found.d_low, "ci_high": found.d_high, "n": found.n,
        "difference": found.difference, "difference_low": found.difference_low,
        "difference_high": found.difference_high, "bf10": found.bf10,
        "smallest_effect": found.smallest_effect, "note": note,
    }  # fmt: skip


def paired_row(
    trials: pd.DataFrame, column: str, pair: tuple[str, str], comparisons: int,
    by: str = "condition",
) -> dict[str, Any]:  # fmt: skip
    """Row of the paired t test of two conditions, or of two levels of another column."""
    wide = participant_means(trials, column, list(pair), by)
    differences = (wide[pair[0]] - wide[pair[1]]).to_numpy()
    return difference_row(differences, "-".join(pair), "t_paired", comparisons)


def difference_row(
    differences: np.ndarray, contrast: str, test: str, comparisons: int = 1
) -> dict[str, Any]:
    """Row of a t test of one difference a participant, defined or not."""
    found = one_sample_t(differences, 0.0, contrast)
    if found is None:
        return undefined_t_row(differences, contrast, test)
    return t_row(found, test, comparisons)


def undefined_t_row(values: np.ndarray, contrast: str, test: str) -> dict[str, Any]:
    """Row of a t test of one value a participant that cannot be computed."""
    return {
        "test": test, "contrast": contrast, "statistic_name": "t", "n": len(values),
        "effect_name": "d_z", "note": _undefined_t(values),
    }  # fmt: skip


def _undefined_t(values: np.ndarray) -> str:
    if len(values) < 2:
        return "not defined: fewer than two participants with both"
    return "not defined: all participants have the same value"


def wilcoxon_row(
    trials: pd.DataFrame,
    column: str,
    measure: str,
    by: str,
    pair: tuple[str, str],
    comparisons: int,
) -> dict[str, Any]:
    """Row of the signed-rank test of two conditions over participants or over units."""
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


def against_chance(trials: pd.DataFrame, names: list[str]) -> Iterator[dict[str, Any]]:
    """Rows of the t tests of each condition's accuracy against one half."""
    for name in names:
        part = trials[trials["condition"].astype(str) == name]
        values = participant_means(part, "correct", [name])[name].to_numpy()
        found = one_sample_t(values, CHANCE, f"{name}-chance")
        if found is None:
            yield undefined_t_row(values, f"{name}-chance", "t_chance")
        else:
            yield t_row(found, "t_chance", len(names))
