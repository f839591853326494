"""Which GPU a task computes on, without one: Ray's and torch's answers are given."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from generation.building.scheduling import facts_of
from generation.cluster import network as cluster_network
from generation.cluster.network import SEE_ALL_GPUS, held_network, task_device
from generation.cluster.shared_folder import SharedFolder
from generation.recipe import load_recipe

ray = pytest.importorskip("ray", reason="the extra [cluster] is not installed")


class Machine:
    """A machine of four GPUs; `given` are those of the task under way."""

    def __init__(self) -> None:
        self.given: list[int | str] = []
        self.current: torch.device | None = None

    def set_device(self, device: torch.device) -> None:
        self.current = device


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    made = Machine()
    for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(ray, "get_gpu_ids", lambda: made.given)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", made.set_device)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card of {device}")
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    cluster_network._loaded.clear()
    yield made
    cluster_network._loaded.clear()


@pytest.mark.parametrize(
    ("listed", "given", "place"),
    [
        (None, [3], 3),
        # As SLURM gives GPUs to a job: torch counts those that it sees.
        ("2,3", ["3"], 1),
        ("GPU-8a1b, GPU-77cd", ["GPU-77cd"], 1),
    ],
)
def test_a_task_computes_on_its_own_gpu(
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    listed: str | None,
    given: list[int | str],
    place: int,
) -> None:
    if listed:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
    machine.given = given
    assert task_device() == torch.device("cuda", place) == machine.current


def test_a_task_without_a_gpu_computes_on_the_processor(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The machine has four, and the task was to take none of them.
    assert task_device() == torch.device("cpu")
    machine.given = [0]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert task_device() == torch.device("cpu")
    assert machine.current is None


def test_a_worker_that_is_given_another_gpu_moves_there(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, recipe_file: Path, tmp_path: Path
) -> None:
    recipe, spec, _ = load_recipe(str(recipe_file))
    loads: list[torch.device] = []

    def load(spec: Any, device: torch.device) -> Any:
        loads.append(device)
        return SimpleNamespace(device=device)

    monkeypatch.setattr(cluster_network, "load_network", load)
    (tmp_path / "note").write_text("x")
    shared = SharedFolder(tmp_path, 1)

    def job(key: str) -> Any:
        facts = facts_of(torch.device("cuda", 0), recipe.synthesis.precision, "")
        return SimpleNamespace(
            recipe=recipe, facts=facts, network=spec.determinants(), build_key=key
        )

    for gpu in (0, 2, 0, 2, 1):
        machine.given = [gpu]
        assert held_network(job("a"), shared).device == torch.device("cuda", gpu)
    # Once a GPU, not once a change.
    assert [device.index for device in loads] == [0, 2, 1]
    # Networks of an earlier job go.
    held_network(job("b"), shared)
    assert {key for key, _ in cluster_network._loaded} == {"b"}


def describe_place() -> tuple[list[int | str], str | None]:
    import ray

    return ray.get_gpu_ids(), os.environ.get("CUDA_VISIBLE_DEVICES")


@pytest.mark.slow
def test_ray_lets_its_workers_see_all_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    # Ray believes that there are two; torch is not asked.
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    ray.init(
        address="local",
        num_cpus=2,
        num_gpus=2,
        object_store_memory=100 << 20,
        include_dashboard=False,
        _node_ip_address="127.0.0.1",
    )
    try:
        remote = ray.remote(num_gpus=1, max_calls=0)(describe_place)
        hidden = ray.get(remote.remote(), timeout=120)
        assert hidden[1] == str(hidden[0][0])
        seen = remote.options(runtime_env={"env_vars": SEE_ALL_GPUS})
        given, listed = ray.get(seen.remote(), timeout=120)
        assert len(given) == 1
        assert listed is None
    finally:
        ray.shutdown()
