"""Models in which participants and units are both a sample: crossed random effects.

A test over participants speaks about other participants with the same units, one over units about
other units with the same participants. These models speak about both at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.cells import conditions, ordered, trial_set
from analysis.intervals import NAN

Floats = NDArray[np.float64]

MODELS = (
    ("glmm", "accuracy", "correct", False),
    ("glmm_slopes", "accuracy", "correct", True),
    ("lmm_log_rt", "rt", "rt", True),
    ("lmm_confidence", "confidence", "confidence", True),
)
"""Name of the test, measure, column, and whether the contrast may differ between participants and
between units. Times and confidence clearly differ so in the published data; accuracy does not, so
its second model is a check of the first."""

MOST_FOR_SLOPES = 20_000
"""Trials of a contrast above which the check `glmm_slopes` is left out: it takes minutes there."""

_COVARIATES = ("scheme", "expertise")


@dataclass(frozen=True)
class MixedFit:
    """One fitted contrast.

    Attributes
    ----------
    estimate, standard_error : float
        First condition minus second: log odds, log seconds, or points of confidence.
    participant_sd, unit_sd : float
        Standard deviations of the random intercepts.
    participant_slope_sd, unit_slope_sd : float
        Those of the contrast, NaN in a model without them.
    residual_sd : float
        NaN in a logistic model.
    log_likelihood : float
    n_trials, n_participants, n_units : int
    """

    estimate: float
    standard_error: float
    participant_sd: float
    unit_sd: float
    participant_slope_sd: float
    unit_slope_sd: float
    residual_sd: float
    log_likelihood: float
    n_trials: int
    n_participants: int
    n_units: int


def fit_contrast(
    values: Floats,
    first: NDArray[np.bool_],
    participant: NDArray[np.int64],
    unit: NDArray[np.int64],
    *,
    logistic: bool,
    slopes: bool,
    covariates: Floats | None = None,
) -> MixedFit | str:
    """Fit the difference of two conditions with crossed random effects.

    Parameters
    ----------
    values : ndarray of float, shape (n,)
        One a trial; 0 and 1 for a logistic model.
    first : ndarray of bool, shape (n,)
        Whether the trial is of the first condition; it is coded -1/2 and 1/2, so that the
        intercepts' SDs are those of the middle of the two conditions.
    participant, unit : ndarray of int, shape (n,)
        Codes.
    logistic : bool
        Logistic (Laplace's approximation) or linear (maximum likelihood).
    slopes : bool
        Whether the difference varies over participants and over units, independently of the
        intercepts.
    covariates : ndarray of float, shape (n, k), optional
        Further fixed effects.

    Returns
    -------
    MixedFit or str
        The reason, where the model cannot be fitted.
    """
    reason = why_not(values, first, participant, unit, logistic)
    if reason:
        return reason
    # Imported here: it takes a second, and the rest of the analysis works without it.
    try:
        import gpboost
    except ImportError:
        return "gpboost is not installed (pip install 'exemplary-lab[analysis]')"
    x = np.where(first, 0.5, -0.5)
    fixed = np.column_stack([np.ones(len(x)), x, *([] if covariates is None else [covariates])])
    options: dict[str, Any] = {}
    if slopes:
        options = {
            "group_rand_coef_data": np.column_stack([x, x]),
            "ind_effect_group_rand_coef": [1, 2],
        }
    try:
        model = gpboost.GPModel(
            group_data=np.column_stack([participant, unit]),
            likelihood="bernoulli_logit" if logistic else "gaussian",
            # The other method for models of this kind is stochastic; and one thread, because
            # several take longer on models of this size.
            matrix_inversion_method="cholesky",
            num_parallel_threads=1,
            **options,
        )
        model.fit(y=values, X=fixed)
        coefficients = model.get_coef(std_err=True).to_numpy()
        variances = model.get_cov_pars().to_numpy().ravel()
        likelihood = -float(model.get_current_neg_log_likelihood())
    except gpboost.basic.GPBoostError as error:
        return f"the model could not be fitted ({str(error).splitlines()[0]})"
    estimate, standard_error = float(coefficients[0, 1]), float(coefficients[1, 1])
    if not (np.isfinite(estimate) and np.isfinite(standard_error) and standard_error > 0):
        return "the model could not be fitted (no standard error)"
    deviations = [float(v) for v in np.sqrt(np.maximum(variances, 0))]
    residual = NAN if logistic else deviations.pop(0)
    people, units, *sloped = deviations
    people_slope, unit_slope = sloped if slopes else (NAN, NAN)
    return MixedFit(
        estimate, standard_error, people, units, people_slope, unit_slope, residual, likelihood,
        len(values), len(np.unique(participant)), len(np.unique(unit)),
    )  # fmt: skip


def why_not(
    values: Floats,
    first: NDArray[np.bool_],
    participant: NDArray[np.int64],
    unit: NDArray[np.int64],
    logistic: bool,
) -> str:
    """Say why a contrast has no model; empty where it has one."""
    if not first.any() or first.all():
        return "one of the conditions has no such trial"
    if len(np.unique(participant)) < 2:
        return "fewer than two participants"
    if len(np.unique(unit)) < 2:
        return "fewer than two units"
    if np.ptp(values) == 0:
        return "all values are the same"
    if logistic and (np.ptp(values[first]) == 0 or np.ptp(values[~first]) == 0):
        return "every answer in one condition is right, or every one wrong: infinite odds"
    if not logistic and len(values) < 8:
        return "fewer than eight trials"
    return ""


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


def fit_models(trials: pd.DataFrame) -> list[Model]:
    """Fit every model of `MODELS` to every pair of conditions.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of one experiment with `participant_code` and `unit_code`. Times of zero or below
        have no logarithm and are left out, which the note counts. Where scheme or expertise vary,
        they are fixed effects too.
    """
    main = trial_set(trials, "all")
    main = main[main["unit_code"] >= 0]
    pairs = list(combinations(conditions(trials), 2))
    condition = main["condition"].astype(str)
    found = []
    for first, second in pairs:
        part = main[condition.isin([first, second])]
        plain: MixedFit | str = ""
        for test, measure, column, slopes in MODELS:
            data, note = usable(part, measure, column)
            if test == "glmm_slopes" and (isinstance(plain, str) or len(data) > MOST_FOR_SLOPES):
                continue
            fitted = fit_contrast(
                values_of(data, measure, column),
                (data["condition"].astype(str) == first).to_numpy(),
                data["participant_code"].to_numpy(),
                data["unit_code"].to_numpy(),
                logistic=measure == "accuracy",
                slopes=slopes,
                covariates=_covariates(data),
            )
            if test == "glmm":
                plain = fitted
            if test == "glmm_slopes" and isinstance(fitted, MixedFit):
                note = _slope_test(plain, fitted)
            contrast = f"{first}-{second}"
            found.append(Model(test, measure, contrast, fitted, len(pairs), len(data), note))
    return found


def mixed_test_rows(models: list[Model]) -> Iterator[dict[str, Any]]:
    """Rows of the tests.

    Notes
    -----
    Logistic models give Wald's z and an odds ratio with its interval. Linear ones give t with as
    many degrees of freedom as the smaller of participants and units has, less one: the difference
    between conditions varies over both, so it cannot be known better than from that few.
    """
    for model in models:
        row = {
            "measure": model.measure, "trials": "all", "test": model.test,
            "contrast": model.contrast, "factor": "", "level": "", "adjustment": "", "n": model.n,
        }  # fmt: skip
        yield row | _numbers(model.fitted, model.measure, model.comparisons, model.note)


def spread_rows(models: list[Model]) -> Iterator[dict[str, Any]]:
    """Rows of the estimates: how far participants and units spread, on the models' scales.

    `measure` is the model's name with ``_sd``, `condition` the contrast, `factor` participant or
    unit.
    """
    for model in models:
        fitted = model.fitted
        if model.test == "glmm_slopes" or isinstance(fitted, str):
            continue
        for factor, value in (
            ("participant", fitted.participant_sd),
            ("unit", fitted.unit_sd),
        ):
            yield {
                "measure": f"{model.test}_sd", "statistic": "mean", "trials": "all",
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


def _covariates(data: pd.DataFrame) -> Floats | None:
    """Indicators of scheme and expertise, where there are several; centred."""
    columns = []
    for name in _COVARIATES:
        texts = data[name].astype(object).fillna("").astype(str)
        for level in ordered(texts.unique(), name)[1:]:
            indicator = (texts == level).to_numpy(dtype=float)
            columns.append(indicator - indicator.mean())
    return np.column_stack(columns) if columns else None


def _slope_test(plain: MixedFit | str, sloped: MixedFit) -> str:
    """Say whether a difference that varies describes the answers better."""
    if isinstance(plain, str):
        return ""
    ratio = max(0.0, 2 * (sloped.log_likelihood - plain.log_likelihood))
    # A variance cannot be below zero: half of the null distribution lies at each boundary.
    p = 0.5 * stats.chi2.sf(ratio, 1) + 0.25 * stats.chi2.sf(ratio, 2)
    return f"slopes against none: chi-square = {ratio:.2f}, p = {min(1.0, p):.3f}"


def _numbers(fitted: MixedFit | str, measure: str, comparisons: int, note: str) -> dict[str, Any]:
    logistic = measure == "accuracy"
    effect = {"accuracy": "odds ratio", "rt": "ratio of times"}.get(measure, "difference")
    name = "z" if logistic else "t"
    if isinstance(fitted, str):
        return {"statistic_name": name, "effect_name": effect, "note": f"not defined: {fitted}"}
    statistic = fitted.estimate / fitted.standard_error
    df = NAN if logistic else float(min(fitted.n_participants, fitted.n_units) - 1)
    law = stats.norm() if logistic else stats.t(df)
    p = float(2 * law.sf(abs(statistic)))
    half = float(law.ppf(0.975)) * fitted.standard_error
    ends = np.array([fitted.estimate, fitted.estimate - half, fitted.estimate + half])
    shown = np.exp(ends) if measure in ("accuracy", "rt") else ends
    spreads = [f"participant SD {fitted.participant_sd:.3f}, unit SD {fitted.unit_sd:.3f}"]
    if np.isfinite(fitted.participant_slope_sd):
        spreads.append(f"slope SDs {fitted.participant_slope_sd:.3f}, {fitted.unit_slope_sd:.3f}")
    if np.isfinite(fitted.residual_sd):
        spreads.append(f"residual SD {fitted.residual_sd:.3f}")
    counts = f"{fitted.n_participants} participants, {fitted.n_units} units"
    coefficient = f"b = {fitted.estimate:.3f} (SE {fitted.standard_error:.3f})"
    return {
        "statistic_name": name, "statistic": statistic, "df1": df, "p": p,
        "p_adjusted": min(1.0, p * comparisons), "adjustment": f"bonferroni x {comparisons}",
        "effect_name": effect, "effect": float(shown[0]), "ci_low": float(shown[1]),
        "ci_high": float(shown[2]), "difference": fitted.estimate,
        "note": "; ".join(filter(None, [coefficient, *spreads, counts, note])),
    }  # fmt: skip
