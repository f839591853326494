"""ANOVA (pingouin's) and t tests against statsmodels, scipy and formulas written out here."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, linalg, stats
from statsmodels.stats.anova import AnovaRM

from analysis.anova import pooled_posthoc, repeated_measures_anova
from analysis.t_tests import independent_t, noncentrality_interval, one_sample_t


def wide(n: int, k: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    effects = np.arange(k) * 0.7
    values = random.normal(size=(n, 1)) + effects + random.normal(size=(n, k))
    return pd.DataFrame(values, columns=list("abcde"[:k]))


@pytest.mark.parametrize(("n", "k"), [(3, 3), (10, 3), (7, 2), (25, 5)])
def test_f_is_that_of_statsmodels(n: int, k: int) -> None:
    data = wide(n, k, seed=n)
    long = data.reset_index().melt("index")
    expected = AnovaRM(long, "value", "index", within=["variable"]).fit().anova_table.iloc[0]
    found = repeated_measures_anova(data)
    assert found is not None
    assert found.f == pytest.approx(expected["F Value"])
    assert (found.df1, found.df2) == (expected["Num DF"], expected["Den DF"])
    assert found.p == pytest.approx(expected["Pr > F"])


@pytest.mark.parametrize(("n", "k"), [(12, 4), (10, 3), (6, 5)])
def test_correction_effect_and_sphericity_follow_their_formulas(n: int, k: int) -> None:
    data = wide(n, k, seed=3)
    values = data.to_numpy()
    found = repeated_measures_anova(data)
    assert found is not None
    residual = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
    error, effect = (residual**2).sum(), n * ((values.mean(0) - values.mean()) ** 2).sum()
    assert found.error_mean_square == pytest.approx(error / ((n - 1) * (k - 1)))
    assert found.partial_eta_squared == pytest.approx(effect / (effect + error))
    # Greenhouse & Geisser (1959) and Mauchly (1940), from orthonormal contrasts.
    contrasts = linalg.helmert(k)
    covariance = contrasts @ np.cov(values.T) @ contrasts.T
    epsilon = np.trace(covariance) ** 2 / ((k - 1) * (covariance**2).sum())
    assert found.epsilon == pytest.approx(epsilon)
    assert 1 / (k - 1) <= found.epsilon <= 1
    p = stats.f.sf(found.f, found.df1 * epsilon, found.df2 * epsilon)
    assert found.p_gg == pytest.approx(p)
    sphericity = np.linalg.det(covariance) / (np.trace(covariance) / (k - 1)) ** (k - 1)
    assert found.mauchly_w == pytest.approx(sphericity)
    assert 0 <= found.mauchly_p <= 1


def test_sphericity_is_not_tested_where_it_cannot_be() -> None:
    for n, k in ((4, 5), (9, 2)):
        found = repeated_measures_anova(wide(n, k, seed=1))
        assert found is not None
        assert np.isnan(found.mauchly_w)


def test_conditions_may_be_called_anything() -> None:
    data = wide(6, 3, seed=1)
    renamed = data.set_axis(["value", "variable", "5 $ {"], axis=1)
    assert repeated_measures_anova(renamed) == repeated_measures_anova(data)


def test_pooled_posthoc_uses_the_error_of_all_conditions() -> None:
    data = wide(10, 3, seed=8)
    values = data.to_numpy()
    residual = values - values.mean(0) - values.mean(1, keepdims=True) + values.mean()
    mean_square = (residual**2).sum() / 18
    anova = repeated_measures_anova(data)
    assert anova is not None
    first = pooled_posthoc(data, anova)[0]
    t = (values[:, 0].mean() - values[:, 1].mean()) / np.sqrt(2 * mean_square / 10)
    assert first.contrast == "a-b"
    assert first.df == 18
    assert first.t == pytest.approx(t)
    assert first.p == pytest.approx(2 * stats.t.sf(abs(t), 18))


def test_two_conditions_give_the_paired_t_test() -> None:
    data = wide(9, 2, seed=1)
    anova = repeated_measures_anova(data)
    assert anova is not None
    expected = stats.ttest_rel(data["a"], data["b"])
    pooled = pooled_posthoc(data, anova)[0]
    paired = one_sample_t((data["a"] - data["b"]).to_numpy(), 0, "a-b")
    assert paired is not None
    assert anova.f == pytest.approx(expected.statistic**2)
    assert pooled.t == pytest.approx(expected.statistic)
    assert paired.t == pytest.approx(expected.statistic)
    assert paired.p == pytest.approx(expected.pvalue)
    assert anova.p_gg == anova.p


@pytest.mark.parametrize(
    "data",
    [
        pd.DataFrame({"a": [0.5], "b": [0.7]}),
        pd.DataFrame({"a": [0.5, 0.6], "b": [0.7, 0.9], "c": [0.1, 0.9]}),
        pd.DataFrame({"a": [0.5, 0.6]}),
        pd.DataFrame({"a": [1.0, 1.0], "b": [1.0, 1.0]}),
        pd.DataFrame({"a": [0.5, 0.6], "b": [0.7, 0.8]}),
        pd.DataFrame({"a": [], "b": []}),
    ],
    ids=["one person", "two people", "one condition", "all equal", "constant difference", "nobody"],
)
def test_where_it_is_not_defined_there_is_none(data: pd.DataFrame) -> None:
    assert repeated_measures_anova(data) is None


@given(st.floats(-4, 4), st.integers(3, 40))
def test_noncentrality_interval_inverts_scipys_noncentral_t(t: float, df: int) -> None:
    low, high = noncentrality_interval(t, df)
    assert stats.nct.cdf(t, df, low) == pytest.approx(0.975, abs=2e-4)
    assert stats.nct.cdf(t, df, high) == pytest.approx(0.025, abs=2e-4)
    assert low < t * 1.2 + 1
    assert low < high


def test_noncentrality_interval_survives_huge_t() -> None:
    low, high = noncentrality_interval(47.3, 9)
    assert 20 < low < 47.3 < high < 80


def test_d_interval_covers_as_often_as_it_says() -> None:
    """1,000 samples of 12 with a true d of 0.6: 95 % of the intervals hold it (SE 0.7 %)."""
    random = np.random.default_rng(7)
    held = 0
    for _ in range(1000):
        found = one_sample_t(random.normal(0.6, 1, 12), 0, "x")
        assert found is not None
        held += found.d_low <= 0.6 <= found.d_high
    assert held / 1000 == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("values", [[], [0.4], [0.4, 0.4, 0.4]])
def test_t_of_too_few_or_equal_values_is_none(values: list[float]) -> None:
    assert one_sample_t(np.array(values), 0.5, "x") is None


def test_one_sample_t_agrees_with_scipy_and_the_bayes_factor_with_quadrature() -> None:
    values = np.random.default_rng(3).normal(0.6, 1, size=12)
    found = one_sample_t(values, 0.1, "x")
    assert found is not None
    expected = stats.ttest_1samp(values, 0.1)
    assert (found.t, found.p, found.df) == pytest.approx(
        (expected.statistic, expected.pvalue, expected.df)
    )
    low, high = expected.confidence_interval()
    assert (found.difference_low + 0.1, found.difference_high + 0.1) == pytest.approx((low, high))
    # Rouder et al. (2009): marginal likelihood of t over a Cauchy prior of d.
    top = integrate.quad(
        lambda d: stats.nct.pdf(found.t, 11, d * np.sqrt(12)) * stats.cauchy.pdf(d, scale=0.707),
        -4, 6,
    )[0]  # fmt: skip
    assert found.bf10 == pytest.approx(top / stats.t.pdf(found.t, 11), rel=0.02)


def test_independent_t_is_welchs() -> None:
    random = np.random.default_rng(4)
    first, second = random.normal(0.5, 1, size=10), random.normal(0, 2, size=13)
    found = independent_t(first, second, "expert-lay")
    assert found is not None
    v1, v2 = first.var(ddof=1) / 10, second.var(ddof=1) / 13
    df = (v1 + v2) ** 2 / (v1**2 / 9 + v2**2 / 12)
    t = (first.mean() - second.mean()) / np.sqrt(v1 + v2)
    assert (found.t, found.df) == pytest.approx((t, df))
    assert found.p == pytest.approx(2 * stats.t.sf(abs(t), df))
    half = stats.t.ppf(0.975, df) * np.sqrt(v1 + v2)
    assert found.difference_high - found.difference == pytest.approx(half)
    assert found.d_low < found.d < found.d_high
    assert independent_t(first[:1], second, "x") is None
    assert independent_t(np.ones(4), np.ones(5), "x") is None


def test_the_smallest_effect_is_found_in_four_of_five_samples() -> None:
    """By simulation: a true effect of that size is significant with a frequency of 80 %."""
    random = np.random.default_rng(5)
    found = one_sample_t(random.normal(size=10), 0, "x")
    assert found is not None
    samples = random.normal(found.smallest_effect, 1, size=(4000, 10))
    share = (stats.ttest_1samp(samples, 0, axis=1).pvalue < 0.05).mean()
    assert share == pytest.approx(0.8, abs=0.025)
    two = independent_t(random.normal(size=10), random.normal(size=13), "x")
    assert two is not None
    ones = random.normal(two.smallest_effect, 1, size=(4000, 10))
    others = random.normal(0, 1, size=(4000, 13))
    share = (stats.ttest_ind(ones, others, axis=1).pvalue < 0.05).mean()
    assert share == pytest.approx(0.8, abs=0.025)


def test_overwhelming_evidence_has_a_bayes_factor_all_the_same() -> None:
    values = np.random.default_rng(6).normal(1, 1e-3, size=400)
    found = one_sample_t(values, 0, "x")
    assert found is not None
    assert found.bf10 > 1e50
