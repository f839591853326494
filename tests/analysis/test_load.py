"""Data folders of every state: whole, unfinished, stale, damaged, contradictory."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from analysis.load import load
from house.errors import UserError
from participants import DataFolder, Journal, Plan, PlannedBlock, PlannedTrial, SessionInfo
from tests.analysis.builders import change_table, info, write_sessions


def table_path(root: Path, participant: int = 1) -> Path:
    return DataFolder(root).find(participant, 1).table_path


def planned_session(root: Path, answers: int, trials: int = 4) -> Path:
    """Make a session with plan and journal, as the experiment leaves it when it is killed."""
    planned = tuple(
        PlannedTrial(
            trial=n, block=1, trial_type="main", condition="natural", scheme="Min+Max 9",
            unit=f"fire2:1x1:{n}", layer="fire2", branch="1x1", channel=n, batch=1,
            query_upper="natural/000001", query_lower="natural/000002", correct_position="upper",
        )
        for n in range(1, trials + 1)
    )  # fmt: skip
    plan = Plan(
        protocol="demo", protocol_sha256="0" * 64, protocol_text="", bank_name="demo",
        bank_sha256="1" * 64, participant=1, session=1, seed=1,
        blocks=(PlannedBlock(block=1, kind="main", condition="natural", scheme="Min+Max 9",
                             trials=planned),),
    )  # fmt: skip
    about = SessionInfo(participant=1, session=1, protocol="demo", kind="human")
    folder = DataFolder(root).create(plan, about)
    with Journal(folder.journal_path) as journal:
        for n in range(1, answers + 1):
            journal.append("trial_begin", trial=n)
            journal.append(
                "trial_end", trial=n, choice="upper", correct=True, confidence=2, rt=1.5,
                key="u", frame_intervals=[16.7],
            )  # fmt: skip
        journal.append("trial_begin", trial=answers + 1)
    return folder.path


def test_types_are_those_of_the_record(tmp_path: Path) -> None:
    dataset = load(write_sessions(tmp_path / "data", 3))
    trials = dataset.trials
    assert len(trials) == 3 * 30
    assert str(trials["correct"].dtype) == "boolean"
    assert str(trials["confidence"].dtype) == "Int64"
    assert trials["rt"].dtype == float
    assert set(trials["experiment"]) == {"demo"}
    assert set(trials["condition"]) == {"none", "natural", "synthetic"}
    assert dataset.statements == []
    assert len(dataset.sources) == 3
    assert list(dataset.sessions["trials"]) == [30, 30, 30]


def test_a_killed_session_is_read_from_its_journal_and_said(tmp_path: Path) -> None:
    planned_session(tmp_path / "data", answers=2)
    dataset = load(tmp_path / "data")
    assert len(dataset.trials) == 2
    (sentence,) = dataset.statements
    assert "1 session unfinished" in sentence
    assert "2 of 4 trials" in sentence
    assert list(dataset.sources) == ["sub-001/ses-01/journal.jsonl"]


def test_a_table_older_than_the_journal_is_not_believed(tmp_path: Path) -> None:
    path = planned_session(tmp_path / "data", answers=2)
    folder = DataFolder(tmp_path / "data").find(1, 1)
    folder.write_trial_table()
    with Journal(folder.journal_path) as journal:
        journal.append("trial_end", trial=3, choice="lower", correct=False, confidence=1, rt=2.0)
    later = time.time() + 5
    os.utime(folder.journal_path, (later, later))
    assert len(load(tmp_path / "data").trials) == 3
    os.utime(path / "trials.tsv", (later + 5, later + 5))
    assert len(load(tmp_path / "data").trials) == 2


def test_kinds_can_be_chosen(tmp_path: Path) -> None:
    root = write_sessions(tmp_path / "data", 3, kind="simulated")
    folder = DataFolder(root).find(2, 1)
    folder.update_info(kind="human", observer=None)
    dataset = load(root, "human")
    assert set(dataset.trials["participant"]) == {2}
    assert "1 of 3 sessions" in dataset.statements[0]
    assert len(load(root).sessions) == 3
    with pytest.raises(UserError, match="no sessions of kind published"):
        load(root, "published")


def test_places_without_data_are_answered_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no such data folder.*simulate"):
        load(tmp_path / "nowhere")
    with pytest.raises(UserError, match="no sessions"):
        load(tmp_path)
    planned_session(tmp_path / "data", answers=0)
    with pytest.raises(UserError, match="no trial in this data folder was answered"):
        load(tmp_path / "data")


def _set(column: str, value: str, row: int = 3) -> Callable[[pd.DataFrame], None]:
    def change(table: pd.DataFrame) -> None:
        table.loc[row, column] = value

    return change


def _flip(table: pd.DataFrame) -> None:
    table["correct"] = table["correct"].map({"true": "false", "false": "true"})


def _in_milliseconds(table: pd.DataFrame) -> None:
    table["rt"] = (table["rt"].astype(float) * 1000).astype(str)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns=["correct", "rt"]), "columns are missing: correct, rt"),
        (lambda t: pd.concat([t, t.iloc[[4]]]), "trial 5 is there twice"),
        (_set("rt", "fast"), 'participant 1, session 1, trial 4: column rt holds "fast"'),
        (_set("confidence", "2.5"), "not a whole number"),
        (_set("confidence", "9"), "confidence outside 1 to 3"),
        (_set("correct", "perhaps"), 'correct holds "perhaps"'),
        (_set("choice", "left"), "choice other than upper or lower"),
        (_set("trial_type", "coffee"), "trial_type other than"),
        (_set("condition", "n/a"), "has no condition"),
        (_set("trial", "n/a"), "no trial number"),
        (_set("rt", "inf"), "infinite response time"),
        (_set("participant", "77"), "participant 77"),
        (_flip, "says correct where"),
        (_in_milliseconds, "look like milliseconds"),
    ],
)
def test_contradictions_stop_the_work(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame | None], message: str
) -> None:
    root = write_sessions(tmp_path / "data", 2)
    change_table(table_path(root), change)
    with pytest.raises(UserError, match=message):
        load(root)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda b: b"", "trial table is empty"),
        (lambda b: b.replace(b"fire2", b"\xff\xfe\xfd"), "not UTF-8"),
        (lambda b: b.replace(b"\t", b","), "columns are missing"),
        (lambda b: b[: len(b) // 2].rsplit(b"\t", 3)[0] + b"\n", "cells, the heading"),
    ],
)
def test_damaged_tables_are_named(
    tmp_path: Path, damage: Callable[[bytes], bytes], message: str
) -> None:
    root = write_sessions(tmp_path / "data", 2)
    path = table_path(root)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(UserError, match=message) as caught:
        load(root)
    assert "sub-001" in str(caught.value)
    path.unlink()
    with pytest.raises(UserError, match="no trial table"):
        load(root)


def test_times_before_onset_are_left_out_and_said(tmp_path: Path) -> None:
    root = write_sessions(tmp_path / "data", 2)
    change_table(table_path(root), _set("rt", "-0.3"))
    dataset = load(root)
    assert dataset.trials["rt"].isna().sum() == 1
    assert "1 response time below zero left out" in " ".join(dataset.statements)


def test_missing_answers_and_interruptions_are_said(tmp_path: Path) -> None:
    root = write_sessions(tmp_path / "data", 2)

    def change(table: pd.DataFrame) -> None:
        table.loc[3, ["choice", "correct", "rt", "confidence"]] = "n/a"
        table.loc[5, "interrupted"] = "2"

    change_table(table_path(root), change)
    said = " ".join(load(root).statements)
    assert "1 trial without an answer" in said
    assert "1 trial had been shown before" in said


def test_mixed_protocols_banks_and_experiments_are_said(tmp_path: Path) -> None:
    root = write_sessions(tmp_path / "data", 4)
    folder = DataFolder(root)
    folder.find(1, 1).update_info(protocol_sha256="a" * 64, bank_sha256="b" * 64)
    folder.find(4, 1).update_info(protocol="other")
    dataset = load(root)
    said = " ".join(dataset.statements)
    assert "2 different versions of the protocol" in said
    assert "2 different banks" in said
    assert "several experiments, analysed apart: demo, other" in said
    assert set(dataset.trials["experiment"]) == {"demo", "other"}


def test_extra_columns_and_spreadsheet_line_ends_do_no_harm(tmp_path: Path) -> None:
    root = write_sessions(tmp_path / "data", 2)
    path = table_path(root)
    before = load(root).trials
    change_table(path, lambda t: t.assign(remark="ok"))
    text = path.read_text(encoding="utf-8")
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    after = load(root).trials
    columns = ["participant", "trial", "correct", "rt", "confidence", "unit"]
    pd.testing.assert_frame_equal(
        before[columns].astype(object).sort_values(["participant", "trial"], ignore_index=True),
        after[columns].astype(object).sort_values(["participant", "trial"], ignore_index=True),
    )


def test_several_sessions_of_a_participant_are_put_together(tmp_path: Path) -> None:
    root = write_sessions(tmp_path / "data", 2)
    source = DataFolder(root).find(1, 1)
    rows = [row | {"session": 2} for row in source.rows()]
    from participants import write_published_session

    write_published_session(root, info(1, session=2), rows)
    dataset = load(root)
    assert "more than one session" in " ".join(dataset.statements)
    assert (dataset.trials["participant"] == 1).sum() == 60
