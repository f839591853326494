"""The sentences and tables of the report, made from its numbers."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pandas as pd

from analysis.cells import FACTORS, shown_levels
from analysis.design import Table
from analysis.words import (
    MEASURES,
    NONE,
    TRIALS,
    count,
    interval,
    listed,
    measured,
    number,
    p_phrase,
)

PLUS_MINUS = "±"
_UNDEFINED = "not defined: "
_LEVELS = ("expert", "lay", "random", "hand-picked", "first", "second", "beginning", "end")
"""Levels of the factors that are compared, beside the conditions."""


def select(table: pd.DataFrame, **where: str) -> pd.DataFrame:
    """Rows whose columns have the values given; factors are empty unless they are given."""
    keep = pd.Series(True, index=table.index)
    for column, value in {"factor": "", "factor2": "", **where}.items():
        # Tests have one factor only.
        if column in where or column in table:
            keep &= table[column] == value
    return table[keep]


def with_error(row: pd.Series[Any]) -> str:
    """Write an estimate with the paper's error."""
    measure = str(row["measure"])
    text = measured(measure, row["estimate"])
    if math.isfinite(row["two_sem"]):
        text += f" {PLUS_MINUS} {measured(measure, row['two_sem'])}"
    return text


def cards(estimates: pd.DataFrame, names: list[str]) -> list[dict[str, str]]:
    """Headline numbers of each condition."""
    found = []
    for name in names:
        accuracy = select(estimates, measure="accuracy", trials="all", condition=name)
        card = {"condition": name, "accuracy": NONE, "error": "", "details": ""}
        if len(accuracy):
            row = accuracy.iloc[0]
            card["accuracy"] = f"{100 * row['estimate']:.1f} %"
            if math.isfinite(row["two_sem"]):
                card["error"] = f"{PLUS_MINUS} {100 * row['two_sem']:.1f}"
        details = []
        for measure, trials, text in (
            ("rt", "correct", "{} s to a correct answer"),
            ("confidence", "all", "mean confidence {}"),
        ):
            row_ = select(estimates, measure=measure, trials=trials, condition=name,
                          statistic="mean")  # fmt: skip
            if len(row_):
                details.append(text.format(number(row_["estimate"].iloc[0])))
        card["details"] = ", ".join(details)
        found.append(card)
    return found


def headline(tests: pd.DataFrame, names: list[str], who: str = "Participants") -> str:
    """One sentence on the primary comparison of the experiment, as the paper would test it."""
    main = tests[(tests["measure"] == "accuracy") & (tests["test"] == "rm_anova_posthoc")]
    main = main[main["contrast"].isin(tests.loc[tests["primary"], "contrast"])]
    if len(names) < 2:
        return "There is one condition, so nothing is compared."
    if main.empty:
        return "The comparison between conditions is not defined for these data: " + (
            _reason(tests) + "."
        )
    row = main.iloc[0]
    first, second = sides(str(row["contrast"]), names)
    points = 100 * row["difference"]
    # Compare as it is shown: a difference that rounds to nothing has no direction.
    if abs(points) < 0.05:
        comparison = f"{who} were as accurate with {first} as with {second} references"
    else:
        word = "more" if points > 0 else "less"
        comparison = (
            f"{who} were {abs(points):.1f} percentage points {word} accurate with "
            f"{_reference(first)} than with {_reference(second)}"
        )
    test = f"post-hoc t({row['df1']:.0f}) = {number(row['statistic'])}"
    if row["adjustment"] == "bonferroni x 1":
        return f"{comparison} ({test}, {p_phrase(row['p'])})."
    return (
        f"{comparison} ({test}, {p_phrase(row['p_adjusted'])} after Bonferroni's correction, "
        f"{p_phrase(row['p'])} without it)."
    )


def sides(contrast: str, names: list[str]) -> tuple[str, str]:
    """Split a contrast into its two conditions, whose own names may hold a hyphen."""
    known = [*names, *_LEVELS]
    for pair in product(known, [*known, "chance"]):
        if "-".join(pair) == contrast:
            return pair
    return contrast, ""


def _reference(condition: str) -> str:
    return "no references" if condition == "none" else f"{condition} references"


def _reason(tests: pd.DataFrame) -> str:
    anova = (tests["test"] == "rm_anova") & (tests["measure"] == "accuracy")
    known = tests[anova | tests["primary"]]
    notes = known.loc[known["note"].str.startswith(_UNDEFINED), "note"]
    return str(notes.iloc[0]).removeprefix(_UNDEFINED) if len(notes) else "no test was run"


def condition_table(
    estimates: pd.DataFrame, measure: str, sets: list[str], *, medians: bool = False
) -> Table:
    """Estimates of a measure by condition, for one or several sets of trials."""
    several = len(sets) > 1
    heads = [*(["Trials"] if several else []), "Condition", f"Mean {PLUS_MINUS} 2 SEM",
             "95 % t interval", "95 % bootstrap"]  # fmt: skip
    heads += [*(["Median"] if medians else []), "n (people)"]
    rows = []
    for name in sets:
        found = select(estimates, measure=measure, trials=name, statistic="mean")
        for _, row in found.iterrows():
            cells = [*([TRIALS[name]] if several else []), str(row["condition"]) or NONE]
            cells.append(with_error(row))
            cells.append(interval(measure, row["ci_low"], row["ci_high"]))
            cells.append(interval(measure, row["bootstrap_low"], row["bootstrap_high"]))
            if medians:
                middle = select(estimates, measure=measure, trials=name, statistic="median",
                                condition=str(row["condition"]))  # fmt: skip
                cells.append(measured(measure, middle["estimate"].iloc[0]))
            rows.append([*cells, f"{row['n_trials']:,} ({row['n_participants']:,})"])
    return Table(heads, rows)


def undefined(estimates: pd.DataFrame) -> list[str]:
    """Say which of the numbers by condition have no interval, and why."""
    rows = estimates[(estimates["factor"] == "") & (estimates["note"] != "")]
    sentences = []
    for note, group in rows.groupby("note", sort=True):
        cells = dict.fromkeys(
            f"{MEASURES[str(r['measure'])].lower()} ({TRIALS[str(r['trials'])]}, {r['condition']})"
            for _, r in group.iterrows()
        )
        where = "all numbers by condition" if len(group) == len(
            estimates[estimates["factor"] == ""]
        ) else listed(list(cells))  # fmt: skip
        sentences.append(f"No interval for {where}: {note}.")
    return sentences


def factor_tables(estimates: pd.DataFrame, names: list[str]) -> list[dict[str, Any]]:
    """Accuracy by each factor: levels down, conditions across."""
    found = []
    own = [str(f) for f in estimates["factor"].unique() if f and f not in FACTORS]
    for factor in (*FACTORS, *own):
        if factor in ("unit", "participant"):
            continue
        table = select(estimates, measure="accuracy", trials="all", factor=factor)
        levels = shown_levels(table, factor)
        if len(levels) < 2:
            continue
        rows = []
        for level in levels:
            cells = [level]
            for name in names:
                cell = table[(table["level"] == level) & (table["condition"] == name)]
                cells.append(with_error(cell.iloc[0]) if len(cell) else NONE)
            rows.append(cells)
        found.append(
            {"factor": factor, "title": f"Accuracy by {factor.replace('_', ' ')}",
             "table": Table([factor.replace("_", " ").capitalize(), *names], rows)}
        )  # fmt: skip
    return found


def notices(sessions: pd.DataFrame) -> list[dict[str, str]]:
    """Say prominently whose answers these are, wherever they are not a lab's own people."""
    kinds = sessions["kind"].value_counts()
    total = len(sessions)
    found = []
    simulated = int(kinds.get("simulated", 0))
    if simulated:
        names = sorted(set(sessions.loc[sessions["kind"] == "simulated", "observer"].dropna()))
        by = f" ({listed([f'observer “{n}”' for n in names])})" if names else ""
        if simulated == total:
            text = (
                f"{_part(total, total, 'was', 'were')} answered by a computer model{by}. The "
                "numbers show that the pipeline works; they are no evidence about people."
            )
        else:
            text = (
                f"{_part(simulated, total, 'was', 'were')} answered by a computer model{by} and "
                "analysed together with the others. Give --kind human to leave them out."
            )
        found.append({"title": "Simulated participants", "text": text})
    if kinds.get("published", 0):
        found.append(
            {
                "title": "Published data",
                "text": f"{_part(int(kinds['published']), total)} those of Borowski et al. (ICLR "
                "2021), recomputed from the tables that the authors released. No new participant "
                "took part in them.",
            }
        )
    return found


def _part(some: int, total: int, one: str = "is", many: str = "are") -> str:
    if some == total:
        return f"The session {one}" if total == 1 else f"All {total:,} sessions {many}"
    return f"{some:,} of {count(total, 'session')} {one if some == 1 else many}"
