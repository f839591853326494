"""When a trial was given: half of its block, place in its condition, moment of a rating."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

HALVES = ("first", "second")
MOMENTS = ("beginning", "end")


def with_order(trials: pd.DataFrame) -> pd.DataFrame:
    """Add to the trials of one experiment when each was given.

    Returns
    -------
    pandas.DataFrame
        With the columns `block_half` ("first" or "second" half of the main trials of its block;
        the middle one of an odd number counts as second), `progress` (0 for a participant's
        first main trial of a condition, 1 for the last) and `moment` ("beginning" or "end": a
        rating of intuitiveness before, or after, the first other trial of its session). Missing
        where it does not apply.
    """
    main = trials[trials["trial_type"] == "main"]
    session = [main["participant"], main["session"]]
    in_block = main["trial"].groupby([*session, main["block"]])
    second = (in_block.rank() > in_block.transform("size") / 2).fillna(False).astype(bool)
    half = pd.Series(np.where(second, *reversed(HALVES)), index=main.index, dtype=object)
    half = half.mask(main["block"].isna())
    placed = main.sort_values(["participant", "session", "trial"])
    grouped = placed.groupby([placed["participant"], placed["condition"].astype(str)])
    place, size = grouped.cumcount(), grouped["trial"].transform("size")
    progress = (place / (size - 1)).where(size > 1)
    return trials.assign(
        block_half=half.reindex(trials.index),
        progress=progress.reindex(trials.index).astype(float),
        moment=_moments(trials),
    )


def _moments(trials: pd.DataFrame) -> pd.Series[Any]:
    rated = trials["trial_type"] == "intuitiveness"
    keys = [trials["participant"], trials["session"]]
    first = trials["trial"].mask(rated).groupby(keys).transform("min")
    late = (trials["trial"] > first).fillna(False).astype(bool)
    moment = pd.Series(np.where(late, *reversed(MOMENTS)), index=trials.index, dtype=object)
    return moment.where(rated)


def trend(trials: pd.DataFrame, column: str) -> pd.Series[Any]:
    """Change of a measure from a participant's first to last trial, by least squares.

    Parameters
    ----------
    trials : pandas.DataFrame
        Main trials of one condition, with `progress` and a value in `column` each.
    column : str
        The measure.

    Returns
    -------
    pandas.Series
        One value a participant, in the measure's unit; participants with fewer than two trials
        have none.
    """
    x = trials["progress"].astype(float)
    y = trials[column].astype(float)
    keys = trials["participant"]
    dx, dy = x - x.groupby(keys).transform("mean"), y - y.groupby(keys).transform("mean")
    spread = (dx**2).groupby(keys).sum()
    return ((dx * dy).groupby(keys).sum() / spread)[spread > 0]
