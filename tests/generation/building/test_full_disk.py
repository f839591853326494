from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from generation.building.assembly import check_space
from generation.building.order import build
from generation.natural.checkpoints import RecordingFiles
from generation.recipe import load_recipe
from house.errors import UserError
from tests.generation.building.test_order import Silent, _check_once, accuracy, make
from tests.generation.conftest import run_generation

__all__ = ["_check_once", "accuracy"]


def fails_at(number: int, real: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function that finds the disk full at its n-th call."""
    calls: list[int] = []

    def full(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments, **options)

    return full


@pytest.mark.parametrize(
    ("where", "number", "kept"),
    [
        ("first checkpoint", 1, 0),
        ("second unit", 3, 2),
        ("bank", 9, 4),
    ],
)
def test_a_disk_that_fills_up_leaves_nothing_half_written_and_the_work_goes_on(
    recipe_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    where: str,
    number: int,
    kept: int,
) -> None:
    expected, _ = make(recipe_file, tmp_path / "whole.h5")
    out = tmp_path / "full" / "bank.h5"
    with monkeypatch.context() as patch:
        if where == "bank":
            patch.setattr(h5py.Dataset, "__setitem__", fails_at(number, h5py.Dataset.__setitem__))
        else:
            patch.setattr(np, "savez", fails_at(number, np.savez))
        with pytest.raises(UserError, match="No space left"):
            make(recipe_file, out)
    work = out.with_name("bank.h5.work")
    assert sorted(path.name for path in out.parent.iterdir()) == ["bank.h5.work"]
    assert len(list(work.glob("*.npz"))) == kept
    assert not list(work.glob("*.tmp")) + list(work.glob(".*.tmp"))
    again, _ = make(recipe_file, out)
    assert again.content_sha256 == expected.content_sha256
    assert [path.name for path in out.parent.iterdir()] == ["bank.h5"]


def test_too_little_space_is_told_before_any_work(recipe_file: Path, tmp_path: Path) -> None:
    check_space(tmp_path, 1, "a bank")
    free = shutil.disk_usage(tmp_path).free
    with pytest.raises(UserError, match=r"the disk is too full: a bank needs .* are free"):
        check_space(tmp_path, 2 * free, "a bank")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a real disk of 8 MB; skips where that is not allowed."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("no permission to mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def leave_free(disk: Path, kilobytes: int) -> None:
    """Fill the disk with somebody else's data, up to so much."""
    ballast = disk / "ballast"
    ballast.unlink(missing_ok=True)
    size = shutil.disk_usage(disk).free - 1024 * kilobytes
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)


def test_a_real_disk_that_is_full_and_then_has_room(
    recipe_file: Path, tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, _ = make(recipe_file, tmp_path / "whole.h5")
    out = small_disk / "bank.h5"
    # As its user sees it: told at once.
    leave_free(small_disk, 1200)
    told = run_generation("build", recipe_file, "--out", out, "--quiet")
    assert told.returncode == 2
    assert "the disk is too full" in told.stderr
    assert "Traceback" not in told.stderr
    # It fills up while the build runs: found out by writing, at the checkpoint, at units, and at
    # several places of the bank.
    with monkeypatch.context() as patch:
        patch.setattr("generation.building.assembly.check_space", lambda *arguments: None)
        for kilobytes in (12, 50, 90, 130, 300, 400, 500):
            leave_free(small_disk, kilobytes)
            with pytest.raises(UserError, match="No space left"):
                make(recipe_file, out)
            assert not out.exists()
            assert not [path for path in small_disk.rglob("*") if path.name.endswith(".tmp")]
    (small_disk / "ballast").unlink()
    built, _ = make(recipe_file, out)
    assert built.content_sha256 == expected.content_sha256
    assert [path.name for path in small_disk.iterdir()] == ["bank.h5"]


def test_a_table_of_activations_that_does_not_fit_is_a_sentence(small_disk: Path) -> None:
    leave_free(small_disk, 200)
    with pytest.raises(UserError, match="No space left"):
        RecordingFiles(small_disk, "a" * 64).open_values(1000, 100)


def test_photographs_count_before_synthesis(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Four synthetic images of 48 pixels a unit, in the work folder and the bank; 30 photographs.
    picture = 3 * 48 * 48
    synthetic, photographs = 2 * 3 * 4 * picture, 30 * picture
    usage = shutil.disk_usage(tmp_path)
    free = (1 << 20) + synthetic + photographs // 2
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=free))
    reporter = Silent()
    with pytest.raises(UserError, match="the bank and the work on it needs"):
        build(*load_recipe(str(recipe_file)), tmp_path / "bank.h5", reporter)
    assert "photographs" in reporter.done
    assert "synthetic images" not in reporter.done
    (told,) = [text for text in reporter.said if "the disk is too full" in text]
    assert told.startswith("note: with 30 photographs, the most that may be shown, ")
    free = (1 << 20) + synthetic - 1
    with pytest.raises(UserError, match="the disk is too full"):
        build(*load_recipe(str(recipe_file)), tmp_path / "other.h5", reporter := Silent())
    assert reporter.done == {}
