"""Read the CSV files that the authors of the 2021 paper released.

Reading only: names of files, columns, and what must hold between columns. What the values
mean in this project's words is decided in `published`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.csv_files import check_levels, make_integers, make_numbers, read_csv, refuse_broken
from house.errors import UserError
from house.files import sha256_file

EXPERIMENTS = ("I", "II")
TRIAL_FILES = {
    "I": "experiment_I_main_practice_catch_repeated_trials_preprocessed.csv",
    "II": "experiment_II_main_practice_catch_trials_preprocessed.csv",
}
"""Trial tables under their released names; any `experiment_I_main_..._preprocessed.csv` will do."""

INTUITIVENESS_FILE = "experiment_{}_intuitiveness_{}_preprocessed.csv"
MOMENTS = ("beginning", "end")
SETS = "abcdefgh"
"""Sets of experiment II's units: a to d main, e catch, f and g practice."""

_TRIAL_COLUMNS = (
    "subject_id", "trial_nr", "block_nr", "instr_type", "trial_type", "catch_trial", "batch",
    "layer", "kernel_size", "channel", "query_order", "correct", "conf_rating", "RT", "response",
    "correct_response", "query_image_a", "query_image_b", "seed",
)  # fmt: skip
_MORE_COLUMNS = {
    "I": ("old_trial_nr",),
    "II": ("batch_block", "instruction_grid_mode", "n_instruction_patches", "expert_level"),
}
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
_LEVELS_II = {
    "instr_type": {"optimized", "natural"},
    "trial_type": {"practice", "main"},
    "instruction_grid_mode": {"min_max", "max_max"},
    "n_instruction_patches": {"1", "9"},
    "expert_level": {"expert", "naive"},
}
_CONDITION_NAMES = {
    ("max_max", "1"): "Max-1", ("min_max", "1"): "Min-Max-1",
    ("max_max", "9"): "Max-9", ("min_max", "9"): "Min-Max-9",
}  # fmt: skip
_INTEGERS = ("subject_id", "trial_nr", "block_nr", "batch", "conf_rating", "seed")


UnitCode = tuple[str, str, str, str]


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
    experiment : str
        "I" or "II".
    trials : pandas.DataFrame
        One row a trial, columns as released, typed, text stripped. `batch_block` holds one
        letter, empty in experiment I, whose units are one set.
    intuitiveness : dict
        "beginning" and "end" to one row a rating; a moment without a file is absent.
    units : dict
        (set, layer code, branch code, channel code) to the unit behind it; the set is empty in
        experiment I and for units that are only rated. Empty without lists.
    sources : dict
        Name of each file read to its SHA-256.
    """

    experiment: str
    trials: pd.DataFrame
    intuitiveness: dict[str, pd.DataFrame]
    units: dict[UnitCode, CodedUnit]
    sources: dict[str, str] = field(default_factory=dict)


def experiments_in(source: Path) -> list[str]:
    """Experiments whose trial table lies in a folder.

    Raises
    ------
    UserError
        If there is no such folder, or no trial table in it.
    """
    if not source.is_dir():
        raise UserError(
            "there is no such folder",
            where=str(source),
            remedy="Give the folder that holds the released CSV files.",
        )
    found = [name for name in EXPERIMENTS if _trial_files(source, name)]
    if not found:
        raise UserError(
            "no released trial table is in this folder",
            where=str(source),
            remedy=f"They are called {' and '.join(TRIAL_FILES.values())}.",
        )
    return found


def _trial_files(source: Path, experiment: str) -> list[Path]:
    return sorted(source.glob(f"experiment_{experiment}_main_*_preprocessed.csv"))


def read_release(source: Path, experiment: str = "I") -> Release:
    """Read the released files of one experiment.

    Parameters
    ----------
    source : Path
        The folder that holds them, with the unit lists in a folder `units` where available.
    experiment : str
        "I" or "II".

    Raises
    ------
    UserError
        If the folder or its trial file is missing, or a file is empty, not UTF-8, lacks a
        column, or holds a value that its column cannot have.
    """
    if experiment not in experiments_in(source):
        raise UserError(
            f"the released trial table of experiment {experiment} is not in this folder",
            where=str(source),
            remedy=f"It is called {TRIAL_FILES[experiment]}.",
        )
    paths = _trial_files(source, experiment)
    if len(paths) > 1:
        raise UserError(
            f"this folder holds several trial tables of experiment {experiment}: "
            + ", ".join(path.name for path in paths),
            where=str(source),
            remedy="Leave one of them.",
        )
    path = paths[0]
    trials = _read_trials(path, experiment)
    sources = {path.name: sha256_file(path)}

    ratings = {}
    for moment in MOMENTS:
        path = source / INTUITIVENESS_FILE.format(experiment, moment)
        if path.is_file():
            ratings[moment] = _read_ratings(path, set(trials["subject_id"]))
            sources[path.name] = sha256_file(path)

    units: dict[UnitCode, CodedUnit] = {}
    for path in sorted((source / "units").glob(f"experiment_{experiment}_*.csv")):
        letter = re.fullmatch(r"experiment_II_set_([a-h])\.csv", path.name)
        listed = read_unit_list(path)
        units.update({(letter[1] if letter else "", *code): u for code, u in listed.items()})
        sources[f"units/{path.name}"] = sha256_file(path)
    return Release(experiment, trials, ratings, units, sources)


def _read_trials(path: Path, experiment: str) -> pd.DataFrame:
    trials = read_csv(path, (*_TRIAL_COLUMNS, *_MORE_COLUMNS[experiment]))
    if experiment == "I" and "batch_block" in trials:
        raise UserError(
            "this is called a table of experiment I but has experiment II's column batch_block",
            where=str(path),
            remedy="Give the files the names under which they were released.",
        )
    if experiment == "II":
        trials["n_instruction_patches"] = trials["n_instruction_patches"].str.removesuffix(".0")
    check_levels(trials, _LEVELS | (_LEVELS_II if experiment == "II" else {}), path)
    make_integers(trials, _INTEGERS, path)
    if "old_trial_nr" not in trials:
        trials["old_trial_nr"] = ""
    make_numbers(trials, ("RT", "old_trial_nr"), path)
    for column in ("catch_trial", "correct"):
        trials[column] = trials[column] == "True"
    refuse_broken(trials, _rules(trials), path)
    if experiment == "II":
        trials["batch_block"] = _set_letters(trials["batch_block"], path)
        refuse_broken(trials, _rules_of_ii(trials), path)
    else:
        trials["batch_block"] = ""
    return trials


def _read_ratings(path: Path, participants: set[int]) -> pd.DataFrame:
    ratings = read_csv(path, _INTUITIVENESS_COLUMNS)
    make_integers(ratings, ("subject_id", "trial_nr"), path)
    make_numbers(ratings, ("rating", "rt"), path)
    rules = {
        "rating is not between -100 and 100": ~ratings["rating"].between(-100, 100),
        "subject_id names nobody in the trial table": ~ratings["subject_id"].isin(participants),
        "participant and trial_nr occur twice": ratings.duplicated(["subject_id", "trial_nr"]),
    }
    refuse_broken(ratings, rules, path)
    return ratings


def _set_letters(values: pd.Series[Any], path: Path) -> pd.Series[Any]:
    """Letter of a set, which software and tables of the paper also write as 0 or batch_block_a."""
    letters = values.str.removesuffix(".0").str.removeprefix("batch_block_").str.strip()
    letters = letters.replace({str(i): letter for i, letter in enumerate(SETS)})
    unknown = sorted(set(letters) - set(SETS))
    if unknown:
        raise UserError(
            f'column batch_block holds "{unknown[0]}"',
            where=str(path),
            remedy="Known are the sets a to h, or 0 to 7.",
        )
    return letters


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


def _rules(trials: pd.DataFrame) -> dict[str, pd.Series[bool]]:
    """Contradictions between columns: mapping such a table would be a guess."""
    chose_b = trials["response"] == "b"
    return {
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


def _rules_of_ii(trials: pd.DataFrame) -> dict[str, pd.Series[bool]]:
    expertises = trials.groupby("subject_id")["expert_level"].transform("nunique")
    rules = {"a participant is both expert and naive": expertises > 1}
    if "condition_name" in trials:
        pairs = zip(trials["instruction_grid_mode"], trials["n_instruction_patches"], strict=True)
        named = pd.Series([_CONDITION_NAMES[pair] for pair in pairs], index=trials.index)
        rules["condition_name is not what instruction_grid_mode and n_instruction_patches say"] = (
            trials["condition_name"] != named
        )
    return rules
