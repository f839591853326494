from __future__ import annotations

import errno
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from generation.building.progress_files import WorkFolder
from generation.cluster.shared_folder import SharedFolder
from generation.synthesis.optimize import Optimized
from house.errors import UserError
from house.files import atomic_write_text, atomic_writer

SIGNS = [Optimized(np.zeros((1, 2, 2, 3), np.uint8), np.float32([1]), np.float32([1]))] * 2


@pytest.fixture
def work(tmp_path: Path) -> WorkFolder:
    work = WorkFolder(tmp_path / "disk" / "bank.h5", parents=False)
    work.path.mkdir(parents=True)
    (work.path / "note").write_text("x")
    return work


def test_a_folder_that_comes_back_is_waited_for_and_not_made_anew(
    work: WorkFolder, tmp_path: Path
) -> None:
    disk, away = tmp_path / "disk", tmp_path / "away"
    disk.rename(away)
    returning = threading.Timer(1.2, lambda: away.rename(disk))
    returning.start()
    begun = time.monotonic()
    SharedFolder(work.path, 20).patiently(lambda: work.save("a:b:1", "k" * 64, SIGNS))
    assert time.monotonic() - begun > 1
    assert work.load("a:b:1", "k" * 64) is not None
    returning.join()


def test_one_that_stays_away_is_a_sentence(work: WorkFolder, tmp_path: Path) -> None:
    (tmp_path / "disk").rename(tmp_path / "away")
    with pytest.raises(UserError, match="has been away for 1 s"):
        SharedFolder(work.path, 1).patiently(lambda: work.save("a:b:1", "k" * 64, SIGNS))
    assert not (tmp_path / "disk").exists()


def test_patience_begins_when_the_folder_goes_and_not_with_the_action(
    work: WorkFolder, tmp_path: Path
) -> None:
    disk, away = tmp_path / "disk", tmp_path / "away"
    calls: list[int] = []

    def long_action() -> str:
        calls.append(1)
        if len(calls) <= 2:
            # Longer than the patience; then the disk goes for a moment.
            time.sleep(1.2)
            disk.rename(away)
            threading.Timer(0.2, lambda: away.rename(disk)).start()
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return "done"

    assert SharedFolder(work.path, 1).patiently(long_action) == "done"
    assert len(calls) == 3


def test_failures_that_have_other_reasons_are_told_at_once(work: WorkFolder) -> None:
    calls: list[int] = []

    def full() -> None:
        calls.append(1)
        with atomic_writer(work.path / "x"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(UserError, match="No space left"):
        SharedFolder(work.path, 20).patiently(full)
    assert calls == [1]

    def gone() -> str:
        calls.append(1)
        return (work.path / "nothing").read_text()

    with pytest.raises(FileNotFoundError):
        SharedFolder(work.path, 20).patiently(gone)
    # It may have been away for a moment only.
    assert len(calls) == 4


def test_writing_without_making_folders(tmp_path: Path) -> None:
    with (
        pytest.raises(UserError, match="No such file"),
        atomic_writer(tmp_path / "no" / "x", parents=False) as temporary,
    ):
        temporary.write_text("x")
    assert list(tmp_path.iterdir()) == []
    atomic_write_text(tmp_path / "yes" / "x", "x")
    assert (tmp_path / "yes" / "x").read_text() == "x"
