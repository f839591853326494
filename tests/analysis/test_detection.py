from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.analyse import Results
from analysis.detection import criterion, d_prime, detection_rows
from analysis.intervals import Resamples
from analysis.prose import select
from tests.analysis.observers import answers

NONE = Resamples(np.zeros((0, 0)), np.zeros((0, 0)))


def by_condition(rows: list[dict[str, object]], measure: str) -> dict[str, dict[str, object]]:
    return {r["condition"]: r for r in rows if r["measure"] == measure and not r["factor"]}


def test_follows_the_formulas() -> None:
    """By hand: H = 20.5 / 26, F = 5.5 / 21, log-linear (Hautus 1995)."""
    high, low = stats.norm.ppf(20.5 / 26), stats.norm.ppf(5.5 / 21)
    values = [np.array([v], dtype=float) for v in (20, 25, 5, 20)]
    assert d_prime(*values)[0] == pytest.approx((high - low) / np.sqrt(2))
    assert criterion(*values)[0] == pytest.approx(-(high + low) / 2)


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_is_finite_and_turns_with_the_roles(signals: int, noises: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, signals))
    alarms = data.draw(st.integers(0, noises))
    values = [np.array([v], dtype=float) for v in (hits, signals, alarms, noises)]
    # With the upper image as signal, sensitivity is the same and the bias points the other way.
    turned = [np.array([v], dtype=float)
              for v in (noises - alarms, noises, signals - hits, signals)]  # fmt: skip
    assert np.isfinite(d_prime(*values)).all()
    assert d_prime(*values)[0] == pytest.approx(d_prime(*turned)[0], abs=1e-9)
    assert criterion(*values)[0] == pytest.approx(-criterion(*turned)[0], abs=1e-9)


def test_recovers_simulated_observers() -> None:
    """Tolerance 0.05 for d' and 0.03 for the criterion from 20 participants x 800 trials."""
    trials = answers(
        np.random.default_rng(1), participants=20, units=40, repeats=20, shift=0.4,
        d_prime={"synthetic": 1.0, "natural": 2.0},
    )  # fmt: skip
    rows = list(detection_rows(trials, NONE))
    sensitivity = by_condition(rows, "d_prime")
    assert sensitivity["synthetic"]["estimate"] == pytest.approx(1.0, abs=0.05)
    assert sensitivity["natural"]["estimate"] == pytest.approx(2.0, abs=0.05)
    # A shift of 0.4 on an axis with an SD of sqrt(2) is a criterion of 0.283.
    bias = by_condition(rows, "criterion")
    assert bias["synthetic"]["estimate"] == pytest.approx(0.4 / np.sqrt(2), abs=0.03)


def test_interval_over_people_and_units_holds_the_truth() -> None:
    trials = answers(
        np.random.default_rng(4), participants=15, units=30, d_prime={"natural": 1.5},
        participant_sd=0.2, unit_sd=0.5,
    )  # fmt: skip
    resamples = Resamples.draw(15, 30, 400, 1)
    row = by_condition(list(detection_rows(trials, resamples)), "d_prime")["natural"]
    assert row["bootstrap_low"] < row["estimate"] < row["bootstrap_high"]
    # Units are a sample here and not for the t interval: this one must be wider.
    assert (row["bootstrap_high"] - row["bootstrap_low"]) > (row["ci_high"] - row["ci_low"])


def test_a_participant_who_saw_one_side_only_is_left_out_and_counted() -> None:
    trials = answers(np.random.default_rng(2), participants=4, units=12, d_prime={"natural": 1.0})
    one_sided = (trials["participant"] == 3) & (trials["correct_position"] == "upper")
    rows = by_condition(list(detection_rows(trials[~one_sided], NONE)), "d_prime")
    assert rows["natural"]["n_participants"] == 3
    assert rows["natural"]["n_trials"] == 36
    assert str(rows["natural"]["note"]).startswith("1 of 4 participants left out: ")


def test_published_sensitivity(published_results: Results) -> None:
    """1.31 and 1.97, computed once from the released tables with numpy and scipy alone."""
    table = select(published_results.estimates, measure="d_prime")
    found = dict(zip(table["condition"], table["estimate"].round(2), strict=True))
    assert (found["synthetic"], found["natural"]) == (1.31, 1.97)
    assert set(table["n_participants"]) == {10}
