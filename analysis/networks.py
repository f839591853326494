"""Networks beside each other: whether units of one are easier to explain than another's.

Each unit's accuracy is one value, so these numbers speak about other units of the same networks
with these participants; people's differences are the mixed models' business.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.cells import trial_set
from analysis.estimate_rows import by_condition
from analysis.intervals import NAN, percentile_interval
from house.seeds import generator
from stimuli.schema import network_of

Floats = NDArray[np.float64]

NETWORK_COLUMNS = (
    "experiment", "condition", "network", "n_units", "n_trials", "accuracy", "bootstrap_low",
    "bootstrap_high", "median_unit", "sd_units",
)  # fmt: skip
TEST_COLUMNS = (
    "experiment", "condition", "test", "contrast", "n", "statistic_name", "statistic", "df", "p",
    "p_holm", "effect_name", "effect", "difference", "difference_low", "difference_high", "note",
)  # fmt: skip


@dataclass(frozen=True)
class Networks:
    """What differs between networks.

    Attributes
    ----------
    accuracies : pandas.DataFrame
        Columns `NETWORK_COLUMNS`: mean of the units' accuracies with its 95 % bootstrap interval
        over units.
    tests : pandas.DataFrame
        Columns `TEST_COLUMNS`: Kruskal and Wallis' test of every condition, then Mann and
        Whitney's of every pair with Holm's correction within the condition.
    units : pandas.DataFrame
        Condition, network, unit and accuracy.
    """

    accuracies: pd.DataFrame
    tests: pd.DataFrame
    units: pd.DataFrame


def networks_in(trials: pd.DataFrame) -> list[str]:
    """Networks of the main trials' units, in alphabetical order; none in a bank of one network."""
    main = trial_set(trials, "all")
    names = {network_of(str(unit)) for unit in main["unit"].unique()}
    return sorted(names - {""})


def compare_networks(
    trials: pd.DataFrame, experiment: str, *, bootstrap: int, seed: int
) -> Networks:
    """Compare networks in every condition.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of one experiment, of units of two networks or more.
    experiment : str
        Its label.
    bootstrap, seed : int
        Resamples of each network's units, and their seed.
    """
    names = networks_in(trials)
    accuracies, tests, every = [], [], []
    for condition, own in by_condition(trial_set(trials, "all")):
        known = own.assign(
            unit=own["unit"].astype(str), correct=own["correct"].astype(float)
        ).assign(network=lambda t: t["unit"].map(network_of))
        table = known.groupby(["network", "unit"], sort=True)["correct"].agg(["mean", "size"])
        table = table.reset_index().rename(columns={"mean": "accuracy", "size": "n_trials"})
        every.append(table.assign(condition=condition))
        groups = {
            name: table.loc[table["network"] == name, "accuracy"].to_numpy(dtype=float)
            for name in names
        }
        groups = {name: values for name, values in groups.items() if len(values)}
        drawn = {
            name: _means(values, bootstrap, seed, condition, name)
            for name, values in groups.items()
        }
        place = {"experiment": experiment, "condition": condition}
        for name, values in groups.items():
            low, high = _interval(drawn[name], len(values))
            accuracies.append(
                {
                    **place, "network": name, "n_units": len(values),
                    "n_trials": int(table.loc[table["network"] == name, "n_trials"].sum()),
                    "accuracy": float(values.mean()), "bootstrap_low": low,
                    "bootstrap_high": high, "median_unit": float(np.median(values)),
                    "sd_units": float(values.std(ddof=1)) if len(values) > 1 else NAN,
                }
            )  # fmt: skip
        if len(groups) > 1:
            tests += [{**place, **row} for row in _tests(groups, drawn)]
    return Networks(
        pd.DataFrame(accuracies, columns=list(NETWORK_COLUMNS)),
        pd.DataFrame(tests, columns=list(TEST_COLUMNS)),
        pd.concat(every, ignore_index=True) if every else pd.DataFrame(),
    )


def _means(values: Floats, bootstrap: int, seed: int, condition: str, name: str) -> Floats:
    random = generator(seed, "analysis", "networks", condition, name)
    drawn = random.integers(len(values), size=(bootstrap, len(values)))
    return np.asarray(values[drawn].mean(axis=1))


def _interval(means: Floats, units: int) -> tuple[float, float]:
    return percentile_interval(means) if units > 1 else (NAN, NAN)


def _tests(groups: dict[str, Floats], drawn: dict[str, Floats]) -> list[dict[str, object]]:
    """Test all networks together and, with Holm's correction, in pairs."""
    sizes = [len(values) for values in groups.values()]
    total, together = sum(sizes), np.concatenate(list(groups.values()))
    row: dict[str, object] = {
        "test": "kruskal_wallis", "contrast": "all networks", "n": total, "statistic_name": "H",
        "df": len(groups) - 1, "effect_name": "epsilon squared", "note": "",
    }  # fmt: skip
    if np.ptp(together) == 0:
        return [row | {"note": "all units have the same accuracy"}]
    found = stats.kruskal(*groups.values())
    row |= {
        "statistic": float(found.statistic), "p": float(found.pvalue),
        # Tomczak & Tomczak (2014): H (n + 1) / (n squared - 1).
        "effect": float(found.statistic) * (total + 1) / (total**2 - 1),
    }  # fmt: skip
    pairs: list[dict[str, object]] = []
    for first, second in combinations(groups, 2):
        a, b = groups[first], groups[second]
        u = stats.mannwhitneyu(a, b, alternative="two-sided", method="auto")
        low, high = _interval(drawn[first] - drawn[second], min(len(a), len(b)))
        pairs.append(
            {
                "test": "mann_whitney", "contrast": f"{first} - {second}", "n": len(a) + len(b),
                "statistic_name": "U", "statistic": float(u.statistic), "p": float(u.pvalue),
                "effect_name": "rank-biserial",
                "effect": 2 * float(u.statistic) / (len(a) * len(b)) - 1,
                "difference": float(a.mean() - b.mean()),
                "difference_low": low, "difference_high": high, "note": "",
            }
        )  # fmt: skip
    corrected = holm(np.array([pair["p"] for pair in pairs], dtype=float))
    for pair, value in zip(pairs, corrected, strict=True):
        pair["p_holm"] = float(value)
    return [row, *pairs]


def holm(p: Floats) -> Floats:
    """Correct p values for their number, the smallest most (Holm 1979); NaN stays and counts not.

    statsmodels' `multipletests` gives the same, but collects garbage at every call.
    """
    order = np.argsort(np.where(np.isnan(p), np.inf, p))
    known = int(np.isfinite(p).sum())
    found = np.full(len(p), NAN)
    first = order[:known]
    found[first] = np.minimum(1, np.maximum.accumulate(p[first] * np.arange(known, 0, -1)))
    return found
