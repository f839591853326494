"""Numbers that are no means over trials: signal detection, metacognition, agreement, models."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.agreement import agreement_rows
from analysis.detection import detection_rows
from analysis.inference import TEST_DETAIL_COLUMNS
from analysis.intervals import Resamples
from analysis.measures import DETAIL_COLUMNS
from analysis.metacognition import metacognition_rows
from analysis.model_tests import PRIMARY, Model, mixed_test_rows, spread_rows


def further_estimates(
    trials: pd.DataFrame, resamples: Resamples, models: list[Model], seed: int
) -> pd.DataFrame:
    """Rows to append to the estimates.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of one experiment with `participant_code` and `unit_code`.
    resamples : Resamples
        The experiment's bootstrap.
    models : list of Model
        From `mixed_models.fit_models`.
    seed : int
        For what is drawn at random.
    """
    rows = [
        *detection_rows(trials, resamples),
        *metacognition_rows(trials, resamples),
        *agreement_rows(trials, resamples, seed),
        *spread_rows(models),
    ]
    return pd.DataFrame(rows, columns=list(DETAIL_COLUMNS))


def with_models(
    tests: pd.DataFrame, models: list[Model], contrast: tuple[str, str] | None = None
) -> pd.DataFrame:
    """Append the models to the tests and mark the primary one.

    Parameters
    ----------
    tests : pandas.DataFrame
        From `inference.run_tests`.
    models : list of Model
        From `model_tests.fit_models`.
    contrast : tuple of str, optional
        The two conditions that the protocol names, either way round.

    Notes
    -----
    The claim is about units of networks, and units differ far more than participants do in what
    they make of the images (random-effect standard deviations 0.94 and 0.04 in the published
    data); so the primary comparison counts both as samples. It has the largest random structure
    that the design allows, with a difference that varies over both (`glmm_slopes`): with
    intercepts alone a difference that varies is found where there is none, one time in ten
    instead of twenty (benchmarks/calibration.py). Where that model cannot be fitted the primary
    comparison is `glmm`, where that is not defined either the paper's own, as marked in `tests`.
    """
    rows = pd.DataFrame(list(mixed_test_rows(models)), columns=list(TEST_DETAIL_COLUMNS))
    if rows.empty:
        return tests
    defined = rows["p"].astype(float).notna()
    stated = ["-".join(contrast), "-".join(contrast[::-1])] if contrast else []
    candidates = [
        index
        for pairs in (stated, ["synthetic-natural"], list(rows["contrast"]))
        for test in (PRIMARY, "glmm")
        for index in rows.index[defined & rows["contrast"].isin(pairs) & (rows["test"] == test)]
    ]
    first = candidates[:1]
    rows["primary"] = rows.index.isin(first)
    # Columns of nothing but missing numbers would change the type of the whole.
    numbers = {c: tests[c].dtype for c in tests.columns if tests[c].dtype.kind in "fi"}
    rows = rows.astype({c: t for c, t in numbers.items() if c in rows})
    if first:
        tests = tests.assign(primary=np.zeros(len(tests), dtype=bool))
    return pd.concat([tests, rows], ignore_index=True)
