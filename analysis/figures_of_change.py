"""Figures of what changes over an experiment: answers, times, ratings of intuitiveness."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.cells import conditions, ordered, trial_set
from analysis.figures_by_condition import pick
from analysis.intuitiveness import ratings
from analysis.order import MOMENTS
from analysis.style import FAINT, INK, Picture, colour, finish, marker, new_figure

_PARTS = 5
_COLOURS = ("#56B4E9", "#0072B2")
_MARKERS = ("o", "D")


def learning(trials: pd.DataFrame, estimates: pd.DataFrame) -> Picture | None:
    """Accuracy and time over the fifths of each participant's trials of a condition."""
    main = trial_set(trials, "all")
    main = main[main["progress"].notna()]
    if main.empty or main.groupby(["participant", "condition"], observed=True).size().max() < 10:
        return None
    part = np.minimum((main["progress"] * _PARTS).astype(int), _PARTS - 1)
    main = main.assign(part=part, correct=main["correct"].astype(float))
    names = conditions(trials)
    figure, panels = new_figure(4.6, 2, sharex=True)
    for axes, column, label in zip(
        panels, ("correct", "rt"), ("Proportion correct", "Mean response time (s)"), strict=True
    ):
        for i, name in enumerate(names):
            some = main[(main["condition"] == name) & main[column].notna()]
            own = some.groupby(["part", "participant"])[column].mean()
            middle = some.groupby("part")[column].mean()
            people = own.groupby("part")
            spread = people.std(ddof=0).to_numpy(dtype=float)
            number = people.size().to_numpy(dtype=float)
            error = np.where(number > 1, 2 * spread / np.sqrt(number), 0.0)
            axes.errorbar(
                middle.index + 1 + (i - (len(names) - 1) / 2) * 0.07, middle, yerr=error, lw=1.1,
                color=colour(name, i), marker=marker(name, i), ms=6, elinewidth=1.4, label=name,
                markeredgecolor="white", markeredgewidth=0.6,
            )  # fmt: skip
        axes.set_ylabel(label)
    panels[0].axhline(0.5, color=INK, lw=0.8, ls=(0, (4, 3)), zorder=1)
    panels[0].set_ylim(-0.02, 1.05)
    panels[1].set_ylim(bottom=min(0.0, panels[1].get_ylim()[0]))
    panels[1].set_xticks(range(1, _PARTS + 1))
    panels[1].set_xlabel("Fifth of a participant's main trials of the condition")
    panels[0].legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(names))
    return finish(
        figure, "learning", "Answers over the experiment",
        "Main trials of each participant and condition in five parts in the order in which they "
        "were given, pooled over participants. Error bars are the paper's: 2 standard errors over "
        "participants to either side. The dashed line is chance.",
        "Proportion correct and mean response time over fifths of the trials, one line a "
        "condition.",
    )  # fmt: skip


def intuitiveness(trials: pd.DataFrame, estimates: pd.DataFrame) -> Picture | None:
    """Every rating, and the mean of each unit at each moment."""
    rated = ratings(trials)
    if rated.empty:
        return None
    units = ordered(rated["unit"].dropna().unique(), "unit")
    moments = [m for m in MOMENTS if (rated["moment"] == m).any()]
    both = len(moments) > 1
    figure, (axes,) = new_figure(3.3)
    for j, moment in enumerate(moments):
        for x, unit in enumerate(units):
            part = rated[(rated["unit"].astype(str) == unit) & (rated["moment"] == moment)]
            at = x + (0.4 * j - 0.2 if both else 0)
            values = np.sort(part["rating"].to_numpy(dtype=float))
            # Neighbours in rank lie far apart, so that equal ratings stay visible.
            spread = 0.14 * (np.arange(len(values)) * 0.618034 % 1) - 0.12
            axes.scatter(
                at + spread, values, s=16, color=_COLOURS[j],
                marker=_MARKERS[j], edgecolor="white", linewidth=0.4, zorder=3,
                label=moment if both and x == 0 else None,
            )  # fmt: skip
            place = {"factor": "moment", "level": moment, "factor2": "unit", "level2": unit}
            one = {"factor": "unit", "level": unit}
            row = pick(estimates, measure="intuitiveness", **(place if both else one)).iloc[0]
            axes.hlines(row["estimate"], at - 0.12, at + 0.16, color=INK, lw=1.6, zorder=4)
            middle, error = float(row["estimate"]), float(row["two_sem"])
            if np.isfinite(error):
                axes.vlines(at + 0.11, middle - error, middle + error, color=INK, lw=2.6, zorder=4)
    axes.axhline(0, color=FAINT, lw=0.8, zorder=1)
    axes.set(ylim=(-105, 105), xlim=(-0.5, len(units) - 0.5), ylabel="Rating")
    axes.set_yticks([-100, -50, 0, 50, 100])
    axes.set_xticks(range(len(units)), [u.removeprefix("intuitiveness:") for u in units])
    axes.set_xlabel("Unit")
    if both:
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    when = " before (beginning) and after (end) the experiment" if both else ""
    return finish(
        figure, "intuitiveness", "Intuitiveness",
        f"How intuitive synthetic images are, from -100 (not at all) to 100 (very), rated{when}. "
        "Marks are single ratings, lines their means; thick bars are the paper's error bars, 2 "
        "standard errors over participants to either side.",
        "Ratings of intuitiveness of every unit by every participant, with means.",
    )  # fmt: skip
