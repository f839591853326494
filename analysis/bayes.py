"""The mixed models once more, by sampling their posterior with bambi (an extra of its own)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.cells import conditions, trial_set
from analysis.mixed_models import why_not
from analysis.model_tests import MODELS, usable, values_of
from house.errors import UserError
from house.seeds import seed_sequence

Floats = NDArray[np.float64]

DRAWS, TUNE, CHAINS = 1000, 1000, 4
_WORST_RHAT = 1.01


def require_bambi() -> Any:
    """Import bambi.

    Raises
    ------
    UserError
        Where it is not installed; the message says how to install it.
    """
    try:
        import bambi
    except ImportError as error:
        raise UserError(
            f"--bayes needs bambi, which cannot be imported ({error})",
            remedy="Install it with: pip install 'exemplary-lab[bayes]'",
        ) from error
    # Both announce every model on the terminal.
    for name in ("bambi", "pymc"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return bambi


def bayes_rows(
    trials: pd.DataFrame, seed: int, step: Callable[[str], None] = lambda _: None
) -> Iterator[dict[str, Any]]:
    """Rows of the tests: posterior of each contrast, named as the model with ``_bayes``.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of one experiment with `participant_code` and `unit_code`.
    seed : int
        Seed of the sampler.
    step : callable
        Told what is being sampled.

    Notes
    -----
    The same models as in `mixed_models` with bambi's weakly informative priors. `effect` is the
    posterior median, `ci_low` and `ci_high` hold the middle 95 %, and `note` has the probability
    of direction and the sampler's health. There is no statistic and no p.
    """
    bambi = require_bambi()
    main = trial_set(trials, "all")
    main = main[main["unit_code"] >= 0]
    for first, second in combinations(conditions(trials), 2):
        part = main[main["condition"].astype(str).isin([first, second])]
        for test, measure, column, slopes in MODELS:
            contrast = f"{first}-{second}"
            step(f"Sampling {contrast}, {test}")
            data, lost = usable(part, measure, column)
            row = {"measure": measure, "trials": "all", "test": f"{test}_bayes",
                   "contrast": contrast, "factor": "", "level": "", "adjustment": "",
                   "statistic_name": "", "n": len(data)}  # fmt: skip
            own = (data["condition"].astype(str) == first).to_numpy()
            values = values_of(data, measure, column)
            people, units = (data[c].to_numpy() for c in ("participant_code", "unit_code"))
            logistic = measure == "accuracy"
            reason = why_not(values, own, people, units, logistic)
            if reason:
                yield row | {"note": f"not defined: {reason}"}
                continue
            table = pd.DataFrame(
                {"y": values, "x": np.where(own, 0.5, -0.5),
                 "participant": people.astype(str), "unit": units.astype(str)}
            )  # fmt: skip
            formula = "y ~ x + (1|participant) + (1|unit)"
            if slopes:
                formula += " + (0 + x|participant) + (0 + x|unit)"
            root = seed_sequence(seed, "analysis", "bayes", contrast, test)
            draws, divergences = _sample(bambi, formula, table, logistic, root)
            yield row | _summary(draws, divergences, measure, lost)


def _sample(
    bambi: Any, formula: str, table: pd.DataFrame, logistic: bool, root: np.random.SeedSequence
) -> tuple[Floats, int]:
    """Draws of the contrast, shape (chains, draws), and the number of divergent steps."""
    model = bambi.Model(formula, table, family="bernoulli" if logistic else "gaussian")
    found = model.fit(
        draws=DRAWS, tune=TUNE, chains=CHAINS, cores=min(2, CHAINS), progressbar=False,
        random_seed=int(root.generate_state(1)[0]), target_accept=0.95,
    )  # fmt: skip
    draws = np.asarray(found.posterior["x"]).reshape(CHAINS, DRAWS)
    return draws, int(np.asarray(found.sample_stats["diverging"]).sum())


def _summary(draws: Floats, divergences: int, measure: str, lost: str) -> dict[str, Any]:
    low, middle, high = np.quantile(draws, [0.025, 0.5, 0.975])
    shown = np.array([middle, low, high])
    if measure in ("accuracy", "rt"):
        shown = np.exp(shown)
    direction = float(max((draws > 0).mean(), (draws < 0).mean()))
    rhat = split_rhat(draws)
    health = f"R-hat {rhat:.3f}, {divergences} divergences"
    if rhat > _WORST_RHAT:
        health += ": the chains disagree, do not use"
    return {
        "effect_name": {"accuracy": "odds ratio", "rt": "ratio of times"}.get(
            measure, "difference"
        ),
        "effect": shown[0], "ci_low": shown[1], "ci_high": shown[2],
        "difference": float(middle),
        "note": "; ".join(
            filter(None, [f"probability of direction {direction:.4f}", health, lost])
        ),
    }  # fmt: skip


def split_rhat(draws: Floats) -> float:
    """How far the halves of the chains disagree; 1 where they do not (Gelman et al. 2013).

    Parameters
    ----------
    draws : ndarray of float, shape (chains, draws)
        An even number of draws.
    """
    halves = draws.reshape(2 * len(draws), -1)
    n = halves.shape[1]
    within = halves.var(axis=1, ddof=1).mean()
    between = n * halves.mean(axis=1).var(ddof=1)
    return float(np.sqrt(((n - 1) / n * within + between / n) / within))


def with_posteriors(
    tests: pd.DataFrame, trials: pd.DataFrame, seed: int, step: Callable[[str], None]
) -> pd.DataFrame:
    """Append the rows of `bayes_rows` to the tests of one experiment."""
    label = str(trials["experiment"].iloc[0]) if len(trials) else ""
    rows = pd.DataFrame(list(bayes_rows(trials, seed, step)), columns=list(tests.columns))
    if rows.empty:
        return tests
    rows = rows.assign(experiment=label, primary=False)
    numbers = {c: tests[c].dtype for c in tests.columns if tests[c].dtype.kind in "fi"}
    return pd.concat([tests, rows.astype(numbers)], ignore_index=True)
