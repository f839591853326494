"""The figures of the report, drawn from its tables: nothing is computed twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pandas as pd

from analysis.figures_by_condition import (
    accuracy,
    confidence,
    response_time_distribution,
    response_times,
)
from analysis.figures_by_factor import (
    by_factor,
    calibration,
    schemes_by_expertise,
    times_and_confidence,
    units,
)
from analysis.figures_of_change import intuitiveness, learning
from analysis.figures_of_sensitivity import sensitivity
from analysis.style import Picture, drawing_style

FACTORS = ("layer", "branch", "selection", "scheme", "expertise")


def pictures(
    trials: pd.DataFrame, estimates: pd.DataFrame, own: Iterable[str] = ()
) -> list[Picture]:
    """Draw all figures that the data of one experiment allow.

    Parameters
    ----------
    trials : pandas.DataFrame
        The experiment's trials.
    estimates : pandas.DataFrame
        What `measures.estimates` made of them.
    own : iterable of str
        The experiment's own factors.
    """
    factors = (*FACTORS, *own)
    drawings: list[Callable[[pd.DataFrame, pd.DataFrame], Picture | None]] = [
        accuracy, response_times, response_time_distribution, confidence,
        *[by_factor(factor) for factor in factors],
        schemes_by_expertise,
        *[times_and_confidence(factor) for factor in factors],
        calibration, units, learning, intuitiveness, sensitivity,
    ]  # fmt: skip
    with drawing_style():
        drawn = [draw(trials, estimates) for draw in drawings]
    return [picture for picture in drawn if picture is not None]
