"""What a report can be made from: a data folder, or an export of one as BIDS or Psych-DS.

Whatever it is, it becomes the same list of recordings: the metadata of a session, its trial table
as tab-separated text, and what its plan says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analysis.export_tables import ExportedTable, bids_tables, psych_ds_tables
from house.errors import UserError
from house.files import read_json
from participants import DataFolder, SessionFolder, SessionInfo
from participants.session_list import PLACES, SessionList, read_session_list
from participants.table import table_text

FORMS = {"folder": "data folder", "bids": "BIDS export", "psych-ds": "Psych-DS export"}


@dataclass(frozen=True)
class Recording:
    """One session, wherever it was read from.

    Attributes
    ----------
    info : SessionInfo
    table : Path or None
        File whose checksum goes into the report; None for a session without an answer.
    content : callable
        Gives the trial table as tab-separated bytes with a heading; empty without an answer.
    planned : callable
        Number of planned trials, None where it is not known.
    protocol : callable
        Text of the protocol, None where it is not known.
    where : str
        Place to name in messages about the protocol.
    """

    info: SessionInfo
    table: Path | None
    content: Callable[[], bytes]
    planned: Callable[[], int | None]
    protocol: Callable[[], str | None]
    where: str


@dataclass(frozen=True)
class Source:
    """Everything that a place holds.

    Attributes
    ----------
    form : str
        A key of `FORMS`.
    name : str
        Name of the data set.
    description : dict
        Content of the data set's ``dataset.json``.
    recordings : list of Recording
        In order of participant and session.
    unknown : list of str
        Sentences on what the place does not tell.
    """

    form: str
    name: str
    description: dict[str, Any]
    recordings: list[Recording]
    unknown: list[str] = field(default_factory=list)


def open_source(root: Path) -> Source:
    """Find out what a folder is and list its sessions.

    Raises
    ------
    UserError
        If it is none of the three, or damaged.
    """
    if not root.is_dir():
        raise UserError(
            "there is no such data folder",
            where=str(root),
            remedy="Record sessions first (python -m experiment simulate, or run), import the "
            "published data (python -m analysis import-published), or give another folder.",
        )
    form = _form(root)
    if form == "folder":
        data = DataFolder(root)
        description = data.description()
        name = str(description.get("name") or root.resolve().name)
        return Source(form, name, description, [_of_folder(one) for one in data.sessions()])
    return _of_export(root, form)


def _form(root: Path) -> str:
    if (root / "dataset.json").is_file() or DataFolder(root).sessions():
        return "folder"
    path = root / "dataset_description.json"
    if not path.is_file():
        within = [root / name for name in PLACES if (root / name / path.name).is_file()]
        if within:
            raise UserError(
                "this folder holds exports of a data set, and a report is made of one",
                where=str(root),
                remedy=f"Give {' or '.join(str(place) for place in within)}: both hold the same.",
            )
        return "folder"
    value = read_json(path, "the description of the data set")
    if isinstance(value, dict) and "BIDSVersion" in value:
        return "bids"
    if isinstance(value, dict) and ("variableMeasured" in value or value.get("@type") == "Dataset"):
        return "psych-ds"
    raise UserError(
        "this describes neither a BIDS nor a Psych-DS data set",
        where=str(path),
        remedy="BIDS needs the key BIDSVersion there, Psych-DS the keys @type and "
        "variableMeasured. python -m experiment export writes both.",
    )


def _of_folder(folder: SessionFolder) -> Recording:
    info = folder.info
    stale = _is_stale(folder)

    def content() -> bytes:
        if stale:
            rows = folder.rows()
            return table_text(rows).encode("utf-8") if rows else b""
        try:
            return folder.table_path.read_bytes()
        except FileNotFoundError:
            raise UserError(
                "this session has no trial table", where=str(folder.table_path)
            ) from None
        except OSError as error:
            raise UserError(
                f"cannot read this trial table ({error.strerror})", where=str(folder.table_path)
            ) from error

    return Recording(
        info,
        folder.journal_path if stale else folder.table_path,
        content,
        lambda: sum(1 for _ in folder.plan.trials()) if folder.plan_path.exists() else None,
        lambda: folder.plan.protocol_text if folder.plan_path.exists() else None,
        f"{folder.plan_path}, protocol {info.protocol}",
    )


def _is_stale(folder: SessionFolder) -> bool:
    """Whether the journal knows more than the table, as after a crash."""
    if not (folder.plan_path.exists() and folder.journal_path.exists()):
        return False
    if not folder.table_path.exists():
        return True
    return folder.journal_path.stat().st_mtime > folder.table_path.stat().st_mtime


def _of_export(root: Path, form: str) -> Source:
    heading = read_json(root / "dataset_description.json", "the description of the data set")
    tables = bids_tables(root) if form == "bids" else psych_ds_tables(root)
    listed = read_session_list(root / PLACES[form])
    unknown: list[str] = []
    if listed is None:
        unknown = [_what_is_unknown(form)]
        listed = SessionList([table.listed() for table in tables.values()])
    recordings = []
    for one in sorted(listed.sessions, key=lambda one: one.key):
        table = tables.pop(one.key, None)
        if table is None and one.trials_answered:
            raise UserError(
                f"the table of participant {one.key[0]}, session {one.key[1]} is missing: its "
                f"{one.trials_answered} trials are in the list of sessions",
                where=str(root),
                remedy="Export the data again, or give the data folder itself.",
            )
        if table is not None and table.n_rows != one.trials_answered:
            unknown.append(
                f"The table of participant {one.key[0]}, session {one.key[1]} has {table.n_rows} "
                f"rows, and {one.trials_answered} trials were answered: somebody changed it after "
                "the export."
            )
        recordings.append(
            _exported(one.info, table, one.trials_planned,
                      listed.protocols.get(one.info.protocol_sha256),
                      f"{root / PLACES[form]}, protocol {one.info.protocol}")
        )  # fmt: skip
    if tables:
        stray = next(iter(tables.values()))
        raise UserError(
            f"the list of sessions does not know participant {stray.key[0]}, session "
            f"{stray.key[1]}",
            where=str(stray.path),
            remedy="Tables of different exports may have been put together.",
        )
    name = listed.description.get("name") or heading.get("Name") or heading.get("name")
    return Source(form, str(name or root.name), listed.description, recordings, unknown)


def _exported(
    info: SessionInfo, table: ExportedTable | None, planned: int | None, text: str | None,
    where: str,
) -> Recording:  # fmt: skip
    return Recording(
        info, table.path if table else None, lambda: table.content if table else b"",
        lambda: planned, lambda: text, where,
    )  # fmt: skip


def _what_is_unknown(form: str) -> str:
    metadata = (
        ""
        if form == "bids"
        else "who answered (taken as people), whether sessions came to their end (taken as "
        "finished), the banks, "
    )
    return (
        f"This {FORMS[form]} has no list of sessions ({PLACES[form]}/sessions.json), so it does "
        f"not tell: {metadata}sessions without an answer, and the protocol with its rules of "
        "exclusion and factors. Nobody is excluded."
    )
