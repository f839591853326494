"""Trial tables of a BIDS or a Psych-DS export as tab-separated text, one a session."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from house.errors import UserError
from house.files import read_json
from house.tables import validate
from participants import MISSING, TRIAL_COLUMNS, SessionInfo
from participants.session_list import ListedSession

_SUBJECT = re.compile(r"(?:sub|subject)-0*(\d+)(?=_|$)")
_TASK = re.compile(r"_task-([A-Za-z0-9]+)")
Key = tuple[int, int]


@dataclass(frozen=True)
class ExportedTable:
    """One table.

    Attributes
    ----------
    path : Path
    key : tuple of int
        Participant and session, from its first row.
    content : bytes
        Tab-separated with a heading, ``n/a`` where there is no value.
    n_rows : int
    metadata : dict
        What a sidecar says of the session; empty for Psych-DS.
    expertise : str or None
    """

    path: Path
    key: Key
    content: bytes
    n_rows: int
    metadata: dict[str, Any]
    expertise: str | None

    def listed(self) -> ListedSession:
        """Give what can be known of the session without a list of sessions."""
        task = _TASK.search(self.path.name)
        # Without a sidecar nothing says that a session was left unfinished.
        known = self.metadata or {
            "protocol": task.group(1) if task else "task",
            "kind": "human",
            "completed": "unknown",
        }
        info = validate(
            SessionInfo,
            known
            | {"participant": self.key[0], "session": self.key[1], "expertise": self.expertise},
            f"{self.path.with_suffix('.json')}, SessionMetadata",
        )
        return ListedSession(info=info, trials_answered=self.n_rows)


def bids_tables(root: Path) -> dict[Key, ExportedTable]:
    """Read every behavioural table of a BIDS data set.

    Raises
    ------
    UserError
        If there is none, or one is no such table: the message names file and column.
    """
    paths = sorted(root.glob("sub-*/**/*_beh.tsv"))
    if not paths:
        raise UserError(
            "this BIDS data set holds no table of behaviour",
            where=str(root),
            remedy="Tables lie at sub-001/beh/sub-001_task-NAME_beh.tsv, or below ses-01.",
        )
    return _by_key([_bids_table(path) for path in paths])


def _bids_table(path: Path) -> ExportedTable:
    sidecar = path.with_suffix(".json")
    value = read_json(sidecar, "the table's sidecar") if sidecar.is_file() else {}
    metadata = value.get("SessionMetadata") if isinstance(value, dict) else None
    return _table(path, _text(path), "Tabs", metadata if isinstance(metadata, dict) else {})


def psych_ds_tables(root: Path) -> dict[Key, ExportedTable]:
    """Read every table of a Psych-DS data set; errors as in `bids_tables`."""
    paths = sorted((root / "data").glob("**/*_data.csv"))
    if not paths:
        raise UserError(
            "this Psych-DS data set holds no table",
            where=str(root),
            remedy="Tables lie at data/subject-001_session-01_task-NAME_data.csv.",
        )
    return _by_key([_table(path, _tabbed(path), "Commas", {}) for path in paths])


def _tabbed(path: Path) -> str:
    """Turn comma-separated text into tab-separated."""
    lines: list[str] = []
    try:
        for row in csv.reader(io.StringIO(_text(path), newline=""), strict=True):
            cells = [cell or MISSING for cell in row]
            if any(mark in cell for cell in cells for mark in "\t\r\n"):
                raise UserError(
                    f"row {len(lines) + 1} has a cell with a tab or a line end", where=str(path)
                )
            lines.append("\t".join(cells))
    except csv.Error as error:
        raise UserError(f"this is no comma-separated table ({error})", where=str(path)) from error
    return "\n".join(lines) + "\n" if lines else ""


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise UserError("this trial table is not UTF-8 text", where=str(path)) from None
    except OSError as error:
        raise UserError(
            f"cannot read this trial table ({error.strerror})", where=str(path)
        ) from error


def _table(path: Path, text: str, marks: str, metadata: dict[str, Any]) -> ExportedTable:
    lines = text.rstrip("\n").split("\n")
    if not text.strip():
        raise UserError("this trial table is empty", where=str(path))
    heading = lines[0].split("\t")
    missing = [name for name in TRIAL_COLUMNS if name not in heading]
    if missing:
        raise UserError(
            f"columns are missing: {', '.join(missing)}",
            where=str(path),
            remedy=f"{marks} must separate the columns, and they must be called as "
            "python -m experiment export calls them.",
        )
    if len(lines) < 2:
        raise UserError("this trial table has no rows", where=str(path))
    first = dict(zip(heading, lines[1].split("\t"), strict=False))
    try:
        key = int(first["participant"]), int(first["session"])
    except (KeyError, ValueError):
        raise UserError(
            "the first row names no participant or no session by a whole number", where=str(path)
        ) from None
    named = _SUBJECT.match(path.name)
    if named is None or int(named.group(1)) != key[0]:
        raise UserError(
            f"the name of this file and its column participant ({key[0]}) do not agree",
            where=str(path),
        )
    expertise = first.get("expertise", MISSING)
    return ExportedTable(
        path, key, (text.rstrip("\n") + "\n").encode("utf-8"), len(lines) - 1, metadata,
        None if expertise == MISSING else expertise,
    )  # fmt: skip


def _by_key(tables: list[ExportedTable]) -> dict[Key, ExportedTable]:
    found: dict[Key, ExportedTable] = {}
    for table in tables:
        if table.key in found:
            raise UserError(
                f"participant {table.key[0]}, session {table.key[1]} has two tables",
                where=f"{found[table.key].path} and {table.path}",
                remedy="Take one of them out.",
            )
        found[table.key] = table
    return dict(sorted(found.items()))
