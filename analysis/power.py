"""How many participants and units an experiment needs: power by simulation."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from analysis.intervals import NAN
from analysis.mixed_models import MixedFit, fit_contrast, wald
from analysis.simulated_design import Answers, Observers, simulate
from house.seeds import generator

TESTS = ("glmm_slopes", "glmm", "t_paired", "t_units")
"""Tests of the difference: the primary one, the same without slopes, and t over participants or
units."""


@dataclass(frozen=True)
class Design:
    """What is simulated: see `simulated_design.simulate`."""

    participants: tuple[int, ...] = (6, 8, 12, 16, 24, 32)
    units: tuple[int, ...] = (20, 45)
    repeats: int = 1
    units_each: int | None = None
    same_units: bool = True


POWER_COLUMNS = (
    "test", "participants", "units", "trials_each", "simulations", "rejected", "undefined",
    "power", "standard_error", "ci_low", "ci_high",
)  # fmt: skip
"""Columns of `power.csv`: the error and the 95 % interval (Wilson) are those of the simulation."""


def p_value_of(answers: Answers, test: str) -> float:
    """Two-sided p of the difference between the conditions, NaN where the test is not defined.

    Parameters
    ----------
    answers : Answers
        One experiment.
    test : str
        A name from `TESTS`.
    """
    if test in ("glmm", "glmm_slopes"):
        fitted = fit_contrast(
            answers.correct, answers.first, answers.participant, answers.unit,
            logistic=True, slopes=test == "glmm_slopes",
        )  # fmt: skip
        if not isinstance(fitted, MixedFit):
            return NAN
        return wald(fitted).p
    code = answers.participant if test == "t_paired" else answers.unit
    size = int(code.max()) + 1
    means = []
    for own in (answers.first, ~answers.first):
        counted = np.bincount(code[own], minlength=size)
        with np.errstate(invalid="ignore", divide="ignore"):
            means.append(np.bincount(code[own], answers.correct[own], size) / counted)
    difference = means[0] - means[1]
    difference = difference[np.isfinite(difference)]
    if len(difference) < 2 or np.ptp(difference) < 1e-12:
        return NAN
    return float(stats.ttest_1samp(difference, 0).pvalue)


def power_curve(
    observers: Observers,
    design: Design,
    *,
    tests: Iterable[str] = ("glmm_slopes",),
    simulations: int = 200,
    alpha: float = 0.05,
    seed: int = 1,
    step: Callable[[str], None] = lambda _: None,
) -> pd.DataFrame:
    """Simulate every combination of participants and units and count the rejections.

    Parameters
    ----------
    observers : Observers
        Whom to simulate.
    design : Design
        The numbers to try.
    tests : iterable of str
        Names from `TESTS`; all see the same simulated answers.
    simulations : int
        Experiments a combination.
    alpha : float
        Level of the test.
    seed : int
        Every combination and every experiment has its own stream of it.
    step : callable
        Told after each experiment what is being done.

    Returns
    -------
    pandas.DataFrame
        Columns `POWER_COLUMNS`. An experiment whose test is not defined counts as no rejection.
    """
    names = list(tests)
    rows = []
    for units in design.units:
        for participants in design.participants:
            p = np.full((len(names), simulations), NAN)
            for k in range(simulations):
                random = generator(seed, "analysis", "power", participants, units, k)
                answers = _experiment(random, observers, design, participants, units)
                p[:, k] = [p_value_of(answers, name) for name in names]
                step(f"{participants} participants, {units} units")
            seen = min(units, design.units_each or units)
            for name, values in zip(names, p, strict=True):
                rows.append(
                    _row(name, participants, units, seen * 2 * design.repeats, values, alpha)
                )
    return pd.DataFrame(rows, columns=list(POWER_COLUMNS))


def _experiment(
    random: np.random.Generator,
    observers: Observers,
    design: Design,
    participants: int,
    units: int,
) -> Answers:
    return simulate(
        random,
        observers,
        participants,
        units,
        design.repeats,
        design.units_each,
        design.same_units,
    )


def _row(
    test: str, participants: int, units: int, trials: int, p: np.ndarray, alpha: float
) -> dict[str, object]:
    n = len(p)
    rejected = int((p < alpha).sum())
    share = rejected / n
    interval = stats.binomtest(rejected, n).proportion_ci(method="wilson")
    return {
        "test": test, "participants": participants, "units": units, "trials_each": trials,
        "simulations": n, "rejected": rejected, "undefined": int(np.isnan(p).sum()),
        "power": share, "standard_error": float(np.sqrt(share * (1 - share) / n)),
        "ci_low": float(interval.low), "ci_high": float(interval.high),
    }  # fmt: skip


def expected_seconds(observers: Observers, design: Design, tests: Iterable[str], n: int) -> float:
    """Guess how long `power_curve` will take, from one experiment of each combination."""
    names = list(tests)
    total = 0.0
    for units in design.units:
        for participants in design.participants:
            random = generator(0, "analysis", "power", "trial run", participants, units)
            begin = time.perf_counter()
            answers = _experiment(random, observers, design, participants, units)
            for name in names:
                p_value_of(answers, name)
            total += (time.perf_counter() - begin) * n
    return total


def enough(table: pd.DataFrame, test: str, units: int, wanted: float) -> int | None:
    """Smallest number of participants tried whose power reaches what is wanted, if any does."""
    rows = table[(table["test"] == test) & (table["units"] == units)]
    reached = rows[rows["power"] >= wanted]
    return int(reached["participants"].min()) if len(reached) else None
