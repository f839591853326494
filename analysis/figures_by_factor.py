"""Figures that look inside a condition: layers, branches, confidence, single units."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.cells import conditions, ordered, shown_levels
from analysis.figures_by_condition import pick
from analysis.style import INK, Picture, colour, finish, marker, new_figure
from analysis.words import count, listed
from stimuli.schema import network_of

_WORDS = {
    "layer": "layer", "branch": "branch of the module", "expertise": "expertise",
    "selection": "selection of the unit", "scheme": "scheme of references",
}  # fmt: skip


def _words(factor: str) -> str:
    return _WORDS.get(factor, factor.replace("_", " "))


_JOINED = ("layer", "confidence")
"""Factors whose levels have an order, so that a line may join them."""


def by_factor(factor: str) -> Callable[[pd.DataFrame, pd.DataFrame], Picture | None]:
    """Make the drawing of accuracy by one factor."""

    def draw(trials: pd.DataFrame, estimates: pd.DataFrame) -> Picture | None:
        limits = ""
        if factor == "selection":
            limits = " Only branches that have both kinds of unit are compared, as in the paper."
        return _factor(trials, estimates, factor, f"Accuracy by {_words(factor)}",
                       _words(factor).capitalize(), limits)  # fmt: skip

    return draw


def times_and_confidence(
    factor: str,
) -> Callable[[pd.DataFrame, pd.DataFrame], Picture | None]:
    """Make the drawing of times of correct answers, and of confidence, by one factor."""

    def draw(trials: pd.DataFrame, estimates: pd.DataFrame) -> Picture | None:
        panels = [
            (label, pick(estimates, measure=measure, trials=chosen, factor=factor))
            for label, measure, chosen in (
                ("Time of correct\nanswers (s)", "rt", "correct"),
                ("Confidence", "confidence", "all"),
            )
        ]  # fmt: skip
        panels = [(label, table) for label, table in panels if table["level"].nunique() > 1]
        if not panels:
            return None
        names = conditions(trials)
        figure, all_axes = new_figure(0.9 + 1.75 * len(panels), len(panels), sharex=True)
        for axes, (label, table) in zip(all_axes, panels, strict=True):
            levels = shown_levels(table, factor)
            for i, name in enumerate(names):
                rows = table[table["condition"] == name].set_index("level").reindex(levels)
                x = np.arange(len(levels)) + (i - (len(names) - 1) / 2) * 0.16
                _points(axes, x, rows, name, i, _line(factor, levels))
            axes.set_ylabel(label)
            if label == "Confidence":
                axes.set_ylim(0.9, 3.1)
                axes.set_yticks([1, 2, 3])
            else:
                axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
            axes.set_xticks(range(len(levels)), levels, rotation=0 if _short(levels) else 35,
                            ha="center" if _short(levels) else "right")  # fmt: skip
            axes.set_xlim(-0.5, len(levels) - 0.5)
        all_axes[-1].set_xlabel(_words(factor).capitalize())
        all_axes[0].legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(names))
        return finish(
            figure, f"time_and_confidence_by_{factor}", f"Time and confidence by {_words(factor)}",
            "Mean response time of correct answers and mean confidence of all main trials, pooled "
            "over trials. Error bars are the paper's: 2 standard errors over participants to "
            "either side.",
            f"Mean response time and confidence by {_words(factor)}, one mark a condition.",
        )  # fmt: skip

    return draw


def schemes_by_expertise(trials: pd.DataFrame, estimates: pd.DataFrame) -> Picture | None:
    """Accuracy by scheme, a panel for each group of participants."""
    table = pick(estimates, measure="accuracy", factor="scheme", factor2="expertise")
    table = table if len(table) else estimates[:0]
    groups = ordered(table["level2"].unique(), "expertise")
    if len(groups) < 2:
        return None
    levels = ordered(table["level"].unique(), "scheme")
    names = conditions(trials)
    figure, panels = new_figure(0.9 + 1.75 * len(groups), len(groups), sharex=True)
    for axes, group in zip(panels, groups, strict=True):
        for i, name in enumerate(names):
            rows = table[(table["condition"] == name) & (table["level2"] == group)]
            x = np.arange(len(levels)) + (i - (len(names) - 1) / 2) * 0.16
            _points(axes, x, rows.set_index("level").reindex(levels), name, i, "")
        axes.axhline(0.5, color=INK, lw=0.8, ls=(0, (4, 3)), zorder=1)
        axes.set(ylim=(0, 1.05), ylabel="Proportion correct", xlim=(-0.5, len(levels) - 0.5))
        axes.set_xticks(range(len(levels)), levels)
        axes.text(0.012, 0.03, group, transform=axes.transAxes, fontweight="bold", va="bottom")
    panels[0].legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(names))
    return finish(
        figure, "accuracy_by_scheme_and_expertise", "Accuracy by scheme and expertise",
        "Proportion correct, pooled over the main trials of each group of participants. Error "
        "bars are the paper's: 2 standard errors over participants to either side. The dashed "
        "line is chance.",
        f"Proportion correct by scheme of references, one panel for each of {listed(groups)}.",
    )  # fmt: skip


def _points(
    axes: Axes, x: np.ndarray, rows: pd.DataFrame, name: str, index: int, joined: str
) -> None:
    """Draw estimates of one condition with the paper's error bars."""
    error = rows["two_sem"].to_numpy()
    axes.errorbar(
        x, rows["estimate"], yerr=np.where(np.isfinite(error), error, 0), ls=joined, lw=1.1,
        color=colour(name, index), marker=marker(name, index), ms=6, elinewidth=1.4, label=name,
        markeredgecolor="white", markeredgewidth=0.6,
    )  # fmt: skip


def calibration(trials: pd.DataFrame, estimates: pd.DataFrame) -> Picture | None:
    """Accuracy by confidence."""
    return _factor(
        trials, estimates, "confidence", "Accuracy by confidence", "Confidence",
        " A rising line means that confidence told right from wrong answers.",
    )  # fmt: skip


def _factor(
    trials: pd.DataFrame, estimates: pd.DataFrame, factor: str, title: str, label: str, more: str
) -> Picture | None:
    table = pick(estimates, measure="accuracy", factor=factor)
    levels = shown_levels(table, factor)
    if len(levels) < 2:
        return None
    names = [n for n in conditions(trials) if (table["condition"] == n).any()]
    figure, (axes,) = new_figure(3.1)
    width = 0.36 if factor not in ("layer", "confidence") else 0.16
    step = width / max(1, len(names) - 1)
    for i, name in enumerate(names):
        rows = table[table["condition"] == name].set_index("level").reindex(levels)
        x = np.arange(len(levels)) + (i * step - width / 2 if len(names) > 1 else 0)
        _points(axes, x, rows, name, i, _line(factor, levels))
    axes.axhline(0.5, color=INK, lw=0.8, ls=(0, (4, 3)), zorder=1)
    axes.set_xticks(range(len(levels)), levels, rotation=0 if _short(levels) else 35,
                    ha="center" if _short(levels) else "right")  # fmt: skip
    axes.set(ylim=(-0.02, 1.05), ylabel="Proportion correct", xlabel=label,
             xlim=(-0.5, len(levels) - 0.5))  # fmt: skip
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(names))
    return finish(
        figure, f"accuracy_by_{factor}", title,
        "Proportion correct, pooled over the main trials of each level. Error bars are the "
        "paper's: 2 standard errors over participants to either side; where all participants "
        f"have the same value they have no length. The dashed line is chance.{more}",
        f"{title}, one line a condition, with error bars.",
    )  # fmt: skip


def _line(factor: str, levels: list[str]) -> str:
    """Join levels that have an order; layers of different networks have none."""
    several = len({network_of(level) for level in levels}) > 1
    return "-" if factor in _JOINED and not several else ""


def _short(levels: list[str]) -> bool:
    return sum(len(level) for level in levels) <= 40


def units(trials: pd.DataFrame, estimates: pd.DataFrame) -> Picture | None:
    """Heat map of accuracy, unit by condition."""
    table = pick(estimates, measure="accuracy", factor="unit")
    if table.empty:
        return None
    names = [n for n in conditions(trials) if (table["condition"] == n).any()]
    rows = ordered(table["level"].unique(), "unit")
    wide = table.pivot(index="level", columns="condition", values="estimate")
    values = wide.reindex(index=rows, columns=names).to_numpy(dtype=float)
    readable = len(rows) <= 120
    height = 0.9 + (0.165 * len(rows) if readable else 18.0)
    figure, (axes,) = new_figure(max(2.2, height))
    shown = axes.imshow(values, aspect="auto", cmap="cividis", vmin=0, vmax=1,
                        interpolation="nearest")  # fmt: skip
    if readable:
        for y, x in np.ndindex(values.shape):
            if np.isfinite(values[y, x]):
                axes.text(x, y, f"{values[y, x]:.2f}".lstrip("0") if values[y, x] < 1 else "1",
                          ha="center", va="center", fontsize=7,
                          color="white" if values[y, x] < 0.55 else "black")  # fmt: skip
        axes.set_yticks(range(len(rows)), rows, fontsize=7.5)
    else:
        axes.set_yticks([])
        axes.set_ylabel(f"{len(rows)} units in order of layer")
    axes.set_xticks(range(len(names)), names)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    bar = figure.colorbar(shown, ax=axes, location="bottom", shrink=0.7, aspect=30, pad=0.015)
    bar.set_label("Proportion correct")
    bar.outline.set_visible(False)
    people = int(table["n_participants"].max())
    return finish(
        figure, "units", "Accuracy of every unit",
        "Proportion correct of every unit in every condition. Each cell rests on at most "
        f"{count(people, 'participant')}, so single cells are coarse; empty cells were not tested.",
        f"Heat map of {len(rows)} units by {len(names)} conditions.",
    )  # fmt: skip
