"""Damaged banks: whatever HDF5 raises where a file is broken becomes one sentence."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import h5py

from house.errors import UserError


def damaged(path: Path, reason: str) -> UserError:
    """Say that a bank is damaged, and what to do."""
    return UserError(
        f"this stimulus bank is damaged ({reason})",
        where=str(path),
        remedy="Copy it again, or rebuild it with `python -m generation build`.",
    )


def reason_of(error: BaseException) -> str:
    """Give the first line of what an exception says, or its kind where it says nothing."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return (text.strip().splitlines() or [type(error).__name__])[0]


@contextlib.contextmanager
def reading(path: Path, file: h5py.File | None = None) -> Iterator[None]:
    """Turn every failure to read a bank into a `UserError` that says it is damaged.

    Parameters
    ----------
    path : Path
        The bank, for the message.
    file : h5py.File, optional
        The open file: where it was closed, the caller is at fault, and the error stays.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        # What h5py raises depends on where the damage lies: half a dozen kinds are known.
        if file is not None and not file:
            raise
        raise damaged(path, reason_of(error)) from error
