"""A data folder, or an export of one, as one table of trials.

Sessions of people, of simulated participants and imported published sessions look the same
from here on; only `kind` tells them apart.
"""

from __future__ import annotations

import io
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.checks import check_trials
from analysis.exclusion import Exclusion
from analysis.sources import FORMS, Recording, open_source
from analysis.stated import Stated, contrasts_of, read_stated, with_factors
from house.errors import UserError
from house.files import sha256_file
from participants import MISSING, TRIAL_COLUMNS, SessionInfo

PUBLISHED_LABELS = {"borowski2021_experiment1": "I", "borowski2021_experiment2": "II"}
"""What the paper calls its experiments; data of a lab are labelled by their protocol."""


@dataclass(frozen=True)
class Dataset:
    """Everything that was recorded in a data folder.

    Attributes
    ----------
    name : str
        Name of the data set.
    root : Path
        Its folder.
    trials : pandas.DataFrame
        One row an answered trial: the columns of `TRIAL_COLUMNS` and `experiment`, `kind`.
        Whole numbers are Int64, truth values boolean, both with missing values.
    sessions : pandas.DataFrame
        One row a session: participant, session, experiment, kind, protocol, bank, completed,
        trials.
    statements : list of str
        What a reader must know about the data: unfinished sessions, missing answers, ...
    sources : dict
        File name to SHA-256: the published files, or every trial table read.
    notes : list of str
        Notes that the record carries, such as what is odd about imported times.
    form : str
        What was read, such as "data folder" or "BIDS export".
    factors : dict
        Experiment to the factors that its protocol names beyond condition, scheme and expertise,
        each with the column that it reads; `trials` has a column of their levels.
    contrasts : dict
        Experiment to the two conditions whose comparison its protocol calls primary.
    rules : dict
        Checksum of each protocol that states rules of exclusion to these rules.
    """

    name: str
    root: Path
    trials: pd.DataFrame
    sessions: pd.DataFrame
    statements: list[str] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    rules: dict[str, Exclusion] = field(default_factory=dict)
    form: str = "data folder"
    factors: dict[str, dict[str, str]] = field(default_factory=dict)
    contrasts: dict[str, tuple[str, str]] = field(default_factory=dict)


def load(root: Path, kind: str = "all") -> Dataset:
    """Read a data folder, or its export as BIDS or Psych-DS: the numbers are the same.

    Parameters
    ----------
    root : Path
        Folder with ``sub-XXX/ses-YY`` below it, or an export.
    kind : str
        "human", "simulated" or "published" to read only such sessions, "all" for all.

    Raises
    ------
    UserError
        If there is no such folder, no session in it, no answered trial, or a table is damaged;
        the message names file, column and row.
    """
    source = open_source(root)
    everything = source.recordings
    chosen = [one for one in everything if kind in ("all", one.info.kind)]
    if not chosen:
        what = "no sessions" if not everything else f"no sessions of kind {kind}"
        raise UserError(
            f"there are {what} in this {FORMS[source.form]}",
            where=str(root),
            remedy="It must hold folders such as sub-001/ses-01, each with a session.json, or be "
            "an export of such a folder as BIDS or Psych-DS.",
        )
    trials, sources = _read_trials(chosen, root)
    sessions = _session_table(chosen, trials)
    trials = _with_session_columns(trials, sessions)
    trials, statements = check_trials(trials, sessions)
    stated = _stated(chosen)
    trials, factors, about_factors = with_factors(trials, sessions, stated)
    contrasts, about_contrasts = contrasts_of(sessions, stated)
    if kind != "all" and len(chosen) < len(everything):
        statements.insert(
            0, f"Only {kind} sessions were read: {len(chosen)} of {len(everything)} sessions."
        )
    published = source.description.get("kind") == "published"
    imported = source.description.get("sources") if published else None
    return Dataset(
        name=source.name,
        root=root,
        trials=trials,
        sessions=sessions,
        statements=[*source.unknown, *statements, *about_factors, *about_contrasts],
        sources=_imported_sources(imported) or sources,
        notes=list(dict.fromkeys(note for one in chosen for note in one.info.notes)),
        rules={sha: one.rules for sha, one in stated.items() if one.rules.stated},
        factors=factors,
        contrasts=contrasts,
        form=FORMS[source.form],
    )


def _stated(chosen: list[Recording]) -> dict[str, Stated]:
    """What each version of a protocol states, from the first plan that holds it."""
    found: dict[str, Stated] = {}
    for one in chosen:
        sha = one.info.protocol_sha256
        if sha not in found and (text := one.protocol()) is not None:
            found[sha] = read_stated(text, one.where)
    return found


def _imported_sources(listed: Any) -> dict[str, str]:
    """Files that the data were imported from; nothing where the description is not ours."""
    entries = listed if isinstance(listed, list) else []
    return {
        str(entry["file"]): str(entry["sha256"])
        for entry in entries
        if isinstance(entry, dict) and {"file", "sha256"} <= set(entry)
    }


def _read_trials(chosen: list[Recording], root: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Read all trial tables with one parse for each heading that occurs."""
    bodies: dict[str, list[bytes]] = defaultdict(list)
    sources = {}
    for one in chosen:
        content = one.content()
        if one.table is None:
            continue
        sources[one.table.relative_to(root).as_posix()] = sha256_file(one.table)
        if not content and one.table.suffix == ".jsonl":
            continue
        heading, body = _split(content, one.table)
        bodies[heading].append(body)
    frames = [_parse(heading, b"".join(parts), root) for heading, parts in bodies.items()]
    frames = [frame for frame in frames if len(frame)]
    if not frames:
        raise UserError(
            "no trial in this data folder was answered",
            where=str(root),
            remedy="Finish at least one session; an aborted one can go on with --resume.",
        )
    trials = pd.concat(frames, ignore_index=True)
    if len(frames) > 1:
        trials = trials.sort_values(["participant", "session"], kind="stable", ignore_index=True)
    return trials, sources


def _split(content: bytes, path: Path) -> tuple[str, bytes]:
    """Part a table into its heading and its body."""
    try:
        heading, _, body = content.partition(b"\n")
        names = heading.decode("utf-8-sig").rstrip("\r").split("\t")
        content.decode("utf-8")
    except UnicodeDecodeError:
        raise UserError("this trial table is not UTF-8 text", where=str(path)) from None
    if not content.strip():
        raise UserError("this trial table is empty", where=str(path))
    missing = [name for name in TRIAL_COLUMNS if name not in names]
    if missing:
        raise UserError(
            f"columns are missing: {', '.join(missing)}",
            where=str(path),
            remedy="Tabs must separate the columns; see trials.json beside the table.",
        )
    width = len(names)
    for number, line in enumerate(body.splitlines(), start=2):
        if line and line.count(b"\t") != width - 1:
            raise UserError(
                f"line {number} has {line.count(bytes([9])) + 1} cells, the heading {width}",
                where=str(path),
            )
    return "\t".join(names), body if body.endswith(b"\n") or not body else body + b"\n"


def _parse(heading: str, body: bytes, root: Path) -> pd.DataFrame:
    table = pd.read_csv(
        io.BytesIO(body), sep="\t", header=None, names=heading.split("\t"), dtype=str,
        na_values=[MISSING], keep_default_na=False, quoting=3, encoding="utf-8",
    )  # fmt: skip
    return _typed(table[list(TRIAL_COLUMNS)], root)


def _typed(table: pd.DataFrame, root: Path) -> pd.DataFrame:
    columns: dict[str, Any] = {}
    for name, column in TRIAL_COLUMNS.items():
        values = table[name]
        if column.dtype in ("int", "float"):
            numbers = pd.to_numeric(values, errors="coerce")
            _refuse(table, name, numbers.isna() & values.notna(), "a number", root)
            if column.dtype == "int":
                whole = numbers.isna() | (numbers % 1 == 0)
                _refuse(table, name, ~whole, "a whole number", root)
                numbers = numbers.astype("Int64")
            else:
                numbers = numbers.astype(float)
            columns[name] = numbers
        elif column.dtype == "bool":
            truth = values.map({"true": True, "false": False, True: True, False: False})
            _refuse(table, name, truth.isna() & values.notna(), "true or false", root)
            columns[name] = truth.astype("boolean")
        else:
            columns[name] = values.astype("category")
    return pd.DataFrame(columns)


def _refuse(table: pd.DataFrame, name: str, wrong: Any, wanted: str, root: Path) -> None:
    if wrong.any():
        row = table[wrong].iloc[0]
        raise UserError(
            f'column {name} holds "{row[name]}", which is not {wanted}',
            where=f"{root}, participant {row['participant']}, session {row['session']}, "
            f"trial {row['trial']}",
        )


def _session_table(chosen: list[Recording], trials: pd.DataFrame) -> pd.DataFrame:
    counts = trials.groupby(["participant", "session"]).size()
    rows = [
        {
            "participant": info.participant, "session": info.session, "kind": info.kind,
            "experiment": _label(info), "protocol": info.protocol,
            "protocol_sha256": info.protocol_sha256,
            "bank": info.bank_name, "bank_sha256": info.bank_sha256,
            "observer": (info.observer or {}).get("name"), "expertise": info.expertise,
            "started": info.started, "completed": info.completed,
            "finished": info.kind == "published" or info.completed is not None,
            # Only unfinished sessions are worth opening the plan.
            "planned": one.planned() if info.completed is None else None,
            "trials": int(counts.get((info.participant, info.session), 0)),
        }
        for one in chosen
        for info in (one.info,)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _label(info: SessionInfo) -> str:
    if info.kind == "published":
        return PUBLISHED_LABELS.get(info.protocol, info.protocol)
    return info.protocol


def _with_session_columns(trials: pd.DataFrame, sessions: pd.DataFrame) -> pd.DataFrame:
    keys = ["participant", "session"]
    known = sessions[[*keys, "kind", "experiment"]].astype(dict.fromkeys(keys, "Int64"))
    joined = trials.merge(known, on=keys, how="left", validate="many_to_one")
    stray = joined["kind"].isna()
    if stray.any():
        row = joined[stray].iloc[0]
        raise UserError(
            f"a trial table names participant {row['participant']}, session {row['session']}, "
            "but no session folder has these numbers",
            remedy="The columns participant and session must agree with the folders' names.",
        )
    return joined
