"""Who makes the parts of a build: this process, here, or a cluster (`generation.cluster.parts`)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from generation.building.job import Facts, Job
from generation.natural.checkpoints import RecordingFiles
from generation.natural.exemplars import record
from generation.natural.photographs import Pool
from generation.natural.stage import Wanted
from generation.natural.unfinished import Recording
from generation.networks.accuracy import Accuracy
from generation.networks.network import Network, NetworkSpec, load_network
from generation.synthesis.optimize import resolve_precision
from generation.synthesis.portions import Made, Portion, make_portion


class Scheduler(Protocol):
    """Does the parts of one build after another, in this order of calls."""

    def facts(self, precision: str) -> Facts:
        """Say where the numbers will be computed; `precision` is the recipe's."""
        ...

    def begin(self, job: Job, spec: NetworkSpec) -> None:
        """Get ready for a job."""
        ...

    def check(self, look: Callable[[Network], Accuracy | None]) -> Accuracy | None:
        """Look at the network."""
        ...

    def record(
        self,
        pool: Pool,
        what: Wanted,
        files: RecordingFiles,
        advance: Callable[[int], None],
        say: Callable[[str], None],
    ) -> Recording:
        """Record all photographs; see `generation.natural.stage.Recorder`."""
        ...

    def make(
        self,
        portions: Iterable[Portion],
        magnitude: npt.NDArray[np.float32] | None,
        advance: Callable[[int], None],
        say: Callable[[str], None],
    ) -> Iterator[Made]:
        """Make synthetic images; see `generation.synthesis.stage.Maker`."""
        ...


def choose_device() -> torch.device:
    """Take the GPU when there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def facts_of(device: torch.device, precision: str, scheduler: str) -> Facts:
    """Describe this process."""
    return Facts(
        device.type,
        torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        torch.__version__,
        resolve_precision(precision, device),
        torch.get_num_threads(),
        scheduler,
    )


class Here:
    """Makes one part after the other in this process."""

    def __init__(self) -> None:
        self._device = choose_device()
        self._held: tuple[Job, Network] | None = None

    def facts(self, precision: str) -> Facts:
        """Describe this process."""
        return facts_of(self._device, precision, "one process")

    def begin(self, job: Job, spec: NetworkSpec) -> None:
        """Load the network."""
        self._held = job, load_network(spec, self._device)

    def _ready(self) -> tuple[Job, Network]:
        if self._held is None:
            raise AssertionError("begin a job first")
        return self._held

    def check(self, look: Callable[[Network], Accuracy | None]) -> Accuracy | None:
        """Look at the network."""
        return look(self._ready()[1])

    def record(
        self,
        pool: Pool,
        what: Wanted,
        files: RecordingFiles,
        advance: Callable[[int], None],
        say: Callable[[str], None],
    ) -> Recording:
        """Record all photographs."""
        return record(
            self._ready()[1],
            pool,
            what.layers,
            what.ranks,
            what.images_per_pass,
            advance,
            files=files,
            checkpoint_passes=what.checkpoint_passes,
            columns=what.columns,
        )

    def make(
        self,
        portions: Iterable[Portion],
        magnitude: npt.NDArray[np.float32] | None,
        advance: Callable[[int], None],
        say: Callable[[str], None],
    ) -> Iterator[Made]:
        """Make synthetic images."""
        job, network = self._ready()
        recipe, precision = job.recipe, job.facts.precision
        for portion in portions:
            yield make_portion(
                network,
                recipe.synthesis,
                recipe.seed,
                precision,
                portion,
                job.work,
                magnitude,
                advance,
                say,
            )


def choose_scheduler(
    cluster: str | None,
    threads: int | None,
    decoders: int | None,
    gpus: float | None,
    memory: float | None,
    patience: float,
    say: Callable[[str], None],
) -> contextlib.AbstractContextManager[Scheduler]:
    """Take the cluster that was asked for, else this process.

    Parameters
    ----------
    cluster : str, optional
        See `generation.cluster.engine.ClusterSettings`, as for the next five.
    threads, decoders, gpus, memory, patience
    say : callable
        Told what a person should know of the cluster.
    """
    if cluster is None:
        return contextlib.nullcontext(Here())
    # Ray takes a second to load.
    from generation.cluster.engine import ClusterSettings
    from generation.cluster.parts import OnCluster

    settings = ClusterSettings(cluster, threads or 1, gpus, memory, decoders, patience=patience)
    return OnCluster(settings, say)
