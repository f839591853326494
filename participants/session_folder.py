"""One session's folder: plan, journal, trial table, metadata; locked while in use."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from house.errors import UserError
from house.files import (
    atomic_write_json,
    atomic_write_text,
    fsync_directory,
    fsync_file,
    read_json,
)
from house.tables import validate
from participants.journal import Journal, read_journal
from participants.record import Plan, SessionInfo
from participants.table import Row, SessionState, read_table, rows_from, state_of, write_table

Model = TypeVar("Model", bound=BaseModel)


class SessionFolder:
    """One session on the disk: plan, journal, trial table, metadata.

    Parameters
    ----------
    path : Path
        ``DATA/sub-001/ses-01``.
    durable : bool
        Whether every file is on the disk before the program goes on. Without, only `sync` waits
        for the disk: for data that can be made again, such as simulated ones.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self.path = Path(path)
        self.durable = durable

    def __repr__(self) -> str:
        return f"SessionFolder({str(self.path)!r})"

    @property
    def journal_path(self) -> Path:
        """The journal's file."""
        return self.path / "journal.jsonl"

    @property
    def table_path(self) -> Path:
        """The trial table's file."""
        return self.path / "trials.tsv"

    @property
    def plan_path(self) -> Path:
        """The plan's file; absent for imported data."""
        return self.path / "plan.json"

    @property
    def info_path(self) -> Path:
        """The metadata's file."""
        return self.path / "session.json"

    @property
    def plan(self) -> Plan:
        """The plan that was written before the first screen."""
        return _load(Plan, self.plan_path, "the session's plan")

    @property
    def info(self) -> SessionInfo:
        """The session's metadata."""
        return _load(SessionInfo, self.info_path, "the session's metadata")

    def update_info(self, **changes: Any) -> SessionInfo:
        """Change fields of the metadata; the file is replaced whole."""
        info = SessionInfo.model_validate(self.info.model_dump() | changes)
        self.write_info(info)
        return info

    def journal(self) -> Journal:
        """Open the journal to append to it."""
        return Journal(self.journal_path, durable=self.durable)

    def state(self) -> SessionState:
        """How far the session got, from its journal."""
        if not self.journal_path.exists():
            return SessionState({}, {}, finished=False)
        return state_of(read_journal(self.journal_path))

    def rows(self) -> list[Row]:
        """The trial table: derived from plan and journal, or read where there is no plan."""
        if self.plan_path.exists():
            return rows_from(self.plan, self.state(), self.info)
        return read_table(self.table_path)

    def write_trial_table(self) -> Path:
        """Derive the trial table from plan and journal and write it."""
        write_table(self.table_path, self.rows(), durable=self.durable)
        return self.table_path

    def sync(self) -> None:
        """Wait until the disk has all of the session's files."""
        for path in (self.plan_path, self.journal_path, self.table_path, self.info_path):
            if path.exists():
                fsync_file(path)
        fsync_directory(self.path)

    def write_plan(self, plan: Plan) -> None:
        """Write the plan."""
        text = plan.model_dump_json(indent=1) + "\n"
        atomic_write_text(self.plan_path, text, mode=0o600, durable=self.durable)

    def write_info(self, info: SessionInfo) -> None:
        """Write the metadata; the file is replaced whole."""
        content = info.model_dump(mode="json")
        atomic_write_json(self.info_path, content, mode=0o600, durable=self.durable)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the session for this process.

        The operating system releases the lock when the process ends, however it ends.

        Raises
        ------
        UserError
            If another process holds it, or the folder cannot be written.
        """
        try:
            handle = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise UserError(
                f"this session cannot be opened to write ({error.strerror})",
                where=str(self.path),
                remedy="Make room on its disk, or mend the permissions.",
            ) from error
        try:
            try:
                _lock_file(handle)
            except OSError:
                raise UserError(
                    "this session is open in another program",
                    where=str(self.path),
                    remedy="Close that one first, or start another participant.",
                ) from None
            yield
        finally:
            os.close(handle)


def _load(model: type[Model], path: Path, what: str) -> Model:
    return validate(model, read_json(path, what), str(path))


if sys.platform == "win32":
    import msvcrt

    def _lock_file(handle: int) -> None:
        os.lseek(handle, 0, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock_file(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
