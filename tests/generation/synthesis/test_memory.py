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
