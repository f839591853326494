"""How many groups one pass of the network takes: from free memory, and fewer when it runs out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from house.errors import UserError

Item = TypeVar("Item")
Result = TypeVar("Result")

# Share of a GPU's free memory that is planned with; fragments take some of the rest.
_SHARE = 0.8


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on a GPU or on the host."""
    if isinstance(error, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "can't allocate memory" in text
    )


class Passes:
    """Works through items in batches as large as memory allows.

    Parameters
    ----------
    device : torch.device
        Where the work is done.
    size : int, optional
        Items of a batch, at most. By default one on a processor, whose caches like small batches
        and whose results then do not depend on the company to the last bit; on a GPU one at
        first, and then as many as its free memory has room for.

    Attributes
    ----------
    size : int
        Items of a batch, at most, as found so far.
    """

    def __init__(self, device: torch.device, size: int | None = None) -> None:
        self._device = device
        self.size = 1 if size is None else size
        self._measure = size is None and device.type == "cuda"

    def run(
        self,
        items: Sequence[Item],
        work: Callable[[Sequence[Item]], Result],
        growth: float = 1.0,
        reserve: int = 0,
    ) -> list[Result]:
        """Do the work batch by batch; a batch that does not fit is halved and done again.

        Batches are as alike in size as can be: the last is not much smaller than the others.

        Parameters
        ----------
        items : sequence
            In order.
        work : callable
            Is given a batch. It may be called again with part of a batch after it failed, so
            what it leaves behind on failure must not matter.
        growth : float
            How many times as much memory the same batch may take in a later call.
        reserve : int
            Bytes that will be wanted for other things in the meantime.

        Raises
        ------
        UserError
            If a single item does not fit.
        """
        results: list[Result] = []
        start = 0
        while start < len(items):
            left = len(items) - start
            batch = items[start : start + math.ceil(left / math.ceil(left / self.size))]
            try:
                results.append(self._watched(batch, work, growth, reserve))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                if len(batch) == 1:
                    raise UserError(
                        "not even one unit's images of one sign fit into memory",
                        remedy="Make fewer images a sign, or a smaller canvas, or another "
                        "precision.",
                    ) from error
                self.size = len(batch) // 2
            else:
                start += len(batch)
                continue
            # Outside the handler, whose traceback holds the tensors that were too many.
            if self._device.type == "cuda":
                torch.cuda.empty_cache()
        return results

    def _watched(
        self,
        batch: Sequence[Item],
        work: Callable[[Sequence[Item]], Result],
        growth: float,
        reserve: int,
    ) -> Result:
        if not self._measure:
            return work(batch)
        torch.cuda.reset_peak_memory_stats(self._device)
        before = torch.cuda.memory_allocated(self._device)
        result = work(batch)
        peak = torch.cuda.max_memory_allocated(self._device) - before
        torch.cuda.empty_cache()
        free, _ = torch.cuda.mem_get_info(self._device)
        room = _SHARE * free - reserve
        self.size = max(1, int(room / max(growth * peak / len(batch), 1)))
        self._measure = False
        return result
