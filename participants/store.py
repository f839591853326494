"""A data set: a folder of participants' sessions, none of them ever overwritten."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from house.errors import UserError
from house.files import atomic_write_json, fsync_directory, read_json
from participants.record import RECORD_VERSION, Plan, SessionInfo
from participants.session_folder import SessionFolder
from participants.table import Row, write_table

DATASET_FORMAT = "exemplary-data"

_PARTICIPANT = re.compile(r"^sub-(\d+)$")
_SESSION = re.compile(r"^ses-(\d+)$")


class DataFolder:
    """A data set: a folder of participants' sessions.

    Parameters
    ----------
    root : Path
        The folder; need not exist yet.
    durable : bool
        See `SessionFolder`.
    """

    def __init__(self, root: Path | str, *, durable: bool = True) -> None:
        self.root = Path(root)
        self.durable = durable

    def sessions(self) -> list[SessionFolder]:
        """All sessions in order of participant and session number."""
        found = []
        for participant, name in _numbered(self.root, _PARTICIPANT):
            for session, sub_name in _numbered(self.root / name, _SESSION):
                path = self.root / name / sub_name
                if (path / "session.json").exists():
                    found.append((participant, session, self._folder(path)))
        return [folder for *_, folder in sorted(found, key=lambda item: item[:2])]

    def participants(self) -> list[int]:
        """Numbers of the participants that have a folder."""
        return sorted(number for number, _ in _numbered(self.root, _PARTICIPANT))

    def sessions_of(self, participant: int) -> list[SessionFolder]:
        """Sessions of one participant in order."""
        folder = self._participant_path(participant)
        return [
            self._folder(folder / name)
            for _, name in sorted(_numbered(folder, _SESSION))
            if (folder / name / "session.json").exists()
        ]

    def next_session(self, participant: int) -> int:
        """Number that the participant's next session takes; folders without metadata count."""
        numbers = [n for n, _ in _numbered(self._participant_path(participant), _SESSION)]
        return max(numbers, default=0) + 1

    def find(self, participant: int, session: int) -> SessionFolder:
        """Give one session; a `UserError` says which exist when it does not."""
        path = self._participant_path(participant) / f"ses-{session:02d}"
        if not (path / "session.json").exists():
            exist = [folder.path.name for folder in self.sessions_of(participant)]
            raise UserError(
                f"participant {participant} has no session {session}",
                where=str(self.root),
                remedy=f"There are: {', '.join(exist)}." if exist else None,
            )
        return self._folder(path)

    def create(self, plan: Plan, info: SessionInfo) -> SessionFolder:
        """Make a session's folder and write plan and metadata, fsynced, before anything is shown.

        Raises
        ------
        UserError
            If the session exists: nothing is ever overwritten.
        """
        folder = self._new_folder(plan.participant, plan.session)
        folder.write_plan(plan)
        # Metadata last: a folder without it is an attempt that showed nothing.
        folder.write_info(info)
        return folder

    def describe(self, **description: Any) -> None:
        """Write ``dataset.json`` unless it is there.

        Parameters
        ----------
        **description
            ``name``, ``kind`` ("sessions" or "published"), ``sources`` and what else describes
            the whole data set.
        """
        path = self.root / "dataset.json"
        if not path.exists():
            self._make_root()
            header = {"format": DATASET_FORMAT, "schema_version": RECORD_VERSION}
            atomic_write_json(path, header | description)

    def description(self) -> dict[str, Any]:
        """Content of ``dataset.json``; empty where there is none."""
        path = self.root / "dataset.json"
        if not path.exists():
            return {}
        value = read_json(path, "the data set's description")
        if not isinstance(value, dict) or value.get("format") != DATASET_FORMAT:
            raise UserError("this is no description of a data set", where=str(path))
        return value

    def _participant_path(self, participant: int) -> Path:
        usual = self.root / f"sub-{participant:03d}"
        if usual.is_dir():
            return usual
        # A folder may have been made with another number of zeros.
        for number, name in _numbered(self.root, _PARTICIPANT):
            if number == participant:
                return self.root / name
        return usual

    def _make_root(self) -> None:
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _cannot_create(self.root, error) from error

    def _new_folder(self, participant: int, session: int) -> SessionFolder:
        self._make_root()
        parent = self._participant_path(participant)
        path = parent / f"ses-{session:02d}"
        try:
            parent.mkdir(mode=0o700, exist_ok=True)
            path.mkdir(mode=0o700)
            if self.durable:
                fsync_directory(parent)
                fsync_directory(self.root)
        except FileExistsError:
            raise UserError(
                "this session exists already, and nothing is ever overwritten",
                where=str(path),
                remedy="Go on with it (--resume), or start a new session (--new-session).",
            ) from None
        except OSError as error:
            raise _cannot_create(path, error) from error
        return self._folder(path)

    def _folder(self, path: Path) -> SessionFolder:
        return SessionFolder(path, durable=self.durable)


def write_published_session(
    root: Path | str, info: SessionInfo, rows: Sequence[Row]
) -> SessionFolder:
    """Write a session that was recorded elsewhere: metadata and trial table, no plan, no journal.

    Parameters
    ----------
    root : Path
        The data set's folder.
    info : SessionInfo
        With ``kind="published"``.
    rows : sequence of dict
        Values by column of `TRIAL_COLUMNS`; what is absent becomes ``n/a``.
    """
    folder = DataFolder(root)._new_folder(info.participant, info.session)
    write_table(folder.table_path, rows)
    folder.write_info(info)
    return folder


def _numbered(folder: Path, pattern: re.Pattern[str]) -> list[tuple[int, str]]:
    """Numbers and names of the subfolders that follow the pattern."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        matches = [(pattern.match(entry.name), entry) for entry in entries]
        return [(int(m.group(1)), entry.name) for m, entry in matches if m and entry.is_dir()]


def _cannot_create(path: Path, error: OSError) -> UserError:
    return UserError(
        f"cannot create this folder ({error.strerror})",
        where=str(path),
        remedy="Check permissions and free space, or choose another folder with --data.",
    )
