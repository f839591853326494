"""What the 2021 paper printed about experiment I, to set beside what its data give."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from analysis.words import number, p_value


@dataclass(frozen=True)
class Comparison:
    """One number as printed and as recomputed, both as text."""

    what: str
    printed: str
    recomputed: str
    agrees: bool


_ACCURACY = (("synthetic", 82, 4), ("natural", 92, 2))
_P_VALUES = (
    ("accuracy", "all", "Accuracy", 0.015),
    ("rt", "all", "Response time, all answers", 0.002),
    ("rt", "correct", "Response time, correct answers", 0.006),
    ("rt", "incorrect", "Response time, wrong answers", 0.035),
)


def comparisons(estimates: pd.DataFrame, tests: pd.DataFrame) -> list[Comparison]:
    """Set the paper's printed numbers beside those of this report.

    Accuracies and their errors are from the paper's abstract, in percent; the p values are
    those of its post-hoc comparison of synthetic and natural images, Bonferroni-corrected.
    """
    found = []
    for condition, percent, error in _ACCURACY:
        row = estimates[
            (estimates["measure"] == "accuracy")
            & (estimates["trials"] == "all")
            & (estimates["factor"] == "")
            & (estimates["condition"] == condition)
        ]
        if len(row):
            value, bar = 100 * row["estimate"].iloc[0], 100 * row["two_sem"].iloc[0]
            agrees = _rounds_to(value, percent, 0) and _rounds_to(bar, error, 0)
            found.append(
                Comparison(
                    f"Accuracy with {condition} images",
                    f"{percent} ± {error} %",
                    f"{number(value, 1)} ± {number(bar, 1)} %",
                    agrees,
                )
            )
    for measure, trials, label, printed in _P_VALUES:
        row = tests[
            (tests["test"] == "rm_anova_posthoc")
            & (tests["measure"] == measure)
            & (tests["trials"] == trials)
            & (tests["contrast"] == "synthetic-natural")
        ]
        if len(row):
            p = float(row["p_adjusted"].iloc[0])
            found.append(
                Comparison(
                    f"{label}: p, synthetic against natural",
                    p_value(printed),
                    p_value(p),
                    _rounds_to(p, printed, 3),
                )
            )
    return found


def _rounds_to(value: float, printed: float, digits: int) -> bool:
    return math.isfinite(value) and abs(value - printed) <= 0.5 * 10**-digits + 1e-12
