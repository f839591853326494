"""Analysis of variance with factors within and between participants, type III.

The paper tests experiment II with condition and scheme within and expertise between
participants, in groups of ten and thirteen. pingouin knows one factor of each kind, statsmodels
none between participants, and neither corrects for sphericity there, so the sums of squares are
worked out here, by the multivariate route: each effect within participants is a set of
orthonormal contrasts of a participant's means, and each contrast is an ordinary regression on
the factors between participants, coded to sum to zero, which makes the tests type III.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import linalg, stats

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """A main effect or an interaction.

    Attributes
    ----------
    name : str
        Its factors joined by `*`, such as `condition*scheme`.
    f, df1, df2, p : float
        F test without correction.
    p_gg, epsilon : float
        p after the Greenhouse-Geisser correction, and its epsilon (1 where there is one
        contrast within participants, or none).
    partial_eta_squared : float
    """

    name: str
    f: float
    df1: float
    df2: float
    p: float
    p_gg: float
    epsilon: float
    partial_eta_squared: float


def mixed_anova(wide: pd.DataFrame, groups: pd.DataFrame) -> list[Effect]:
    """Test every effect of crossed factors within and between participants.

    Parameters
    ----------
    wide : pandas.DataFrame
        One row a participant, one column a cell of the factors within participants; the columns
        are a MultiIndex whose levels are named by the factors and fully crossed. Without such
        factors a single column. No NaN.
    groups : pandas.DataFrame
        One row a participant, the same index, one column a factor between participants (or
        none).

    Returns
    -------
    list of Effect
        Shorter factors first; empty where nothing is defined: fewer participants than needed,
        or a combination of groups without any. An effect without error has no entry.

    References
    ----------
    Maxwell, Delaney & Kelley (2018), Designing Experiments and Analyzing Data, chapter 14.
    """
    values = wide.to_numpy(dtype=float)
    crossed = isinstance(wide.columns, pd.MultiIndex)
    within = [str(name) for name in wide.columns.names] if crossed else []
    if any(groups[factor].nunique() < 2 for factor in groups.columns):
        # Everyone of the other groups lacked a cell.
        return []
    terms = dict(_between_terms(groups))
    everything = np.column_stack(list(terms.values()))
    n, parameters = everything.shape
    if n <= parameters or np.linalg.matrix_rank(everything) < parameters:
        return []
    found: list[Effect] = []
    for inside, contrasts in _within_contrasts(wide, within):
        scores = values @ contrasts
        gram = linalg.inv(everything.T @ everything)
        coefficients = gram @ everything.T @ scores
        residual = scores - everything @ coefficients
        error_square, df_error = float((residual**2).sum()), n - parameters
        if error_square <= 1e-20 * max(1.0, float((values**2).sum())):
            continue
        width = contrasts.shape[1]
        epsilon = _epsilon(residual) if inside else 1.0
        start = 0
        for outside, block in terms.items():
            rows = slice(start, start + block.shape[1])
            start += block.shape[1]
            if not inside and not outside:
                continue
            part = coefficients[rows]
            square = float(np.sum(part * linalg.solve(gram[rows, rows], part)))
            df1, df2 = float(width * block.shape[1]), float(width * df_error)
            f = (square / df1) / (error_square / df2)
            found.append(
                Effect(
                    "*".join((*inside, *outside)), f, df1, df2, float(stats.f.sf(f, df1, df2)),
                    float(stats.f.sf(f, epsilon * df1, epsilon * df2)), epsilon,
                    square / (square + error_square),
                )
            )  # fmt: skip
    return sorted(found, key=lambda effect: effect.name.count("*"))


def _between_terms(groups: pd.DataFrame) -> Iterator[tuple[tuple[str, ...], Floats]]:
    """Columns of the design between participants, term by term; the first is the intercept."""
    n = len(groups)
    coded = {}
    for factor in groups.columns:
        levels = sorted(groups[factor].unique(), key=str)
        dummies = np.array(
            [[value == level for level in levels] for value in groups[factor]], float
        )
        coded[str(factor)] = (dummies[:, :-1] - dummies[:, -1:]).reshape(n, len(levels) - 1)
    yield (), np.ones((n, 1))
    for size in range(1, len(coded) + 1):
        for names in combinations(coded, size):
            yield names, reduce(_products, [coded[name] for name in names])


def _products(one: Floats, other: Floats) -> Floats:
    return np.asarray(np.einsum("ni,nj->nij", one, other).reshape(len(one), -1))


def _within_contrasts(
    wide: pd.DataFrame, within: list[str]
) -> Iterator[tuple[tuple[str, ...], Floats]]:
    """Orthonormal contrasts of the cells for every subset of the factors within participants."""
    if not within:
        yield (), np.ones((wide.shape[1], 1)) / np.sqrt(wide.shape[1])
        return
    assert isinstance(wide.columns, pd.MultiIndex)
    levels = [list(dict.fromkeys(wide.columns.get_level_values(name))) for name in within]
    order = {cell: i for i, cell in enumerate(pd.MultiIndex.from_product(levels))}
    places = [order[cell] for cell in wide.columns]
    for size in range(len(within) + 1):
        for names in combinations(within, size):
            factors = []
            for name, own in zip(within, levels, strict=True):
                # Columns of Helmert's matrix, its first the mean, are orthonormal.
                matrix = linalg.helmert(len(own), full=True).T
                factors.append(matrix[:, 1:] if name in names else matrix[:, :1])
            yield names, np.asarray(reduce(np.kron, factors))[places]


def _epsilon(residual: Floats) -> float:
    """Greenhouse and Geisser's epsilon from the residuals of orthonormal contrasts."""
    if residual.shape[1] == 1:
        return 1.0
    product = residual.T @ residual
    return float(np.trace(product) ** 2 / (residual.shape[1] * (product**2).sum()))
