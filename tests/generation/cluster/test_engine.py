"""What a task asks of a cluster, tried on clusters that are only described."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.cluster import engine as cluster_engine
from generation.cluster.engine import ClusterSettings, RayEngine, share_of_decoders
from house.errors import UserError

Machine = dict[str, float]
GPU_NODE = {"CPU": 16.0, "GPU": 4.0, "memory": 64e9}
CPU_NODE = {"CPU": 128.0, "memory": 512e9}


class FakeRay(SimpleNamespace):
    """As much of Ray as an engine asks before it hands a task in."""

    def __init__(self, machines: list[Machine]) -> None:
        super().__init__(__version__="0", machines=machines)

    def cluster_resources(self) -> Machine:
        names = {name for machine in self.machines for name in machine}
        return {name: sum(machine.get(name, 0) for machine in self.machines) for name in names}

    def nodes(self) -> list[dict[str, Any]]:
        lost = {"Alive": False, "Resources": {"CPU": 999.0, "GPU": 99.0, "memory": 9e15}}
        return [lost, *({"Alive": True, "Resources": machine} for machine in self.machines)]

    def remote(self, **options: Any) -> Any:
        return lambda function: function


def engine(
    monkeypatch: pytest.MonkeyPatch, machines: list[Machine], local: bool, **settings: Any
) -> RayEngine:
    monkeypatch.setattr(cluster_engine, "_import_ray", lambda: FakeRay(machines))
    monkeypatch.setattr(cluster_engine, "_connect", lambda ray, settings: local)
    return RayEngine(ClusterSettings("auto", **settings))


def test_processors_of_machines_without_gpus_are_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Over all machines there are (16 + 128) / 4 = 36 processors a GPU: more than one machine has.
    found = engine(monkeypatch, [CPU_NODE, GPU_NODE], False)
    assert found.decoders == 16 // 4 - 1
    assert found.needs("record")["num_cpus"] == 3
    assert found.workers("record") == found.workers() == 4


@given(
    st.lists(
        st.fixed_dictionaries(
            {"CPU": st.integers(1, 128).map(float)}, optional={"GPU": st.integers(1, 8).map(float)}
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0]),
)
def test_every_machine_with_the_gpus_takes_the_task(machines: list[Machine], gpus: float) -> None:
    decoders = share_of_decoders(machines, gpus)
    assert decoders >= 1
    for machine in machines:
        if gpus and machine.get("GPU", 0) >= gpus:
            assert decoders <= machine["CPU"]
            if decoders > 1:
                # All its GPUs at work, and as many processors left as tasks.
                assert (decoders + 1) * int(machine["GPU"] / gpus + 1e-9) <= machine["CPU"]


@pytest.mark.parametrize("local", [True, False])
def test_a_task_that_no_machine_can_take_is_told_of(
    monkeypatch: pytest.MonkeyPatch, local: bool
) -> None:
    # Images could be made; photographs could not be read.
    found = engine(monkeypatch, [GPU_NODE, CPU_NODE], local, decoders=17)
    assert found.workers() == 4
    said: list[str] = []
    sentence = r"reads photographs needs \(num_cpus 17, num_gpus 1\)"
    if local:
        with pytest.raises(UserError, match=sentence + r".*--workers"):
            found.require_workers(said.append)
    else:
        found.require_workers(said.append)
        (note,) = said
        assert "a task that reads photographs needs (num_cpus 17, num_gpus 1) yet" in note


def test_parts_of_a_gpu_are_counted_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    found = engine(monkeypatch, [{"CPU": 64.0, "GPU": 1.0}], True, gpus=0.1)
    assert found.workers() == 10
    found.require_workers(print)
