"""Two one-sided tests: evidence that a difference is small, where none is claimed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pingouin
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]

BOUNDS = {"accuracy": 0.05, "confidence": 0.2, "intuitiveness_change": 10.0}
"""Differences that would not matter, in the measure's own unit: 5 percentage points, a fifth of a
step of confidence, a twentieth of the scale of intuitiveness. Times have none, because what
matters depends on how long the task takes."""


def equivalence_row(
    first: Floats, second: Floats | None, contrast: str, measure: str
) -> dict[str, Any] | None:
    """Row of the test of one value a participant against zero, or of two groups (Welch).

    Parameters
    ----------
    first : ndarray of float
        Differences within participants, or the values of the first group.
    second : ndarray of float or None
        Values of the second group; None for differences.
    contrast, measure : str
        What is compared; the measure has the bound.

    Returns
    -------
    dict or None
        `statistic` is the t of the one-sided test with the larger p, `effect` the difference
        with its 90 % interval, which lies inside the bounds where p < .05. None where the
        measure has no bound or nothing varies.

    References
    ----------
    Schuirmann (1987); Lakens (2017), doi:10.1177/1948550617697177.
    """
    bound = BOUNDS.get(measure)
    groups = [first] if second is None else [first, second]
    if bound is None or min(len(g) for g in groups) < 2 or max(np.ptp(g) for g in groups) < 1e-12:
        return None
    if second is None:
        tested = stats.ttest_1samp(first, 0.0)
        difference = float(np.mean(first))
        table = pingouin.tost(first, 0, bound=bound)
    else:
        tested = stats.ttest_ind(first, second, equal_var=False)
        difference = float(np.mean(first) - np.mean(second))
        table = pingouin.tost(first, second, bound=bound, paired=False, correction=True)
    low, high = tested.confidence_interval(0.90)
    error = float(high - low) / 2 / float(stats.t.ppf(0.95, tested.df))
    return {
        "test": "equivalence", "contrast": contrast, "statistic_name": "t",
        "statistic": (bound - abs(difference)) / error, "df1": float(tested.df),
        "p": float(table["pval"].iloc[0]), "effect_name": "difference", "effect": difference,
        "ci_low": float(low), "ci_high": float(high), "difference": difference,
        "difference_low": float(low), "difference_high": float(high),
        "n": sum(len(g) for g in groups), "note": f"within ± {bound:g}; 90 % interval",
    }  # fmt: skip
