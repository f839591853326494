"""The recording's own work in progress: extremes so far, how far, and what was unreadable."""

from __future__ import annotations

import json
import os
import re
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from generation.natural.extremes import RunningExtremes
from generation.natural.shard_plan import tile
from generation.natural.shards import CHECKSUM, ShardFiles
from house.errors import UserError
from house.files import atomic_writer, write_at

_RECORDING = re.compile(
    r"(?:recording|values|checksums|shard)-([0-9a-f]{16})(?:-\d+-\d+)?\.(?:np[yz]|bin)"
)


@dataclass(frozen=True)
class Progress:
    """How far the recording has come.

    Attributes
    ----------
    done : int
        Photographs seen: all with a smaller index.
    contents : bytes
        Chained checksum of their files.
    unreadable : dict of int to str
        Index and reason.
    """

    done: int
    contents: bytes
    unreadable: Mapping[int, str]


class RecordingFiles:
    """A recording's files in the work folder: a checkpoint, files' checksums, values where wanted.

    Shards lie beside them where several workers record, or did so in an earlier call.

    Parameters
    ----------
    folder : Path
        The work folder.
    key : str
        Checksum of all that decides the recording.

    Attributes
    ----------
    key : str
    shards : ShardFiles
    """

    def __init__(self, folder: Path, key: str) -> None:
        self.key = key
        self._folder = folder
        self._checkpoint = folder / f"recording-{key[:16]}.npz"
        self._checksums = folder / f"checksums-{key[:16]}.bin"
        self._values = folder / f"values-{key[:16]}.npy"
        self.shards = ShardFiles(folder, key)

    def foreign(self) -> int:
        """Count files of recordings under other keys."""
        found = (_RECORDING.fullmatch(path.name) for path in self._folder.iterdir())
        return sum(match.group(1) != self.key[:16] for match in found if match)

    @property
    def checkpoint(self) -> Path:
        """The checkpoint's file: without it the recording begins anew."""
        return self._checkpoint

    def done(self) -> int:
        """Give the number of photographs that an earlier call has seen."""
        found = self._read()
        done = 0 if found is None or self.checksums(found[0].done) is None else found[0].done
        later = tile(self.shards.found(), done, sys.maxsize)
        return done + sum(span.last - span.first for span in later)

    def load(self, extremes: Mapping[str, RunningExtremes]) -> Progress | None:
        """Restore extremes from the checkpoint, if there is a whole one under the same key."""
        found = self._read()
        if found is None:
            return None
        progress, arrays = found
        try:
            for layer, running in extremes.items():
                running.restore({name: arrays[f"{layer}/{name}"] for name in ("kept", "lost")})
        except (KeyError, ValueError):
            return None
        return progress

    def checksums(self, done: int) -> npt.NDArray[np.uint8] | None:
        """Give the SHA-256 of the first `done` files, uint8 (done, 32), if they are there."""
        size = done * CHECKSUM
        try:
            with self._checksums.open("rb") as file:
                data = file.read(size)
        except OSError:
            return None
        return np.frombuffer(data, np.uint8).reshape(done, CHECKSUM) if len(data) == size else None

    def _read(self) -> tuple[Progress, dict[str, npt.NDArray[Any]]] | None:
        try:
            with np.load(self._checkpoint, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file}
            notes = json.loads(str(arrays.pop("progress")))
            if notes["key"] != self.key:
                return None
            unreadable = {int(index): reason for index, reason in notes["unreadable"].items()}
            progress = Progress(notes["done"], bytes.fromhex(notes["contents"]), unreadable)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            # Absent, or damaged by the disk: either way the recording begins anew.
            return None
        return progress, arrays

    def save(
        self,
        extremes: Mapping[str, RunningExtremes],
        progress: Progress,
        checksums: npt.NDArray[np.uint8],
        first: int,
    ) -> None:
        """Replace the checkpoint, whole or not at all.

        Parameters
        ----------
        extremes, progress
        checksums : ndarray of uint8, shape (progress.done - first, 32)
            SHA-256 of the files from `first` on. The earlier ones were kept by earlier calls.
        first : int
        """
        # Before the checkpoint that counts them.
        write_at(self._checksums, first * CHECKSUM, checksums.tobytes())
        notes = {
            "key": self.key,
            "done": progress.done,
            "contents": progress.contents.hex(),
            "unreadable": {str(index): text for index, text in progress.unreadable.items()},
        }
        arrays: dict[str, Any] = {
            f"{layer}/{name}": array
            for layer, running in extremes.items()
            for name, array in running.state().items()
        }
        with (
            atomic_writer(self._checkpoint, parents=False) as temporary,
            temporary.open("wb") as file,
        ):
            np.savez(file, progress=np.array(json.dumps(notes)), **arrays)

    def open_values(
        self, images: int, units: int
    ) -> np.memmap[tuple[int, int], np.dtype[np.float32]]:
        """Open the table of all activations, float32 (images, units), on the disk."""
        shape = (images, units)
        try:
            if self._values.exists():
                found = np.lib.format.open_memmap(self._values, mode="r+")
                if found.shape == shape and found.dtype == np.float32:
                    return found
            self._values.parent.mkdir(parents=True, exist_ok=True)
            table = np.lib.format.open_memmap(
                self._values, mode="w+", dtype=np.float32, shape=shape
            )
            # A file with holes would end the process with a signal where the disk is full.
            if hasattr(os, "posix_fallocate"):
                with self._values.open("rb+") as file:
                    os.posix_fallocate(file.fileno(), 0, self._values.stat().st_size)
            return table
        except (OSError, ValueError) as error:
            raise UserError(
                f"the table of activations cannot be kept ({error})",
                where=str(self._values),
                remedy="Free some space, or delete the file, and give the command again.",
            ) from error
