"""Wilcoxon's signed-rank test, exact with ties.

Without ties scipy computes it. Its exact distribution assumes that no two differences have the
same size, and its permutations of all signs stop being exact beyond a dozen pairs; accuracies of
45 trials or 10 participants tie all the time. With ties the null distribution is therefore
computed here, the true one given the ties: every sign of every difference equally likely.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import stats

from analysis.intervals import NAN

_EXACT_UP_TO = 300


@dataclass(frozen=True)
class SignedRank:
    """Result of the test.

    Attributes
    ----------
    statistic : float
        W, the smaller of the two rank sums.
    p : float
        Two-sided.
    rank_biserial : float
        (rank sum of positive - of negative differences) / total, -1..1.
    n : int
        Differences that are not zero.
    exact : bool
        False where the normal approximation was used (more than 300 differences).
    """

    statistic: float
    p: float
    rank_biserial: float
    n: int
    exact: bool


def signed_rank(differences: Sequence[Fraction | float]) -> SignedRank:
    """Test whether paired differences are symmetric about zero.

    Parameters
    ----------
    differences : sequence of Fraction or float
        One a pair. Give counts or fractions, not rounded proportions: 0.3 - 0.2 and 0.2 - 0.1
        are the same difference, but not as binary floats. Zeros are dropped (Wilcoxon 1945).

    Returns
    -------
    SignedRank
        All NaN, with `n` 0, where every difference is zero.

    Notes
    -----
    Exact p with ties: number of sign patterns with a smaller rank sum at most W, by dynamic
    programming over doubled midranks, which are whole numbers.
    """
    kept = [d for d in differences if d != 0]
    if not kept:
        return SignedRank(NAN, NAN, NAN, 0, True)
    sizes: list[Any] = sorted({abs(d) for d in kept})
    place = {size: i for i, size in enumerate(sizes)}
    doubled = np.rint(2 * stats.rankdata([place[abs(d)] for d in kept])).astype(int)
    positive = np.array([d > 0 for d in kept])
    up, total = int(doubled[positive].sum()), int(doubled.sum())
    smaller = min(up, total - up)
    exact = len(kept) <= _EXACT_UP_TO
    if exact:
        tied = len(sizes) < len(kept)
        p = _exact_p(doubled, smaller) if tied else _scipys(doubled, positive, "exact")
    else:
        p = _scipys(doubled, positive, "asymptotic")
    return SignedRank(smaller / 2, p, (2 * up - total) / total, len(kept), exact)


def _exact_p(doubled: np.ndarray, smaller: int) -> float:
    chances = np.zeros(int(doubled.sum()) + 1)
    chances[0] = 1.0
    for rank in doubled:
        shifted = np.zeros_like(chances)
        shifted[rank:] = chances[:-rank]
        chances = (chances + shifted) / 2
    return float(min(1.0, 2 * chances[: smaller + 1].sum()))


def _scipys(doubled: np.ndarray, positive: np.ndarray, method: str) -> float:
    signed = np.where(positive, doubled, -doubled)
    return float(stats.wilcoxon(signed, method=method, correction=method != "exact").pvalue)
