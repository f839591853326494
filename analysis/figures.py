"""The figures of the report, drawn from its tables: nothing is computed twice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.cells import conditions, ordered, trial_set
from analysis.style import (
    FAINT,
    INK,
    Picture,
    colour,
    drawing_style,
    finish,
    marker,
    new_figure,
)
from analysis.words import TRIALS, count

_MOST_LINES = 60
_BARS = (
    "Thick bars are the paper's error bars, 2 standard errors over participants to either side "
    "(population formula); thin bars with caps are 95 % t intervals over participants. An error "
    "that cannot be computed is not drawn."
)


def pictures(trials: pd.DataFrame, estimates: pd.DataFrame) -> list[Picture]:
    """Draw all figures that the data of one experiment allow.

    Parameters
    ----------
    trials : pandas.DataFrame
        The experiment's trials.
    estimates : pandas.DataFrame
        What `measures.estimates` made of them.
    """
    drawings: list[Callable[[pd.DataFrame, pd.DataFrame], Picture | None]] = [
        accuracy, response_times, response_time_distribution, confidence,
        *[_by(factor) for factor in ("layer", "branch", "selection", "scheme", "expertise")],
        calibration, units,
    ]  # fmt: skip
    with drawing_style():
        drawn = [draw(trials, estimates) for draw in drawings]
    return [picture for picture in drawn if picture is not None]


def _pick(table: pd.DataFrame, **where: str) -> pd.DataFrame:
    wanted = {"statistic": "mean", "trials": "all", "factor": "", **where}
    keep = pd.Series(True, index=table.index)
    for column, value in wanted.items():
        keep &= table[column] == value
    return table[keep]


def _error(axes: Axes, x: float, row: pd.Series, horizontal: bool = False) -> None:
    """Draw both kinds of error at one estimate."""
    middle = float(row["estimate"])
    line = axes.hlines if horizontal else axes.vlines
    if np.isfinite(row["two_sem"]):
        line(x, middle - row["two_sem"], middle + row["two_sem"], color=INK, lw=3.2, zorder=4)
    if np.isfinite(row["ci_low"]):
        line(x, row["ci_low"], row["ci_high"], color=INK, lw=0.9, zorder=4)
        ends = [row["ci_low"], row["ci_high"]]
        mark = "|" if horizontal else "_"
        places = (ends, [x, x]) if horizontal else ([x, x], ends)
        axes.plot(*places, mark, color=INK, ms=6, mew=0.9, zorder=4)


def _participants(estimates: pd.DataFrame, measure: str, names: list[str]) -> pd.DataFrame:
    table = _pick(estimates, measure=measure, factor="participant")
    wide = table.pivot(index="level", columns="condition", values="estimate")
    return wide.reindex(columns=names)


def accuracy(trials: pd.DataFrame, estimates: pd.DataFrame) -> Picture | None:
    """Accuracy by condition with every participant."""
    names = conditions(trials)
    table = _pick(estimates, measure="accuracy")
    if not names or table.empty:
        return None
    figure, (axes,) = new_figure(3.5)
    for x, name in enumerate(names):
        row = table[table["condition"] == name].iloc[0]
        axes.bar(x, row["estimate"], width=0.62, color=colour(name, x), alpha=0.35, zorder=1)
        axes.hlines(row["estimate"], x - 0.31, x + 0.31, color=colour(name, x), lw=2, zorder=3)
        _error(axes, x + 0.2, row)
    people = _participants(estimates, "accuracy", names)
    _draw_people(axes, people, names)
    axes.axhline(0.5, color=INK, lw=0.8, ls=(0, (4, 3)), zorder=2)
    axes.text(len(names) - 0.52, 0.508, "chance", ha="right", va="bottom", fontsize=8)
    axes.set(ylim=(0, 1.02), ylabel="Proportion correct", xlim=(-0.52, len(names) - 0.48))
    axes.set_xticks(range(len(names)), names)
    middle = ", ".join(f"{r.condition} {r.estimate:.3f}" for r in table.itertuples())
    dots = "small dots are participants" + (
        ", joined by lines" if 1 < len(people) <= _MOST_LINES else ""
    )
    return finish(
        figure, "accuracy", "Accuracy by condition",
        f"Proportion of main trials answered correctly. Bars are pooled over trials; {dots}. "
        f"{_BARS}",
        f"Bar chart of the proportion correct: {middle}.",
    )  # fmt: skip


def _draw_people(axes: Axes, people: pd.DataFrame, names: list[str]) -> None:
    """Draw each participant, side by side where values coincide, and join their conditions."""
    order = np.argsort(np.argsort(people.mean(axis=1).to_numpy(), kind="stable"))
    shift = (order / max(1, len(people) - 1) - 0.5) * 0.2 - 0.1 if len(people) > 1 else [-0.1]
    if len(people) <= _MOST_LINES:
        for move, values in zip(shift, people.to_numpy(), strict=True):
            axes.plot(np.arange(len(names)) + move, values, color=FAINT, lw=0.6, zorder=2)
    faint = 0.9 if len(people) <= _MOST_LINES else 0.3
    for x, name in enumerate(names):
        axes.scatter(
            x + np.asarray(shift), people[name], s=17, color=colour(name, x),
            marker=marker(name, x), edgecolor="white", linewidth=0.5, alpha=faint, zorder=3,
        )  # fmt: skip


def response_times(trials: pd.DataFrame, estimates: pd.DataFrame) -> Picture | None:
    """Mean response time by condition: all, correct and wrong answers."""
    names = conditions(trials)
    sets = [s for s in ("all", "correct", "incorrect")
            if len(_pick(estimates, measure="rt", trials=s))]  # fmt: skip
    if not sets:
        return None
    figure, panels = new_figure(0.9 + len(sets) * (0.35 + 0.28 * len(names)), len(sets),
                                sharex=True)  # fmt: skip
    for axes, chosen in zip(panels, sets, strict=True):
        people = trial_set(trials, chosen)
        means = people.groupby(["participant", "condition"], observed=True)["rt"].mean()
        for y, name in enumerate(names):
            table = _pick(estimates, measure="rt", trials=chosen, condition=name)
            if table.empty:
                continue
            row = table.iloc[0]
            own = means[means.index.get_level_values("condition") == name].dropna().to_numpy()
            axes.barh(y, row["estimate"], height=0.66, color=colour(name, y), alpha=0.35)
            axes.vlines(row["estimate"], y - 0.33, y + 0.33, color=colour(name, y), lw=2, zorder=3)
            spread = np.linspace(-0.22, 0.05, len(own)) if len(own) > 1 else np.array([-0.1])
            axes.scatter(
                own, y + spread, s=13, color=colour(name, y), marker=marker(name, y),
                edgecolor="white", linewidth=0.4, zorder=3,
                alpha=0.9 if len(own) <= _MOST_LINES else 0.3,
            )  # fmt: skip
            _error(axes, y + 0.22, row, horizontal=True)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.45, -0.55)
        axes.set_title(TRIALS[chosen].capitalize(), loc="left")
    panels[-1].set_xlabel("Mean response time (s)")
    panels[-1].set_xlim(left=min(0.0, panels[-1].get_xlim()[0]))
    return finish(
        figure, "response_time", "Response time by condition",
        "Mean time from the images' onset to the choice, pooled over trials; small marks are "
        f"participants. {_BARS}",
        "Horizontal bars of mean response time by condition, for all, correct and wrong answers.",
    )  # fmt: skip


def response_time_distribution(trials: pd.DataFrame, estimates: pd.DataFrame) -> Picture | None:
    """Share of trials answered within a time."""
    main = trial_set(trials, "all")
    main = main[main["rt"] > 0]
    if main["rt"].nunique() < 2:
        return None
    figure, (axes,) = new_figure(2.9)
    styles = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1, 1, 1)))
    for i, name in enumerate(conditions(trials)):
        times = np.sort(main.loc[main["condition"] == name, "rt"].to_numpy())
        share = np.arange(1, len(times) + 1) / len(times) if len(times) else times
        axes.step(times, share, where="post", color=colour(name, i), lw=1.8, label=name,
                  ls=styles[i % 4])  # fmt: skip
    axes.set_xscale("log")
    low, high = main["rt"].min(), main["rt"].max()
    ticks = [t for t in (0.1, 0.3, 1, 3, 10, 30, 100, 300) if low <= t <= high]
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.minorticks_off()
    axes.set_xlim(float(main["rt"].quantile(0.002)) * 0.8, float(high) * 1.1)
    axes.set(ylim=(0, 1.01), xlabel="Response time (s, logarithmic)",
             ylabel="Share of trials answered")  # fmt: skip
    axes.legend(loc="upper left")
    return finish(
        figure, "response_time_distribution", "Distribution of response times",
        "Share of main trials answered within the time on the axis; where a curve crosses 0.5 "
        "lies the median. Times of zero or less cannot be shown on this axis.",
        "Cumulative distributions of response times by condition.",
    )  # fmt: skip


_SHADES = ("#dfe7ee", "#8fb1cc", "#26557c")


def confidence(trials: pd.DataFrame, estimates: pd.DataFrame) -> Picture | None:
    """How often each confidence was given."""
    table = estimates[estimates["measure"] == "confidence_share"]
    if table.empty:
        return None
    names = [n for n in conditions(trials) if (table["condition"] == n).any()]
    sets = ("all", "correct", "incorrect")
    figure, (axes,) = new_figure(0.8 + 0.86 * len(names))
    places, labels = [], []
    for i, name in enumerate(names):
        for j, chosen in enumerate(sets):
            y = i * (len(sets) + 0.9) + j
            part = table[(table["condition"] == name) & (table["trials"] == chosen)]
            places.append(y)
            amount = int(part["n_trials"].iloc[0]) if len(part) else 0
            labels.append(f"{chosen} ({amount})")
            left = 0.0
            for level, shade in zip(part["level"], _SHADES, strict=False):
                share = float(part.loc[part["level"] == level, "estimate"].iloc[0])
                axes.barh(y, share, left=left, height=0.86, color=shade, edgecolor="white",
                          label=f"confidence {level}" if (i, j) == (0, 0) else None)  # fmt: skip
                if share >= 0.08:
                    dark = "white" if shade == _SHADES[2] else INK
                    axes.text(left + share / 2, y, f"{share:.0%}"[:-1], ha="center", va="center",
                              color=dark, fontsize=8)  # fmt: skip
                left += share
        axes.text(0, places[-len(sets)] - 0.62, name, fontweight="bold", va="bottom", fontsize=9)
    axes.set_yticks(places, labels)
    axes.tick_params(axis="y", length=0)
    axes.set(ylim=(places[-1] + 0.6, -1.35), xlim=(0, 1))
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100 %"])
    axes.set_xlabel("Share of main trials")
    axes.legend(loc="lower center", bbox_to_anchor=(0.42, 1.0), ncols=3, columnspacing=1.2,
                handlelength=1.1)  # fmt: skip
    return finish(
        figure, "confidence", "Confidence by condition",
        "How often participants were not (1), somewhat (2) and very confident (3), over all main "
        "trials and over those answered correctly and wrongly; the number of trials stands in "
        "brackets, the percentages in the bars.",
        "Stacked bars of the share of each confidence level by condition and correctness.",
    )  # fmt: skip


def _by(factor: str) -> Callable[[pd.DataFrame, pd.DataFrame], Picture | None]:
    words = {
        "layer": "layer", "branch": "branch of the module", "expertise": "expertise",
        "selection": "selection of the unit", "scheme": "scheme of references",
    }  # fmt: skip

    def draw(trials: pd.DataFrame, estimates: pd.DataFrame) -> Picture | None:
        limits = ""
        if factor == "selection":
            limits = " Only branches that have both kinds of unit are compared, as in the paper."
        return _factor(trials, estimates, factor, f"Accuracy by {words[factor]}",
                       words[factor].capitalize(), limits)  # fmt: skip

    return draw


def calibration(trials: pd.DataFrame, estimates: pd.DataFrame) -> Picture | None:
    """Accuracy by confidence."""
    return _factor(
        trials, estimates, "confidence", "Accuracy by confidence", "Confidence",
        " A rising line means that confidence told right from wrong answers.",
    )  # fmt: skip


def _factor(
    trials: pd.DataFrame, estimates: pd.DataFrame, factor: str, title: str, label: str, more: str
) -> Picture | None:
    table = _pick(estimates, measure="accuracy", factor=factor)
    levels = ordered(table["level"].unique(), factor)
    if len(levels) < 2:
        return None
    names = [n for n in conditions(trials) if (table["condition"] == n).any()]
    figure, (axes,) = new_figure(3.1)
    width = 0.36 if factor not in ("layer", "confidence") else 0.16
    step = width / max(1, len(names) - 1)
    for i, name in enumerate(names):
        rows = table[table["condition"] == name].set_index("level").reindex(levels)
        x = np.arange(len(levels)) + (i * step - width / 2 if len(names) > 1 else 0)
        # Lines join what has an order; categories without one stand alone.
        joined = "-" if factor in ("layer", "confidence") else ""
        error = rows["two_sem"].to_numpy()
        axes.errorbar(
            x, rows["estimate"], yerr=np.where(np.isfinite(error), error, 0), ls=joined, lw=1.1,
            color=colour(name, i), marker=marker(name, i), ms=6, elinewidth=1.4, label=name,
            markeredgecolor="white", markeredgewidth=0.6,
        )  # fmt: skip
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


def _short(levels: list[str]) -> bool:
    return sum(len(level) for level in levels) <= 40


def units(trials: pd.DataFrame, estimates: pd.DataFrame) -> Picture | None:
    """Heat map of accuracy, unit by condition."""
    table = _pick(estimates, measure="accuracy", factor="unit")
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
