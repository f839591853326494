"""The loop without a window: what it writes, and going on after any interruption."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone
from itertools import pairwise
from pathlib import Path

import pytest

from experiment.opening import choose_session, default_bank, participant_number
from experiment.preflight import (
    Check,
    check_bank,
    check_disk,
    check_refresh,
    check_size,
    check_wayland,
    settle,
)
from experiment.preparation import Preparation, slots_of
from experiment.protocol import Protocol, load_protocol, protocol_sha256
from experiment.run import Options, run_session
from experiment.session import Ending
from experiment.simulation import simulate
from house.errors import UserError
from participants import DataFolder, read_journal, read_table
from stimuli import StimulusBank
from tests.experiment.banks import make_bank

TIMELESS = {
    "wall_clock",
    "preparation_time",
    "onset_time",
    "response_time",
    "confidence_time",
    "rt",
    "confidence_rt",
    "gap_overrun",
    "interrupted",
}


def options(bank_path: Path, data: Path, **changes: object) -> Options:
    given: dict[str, object] = {"observer": "sdt", "window": False, "seed": 4, **changes}
    return Options("demo", bank_path, data, 1, **given)  # type: ignore[arg-type]


def test_a_session_writes_the_events_of_the_contract(bank_path: Path, tmp_path: Path) -> None:
    report = run_session(options(bank_path, tmp_path))
    entries = read_journal(report.folder.journal_path)
    names = [entry.event for entry in entries]
    assert names[:4] == ["session_start", "preflight", "screen", "screen"]
    assert names[-1] == "session_end"
    plan = report.folder.plan
    assert names.count("block_start") == names.count("block_end") == len(plan.blocks) == 6
    begun = [e.data["trial"] for e in entries if e.event == "trial_begin"]
    ended = [e.data["trial"] for e in entries if e.event == "trial_end"]
    assert begun == ended == [t.trial for t in plan.trials()]
    shown = [e.data["name"] for e in entries if e.event == "screen"]
    assert shown[:4] == ["instructions", "keys", "block", "score"]
    end = entries[-1].data
    assert end["n_trials"] == 16
    rows = report.folder.rows()
    assert end["n_correct"] == sum(r["correct"] for r in rows if r["trial_type"] != "practice")
    info = report.folder.info
    assert info.completed is not None
    assert info.kind == "simulated"
    assert info.observer is not None
    assert info.observer["name"] == "sdt"
    assert info.screen == {"window": False}


def test_the_table_holds_together(bank_path: Path, tmp_path: Path) -> None:
    report = run_session(options(bank_path, tmp_path))
    rows = read_table(report.folder.table_path)
    assert len(rows) == 19
    for row in rows:
        assert row["rt"] == pytest.approx(row["response_time"] - row["onset_time"], abs=2e-6)
        assert row["rt"] > 0
        assert row["confidence_rt"] == row["rt"]
        assert row["correct"] == (row["choice"] == row["correct_position"])
        assert row["key"] == {"upper": "uio", "lower": "jkl"}[row["choice"]][row["confidence"] - 1]
        assert row["presses_before_onset"] == 0
        assert row["frames_shown"] is None
        assert row["interrupted"] == 0
    onsets = [row["onset_time"] for row in rows]
    assert onsets == sorted(onsets)


def test_feedback_and_gap_take_their_time(bank_path: Path, tmp_path: Path) -> None:
    rows = run_session(options(bank_path, tmp_path)).folder.rows()
    timing = load_protocol("demo")[0].timing
    pause = timing.feedback_choice + timing.feedback_correct + timing.gap
    within = [
        later["onset_time"] - earlier["response_time"]
        for earlier, later in pairwise(rows)
        if earlier["block"] == later["block"]
    ]
    assert within == pytest.approx([pause] * len(within), abs=1e-5)


def test_cut_anywhere_and_resumed_it_is_the_same_session(bank_path: Path, tmp_path: Path) -> None:
    whole = run_session(options(bank_path, tmp_path / "whole")).folder
    lines = whole.journal_path.read_bytes().splitlines(keepends=True)
    expected = [{k: v for k, v in row.items() if k not in TIMELESS} for row in whole.rows()]
    for cut in range(1, len(lines), 4):
        data = tmp_path / f"cut{cut}"
        folder = run_session(options(bank_path, data)).folder
        # As after a power cut: some whole lines, half of the next one, no table.
        folder.journal_path.write_bytes(b"".join(lines[:cut]) + lines[cut][:20])
        folder.table_path.unlink()
        if folder.state().finished:
            continue
        resumed = run_session(options(bank_path, data, resume=True))
        assert resumed.ending is Ending.FINISHED
        found = resumed.folder.rows()
        assert [{k: v for k, v in r.items() if k not in TIMELESS} for r in found] == expected
        broken = lines[cut - 1].startswith(b'{"seq":%d,"event":"trial_begin"' % (cut - 1))
        assert sum(row["interrupted"] for row in found) == broken
        names = [e.event for e in read_journal(folder.journal_path)]
        assert names.count("session_start") == 1
        assert names.count("session_resume") == 1
        assert names.count("block_end") == 6


def test_sessions_are_never_overwritten(bank_path: Path, tmp_path: Path) -> None:
    first = run_session(options(bank_path, tmp_path)).folder
    before = first.journal_path.read_bytes()
    second = run_session(options(bank_path, tmp_path)).folder
    assert second.path.name == "ses-02"
    assert first.journal_path.read_bytes() == before
    assert first.plan.blocks != second.plan.blocks


def unfinished(bank_path: Path, data: Path, **changes: object) -> Path:
    folder = run_session(options(bank_path, data, **changes)).folder
    lines = folder.journal_path.read_bytes().splitlines(keepends=True)
    folder.journal_path.write_bytes(b"".join(lines[:12]))
    return folder.path


def test_an_unfinished_session_is_not_passed_over(bank_path: Path, tmp_path: Path) -> None:
    path = unfinished(bank_path, tmp_path)
    with pytest.raises(UserError, match=r"unfinished session.*--resume.*--new-session") as caught:
        run_session(options(bank_path, tmp_path))
    assert str(path) in str(caught.value)
    assert run_session(options(bank_path, tmp_path, new_session=True)).folder.path != path
    offered: list[Path] = []
    again = tmp_path / "again"
    unfinished(bank_path, again)
    report = run_session(
        options(bank_path, again), offer=lambda f: bool(offered.append(f.path)) or True
    )
    assert report.resumed
    assert offered == [report.folder.path]


def test_nothing_to_resume(bank_path: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no unfinished session"):
        run_session(options(bank_path, tmp_path, resume=True))
    run_session(options(bank_path, tmp_path))
    with pytest.raises(UserError, match="finished; leave --resume out"):
        run_session(options(bank_path, tmp_path, resume=True))
    with pytest.raises(UserError, match="exclude each other"):
        run_session(options(bank_path, tmp_path, resume=True, new_session=True))


def test_a_session_is_resumed_by_who_began_it(bank_path: Path, tmp_path: Path) -> None:
    unfinished(bank_path, tmp_path)
    with pytest.raises(UserError, match="by the simulated participant sdt"):
        run_session(options(bank_path, tmp_path, resume=True, observer="ideal"))


def test_a_session_keeps_its_protocol(bank_path: Path, tmp_path: Path, fast: Path) -> None:
    path = unfinished(bank_path, tmp_path)
    report = run_session(
        Options(str(fast), bank_path, tmp_path, 1, observer="sdt", window=False, resume=True)
    )
    assert report.folder.path == path
    rows = report.folder.rows()
    within = [
        b["onset_time"] - a["response_time"] for a, b in pairwise(rows) if a["block"] == b["block"]
    ]
    assert within[-1] == pytest.approx(2.5, abs=1e-5)


def test_another_bank_cannot_go_on(bank_path: Path, tmp_path: Path) -> None:
    unfinished(bank_path, tmp_path)
    other = make_bank(tmp_path / "other.h5", size=32)
    with pytest.raises(UserError, match="not the bank that this session was planned with"):
        run_session(options(other, tmp_path, resume=True))


def test_two_programs_cannot_have_one_session(bank_path: Path, tmp_path: Path) -> None:
    unfinished(bank_path, tmp_path)
    folder = DataFolder(tmp_path).find(1, 1)
    with folder.lock(), pytest.raises(UserError, match="open in another program"):
        run_session(options(bank_path, tmp_path, resume=True))


def test_a_damaged_bank_is_refused_before_anything_is_written(
    bank_path: Path, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.h5"
    content = bytearray(bank_path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged.write_bytes(content)
    with pytest.raises(UserError, match="damaged"):
        run_session(options(damaged, tmp_path / "data"))
    damaged.write_bytes(bytes(content[: len(content) // 3]))
    with pytest.raises(UserError, match=r"damaged\.h5"):
        run_session(options(damaged, tmp_path / "data"))
    with pytest.raises(UserError, match=r"nothing\.h5"):
        run_session(options(tmp_path / "nothing.h5", tmp_path / "data"))
    assert not (tmp_path / "data").exists()


def test_no_demo_bank_says_how_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="python -m generation build"):
        default_bank(None, tmp_path)
    assert default_bank(tmp_path / "x.h5", tmp_path) == tmp_path / "x.h5"


@pytest.mark.parametrize("text", ["Anna", "0", "-3", "1.5", "", "²", "1e3", "٣", "12a"])
def test_participants_are_numbers(text: str) -> None:
    with pytest.raises(UserError, match="participant number"):
        participant_number(text)


def test_a_participant_number_may_have_zeros_before_it() -> None:
    assert participant_number(" 007 ") == 7


def test_simulate_adds_participants(bank_path: Path, tmp_path: Path) -> None:
    first = simulate("demo", bank_path, tmp_path, 2, "sdt", 1)
    later = simulate("demo", bank_path, tmp_path, 1, "ideal", 1)
    assert [f.info.participant for f in [*first, *later]] == [1, 2, 3]
    assert all(row["correct"] for row in later[0].rows())
    assert all(folder.state().finished for folder in first)
    assert DataFolder(tmp_path).description()["kind"] == "sessions"


def test_simulate_and_run_agree(bank_path: Path, tmp_path: Path) -> None:
    simulated = simulate("demo", bank_path, tmp_path / "a", 1, "sdt", 4)[0].rows()
    walked = run_session(options(bank_path, tmp_path / "b")).folder.rows()
    for one, other in zip(simulated, walked, strict=True):
        assert {k: v for k, v in one.items() if k != "wall_clock"} == {
            k: v for k, v in other.items() if k != "wall_clock"
        }


def test_the_time_of_consent_and_the_experimenter_are_recorded(
    variant: Callable[..., Path], bank_path: Path, tmp_path: Path
) -> None:
    asking = str(variant(("[timing] ", "[pages]\nconsent = true\n\n[timing] ")))
    place = (asking, bank_path, tmp_path / "data", 1)
    before = datetime.now(timezone.utc).replace(microsecond=0)
    report = run_session(Options(*place, observer="sdt", window=False, experimenter="E2"))
    info = report.folder.info
    assert info.experimenter == "E2"
    assert info.consented is not None
    assert before <= datetime.fromisoformat(info.consented) <= datetime.now(timezone.utc)
    assert run_session(options(bank_path, tmp_path / "other")).folder.info.consented is None


def test_the_record_says_what_ran(bank_path: Path, tmp_path: Path) -> None:
    folder = run_session(options(bank_path, tmp_path)).folder
    info, plan = folder.info, folder.plan
    assert (info.protocol_sha256, info.bank_sha256) == (plan.protocol_sha256, plan.bank_sha256)
    assert info.protocol_sha256 == protocol_sha256(plan.protocol_text)
    assert info.seed == plan.seed == 4
    assert {"python", "psychopy", "h5py", "numpy"} <= set(info.software)
    assert {"system", "processor"} <= set(info.machine)
    assert info.git_commit is None or re.fullmatch(r"[0-9a-f]{40}(\+changes)?", info.git_commit)


def test_files_are_private(bank_path: Path, tmp_path: Path) -> None:
    folder = run_session(options(bank_path, tmp_path / "data")).folder
    assert folder.path.stat().st_mode & 0o777 == 0o700
    for name in ("plan.json", "session.json", "journal.jsonl", "trials.tsv"):
        assert (folder.path / name).stat().st_mode & 0o777 == 0o600, name


def test_images_go_to_their_slots(bank_path: Path, tmp_path: Path) -> None:
    plan = run_session(options(bank_path, tmp_path)).folder.plan
    with StimulusBank(bank_path) as bank, Preparation(bank, 64) as preparation:
        for trial in plan.trials():
            slots = slots_of(trial)
            assert tuple(slots.values()) == trial.image_ids
            preparation.request(trial)
            pictures = preparation.take(trial)
            assert set(pictures) == set(slots)
            for slot, image_id in slots.items():
                assert pictures[slot].tobytes() == bank.image(image_id).tobytes()
        with Preparation(bank, 43) as smaller:
            # Not asked for before: decoded on the spot, at the window's scale.
            assert {p.size for p in smaller.take(trial).values()} == {(43, 43)}


# -- preflight -------------------------------------------------------------------------------


def test_disk(tmp_path: Path) -> None:
    assert check_disk(tmp_path / "not" / "yet").problem is None
    assert "too little space" in str(check_disk(tmp_path, needed=2**62).problem)


def test_bank(bank_path: Path) -> None:
    check = check_bank(bank_path)
    with StimulusBank(bank_path) as bank:
        assert bank.content_sha256 in check.found


@pytest.mark.parametrize(
    ("environment", "wrong"),
    [
        ({}, False),
        ({"XDG_SESSION_TYPE": "x11"}, False),
        ({"XDG_SESSION_TYPE": "wayland"}, True),
        ({"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}, True),
    ],
)
def test_wayland(environment: dict[str, str], wrong: bool) -> None:
    assert (check_wayland(environment).problem is not None) == wrong


def test_refresh(protocol: Protocol) -> None:
    assert check_refresh(59.95, protocol).problem is None
    assert "120" in str(check_refresh(120.0, protocol).problem)
    assert "cannot be measured" in str(check_refresh(None, protocol).problem)


def test_size(protocol: Protocol) -> None:
    assert check_size((1920, 1080), protocol).problem is None
    assert "1024 x 768" in str(check_size((1024, 768), protocol).problem)


def test_refusals_become_warnings_in_a_rehearsal() -> None:
    soft = Check("screen", "x", "the screen is bad", "Mend it.")
    hard = Check("bank", "x", "the bank is bad", "Rebuild it.", fatal=True)
    assert settle([Check("disk", "fine")], rehearsal=False) == []
    with pytest.raises(UserError, match=r"screen is bad. Mend it. .*--rehearsal"):
        settle([soft], rehearsal=False)
    assert settle([soft], rehearsal=True) == ["the screen is bad"]
    with pytest.raises(UserError, match=r"bank is bad. Rebuild it.$"):
        settle([soft, hard], rehearsal=True)
    with pytest.raises(UserError, match=r"2 things are wrong:\n  - screen.*\n  - bank"):
        settle([soft, hard], rehearsal=False)


def test_choosing_writes_nothing(
    protocol: Protocol, demo_text: str, bank_path: Path, tmp_path: Path
) -> None:
    with StimulusBank(bank_path) as bank:
        chosen = choose_session(DataFolder(tmp_path / "new"), 1, protocol, demo_text, bank)
    assert not chosen.resumed
    assert not (tmp_path / "new").exists()
