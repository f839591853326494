"""One build of a bank at a time, and no leftovers of one that was killed."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from generation.building.progress_files import CLAIM
from house.errors import UserError
from house.files import atomic_write_bytes


@contextlib.contextmanager
def sole_builder(bank: Path, work: Path) -> Iterator[None]:
    """Hold the lock of a bank's work folder, and clear away what a killed build left.

    The lock belongs to the process and vanishes with it, however that ends. Temporary files of
    atomic writes that were cut off are deleted once it is held: nobody writes them any more. A
    folder that holds no work in the end is deleted.

    Parameters
    ----------
    bank : Path
        The bank that is to be built.
    work : Path
        Its work folder; created when absent.

    Raises
    ------
    UserError
        If another process is building this bank, or the folder cannot be written to.
    """
    # Proves that the folders can be written to, before hours of work.
    atomic_write_bytes(work / _NOTE_NAME, _NOTE.format(bank=bank.name).encode())
    try:
        with (work / _LOCK_NAME).open("ab") as file:
            if not _lock(file):
                raise UserError(
                    "another process is building this bank",
                    where=str(bank),
                    remedy="Wait for it, or choose another --out.",
                )
            _clear(bank.parent, re.escape(bank.name))
            _clear(work, ".*")
            try:
                yield
            finally:
                # Windows deletes no open file; elsewhere it must be done while no other build can
                # have the lock.
                if os.name != "nt":
                    _leave(work)
        if os.name == "nt":
            _leave(work)
    except PermissionError as error:
        raise UserError(
            f"this folder cannot be used ({error.strerror})", where=str(work)
        ) from error


_NOTE_NAME = "note"
_LOCK_NAME = "lock"
_NOTE = """Work in progress on {bank}: give the same build command again and it goes on from here.
Delete this folder to start anew.
"""


def _leave(work: Path) -> None:
    """Delete a folder that holds no work."""
    with contextlib.suppress(OSError):
        paths = list(work.iterdir())
        if all(
            path.name in (_NOTE_NAME, _LOCK_NAME) or CLAIM.fullmatch(path.name) for path in paths
        ):
            for path in paths:
                path.unlink(missing_ok=True)
            work.rmdir()


def _lock(file: BinaryIO) -> bool:
    if os.name == "nt":
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A build that ended just now may have deleted the file meanwhile: that locks nobody out.
        return os.path.samestat(os.fstat(file.fileno()), Path(file.name).stat())
    except (BlockingIOError, FileNotFoundError):
        return False


def _clear(folder: Path, name: str) -> None:
    """Delete temporary files of `house.files.atomic_writer` for files of such names."""
    stale = re.compile(rf"\.{name}\.[0-9a-f]{{8}}\.tmp")
    for path in folder.iterdir():
        if stale.fullmatch(path.name):
            with contextlib.suppress(OSError):
                path.unlink()
