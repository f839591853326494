"""A recording on its way: extremes, how far it has come, and its files."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from generation.natural.checkpoints import Progress, RecordingFiles
from generation.natural.extremes import RunningExtremes
from generation.natural.photographs import START, Pass, Pool, chain
from generation.natural.shard_plan import tile
from generation.natural.shards import CHECKSUM, Damaged, Shard
from generation.networks.spec import NetworkSpec
from house.errors import UserError

_log = logging.getLogger(__name__)

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Recording:
    """What one pass over the photographs found.

    Attributes
    ----------
    extremes : dict of str to RunningExtremes
        Of every layer, all its units.
    contents_sha256 : str
        Chained checksum of all files.
    checksums : ndarray of uint8, shape (N, 32)
        Each file's own SHA-256.
    all_values : ndarray of float32, shape (N, units), optional
        Every activation of the units in `columns`, where it was asked for.
    """

    extremes: dict[str, RunningExtremes]
    contents_sha256: str
    checksums: npt.NDArray[np.uint8]
    all_values: npt.NDArray[np.float32] | None = None


class Unfinished:
    """A recording that goes on: extremes, how far it has come, and its files.

    Parameters
    ----------
    spec : NetworkSpec
    pool, layers, k, files, columns
        As for `record`.
    device : torch.device
        Where extremes are kept.
    """

    def __init__(
        self,
        spec: NetworkSpec,
        pool: Pool,
        layers: Sequence[str],
        k: int,
        files: RecordingFiles | None,
        columns: Sequence[tuple[str, int]],
        device: torch.device | str = "cpu",
    ) -> None:
        self._device = device
        self._pool = pool
        self._files = files
        self._columns = {layer: spec.layer(layer).channels for layer in layers}
        self._k = k
        # Takes memory only where it is written to.
        self._checksums = np.zeros((len(pool), CHECKSUM), dtype=np.uint8)
        self._begin()
        if files is not None and not self._go_on(files):
            self._begin()
        self._stored = self.progress.done
        # Whether extremes and progress are of the same photographs.
        self._sound = True
        self._values = files.open_values(len(pool), len(columns)) if files and columns else None

    def _begin(self) -> None:
        self.extremes = {
            layer: RunningExtremes(columns, self._k, self._device)
            for layer, columns in self._columns.items()
        }
        self.progress = Progress(0, START, {})

    def _go_on(self, files: RecordingFiles) -> bool:
        earlier = files.load(self.extremes)
        if earlier is None:
            return False
        checksums = files.checksums(earlier.done)
        contents = START
        for index, checksum in enumerate(() if checksums is None else checksums):
            contents = chain(contents, self._pool.source, index, checksum.tobytes())
        if checksums is None or contents != earlier.contents:
            _log.warning("the checksums of the recorded photographs were damaged: recorded anew")
            return False
        self._checksums[: earlier.done] = checksums
        self.progress = earlier
        self._pool.unreadable.update(earlier.unreadable)
        return True

    @property
    def complete(self) -> bool:
        """Whether every photograph was recorded."""
        return self.progress.done == len(self._pool)

    def take(self, images: Pass, found: dict[str, torch.Tensor], chosen: Values | None) -> None:
        """Take a pass in."""
        self._sound = False
        indices = torch.arange(images.first, images.last, device=self._device)
        whole = bool(images.readable.all())
        rows = None if whole else torch.from_numpy(images.readable).to(self._device)
        for layer, activations in found.items():
            if rows is None:
                self.extremes[layer].update(activations, indices)
            else:
                self.extremes[layer].update(activations[rows], indices[rows])
        if self._values is not None and chosen is not None:
            self._values[images.first : images.last] = chosen
        self._note(images.first, b"".join(images.checksums))
        self.progress = Progress(images.last, images.contents, self._pool.unreadable)
        self._sound = True

    def _note(self, first: int, checksums: bytes) -> None:
        table = np.frombuffer(checksums, dtype=np.uint8).reshape(-1, CHECKSUM)
        self._checksums[first : first + len(table)] = table

    def adopt(self) -> int:
        """Take over all shards that follow at once; give where the next but one begins.

        A damaged one is deleted. What was taken over is first stored, then deleted.

        Raises
        ------
        UserError
            When more photographs are unreadable than allowed.
        """
        if self._files is None:
            return len(self._pool)
        shards = self._files.shards
        found = shards.found()
        following = len(self._pool)
        for span in tile(found, self.progress.done, len(self._pool)):
            if span.first > self.progress.done:
                following = span.first
                break
            try:
                self._absorb(shards.load(span))
            except (Damaged, KeyError, ValueError):
                _log.warning("the shard of photographs %d to %d was damaged", *span)
                shards.discard(span)
                following = span.last
                break
            except OSError as error:
                raise UserError(
                    f"a shard of the recording cannot be read ({error.strerror or error})",
                    where=str(error.filename or ""),
                    remedy="Give the command again when its disk is there.",
                ) from error
        if self.progress.done > self._stored:
            self.save()
        for span in found:
            # Also the parts of merged ones, where a build ended before it deleted them.
            if span.first < self.progress.done:
                shards.discard(span)
        return following

    def _absorb(self, shard: Shard) -> None:
        if (self._values is None) != (shard.values is None):
            raise Damaged("a shard of other columns")
        # Everything is looked at before anything is changed.
        for layer, running in self.extremes.items():
            running.check(shard.states[layer])
        contents = self.progress.contents
        for place, checksum in enumerate(shard.checksums):
            index = shard.span.first + place
            contents = chain(contents, self._pool.source, index, checksum.tobytes())
        for layer, running in self.extremes.items():
            running.absorb(shard.states[layer])
        if self._values is not None and shard.values is not None:
            self._values[shard.span.first : shard.span.last] = shard.values
        self._note(shard.span.first, shard.checksums.tobytes())
        for index, reason in shard.unreadable.items():
            self._pool.leave_out(index, reason)
        self.progress = Progress(shard.span.last, contents, self._pool.unreadable)

    def save(self) -> None:
        """Store everything, to go on from there."""
        if self._files is None:
            return
        if self._values is not None:
            self._values.flush()
        fresh = self._checksums[self._stored : self.progress.done]
        self._files.save(self.extremes, self.progress, fresh, self._stored)
        self._stored = self.progress.done

    def rescue(self) -> None:
        """Store what there is when the program is told to stop, unless in the middle of a pass."""
        if self._sound and self.progress.done > self._stored:
            self.save()

    def result(self) -> Recording:
        """Give the finished recording."""
        contents = self.progress.contents.hex()
        return Recording(self.extremes, contents, self._checksums, self._values)
