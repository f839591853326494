"""What trial tables do not say of their sessions, beside an export: a list, and the protocols.

A folder ``record`` holds ``sessions.json`` (metadata of every session, also of those without an
answer), ``dataset.json`` as it is in the data set, and the texts of the protocols as the plans
hold them, so that rules that were stated before the data were there go with the data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from house.errors import UserError
from house.files import atomic_write_json, atomic_write_text, read_json
from house.tables import validate
from participants.record import RECORD_VERSION, SessionInfo

FORMAT = "exemplary-sessions"
PLACES = {"bids": "sourcedata/record", "psych-ds": "materials/record"}
"""Where the folder lies in each export: where BIDS and Psych-DS leave room for anything."""


class ListedSession(BaseModel):
    """A session in the list.

    Attributes
    ----------
    info : SessionInfo
    trials_planned : int or None
        Trials of its plan; None for data imported from elsewhere.
    trials_answered : int
        Rows of its table.
    """

    model_config = ConfigDict(extra="forbid")

    info: SessionInfo
    trials_planned: int | None = None
    trials_answered: int = Field(ge=0)

    @property
    def key(self) -> tuple[int, int]:
        """Numbers of participant and session."""
        return self.info.participant, self.info.session


class _Listing(BaseModel):
    """Content of ``sessions.json``."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    protocols: dict[str, str]
    sessions: tuple[ListedSession, ...]


@dataclass(frozen=True)
class SessionList:
    """Everything that the folder holds.

    Attributes
    ----------
    sessions : list of ListedSession
    description : dict
        Content of the data set's ``dataset.json``; empty where it has none.
    protocols : dict of str to str
        Text of each protocol by the checksum that sessions name it by.
    """

    sessions: list[ListedSession]
    description: dict[str, Any] = field(default_factory=dict)
    protocols: Mapping[str, str] = field(default_factory=dict)


def write_session_list(listed: SessionList, folder: Path) -> None:
    """Write the folder; it must not exist."""
    names = {
        sha: f"protocols/{_plain(_name_of(listed.sessions, sha))}_{sha[:12]}.toml"
        for sha in listed.protocols
    }
    atomic_write_json(
        folder / "sessions.json",
        {
            "format": FORMAT,
            "schema_version": RECORD_VERSION,
            "protocols": names,
            "sessions": [one.model_dump(mode="json") for one in listed.sessions],
        },
    )
    if listed.description:
        atomic_write_json(folder / "dataset.json", listed.description)
    for sha, text in listed.protocols.items():
        atomic_write_text(folder / names[sha], text)


def read_session_list(folder: Path) -> SessionList | None:
    """Read the folder; None where there is none, as in exports of other programs.

    Raises
    ------
    UserError
        If a file is damaged, or a protocol that the list names is missing.
    """
    path = folder / "sessions.json"
    if not path.is_file():
        return None
    content = read_json(path, "the list of sessions")
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError("this is no list of sessions", where=str(path))
    if content.get("schema_version") != RECORD_VERSION:
        raise UserError(
            f"this list of sessions has version {content.get('schema_version')}, and this program "
            f"reads version {RECORD_VERSION}",
            where=str(path),
        )
    listed = validate(_Listing, content, str(path))
    description = folder / "dataset.json"
    value = read_json(description, "the data set's description") if description.is_file() else {}
    return SessionList(
        list(listed.sessions),
        value if isinstance(value, dict) else {},
        {
            sha: _text(folder / "protocols" / Path(name).name)
            for sha, name in listed.protocols.items()
        },
    )


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError("this protocol is not UTF-8 text", where=str(path)) from error
    except OSError as error:
        raise UserError(
            f"the protocol that the list of sessions names cannot be read ({error.strerror})",
            where=str(path),
            remedy="Export the data again; the list and the protocols belong together.",
        ) from error


def _name_of(sessions: Iterable[ListedSession], sha: str) -> str:
    return next((one.info.protocol for one in sessions if one.info.protocol_sha256 == sha), "")


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "", name) or "protocol"
