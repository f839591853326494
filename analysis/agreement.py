"""Whether participants who saw the same trial chose the same image.

Two participants agree where both are right or both are wrong: of two images one is right, so that
is the same as choosing the same image. Good participants agree by being right. The coefficients
take out what their accuracies alone would give and ask whether they err on the *same* trials.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.cells import ordered, trial_set
from analysis.intervals import NAN, Resamples, percentile_interval
from house.seeds import generator

Floats = NDArray[np.float64]

MOST_PARTICIPANTS = 300
"""Pairs grow with the square; of more participants a random sample of this size is compared."""

_MOST_FOR_BOOTSTRAP = 50
_IMAGES = ("query_upper", "query_lower")
_SAME_TRIAL = ("condition", "scheme", "unit", "batch")


def cohen_kappas(answers: Floats, weights: Floats | None = None) -> Floats:
    """Cohen's kappa of every pair of participants with trials in common.

    Parameters
    ----------
    answers : ndarray of float, shape (P, I)
        One row a participant, one column a trial: 1 right, 0 wrong, NaN not seen.
    weights : ndarray of float, shape (I,), optional
        How often each trial counts.

    Returns
    -------
    ndarray of float
        One value a pair; NaN for a pair in which both were always right, or always wrong:
        kappa is 0 / 0 there.
    """
    weight = np.ones(answers.shape[1]) if weights is None else weights
    seen = np.isfinite(answers)
    right = np.where(seen, answers, 0.0)
    wrong = seen - right
    both = (right * weight) @ right.T
    neither = (wrong * weight) @ wrong.T
    only_first = (right * weight) @ wrong.T
    upper = np.triu_indices(len(answers), 1)
    a, d, b, c = both[upper], neither[upper], only_first[upper], only_first.T[upper]
    n = a + b + c + d
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = ((a + b) * (a + c) + (c + d) * (b + d)) / n**2
        kappas = ((a + d) / n - expected) / (1 - expected)
    return np.asarray(np.where(1 - expected > 1e-12, kappas, NAN)[n > 0])


def agreeing_share(right: Floats, wrong: Floats, weight: Floats) -> float:
    """Share of pairs of answers to the same trial that agree; parameters as below."""
    answers = right + wrong
    pairs = (weight * answers * (answers - 1)).sum()
    agreeing = (weight * (right * (right - 1) + wrong * (wrong - 1))).sum()
    return float(agreeing / pairs) if pairs > 0 else NAN


def krippendorff_alpha(right: Floats, wrong: Floats, weight: Floats) -> float:
    """Nominal alpha of two values from how often each trial got each; NaN if all agree on one.

    Parameters
    ----------
    right, wrong, weight : ndarray of float, shape (I,)
        Answers of each kind to each trial, and how often the trial counts.

    Notes
    -----
    Krippendorff (2011). The package `krippendorff` is under the GPL and wants a newer Python
    than we promise; the tests hold an example that its documentation shares with the paper.
    """
    answers = right + wrong
    used = answers > 1
    right, wrong, answers, weight = right[used], wrong[used], answers[used], weight[used]
    if not len(answers):
        return NAN
    disagreeing = float((weight * 2 * right * wrong / (answers - 1)).sum())
    rights, wrongs = float((weight * right).sum()), float((weight * wrong).sum())
    total = rights + wrongs
    by_chance = 2 * rights * wrongs / (total - 1) if total > 1 else 0.0
    return 1 - disagreeing / by_chance if by_chance > 0 else NAN


def agreement_rows(
    trials: pd.DataFrame, resamples: Resamples, seed: int = 0
) -> Iterator[dict[str, Any]]:
    """Rows of the estimates: agreement, cohen_kappa and krippendorff_alpha by condition.

    A trial is the same where unit, condition, scheme, batch and both query images are. Without a
    trial that two participants saw there is no row.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of one experiment with `participant_code` and `unit_code`.
    resamples : Resamples
        The experiment's bootstrap, of which units are used: participants drawn twice would agree
        with themselves.
    seed : int
        Chooses the participants where there are more than `MOST_PARTICIPANTS`.
    """
    main = trial_set(trials, "all")
    known = main[[*_IMAGES, "unit"]].notna().all(axis=1)
    main = main[known]
    if main.empty:
        return
    main = main.assign(item=_items(main))
    names = main["condition"].astype(str)
    for condition in ordered(main["condition"].dropna().unique(), "condition"):
        yield from _condition_rows(main[names == condition], condition, resamples, seed)


def _items(trials: pd.DataFrame) -> NDArray[np.int64]:
    """Number the trials by what was shown, whichever query image was above the other."""
    # Codes of one joint list of images: text sorts slowly, numbers do not.
    upper, lower = (trials[name].astype(object) for name in _IMAGES)
    codes, _ = pd.factorize(pd.concat([upper, lower], ignore_index=True))
    pair = np.sort(codes.reshape(2, -1), axis=0)
    keys = {name: trials[name].to_numpy() for name in _SAME_TRIAL}
    table = pd.DataFrame({**keys, "one": pair[0], "two": pair[1]})
    grouped = table.groupby(list(table.columns), sort=False, dropna=False, observed=True)
    return np.asarray(grouped.ngroup().to_numpy(), dtype=np.int64)


def _condition_rows(
    trials: pd.DataFrame, condition: str, resamples: Resamples, seed: int
) -> Iterator[dict[str, Any]]:
    # The same trial shown twice to a participant counts once, with its first answer.
    trials = trials.drop_duplicates(["participant_code", "item"])
    often = trials.groupby("item")["participant_code"].transform("size")
    shared = trials[often > 1]
    if shared.empty:
        return
    items, column = np.unique(shared["item"].to_numpy(), return_inverse=True)
    counted_right = np.bincount(column, shared["correct"].to_numpy(dtype=float), len(items))
    right = counted_right.astype(np.float64)
    wrong = np.bincount(column, minlength=len(items)).astype(np.float64) - right
    unit = np.zeros(len(items), dtype=np.int64)
    unit[column] = shared["unit_code"].to_numpy()
    once = np.ones(len(items))
    counted = {"agreement": agreeing_share, "krippendorff_alpha": krippendorff_alpha}
    for measure, statistic in counted.items():
        value = statistic(right, wrong, once)
        interval = _interval(partial(statistic, right, wrong), unit, resamples, 2000)
        people = int(shared["participant_code"].nunique())
        yield _row(measure, condition, value, interval, len(items), people, "")
    answers, note = _matrix(shared, column, len(items), seed)
    kappas = cohen_kappas(answers)
    known = kappas[np.isfinite(kappas)]
    interval = (NAN, NAN)
    if len(answers) <= _MOST_FOR_BOOTSTRAP:
        interval = _interval(lambda w: _mean_kappa(answers, w), unit, resamples, 500)
    if len(known) < len(kappas):
        lost = f"{len(kappas) - len(known)} of {len(kappas)} pairs left out: no variation"
        note = "; ".join(filter(None, [note, lost]))
    value = float(np.mean(known)) if len(known) else NAN
    yield _row("cohen_kappa", condition, value, interval, len(items), len(answers), note)


def _matrix(
    shared: pd.DataFrame, column: NDArray[np.int64], width: int, seed: int
) -> tuple[Floats, str]:
    """Answers as `cohen_kappas` wants them, of a sample where there are too many participants."""
    people, row = np.unique(shared["participant_code"].to_numpy(), return_inverse=True)
    chosen, note = np.arange(len(people)), ""
    if len(people) > MOST_PARTICIPANTS:
        random = generator(seed, "analysis", "agreement")
        chosen = np.sort(random.choice(len(people), MOST_PARTICIPANTS, replace=False))
        note = f"{MOST_PARTICIPANTS} of {len(people)} participants, drawn at random"
    place = np.full(len(people), -1)
    place[chosen] = np.arange(len(chosen))
    used = place[row] >= 0
    answers = np.full((len(chosen), width), np.nan)
    answers[place[row[used]], column[used]] = shared["correct"].to_numpy(dtype=float)[used]
    return answers, note


def _mean_kappa(answers: Floats, weights: Floats) -> float:
    kappas = cohen_kappas(answers, weights)
    kappas = kappas[np.isfinite(kappas)]
    return float(np.mean(kappas)) if len(kappas) else NAN


def _interval(
    statistic: Callable[[Floats], float],
    unit: NDArray[np.int64],
    resamples: Resamples,
    most: int,
) -> tuple[float, float]:
    """95 % percentile interval over units."""
    draws = resamples.units[:most]
    if not len(draws) or len(np.unique(unit)) < 2:
        return NAN, NAN
    return percentile_interval(np.array([statistic(weights[unit]) for weights in draws]))


def _row(
    measure: str,
    condition: str,
    value: float,
    interval: tuple[float, float],
    n_items: int,
    n_people: int,
    note: str,
) -> dict[str, Any]:
    """One row; its only interval is the bootstrap's over units, given as both."""
    low, high = interval
    if not np.isfinite(value):
        note = "; ".join(filter(None, [note, "not defined: the answers do not vary"]))
    return {
        "measure": measure, "statistic": "mean", "trials": "all", "condition": condition,
        "factor": "", "level": "", "factor2": "", "level2": "", "estimate": value,
        "two_sem": NAN, "ci_low": low, "ci_high": high, "bootstrap_low": low,
        "bootstrap_high": high, "n_trials": n_items, "n_participants": n_people, "note": note,
    }  # fmt: skip
