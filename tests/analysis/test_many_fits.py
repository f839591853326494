from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pytest

from analysis import many_fits
from analysis.many_fits import fit_all
from analysis.mixed_models import fit_contrast


def jobs(count: int) -> list[dict[str, Any]]:
    """Give models of different data, one of which has no solution."""
    made = []
    for seed in range(count):
        rng = np.random.default_rng(seed)
        people, units = np.repeat(np.arange(8), 24), np.tile(np.arange(12), 16)
        first = np.tile(np.repeat([True, False], 12), 8)
        chance = 1 / (1 + np.exp(-(0.8 + 0.7 * first + rng.normal(0, 0.6, 12)[units])))
        values = (rng.random(len(people)) < chance).astype(float)
        made.append(
            {
                "values": values if seed else np.ones(len(people)),
                "first": first,
                "participant": people,
                "unit": units,
                "logistic": True,
                "slopes": bool(seed % 2),
            }
        )
    return made


def test_processes_give_the_numbers_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = fit_all(jobs(8))
    monkeypatch.setattr(many_fits, "_LONG", 1)
    monkeypatch.setattr(many_fits, "_cores", lambda: 2)
    here: list[int] = []
    monkeypatch.setattr(
        many_fits, "fit_contrast", lambda **job: here.append(1) or fit_contrast(**job)
    )
    together = fit_all(jobs(8))
    assert 0 < len(here) < 8
    assert isinstance(alone[0], str)
    assert repr(together) == repr(alone)


def test_one_core_takes_no_second_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(many_fits, "_LONG", 1)
    monkeypatch.setattr(many_fits, "_cores", lambda: 1)
    monkeypatch.setattr(many_fits, "fit_contrast", lambda **_: "done in this process")
    assert fit_all(jobs(2)) == ["done in this process"] * 2


@pytest.mark.parametrize("helper", [True, False])
def test_a_helper_can_be_asked_for_and_done_without(
    monkeypatch: pytest.MonkeyPatch, helper: bool
) -> None:
    """Short fits on one core have none, long ones on two have one, where nobody says."""
    monkeypatch.setattr(many_fits, "_LONG", 10**9 if helper else 1)
    monkeypatch.setattr(many_fits, "_cores", lambda: 1 if helper else 2)
    started = []

    class Recorded(ProcessPoolExecutor):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            started.append(1)
            super().__init__(*arguments, **options)

    monkeypatch.setattr(many_fits, "ProcessPoolExecutor", Recorded)
    assert repr(fit_all(jobs(2), helper)) == repr([fit_contrast(**job) for job in jobs(2)])
    assert len(started) == helper
    assert len(fit_all(jobs(2))) == 2
    assert len(started) == 1


def test_a_killed_helper_costs_time_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = fit_all(jobs(6))
    monkeypatch.setattr(many_fits, "_LONG", 1)
    monkeypatch.setattr(many_fits, "_cores", lambda: 2)

    def killing(**job: Any) -> Any:
        for child in multiprocessing.active_children():
            child.kill()
        return fit_contrast(**job)

    monkeypatch.setattr(many_fits, "fit_contrast", killing)
    assert repr(fit_all(jobs(6))) == repr(alone)
