"""The observer that answers as a recorded participant did."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from experiment.replay import Replay, named_observer, replay_of
from experiment.run import run_session
from experiment.simulation import simulate
from house.errors import UserError
from participants import DataFolder, SessionInfo, write_published_session
from tests.experiment.test_session import options

SAME = ("trial", "unit", "choice", "correct", "confidence", "key")


def test_a_session_is_replayed_answer_by_answer(bank_path: Path, tmp_path: Path) -> None:
    first = run_session(options(bank_path, tmp_path / "first")).folder
    report = run_session(
        options(bank_path, tmp_path / "again", observer="replay", answers=tmp_path / "first")
    )
    for one, other in zip(first.rows(), report.folder.rows(), strict=True):
        assert [one[name] for name in SAME] == [other[name] for name in SAME]
        assert other["rt"] == pytest.approx(one["rt"], abs=2e-6)
    assert report.folder.info.kind == "simulated"
    assert report.folder.info.observer == {
        "name": "replay",
        "answers": "first",
        "participant": 1,
        "session": 1,
    }


def test_another_plan_keeps_what_was_right_and_how_sure(bank_path: Path, tmp_path: Path) -> None:
    simulate("demo", bank_path, tmp_path / "first", 2, "sdt", 4)
    simulate("demo", bank_path, tmp_path / "again", 3, "replay", 9, answers=tmp_path / "first")

    def mains(folder: str, participant: int) -> dict[Any, Any]:
        return {
            (row["condition"], row["unit"]): (row["correct"], row["confidence"])
            for row in DataFolder(tmp_path / folder).find(participant, 1).rows()
            if row["trial_type"] == "main"
        }

    sides = {
        folder: [r["choice"] for r in DataFolder(tmp_path / folder).find(1, 1).rows()]
        for folder in ("first", "again")
    }
    assert sides["first"] != sides["again"]
    for participant, source in ((1, 1), (2, 2), (3, 1)):
        assert mains("again", participant) == mains("first", source)


def published(**changes: Any) -> dict[str, Any]:
    return {
        "trial": 1,
        "trial_type": "main",
        "condition": "natural",
        "scheme": "Min+Max 9",
        "unit": "elsewhere:1x1:3",
        "correct": False,
        "confidence": 2,
        "rt": -0.2,
        "confidence_rt": -0.2,
        "rating": None,
        **changes,
    }


def test_published_answers_are_taken_in_turn(bank_path: Path, tmp_path: Path) -> None:
    trials = [
        trial
        for trial in run_session(options(bank_path, tmp_path / "x")).folder.plan.trials()
        if (trial.trial_type, trial.condition) == ("main", "natural")
    ]
    rows = [published(confidence=c) for c in (1, 2, 3)]
    rows.append(published(rt=None, correct=None))  # without an answer: never replayed
    root = tmp_path / "published"
    write_published_session(
        root, SessionInfo(participant=5, session=1, protocol="p", kind="published"), rows
    )
    observer = replay_of(root, 1)
    answers = [observer.answer(trial) for trial in trials]
    for trial, answer in zip(trials, answers, strict=True):
        assert answer.choice != trial.correct_position
        assert answer.confidence == 1 + (trial.trial - 1) % 3
        assert answer.rt == 0.0  # a published time below zero cannot be pressed
        assert answer.confidence_rt == 0.5
        assert observer.answer(trial) == answer
    plan = DataFolder(tmp_path / "x").find(1, 1).plan
    followed = named_observer("replay", 0, 1, answers=root, plan=plan)
    # In the plan's order, each answer once before any comes again.
    assert [followed.answer(trial).confidence for trial in trials] == [1, 2, 3, 1][: len(trials)]
    other = trials[0].model_copy(update={"condition": "synthetic"})
    with pytest.raises(UserError, match="no main trial of the condition synthetic"):
        observer.answer(other)


def test_there_must_be_answers(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no sessions to replay"):
        named_observer("replay", 0, 1, answers=tmp_path)
    with pytest.raises(UserError, match="--answers FOLDER"):
        named_observer("replay", 0, 1)
    with pytest.raises(UserError, match="for --observer replay only"):
        named_observer("sdt", 0, 1, answers=tmp_path)
    with pytest.raises(UserError, match="no answers to replay"):
        Replay([], {})


def test_ratings_are_replayed(bank_path: Path, tmp_path: Path) -> None:
    trial = next(run_session(options(bank_path, tmp_path)).folder.plan.trials())
    shown = trial.model_copy(
        update={"trial_type": "intuitiveness", "condition": "natural", "correct_position": None}
    )
    row = published(trial_type="intuitiveness", correct=None, confidence=None, confidence_rt=None)
    observer = Replay([{**row, "rating": -37.5, "rt": 4.25}], {})
    rating = observer.rate(shown)
    assert (rating.rating, rating.rt) == (-37.5, 4.25)
    anywhere = Replay([{**row, "condition": None, "rating": 80.0, "rt": 1.0}], {})
    assert anywhere.rate(shown.model_copy(update={"condition": ""})).rating == 80.0
    with pytest.raises(UserError, match="no intuitiveness trial of the condition synthetic"):
        observer.rate(shown.model_copy(update={"condition": "synthetic"}))
