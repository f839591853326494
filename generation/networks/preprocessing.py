"""From RGB in [0, 1] to what a network was trained on."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Preprocessing:
    """``(scale x - mean) / std`` a colour, after a resize where the network takes one size only.

    Attributes
    ----------
    scale : float
    mean, std : tuple of float
        In the order of the network's colours.
    bgr : bool
        Whether the network takes blue first.
    side : int, optional
        Images of another size are resized to this side in pixels.
    """

    scale: float
    mean: _Triple
    bgr: bool
    std: _Triple = (1.0, 1.0, 1.0)
    side: int | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """Turn RGB images (N, 3, H, W) into the network's input."""
        if self.bgr:
            x = x.flip(1)
        x = torch.add(-_row(self.mean, x), x, alpha=self.scale)
        if self.std != (1.0, 1.0, 1.0):
            x = x / _row(self.std, x)
        if self.side is not None and x.shape[-2:] != (self.side, self.side):
            # Two products: interpolation has no deterministic gradient on a GPU.
            rows, columns = (
                torch.from_numpy(bilinear_matrix(size, self.side)).to(x.device, x.dtype)
                for size in x.shape[-2:]
            )
            x = rows @ x @ columns.T
        return x


def _row(colours: _Triple, like: Tensor) -> Tensor:
    """Write a number a colour out for a row of pixels, (1, 3, 1, W), in memory as `like`.

    With one number a colour processors would go through an image colour by colour.
    """
    row = torch.tensor(colours, dtype=like.dtype, device=like.device)[None, :, None, None]
    row = row.expand(1, -1, 1, like.shape[3])
    last = like.is_contiguous(memory_format=torch.channels_last)
    return row.contiguous(memory_format=torch.channels_last) if last else row


@functools.lru_cache(maxsize=64)
def bilinear_matrix(size: int, new_size: int) -> npt.NDArray[np.float32]:
    """Bilinear interpolation with half-pixel centres along one axis, as a matrix.

    Returns
    -------
    ndarray of float32, shape (new_size, size)
        Rows sum to 1; beyond the outermost centres the last pixel is repeated.
    """
    position = (np.arange(new_size) + 0.5) * (size / new_size) - 0.5
    position = np.clip(position, 0, size - 1)
    lower = np.minimum(np.floor(position).astype(np.int64), max(size - 2, 0))
    upper = np.minimum(lower + 1, size - 1)
    weight = position - lower
    matrix = np.zeros((new_size, size))
    np.add.at(matrix, (np.arange(new_size), lower), 1 - weight)
    np.add.at(matrix, (np.arange(new_size), upper), weight)
    return matrix.astype(np.float32)
