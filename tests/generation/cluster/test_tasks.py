from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from generation.building.progress_files import WorkFolder
from generation.cluster import tasks as cluster_tasks
from generation.cluster.tasks import Bench, Done, Failed, Lost, merge_shards, perform
from generation.natural.extremes import RunningExtremes
from generation.natural.shard_plan import Span
from generation.natural.shards import Shard, ShardFiles
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
    # And says so: its end, at the next task, is not that task's fault.
    assert cluster_tasks._unfit
    assert lost.unfit
    assert not lost.died


def test_an_unfit_process_ends_when_it_is_asked_again(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from generation.cluster.tasks import Bench, Done, Lost, perform\n"
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


SPANS = [Span(0, 4), Span(4, 6), Span(6, 9)]
WHOLE = Span(0, 9)
KEY = "k" * 64


def shard(span: Span) -> Shard:
    rng = np.random.default_rng(span.first)
    running = RunningExtremes(2, 3)
    checksums = rng.integers(0, 256, (span.last - span.first, 32), dtype=np.uint8)
    return Shard(span, {"a": running.state()}, checksums, {span.first: "no picture"})


@pytest.fixture
def shards(tmp_path: Path) -> tuple[Bench, ShardFiles]:
    """A bench, and three shards to be merged there."""
    work = WorkFolder(tmp_path / "bank.h5")
    work.path.mkdir()
    (work.path / "note").write_text("x")
    files = ShardFiles(work.path, KEY)
    for span in SPANS:
        files.save(shard(span))
    job: Any = SimpleNamespace(work=work)
    return Bench(job, str(tmp_path), 1, 1, 1.0), files


@pytest.mark.parametrize("discarded", [0, 1, 3])
def test_a_merge_that_ended_anywhere_is_done_again(
    shards: tuple[Bench, ShardFiles], monkeypatch: pytest.MonkeyPatch, discarded: int
) -> None:
    bench, files = shards
    discard = ShardFiles.discard

    def dying(self: ShardFiles, span: Span) -> None:
        if span == [*SPANS, None][discarded]:
            raise KeyboardInterrupt
        discard(self, span)

    with monkeypatch.context() as patch:
        patch.setattr(ShardFiles, "discard", dying)
        if discarded < 3:
            with pytest.raises(KeyboardInterrupt):
                merge_shards(bench, KEY, SPANS)
            assert files.found() == sorted([WHOLE, *SPANS[discarded:]])
        else:
            # Its answer alone was lost.
            merge_shards(bench, KEY, SPANS)
    assert merge_shards(bench, KEY, SPANS) == Done(WHOLE)
    assert files.found() == [WHOLE]
    np.testing.assert_array_equal(
        files.load(WHOLE).checksums, np.concatenate([shard(span).checksums for span in SPANS])
    )
    assert set(files.load(WHOLE).unreadable) == {0, 4, 6}


def test_a_damaged_whole_is_merged_anew_and_parts_that_are_gone_are_told(
    shards: tuple[Bench, ShardFiles],
) -> None:
    bench, files = shards
    path = files._path(WHOLE)
    path.write_bytes(b"torn")
    assert merge_shards(bench, KEY, SPANS) == Done(WHOLE)
    assert files.is_whole(WHOLE)
    for span in SPANS[1:]:
        files.save(shard(span))
    path.write_bytes(b"torn")
    assert merge_shards(bench, KEY, SPANS) == Done([SPANS[0]])
    # What is there stays: only the lost photographs are recorded again.
    assert set(files.found()) >= set(SPANS[1:])
