"""What was actually shown and recorded: counts, balance of sides, timing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.cells import ordered, trial_set
from analysis.words import NONE, count, number, proportion


@dataclass(frozen=True)
class Table:
    """A table ready to be shown: every cell is text."""

    heads: list[str]
    rows: list[list[str]]


_TYPES = ("practice", "main", "catch", "repeated", "intuitiveness")


def trial_counts(trials: pd.DataFrame) -> Table:
    """Trials of each type in each condition."""
    types = [t for t in _TYPES if (trials["trial_type"] == t).any()]
    table = pd.crosstab(
        trials["condition"].astype(object).fillna("").astype(str), trials["trial_type"].astype(str)
    ).reindex(columns=types)
    numbers = {str(name): table.loc[name].to_numpy(dtype=int) for name in table.index}
    rows = [
        [name or "no condition", *[f"{v:,}" for v in numbers[name]], f"{numbers[name].sum():,}"]
        for name in sorted(ordered(numbers, "condition"), key=lambda name: name == "")
    ]
    everything = table.to_numpy(dtype=int)
    rows.append(["all", *[f"{v:,}" for v in everything.sum(axis=0)], f"{everything.sum():,}"])
    return Table(["Condition", *types, "all"], rows)


def trial_count_numbers(trials: pd.DataFrame) -> dict[str, int]:
    """Number of trials of each type."""
    return {t: int((trials["trial_type"] == t).sum()) for t in _TYPES}


def balance(trials: pd.DataFrame) -> Table:
    """How often each side was right and was chosen; a preference for a side costs accuracy."""
    main = trial_set(trials, "all")
    rows = []
    for name in ordered(main["condition"].dropna().unique(), "condition"):
        part = main[main["condition"] == name]
        cells = part.groupby(["participant", "unit"], observed=True).size()
        often = f"{cells.min()}" if cells.min() == cells.max() else f"{cells.min()}-{cells.max()}"
        rows.append(
            [
                name,
                f"{part['participant'].nunique()}",
                f"{part['unit'].nunique()}",
                often,
                proportion(float((part["correct_position"] == "upper").mean())),
                proportion(float((part["choice"] == "upper").mean())),
            ]
        )
    return Table(
        ["Condition", "participants", "units", "trials a participant and unit",
         "upper image right", "upper image chosen"],
        rows,
    )  # fmt: skip


def timing(trials: pd.DataFrame) -> list[str]:
    """Sentences on the quality of timing; says so where nothing was recorded."""
    shown = trials[trials["frames_shown"].notna()]
    if shown.empty:
        return ["No frame times are in the record, so nothing can be said about timing."]
    frames, dropped = int(shown["frames_shown"].sum()), int(shown["frames_dropped"].sum())
    affected = int((shown["frames_dropped"].fillna(0) > 0).sum())
    longest = _milliseconds(shown["longest_frame"])
    sentences = [
        f"{count(dropped, 'frame')} of {frames:,} took more than 1.5 refresh periods, in "
        f"{count(affected, 'trial')}; the longest frame took {longest}."
    ]
    late = shown["gap_overrun"].dropna()
    if len(late):
        sentences.append(
            f"The gap before a trial lasted longer than planned by {_milliseconds(late)} at most."
        )
    early = int(trials["presses_before_onset"].fillna(0).sum())
    if early:
        sentences.append(f"{count(early, 'key press', 'key presses')} before onset were rejected.")
    return sentences


def _milliseconds(values: pd.Series[Any]) -> str:
    longest = values.max()
    return NONE if pd.isna(longest) else f"{number(1000 * float(longest), 1)} ms"
