from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from house.errors import UserError
from participants import Journal, read_journal
from participants.journal import read_journal_content


def write(path, n=5):
    with Journal(path) as journal:
        for number in range(n):
            journal.append("trial_end", trial=number, key="ü\n", rt=0.1 + 0.2)


def test_events_come_back_as_they_were(tmp_path):
    path = tmp_path / "journal.jsonl"
    write(path)
    entries = read_journal(path)
    assert [entry.seq for entry in entries] == list(range(5))
    assert entries[3].event == "trial_end"
    assert entries[3].data == {"trial": 3, "key": "ü\n", "rt": 0.1 + 0.2}
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_journal_goes_on_where_it_was(tmp_path):
    path = tmp_path / "journal.jsonl"
    write(path, 2)
    with Journal(path) as journal:
        journal.append("session_resume")
    assert [entry.event for entry in read_journal(path)] == ["trial_end"] * 2 + ["session_resume"]


@given(cut=st.integers(1, 10_000))
def test_whatever_a_crash_cuts_off_the_whole_lines_survive_and_the_chain_goes_on(
    tmp_path_factory, cut
):
    path = tmp_path_factory.mktemp("cut") / "journal.jsonl"
    write(path)
    raw = path.read_bytes()
    kept = raw[: max(0, len(raw) - cut % len(raw))]
    path.write_bytes(kept)
    whole = kept.count(b"\n")
    content = read_journal_content(path)
    assert len(content.entries) == whole
    assert content.truncated == (not kept.endswith(b"\n") and bool(kept))
    with Journal(path) as journal:
        journal.append("session_resume")
    assert len(read_journal(path)) == whole + 1


@given(position=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_a_changed_byte_in_an_earlier_line_is_an_error_naming_the_line(
    tmp_path_factory, position, flip
):
    path = tmp_path_factory.mktemp("flip") / "journal.jsonl"
    write(path)
    raw = bytearray(path.read_bytes())
    last = bytes(raw[:-1]).rfind(b"\n") + 1
    position %= last
    line = raw[:position].count(b"\n") + 1
    raw[position] ^= flip
    path.write_bytes(raw)
    with pytest.raises(UserError, match=rf"line {line} of the journal is damaged"):
        read_journal(path)


def test_a_lost_or_swapped_line_shows(tmp_path):
    path = tmp_path / "journal.jsonl"
    write(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:1] + lines[2:]))
    with pytest.raises(UserError, match="line 2"):
        read_journal(path)
    path.write_bytes(b"".join([lines[0], lines[2], lines[1], *lines[3:]]))
    with pytest.raises(UserError, match="line 2"):
        read_journal(path)


def test_a_full_disk_leaves_a_whole_journal(tmp_path, monkeypatch):
    path = tmp_path / "journal.jsonl"
    journal = Journal(path)
    journal.append("trial_end", trial=1)
    real = os.write

    def half(handle: int, data: bytes) -> int:
        if len(data) > 20:
            return real(handle, data[:20])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", half)
    with pytest.raises(UserError, match=r"No space left.*--resume"):
        journal.append("trial_end", trial=12345678)
    monkeypatch.undo()
    journal.append("trial_end", trial=2)
    journal.close()
    assert [entry.data["trial"] for entry in read_journal(path)] == [1, 2]


def test_what_was_appended_survives_sigkill(tmp_path):
    path = tmp_path / "journal.jsonl"
    program = (
        "from pathlib import Path\nfrom participants import Journal\n"
        f"journal = Journal(Path({str(path)!r}))\n"
        "for number in range(10**9):\n"
        "    journal.append('trial_end', trial=number)\n    print(number, flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        for _ in range(50):
            reported = int(child.stdout.readline())
        child.send_signal(signal.SIGKILL)
        reported = max([reported, *map(int, child.stdout.read().splitlines()[:-1])])
    numbers = [entry.data["trial"] for entry in read_journal(path)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > reported


def test_nan_and_unknown_events_are_refused(tmp_path):
    with Journal(tmp_path / "j") as journal:
        with pytest.raises(ValueError, match="JSON"):
            journal.append("trial_end", rt=float("nan"))
        with pytest.raises(ValueError, match="unknown event"):
            journal.append("tiral_end")
    assert read_journal(tmp_path / "j") == []
