"""Models in which participants and units are both a sample: crossed random effects.

A test over participants speaks about other participants with the same units, one over units about
other units with the same participants. These models speak about both at once.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from analysis.intervals import NAN

Floats = NDArray[np.float64]

NO_SPREAD = 0.01
"""A standard deviation below this is none: a fit with such a one is called singular."""


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
    warning : str
        What is to be said of the fit; mostly nothing.
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
    warning: str = ""

    @property
    def sloped(self) -> bool:
        """Whether the contrast varies over participants and over units in this model."""
        return bool(np.isfinite(self.participant_slope_sd))

    @property
    def singular(self) -> list[str]:
        """Over whom the contrast was found not to vary at all, though it may in this model."""
        spreads = {"participants": self.participant_slope_sd, "units": self.unit_slope_sd}
        return [name for name, value in spreads.items() if value < NO_SPREAD]

    @property
    def df(self) -> float:
        """Degrees of freedom of the contrast: see `wald`; NaN stands for a normal law."""
        if self.sloped or np.isfinite(self.residual_sd):
            return float(min(self.n_participants, self.n_units) - 1)
        return NAN


@dataclass(frozen=True)
class Wald:
    """Test of a contrast.

    Attributes
    ----------
    statistic : float
        Estimate over standard error.
    df : float
        Degrees of freedom of t; NaN for z.
    p : float
        Two-sided.
    half : float
        Half of the 95 % interval.
    """

    statistic: float
    df: float
    p: float
    half: float


def wald(fitted: MixedFit) -> Wald:
    """Test a fitted contrast against zero.

    Notes
    -----
    A contrast that varies over participants and over units cannot be known better than from the
    fewer of the two, so it is compared with t on one degree of freedom fewer than they are,
    linear or logistic. z would take the spreads as known; with ten participants it finds 6 to 8 %
    where there is nothing (benchmarks/calibration.py). Only the logistic model without such
    slopes, which takes the contrast as the same for all, keeps z.
    """
    statistic = fitted.estimate / fitted.standard_error
    law = stats.t(fitted.df) if np.isfinite(fitted.df) else stats.norm()
    p = float(2 * law.sf(abs(statistic)))
    return Wald(statistic, fitted.df, p, float(law.ppf(0.975)) * fitted.standard_error)


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
    said = _hear(gpboost)
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
        if said:
            said.clear()
            model.fit(y=values, X=fixed, params={"max_num_restarts_lbfgs": 5})
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
        "the optimiser stopped early: do not rely on it" if said else "",
    )  # fmt: skip


def _hear(gpboost: Any) -> list[str]:
    """Take what gpboost says, which it would print, into a list of its warnings."""
    said: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "[Warning]" in record.getMessage() or record.levelno >= logging.WARNING:
                said.append(record.getMessage())

    logger = logging.Logger("gpboost")
    logger.addHandler(Ear())
    gpboost.register_logger(logger)
    return said


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
