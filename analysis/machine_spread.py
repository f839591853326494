"""How far units spread in what a machine observer makes of them: assumptions for power."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.machine import read_prediction
from analysis.words import listed
from house.errors import UserError
from stimuli import MachinePrediction
from stimuli.machine import CONDITIONS, SCHEMES


@dataclass(frozen=True)
class Spread:
    """Standard deviations between units, on the scale of d'.

    Attributes
    ----------
    unit_sd : float
        Of the mean of the two conditions' d'.
    unit_slope_sd : float
        Of their difference.
    d_primes : tuple of float
        Mean d' in the first and in the second condition.
    origin : str
        A sentence that says where this comes from.
    """

    unit_sd: float
    unit_slope_sd: float
    d_primes: tuple[float, float]
    origin: str


def machine_spread(
    prediction: MachinePrediction,
    where: str,
    contrast: tuple[str, str] = ("synthetic", "natural"),
) -> Spread:
    """Estimate the spread between units from the decision variables of a bank.

    A unit's batches are its repetitions: their standard deviation, pooled over units, is the
    noise, so that d' = sqrt(2) D / SD, as a right answer has the probability Phi(d' / sqrt 2).
    Between units the variance of the means over B batches is that of the units plus 1 / B of that
    within units, which is taken off (one-way random effects, method of moments).

    Parameters
    ----------
    prediction : MachinePrediction
    where : str
        The bank, for messages.
    contrast : tuple of str
        The two conditions that are compared.

    Raises
    ------
    UserError
        If the machine does not know a condition, no scheme has both, or there are too few units
        or batches.
    """
    unknown = [name for name in contrast if name not in CONDITIONS]
    if unknown:
        raise UserError(
            f"a machine observer says nothing of the condition {listed(unknown)}: it compares "
            f"queries with {listed(list(CONDITIONS))} references",
            where=where,
            remedy="Leave the bank's machine out and give --unit-sd and --unit-slope-sd.",
        )
    both = [
        place for place in range(len(SCHEMES))
        if np.isfinite(prediction.decision[..., place]).all()
    ]  # fmt: skip
    units, batches = prediction.decision.shape[:2]
    if not both or units < 3 or batches < 2:
        raise UserError(
            "a spread over units needs three units, two batches and a scheme with natural and "
            f"synthetic references; this bank has {units} units and {batches} batches",
            where=where,
        )
    scheme = both[-1]
    values = prediction.decision[..., scheme].astype(np.float64)
    values = values[:, :, [CONDITIONS.index(name) for name in contrast]]
    noise = np.sqrt(values.var(axis=1, ddof=1).mean(axis=0))
    if not (noise > 0).all():
        raise UserError("the machine's answers do not vary between batches", where=where)
    d = np.sqrt(2) * values / noise
    level, slope = (
        _between(d[:, :, 0] / 2 + d[:, :, 1] / 2), _between(d[:, :, 1] - d[:, :, 0])
    )  # fmt: skip
    first, second = d.mean(axis=(0, 1))
    return Spread(
        round(level, 3),
        round(slope, 3),
        (float(first), float(second)),
        "The spread between units, however, is that of the machine observer "
        f"“{prediction.name}” over {units} units of this bank ({listed(list(contrast))}, "
        f"{SCHEMES[scheme]}; the noise is what differs between its {batches} batches).",
    )


def read_spread(bank: Path, name: str | None, contrast: tuple[str, str]) -> Spread:
    """Read a prediction of a bank and estimate its spread; see `machine_spread`."""
    prediction, _ = read_prediction(bank, name)
    return machine_spread(prediction, str(bank), contrast)


def _between(values: np.ndarray) -> float:
    """Standard deviation between rows of an array (units, batches)."""
    within = values.var(axis=1, ddof=1).mean() / values.shape[1]
    return float(np.sqrt(max(0.0, values.mean(axis=1).var(ddof=1) - within)))
