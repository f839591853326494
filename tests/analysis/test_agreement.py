from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from analysis.agreement import (
    MOST_PARTICIPANTS,
    agreeing_share,
    agreement_rows,
    cohen_kappas,
    krippendorff_alpha,
)
from analysis.intervals import Resamples
from tests.analysis.observers import answers

NONE = Resamples(np.zeros((0, 0)), np.zeros((0, 0)))


def counts(table: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    right = np.nansum(table, axis=0)
    return right, np.isfinite(table).sum(axis=0) - right, np.ones(table.shape[1])


def test_alpha_of_the_published_example() -> None:
    """Krippendorff (2011), binary data of two observers without missing values: 0.095."""
    meg = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    owen = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert krippendorff_alpha(*counts(np.array([meg, owen], dtype=float))) == pytest.approx(
        0.095, abs=5e-4
    )


def test_kappa_is_that_of_scikit_learn_for_every_pair() -> None:
    random = np.random.default_rng(2)
    table = (random.random((4, 60)) < np.linspace(0.3, 0.9, 60)).astype(float)
    table[random.random((4, 60)) < 0.2] = np.nan
    expected = []
    for i in range(4):
        for j in range(i + 1, 4):
            both = np.isfinite(table[i]) & np.isfinite(table[j])
            expected.append(cohen_kappa_score(table[i, both], table[j, both]))
    assert cohen_kappas(table) == pytest.approx(np.array(expected))


def test_weights_count_a_trial_that_often() -> None:
    random = np.random.default_rng(4)
    table = (random.random((3, 20)) < 0.6).astype(float)
    weights = random.integers(0, 3, 20)
    right, wrong, once = counts(np.repeat(table, weights, axis=1))
    given = (*counts(table)[:2], weights.astype(float))
    assert krippendorff_alpha(*given) == pytest.approx(krippendorff_alpha(right, wrong, once))
    assert agreeing_share(*given) == pytest.approx(agreeing_share(right, wrong, once))
    assert cohen_kappas(table, weights.astype(float)) == pytest.approx(
        cohen_kappas(np.repeat(table, weights, axis=1))
    )


def test_twins_agree_and_the_independent_do_not() -> None:
    trials = answers(np.random.default_rng(6), participants=6, units=300, d_prime={"natural": 1.0})
    rows = {r["measure"]: r for r in agreement_rows(trials, NONE)}
    # Given the same d' for all units, answers are independent: share p^2 + (1 - p)^2.
    p = trials["correct"].mean()
    assert rows["agreement"]["estimate"] == pytest.approx(p**2 + (1 - p) ** 2, abs=0.02)
    assert rows["cohen_kappa"]["estimate"] == pytest.approx(0, abs=0.05)
    assert rows["krippendorff_alpha"]["estimate"] == pytest.approx(0, abs=0.05)
    twin = trials[trials["participant"] == 1]
    twins = pd.concat([twin, twin.assign(participant=2, participant_code=1)])
    assert [r["estimate"] for r in agreement_rows(twins, NONE)] == pytest.approx([1, 1, 1])


def test_units_that_differ_make_participants_agree() -> None:
    trials = answers(
        np.random.default_rng(6), participants=8, units=80, d_prime={"natural": 1.0}, unit_sd=2.0
    )
    resamples = Resamples.draw(8, 80, 200, 3)
    for row in agreement_rows(trials, resamples):
        assert row["ci_low"] < row["estimate"] < row["ci_high"]
        assert row["ci_low"] > 0.1
        assert (row["n_trials"], row["n_participants"]) == (80, 8)


def test_only_what_two_saw_counts_whichever_image_was_above() -> None:
    trials = answers(np.random.default_rng(1), participants=2, units=10, d_prime={"natural": 1.0})
    turned = trials["participant"] == 2
    trials.loc[turned, ["query_upper", "query_lower"]] = trials.loc[
        turned, ["query_lower", "query_upper"]
    ].to_numpy()
    # The second participant saw other images of the last four units.
    other = turned & trials["unit_code"].isin(sorted(trials["unit_code"].unique())[-4:])
    trials.loc[other, "batch"] = 2
    assert {r["n_trials"] for r in agreement_rows(trials, NONE)} == {6}
    trials.loc[turned, "batch"] = 2
    assert not list(agreement_rows(trials, NONE))


def test_pairs_without_variation_are_left_out_and_counted() -> None:
    trials = answers(np.random.default_rng(1), participants=3, units=30, d_prime={"natural": 1.0})
    trials.loc[trials["participant"] < 3, "correct"] = True
    rows = {r["measure"]: r for r in agreement_rows(trials, NONE)}
    assert rows["cohen_kappa"]["note"] == "1 of 3 pairs left out: no variation"
    trials["correct"] = True
    rows = {r["measure"]: r for r in agreement_rows(trials, NONE)}
    assert np.isnan(rows["krippendorff_alpha"]["estimate"])
    assert "not defined" in rows["krippendorff_alpha"]["note"]
    assert rows["agreement"]["estimate"] == 1


def test_of_very_many_participants_a_sample_is_compared() -> None:
    many = MOST_PARTICIPANTS + 20
    trials = answers(np.random.default_rng(1), participants=many, units=6, d_prime={"x": 1.0})
    rows = {r["measure"]: r for r in agreement_rows(trials, NONE, seed=3)}
    assert rows["agreement"]["n_participants"] == many
    assert rows["cohen_kappa"]["n_participants"] == MOST_PARTICIPANTS
    assert "drawn at random" in rows["cohen_kappa"]["note"]
    again = {r["measure"]: r for r in agreement_rows(trials, NONE, seed=3)}
    assert rows == again
