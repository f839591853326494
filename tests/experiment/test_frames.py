"""Frames: a rate that is measured or unknown, never assumed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment.frames import frame_log, refresh_rate


@given(
    st.sampled_from([50.0, 59.94, 60.0, 75.0, 100.0, 120.0, 144.0, 240.0]),
    st.integers(0, 2**32),
)
def test_a_real_screen_is_measured(rate: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    intervals = 1 / rate + rng.normal(0, 0.0002, 90)
    # A few dropped frames must not spoil it.
    intervals[::20] *= 2
    measured, synchronised = refresh_rate(list(intervals))
    assert synchronised
    assert measured == pytest.approx(rate, rel=0.02)


@pytest.mark.parametrize("mean", [0.0005, 0.002, 0.003, 0.02])
def test_flips_that_do_not_wait_have_no_rate(mean: float) -> None:
    intervals = list(np.random.default_rng(1).exponential(mean, 90))
    assert refresh_rate(intervals) == (None, False)


def test_flips_that_never_come_back_have_no_rate() -> None:
    assert refresh_rate([]) == (None, False)
    assert refresh_rate([0.0001] * 90) == (None, False)


def test_dropped_frames_are_counted_at_the_measured_rate() -> None:
    at_120 = (1 / 120, 1 / 120, 1 / 60, 1 / 120)
    log = frame_log(at_120, 1 / 120)
    assert (log.shown, log.dropped) == (5, 1)
    assert log.longest == pytest.approx(1 / 60)
    # At an assumed 60 Hz the same frame would have passed for a good one.
    assert frame_log(at_120, 1 / 60).dropped == 0


def test_without_a_rate_dropped_frames_are_unknown() -> None:
    assert frame_log((0.01, 0.5), None).dropped is None
    assert frame_log((), 1 / 60) == frame_log((), 1 / 60)
    assert frame_log((), 1 / 60).longest is None
