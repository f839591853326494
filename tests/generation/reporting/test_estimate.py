from __future__ import annotations

import pytest

from generation.reporting.estimate import Estimate, in_words


def test_a_begun_stage_counts_by_its_pace_and_the_rest_by_expected_cost() -> None:
    estimate = Estimate([("a", 10, 1.0), ("b", 4, 5.0)])
    assert estimate.seconds_left() is None
    assert estimate.share() == 0
    estimate.begin("a", 10, 0, now=100.0)
    estimate.advance("a", 5, now=110.0)
    # Two seconds a part, and b's parts cost five times as much.
    assert estimate.seconds_left() == pytest.approx(5 * 2 + 4 * 10)
    assert estimate.share() == pytest.approx(5 / 30)
    estimate.advance("a", 5, now=120.0)
    estimate.begin("b", 4, 0, now=120.0)
    estimate.advance("b", 1, now=121.0)
    # Measured, not as expected: one second a part.
    assert estimate.seconds_left() == pytest.approx(3)


def test_what_an_earlier_call_finished_is_no_work_of_this_one() -> None:
    estimate = Estimate([("a", 100, 1.0)])
    estimate.begin("a", 100, 90, now=0.0)
    assert estimate.share() == pytest.approx(0.9)
    assert estimate.seconds_left() is None
    estimate.advance("a", 2, now=6.0)
    assert estimate.seconds_left() == pytest.approx(8 * 3)


def test_totals_may_change_and_unannounced_stages_are_counted() -> None:
    estimate = Estimate([("a", 100, 1.0)])
    estimate.begin("a", 10, 0, now=0.0)
    estimate.advance("a", 5, now=5.0)
    estimate.begin("b", 3, 0, now=5.0)
    assert estimate.seconds_left() == pytest.approx(5)
    estimate.advance("b", 1, now=7.0)
    assert estimate.seconds_left() == pytest.approx(5 + 4)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "about 10 s"),
        (44, "about 40 s"),
        (200, "about 3 min"),
        (7200, "about 2.0 h"),
        (260000, "about 3.0 days"),
    ],
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
