"""The parts of a build as Ray tasks, on one machine or many."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from generation.building.job import Facts, Job
from generation.cluster import tasks as cluster_tasks
from generation.cluster.engine import ClusterSettings, RayEngine
from generation.cluster.flow import Task, flow
from generation.cluster.shared_folder import SharedFolder
from generation.cluster.tasks import Bench
from generation.natural.checkpoints import RecordingFiles
from generation.natural.photographs import Pool
from generation.natural.shard_plan import MergeTree, Span, divide, gaps, shard_length, tile
from generation.natural.source_part import part_of
from generation.natural.stage import Wanted
from generation.natural.unfinished import Recording, Unfinished
from generation.networks.accuracy import Accuracy
from generation.networks.network import Network, NetworkSpec
from generation.synthesis.portions import Made, Portion, steps_of_unit

# Passes of a shard at most, in lengths between two checkpoints of one process.
_CHECKPOINTS = 16


class OnCluster:
    """Has the parts of a build made by the workers of a cluster.

    Parameters
    ----------
    settings : ClusterSettings
    say : callable
        Told what a person should know.
    """

    def __init__(
        self, settings: ClusterSettings, say: Callable[[str], None] = lambda text: None
    ) -> None:
        self._settings = settings
        self._say = say
        self._held: tuple[Job, NetworkSpec] | None = None

    def __enter__(self) -> OnCluster:
        self._engine = RayEngine(self._settings)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._engine.close()

    def facts(self, precision: str) -> Facts:
        """Ask a worker where the numbers will be computed."""
        self._engine.require_workers(self._say)
        self._equip(None)
        scheduler = f"Ray {self._engine.version}"
        task = Task("a look at a worker", cluster_tasks.describe, (precision, scheduler), "make")
        facts: Facts = self._one(task)
        return replace(facts, workers=max(self._engine.workers(), 1))

    def begin(self, job: Job, spec: NetworkSpec) -> None:
        """Send the job to the workers; each loads the network when it needs it."""
        self._held = job, spec
        self._equip(job)

    def _equip(self, job: Job | None) -> None:
        settings = self._settings
        self._engine.equip(
            Bench(job, str(Path.cwd()), settings.threads, self._engine.decoders, settings.patience)
        )

    def _one(self, task: Task) -> Any:
        tasks = deque([task])
        results = flow(
            self._engine,
            lambda: tasks.popleft() if tasks else None,
            self._settings.retries,
            self._say,
        )
        (value,) = [value for _, value in results]
        return value

    def _ready(self) -> tuple[Job, NetworkSpec]:
        if self._held is None:
            raise AssertionError("begin a job first")
        return self._held

    def check(self, look: Callable[[Network], Accuracy | None]) -> Accuracy | None:
        """Let a worker look at the network."""
        found: Accuracy | None = self._one(
            Task("the check of the network", cluster_tasks.check, (look,), "make")
        )
        return found

    def record(
        self,
        pool: Pool,
        what: Wanted,
        files: RecordingFiles,
        advance: Callable[[int], None],
        say: Callable[[str], None],
    ) -> Recording:
        """Have shards recorded and merged, and take the last one over."""
        job, spec = self._ready()
        shared = SharedFolder(job.work.path, self._settings.patience)
        state = Unfinished(spec, pool, what.layers, what.ranks, files, what.columns)
        left = len(pool) - files.done()

        def count(photographs: int) -> None:
            # Those of a damaged shard are recorded once more and told of once.
            nonlocal left
            photographs = min(photographs, left)
            left -= photographs
            advance(photographs)

        while True:
            shared.patiently(state.adopt)
            if state.complete:
                return state.result()
            self._shards(pool, what, files, state.progress.done, shared, count, say)

    def _shards(
        self,
        pool: Pool,
        what: Wanted,
        files: RecordingFiles,
        first: int,
        shared: SharedFolder,
        advance: Callable[[int], None],
        say: Callable[[str], None],
    ) -> None:
        """Record what no shard holds, and merge all; ends early where one is damaged."""
        key = files.key
        there = tile(shared.patiently(files.shards.found), first, len(pool))
        # Every activation of chosen units is too much to be merged: the driver takes over shard
        # by shard, and they are smaller.
        merging = not what.columns
        most = what.checkpoint_passes * (_CHECKPOINTS if merging else 1)
        length = shard_length(len(pool), max(self._engine.workers(), 1), what.images_per_pass, most)
        missing = [span for gap in gaps(there, first, len(pool)) for span in divide(gap, length)]
        tree = MergeTree(sorted([*there, *missing]))
        to_record, to_merge = deque(missing), deque[list[Span]]()
        if merging:
            for span in there:
                _add(to_merge, tree.finished(span))

        def following() -> Task | None:
            if to_merge:
                spans = to_merge.popleft()
                name = f"merging the shards of photographs {spans[0].first} to {spans[-1].last}"
                return Task(name, cluster_tasks.merge_shards, (key, spans), "merge")
            if to_record:
                span = to_record.popleft()
                part = part_of(pool.source, span.first, span.last, self._settings.patience)
                return Task(
                    f"photographs {span.first} to {span.last}",
                    cluster_tasks.record,
                    (key, what, part, pool.decoding, pool.allowed),
                    "record",
                )
            return None

        for task, value in flow(self._engine, following, self._settings.retries, say):
            if task.kind == "record":
                advance(value.last - value.first)
            if isinstance(value, list):
                for span in value:
                    say(f"note: the shard of photographs {span.first} to {span.last} was damaged")
            elif merging:
                _add(to_merge, tree.finished(value))

    def make(
        self,
        portions: Iterable[Portion],
        magnitude: npt.NDArray[np.float32] | None,
        advance: Callable[[int], None],
        say: Callable[[str], None],
    ) -> Iterator[Made]:
        """Have synthetic images made."""
        steps = steps_of_unit(self._ready()[0].recipe.synthesis)
        shared = None if magnitude is None else self._engine.put(magnitude)
        open_portions = iter(portions)

        def following() -> Task | None:
            portion = next(open_portions, None)
            if portion is None:
                return None
            units = [target.unit_id for target in portion.targets[::2]]
            name = units[0] if len(units) == 1 else f"{units[0]} to {units[-1]}"
            return Task(name, cluster_tasks.make, (portion, shared), "make")

        for _, value in flow(self._engine, following, self._settings.retries, say):
            advance(steps * len(value.rows))
            yield value


def _add(queue: deque[list[Span]], spans: list[Span]) -> None:
    if spans:
        queue.append(spans)
