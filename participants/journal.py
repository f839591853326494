"""The journal: an append-only file of events, one JSON line each, checksummed and fsynced."""

from __future__ import annotations

import contextlib
import json
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from house.errors import UserError
from house.files import fsync_directory

EVENTS = (
    "session_start",
    "session_resume",
    "preflight",
    "plan_extended",
    "screen",
    "block_start",
    "trial_begin",
    "trial_end",
    "block_end",
    "pause",
    "abort",
    "session_end",
)


@dataclass(frozen=True)
class Entry:
    """One event of a journal.

    Attributes
    ----------
    seq : int
        Position in the journal, from 0.
    event : str
        One of `EVENTS`.
    data : dict
        What the event carries.
    """

    seq: int
    event: str
    data: dict[str, Any]


@dataclass(frozen=True)
class JournalContent:
    """A journal as read.

    Attributes
    ----------
    entries : list of Entry
        All whole events.
    end : int
        Length in bytes of the part that is whole.
    truncated : bool
        Whether a last, half-written line was left out: the mark of a crash in mid-write.
    crc : int
        Checksum of the last whole line, from which the chain goes on.
    """

    entries: list[Entry]
    end: int
    truncated: bool
    crc: int


class Journal:
    """Append events so that each is on the disk before the next trial begins.

    Each line is a JSON object ``{"seq", "event", ..., "crc"}``; ``crc`` is the CRC-32 of the
    line before it was added, continued from the line before, so a changed, lost or swapped
    line shows.

    Parameters
    ----------
    path : Path
        The file; created with mode 0600 when absent, continued otherwise. A half-written last
        line is cut off first.
    durable : bool
        Whether events are fsynced one by one, and at the end. Without, `sync` alone waits for
        the disk: for data that can be made again.

    Raises
    ------
    UserError
        If an earlier line is damaged or the file cannot be written.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        self.path = Path(path)
        self._durable = durable
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
            content = read_journal_content(self.path) if self.path.exists() else None
            if content and content.truncated:
                os.truncate(self.path, content.end)
            self._handle = os.open(self.path, flags, 0o600)
            if durable:
                fsync_directory(self.path.parent)
        except OSError as error:
            raise self._cannot_write(error) from error
        self._seq = len(content.entries) if content else 0
        self._crc = content.crc if content else 0
        self._closed = False

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def append(self, event: str, *, fsync: bool = True, **data: Any) -> None:
        """Append one event.

        Parameters
        ----------
        event : str
            One of `EVENTS`.
        fsync : bool
            Whether to wait until the disk has it, in a durable journal. Without, call `sync` at
            the end of a block.
        **data
            What the event carries: anything JSON can hold; no NaN.

        Raises
        ------
        UserError
            If the disk is full or the file cannot be written. A partly written line is cut off
            again, so the journal stays whole.
        """
        if event not in EVENTS:
            raise ValueError(f"unknown event {event!r}")
        body = json.dumps(
            {"seq": self._seq, "event": event, **data},
            ensure_ascii=False,
            allow_nan=False,
            separators=(",", ":"),
        ).encode("utf-8")
        crc = zlib.crc32(body, self._crc)
        line = body[:-1] + b',"crc":%d}\n' % crc
        start = os.lseek(self._handle, 0, os.SEEK_END)
        try:
            written = 0
            while written < len(line):
                written += os.write(self._handle, line[written:])
            if fsync and self._durable:
                os.fsync(self._handle)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, start)
            raise self._cannot_write(error) from error
        self._seq += 1
        self._crc = crc

    def sync(self) -> None:
        """Wait until the disk has everything appended so far."""
        try:
            os.fsync(self._handle)
        except OSError as error:
            raise self._cannot_write(error) from error

    def close(self) -> None:
        """Sync (where durable) and close; may be called twice."""
        if not self._closed:
            self._closed = True
            try:
                if self._durable:
                    self.sync()
            finally:
                os.close(self._handle)

    def _cannot_write(self, error: OSError) -> UserError:
        return UserError(
            f"cannot write the journal ({error.strerror})",
            where=str(self.path),
            remedy="Make room or mend the permissions, then go on with --resume: "
            "every trial that was answered before is kept.",
        )


def read_journal_content(path: Path) -> JournalContent:
    """Read a journal with its bookkeeping.

    Raises
    ------
    UserError
        If a line before the last is damaged; the message names it.
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the journal ({error.strerror})", where=str(path)) from error
    entries: list[Entry] = []
    crc = end = 0
    lines = raw.split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        problem, entry, new_crc = _parse(line, len(entries), crc)
        if entry is None:
            if number == len(lines) - 1 and not lines[-1]:
                # The last line has its newline but is not whole: the file system kept the
                # length of a write whose data it lost.
                return JournalContent(entries, end, True, crc)
            raise UserError(
                f"line {number} of the journal is damaged ({problem})",
                where=str(path),
                remedy="Restore the file from a backup; nothing after this line can be trusted.",
            )
        entries.append(entry)
        crc = new_crc
        end += len(line) + 1
    return JournalContent(entries, end, bool(lines[-1]), crc)


def read_journal(path: Path) -> list[Entry]:
    """Read all whole events of a journal; a half-written last line is left out."""
    return read_journal_content(path).entries


def _parse(line: bytes, seq: int, crc: int) -> tuple[str, Entry | None, int]:
    body, mark, tail = line.rpartition(b',"crc":')
    if not mark or not tail.endswith(b"}") or not tail[:-1].isdigit():
        return "it has no checksum", None, 0
    body += b"}"
    expected = zlib.crc32(body, crc)
    if expected != int(tail[:-1]):
        return "its checksum does not match", None, 0
    try:
        data = json.loads(body.decode("utf-8"))
        if data.pop("seq") != seq:
            return f"it is not event number {seq}", None, 0
        return "", Entry(seq, data.pop("event"), data), expected
    except (ValueError, KeyError, UnicodeDecodeError) as error:
        return str(error), None, 0
