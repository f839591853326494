"""The real program killed at random moments, on full disks and beside itself: nothing is lost."""

from __future__ import annotations

import errno
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from experiment.run import Options, run_session
from experiment.session import Ending
from house.errors import UserError
from participants import DataFolder, SessionFolder, read_journal
from tests.experiment.driver import ROOT, Driver
from tests.experiment.test_command import experiment, refused
from tests.experiment.test_session import TIMELESS, options

SIGNALS = (signal.SIGKILL, signal.SIGTERM)
Row = dict[str, Any]


def comparable(rows: list[Row]) -> list[Row]:
    """What an interruption must not change."""
    varying = TIMELESS | {"frames_shown", "frames_dropped", "longest_frame"}
    return [{k: v for k, v in row.items() if k not in varying} for row in rows]


@pytest.fixture(scope="module")
def uninterrupted(bank_path: Path, tmp_path_factory: pytest.TempPathFactory) -> SessionFolder:
    return run_session(options(bank_path, tmp_path_factory.mktemp("whole"))).folder


class Killer:
    """Starts the program, kills it when its journal has grown to some length, and looks on.

    `environment` and `more` say where and how it runs.
    """

    def __init__(
        self, bank: Path, data: Path, environment: dict[str, str], *more: str, protocol: str
    ) -> None:
        self.data, self.environment = data, environment
        self.command = [
            *(sys.executable, "-m", "experiment", "run", "--protocol", protocol),
            *("--bank", str(bank), "--data", str(data), "--participant", "1"),
            *("--observer", "sdt", "--seed", "4", *more),
        ]
        self.folder = SessionFolder(data / "sub-001" / "ses-01")
        self.kills = 0

    def run(self, length: int | None, number: signal.Signals = signal.SIGKILL) -> bool:
        """Go on with the session; say whether it was killed, at that length or at its end."""
        before = self._journal()
        # Whoever was killed before the metadata were written began nothing.
        begun = self.folder.info_path.exists()
        program = subprocess.Popen(
            [*self.command, *(["--resume"] if begun else [])],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if length is not None:
            while program.poll() is None and len(self._journal()) < max(length, 1):
                time.sleep(0.0005)
            program.send_signal(number)
        output = program.communicate(timeout=200)[0]
        # What was written before is still there, to the byte, but for a half-written last line.
        whole = before[: before.rfind(b"\n") + 1]
        assert self._journal().startswith(whole)
        if program.returncode == -number:
            self.kills += 1
            return True
        assert program.returncode == 0, output
        return False

    def _journal(self) -> bytes:
        return self.folder.journal_path.read_bytes() if self.folder.journal_path.exists() else b""


def check_whole(killer: Killer, expected: list[Row]) -> None:
    """Compare a session that was killed with one that was not."""
    entries = read_journal(killer.folder.journal_path)
    rows = killer.folder.rows()
    assert comparable(rows) == comparable(expected)
    for found, wanted in zip(rows, expected, strict=True):
        assert found["rt"] > 0
        assert (found["confidence_rt"] is None) == (wanted["confidence_rt"] is None)
    names = [entry.event for entry in entries]
    begun = [entry.data["trial"] for entry in entries if entry.event == "trial_begin"]
    ended = [entry.data["trial"] for entry in entries if entry.event == "trial_end"]
    assert len(ended) == len(set(ended)), "an answered trial was shown again"
    assert {row["trial"]: row["interrupted"] for row in rows} == {
        row["trial"]: begun.count(row["trial"]) - 1 for row in rows
    }
    assert names.count("session_start") == 1
    assert names[-1] == "session_end"
    assert names.count("session_end") == 1
    # A kill before the first line of a resumed walk leaves no trace, so at most one a kill.
    assert names.count("session_resume") <= killer.kills
    assert killer.folder.info.completed is not None
    assert killer.folder.table_path.exists()


def without_window(bank_path: Path, data: Path, home: Path) -> Killer:
    environment = {
        **{k: v for k, v in os.environ.items() if k != "DISPLAY"},
        "HOME": str(home),
        "PYTHONPATH": str(ROOT),
        "PSYCHOPYNOPACKAGES": "1",
    }
    return Killer(bank_path, data, environment, "--no-window", protocol="demo")


def test_killed_three_times_in_one_session(
    bank_path: Path, tmp_path: Path, uninterrupted: SessionFolder
) -> None:
    killer = without_window(bank_path, tmp_path / "data", tmp_path)
    size = uninterrupted.journal_path.stat().st_size
    for part, number in ((0.0, signal.SIGKILL), (0.2, signal.SIGTERM), (0.5, signal.SIGKILL)):
        if not killer.run(round(part * size), number):
            break
    if killer.folder.info.completed is None:
        assert not killer.run(None)
    assert killer.kills >= 1
    check_whole(killer, uninterrupted.rows())


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_killed_at_twenty_four_random_moments(
    bank_path: Path, tmp_path: Path, uninterrupted: SessionFolder
) -> None:
    rng = random.Random(20)
    size = uninterrupted.journal_path.stat().st_size
    kills = dict.fromkeys(SIGNALS, 0)
    session = 0
    while sum(kills.values()) < 24:
        session += 1
        assert session < 40
        killer = without_window(bank_path, tmp_path / str(session), tmp_path)
        for _ in range(5):
            number = SIGNALS[sum(kills.values()) % 2]
            length = len(killer._journal()) + round(rng.uniform(0, 0.5) * size)
            if not killer.run(length, number):
                break
            kills[number] += 1
        else:
            assert not killer.run(None)
        check_whole(killer, uninterrupted.rows())
    assert min(kills.values()) >= 10, kills


@pytest.mark.slow
@pytest.mark.window
@pytest.mark.timeout(1200)
def test_killed_at_random_moments_in_a_window(
    driver: Driver, fast: Path, bank_path: Path, tmp_path: Path
) -> None:
    given = Options(
        str(fast), bank_path, tmp_path / "whole", 1, observer="sdt", window=False, seed=4
    )
    expected = run_session(given).folder
    killer = Killer(
        *(bank_path, tmp_path / "data", driver.environment(), "--windowed", "--pace", "20"),
        protocol=str(fast),
    )
    rng = random.Random(7)
    size = expected.journal_path.stat().st_size
    for turn in range(6):
        length = len(killer._journal()) + round(rng.uniform(0, 0.2) * size)
        assert killer.run(length, SIGNALS[turn % 2]), turn
    assert not killer.run(None)
    check_whole(killer, expected.rows())


def test_a_session_killed_before_its_last_files_gets_them(bank_path: Path, tmp_path: Path) -> None:
    folder = run_session(options(bank_path, tmp_path)).folder
    journal, table = folder.journal_path.read_bytes(), folder.table_path.read_bytes()
    folder.update_info(completed=None)
    folder.table_path.unlink()
    report = run_session(options(bank_path, tmp_path, resume=True))
    assert report.ending is Ending.FINISHED
    assert folder.table_path.read_bytes() == table
    assert folder.journal_path.read_bytes() == journal
    assert folder.info.completed is not None


# -- full and unwritable disks ---------------------------------------------------------------


@pytest.mark.parametrize("call", [0, 1, 2, 9, 30, 52])
def test_a_disk_that_fills_up_loses_nothing(
    call: int,
    bank_path: Path,
    tmp_path: Path,
    uninterrupted: SessionFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count = 0
    real = os.write

    def full(handle: int, data: bytes) -> int:
        nonlocal count
        count += 1
        if count > call:
            if count == call + 1 and len(data) > 10:
                return real(handle, data[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(handle, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(UserError, match=r"journal \(No space left on device\).*--resume"):
        run_session(options(bank_path, tmp_path))
    monkeypatch.undo()
    folder = DataFolder(tmp_path).find(1, 1)
    # The events that were written before the disk was full; the half-written one was cut off.
    assert len(read_journal(folder.journal_path)) == call
    report = run_session(options(bank_path, tmp_path, resume=True))
    assert report.ending is Ending.FINISHED
    assert comparable(folder.rows()) == comparable(uninterrupted.rows())


@contextmanager
def small_disk(place: Path, size: str, *more: str) -> Iterator[Path]:
    """Mount a file system of that size; skip where that is not allowed."""
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {made.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


needs_mount = pytest.mark.skipif(
    not sys.platform.startswith("linux") or os.geteuid() != 0,
    reason="only root on Linux can mount a small file system",
)


@needs_mount
def test_a_small_file_system_fills_up(
    bank_path: Path, tmp_path: Path, uninterrupted: SessionFolder
) -> None:
    plan = uninterrupted.plan_path.stat().st_size
    journal = uninterrupted.journal_path.stat().st_size
    with small_disk(tmp_path / "disk", "4m") as disk:
        free = os.statvfs(disk)
        block = free.f_bsize
        # Room for the plan, the metadata twice over (they are replaced whole), half a journal.
        blocks = -(-plan // block) + 3 + max(0, journal // block // 2 - 1)
        filler = disk / "filler"
        filler.write_bytes(bytes((free.f_bavail - blocks) * block))
        arguments = ["--bank", str(bank_path), "--data", str(disk / "data"), "--participant", "1"]
        simulated = ["--observer", "sdt", "--no-window", "--seed", "4"]
        said = refused(experiment("run", *arguments, *simulated, home=tmp_path))
        assert "No space left on device" in said
        assert "--resume" in said
        folder = DataFolder(disk / "data").find(1, 1)
        kept = folder.state().completed
        assert 0 < len(kept) < len(uninterrupted.rows())
        filler.unlink()
        done = experiment("run", *arguments, *simulated, "--resume", home=tmp_path)
        assert done.returncode == 0, done.stderr
        assert comparable(folder.rows()) == comparable(uninterrupted.rows())
        assert {n: r["onset_time"] for n, r in folder.state().completed.items() if n in kept} == {
            n: r["onset_time"] for n, r in kept.items()
        }


@needs_mount
def test_no_room_for_the_plan_begins_nothing(bank_path: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk:
        (disk / "filler").write_bytes(bytes(os.statvfs(disk).f_bavail * 4096 - 16384))
        place = ["--bank", str(bank_path), "--data", str(disk / "data")]
        said = refused(experiment("run", *place, "--observer", "sdt", "--no-window", home=tmp_path))
        assert "No space left on device" in said
        assert DataFolder(disk / "data").sessions() == []
        assert not list(disk.rglob("*.tmp"))


def test_an_unwritable_disk_is_refused(bank_path: Path, tmp_path: Path) -> None:
    place = tmp_path / "disk"

    def refuse() -> None:
        with pytest.raises(UserError, match="nothing can be written in"):
            run_session(options(bank_path, place / "data"))

    if os.geteuid() == 0:
        with small_disk(place, "64k") as disk:
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            refuse()
    else:
        place.mkdir(mode=0o500)
        refuse()
    assert not (place / "data").exists()


# -- damage and company ----------------------------------------------------------------------


def cut_session(bank_path: Path, data: Path, lines: Callable[[list[bytes]], bytes]) -> Path:
    """Make an unfinished session with its journal changed."""
    folder = run_session(options(bank_path, data)).folder
    whole = folder.journal_path.read_bytes().splitlines(keepends=True)
    folder.journal_path.write_bytes(lines(whole[:20]))
    return folder.journal_path


def test_a_corrupt_line_is_named_and_nothing_is_touched(bank_path: Path, tmp_path: Path) -> None:
    def damage(lines: list[bytes]) -> bytes:
        lines[6] = lines[6].replace(b'"', b"'", 1)
        return b"".join(lines)

    data = tmp_path / "data"
    journal = cut_session(bank_path, data, damage)
    before = journal.read_bytes()
    place = ["--bank", str(bank_path), "--data", str(data), "--participant", "1"]
    for more in ([], ["--resume"]):
        said = refused(
            experiment("run", *place, *more, "--observer", "sdt", "--no-window", home=tmp_path)
        )
        assert "line 7 of the journal is damaged" in said
        assert "backup" in said
    assert journal.read_bytes() == before


def test_two_programs_at_once_share_no_session(bank_path: Path, tmp_path: Path) -> None:
    killers = [without_window(bank_path, tmp_path / "data", tmp_path) for _ in range(2)]
    programs = [
        subprocess.Popen(k.command, env=k.environment, stderr=subprocess.PIPE, text=True)
        for k in killers
    ]
    said = [program.communicate(timeout=120)[1] for program in programs]
    codes = [program.returncode for program in programs]
    assert 0 in codes, said
    assert set(codes) <= {0, 2}, said
    assert all("Traceback" not in text for text in said)
    sessions = DataFolder(tmp_path / "data").sessions()
    # Whoever came too late was refused, or took a session of its own.
    assert len(sessions) == codes.count(0)
    for session in sessions:
        assert session.state().finished
        assert len(session.rows()) == sum(1 for _ in session.plan.trials())
