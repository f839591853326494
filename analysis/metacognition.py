"""How well confidence tells right answers from wrong ones.

The type-2 ROC area needs no model. meta-d' is the sensitivity that an ideal observer would have
whose confidence separates right from wrong as well as this participant's does; its ratio to d',
the M-ratio, is 1 where confidence uses all the evidence that the choice used (Maniscalco & Lau
2012). No maintained package fits it, and thousands of participants must be fitted at once, so
the likelihood is maximised here, by Fisher scoring over all participants together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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

LEVELS = 3
"""Levels of confidence."""

LEAST_D_PRIME = 0.2
"""Below this d' the ratio meta-d' / d' and the relative criterion have no stable meaning."""

NO_AREA = "they had no wrong, or no right answer"
NO_META = f"their d' is below {LEAST_D_PRIME}"
_STEPS = 200
_TOLERANCE = 1e-9


def auroc2(counts: Floats) -> Floats:
    """Area under the type-2 ROC curve.

    Parameters
    ----------
    counts : ndarray of float, shape (n, 2 K)
        Wrong answers by confidence 1 ... K, then right ones.

    Returns
    -------
    ndarray of float, shape (n,)
        Probability that a right answer was given with more confidence than a wrong one, ties
        counting half; 0.5 where confidence tells nothing. NaN without wrong or right answers.
    """
    levels = counts.shape[1] // 2
    wrong, right = counts[:, :levels], counts[:, levels:]
    below = np.cumsum(wrong, axis=1) - wrong
    pairs = wrong.sum(axis=1) * right.sum(axis=1)
    won = (right * (below + wrong / 2)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, won / pairs, NAN)


@dataclass(frozen=True)
class MetaFit:
    """Fits of n participants.

    Attributes
    ----------
    d_prime, meta_d : ndarray of float, shape (n,)
        On the axis of a yes-no task, ``z(H) - z(F)``; divide by sqrt(2) for the 2-AFC axis.
    log_likelihood : ndarray of float, shape (n,)
        Of the ratings given stimulus and response, at the maximum.
    converged : ndarray of bool, shape (n,)
    """

    d_prime: Floats
    meta_d: Floats
    log_likelihood: Floats
    converged: NDArray[np.bool_]

    @property
    def m_ratio(self) -> Floats:
        """meta-d' over d'."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.meta_d / self.d_prime)


def fit_meta_d(first: Floats, second: Floats) -> MetaFit:
    """Maximum-likelihood meta-d' of many participants at once.

    Parameters
    ----------
    first, second : ndarray of float, shape (n, 2 K)
        Counts of the responses to the first and to the second stimulus class, in the order:
        "first" with confidence K ... 1, then "second" with confidence 1 ... K. Counts must be
        above zero; add 1 / (2 K) to each where some are not.

    Returns
    -------
    MetaFit
        With NaN where d' is zero or below: the criterion relative to d' has no meaning there.

    Notes
    -----
    The model of Maniscalco & Lau (2012) with equal variances: evidence is normal with unit
    variance at -m / 2 and m / 2, the type-1 criterion stands where it does for d', relative to
    d', and the confidence criteria lie in order beyond it on each side. Parameters are m and the
    logarithms of the gaps between criteria, so no constraint is needed.
    """
    levels = first.shape[1] // 2
    z_hit = special.ndtri(second[:, levels:].sum(axis=1) / second.sum(axis=1))
    z_false = special.ndtri(first[:, levels:].sum(axis=1) / first.sum(axis=1))
    d = z_hit - z_false
    usable = d > 1e-6
    shape = np.full(len(d), NAN)
    meta, likelihood, converged = shape.copy(), shape.copy(), np.zeros(len(d), dtype=bool)
    if usable.any():
        relative = (-(z_hit + z_false) / 2 / np.where(usable, d, 1))[usable]
        # Mirrored, "first" responses are "second" ones: one routine serves both sides.
        sides = np.stack(
            [
                np.stack([second[:, levels:], first[:, levels:]], axis=1),
                np.stack([first[:, levels - 1 :: -1], second[:, levels - 1 :: -1]], axis=1),
            ],
            axis=1,
        )[usable]
        fitted = _maximise(sides, np.stack([relative, -relative], axis=1), d[usable])
        meta[usable], likelihood[usable], converged[usable] = fitted
    return MetaFit(np.asarray(d), meta, likelihood, converged)


def _maximise(
    counts: Floats, relative: Floats, start: Floats
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Fisher scoring with damping.

    Parameters
    ----------
    counts : ndarray of float, shape (n, 2, 2, K)
        Participant, side, right or wrong, confidence.
    relative : ndarray of float, shape (n, 2)
        Type-1 criterion over d', as each side sees it.
    start : ndarray of float, shape (n,)
        First guess of meta-d'.
    """
    n, levels = len(counts), counts.shape[-1]
    size = 1 + 2 * (levels - 1)
    parameters = np.concatenate([start[:, None], np.full((n, size - 1), np.log(0.5))], axis=1)
    damping = np.full(n, 1e-3)
    value, score, information = _likelihood(counts, relative, parameters)
    converged = np.zeros(n, dtype=bool)
    for _ in range(_STEPS):
        todo = np.flatnonzero(~converged)
        if not len(todo):
            break
        bent = information[todo] + damping[todo, None, None] * np.eye(size) * (
            1 + np.diagonal(information[todo], axis1=1, axis2=2)[:, None, :]
        )
        step = np.linalg.solve(bent, score[todo, :, None])[..., 0]
        step = np.clip(step, -2, 2)
        trial = parameters[todo] + step
        trial[:, 1:] = np.clip(trial[:, 1:], -15, 4)
        new, new_score, new_information = _likelihood(counts[todo], relative[todo], trial)
        better = new >= value[todo]
        gain = new - value[todo]
        good = todo[better]
        parameters[good], value[good] = trial[better], new[better]
        score[good], information[good] = new_score[better], new_information[better]
        damping[todo] = np.clip(np.where(better, damping[todo] / 5, damping[todo] * 8), 1e-9, 1e9)
        settled = (better & (gain < _TOLERANCE)) | (damping[todo] >= 1e8)
        converged[todo[settled]] = True
    return parameters[:, 0], value, converged


def _likelihood(
    counts: Floats, relative: Floats, parameters: Floats
) -> tuple[Floats, Floats, Floats]:
    """Log likelihood, its gradient, and the expected information."""
    n, levels = len(counts), counts.shape[-1]
    m = parameters[:, 0]
    size = parameters.shape[1]
    value = np.zeros(n)
    score = np.zeros((n, size))
    information = np.zeros((n, size, size))
    for side in range(2):
        own = slice(1 + side * (levels - 1), 1 + (side + 1) * (levels - 1))
        gaps = np.exp(parameters[:, own])
        edge = relative[:, side] * m
        cuts = np.concatenate([edge[:, None], edge[:, None] + np.cumsum(gaps, axis=1)], axis=1)
        # d cut / d parameter, shape (n, K, size)
        slope = np.zeros((n, levels, size))
        slope[:, :, 0] = relative[:, side, None]
        for j in range(levels - 1):
            slope[:, j + 1 :, 1 + side * (levels - 1) + j] = gaps[:, j, None]
        for right, sign in ((0, 0.5), (1, -0.5)):
            place = cuts - sign * m[:, None]
            turn = slope.copy()
            turn[:, :, 0] -= sign
            # Mass beyond each cut, relative to that beyond the type-1 criterion.
            tail = special.log_ndtr(-place)
            # Slope of log tail: minus the inverse Mills ratio.
            steep = -np.exp(-0.5 * place**2 - 0.5 * np.log(2 * np.pi) - tail)
            share = np.exp(tail - tail[:, :1])
            d_share = share[..., None] * (
                steep[..., None] * turn - (steep[:, :1, None] * turn[:, :1])
            )
            p = share - np.concatenate([share[:, 1:], np.zeros((n, 1))], axis=1)
            d_p = d_share - np.concatenate([d_share[:, 1:], np.zeros((n, 1, size))], axis=1)
            p = np.maximum(p, 1e-300)
            observed = counts[:, side, right]
            value += (observed * np.log(p)).sum(axis=1)
            score += np.einsum("nk,nks->ns", observed / p, d_p)
            expected = observed.sum(axis=1)[:, None] / p
            information += np.einsum("nk,nks,nkt->nst", expected, d_p, d_p)
    return value, score, information


def metacognition_rows(trials: pd.DataFrame, resamples: Resamples) -> Iterator[dict[str, Any]]:
    """Rows of the estimates: auroc2, meta_d (on the 2-AFC axis, as d') and m_ratio by condition.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of one experiment with `participant_code` and `unit_code`.
    resamples : Resamples
        The experiment's bootstrap.
    """
    main = trial_set(trials, "all")
    wanted = ("choice", "correct_position", "confidence")
    main = main[main[list(wanted)].notna().all(axis=1)]
    confidence = main["confidence"].to_numpy(dtype=np.int64)
    right = main["correct"].to_numpy(dtype=np.int64)
    lower = (main["choice"] == "lower").to_numpy(dtype=np.int64)
    signal = (main["correct_position"] == "lower").to_numpy(dtype=np.int64)
    rating = np.where(lower == 1, LEVELS + confidence - 1, LEVELS - confidence)
    main = main.assign(type2=LEVELS * right + confidence - 1, answer=2 * LEVELS * signal + rating)
    names = participant_names(main)
    main = main[[*CELL_COLUMNS, "type2", "answer"]]
    for place, part in cells(main):
        counts = Counts.of(part, part["type2"].to_numpy(), 2 * LEVELS)
        own = counts.by_participant()
        areas = auroc2(own)
        interval = (NAN, NAN) if place["factor"] else bootstrap(counts, resamples, auroc2)
        used = int(own[np.isfinite(areas)].sum())
        yield {
            "measure": "auroc2", **place,
            **summary(areas, used, reason=NO_AREA, interval=interval),
        }  # fmt: skip
        if not place["factor"]:
            for row in participant_rows(counts, own, areas, place, names):
                yield {"measure": "auroc2", **row}
        answers = Counts.of(part, part["answer"].to_numpy(), 4 * LEVELS).by_participant()
        meta, ratio = padded_meta_d(answers)
        used = int(answers[np.isfinite(meta)].sum())
        yield {"measure": "meta_d", **place, **summary(meta, used, reason=NO_META)}
        for statistic in ("mean", "median"):
            yield {
                "measure": "m_ratio", **place,
                **summary(ratio, used, reason=NO_META, statistic=statistic),
            }  # fmt: skip


def padded_meta_d(answers: Floats) -> tuple[Floats, Floats]:
    """meta-d' and M-ratio of participants' counts, empty cells filled as Maniscalco & Lau do.

    Parameters
    ----------
    answers : ndarray of float, shape (n, 4 K)
        Counts for the upper image right, then for the lower one, each ordered as `fit_meta_d`
        wants them.

    Returns
    -------
    meta_d, m_ratio : ndarray of float, shape (n,)
        meta-d' divided by sqrt(2), as d' is. NaN where d' is below `LEAST_D_PRIME` or a class of
        stimuli is missing.
    """
    half = answers.shape[1] // 2
    first, second = answers[:, :half], answers[:, half:]
    fitted = fit_meta_d(first + 1 / half, second + 1 / half)
    stable = (fitted.d_prime / np.sqrt(2) >= LEAST_D_PRIME) & fitted.converged
    stable &= (first.sum(axis=1) > 0) & (second.sum(axis=1) > 0)
    meta = np.where(stable, fitted.meta_d / np.sqrt(2), NAN)
    return meta, np.where(stable, fitted.m_ratio, NAN)
