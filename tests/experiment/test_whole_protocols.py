"""Whole sessions of the published protocols, and of one with all that a protocol can have."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from pathlib import Path

import pytest

from experiment.bank_index import BankSnapshot
from experiment.observers import make_observer
from experiment.opening import choose_session
from experiment.options import Options
from experiment.protocol import load_protocol
from experiment.repeats import decide_repeats
from experiment.responses import ObserverResponses
from experiment.run import create_session, run_session
from experiment.session import Ending, Session
from experiment.stage import VirtualStage
from experiment.texts import load_texts
from participants import DataFolder, SessionFolder, read_journal, read_table
from stimuli import Unit, unit_id
from tests.experiment.banks import (
    experiment_one_units,
    experiment_two_units,
    index_of,
    make_bank,
    make_units,
)
from tests.experiment.test_session import TIMELESS

EVERYTHING = (
    ("practice = 1", "practice = 2"),
    ("[trials] ", "[trials.none]\nmain_blocks = 2\n\n[trials] "),
    (
        "longest_run = 4",
        'repeated = 1\nintuitiveness = ["before", "after"]\naround = ["none"]\n'
        "practice_together = true\nlongest_run = 4",
    ),
    ("[timing] ", "[pages]\nconsent = true\ndebrief = true\n\n[timing] "),
)


@pytest.fixture(scope="module")
def rated_bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the painted bank with two units for ratings."""
    rated = [
        Unit(unit_id(f"rated{i}", "1x1", i), f"rated{i}", 7 + i, "1x1", i, "hand-picked",
             "intuitiveness")
        for i in (0, 1)
    ]  # fmt: skip
    return make_bank(tmp_path_factory.mktemp("rated") / "bank.h5", [*make_units(), *rated])


def run(protocol: Path, bank: Path, data: Path, **changes: object) -> SessionFolder:
    given: dict[str, object] = {"observer": "sdt", "window": False, "seed": 4, **changes}
    report = run_session(Options(str(protocol), bank, data, 1, **given))  # type: ignore[arg-type]
    assert report.ending is Ending.FINISHED
    return report.folder


def walk(name: str, bank: BankSnapshot, participant: int, data: Path) -> SessionFolder:
    """Walk a session of an embedded protocol without a window and without images."""
    protocol, text = load_protocol(name)
    folder = DataFolder(data)
    chosen = choose_session(folder, participant, protocol, text, bank, seed=1, observer="sdt")
    stage = VirtualStage()
    responses = ObserverResponses(make_observer("sdt", 1, participant), stage.now)
    session = create_session(folder, chosen)
    with session.journal() as journal:
        state = session.state()
        texts = load_texts("en")
        walked = Session(
            chosen.plan, protocol, texts, stage, responses, journal, state, sync_each=False
        )
        assert walked.walk() is Ending.FINISHED
    session.write_trial_table()
    return session


def test_experiment_one_from_consent_to_table(tmp_path: Path) -> None:
    bank = index_of(experiment_one_units(), batches=4)
    folder = walk("borowski2021_experiment1", bank, 1, tmp_path)
    rows = read_table(folder.table_path)
    assert Counter(row["trial_type"] for row in rows) == {
        "intuitiveness": 3,
        "practice": 15,
        "main": 135,
        "catch": 18,
        "repeated": 18,
    }
    assert [row["trial"] for row in rows] == list(range(1, 190))
    ratings = [row for row in rows if row["trial_type"] == "intuitiveness"]
    for row in ratings:
        assert -100 <= row["rating"] <= 100
        assert row["choice"] is row["correct"] is row["confidence"] is row["condition"] is None
        assert row["rt"] > 0
        assert len(row["references_max"].split()) == 18
    assert all(row["rating"] is None for row in rows if row not in ratings)
    assert {row["key"] for row in rows} == {"mouse"}
    by_number = {row["trial"]: row for row in rows}
    for row in rows:
        if row["trial_type"] == "repeated":
            assert by_number[row["repeated_of"]]["unit"] == row["unit"]
            assert row["correct"] == (row["choice"] == row["correct_position"])
    entries = read_journal(folder.journal_path)
    (extended,) = [e for e in entries if e.event == "plan_extended"]
    protocol, _ = load_protocol("borowski2021_experiment1")
    state = folder.state()
    # The blocks in the journal follow from plan and answers.
    assert decide_repeats(folder.plan, protocol, state.completed) == state.extension
    assert next(e.event for e in entries[extended.seq + 1 :]) == "block_start"
    end = entries[-1]
    assert end.event == "session_end"
    assert end.data["n_trials"] == 135 + 18 + 18


def test_experiment_two_gives_both_groups_their_sessions(tmp_path: Path) -> None:
    bank = index_of(experiment_two_units(), batches=3)
    folders = [walk("borowski2021_experiment2", bank, n, tmp_path) for n in (1, 11)]
    assert [f.info.expertise for f in folders] == ["expert", "lay"]
    rows = read_table(folders[-1].table_path)
    assert Counter(row["trial_type"] for row in rows) == {
        "intuitiveness": 6,
        "practice": 24,
        "main": 160,
        "catch": 32,
    }
    assert {row["expertise"] for row in rows} == {"lay"}
    first = read_table(folders[0].table_path)
    for name in ("unit", "condition", "scheme", "query_upper", "references_max", "batch"):
        assert [row[name] for row in rows] == [row[name] for row in first], name


def test_cut_anywhere_and_resumed_it_is_the_same_session(
    variant: object, rated_bank: Path, tmp_path: Path
) -> None:
    protocol = variant(*EVERYTHING)  # type: ignore[operator]
    whole = run(protocol, rated_bank, tmp_path / "whole")
    lines = whole.journal_path.read_bytes().splitlines(keepends=True)
    names = [entry.event for entry in read_journal(whole.journal_path)]
    shown = [e.data.get("name") for e in read_journal(whole.journal_path) if e.event == "screen"]
    assert shown[:3] == ["consent", "instructions", "keys"]
    expected = [{k: v for k, v in row.items() if k not in TIMELESS} for row in whole.rows()]
    kinds = Counter(row["trial_type"] for row in expected)
    assert kinds == {"intuitiveness": 4, "practice": 6, "main": 12, "catch": 4, "repeated": 6}
    decided = names.index("plan_extended")
    last_answer = max(i for i in range(decided) if names[i] == "trial_end")
    cuts = {1, 5, 9, 20, last_answer, last_answer + 1, decided, decided + 1, decided + 5,
            len(lines) - 6, len(lines) - 2}  # fmt: skip
    for cut in sorted(cuts):
        data = tmp_path / f"cut{cut}"
        shutil.copytree(tmp_path / "whole", data)
        folder = DataFolder(data).find(1, 1)
        folder.journal_path.write_bytes(b"".join(lines[:cut]) + lines[cut][:20])
        folder.table_path.unlink()
        resumed = run(protocol, rated_bank, data, resume=True)
        found = [{k: v for k, v in row.items() if k not in TIMELESS} for row in resumed.rows()]
        assert found == expected, cut
        events = [entry.event for entry in read_journal(resumed.journal_path)]
        assert events.count("plan_extended") == 1, cut
        assert events.count("block_end") == len(whole.plan.blocks) + 3, cut


def test_without_feedback_only_the_choice_is_framed(
    variant: object, bank_path: Path, tmp_path: Path
) -> None:
    protocol = variant(  # type: ignore[operator]
        ("[timing] ", '[feedback]\nreveal = ["practice"]\nscore = false\n\n[timing] ')
    )
    rows = run(protocol, bank_path, tmp_path / "data").rows()
    pairs = [
        (one["trial_type"], two["onset_time"] - one["response_time"])
        for one, two in itertools.pairwise(rows)
        if one["block"] == two["block"]
    ]
    assert {kind for kind, _ in pairs} >= {"main", "catch"}
    for kind, pause in pairs:
        assert pause == pytest.approx(2.5 if kind == "practice" else 1.0, abs=1e-5)
