"""Read the CSV files that the authors of the 2021 paper released.

Reading only: names of files, columns, types, and what must hold between columns. What the
values mean in this project's words is decided in `published`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from house.errors import UserError
from house.files import sha256_file

TRIAL_FILE = "experiment_{}_main_practice_catch_repeated_trials_preprocessed.csv"
INTUITIVENESS_FILE = "experiment_{}_intuitiveness_beginning_preprocessed.csv"

_TRIAL_COLUMNS = (
    "subject_id", "trial_nr", "block_nr", "instr_type", "trial_type", "catch_trial", "batch",
    "layer", "kernel_size", "channel", "query_order", "correct", "conf_rating", "RT", "response",
    "correct_response", "query_image_a", "query_image_b", "old_trial_nr", "seed",
)  # fmt: skip
_INTUITIVENESS_COLUMNS = ("subject_id", "trial_name", "trial_nr", "rating", "rt")
_LEVELS = {
    "instr_type": {"optimized", "natural", "none_pre", "none_post"},
    "trial_type": {"practice", "main", "repeated"},
    "catch_trial": {"True", "False"},
    "correct": {"True", "False"},
    "query_order": {"max_min", "min_max"},
    "response": {"a", "b"},
    "correct_response": {"a", "b"},
}
_INTEGERS = ("subject_id", "trial_nr", "block_nr", "batch", "conf_rating", "seed")


@dataclass(frozen=True)
class CodedUnit:
    """The unit behind a code of the released tables."""

    layer: str
    branch: str
    channel: int


@dataclass(frozen=True)
class Release:
    """One experiment as released.

    Attributes
    ----------
    trials : pandas.DataFrame
        One row a trial, columns as released, typed, text stripped.
    intuitiveness : pandas.DataFrame or None
        One row a rating, or None where that file was not there.
    units : dict
        (layer code, branch code, channel code) to the unit behind it; empty without lists.
    sources : dict
        Name of each file read to its SHA-256.
    """

    trials: pd.DataFrame
    intuitiveness: pd.DataFrame | None
    units: dict[tuple[str, str, str], CodedUnit]
    sources: dict[str, str] = field(default_factory=dict)


def read_release(source: Path, experiment: str = "I") -> Release:
    """Read the released files of one experiment.

    Parameters
    ----------
    source : Path
        The folder that holds them, with the unit lists in a folder `units` where available.
    experiment : str
        "I".

    Raises
    ------
    UserError
        If the folder or its trial file is missing, or a file is empty, not UTF-8, lacks a
        column, or holds a value that its column cannot have.
    """
    if not source.is_dir():
        raise UserError(
            "there is no such folder",
            where=str(source),
            remedy="Give the folder that holds the released CSV files.",
        )
    path = source / TRIAL_FILE.format(experiment)
    if not path.is_file():
        raise UserError(
            f"the released trial table of experiment {experiment} is not in this folder",
            where=str(source),
            remedy=f"It is called {path.name}.{_other_experiment(source)}",
        )
    trials = read_csv(path, _TRIAL_COLUMNS)
    _check_levels(trials, _LEVELS, path)
    _make_integers(trials, _INTEGERS, path)
    _make_numbers(trials, ("RT", "old_trial_nr"), path)
    for column in ("catch_trial", "correct"):
        trials[column] = trials[column] == "True"
    _check_consistency(trials, path)
    sources = {path.name: sha256_file(path)}

    ratings = None
    path = source / INTUITIVENESS_FILE.format(experiment)
    if path.is_file():
        ratings = read_csv(path, _INTUITIVENESS_COLUMNS)
        _make_integers(ratings, ("subject_id", "trial_nr"), path)
        _make_numbers(ratings, ("rating", "rt"), path)
        sources[path.name] = sha256_file(path)

    units: dict[tuple[str, str, str], CodedUnit] = {}
    for path in sorted((source / "units").glob(f"experiment_{experiment}_*.csv")):
        units.update(read_unit_list(path))
        sources[f"units/{path.name}"] = sha256_file(path)
    return Release(trials, ratings, units, sources)


def _other_experiment(source: Path) -> str:
    if any(source.glob("experiment_II_*_preprocessed.csv")):
        return " This folder holds experiment II, which this version does not import."
    return ""


def read_csv(path: Path, columns: Iterable[str]) -> pd.DataFrame:
    """Read a CSV file as text and make sure that it has rows and the columns named.

    Raises
    ------
    UserError
        Naming the file, and the columns that are missing.
    """
    try:
        table = pd.read_csv(path, dtype=str, encoding="utf-8-sig", keep_default_na=False)
    except pd.errors.EmptyDataError:
        raise UserError("this file is empty", where=str(path)) from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"this file is not UTF-8 text (byte {error.start} does not fit)",
            where=str(path),
            remedy="Save it as CSV with UTF-8 encoding, or use the file as it was released.",
        ) from error
    except (pd.errors.ParserError, OSError) as error:
        raise UserError(f"this file cannot be read as CSV ({error})", where=str(path)) from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise UserError(
            f"the column{'s' if len(missing) > 1 else ''} {', '.join(missing)} "
            f"{'are' if len(missing) > 1 else 'is'} missing",
            where=str(path),
            remedy="Use the table as it was released; commas must separate its columns.",
        )
    if table.empty:
        raise UserError("this file has a heading but no rows", where=str(path))
    return pd.DataFrame({name: table[name].str.strip() for name in table.columns})


def read_unit_list(path: Path) -> dict[tuple[str, str, str], CodedUnit]:
    """Read a list that says which unit of the network stands behind each code.

    Its first line is a title; layers are called `mixed3a`, branches `1x1`.
    """
    columns = ("layer_number", "kernel_size_number", "channel_number", "layer_name",
               "kernel_size", "feature_map_number")  # fmt: skip
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"this list of units cannot be read ({error})", where=str(path)) from error
    rows = [[cell.strip() for cell in line.split(",")] for line in lines if line.strip()]
    heading = next((i for i, row in enumerate(rows) if "layer_number" in row), None)
    missing = [c for c in columns if heading is None or c not in rows[heading]]
    if heading is None or missing:
        raise UserError(
            f"this list of units lacks the columns {', '.join(missing)}", where=str(path)
        )
    units = {}
    for number, row in enumerate(rows[heading + 1 :], start=heading + 2):
        cells = dict(zip(rows[heading], row, strict=False))
        if not re.fullmatch(r"\d+", cells.get("feature_map_number", "")):
            where = f"{path}, line {number}"
            raise UserError("the feature_map_number is not a number", where=where)
        code = (cells["layer_number"], cells["kernel_size_number"], cells["channel_number"])
        layer = cells["layer_name"].removeprefix("mixed")
        units[code] = CodedUnit(layer, cells["kernel_size"], int(cells["feature_map_number"]))
    return units


def _check_levels(table: pd.DataFrame, levels: Mapping[str, set[str]], path: Path) -> None:
    for column, allowed in levels.items():
        unknown = sorted(set(table[column].unique()) - allowed)
        if unknown:
            raise UserError(
                f'column {column} holds "{unknown[0]}"',
                where=str(path),
                remedy=f"Known are {', '.join(sorted(allowed))}.",
            )


def _make_numbers(table: pd.DataFrame, columns: Iterable[str], path: Path) -> None:
    for column in columns:
        numbers = pd.to_numeric(table[column], errors="coerce").astype(float)
        wrong = numbers.isna() & ~table[column].isin(["", "nan", "NaN"])
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            raise UserError(
                f'column {column} holds "{table[column].iloc[row]}", which is not a number',
                where=f"{path}, row {row + 2}",
            )
        table[column] = numbers


def _make_integers(table: pd.DataFrame, columns: Iterable[str], path: Path) -> None:
    for column in columns:
        wrong = ~table[column].str.fullmatch(r"-?\d+(\.0*)?")
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            raise UserError(
                f'column {column} holds "{table[column].iloc[row]}", which is not a whole number',
                where=f"{path}, row {row + 2}",
            )
        table[column] = table[column].astype(float).astype(int)


def _check_consistency(trials: pd.DataFrame, path: Path) -> None:
    """Refuse a table whose columns contradict each other: the mapping would be a guess."""
    chose_b = trials["response"] == "b"
    rules = {
        "correct does not follow from response and correct_response": trials["correct"]
        != (trials["response"] == trials["correct_response"]),
        "the sign of conf_rating is not the image in response": (trials["conf_rating"] > 0)
        != chose_b,
        "correct_response is not the image that query_order puts the maximum in": (
            trials["query_order"] == "max_min"
        )
        != (trials["correct_response"] == "a"),
        "conf_rating is not -3..-1 or 1..3": ~trials["conf_rating"].abs().between(1, 3),
        "participant and trial_nr occur twice": trials.duplicated(["subject_id", "trial_nr"]),
    }
    for problem, broken in rules.items():
        if broken.any():
            row = int(broken.to_numpy().argmax())
            raise UserError(
                problem,
                where=f"{path}, row {row + 2}",
                remedy=f"{int(broken.sum())} row(s) are like this; use the table as released.",
            )
