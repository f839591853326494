"""The network that a worker of a cluster holds, on the GPU that Ray gave to its task."""

from __future__ import annotations

import os

import torch

from generation.building.job import Facts, Job
from generation.building.scheduling import facts_of
from generation.cluster.shared_folder import SharedFolder
from generation.networks.network import Network, load_network, network_spec, with_weights
from house.errors import UserError

_VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
# Ray would show each task its own GPU alone, by a variable that is read once: a worker that is
# given another GPU for its next task would go on with the first.
SEE_ALL_GPUS = {f"RAY_EXPERIMENTAL_NOSET_{name}": "1" for name in _VISIBLE}
"""Environment of workers, in which tasks see all GPUs of the machine and take their own."""


def task_device() -> torch.device:
    """Give the GPU that Ray set aside for this task, the processor where it has none."""
    import ray

    given = [str(name) for name in ray.get_gpu_ids()]
    if not given or not torch.cuda.is_available():
        return torch.device("cpu")
    # Where the variable is set, torch counts what it lists.
    listed = next((os.environ[name] for name in _VISIBLE if os.environ.get(name)), "")
    names = [name.strip() for name in listed.split(",")]
    device = torch.device("cuda", names.index(given[0]) if listed else int(given[0]))
    torch.cuda.set_device(device)
    return device


# A worker does many tasks of one job: it loads the network once for each GPU that it is given.
_loaded: dict[tuple[str, torch.device], Network] = {}


def held_network(job: Job, shared: SharedFolder) -> Network:
    """Give the job's network on this task's device.

    Raises
    ------
    UserError
        If this worker would compute other numbers than its fellows.
    """
    device = task_device()
    key = job.build_key, device
    if key not in _loaded:
        for other in [other for other in _loaded if other[0] != job.build_key]:
            del _loaded[other]
        _compare(job, facts_of(device, job.recipe.synthesis.precision, ""))
        spec = with_weights(network_spec(job.recipe.network))
        if spec.determinants() != job.network:
            raise UserError(
                f"a worker's network {spec.name} is not the one that the build began with",
                remedy="Install the same version and the same weights on all machines.",
            )
        _loaded[key] = shared.patiently(lambda: load_network(spec, device))
    return _loaded[key]


def _compare(job: Job, mine: Facts) -> None:
    """Stop where a worker would compute other numbers than its fellows."""
    theirs = job.facts
    for what, own, other in (
        ("torch", mine.torch, theirs.torch),
        ("device", mine.device, theirs.device),
        ("precision", mine.precision, theirs.precision),
        ("number of threads", mine.threads, theirs.threads),
    ):
        if own != other:
            raise UserError(
                f"the workers differ: {what} {own} on one, {other} on another",
                remedy="Use machines of one kind with the same software; where only some have "
                "a fast bfloat16, name a precision in the recipe.",
            )
