from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys

import pytest

from house.errors import UserError
from house.files import (
    atomic_write_json,
    atomic_write_text,
    atomic_writer,
    read_json,
    safe_join,
    sha256_file,
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
