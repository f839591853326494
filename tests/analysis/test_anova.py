"""The ANOVA and its comparisons against statsmodels, scipy and formulas written out here."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pingouin
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.anova import AnovaRM

from analysis.anova import (
    noncentrality_interval,
    one_sample_t,
    pooled_posthoc,
    repeated_measures_anova,
)


def wide(n: int, k: int, seed: int) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    effects = np.arange(k) * 0.7
    values = random.normal(size=(n, 1)) + effects + random.normal(size=(n, k))
    return pd.DataFrame(values, columns=list("abcde"[:k]))


@pytest.mark.parametrize(("n", "k"), [(2, 3), (10, 3), (7, 2), (25, 5)])
def test_f_is_that_of_statsmodels(n: int, k: int) -> None:
    data = wide(n, k, seed=n)
    long = data.reset_index().melt("index")
    expected = AnovaRM(long, "value", "index", within=["variable"]).fit().anova_table.iloc[0]
    found = repeated_measures_anova(data)
    assert found is not None
    assert found.f == pytest.approx(expected["F Value"])
    assert (found.df1, found.df2) == (expected["Num DF"], expected["Den DF"])
    assert found.p == pytest.approx(expected["Pr > F"])


@pytest.mark.parametrize(("n", "k"), [(10, 3), (6, 4)])
def test_all_of_it_is_that_of_pingouin(n: int, k: int) -> None:
    data = wide(n, k, seed=4)
    table = pingouin.rm_anova(data, detailed=True, effsize="np2")
    found = repeated_measures_anova(data)
    assert found is not None
    assert found.f == pytest.approx(table["F"].iloc[0])
    assert found.partial_eta_squared == pytest.approx(table["np2"].iloc[0])
    assert found.error_mean_square == pytest.approx(table["MS"].iloc[1])


@pytest.mark.parametrize(("n", "k"), [(12, 4), (10, 3), (6, 5)])
def test_greenhouse_geisser_is_that_of_pingouin(n: int, k: int) -> None:
    data = wide(n, k, seed=3)
    found = repeated_measures_anova(data)
    assert found is not None
    assert found.epsilon == pytest.approx(pingouin.epsilon(data, correction="gg"))
    p = stats.f.sf(found.f, found.df1 * found.epsilon, found.df2 * found.epsilon)
    assert found.p_gg == pytest.approx(p)
    assert 1 / (k - 1) <= found.epsilon <= 1


def test_two_participants_and_three_conditions_are_enough() -> None:
    found = repeated_measures_anova(wide(2, 3, seed=1))
    assert found is not None
    assert found.epsilon == pytest.approx(0.5)
    assert found.p_gg >= found.p


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
        pd.DataFrame({"a": [0.5, 0.6]}),
        pd.DataFrame({"a": [1.0, 1.0], "b": [1.0, 1.0]}),
        pd.DataFrame({"a": [0.5, 0.6], "b": [0.7, 0.8]}),
        pd.DataFrame({"a": [], "b": []}),
    ],
    ids=["one person", "one condition", "all equal", "constant difference", "nobody"],
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
