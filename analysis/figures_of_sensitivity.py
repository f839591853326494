"""The figure of sensitivity and metacognition by condition."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from analysis.cells import conditions
from analysis.figures_by_condition import error_bars, pick
from analysis.style import INK, Picture, colour, finish, marker, new_figure

_PANELS = (
    ("d_prime", "d′", 0.0, "no sensitivity"),
    ("auroc2", "Type-2 ROC area", 0.5, "no insight"),
)
_MOST_DOTS = 60


def sensitivity(trials: pd.DataFrame, estimates: pd.DataFrame) -> Picture | None:
    """Draw d' and the type-2 ROC area by condition, with every participant."""
    names = conditions(trials)
    shown = [p for p in _PANELS if pick(estimates, measure=p[0])["estimate"].notna().any()]
    if not shown:
        return None
    figure, panels = new_figure(0.7 + len(shown) * (0.5 + 0.32 * len(names)), len(shown))
    for axes, (measure, label, nothing, text) in zip(panels, shown, strict=True):
        _panel(axes, estimates, measure, names)
        axes.axvline(nothing, color=INK, lw=0.8, ls=(0, (4, 3)), zorder=1)
        axes.set_xlabel(f"{label} (dashed: {text})")
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.45, -0.55)
    middle = "; ".join(
        f"{label} " + ", ".join(
            f"{r.condition} {r.estimate:.2f}"
            for r in pick(estimates, measure=measure).dropna(subset="estimate").itertuples()
        )
        for measure, label, _, _ in shown
    )  # fmt: skip
    return finish(
        figure, "sensitivity", "Sensitivity and insight by condition",
        "d′ is the distance, in standard deviations, at which a participant tells the two images "
        "apart; the type-2 ROC area is the probability that a right answer was given with more "
        "confidence than a wrong one. Large marks are means over participants, small ones "
        "participants. Thick bars are 2 standard errors to either side (population formula), thin "
        "bars with caps 95 % t intervals over participants.",
        f"Dot plot: {middle}.",
    )  # fmt: skip


def _panel(axes: Axes, estimates: pd.DataFrame, measure: str, names: list[str]) -> None:
    people = pick(estimates, measure=measure, factor="participant")
    for y, name in enumerate(names):
        row = pick(estimates, measure=measure, condition=name)
        own = people.loc[people["condition"] == name, "estimate"].dropna().to_numpy()
        spread = np.linspace(-0.3, -0.08, len(own)) if len(own) > 1 else np.array([-0.2])
        axes.scatter(
            own, y + spread[: len(own)], s=13, color=colour(name, y), marker=marker(name, y),
            edgecolor="white", linewidth=0.4, zorder=3,
            alpha=0.9 if len(own) <= _MOST_DOTS else 0.3,
        )  # fmt: skip
        if len(row) and np.isfinite(row["estimate"].iloc[0]):
            error_bars(axes, y + 0.15, row.iloc[0], horizontal=True)
            axes.plot(
                row["estimate"].iloc[0], y + 0.15, marker(name, y), color=colour(name, y), ms=8,
                mec=INK, mew=0.8, zorder=5,
            )  # fmt: skip
