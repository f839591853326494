"""What both exports share: the sessions to export, names, a folder that is whole or absent."""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from house.errors import UserError
from participants.record import SessionInfo
from participants.session_list import ListedSession, SessionList
from participants.store import DataFolder
from participants.table import Row, rows_from

DESCRIPTION = (
    "Two-alternative forced choices: which of two query images does a unit of a neural network "
    "respond to more strongly? After Borowski et al. (ICLR 2021)."
)


@dataclass(frozen=True)
class Exported:
    """What an export wrote: its folder, and how many sessions and trials."""

    folder: Path
    sessions: int
    trials: int


@dataclass(frozen=True)
class Recorded:
    """A session to export: its metadata and rows."""

    info: SessionInfo
    rows: list[Row]


def recorded_sessions(data: DataFolder) -> tuple[list[Recorded], SessionList]:
    """Sessions with an answered trial, and the list of all."""
    kept: list[Recorded] = []
    listed: list[ListedSession] = []
    protocols: dict[str, str] = {}
    for session in data.sessions():
        info = session.info
        plan = session.plan if session.plan_path.exists() else None
        if plan is None:
            rows = session.rows()
        else:
            rows = rows_from(plan, session.state(), info)
            protocols.setdefault(info.protocol_sha256, plan.protocol_text)
        one = Recorded(info, rows)
        listed.append(
            ListedSession(
                info=one.info,
                trials_planned=None if plan is None else sum(1 for _ in plan.trials()),
                trials_answered=len(one.rows),
            )
        )
        if one.rows:
            kept.append(one)
    if not kept:
        raise UserError(
            "there is no session with an answered trial",
            where=str(data.root),
            remedy="Give the folder that --data named when the sessions were recorded.",
        )
    return kept, SessionList(listed, data.description(), protocols)


def data_set_name(data: DataFolder) -> str:
    """Name of the data set, or of its folder."""
    return str(data.description().get("name") or data.root.resolve().name or "sessions")


def task_label(name: str) -> str:
    """Give a name as BIDS and Psych-DS allow it between their marks: letters and digits."""
    return re.sub(r"[^A-Za-z0-9]", "", name) or "task"


def readme(name: str) -> str:
    """Text of the export's ``README.md``."""
    return (
        f"# {name}\n\n{DESCRIPTION}\n\nOne row a trial; every column is described beside the "
        "table. Participants are numbers. Times of onset and response count from the start of "
        "the program; rt is the time from onset to choice.\n"
    )


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Offer a temporary folder that takes the place of `folder` on a clean exit."""
    if folder.exists():
        raise UserError(
            "this folder exists already, and nothing is ever overwritten",
            where=str(folder),
            remedy="Choose another with --out, or remove it first.",
        )
    temporary = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        temporary.rename(folder)
    except OSError as error:
        raise UserError(
            f"cannot write this folder ({error.strerror})",
            where=str(folder),
            remedy="Check permissions and free space, or choose another with --out.",
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON into a folder that is not yet in its place."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
