from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from generation.synthesis.memory import Passes, is_out_of_memory
from house.errors import UserError

CPU = torch.device("cpu")
ERRORS = [
    torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"),
    MemoryError(),
]


@pytest.mark.parametrize("error", ERRORS)
def test_a_batch_that_does_not_fit_is_halved_and_all_is_done_once(error: Exception) -> None:
    tried: list[int] = []

    def work(batch: Sequence[int]) -> list[int]:
        tried.append(len(batch))
        if len(batch) > 3:
            raise error
        return list(batch)

    passes = Passes(CPU, 16)
    done = passes.run(range(20), work)
    assert [item for batch in done for item in batch] == list(range(20))
    assert tried[:3] == [10, 5, 2]
    assert passes.size == 2
    tried.clear()
    passes.run(range(4), work)
    assert tried == [2, 2]


def test_other_errors_are_not_swallowed() -> None:
    def work(_: Sequence[int]) -> None:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(RuntimeError, match="shapes"):
        Passes(CPU, 4).run(range(4), work)
    assert not is_out_of_memory(ValueError("out of memory"))


def test_one_that_does_not_fit_alone_is_an_error_for_people() -> None:
    def work(_: Sequence[int]) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(UserError, match="not even one"):
        Passes(CPU, 4).run(range(4), work)


class FakeGpu:
    """Memory of a GPU, where each item of a batch takes so much while it is worked on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, free: int, item: int) -> None:
        self.free, self.item, self.held, self.peak = free, item, 500, 0
        for name, function in (
            ("reset_peak_memory_stats", lambda device: setattr(self, "peak", self.held)),
            ("memory_allocated", lambda device: self.held),
            ("max_memory_allocated", lambda device: self.peak),
            ("empty_cache", lambda: None),
            ("mem_get_info", lambda device: (self.free, 10 * self.free)),
        ):
            monkeypatch.setattr(torch.cuda, name, function)
        self.sizes: list[int] = []

    def work(self, batch: Sequence[int]) -> None:
        self.sizes.append(len(batch))
        needed = self.item * len(batch)
        if needed > self.free:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        self.peak = max(self.peak, self.held + needed)


def test_a_gpu_takes_as_many_as_its_free_memory_has_room_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu = FakeGpu(monkeypatch, free=1000, item=40)
    passes = Passes(torch.device("cuda"))
    passes.run(range(30), gpu.work)
    # One to measure, then 0.8 x 1000 / 40 at most, in batches as alike as can be.
    assert passes.size == 20
    assert gpu.sizes == [1, 15, 14]
    gpu.sizes.clear()
    passes.run(range(30), gpu.work)
    assert gpu.sizes == [15, 15]


def test_room_is_left_for_larger_pictures_and_for_what_the_optimiser_keeps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gpu = FakeGpu(monkeypatch, free=1000, item=40)
    passes = Passes(torch.device("cuda"))
    passes.run(range(2), gpu.work, growth=1.25, reserve=200)
    assert passes.size == (800 - 200) // 50


def test_a_gpu_that_has_less_than_was_measured_takes_half(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = FakeGpu(monkeypatch, free=1000, item=40)
    passes = Passes(torch.device("cuda"))
    passes.run(range(20), gpu.work)
    gpu.free = 450
    gpu.sizes.clear()
    passes.run(range(20), gpu.work)
    assert gpu.sizes == [20, 10, 10]
    assert passes.size == 10


def test_a_size_that_was_asked_for_is_not_exceeded(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = FakeGpu(monkeypatch, free=1000, item=1)
    Passes(torch.device("cuda"), 4).run(range(8), gpu.work)
    assert gpu.sizes == [4, 4]
