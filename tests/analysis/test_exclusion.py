"""Rules of exclusion: read from the plan's protocol, applied, counted, and undone beside."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from analysis.exclusion import Exclusion, exclude, read_rules
from analysis.load import load
from analysis.outputs import write_report
from house.errors import UserError
from participants import DataFolder, Journal, Plan, PlannedBlock, PlannedTrial, SessionInfo
from tests.analysis.conftest import table_of

RULES = """
name = "ours"
[design]
conditions = ["synthetic", "natural"]
[exclusion]
catch_accuracy = 0.75
side_bias = 0.8
rt_floor = 0.2
"""


def record(
    root: Path, participant: int, answers: list[dict[str, Any]], text: str = RULES,
    minutes: int = 30,
) -> None:  # fmt: skip
    """Record a session with a plan; `answers` say what differs from a right answer in 1.5 s."""
    planned, given = [], []
    for number, answer in enumerate(answers, start=1):
        upper = number % 2 == 0
        planned.append(
            PlannedTrial(
                trial=number, block=1, trial_type=answer.get("trial_type", "main"),
                condition=("synthetic", "natural")[number // 2 % 2], scheme="Min+Max 9",
                unit=f"fire2:1x1:{number // 4}", layer="fire2", branch="1x1", batch=1,
                query_upper="natural/000001", query_lower="natural/000002",
                correct_position="upper" if upper else "lower",
            )
        )  # fmt: skip
        position = planned[-1].correct_position
        right = answer.get("correct", True)
        other = {"upper": "lower", "lower": "upper"}[str(position)]
        choice = answer.get("choice", position if right else other)
        given.append({"choice": choice, "correct": choice == position, "confidence": 2,
                      "rt": answer.get("rt", 1.5), "key": "u"})  # fmt: skip
    plan = Plan(
        protocol="ours", protocol_sha256=hashlib.sha256(text.encode()).hexdigest(),
        protocol_text=text,
        bank_name="demo", bank_sha256="1" * 64, participant=participant, session=1, seed=1,
        blocks=(PlannedBlock(block=1, kind="main", condition="natural", scheme="Min+Max 9",
                             trials=tuple(planned)),),
    )  # fmt: skip
    info = SessionInfo(
        participant=participant, session=1, protocol="ours", kind="human",
        protocol_sha256=plan.protocol_sha256, started="2026-11-24T09:00:00+00:00",
        completed=f"2026-11-24T{9 + minutes // 60:02d}:{minutes % 60:02d}:00+00:00",
    )  # fmt: skip
    folder = DataFolder(root).create(plan, info)
    with Journal(folder.journal_path) as journal:
        for number, answer in enumerate(given, start=1):
            journal.append("trial_end", fsync=False, trial=number, **answer)
    folder.write_trial_table()


def answers(**changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Sixteen main trials, three of them wrong, and four catch trials."""
    plain: list[dict[str, Any]] = [{"correct": n not in (2, 5, 11)} for n in range(16)]
    plain += [{"trial_type": "catch"} for _ in range(4)]
    for number, change in changes.items():
        plain[int(number[1:])] |= change
    return plain


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four good participants, one who misses catch trials, one who likes the upper image."""
    root = tmp_path_factory.mktemp("ours") / "data"
    for participant in range(1, 5):
        record(root, participant, answers(t3={"correct": participant > 2}, t7={"rt": 0.1}))
    record(root, 5, answers(t16={"correct": False}, t17={"correct": False}))
    record(root, 6, [a | {"choice": "upper"} if "trial_type" not in a else a for a in answers()])
    return root


def test_the_rules_are_those_of_the_plan(root: Path) -> None:
    dataset = load(root)
    (rules,) = dataset.rules.values()
    assert rules.stated == {"catch_accuracy": 0.75, "side_bias": 0.8, "rt_floor": 0.2}
    decision = exclude(dataset.trials, dataset.sessions, dataset.rules)
    assert decision.participants == [
        {"participant": 5, "reasons": ["catch accuracy 0.5, allowed at least 0.75"]},
        {"participant": 6, "reasons": ["share of one side 1, allowed at most 0.8"]},
    ]
    assert decision.n_trials == 4
    assert set(decision.trials["participant"]) == {1, 2, 3, 4}
    assert len(decision.trials) == 4 * 19


def test_the_report_has_both_and_counts_them(root: Path, tmp_path: Path) -> None:
    (found,) = write_report(load(root), tmp_path / "out", bootstrap=20)
    document = json.loads((tmp_path / "out" / "numbers.json").read_text())["exclusions"]["ours"]
    assert (document["participants"], document["trials"]) == (2, 4)
    assert document["rule"] == [{"catch_accuracy": 0.75, "side_bias": 0.8, "rt_floor": 0.2}]
    assert [e["participant"] for e in document["excluded"]] == [5, 6]
    assert document["collected"]["participants"] == 6
    main, whole = (
        pd.read_csv(tmp_path / "out" / name, keep_default_na=False)
        for name in ("estimates.csv", "estimates_without_exclusion.csv")
    )
    for table, trials in ((main, 4 * 15), (whole, 6 * 16)):
        rows = table[(table["measure"] == "accuracy") & (table["factor"] == "")
                     & (table["trials"] == "all")]  # fmt: skip
        assert rows["n_trials"].sum() == trials
    assert (tmp_path / "out" / "tests_without_exclusion.csv").exists()
    assert found.counts["participants"] == 4
    page = (tmp_path / "out" / "report.html").read_text()
    assert "With and without exclusion" in page
    assert "2 participants excluded by the protocol" in page


@pytest.mark.slow
def test_a_later_report_leaves_no_tables_of_this_one_behind(root: Path, tmp_path: Path) -> None:
    write_report(load(root), tmp_path / "out", bootstrap=0)
    plain = tmp_path / "plain"
    for participant in (1, 2, 3):
        record(plain, participant, answers(), text="")
    write_report(load(plain), tmp_path / "out", bootstrap=0)
    assert not list((tmp_path / "out").glob("*without*"))
    page = (tmp_path / "out" / "report.html").read_text()
    assert "No participant and no trial was excluded" in page


def sessions_of(trials: pd.DataFrame, **columns: Any) -> pd.DataFrame:
    people = sorted(trials["participant"].unique())
    known = {"participant": people, "session": 1, "protocol_sha256": "x", "finished": True,
             "started": "2026-11-24T09:00:00+00:00",
             "completed": "2026-11-24T09:40:00+00:00"}  # fmt: skip
    return pd.DataFrame(known | columns)


@pytest.mark.parametrize(
    ("rule", "change", "reason"),
    [
        ({"accuracy": 0.3}, {"correct": False}, "accuracy 0, allowed at least 0.3"),
        ({"rt_floor": 0.01, "fast_share": 0.5}, {"rt": 0.001}, "too fast answers 1"),
        ({"unfinished": True}, {}, "session unfinished"),
        ({"session_minutes": (10, 60)}, {}, "minutes of the session 120, allowed 10 to 60"),
    ],
)
def test_every_rule_leaves_out_whom_it_names(
    rule: dict[str, Any], change: dict[str, Any], reason: str
) -> None:
    trials = table_of(4)
    for column, value in change.items():
        trials.loc[trials["participant"] == 2, column] = value
    sessions = sessions_of(trials)
    sessions.loc[1, "finished"] = False
    sessions.loc[1, "completed"] = "2026-11-24T11:00:00+00:00"
    decision = exclude(trials, sessions, {"x": Exclusion(**rule)})
    assert [e["participant"] for e in decision.participants] == [2]
    assert reason in decision.participants[0]["reasons"][0]


def test_what_cannot_be_judged_is_kept_and_said() -> None:
    trials = table_of(3)
    trials = trials[~((trials["participant"] == 1) & (trials["trial_type"] == "catch"))]
    rules = {"x": Exclusion(catch_accuracy=0.0, session_minutes=(1, 90))}
    decision = exclude(trials, sessions_of(trials, completed=None), rules)
    assert decision.participants == []
    assert "participant 1 (catch accuracy not in the record)" in decision.statements[1]
    assert "participant 2 (minutes of the session not in the record)" in decision.statements[1]
    assert "nobody and nothing broke them" in decision.statements[0]


def test_limits_of_time_leave_ratings_and_unanswered_trials_alone() -> None:
    trials = table_of(2)
    trials.loc[0, "trial_type"] = "intuitiveness"
    trials.loc[[0, 1], "rt"] = 99.0
    trials.loc[2, "rt"] = float("nan")
    decision = exclude(trials, sessions_of(trials), {"x": Exclusion(rt_ceiling=50)})
    assert decision.n_trials == 1
    assert {0, 2} <= set(decision.trials.index)


def test_rules_that_leave_nothing_are_an_error() -> None:
    trials = table_of(2)
    with pytest.raises(UserError, match="leave no main trial: 2 of 2"):
        exclude(trials, sessions_of(trials), {"x": Exclusion(accuracy=1.0)})


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("catch_acuracy = 0.8", "unknown key `catch_acuracy`.*catch_accuracy"),
        ("catch_accuracy = 80", "less than or equal to 1"),
        ("session_minutes = [60, 10]", "shorter time first"),
        ("rt_floor = 2.0\nrt_ceiling = 1.0", "rt_floor below rt_ceiling"),
        ("fast_share = 0.1", "should have an rt_floor"),
        ("side_bias = 0.2", "greater than or equal to 0.5"),
    ],
)
def test_wrong_rules_are_answered_with_a_sentence(table: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_rules(f"[exclusion]\n{table}\n", "plan.json")
    with pytest.raises(UserError, match="not valid TOML"):
        read_rules("[exclusion", "plan.json")


def test_protocols_without_the_table_state_nothing() -> None:
    assert read_rules("", "plan.json").stated == {}
    assert read_rules('name = "demo"\n', "plan.json").stated == {}
