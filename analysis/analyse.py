"""From a data set to results: everything that is computed, nothing that is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

from analysis.bayes import with_posteriors
from analysis.design import trial_count_numbers
from analysis.exclusion import Decision, exclude
from analysis.further import further_estimates, with_models
from analysis.inference import TEST_DETAIL_COLUMNS, run_tests
from analysis.intervals import Resamples
from analysis.load import Dataset
from analysis.measures import DETAIL_COLUMNS, estimates, with_codes
from analysis.model_tests import fit_models

BOOTSTRAP = 2000
SEED = 20210503
"""Default seed of the bootstrap: the day on which ICLR 2021 began."""


@dataclass(frozen=True)
class Results:
    """What was computed for one experiment.

    Attributes
    ----------
    label : str
        The experiment's name in the tables.
    trials : pandas.DataFrame
        Its trials, less those that the protocol's rules exclude.
    estimates, tests : pandas.DataFrame
        See `measures.estimates` and `inference.run_tests`.
    counts : dict
        Number of trials of each type, of trials without an answer, of participants, sessions.
    exclusion : Decision
        What was left out, and why.
    collected : dict
        The same counts before exclusion.
    whole : tuple of pandas.DataFrame or None
        Estimates and tests without exclusion, where something was excluded.
    factors : dict of str to str
        The experiment's own factors and the columns that they read.
    """

    label: str
    trials: pd.DataFrame
    estimates: pd.DataFrame
    tests: pd.DataFrame
    counts: dict[str, int]
    exclusion: Decision
    collected: dict[str, int]
    whole: tuple[pd.DataFrame, pd.DataFrame] | None = None
    factors: Mapping[str, str] = field(default_factory=dict)


def analyse(
    dataset: Dataset,
    *,
    seed: int = SEED,
    bootstrap: int = BOOTSTRAP,
    bayes: bool = False,
    step: Callable[[str], None] = lambda _: None,
) -> list[Results]:
    """Compute all estimates and tests, each experiment by itself.

    Parameters
    ----------
    dataset : Dataset
        From `load`.
    seed : int
        Seed of the bootstrap, 0 or more.
    bootstrap : int
        Number of resamples; 0 leaves the bootstrap out.
    bayes : bool
        Sample the posterior of the mixed models too, which takes minutes and needs bambi.
    step : callable
        Told what is being done, for a progress display.
    """
    found = []
    for label in sorted(dataset.trials["experiment"].astype(str).unique()):
        collected = dataset.trials[dataset.trials["experiment"] == label]
        sessions = dataset.sessions[dataset.sessions["experiment"] == label]
        stated = (dataset.factors.get(label, {}), dataset.contrasts.get(label))
        decision = exclude(collected, sessions, dataset.rules)
        whole = None
        if decision.changed:
            # Without the steps: they are counted before anything is known of exclusions.
            whole = _compute(collected, label, seed, bootstrap, lambda _: None, stated)[1:]
        trials, numbers, tested = _compute(decision.trials, label, seed, bootstrap, step, stated)
        found.append(
            Results(
                label, trials, numbers, tested, _counts(trials), decision, _counts(collected),
                whole, stated[0],
            )
        )  # fmt: skip
    if bayes:
        found = [
            replace(one, tests=with_posteriors(one.tests, one.trials, seed, step)) for one in found
        ]
    return found


def _compute(
    trials: pd.DataFrame,
    label: str,
    seed: int,
    bootstrap: int,
    step: Callable[[str], None],
    stated: tuple[Mapping[str, str], tuple[str, str] | None],
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Trials with their codes, estimates and tests of one experiment."""
    trials = with_codes(trials)
    step(f"Estimating {label}")
    resamples = Resamples.draw(
        int(trials["participant_code"].max()) + 1, int(trials["unit_code"].max()) + 1,
        bootstrap, seed,
    )  # fmt: skip
    factors, contrast = stated
    numbers = estimates(trials, resamples, factors)
    step(f"Testing {label}")
    models = fit_models(trials, factors)
    tested = with_models(run_tests(trials, factors), models, contrast).assign(experiment=label)
    further = further_estimates(trials, resamples, models, seed)
    numbers = pd.concat([numbers, further], ignore_index=True).assign(experiment=label)
    return trials, numbers[list(DETAIL_COLUMNS)], tested[list(TEST_DETAIL_COLUMNS)]


def _counts(trials: pd.DataFrame) -> dict[str, int]:
    unanswered = trials["correct"].isna() & (trials["trial_type"] != "intuitiveness")
    return {
        "participants": int(trials["participant"].nunique()),
        "sessions": int(trials.groupby(["participant", "session"]).ngroups),
        "units": int(trials.loc[trials["trial_type"] == "main", "unit"].nunique()),
        "trials": len(trials),
        "without_answer": int(unanswered.sum()),
        "without_time": int((trials["rt"].isna() & trials["correct"].notna()).sum()),
        **trial_count_numbers(trials),
    }
