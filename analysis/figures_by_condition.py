"""Figures that compare the conditions: accuracy, times, confidence."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.cells import conditions, trial_set
from analysis.style import FAINT, INK, Picture, colour, finish, marker, new_figure
from analysis.words import TRIALS

_MOST_LINES = 60
_BARS = (
    "Thick bars are the paper's error bars, 2 standard errors over participants to either side "
    "(population formula); thin bars with caps are 95 % t intervals over participants. An error "
    "that cannot be computed is not drawn."
)


def pick(table: pd.DataFrame, **where: str) -> pd.DataFrame:
    """Rows of the estimates: means of main trials over all factors, unless said otherwise."""
    wanted = {"statistic": "mean", "trials": "all", "factor": "", "factor2": "", **where}
    keep = pd.Series(True, index=table.index)
    for column, value in wanted.items():
        keep &= table[column] == value
    return table[keep]


def error_bars(axes: Axes, x: float, row: pd.Series, horizontal: bool = False) -> None:
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
    table = pick(estimates, measure=measure, factor="participant")
    wide = table.pivot(index="level", columns="condition", values="estimate")
    return wide.reindex(columns=names)


def accuracy(trials: pd.DataFrame, estimates: pd.DataFrame) -> Picture | None:
    """Accuracy by condition with every participant."""
    names = conditions(trials)
    table = pick(estimates, measure="accuracy")
    if not names or table.empty:
        return None
    figure, (axes,) = new_figure(3.5)
    for x, name in enumerate(names):
        row = table[table["condition"] == name].iloc[0]
        axes.bar(x, row["estimate"], width=0.62, color=colour(name, x), alpha=0.35, zorder=1)
        axes.hlines(row["estimate"], x - 0.31, x + 0.31, color=colour(name, x), lw=2, zorder=3)
        error_bars(axes, x + 0.2, row)
    people = _participants(estimates, "accuracy", names)
    _draw_people(axes, people, names)
    axes.axhline(0.5, color=INK, lw=0.8, ls=(0, (4, 3)), zorder=2)
    # Beside the axes: within them an error bar may stand where the word would.
    beside = axes.get_yaxis_transform()
    axes.text(1.01, 0.5, "chance", transform=beside, ha="left", va="center", fontsize=8)
    axes.set(ylim=(0, 1.02), ylabel="Proportion correct", xlim=(-0.52, len(names) - 0.48))
    crowded = sum(len(name) for name in names) > 40
    axes.set_xticks(range(len(names)), names, rotation=25 if crowded else 0)
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
            if len(pick(estimates, measure="rt", trials=s))]  # fmt: skip
    if not sets:
        return None
    figure, panels = new_figure(0.9 + len(sets) * (0.35 + 0.28 * len(names)), len(sets),
                                sharex=True)  # fmt: skip
    for axes, chosen in zip(panels, sets, strict=True):
        people = trial_set(trials, chosen)
        means = people.groupby(["participant", "condition"], observed=True)["rt"].mean()
        for y, name in enumerate(names):
            table = pick(estimates, measure="rt", trials=chosen, condition=name)
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
            error_bars(axes, y + 0.22, row, horizontal=True)
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
    table = estimates[(estimates["measure"] == "confidence_share") & (estimates["factor2"] == "")]
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
