"""People beside a machine observer: whether they find the same units easy.

The machine's decision variables lie in the bank (`python -m generation predict`). They are looked
up for the very trials that people answered, so both saw the same units, batches and schemes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.cells import trial_set
from analysis.estimate_rows import by_condition
from analysis.intervals import NAN, percentile_interval
from analysis.load import Dataset
from analysis.words import count
from house.errors import UserError
from house.seeds import generator
from stimuli import MachinePrediction, StimulusBank
from stimuli.machine import CONDITIONS, SCHEMES

Floats = NDArray[np.float64]

FEWEST_UNITS = 4
"""Of fewer units no correlation is given."""

_SPLITS = 200

UNIT_COLUMNS = (
    "experiment", "condition", "unit", "layer", "n_trials", "n_participants", "accuracy",
    "machine_decision", "machine_accuracy",
)  # fmt: skip
AGREEMENT_COLUMNS = (
    "experiment", "condition", "n_units", "n_trials", "spearman", "spearman_low",
    "spearman_high", "p", "pearson", "pearson_low", "pearson_high", "reliability",
    "people_accuracy", "machine_accuracy", "note",
)  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """People and machine, by unit and by condition.

    Attributes
    ----------
    units : pandas.DataFrame
        Columns `UNIT_COLUMNS`: people's accuracy, the machine's mean decision variable (in units
        of the prediction's root mean square) and its accuracy, in the trials that people answered.
    agreement : pandas.DataFrame
        Columns `AGREEMENT_COLUMNS`: correlations over units with 95 % bootstrap intervals, p of
        Spearman's, and the reliability of people's accuracies (split halves of participants).
    prediction : MachinePrediction
    notes : list of str
        What was left out.
    """

    units: pd.DataFrame
    agreement: pd.DataFrame
    prediction: MachinePrediction
    notes: list[str]


def read_prediction(bank: Path, name: str | None) -> tuple[MachinePrediction, str]:
    """Read a machine's answers and the checksum of the content that they are about."""
    with StimulusBank(bank) as opened:
        return opened.machine(name), opened.content_sha256


def shown_with(dataset: Dataset, content: str, where: str) -> tuple[pd.DataFrame, list[str]]:
    """Give participant and session of those who saw a bank.

    Raises
    ------
    UserError
        If nobody did.
    """
    sessions = dataset.sessions
    own = sessions["bank_sha256"].astype(str) == content
    if not own.any():
        raise UserError(
            "none of these sessions was shown this bank",
            where=where,
            remedy="Give --bank the bank of the sessions; its content checksum is in session.json.",
        )
    notes = []
    if not own.all():
        notes.append(
            f"{count(int((~own).sum()), 'session')} of {len(sessions)} with another bank "
            "are left out of this comparison."
        )
    return sessions.loc[own, ["participant", "session"]], notes


def compare(
    trials: pd.DataFrame,
    experiment: str,
    prediction: MachinePrediction,
    *,
    bootstrap: int,
    seed: int,
    notes: list[str] | None = None,
) -> Comparison:
    """Compare people's accuracy with the machine's decision variables, unit by unit.

    Parameters
    ----------
    trials : pandas.DataFrame
        Trials of one experiment that were made from the prediction's bank.
    experiment : str
        Its label.
    prediction : MachinePrediction
    bootstrap, seed : int
        Resamples of units for the intervals, and their seed.
    notes : list of str, optional
        What was left out before.
    """
    notes = list(notes or [])
    main = trial_set(trials, "all")
    main = main[main["condition"].astype(str).isin(CONDITIONS)]
    found = main.assign(decision=decisions_of(main, prediction))
    unknown = int(found["decision"].isna().sum())
    if unknown:
        notes.append(f"The prediction knows nothing of {count(unknown, 'main trial')}.")
        found = found[found["decision"].notna()]
    units, agreement = [], []
    for condition, own in by_condition(found):
        table = _by_unit(own, prediction.scale)
        table = table.assign(experiment=experiment, condition=condition)
        units.append(table[list(UNIT_COLUMNS)])
        row = _agreement(own, table, condition, bootstrap, seed)
        agreement.append({"experiment": experiment, "condition": condition, **row})
    return Comparison(
        pd.concat(units, ignore_index=True) if units else pd.DataFrame(columns=list(UNIT_COLUMNS)),
        pd.DataFrame(agreement, columns=list(AGREEMENT_COLUMNS)),
        prediction,
        notes,
    )


def decisions_of(trials: pd.DataFrame, prediction: MachinePrediction) -> Floats:
    """Look the decision variable of every trial up, NaN where there is none."""
    rows = {name: row for row, name in enumerate(prediction.unit_ids)}
    columns = (
        trials["unit"].astype(str).map(rows),
        pd.to_numeric(trials["batch"], errors="coerce").astype(float),
        trials["condition"].astype(str).map({c: i for i, c in enumerate(CONDITIONS)}),
        trials["scheme"].astype(str).map({s: i for i, s in enumerate(SCHEMES)}),
    )
    places = np.column_stack([column.astype(float).to_numpy() for column in columns])
    found = np.full(len(trials), np.nan)
    known = np.isfinite(places).all(axis=1) & (places[:, 1] >= 0)
    known &= places[:, 1] < prediction.decision.shape[1]
    if known.any():
        found[known] = prediction.decision[tuple(places[known].astype(np.int64).T)]
    return found


def _by_unit(trials: pd.DataFrame, scale: float) -> pd.DataFrame:
    right = (np.sign(trials["decision"]) + 1) / 2
    known = trials.assign(
        correct=trials["correct"].astype(float), right=right, decision=trials["decision"] / scale
    )
    grouped = known.groupby("unit", observed=True, sort=True)
    table = grouped.agg(
        layer=("layer", "first"),
        n_trials=("correct", "size"),
        n_participants=("participant", "nunique"),
        accuracy=("correct", "mean"),
        machine_decision=("decision", "mean"),
        machine_accuracy=("right", "mean"),
    )
    return table.reset_index().astype({"unit": str, "layer": str})


def _agreement(
    trials: pd.DataFrame, table: pd.DataFrame, condition: str, bootstrap: int, seed: int
) -> dict[str, object]:
    people = table["accuracy"].to_numpy(dtype=float)
    machine = table["machine_decision"].to_numpy(dtype=float)
    row: dict[str, object] = {
        "n_units": len(table), "n_trials": len(trials),
        "people_accuracy": float(trials["correct"].astype(float).mean()),
        "machine_accuracy": float(
            np.average(table["machine_accuracy"], weights=table["n_trials"])
        ),
        "reliability": reliability(trials, condition, seed), "note": "",
    }  # fmt: skip
    if len(table) < FEWEST_UNITS:
        return {**row, "note": f"fewer than {FEWEST_UNITS} units"}
    if np.ptp(people) == 0 or np.ptp(machine) == 0:
        whose = "people's accuracies" if np.ptp(people) == 0 else "the machine's decisions"
        return {**row, "note": f"{whose} are all the same"}
    ranked = stats.spearmanr(people, machine)
    row |= {
        "spearman": float(ranked.statistic), "p": float(ranked.pvalue),
        "pearson": float(stats.pearsonr(people, machine).statistic),
    }  # fmt: skip
    drawn = generator(seed, "analysis", "machine", condition).integers(
        len(table), size=(bootstrap, len(table))
    )
    for name, of in (("spearman", _ranks), ("pearson", np.asarray)):
        row[f"{name}_low"], row[f"{name}_high"] = percentile_interval(
            _correlations(people, machine, drawn, of)
        )
    return row


def _ranks(values: Floats) -> Floats:
    return np.asarray(stats.rankdata(values, axis=-1))


def _correlations(
    people: Floats, machine: Floats, drawn: NDArray[np.int64], of: Callable[[Floats], Floats]
) -> Floats:
    """Correlation in every resample of units, NaN where one side does not vary in it."""
    first, second = of(people[drawn]), of(machine[drawn])
    first = first - first.mean(axis=1, keepdims=True)
    second = second - second.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        lengths = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
        return np.asarray(np.where(lengths > 1e-12, (first * second).sum(axis=1) / lengths, NAN))


def reliability(trials: pd.DataFrame, condition: str, seed: int) -> float:
    """Correlation over units of the accuracies of two halves of the participants.

    Mean over random halves, after Spearman and Brown for the whole number of participants. No
    machine can be expected to agree with people better than its square root. NaN where there are
    fewer than four participants or the accuracies do not vary.
    """
    people, person = np.unique(trials["participant"].astype(int), return_inverse=True)
    _, unit = np.unique(trials["unit"].astype(str), return_inverse=True)
    if len(people) < 4:
        return NAN
    right = trials["correct"].astype(float).to_numpy()
    size = int(unit.max()) + 1
    random = generator(seed, "analysis", "machine", "halves", condition)
    found = []
    for _ in range(_SPLITS):
        half = random.permutation(len(people)) < len(people) // 2
        means = []
        for own in (half[person], ~half[person]):
            counted = np.bincount(unit[own], minlength=size)
            with np.errstate(invalid="ignore", divide="ignore"):
                means.append(np.bincount(unit[own], right[own], size) / counted)
        both = np.isfinite(means[0]) & np.isfinite(means[1])
        first, second = means[0][both], means[1][both]
        if both.sum() >= FEWEST_UNITS and np.ptp(first) > 0 and np.ptp(second) > 0:
            found.append(float(np.corrcoef(first, second)[0, 1]))
    if len(found) < _SPLITS / 2:
        return NAN
    half_length = float(np.mean(found))
    return 2 * half_length / (1 + half_length) if half_length > -1 else NAN
