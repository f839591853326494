"""Simulated signal-detection observers of known sensitivity, confidence and spread."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

from analysis.measures import with_codes


def answers(
    random: np.random.Generator,
    *,
    participants: int,
    units: int,
    d_prime: dict[str, float],
    participant_sd: float = 0.0,
    unit_sd: float = 0.0,
    shift: float = 0.0,
    repeats: int = 1,
) -> pd.DataFrame:
    """Trials of observers who compare two images and report confidence by fixed criteria.

    `d_prime` is that of each condition on the 2-AFC axis; participants and units add normal
    deviations to it. `shift` moves the criterion towards the upper image.
    """
    names = list(d_prime)
    p, u, c, _ = (
        a.ravel()
        for a in np.meshgrid(
            np.arange(participants), np.arange(units), np.arange(len(names)), np.arange(repeats),
            indexing="ij",
        )
    )  # fmt: skip
    strength = np.array([d_prime[n] for n in names])[c]
    strength = strength + random.normal(0, participant_sd, participants)[p] if participant_sd \
        else strength  # fmt: skip
    strength = strength + random.normal(0, unit_sd, units)[u] if unit_sd else strength
    lower_right = random.random(len(p)) < 0.5
    # The difference of two images with unit noise has a mean of d' and an SD of sqrt(2).
    evidence = np.where(lower_right, 1, -1) * strength + random.normal(0, np.sqrt(2), len(p))
    lower_chosen = evidence > shift
    confidence = 1 + np.digitize(np.abs(evidence - shift), [0.7, 1.7])
    table = pd.DataFrame(
        {
            "participant": p + 1,
            "session": 1,
            "block": 1,
            "trial": np.arange(len(p)) + 1,
            "trial_type": "main",
            "condition": np.array(names)[c],
            "scheme": "Min+Max 9",
            "expertise": None,
            "unit": [f"fire2:1x1:{k}" for k in u],
            "layer": "fire2",
            "branch": "1x1",
            "selection": "random",
            "batch": 1,
            "query_upper": "natural/000001",
            "query_lower": "natural/000002",
            "correct_position": np.where(lower_right, "lower", "upper"),
            "choice": np.where(lower_chosen, "lower", "upper"),
            "correct": lower_chosen == lower_right,
            "confidence": confidence,
            "rt": random.lognormal(1.0, 0.4, len(p)),
            "rating": np.nan,
            "repeated_of": np.nan,
            "experiment": "simulated",
        }
    )
    return with_codes(table.astype({"correct": "boolean", "confidence": "Int64"}))


def rating_shares(d: float, meta: float, criterion: float, cuts: list[float]) -> np.ndarray:
    """Expected shares of the ratings of an observer of known meta-d', shape (2, 2 K).

    Choices follow `d` and `criterion` on the yes-no axis. Given the choice, ratings follow the
    model of Maniscalco & Lau (2012): unit normals `meta` apart, the type-1 criterion at the same
    place relative to meta-d', confidence criteria `cuts` further out on each side.
    """
    edge = criterion / d * meta
    edges = np.concatenate([edge - np.cumsum(cuts)[::-1], [edge], edge + np.cumsum(cuts)])
    half = len(cuts) + 1
    shares = []
    for sign in (-1, 1):
        areas = np.diff(stats.norm.cdf(np.r_[-np.inf, edges, np.inf], sign * meta / 2))
        first = stats.norm.cdf(criterion, sign * d / 2)
        low, high = areas[:half], areas[half:]
        shares.append(np.r_[first * low / low.sum(), (1 - first) * high / high.sum()])
    return np.array(shares)
