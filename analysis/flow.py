"""From what was collected to what was analysed, with and without exclusion."""

from __future__ import annotations

import pandas as pd

from analysis.analyse import Results
from analysis.cells import conditions, trial_set
from analysis.design import Table
from analysis.load import Dataset
from analysis.prose import select, with_error
from analysis.words import NONE, count, listed, p_value


def flow(dataset: Dataset, results: list[Results]) -> list[str]:
    """Sentences on what was read, what carries the numbers, and what was left out."""
    sessions = dataset.sessions
    people = sessions["participant"].nunique()
    first = (
        f"{count(int(people), 'participant')} in {count(len(sessions), 'session')} were read "
        f"from the {dataset.form}, "
        f"{count(len(dataset.trials), 'row')} of the trial tables in all."
    )
    used = [
        f"{found.counts['main'] - _unanswered_main(found):,} main trials"
        + (f" of {found.label}" if len(results) > 1 else "")
        for found in results
    ]
    second = f"{listed(used)} carry the numbers above."
    if not any(found.exclusion.rules for found in results):
        second += (
            " No participant and no trial was excluded for its answer, its speed or its confidence."
        )
    excluded = [
        (f"{found.label}: " if len(results) > 1 else "") + sentence
        for found in results
        for sentence in found.exclusion.statements
    ]
    return [first, second, *excluded, *dataset.statements]


def stages(results: list[Results]) -> Table:
    """How many were collected, left out and analysed."""
    several = len(results) > 1
    rows = []
    for found in results:
        before, after = found.collected, found.counts
        for stage, people, sessions, trials in (
            ("collected", before["participants"], before["sessions"], before["main"]),
            ("excluded", len(found.exclusion.participants), before["sessions"] - after["sessions"],
             before["main"] - after["main"]),
            ("analysed", after["participants"], after["sessions"], after["main"]),
        ):  # fmt: skip
            cells = [stage, f"{people:,}", f"{sessions:,}", f"{trials:,}"]
            rows.append([found.label, *cells] if several else cells)
    heads = [*(["Experiment"] if several else []), "", "participants", "sessions", "main trials"]
    return Table(heads, rows)


def with_and_without(results: list[Results]) -> Table:
    """Accuracy and the test of every comparison, with and without exclusion."""
    rows = []
    for found in results:
        if found.whole is None:
            continue
        estimates, tests = found.whole
        for name in conditions(found.trials):
            cells = [with_error(select(table, measure="accuracy", trials="all",
                                       condition=name).iloc[0])
                     for table in (found.estimates, estimates)]  # fmt: skip
            rows.append([found.label, f"accuracy, {name}", *cells])
        for contrast in dict.fromkeys(_paired(found.tests)["contrast"]):
            cells = []
            for table in (_paired(found.tests), _paired(tests)):
                row = table[table["contrast"] == contrast]
                cells.append(p_value(row["p"].iloc[0]) if len(row) else NONE)
            rows.append([found.label, f"p of {contrast} (paired t)", *cells])
    heads = ["Experiment", "Number", "with exclusion", "without"]
    if len(results) == 1:
        return Table(heads[1:], [row[1:] for row in rows])
    return Table(heads, rows)


def _paired(tests: pd.DataFrame) -> pd.DataFrame:
    return tests[(tests["test"] == "t_paired") & (tests["measure"] == "accuracy")
                 & (tests["factor"] == "")]  # fmt: skip


def _unanswered_main(found: Results) -> int:
    main = (found.trials["trial_type"] == "main").sum()
    return int(main) - len(trial_set(found.trials, "all"))
