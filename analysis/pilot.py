"""What a pilot, or any recorded data, says about a design and its observers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.cells import conditions, trial_set
from analysis.measures import with_codes
from analysis.mixed_models import MixedFit, fit_contrast
from analysis.simulated_design import Observers
from analysis.words import listed
from house.errors import UserError

LOGIT_TO_D_PRIME = np.sqrt(2) / 1.702
"""Log odds to d': a logistic curve is a normal one 1.702 times as wide within 0.01 (Camilli 1994),
and d' of two images is sqrt(2) times the normal deviate."""


@dataclass(frozen=True)
class Pilot:
    """What was found in the data.

    Attributes
    ----------
    contrast : tuple of str
        The two conditions.
    observers : Observers
        Their accuracies, and how far participants and units spread.
    units : int
    units_each : int
        Units that a participant saw in a condition (median).
    repeats : int
        Trials of a participant with a unit in a condition (rounded mean).
    origin : str
        A sentence that says where this comes from.
    """

    contrast: tuple[str, str]
    observers: Observers
    units: int
    units_each: int
    repeats: int
    origin: str


def read_pilot(trials: pd.DataFrame, contrast: str | None, name: str) -> Pilot:
    """Take design and observers from trials.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials as `load` gives them, of one experiment.
    contrast : str or None
        Two conditions such as ``synthetic-natural``; by default the first two in the report's
        order.
    name : str
        Name of the data.

    Raises
    ------
    UserError
        If there are several experiments, no such contrast, or accuracies of 0 or 1.
    """
    labels = sorted(trials["experiment"].unique())
    if len(labels) > 1:
        raise UserError(
            f"the folder holds several experiments: {listed([str(x) for x in labels])}",
            where=name,
            remedy="Give a folder with one of them.",
        )
    names = conditions(trials)
    pairs = {f"{a}-{b}": (a, b) for a in names for b in names if a != b}
    chosen = contrast or "-".join(names[:2])
    if chosen not in pairs:
        raise UserError(
            f'there is no contrast "{chosen}" in these data',
            where=name,
            remedy=f"Their conditions are {listed(names) or 'none'}; choose two with --contrast.",
        )
    first, second = pairs[chosen]
    main = with_codes(trial_set(trials, "all"))
    main = main[main["condition"].astype(str).isin([first, second]) & (main["unit_code"] >= 0)]
    own = (main["condition"].astype(str) == first).to_numpy()
    correct = main["correct"].to_numpy(dtype=float)
    accuracy = float(correct[own].mean()), float(correct[~own].mean())
    if not all(0 < a < 1 for a in accuracy):
        raise UserError(
            f"every answer with {first if accuracy[0] in (0, 1) else second} images is right, or "
            "every one wrong: that says nothing about how often other participants would be",
            where=name,
            remedy="Give --accuracy and the spreads yourself instead of DATA.",
        )
    by_person = main.groupby(["participant_code", "condition"], observed=True)
    each = by_person["unit_code"].nunique()
    cells = main.groupby(["participant_code", "condition", "unit_code"], observed=True).size()
    spreads, how = _spreads(main, own, correct)
    return Pilot(
        contrast=(first, second),
        observers=Observers(accuracy, *spreads),
        units=int(main["unit_code"].nunique()),
        units_each=int(each.median()),
        repeats=max(1, round(float(cells.mean()))),
        origin=f"Accuracies, numbers of units and trials, and spreads are those of {name}, "
        f"{first} against {second}; {how}.",
    )


def _spreads(
    main: pd.DataFrame, own: np.ndarray, correct: np.ndarray
) -> tuple[tuple[float, float, float, float], str]:
    fitted = fit_contrast(
        correct, own, main["participant_code"].to_numpy(), main["unit_code"].to_numpy(),
        logistic=True, slopes=True,
    )  # fmt: skip
    if not isinstance(fitted, MixedFit):
        usual = Observers()
        return (
            (usual.participant_sd, usual.unit_sd, usual.participant_slope_sd, usual.unit_slope_sd),
            f"the spreads could not be estimated ({fitted}) and are the published ones",
        )
    found = (fitted.participant_sd, fitted.unit_sd, fitted.participant_slope_sd,
             fitted.unit_slope_sd)  # fmt: skip
    a, b, c, d = (round(float(v * LOGIT_TO_D_PRIME), 3) for v in found)
    return (a, b, c, d), "the spreads come from a logistic mixed model with slopes"
