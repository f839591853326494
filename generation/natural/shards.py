"""Shards: what the network recorded of a range of photographs, each one file of its own."""

from __future__ import annotations

import itertools
import json
import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from generation.natural.extremes import RunningExtremes
from generation.natural.shard_plan import Span
from house.files import atomic_writer

_DAMAGED = (ValueError, KeyError, EOFError, zipfile.BadZipFile)
# Bytes of a SHA-256.
CHECKSUM = 32
State = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Shard:
    """What was recorded of a range of photographs.

    Attributes
    ----------
    span : Span
    states : dict of str to dict
        Of every layer, the state of its `RunningExtremes`.
    checksums : ndarray of uint8, shape (n, 32)
        SHA-256 of every file.
    unreadable : dict of int to str
        Index and reason.
    values : ndarray of float32, shape (n, columns), optional
        Every activation of chosen units.
    """

    span: Span
    states: Mapping[str, State]
    checksums: npt.NDArray[np.uint8]
    unreadable: Mapping[int, str]
    values: npt.NDArray[np.float32] | None = None


class Damaged(Exception):  # noqa: N818
    """A shard's file is there and does not hold what it should."""


def merge(shards: Sequence[Shard]) -> Shard:
    """Make one shard of neighbours: what recording their photographs in one go would give.

    Raises
    ------
    ValueError
        If they are not neighbours in order, or of other units.
    """
    if any(a.span.last != b.span.first for a, b in itertools.pairwise(shards)):
        raise ValueError("these shards are no neighbours")
    states = {}
    for layer, first in shards[0].states.items():
        columns, k = first["kept"].shape[1:]
        running = RunningExtremes(columns, k)
        for shard in shards:
            running.absorb(shard.states[layer])
        states[layer] = running.state()
    return Shard(
        Span(shards[0].span.first, shards[-1].span.last),
        states,
        np.concatenate([shard.checksums for shard in shards]),
        {index: why for shard in shards for index, why in shard.unreadable.items()},
    )


class ShardFiles:
    """The shards of one recording in the work folder.

    Parameters
    ----------
    folder : Path
        The work folder, which must exist to write to it: a shared disk may be away.
    key : str
        Checksum of all that decides the recording.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder
        self._key = key

    def found(self) -> list[Span]:
        """List the spans that have a file, whole or not."""
        pattern = re.compile(rf"shard-{self._key[:16]}-(\d+)-(\d+)\.npz")
        if not self._folder.is_dir():
            return []
        matches = (pattern.fullmatch(path.name) for path in self._folder.iterdir())
        return sorted(Span(int(m.group(1)), int(m.group(2))) for m in matches if m)

    def save(self, shard: Shard) -> None:
        """Keep a shard, whole or not at all."""
        notes = {
            "key": self._key,
            "span": shard.span,
            "unreadable": {str(index): reason for index, reason in shard.unreadable.items()},
        }
        arrays: dict[str, Any] = {
            f"{layer}/{name}": array
            for layer, state in shard.states.items()
            for name, array in state.items()
        }
        if shard.values is not None:
            arrays["values"] = shard.values
        with (
            atomic_writer(self._path(shard.span), parents=False) as temporary,
            temporary.open("wb") as file,
        ):
            np.savez(file, notes=np.array(json.dumps(notes)), checksums=shard.checksums, **arrays)

    def load(self, span: Span) -> Shard:
        """Read a shard.

        Raises
        ------
        Damaged
            If the file is not what was written, or of another recording.
        OSError
            If it cannot be read.
        """
        try:
            with np.load(self._path(span), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file}
            notes = json.loads(str(arrays.pop("notes")))
            checksums = arrays.pop("checksums")
            values = arrays.pop("values", None)
            states: dict[str, State] = {}
            for place, array in arrays.items():
                layer, _, name = place.rpartition("/")
                states.setdefault(layer, {})[name] = array
            if notes["key"] != self._key or Span(*notes["span"]) != span:
                raise Damaged(f"{self._path(span).name} belongs to something else")
            if checksums.shape != (span.last - span.first, CHECKSUM):
                raise Damaged(f"{self._path(span).name} lacks checksums")
            unreadable = {int(index): reason for index, reason in notes["unreadable"].items()}
            return Shard(span, states, checksums, unreadable, values)
        except _DAMAGED as error:
            raise Damaged(f"{self._path(span).name}: {error}") from error

    def is_whole(self, span: Span) -> bool:
        """Whether a shard is there, and as it was written."""
        if not self._path(span).exists():
            return False
        try:
            self.load(span)
        except Damaged:
            return False
        return True

    def discard(self, span: Span) -> None:
        """Delete a shard's file."""
        self._path(span).unlink(missing_ok=True)

    def _path(self, span: Span) -> Path:
        return self._folder / f"shard-{self._key[:16]}-{span.first}-{span.last}.npz"
