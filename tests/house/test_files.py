from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from house.errors import UserError
from house.files import (
    atomic_write_json,
    atomic_write_text,
    atomic_writer,
    read_json,
    safe_join,
    sha256_file,
    write_at,
)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "table.tsv"
    atomic_write_text(target, "old")
    with pytest.raises(RuntimeError), atomic_writer(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["table.tsv"]


def test_a_full_disk_is_a_sentence_and_leaves_nothing(tmp_path):
    def fail() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(UserError, match="No space left"), atomic_writer(tmp_path / "x") as path:
        path.write_text("begun")
        fail()
    assert list(tmp_path.iterdir()) == []


def test_a_kill_in_mid_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "x.txt"
    atomic_write_text(target, "old")
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom house.files import atomic_writer\n"
        f"with atomic_writer(Path({str(target)!r})) as path:\n"
        "    path.write_text('half')\n    print('ready', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGKILL)
    assert target.read_text() == "old"


def test_private_files_are_private(tmp_path):
    atomic_write_json(tmp_path / "a.json", {"a": 1}, mode=0o600)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o600


def test_nan_never_becomes_json(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        atomic_write_json(tmp_path / "a.json", {"a": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_damaged_json_is_named_with_its_place(tmp_path):
    (tmp_path / "a.json").write_text('{"a": 1,\n "b"')
    with pytest.raises(UserError, match=r"a\.json.*line 2"):
        read_json(tmp_path / "a.json", "the plan")
    with pytest.raises(UserError, match="the plan is missing"):
        read_json(tmp_path / "b.json", "the plan")


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b"])
def test_paths_from_files_never_leave_their_folder(tmp_path, name):
    with pytest.raises(UserError, match="leads out"):
        safe_join(tmp_path, name)


def test_links_do_not_lead_out_either(tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "link").symlink_to(tmp_path)
    with pytest.raises(UserError, match="leads out"):
        safe_join(tmp_path / "inside", "link/x")
    assert safe_join(tmp_path, "inside/y") == tmp_path.resolve() / "inside" / "y"


def test_checksum_is_the_standard_one(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_file(tmp_path / "x") == expected


def synced(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Note what is fsynced (inode and size at that moment) and renamed, in order."""
    events: list[tuple[str, int]] = []
    fsync, replace = os.fsync, Path.replace

    def noting_fsync(handle: int) -> None:
        found = os.fstat(handle)
        kind = "folder" if stat.S_ISDIR(found.st_mode) else f"file of {found.st_size}"
        events.append((kind, found.st_ino))
        fsync(handle)

    def noting_replace(self: Path, target: Path) -> Path:
        events.append(("rename", self.stat().st_ino))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(Path, "replace", noting_replace)
    return events


def test_the_disk_has_a_file_before_it_gets_its_name_and_then_the_name(tmp_path, monkeypatch):
    events = synced(monkeypatch)
    target = tmp_path / "x.txt"
    atomic_write_text(target, "whole")
    file, folder = target.stat().st_ino, tmp_path.stat().st_ino
    assert events == [("file of 5", file), ("rename", file), ("folder", folder)]
    events.clear()
    atomic_write_text(target, "made again", durable=False)
    assert [kind for kind, _ in events] == ["rename"]


def test_writing_at_a_place_keeps_what_stands_around_it(tmp_path, monkeypatch):
    events = synced(monkeypatch)
    path = tmp_path / "table.bin"
    write_at(path, 0, b"abcdef")
    write_at(path, 2, b"XY")
    write_at(path, 6, b"gh")
    assert path.read_bytes() == b"abXYefgh"
    inode = path.stat().st_ino
    assert events == [("file of 6", inode), ("file of 6", inode), ("file of 8", inode)]
    with pytest.raises(UserError, match="cannot write this file"):
        write_at(tmp_path / "away" / "table.bin", 0, b"x")
    assert not (tmp_path / "away").exists()
