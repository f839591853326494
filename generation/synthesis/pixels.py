"""Images whose parameters are pixels of decorrelated colours: lucid's other parametrization."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from generation.synthesis.parametrization import colour_matrix


class PixelImages:
    """The map from pixels to images.

    Parameters
    ----------
    size : int
        Side of the square canvas in pixels.
    device : torch.device
        Where it computes.
    """

    def __init__(self, size: int, device: torch.device) -> None:
        self.size = size
        self._colours = torch.from_numpy(colour_matrix()).to(device)

    def initial(self, rng: np.random.Generator, images: int, sd: float) -> npt.NDArray[np.float32]:
        """Draw parameters: float32 (images, 3, size, size), normal with deviation `sd`."""
        shape = (images, 3, self.size, self.size)
        return rng.standard_normal(shape, dtype=np.float32) * np.float32(sd)

    def __call__(self, pixels: Tensor) -> Tensor:
        """Render: float32 (N, 3, size, size), RGB in (0, 1)."""
        mixed = self._colours @ pixels.flatten(2)
        return torch.sigmoid(mixed).unflatten(2, (self.size, self.size))
