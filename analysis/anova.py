"""Repeated-measures analysis of variance and the comparisons that the paper printed."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
import pingouin

from analysis.intervals import NAN
from analysis.t_tests import TTest, t_result

FEWEST = 3
"""Fewest participants of a repeated-measures ANOVA (pingouin's limit)."""


@dataclass(frozen=True)
class Anova:
    """One-way repeated-measures ANOVA.

    Attributes
    ----------
    f, df1, df2, p : float
        F test without correction.
    p_gg, epsilon : float
        p after the Greenhouse-Geisser correction, and its epsilon (1 for two conditions).
    mauchly_w, mauchly_p : float
        Mauchly's test of sphericity; NaN for two conditions, which are spherical, and for fewer
        participants than conditions.
    partial_eta_squared : float
        SS_condition / (SS_condition + SS_error).
    error_mean_square : float
        Mean square of condition x participant, with `df2` degrees of freedom.
    """

    f: float
    df1: float
    df2: float
    p: float
    p_gg: float
    epsilon: float
    mauchly_w: float
    mauchly_p: float
    partial_eta_squared: float
    error_mean_square: float


def repeated_measures_anova(wide: pd.DataFrame) -> Anova | None:
    """Compare conditions within participants, with pingouin.

    Parameters
    ----------
    wide : pandas.DataFrame
        One row a participant, one column a condition, no NaN.

    Returns
    -------
    Anova or None
        None where it is not defined: fewer than three participants or two conditions, or no
        variation left once participants and conditions are taken out.
    """
    n, k = wide.shape
    if n < FEWEST or k < 2 or not _has_error(wide.to_numpy(dtype=float)):
        return None
    # Conditions may have any name, also that of a column of pingouin's own tables.
    plain = pd.DataFrame(wide.to_numpy(dtype=float), columns=[f"level{i}" for i in range(k)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = pingouin.rm_anova(plain, detailed=True, correction=True, effsize="np2")
    effect, error = table.iloc[0], table.iloc[1]
    spherical = k == 2
    testable = not spherical and n >= k
    return Anova(
        f=float(effect["F"]),
        df1=float(effect["DF"]),
        df2=float(error["DF"]),
        p=float(effect["p_unc"]),
        p_gg=float(effect["p_unc" if spherical else "p_GG_corr"]),
        epsilon=1.0 if spherical else float(effect["eps"]),
        mauchly_w=float(effect["W_spher"]) if testable else NAN,
        mauchly_p=float(effect["p_spher"]) if testable else NAN,
        partial_eta_squared=float(effect["np2"]),
        error_mean_square=float(error["MS"]),
    )


def _has_error(values: np.ndarray) -> bool:
    residual = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    return bool((residual**2).sum() > 1e-20 * max(1.0, (values**2).sum()))


def pooled_posthoc(wide: pd.DataFrame, anova: Anova) -> list[TTest]:
    """Compare every pair of conditions with the error of the whole ANOVA.

    These are the paper's printed comparisons: t = difference / sqrt(2 MS_error / n) with the
    error's degrees of freedom, 18 for three conditions and ten participants. Multiply p by the
    number of pairs for the Bonferroni correction. No library at hand computes them: pingouin's
    and statsmodels' pairwise tests take each pair's own error.
    """
    n = len(wide)
    found = []
    for first, second in combinations(wide.columns, 2):
        difference = float(wide[first].mean() - wide[second].mean())
        error = float(np.sqrt(2 * anova.error_mean_square / n))
        found.append(t_result(f"{first}-{second}", difference, error, anova.df2, n))
    return found
