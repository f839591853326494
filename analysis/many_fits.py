"""Fits of many mixed models, side by side where they take long."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from analysis.mixed_models import MixedFit, fit_contrast

# Trials of one fit from which a helper repays its start of some seconds.
_LONG = 100_000


def fit_all(jobs: Sequence[dict[str, Any]], helper: bool | None = None) -> list[MixedFit | str]:
    """Fit contrasts; the numbers do not depend on how many processes do it.

    gpboost takes one thread a fit and writes what it has to say into a logger of the process, so
    a helper process takes part of the long ones, where there are two cores.

    Parameters
    ----------
    jobs : sequence of dict
        Arguments of `analysis.mixed_models.fit_contrast`.
    helper : bool, optional
        Whether a helper process takes part; by default where fits are long and there are two
        cores.
    """
    longest = max((len(job["values"]) for job in jobs), default=0)
    if helper is None:
        helper = longest >= _LONG and _cores() > 1
    if not helper or len(jobs) < 2:
        return [_fit(job) for job in jobs]
    left = deque(range(len(jobs)))
    fits: dict[int, MixedFit | str] = {}

    def take_from_the_end() -> None:
        while (index := _taken(left.pop)) is not None:
            fits[index] = _fit(jobs[index])

    def let_a_helper_take_from_the_beginning() -> None:
        # Forking a process with threads may leave it waiting for ever.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as helper:
            while (index := _taken(left.popleft)) is not None:
                try:
                    fits[index] = helper.submit(_fit, jobs[index]).result()
                except BrokenProcessPool:
                    # Killed, for memory perhaps: one after the other needs less.
                    left.append(index)
                    return

    with ThreadPoolExecutor(1) as thread:
        helping = thread.submit(let_a_helper_take_from_the_beginning)
        take_from_the_end()
        helping.result()
    take_from_the_end()
    return [fits[index] for index in range(len(jobs))]


def _taken(take: Callable[[], int]) -> int | None:
    # Two threads take; looking first whether something is left would be too early.
    try:
        return take()
    except IndexError:
        return None


def _fit(job: dict[str, Any]) -> MixedFit | str:
    return fit_contrast(**job)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
