"""Finished images: as they will be shown, and what they do to a unit."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from generation.networks.network import Network


def as_shown(images: Tensor, crop: int) -> npt.NDArray[np.uint8]:
    """Cut the border off and store as a picture.

    Parameters
    ----------
    images : Tensor
        float (N, 3, H, H) in [0, 1].
    crop : int
        Pixels of border at each side.

    Returns
    -------
    ndarray of uint8, shape (N, H - 2 crop, H - 2 crop, 3)
    """
    side = images.shape[-1] - 2 * crop
    inner = images[..., crop : crop + side, crop : crop + side]
    pixels = (inner * 255).clamp(0, 255).to(torch.uint8)
    return np.asarray(pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy(), dtype=np.uint8)


def measure(network: Network, images: npt.NDArray[np.uint8], layer: str) -> npt.NDArray[np.float32]:
    """Activations (N, C) of a layer's units for uint8 images (N, H, W, 3), in 32-bit floats."""
    found = []
    # One image a pass: the last bits must not depend on how many are measured together.
    for image in images:
        x = torch.from_numpy(image).to(network.device).permute(2, 0, 1)[None].float() / 255
        found.append(network.activations(x, [layer])[layer])
    return np.asarray(torch.cat(found).cpu().numpy(), dtype=np.float32)
