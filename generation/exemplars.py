"""One pass over the photographs: the most and least activating ones of every unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from generation.checkpoints import Progress, RecordingFiles
from generation.extremes import RunningExtremes
from generation.networks import Network
from generation.photographs import START, Pool


@dataclass(frozen=True)
class Recording:
    """What one pass over the photographs found.

    Attributes
    ----------
    extremes : dict of str to RunningExtremes
        Of every layer, all its units.
    contents_sha256 : str
        Chained checksum of all files.
    all_values : ndarray of float32, shape (N, units), optional
        Every activation of the units in `columns`, where it was asked for.
    """

    extremes: dict[str, RunningExtremes]
    contents_sha256: str
    all_values: npt.NDArray[np.float32] | None = None


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
    checkpoints or interruptions.

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
        Where to go on from, and to keep what was found every `checkpoint_passes` passes.
    columns : sequence of (str, int)
        Layers and channels of units whose every activation is kept; needs `files`.

    Returns
    -------
    Recording
    """
    device = network.device
    extremes = {
        layer: RunningExtremes(network.spec.layer(layer).channels, k, device) for layer in layers
    }
    progress = Progress(0, START, {})
    if files is not None and (earlier := files.load(extremes)) is not None:
        progress = earlier
        pool.unreadable.update(progress.unreadable)
    values = files.open_values(len(pool), len(columns)) if files and columns else None
    for number, images in enumerate(
        pool.passes(images_per_pass, progress.done, progress.contents), start=1
    ):
        x = torch.from_numpy(images.pixels).to(device).permute(0, 3, 1, 2).float() / 255
        indices = torch.arange(images.first, images.last, device=device)
        rows = None if images.readable.all() else torch.from_numpy(images.readable).to(device)
        found = network.activations(x, layers)
        for layer, activations in found.items():
            if rows is None:
                extremes[layer].update(activations, indices)
            else:
                extremes[layer].update(activations[rows], indices[rows])
        if values is not None:
            chosen = torch.stack([found[layer][:, channel] for layer, channel in columns], dim=1)
            values[images.first : images.last] = chosen.cpu().numpy()
            values[images.first : images.last][~images.readable] = np.nan
        progress = Progress(images.last, images.contents, pool.unreadable)
        if files is not None and (number % checkpoint_passes == 0 or images.last == len(pool)):
            if values is not None:
                values.flush()
            files.save(extremes, progress)
        on_images(images.last - images.first)
    return Recording(extremes, progress.contents.hex(), values)
