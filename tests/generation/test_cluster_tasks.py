from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from generation import cluster_tasks
from generation.cluster_tasks import Bench, Done, Failed, Lost, perform
from house.errors import UserError


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cluster_tasks, "_unfit", False)
    return Bench(None, str(tmp_path), 1, 1, 1.0)


def raising(error: BaseException, cause: BaseException | None = None) -> Any:
    def work(bench: Bench) -> Done:
        raise error from cause

    return work


def test_what_comes_back_of_a_task(bench: Bench) -> None:
    assert perform(lambda bench, x: Done(x + 1), bench, 2) == Done(3)
    told = perform(raising(UserError("a problem", where="a", remedy="Do.")), bench)
    assert told == Failed("a problem", "a", "Do.")
    denied = perform(raising(PermissionError(errno.EACCES, "Permission denied", "/x")), bench)
    assert isinstance(denied, Failed)
    assert (denied.problem, denied.where) == ("a worker cannot go on (Permission denied)", "/x")
    assert not cluster_tasks._unfit


@pytest.mark.parametrize(
    ("error", "cause", "reason"),
    [
        (MemoryError(), None, "memory ran out"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), None, "memory ran out"),
        (RuntimeError("[enforce fail] can't allocate memory"), None, "memory ran out"),
        (UserError("it does not fit"), MemoryError(), "memory ran out: it does not fit"),
        (RuntimeError("could not create a primitive"), None, "could not create a primitive"),
        (ZeroDivisionError("x\ny"), None, "ZeroDivisionError: x"),
    ],
)
def test_a_process_that_failed_may_be_unfit(
    bench: Bench, error: BaseException, cause: BaseException | None, reason: str
) -> None:
    lost = perform(raising(error, cause), bench)
    assert isinstance(lost, Lost)
    assert reason in lost.reason
    assert "\n" not in lost.reason
    assert cluster_tasks._unfit


def test_an_unfit_process_ends_when_it_is_asked_again(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from generation.cluster_tasks import Bench, Done, Lost, perform\n"
        "bench = Bench(None, sys.argv[1], 1, 1, 1.0)\n"
        "lost = perform(lambda bench: 1 / 0, bench)\n"
        "assert 'ZeroDivisionError' in lost.details and isinstance(lost, Lost)\n"
        "print('asked', flush=True)\n"
        "perform(lambda bench: Done(0), bench)\n"
        "print('answered', flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "asked\n"), done.stderr


def test_a_folder_that_no_worker_has_is_told(tmp_path: Path) -> None:
    bench = Bench(None, str(tmp_path / "elsewhere"), 1, 1, 60.0)
    told = perform(lambda bench: Done(0), bench)
    assert isinstance(told, Failed)
    assert "cannot enter the folder" in told.problem
