from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from generation.networks import network as networks
from generation.networks.arithmetic import compute_exactly, tf32_where_asked
from generation.networks.network import load_network

CUDA = torch.device("cuda")


def flags() -> tuple[bool, ...]:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    return cudnn.allow_tf32, matmul.allow_tf32, cudnn.deterministic, cudnn.benchmark


def put(*values: bool) -> None:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    cudnn.allow_tf32, matmul.allow_tf32, cudnn.deterministic, cudnn.benchmark = values


@pytest.fixture(autouse=True)
def _as_careless_as_can_be() -> Iterator[None]:
    before = flags()
    put(True, True, False, True)
    yield
    put(*before)


def test_a_gpu_multiplies_in_full_and_the_same_each_time() -> None:
    compute_exactly(torch.device("cpu"))
    assert flags() == (True, True, False, True)
    compute_exactly(CUDA)
    assert flags() == (False, False, True, False)


def test_every_network_on_a_gpu_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recording, measuring again and synthesis all load theirs by this function."""
    monkeypatch.setattr(networks, "Network", lambda spec, module, device: device)
    assert load_network("squeezenet1_1", "cuda") == CUDA
    assert flags() == (False, False, True, False)


@pytest.mark.parametrize(
    ("precision", "allowed"), [("float32", False), ("bfloat16", False), ("tf32", True)]
)
def test_tf32_is_for_synthesis_alone_and_only_where_asked(precision: str, allowed: bool) -> None:
    compute_exactly(CUDA)
    with pytest.raises(KeyError), tf32_where_asked(precision):
        assert flags()[:2] == (allowed, allowed)
        raise KeyError
    assert flags()[:2] == (False, False)
