from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from analysis.intervals import Resamples
from analysis.metacognition import auroc2, fit_meta_d, metacognition_rows, padded_meta_d
from tests.analysis.observers import answers, rating_shares

NONE = Resamples(np.zeros((0, 0)), np.zeros((0, 0)))

# metadpy 0.1.2 (metadpy.mle.fit_metad, with arviz 0.23.4, numpy 2.4.6, scipy 1.17.1):
# counts of the two stimulus classes, d', meta-d', M-ratio, log likelihood.
METADPY = [
    ([52, 32, 35, 37, 26, 12, 4, 2], [2, 5, 15, 22, 33, 38, 40, 45],
     1.54439, 1.6538, 1.0709, -523.1704),
    ([100, 50, 20, 10, 5, 1], [3, 7, 8, 12, 27, 89], 2.52438, 2.3370, 0.9258, -293.4057),
    ([60, 40, 30, 12, 6, 2], [2, 5, 14, 28, 41, 60], 2.19109, 1.8537, 0.8460, -308.8263),
    ([80, 30, 25, 10, 4, 1], [10, 12, 20, 30, 40, 38], 1.86439, 1.4820, 0.7949, -303.5422),
    ([40, 40, 40, 13, 9, 8], [9, 10, 12, 38, 42, 39], 1.65966, 0.2947, 0.1775, -328.8290),
    ([9, 5, 4, 3, 1, 1], [1, 1, 2, 4, 6, 8], 1.68949, 1.3112, 0.7761, -46.9407),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second", "d", "meta", "ratio", "likelihood"), METADPY)
def test_agrees_with_metadpy(
    first: list[int], second: list[int], d: float, meta: float, ratio: float, likelihood: float
) -> None:
    found = fit_meta_d(np.array([first], dtype=float), np.array([second], dtype=float))
    assert found.converged.all()
    assert found.d_prime[0] == pytest.approx(d, abs=2e-5)
    assert found.meta_d[0] == pytest.approx(meta, abs=5e-4)
    assert found.m_ratio[0] == pytest.approx(ratio, abs=5e-4)
    assert found.log_likelihood[0] == pytest.approx(likelihood, abs=2e-3)


def test_many_at_once_are_fitted_as_each_alone() -> None:
    random = np.random.default_rng(3)
    first, second = random.integers(1, 40, (2, 30, 6)).astype(float)
    # Move answers so that everybody is above chance.
    first[:, :3] += 40
    second[:, 3:] += 40
    together = fit_meta_d(first, second)
    alone = [fit_meta_d(first[[i]], second[[i]]).meta_d[0] for i in range(30)]
    assert together.converged.all()
    assert together.meta_d == pytest.approx(np.array(alone), abs=1e-4)


@pytest.mark.parametrize("meta", [0.0, 0.6, 1.5, 2.2])
@pytest.mark.parametrize("criterion", [0.0, -0.4])
def test_finds_a_known_meta_d_from_expected_counts(meta: float, criterion: float) -> None:
    """Exact shares leave no noise: tolerance 1e-4."""
    shares = rating_shares(1.5, meta, criterion, [0.5, 0.8])
    found = fit_meta_d(1e5 * shares[[0]], 1e5 * shares[[1]])
    assert found.d_prime[0] == pytest.approx(1.5, abs=1e-6)
    assert found.meta_d[0] == pytest.approx(meta, abs=1e-4)


def test_recovers_simulated_observers() -> None:
    """Observers without loss have an M-ratio of 1: mean within 0.06 from 30 x 600 trials."""
    trials = answers(
        np.random.default_rng(8), participants=30, units=30, repeats=20,
        d_prime={"synthetic": 1.0, "natural": 1.5},
    )  # fmt: skip
    rows = [r for r in metacognition_rows(trials, NONE) if not r["factor"]]
    for condition, d in (("synthetic", 1.0), ("natural", 1.5)):
        own = {(r["measure"], r["statistic"]): r for r in rows if r["condition"] == condition}
        assert own["meta_d", "mean"]["estimate"] == pytest.approx(d, abs=0.07)
        assert own["m_ratio", "mean"]["estimate"] == pytest.approx(1.0, abs=0.06)
        assert own["m_ratio", "median"]["estimate"] == pytest.approx(1.0, abs=0.08)
        low, high = own["m_ratio", "mean"]["ci_low"], own["m_ratio", "mean"]["ci_high"]
        assert low < 1 < high


def test_area_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(1)
    right = random.random(80) < 0.7
    confidence = np.clip(random.integers(1, 4, 80) + right, 1, 3)
    counts = np.zeros((1, 6))
    np.add.at(counts[0], 3 * right + confidence - 1, 1)
    assert auroc2(counts)[0] == pytest.approx(roc_auc_score(right, confidence))


def test_area_of_an_observer_follows_from_the_model() -> None:
    """Expected area of a simulated observer by numerical integration of its two laws."""
    d = 1.5
    edges = np.array([0, 0.7, 1.7, np.inf])
    right = np.diff(stats.norm.cdf(edges, d, np.sqrt(2)))
    wrong = np.diff(stats.norm.cdf(edges, -d, np.sqrt(2)))
    p, q = right / right.sum(), wrong / wrong.sum()
    expected = sum(p[i] * (q[:i].sum() + q[i] / 2) for i in range(3))
    trials = answers(
        np.random.default_rng(2), participants=10, units=30, repeats=20, d_prime={"natural": d}
    )
    row = next(metacognition_rows(trials, NONE))
    assert row["estimate"] == pytest.approx(expected, abs=0.02)


def test_who_makes_no_error_or_sees_nothing_is_left_out_and_counted() -> None:
    trials = answers(np.random.default_rng(5), participants=6, units=40, d_prime={"natural": 1.2})
    perfect = trials["participant"] == 2
    trials.loc[perfect, "choice"] = trials.loc[perfect, "correct_position"]
    trials.loc[perfect, "correct"] = True
    blind = trials["participant"] == 5
    trials.loc[blind, "choice"] = np.tile(["upper", "lower"], 20)
    trials.loc[blind, "correct_position"] = np.repeat(["upper", "lower"], 20)
    trials.loc[blind, "correct"] = (
        trials.loc[blind, "choice"] == trials.loc[blind, "correct_position"]
    )
    rows = {
        (r["measure"], r["statistic"]): r
        for r in metacognition_rows(trials, NONE)
        if not r["factor"]
    }
    area = rows["auroc2", "mean"]
    assert (area["n_participants"], area["n_trials"]) == (5, 200)
    assert area["note"] == "1 of 6 participants left out: they had no wrong, or no right answer"
    ratio = rows["m_ratio", "mean"]
    assert ratio["n_participants"] == 5
    assert "below 0.2" in ratio["note"]


def test_no_confidence_no_rows() -> None:
    trials = answers(np.random.default_rng(5), participants=2, units=4, d_prime={"natural": 1.2})
    trials["confidence"] = trials["confidence"].mask(trials["confidence"].notna())
    assert not list(metacognition_rows(trials, NONE))


def test_at_chance_there_is_no_meta_d() -> None:
    meta, ratio = padded_meta_d(np.full((1, 12), 5.0))
    assert np.isnan(meta[0])
    assert np.isnan(ratio[0])
