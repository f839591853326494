"""A part of a source that can be sent to another machine, which need not list it again."""

from __future__ import annotations

import errno
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from generation.natural.sources import Credit, Place, Source, printable
from house.errors import UserError

# What reading says where a disk on the network is away for a moment.
AWAY = frozenset(
    getattr(errno, name)
    for name in (
        "ENOENT", "ESTALE", "ENOTCONN", "ETIMEDOUT", "EHOSTDOWN", "EHOSTUNREACH", "ENODEV", "EIO",
    )
    if hasattr(errno, name)
)  # fmt: skip
_PAUSE = 0.5


@dataclass
class SourcePart:
    """Photographs `first` to `len(part)` of a source, under the indices that they have there.

    Files that were listed and cannot be found are waited for: their disk may be away. Those
    that do not come back are an error, not an unreadable photograph.

    Attributes
    ----------
    where : str
        The place, for messages.
    first : int
    names : sequence of str
    places : sequence of Place
    patience : float
        Seconds that the disk may be away at a stretch.
    """

    where: str
    first: int
    names: Sequence[str]
    places: Sequence[Place]
    patience: float
    ignored: int = 0
    # Errors of a disk that outlasted the patience once: the disk is damaged and not away.
    _damaged: bool = False

    def __len__(self) -> int:
        return self.first + len(self.names)

    def name(self, index: int) -> str:
        """Give the name of one."""
        return self.names[index - self.first]

    def place(self, index: int) -> Place:
        """Say where its bytes lie."""
        return self.places[index - self.first]

    def size(self, index: int) -> int:
        """Give the size of a file in bytes, -1 where it cannot be told."""
        place = self.place(index)
        try:
            return Path(place.path).stat().st_size if place.size < 0 else place.size
        except OSError:
            return -1

    def credit(self, index: int) -> Credit:
        """Give nothing: what is known of a photograph stays where it was listed."""
        return Credit()

    def read(self, index: int) -> bytes:
        """Read one.

        Raises
        ------
        OSError
            If it cannot be read.
        UserError
            If it was there when it was listed, and is not any more.
        """
        # Of this call alone: many threads may wait for the disk at a time.
        away_since: float | None = None
        while True:
            try:
                return self._read(self.place(index))
            except OSError as error:
                if error.errno not in AWAY or (error.errno == errno.EIO and self._damaged):
                    raise
                now = time.monotonic()
                away_since = now if away_since is None else away_since
                if now - away_since >= self.patience:
                    if error.errno == errno.EIO:
                        self._damaged = True
                        raise
                    raise UserError(
                        f"the photograph {printable(self.name(index))} is not there any more "
                        f"({error.strerror})",
                        where=self.where,
                        remedy="Bring the disk back, or restore the photograph, and give the "
                        "command again.",
                    ) from error
            time.sleep(_PAUSE)

    def _read(self, place: Place) -> bytes:
        with Path(place.path).open("rb") as file:
            file.seek(place.offset)
            data = file.read(place.size)
        if 0 <= place.size != len(data):
            raise OSError(f"{printable(Path(place.path).name)} ends too early")
        return data


def part_of(source: Source, first: int, last: int, patience: float) -> SourcePart:
    """Cut a part out of a source."""
    indices = range(first, last)
    return SourcePart(
        source.where,
        first,
        [source.name(index) for index in indices],
        [source.place(index) for index in indices],
        patience,
    )
