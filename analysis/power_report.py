"""The power curve as a page, a picture and a table."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from analysis.power import Design, enough
from analysis.report import TEMPLATES
from analysis.simulated_design import Observers
from analysis.style import INK, Picture, drawing_style, finish, new_figure
from analysis.words import TESTS, count, number
from house.files import atomic_write_bytes, atomic_write_json, atomic_write_text
from house.provenance import git_commit, software_versions

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_LINES = ("-", "--", ":", "-.")
NAMES = {**TESTS, "t_paired": "t over participants", "t_units": "t over units"}


def draw_power(table: pd.DataFrame, wanted: float, alpha: float) -> Picture:
    """Draw power over participants, one line a number of units and test.

    Parameters
    ----------
    table : pandas.DataFrame
        From `power.power_curve`.
    wanted : float
        Power to mark.
    alpha : float
        Level of the test.
    """
    tests = list(dict.fromkeys(table["test"]))
    with drawing_style():
        figure, (axes,) = new_figure(3.4)
        sizes = sorted(table["units"].unique())
        for i, units in enumerate(sizes):
            for j, test in enumerate(tests):
                rows = table[(table["units"] == units) & (table["test"] == test)]
                label = count(int(units), "unit") + (f", {NAMES[test]}" if len(tests) > 1 else "")
                # A little apart, so that no bar hides another.
                line = i * len(tests) + j - (len(sizes) * len(tests) - 1) / 2
                axes.errorbar(
                    rows["participants"] * (1 + 0.01 * line), rows["power"],
                    yerr=[(rows["power"] - rows["ci_low"]).clip(lower=0),
                          (rows["ci_high"] - rows["power"]).clip(lower=0)],
                    color=_COLOURS[i % 6], marker=_MARKERS[i % 6], ls=_LINES[j % 4], ms=5,
                    lw=1.3, elinewidth=0.9, capsize=2.5, label=label,
                )  # fmt: skip
        axes.axhline(wanted, color=INK, lw=0.8, ls=(0, (4, 3)))
        axes.set(ylim=(0, 1.03), xlabel="Participants", ylabel=f"Power at α = {alpha:g}")
        tried = sorted(table["participants"].unique())
        if len(tried) > 1 and tried[-1] / max(1, tried[0]) > 6:
            axes.set_xscale("log")
            axes.minorticks_off()
        axes.set_xticks(tried, [str(t) for t in tried])
        # Above the axes: there is no corner that power leaves empty for sure.
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2 if len(tests) > 1 else 4)
        return finish(
            figure, "power", "Power",
            f"Share of {table['simulations'].iloc[0]:,} simulated experiments in which the "
            "difference was found. Bars are 95 % intervals of the simulation (Wilson), not of the "
            f"assumptions. The dashed line marks {_percent(wanted)}.",
            "Power against the number of participants: "
            + ", ".join(
                f"{r.participants} participants and {r.units} units {r.power:.2f}"
                for r in table.itertuples()
            ) + ".",
        )  # fmt: skip


def _percent(share: float) -> str:
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def answers_in_words(table: pd.DataFrame, wanted: float) -> list[str]:
    """One sentence for each number of units and test: how many participants suffice."""
    found = []
    for test in dict.fromkeys(table["test"]):
        for units in sorted(table["units"].unique()):
            least = enough(table, test, units, wanted)
            rows = table[(table["test"] == test) & (table["units"] == units)]
            with_units = f"With {count(int(units), 'unit')} ({NAMES[test].lower()})"
            if least is None:
                best = rows.loc[rows["power"].idxmax()]
                found.append(
                    f"{with_units}, no number tried reaches {_percent(wanted)}: "
                    f"{best['participants']} participants give {_percent(best['power'])}."
                )
            else:
                row = rows[rows["participants"] == least].iloc[0]
                found.append(
                    f"{with_units}, {count(least, 'participant')} are the fewest tried that reach "
                    f"{_percent(wanted)}: {_percent(row['power'])} "
                    f"[{100 * row['ci_low']:.0f}, {100 * row['ci_high']:.0f}]."
                )
    return found


def write_power(
    table: pd.DataFrame,
    observers: Observers,
    design: Design,
    out: Path,
    *,
    contrast: tuple[str, str],
    alpha: float,
    wanted: float,
    seed: int,
    origin: str,
) -> None:
    """Write power.html, power.csv, power.json and the figure.

    Parameters
    ----------
    table : pandas.DataFrame
        From `power.power_curve`.
    observers, design, alpha, seed
        What it was made with.
    out : Path
        Folder.
    contrast : tuple of str
        Names of the two conditions.
    wanted : float
        Power to reach.
    origin : str
        Where the assumptions come from, as a sentence.
    """
    picture = draw_power(table, wanted, alpha)
    facts: dict[str, Any] = {
        "contrast": list(contrast), "observers": asdict(observers), "design": asdict(design),
        "alpha": alpha, "wanted": wanted, "seed": seed, "assumptions": origin,
        "git_commit": git_commit(), "versions": software_versions(("numpy", "scipy", "gpboost")),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
    }  # fmt: skip
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True,
        undefined=jinja2.StrictUndefined, trim_blocks=True,
    )  # fmt: skip
    first, second = observers.d_primes()
    page = environment.get_template("power.html.j2").render(
        css=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
        picture=picture,
        answers=answers_in_words(table, wanted),
        origin=origin,
        assumptions=[
            ["proportion correct", *[number(a, 3) for a in observers.accuracy]],
            ["d′ of the middle participant and unit", number(first), number(second)],
        ],
        spreads=[
            ["d′", number(observers.participant_sd), number(observers.unit_sd)],
            ["difference of the two d′", number(observers.participant_slope_sd),
             number(observers.unit_slope_sd)],
        ],
        rows=[_cells(row) for row in table.to_dict("records")],
        facts=facts,
    )  # fmt: skip
    atomic_write_bytes(out / "power.svg", picture.svg)
    atomic_write_bytes(out / "power.png", picture.png)
    atomic_write_text(out / "power.csv", str(table.to_csv(index=False, lineterminator="\n")))
    atomic_write_json(out / "power.json", {**facts, "power": table.to_dict("records")})
    atomic_write_text(out / "power.html", page)


def _cells(row: dict[Any, Any]) -> list[str]:
    return [
        NAMES[row["test"]], str(row["units"]), str(row["participants"]), str(row["trials_each"]),
        number(row["power"], 3), f"[{number(row['ci_low'], 3)}, {number(row['ci_high'], 3)}]",
        f"{row['rejected']} of {row['simulations']}", str(row["undefined"]),
    ]  # fmt: skip
