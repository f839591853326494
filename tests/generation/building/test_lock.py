from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from generation.building.lock import sole_builder
from house.errors import UserError
from tests.generation.conftest import ROOT

HOLD = """
import sys, time
from pathlib import Path
from generation.building.lock import sole_builder
with sole_builder(Path(sys.argv[1]), Path(sys.argv[2])):
    print("held", flush=True)
    time.sleep(60)
"""


def hold(bank: Path, work: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(bank), str(work)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_two_builds_of_one_bank_do_not_meet_and_a_killed_one_holds_nothing(tmp_path: Path) -> None:
    bank, work = tmp_path / "bank.h5", tmp_path / "bank.h5.work"
    process = hold(bank, work)
    try:
        with (
            pytest.raises(UserError, match="another process is building"),
            sole_builder(bank, work),
        ):
            pass
        # Another bank in the same folder is nobody's business.
        with sole_builder(tmp_path / "other.h5", tmp_path / "other.h5.work"):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)
        with sole_builder(bank, work):
            pass
    finally:
        process.kill()
        process.wait()


def test_leftovers_of_a_killed_writer_are_cleared_away_and_nothing_else(tmp_path: Path) -> None:
    bank, work = tmp_path / "b[a]nk.h5", tmp_path / "b[a]nk.h5.work"
    work.mkdir()
    stale = [
        tmp_path / ".b[a]nk.h5.0123abcd.tmp",
        work / ".fire2_1x1_30-0123456789abcdef.npz.89abcdef.tmp",
        work / ".recording-0123456789abcdef.npz.89abcdef.tmp",
    ]
    kept = [
        tmp_path / ".other.h5.0123abcd.tmp",
        tmp_path / "b[a]nk.h5.0123abcd.tmp",
        tmp_path / ".b[a]nk.h5.0123abcd.tmp.h5",
        tmp_path / ".bank.h5.0123abcd.tmp",
        work / "fire2_1x1_30-0123456789abcdef.npz",
    ]
    for path in stale + kept:
        path.write_bytes(b"x")
    with sole_builder(bank, work):
        assert not any(path.exists() for path in stale)
        assert all(path.exists() for path in kept)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_a_sentence(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with (
            pytest.raises(UserError, match="cannot write"),
            sole_builder(tmp_path / "b.h5", tmp_path / "b.h5.work"),
        ):
            pass
    finally:
        tmp_path.chmod(0o700)


def test_a_file_in_the_place_of_the_folder_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "b.h5.work").write_text("a file")
    with (
        pytest.raises(UserError, match="cannot write"),
        sole_builder(tmp_path / "b.h5", tmp_path / "b.h5.work"),
    ):
        pass
