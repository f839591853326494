"""What a worker of a cluster does: the same parts, by the same functions, as one process would.

Results go to the work folder, which all machines share; only figures and sentences go back.
"""

from __future__ import annotations

import errno
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from generation.building.job import Job
from generation.building.progress_files import WorkFolder
from generation.building.scheduling import facts_of
from generation.cluster.network import held_network, task_device
from generation.cluster.shared_folder import SharedFolder
from generation.natural.decoding import Decoding
from generation.natural.exemplars import record_span
from generation.natural.photographs import Pool
from generation.natural.shard_plan import Span
from generation.natural.shards import Damaged, ShardFiles, merge
from generation.natural.source_part import AWAY, SourcePart
from generation.natural.stage import Wanted
from generation.networks.accuracy import Accuracy
from generation.networks.network import Network
from generation.synthesis.memory import is_out_of_memory
from generation.synthesis.portions import Made, Portion, make_portion
from house.errors import UserError

_PAUSE = 0.5


@dataclass(frozen=True)
class Bench:
    """What a worker needs for any part of a job.

    Attributes
    ----------
    job : Job
        None while the workers are only asked what they are.
    folder : str
        Where the command was given: relative paths begin there.
    threads : int
        Of torch; results are the same to the last bit where it is the same.
    decoders : int
        Threads that decode photographs ahead.
    patience : float
        Seconds that a disk may be away.
    """

    job: Job | None
    folder: str
    threads: int
    decoders: int
    patience: float


@dataclass(frozen=True)
class Done:
    """A finished task: its value, and what is to be told."""

    value: Any
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Failed:
    """A task that cannot be done: a `UserError` in parts."""

    problem: str
    where: str | None
    remedy: str | None


@dataclass(frozen=True)
class Lost:
    """A task that may be tried again.

    Attributes
    ----------
    reason : str
        For people.
    details : str
        For those who look for a mistake.
    unfit : bool
        Whether the process that says so ends when it is given its next task.
    died : bool
        Whether the process ended, for whatever reason.
    """

    reason: str
    details: str = ""
    unfit: bool = False
    died: bool = False


Outcome = Done | Failed | Lost

_unfit = False


def perform(work: Callable[..., Done], bench: Bench, *arguments: Any) -> Outcome:
    """Do a task in this process; failures that a person can mend come back as such.

    After any other failure, which may have left the process or its GPU unfit, the process ends
    when it is given the next task.
    """
    global _unfit
    if _unfit:
        os._exit(1)
    try:
        _settle(bench)
        return work(bench, *arguments)
    except UserError as error:
        if _short_of_memory(error.__cause__):
            _unfit = True
            return Lost(f"memory ran out: {error.problem}", unfit=True)
        return Failed(error.problem, error.where, error.remedy)
    except OSError as error:
        if _short_of_memory(error):
            _unfit = True
            return Lost("memory ran out", unfit=True)
        return Failed(
            f"a worker cannot go on ({error.strerror or error})",
            str(error.filename or bench.folder),
            "Mend it and give the command again: what was finished is kept.",
        )
    except Exception as error:
        _unfit = True
        if _short_of_memory(error):
            return Lost("memory ran out", unfit=True)
        text = (str(error).strip().splitlines() or [""])[0]
        return Lost(f"{type(error).__name__}: {text}", traceback.format_exc(), unfit=True)


def _short_of_memory(error: BaseException | None) -> bool:
    """Whether memory ran out, as torch, Python or the system say it."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return error is not None and is_out_of_memory(error)


def _settle(bench: Bench) -> None:
    """Let this process compute as a build does, and find what the command names."""
    torch.set_flush_denormal(True)
    torch.set_num_threads(bench.threads)
    begun = time.monotonic()
    while True:
        try:
            os.chdir(bench.folder)
            break
        except OSError as error:
            # Where there is no job yet, the folder is not known to have been there.
            waited = time.monotonic() - begun
            gone = bench.job is not None and error.errno in AWAY
            if gone and waited > bench.patience:
                raise UserError(
                    "the folder where the command was given has been away for "
                    f"{bench.patience:.0f} s",
                    where=bench.folder,
                    remedy="Bring its disk back and give the command again: what was finished "
                    "is kept.",
                ) from error
            if not gone:
                raise UserError(
                    "a worker cannot enter the folder where the command was given "
                    f"({error.strerror})",
                    where=bench.folder,
                    remedy="Give it in a folder that all machines of the cluster share.",
                ) from error
        time.sleep(_PAUSE)
    if bench.folder not in sys.path:
        # A network of the user's own may lie there.
        sys.path.insert(0, bench.folder)


def describe(bench: Bench, precision: str, scheduler: str) -> Done:
    """Say what this worker is: `Facts`."""
    return Done(facts_of(task_device(), precision, scheduler))


def check(bench: Bench, look: Callable[[Network], Accuracy | None]) -> Done:
    """Look at the network."""
    return Done(look(_network(bench)))


def record(
    bench: Bench, key: str, what: Wanted, part: SourcePart, decoding: Decoding, allowed: int
) -> Done:
    """Record a part of the photographs as one shard: its `Span`."""
    shard = record_span(
        _network(bench),
        Pool(part, decoding, allowed, bench.decoders),
        what.layers,
        what.ranks,
        what.images_per_pass,
        part.first,
        what.columns,
    )
    folder = _job(bench).work.path
    _shared(bench).patiently(lambda: ShardFiles(folder, key).save(shard))
    return Done(shard.span)


def merge_shards(bench: Bench, key: str, spans: list[Span]) -> Done:
    """Merge neighbouring shards into one: its `Span`, or the damaged ones, which are deleted.

    May be done again, wherever an earlier try ended: parts go once the whole is on the disk.
    """
    files = ShardFiles(_job(bench).work.path, key)
    shared = _shared(bench)
    whole = Span(spans[0].first, spans[-1].last)
    if not shared.patiently(lambda: files.is_whole(whole)):
        parts, damaged = [], []
        for span in spans:
            try:
                parts.append(shared.patiently(lambda span=span: files.load(span)))  # type: ignore[misc]
            # The folder is there and the file is not: an earlier try deleted it.
            except (Damaged, FileNotFoundError):
                damaged.append(span)
        if damaged:
            for span in damaged:
                shared.patiently(lambda span=span: files.discard(span))  # type: ignore[misc]
            return Done(damaged)
        merged = merge(parts)
        shared.patiently(lambda: files.save(merged))
    for span in spans:
        shared.patiently(lambda span=span: files.discard(span))  # type: ignore[misc]
    return Done(whole)


def make(bench: Bench, portion: Portion, magnitude: npt.NDArray[np.float32] | None) -> Done:
    """Make synthetic images of some units: `Made`."""
    job = _job(bench)
    said: list[str] = []
    work = _PatientFolder(job.bank, _shared(bench))
    made: Made = make_portion(
        _network(bench),
        job.recipe.synthesis,
        job.recipe.seed,
        job.facts.precision,
        portion,
        work,
        magnitude,
        lambda steps: None,
        said.append,
    )
    return Done(made, tuple(said))


class _PatientFolder(WorkFolder):
    """A work folder that is waited for."""

    def __init__(self, bank: Path, shared: SharedFolder) -> None:
        super().__init__(bank, parents=False)
        self._shared = shared

    def save(self, *arguments: Any) -> None:
        """Keep a finished unit, whole or not at all."""
        self._shared.patiently(lambda: WorkFolder.save(self, *arguments))


def _job(bench: Bench) -> Job:
    if bench.job is None:
        raise AssertionError("there is no job yet")
    return bench.job


def _shared(bench: Bench) -> SharedFolder:
    return SharedFolder(_job(bench).work.path, bench.patience)


def _network(bench: Bench) -> Network:
    return held_network(_job(bench), _shared(bench))
