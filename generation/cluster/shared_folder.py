"""A work folder on a disk that several machines share, and that may be away for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from generation.natural.source_part import AWAY
from house.errors import UserError

Result = TypeVar("Result")

# Written by `generation.building.lock.sole_builder` before any work: where it lacks, the disk does.
_MARK = "note"
_PAUSE = 0.5
# Failures with the folder in its place, such as one in the moment of its return.
_TRIES = 3


class SharedFolder:
    """Waits for a folder that is away.

    Parameters
    ----------
    path : Path
        A work folder that is held by `sole_builder`.
    patience : float
        Seconds that it may be away at a stretch.
    """

    def __init__(self, path: Path, patience: float) -> None:
        self._path = path
        self._patience = patience

    def is_here(self) -> bool:
        """Whether the folder can be seen from here."""
        try:
            return (self._path / _MARK).is_file()
        except OSError:
            return False

    def patiently(self, action: Callable[[], Result]) -> Result:
        """Do what reads or writes there, again when the folder was away meanwhile.

        Raises
        ------
        UserError
            If the folder stays away; or what `action` raises while the folder is there.
        """
        away_since: float | None = None
        failures = 0
        while True:
            if self.is_here():
                # The action itself may take long, and the disk may go more than once.
                away_since = None
                try:
                    return action()
                except (OSError, UserError) as error:
                    if self.is_here():
                        failures += 1
                        if failures == _TRIES or not _of_absence(error):
                            raise
            now = time.monotonic()
            away_since = now if away_since is None else away_since
            if now - away_since > self._patience:
                raise UserError(
                    f"the work folder has been away for {self._patience:.0f} s",
                    where=str(self._path),
                    remedy="Bring its disk back and give the command again: what was finished "
                    "is kept there.",
                )
            time.sleep(_PAUSE)


def _of_absence(error: OSError | UserError) -> bool:
    """Whether an error may come from a disk that was away."""
    reason = error.__cause__ if isinstance(error, UserError) else error
    return isinstance(reason, OSError) and reason.errno in AWAY
