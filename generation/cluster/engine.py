"""Ray: started here or joined, what a task needs of it, and why tasks are lost."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from generation.cluster.flow import Task
from generation.cluster.network import SEE_ALL_GPUS
from generation.cluster.tasks import Bench, Lost, Outcome, perform
from generation.natural.decode_ahead import available_cores
from house.errors import UserError

# Nothing large passes through it.
_OBJECT_STORE = 100 << 20
# So many tasks a worker, so that none waits for the driver.
_AHEAD = 2
_FEWEST = 4
_LOOK_AGAIN = 10.0
# Tasks that may find no machine, in words.
_KINDS = {"make": "one task", "record": "a task that reads photographs"}
_ANSWER = 10.0


@dataclass(frozen=True)
class ClusterSettings:
    """Where and how tasks are done.

    Attributes
    ----------
    address : str
        "auto": the cluster of this machine; "local" or "local:N": a cluster of this machine
        alone, with N workers; or the address of a cluster, such as ``10.0.0.1:6379``.
    threads : int
        Of torch in each task; also the processors that a task takes where it has no GPU.
    gpus : float, optional
        GPUs, or part of one, of each task; by default one where the cluster has any. With 0 all
        is computed on processors.
    memory : float, optional
        Gigabytes that are set aside for each task.
    decoders : int, optional
        Threads that decode photographs; by default one, or beside a GPU its share of its machine's
        processors.
    retries : int
        How often a task may be lost.
    patience : float
        Seconds that the shared disk may be away.
    """

    address: str
    threads: int = 1
    gpus: float | None = None
    memory: float | None = None
    decoders: int | None = None
    retries: int = 3
    patience: float = 120.0


class RayEngine:
    """Has tasks done by Ray."""

    def __init__(self, settings: ClusterSettings) -> None:
        self._settings = settings
        self._ray = _import_ray()
        self._local = _connect(self._ray, settings)
        resources = self._ray.cluster_resources()
        gpus = settings.gpus
        self.gpus = (1.0 if resources.get("GPU") else 0.0) if gpus is None else gpus
        if settings.decoders is not None:
            self.decoders = settings.decoders
        else:
            self.decoders = share_of_decoders(self._machines(), self.gpus)
        # Called often by one worker, which holds the network: also where it has a GPU.
        seen = {"runtime_env": {"env_vars": SEE_ALL_GPUS}} if self.gpus else {}
        self._remote = self._ray.remote(max_retries=0, max_calls=0, **seen)(perform)
        self._bench: Any = None
        self.unfit = 0
        self._room = 0
        self._looked = -_LOOK_AGAIN

    @property
    def version(self) -> str:
        """Ray's version."""
        return str(self._ray.__version__)

    def put(self, value: Any) -> Any:
        """Keep a value for many tasks, which take the handle as an argument."""
        return self._ray.put(value)

    def equip(self, bench: Bench) -> None:
        """Let all further tasks have this bench."""
        self._bench = self._ray.put(bench)

    def needs(self, kind: str) -> dict[str, Any]:
        """Give what a task of some kind takes, in Ray's words."""
        cpus = self._settings.threads
        if kind == "record":
            cpus = max(cpus, self.decoders) if self.gpus else cpus
        needs: dict[str, Any] = {"num_cpus": cpus}
        if self.gpus and kind != "merge":
            needs["num_gpus"] = self.gpus
        if self._settings.memory:
            needs["memory"] = int(self._settings.memory * 1e9)
        return needs

    def submit(self, task: Task) -> Any:
        """Hand a task in."""
        options = {"name": task.name, **self.needs(task.kind)}
        return self._remote.options(**options).remote(task.work, self._bench, *task.arguments)

    def workers(self, kind: str = "make") -> int:
        """Give the number of tasks of some kind that can run at a time now."""
        needs = self.needs(kind)
        wanted = {
            "CPU": needs["num_cpus"],
            "GPU": needs.get("num_gpus", 0),
            "memory": needs.get("memory", 0),
        }
        # A tenth of a GPU goes into one ten times, which floats deny.
        return sum(
            int(min(has.get(name, 0) / n + 1e-9 for name, n in wanted.items() if n))
            for has in self._machines()
        )

    def _machines(self) -> list[dict[str, float]]:
        """Say what each machine of the cluster has."""
        return [node["Resources"] for node in self._ray.nodes() if node["Alive"]]

    def room(self) -> int:
        """Give the number of tasks that may be under way, waiting ones included."""
        now = time.monotonic()
        # A cluster may grow.
        if now - self._looked >= _LOOK_AGAIN:
            self._looked = now
            self._room = max(_AHEAD * self.workers(), _FEWEST)
        return self._room

    def require_workers(self, say: Callable[[str], None]) -> None:
        """Tell, or where the cluster cannot grow stop, where no machine suits a task.

        A merge needs no more than the others.
        """
        for kind, what in _KINDS.items():
            if self.workers(kind):
                continue
            text = ", ".join(f"{name} {value:g}" for name, value in self.needs(kind).items())
            if self._local:
                raise UserError(
                    f"this machine has not what {what} needs ({text})",
                    remedy="Lower --task-gpus, --task-memory, --threads or --workers.",
                )
            say(f"note: no machine of the cluster has what {what} needs ({text}) yet; waiting")

    def wait(self, handles: Sequence[Any]) -> Sequence[Any]:
        """Wait until one is finished, and give all that are."""
        self._ray.wait(list(handles), num_returns=1)
        finished, _ = self._ray.wait(list(handles), num_returns=len(handles), timeout=0)
        return list(finished)

    def collect(self, handle: Any) -> Outcome:
        """Give a finished task's outcome."""
        errors = self._ray.exceptions
        try:
            outcome: Outcome = self._ray.get(handle)
            return outcome
        except errors.OutOfMemoryError:
            return Lost("its machine ran out of memory")
        except errors.WorkerCrashedError:
            return Lost("its worker died", died=True)
        except (errors.NodeDiedError, errors.ObjectLostError):
            return Lost("its machine was lost")
        except errors.LocalRayletDiedError as error:
            raise UserError(
                "Ray died on this machine",
                remedy="Look into Ray's logs; what was finished is kept.",
            ) from error

    def close(self) -> None:
        """Leave the cluster, or stop the one that was started here."""
        self._ray.shutdown()


def share_of_decoders(machines: Sequence[dict[str, float]], gpus: float) -> int:
    """Give the threads that decode photographs beside one task's GPUs.

    Parameters
    ----------
    machines : sequence of dict
        What each has, in Ray's words.
    gpus : float
        Of a task.

    Returns
    -------
    int
        A task's share of the processors, less one that is left over for merging, on the machine
        where that is smallest: the task then suits every machine that has its GPUs. 1 where none
        has.
    """
    shares = [
        has.get("CPU", 0.0) / int(has["GPU"] / gpus + 1e-9)
        for has in machines
        if gpus and has.get("GPU", 0.0) >= gpus
    ]
    return max(1, int(min(shares, default=1.0)) - 1)


def _import_ray() -> Any:
    # Ray reads these when it is loaded: nothing is reported to its makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise UserError(
            "Ray is not installed here",
            remedy="pip install -e '.[cluster]' on all machines, or leave --cluster out.",
        ) from error
    return ray


def _connect(ray: Any, settings: ClusterSettings) -> bool:
    """Start Ray here or join it; give whether it was started here."""
    quietly = {"log_to_driver": False, "logging_level": "ERROR"}
    local = re.fullmatch(r"local(?::([1-9]\d*))?", settings.address)
    if local:
        workers = int(local.group(1) or max(available_cores() // settings.threads, 1))
        ray.init(
            address="local",
            num_cpus=workers * settings.threads,
            object_store_memory=_OBJECT_STORE,
            _node_ip_address="127.0.0.1",
            include_dashboard=False,
            **quietly,
        )
        return True
    if "://" in settings.address:
        raise UserError(
            f"{settings.address} is an address for remote clients of Ray",
            remedy="Give the command on a machine of the cluster, or as a job of it, with "
            "--cluster auto: it writes to the folder that all of them share.",
        )
    try:
        if settings.address != "auto":
            _call(settings.address)
        ray.init(address=settings.address, **quietly)
    except (OSError, RuntimeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or ["no answer"])[0]
        raise UserError(
            f"there is no Ray cluster to join ({reason})",
            where=f"--cluster {settings.address}",
            remedy="Start one with `ray start --head`, or take --cluster local.",
        ) from error
    return False


def _call(address: str) -> None:
    """Raise `OSError` or `ValueError` where nobody answers; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError("an address looks like 10.0.0.1:6379")
    socket.create_connection((host, int(port)), timeout=_ANSWER).close()
