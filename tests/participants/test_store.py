from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from house.errors import UserError
from participants import (
    TRIAL_COLUMNS,
    DataFolder,
    Journal,
    Plan,
    SessionInfo,
    read_table,
    write_published_session,
    write_table,
)
from participants.columns import RESULT_COLUMNS
from participants.record import PlannedTrial
from tests.participants.conftest import answer, small_info, small_plan


def make(root, **kwargs):
    plan = small_plan(**kwargs)
    return DataFolder(root).create(plan, small_info(plan))


def test_plan_and_metadata_come_back_equal(tmp_path):
    folder = make(tmp_path)
    assert folder.plan == small_plan()
    assert folder.info == small_info(small_plan())
    assert folder.path == tmp_path / "sub-001" / "ses-01"
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert folder.plan_path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_ever_overwritten(tmp_path):
    make(tmp_path)
    with pytest.raises(UserError, match="nothing is ever overwritten"):
        make(tmp_path)
    assert DataFolder(tmp_path).next_session(1) == 2
    make(tmp_path, session=2)
    assert [folder.path.name for folder in DataFolder(tmp_path).sessions_of(1)] == [
        "ses-01",
        "ses-02",
    ]


def test_an_attempt_that_died_before_its_metadata_takes_a_number_but_is_no_session(tmp_path):
    (tmp_path / "sub-004" / "ses-01").mkdir(parents=True)
    data = DataFolder(tmp_path)
    assert data.sessions() == []
    assert data.next_session(4) == 2


def test_sessions_are_found_in_numeric_order_whatever_their_zeros(tmp_path):
    for participant in (10, 2):
        make(tmp_path, participant=participant)
    (tmp_path / "sub-010").rename(tmp_path / "sub-10")
    (tmp_path / "notes").mkdir()
    data = DataFolder(tmp_path)
    assert data.participants() == [2, 10]
    assert [folder.info.participant for folder in data.sessions()] == [2, 10]
    assert data.find(10, 1).path == tmp_path / "sub-10" / "ses-01"
    with pytest.raises(UserError, match="has no session 3"):
        data.find(10, 3)


def test_the_table_is_what_plan_and_journal_say(tmp_path):
    folder = make(tmp_path)
    with Journal(folder.journal_path) as journal:
        journal.append("session_start")
        for trial in (1, 2):
            journal.append("trial_begin", trial=trial)
            journal.append("trial_end", **answer(trial))
        journal.append("trial_begin", trial=3)
        journal.append("session_resume")
        journal.append("trial_begin", trial=3)
        journal.append("trial_end", **answer(3))
        journal.append("trial_begin", trial=4)
    state = folder.state()
    assert (sorted(state.completed), state.interrupted, state.finished) == (
        [1, 2, 3],
        {3: 1, 4: 1},
        False,
    )
    rows = read_table(folder.write_trial_table())
    assert [row["trial"] for row in rows] == [1, 2, 3]
    assert [row["trial_type"] for row in rows] == ["main", "catch", "main"]
    assert [row["interrupted"] for row in rows] == [0, 0, 1]
    assert rows[0]["references_min"] == "natural/000001 natural/000002"
    assert rows[0]["rt"] == answer(1)["rt"]
    assert rows[0]["rating"] is None
    assert rows[1]["correct"] is False
    sidecar = json.loads(folder.table_path.with_suffix(".json").read_text())
    assert list(sidecar) == list(TRIAL_COLUMNS)
    assert sidecar["rt"]["Units"] == "s"


def test_a_trial_answered_twice_keeps_its_first_answer(tmp_path):
    folder = make(tmp_path)
    with Journal(folder.journal_path) as journal:
        journal.append("trial_begin", trial=1)
        journal.append("trial_end", **answer(1))
        journal.append("trial_end", **(answer(1) | {"choice": "lower"}))
    assert folder.rows()[0]["choice"] == "upper"


def test_columns_come_from_the_plan_the_answer_or_the_session():
    derived = {"participant", "session", "interrupted", "expertise"}
    planned = set(PlannedTrial.model_fields)
    assert set(TRIAL_COLUMNS) == planned | set(RESULT_COLUMNS) | derived


cells = {
    "str": st.text(
        st.characters(codec="utf-8", exclude_categories=("Cs",), exclude_characters="\t\n\r"),
        min_size=1,
    ).filter(lambda text: text != "n/a"),
    "int": st.integers(-(10**9), 10**9),
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
}
row_strategy = st.fixed_dictionaries(
    {name: st.one_of(st.none(), cells[column.dtype]) for name, column in TRIAL_COLUMNS.items()}
)


@given(st.lists(row_strategy, max_size=3))
def test_every_value_survives_the_table_with_all_its_digits(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("table") / "trials.tsv"
    write_table(path, rows)
    assert read_table(path) == rows


def test_damaged_tables_are_named_by_line_and_column(tmp_path):
    path = tmp_path / "trials.tsv"
    write_table(path, [{"trial": 1, "rt": 0.5}])
    whole = path.read_text()
    path.write_text(whole.replace("0.5", "fast"))
    with pytest.raises(UserError, match="line 2: rt cannot be 'fast'"):
        read_table(path)
    path.write_text(whole.replace("\trt\t", "\treaction\t"))
    with pytest.raises(UserError, match="columns are missing: rt"):
        read_table(path)
    path.write_text(whole + "1\t2\n")
    with pytest.raises(UserError, match="line 3 has 2 cells"):
        read_table(path)
    with pytest.raises(UserError, match="no such trial table"):
        read_table(tmp_path / "none.tsv")


def test_damaged_metadata_names_the_key(tmp_path):
    folder = make(tmp_path)
    folder.info_path.write_text(folder.info_path.read_text().replace('"simulated"', '"robot"'))
    with pytest.raises(UserError, match=r"session\.json: `kind` should be.*found 'robot'"):
        _ = folder.info
    folder.info_path.write_text(folder.info_path.read_text().replace('"kind"', '"knid"'))
    with pytest.raises(UserError, match=r'`knid`(.|\n)*Did you mean "kind"'):
        _ = folder.info


def test_metadata_can_be_completed(tmp_path):
    folder = make(tmp_path)
    folder.update_info(completed="2026-01-01T11:00:00+00:00")
    assert folder.info.completed == "2026-01-01T11:00:00+00:00"


def test_published_sessions_have_a_table_and_no_plan(tmp_path):
    info = SessionInfo(participant=5, session=1, protocol="x", kind="published")
    folder = write_published_session(tmp_path, info, [{"participant": 5, "trial": 1, "rt": -0.1}])
    assert not folder.plan_path.exists()
    assert folder.rows()[0]["rt"] == -0.1
    with pytest.raises(UserError, match="nothing is ever overwritten"):
        write_published_session(tmp_path, info, [])


def test_a_data_set_is_described_once(tmp_path):
    data = DataFolder(tmp_path / "new")
    data.describe(name="first", kind="sessions")
    data.describe(name="second", kind="sessions")
    assert data.description()["name"] == "first"
    (tmp_path / "new" / "dataset.json").write_text("{}")
    with pytest.raises(UserError, match="no description"):
        data.description()


def test_a_plan_with_two_equal_trial_numbers_is_refused():
    plan = small_plan().model_dump()
    plan["blocks"][0]["trials"][1]["trial"] = 1
    with pytest.raises(ValueError, match="same number"):
        Plan.model_validate(plan)


def test_a_session_is_locked_until_its_process_ends(tmp_path):
    folder = make(tmp_path)
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom participants import SessionFolder\n"
        f"with SessionFolder(Path({str(folder.path)!r})).lock():\n"
        "    print('locked', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "locked\n"
        with pytest.raises(UserError, match="open in another program"), folder.lock():
            pass
        child.send_signal(signal.SIGKILL)
    with folder.lock():
        assert folder.path.joinpath(".lock").exists()


def test_an_unwritable_place_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot create this folder"):
        make(tmp_path / "file" / "data")


def test_people_are_waited_for_and_simulated_data_is_not(tmp_path, monkeypatch):
    synced: list[int] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(handle), real(handle))[1])
    counts = {}
    for durable in (True, False):
        synced.clear()
        data = DataFolder(tmp_path / str(durable), durable=durable)
        plan = small_plan()
        folder = data.create(plan, small_info(plan))
        # Plan and metadata, each with its folder, and the two folders above.
        before_the_first_screen = len(synced)
        with folder.journal() as journal:
            opened = len(synced)
            journal.append("trial_begin", trial=1)
            journal.append("trial_end", **answer(1))
            each = len(synced) - opened
        folder.update_info(completed="2026-01-01T11:00:00+00:00")
        folder.write_trial_table()
        counts[durable] = (before_the_first_screen, each, len(synced))
        assert data.find(1, 1).durable == durable
        assert len(folder.rows()) == 1
    assert counts[False] == (0, 0, 0)
    before_the_first_screen, each, _ = counts[True]
    assert before_the_first_screen >= 6
    assert each == 2
    synced.clear()
    folder.sync()
    assert len(synced) == 5


def test_a_folder_that_cannot_be_written_cannot_be_locked(tmp_path, monkeypatch):
    folder = make(tmp_path)
    with folder.lock():
        assert (folder.path / ".lock").stat().st_mode & 0o777 == 0o600

    def full(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(UserError, match=r"No space left.*Make room"), folder.lock():
        pass
