"""Errors and intervals against formulas written out here, scipy, and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.intervals import (
    Resamples,
    by_participant,
    estimate,
    percentile_interval,
    t_interval,
    two_sem,
)

finite = st.floats(-1e3, 1e3, allow_nan=False).map(lambda v: round(v, 3))
several = st.lists(finite, min_size=2, max_size=30)


def test_two_sem_is_the_papers_formula() -> None:
    values = np.array([0.7, 0.8, 0.9, 0.8])
    spread = np.sqrt(((values - 0.8) ** 2).sum() / 4)
    assert two_sem(values) == pytest.approx(2 * spread / 2)


@given(several)
def test_t_interval_is_that_of_scipy(values: list[float]) -> None:
    low, high = t_interval(np.array(values))
    if len(set(values)) == 1:
        assert np.isnan(low)
        assert np.isnan(high)
        return
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (low, high) == pytest.approx((expected.low, expected.high), rel=1e-9, abs=1e-9)


@given(several, finite, st.floats(0.1, 10))
def test_intervals_move_and_stretch_with_the_data(
    values: list[float], shift: float, factor: float
) -> None:
    data = np.array(values)
    low, high = t_interval(data)
    moved = t_interval(factor * data + shift)
    if np.isfinite(low) and np.ptp(data) > 1e-2:
        assert moved == pytest.approx((factor * low + shift, factor * high + shift), abs=1e-6)
        assert low < data.mean() < high
        # The sample formula and t's quantile make it longer than the paper's bars.
        assert high - low > 2 * two_sem(data) * 0.99


@pytest.mark.parametrize("values", [[], [0.5]])
def test_one_participant_has_no_error(values: list[float]) -> None:
    assert np.isnan(two_sem(np.array(values)))
    assert np.isnan(t_interval(np.array(values))[0])


def cells(seed: int, n: int = 60, people: int = 5, units: int = 4) -> tuple[np.ndarray, ...]:
    random = np.random.default_rng(seed)
    return random.normal(size=n), random.integers(people, size=n), random.integers(units, size=n)


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_resamples_equal_repeating_the_trials(statistic: str) -> None:
    values, people, units = cells(3)
    resamples = Resamples.draw(5, 4, 40, seed=9)
    found = getattr(resamples, statistic)(values, people, units)
    for b in range(40):
        weights = resamples.participants[b][people] * resamples.units[b][units]
        repeated = np.repeat(values, weights.astype(int))
        if statistic == "mean":
            assert found[b] == pytest.approx(repeated.mean())
        else:
            lower = np.sort(repeated)[(len(repeated) - 1) // 2]
            assert found[b] == pytest.approx(lower)


def test_resamples_keep_the_sample_size_and_their_seed() -> None:
    first, again = Resamples.draw(10, 45, 100, 1), Resamples.draw(10, 45, 100, 1)
    assert (first.participants.sum(axis=1) == 10).all()
    assert (first.units.sum(axis=1) == 45).all()
    assert (first.participants == again.participants).all()
    assert (first.participants != Resamples.draw(10, 45, 100, 2).participants).any()


def test_bootstrap_error_is_that_of_theory_without_unit_effects() -> None:
    """One value a participant, no units: the bootstrap's SD is sqrt((n-1)/n) of the SEM."""
    values = np.random.default_rng(4).normal(size=40)
    people, units = np.arange(40), np.full(40, -1)
    draws = Resamples.draw(40, 0, 20_000, 3).mean(values, people, units)
    assert np.std(draws) == pytest.approx(np.std(values) / np.sqrt(40), rel=0.03)


def test_bootstrap_over_units_is_wider_when_units_differ() -> None:
    people, units = (a.ravel() for a in np.meshgrid(np.arange(10), np.arange(60)))
    noise = np.random.default_rng(0).normal(size=600)
    values = 3 * (units % 2) + 0.1 * noise
    both = Resamples.draw(10, 60, 4000, 1)
    found = estimate(both, values, people, units)
    assert found.bootstrap_high - found.bootstrap_low > 5 * (found.t_high - found.t_low)
    # Units 0/3 alternate: SD 1.5 over units, so the standard error is 1.5 / sqrt(60).
    width = 2 * 1.96 * 1.5 / np.sqrt(60)
    assert found.bootstrap_high - found.bootstrap_low == pytest.approx(width, rel=0.1)


@pytest.mark.parametrize("statistic", ["mean", "median"])
def test_estimate_pools_over_trials(statistic: str) -> None:
    values, people, units = np.array([1.0, 1.0, 1.0, 4.0]), np.array([0, 0, 0, 1]), np.zeros(4, int)
    found = estimate(Resamples.draw(2, 1, 50, 1), values, people, units, statistic=statistic)
    assert found.estimate == {"mean": 1.75, "median": 1.0}[statistic]
    assert found.two_sem == pytest.approx(2 * 1.5 / np.sqrt(2))
    assert (found.n_trials, found.n_participants) == (4, 2)


def test_undefined_is_said() -> None:
    none = Resamples.draw(3, 2, 100, 1)
    same = estimate(none, np.ones(6), np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1] * 3))
    assert same.estimate == 1
    assert same.two_sem == 0
    assert np.isnan([same.t_low, same.bootstrap_low]).all()
    assert "same value" in same.note
    alone = estimate(none, np.array([0.0, 1.0]), np.zeros(2, int), np.array([0, 1]))
    assert np.isnan([alone.two_sem, alone.t_low, alone.bootstrap_low]).all()
    assert "one participant" in alone.note
    empty = estimate(none, np.zeros(0), np.zeros(0, int), np.zeros(0, int))
    assert np.isnan(empty.estimate)
    assert empty.note == "no trials"


def test_interval_is_cut_to_the_possible_range() -> None:
    values = np.array([1.0, 1, 1, 1, 1, 0])
    found = estimate(
        Resamples.draw(3, 1, 0, 1), values, np.array([0, 0, 1, 1, 2, 2]), np.zeros(6, int),
        bounds=(0, 1),
    )  # fmt: skip
    assert found.t_high == 1
    assert found.t_low >= 0
    assert np.isnan(found.bootstrap_low)


@given(st.lists(st.tuples(st.integers(0, 4), finite), min_size=1, max_size=40))
def test_by_participant_is_each_ones_mean_and_median(pairs: list[tuple[int, float]]) -> None:
    people, values = np.array([p for p, _ in pairs]), np.array([v for _, v in pairs])
    for statistic, function in (("mean", np.mean), ("median", np.median)):
        expected = [function(values[people == p]) for p in sorted(set(people))]
        assert by_participant(values, people, statistic) == pytest.approx(expected)


def test_a_percentile_interval_leaves_out_what_is_not_defined() -> None:
    draws = np.r_[np.arange(1001.0), [np.nan] * 50]
    assert percentile_interval(draws) == pytest.approx((25, 975))
    for nothing in (np.r_[draws, [np.nan] * 10], np.array([]), np.full(100, 0.5),
                    np.full(9, np.nan)):  # fmt: skip
        assert np.isnan(percentile_interval(nothing)).all()
