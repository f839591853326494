"""A build's part on photographs: record them, choose exemplars, deal them to batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from generation.natural.assignment import (
    check_separate,
    deal,
    deal_percentile,
    deal_released,
    percentile_window,
)
from generation.natural.checkpoints import RecordingFiles
from generation.natural.photographs import Pool, require
from generation.natural.settings import Natural
from generation.natural.unfinished import Recording
from generation.networks.spec import NetworkSpec
from generation.reporting.reporter import Reporter
from house.errors import UserError
from house.seeds import generator
from stimuli import SIGNS, Unit

STAGE = "photographs"


@dataclass(frozen=True)
class Wanted:
    """What is to be recorded of every photograph.

    Attributes
    ----------
    layers : tuple of str
        All their units' extremes.
    ranks : int
        So many at each end.
    images_per_pass, checkpoint_passes : int
        Photographs at a time, and passes between two checkpoints.
    columns : tuple of (str, int)
        Layers and channels of units whose every activation is kept.
    """

    layers: tuple[str, ...]
    ranks: int
    images_per_pass: int
    checkpoint_passes: int
    columns: tuple[tuple[str, int], ...]


def wanted(settings: Natural, spec: NetworkSpec, units: Sequence[Unit]) -> Wanted:
    """Find out what a recipe needs."""
    percentile = settings.query_percentile
    used = {unit.layer for unit in units}
    return Wanted(
        tuple(layer.name for layer in spec.layers if layer.name in used),
        settings.ranks,
        settings.images_per_pass,
        settings.checkpoint_passes,
        tuple((unit.layer, unit.channel) for unit in units) if percentile else (),
    )


class Recorder(Protocol):
    """Who records: this process, or others."""

    def __call__(
        self,
        pool: Pool,
        what: Wanted,
        files: RecordingFiles,
        advance: Callable[[int], None],
        say: Callable[[str], None],
    ) -> Recording:
        """Record the whole pool; `advance` is told of photographs."""
        ...


@dataclass(frozen=True)
class Exemplars:
    """All units' exemplars and batches.

    Attributes
    ----------
    indices : ndarray of int64, shape (U, 2, R)
        Photographs of the pool, most extreme first.
    activations : ndarray of float32, shape (U, 2, R)
    ranks : ndarray of int32, shape (U, 2, B, P)
        Places in `indices` that make the batches; position 0 is the query.
    shown : ndarray of int64, shape (N,)
        Every photograph of `indices` once, in their order.
    checksums : list of str, length N
        SHA-256 of the files of `shown` when they were recorded.
    contents_sha256 : str
        Chained checksum of all files of the pool.
    """

    indices: npt.NDArray[np.int64]
    activations: npt.NDArray[np.float32]
    ranks: npt.NDArray[np.int32]
    shown: npt.NDArray[np.int64]
    checksums: Sequence[str]
    contents_sha256: str

    def spans(self) -> npt.NDArray[np.float32]:
        """Give each unit's activation by its most extreme photographs: (U, 2)."""
        return np.asarray(self.activations[:, :, 0], dtype=np.float32)


def find_exemplars(
    settings: Natural,
    seed: int,
    spec: NetworkSpec,
    units: Sequence[Unit],
    pool: Pool,
    files: RecordingFiles,
    reporter: Reporter,
    recorder: Recorder,
) -> Exemplars:
    """Record the pool, or go on with it, and deal the extremes to batches.

    Parameters
    ----------
    settings, seed
        Of the recipe.
    spec : NetworkSpec
    units : sequence of Unit
    pool : Pool
    files : RecordingFiles
    reporter : Reporter
    recorder : Recorder
        Does the recording.

    Raises
    ------
    UserError
        If too few photographs are readable, or the network's activations are no numbers.
    """
    percentile = settings.query_percentile
    advance = reporter.stage(STAGE, len(pool), files.done())
    recording = recorder(pool, wanted(settings, spec, units), files, advance, reporter.say)
    readable = len(pool) - len(pool.unreadable)
    require(readable, settings, pool.source.where)
    too_small = len(pool.too_small)
    if unreadable := len(pool.unreadable) - too_small:
        reporter.say(f"{unreadable} photographs could not be read and were left out")
    if too_small:
        reporter.say(
            f"{too_small} photographs were left out: their shorter side has fewer than "
            f"{settings.shortest_side} pixels"
        )
    _check_numbers(recording, units, settings.ranks, reporter)
    indices, activations = _extremes(recording, units, settings.ranks)
    if percentile is not None:
        _put_queries(indices, activations, recording, units, percentile, settings)
    ranks = np.stack(
        [[_deal(settings, seed, unit, sign) for sign in range(len(SIGNS))] for unit in units]
    )
    for u, s in np.ndindex(ranks.shape[:2]):
        check_separate(indices[u, s][ranks[u, s]])
    shown = np.unique(indices)
    checksums = [recording.checksums[index].tobytes().hex() for index in shown.tolist()]
    contents = recording.contents_sha256
    return Exemplars(indices, activations, ranks, shown, checksums, contents)


def _deal(settings: Natural, seed: int, unit: Unit, sign: int) -> npt.NDArray[np.int32]:
    if settings.assignment == "released":
        return deal_released(settings.batches, settings.positions, sign, unit.channel)
    rng = generator(seed, "batches", unit.unit_id, SIGNS[sign])
    dealer = deal if settings.query_percentile is None else deal_percentile
    return dealer(settings.batches, settings.positions, rng)


def _extremes(
    recording: Recording, units: Sequence[Unit], k: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    indices = np.empty((len(units), 2, k), dtype=np.int64)
    activations = np.empty((len(units), 2, k), dtype=np.float32)
    rows: dict[str, list[int]] = {}
    for row, unit in enumerate(units):
        rows.setdefault(unit.layer, []).append(row)
    for layer, members in rows.items():
        channels = [units[row].channel for row in members]
        indices[members], activations[members] = recording.extremes[layer].all(channels)
    return indices, activations


def _check_numbers(
    recording: Recording, units: Sequence[Unit], ranks: int, reporter: Reporter
) -> None:
    lost = {layer: running.lost() for layer, running in recording.extremes.items()}
    for unit in units:
        if not lost[unit.layer][unit.channel]:
            continue
        found, _ = recording.extremes[unit.layer].of(unit.channel)
        reporter.say(
            f"note: {lost[unit.layer][unit.channel]} activations of {unit.unit_id} are no numbers"
        )
        if found.shape[1] < ranks or np.intersect1d(found[0], found[1]).size:
            raise UserError(
                f"too many activations of {unit.unit_id} are no numbers",
                remedy="Check the network's weights and preprocessing.",
            )


def _put_queries(
    indices: npt.NDArray[np.int64],
    activations: npt.NDArray[np.float32],
    recording: Recording,
    units: Sequence[Unit],
    percentile: float,
    settings: Natural,
) -> None:
    """Let the last B ranks of each unit and sign be the images around the percentile."""
    values = recording.all_values
    assert values is not None
    references = settings.batches * (settings.positions - 1)
    for row in range(len(units)):
        column: npt.NDArray[Any] = np.asarray(values[:, row])
        for sign in range(len(SIGNS)):
            try:
                window = percentile_window(column, sign, percentile, settings.batches, references)
            except ValueError as error:
                raise UserError(
                    f"natural.query_percentile cannot be served: {error}",
                    remedy="Add photographs, or lower natural.batches.",
                ) from error
            indices[row, sign, references:] = window
            activations[row, sign, references:] = column[window]
