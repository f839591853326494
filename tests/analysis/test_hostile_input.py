"""Damaged, mixed and impossible data: an error or a stated exclusion, never a wrong number."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from analysis.analyse import analyse
from analysis.load import load
from house.errors import UserError
from participants import DataFolder
from tests.analysis.builders import change_table, write_sessions

Change = Callable[[pd.DataFrame], pd.DataFrame | None]


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sessions(tmp_path_factory.mktemp("clean") / "data", 3, units=4)


@pytest.fixture
def root(clean: Path, tmp_path: Path) -> Path:
    shutil.copytree(clean, tmp_path / "data")
    return tmp_path / "data"


def table(root: Path, participant: int = 1) -> Path:
    return DataFolder(root).find(participant, 1).table_path


def put(column: str, value: str, *rows: int) -> Change:
    def change(frame: pd.DataFrame) -> None:
        frame.loc[list(rows or (3,)), column] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put("condition", "Natural"), 'condition holds both "natural" and "Natural"'),
        (put("condition", "natural "), 'condition holds both "natural" and "natural "'),
        (put("scheme", "min+max 9"), 'scheme holds both "Min\\+Max 9" and "min\\+max 9"'),
        (put("layer", "fire9"), 'unit fire.* has the layer "fire'),
        (put("expertise", "lay", 3), None),
        (lambda t: t.assign(expertise=["lay", "expert"] * (len(t) // 2)), "has the expertise"),
        (put("rt", "1500", 2, 3, 4), "seconds and milliseconds may be mixed"),
        (put("rt", "1,5"), 'rt holds "1,5", which is not a number'),
        (put("rt", "-inf"), "infinite response time"),
        (put("rating", "250"), "rating outside -100 to 100"),
        (put("correct", "1"), 'correct holds "1"'),
        (put("participant", "n/a"), "participant"),
        (put("trial", "3.5"), "not a whole number"),
        (lambda t: pd.concat([t, t]), "is there twice"),
        (lambda t: t.iloc[:0], None),
        (lambda t: t.drop(columns=["participant"]), "columns are missing: participant"),
        (lambda t: t.rename(columns={"rt": "RT"}), "columns are missing: rt"),
    ],
)
def test_tables_that_contradict_themselves_stop_the_work(
    root: Path, change: Change, message: str | None
) -> None:
    change_table(table(root), change)
    if message is None:
        assert len(load(root).trials)
        return
    with pytest.raises(UserError, match=message):
        load(root)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "cp1252"])
def test_other_encodings_are_named_not_guessed(root: Path, encoding: str) -> None:
    path = table(root)
    text = path.read_text(encoding="utf-8").replace("fire2", "füre2")
    path.write_bytes(text.encode(encoding))
    with pytest.raises(UserError, match="not UTF-8") as caught:
        load(root)
    assert "sub-001" in str(caught.value)


def test_a_few_pauses_are_no_mixed_units(root: Path) -> None:
    change_table(table(root), put("rt", "1500", 2, 3))
    assert (load(root).trials["rt"] > 1000).sum() == 2


def test_a_copied_session_is_said(root: Path) -> None:
    assert not [s for s in load(root).statements if "copy" in s]
    source = DataFolder(root).find(1, 1).path
    target = root / "sub-009" / "ses-01"
    shutil.copytree(source, target)
    folder = DataFolder(root).find(9, 1)
    folder.update_info(participant=9)
    change_table(folder.table_path, lambda t: t.assign(participant="9"))
    (said,) = [s for s in load(root).statements if "copy" in s]
    assert "participant 1 session 1, participant 9 session 1" in said


def test_another_experiments_table_in_a_session_is_not_counted_with_it(root: Path) -> None:
    change_table(table(root), lambda t: t.assign(session="2"))
    with pytest.raises(UserError, match="no session folder has these numbers"):
        load(root)


def test_tables_of_two_banks_under_one_unit_name_are_refused(root: Path) -> None:
    """Units of two networks mixed: the same name, another branch."""
    change_table(table(root, 2), lambda t: t.assign(branch="5x5"))
    with pytest.raises(UserError, match=r"unit fire.* has the branch"):
        load(root)


def everything_missing(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(choice="n/a", correct="n/a", rt="n/a", confidence="n/a")


def no_units(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(unit="n/a", layer="n/a", branch="n/a", selection="n/a", block="n/a")


def one_condition_each(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(condition="natural" if frame["participant"].iloc[0] == "1" else "none")


@pytest.mark.parametrize("change", [everything_missing, no_units, one_condition_each])
def test_every_number_is_right_or_missing(root: Path, change: Change) -> None:
    """Whatever is missing in all tables, nothing fails, and accuracies are plain shares."""
    for participant in (1, 2, 3):
        change_table(table(root, participant), change)
    dataset = load(root)
    (results,) = analyse(dataset, bootstrap=20)
    answered = dataset.trials[
        (dataset.trials["trial_type"] == "main") & dataset.trials["correct"].notna()
    ]
    rows = results.estimates[
        (results.estimates["measure"] == "accuracy")
        & (results.estimates["trials"] == "all")
        & (results.estimates["factor"] == "")
    ]
    shares = answered.groupby(answered["condition"].astype(str))["correct"].mean().astype(float)
    assert dict(zip(rows["condition"], rows["estimate"], strict=True)) == pytest.approx(
        shares.to_dict()
    )
    undefined = results.tests[results.tests["p"].isna()]
    assert (undefined["note"] != "").all()
    assert results.tests["p"].dropna().between(0, 1).all()
