"""One self-contained page, and what its template needs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from analysis.analyse import Results
from analysis.cells import conditions
from analysis.design import Table, balance, timing, trial_counts
from analysis.flow import flow, stages, with_and_without
from analysis.further_tables import further_context
from analysis.load import Dataset
from analysis.printed import comparisons
from analysis.prose import (
    cards,
    condition_table,
    factor_tables,
    headline,
    notices,
    select,
    undefined,
)
from analysis.sections import Section
from analysis.style import Picture, colour
from analysis.tables_of_tests import tables_of_tests
from analysis.words import count, interval, listed, measured

TEMPLATES = Path(__file__).parent / "templates"
_MOST_SOURCES = 20
_PLACES = {
    "accuracy": "accuracy",
    "accuracy_by_confidence": "confidence",
    "confidence": "confidence",
    "response_time": "time",
    "response_time_distribution": "time",
    "learning": "change",
    "intuitiveness": "intuitiveness",
    "sensitivity": "sensitivity",
}


_SECTIONS = ("accuracy", "time", "confidence", "where", "change", "intuitiveness", "sensitivity")


def render(
    dataset: Dataset,
    results: list[Results],
    pictures: list[list[Picture]],
    *,
    provenance: dict[str, Any],
    sections: Sequence[Section] = (),
) -> str:
    """Write the page.

    Parameters
    ----------
    dataset : Dataset
        What was read.
    results : list of Results
        One an experiment.
    pictures : list of list of Picture
        The figures of each experiment.
    provenance : dict
        `seed`, `bootstrap`, `versions`, `git_commit`, `created`.
    sections : sequence of Section
        What only some data have: see `further_sections`.

    Returns
    -------
    str
        HTML that loads nothing from anywhere.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    published = set(dataset.sessions["kind"]) == {"published"}
    return environment.get_template("report.html.j2").render(
        title=_title(dataset),
        subtitle=_subtitle(results),
        css=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
        notices=notices(dataset.sessions),
        experiments=[
            _experiment(found, drawn, published)
            for found, drawn in zip(results, pictures, strict=True)
        ],
        sections=sections,
        flow=flow(dataset, results),
        stages=stages(results),
        with_and_without=with_and_without(results),
        undefined=[s for found in results for s in undefined(found.estimates)],
        notes=dataset.notes,
        seed=provenance["seed"],
        bootstrap=provenance["bootstrap"],
        versions=provenance["versions"],
        sources=Table(
            ["Source", "SHA-256"],
            [[name, digest] for name, digest in list(dataset.sources.items())[:_MOST_SOURCES]],
        ),
        more_sources=_more(len(dataset.sources)),
        software=Table(["Software", "Version"], _software(provenance)),
        made=_made(provenance["created"]),
    )


def _title(dataset: Dataset) -> str:
    labels = sorted(set(dataset.trials["experiment"].astype(str)))
    if set(labels) <= {"I", "II"} and set(dataset.sessions["kind"]) == {"published"}:
        noun = "experiment" if len(labels) == 1 else "experiments"
        return f"Borowski et al. (2021), {noun} {listed(labels)}"
    return f"Report on {dataset.name}"


def _subtitle(results: list[Results]) -> str:
    parts = []
    for found in results:
        counts = found.counts
        text = (
            f"{count(counts['participants'], 'participant')}, {count(counts['units'], 'unit')}, "
            f"{count(counts['main'], 'main trial')} of {counts['trials']:,} in all"
        )
        parts.append(f"{found.label}: {text}" if len(results) > 1 else text)
    return "; ".join(parts)


def _experiment(found: Results, drawn: list[Picture], published: bool) -> dict[str, Any]:
    names = conditions(found.trials)
    numbers = found.estimates
    places: dict[str, list[Picture]] = defaultdict(list)
    for picture in drawn:
        places[_PLACES.get(picture.name, "where")].append(picture)
    shown = cards(numbers, names)
    for i, card in enumerate(shown):
        card["colour"] = colour(card["condition"], i)
    by_condition = numbers[numbers["factor"] == ""]
    return {
        "label": found.label,
        "cards": shown,
        "has_errors": bool(by_condition["two_sem"].notna().any()),
        "headline": headline(found.tests, names, _who(found.trials)),
        "printed": comparisons(numbers, found.tests) if published and found.label == "I" else [],
        "pictures": {k: places[k] for k in _SECTIONS},
        "accuracy": condition_table(numbers, "accuracy", ["all"]),
        "times": condition_table(numbers, "rt", ["all", "correct", "incorrect"], medians=True),
        "confidence": condition_table(numbers, "confidence", ["all", "correct", "incorrect"]),
        "factors": factor_tables(numbers, names),
        "tests": tables_of_tests(found.tests, [*names, *_own_levels(found)]),
        "further": further_context(numbers, found.tests, names),
        "other": _other_trials(numbers),
        "consistency": condition_table(numbers, "consistency", ["repeated"]),
        "intuitiveness": _intuitiveness(numbers),
        "counts": trial_counts(found.trials),
        "balance": balance(found.trials),
        "timing": timing(found.trials),
    }


def _own_levels(found: Results) -> list[str]:
    return [str(v) for name in found.factors for v in found.trials[name].cat.categories]


def _who(trials: pd.DataFrame) -> str:
    simulated = set(trials["kind"]) == {"simulated"}
    return "Simulated participants" if simulated else "Participants"


def _other_trials(numbers: pd.DataFrame) -> Table:
    rows = []
    for name in ("catch", "practice", "repeated"):
        for _, row in select(numbers, measure="accuracy", trials=name).iterrows():
            condition = str(row["condition"])
            rest = [
                measured(measure, found["estimate"].iloc[0]) if len(found) else "–"
                for measure in ("rt", "confidence")
                for found in [
                    select(numbers, measure=measure, trials=name, condition=condition,
                           statistic="mean")
                ]
            ]  # fmt: skip
            value, error = (measured("accuracy", row[c]) for c in ("estimate", "two_sem"))
            rows.append([name, condition, value, error, *rest, f"{row['n_trials']:,}"])
    heads = ["Trials", "Condition", "Proportion correct", "± 2 SEM", "Mean time (s)",
             "Mean confidence", "trials"]  # fmt: skip
    return Table(heads, rows)


def _intuitiveness(numbers: pd.DataFrame) -> Table:
    found = numbers[numbers["measure"].isin(["intuitiveness", "intuitiveness_change"])]
    rows = []
    for _, row in found.iterrows():
        changed = row["measure"] == "intuitiveness_change"
        levels = [str(row["level"]), str(row["level2"])]
        what = ["end − beginning"] if changed else []
        rows.append(
            [
                ", ".join(filter(None, [*what, *levels])) or "all",
                *[measured("intuitiveness", row[c]) for c in ("estimate", "two_sem")],
                interval("intuitiveness", row["ci_low"], row["ci_high"]),
                f"{row['n_trials']}",
            ]
        )
    return Table(["Ratings", "Mean", "± 2 SEM", "95 % t interval", "n"], rows)


def _more(amount: int) -> str:
    hidden = amount - _MOST_SOURCES
    return f"And {count(hidden, 'more file')}, listed in numbers.json." if hidden > 0 else ""


def _software(provenance: dict[str, Any]) -> list[list[str]]:
    rows = [[name, version] for name, version in provenance["versions"].items()]
    if provenance["git_commit"]:
        rows.append(["commit", provenance["git_commit"]])
    return rows


def _made(created: str) -> str:
    moment = datetime.fromisoformat(created)
    return f"Made on {moment:%d %B %Y at %H:%M} UTC by exemplary-lab."
