"""Work done ahead in threads, handed over in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def available_cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def ahead(
    items: Iterable[_Item], work: Callable[[_Item], _Result], workers: int, depth: int
) -> Generator[_Result, None, None]:
    """Apply `work` to all items, some of them ahead of the caller.

    Threads suffice: Pillow gives the interpreter free while it decodes and resizes.

    Parameters
    ----------
    items : iterable
        Taken as far ahead as `depth` says.
    work : callable
        What to do with each, in any thread.
    workers : int
        Number of threads; 0 = do it here and now.
    depth : int
        Results that may wait, at least 1: bounds memory.

    Yields
    ------
    result
        In the order of the items. An exception of `work` is raised when its turn comes.
    """
    if workers == 0:
        yield from map(work, items)
        return
    pending: deque[Future[_Result]] = deque()
    executor = ThreadPoolExecutor(workers, thread_name_prefix="decode")
    try:
        for item in items:
            pending.append(executor.submit(work, item))
            if len(pending) > depth:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        # Also when the caller stops early: what has not begun never does.
        executor.shutdown(wait=True, cancel_futures=True)
