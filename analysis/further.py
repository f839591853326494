"""Numbers that are no means over trials: signal detection, metacognition, agreement, models."""

from __future__ import annotations

import pandas as pd

from analysis.agreement import agreement_rows
from analysis.detection import detection_rows
from analysis.inference import TEST_DETAIL_COLUMNS
from analysis.intervals import Resamples
from analysis.measures import DETAIL_COLUMNS
from analysis.metacognition import metacognition_rows
from analysis.model_tests import Model, mixed_test_rows, spread_rows
from analysis.primary import mark_primary


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
        The two conditions that the protocol names, either way round; see `primary.mark_primary`.
    """
    rows = pd.DataFrame(list(mixed_test_rows(models)), columns=list(TEST_DETAIL_COLUMNS))
    # Columns of nothing but missing numbers would change the type of the whole.
    numbers = {c: tests[c].dtype for c in tests.columns if tests[c].dtype.kind in "fi"}
    rows = rows.assign(primary=False).astype({c: t for c, t in numbers.items() if c in rows})
    together = pd.concat([tests, rows], ignore_index=True) if len(rows) else tests
    return mark_primary(together, contrast)
