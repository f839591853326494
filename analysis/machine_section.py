"""The report's section on people and a machine observer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from analysis.analyse import Results
from analysis.cells import conditions, ordered, trial_set
from analysis.design import Table
from analysis.load import Dataset
from analysis.machine import Comparison, compare, read_prediction, shown_with
from analysis.sections import Section
from analysis.style import INK, Picture, colour, drawing_style, finish, marker, new_figure
from analysis.words import count, number, p_value, proportion
from stimuli import MachinePrediction
from stimuli.machine_summary import Share, summarise


def machine_section(
    dataset: Dataset,
    results: list[Results],
    bank: Path,
    name: str | None,
    *,
    bootstrap: int,
    seed: int,
) -> Section:
    """Compare every experiment's people with the machine whose answers lie in a bank.

    Raises
    ------
    UserError
        If the bank holds no such prediction, or nobody saw the bank.
    """
    prediction, content = read_prediction(bank, name)
    seen, notes = shown_with(dataset, content, str(bank))
    found = []
    for one in results:
        trials = one.trials.merge(
            seen.astype({"participant": "Int64", "session": "Int64"}), on=["participant", "session"]
        )
        found.append(
            compare(trials, one.label, prediction, bootstrap=bootstrap, seed=seed, notes=notes)
        )
    several = len(results) > 1
    pictures = [
        draw_machine(made, conditions(one.trials), one.label if several else "", place)
        for place, (one, made) in enumerate(zip(results, found, strict=True), start=1)
        if len(made.units)
    ]
    agreement = pd.concat([made.agreement for made in found], ignore_index=True)
    facts = prediction.facts.get("similarity") or {}
    return Section(
        key="machine",
        title="Participants and the machine",
        lead=[
            f"The machine observer “{prediction.name}” ({facts.get('name', 'unknown similarity')}) "
            "chooses the query image that looks more like the maximal than like the minimal "
            "references. Its decision variable is taken for the very trials that people answered: "
            "positive where it is right, and the larger the easier the trial is for it."
        ],
        tables=[
            (
                "Agreement over units",
                agreement_table(agreement, several),
                "ρ is Spearman's correlation over units between participants' accuracy and the "
                "machine's mean decision variable, r is Pearson's; 95 % bootstrap over units, so "
                "they speak about other units. Reliability is how well one half of them "
                "agrees with the other (Spearman-Brown): no machine can be expected to do better "
                "than its square root.",
            ),
            (
                "How often the machine is right",
                chance_table(prediction, results),
                "In all trials that the bank can make of what was shown, with 95 % bootstrap over "
                "units. What chance is: with the references of other units, which tell little but "
                "may be alike, and with the trial's own dealt to the two sides at random, which "
                "tell nothing: there the interval should hold .5. A scheme of one side has nothing "
                "to deal.",
            ),
        ],
        pictures=pictures,
        notes=list(dict.fromkeys(note for made in found for note in made.notes)),
        files={
            "machine_units.csv": pd.concat([made.units for made in found], ignore_index=True),
            "machine_agreement.csv": agreement,
        },
    )


def agreement_table(agreement: pd.DataFrame, several: bool) -> Table:
    """One row an experiment and condition."""
    rows = []
    for _, row in agreement.iterrows():
        rows.append(
            [
                *([str(row["experiment"])] if several else []),
                str(row["condition"]),
                _with_interval(row, "spearman"),
                p_value(row["p"]),
                _with_interval(row, "pearson"),
                number(row["reliability"]),
                proportion(row["people_accuracy"]),
                proportion(row["machine_accuracy"]),
                f"{row['n_units']}",
                f"{row['n_trials']:,}" + (f" ({row['note']})" if row["note"] else ""),
            ]
        )
    heads = [*(["Experiment"] if several else []), "Condition", "ρ [95 %]", "p", "r [95 %]",
             "Reliability", "Participants right", "Machine right", "units", "trials"]  # fmt: skip
    return Table(heads, rows)


def chance_table(prediction: MachinePrediction, results: list[Results]) -> Table:
    """One row a condition and scheme that people saw: the machine's share of right choices."""
    shown: set[tuple[str, str]] = set()
    for one in results:
        main = trial_set(one.trials, "all")
        shown |= set(zip(main["condition"].astype(str), main["scheme"].astype(str), strict=True))
    lines = [line for line in summarise(prediction) if (line.condition, line.scheme) in shown]
    order = ordered({line.condition for line in lines}, "condition")
    lines.sort(key=lambda line: order.index(line.condition))
    return Table(
        ["Condition", "Scheme", "Right", "Other units' references", "Own references, dealt",
         "trials"],
        [[line.condition, line.scheme, _share(line.own), _share(line.shuffled), _share(line.dealt),
          f"{line.trials:,}"] for line in lines],
    )  # fmt: skip


def _share(share: Share) -> str:
    text = proportion(share.value)
    if np.isfinite(share.low):
        text += f" [{proportion(share.low)}, {proportion(share.high)}]"
    return text


def _with_interval(row: pd.Series, name: str) -> str:
    text = number(row[name])
    if np.isfinite(row[f"{name}_low"]):
        text += f" [{number(row[f'{name}_low'])}, {number(row[f'{name}_high'])}]"
    return text


def draw_machine(made: Comparison, names: list[str], label: str = "", place: int = 1) -> Picture:
    """Draw people's accuracy against the machine's decision variable, a panel a condition.

    Parameters
    ----------
    made : Comparison
    names : list of str
        Conditions in the order in which they are shown.
    label : str
        The experiment's, where there are several, and
    place : int
        which of them it is.
    """
    table = made.units
    shown = [name for name in names if (table["condition"] == name).any()]
    with drawing_style():
        figure, panels = new_figure(0.7 + 2.3 * len(shown), len(shown), sharex=True)
        for i, (axes, name) in enumerate(zip(panels, shown, strict=True)):
            own = table[table["condition"] == name]
            axes.axhline(0.5, color=INK, lw=0.8, ls=(0, (4, 3)), zorder=1)
            axes.axvline(0, color=INK, lw=0.8, ls=(0, (4, 3)), zorder=1)
            axes.scatter(
                own["machine_decision"], own["accuracy"], s=30, alpha=0.6, color=colour(name, i),
                marker=marker(name, i), linewidths=0, zorder=2,
            )  # fmt: skip
            row = made.agreement[made.agreement["condition"] == name].iloc[0]
            text = name
            if np.isfinite(row["spearman"]):
                text += f": ρ = {_with_interval(row, 'spearman')}"
            axes.set_title(text, loc="left")
            axes.set(ylim=(-0.03, 1.05), ylabel="Participants: proportion correct")
        panels[-1].set_xlabel("Machine: mean decision variable")
        return finish(
            figure,
            "machine" + (f"_{place}" if label else ""),
            "Units for participants and for the machine" + (f": {label}" if label else ""),
            "Every mark is a unit; the darker, the more units. Right of the upright line the "
            "machine chooses rightly on average; above the level one participants do better than "
            "by guessing. The decision variable is in units of its root mean square over the bank.",
            f"Scatter of participants' accuracy against the machine's decision variable, "
            f"{count(len(shown), 'panel')}: " + ", ".join(shown) + ".",
        )  # fmt: skip
