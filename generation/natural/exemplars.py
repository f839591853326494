"""One pass over the photographs: the most and least activating ones of every unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from generation.natural.checkpoints import Progress, RecordingFiles
from generation.natural.photographs import START, Pass, Pool
from generation.natural.shard_plan import Span
from generation.natural.shards import Shard
from generation.natural.unfinished import Recording, Unfinished, Values
from generation.networks.network import Network


def record(
    network: Network,
    pool: Pool,
    layers: Sequence[str],
    k: int,
    images_per_pass: int,
    on_images: Callable[[int], None] = lambda count: None,
    *,
    files: RecordingFiles | None = None,
    checkpoint_passes: int = 64,
    columns: Sequence[tuple[str, int]] = (),
) -> Recording:
    """Show every photograph to the network once and keep every unit's extremes.

    Pass number n always holds photographs ``n images_per_pass`` and following, and an unreadable
    one is black there and not counted: what the network computes does not depend on threads,
    checkpoints or interruptions, nor on who makes which passes.

    Parameters
    ----------
    network : Network
    pool : Pool
        The photographs.
    layers : sequence of str
        Layers whose units are recorded, all of them.
    k : int
        Exemplars of each sign.
    images_per_pass : int
        Photographs at a time.
    on_images : callable
        Called with the number of photographs after each pass.
    files : RecordingFiles, optional
        Where to go on from, and to keep what was found every `checkpoint_passes` passes. Shards
        that several workers left there are taken over.
    columns : sequence of (str, int)
        Layers and channels of units whose every activation is kept; needs `files`.

    Returns
    -------
    Recording
    """
    state = Unfinished(network.spec, pool, layers, k, files, columns, network.device)
    while True:
        following = state.adopt()
        if state.complete:
            return state.result()
        shown = _shown(network, pool, layers, columns, images_per_pass, state.progress, following)
        try:
            for number, (images, found, chosen) in enumerate(shown, start=1):
                state.take(images, found, chosen)
                if number % checkpoint_passes == 0 or images.last == following:
                    state.save()
                on_images(images.last - images.first)
        except KeyboardInterrupt:
            state.rescue()
            raise


def record_span(
    network: Network,
    pool: Pool,
    layers: Sequence[str],
    k: int,
    images_per_pass: int,
    first: int,
    columns: Sequence[tuple[str, int]] = (),
) -> Shard:
    """Record the photographs from `first`, a multiple of `images_per_pass`, to the pool's end.

    Parameters
    ----------
    pool : Pool
        Ends where the shard does.
    network, layers, k, images_per_pass, columns
        As for `record`.
    """
    state = Unfinished(network.spec, pool, layers, k, None, (), network.device)
    state.progress = Progress(first, START, {})
    checksums: list[bytes] = []
    values: list[Values] = []
    for images, found, chosen in _shown(
        network, pool, layers, columns, images_per_pass, state.progress, len(pool)
    ):
        state.take(images, found, None)
        checksums += images.checksums
        if chosen is not None:
            values.append(chosen)
    return Shard(
        Span(first, len(pool)),
        {layer: running.state() for layer, running in state.extremes.items()},
        np.frombuffer(b"".join(checksums), dtype=np.uint8).reshape(len(checksums), -1),
        dict(pool.unreadable),
        np.concatenate(values) if columns else None,
    )


def _shown(
    network: Network,
    pool: Pool,
    layers: Sequence[str],
    columns: Sequence[tuple[str, int]],
    images_per_pass: int,
    progress: Progress,
    last: int,
) -> Iterator[tuple[Pass, dict[str, torch.Tensor], Values | None]]:
    """Show photographs up to `last`: the pass, activations, and those of chosen units."""
    for images in pool.passes(images_per_pass, progress.done, progress.contents, last):
        x = torch.from_numpy(images.pixels).to(network.device).permute(0, 3, 1, 2).float() / 255
        found = network.activations(x, layers)
        chosen = None
        if columns:
            stacked = [found[layer][:, channel] for layer, channel in columns]
            chosen = torch.stack(stacked, dim=1).cpu().numpy()
            chosen[~images.readable] = np.nan
        yield images, found, chosen
