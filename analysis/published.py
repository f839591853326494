"""The released data of the 2021 paper in this project's own record.

One participant becomes one session of kind "published": the ratings of intuitiveness that were
given first, the trials in the order of the experiment, the ratings that were given last.
"""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from analysis.released import CodedUnit, Release, UnitCode, experiments_in, read_release
from house.errors import UserError
from house.provenance import git_commit, software_versions
from participants import TRIAL_COLUMNS, DataFolder, SessionInfo, write_published_session

PROTOCOL_NAMES = {"I": "borowski2021_experiment1", "II": "borowski2021_experiment2"}
LAYERS = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
BRANCHES = ("1x1", "3x3", "5x5", "pool")
SELECTIONS = {"channel_0": "random", "channel_1": "hand-picked"}
CONDITIONS = {
    "optimized": "synthetic",
    "natural": "natural",
    "none_pre": "none",
    "none_post": "none",
}
SCHEMES = {
    ("max_max", "1"): "Max 1",
    ("min_max", "1"): "Min+Max 1",
    ("max_max", "9"): "Max 9",
    ("min_max", "9"): "Min+Max 9",
}
EXPERTISES = {"expert": "expert", "naive": "lay"}
FIRST_PARTICIPANT = {"I": 0, "II": 100}
"""What is added to the released numbers, which both count from 1: participant 1 of experiment II
is another person than participant 1 of experiment I, whatever folder they are put into."""

_NOTES = (
    "Imported from the tables released with Borowski et al. (ICLR 2021).",
    "Response times are as released. The original software subtracted two clocks with different "
    "origins, so that all of a session's times carry one unknown offset of about half a second "
    "to a second, and a few are negative or implausibly short. Differences within a session are "
    "not touched by it.",
    "Answers were given with the mouse; image a of the release is the lower query image, b the "
    "upper. Trials and blocks are counted from 1, the ratings of intuitiveness first.",
    "Practice and catch units are named in the release by letters; where the lists of units were "
    "not beside the tables, layer, branch and channel are missing for them.",
)
_NOTES_II = (
    "Participants of experiment II carry their released number plus 100. The release calls lay "
    "participants naive.",
    "A unit of experiment II is known by its set as well: where the lists of units were not "
    "beside the tables it is called set-a to set-g instead of by its channel.",
)


def import_published(
    source: Path, out: Path, *, replace: bool = False, experiments: list[str] | None = None
) -> dict[str, dict[str, int]]:
    """Import the released experiments into one data folder.

    Parameters
    ----------
    source : Path
        Folder with the released CSV files.
    out : Path
        Folder to create. It appears whole or not at all.
    replace : bool
        Replace an earlier import in `out`. Recorded sessions are never replaced.
    experiments : list of str, optional
        "I", "II" or both; by default every experiment whose trial table lies in `source`.

    Returns
    -------
    dict of str to dict of str to int
        Participants, trials and ratings imported, for each experiment.

    Raises
    ------
    UserError
        If the source is not as released, or `out` holds something already.
    """
    chosen = experiments or experiments_in(source)
    releases = [read_release(source, name) for name in chosen]
    _check_target(out, replace)
    tables = {release.experiment: to_trial_tables(release) for release in releases}
    work = out.with_name(f".{out.name}.work")
    shutil.rmtree(work, ignore_errors=True)
    try:
        work.mkdir(parents=True)
        for experiment, people in tables.items():
            for table in people.values():
                write_published_session(work, _session_info(experiment, table), _as_rows(table))
        DataFolder(work).describe(
            name=data_set_name(chosen),
            kind="published",
            sources=[
                {"file": file, "sha256": digest}
                for release in releases
                for file, digest in release.sources.items()
            ],
            notes=[note for name in chosen for note in _notes(name)],
        )
        if out.exists():
            shutil.rmtree(out)
        work.rename(out)
    except OSError as error:
        raise UserError(
            f"cannot write the data folder ({error.strerror or error})", where=str(out)
        ) from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return {
        release.experiment: {
            "participants": len(tables[release.experiment]),
            "trials": len(release.trials),
            "ratings": sum(len(ratings) for ratings in release.intuitiveness.values()),
        }
        for release in releases
    }


def data_set_name(experiments: list[str]) -> str:
    """Name of the data set that holds these experiments."""
    return PROTOCOL_NAMES[experiments[0]] if len(experiments) == 1 else "borowski2021"


def _notes(experiment: str) -> list[str]:
    return [*_NOTES, *(_NOTES_II if experiment == "II" else ())]


def _check_target(out: Path, replace: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise UserError("this is a file, not a folder", where=str(out))
    if not any(out.iterdir()):
        return
    imported = DataFolder(out).description().get("kind") == "published"
    if not imported:
        raise UserError(
            "this folder holds something other than imported data",
            where=str(out),
            remedy="Choose a new folder with --out.",
        )
    if not replace:
        raise UserError(
            "this folder holds imported data already",
            where=str(out),
            remedy="Give --force to import again, or choose another folder with --out.",
        )


def _session_info(experiment: str, table: pd.DataFrame) -> SessionInfo:
    # When the session took place was not released, so `started` and `completed` stay empty.
    expertise = table["expertise"].iloc[0]
    return SessionInfo(
        participant=int(table["participant"].iloc[0]),
        session=1,
        protocol=PROTOCOL_NAMES[experiment],
        kind="published",
        expertise=None if pd.isna(expertise) else str(expertise),
        git_commit=git_commit(),
        software=software_versions(["pandas"]),
        notes=_notes(experiment),
    )


def to_trial_tables(release: Release) -> dict[int, pd.DataFrame]:
    """Map a release to trial tables, one a participant, with the columns of `TRIAL_COLUMNS`."""
    tables = {}
    for subject, trials in release.trials.groupby("subject_id", sort=True):
        number = int(str(subject)) + FIRST_PARTICIPANT[release.experiment]
        trials = trials.sort_values("trial_nr")
        rated = {
            moment: _rating_rows(table[table["subject_id"] == subject], release.units)
            for moment, table in release.intuitiveness.items()
        }
        main = _main_rows(trials, release.units)
        first, last = rated.get("beginning"), rated.get("end")
        if first is not None and len(first):
            main["block"] += 1
            main[["trial", "repeated_of"]] += len(first)
        if last is not None and len(last):
            last["block"] = main["block"].max() + 1
            last["trial"] += main["trial"].max()
        parts = [part for part in (first, main, last) if part is not None and len(part)]
        table = pd.concat(parts, ignore_index=True)
        table["participant"], table["session"] = number, 1
        if release.experiment == "II":
            table["expertise"] = EXPERTISES[trials["expert_level"].iloc[0]]
        tables[number] = table.reindex(columns=list(TRIAL_COLUMNS))
    return tables


def _main_rows(trials: pd.DataFrame, units: dict[UnitCode, CodedUnit]) -> pd.DataFrame:
    chosen = {"a": "lower", "b": "upper"}
    scheme: str | list[str] = "Min+Max 9"
    if "instruction_grid_mode" in trials:
        pairs = zip(trials["instruction_grid_mode"], trials["n_instruction_patches"], strict=True)
        scheme = [SCHEMES[pair] for pair in pairs]
    rows = pd.DataFrame(
        {
            "block": trials["block_nr"] + 1,
            "trial": trials["trial_nr"] + 1,
            "trial_type": trials["trial_type"].mask(trials["catch_trial"], "catch"),
            "condition": trials["instr_type"].map(CONDITIONS),
            "scheme": scheme,
            "batch": trials["batch"],
            "query_upper": trials["query_image_b"].map(_image_id),
            "query_lower": trials["query_image_a"].map(_image_id),
            "correct_position": trials["correct_response"].map(chosen),
            "choice": trials["response"].map(chosen),
            "correct": trials["correct"],
            "confidence": trials["conf_rating"].abs(),
            "rt": trials["RT"],
            "repeated_of": trials["old_trial_nr"] + 1,
        }
    )
    return pd.concat([rows, _unit_columns(trials, units)], axis=1)


def _unit_columns(trials: pd.DataFrame, units: dict[UnitCode, CodedUnit]) -> pd.DataFrame:
    """Name the unit of each trial: by its channel where a list gives it, else by its code."""
    codes = pd.DataFrame(
        {
            "set": trials["batch_block"],
            "layer": trials["layer"].str.removeprefix("layer_"),
            "branch": trials["kernel_size"].str.removesuffix(".0"),
            "channel": trials["channel"].str.removeprefix("channel_"),
        }
    )
    described = {code: _describe(code, units) for code in set(codes.itertuples(index=False))}
    columns = ("unit", "layer", "branch", "channel", "selection")
    named = [described[code] for code in codes.itertuples(index=False)]
    return pd.DataFrame(named, index=trials.index, columns=list(columns))


def _describe(code: Any, units: dict[UnitCode, CodedUnit]) -> tuple[Any, ...]:
    letter, layer, branch, channel = code
    known = units.get((letter, layer, branch, channel))
    main = layer.isdigit() and branch.isdigit() and f"channel_{channel}" in SELECTIONS
    if not main:
        if known is None:
            return f"practice:{layer}", None, None, np.nan, None
        name = f"{known.layer}:{known.branch}:{known.channel}"
        return name, known.layer, known.branch, known.channel, None
    if int(layer) >= len(LAYERS) or int(branch) >= len(BRANCHES):
        raise UserError(f"the release names no unit layer_{layer}, branch {branch}")
    selection = SELECTIONS[f"channel_{channel}"]
    place = (LAYERS[int(layer)], BRANCHES[int(branch)])
    if known is None:
        which = f"set-{letter}" if letter else selection
        return f"{place[0]}:{place[1]}:{which}", *place, np.nan, selection
    if (known.layer, known.branch) != place:
        raise UserError(
            f"the list of units puts layer_{layer}, branch {branch} in mixed{known.layer} "
            f"{known.branch}, the experiment in mixed{place[0]} {place[1]}"
        )
    return f"{place[0]}:{place[1]}:{known.channel}", *place, known.channel, selection


def _rating_rows(ratings: pd.DataFrame, units: dict[UnitCode, CodedUnit]) -> pd.DataFrame:
    ratings = ratings.sort_values("trial_nr")
    named: list[tuple[Any, ...]] = []
    for letter in ratings["trial_name"]:
        known = units.get(("", letter, letter, letter))
        if known is None:
            named.append((f"intuitiveness:{letter}", None, None, np.nan))
        else:
            name = f"{known.layer}:{known.branch}:{known.channel}"
            named.append((name, known.layer, known.branch, known.channel))
    rows = pd.DataFrame(named, columns=["unit", "layer", "branch", "channel"])
    rows["block"] = 1
    rows["trial"] = np.arange(1, len(ratings) + 1)
    rows["trial_type"] = "intuitiveness"
    rows["rating"] = ratings["rating"].to_numpy()
    rows["rt"] = ratings["rt"].to_numpy()
    return rows


def _image_id(path: str) -> str:
    """Name a released image: its path inside the released stimuli, with no way out of it."""
    parts = [p for p in PurePosixPath(path.replace("\\", "/")).parts if p not in ("..", ".", "/")]
    return "/".join(("published", *parts))


def _as_rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Turn a table into plain Python rows; what is missing is None, whole numbers are int."""
    columns = {}
    for name, column in TRIAL_COLUMNS.items():
        values = table[name]
        kind = {"int": int, "float": float, "bool": bool, "str": str}[column.dtype]
        columns[name] = [None if pd.isna(v) else kind(v) for v in values]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
