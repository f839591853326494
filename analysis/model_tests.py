"""The mixed models of every contrast, as rows of the tests and of the estimates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.cells import conditions, ordered, trial_set
from analysis.intervals import NAN
from analysis.many_fits import fit_all
from analysis.mixed_models import Floats, MixedFit, wald
from analysis.words import listed

MODELS = (
    ("glmm_slopes", "accuracy", "correct", True),
    ("glmm", "accuracy", "correct", False),
    ("lmm_log_rt", "rt", "rt", True),
    ("lmm_confidence", "confidence", "confidence", True),
)
"""Name of the test, measure, column, and whether the contrast may differ between participants and
between units: the random effects that the design allows (Barr et al. 2013). `glmm` leaves these
out, for comparison with analyses that do."""

PRIMARY = "glmm_slopes"
"""Test of the primary comparison, where it is defined."""

_COVARIATES = ("scheme", "expertise")


@dataclass(frozen=True)
class Model:
    """A model of one contrast, fitted or with the reason why not.

    Attributes
    ----------
    test, measure, contrast : str
        As in the tables.
    fitted : MixedFit or str
    comparisons : int
        Contrasts in the family.
    n : int
        Trials.
    note : str
        What a reader must know besides.
    """

    test: str
    measure: str
    contrast: str
    fitted: MixedFit | str
    comparisons: int
    n: int
    note: str


def fit_models(
    trials: pd.DataFrame, factors: Iterable[str] = (), helper: bool | None = None
) -> list[Model]:
    """Fit every model of `MODELS` to every pair of conditions.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of one experiment with `participant_code` and `unit_code`. Times of zero or below
        have no logarithm and are left out, which the note counts. Where scheme or expertise vary,
        they are fixed effects too.
    factors : iterable of str
        Columns of the experiment's own factors, held constant in the same way.
    helper : bool, optional
        See `many_fits.fit_all`.
    """
    main = trial_set(trials, "all")
    main = main[main["unit_code"] >= 0]
    pairs = list(combinations(conditions(trials), 2))
    condition = main["condition"].astype(str)
    jobs: list[dict[str, Any]] = []
    asked = []
    for first, second in pairs:
        part = main[condition.isin([first, second])]
        made: dict[str, tuple[dict[str, Any], str]] = {}
        for test, measure, column, slopes in MODELS:
            # Two of the models describe the same answers.
            if measure not in made:
                made[measure] = _data(part, measure, column, first, (*_COVARIATES, *factors))
            data, note = made[measure]
            jobs.append({**data, "slopes": slopes})
            asked.append((test, measure, f"{first}-{second}", note))
    found = [
        Model(test, measure, contrast, fit, len(pairs), len(job["values"]), note)
        for (test, measure, contrast, note), fit, job in zip(
            asked, fit_all(jobs, helper), jobs, strict=True
        )
    ]
    plain = {model.contrast: model.fitted for model in found if model.test == "glmm"}
    return [
        replace(model, note=_joined(model.note, _slope_test(plain[model.contrast], model.fitted)))
        if model.test == PRIMARY
        else model
        for model in found
    ]


def mixed_test_rows(models: list[Model]) -> Iterator[dict[str, Any]]:
    """Rows of the tests.

    Notes
    -----
    See `mixed_models.wald` for statistic and degrees of freedom. Logistic models give an odds
    ratio. A singular fit, in which the contrast does not vary over participants or over units, is
    kept with its degrees of freedom, and the note says so: it is then the fit of the smaller model.
    """
    for model in models:
        row = {
            "measure": model.measure, "trials": "all", "test": model.test,
            "contrast": model.contrast, "factor": "", "level": "", "adjustment": "", "n": model.n,
        }  # fmt: skip
        yield row | _numbers(model.fitted, model.measure, model.comparisons, model.note)


def spread_rows(models: list[Model]) -> Iterator[dict[str, Any]]:
    """Rows of the estimates: how far participants and units spread, on the models' scales.

    `measure` is the model's name with ``_sd`` (intercepts) or ``_slope_sd`` (the contrast),
    `condition` the contrast, `factor` participant or unit.
    """
    for model in models:
        fitted = model.fitted
        if isinstance(fitted, str):
            continue
        for kind, factor, value in (
            ("sd", "participant", fitted.participant_sd),
            ("sd", "unit", fitted.unit_sd),
            ("slope_sd", "participant", fitted.participant_slope_sd),
            ("slope_sd", "unit", fitted.unit_slope_sd),
        ):
            if not np.isfinite(value):
                continue
            yield {
                "measure": f"{model.test}_{kind}", "statistic": "mean", "trials": "all",
                "condition": model.contrast, "factor": factor, "level": "", "factor2": "",
                "level2": "", "estimate": value, "two_sem": NAN, "ci_low": NAN, "ci_high": NAN,
                "bootstrap_low": NAN, "bootstrap_high": NAN, "n_trials": fitted.n_trials,
                "n_participants": fitted.n_participants,
                "note": f"over {fitted.n_units} units" if factor == "unit" else "",
            }  # fmt: skip


def usable(part: pd.DataFrame, measure: str, column: str) -> tuple[pd.DataFrame, str]:
    """Trials that a model can use, and a note on those that it cannot."""
    data = part[part[column].notna()]
    if measure != "rt":
        return data, ""
    positive = data[data["rt"] > 0]
    lost = len(data) - len(positive)
    return positive, f"{lost} time(s) of zero or below left out" if lost else ""


def values_of(data: pd.DataFrame, measure: str, column: str) -> Floats:
    """Values on the model's scale: times as logarithms."""
    values = data[column].to_numpy(dtype=float)
    return np.log(values) if measure == "rt" else values


def _data(
    part: pd.DataFrame, measure: str, column: str, first: str, factors: Iterable[str]
) -> tuple[dict[str, Any], str]:
    """Give what `fit_contrast` needs of the trials of two conditions, and a note on them."""
    data, note = usable(part, measure, column)
    own = (data["condition"].astype(str) == first).to_numpy()
    covariates, inseparable = _covariates(data, own, factors)
    if inseparable:
        note = _joined(note, f"decided by the condition and so not held constant: "
                             f"{listed(inseparable)}")  # fmt: skip
    found = {
        "values": values_of(data, measure, column),
        "first": own,
        "participant": data["participant_code"].to_numpy(),
        "unit": data["unit_code"].to_numpy(),
        "logistic": measure == "accuracy",
        "covariates": covariates,
    }
    return found, note


def _covariates(
    data: pd.DataFrame, first: NDArray[np.bool_], factors: Iterable[str]
) -> tuple[Floats | None, list[str]]:
    """Indicators of the factors that have several levels, centred; and inseparable factors.

    A factor may say what another says already, depth what the scheme says, for instance: that is
    left out, as the model stays the same. One that says what the condition says cannot be told
    apart from the contrast and is named.
    """
    if not 0 < first.sum() < len(first):
        return None, []
    contrast = first - first.mean()
    columns: list[Floats] = []
    inseparable: dict[str, None] = {}
    for name in factors:
        texts = data[name].astype(object).fillna("").astype(str)
        for level in ordered(texts.unique(), name)[1:]:
            indicator = (texts == level).to_numpy(dtype=float)
            column = indicator - indicator.mean()
            if _independent([*columns, contrast, column]):
                columns.append(column)
            elif _independent([*columns, column]):
                inseparable[name] = None
    return np.column_stack(columns) if columns else None, list(inseparable)


def _independent(columns: list[Floats]) -> bool:
    """Whether none of the columns, and an intercept, follows from the others."""
    basis = np.column_stack([np.ones(len(columns[0])), *columns])
    return bool(np.linalg.matrix_rank(basis) == basis.shape[1])


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))


def _slope_test(plain: MixedFit | str, sloped: MixedFit | str) -> str:
    """Say whether a difference that varies describes the answers better."""
    if isinstance(plain, str) or isinstance(sloped, str):
        return ""
    ratio = max(0.0, 2 * (sloped.log_likelihood - plain.log_likelihood))
    # A variance cannot be below zero: half of the null distribution lies at each boundary.
    p = 0.5 * stats.chi2.sf(ratio, 1) + 0.25 * stats.chi2.sf(ratio, 2)
    return f"slopes against none: chi-square = {ratio:.2f}, p = {min(1.0, p):.3f}"


def _numbers(fitted: MixedFit | str, measure: str, comparisons: int, note: str) -> dict[str, Any]:
    effect = {"accuracy": "odds ratio", "rt": "ratio of times"}.get(measure, "difference")
    if isinstance(fitted, str):
        return {"effect_name": effect, "note": f"not defined: {fitted}"}
    found = wald(fitted)
    ends = fitted.estimate + np.array([0.0, -found.half, found.half])
    shown = np.exp(ends) if measure in ("accuracy", "rt") else ends
    spreads = [f"participant SD {fitted.participant_sd:.3f}, unit SD {fitted.unit_sd:.3f}"]
    if fitted.sloped:
        spreads.append(f"slope SDs {fitted.participant_slope_sd:.3f}, {fitted.unit_slope_sd:.3f}")
    if np.isfinite(fitted.residual_sd):
        spreads.append(f"residual SD {fitted.residual_sd:.3f}")
    if fitted.singular:
        spreads.append(f"singular: no spread of the difference over {listed(fitted.singular)}")
    counts = f"{fitted.n_participants} participants, {fitted.n_units} units"
    coefficient = f"b = {fitted.estimate:.3f} (SE {fitted.standard_error:.3f})"
    return {
        "statistic_name": "t" if np.isfinite(found.df) else "z", "statistic": found.statistic,
        "df1": found.df, "p": found.p, "p_adjusted": min(1.0, found.p * comparisons),
        "adjustment": f"bonferroni x {comparisons}", "effect_name": effect,
        "effect": float(shown[0]), "ci_low": float(shown[1]), "ci_high": float(shown[2]),
        "difference": fitted.estimate,
        "note": _joined(coefficient, *spreads, counts, fitted.warning, note),
    }  # fmt: skip
