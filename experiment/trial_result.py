"""What the journal says of one answered trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from experiment.frames import FrameLog
from experiment.screens import TrialOutcome
from experiment.screens.base import Press
from participants import PlannedTrial


def trial_result(
    trial: PlannedTrial, outcome: TrialOutcome, frames: FrameLog, early: Sequence[Press]
) -> dict[str, Any]:
    """Put a trial's answer, its times and its frames into the record's columns.

    Parameters
    ----------
    trial : PlannedTrial
        What was shown.
    outcome : TrialOutcome
        What was answered; times in seconds on the stage's clock.
    frames : FrameLog
        Of the time between onset and answer.
    early : sequence of Press
        Presses from before the onset, which count for nothing.

    Returns
    -------
    dict
        Times in seconds since the onset (``rt``) or on the stage's clock (``onset_time``), frame
        intervals in milliseconds; None where there is nothing.
    """
    choice_time, confidence_time = outcome.choice_time, outcome.confidence_time

    def rounded(seconds: float | None, since: float = 0.0, digits: int = 6) -> float | None:
        return None if seconds is None else round(seconds - since, digits)

    return {
        "key": outcome.key,
        "choice": outcome.choice,
        "correct": None if outcome.choice is None else outcome.choice == trial.correct_position,
        "confidence": outcome.confidence,
        "rating": outcome.rating,
        "rt": rounded(choice_time, outcome.onset),
        "confidence_rt": rounded(confidence_time, outcome.onset),
        "onset_time": rounded(outcome.onset),
        "response_time": rounded(choice_time),
        "confidence_time": rounded(confidence_time),
        "presses_before_onset": len(early),
        "rejected": [[press.key, rounded(press.time, outcome.onset, 4)] for press in early],
        "frames_shown": frames.shown,
        "frames_dropped": frames.dropped,
        "longest_frame": rounded(frames.longest),
        "frame_intervals": [round(1000 * interval, 2) for interval in frames.intervals],
        "timed_out": outcome.timed_out,
    }
