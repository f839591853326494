"""One row of the table of estimates, and the cells that rows are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pandas as pd

from analysis.cells import ordered
from analysis.intervals import Estimate, Resamples, estimate


def by_condition(trials: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Trials of each condition, in the order in which conditions are shown."""
    names = trials["condition"].astype(str)
    for condition in ordered(trials["condition"].dropna().unique(), "condition"):
        yield condition, trials[names == condition]


def estimate_of(
    trials: pd.DataFrame,
    column: str,
    resamples: Resamples,
    statistic: str,
    bounds: tuple[float, float] | None,
) -> Estimate:
    """Estimate a column of trials that has no missing values; see `intervals.estimate`."""
    return estimate(
        resamples,
        trials[column].to_numpy(dtype=float),
        trials["participant_code"].to_numpy(),
        trials["unit_code"].to_numpy(),
        statistic=statistic,
        bounds=bounds,
    )


def row_of(
    measure: str,
    statistic: str,
    trials: str,
    condition: str,
    found: Estimate,
    factor: str = "",
    level: str = "",
    factor2: str = "",
    level2: str = "",
) -> dict[str, Any]:
    """Row of the table of estimates."""
    values = asdict(found)
    return {
        "measure": measure, "statistic": statistic, "trials": trials, "condition": condition,
        "factor": factor, "level": level, "factor2": factor2, "level2": level2,
        "ci_low": values.pop("t_low"), "ci_high": values.pop("t_high"), **values,
    }  # fmt: skip
