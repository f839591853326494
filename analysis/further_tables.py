"""Tables and sentences on sensitivity, metacognition, agreement and the mixed models."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from analysis.design import Table
from analysis.model_tests import MODELS, PRIMARY
from analysis.prose import PLUS_MINUS, select, sides, with_error
from analysis.words import MEASURES, MINUS, NONE, TESTS, interval, number, p_phrase, p_value

_SENSITIVITY = (
    ("d_prime", "mean"), ("criterion", "mean"), ("auroc2", "mean"), ("meta_d", "mean"),
    ("m_ratio", "mean"), ("m_ratio", "median"),
)  # fmt: skip
_AGREEMENT = ("agreement", "cohen_kappa", "krippendorff_alpha")
_MODELS = tuple(name for name, *_ in MODELS)
_TOLD = ("not ", "slopes against", "singular", "the optimiser", "decided by")
"""How those parts of a model's note begin that are told below the table."""
_LITTLE = 0.05
"""Standard deviations in log odds that move a proportion by about one percentage point."""


def further_context(
    estimates: pd.DataFrame, tests: pd.DataFrame, names: list[str]
) -> dict[str, Any]:
    """What the template needs besides the rest: tables, and which analysis is primary.

    Parameters
    ----------
    estimates, tests : pandas.DataFrame
        Those of one experiment.
    names : list of str
        Its conditions.
    """
    return {
        "sensitivity": sensitivity_table(estimates),
        "sensitivity_notes": _notes(estimates, [m for m, _ in _SENSITIVITY]),
        "agreement": agreement_table(estimates),
        "agreement_notes": _notes(estimates, list(_AGREEMENT)),
        "models": model_table(estimates, tests, names),
        "model_notes": _model_notes(tests),
        "primary": primary_sentence(estimates, tests, names),
    }


def sensitivity_table(estimates: pd.DataFrame) -> Table:
    """Means over participants of what signal detection theory gives, by condition."""
    rows = []
    for measure, statistic in _SENSITIVITY:
        found = select(estimates, measure=measure, statistic=statistic)
        for _, row in found[found["estimate"].notna()].iterrows():
            label = MEASURES[measure] + (", median" if statistic == "median" else "")
            rows.append(
                [
                    label,
                    str(row["condition"]),
                    with_error(row),
                    interval(measure, row["ci_low"], row["ci_high"]),
                    interval(measure, row["bootstrap_low"], row["bootstrap_high"]),
                    f"{row['n_participants']}",
                ]
            )
    heads = ["Measure", "Condition", f"Mean {PLUS_MINUS} 2 SEM", "95 % t interval",
             "95 % bootstrap", "people"]  # fmt: skip
    return Table(heads, rows)


def agreement_table(estimates: pd.DataFrame) -> Table:
    """Agreement of participants on the trials that they share."""
    rows = []
    for measure in _AGREEMENT:
        found = select(estimates, measure=measure)
        for _, row in found[found["estimate"].notna()].iterrows():
            rows.append(
                [
                    MEASURES[measure],
                    str(row["condition"]),
                    with_error(row),
                    interval(measure, row["bootstrap_low"], row["bootstrap_high"]),
                    f"{row['n_trials']:,}",
                    f"{row['n_participants']}",
                ]
            )
    return Table(
        ["Coefficient", "Condition", "Value", "95 % bootstrap over units", "shared trials",
         "people"],
        rows,
    )  # fmt: skip


def model_table(estimates: pd.DataFrame, tests: pd.DataFrame, names: list[str]) -> Table:
    """One row a model and contrast: effect, test, and how far participants and units spread."""
    rows = []
    found = tests[tests["test"].isin(_MODELS) & tests["effect"].notna()]
    for _, row in found.iterrows():
        first, second = sides(str(row["contrast"]), names)
        test = str(row["test"])
        spread = _spread(estimates, f"{test}_sd", str(row["contrast"]))
        sloped = _spread(estimates, f"{test}_slope_sd", str(row["contrast"]))
        statistic = f"{row['statistic_name']}"
        if math.isfinite(row["df1"]):
            statistic += f"({row['df1']:.0f})"
        rows.append(
            [
                TESTS[test],
                f"{first} {MINUS} {second}" if second else first,
                f"{row['effect_name']} {number(row['effect'])} "
                f"[{number(row['ci_low'])}, {number(row['ci_high'])}]",
                f"{statistic} = {number(row['statistic'])}",
                p_value(row["p"]),
                *(
                    _two(spread.get(factor), sloped.get(factor))
                    for factor in ("participant", "unit")
                ),
                f"{row['n']:,}",
            ]
        )
    return Table(
        ["Model", "Contrast", "Effect [95 %]", "Test", "p", "Participants (slope)",
         "Units (slope)", "trials"],
        rows,
    )  # fmt: skip


def primary_sentence(estimates: pd.DataFrame, tests: pd.DataFrame, names: list[str]) -> str:
    """Say which analysis is primary and why; empty where no test was run."""
    primary = tests[tests["primary"]]
    if primary.empty:
        return ""
    row = primary.iloc[0]
    first, second = sides(str(row["contrast"]), names)
    what = f"{first} against {second}" if second else first
    test = str(row["test"])
    if not math.isfinite(row["p"]):
        reason = str(row["note"]).removeprefix("not defined: ")
        return f"Primary analysis: {what}. It cannot be computed from these data: {reason}."
    if test not in (PRIMARY, "glmm"):
        return (
            f"Primary analysis: {TESTS[test].lower()}, {what}. The logistic mixed "
            "model, which would count units as a sample too, is not defined for these data."
        )
    spread = _spread(estimates, f"{test}_sd", str(row["contrast"]))
    people, units = spread.get("participant", math.nan), spread.get("unit", math.nan)
    law = f"{row['statistic_name']}({row['df1']:.0f})" if math.isfinite(row["df1"]) else "z"
    effect = (
        f"odds ratio {number(row['effect'])} [{number(row['ci_low'])}, {number(row['ci_high'])}], "
        f"{law} = {number(row['statistic'])}, {p_phrase(row['p'])}"
    )
    varying = (
        "over both of which the difference may vary, "
        if test == PRIMARY
        else "without a varying difference, because that could not be fitted: it is too sure of "
        "itself where the difference does vary; "
    )
    sentence = (
        f"Primary analysis: the logistic mixed model with participants and units as crossed "
        f"random effects, {varying}{what}: {effect}. "
    )
    if not (math.isfinite(people) and math.isfinite(units)):
        return sentence.strip()
    spreads = (
        f"standard deviations {number(units)} between units and {number(people)} between "
        "participants, on the scale of log odds"
    )
    if max(units, people) < _LITTLE:
        return sentence + (
            f"Neither units nor participants were found to differ to speak of ({spreads}); the "
            "model counts both as samples all the same."
        )
    if units > people:
        return sentence + (
            f"Units differ more than participants do ({spreads}), so a test over participants "
            "alone would speak about these units only."
        )
    return sentence + (
        f"Participants differ at least as much as units do ({spreads}); the model counts both "
        "as samples."
    )


def _two(spread: float | None, sloped: float | None) -> str:
    return number(spread) if sloped is None else f"{number(spread)} ({number(sloped)})"


def _spread(estimates: pd.DataFrame, measure: str, contrast: str) -> dict[str, float]:
    found = estimates[(estimates["measure"] == measure) & (estimates["condition"] == contrast)]
    return {str(f): float(v) for f, v in zip(found["factor"], found["estimate"], strict=True)}


def _notes(estimates: pd.DataFrame, measures: list[str]) -> list[str]:
    """Say whom a number leaves out, once for the conditions that it concerns."""
    found: dict[str, None] = {}
    for measure in measures:
        rows = select(estimates, measure=measure)
        for _, row in rows[rows["note"] != ""].iterrows():
            found[f"{MEASURES[measure]}, {row['condition']}: {row['note']}."] = None
    return list(found)


def _model_notes(tests: pd.DataFrame) -> list[str]:
    found: dict[str, None] = {}
    for _, row in tests[tests["test"].isin(_MODELS)].iterrows():
        said = str(row["note"]).split("; ")
        parts = [p for p in said if p.startswith(_TOLD) or p.endswith("left out")]
        if parts:
            found[f"{TESTS[str(row['test'])]}, {row['contrast']}: {'; '.join(parts)}."] = None
    return list(found) or [NONE] * 0
