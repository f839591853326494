"""The tests of an experiment as the report shows them."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from analysis.prose import sides
from analysis.words import (
    MEASURES,
    MINUS,
    NONE,
    TESTS,
    TRIALS,
    bayes_factor,
    listed,
    number,
    p_value,
    proportion,
)

_EFFECTS = {
    "partial eta squared": "η²ₚ", "rank-biserial correlation": "r", "Cohen's d": "d",
    "d_z": "d", "d_z (pooled error)": "d", "odds ratio": "OR",
    "Greenhouse-Geisser epsilon": "ε", "difference": "Δ",
}  # fmt: skip


def tables_of_tests(tests: pd.DataFrame, names: list[str]) -> list[dict[str, Any]]:
    """All tests, one table for each measure, set of trials and factor looked into."""
    found = []
    keys = ["measure", "trials", "factor"]
    for place, group in tests.groupby(keys, sort=False):
        measure, trials, factor = (str(part) for part in place)
        rows = [_test_cells(row, names, bool(factor)) for _, row in group.iterrows()]
        published = [str(t) in ("rm_anova_posthoc", "mixed_anova") for t in group["test"]]
        # Notes get a line of their own: beside the numbers they would make the table too wide.
        remarks = [row.pop() for row in rows]
        columns = _filled(rows)
        heads = ["Test", *(["Within"] if factor else []), "Contrast", "Statistic", "p",
                 "p adjusted", "Effect", "BF₁₀", "Smallest d", "n"]  # fmt: skip
        title = MEASURES.get(measure, measure)
        if not measure.startswith("intuitiveness"):
            title += f", {TRIALS.get(trials, trials)}"
        found.append(
            {
                "title": f"{title}, within each {_plain(factor)}" if factor else title,
                "adjustment": _adjustments(group),
                "heads": [heads[i] for i in columns],
                "rows": [([row[i] for i in columns], paper, remark)
                         for row, paper, remark in zip(rows, published, remarks, strict=True)],
            }
        )  # fmt: skip
    return found


def _plain(factor: str) -> str:
    return factor.replace("_", " ")


def _filled(rows: list[list[str]]) -> list[int]:
    """Columns in which at least one row has something to say."""
    return [i for i in range(len(rows[0])) if any(row[i] not in ("", NONE) for row in rows)]


def _adjustments(group: pd.DataFrame) -> str:
    """Say once for a table what its adjusted p values are."""
    given = set(group["adjustment"].astype(str))
    families = sorted((a for a in given if a.startswith("bonferroni x ")),
                      key=lambda a: int(a.rsplit(" ", 1)[1]))  # fmt: skip
    parts = ["Greenhouse-Geisser for the ANOVA"] if "greenhouse-geisser" in given else []
    if families:
        text = listed([a.replace("bonferroni x ", "Bonferroni × ") for a in families])
        parts.append(f"{text} for the others" if parts else text)
    return f"Adjusted p: {', '.join(parts)}." if parts else ""


def _test_cells(row: pd.Series[Any], names: list[str], inside: bool) -> list[str]:
    first, second = sides(str(row["contrast"]), names)
    contrast = f"{first} {MINUS} {second}" if second else first.replace("*", " × ")
    return [
        TESTS.get(str(row["test"]), str(row["test"])), *([str(row["level"])] if inside else []),
        contrast, _statistic(row), p_value(row["p"]), p_value(row["p_adjusted"]),
        _effect(row) or NONE, bayes_factor(row["bf10"]), proportion(row["smallest_effect"], 2),
        str(row["n"]), _short_note(str(row["note"])),
    ]  # fmt: skip


def _effect(row: pd.Series[Any]) -> str:
    if not math.isfinite(row["effect"]):
        return ""
    name = _EFFECTS.get(str(row["effect_name"]), str(row["effect_name"]).split(" ")[0])
    text = f"{name} = {proportion(row['effect'], 2)}"
    if math.isfinite(row["ci_low"]):
        text += f" [{number(row['ci_low'])}, {number(row['ci_high'])}]"
    return text


def _short_note(note: str) -> str:
    """Leave out of a note what the heading of the table and the method say for all rows."""
    said = ("exact", "Greenhouse-Geisser epsilon 1.000")
    kept = [part for part in note.split("; ") if part not in said]
    short = "; ".join(kept).replace("Greenhouse-Geisser epsilon 0.", "Greenhouse-Geisser ε = .")
    return short.replace(" between the conditions", "")


def _statistic(row: pd.Series[Any]) -> str:
    if not math.isfinite(row["statistic"]):
        return NONE
    name = str(row["statistic_name"])
    if name == "F":
        return f"F({row['df1']:.0f}, {row['df2']:.0f}) = {number(row['statistic'])}"
    if name == "t":
        degrees = f"{row['df1']:.1f}".removesuffix(".0")
        return f"t({degrees}) = {number(row['statistic'])}"
    digits = 1 if name == "W" else 2
    return f"{name} = {number(row['statistic'], digits)}"
