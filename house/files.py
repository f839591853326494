"""Files that are whole or absent: temporary name, fsync, rename."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from house.errors import UserError


def fsync_directory(path: Path) -> None:
    """Make a rename or a new name in the directory survive a power cut.

    Windows cannot open directories; its file systems journal names by themselves.
    """
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_file(path: Path) -> None:
    """Wait until the disk has a file that was written before.

    Raises
    ------
    UserError
        If the disk is full or fails.
    """
    try:
        with Path(path).open("rb+") as file:
            os.fsync(file.fileno())
    except OSError as error:
        raise _readable(error, Path(path)) from error


def write_at(path: Path, offset: int, data: bytes) -> None:
    """Write `data` at a place of a file, created when absent, and wait until the disk has it.

    What stands before and after is kept; the file's folder must exist. For tables that grow:
    what counts of them is to be noted elsewhere, once this has come back.

    Raises
    ------
    UserError
        If the file cannot be written to or the disk is full.
    """
    path = Path(path)
    try:
        # Neither mode "r+b" nor "xb" does both; "ab" cannot write in the middle.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644)
        with os.fdopen(handle, "r+b") as file:
            file.seek(offset)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise _readable(error, path) from error


@contextlib.contextmanager
def atomic_writer(
    path: Path, mode: int = 0o644, *, durable: bool = True, parents: bool = True
) -> Iterator[Path]:
    """Offer a temporary path beside `path`; on a clean exit it takes the place of `path`.

    Parameters
    ----------
    path : Path
        The final name. Its folder is created when absent.
    mode : int
        Permission bits of the finished file.
    durable : bool
        Whether to wait until the disk has it. Without, the file is whole or absent after a crash
        of the program, but not after a power cut: for data that can be made again.
    parents : bool
        Whether to create the folder when absent. Where it lies on a shared disk that may be away
        for a moment, that would put it on the disk beneath.

    Yields
    ------
    Path
        The temporary name, to be written by the caller and closed before the block ends.

    Raises
    ------
    UserError
        If the folder cannot be written to or the disk is full. Nothing is left behind, and
        whatever stood at `path` still stands.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        if parents:
            path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if durable:
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
        if durable:
            fsync_directory(path.parent)
    except OSError as error:
        raise _readable(error, path) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _readable(error: OSError, path: Path) -> UserError:
    reason = error.strerror or str(error)
    # HDF5 hides it in the middle of a long text of its own.
    if number := re.search(r"\berrno = (\d+)", reason):
        reason = os.strerror(int(number.group(1)))
    return UserError(
        f"cannot write this file ({reason})",
        where=str(path),
        remedy="Check the folder's permissions and the free space on its disk, or choose another.",
    )


def atomic_write_bytes(path: Path, data: bytes, mode: int = 0o644, *, durable: bool = True) -> None:
    """Write `data` so that readers see the old file or the whole new one, never a part."""
    with atomic_writer(path, mode, durable=durable) as temporary:
        temporary.write_bytes(data)


def atomic_write_text(path: Path, text: str, mode: int = 0o644, *, durable: bool = True) -> None:
    """Write `text` as UTF-8 with Unix line ends, whole or not at all."""
    atomic_write_bytes(path, text.encode("utf-8"), mode, durable=durable)


def atomic_write_json(path: Path, value: Any, mode: int = 0o644, *, durable: bool = True) -> None:
    """Write `value` as indented JSON, whole or not at all; NaN is refused, not invented."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    atomic_write_text(path, text + "\n", mode, durable=durable)


def read_json(path: Path, what: str) -> Any:
    """Read a JSON file; a missing or damaged one is a `UserError` that names file and line."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{what} is missing", where=str(path)) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{what} is damaged ({error})", where=str(path)) from error
    except OSError as error:
        raise UserError(f"{what} cannot be read ({error.strerror})", where=str(path)) from error


def safe_join(root: Path, relative: str) -> Path:
    """Join a name that came from a file to a folder that it must not leave.

    Raises
    ------
    UserError
        If `relative` is absolute or climbs out of `root`, symbolic links included.
    """
    root = Path(root).resolve()
    joined = (root / relative).resolve()
    if joined != root and root not in joined.parents:
        raise UserError(f"the path {relative!r} leads out of its folder", where=str(root))
    return joined


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's bytes as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
