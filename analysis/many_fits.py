"""Fits of many mixed models, side by side where they take long."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from analysis.mixed_models import MixedFit, fit_contrast

# Trials of one fit from which a second process repays its start of some seconds.
_LONG = 100_000
# Each needs the memory of a fit, up to half a gigabyte at a million trials.
_SIDE_BY_SIDE = 2


def fit_all(jobs: Sequence[dict[str, Any]]) -> list[MixedFit | str]:
    """Fit contrasts; the numbers do not depend on how many processes do it.

    gpboost takes one thread a fit and writes what it has to say into a logger of the process, so
    long fits go to two processes rather than threads, where there are two cores.

    Parameters
    ----------
    jobs : sequence of dict
        Arguments of `analysis.mixed_models.fit_contrast`.
    """
    longest = max((len(job["values"]) for job in jobs), default=0)
    workers = min(_SIDE_BY_SIDE, _cores(), len(jobs))
    if longest >= _LONG and workers > 1:
        # Forking a process with threads may leave it waiting for ever.
        context = multiprocessing.get_context("spawn")
        try:
            with ProcessPoolExecutor(workers, mp_context=context) as pool:
                return list(pool.map(_fit, jobs))
        except (BrokenProcessPool, OSError):
            # One of them was killed, for memory perhaps: one after the other needs less.
            pass
    return [_fit(job) for job in jobs]


def _fit(job: dict[str, Any]) -> MixedFit | str:
    return fit_contrast(**job)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
