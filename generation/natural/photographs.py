"""The pool: photographs of a source, decoded in passes, the unreadable ones counted."""

from __future__ import annotations

import contextlib
import hashlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from generation.natural.decode_ahead import ahead
from generation.natural.decoding import (
    TOO_SMALL,
    UNDECODABLE,
    Decoding,
    decode,
    reason_of,
    shorter_side,
)
from generation.natural.settings import Natural
from generation.natural.sources import (
    Source,
    credits_sha256,
    listing_sha256,
    name_bytes,
    open_source,
    printable,
)
from house.errors import UserError

_log = logging.getLogger(__name__)

# Up to so many bytes are hashed before a build begins, so that any change of a file is noticed;
# of larger sets the listing (names and sizes) stands for the files, which are read only once.
READ_TWICE = 1 << 28
_UNREAD = bytes(32)
START = bytes(32)


@dataclass(frozen=True)
class Pass:
    """Photographs `first` to `last` (exclusive) of the pool.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (last - first, size, size, 3)
        Black where a photograph could not be read: a pass always has the same shape.
    readable : ndarray of bool, shape (last - first,)
    contents : bytes
        Chained checksum of all files up to the end of this pass.
    checksums : list of bytes
        Each file's own.
    """

    first: int
    last: int
    pixels: npt.NDArray[np.uint8]
    readable: npt.NDArray[np.bool_]
    contents: bytes
    checksums: Sequence[bytes] = ()


class Picture(NamedTuple):
    """A decoded photograph.

    Attributes
    ----------
    pixels : ndarray of uint8, shape (size, size, 3)
    checksum : str
        SHA-256 of its file.
    shorter_side : int
        Of the file's picture, in pixels.
    """

    pixels: npt.NDArray[np.uint8]
    checksum: str
    shorter_side: int


@dataclass
class Pool:
    """The photographs of a recipe, decoded when they are asked for.

    Attributes
    ----------
    source : Source
        The photographs; their index is their identity within a build.
    allowed : int
        How many may be unreadable.
    workers : int
        Threads that decode ahead; the result does not depend on it.
    unreadable : dict of int to str
        Index and reason of the files that could not be decoded so far, or are too small.
    """

    source: Source
    decoding: Decoding
    allowed: int = 0
    workers: int = 0
    unreadable: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.source)

    @property
    def too_small(self) -> set[int]:
        """Those of `unreadable` that are only too small."""
        return {i for i, reason in self.unreadable.items() if reason.startswith(TOO_SMALL)}

    def image(self, index: int) -> Picture:
        """Decode one photograph.

        Raises
        ------
        UserError
            If it cannot be read (any more).
        """
        try:
            data = self.source.read(index)
            pixels = decode(data, self.decoding)
            return Picture(pixels, hashlib.sha256(data).hexdigest(), shorter_side(data))
        except UNDECODABLE as error:
            raise UserError(
                f"the photograph {printable(self.source.name(index))} cannot be read any more "
                f"({reason_of(error)})",
                where=self.source.where,
                remedy="Restore it, or start anew: delete the work folder beside the bank.",
            ) from error

    def passes(
        self, count: int, first: int = 0, contents: bytes = START, last: int | None = None
    ) -> Iterator[Pass]:
        """Decode all from `first` on, `count` at a time.

        Which photographs share a pass depends on their indices alone.

        Parameters
        ----------
        count : int
            Photographs in a pass; only the last one may have fewer.
        first : int
            A multiple of `count`.
        contents : bytes
            Chained checksum of the files before `first`.
        last : int, optional
            Where to stop before the end: a multiple of `count`.

        Raises
        ------
        UserError
            When more photographs are unreadable than allowed. Fewer are logged, counted and
            left out.
        """
        depth = max(2 * count, 4 * self.workers)
        last = len(self) if last is None else last
        results = ahead(range(first, last), self._load, self.workers, depth)
        with contextlib.closing(results):
            yield from self._gather(results, count, range(first, last), contents)

    def _gather(
        self,
        results: Iterator[tuple[bytes, npt.NDArray[np.uint8] | str]],
        count: int,
        wanted: range,
        contents: bytes,
    ) -> Iterator[Pass]:
        size = self.decoding.size
        for start in range(wanted.start, wanted.stop, count):
            stop = min(start + count, wanted.stop)
            checksums = []
            pixels = np.zeros((stop - start, size, size, 3), dtype=np.uint8)
            readable = np.zeros(stop - start, dtype=bool)
            for place in range(stop - start):
                checksum, loaded = next(results)
                checksums.append(checksum)
                contents = chain(contents, self.source, start + place, checksum)
                if isinstance(loaded, str):
                    self.leave_out(start + place, loaded)
                else:
                    pixels[place] = loaded
                    readable[place] = True
            yield Pass(start, stop, pixels, readable, contents, checksums)

    def _load(self, index: int) -> tuple[bytes, npt.NDArray[np.uint8] | str]:
        """Give the file's checksum and its pixels, or why there are none."""
        checksum = _UNREAD
        try:
            data = self.source.read(index)
            checksum = hashlib.sha256(data).digest()
            return checksum, decode(data, self.decoding)
        except UNDECODABLE as error:
            return checksum, reason_of(error)

    def leave_out(self, index: int, reason: str) -> None:
        """Log and count a photograph that cannot be read; `UserError` where they are too many.

        Those that are too small were not wanted, and may be any number.
        """
        self.unreadable[index] = reason
        name = printable(self.source.name(index))
        if reason.startswith(TOO_SMALL):
            _log.info("%s is left out: %s", name, reason)
            return
        _log.warning("%s cannot be read and is left out: %s", name, reason)
        unreadable = len(self.unreadable) - len(self.too_small)
        if unreadable > self.allowed:
            raise UserError(
                f"{unreadable} photographs cannot be read, the last of them {name} ({reason})",
                where=self.source.where,
                remedy="Replace them, or raise natural.unreadable_limit or "
                "natural.unreadable_share in the recipe.",
            )


def chain(contents: bytes, source: Source, index: int, checksum: bytes) -> bytes:
    """Extend the checksum of all files by one: of what was before, the name and the file."""
    return hashlib.sha256(contents + checksum + name_bytes(source.name(index))).digest()


@dataclass(frozen=True)
class Identity:
    """What tells one set of photographs from another before any is decoded.

    Attributes
    ----------
    listing_sha256 : str
        Over names and sizes in order.
    contents : bytes, optional
        Chained checksum of all files, where together they have no more than `READ_TWICE` bytes.
    credits_sha256 : str
        Over classes, licences and authors in order.
    """

    listing_sha256: str
    contents: bytes | None
    credits_sha256: str = ""


def identify(source: Source) -> Identity:
    """List names, sizes and, of small sets, contents."""
    listed, total = listing_sha256(source)
    credits = credits_sha256(source)
    if total > READ_TWICE:
        return Identity(listed, None, credits)
    contents = START
    for index in range(len(source)):
        try:
            checksum = hashlib.sha256(source.read(index)).digest()
        except OSError:
            checksum = _UNREAD
        contents = chain(contents, source, index, checksum)
    return Identity(listed, contents, credits)


def open_pool(natural: Natural, size: int, workers: int = 0) -> Pool:
    """List the photographs that a recipe names.

    Parameters
    ----------
    natural : Natural
        The recipe's part.
    size : int
        Side of the images in pixels.
    workers : int
        Threads that decode ahead.

    Raises
    ------
    UserError
        If the place or its table is missing or wrong, or it holds too few for the batches.
    """
    source = open_source(natural.photographs, natural.root)
    require(len(source), natural, source.where)
    return Pool(
        source,
        Decoding(natural.resize, size, natural.decoder, natural.upright, natural.shortest_side),
        max(natural.unreadable_limit, int(natural.unreadable_share * len(source))),
        workers,
    )


def require(count: int, natural: Natural, where: str) -> None:
    """Stop unless `count` photographs suffice for disjoint minimal and maximal exemplars."""
    if count < 2 * natural.ranks:
        raise UserError(
            f"{count} photographs are too few: {natural.batches} batches of {natural.positions} "
            f"for each sign need {2 * natural.ranks}",
            where=where,
            remedy="Add photographs, or lower natural.batches in the recipe.",
        )
