"""The report's section on several networks."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.analyse import Results
from analysis.cells import conditions
from analysis.design import Table
from analysis.networks import Networks, compare_networks, networks_in
from analysis.sections import Section
from analysis.style import INK, Picture, colour, drawing_style, finish, marker, new_figure
from analysis.words import MINUS, count, listed, number, p_value, proportion
from house.seeds import generator


def networks_section(results: list[Results], *, bootstrap: int, seed: int) -> Section | None:
    """Compare networks wherever units of two or more were shown; None where they were not."""
    chosen = [found for found in results if len(networks_in(found.trials)) > 1]
    if not chosen:
        return None
    made = [
        compare_networks(found.trials, found.label, bootstrap=bootstrap, seed=seed)
        for found in chosen
    ]
    several = len(results) > 1
    accuracies = pd.concat([one.accuracies for one in made], ignore_index=True)
    tests = pd.concat([one.tests for one in made], ignore_index=True)
    names = sorted({str(name) for name in accuracies["network"]})
    return Section(
        key="networks",
        title="Networks",
        lead=[
            f"Units of {count(len(names), 'network')} were shown: {listed(names)}. Each unit's "
            "accuracy over all its main trials is one value here, so that the comparison speaks "
            "about other units of these networks, with these participants."
        ],
        tables=[
            (
                "Accuracy by network",
                accuracy_table(accuracies, several),
                "Mean of the units' accuracies; 95 % bootstrap over units of each network.",
            ),
            (
                "Tests between networks",
                tests_table(tests, several),
                "Kruskal and Wallis' test of all networks (ε² is its effect), then Mann and "
                "Whitney's of each pair with the rank-biserial correlation; Holm's correction "
                "within each condition. The difference is that of the means, with a 95 % "
                "bootstrap over units.",
            ),
        ],
        pictures=[
            draw_networks(one, conditions(found.trials), place if several else 0, found.label)
            for place, (found, one) in enumerate(zip(chosen, made, strict=True), start=1)
        ],
        files={"networks.csv": accuracies, "networks_tests.csv": tests},
    )


def accuracy_table(accuracies: pd.DataFrame, several: bool) -> Table:
    """One row a condition and network."""
    rows = [
        [
            *([str(row["experiment"])] if several else []),
            str(row["condition"]),
            str(row["network"]),
            _within(row["accuracy"], row["bootstrap_low"], row["bootstrap_high"]),
            proportion(row["median_unit"]),
            number(row["sd_units"]),
            f"{row['n_units']}",
            f"{row['n_trials']:,}",
        ]
        for _, row in accuracies.iterrows()
    ]
    heads = [*(["Experiment"] if several else []), "Condition", "Network",
             "Proportion correct [95 %]", "Median unit", "SD of units", "units",
             "trials"]  # fmt: skip
    return Table(heads, rows)


def tests_table(tests: pd.DataFrame, several: bool) -> Table:
    """One row a test."""
    rows = []
    for _, row in tests.iterrows():
        whole = row["test"] == "kruskal_wallis"
        name = "H" if whole else "U"
        if whole and np.isfinite(row["df"]):
            name += f"({row['df']:.0f})"
        contrast = str(row["contrast"]) if whole else _pair(str(row["contrast"]))
        rows.append(
            [
                *([str(row["experiment"])] if several else []),
                str(row["condition"]),
                contrast,
                str(row["note"]) or f"{name} = {number(row['statistic'], 2 if whole else 1)}",
                p_value(row["p"]),
                "" if whole else p_value(row["p_holm"]),
                f"{'ε²' if whole else 'r'} = {number(row['effect'])}"
                if np.isfinite(row["effect"])
                else "",
                ""
                if whole
                else _within(row["difference"], row["difference_low"], row["difference_high"]),
                f"{row['n']}",
            ]
        )
    heads = [*(["Experiment"] if several else []), "Condition", "Networks", "Test", "p",
             "p (Holm)", "Effect", "Difference [95 %]", "units"]  # fmt: skip
    return Table(heads, rows)


def _pair(contrast: str) -> str:
    return contrast.replace(" - ", f" {MINUS} ")


def _within(value: float, low: float, high: float) -> str:
    text = proportion(value)
    if np.isfinite(low) and np.isfinite(high):
        text += f" [{proportion(low)}, {proportion(high)}]"
    return text


def draw_networks(made: Networks, names: list[str], place: int, label: str) -> Picture:
    """Draw every unit's accuracy and every network's mean, side by side for each condition."""
    table, every = made.accuracies, made.units
    networks = sorted(table["network"].unique())
    shown = [name for name in names if (table["condition"] == name).any()]
    jitter = generator(0, "analysis", "networks", "drawing")
    with drawing_style():
        figure, (axes,) = new_figure(3.3)
        for i, name in enumerate(shown):
            shift = (i - (len(shown) - 1) / 2) * 0.24
            for x, network in enumerate(networks):
                own = every[(every["condition"] == name) & (every["network"] == network)]
                spread = jitter.uniform(-0.07, 0.07, len(own))
                axes.scatter(
                    x + shift + spread, own["accuracy"], s=12, color=colour(name, i), alpha=0.45,
                    linewidths=0,
                )  # fmt: skip
            rows = table[table["condition"] == name].set_index("network").reindex(networks)
            error = np.array(
                [
                    rows["accuracy"] - rows["bootstrap_low"],
                    rows["bootstrap_high"] - rows["accuracy"],
                ]
            )
            axes.errorbar(
                np.arange(len(networks)) + shift, rows["accuracy"],
                yerr=np.where(np.isfinite(error), np.maximum(error, 0), 0), ls="",
                color=colour(name, i), marker=marker(name, i), ms=6.5, elinewidth=1.6, label=name,
                markeredgecolor="white", markeredgewidth=0.7, zorder=3,
            )  # fmt: skip
        axes.axhline(0.5, color=INK, lw=0.8, ls=(0, (4, 3)), zorder=1)
        short = sum(len(network) for network in networks) <= 40
        axes.set_xticks(range(len(networks)), networks, rotation=0 if short else 35,
                        ha="center" if short else "right")  # fmt: skip
        axes.set(ylim=(-0.03, 1.05), ylabel="Proportion correct", xlim=(-0.5, len(networks) - 0.5))
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(shown))
        return finish(
            figure,
            f"networks_{place}" if place else "networks",
            "Accuracy by network" + (f": {label}" if place else ""),
            "Faint dots are units; marks are their means with 95 % bootstrap intervals over the "
            "network's units. The dashed line is guessing.",
            f"Proportion correct of the units of {listed(networks)}, by condition.",
        )  # fmt: skip
