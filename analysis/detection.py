"""Sensitivity and bias in the 2-AFC task, by signal detection theory.

The lower image, position b of the paper's protocol, counts as the signal: a hit is "lower" where
the lower image was right, a false alarm "lower" where the upper one was.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from analysis.cells import trial_set
from analysis.counted import (
    CELL_COLUMNS,
    Counts,
    bootstrap,
    cells,
    participant_names,
    participant_rows,
    summary,
)
from analysis.intervals import NAN, Resamples

Floats = NDArray[np.float64]
UNDEFINED = "they had no trial with the upper, or none with the lower image right"


def d_prime(hits: Floats, signals: Floats, false_alarms: Floats, noises: Floats) -> Floats:
    """Sensitivity in a two-alternative task.

    Parameters
    ----------
    hits, signals : ndarray of float
        "Lower" answered, out of the trials in which the lower image was right.
    false_alarms, noises : ndarray of float, the same shape
        "Lower" answered, out of the trials in which the upper image was right.

    Returns
    -------
    ndarray of float
        ``(z(H) - z(F)) / sqrt(2)``: the root makes it the distance of the two images on the axis
        on which each is judged (Macmillan & Creelman 2005). NaN without signals or noises.

    Notes
    -----
    Rates are log-linear, ``H = (hits + 0.5) / (signals + 1)`` (Hautus 1995): applied to every
    cell, it keeps perfect ones finite and biases less than correcting only these.
    """
    high, low = _z_rates(hits, signals, false_alarms, noises)
    return np.asarray((high - low) / np.sqrt(2))


def criterion(hits: Floats, signals: Floats, false_alarms: Floats, noises: Floats) -> Floats:
    """Bias towards a position, ``-(z(H) + z(F)) / 2``; above zero it is towards the upper image.

    Parameters and corrections as in `d_prime`.
    """
    high, low = _z_rates(hits, signals, false_alarms, noises)
    return np.asarray(-(high + low) / 2)


def _z_rates(
    hits: Floats, signals: Floats, false_alarms: Floats, noises: Floats
) -> tuple[Floats, Floats]:
    known = (np.asarray(signals) > 0) & (np.asarray(noises) > 0)
    high = special.ndtri((np.asarray(hits) + 0.5) / (np.asarray(signals) + 1))
    low = special.ndtri((np.asarray(false_alarms) + 0.5) / (np.asarray(noises) + 1))
    return np.where(known, high, NAN), np.where(known, low, NAN)


def d_prime_of(counts: Floats) -> Floats:
    """Sensitivity of counts, shape (n, 4).

    Columns: upper right and chosen, upper right but lower chosen, lower right but upper chosen,
    lower right and chosen.
    """
    return d_prime(counts[:, 3], counts[:, 2] + counts[:, 3], counts[:, 1], counts[:, :2].sum(1))


def criterion_of(counts: Floats) -> Floats:
    """Criterion of the same counts."""
    return criterion(counts[:, 3], counts[:, 2] + counts[:, 3], counts[:, 1], counts[:, :2].sum(1))


def detection_rows(trials: pd.DataFrame, resamples: Resamples) -> Iterator[dict[str, Any]]:
    """Rows of the estimates: d' and criterion by condition, means over participants.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of one experiment with `participant_code` and `unit_code`.
    resamples : Resamples
        The experiment's bootstrap.
    """
    main = trial_set(trials, "all")
    main = main[main["choice"].notna() & main["correct_position"].notna()]
    lower_right = (main["correct_position"] == "lower").to_numpy(dtype=np.int64)
    lower_chosen = (main["choice"] == "lower").to_numpy(dtype=np.int64)
    main = main.assign(answer=2 * lower_right + lower_chosen)
    names = participant_names(main)
    main = main[[*CELL_COLUMNS, "answer"]]
    for place, part in cells(main):
        counts = Counts.of(part, part["answer"].to_numpy(), 4)
        own = counts.by_participant()
        for measure, statistic in (("d_prime", d_prime_of), ("criterion", criterion_of)):
            values = statistic(own)
            used = int(own[np.isfinite(values)].sum())
            interval = (NAN, NAN)
            if not place["factor"]:
                interval = bootstrap(counts, resamples, statistic)
            yield {
                "measure": measure, **place,
                **summary(values, used, reason=UNDEFINED, interval=interval),
            }  # fmt: skip
            if not place["factor"]:
                for row in participant_rows(counts, own, values, place, names):
                    yield {"measure": measure, **row}
