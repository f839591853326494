"""One pass over the photographs: the most and least activating ones of every unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from generation.networks import Network
from generation.photographs import Pool


class RunningExtremes:
    """The k lowest and k highest values of many columns, kept while rows pass by.

    Rows are ordered by value, then by index. That order is total: neither how many rows come
    at a time nor the order in which they come can change the result, and the two ends share no
    row as soon as there are ``2 k`` rows.

    Parameters
    ----------
    columns : int
        Number of units.
    k : int
        Rows kept at each end.
    """

    def __init__(self, columns: int, k: int) -> None:
        self.k = k
        self._values = np.empty((2, 0, columns), dtype=np.float32)
        self._indices = np.empty((2, 0, columns), dtype=np.int64)

    def update(self, values: npt.NDArray[np.float32], indices: Sequence[int]) -> None:
        """Take rows in.

        Parameters
        ----------
        values : ndarray of float32, shape (N, columns)
            Activations.
        indices : sequence of int, length N
            Which photographs they belong to.
        """
        rows = np.broadcast_to(np.asarray(indices, dtype=np.int64)[:, None], values.shape)
        kept = []
        for end in (0, 1):
            all_values = np.concatenate([self._values[end], values])
            all_indices = np.concatenate([self._indices[end], rows])
            order = np.lexsort((all_indices, all_values), axis=0)
            order = order[: self.k] if end == 0 else order[::-1][: self.k]
            kept.append(
                (
                    np.take_along_axis(all_values, order, axis=0),
                    np.take_along_axis(all_indices, order, axis=0),
                )
            )
        self._values = np.stack([values for values, _ in kept])
        self._indices = np.stack([indices for _, indices in kept])

    def of(self, column: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Give one unit's extremes: indices and values, each (2, k), most extreme first."""
        return self._indices[:, :, column], self._values[:, :, column]


def record(
    network: Network,
    pool: Pool,
    layers: Sequence[str],
    k: int,
    images_per_pass: int,
    on_images: Callable[[int], None] = lambda count: None,
) -> dict[str, RunningExtremes]:
    """Show every photograph to the network once and keep every unit's extremes.

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

    Returns
    -------
    dict of str to RunningExtremes
    """
    extremes = {layer: RunningExtremes(network.spec.layer(layer).channels, k) for layer in layers}
    for indices, images in pool.passes(images_per_pass):
        x = torch.from_numpy(images).to(network.device).permute(0, 3, 1, 2).float() / 255
        for layer, activations in network.activations(x, layers).items():
            extremes[layer].update(activations.cpu().numpy(), indices)
        on_images(len(indices))
    return extremes
