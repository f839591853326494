"""Tests of one mean and of two, with what a reader needs to judge them.

t, p and the interval of the difference come from scipy (pingouin rounds that interval), the
Bayes factor and the power from pingouin. The interval of the standardised difference is
computed here: pingouin's is a normal approximation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pingouin
from numpy.typing import NDArray
from scipy import optimize, special, stats

from analysis.intervals import NAN

Floats = NDArray[np.float64]
POWER = 0.8


@dataclass(frozen=True)
class TTest:
    """A t test of one contrast.

    Attributes
    ----------
    contrast : str
        What is compared, such as `synthetic-natural`.
    difference, difference_low, difference_high : float
        Difference of the means and its 95 % interval, in the measure's own unit.
    t, df, p : float
        Two-sided.
    d, d_low, d_high : float
        Standardised difference with its 95 % interval: d_z = t / sqrt(n) for one mean or a
        paired difference, Cohen's d with the pooled standard deviation for two groups.
    n : int
        Participants (both groups together).
    bf10 : float
        Bayes factor for a difference against none (JZS, Cauchy prior of width 0.707); NaN where
        it is not defined.
    smallest_effect : float
        The smallest |d| that a test of this size finds with a power of 80 % at p < .05.
    """

    contrast: str
    difference: float
    difference_low: float
    difference_high: float
    t: float
    df: float
    p: float
    d: float
    d_low: float
    d_high: float
    n: int
    bf10: float = NAN
    smallest_effect: float = NAN


def one_sample_t(values: Floats, against: float, contrast: str) -> TTest | None:
    """Test a mean, or a mean difference, of one value a participant.

    Returns
    -------
    TTest or None
        None for fewer than two values or where all of them are equal: t has no meaning there.
    """
    if len(values) < 2 or not _varies(values):
        return None
    difference = float(np.mean(values) - against)
    error = float(np.std(values, ddof=1) / np.sqrt(len(values)))
    found = t_result(contrast, difference, error, len(values) - 1, len(values))
    tested = stats.ttest_1samp(values, against)
    return replace(
        found,
        t=float(tested.statistic),
        p=float(tested.pvalue),
        bf10=_bayes_factor(found.t, len(values), None),
        smallest_effect=_smallest_paired(len(values)),
    )


def independent_t(first: Floats, second: Floats, contrast: str) -> TTest | None:
    """Compare two groups of participants with Welch's test.

    Returns
    -------
    TTest or None
        None where a group has fewer than two values or neither varies.
    """
    n1, n2 = len(first), len(second)
    if min(n1, n2) < 2 or not (_varies(first) or _varies(second)):
        return None
    tested = stats.ttest_ind(first, second, equal_var=False)
    low, high = tested.confidence_interval()
    degrees = n1 + n2 - 2
    pooled = np.sqrt(((n1 - 1) * np.var(first, ddof=1) + (n2 - 1) * np.var(second, ddof=1))
                     / degrees)  # fmt: skip
    difference = float(np.mean(first) - np.mean(second))
    scale = float(np.sqrt(1 / n1 + 1 / n2))
    student = difference / (pooled * scale)
    d_low, d_high = noncentrality_interval(student, degrees)
    return TTest(
        contrast, difference, float(low), float(high), float(tested.statistic), float(tested.df),
        float(tested.pvalue), difference / float(pooled), d_low * scale, d_high * scale, n1 + n2,
        _bayes_factor(student, n1, n2), _smallest_independent(n1, n2),
    )  # fmt: skip


def t_result(contrast: str, difference: float, error: float, df: float, n: int) -> TTest:
    """Make a t test of a difference of means and its standard error, with d = t / sqrt(n)."""
    t = difference / error
    half = float(stats.t.ppf(0.975, df)) * error
    low, high = noncentrality_interval(t, df)
    root = float(np.sqrt(n))
    p = float(2 * stats.t.sf(abs(t), df))
    return TTest(
        contrast, difference, difference - half, difference + half, t, float(df), p,
        t / root, low / root, high / root, n,
    )  # fmt: skip


def _varies(values: Floats) -> bool:
    spread = float(np.std(values, ddof=1))
    return spread > 1e-12 * max(1.0, float(np.max(np.abs(values))))


def _bayes_factor(t: float, n1: int, n2: int | None) -> float:
    try:
        return float(pingouin.bayesfactor_ttest(t, n1, n2, paired=n2 is None))
    except ZeroDivisionError:
        # The likelihood without a difference is too small for a float.
        return float("inf")


@lru_cache
def _smallest_paired(n: int) -> float:
    return float(pingouin.power_ttest(n=n, power=POWER, contrast="paired"))


@lru_cache
def _smallest_independent(n1: int, n2: int) -> float:
    return float(pingouin.power_ttest2n(n1, n2, power=POWER))


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
