"""Everything that a report leaves on the disk; each file appears whole or not at all."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.analyse import BOOTSTRAP, SEED, Results, analyse
from analysis.figures import pictures
from analysis.further_sections import further_sections
from analysis.inference import TEST_COLUMNS
from analysis.load import Dataset
from analysis.measures import ESTIMATE_COLUMNS
from analysis.report import render
from analysis.sections import write_section_files
from analysis.style import Picture
from house.errors import UserError
from house.files import atomic_write_bytes, atomic_write_json, atomic_write_text
from house.provenance import git_commit, machine, software_versions

FORMAT = "exemplary-report"
FORMAT_VERSION = 1
_OUR_FIGURE = re.compile(
    r"(\d+_)?((accuracy|time_and_confidence)(_by_\w+)?|response_time(_distribution)?|confidence|"
    r"units|learning|intuitiveness|sensitivity|(machine|networks)(_\d+)?)\.(svg|png)"
)
_WITHOUT = (
    ("estimates_without_exclusion.csv", ESTIMATE_COLUMNS),
    ("tests_without_exclusion.csv", TEST_COLUMNS),
)
_PACKAGES = ("numpy", "pandas", "scipy", "gpboost", "statsmodels", "pingouin", "matplotlib",
             "jinja2")  # fmt: skip


def write_report(
    dataset: Dataset,
    out: Path,
    *,
    seed: int = SEED,
    bootstrap: int = BOOTSTRAP,
    bayes: bool = False,
    bank: Path | None = None,
    prediction: str | None = None,
    step: Callable[[str], None] = lambda _: None,
) -> list[Results]:
    """Analyse a data set and write report, tables and figures.

    Parameters
    ----------
    dataset : Dataset
        From `load`.
    out : Path
        Folder for ``report.html``, ``estimates.csv``, ``tests.csv``, ``numbers.json`` and
        ``figures/``. Files of an earlier report are replaced, others are left alone. All is
        computed before the first file is written, and the page is written last.
    seed, bootstrap, bayes, step
        See `analyse`.
    bank, prediction : optional
        Bank, and which of its machine's predictions, that people are compared with.

    Raises
    ------
    UserError
        If `out` is a file or cannot be written to.
    """
    if out.exists() and not out.is_dir():
        raise UserError(
            "this is a file, and the report needs a folder",
            where=str(out),
            remedy="Choose a folder with --out.",
        )
    results = analyse(dataset, seed=seed, bootstrap=bootstrap, bayes=bayes, step=step)
    sections = further_sections(
        dataset, results, bank=bank, machine=prediction, bootstrap=bootstrap, seed=seed, step=step
    )
    drawn = []
    for found in results:
        step(f"Drawing {found.label}")
        drawn.append(pictures(found.trials, found.estimates, found.factors))
    provenance = {
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "seed": seed,
        "bootstrap": bootstrap,
        "versions": software_versions(_PACKAGES),
        "git_commit": git_commit(),
        "machine": machine(),
    }
    step("Writing")
    page = render(dataset, results, drawn, provenance=provenance, sections=sections)
    _write_figures(out / "figures", drawn, [p for one in sections for p in one.pictures])
    write_section_files(out, sections)
    estimates = pd.concat([found.estimates for found in results], ignore_index=True)
    tests = pd.concat([found.tests for found in results], ignore_index=True)
    atomic_write_text(out / "estimates.csv", _csv(estimates[list(ESTIMATE_COLUMNS)]))
    atomic_write_text(out / "tests.csv", _csv(tests[list(TEST_COLUMNS)]))
    atomic_write_json(
        out / "numbers.json",
        {
            "format": FORMAT,
            "schema_version": FORMAT_VERSION,
            "dataset": dataset.name,
            "kinds": {str(k): int(v) for k, v in dataset.sessions["kind"].value_counts().items()},
            "experiments": [found.label for found in results],
            "counts": {found.label: found.counts for found in results},
            "exclusions": {
                found.label: {
                    "rule": found.exclusion.rules or "none",
                    "participants": len(found.exclusion.participants),
                    "trials": found.exclusion.n_trials,
                    "excluded": found.exclusion.participants,
                    "collected": found.collected,
                    "trials_without_answer": found.counts["without_answer"],
                    "answers_without_time": found.counts["without_time"],
                }
                for found in results
            },
            "factors": {found.label: dict(found.factors) for found in results},
            "contrasts": {label: list(pair) for label, pair in dataset.contrasts.items()},
            "statements": dataset.statements,
            "notes": dataset.notes,
            "sources": dataset.sources,
            **provenance,
            "estimates": _records(estimates),
            "tests": _records(tests),
            **{
                name.removesuffix(".csv"): _records(table)
                for one in sections
                for name, table in one.files.items()
            },
        },
    )
    _write_whole(out, results)
    atomic_write_text(out / "report.html", page)
    return results


def _write_whole(out: Path, results: list[Results]) -> None:
    """Write, beside the tables, what they would be without exclusion, where there was any."""
    wholes = [found.whole for found in results if found.whole is not None]
    for place, (name, columns) in enumerate(_WITHOUT):
        if wholes:
            table = pd.concat([whole[place] for whole in wholes], ignore_index=True)
            atomic_write_text(out / name, _csv(table[list(columns)]))
        else:
            (out / name).unlink(missing_ok=True)


def _write_figures(folder: Path, drawn: list[list[Picture]], others: list[Picture]) -> None:
    several = len(drawn) > 1
    named = {picture.name: picture for picture in others}
    for number, some in enumerate(drawn, start=1):
        for picture in some:
            named[f"{number}_{picture.name}" if several else picture.name] = picture
    written = set()
    for name, picture in named.items():
        atomic_write_bytes(folder / f"{name}.svg", picture.svg)
        atomic_write_bytes(folder / f"{name}.png", picture.png)
        written |= {f"{name}.svg", f"{name}.png"}
    # A figure of an earlier report that these data do not allow would pass for one of this.
    if folder.is_dir():
        for path in folder.iterdir():
            if _OUR_FIGURE.fullmatch(path.name) and path.name not in written:
                path.unlink()


def _csv(table: pd.DataFrame) -> str:
    """Comma-separated text with all digits; what is undefined is empty."""
    return str(table.to_csv(index=False, lineterminator="\n"))


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for JSON: no NaN, which JSON does not know, but null."""

    def known(value: Any) -> Any:
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return [{str(k): known(v) for k, v in row.items()} for row in table.to_dict("records")]
