"""Repeated-measures analysis of variance and the comparisons that the paper printed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import optimize, special, stats

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Anova:
    """One-way repeated-measures ANOVA.

    Attributes
    ----------
    f, df1, df2, p : float
        F test without correction.
    p_gg, epsilon : float
        p after the Greenhouse-Geisser correction, and its epsilon (1 for two conditions).
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
    partial_eta_squared: float
    error_mean_square: float


def repeated_measures_anova(wide: pd.DataFrame) -> Anova | None:
    """Compare conditions within participants.

    Parameters
    ----------
    wide : pandas.DataFrame
        One row a participant, one column a condition, no NaN.

    Returns
    -------
    Anova or None
        None where it is not defined: fewer than two participants or conditions, or no
        variation left once participants and conditions are taken out.

    Notes
    -----
    The sums of squares are written out: pingouin 0.7 divides by zero for two participants, and
    statsmodels needs a dense column for each participant, which thousands of them cannot have.
    Both are what the tests compare with.
    """
    values = wide.to_numpy(dtype=float)
    n, k = values.shape
    if n < 2 or k < 2:
        return None
    middle = values.mean()
    condition_square = n * ((values.mean(axis=0) - middle) ** 2).sum()
    residual = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + middle
    error_square = (residual**2).sum()
    if error_square <= 1e-20 * max(1.0, (values**2).sum()):
        return None
    df1, df2 = float(k - 1), float((n - 1) * (k - 1))
    f = float((condition_square / df1) / (error_square / df2))
    epsilon = greenhouse_geisser(values)
    return Anova(
        f=f,
        df1=df1,
        df2=df2,
        p=float(stats.f.sf(f, df1, df2)),
        p_gg=float(stats.f.sf(f, epsilon * df1, epsilon * df2)),
        epsilon=epsilon,
        partial_eta_squared=float(condition_square / (condition_square + error_square)),
        error_mean_square=float(error_square / df2),
    )


def greenhouse_geisser(values: Floats) -> float:
    """Greenhouse and Geisser's epsilon, 1 / (k - 1) to 1; 1 for two conditions.

    Parameters
    ----------
    values : ndarray of float, shape (n, k)
        One row a participant, n at least 2.

    Notes
    -----
    From the covariance S of the conditions, centred by rows and columns:
    trace(S)^2 / ((k - 1) sum of squares of S).
    """
    k = values.shape[1]
    if k == 2:
        return 1.0
    covariance = np.cov(values.T)
    rows = covariance.mean(axis=0)
    centred = covariance - rows - rows[:, None] + covariance.mean()
    return float(np.trace(centred) ** 2 / ((k - 1) * (centred**2).sum()))


@dataclass(frozen=True)
class PairwiseT:
    """A t test of one contrast; `d` is t / sqrt(n) and comes with its 95 % interval."""

    contrast: str
    difference: float
    t: float
    df: float
    p: float
    d: float
    d_low: float
    d_high: float
    n: int


def pooled_posthoc(wide: pd.DataFrame, anova: Anova) -> list[PairwiseT]:
    """Compare every pair of conditions with the error of the whole ANOVA.

    These are the paper's printed comparisons: t = difference / sqrt(2 MS_error / n) with the
    error's degrees of freedom, 18 for three conditions and ten participants. Multiply p by the
    number of pairs for the Bonferroni correction.
    """
    n = len(wide)
    found = []
    for first, second in combinations(wide.columns, 2):
        difference = float(wide[first].mean() - wide[second].mean())
        t = difference / np.sqrt(2 * anova.error_mean_square / n)
        found.append(_t_result(f"{first}-{second}", difference, t, anova.df2, n))
    return found


def one_sample_t(values: Floats, against: float, contrast: str) -> PairwiseT | None:
    """Test a mean, or a mean difference, of one value a participant.

    Returns
    -------
    PairwiseT or None
        None for fewer than two values or where all of them are equal: t has no meaning there.
    """
    n = len(values)
    if n < 2:
        return None
    spread = float(np.std(values, ddof=1))
    if spread <= 1e-12 * max(1.0, float(np.max(np.abs(values)))):
        return None
    difference = float(np.mean(values) - against)
    return _t_result(contrast, difference, difference / (spread / np.sqrt(n)), n - 1, n)


def _t_result(contrast: str, difference: float, t: float, df: float, n: int) -> PairwiseT:
    p = float(2 * stats.t.sf(abs(t), df))
    low, high = noncentrality_interval(t, df)
    root = float(np.sqrt(n))
    return PairwiseT(
        contrast, difference, float(t), float(df), p, float(t) / root, low / root, high / root, n
    )


@lru_cache
def _quadrature() -> tuple[Floats, Floats]:
    """Nodes and weights of Gauss and Legendre, which take longer to make than to use."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    return nodes, weights


def noncentrality_interval(t: float, df: float, level: float = 0.95) -> tuple[float, float]:
    """Interval of the noncentrality of a t statistic, by inverting the noncentral t test.

    Divided by sqrt(n) it is the interval of d_z (Steiger & Fouladi 1997).
    """
    # P(T <= t) = E[Phi(t sqrt(V / df) - delta)] over V ~ chi-square(df). scipy's own noncentral
    # t returns NaN in the far tails that this search passes through.
    nodes, weights = _quadrature()
    scaled = t * np.sqrt(2 * special.gammaincinv(df / 2, (nodes + 1) / 2) / df)

    def end(probability: float) -> float:
        def gap(noncentrality: float) -> float:
            return float(weights @ special.ndtr(scaled - noncentrality) / 2) - probability

        width = 10 + 3 * abs(t)
        return float(optimize.brentq(gap, t - width, t + width, xtol=1e-10))

    tail = (1 - level) / 2
    return end(1 - tail), end(tail)
